"""The one place that looks at what users pass in, and every error text about it.

A text names the argument, says what it must be and what it was.
"""

import importlib
import json
import operator
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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


@dataclass(frozen=True)
class Classes:
    """Labels of one side as class ids, with the labels themselves."""

    ids: NDArray[np.int32]  # (n,)
    values: NDArray[Any]  # (K,) sorted

    @property
    def count(self) -> int:
        """Classes."""
        return len(self.values)


def points(
    source: ArrayLike,
    target: ArrayLike,
    *,
    names: tuple[str, str] = ("source_points", "target_points"),
    n_threads: int = 1,
    finite: bool = True,
) -> list[Floats]:
    """Aligned points (n, d) and (m, d) of one type, finite unless that is looked at later."""
    sides = [_real_matrix(value, name) for value, name in zip((source, target), names, strict=True)]
    d, (m, other) = sides[0].shape[1], sides[1].shape
    if d != other:
        raise ValueError(
            f"`{names[1]}` must have as many columns as `{names[0]}`, shape ({m}, {d}), "
            f"got ({m}, {other})"
        )
    ready = [_kernel_ready(side) for side in sides]
    if finite:
        for side, name in zip(ready, names, strict=True):
            _refuse_nonfinite(side, name, None, n_threads)
    if ready[0].dtype != ready[1].dtype:
        return [side.astype(np.float64) for side in ready]
    return ready


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


def cost_matrix(value: ArrayLike, *, n_threads: int = 1) -> Floats:
    """Aligned, finite costs (n, m)."""
    costs = _kernel_ready(_real_matrix(value, "cost"))
    _refuse_nonfinite(costs, "cost", None, n_threads)
    return costs


def points_or_cost(
    source: ArrayLike | None,
    target: ArrayLike | None,
    cost: ArrayLike | None,
    *,
    n_threads: int = 1,
) -> list[Floats]:
    """[source, target] or [cost]: one of the two is given."""
    given = [
        f"`{name}`"
        for name, value in (("source_points", source), ("target_points", target), ("cost", cost))
        if value is not None
    ]
    if cost is not None and len(given) == 1:
        return [cost_matrix(cost, n_threads=n_threads)]
    if source is not None and target is not None and cost is None:
        return points(source, target, n_threads=n_threads)
    got = " and ".join(given) or "none of them"
    raise TypeError(
        f"either `source_points` and `target_points` or `cost` must be given, got {got}"
    )


def weights(
    source: ArrayLike | None, target: ArrayLike | None, n: int, m: int
) -> list[NDArray[np.float64]]:
    """Weights a (n,) and b (m,) that each add up to one; None is uniform."""
    names = ("source_weights", "target_weights")
    sides = [
        _one_side(value, name, size)
        for value, name, size in zip((source, target), names, (n, m), strict=True)
    ]
    if source is not None and target is not None:
        largest = max(float(side.max()) for side in sides)  # sums neither vanish nor overflow
        sums = [largest * float((side / largest).sum()) for side in sides]
        if not abs(sums[0] / sums[1] - 1) <= 1e-6:
            raise ValueError(
                "`source_weights` and `target_weights` must have the same sum, "
                f"got {sums[0]:.8g} and {sums[1]:.8g}"
            )
    return [_normalised(side) for side in sides]


def _normalised(side: NDArray[np.float64]) -> NDArray[np.float64]:
    scaled = side / side.max()
    return np.asarray(scaled / scaled.sum())


