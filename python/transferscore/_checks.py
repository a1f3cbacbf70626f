"""The one place that looks at what users pass in, and every error text about it.

A text names the argument, says what it must be and what it was.
"""

import operator
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore._backend import backend

Floats = NDArray[np.float32] | NDArray[np.float64]
MOST_THREADS = 1024
IgnoreIndex = int | str | Sequence[int] | Sequence[str] | None
Shrinkage = float | Literal["ledoit-wolf"] | None


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


def features_and_labels(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    ignore_index: IgnoreIndex = None,
    n_threads: int = 1,
) -> tuple[Floats, Labels]:
    """Aligned features (n, d) and label sets (L, n), without the ignored samples."""
    X = _real_matrix(features, "features")
    y = _label_array(labels, n=len(X))
    keep = None if ignore_index is None else _kept(y, ignore_index)
    if keep is not None:
        X, y = X[keep], y[keep]
    X = _kernel_ready(X)
    _refuse_nonfinite(X, "features", keep, n_threads)
    return X, _encoded(y, n_threads)


def shrinkage(value: object) -> tuple[bool, float]:
    """(Ledoit-Wolf?, intensity) from None, "ledoit-wolf" or a number in [0, 1]."""
    if value is None:
        return False, 0.0
    if isinstance(value, str) and value == "ledoit-wolf":
        return True, 0.0
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    intensity = float(value) if isinstance(value, Real) else -1.0
    if is_number and 0 <= intensity <= 1:
        return False, intensity
    error = ValueError if is_number or isinstance(value, str) else TypeError
    raise error(f"`shrinkage` must be None, 'ledoit-wolf' or a number in [0, 1], got {value!r}")


