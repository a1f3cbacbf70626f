"""The definition of the H-score's gradient."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore.reference.h_score import ledoit_wolf, pinv

Matrix = NDArray[np.float64]


class HScoreGradient(NamedTuple):
    """The score and its derivatives."""

    value: float
    features: Matrix  # (n, d)


def h_score_gradient(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    shrinkage: float | Literal["ledoit-wolf"] | None = None,
) -> HScoreGradient:
    """Derivatives of H = (1 - alpha) tr(A^+ cov(E[f|y])), A = (1 - alpha) S + alpha tr(S) / d I.

    Parameters
    ----------
    features : array-like of shape (n, d)
        Features.
    labels : array-like of shape (n,)
        Class labels.
    shrinkage : None, "ledoit-wolf" or float in [0, 1], optional
        Intensity alpha of the shrinkage; that of Ledoit and Wolf is differentiated, too.

    Returns
    -------
    HScoreGradient
        The score and its derivatives by the features.

    Examples
    --------
    >>> from transferscore.reference import h_score_gradient
    >>> result = h_score_gradient([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    >>> result.features.ravel().round(3)
    array([ 0.08, -0.24,  0.24, -0.08])
    """
    f, y = np.asarray(features, dtype=np.float64), np.asarray(labels)
    f = f - f.mean(axis=0)
    n, d = f.shape
    g = np.array([f[y == label].mean(axis=0) for label in y])
    S, B, eye = f.T @ f / n, g.T @ g / n, np.eye(d)
    mu = np.trace(S) / d
    estimated = shrinkage == "ledoit-wolf"
    alpha = ledoit_wolf(f) if estimated else float(shrinkage or 0)

    M = pinv((1 - alpha) * S + alpha * mu * eye)
    Q = (1 - alpha) * M @ B @ M
    gradient = 2 / n * ((1 - alpha) * (g @ M - f @ Q) - alpha * np.trace(Q) / d * f)
    if estimated and 0 < alpha < 1:
        dH = -np.trace(M @ B) - mu * np.trace(Q) + np.trace(Q @ S)
        delta = np.sum((S - mu * eye) ** 2) / d
        d_delta = 4 / (n * d) * (f @ S - mu * f)
        d_beta = 4 / (n * n * d) * (np.sum(f**2, axis=1)[:, None] * f - f @ S)
        gradient = gradient + dH * (d_beta - alpha * d_delta) / delta
    return HScoreGradient(float((1 - alpha) * np.trace(M @ B)), gradient - gradient.mean(axis=0))
