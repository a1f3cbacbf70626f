"""TransRate, LFC and SFDA as NumPy and SciPy users write them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[Any]
Ids = NDArray[np.int64]


def log_det_rate(Z: Matrix, epsilon: float) -> float:
    """The coding rate by a determinant of d x d, whatever the number of rows."""
    n, d = Z.shape
    return 0.5 * float(np.linalg.slogdet(np.eye(d) + Z.T @ Z / (n * epsilon))[1])


def determinants(features: Matrix, labels: Ids, epsilon: float = 1e-4) -> float:
    """TransRate with a d x d determinant for every class."""
    Z = features.astype(np.float64)
    Z -= Z.mean(axis=0)
    rates = [np.mean(labels == c) * log_det_rate(Z[labels == c], epsilon) for c in set(labels)]
    return log_det_rate(Z, epsilon) - float(np.sum(rates))


def cosine_of_matrices(features: Matrix, labels: Ids) -> float:
    """LFC from the n x n matrices of its definition."""
    X = features.astype(np.float64)
    K = X @ X.T
    L = np.where(labels[:, None] == labels, 1.0, -1.0)
    K -= K.mean()
    L -= L.mean()
    return float(np.sum(K * L) / (np.linalg.norm(K) * np.linalg.norm(L)))


def generalised_eigenproblem(features: Matrix, labels: Ids) -> float:
    """SFDA with the covariance of every class, and a generalised eigenproblem for each fit."""
    classes, y = np.unique(labels, return_inverse=True)
    X = features.astype(np.float64)
    shares = np.bincount(y) / len(y)

    def covariance(rows: Matrix) -> Matrix:
        return np.atleast_2d(np.cov(rows.T, bias=True))

    def posteriors(X: Matrix, s: float | None) -> tuple[Matrix, float]:
        from scipy.linalg import eigh

        means = np.stack([X[y == c].mean(axis=0) for c in range(len(classes))])
        within = sum(q * covariance(X[y == c]) for c, q in enumerate(shares))
        if s is None:
            s = max(np.exp(-5 * power_steps(within)), 1e-10)
        within = (1 - s) * within + s * np.trace(within) / len(within) * np.eye(len(within))
        values, vectors = eigh(covariance(X) - within, within)
        vectors = vectors[:, np.argsort(values)[::-1]]
        coefficients = means @ vectors @ vectors.T
        intercepts = -0.5 * np.sum(means * coefficients, axis=1) + np.log(shares)
        scores = X @ coefficients.T + intercepts
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return scores / scores.sum(axis=1, keepdims=True), s

    first, s = posteriors(X, None)
    again = np.exp(first) / np.exp(first).sum(axis=1, keepdims=True)
    own = again[np.arange(len(y)), y][:, None]
    means = np.stack([X[y == c].mean(axis=0) for c in range(len(classes))])
    others = (means.sum(axis=0) - means) / (len(classes) - 1)
    mixed = own * X + (1 - own) * others[y]
    second, _ = posteriors(mixed, s)
    return float(second[np.arange(len(y)), y].mean())


def power_steps(A: Matrix) -> float:
    """The published estimate of the largest eigenvalue: three times two steps from the row sums."""
    x = A.sum(axis=1)
    for _ in range(3):
        y = A @ x / np.linalg.norm(A @ x)
        x = A @ y / np.linalg.norm(A @ y)
    return float(x @ A @ y)
