"""The definition of pixels near a change of label."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray


def label_boundaries(
    label_map: ArrayLike,
    *,
    radius: float = 1,
    connectivity: int = 1,
    ignored: Sequence[int] = (),
) -> NDArray[np.bool_]:
    """`B = {p kept : |p - q| <= r for some q that has a neighbour of another, kept label}`.

    Parameters
    ----------
    label_map : array-like of shape (H, W) or (D, H, W)
        A label for each pixel.
    radius : float, default 1
        The radius r.
    connectivity : int, default 1
        Neighbours differ by one in at least one and at most so many coordinates.
    ignored : sequence of int, optional
        Labels that are not kept.

    Returns
    -------
    ndarray of bool of the shape of `label_map`
        B.

    Examples
    --------
    >>> from transferscore.reference import label_boundaries
    >>> label_boundaries([[0, 0, 0, 0, 1, 1, 1]]).astype(int)
    array([[0, 0, 1, 1, 1, 1, 0]])
    """
    y = np.asarray(label_map)
    kept = ~np.isin(y, list(ignored))
    steps = [
        step
        for step in product((-1, 0, 1), repeat=y.ndim)
        if 1 <= np.abs(step).sum() <= connectivity
    ]

    def is_changed(p: tuple[int, ...]) -> bool:
        around = [tuple(np.add(p, step)) for step in steps]
        inside = [q for q in around if all(0 <= i < n for i, n in zip(q, y.shape, strict=True))]
        return any(kept[p] and kept[q] and y[p] != y[q] for q in inside)

    S = np.array([p for p in np.ndindex(*y.shape) if is_changed(p)]).reshape(-1, y.ndim)
    near = np.zeros(y.shape, dtype=bool)
    for p in np.ndindex(*y.shape):
        distances = np.sqrt(((S - np.array(p)) ** 2).sum(axis=1))
        near[p] = kept[p] and bool((distances <= radius).any())
    return near
