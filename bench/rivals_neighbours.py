"""Nearest neighbours and PARC as NumPy, SciPy and scikit-learn users write them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def numpy_knn(X: NDArray[np.float32], y: NDArray[np.int64], k: int) -> float:
    """All distances at once; the least class of those with the most votes."""
    norms = np.einsum("ij,ij->i", X, X)
    distances = norms[:, None] + norms - 2 * (X @ X.T)
    np.fill_diagonal(distances, np.inf)
    nearest = np.argpartition(distances, k, axis=1)[:, :k]
    votes = np.zeros((len(y), int(y.max()) + 1), dtype=np.int32)
    np.add.at(votes, (np.arange(len(y))[:, None], y[nearest]), 1)
    return float(np.mean(votes.argmax(axis=1) == y))


def sklearn_knn(X: NDArray[np.float32], y: NDArray[np.int64], k: int) -> float:
    """scikit-learn's search by products, which leaves the sample itself out when asked nothing."""
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(X)
    nearest = search.kneighbors(return_distance=False)
    votes = np.zeros((len(y), int(y.max()) + 1), dtype=np.int32)
    np.add.at(votes, (np.arange(len(y))[:, None], y[nearest]), 1)
    return float(np.mean(votes.argmax(axis=1) == y))


def spearman_parc(X: NDArray[Any], y: NDArray[np.int64]) -> float:
    """Two matrices of correlations and SciPy's Spearman; label ties as rounding leaves them."""
    from scipy.stats import spearmanr

    z = (X - X.mean(axis=0)) / X.std(axis=0)
    onehot = np.eye(int(y.max()) + 1)[y]
    above = np.triu_indices(len(y), 1)
    features, labels = 1 - np.corrcoef(z)[above], 1 - np.corrcoef(onehot)[above]
    return 100 * float(spearmanr(features, labels).statistic)
