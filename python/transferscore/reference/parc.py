"""The definition of PARC."""

from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = NDArray[np.float64]


def parc(features: ArrayLike, labels: ArrayLike) -> float:
    """100 times Spearman's correlation of distances between features and between labels.

    Bolya et al., NeurIPS 2021. Higher is better.

    Parameters
    ----------
    features : array-like of shape (n, d)
        Features.
    labels : array-like of shape (n,) or (n, C)
        Class labels, or rows of 0 and 1.

    Returns
    -------
    float
        The score.

    Examples
    --------
    >>> from transferscore.reference import parc
    >>> x = [[0.0, 1.0, 5.0], [1.0, 1.0, 4.0], [3.0, 0.0, 0.0], [4.0, 1.0, 1.0]]
    >>> round(parc(x, [0, 0, 1, 1]), 3)
    82.808
    """
    x = np.asarray(features, dtype=np.float64)
    y = np.asarray(labels)
    onehot = y if y.ndim == 2 else y[:, np.newaxis] == np.unique(y)
    below = np.tril_indices(len(x), -1)
    r = feature_ranks(feature_distances(x)[below])
    s = label_ranks(onehot.astype(int), below)
    r, s = r - r.mean(), s - s.mean()
    return float(100 * (r @ s) / np.sqrt((r @ r) * (s @ s)))


def feature_distances(x: Matrix) -> Matrix:
    """1 - corr(z_i, z_j) for columns with mean 0 and variance 1, or 0 where they are constant."""
    x = x - x[0]
    largest = np.abs(x).max(axis=0)
    x = x / np.where(largest > 0, largest, 1)  # so that squares stay in range
    z = x - x.mean(axis=0)
    z = z / np.where(largest > 0, z.std(axis=0), 1)
    return np.asarray(1 - np.corrcoef(z), dtype=np.float64)


def feature_ranks(values: Matrix) -> Matrix:
    """Average ranks; values that differ by rounding alone are tied."""
    order = np.argsort(values, kind="stable")
    group = np.cumsum((np.diff(values[order], prepend=-np.inf) > 3e-13).astype(int))
    return _average_ranks(order, group)


def label_ranks(onehot: NDArray[np.int_], below: tuple[NDArray[np.intp], ...]) -> Matrix:
    """Average ranks of 1 - corr(y_i, y_j), compared as fractions."""
    n_columns = onehot.shape[1]
    ones = [int(row.sum()) for row in onehot]
    shared = onehot @ onehot.T
    square: list[Fraction] = []  # of the correlation, with its sign
    for i, j in zip(*below, strict=True):
        covariance = n_columns * int(shared[i, j]) - ones[i] * ones[j]
        variances = ones[i] * (n_columns - ones[i]) * ones[j] * (n_columns - ones[j])
        square.append(Fraction(covariance * abs(covariance), variances))
    farthest_last = sorted(set(square), reverse=True)
    number = {value: k for k, value in enumerate(farthest_last)}
    group = np.array([number[value] for value in square])
    order = np.argsort(group, kind="stable")
    return _average_ranks(order, group[order])


def _average_ranks(order: NDArray[np.intp], group: NDArray[np.int_]) -> Matrix:
    """The mean position, from 1, of each group of a sorted list; written where its members were."""
    position = np.arange(1, len(order) + 1, dtype=np.float64)
    _, member = np.unique(group, return_inverse=True)
    ranks = np.empty(len(order))
    ranks[order] = (np.bincount(member, position) / np.bincount(member))[member]
    return ranks
