"""What is computed for the talk's tables, step by step, each kept in a CSV file of its own."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from result_rows import Rows, number
from transfer_scores import COLUMNS, Clock, problems, scored
from transfer_sources import Source, View, Workshop, normalised
from transfer_tasks import SETTINGS, Task
from transfer_truth import finetuned, from_scratch, fused, retrained_head

from transferscore import otce_many, set_num_threads
from transferscore.ranking import spearman

KEY = ("target", "setting", "task")
PAIR = ("source", "network", *KEY)
EPSILONS = (0.002, 0.005, 0.1, 0.5)  # beside 0.02, the default
TRUTH = ("accuracy", "log_likelihood")


@dataclass(frozen=True)
class Experiment:
    """The workshop, and the folder of CSV files."""

    workshop: Workshop
    results: Path

    def of(self, what: str, source: Source, columns: Sequence[str]) -> Rows:
        """A file of a source network."""
        name = f"{source.domain}-{source.network}"
        name += f"-seed{source.seed}" if source.seed else ""
        return Rows(self.results / what / f"{name}.csv", columns)

    def table(self, what: str, columns: Sequence[str]) -> Rows:
        """A file of the whole experiment."""
        return Rows(self.results / f"{what}.csv", columns)


def key(task: Task) -> dict[str, Any]:
    """A task as the files name it."""
    return dict(zip(KEY, task.key, strict=True))


# ------------------------------------------------------------------------------ train and truth


def train(experiment: Experiment, say: Callable[[str], None]) -> None:
    """Source networks, and the list of all tasks."""
    shop = experiment.workshop
    models = experiment.table("models", ("source", "network", "seed", "accuracy", "seconds"))
    for seed in (0, 1):
        for source in shop.sources(seed):
            name = {"source": source.domain, "network": source.network, "seed": seed}
            if models.has(**name) and shop.weights(source).exists():
                continue
            found = shop.train(source)
            if not models.has(**name):
                models.add([name | found])
            say(f"trained {source.name}: {found['accuracy']:.3f}")
    columns = (*KEY, "n_classes", "majority", "test_majority", "n", "n_test", "classes")
    tasks = experiment.table("tasks", columns)
    for target in shop.protocol.domains:
        if not tasks.has(target=target):
            pools = shop.pools(target)
            tasks.add(_described(task, pools) for task in pools.tasks)


def _described(task: Task, pools: Any) -> dict[str, Any]:
    labels = pools.learn.labels[task.rows], pools.test.labels[task.test_rows]
    shares = [float(np.bincount(side).max() / len(side)) for side in labels]
    return key(task) | {
        "n_classes": len(task.classes),
        "majority": shares[0],
        "test_majority": shares[1],
        "n": len(labels[0]),
        "n_test": len(labels[1]),
        "classes": " ".join(map(str, task.classes)),
    }


def truth(experiment: Experiment, source: Source) -> None:
    """New heads for every task of every target of a network."""
    rows = experiment.of("truth", source, (*KEY, *TRUTH))
    for target, tasks in _left(experiment, source, rows):
        view = experiment.workshop.view(source, target)
        rows.add([key(task) | retrained_head(view, task) for task in tasks])


def _left(
    experiment: Experiment, source: Source, rows: Rows
) -> Iterator[tuple[str, Sequence[Task]]]:
    """Targets of a network, with their tasks by setting, that have no rows yet."""
    shop = experiment.workshop
    for target in shop.protocol.targets(source.domain):
        for setting in SETTINGS:
            if not rows.has(target=target, setting=setting):
                yield target, [task for task in shop.tasks(target) if task.setting == setting]


# ---------------------------------------------------------------------------------------- scores


def score(experiment: Experiment, source: Source) -> None:
    """All scores of every task of every target of a network, and how long that took."""
    rows = experiment.of("scores", source, (*KEY, *COLUMNS))
    for target, tasks in _left(experiment, source, rows):
        clock, view = Clock(), experiment.workshop.view(source, target)
        found = scored(view, tasks, clock)
        rows.add(key(task) | row for task, row in zip(tasks, found, strict=True))
        seconds = experiment.of("seconds", source, ("target", "setting", "what", "n", "seconds"))
        seconds.add(
            {
                "target": target,
                "setting": tasks[0].setting,
                "what": what,
                "n": len(tasks),
                "seconds": spent,
            }
            for what, spent in clock.seconds.items()
        )


# -------------------------------------------------------------------------------- tune and fuse


def tune(experiment: Experiment, source: Source) -> None:
    """Fine-tuning from a network for some standard tasks of each target, and learning from scratch.

    Only the first architecture is tuned.
    """
    shop = experiment.workshop
    rows = experiment.table("tuned", (*PAIR, "finetuned"))
    scratch = experiment.table("scratch", (*KEY, "scratch"))
    for target in shop.protocol.targets(source.domain):
        for task in _first(shop, target, "standard", shop.protocol.tuned):
            name = {"source": source.domain, "network": source.network} | key(task)
            if not rows.has(**name):
                rows.add([name | finetuned(shop, source, task)])
            if not scratch.has(**key(task)):
                scratch.add([key(task) | from_scratch(shop, source, task)])


def _first(shop: Workshop, target: str, setting: str, n: int) -> list[Task]:
    return [task for task in shop.tasks(target) if task.setting == setting][:n]


def fusions(experiment: Experiment, target: str) -> None:
    """Heads on each source's features and on fused ones, for some tasks of a target."""
    shop = experiment.workshop
    rows = experiment.table("fusion", ("network", *KEY, "features", "accuracy"))
    for network in shop.protocol.networks:
        sources = [Source(one, network) for one in shop.protocol.targets(target)]
        views = {source.domain: shop.view(source, target) for source in sources}
        scores = {source.domain: _otce_scores(experiment, source) for source in sources}
        for setting in ("standard", "few-shot"):
            for task in _first(shop, target, setting, shop.protocol.fused):
                name = {"network": network} | key(task)
                if rows.has(**name):
                    continue
                of_task = {domain: found[task.key] for domain, found in scores.items()}
                rows.add(
                    name | {"features": features, "accuracy": accuracy}
                    for features, accuracy in fused(views, task, of_task)
                )


