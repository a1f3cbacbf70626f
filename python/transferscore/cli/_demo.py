"""``transferscore demo``: the bundled zoo, scores beside measured accuracies."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from transferscore._scores import COMPUTED_BY_DEFAULT, REGISTRY, Score
from transferscore.cli import _formats
from transferscore.cli._output import CommandError, Exit, Outcome, Talk
from transferscore.cli._report import DemoModel, DemoReport, DemoTask
from transferscore.cli._scoring import compute
from transferscore.datasets import ZooTask, load_zoo
from transferscore.ranking import spearman


def run(args: argparse.Namespace) -> Outcome:
    """Score every model of every task of the zoo."""
    write = _formats.demo_writer(args.form)
    try:
        zoo = load_zoo()
    except OSError as error:  # a damaged installation
        raise CommandError(str(error), Exit.NO_RESULT) from error
    scores = [REGISTRY[name] for name in COMPUTED_BY_DEFAULT]
    with Talk(sum(len(task.models) for task in zoo.tasks.values()), quiet=False) as talk:
        tasks = [
            _score_task(name, task, scores, args.threads, talk) for name, task in zoo.tasks.items()
        ]
    return Outcome(write(DemoReport(scores, tasks)))


def _score_task(
    name: str, task: ZooTask, scores: Sequence[Score], n_threads: int | None, talk: Talk
) -> DemoTask:
    models = []
    for model_name, model in task.models.items():
        talk.working_on(f"{name}: {model_name}")
        result = compute(model.features, task.labels, scores, n_threads)
        for text in result.warnings:
            talk.warning(f"'{model_name}' on '{name}': {text}")
        d = model.features.shape[1]
        models.append(
            DemoModel(
                model_name, model.description, d, model.accuracy, result.values, result.warnings
            )
        )
        talk.done()
    models.sort(key=lambda model: -model.accuracy)
    spearman = {score.name: _agreement(score, models) for score in scores}
    n_classes = len(np.unique(task.labels))
    return DemoTask(name, task.title, len(task.labels), n_classes, models, spearman)


def _agreement(score: Score, models: Sequence[DemoModel]) -> float | None:
    sign = 1.0 if score.higher_is_better else -1.0
    values = [sign * model.scores[score.name] for model in models]
    return agreement(values, [model.accuracy for model in models])


def agreement(values: Sequence[float], accuracies: Sequence[float]) -> float | None:
    """Return Spearman's rank correlation, None where all values of one are equal."""
    defined = len(set(values)) > 1 and len(set(accuracies)) > 1
    return spearman(values, accuracies) if defined else None
