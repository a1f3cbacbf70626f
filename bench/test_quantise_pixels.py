"""Colours of pixels against scikit-learn's Birch, which published code uses, and its k-means."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rivals_pixels import birch, k_means, sum_of_squares

from transferscore import quantise_pixels

Timed = Callable[..., None]

N = 20_000
COLOURS = {1: 16, 4: 256}  # by the side of a square, as in the paper
GROUP = "quantise a position of {0} x {0} in 20000 images"


@lru_cache(maxsize=1)
def images() -> NDArray[np.float32]:
    """Images (n, 16, 16) between 0 and 1, whose neighbouring pixels are alike."""
    rng = np.random.default_rng(0)
    coarse = rng.standard_normal((N, 4, 4), dtype=np.float32)
    values = np.kron(coarse, np.ones((4, 4), np.float32))
    values += rng.standard_normal(values.shape, dtype=np.float32)
    return np.asarray(1 / (1 + np.exp(-values)), dtype=np.float32)


def position(side: int) -> NDArray[np.float64]:
    """The values (n, q) of the first position."""
    return images()[:, :side, :side].reshape(N, -1).astype(np.float64)


def ours(side: int) -> NDArray[np.int32]:
    """The colours of the first of 16 positions that are quantised together."""
    edge = 4 * side
    labels = quantise_pixels(images()[:, :edge, :edge], n_colours=COLOURS[side], superpixel=side)
    return labels[:, 0]


def excess(side: int) -> Callable[[Any], float]:
    """The error: by how much a sum of squares exceeds that of our colours."""
    values = position(side)
    best = sum_of_squares(values, ours(side))
    return lambda labels: max(sum_of_squares(values, labels) / best - 1, 0.0)


@pytest.mark.parametrize(
    "side",
    [pytest.param(side, marks=pytest.mark.benchmark(group=GROUP.format(side))) for side in COLOURS],
)
class TestPosition:
    """16 positions in one call, and one after the other in scikit-learn."""

    def test_transferscore(self, timed: Timed, side: int) -> None:
        timed(
            partial(ours, side),
            role="ours",
            at_most=1e-12,
            error=excess(side),
            rounds=5,
            stands_for=1 / 16,
        )

    def test_k_means(self, timed: Timed, side: int) -> None:
        call = partial(k_means, position(side), COLOURS[side])
        timed(call, role="rival", at_most=0.1, error=excess(side), rounds=5)


# Of squares it makes a matrix of 20,000 x 20,000 distances, because nothing is near.
@pytest.mark.benchmark(group=GROUP.format(1))
def test_birch(timed: Timed) -> None:
    call = partial(birch, position(1), COLOURS[1], 0.01)
    timed(call, role="rival", at_most=1, error=excess(1), rounds=5)
