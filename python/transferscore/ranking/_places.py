"""Places in rankings in which items may stand several times, as they do in a resample."""

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Counts = NDArray[np.bool_] | NDArray[np.int64]  # (R, n): how often each item is in ranking r


def once(n: int) -> NDArray[np.int64]:
    """One ranking (1, n) in which each item stands once."""
    return np.ones((1, n), dtype=np.int64)


def ranks(values: Vector, counts: Counts) -> tuple[Vector, Vector]:
    """Mean ranks (R, n), 1 for the largest, and how many places equal values share."""
    _, group = np.unique(-values, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(group.max() + 1))
    sizes = np.add.reduceat(counts[:, order].astype(np.int64), starts, axis=1)
    middle = np.cumsum(sizes, axis=1) - (sizes - 1) / 2
    return middle[:, group], sizes[:, group].astype(np.float64)


def share_of_top(middle: Vector, sharing: Vector, k: int | np.int64) -> Vector:
    """How much of an item is in the top k: all where its ties fit in, else the share that does."""
    before = middle - (sharing + 1) / 2
    share: Vector = np.clip((k - before) / np.maximum(sharing, 1), 0, 1)
    return share
