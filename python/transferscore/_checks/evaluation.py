"""Scores beside measured values: items and tasks, the top of a ranking, what a filter keeps."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore._checks.arrays import as_array, same_length, vector
from transferscore._checks.numbers import MOST, choice, count, share

Vector = NDArray[np.float64]


def scores_and_measured(scores: ArrayLike, measured: ArrayLike) -> tuple[Vector, Vector]:
    """Two finite vectors of one length."""
    columns = {"scores": vector(scores, "scores"), "measured": vector(measured, "measured")}
    same_length(columns)
    return columns["scores"], columns["measured"]


def varying_scores_and_measured(scores: ArrayLike, measured: ArrayLike) -> tuple[Vector, Vector]:
    """Two finite vectors of one length, each with values that differ."""
    x, y = scores_and_measured(scores, measured)
    for name, values in (("scores", x), ("measured", y)):
        if (values == values[0]).all():
            raise ValueError(
                f"`{name}` must have at least two different values for a correlation, "
                f"got {len(values)} times {values[0]}"
            )
    return x, y


def top_sizes(k: int | Sequence[int] | None, n: int, ranked: str) -> NDArray[np.int64]:
    """How many items of the top count, each between 1 and all that are ranked."""
    if k is None:
        return np.array([n])
    wanted = [count(one, "k") for one in (k if isinstance(k, Sequence | np.ndarray) else [k])]
    if not wanted:
        raise ValueError("`k` must be an integer or several, got none")
    if max(wanted) > n:
        raise ValueError(f"`k` must be at most {n}, the {ranked}, got {max(wanted)}")
    return np.array(wanted)


def kept_items(kept: ArrayLike | None, n: int) -> NDArray[np.bool_]:
    """Which of n items a filter keeps: booleans, or their positions."""
    if kept is None:
        return np.ones(n, dtype=np.bool_)
    given = as_array(kept, "kept")
    if given.dtype.kind == "b":
        if given.shape != (n,):
            raise ValueError(f"`kept` must have shape ({n},) where it is a mask, got {given.shape}")
        mask: NDArray[np.bool_] = given.astype(np.bool_)
    else:
        mask = _at(given, n)
    if not mask.any():
        raise ValueError("`kept` must keep at least one item, got none")
    return mask


def _at(positions: NDArray[np.generic], n: int) -> NDArray[np.bool_]:
    if positions.dtype.kind not in "iu" and positions.size:
        raise TypeError(f"`kept` must be booleans or positions, got dtype {positions.dtype}")
    where = positions.astype(np.int64)
    if where.ndim != 1 or ((where < 0) | (where >= n)).any():
        raise ValueError(f"`kept` must have positions from 0 to {n - 1}, got {positions!s:.100}")
    mask = np.zeros(n, dtype=np.bool_)
    mask[where] = True
    return mask


def at_least_two_items(scores: ArrayLike, measured: ArrayLike) -> tuple[Vector, Vector]:
    """Two finite vectors of one length, of at least two items."""
    x, y = scores_and_measured(scores, measured)
    if len(x) < 2:
        raise ValueError("`scores` must have at least two items to rank, got 1")
    return x, y


def relevances(measured: Vector) -> None:
    """None is negative, and one is above 0."""
    if measured.min() < 0:
        raise ValueError(
            f'`measured` must not be negative with `relevance="measured"`, got {measured.min()}'
        )
    if measured.max() == 0:
        raise ValueError('`measured` must have a value above 0 with `relevance="measured"`')


def scores_and_measured_of_tasks(scores: ArrayLike, measured: ArrayLike) -> tuple[Vector, Vector]:
    """Two finite matrices (T, n) of one shape; a vector is one task."""
    x, y = (_of_tasks(value, name) for name, value in _pair(scores, measured).items())
    for name, values in _pair(x, y).items():
        if not np.isfinite(values).all():
            task, item = np.argwhere(~np.isfinite(values))[0]
            raise ValueError(
                f"`{name}` must be finite, got {values[task, item]} at task {task}, "
                f"candidate {item}"
            )
    _same_shape({"scores": x, "measured": y})
    return x, y


def best_above_zero(measured: Vector) -> None:
    """The best of each task is above 0, so that there are shares of it."""
    best = measured.max(axis=1)
    if best.min() <= 0:
        task = int(np.argmax(best <= 0))
        raise ValueError(
            f"`measured` must have a value above 0 in each task, got at most {best[task]} in task "
            f"{task}"
        )


def accuracies_and_shares(accuracies: ArrayLike, shares: ArrayLike) -> tuple[Vector, Vector]:
    """Accuracies (T,) or (T, n) in [0, 1], and shares (T,) in (0, 1)."""
    given = as_array(accuracies, "accuracies")
    a = _of_tasks(given, "accuracies")
    p = vector(shares, "majority_shares")
    if not ((a >= 0) & (a <= 1)).all():
        wrong = a[~((a >= 0) & (a <= 1))][0]
        raise ValueError(f"`accuracies` must be in [0, 1], got {wrong}")
    if not ((p > 0) & (p < 1)).all():
        raise ValueError(f"`majority_shares` must be in (0, 1), got {p[~((p > 0) & (p < 1))][0]}")
    if given.ndim < 2:
        a = a[0]
    same_length({"accuracies": a, "majority_shares": p})
    return a, p


def open_share(value: object, name: str) -> float:
    """A number between 0 and 1, neither of them."""
    level = share(value, name)
    if level in (0, 1):
        raise ValueError(f"`{name}` must be above 0 and below 1, got {value!r}")
    return level


def two_names(names: object) -> tuple[str, str]:
    """Different names of two scores."""
    given = [str(name) for name in names] if isinstance(names, Sequence) else []
    if isinstance(names, str) or len(given) != 2 or given[0] == given[1]:
        raise ValueError(f"`names` must be two different names, got {names!r:.100}")
    return given[0], given[1]


def measure_names(measures: str | Sequence[str], kinds: Mapping[str, str]) -> list[tuple[str, int]]:
    """(name, k) of each, k 0 where none is given; `kinds` says whether k "may", "must" or not."""
    wanted = [measures] if isinstance(measures, str) else measures
    if not isinstance(wanted, Iterable):
        raise TypeError(f"`measures` must be names of measures, got {measures!r:.100}")
    wanted = list(wanted)
    if not wanted:
        raise ValueError("`measures` must name at least one measure, got none")
    if len(set(wanted)) < len(wanted):
        raise ValueError(f"`measures` must name each measure once, got {wanted}")
    return [_measure_name(one, kinds) for one in wanted]


def _measure_name(text: object, kinds: Mapping[str, str]) -> tuple[str, int]:
    name, at, k = str(text).partition("@")
    if not isinstance(text, str) or name not in kinds:
        raise ValueError(f"`measures` must be of {', '.join(kinds)}, got {text!r:.100}")
    if kinds[name] == "must" and not at:
        raise ValueError(f"`measures` must say the k of {name!r}, as in '{name}@3'")
    if kinds[name] == "no" and at:
        raise ValueError(f"`measures` must not give a k to {name!r}, got {text!r:.100}")
    if at and not (k.isdecimal() and k.isascii() and 0 < int(k[:20]) <= MOST):
        raise ValueError(f"`measures` must have an integer above 0 after '@', got {text!r:.100}")
    return name, int(k) if at else 0


def top_of_candidates(names: Sequence[str], sizes: Sequence[int], most: int) -> None:
    """No k is larger than every task."""
    for name, k in zip(names, sizes, strict=True):
        if k > most:
            raise ValueError(
                f"`measures` must have a k of at most {most}, the candidates, got {name!r}"
            )


def tables_of_tasks(
    values: Mapping[str, Any], tasks: Sequence[str] | None, missing: str
) -> tuple[tuple[str, ...], list[Vector]]:
    """Names of T tasks, and matrices (T, n) of one shape, with NaN for what may be missing.

    By name, tasks may have candidates of their own: what has no value at all is none of the task's.
    """
    choice(missing, "missing", ("raise", "drop"))
    named = {name: _by_name(value, name) for name, value in values.items()}
    by_name = [table is not None for table in named.values()]
    if any(by_name) and not all(by_name):
        without = next(name for name, table in named.items() if table is None)
        raise TypeError(
            f"`{without}` must have names as the others do, a mapping or data frame, got "
            f"{type(values[without]).__name__}"
        )
    if all(by_name):
        rows, columns, matrices = _aligned({name: table or {} for name, table in named.items()})
    else:
        matrices = {name: _of_tasks(value, name) for name, value in values.items()}
        _same_shape(matrices)
        shape = next(iter(matrices.values())).shape
        rows, columns = ([str(i) for i in range(side)] for side in shape)
    if tasks is not None:
        rows = _task_names(tasks, len(rows))
    absent = np.all([np.isnan(matrix) for matrix in matrices.values()], axis=0) & all(by_name)
    for name, matrix in matrices.items():
        _complete(np.where(absent, 0, matrix), name, rows, columns, missing)
    return tuple(rows), list(matrices.values())


def no_task_left(names: Iterable[str]) -> ValueError:
    """The error where no task has two candidates with all values."""
    every = " and ".join(f"`{name}`" for name in names)
    return ValueError(f"{every} must have a task with values of at least two candidates, got none")


def never_defined(measure: str, reason: str) -> ValueError:
    """The error where a measure has no value in any task."""
    return ValueError(f"`measures` must be defined in a task, {measure!r} is in none: {reason}")


def too_few_resamples(measure: str, n_resamples: int) -> ValueError:
    """The error where a measure has no value in any resample of a task's candidates."""
    return ValueError(
        f"`n_resamples` must be larger: {measure!r} is defined in none of {n_resamples} resamples"
    )


