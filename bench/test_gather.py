"""Features at pixels against indexing in NumPy and SciPy's interpolation."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rivals_pixels import numpy_gather, regions, scipy_gather

from transferscore import PixelSample, gather_pixel_features, sample_pixels

Timed = Callable[..., None]
SCALE = 4
SINGLE = 1e-6


@lru_cache(maxsize=1)
def problem() -> tuple[NDArray[np.float32], PixelSample, tuple[Any, ...]]:
    """256 features a quarter as large as 8 maps, and 10,000 pixels near boundaries."""
    labels = regions(8, 512, 1024, 19)
    pixels = sample_pixels(labels, 10_000, random_state=0)
    rng = np.random.default_rng(0)
    maps = rng.standard_normal((8, 256, 512 // SCALE, 1024 // SCALE), dtype=np.float32)
    return maps, pixels, (maps, pixels.image, pixels.coordinates, SCALE)


def group(name: str) -> Any:
    return pytest.mark.benchmark(group=f"10,000 pixels of 8 x 256 x 128 x 256, {name}")


@group("nearest")
def test_transferscore_nearest(timed: Timed) -> None:
    maps, pixels, places = problem()
    call = partial(gather_pixel_features, maps, pixels)
    timed(call, numpy_gather(*places), role="ours", at_most=0)


@group("nearest")
def test_numpy_nearest(timed: Timed) -> None:
    places = problem()[2]
    timed(partial(numpy_gather, *places), numpy_gather(*places), role="rival", at_most=0)


@group("bilinear")
def test_transferscore_bilinear(timed: Timed) -> None:
    maps, pixels, places = problem()
    call = partial(gather_pixel_features, maps, pixels, interpolation="bilinear")
    timed(call, scipy_gather(*places), role="ours", at_most=SINGLE)


@group("bilinear")
def test_scipy_bilinear(timed: Timed) -> None:
    places = problem()[2]
    exact = scipy_gather(*places)
    timed(partial(scipy_gather, *places), exact, role="rival", rounds=3, at_most=SINGLE)
