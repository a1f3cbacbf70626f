"""Nearest neighbours against half of NumPy's Gram matrix (the floor), NumPy and scikit-learn."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from rivals_neighbours import numpy_knn, sklearn_knn

from transferscore import knn

Timed = Callable[..., None]
Problems = Callable[..., Any]

WORK = (10_000, 512, 100)
K = 5
VOTES = 0.05  # accuracies differ by how ties in the vote are broken
SINGLE = 1e-4

pytestmark = pytest.mark.benchmark(group="knn 10000 x 512, 100 classes, k = 5")


def exact(problem: Any) -> float:
    """The accuracy from float64 features."""
    return knn(problem.X.astype(np.float64), problem.y, k=K)


def test_half_gram(timed: Timed, problem: Problems) -> None:
    """Every pair once: the lower half of X X^T in blocks of 1,000 rows."""
    X = problem(*WORK).X

    def half() -> Any:
        for end in range(1_000, len(X) + 1, 1_000):
            block = X[end - 1_000 : end] @ X[:end].T
        return block[-8:, :8]

    timed(half, X[-8:].astype(np.float64) @ X[:8].T, role="floor", at_most=SINGLE)


def test_transferscore(timed: Timed, problem: Problems) -> None:
    p = problem(*WORK)
    timed(partial(knn, p.X, p.y, k=K), exact(p), role="ours", at_most=0)


def test_transferscore_float64(timed: Timed, problem: Problems) -> None:
    p = problem(*WORK)
    timed(partial(knn, p.X.astype(np.float64), p.y, k=K), exact(p), role="variant", at_most=0)


def test_transferscore_cosine(timed: Timed, problem: Problems) -> None:
    p = problem(*WORK)
    expected = knn(p.X.astype(np.float64), p.y, k=K, metric="cosine")
    timed(
        partial(knn, p.X, p.y, k=K, metric="cosine"),
        expected,
        role="variant",
        at_most=0,
    )


def test_sklearn(timed: Timed, problem: Problems) -> None:
    p = problem(*WORK)
    timed(partial(sklearn_knn, p.X, p.y, K), exact(p), role="rival", at_most=VOTES, rounds=5)


def test_numpy(timed: Timed, problem: Problems) -> None:
    p = problem(*WORK)
    timed(partial(numpy_knn, p.X, p.y, K), exact(p), role="rival", at_most=VOTES, rounds=3)
