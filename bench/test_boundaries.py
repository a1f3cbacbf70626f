"""Boundaries of label maps against reading them once (the floor), scikit-image and SciPy."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rivals_pixels import regions, skimage_boundaries

from transferscore import label_boundaries

Timed = Callable[..., None]
SIZES = {"Small, 16 maps 90 x 120": (16, 90, 120), "8 maps 1024 x 2048": (8, 1024, 2048)}
RADII = (1, 5, 30)


@lru_cache(maxsize=2)
def maps(size: str) -> NDArray[np.uint8]:
    return regions(*SIZES[size], 19)


@lru_cache(maxsize=3)
def exact(size: str, radius: float) -> NDArray[np.bool_]:
    return skimage_boundaries(maps(size), radius)


def options(size: str, radius: float) -> dict[str, Any]:
    """No pixel may differ. The table says how many pixels are done in a second."""
    return {
        "at_most": 0,
        "error": lambda found: float(np.mean(found != exact(size, radius))),
        "note": f"{maps(size).size / 1e6:.3g} million pixels",
    }


def parameters(test: Callable[..., None]) -> Any:
    grouped = [
        pytest.param(size, r, marks=pytest.mark.benchmark(group=f"boundaries {size}, radius {r}"))
        for size in SIZES
        for r in RADII
    ]
    return pytest.mark.parametrize(("size", "radius"), grouped)(test)


@parameters
def test_one_read(timed: Timed, size: str, radius: float) -> None:
    """Every label compared once, and a byte written for it."""
    labels = maps(size)
    timed(lambda: labels != 255, True, role="floor", at_most=0, error=lambda found: 1 - found.all())


@parameters
def test_transferscore(timed: Timed, size: str, radius: float) -> None:
    call = partial(label_boundaries, maps(size), radius=radius)
    timed(call, role="ours", **options(size, radius))


@parameters
def test_transferscore_int64(timed: Timed, size: str, radius: float) -> None:
    call = partial(label_boundaries, maps(size).astype(np.int64), radius=radius)
    timed(call, role="variant", **options(size, radius))


@parameters
def test_transferscore_ignoring(timed: Timed, size: str, radius: float) -> None:
    call = partial(label_boundaries, maps(size), radius=radius, ignore_index=255)
    timed(call, role="variant", **options(size, radius))


@parameters
def test_skimage_and_scipy(timed: Timed, size: str, radius: float) -> None:
    call = partial(skimage_boundaries, maps(size), radius)
    timed(call, role="rival", rounds=2, **options(size, radius))
