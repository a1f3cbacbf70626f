"""The definition of LFC."""

import numpy as np
from numpy.typing import ArrayLike


def lfc(features: ArrayLike, labels: ArrayLike) -> float:
    """The cosine of K - mean(K) and L - mean(L), K = X X^T, L = +-1 for same or other class.

    Deshpande et al., arXiv 2102.00084. Higher is better.

    Parameters
    ----------
    features : array-like of shape (n, d)
        Features.
    labels : array-like of shape (n,)
        Class labels.

    Returns
    -------
    float
        The score; 0 for constant features.

    Examples
    --------
    >>> from transferscore.reference import lfc
    >>> round(lfc([[1.0], [1.0], [-1.0], [-1.0]], [0, 0, 1, 1]), 12)
    1.0
    """
    X = np.asarray(features, dtype=np.float64)
    y = np.asarray(labels)
    if np.all(X[0] == X):
        return 0.0
    X = X / np.max(np.abs(X - X[0]))  # a cosine does not depend on the unit
    K = X @ X.T
    L = np.where(y[:, np.newaxis] == y, 1.0, -1.0)
    K = K - K.mean()
    L = L - L.mean()
    return float(np.sum(K * L) / np.sqrt(np.sum(K * K) * np.sum(L * L)))
