"""What drop-in names of other libraries ask beyond the functions that they call."""

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore._checks.arrays import as_array, real_matrix
from transferscore._checks.labels import label_array
from transferscore._checks.numbers import as_float, count


def one_column(value: ArrayLike, name: str) -> NDArray[Any]:
    """Labels (n,), which may come as (n, 1)."""
    y = as_array(value, name)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise ValueError(f"`{name}` must have shape (n,) or (n, 1), got {y.shape}")
    return y


def label_columns(value: ArrayLike, n: int, name: str) -> NDArray[Any]:
    """Labels (n,) or (n, C) as integers or strings."""
    return label_array(value, n, name=name)


def rows_by_label(classes: NDArray[Any], name: str) -> int:
    """How many rows a matrix has in which row c belongs to class c."""
    if classes.dtype.kind not in "iu" or classes[0] < 0:
        raise ValueError(
            f"`{name}` must be whole numbers of at least 0, because row c of the weights belongs "
            f"to class c, got {classes[0]!s:.100}"
        )
    return int(classes[-1]) + 1


def multiple(ratio: object, number: int, name: str) -> int:
    """A ratio times a number, which must be a count."""
    product = _real(ratio, name) * number
    if not (product >= 1 and product == np.floor(product)):
        raise ValueError(
            f"`{name}` times the number of classes, {number}, must be a whole number of at least "
            f"1, got {ratio!r:.100}"
        )
    return count(int(product), name)


def reduced_width(ratio: object, features: ArrayLike, most: int) -> int:
    """A share of the number of features, rounded down; `most` for a ratio above 1."""
    value = _real(ratio, "ratio")
    if value > 1:
        return most
    d = real_matrix(features, "features").shape[1]
    if not value * d >= 1:
        raise ValueError(f"`ratio` must leave at least one of {d} features, got {ratio!r:.100}")
    return int(value * d)


def split(share: object, n: int) -> int:
    """How many samples come first and train; the share of n, rounded down, tests."""
    value = _real(share, "percent_train")
    n_test = int(value * n) if 0 < value < 1 else 0
    if n_test < 1:
        raise ValueError(
            "`percent_train` must be between 0 and 1 and leave samples on both sides, got "
            f"{share!r:.100} of {n} samples"
        )
    return n - n_test


def known_classes(n_classes: int, name: object, known: Mapping[str, int]) -> int:
    """Classes of a known data set, else those that occur."""
    most = known.get(name, n_classes) if isinstance(name, str) else n_classes
    if n_classes > most:
        raise ValueError(
            f"`y` must have at most {most} classes, as many as `target_dataset` {name!r:.100} has, "
            f"got {n_classes}"
        )
    return most


def one_neighbour(k: object) -> int:
    """One neighbour, where many labels belong to each sample and have no majority."""
    if count(k, "k") > 1:
        raise ValueError(f"`k` must be 1 for `y` of shape (n, C), got {k}")
    return 1


def no_regression() -> ValueError:
    """The error where a score of classes is asked for numbers, as transformer-ranker words it."""
    return ValueError("HScore is not suitable for regression tasks.")


def not_fitted_yet() -> RuntimeError:
    """The error where a model is asked to predict before it knows anything."""
    return RuntimeError("this LogME is not fitted; call fit(f, y) before predict(f)")


def _real(value: object, name: str) -> float:
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"`{name}` must be a number, got {value!r:.100}")
    return as_float(value)
