"""TransRate against NumPy's Gram matrix (the floor) and a determinant of d x d for every class."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from rivals_classes import determinants

from transferscore import transrate

WORK = (20_000, 2_048, 100)  # W1 of the performance notes
SINGLE = 1e-5  # relative error allowed to float32 features with float64 sums
GRAM = 1e-4  # ... and to the floor, which sums in float32

pytestmark = pytest.mark.benchmark(group="transrate 20000 x 2048, 100 classes")


def test_gram(timed: Callable[..., None], problem: Callable[..., Any]) -> None:
    X = problem(*WORK).X
    expected = X[:, :8].astype(np.float64).T @ X[:, :8].astype(np.float64)
    timed(lambda: (X.T @ X)[:8, :8], expected, role="floor", at_most=GRAM)


def test_transferscore(timed: Callable[..., None], problem: Callable[..., Any]) -> None:
    p = problem(*WORK)
    exact = transrate(p.X.astype(np.float64), p.y)
    timed(partial(transrate, p.X, p.y), exact, role="ours", at_most=SINGLE)


def test_determinants(timed: Callable[..., None], problem: Callable[..., Any]) -> None:
    p = problem(*WORK)
    exact = transrate(p.X.astype(np.float64), p.y)
    timed(partial(determinants, p.X, p.y), exact, role="rival", at_most=SINGLE, rounds=1)
