"""Tasks, distances between them, and observations of sources."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore._checks.arrays import as_array
from transferscore._checks.numbers import count
from transferscore._checks.selection import distinct_names

Matrix = NDArray[np.float64]

# How far a matrix of distances may be from symmetric, as a share of its largest entry.
SYMMETRIC = 1e-9


def at_least_two_tasks(tasks: Sequence[str]) -> None:
    """A distance needs two."""
    if len(tasks) < 2:
        raise ValueError(f"`scores` must be those of at least two tasks to compare, got {tasks[0]}")


def same_tasks(tasks: Sequence[str], others: Sequence[str]) -> NDArray[np.intp]:
    """Places of the tasks among those of the other side, which must be the same ones."""
    if set(tasks) != set(others):
        odd = sorted(set(tasks).symmetric_difference(others))[0]
        raise ValueError(
            "`scores` must have the same tasks as sources and as targets for metric='affinity' or "
            f"with_itself=False, got {odd!r} on one side"
        )
    place = {name: i for i, name in enumerate(others)}
    return np.array([place[name] for name in tasks])


def varying_profile(values: Matrix, name: str) -> None:
    """A correlation needs scores that differ."""
    if len(values) < 2 or (values == values[0]).all():
        raise ValueError(
            f"`scores` of {name!r} must have at least two different values for a correlation, got "
            f"{np.array2string(values, threshold=5):.60}; metric='euclidean' does without"
        )


def no_names_twice(tasks: object) -> None:
    """TaskDistances have names."""
    if tasks is not None:
        raise TypeError("`tasks` must be left out where `distances` has names, got both")


def distances_between_tasks(
    distances: ArrayLike, tasks: Sequence[str] | None
) -> tuple[Matrix, tuple[str, ...]]:
    """Symmetric distances of at least two tasks, and their names."""
    D = as_array(distances, "distances")
    if D.dtype.kind not in "fiub":
        raise TypeError(f"`distances` must hold real numbers, got dtype {D.dtype}")
    if D.ndim != 2 or D.shape[0] != D.shape[1] or len(D) < 2:
        raise ValueError(f"`distances` must have shape (T, T) with T > 1, got {D.shape}")
    D = D.astype(np.float64)
    if not np.isfinite(D).all():
        i, j = np.argwhere(~np.isfinite(D))[0]
        raise ValueError(f"`distances` must be finite, got {D[i, j]} at row {i}, column {j}")
    if (D < 0).any():
        i, j = np.argwhere(D < 0)[0]
        raise ValueError(f"`distances` must be at least 0, got {D[i, j]} at row {i}, column {j}")
    if D.diagonal().any():
        i = int(np.argmax(D.diagonal() != 0))
        raise ValueError(f"`distances` must be 0 on the diagonal, got {D[i, i]} at row {i}")
    apart = np.abs(D - D.T)
    if (apart > SYMMETRIC * D.max()).any():
        i, j = np.unravel_index(int(apart.argmax()), D.shape)
        raise ValueError(
            f"`distances` must be symmetric, got {D[i, j]} at row {i}, column {j} and {D[j, i]} at "
            f"row {j}, column {i}"
        )
    return D, distinct_names(tasks, "tasks", len(D))


def tree_clusters(k: object, n_tasks: int) -> int:
    """Into how many clusters a tree is cut."""
    number = count(k, "k")
    if number > n_tasks:
        raise ValueError(f"`k` must be at most {n_tasks}, the tasks, got {number}")
    return number


def observations(value: Any) -> Matrix:
    """Finite numbers (S, n) or (S, T, n) of at least two sources."""
    A = as_array(value, "observations")
    if A.dtype.kind not in "fiub":
        raise TypeError(f"`observations` must hold real numbers, got dtype {A.dtype}")
    if A.ndim not in (2, 3) or A.size == 0 or len(A) < 2:
        raise ValueError(
            "`observations` must have shape (S, n) or (S, T, n) with at least two sources, got "
            f"{A.shape}"
        )
    A = A.astype(np.float64)
    if not np.isfinite(A).all():
        raise ValueError(
            f"`observations` must be finite, got {A[~np.isfinite(A)][0]} for source "
            f"{np.argwhere(~np.isfinite(A))[0][0]}"
        )
    return A
