"""Points, costs, weights and plans."""

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore._checks.arrays import (
    Floats,
    as_array,
    kernel_ready,
    real_matrix,
    refuse_nonfinite,
)
from transferscore._checks.numbers import positive


def points(
    source: ArrayLike,
    target: ArrayLike,
    *,
    names: tuple[str, str] = ("source_points", "target_points"),
    n_threads: int = 1,
    finite: bool = True,
) -> list[Floats]:
    """Aligned points (n, d) and (m, d) of one type, finite unless that is looked at later."""
    sides = [real_matrix(value, name) for value, name in zip((source, target), names, strict=True)]
    d, (m, other) = sides[0].shape[1], sides[1].shape
    if d != other:
        raise ValueError(
            f"`{names[1]}` must have as many columns as `{names[0]}`, shape ({m}, {d}), "
            f"got ({m}, {other})"
        )
    ready = [kernel_ready(side) for side in sides]
    if finite:
        for side, name in zip(ready, names, strict=True):
            refuse_nonfinite(side, name, None, n_threads)
    if ready[0].dtype != ready[1].dtype:
        return [side.astype(np.float64) for side in ready]
    return ready


def cost_matrix(value: ArrayLike, *, n_threads: int = 1) -> Floats:
    """Aligned, finite costs (n, m)."""
    costs = kernel_ready(real_matrix(value, "cost"))
    refuse_nonfinite(costs, "cost", None, n_threads)
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
    side = as_array(value, name)
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
    taken = as_array(value, name)
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
    f, g = (as_array(side, "initial") for side in value)
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
    matrix = np.require(real_matrix(value, name), np.float64, ["C", "A"])
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


def samples_without_size(name: str) -> TypeError:
    """The error where samples are described but not asked for."""
    return TypeError(f"`{name}` must be given together with `n_pairs`, the size of a sample")


def too_many_bytes(n: int, m: int, needed: int, budget: float) -> MemoryError:
    """The error where matrices would not fit."""
    subject = "a matrix" if needed == 8 * n * m else "matrices"
    verb = "needs" if needed == 8 * n * m else "need"
    return MemoryError(
        f"{subject} of shape ({n}, {m}) {verb} {needed / 2**30:.3g} GiB ({needed} bytes), more "
        f"than the budget of {budget / 2**30:.3g} GiB; scores need no plan, "
        "joint_label_distribution(result, ...) sums it by class, and a larger memory_budget=... "
        "allows it"
    )


def from_extra(extra: str, module: str) -> Any:
    """A module that comes with an extra of this package; the error says which."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        packages = {
            "nibabel": "nibabel",
            "ot": "POT",
            "scipy": "SciPy",
            "sklearn": "scikit-learn",
            "torch": "PyTorch",
        }
        package = packages[module.partition(".")[0]]
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
    u, v = (np.asarray(as_array(side, "warmstart"), dtype=np.float64) for side in value)
    if u.shape != (n,) or v.shape != (m,):
        raise ValueError(
            f"`warmstart` must have arrays of shape ({n},) and ({m},), got {u.shape} and {v.shape}"
        )
    return u, v