@contextmanager
def of_problem(position: int) -> Iterator[None]:
    """Errors about one of many problems say which."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise type(error)(f"problem {position}: {error}") from error


def _one_side(value: ArrayLike | None, name: str, size: int) -> NDArray[np.float64]:
    if value is None:
        return np.full(size, 1.0 / size)
    side = _as_array(value, name)
    if side.dtype.kind not in "fiub":
        raise TypeError(f"`{name}` must hold real numbers, got dtype {side.dtype}")
    if side.shape != (size,):
        raise ValueError(f"`{name}` must have shape ({size},), got {side.shape}")
    side = side.astype(np.float64)
    usable = np.isfinite(side) & (side >= 0)
    if not usable.all():
        where = int(np.argmin(usable))
        raise ValueError(f"`{name}` must be finite and not negative, got {side[where]} at {where}")
    if side.max() == 0:
        raise ValueError(f"`{name}` must have a positive sum, got zeros alone")
    return side


def classes(value: ArrayLike, n: int, name: str) -> Classes:
    """Labels (n,) of one side, as ids in the order of the labels."""
    y = _label_array(value, n=n, name=name, many=False)
    values, ids = np.unique(y, return_inverse=True)
    return Classes(np.ascontiguousarray(ids, dtype=np.int32), values)


def labels_of_side(value: ArrayLike, n: int, name: str) -> NDArray[Any]:
    """Labels (n,) as integers or strings."""
    return _label_array(value, n=n, name=name, many=False)


def kept(y: NDArray[Any], name: str, ignore_index: IgnoreIndex) -> NDArray[np.int64] | None:
    """Positions of the samples that are not ignored; None where all stay."""
    if ignore_index is None:
        return None
    return np.flatnonzero(_kept(y, ignore_index, name)).astype(np.int64)


def task(value: object) -> Mapping[str, Any]:
    """A mapping with the data of one OTCE task."""
    needed = {"source_features", "source_labels", "target_features", "target_labels"}
    allowed = needed | {"source_rows", "target_rows"}
    if not isinstance(value, Mapping):
        raise TypeError(f"a task must be a mapping of names to arrays, got {type(value).__name__}")
    if missing := needed - set(value):
        raise TypeError(f"a task must have {', '.join(f'`{name}`' for name in sorted(missing))}")
    if unknown := set(value) - allowed:
        names = ", ".join(repr(name) for name in sorted(map(str, unknown)))
        raise TypeError(f"a task must have no other names than {sorted(allowed)}, got {names}")
    return value


def rows(value: ArrayLike | None, n: int, name: str) -> NDArray[np.int64]:
    """Positions of points that are taken; empty means all."""
    if value is None:
        return np.empty(0, np.int64)
    taken = _as_array(value, name)
    if taken.dtype.kind == "b" and taken.shape == (n,):
        taken = np.flatnonzero(taken)
    if taken.dtype.kind not in "iu" or taken.ndim != 1 or taken.size == 0:
        raise TypeError(
            f"`{name}` must be positions, integers of shape (k,) with k > 0, or a mask of shape "
            f"({n},), got dtype {taken.dtype} and shape {taken.shape}"
        )
    if taken.min() < 0 or taken.max() >= n:
        wrong = int(taken.min()) if taken.min() < 0 else int(taken.max())
        raise ValueError(f"`{name}` must be positions from 0 to {n - 1}, got {wrong}")
    return np.require(taken, np.int64, ["C", "A"])


def positive(value: object, name: str) -> float:
    """A finite number above zero."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"`{name}` must be a number above 0, got {value!r}")
    number = float(value)
    if not 0 < number < np.inf:
        raise ValueError(f"`{name}` must be a finite number above 0, got {value!r}")
    return number


def share(value: object, name: str) -> float:
    """A number in [0, 1]."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"`{name}` must be a number in [0, 1], got {value!r}")
    if not 0 <= float(value) <= 1:
        raise ValueError(f"`{name}` must be a number in [0, 1], got {value!r}")
    return float(value)


def count(value: object, name: str, least: int = 1) -> int:
    """An integer that is large enough."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise TypeError(f"`{name}` must be an integer, got {value!r}")
    if number < least:
        raise ValueError(f"`{name}` must be at least {least}, got {number}")
    return number


def choice(value: object, name: str, choices: Sequence[str]) -> str:
    """One of some words."""
    if not isinstance(value, str) or value not in choices:
        words = " or ".join(repr(word) for word in choices)
        raise ValueError(f"`{name}` must be {words}, got {value!r}")
    return value


def epsilons(epsilon: object, relative_epsilon: object) -> tuple[float, float]:
    """(absolute, relative): the one that was not given is 0; relative 0.02 where none was."""
    if epsilon is not None and relative_epsilon is not None:
        raise TypeError(
            "either `epsilon`, in units of cost, or `relative_epsilon`, a share of the median "
            f"cost, must be given, got both: {epsilon!r} and {relative_epsilon!r}"
        )
    if epsilon is not None:
        return positive(epsilon, "epsilon"), 0.0
    share_of_median = 0.02 if relative_epsilon is None else relative_epsilon
    return 0.0, positive(share_of_median, "relative_epsilon")


def epsilon_too_small(epsilon: float) -> ValueError:
    """The error where costs are rounded to more than epsilon."""
    return ValueError(
        f"`epsilon` must be larger than the rounding of the largest cost, got {epsilon:.3g}; for "
        "transport without regularisation use exact_plan(...) or method='exact'"
    )