def _pair(scores: Any, measured: Any) -> dict[str, Any]:
    return {"scores": scores, "measured": measured}


def _of_tasks(value: Any, name: str) -> Vector:
    """Real numbers (T, n), of which some may be NaN; a vector is one task."""
    numbers = as_array(value, name)
    if numbers.dtype.kind not in "fiub":
        raise TypeError(f"`{name}` must hold real numbers, got dtype {numbers.dtype}")
    if numbers.ndim not in (1, 2) or numbers.size == 0:
        raise ValueError(
            f"`{name}` must have shape (n,) or (T, n) with T, n > 0, got {numbers.shape}"
        )
    return np.atleast_2d(numbers).astype(np.float64)


def _same_shape(matrices: Mapping[str, Vector]) -> None:
    shapes = {name: matrix.shape for name, matrix in matrices.items()}
    if len(set(shapes.values())) > 1:
        names = " and ".join(f"`{name}`" for name in shapes)
        got = " and ".join(str(shape) for shape in shapes.values())
        raise ValueError(f"{names} must have the same tasks and candidates, got {got}")


def _by_name(value: Any, name: str) -> dict[str, dict[str, Any]] | None:
    """{task: {candidate: value}} of mappings and of data frames with an index; None of arrays."""
    if hasattr(value, "index") and hasattr(value, "columns"):  # pandas: tasks are rows
        for side, labels in (("rows", value.index), ("columns", value.columns)):
            if not labels.is_unique:
                raise ValueError(f"`{name}` must have {side} of different names")
        value = value.to_dict("index")
    if not isinstance(value, Mapping):
        return None
    if value and not any(isinstance(row, Mapping) for row in value.values()):
        value = {"0": value}
    if not value or not all(isinstance(row, Mapping) and row for row in value.values()):
        raise TypeError(
            f"`{name}` must map candidates to numbers, or tasks to such mappings, got "
            f"{value!r:.100}"
        )
    return {str(task): {str(c): v for c, v in row.items()} for task, row in value.items()}


