"""NCE against the loop of ranking libraries; a read of both label arrays is the floor."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from rivals_labels import nce_by_loop

from transferscore import nce

Timed = Callable[..., None]


def pairs(n: int) -> Any:
    rng = np.random.default_rng(0)
    z = rng.integers(0, 1000, n)
    return z, np.where(rng.random(n) < 0.5, z % 100, rng.integers(0, 100, n))


class TestMillion:
    """A million pairs, 1,000 source and 100 target classes."""

    pytestmark = pytest.mark.benchmark(group="nce 1,000,000 pairs")

    def test_read(self, timed: Timed) -> None:
        z, y = pairs(10**6)
        timed(lambda: float(z.sum() + y.sum()), float(z.sum() + y.sum()), role="floor", at_most=0)

    def test_transferscore(self, timed: Timed) -> None:
        z, y = pairs(10**6)
        exact = nce_by_loop(z, y)
        call = lambda: nce(source_labels=z, target_labels=y)  # noqa: E731
        timed(call, exact, role="ours", at_most=1e-9)

    def test_loop(self, timed: Timed) -> None:
        z, y = pairs(10**6)
        timed(lambda: nce_by_loop(z, y), nce_by_loop(z, y), role="rival", at_most=0, rounds=3)


@pytest.mark.benchmark(group="nce 100 pairs")
def test_small(timed: Timed) -> None:
    z, y = pairs(100)
    call = lambda: nce(source_labels=z, target_labels=y)  # noqa: E731
    timed(call, nce_by_loop(z, y), role="ours", at_most=1e-9, rounds=None)