def initial(value: object, n: int, m: int) -> NDArray[np.float64]:
    """Target potentials g (m,) of a result or a pair (f, g); empty for None."""
    if value is None:
        return np.empty(0)
    if hasattr(value, "f") and hasattr(value, "g"):
        value = (value.f, value.g)
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"`initial` must be a SinkhornResult or a pair (f, g), got {value!r:.100}")
    f, g = (_as_array(side, "initial") for side in value)
    if f.shape != (n,) or g.shape != (m,):
        raise ValueError(
            f"`initial` must have potentials of shape ({n},) and ({m},), "
            f"got {f.shape} and {g.shape}"
        )
    g = np.require(g, np.float64, ["C", "A"])
    if not np.isfinite(g).all() or not np.isfinite(f.astype(np.float64)).all():
        raise ValueError("`initial` must be finite, got NaN or infinity")
    return g


def table(value: ArrayLike) -> NDArray[np.float64]:
    """A joint distribution (C_s, C_t)."""
    joint = plan(value, "joint")
    if (joint < 0).any():
        raise ValueError(f"`joint` must not be negative, got {joint.min()}")
    if not joint.any():
        raise ValueError("`joint` must have a positive sum, got zeros alone")
    return joint


def plan(value: ArrayLike, name: str = "plan") -> NDArray[np.float64]:
    """A finite matrix in float64."""
    matrix = np.require(_real_matrix(value, name), np.float64, ["C", "A"])
    if not np.isfinite(matrix).all():
        raise ValueError(f"`{name}` must be finite, got NaN or infinity")
    return matrix


