"""Arrays of numbers: any array-like as the kernels read it, or an error that says why not."""

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore._backend import backend

Floats = NDArray[np.float32] | NDArray[np.float64]


def is_finite(X: Floats, n_threads: int) -> bool:
    """Whether no entry is NaN or infinite."""
    return backend.first_nonfinite(X, n_threads) < 0


def finite_rows(X: Floats, taken: NDArray[np.int64], name: str, n_threads: int) -> Floats:
    """The rows that are taken (empty: all), which must be finite."""
    if len(taken):
        X = X[taken]
    where = backend.first_nonfinite(X, n_threads)
    if where >= 0:
        row, column = divmod(where, X.shape[1])
        raise not_finite(name, X[row, column], int(taken[row]) if len(taken) else row, column)
    return X


def not_finite(name: str, value: object, row: int, column: int) -> ValueError:
    """The error where a value that counts is NaN or infinite."""
    return ValueError(f"`{name}` must be finite, got {value} at row {row}, column {column}")


def too_large(name: str) -> ValueError:
    """The error where squares of the values leave the range of float64."""
    return ValueError(
        f"`{name}` must have squares within the range of float64; scale the values down"
    )


def as_array(value: Any, name: str) -> NDArray[Any]:
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


def real_matrix(value: ArrayLike, name: str, *, may_be_empty: bool = False) -> NDArray[Any]:
    """A real matrix (n, d) of any layout and byte order; n may be 0 where that is said."""
    X = as_array(value, name)
    if X.dtype.kind not in "fiub":
        raise TypeError(f"`{name}` must hold real numbers, got dtype {X.dtype}")
    if X.ndim != 2:
        raise ValueError(f"`{name}` must have shape (n, d), got {X.shape}")
    if X.size == 0 and not (may_be_empty and X.shape[1] > 0):
        raise ValueError(f"`{name}` must have at least one row and one column, got {X.shape}")
    return X


def kernel_ready(X: NDArray[Any]) -> Floats:
    """C-contiguous, aligned, native: float32 also for float16, which it holds, else float64."""
    single = X.dtype.kind == "f" and X.dtype.itemsize <= 4
    with np.errstate(over="ignore"):  # a long double may become infinite, which is refused later
        return np.require(X, np.float32 if single else np.float64, ["C", "A"])


def refuse_nonfinite(
    X: Floats, name: str, keep: NDArray[np.bool_] | None, n_threads: int, first_row: int = 0
) -> None:
    """Raise where a value is NaN or infinite, with its row as the user counts."""
    where = backend.first_nonfinite(X, n_threads)
    if where >= 0:
        row, column = divmod(where, X.shape[1])
        value = X[row, column]
        if keep is not None:
            row = int(np.flatnonzero(keep)[row])
        raise not_finite(name, value, first_row + row, column)


def vector(value: ArrayLike | None, name: str) -> NDArray[np.float64]:
    """Finite real numbers (k,), or one as (1,)."""
    if value is None:
        raise TypeError(f"`{name}` must be given, got None")
    numbers = np.atleast_1d(as_array(value, name))
    if numbers.dtype.kind not in "fiub":
        raise TypeError(f"`{name}` must hold real numbers, got dtype {numbers.dtype}")
    if numbers.ndim != 1 or numbers.size == 0:
        raise ValueError(f"`{name}` must have shape (k,) with k > 0, got {numbers.shape}")
    numbers = numbers.astype(np.float64)
    if not np.isfinite(numbers).all():
        where = int(np.argmin(np.isfinite(numbers)))
        raise ValueError(f"`{name}` must be finite, got {numbers[where]} at {where}")
    return numbers


def same_length(columns: Mapping[str, NDArray[np.float64]]) -> int:
    """The length that all columns have."""
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        names = " and ".join(f"`{name}`" for name in lengths)
        got = " and ".join(str(length) for length in lengths.values())
        raise ValueError(f"{names} must have the same length, got {got}")
    return next(iter(lengths.values()))


def too_large_for_epsilon(epsilon: float) -> ValueError:
    """The error where squares of the values, over epsilon, leave the range of float64."""
    return ValueError(
        f"`features` must have squares within the range of float64, also divided by `epsilon` = "
        f"{epsilon:g}; scale the values down"
    )
