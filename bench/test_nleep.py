"""N-LEEP against scikit-learn: as many rounds from the same start, and the whole score."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rivals_nleep import nleep_by_scikit_learn, rounds_by_scikit_learn

import transferscore
from transferscore import nleep
from transferscore._backend import backend

Timed = Callable[..., None]
N, Q, K, ROUNDS = 10_000, 64, 100, 5


@pytest.fixture(scope="module")
def work() -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int64]]:
    """Samples (n, q) of overlapping clusters, k-means clusters of them, and labels."""
    rng = np.random.default_rng(0)
    of = rng.integers(0, K, N)
    z = rng.normal(size=(K, Q))[of] * 0.9 ** np.arange(Q) * 2 + rng.normal(size=(N, Q))
    return z, backend.k_means(z, K, seed=0, n_threads=2), of // 5


def rounds(z: NDArray[np.float64], start: NDArray[np.int32], covariance: str) -> float:
    return backend.gaussian_mixture(
        z,
        start,
        K,
        covariance=covariance,
        ridge=1e-6,
        tol=1e-300,
        max_iter=ROUNDS,
        n_threads=transferscore.get_num_threads(),
    )[1]


class TestFull:
    """10,000 x 64, 100 Gaussians with full covariances, 5 rounds."""

    pytestmark = pytest.mark.benchmark(group="mixture 10,000 x 64, 100 full Gaussians, 5 rounds")

    def test_products(self, timed: Timed, work: Any) -> None:
        # Each of the six expectations whitens every sample for every Gaussian.
        z, out = work[0], np.empty((N, 16 * Q))
        wide = np.random.default_rng(0).normal(size=(Q, 16 * Q))
        timed(
            lambda: np.dot(z, wide, out=out),
            z @ wide,
            role="floor",
            at_most=1e-12,
            stands_for=6 * K / 16,
            note="products of the expectations",
        )

    def test_transferscore(self, timed: Timed, work: Any) -> None:
        z, start, _ = work
        exact = rounds_by_scikit_learn(z, start, ROUNDS, "full")
        timed(partial(rounds, z, start, "full"), exact, role="ours", at_most=1e-9)

    def test_scikit_learn(self, timed: Timed, work: Any) -> None:
        z, start, _ = work
        exact = rounds(z, start, "full")
        call = partial(rounds_by_scikit_learn, z, start, ROUNDS, "full")
        timed(call, exact, role="rival", at_most=1e-9, rounds=3)


class TestDiagonal:
    """The same with diagonal covariances."""

    pytestmark = pytest.mark.benchmark(
        group="mixture 10,000 x 64, 100 diagonal Gaussians, 5 rounds"
    )

    def test_transferscore(self, timed: Timed, work: Any) -> None:
        z, start, _ = work
        exact = rounds_by_scikit_learn(z, start, ROUNDS, "diag")
        timed(partial(rounds, z, start, "diagonal"), exact, role="ours", at_most=1e-9)

    def test_scikit_learn(self, timed: Timed, work: Any) -> None:
        z, start, _ = work
        exact = rounds(z, start, "diagonal")
        call = partial(rounds_by_scikit_learn, z, start, ROUNDS, "diag")
        timed(call, exact, role="rival", at_most=1e-9, rounds=3)


class TestScore:
    """10,000 x 512, 20 classes. Starts differ: the error is the distance of two local optima."""

    pytestmark = pytest.mark.benchmark(group="nleep 10,000 x 512, 20 classes")

    def features(self, work: Any) -> NDArray[np.float32]:
        rng = np.random.default_rng(1)
        mixing = rng.normal(size=(Q, 512))
        return (work[0] @ mixing + rng.normal(size=(N, 512))).astype(np.float32)

    def test_transferscore(self, timed: Timed, work: Any) -> None:
        X, y = self.features(work), work[2]
        exact = nleep(X, y, random_state=1)
        timed(lambda: nleep(X, y), exact, role="ours", at_most=0.2, rounds=3)

    def test_scikit_learn(self, timed: Timed, work: Any) -> None:
        X, y = self.features(work), work[2]
        # In float32 its covariances are not definite.
        call = partial(nleep_by_scikit_learn, X.astype(np.float64), y, K, 0)
        timed(call, nleep(X, y), role="rival", at_most=0.2, rounds=1)