def _aligned(
    tables: Mapping[str, dict[str, dict[str, Any]]],
) -> tuple[list[str], list[str], dict[str, Vector]]:
    """Tasks and candidates in the order in which they are first named, and a matrix of each."""
    rows = list(dict.fromkeys(task for table in tables.values() for task in table))
    every = (row for table in tables.values() for row in table.values())
    columns = list(dict.fromkeys(candidate for row in every for candidate in row))
    matrices = {}
    for name, table in tables.items():
        cells = [[table.get(task, {}).get(c) for c in columns] for task in rows]
        filled = [[float("nan") if v is None else v for v in row] for row in cells]
        matrices[name] = _of_tasks(filled, name)
    return rows, columns, matrices


def _task_names(tasks: Sequence[str], n: int) -> list[str]:
    names = [tasks] if isinstance(tasks, str) else [str(task) for task in tasks]
    if len(names) != n:
        raise ValueError(f"`tasks` must name {n} tasks, got {len(names)} names")
    if len(set(names)) < n:
        raise ValueError("`tasks` must be different names, got one twice")
    return names


def _complete(
    matrix: Vector, name: str, rows: Sequence[str], columns: Sequence[str], missing: str
) -> None:
    """No infinity, and no NaN unless it may be."""
    wrong = np.isinf(matrix) if missing == "drop" else ~np.isfinite(matrix)
    if wrong.any():
        task, item = np.argwhere(wrong)[0]
        hint = (
            '; `missing="drop"` leaves candidates out where they have no value'
            if np.isnan(matrix[task, item])
            else ""
        )
        raise ValueError(
            f"`{name}` must be finite, got {matrix[task, item]} in task {rows[task]!r} for "
            f"candidate {columns[item]!r}{hint}"
        )
