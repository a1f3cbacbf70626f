"""Many scores of one model: three Gram matrices and one eigendecomposition are the target."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pytest

from transferscore import leep, nce, score_all, scores

Timed = Callable[..., None]
Problems = Callable[..., Any]

WORK = (20_000, 2_048, 100)  # W1 of the performance notes
NAMES = ("h_score", "h_score_shrinkage", "logme", "transrate", "leep", "nce")
SINGLE = 1e-5

pytestmark = pytest.mark.benchmark(group="score_all 20000 x 2048, 100 classes, six scores")


@lru_cache(maxsize=1)
def probabilities(n: int) -> np.ndarray:
    """Rows of 1,000 probabilities."""
    exp = np.exp(np.random.default_rng(0).standard_normal((n, 1000), dtype=np.float32))
    return exp / exp.sum(axis=1, keepdims=True)


def one_by_one(X: Any, y: Any, theta: Any) -> dict[str, float]:
    """The same six scores from six calls."""
    found = {name: scores()[name].compute(X, y) for name in NAMES[:4]}
    found["leep"] = leep(theta, y)
    found["nce"] = nce(source_labels=theta.argmax(axis=1), target_labels=y)
    return found


def worst(found: dict[str, float], exact: dict[str, float]) -> float:
    return max(abs(found[name] / exact[name] - 1) for name in NAMES)


def test_gram_and_eigh(timed: Timed, problem: Problems) -> None:
    """Three float32 Gram matrices and one float64 eigendecomposition: the target, as a floor."""
    X = problem(*WORK).X

    def floor() -> Any:
        for _ in range(3):
            gram = X.T @ X
        np.linalg.eigh(gram.astype(np.float64))
        return gram[:8, :8]

    expected = X[:, :8].astype(np.float64).T @ X[:, :8].astype(np.float64)
    timed(floor, expected, role="floor", at_most=1e-4, rounds=5)


@pytest.mark.parametrize("role", ["ours", "variant"])
def test_scores(timed: Timed, problem: Problems, role: str) -> None:
    """From one pass (ours), and from six calls (variant)."""
    p = problem(*WORK)
    theta = probabilities(len(p.X))
    exact = one_by_one(p.X.astype(np.float64), p.y, theta)
    call = partial(score_all, p.X, p.y, source_probabilities=theta, scores=NAMES)
    if role == "variant":
        call = partial(one_by_one, p.X, p.y, theta)
    error = partial(worst, exact=exact)
    timed(call, role=role, error=error, at_most=SINGLE, rounds=5)
