"""``transferscore demo``: the bundled zoo, every score beside measured accuracies."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferscore._scores import COMPUTED_BY_DEFAULT, OTHERS, REGISTRY, Score, nce
from transferscore.cli import _formats
from transferscore.cli._output import CommandError, Exit, Outcome, Talk, say
from transferscore.cli._report import N_RESAMPLES, Agreement, DemoModel, DemoReport, DemoTask
from transferscore.cli._scoring import Scores, compute
from transferscore.datasets import ZooModel, ZooTask, load_zoo
from transferscore.io import printable
from transferscore.ranking import spearman
from transferscore.ranking._correlation_interval import correlation_interval


def _nce_of_probabilities(
    probabilities: NDArray[Any], labels: NDArray[Any], n_threads: int | None
) -> float:
    most_probable = probabilities.argmax(axis=1)
    return nce(source_labels=most_probable, target_labels=labels, n_threads=n_threads)


# What the outputs of a source model tell without its features.
OF_PROBABILITIES = (OTHERS["leep"], replace(OTHERS["nce"], compute=_nce_of_probabilities))


def run(args: argparse.Namespace) -> Outcome:
    """Score every model of every task of the zoo, print it, and write the page."""
    write = _formats.demo_writer(args.form)
    if args.report is not None:
        _check_folder(args.report)
    try:
        zoo = load_zoo()
    except OSError as error:  # a damaged installation
        raise CommandError(str(error), Exit.NO_RESULT) from error
    with Talk(sum(len(task.models) for task in zoo.tasks.values()), quiet=False) as talk:
        tasks = [_score_task(name, task, args.threads, talk) for name, task in zoo.tasks.items()]
    scores = [*REGISTRY.values(), *OF_PROBABILITIES]
    report = DemoReport(scores, tasks, COMPUTED_BY_DEFAULT)
    code = Exit.OK if args.report is None else _write_page(report, args.report)
    return Outcome(write(report), code)


def _score_task(name: str, task: ZooTask, n_threads: int | None, talk: Talk) -> DemoTask:
    models = []
    for model_name, model in task.models.items():
        talk.working_on(f"{name}: {model_name}")
        result = _score_model(model, task.labels, n_threads)
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
    agreement = {
        score.name: _agreement(score, models) for score in (*REGISTRY.values(), *OF_PROBABILITIES)
    }
    n_classes = len(np.unique(task.labels))
    return DemoTask(name, task.title, len(task.labels), n_classes, models, agreement)


def _score_model(model: ZooModel, labels: NDArray[Any], n_threads: int | None) -> Scores:
    of_features = compute(model.features, labels, list(REGISTRY.values()), n_threads)
    if not OF_PROBABILITIES:
        return of_features
    outputs = model.source_probabilities
    of_outputs = compute(outputs, labels, OF_PROBABILITIES, n_threads)
    texts = dict.fromkeys((*of_features.warnings, *of_outputs.warnings))
    return Scores({**of_features.values, **of_outputs.values}, tuple(texts))


def _agreement(score: Score, models: Sequence[DemoModel]) -> Agreement:
    sign = 1.0 if score.higher_is_better else -1.0
    values = np.array([sign * model.scores[score.name] for model in models])
    accuracies = np.array([model.accuracy for model in models])
    top = values == values.max()
    chosen = tuple(model.name for model, best in zip(models, top, strict=True) if best)
    value = agreement(values.tolist(), accuracies.tolist())
    interval = None
    if value is not None:
        _, ends, _ = correlation_interval("spearman", values, accuracies, n_resamples=N_RESAMPLES)
        interval = (float(ends[0]), float(ends[1]))
    return Agreement(value, interval, chosen, float(accuracies[top].mean()))


def agreement(values: Sequence[float], accuracies: Sequence[float]) -> float | None:
    """Return Spearman's rank correlation, None where all values of one are equal."""
    defined = len(set(values)) > 1 and len(set(accuracies)) > 1
    return spearman(values, accuracies) if defined else None


def _check_folder(path: Path) -> None:
    """Say now that the page can't be written, and not after the work."""
    if path.is_dir():
        raise CommandError(f"argument --report: '{printable(path)}' is a folder")
    if not path.parent.is_dir():
        raise CommandError(f"argument --report: no folder '{printable(path.parent)}'")


def _write_page(report: DemoReport, path: Path) -> Exit:
    """Write the page as a whole or not at all; the numbers are printed in any case."""
    from transferscore.cli import _page

    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        half.write_text(_page.demo(report), encoding="utf-8")
        half.replace(path)
    except OSError as error:
        half.unlink(missing_ok=True)
        say(f"error: cannot write '{printable(path)}': {error.strerror}")
        return Exit.NO_RESULT
    say(f"report: {printable(path)}")
    return Exit.OK
