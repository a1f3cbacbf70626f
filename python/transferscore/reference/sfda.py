"""The definition of SFDA."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = NDArray[np.float64]
Ids = NDArray[np.intp]


def sfda(features: ArrayLike, labels: ArrayLike) -> float:
    """Mean probability of the own class, in a discriminant fitted to samples moved to the others.

    Shao et al., ECCV 2022. Higher is better.

    Parameters
    ----------
    features : array-like of shape (n, d)
        Features.
    labels : array-like of shape (n,)
        Class labels.

    Returns
    -------
    float
        The score.

    Examples
    --------
    >>> from transferscore.reference import sfda
    >>> round(sfda([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]), 6)
    0.817392
    """
    X = np.asarray(features, dtype=np.float64)
    X = X - X[0]
    X = X - X.mean(axis=0)
    y = np.unique(np.asarray(labels), return_inverse=True)[1]
    own = np.arange(len(X)), y
    spread = float(np.mean(np.sum(X * X, axis=1)))

    s = max(np.exp(-5 * largest_eigenvalue(within_covariance(X, y))), 1e-10)
    w = softmax(Discriminant(X, y, s, spread).predict(X))[own][:, np.newaxis]  # softmax once more
    mu = class_means(X, y)
    others = (mu.sum(axis=0) - mu) / (len(mu) - 1)
    X = w * X + (1 - w) * others[y]
    return float(np.mean(Discriminant(X, y, s, spread).predict(X)[own]))


def class_means(X: Matrix, y: Ids) -> Matrix:
    """Means (K, d)."""
    return np.stack([X[y == c].mean(axis=0) for c in range(y.max() + 1)])


def within_covariance(X: Matrix, y: Ids) -> Matrix:
    """Covariance of the samples about the means of their classes, divided by n."""
    F = X - class_means(X, y)[y]
    return np.asarray(F.T @ F / len(F))


def largest_eigenvalue(A: Matrix) -> float:
    """The authors' estimate: three times two power steps, from the row sums."""
    if np.trace(A) <= 0:
        return 0.0
    x = A.sum(axis=1)
    if np.linalg.norm(x) <= 1e-12 * np.trace(A) * np.sqrt(len(A)):
        x = A[np.argmax(np.diag(A))]
    for _ in range(3):
        y = A @ x
        y = y / np.linalg.norm(y)
        x = A @ y
        x = x / np.linalg.norm(x)
    return float(x @ A @ y)


def softmax(a: Matrix) -> Matrix:
    """Of each row."""
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


class Discriminant:
    """Classes of one covariance (1 - s) S_w + s tr(S_w) / d I.

    Where S_w is zero beside the spread of all samples, the limit is taken with a tiny multiple of
    the identity.
    """

    def __init__(self, X: Matrix, y: Ids, s: float, spread: float) -> None:
        S_w = within_covariance(X, y)
        eye = np.eye(len(S_w))
        A = (1 - s) * S_w + s * np.trace(S_w) / len(S_w) * eye
        if np.trace(S_w) <= 1e-28 * spread:
            A = (1e-20 * spread if spread > 0 else 1.0) * eye
        self.mu = class_means(X, y)
        self.coefficients = np.linalg.solve(A, self.mu.T)
        self.log_priors = np.log(np.bincount(y) / len(y))

    def predict(self, X: Matrix) -> Matrix:
        """Probabilities (n, K)."""
        half = np.sum(self.mu.T * self.coefficients, axis=0) / 2
        return softmax(X @ self.coefficients - half + self.log_priors)
