"""The definitions of the coding rate and of TransRate."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = NDArray[np.float64]


def coding_rate(features: ArrayLike, *, epsilon: float = 1e-4, centred: bool = True) -> float:
    """1/2 logdet(I + Z^T Z / (n epsilon)), in float64.

    Huang et al., ICML 2022.

    Parameters
    ----------
    features : array-like of shape (n, d)
        Features.
    epsilon : float, default 1e-4
        Distortion.
    centred : bool, default True
        Whether Z are the features less their mean.

    Returns
    -------
    float
        The rate.

    Examples
    --------
    >>> from transferscore.reference import coding_rate
    >>> round(coding_rate([[1.0, 0.0], [-1.0, 0.0]], epsilon=1.0), 6)
    0.346574
    """
    X = np.asarray(features, dtype=np.float64)
    return _rate(about_mean(X) if centred else X, epsilon)


def transrate(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    epsilon: float = 1e-4,
    weighting: Literal["size", "uniform"] = "size",
) -> float:
    """R(Z) - sum_c w_c R(Z_c), w_c = n_c / n or 1 / K, in float64.

    Huang et al., ICML 2022. Higher is better.

    Parameters
    ----------
    features : array-like of shape (n, d)
        Features.
    labels : array-like of shape (n,)
        Class labels.
    epsilon : float, default 1e-4
        Distortion.
    weighting : {"size", "uniform"}, default "size"
        Weights of the classes.

    Returns
    -------
    float
        The score.

    Examples
    --------
    >>> from transferscore.reference import transrate
    >>> round(transrate([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1], epsilon=1.0), 12)
    0.0
    """
    Z = about_mean(np.asarray(features, dtype=np.float64))
    y = np.asarray(labels)
    classes = np.unique(y)
    within = 0.0
    for label in classes:
        Z_c = Z[y == label]
        weight = len(Z_c) / len(Z) if weighting == "size" else 1 / len(classes)
        within += weight * _rate(Z_c, epsilon)
    return _rate(Z, epsilon) - within


def about_mean(X: Matrix) -> Matrix:
    """Features less their mean; a constant feature is then exactly zero."""
    X = X - X[0]
    return np.asarray(X - X.mean(axis=0))


def _rate(Z: Matrix, epsilon: float) -> float:
    # The eigenvalues of Z^T Z are the squares of the singular values of Z, and these do not lose
    # small ones beside large ones.
    singular = np.linalg.svd(Z, compute_uv=False)
    return float(np.sum(np.log1p(singular**2 / (len(Z) * epsilon))) / 2)
