"""GBC as one writes it with NumPy: a decomposition of the features, then pair after pair."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[Any]
Ids = NDArray[np.integer[Any]]


def gbc_by_pairs(features: Matrix, labels: Ids) -> float:
    """Every ordered pair of classes by a call of its own, means and variances taken once."""
    classes = np.unique(labels)
    means = [features[labels == c].mean(axis=0) for c in classes]
    variances = [np.maximum(features[labels == c].var(axis=0), 1e-4) for c in classes]
    total = 0.0
    for i in range(len(classes)):
        for j in range(len(classes)):
            if i != j:
                total += np.exp(-_distance(means[i], variances[i], means[j], variances[j]))
    return -float(total)


def _distance(mean_1: Matrix, variance_1: Matrix, mean_2: Matrix, variance_2: Matrix) -> float:
    average = (variance_1 + variance_2) / 2
    apart = np.sum((mean_1 - mean_2) ** 2 / average) / 8
    unlike = (
        np.sum(np.log(average))
        - 0.5 * np.sum(np.log(variance_1))
        - 0.5 * np.sum(np.log(variance_2))
    )
    return float(apart + unlike / 2)


def leading_components(features: Matrix, n_components: int) -> Matrix:
    """Principal components by a full SVD of the features."""
    U, s, _ = np.linalg.svd(features - features.mean(axis=0), full_matrices=False)
    return np.asarray(U[:, :n_components] * s[:n_components])
