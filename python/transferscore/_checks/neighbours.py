"""What knn and parc ask of targets and labels."""

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
from transferscore._checks.features import features_alone, features_and_labels
from transferscore._checks.labels import IgnoreIndex, Labels, kept_mask, label_array
from transferscore._checks.numbers import count
from transferscore._checks.transport import under_names


def neighbours(k: object, n: int) -> int:
    """A number of neighbours that n samples have."""
    number = count(k, "k")
    if number > n - 1:
        raise ValueError(
            f"`k` must be at most n - 1 = {n - 1}, the other samples there are, got {number}"
        )
    return number


def features_and_classes(
    features: ArrayLike, targets: ArrayLike, *, ignore_index: IgnoreIndex, n_threads: int
) -> tuple[Floats, Labels, NDArray[Any]]:
    """Features (n, d), class ids and labels (n,) of the samples that are not ignored."""
    X = real_matrix(features, "features")
    y = label_array(targets, n=len(X), name="targets", many=False)
    values = y if ignore_index is None else y[kept_mask(y, ignore_index, "targets")]
    with under_names({"labels": "targets"}):
        X, ids = features_and_labels(X, y, ignore_index=ignore_index, n_threads=n_threads)
    return X, ids, values


def features_and_numbers(
    features: ArrayLike, targets: ArrayLike, *, ignore_index: IgnoreIndex, n_threads: int
) -> tuple[Floats, NDArray[np.float64], bool]:
    """Features (n, d), targets (n, C), and whether these came as (n,)."""
    if ignore_index is not None:
        raise ValueError(
            f"`ignore_index` must be None with regression=True, got {ignore_index!r}; leave out "
            "rows of `features` and `targets` before the call"
        )
    X = features_alone(features, n_threads)
    y = as_array(targets, "targets")
    if y.ndim not in (1, 2) or y.shape[0] != len(X):
        raise ValueError(f"`targets` must have shape ({len(X)},) or ({len(X)}, C), got {y.shape}")
    columns = real_matrix(y[:, np.newaxis] if y.ndim == 1 else y, "targets")
    Y = np.require(kernel_ready(columns), np.float64, ["C", "A"])
    refuse_nonfinite(Y, "targets", None, n_threads)
    constant = np.flatnonzero((Y[0] == Y).all(axis=0))
    if len(constant):
        column = int(constant[0])
        place = "" if y.ndim == 1 else f" in every column; column {column} is"
        raise ValueError(
            f"`targets` must vary{place}, got {Y[0, column]} for all samples: a constant has no "
            "correlation"
        )
    return X, Y, y.ndim == 1


def features_and_label_rows(
    features: ArrayLike, labels: NDArray[Any], *, ignore_index: IgnoreIndex, n_threads: int
) -> tuple[Floats, NDArray[np.uint8]]:
    """Features (n, d) and multi-label rows (n, C) of 0 and 1."""
    if ignore_index is not None:
        raise ValueError(
            f"`ignore_index` must be None with labels of shape (n, C), got {ignore_index!r}; leave "
            "out rows of `features` and `labels` before the call"
        )
    X = features_alone(features, n_threads)
    Y = real_matrix(labels, "labels")
    if len(Y) != len(X):
        raise ValueError(f"`labels` must have shape ({len(X)},) or ({len(X)}, C), got {Y.shape}")
    if not (whole := (Y == 0) | (Y == 1)).all():
        row, column = divmod(int(np.argmin(whole)), Y.shape[1])
        raise ValueError(
            f"`labels` of shape (n, C) must be 0 or 1, got {Y[row, column]} at row {row}, column "
            f"{column}"
        )
    ones = np.count_nonzero(Y, axis=1)
    same = np.flatnonzero((ones == 0) | (ones == Y.shape[1]))
    if len(same):
        row = int(same[0])
        raise ValueError(
            "`labels` of shape (n, C) must have both 0 and 1 in every row, because a constant row "
            f"has no correlation with others; got only {int(Y[row, 0])} in row {row}"
        )
    return X, np.require(Y, np.uint8, ["C", "A"])


def at_least_three(n: int) -> None:
    """Pairs of two samples are one pair: nothing to rank."""
    if n < 3:
        raise ValueError(f"`features` must have at least 3 rows, got {n}")


def constant_row(row: int) -> ValueError:
    """The error where a sample's standardised features are all the same."""
    return ValueError(
        "`features` must differ within every row once each column has mean 0 and variance 1, "
        f"because a constant row has no correlation with others; got row {row}"
    )


def equal_distances(name: str, n: int) -> ValueError:
    """The error where all pairs are equally far apart."""
    return ValueError(
        f"`{name}` must put some pairs of samples farther apart than others, got equal distances "
        f"for all {n * (n - 1) // 2} pairs"
    )


def too_many_label_distances() -> ValueError:
    """The error where label rows are too manifold for the kernel to number their distances."""
    return ValueError(
        "`labels` of shape (n, C) must have fewer possible distances between rows (numbers of ones "
        f"that occur, and how many two rows can share), got more than {2**20}; leave out columns"
    )


def too_many_pairs(n: int, needed: int, budget: float) -> MemoryError:
    """The error where the distances of all pairs would not fit."""
    return MemoryError(
        f"the distances of all pairs of {n} samples need {needed / 2**30:.3g} GiB ({needed} "
        f"bytes), more than the budget of {budget / 2**30:.3g} GiB; score a sample of the rows, or "
        "allow it with a larger memory_budget=..."
    )
