"""The definition of a sample of pixels: those with the smallest random keys."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Labels = NDArray[Any]
Keyed = tuple[int, int, int]  # key, image, place

WORD = 2**64


def random_number(seed: int, i: int) -> int:
    """The i-th number of the stream of a seed: splitmix64, Steele, Lea, Flood, OOPSLA 2014."""
    x = (seed + (i + 1) * 0x9E3779B97F4A7C15) % WORD
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % WORD
    return x ^ (x >> 31)


def sample_pixels(
    label_maps: Sequence[ArrayLike],
    n: int,
    *,
    seed: int,
    masks: Sequence[ArrayLike] | None = None,
    balanced: bool = False,
    per_image: int | None = None,
) -> list[tuple[int, ...]]:
    """`(image, *coordinates, label)` of n pixels, sorted: of all there are, the smallest keys.

    Parameters
    ----------
    label_maps : sequence of array-like
        Label maps.
    n : int
        How many pixels.
    seed : int
        Seed, of 64 bits.
    masks : sequence of array-like, optional
        Which pixels of each map may be drawn; by default all.
    balanced : bool, default False
        The same number of each class, as far as classes have as many.
    per_image : int, optional
        At most so many of each map, drawn first by the same rule.

    Returns
    -------
    list of tuple
        The pixels.

    Examples
    --------
    >>> from transferscore.reference import sample_pixels
    >>> sample_pixels([[[1, 2, 3], [4, 5, 6]]], 3, seed=0)
    [(0, 0, 0, 1), (0, 0, 2, 3), (0, 1, 2, 6)]
    """
    maps = [np.asarray(labels) for labels in label_maps]
    chosen: list[Keyed] = []
    for i, labels in enumerate(maps):
        may = np.ones(labels.size, bool) if masks is None else np.ravel(masks[i])
        stream = random_number(seed, i)
        of_map = [(random_number(stream, int(p)), i, int(p)) for p in np.flatnonzero(may)]
        chosen += of_map if per_image is None else smallest(of_map, maps, per_image, balanced)
    where = sorted((i, p) for _, i, p in smallest(chosen, maps, n, balanced))
    return [
        (i, *(int(k) for k in np.unravel_index(p, maps[i].shape)), int(maps[i].flat[p]))
        for i, p in where
    ]


def smallest(
    pixels: list[Keyed], maps: Sequence[np.ndarray], n: int, balanced: bool
) -> list[Keyed]:
    """The n smallest keys; balanced: the smallest of each class, then the second of each, ..."""
    ranks: dict[int, int] = {}
    ordered = []
    for pixel in sorted(pixels):
        label = int(maps[pixel[1]].flat[pixel[2]]) if balanced else 0
        ranks[label] = ranks.get(label, -1) + 1
        ordered.append((ranks[label] if balanced else 0, pixel))
    return [pixel for _, pixel in sorted(ordered)[:n]]
