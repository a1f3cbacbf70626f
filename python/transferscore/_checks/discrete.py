"""Discrete variables, and what they must be to each other."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore._backend import backend
from transferscore._checks.arrays import as_array
from transferscore._checks.labels import (
    Classes,
    IgnoreIndex,
    integer_columns,
    kept_mask,
    label_array,
)


def discrete_and_labels(
    x: ArrayLike, labels: ArrayLike, *, ignore_index: IgnoreIndex = None, n_threads: int = 1
) -> tuple[Classes, Classes]:
    """Values and labels (n,) as ids in their order, without the ignored samples."""
    array = as_array(x, "x")
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"`x` must have shape (n,) with n > 0, got {array.shape}")
    n = len(array)
    values = label_array(array, n, name="x", many=False)
    y = label_array(labels, n, many=False)
    if ignore_index is not None:
        keep = kept_mask(y, ignore_index)
        values, y = values[keep], y[keep]
    return _as_ids(values, n_threads), _as_ids(y, n_threads)


def _as_ids(y: "NDArray[np.generic]", n_threads: int) -> Classes:
    ids, n_classes = backend.class_ids(integer_columns(y[:, np.newaxis]), n_threads)
    values = np.empty(n_classes[0], y.dtype)
    values[ids[0]] = y
    return Classes(ids[0], values)


def positions(known: "NDArray[np.generic]", x: ArrayLike, name: str = "x") -> NDArray[np.intp]:
    """Where values (n,) stand among the known ones, which are sorted."""
    array = as_array(x, name)
    if array.ndim != 1:
        raise ValueError(f"`{name}` must have shape (n,), got {array.shape}")
    if array.size == 0:
        return np.zeros(0, np.intp)
    values = label_array(array, len(array), name=name, many=False)
    if (values.dtype.kind in "iu") != (known.dtype.kind in "iu"):
        kind = "integers" if known.dtype.kind in "iu" else "strings"
        raise TypeError(f"`{name}` must be {kind}, as it was scored, got dtype {array.dtype}")
    where = np.minimum(np.searchsorted(known, values), len(known) - 1)
    absent = known[where] != values
    if absent.any():
        first = int(np.argmax(absent))
        raise ValueError(
            f"`{name}` must hold values that were scored, got {values[first]!s:.100} at {first}"
        )
    return where


def too_many_bytes_of_table(
    n_values: int, n_classes: int, needed: float, budget: float
) -> MemoryError:
    """The error where the dense table of x and labels would take more memory than it may."""
    return MemoryError(
        f"method='svd' for {n_values} values of `x` and {n_classes} classes needs "
        f"{needed / 2**30:.3g} GiB, more than the budget of {budget / 2**30:.3g} GiB; "
        "method='ace' works on the cells that occur and needs less"
    )


def too_many_bytes_of_functions(n_features: int, needed: float, budget: float) -> MemoryError:
    """The error where feature functions would take more memory than they may."""
    return MemoryError(
        f"{n_features} features need {needed / 2**30:.3g} GiB, more than the budget of "
        f"{budget / 2**30:.3g} GiB; ask for fewer with n_features=..., or for the value alone"
    )
