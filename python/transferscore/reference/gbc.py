"""The definition of the Gaussian Bhattacharyya coefficient."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = NDArray[np.float64]


def gbc(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    covariance: Literal["diagonal", "spherical"] = "diagonal",
    pca: int | None = 64,
    least_variance: float = 1e-4,
) -> float:
    """-sum of exp(-D_ij) over ordered pairs of classes i != j, in float64.

    Pandy, Agostinelli, Uijlings, Ferrari, Mensink, CVPR 2022. Higher is better.

    Parameters
    ----------
    features : array-like of shape (n, d)
        Features.
    labels : array-like of shape (n,)
        Class labels.
    covariance : "diagonal" or "spherical", default "diagonal"
        Of each class.
    pca : int or None, default 64
        How many principal components take the place of the features.
    least_variance : float, default 1e-4
        A variance below this counts as this.

    Returns
    -------
    float
        The score.

    Examples
    --------
    >>> from transferscore.reference import gbc
    >>> round(gbc([[0.0], [2.0], [4.0], [6.0]], [0, 0, 1, 1]), 6)  # -2 exp(-16 / 8)
    -0.270671
    """
    z = np.asarray(features, dtype=np.float64)
    y = np.asarray(labels)
    if pca is not None:
        z = principal_components(z, pca)
    mu, S = [], []
    for label in np.unique(y):
        of_class = z[y == label]
        variance = np.maximum(
            np.mean((of_class - of_class.mean(axis=0)) ** 2, axis=0), least_variance
        )
        if covariance == "spherical":
            variance = np.full_like(variance, variance.mean())
        mu.append(of_class.mean(axis=0))
        S.append(variance)
    score = 0.0
    for i in range(len(mu)):
        for j in range(len(mu)):
            if i != j:
                score -= np.exp(-bhattacharyya(mu[i], S[i], mu[j], S[j]))
    return float(score)


def bhattacharyya(mu_i: Matrix, S_i: Matrix, mu_j: Matrix, S_j: Matrix) -> float:
    """The distance of two Gaussians with diagonal covariances (q,)."""
    S = (S_i + S_j) / 2
    log_det = np.sum(np.log(S)) - (np.sum(np.log(S_i)) + np.sum(np.log(S_j))) / 2
    return float(np.sum((mu_i - mu_j) ** 2 / S) / 8 + log_det / 2)


def principal_components(features: Matrix, n_components: int) -> Matrix:
    """The leading coordinates (n, q) of the centred features, q = min(n_components, n, d)."""
    U, s, _ = np.linalg.svd(features - features.mean(axis=0), full_matrices=False)
    return np.asarray(U[:, :n_components] * s[:n_components], dtype=np.float64)