def n_threads(value: object) -> int:
    """A number of threads."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise TypeError(f"`n_threads` must be an integer, got {value!r}")
    if not 1 <= number <= MOST_THREADS:
        raise ValueError(f"`n_threads` must be between 1 and {MOST_THREADS}, got {number}")
    return number


def too_large(name: str) -> ValueError:
    """The error where squares of the values leave the range of float64."""
    return ValueError(
        f"`{name}` must have squares within the range of float64; scale the values down"
    )


def no_chance_level(n: int) -> ValueError:
    """The error where unrelated labels would score as much as related ones."""
    return ValueError(
        f"`adjust_for_chance` must be False where the rank of the features is n - 1 = {n - 1}: any "
        "labels then score the most possible; use shrinkage='ledoit-wolf'"
    )


def _as_array(value: Any, name: str) -> NDArray[Any]:
    """Any array-like as an ndarray, without a copy where none is needed."""
    if isinstance(value, np.ma.MaskedArray):
        if np.ma.is_masked(value):
            raise TypeError(f"`{name}` must not have masked values; drop or fill them first")
        value = value.data
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        value = _from_tensor(value, name)
    elif hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
        value = np.from_dlpack(value)
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(
            f"`{name}` must be a rectangular array, got rows of different lengths"
        ) from error


def _from_tensor(tensor: Any, name: str) -> Any:
    if tensor.device.type != "cpu":
        raise TypeError(
            f"`{name}` must be in the memory of the CPU, got a tensor on {tensor.device}"
        )
    tensor = tensor.detach()
    # NumPy has no bfloat16; float32 holds all its values.
    return (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy()


def _real_matrix(value: ArrayLike, name: str) -> NDArray[Any]:
    """A real matrix (n, d) of any layout and byte order."""
    X = _as_array(value, name)
    if X.dtype.kind not in "fiub":
        raise TypeError(f"`{name}` must hold real numbers, got dtype {X.dtype}")
    if X.ndim != 2:
        raise ValueError(f"`{name}` must have shape (n, d), got {X.shape}")
    if X.size == 0:
        raise ValueError(f"`{name}` must have at least one row and one column, got {X.shape}")
    return X


def _kernel_ready(X: NDArray[Any]) -> Floats:
    """C-contiguous, aligned, native: float32 also for float16, which it holds, else float64."""
    single = X.dtype.kind == "f" and X.dtype.itemsize <= 4
    with np.errstate(over="ignore"):  # a long double may become infinite, which is refused later
        return np.require(X, np.float32 if single else np.float64, ["C", "A"])


def _refuse_nonfinite(X: Floats, name: str, keep: NDArray[np.bool_] | None, n_threads: int) -> None:
    where = backend.first_nonfinite(X, n_threads)
    if where >= 0:
        row, column = divmod(where, X.shape[1])
        value = X[row, column]
        if keep is not None:
            row = int(np.flatnonzero(keep)[row])  # as the user counts
        raise ValueError(f"`{name}` must be finite, got {value} at row {row}, column {column}")


def _label_array(value: ArrayLike, n: int) -> NDArray[Any]:
    """Labels (n,) or (n, L) as integers or strings."""
    y = _as_array(value, "labels")
    if y.ndim not in (1, 2) or y.shape[0] != n:
        raise ValueError(f"`labels` must have shape ({n},) or ({n}, L), got {y.shape}")
    if y.size == 0:
        raise ValueError(f"`labels` must have at least one column, got {y.shape}")
    if y.dtype.kind == "O":
        y = _from_objects(y)
    if y.dtype.kind == "f":
        return _from_floats(y)
    if y.dtype.kind not in "iubUS" and not _is_string_dtype(y.dtype):
        raise TypeError(f"`labels` must be integers, booleans or strings, got dtype {y.dtype}")
    return y.astype(np.int8) if y.dtype.kind == "b" else y


def _is_string_dtype(dtype: np.dtype[Any]) -> bool:
    return dtype.kind == "T"  # NumPy's variable-width strings


def _from_objects(y: NDArray[Any]) -> NDArray[Any]:
    kinds = {type(label) for label in y.flat}
    if all(issubclass(kind, str) for kind in kinds):
        return y.astype(str)
    if all(issubclass(kind, (int, np.integer, np.bool_)) for kind in kinds):
        return y.astype(np.int64)
    names = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise TypeError(f"`labels` must be all integers or all strings, got {names}")


def _from_floats(y: NDArray[Any]) -> NDArray[np.int64]:
    y = y.astype(np.float64)
    whole = np.isfinite(y) & (y == np.floor(y)) & (np.abs(y) < 2.0**63)
    if not whole.all():
        where = np.unravel_index(np.argmin(whole), y.shape)
        place = f"row {where[0]}" + (f", column {where[1]}" if y.ndim == 2 else "")
        raise ValueError(f"`labels` must be whole numbers or strings, got {y[where]} at {place}")
    return y.astype(np.int64)


def _kept(y: NDArray[Any], ignore_index: Any) -> NDArray[np.bool_]:
    """Which samples stay: (n,)."""
    ignored = np.atleast_1d(np.asarray(ignore_index))
    if ignored.dtype.kind not in ("iub" if y.dtype.kind in "iu" else "USTO") or ignored.ndim != 1:
        kind = "integer" if y.dtype.kind in "iu" else "string"
        raise TypeError(
            f"`ignore_index` must be one {kind} or several, like `labels`, got {ignore_index!r}"
        )
    marked = np.isin(y, ignored)
    dropped: NDArray[np.bool_] = marked if y.ndim == 1 else np.all(marked, axis=1)
    if y.ndim == 2 and (mixed := marked.any(axis=1) & ~dropped).any():
        raise ValueError(
            "`ignore_index` must mark a row of `labels` in all columns or in none, because all "
            f"label sets share one covariance; got some columns of row {int(np.argmax(mixed))}"
        )
    if dropped.all():
        raise ValueError(
            f"`ignore_index` must leave some samples, got {ignore_index!r}, which is every label"
        )
    return np.logical_not(dropped)


def _encoded(y: NDArray[Any], n_threads: int) -> Labels:
    """Class ids 0 .. K-1 in the order of the labels."""
    Y = _integer_columns(y[:, np.newaxis] if y.ndim == 1 else y)
    ids, n_classes = backend.class_ids(Y, n_threads)
    alone = next((column for column, k in enumerate(n_classes) if k < 2), None)
    if alone is not None:
        name, label = ("labels", y[0]) if y.ndim == 1 else (f"labels[:, {alone}]", y[0, alone])
        raise ValueError(f"`{name}` must have at least two classes, got one ({label!s})")
    return Labels(ids, n_classes, is_one_set=y.ndim == 1)


def _integer_columns(Y: NDArray[Any]) -> NDArray[np.int32] | NDArray[np.int64]:
    """Labels (n, L) as the kernel reads them; strings and uint64 become ranks."""
    if Y.dtype.kind not in "iu" or Y.dtype == np.uint64:
        columns = [np.unique(column, return_inverse=True)[1] for column in Y.T]
        Y = np.stack(columns, axis=1)
    small = Y.dtype.itemsize < 4 or Y.dtype == np.int32
    return np.require(Y, np.int32 if small else np.int64, ["C", "A"])