def distances_between_classes(value: ArrayLike, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Distances between source and target classes (C_s, C_t)."""
    distances = plan(value, "label_cost")
    if distances.shape != shape:
        raise ValueError(
            f"`label_cost` must have shape {shape}, a row for each source class and a column for "
            f"each target class, got {distances.shape}"
        )
    if (distances < 0).any():
        raise ValueError(f"`label_cost` must not be negative, got {distances.min()}")
    return distances


def generator(random_state: object) -> "np.random.Generator":
    """A source of random numbers from a seed or a generator."""
    if random_state is not None and not isinstance(random_state, np.random.Generator):
        count(random_state, "random_state", least=0)
    return np.random.default_rng(random_state)  # type: ignore[arg-type]


def samples_without_size(name: str) -> TypeError:
    """The error where samples are described but not asked for."""
    return TypeError(f"`{name}` must be given together with `n_pairs`, the size of a sample")


def too_many_bytes(what: str, n: int, m: int, budget: float, cheaper: str) -> MemoryError:
    """The error where a matrix would not fit."""
    return MemoryError(
        f"{what} of shape ({n}, {m}) needs {8 * n * m / 2**30:.3g} GiB ({8 * n * m} bytes), more "
        f"than the budget of {budget / 2**30:.3g} GiB; {cheaper}"
    )


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
        raise not_finite(name, value, row, column)


def _label_array(
    value: ArrayLike, n: int, *, name: str = "labels", many: bool = True
) -> NDArray[Any]:
    """Labels (n,), or (n, L) where many sets are allowed, as integers or strings."""
    y = _as_array(value, name)
    if y.ndim not in ((1, 2) if many else (1,)) or y.shape[0] != n:
        wanted = f"({n},) or ({n}, L)" if many else f"({n},)"
        raise ValueError(f"`{name}` must have shape {wanted}, got {y.shape}")
    if y.size == 0:
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


def _kept(y: NDArray[Any], ignore_index: Any, name: str = "labels") -> NDArray[np.bool_]:
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


def from_extra(extra: str, module: str) -> Any:
    """A module that comes with an extra of this package; the error says which."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = {"ot": "POT", "scipy.optimize": "SciPy"}[module]
        raise ModuleNotFoundError(
            f"this needs {package}, which is not installed; pip install 'transferscore[{extra}]'",
            name=error.name,
        ) from error


def too_many_bytes_to_solve(
    n: int, m: int, needed: int, budget: float, cheaper: str
) -> MemoryError:
    """The error where exact transport would take more memory than it may."""
    return MemoryError(
        f"exact transport of shape ({n}, {m}) needs {needed / 2**30:.3g} GiB ({needed} bytes), "
        f"more than the budget of {budget / 2**30:.3g} GiB; {cheaper}, and a larger "
        "memory_budget=... allows it"
    )


def no_plan(error: float) -> RuntimeError:
    """The error where a solver ends with something that is no plan."""
    return RuntimeError(
        f"the network simplex ended without a plan (marginal error {error:.2g}); sinkhorn(...) "
        "finds one, near the optimal one for a small `epsilon`"
    )


def vector(value: ArrayLike | None, name: str) -> NDArray[np.float64]:
    """Finite real numbers (k,), or one as (1,)."""
    if value is None:
        raise TypeError(f"`{name}` must be given, got None")
    numbers = np.atleast_1d(_as_array(value, name))
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


def terms_twice() -> TypeError:
    """The error where results, which hold both terms, come with a second term."""
    return TypeError(
        "`task_differences` must be left out where `domain_differences` are OTCEResults, which "
        "hold both"
    )


def too_few_tasks(n: int) -> ValueError:
    """The error where there are fewer tasks than coefficients."""
    return ValueError(
        f"`accuracies` must be those of at least three auxiliary tasks, got {n}: two weights and a "
        "constant are fitted"
    )


def constant_term(name: str) -> ValueError:
    """The error where a term says nothing."""
    return ValueError(
        f"`{name}` must differ between auxiliary tasks, got one value for all: its weight could be "
        "anything"
    )


def collinear_terms() -> ValueError:
    """The error where one term is a linear function of the other."""
    return ValueError(
        "`domain_differences` and `task_differences` must not be collinear, got one as a linear "
        "function of the other: their weights could be anything; add auxiliary tasks"
    )


def not_fitted() -> RuntimeError:
    """The error where a calibration is asked before it knows anything."""
    return RuntimeError(
        "this OTCECalibration has no coefficients yet; call fit(...), or read them with load(...)"
    )


def calibration_file(
    text: object, form: str, version: int, names: Sequence[str]
) -> dict[str, float]:
    """The numbers by these names in the JSON of a calibration."""
    try:
        content = json.loads(text)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise ValueError(f"a calibration must be JSON, got {text!r:.80}") from error
    if not isinstance(content, dict) or content.get("format") != form:
        raise ValueError(f"a calibration must be a JSON object with format {form!r}")
    if content.get("version") != version:
        raise ValueError(
            f"a calibration must have version {version}, got {content.get('version')!r}; it may "
            "come from a later version of transferscore"
        )
    numbers = {name: _number_in_file(content, name) for name in names}
    if numbers["n_tasks"] < 3 or not float(numbers["n_tasks"]).is_integer():
        raise ValueError(
            f"`n_tasks` of a calibration must be an integer above 2, got {content['n_tasks']!r}"
        )
    return numbers


def _number_in_file(content: Mapping[str, Any], name: str) -> float:
    value = content.get(name)
    if name == "leave_one_out_error" and name in content and value is None:
        return float("nan")
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    number = float(value) if is_number and abs(value) < 1e308 else np.inf  # type: ignore[arg-type]
    if number == np.inf:
        raise ValueError(f"`{name}` of a calibration must be a finite number, got {value!r:.80}")
    return number


@contextmanager
def under_names(names: Mapping[str, str]) -> Iterator[None]:
    """Errors call arguments by the names that they have in the function that was called."""
    try:
        yield
    except (TypeError, ValueError) as error:
        text = str(error)
        for ours, theirs in names.items():
            text = text.replace(f"`{ours}`", f"`{theirs}`")
        raise type(error)(text) from error


def unexpected_keyword(function: str, name: str) -> TypeError:
    """The error where a keyword is none that the function knows."""
    return TypeError(f"{function}() got an unexpected keyword argument {name!r}")


def warm_start(value: Any, n: int, m: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A pair of arrays (n,) and (m,), which may be -inf where there is no weight."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError(f"`warmstart` must be a pair of arrays, got {value!r:.100}")
    u, v = (np.asarray(_as_array(side, "warmstart"), dtype=np.float64) for side in value)
    if u.shape != (n,) or v.shape != (m,):
        raise ValueError(
            f"`warmstart` must have arrays of shape ({n},) and ({m},), got {u.shape} and {v.shape}"
        )
    return u, v


def number(value: object, name: str) -> float:
    """A finite number."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"`{name}` must be a number, got {value!r}")
    if not np.isfinite(float(value)):
        raise ValueError(f"`{name}` must be finite, got {value!r}")
    return float(value)
