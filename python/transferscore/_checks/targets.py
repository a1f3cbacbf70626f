"""Targets of linear models: class labels, many labels at once, or real values."""

from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore._checks.arrays import (
    Floats,
    as_array,
    real_matrix,
    refuse_nonfinite,
)
from transferscore._checks.features import features_alone, features_and_labels
from transferscore._checks.labels import IgnoreIndex, kept_mask, label_array
from transferscore._checks.numbers import as_float

Ridge = float | Literal["evidence"]


@dataclass(frozen=True)
class Targets:
    """Targets as the kernels read them: ids of one label set, or values; the other is empty."""

    ids: NDArray[np.int32]  # (n,)
    n_classes: int
    values: NDArray[np.float64]  # (n, C)
    classes: NDArray[Any] | None  # (C,) what the columns of class labels stand for
    is_vector: bool  # the user passed (n,)


def features_and_targets(
    features: ArrayLike,
    targets: ArrayLike,
    *,
    regression: bool = False,
    ignore_index: IgnoreIndex = None,
    n_threads: int = 1,
) -> tuple[Floats, Targets]:
    """Aligned features (n, d) and their targets, without the ignored samples."""
    y = as_array(targets, "targets")
    if not regression and y.ndim != 2:
        return _labelled(features, targets, ignore_index, n_threads)
    if ignore_index is not None:
        raise TypeError(
            f"`ignore_index` must be None unless `targets` are class labels (n,), got "
            f"{ignore_index!r}"
        )
    X = real_matrix(features, "features")
    wanted = f"({len(X)},) or ({len(X)}, C)"
    if y.ndim not in (1, 2) or len(y) != len(X) or y.size == 0:
        raise ValueError(f"`targets` must have shape {wanted}, got {y.shape}")
    if y.dtype.kind not in ("fiub" if regression else "iub"):
        kind = "real numbers" if regression else "0 and 1, as integers or booleans,"
        raise TypeError(f"`targets` must hold {kind}, got dtype {y.dtype}")
    columns = y if y.ndim == 2 else y[:, np.newaxis]
    values = np.require(columns, np.float64, ["C", "A"])
    if regression:
        refuse_nonfinite(values, "targets", None, n_threads)
    elif not (usable := (values == 0) | (values == 1)).all():
        row, column = np.unravel_index(np.argmin(usable), values.shape)
        raise ValueError(
            f"`targets` (n, C) must hold 0 and 1, got {columns[row, column]} at row {row}, column "
            f"{column}; regression=True takes any real numbers"
        )
    X = features_alone(X, n_threads)
    return X, Targets(np.empty(0, np.int32), 0, values, None, y.ndim == 1)


def _labelled(
    features: ArrayLike, labels: ArrayLike, ignore_index: IgnoreIndex, n_threads: int
) -> tuple[Floats, Targets]:
    X, y = features_and_labels(features, labels, ignore_index=ignore_index, n_threads=n_threads)
    names = label_array(labels, n=len(as_array(labels, "labels")))
    if ignore_index is not None:
        names = names[kept_mask(names, ignore_index)]
    classes = np.unique(names)
    return X, Targets(y.ids[0], y.n_classes[0], np.empty((0, 0)), classes, is_vector=True)


def no_fixed_point() -> ValueError:
    """The error where the iteration of public programs leaves the range of float64."""
    return ValueError(
        "`features` must have squares within the range of float64, and none of the columns of "
        "`targets` may be orthogonal to all of them: the iteration of public programs then divides "
        "by zero; scale the values down, or take the maximum, convention='exact'"
    )


def features_of_width(features: ArrayLike, d: int) -> NDArray[np.float64]:
    """Features (n, d) of a model that was fitted to d of them."""
    X = real_matrix(features, "features")
    if X.shape[1] != d:
        raise ValueError(f"`features` must have {d} columns, got {X.shape[1]}")
    return np.asarray(X, dtype=np.float64)


def ridge(value: object) -> tuple[bool, float]:
    """(by evidence?, penalty) from "evidence" or a number that is not negative."""
    if isinstance(value, str) and value == "evidence":
        return True, 0.0
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    penalty = as_float(value) if isinstance(value, Real) else -1.0
    if is_number and 0 <= penalty < np.inf:
        return False, penalty
    error = ValueError if is_number or isinstance(value, str) else TypeError
    raise error(f"`ridge` must be 'evidence' or a finite number of at least 0, got {value!r:.100}")
