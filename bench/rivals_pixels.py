"""Image-to-image tasks as published code scores them, and clusterings of scikit-learn."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[Any]
Ids = NDArray[np.integer[Any]]


def birch(values: Matrix, n_colours: int, threshold: float) -> Ids:
    """The colours of one position as the published script finds them: values (n, q)."""
    from sklearn.cluster import Birch

    model = Birch(threshold=threshold, branching_factor=50, n_clusters=n_colours)
    return np.asarray(model.fit_predict(values))


def k_means(values: Matrix, n_colours: int) -> Ids:
    """The same by scikit-learn's k-means with its defaults."""
    from sklearn.cluster import KMeans

    return np.asarray(KMeans(n_colours, random_state=0).fit_predict(values))


def inverse(features: Matrix) -> Matrix:
    """What the script computes once for a source."""
    return np.linalg.pinv(np.cov(features, rowvar=False), rcond=1e-15)


def score_of_a_pixel(inverse_covariance: Matrix, features: Matrix, labels: Ids) -> float:
    """And once for a pixel: the covariance of the class mean of every sample."""
    means = np.zeros(features.shape, dtype=features.dtype)
    for label in np.unique(labels):
        means[labels == label] = features[labels == label].mean(axis=0)
    return float(np.trace(np.dot(inverse_covariance, np.cov(means, rowvar=False))))


def sum_of_squares(values: Matrix, labels: Ids) -> float:
    """Of values (n, q) about the means of their labels."""
    _, ids = np.unique(labels, return_inverse=True)
    sums = np.stack([np.bincount(ids, weights=column) for column in values.T], axis=1)
    means = sums / np.bincount(ids)[:, np.newaxis]
    return float(np.sum((values - means[ids]) ** 2))