def _otce_scores(experiment: Experiment, source: Source) -> dict[tuple[str, str, int], float]:
    rows = experiment.of("scores", source, (*KEY, *COLUMNS))
    found = {
        (row["target"], row["setting"], int(row["task"])): -number(row["task_difference"])
        for row in rows
    }
    if not found:
        sys.exit(f"there are no scores of {source.name}: score first")
    return found


# ------------------------------------------------------------------------------------------ vary

VARIED = ("variant", "source", "target", "setting", *(name for name in COLUMNS))


def vary(experiment: Experiment, source: Source) -> None:
    """Spearman's correlation of scores computed in other ways, for some tasks of each target."""
    shop = experiment.workshop
    rows = experiment.of("varied", source, VARIED)
    for target in shop.protocol.targets(source.domain):
        for setting in ("standard", "fixed"):
            if rows.has(target=target, setting=setting):
                continue
            tasks = _first(shop, target, setting, shop.protocol.varied)
            view = shop.view(source, target)
            measured = [retrained_head(view, task)["accuracy"] for task in tasks]
            rows.add(
                {"variant": variant, "source": source.domain, "target": target, "setting": setting}
                | {name: _correlation(found, name, measured) for name in COLUMNS}
                for variant, found in _variants(shop, source, view, tasks)
            )


def _variants(
    shop: Workshop, source: Source, view: View, tasks: Sequence[Task]
) -> Iterator[tuple[str, list[dict[str, float]]]]:
    """Rows of scores by how they were computed; ways of OTCE alone have its terms alone."""
    yield f"seed {source.seed}", scored(view, tasks, Clock())
    if source.seed:
        return
    for epsilon in EPSILONS:
        yield f"epsilon {epsilon:g}", _otce_alone(view, tasks, relative_epsilon=epsilon)
    yield "exact", _otce_alone(view, tasks, method="exact")
    for how in ("standardised", "unit length"):
        yield how, scored(normalised(view, how), tasks, Clock())
    for size in shop.protocol.sample_sizes:
        yield f"{size} samples", scored(*_sampled(view, tasks, size), Clock())


