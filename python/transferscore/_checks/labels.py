"""Labels of any kind as class ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore._backend import backend
from transferscore._checks.arrays import as_array

IgnoreIndex = int | str | Sequence[int] | Sequence[str] | None


@dataclass(frozen=True)
class Labels:
    """Label sets as the kernels read them: ids 0 .. K-1 without gaps."""

    ids: NDArray[np.int32]  # (L, n)
    n_classes: list[int]  # (L,)
    is_one_set: bool  # the user passed (n,), not (n, L)

    @property
    def n(self) -> int:
        """Samples."""
        return int(self.ids.shape[1])


@dataclass(frozen=True)
class Classes:
    """Labels of one side as class ids, with the labels themselves."""

    ids: NDArray[np.int32]  # (n,)
    values: NDArray[Any]  # (K,) sorted

    @property
    def count(self) -> int:
        """Classes."""
        return len(self.values)


def classes(value: ArrayLike, n: int, name: str) -> Classes:
    """Labels (n,) of one side, as ids in the order of the labels."""
    y = label_array(value, n=n, name=name, many=False)
    values, ids = np.unique(y, return_inverse=True)
    return Classes(np.ascontiguousarray(ids, dtype=np.int32), values)


def labels_of_side(value: ArrayLike, n: int, name: str) -> NDArray[Any]:
    """Labels (n,) as integers or strings."""
    return label_array(value, n=n, name=name, many=False)


def kept(y: NDArray[Any], name: str, ignore_index: IgnoreIndex) -> NDArray[np.int64] | None:
    """Positions of the samples that are not ignored; None where all stay."""
    if ignore_index is None:
        return None
    return np.flatnonzero(kept_mask(y, ignore_index, name)).astype(np.int64)


def label_array(
    value: ArrayLike, n: int, *, name: str = "labels", many: bool = True
) -> NDArray[Any]:
    """Labels (n,), or (n, L) where many sets are allowed, as integers or strings."""
    y = as_array(value, name)
    if y.ndim not in ((1, 2) if many else (1,)) or y.shape[0] != n:
        wanted = f"({n},) or ({n}, L)" if many else f"({n},)"
        raise ValueError(f"`{name}` must have shape {wanted}, got {y.shape}")
    if 0 in y.shape[1:]:
        raise ValueError(f"`{name}` must have at least one column, got {y.shape}")
    if y.dtype.kind == "O":
        y = _from_objects(y, name)
    if y.dtype.kind == "f":
        return _from_floats(y, name)
    if y.dtype.kind not in "iubUS" and not _is_string_dtype(y.dtype):
        raise TypeError(f"`{name}` must be integers, booleans or strings, got dtype {y.dtype}")
    return y.astype(np.int8) if y.dtype.kind == "b" else y


def _is_string_dtype(dtype: np.dtype[Any]) -> bool:
    return dtype.kind == "T"  # NumPy's variable-width strings


def _from_objects(y: NDArray[Any], name: str) -> NDArray[Any]:
    kinds = {type(label) for label in y.flat}
    if all(issubclass(kind, str) for kind in kinds):
        return y.astype(str)
    if all(issubclass(kind, bytes) for kind in kinds):  # HDF5 gives its strings so
        return y.astype(np.bytes_)
    if all(issubclass(kind, (int, np.integer, np.bool_)) for kind in kinds):
        return y.astype(np.int64)
    names = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise TypeError(f"`{name}` must be all integers or all strings, got {names}")


def _from_floats(y: NDArray[Any], name: str) -> NDArray[np.int64]:
    y = y.astype(np.float64)
    whole = np.isfinite(y) & (y == np.floor(y)) & (np.abs(y) < 2.0**63)
    if not whole.all():
        where = np.unravel_index(np.argmin(whole), y.shape)
        place = f"row {where[0]}" + (f", column {where[1]}" if y.ndim == 2 else "")
        raise ValueError(f"`{name}` must be whole numbers or strings, got {y[where]} at {place}")
    return y.astype(np.int64)


def kept_mask(
    y: NDArray[Any], ignore_index: Any, name: str = "labels", *, may_be_empty: bool = False
) -> NDArray[np.bool_]:
    """Which samples stay: (n,)."""
    ignored = np.atleast_1d(np.asarray(ignore_index))
    if ignored.dtype.kind not in ("iub" if y.dtype.kind in "iu" else "USTO") or ignored.ndim != 1:
        kind = "integer" if y.dtype.kind in "iu" else "string"
        raise TypeError(
            f"`ignore_index` must be one {kind} or several, like `{name}`, got {ignore_index!r}"
        )
    marked = np.isin(y, ignored)
    dropped: NDArray[np.bool_] = marked if y.ndim == 1 else np.all(marked, axis=1)
    if y.ndim == 2 and (mixed := marked.any(axis=1) & ~dropped).any():
        raise ValueError(
            "`ignore_index` must mark a row of `labels` in all columns or in none, because all "
            f"label sets share one covariance; got some columns of row {int(np.argmax(mixed))}"
        )
    if dropped.all() and not may_be_empty:
        raise ValueError(
            f"`ignore_index` must leave some samples, got {ignore_index!r}, which is every label"
        )
    return np.logical_not(dropped)


def encoded(y: NDArray[Any], n_threads: int) -> Labels:
    """Class ids 0 .. K-1 in the order of the labels."""
    Y = integer_columns(y[:, np.newaxis] if y.ndim == 1 else y)
    ids, n_classes = backend.class_ids(Y, n_threads)
    alone = next((column for column, k in enumerate(n_classes) if k < 2), None)
    if alone is not None:
        name, label = ("labels", y[0]) if y.ndim == 1 else (f"labels[:, {alone}]", y[0, alone])
        raise ValueError(f"`{name}` must have at least two classes, got one ({label!s})")
    return Labels(ids, n_classes, is_one_set=y.ndim == 1)


def integer_columns(Y: NDArray[Any]) -> NDArray[np.int32] | NDArray[np.int64]:
    """Labels (n, L) as the kernel reads them; strings and uint64 become ranks."""
    if Y.dtype.kind not in "iu" or Y.dtype == np.uint64:
        columns = [np.unique(column, return_inverse=True)[1] for column in Y.T]
        Y = np.stack(columns, axis=1)
    small = Y.dtype.itemsize < 4 or Y.dtype == np.int32
    return np.require(Y, np.int32 if small else np.int64, ["C", "A"])
