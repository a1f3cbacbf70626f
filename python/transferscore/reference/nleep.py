"""The definition of N-LEEP, from a given start of the mixture."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore.reference.gbc import principal_components
from transferscore.reference.leep import leep

Matrix = NDArray[np.float64]
Covariance = Literal["full", "diagonal", "spherical"]


def nleep(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    start: ArrayLike,
    n_components: int | None = None,
    covariance: Covariance = "full",
    pca: float | int | None = 0.8,
    log: bool = True,
    reg_covar: float = 1e-6,
    tol: float = 1e-3,
    max_iter: int = 100,
) -> float:
    """LEEP of the posterior of a Gaussian mixture, in float64.

    Li, Jia, Sang, Zhu, Green, Wang, Gong, CVPR 2021. Higher is better.

    Parameters
    ----------
    features : array-like of shape (n, d)
        Features.
    labels : array-like of shape (n,)
        Class labels.
    start : array-like of shape (n,)
        The component 0 .. K-1 of each sample from which the fit starts.
    n_components : int, optional
        K. Default: the largest of `start` and 1.
    covariance : "full", "diagonal" or "spherical", default "full"
        Of each Gaussian.
    pca : float in (0, 1), int or None, default 0.8
        Share of the variance that principal components hold, or their number.
    log : bool, default True
        False takes the mean of probabilities, not of their logarithms.
    reg_covar : float, default 1e-6
        Added to variances.
    tol : float, default 1e-3
        Change of the mean log-likelihood at which the fit ends.
    max_iter : int, default 100
        Most rounds.

    Returns
    -------
    float
        The score.

    Examples
    --------
    >>> from transferscore.reference import nleep
    >>> x = [[0.0], [1.0], [8.0], [9.0]]
    >>> nleep(x, [0, 0, 1, 1], start=[0, 0, 1, 1]) > -1e-6
    True
    >>> round(nleep(x, [0, 1, 0, 1], start=[0, 0, 1, 1]), 6)
    -0.693147
    """
    z = np.asarray(features, dtype=np.float64)
    y = np.asarray(labels)
    first = np.asarray(start)
    K = int(first.max()) + 1 if n_components is None else n_components
    if isinstance(pca, float):
        variances = np.linalg.svd(z - z.mean(axis=0), compute_uv=False) ** 2
        share = np.cumsum(variances)
        # Features without variance leave one component, which is zero.
        above = np.flatnonzero(share > pca * share[-1])
        pca = int(above[0]) + 1 if len(above) else 1
    if pca is not None:
        z = principal_components(z, pca)
    theta, _, _ = gaussian_mixture(
        z, first, K, covariance=covariance, reg_covar=reg_covar, tol=tol, max_iter=max_iter
    )
    if log:
        return leep(theta, y)
    predicted = np.empty(len(y))
    for label in np.unique(y):
        P = theta[y == label].sum(axis=0) / np.maximum(theta.sum(axis=0), np.finfo(float).tiny)
        predicted[y == label] = theta[y == label] @ P
    return float(predicted.mean())


def gaussian_mixture(
    z: Matrix,
    start: NDArray[np.integer],
    n_components: int,
    *,
    covariance: Covariance,
    reg_covar: float,
    tol: float,
    max_iter: int,
) -> tuple[Matrix, float, int]:
    """Posterior (n, K), mean log-likelihood and rounds of a mixture fitted from a start (n,)."""
    theta = np.eye(n_components)[start]
    before, change, n_iter = -np.inf, np.inf, 0
    log_likelihood, theta = expect(z, *maximise(z, theta, covariance, reg_covar))
    while abs(change) >= tol and n_iter < max_iter:
        n_iter += 1
        change, before = log_likelihood - before, log_likelihood
        log_likelihood, theta = expect(z, *maximise(z, theta, covariance, reg_covar))
    return theta, log_likelihood, n_iter


def maximise(
    z: Matrix, theta: Matrix, covariance: Covariance, reg_covar: float
) -> tuple[Matrix, Matrix, Matrix]:
    """Weights (K,), means (K, q) and covariances (K, q, q)."""
    q = z.shape[1]
    mass = theta.sum(axis=0) + 10 * np.finfo(np.float64).eps
    mu = theta.T @ z / mass[:, np.newaxis]
    S = np.empty((len(mass), q, q))
    for k in range(len(mass)):
        S[k] = (theta[:, k] * (z - mu[k]).T) @ (z - mu[k]) / mass[k] + reg_covar * np.eye(q)
        if covariance == "diagonal":
            S[k] = np.diag(np.diag(S[k]))
        if covariance == "spherical":
            S[k] = np.trace(S[k]) / q * np.eye(q)
    return mass / len(z), mu, S


def expect(z: Matrix, w: Matrix, mu: Matrix, S: Matrix) -> tuple[float, Matrix]:
    """Mean log-likelihood, and P(k | z_i) (n, K)."""
    log_p = np.empty((len(z), len(w)))
    for k in range(len(w)):
        white = np.linalg.solve(np.linalg.cholesky(S[k]), (z - mu[k]).T)
        log_det = np.linalg.slogdet(2 * np.pi * S[k])[1]
        log_p[:, k] = np.log(w[k]) - log_det / 2 - np.sum(white**2, axis=0) / 2
    most = log_p.max(axis=1, keepdims=True)
    log_sum = most + np.log(np.sum(np.exp(log_p - most), axis=1, keepdims=True))
    return float(log_sum.mean()), np.exp(log_p - log_sum)
