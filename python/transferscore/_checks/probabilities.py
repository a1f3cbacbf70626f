"""Outputs of a source model, and labels that need not tell classes apart."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore._backend import backend
from transferscore._checks.arrays import (
    Floats,
    as_array,
    kernel_ready,
    real_matrix,
    refuse_nonfinite,
)
from transferscore._checks.labels import IgnoreIndex, integer_columns, kept_mask, label_array

# How far the sum of a row may be from 1: what rounding entries to the type leaves of a softmax.
ROW_SUMS = {2: 1e-2, 4: 1e-4, 8: 1e-6}
TRANSFORMS = ("normalise", "softmax")
Ids = tuple[NDArray[np.int32], int]


def label_pairs(
    source_labels: ArrayLike, target_labels: ArrayLike, ignore_index: IgnoreIndex, n_threads: int
) -> tuple[Ids, Ids]:
    """Class ids (n,) of both with the numbers of classes; a pair stays where neither is ignored."""
    sides = label_sides(source_labels, target_labels, ignore_index)
    source, target = (label_ids(y, n_threads) for y in sides.values())
    return source, target


def label_sides(
    source_labels: ArrayLike,
    target_labels: ArrayLike,
    ignore_index: IgnoreIndex,
    *,
    may_be_empty: bool = False,
) -> dict[str, NDArray[Any]]:
    """Labels (n,) of both, by the argument's name; a pair stays where neither is ignored."""
    z = as_array(source_labels, "source_labels")
    if z.ndim != 1 or (z.size == 0 and not may_be_empty):
        raise ValueError(f"`source_labels` must have shape (n,) with n > 0, got {z.shape}")
    sides = {
        "source_labels": label_array(z, n=len(z), name="source_labels", many=False),
        "target_labels": label_array(target_labels, n=len(z), name="target_labels", many=False),
    }
    if ignore_index is None:
        return sides
    keep = np.ones(len(z), np.bool_)
    for name, y in sides.items():
        keep &= kept_mask(y, ignore_index, name, may_be_empty=may_be_empty)
    if not (keep.any() or may_be_empty):
        raise ValueError(
            f"`ignore_index` must leave some pairs, got {ignore_index!r}, which is in each"
        )
    return {name: y[keep] for name, y in sides.items()}


def label_ids(y: NDArray[Any], n_threads: int) -> Ids:
    """Class ids (n,) in the order of the labels, and how many classes there are."""
    ids, (n_classes,) = backend.class_ids(integer_columns(y[:, np.newaxis]), n_threads)
    return ids[0], n_classes


def outputs_and_labels(
    outputs: ArrayLike,
    labels: ArrayLike,
    *,
    transform: object,
    ignore_index: IgnoreIndex,
    n_threads: int,
) -> tuple[Floats, Ids]:
    """Outputs (n, C_s) that are distributions or can be made so, and class ids (n,)."""
    theta, y = distributions(
        outputs, labels, transform=transform, ignore_index=ignore_index, n_threads=n_threads
    )
    return theta, label_ids(y, n_threads)


def distributions(
    outputs: ArrayLike,
    labels: ArrayLike,
    *,
    transform: object,
    ignore_index: IgnoreIndex,
    n_threads: int,
    first_row: int = 0,
    may_be_empty: bool = False,
) -> tuple[Floats, NDArray[Any]]:
    """Outputs (n, C_s) and labels (n,) without the ignored samples, which may be all of them."""
    check_transform(transform)
    given = real_matrix(outputs, "source_probabilities", may_be_empty=may_be_empty)
    y = label_array(labels, n=len(given), many=False)
    keep = None
    if ignore_index is not None:
        keep = kept_mask(y, ignore_index, may_be_empty=may_be_empty)
        given, y = given[keep], y[keep]
    theta = kernel_ready(given)
    row, total, least = -1, 1.0, 0.0
    if transform != "softmax":
        rounding = given.dtype.itemsize if given.dtype.kind == "f" else 8
        tolerance = np.inf if transform == "normalise" else ROW_SUMS[min(8, rounding)]
        row, total, least = backend.first_bad_row(theta, tolerance, n_threads)
    if row >= 0 or transform == "softmax":
        refuse_nonfinite(theta, "source_probabilities", keep, n_threads, first_row)
    if row >= 0:
        where = first_row + (row if keep is None else int(np.flatnonzero(keep)[row]))
        raise _not_a_distribution(where, total, least, transform == "normalise")
    return theta, y


def check_transform(transform: object) -> None:
    """Refuse what is no way to make outputs distributions."""
    if transform is not None and transform not in TRANSFORMS:
        words = " or ".join(repr(word) for word in TRANSFORMS)
        raise ValueError(f"`transform` must be None, {words}, got {transform!r}")


def _not_a_distribution(row: int, total: float, least: float, normalise: bool) -> ValueError:
    if least < 0:
        return ValueError(
            f"`source_probabilities` must not be negative, got {least:.6g} in row {row}; "
            "for logits pass transform='softmax'"
        )
    if normalise:
        return ValueError(
            "`source_probabilities` must have rows with a positive sum, to be normalised, got "
            f"{total:.6g} in row {row}"
        )
    return ValueError(
        f"`source_probabilities` must have rows that sum to 1, got {total:.6g} in row {row}; pass "
        "transform='normalise' to divide rows by their sums, or transform='softmax' for logits"
    )
