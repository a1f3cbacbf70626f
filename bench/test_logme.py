"""LogME against a Gram matrix and an eigendecomposition (the floor), and the public iteration."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from rivals_linear import svd_logme

from transferscore import logme

Timed = Callable[..., None]
Problems = Callable[..., Any]

WORK = (20_000, 2_048, 100)  # W1 of the performance notes
FEW_SAMPLES = (1_000, 2_048, 20)
SINGLE = 1e-5  # relative error allowed to float32 features with float64 sums
PUBLISHED = 1e-3  # ... and to an iteration that stops at 1%

GROUP = "logme 20000 x 2048, 100 classes"


def exact(problem: Any) -> float:
    """The score from float64 features."""
    return logme(problem.X.astype(np.float64), problem.y)


class TestWork:
    """n = 20,000, d = 2,048, 100 classes."""

    pytestmark = pytest.mark.benchmark(group=GROUP)

    def test_gram_and_eigh(self, timed: Timed, problem: Problems) -> None:
        """The float32 Gram matrix, and one float64 eigendecomposition of it."""
        X = problem(*WORK).X

        def floor() -> Any:
            gram = X.T @ X
            np.linalg.eigh(gram.astype(np.float64))
            return gram[:8, :8]

        expected = X[:, :8].astype(np.float64).T @ X[:, :8].astype(np.float64)
        timed(floor, expected, role="floor", at_most=1e-4, rounds=5)

    def test_transferscore(self, timed: Timed, problem: Problems) -> None:
        p = problem(*WORK)
        timed(partial(logme, p.X, p.y), exact(p), role="ours", at_most=SINGLE)

    def test_published_convention(self, timed: Timed, problem: Problems) -> None:
        p = problem(*WORK)
        call = partial(logme, p.X, p.y, convention="tllib")
        timed(call, exact(p), role="variant", at_most=PUBLISHED, rounds=5)

    def test_svd(self, timed: Timed, problem: Problems) -> None:
        p = problem(*WORK)
        call = partial(svd_logme, p.X, p.y)
        timed(call, exact(p), role="rival", at_most=PUBLISHED, rounds=1)


class TestFewSamples:
    """n = 1,000 < d = 2,048: the Gram matrix of the samples is the smaller one."""

    pytestmark = pytest.mark.benchmark(group="logme 1000 x 2048, 20 classes")

    def test_transferscore(self, timed: Timed, problem: Problems) -> None:
        p = problem(*FEW_SAMPLES)
        timed(partial(logme, p.X, p.y), exact(p), role="ours", at_most=SINGLE)

    def test_svd(self, timed: Timed, problem: Problems) -> None:
        p = problem(*FEW_SAMPLES)
        call = partial(svd_logme, p.X, p.y)
        timed(call, exact(p), role="rival", at_most=1, rounds=1)
