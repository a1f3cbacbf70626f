"""The definition of the linear mean squared error."""

import numpy as np
from numpy.typing import ArrayLike

from transferscore.reference.logme import Matrix, maximum_evidence, target_columns


def linear_mse(
    features: ArrayLike,
    targets: ArrayLike,
    *,
    regression: bool = False,
    ridge: float | str = 1.0,
) -> float:
    """-min over W, b of sum ||y_i - W x_i - b||^2 / n + ridge ||W||^2, in float64.

    Nguyen et al., UAI 2023. Higher is better.

    Parameters
    ----------
    features : array-like of shape (n, d)
        Features.
    targets : array-like of shape (n,) or (n, C)
        Class labels (n,), or columns of numbers.
    regression : bool, default False
        Take targets (n,) as numbers, not as labels.
    ridge : float or "evidence", default 1.0
        The penalty, or for each column that of the largest evidence.

    Returns
    -------
    float
        The score.

    Examples
    --------
    >>> from transferscore.reference import linear_mse
    >>> round(linear_mse([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1], ridge=0), 12)
    -0.1
    """
    X = np.asarray(features, dtype=np.float64)
    X = X - X[0]  # constant features are then exactly zero
    X = X - X.mean(axis=0)
    Y = target_columns(targets, regression)
    Y = Y - Y[0]
    Y = Y - Y.mean(axis=0)
    n = len(X)
    if ridge != "evidence":
        return -_smallest(X, Y, float(ridge))
    score = 0.0
    for y in Y.T[Y.any(axis=0)]:
        _, alpha, beta = maximum_evidence(X, y)
        score -= _smallest(X, y[:, np.newaxis], alpha / beta / n)
    return score


def _smallest(X: Matrix, Y: Matrix, r: float) -> float:
    n, d = X.shape
    # Ridge regression is least squares with a row sqrt(n r) for each weight.
    rows = np.concatenate([X, np.sqrt(n * r) * np.eye(d)])
    W = np.linalg.lstsq(rows, np.concatenate([Y, np.zeros((d, Y.shape[1]))]), rcond=None)[0]
    return float(np.sum((Y - X @ W) ** 2) / n + r * np.sum(W**2))
