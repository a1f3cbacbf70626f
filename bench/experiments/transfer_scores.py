"""All scores of target tasks under a network, with the time that each takes."""

from __future__ import annotations

import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from transfer_sources import View
from transfer_tasks import Task

from transferscore import h_score, otce_many, score_all

# From one pass over the features of a task, and from further ones.
TOGETHER = ("leep", "nce", "h_score", "h_score_shrinkage", "logme", "transrate")
ALONE = ("nleep", "gbc", "sfda", "parc", "knn")
ADJUSTED = "h_score_adjusted"
OF_TRANSPORT = ("domain_difference", "task_difference", "jc_otce")
COLUMNS = (*OF_TRANSPORT, *TOGETHER, ADJUSTED, *ALONE)

Row = dict[str, float]


@dataclass
class Clock:
    """Seconds by what they were spent on."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def __call__(self, what: str, call: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        found = call()
        self.seconds[what] += time.perf_counter() - start
        return found


def problems(view: View, tasks: Sequence[Task]) -> list[dict[str, Any]]:
    """Tasks as `otce_many` takes them: all share the network's features, and so the costs."""
    sides = {
        "source_features": view.source_features,
        "source_labels": view.source_labels,
        "target_features": view.features,
        "target_labels": view.labels,
    }
    return [sides | {"target_rows": task.rows} for task in tasks]


def scored(view: View, tasks: Sequence[Task], clock: Clock) -> list[Row]:
    """A row of all scores for each task; NaN where a score can't be had."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that few samples say little: tables show it
        given = problems(view, tasks)
        plain = clock("otce", lambda: otce_many(given))
        joint = clock("jc_otce", lambda: otce_many(given, label_cost="gaussian"))
        rows = []
        for task, one, other in zip(tasks, plain, joint, strict=True):
            row = {"domain_difference": one.domain_difference, "jc_otce": other.score}
            row["task_difference"] = one.task_difference
            rows.append(row | dict(_of_features(view, task, clock)))
    return rows


def _of_features(view: View, task: Task, clock: Clock) -> Iterator[tuple[str, float]]:
    features, labels = view.features[task.rows], view.labels[task.rows]
    probabilities = view.probabilities[task.rows]

    def call(*names: str) -> dict[str, float]:
        return score_all(features, labels, source_probabilities=probabilities, scores=names)

    yield from clock("one pass", lambda: call(*TOGETHER)).items()
    yield (
        ADJUSTED,
        clock(
            ADJUSTED,
            lambda: float(
                h_score(features, labels, shrinkage="ledoit-wolf", adjust_for_chance=True)
            ),
        ),
    )
    for name in ALONE:
        yield name, clock(name, lambda name=name: call(name)).get(name, np.nan)  # type: ignore[misc]