def _otce_alone(view: View, tasks: Sequence[Task], **how: Any) -> list[dict[str, float]]:
    return [
        {"domain_difference": found.domain_difference, "task_difference": found.task_difference}
        for found in otce_many(problems(view, tasks), **how, max_iter=5000)
    ]


def _sampled(view: View, tasks: Sequence[Task], size: int) -> tuple[View, list[Task]]:
    """At most so many samples of each side."""
    rng = np.random.default_rng(size)
    own = np.sort(rng.permutation(len(view.source_labels))[:size])
    fewer = replace(
        view,
        source_features=view.source_features[own],
        source_labels=view.source_labels[own],
    )
    drawn = [np.sort(rng.permutation(task.rows)[:size]) for task in tasks]
    return fewer, [replace(task, rows=rows) for task, rows in zip(tasks, drawn, strict=True)]


def _correlation(
    found: Sequence[Mapping[str, float]], name: str, measured: Sequence[float]
) -> float:
    values = np.array([row.get(name, np.nan) for row in found])
    truth = np.array(measured)[np.isfinite(values)]
    values = values[np.isfinite(values)]
    if min(len(np.unique(values)), len(np.unique(truth))) < 2:
        return float("nan")
    differs = name in ("domain_difference", "task_difference")
    return spearman(-values if differs else values, truth)


# ---------------------------------------------------------------------------------------- rivals


def rivals(experiment: Experiment) -> None:
    """Seconds of what others run, and of ours one task at a time, on tasks that are spread out."""
    from transfer_rivals import timed  # which needs what others run

    shop = experiment.workshop
    columns = ("what", "theirs", "theirs_seconds", "ours", "ours_seconds")
    rows = experiment.table("rivals", (*PAIR, *columns))
    everything = [(source, task) for source, target in shop.pairs() for task in shop.tasks(target)]
    rng = np.random.default_rng(0)
    for at in np.sort(rng.permutation(len(everything))[: shop.protocol.rivals]):
        source, task = everything[at]
        name = {"source": source.domain, "network": source.network} | key(task)
        if not rows.has(**name):
            view = shop.view(source, task.target)
            if not len(rows):
                timed(view, task)  # modules are loaded, threads are there
            rows.add(name | row for row in timed(view, task))


# ------------------------------------------------------------------------------------- all of it

PARALLEL: dict[str, Callable[[Experiment, Any], None]] = {
    "truth": truth,
    "score": score,
    "vary": vary,
}


def _job(experiment: Experiment, step: str, of: Any) -> str:
    """A step for one network, on one thread."""
    torch.set_num_threads(1)
    set_num_threads(1)
    PARALLEL[step](experiment, of)
    return f"{step} {of.name}"


def run(experiment: Experiment, step: str, jobs: int, say: Callable[[str], None]) -> None:
    """Compute what a step has not computed yet."""
    torch.set_num_threads(1)
    set_num_threads(1)
    shop = experiment.workshop
    if step == "train":
        train(experiment, say)
    elif step == "tune":
        for source in shop.sources():
            if source.network == shop.protocol.networks[0]:
                tune(experiment, source)
                say(f"tuned {source.name}")
    elif step == "fuse":
        for target in shop.protocol.domains:
            fusions(experiment, target)
            say(f"fused for {target}")
    elif step == "rivals":
        rivals(experiment)
    else:
        _for_all(experiment, step, jobs, say)


def _for_all(experiment: Experiment, step: str, jobs: int, say: Callable[[str], None]) -> None:
    """A step whose files are those of networks, several at a time."""
    todo = experiment.workshop.sources()
    if step == "vary":  # the first architecture, with two seeds
        first = experiment.workshop.protocol.networks[0]
        todo = [source for source in todo if source.network == first]
        todo += experiment.workshop.sources(seed=1)
    if jobs == 1:
        for one in todo:
            say(_job(experiment, step, one))
        return
    context = multiprocessing.get_context("spawn")  # threads don't live through a fork
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        n = len(todo)
        for done in pool.map(_job, [experiment] * n, [step] * n, todo):
            say(done)
