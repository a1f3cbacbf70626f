"""The definition of the H-score."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = NDArray[np.float64]


def h_score(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    shrinkage: float | Literal["ledoit-wolf"] | None = None,
    adjust_for_chance: bool = False,
) -> float:
    """tr( pinv(cov f) cov(E[f|y]) ), or with (1 - alpha) and the shrunk covariance, in float64.

    Bao et al., ICIP 2019; Ibrahim et al., ECML-PKDD 2022. Higher is better.

    Parameters
    ----------
    features : array-like of shape (n, d)
        Features.
    labels : array-like of shape (n,)
        Class labels.
    shrinkage : None, "ledoit-wolf" or float in [0, 1], optional
        Intensity alpha of the shrinkage; None is the plain score.
    adjust_for_chance : bool, default False
        Subtract the mean over all permutations of the labels and rescale.

    Returns
    -------
    float
        The score.

    Examples
    --------
    >>> from transferscore.reference import h_score
    >>> round(h_score([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]), 12)
    0.8
    """
    f = np.asarray(features, dtype=np.float64)
    y = np.asarray(labels)
    f = f - f[0]  # a constant feature is then exactly zero, also where its mean is rounded
    f = f - f.mean(axis=0)
    if shrinkage is None:
        f = f / _unit_of_each_feature(f)
    n = len(f)
    g = _class_means(f, y)

    cov_f = f.T @ f / n
    cov_g = g.T @ g / n
    alpha = (
        0.0
        if shrinkage is None
        else ledoit_wolf(f)
        if shrinkage == "ledoit-wolf"
        else float(shrinkage)
    )
    inverse = pinv((1 - alpha) * cov_f + alpha * np.trace(cov_f) / f.shape[1] * np.eye(f.shape[1]))
    score = float(np.trace(inverse @ ((1 - alpha) * cov_g)))
    if not adjust_for_chance:
        return score
    most = len(np.unique(y)) - 1
    q = float(np.trace(inverse @ ((1 - alpha) * cov_f))) / (n - 1)
    return (score - most * q) / (1 - q)


def ledoit_wolf(f: Matrix) -> float:
    """Ledoit and Wolf (2004): the intensity for centred features f (n, d), by the definition."""
    n, d = f.shape
    S = f.T @ f / n
    mu = np.trace(S) / d
    delta = np.sum((S - mu * np.eye(d)) ** 2) / d
    beta = sum(np.sum((np.outer(x, x) - S) ** 2) for x in f) / (n * n * d)
    return float(min(beta, delta) / delta) if delta > 0 else 0.0


def pinv(cov: Matrix) -> Matrix:
    """Pseudo-inverse of a symmetric matrix; eigenvalues at the level of rounding count as zero."""
    rounding = len(cov) * float(np.finfo(np.float64).eps)
    return np.asarray(np.linalg.pinv(cov, rcond=rounding, hermitian=True), dtype=np.float64)


def _class_means(f: Matrix, y: NDArray[np.generic]) -> Matrix:
    """E[f|y] for every sample: (n, d)."""
    g = np.empty_like(f)
    for label in np.unique(y):
        g[y == label] = f[y == label].mean(axis=0)
    return g


def _unit_of_each_feature(f: Matrix) -> Matrix:
    # The plain score does not depend on units; in units of their own size, "small eigenvalue" means
    # the same for all features, and squares neither overflow nor vanish.
    unit = np.max(np.abs(f), axis=0)
    return np.where(unit > 0, unit, 1.0)
