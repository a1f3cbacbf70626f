"""Maximal H-score against SciPy's sparse SVD; the floor is to sort the samples into cells."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rivals_maximal_h_score import gram_eigenvalues, sparse_svd

from transferscore import maximal_h_score

Timed = Callable[..., None]
Ids = NDArray[np.int64]

EXACT = 1e-9
N_FEATURES = 5


@lru_cache(maxsize=1)
def samples(n_classes: int) -> tuple[Ids, Ids, float]:
    """200,000 samples of 50,000 values, a tenth of which know their label; and the exact score."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 50_000, 200_000)
    knows = rng.random(len(x)) < 0.1
    y = np.where(knows, x % n_classes, rng.integers(0, n_classes, len(x)))
    return x, y, gram_eigenvalues(x, y, N_FEATURES)


def cells(x: Ids, y: Ids) -> Any:
    return np.unique(x * (y.max() + 1) + y, return_counts=True)[1].sum()


@pytest.mark.parametrize(
    "n_classes",
    [
        pytest.param(
            k, marks=pytest.mark.benchmark(group=f"maximal_h_score 200000 x 50000, {k} classes")
        )
        for k in (20, 200, 1000)
    ],
)
class TestManyValues:
    """Five features of many values: all classes in one pass up to 257, else by iteration."""

    def test_cells(self, timed: Timed, n_classes: int) -> None:
        x, y, _ = samples(n_classes)
        timed(partial(cells, x, y), len(x), role="floor", at_most=0)

    def test_transferscore(self, timed: Timed, n_classes: int) -> None:
        x, y, exact = samples(n_classes)
        call = partial(maximal_h_score, x, y, n_features=N_FEATURES)
        timed(call, exact, role="ours", at_most=EXACT)

    def test_sparse_svd(self, timed: Timed, n_classes: int) -> None:
        x, y, exact = samples(n_classes)
        call = partial(sparse_svd, x, y, N_FEATURES)
        timed(call, exact, role="rival", at_most=EXACT, rounds=3)
