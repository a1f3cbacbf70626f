"""What is drawn: values, their names and intervals, and axes to draw into."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore._checks.arrays import as_array
from transferscore._checks.pixels import pair

Vector = NDArray[np.float64]


def axes_to_draw_into(ax: object, kind: type) -> None:
    """Axes of matplotlib, or none."""
    if ax is not None and not isinstance(ax, kind):
        raise TypeError(
            f"`ax` must be the axes of a matplotlib figure or None, got {type(ax).__name__}"
        )


def cells(values: ArrayLike, name: str, rows: str, columns: str) -> Vector:
    """A real matrix that may hold NaN where there is no value, but not only that."""
    given = as_array(values, name)
    if given.dtype.kind not in "fiub":
        raise TypeError(f"`{name}` must hold real numbers, got dtype {given.dtype}")
    if given.ndim != 2 or given.size == 0:
        raise ValueError(
            f"`{name}` must have shape ({rows}, {columns}) with at least one of each, "
            f"got {given.shape}"
        )
    matrix = given.astype(np.float64)
    _not_infinite(matrix, name)
    if np.isnan(matrix).all():
        raise ValueError(f"`{name}` must have a value in at least one cell, got NaN in each")
    return matrix


def drawn_vector(values: ArrayLike, name: str) -> Vector:
    """Real numbers (n,) that may be NaN where there is no value, but not all of them."""
    given = np.atleast_1d(as_array(values, name))
    if given.dtype.kind not in "fiub":
        raise TypeError(f"`{name}` must hold real numbers, got dtype {given.dtype}")
    if given.ndim != 1 or given.size == 0:
        raise ValueError(f"`{name}` must have shape (n,) with n > 0, got {given.shape}")
    numbers = given.astype(np.float64)
    _not_infinite(numbers, name)
    if np.isnan(numbers).all():
        raise ValueError(f"`{name}` must have at least one value, got NaN {len(numbers)} times")
    return numbers


def table_of_labels(joint: ArrayLike, name: str) -> Vector:
    """Masses (C_s, C_t) that are not negative and not all zero."""
    table = cells(joint, name, "C_s", "C_t")
    if not (table >= 0).all():  # NaN is not, either
        where = tuple(int(i) for i in np.argwhere(~(table >= 0))[0])
        raise ValueError(f"`{name}` must have masses of at least 0, got {table[where]} at {where}")
    if not table.any():
        raise ValueError(f"`{name}` must have a positive mass in at least one cell, got zeros")
    return table


def distances_to_draw(distances: ArrayLike, name: str) -> Vector:
    """A symmetric matrix of distances with a diagonal of zeros."""
    matrix = cells(distances, name, "n", "n")
    n = len(matrix)
    if matrix.shape != (n, n) or n < 2:
        raise ValueError(f"`{name}` must have shape (n, n) with n > 1, got {matrix.shape}")
    if not (matrix >= 0).all():
        where = tuple(int(i) for i in np.argwhere(~(matrix >= 0))[0])
        raise ValueError(
            f"`{name}` must have distances of at least 0, got {matrix[where]} at {where}"
        )
    if matrix.diagonal().any():
        first = int(np.flatnonzero(matrix.diagonal())[0])
        raise ValueError(
            f"`{name}` must have zeros on its diagonal, got {matrix[first, first]} at {first}"
        )
    gap = np.abs(matrix - matrix.T)
    if gap.max() > 1e-8 * matrix.max():
        i, j = (int(k) for k in np.unravel_index(gap.argmax(), gap.shape))
        raise ValueError(
            f"`{name}` must be symmetric, got {matrix[i, j]} at ({i}, {j}) and {matrix[j, i]} at "
            f"({j}, {i})"
        )
    return (matrix + matrix.T) / 2


def drawn_names(names: object, n: int, name: str) -> list[str]:
    """A name for each of n things: its position where none is given."""
    if names is None:
        return [str(i) for i in range(n)]
    if isinstance(names, str | bytes) or not isinstance(names, Iterable):
        raise TypeError(f"`{name}` must be a sequence of names, got {type(names).__name__}")
    found = [str(one) for one in names]
    if len(found) != n:
        raise ValueError(f"`{name}` must have {n} names, one for each, got {len(found)}")
    return found


def drawn_intervals(intervals: ArrayLike | None, values: Vector, name: str) -> Vector:
    """Lower and upper ends (n, 2), which enclose nothing but must be in order; NaN without."""
    if intervals is None:
        return np.full((len(values), 2), np.nan)
    given = as_array(intervals, name)
    if given.dtype.kind not in "fiub":
        raise TypeError(f"`{name}` must hold real numbers, got dtype {given.dtype}")
    if given.shape != (len(values), 2):
        raise ValueError(
            f"`{name}` must have shape ({len(values)}, 2), lower and upper ends, got {given.shape}"
        )
    ends = given.astype(np.float64)
    _not_infinite(ends, name)
    wrong = np.flatnonzero(ends[:, 0] > ends[:, 1])
    if len(wrong):
        low, high = ends[wrong[0]]
        raise ValueError(
            f"`{name}` must have lower ends of at most the upper ones, got {low} and {high} at "
            f"{wrong[0]}"
        )
    return ends


def named_values(
    scores: Any, names: Sequence[str] | None, name: str
) -> tuple[Any, Sequence[str] | None]:
    """Values and their names, which a mapping brings."""
    if not isinstance(scores, Mapping):
        return scores, names
    if names is not None:
        raise TypeError(f"`names` must be None where `{name}` is a mapping, which has its own")
    return list(scores.values()), [str(one) for one in scores]


def curves(scores: Mapping[str, ArrayLike], name: str) -> dict[str, Vector]:
    """Curves of one length by name."""
    if not scores:
        raise ValueError(f"`{name}` must have at least one curve, got none")
    found = {str(one): drawn_vector(values, name) for one, values in scores.items()}
    lengths = {one: len(values) for one, values in found.items()}
    first, *others = lengths
    for one in others:
        if lengths[one] != lengths[first]:
            raise ValueError(
                f"`{name}` must have the same length for all curves, got {lengths[first]} for "
                f"{first!r} and {lengths[one]} for {one!r}"
            )
    return found


def no_intervals_of_several(intervals: object) -> None:
    """Bands of several curves would hide each other."""
    if intervals is not None:
        raise ValueError("`intervals` must be None where `scores` has several curves")


def groups(numbers: ArrayLike, n: int) -> NDArray[np.int64]:
    """The number of a group for each of n candidates."""
    given = as_array(numbers, "groups")
    if given.dtype.kind not in "iu":
        raise TypeError(f"`groups` must be integers, got dtype {given.dtype}")
    if given.shape != (n,):
        raise ValueError(f"`groups` must have shape ({n},), got {given.shape}")
    return given.astype(np.int64)


def map_shape(shape: object, least: tuple[int, int]) -> tuple[int, int]:
    """Height and width of images that hold all patches."""
    height, width = pair(shape, "shape")
    if height < least[0] or width < least[1]:
        raise ValueError(
            f"`shape` must hold all patches, which end at {least}, got {(height, width)}"
        )
    return height, width


def two_words(value: object, name: str) -> None:
    """Two words."""
    if not isinstance(value, tuple | list) or [type(word) for word in value] != [str, str]:
        raise TypeError(f"`{name}` must be two words, got {value!r:.100}")


def two_to_compare(n: int) -> None:
    """A correlation needs two items."""
    if n < 2:
        raise ValueError(f"`scores` must be those of at least two models, got {n}")


def accuracies_of(accuracies: Any, names: Sequence[str] | None) -> Any:
    """Measured values in the order of the scores, which a mapping gives by name."""
    if not isinstance(accuracies, Mapping):
        return accuracies
    if names is None:
        raise TypeError("`accuracies` must be an array where `scores` has no names, got a mapping")
    missing = [one for one in names if one not in accuracies]
    if missing:
        raise ValueError(f"`accuracies` must hold every model of `scores`, lacks {missing[0]!r}")
    return [accuracies[one] for one in names]


def labels_of_points(labels: ArrayLike | None, n: int, name: str) -> NDArray[Any] | None:
    """A label for each point of one side of a plan."""
    if labels is None:
        return None
    given = as_array(labels, name)
    if given.shape != (n,):
        raise ValueError(f"`{name}` must have shape ({n},), one for each point, got {given.shape}")
    return given


def level(value: object) -> float:
    """The share of an interval, between 0 and 1, neither of them."""
    number = value if isinstance(value, float | int) and not isinstance(value, bool) else None
    if number is None:
        raise TypeError(f"`level` must be a number between 0 and 1, got {value!r:.100}")
    if not 0 < number < 1:
        raise ValueError(f"`level` must be a number between 0 and 1, got {value!r:.100}")
    return float(number)


def _not_infinite(values: Vector, name: str) -> None:
    wrong = np.argwhere(np.isinf(values))
    if len(wrong):
        where = tuple(int(i) for i in wrong[0])
        place = where[0] if len(where) == 1 else where
        raise ValueError(
            f"`{name}` must be finite, or NaN where there is no value, got "
            f"{values[where]} at {place}"
        )
