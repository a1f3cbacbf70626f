"""The time of what others run for the talk's tables, and of the same scores here, task by task.

Rivals are those of the benchmarks: loops and decompositions as published implementations have them,
an exact plan in float64 for OTCE as its authors' demonstration computes it. All on one thread.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from transfer_sources import View
from transfer_tasks import Task

import transferscore

sys.path.append(str(Path(__file__).resolve().parents[1]))

from rivals import ledoit_wolf_pinv, talk
from rivals_classes import determinants, generalised_eigenproblem
from rivals_gbc import gbc_by_pairs, leading_components
from rivals_labels import leep_by_product, nce_by_loop
from rivals_linear import svd_logme
from rivals_neighbours import sklearn_knn, spearman_parc
from rivals_nleep import nleep_by_scikit_learn
from rivals_transport import authors_conditional_entropy

Call = Callable[[], Any]


def calls(view: View, task: Task) -> dict[str, tuple[Call, Call]]:
    """Of each score, the call of others and ours."""
    X, Z = view.source_features, view.features[task.rows]
    doubles = [side.astype(np.float64) for side in (X, Z)]
    y, t = view.source_labels, np.unique(view.labels[task.rows], return_inverse=True)[1]
    theta = np.ascontiguousarray(view.probabilities[task.rows])
    named = theta.argmax(axis=1)
    n_components = 5 * len(task.classes)  # as many as the paper takes

    def few(features: Any) -> Any:
        return leading_components(features, 64) if features.shape[1] > 64 else features

    def ours(name: str) -> Call:
        return lambda: transferscore.score_all(Z, t, source_probabilities=theta, scores=[name]).get(
            name, np.nan
        )

    def plan() -> float:
        sides = {"source_features": X, "source_labels": y}
        return transferscore.otce(**sides, target_features=Z, target_labels=t).score

    return {
        "otce": (lambda: -authors_conditional_entropy(doubles[0], y, doubles[1], t), plan),
        "leep": (lambda: leep_by_product(theta, t), ours("leep")),
        "nce": (lambda: nce_by_loop(named, t), ours("nce")),
        "h_score": (lambda: talk(doubles[1], t), ours("h_score")),
        "h_score_shrinkage": (lambda: ledoit_wolf_pinv(Z, t), ours("h_score_shrinkage")),
        "logme": (lambda: svd_logme(Z, t), ours("logme")),
        "transrate": (lambda: determinants(Z, t), ours("transrate")),
        "gbc": (lambda: gbc_by_pairs(few(doubles[1]), t), ours("gbc")),
        "sfda": (lambda: generalised_eigenproblem(Z, t), ours("sfda")),
        "knn": (lambda: sklearn_knn(Z, t, 5), ours("knn")),
        "parc": (lambda: spearman_parc(doubles[1], t), ours("parc")),
        "nleep": (
            lambda: nleep_by_scikit_learn(doubles[1], t, min(n_components, len(t) // 2), 0),
            ours("nleep"),
        ),
    }


def timed(view: View, task: Task) -> list[dict[str, Any]]:
    """Seconds and values of all scores of a task; what fails there has no value."""
    rows = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for what, both in calls(view, task).items():
            row: dict[str, Any] = {"what": what}
            for who, call in zip(("theirs", "ours"), both, strict=True):
                start = time.perf_counter()
                try:
                    value = float(call())
                except (ArithmeticError, ValueError, np.linalg.LinAlgError):
                    value = np.nan  # such as a covariance without an inverse
                row[f"{who}_seconds"] = time.perf_counter() - start
                row[who] = value
            rows.append(row)
    return rows
