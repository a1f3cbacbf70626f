"""Maximal H-score: alternating conditional expectations against the SVD of the dense table."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from transferscore import maximal_h_score

Timed = Callable[..., None]
K = 5


def variables() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """20,000 values and 200 classes, 500,000 samples."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 20_000, 500_000)
    return x, (7 * x + rng.integers(0, 60, len(x))) % 200


def by_svd(x: NDArray[Any], y: NDArray[Any]) -> float:
    """NumPy's singular values of the dense table."""
    P = np.zeros((x.max() + 1, y.max() + 1))
    np.add.at(P, (x, y), 1 / len(x))
    product = np.outer(P.sum(axis=1), P.sum(axis=0))
    B = np.divide(P - product, np.sqrt(product), out=np.zeros_like(P), where=product > 0)
    return float(np.sum(np.linalg.svd(B, compute_uv=False)[:K] ** 2))


class TestTable:
    """The five leading functions of a table of 20,000 x 200."""

    pytestmark = pytest.mark.benchmark(group="maximal_h_score 20,000 values, 200 classes, k = 5")

    def test_transferscore(self, timed: Timed) -> None:
        x, y = variables()
        call = lambda: maximal_h_score(x, y, n_features=K)  # noqa: E731
        timed(call, by_svd(x, y), role="ours", at_most=1e-9)

    def test_svd(self, timed: Timed) -> None:
        x, y = variables()
        timed(lambda: by_svd(x, y), by_svd(x, y), role="rival", at_most=0, rounds=3)
