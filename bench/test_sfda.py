"""SFDA against NumPy's Gram matrix (the floor) and the published generalised eigenproblem."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from rivals_classes import generalised_eigenproblem

from transferscore import sfda

WORK = (10_000, 512, 100)
SINGLE = 1e-5  # relative error allowed to float32 features with float64 sums
GRAM = 1e-4  # ... and to the floor, which sums in float32

pytestmark = pytest.mark.benchmark(group="sfda 10000 x 512, 100 classes")


def test_gram(timed: Callable[..., None], problem: Callable[..., Any]) -> None:
    X = problem(*WORK).X
    expected = X[:, :8].astype(np.float64).T @ X[:, :8].astype(np.float64)
    timed(lambda: (X.T @ X)[:8, :8], expected, role="floor", at_most=GRAM)


def test_transferscore(timed: Callable[..., None], problem: Callable[..., Any]) -> None:
    p = problem(*WORK)
    exact = sfda(p.X.astype(np.float64), p.y)
    timed(partial(sfda, p.X, p.y), exact, role="ours", at_most=SINGLE)


def test_generalised_eigenproblem(timed: Callable[..., None], problem: Callable[..., Any]) -> None:
    p = problem(*WORK)
    exact = sfda(p.X.astype(np.float64), p.y)
    timed(
        partial(generalised_eigenproblem, p.X, p.y), exact, role="rival", at_most=SINGLE, rounds=1
    )
