"""LogME and linear regression as NumPy users write them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[Any]


def svd_logme(features: Matrix, labels: NDArray[np.int64]) -> float:
    """LogME by the published iteration: a decomposition of X^T X, and X again for every class."""
    n, d = features.shape
    X = features.astype(np.float64)
    v, squares, _ = np.linalg.svd(X.T @ X)
    evidences = []
    for label in np.unique(labels):
        y = (labels == label).astype(np.float64)
        projected = v.T @ (X.T @ y)
        alpha = beta = 1.0
        for _ in range(11):
            before = alpha / beta
            shrunk = beta * projected / (alpha + beta * squares)
            m = v @ shrunk
            norm, residual = float(m @ m), float(np.sum((y - X @ m) ** 2))
            gamma = float(np.sum(beta * squares / (alpha + beta * squares)))
            alpha, beta = gamma / norm, (n - gamma) / residual
            if abs(alpha / beta - before) / before <= 1e-2:
                break
        logs = d * np.log(alpha) + n * np.log(beta) - np.sum(np.log(alpha + beta * squares))
        evidences.append(logs - beta * residual - alpha * norm - n * np.log(2 * np.pi))
    return float(np.mean(evidences)) / (2 * n)


def least_squares(features: Matrix, labels: NDArray[np.int64], ridge: float) -> float:
    """Minus the penalised error of indicators, by a solve with the covariance."""
    X = features.astype(np.float64)
    X -= X.mean(axis=0)
    Y = (labels[:, None] == np.unique(labels)).astype(np.float64)
    Y -= Y.mean(axis=0)
    n, d = X.shape
    W = np.linalg.solve(X.T @ X + n * ridge * np.eye(d), X.T @ Y)
    return -float(np.sum((Y - X @ W) ** 2)) / n - ridge * float(np.sum(W**2))


def singular_entropy(features: Matrix) -> float:
    """The effective rank from the singular values of the features."""
    sigma = np.linalg.svd(features.astype(np.float64), compute_uv=False)
    p = sigma / sigma.sum()
    p = p[p > 0]
    return float(np.exp(-np.sum(p * np.log(p))))
