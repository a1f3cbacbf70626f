"""Pixels near a change of label."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _threads
from transferscore._backend import backend
from transferscore._checks import Bits, LabelValues, StoredLabels

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Band:
    """What counts as near a change of label."""

    connectivity: int
    squared_radius: int

    @classmethod
    def of(cls, radius: float, connectivity: int, ndim: int) -> "Band":
        """From what the user says."""
        return cls(_checks.connectivity(connectivity, ndim), _checks.squared_radius(radius))

    def masks(self, stacks: list[Bits], ignored: list[int], n_threads: int) -> list[Mask]:
        """A mask (N, D, H, W) for each stack of maps; all stacks are of one type."""
        return backend.label_boundaries(
            stacks,
            connectivity=self.connectivity,
            squared_radius=self.squared_radius,
            ignored=ignored,
            n_threads=n_threads,
        )


@overload
def label_boundaries(
    label_maps: NDArray[Any],
    *,
    radius: float = 1,
    connectivity: int = 1,
    ndim: int = 2,
    ignore_index: LabelValues = None,
    n_threads: int | None = None,
) -> Mask: ...
@overload
def label_boundaries(
    label_maps: ArrayLike | Sequence[ArrayLike],
    *,
    radius: float = 1,
    connectivity: int = 1,
    ndim: int = 2,
    ignore_index: LabelValues = None,
    n_threads: int | None = None,
) -> Mask | list[Mask]: ...
def label_boundaries(
    label_maps: ArrayLike | Sequence[ArrayLike],
    *,
    radius: float = 1,
    connectivity: int = 1,
    ndim: int = 2,
    ignore_index: LabelValues = None,
    n_threads: int | None = None,
) -> Mask | list[Mask]:
    r"""Which pixels are within a radius of a change of label.

    Tan, Li, Huang, "Transferability estimation for semantic segmentation task", 2021, take pixels
    near boundaries, where predictions differ most.

    .. math::

        B = \{p : y_p \text{ kept}, \ \min_{q \in S} \lVert p - q \rVert_2 \le r\}, \quad
        S = \{q : \exists q' \in N_c(q): y_q \ne y_{q'}, \ y_q, y_{q'} \text{ kept}\}

    S are the pixels on both sides of a change, so that r = 0 gives the thick boundaries of
    scikit-image, and r > 0 what a distance transform finds around them. Distances are between
    pixel centres, in pixels, and exact.

    Parameters
    ----------
    label_maps : array-like or sequence of arrays
        Labels, integers of any type or booleans: one map (H, W), maps of one size (N, H, W), or a
        list or tuple of maps, which may differ in size. With `ndim=3` volumes (D, H, W).
    radius : float, default 1
        Largest distance r, from 0 to 32767.
    connectivity : int, default 1
        In how many coordinates neighbours N_c may differ: 1 is 4 neighbours in an image and 6 in
        a volume, 2 is 8 and 18, 3 is 26.
    ndim : 2 or 3, default 2
        Dimensions of one map. (D, H, W) is a stack of D images with 2, and one volume with 3.
    ignore_index : int or sequence of int, optional
        Labels whose pixels make no boundary and belong to none.
    n_threads : int, optional
        Threads for this call. Default: `set_num_threads`, else OMP_NUM_THREADS, else the processors
        that affinity and control group allow.

    Returns
    -------
    ndarray of bool of the shape of `label_maps`, or a list of these
        True where a pixel is near a change.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described; labels in floating point are refused.

    Notes
    -----
    Where annotators left a rim of ignored pixels around every object, no labels meet. Without
    `ignore_index` the rim is a label like others, and its edges are changes.

    Memory beyond the result, in bytes: some MiB for each thread up to a radius below 13 pixels in
    images and 6 in volumes; beyond that 5 for each pixel of the maps that are worked on.

    Examples
    --------
    >>> from transferscore import label_boundaries
    >>> label_boundaries([[0, 0, 0, 0, 1, 1, 1]], radius=1).astype(int)
    array([[0, 0, 1, 1, 1, 1, 0]])
    >>> label_boundaries([[0, 0, 0, 255, 1, 1, 2]], radius=0, ignore_index=255).astype(int)
    array([[0, 0, 0, 0, 0, 1, 1]])
    """
    n_threads = _threads.resolve(n_threads)
    ndim = _checks.n_dimensions(ndim)
    band = Band.of(radius, connectivity, ndim)
    ignored = _checks.ignored_labels(ignore_index)
    if not _checks.is_sequence_of_maps(label_maps, ndim):
        stack, is_one = _checks.label_map_stack(label_maps, ndim)
        stored = StoredLabels(stack.dtype)
        (mask,) = band.masks([stored.bits(stack)], stored.bits_of(ignored), n_threads)
        return mask.reshape(stack.shape[1:] if is_one else stack.shape)
    maps = [_checks.label_map(value, ndim, i) for i, value in enumerate(label_maps)]  # type: ignore[arg-type]
    masks: list[Mask] = [np.empty(0, bool)] * len(maps)
    for dtype in dict.fromkeys(labels.dtype for labels in maps):
        stored = StoredLabels(dtype)
        places = [i for i, labels in enumerate(maps) if labels.dtype == dtype]
        stacks = [stored.bits(maps[i][np.newaxis]) for i in places]
        found = band.masks(stacks, stored.bits_of(ignored), n_threads)
        for i, mask in zip(places, found, strict=True):
            masks[i] = mask.reshape(maps[i].shape)
    return masks
