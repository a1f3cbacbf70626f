"""Scores beside measured values, the top of a ranking, and what a filter keeps."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore._checks.arrays import as_array, same_length, vector
from transferscore._checks.numbers import count

Vector = NDArray[np.float64]


def scores_and_measured(scores: ArrayLike, measured: ArrayLike) -> tuple[Vector, Vector]:
    """Two finite vectors of one length."""
    columns = {"scores": vector(scores, "scores"), "measured": vector(measured, "measured")}
    same_length(columns)
    return columns["scores"], columns["measured"]


def varying_scores_and_measured(scores: ArrayLike, measured: ArrayLike) -> tuple[Vector, Vector]:
    """Two finite vectors of one length, each with values that differ."""
    x, y = scores_and_measured(scores, measured)
    for name, values in (("scores", x), ("measured", y)):
        if (values == values[0]).all():
            raise ValueError(
                f"`{name}` must have at least two different values for a correlation, "
                f"got {len(values)} times {values[0]}"
            )
    return x, y


def top_sizes(k: int | Sequence[int] | None, n: int, ranked: str) -> NDArray[np.int64]:
    """How many items of the top count, each between 1 and all that are ranked."""
    if k is None:
        return np.array([n])
    wanted = [count(one, "k") for one in (k if isinstance(k, Sequence | np.ndarray) else [k])]
    if not wanted:
        raise ValueError("`k` must be an integer or several, got none")
    if max(wanted) > n:
        raise ValueError(f"`k` must be at most {n}, the {ranked}, got {max(wanted)}")
    return np.array(wanted)


def kept_items(kept: ArrayLike | None, n: int) -> NDArray[np.bool_]:
    """Which of n items a filter keeps: booleans, or their positions."""
    if kept is None:
        return np.ones(n, dtype=np.bool_)
    given = as_array(kept, "kept")
    if given.dtype.kind == "b":
        if given.shape != (n,):
            raise ValueError(f"`kept` must have shape ({n},) where it is a mask, got {given.shape}")
        mask: NDArray[np.bool_] = given.astype(np.bool_)
    else:
        mask = _at(given, n)
    if not mask.any():
        raise ValueError("`kept` must keep at least one item, got none")
    return mask


def _at(positions: NDArray[np.generic], n: int) -> NDArray[np.bool_]:
    if positions.dtype.kind not in "iu" and positions.size:
        raise TypeError(f"`kept` must be booleans or positions, got dtype {positions.dtype}")
    where = positions.astype(np.int64)
    if where.ndim != 1 or ((where < 0) | (where >= n)).any():
        raise ValueError(f"`kept` must have positions from 0 to {n - 1}, got {positions!s:.100}")
    mask = np.zeros(n, dtype=np.bool_)
    mask[where] = True
    return mask
