"""LEEP against the product of ranking libraries; a read of the outputs is the floor."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rivals_labels import leep_by_product

from transferscore import leep

Timed = Callable[..., None]


def outputs(n: int, n_source: int, n_target: int) -> tuple[NDArray[Any], NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    y = np.append(np.arange(n_target), rng.integers(0, n_target, n - n_target))
    logits = rng.normal(size=(n, n_source)) + rng.normal(size=(n_target, n_source))[y]
    theta = np.exp(logits)
    return (theta / theta.sum(axis=1, keepdims=True)).astype(np.float32), y


class TestWork:
    """20,000 x 1,000, 100 classes."""

    pytestmark = pytest.mark.benchmark(group="leep 20,000 x 1,000, 100 classes")

    def test_read(self, timed: Timed) -> None:
        theta, _ = outputs(20_000, 1_000, 100)
        exact = float(theta.max())
        timed(lambda: float(theta.max()), exact, role="floor", at_most=0)

    def test_transferscore(self, timed: Timed) -> None:
        theta, y = outputs(20_000, 1_000, 100)
        exact = leep_by_product(theta.astype(np.float64), y)
        timed(lambda: leep(theta, y), exact, role="ours", at_most=1e-9)

    def test_product(self, timed: Timed) -> None:
        theta, y = outputs(20_000, 1_000, 100)
        exact = leep_by_product(theta.astype(np.float64), y)
        timed(lambda: leep_by_product(theta, y), exact, role="rival", at_most=1e-5)


@pytest.mark.benchmark(group="leep 100 x 10")
def test_small(timed: Timed) -> None:
    theta, y = outputs(100, 10, 5)
    exact = leep_by_product(theta.astype(np.float64), y)
    timed(lambda: leep(theta, y), exact, role="ours", at_most=1e-9, rounds=None)
