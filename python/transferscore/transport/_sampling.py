"""Samples of large sets: seeded, uniform or by class."""

import numpy as np
from numpy.typing import NDArray

from transferscore._checks import Classes

UNIFORM, STRATIFIED = "uniform", "stratified"


def draw(
    classes: Classes, size: int, sampling: str, rng: "np.random.Generator"
) -> NDArray[np.int64]:
    """Positions of at most `size` samples, without replacement, in ascending order."""
    n = len(classes.ids)
    if size >= n:
        return np.arange(n, dtype=np.int64)
    if sampling == UNIFORM:
        return np.sort(rng.choice(n, size, replace=False)).astype(np.int64)
    drawn = [
        rng.choice(np.flatnonzero(classes.ids == k), share, replace=False)
        for k, share in enumerate(_shares(np.bincount(classes.ids), size))
    ]
    return np.sort(np.concatenate(drawn)).astype(np.int64)


def _shares(counts: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """How many of each class: in proportion, the largest remainders rounded up."""
    exact = counts * (size / counts.sum())
    shares = np.floor(exact).astype(np.intp)
    rest = size - int(shares.sum())
    shares[np.argsort(shares - exact, kind="stable")[:rest]] += 1
    return np.asarray(shares, np.intp)
