"""Linear MSE against NumPy's Gram matrix (the floor) and least squares by a solve."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from rivals_linear import least_squares

from transferscore import linear_mse

WORK = (20_000, 2_048, 100)
RIDGE = 1.0
SINGLE = 1e-5
GRAM = 1e-4

pytestmark = pytest.mark.benchmark(group="linear_mse 20000 x 2048, 100 classes")


def test_gram(timed: Callable[..., None], problem: Callable[..., Any]) -> None:
    X = problem(*WORK).X
    expected = X[:, :8].astype(np.float64).T @ X[:, :8].astype(np.float64)
    timed(lambda: (X.T @ X)[:8, :8], expected, role="floor", at_most=GRAM)


def test_transferscore(timed: Callable[..., None], problem: Callable[..., Any]) -> None:
    p = problem(*WORK)
    exact = least_squares(p.X, p.y, RIDGE)
    timed(partial(linear_mse, p.X, p.y, ridge=RIDGE), exact, role="ours", at_most=SINGLE)


def test_least_squares(timed: Callable[..., None], problem: Callable[..., Any]) -> None:
    p = problem(*WORK)
    exact = linear_mse(p.X.astype(np.float64), p.y, ridge=RIDGE)
    call = partial(least_squares, p.X, p.y, RIDGE)
    timed(call, exact, role="rival", at_most=SINGLE, rounds=3)
