"""GBC against a loop over pairs of classes. The floor is the covariance that the axes come from."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rivals_gbc import gbc_by_pairs, leading_components

from transferscore import gbc

Timed = Callable[..., None]
N, D, CLASSES = 10_000, 512, 100


@pytest.fixture(scope="module")
def work() -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], float]:
    """Features, overlapping classes, 64 principal components and the exact score."""
    rng = np.random.default_rng(0)
    centres, mixing = rng.normal(size=(CLASSES, 64)), rng.normal(size=(64, D)) / 8
    y = np.append(np.arange(CLASSES), rng.integers(0, CLASSES, N - CLASSES))
    signal = (0.3 * centres[y] + rng.normal(size=(N, 64))) @ mixing
    X = np.maximum(signal + 0.1 * rng.normal(size=(N, D)), 0).astype(np.float32)
    z = leading_components(X.astype(np.float64), 64)
    return X, y, z, gbc_by_pairs(z, y)


class TestWithPrincipalComponents:
    """10,000 x 512, 100 classes, 64 principal components."""

    pytestmark = pytest.mark.benchmark(group="gbc 10,000 x 512, 100 classes, pca=64")

    def test_covariance(self, timed: Timed, work: Any) -> None:
        X = work[0].astype(np.float64)
        timed(lambda: X.T @ X, X.T @ X, role="floor", at_most=1e-12, note="both triangles")

    def test_transferscore(self, timed: Timed, work: Any) -> None:
        X, y, _, exact = work
        timed(lambda: gbc(X, y), exact, role="ours", at_most=1e-8)

    def test_svd_and_pairs(self, timed: Timed, work: Any) -> None:
        X, y, _, exact = work
        call = lambda: gbc_by_pairs(leading_components(X, 64), y)  # noqa: E731
        timed(call, exact, role="rival", at_most=1e-3, rounds=3)


class TestPairs:
    """The same from the principal components on."""

    pytestmark = pytest.mark.benchmark(group="gbc 10,000 x 64, 100 classes, pca=None")

    def test_read(self, timed: Timed, work: Any) -> None:
        z = work[2]
        timed(lambda: float(z.max()), float(z.max()), role="floor", at_most=0)

    def test_transferscore(self, timed: Timed, work: Any) -> None:
        _, y, z, exact = work
        z = np.ascontiguousarray(z)
        timed(lambda: gbc(z, y, pca=None), exact, role="ours", at_most=1e-9, rounds=30)

    def test_pairs(self, timed: Timed, work: Any) -> None:
        _, y, z, exact = work
        timed(lambda: gbc_by_pairs(z, y), exact, role="rival", at_most=1e-9)
