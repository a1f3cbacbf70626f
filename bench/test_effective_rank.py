"""The effective rank against NumPy's Gram matrix (the floor) and its singular values."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from rivals_linear import singular_entropy

from transferscore import effective_rank

WORK = (20_000, 1_024, 100)
SINGLE = 1e-5
GRAM = 1e-4

pytestmark = pytest.mark.benchmark(group="effective_rank 20000 x 1024")


def test_gram(timed: Callable[..., None], problem: Callable[..., Any]) -> None:
    X = problem(*WORK).X
    expected = X[:, :8].astype(np.float64).T @ X[:, :8].astype(np.float64)
    timed(lambda: (X.T @ X)[:8, :8], expected, role="floor", at_most=GRAM)


def test_transferscore(timed: Callable[..., None], problem: Callable[..., Any]) -> None:
    p = problem(*WORK)
    timed(partial(effective_rank, p.X), singular_entropy(p.X), role="ours", at_most=SINGLE)


def test_singular_values(timed: Callable[..., None], problem: Callable[..., Any]) -> None:
    p = problem(*WORK)
    exact = effective_rank(p.X.astype(np.float64))
    timed(partial(singular_entropy, p.X), exact, role="rival", at_most=SINGLE, rounds=3)
