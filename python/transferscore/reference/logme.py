"""The definition of LogME."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = NDArray[np.float64]
EPS = float(np.finfo(np.float64).eps)


def logme(features: ArrayLike, targets: ArrayLike, *, regression: bool = False) -> float:
    """The mean over target columns of max L(alpha, beta) / n, in float64.

    You et al., ICML 2021. Higher is better. Columns of zeros are left out.

    Parameters
    ----------
    features : array-like of shape (n, d)
        Features.
    targets : array-like of shape (n,) or (n, C)
        Class labels (n,), or columns of numbers.
    regression : bool, default False
        Take targets (n,) as numbers, not as labels.

    Returns
    -------
    float
        The score.

    Examples
    --------
    >>> from transferscore.reference import logme
    >>> round(logme([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]), 6)
    -0.787067
    """
    X = np.asarray(features, dtype=np.float64)
    Y = target_columns(targets, regression)
    return float(np.mean([maximum_evidence(X, y)[0] for y in Y.T if y.any()]))


def maximum_evidence(X: Matrix, y: Matrix) -> tuple[float, float, float]:
    """(max L / n, alpha, beta): over beta in closed form, over lambda = alpha / beta by zooming.

    Where the features fit y exactly, L has no maximum. Rounding ends it: eigenvalues below 64 eps
    of the largest are zero, lambda is not below that, and for n > d what is left over of y is not
    below n eps ||y||^2.
    """
    n, d = X.shape
    unit = float(np.max(np.abs(X))) or 1.0
    y_unit = float(np.max(np.abs(y)))
    X, y = X / unit, y / y_unit
    U, sigma, _ = np.linalg.svd(X, full_matrices=False)
    s = sigma**2
    rounding = 64 * EPS * s[0]
    s = np.where(s > rounding, s, 0.0)
    x = U.T @ y
    outside = float(np.sum((y - U @ x) ** 2))
    least = n * EPS * float(y @ y) if n > d else 0.0
    logs = np.linspace(np.log(rounding), np.log(s[0] / EPS), 2001) if s[0] > 0 else np.zeros(1)
    for _ in range(6):
        lam = np.exp(logs)[:, np.newaxis]
        Q = np.maximum(outside + np.sum(lam * x**2 / (s + lam), axis=1), least)
        shrinkage = np.sum(np.log(lam / (lam + s)), axis=1)
        L = (shrinkage + n * (np.log(n / Q) - 1 - np.log(2 * np.pi))) / 2
        best = int(np.argmax(L))
        low, high = logs[max(best - 1, 0)], logs[min(best + 1, len(logs) - 1)]
        log_lam, value, beta = float(logs[best]), float(L[best]), n / float(Q[best])
        logs = np.linspace(low, high, 41)
    alpha = float(np.exp(log_lam)) * beta * unit**2 / y_unit**2
    return value / n - float(np.log(y_unit)), alpha, beta / y_unit**2


def evidence(X: Matrix, y: Matrix, alpha: float, beta: float) -> float:
    """L(alpha, beta) / n, word for word."""
    n, d = X.shape
    A = alpha * np.eye(d) + beta * X.T @ X
    m = beta * np.linalg.solve(A, X.T @ y)
    residual, norm = float(np.sum((y - X @ m) ** 2)), float(m @ m)
    log_det = float(np.linalg.slogdet(A)[1])
    terms = d * np.log(alpha) + n * np.log(beta) - log_det - beta * residual - alpha * norm
    return float((terms - n * np.log(2 * np.pi)) / (2 * n))


def target_columns(targets: ArrayLike, regression: bool) -> Matrix:
    """Targets as columns (n, C): indicators of the classes for labels (n,)."""
    y = np.asarray(targets)
    if y.ndim == 1 and not regression:
        y = y[:, np.newaxis] == np.unique(y)
    elif y.ndim == 1:
        y = y[:, np.newaxis]
    return np.asarray(y, dtype=np.float64)
