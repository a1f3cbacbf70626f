"""Pixels drawn near boundaries against scikit-image's boundaries and a choice of NumPy."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rivals_pixels import numpy_sample, regions, skimage_boundaries

from transferscore import label_boundaries, sample_pixels

Timed = Callable[..., None]
N = 10_000

pytestmark = pytest.mark.benchmark(group="10,000 pixels of 8 maps 1024 x 2048")


@lru_cache(maxsize=1)
def problem() -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Label maps and the pixels on both sides of a change."""
    maps = regions(8, 1024, 2048, 19)
    return maps, skimage_boundaries(maps, 0)


def outside(at: tuple[NDArray[Any], ...]) -> float:
    """Share of N pixels that are not where they should be, or drawn twice."""
    distinct = len(np.unique(np.stack(at), axis=1).T)
    return 1 - min(distinct, int(problem()[1][at].sum())) / N


def of_sample(sample: Any) -> float:
    return outside((sample.image, *sample.coordinates.T))


def test_boundaries(timed: Timed) -> None:
    maps, near = problem()
    call = partial(label_boundaries, maps, radius=0)
    timed(call, role="floor", at_most=0, error=lambda found: float(np.mean(found != near)))


def test_transferscore(timed: Timed) -> None:
    call = partial(sample_pixels, problem()[0], N, radius=0, random_state=0)
    timed(call, role="ours", at_most=0, error=of_sample)


def test_transferscore_balanced(timed: Timed) -> None:
    where = "balanced boundary"
    call = partial(sample_pixels, problem()[0], N, radius=0, random_state=0, where=where)
    timed(call, role="variant", at_most=0, error=of_sample)


def test_numpy_and_skimage(timed: Timed) -> None:
    call = partial(numpy_sample, problem()[0], N)
    timed(call, role="rival", rounds=3, at_most=0, error=lambda found: outside(tuple(found.T)))
