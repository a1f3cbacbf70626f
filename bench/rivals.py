"""What people run today, in our own words, and the exact answers to hold everything against."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[Any]
Ids = NDArray[np.integer[Any]]


def talk(features: Matrix, labels: Ids) -> float:
    """The H-score as the authors' talk prints it: two full covariances and a pseudo-inverse."""
    means = np.zeros(features.shape, dtype=features.dtype)
    for label in np.unique(labels):
        means[labels == label] = features[labels == label].mean(axis=0)
    cov_f = np.cov(features, rowvar=False)
    cov_g = np.cov(means, rowvar=False)
    return float(np.trace(np.dot(np.linalg.pinv(cov_f, rcond=1e-15), cov_g)))


def ledoit_wolf_pinv(features: Matrix, labels: Ids) -> float:
    """The shrinkage H-score as ranking libraries compute it: scikit-learn's estimate and a pinv."""
    from sklearn.covariance import LedoitWolf

    f = features.astype(np.float64)
    f -= f.mean(axis=0)
    estimate = LedoitWolf(assume_centered=True).fit(f)
    means = np.zeros_like(f)
    for label in np.unique(labels):
        means[labels == label] = f[labels == label].mean(axis=0)
    # Libraries divide this covariance by n - 1. The paper divides by n, and so do we here.
    between = (1 - estimate.shrinkage_) * np.cov(means, rowvar=False, ddof=0)
    return float(np.trace(np.dot(np.linalg.pinv(estimate.covariance_, rcond=1e-15), between)))


class Exact:
    """H-scores of one feature matrix in float64: the definition, with a solve instead of a pinv.

    It needs a covariance of full rank. The tests' reference does not, but it takes the definition
    of the Ledoit-Wolf intensity at its word: n matrices of d x d, far too many here.
    """

    def __init__(self, features: Matrix) -> None:
        self.f = features.astype(np.float64)
        self.f -= self.f.mean(axis=0)
        self.cov = self.f.T @ self.f / len(self.f)

    def ledoit_wolf(self) -> float:
        """The intensity, by the closed form of the sum over samples."""
        n, d = self.f.shape
        squared = float(np.sum(self.cov * self.cov))
        delta = squared / d - (np.trace(self.cov) / d) ** 2
        beta = (float(np.mean(np.sum(self.f * self.f, axis=1) ** 2)) - squared) / (d * n)
        return min(beta, delta) / delta

    def h_scores(self, label_sets: Ids, alpha: float = 0.0) -> NDArray[np.float64]:
        """A score for each column of label_sets (n, L)."""
        n, d = self.f.shape
        shrunk = (1 - alpha) * self.cov
        shrunk[np.diag_indices(d)] += alpha * np.trace(self.cov) / d
        roots = [_scaled_class_means(self.f, labels) for labels in label_sets.T]
        solved = np.linalg.solve(shrunk, np.concatenate(roots).T).T
        ends = np.cumsum([len(root) for root in roots])[:-1]
        pairs = zip(roots, np.split(solved, ends), strict=True)
        return np.array([(1 - alpha) * np.sum(root * inverse) / n for root, inverse in pairs])


def _scaled_class_means(f: Matrix, labels: Ids) -> Matrix:
    """R (K, d) with R^T R = n cov(E[f|y])."""
    classes, ids = np.unique(labels, return_inverse=True)
    sums = np.stack([f[ids == k].sum(axis=0) for k in range(len(classes))])
    sums /= np.sqrt(np.bincount(ids))[:, None]
    return sums
