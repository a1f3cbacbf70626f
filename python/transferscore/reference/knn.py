"""The definition of the nearest neighbours' accuracy."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = NDArray[np.float64]


def knn(
    features: ArrayLike,
    targets: ArrayLike,
    *,
    k: int = 5,
    metric: Literal["euclidean", "cosine"] = "euclidean",
    regression: bool = False,
) -> float:
    """Leave-one-out accuracy of k nearest neighbours, or correlation of their mean with the target.

    Higher is better.

    Parameters
    ----------
    features : array-like of shape (n, d)
        Features.
    targets : array-like of shape (n,), or (n, C) with `regression`
        Class labels, or numbers.
    k : int, default 5
        Neighbours.
    metric : "euclidean" or "cosine", default "euclidean"
        Distance.
    regression : bool, default False
        Correlation instead of accuracy.

    Returns
    -------
    float
        The score.

    Examples
    --------
    >>> from transferscore.reference import knn
    >>> knn([[0.0], [0.1], [0.2], [5.0], [5.1]], ["a", "a", "a", "b", "b"], k=1)
    1.0
    """
    neighbours, _ = nearest_neighbours(features, k, metric)
    y = np.asarray(targets)
    if not regression:
        return float(
            np.mean([vote(y[some]) == own for some, own in zip(neighbours, y, strict=True)])
        )
    columns = y.astype(np.float64).reshape(len(y), -1)
    columns = columns - columns.mean(axis=0)
    return float(np.mean([_pearson(c, c[neighbours].mean(axis=1)) for c in columns.T]))


def nearest_neighbours(features: ArrayLike, k: int, metric: str) -> tuple[NDArray[np.intp], Matrix]:
    """Indices and distances (n, k) of the others, by distance and then by index."""
    x = np.asarray(features, dtype=np.float64)
    n = len(x)
    products, squares = np.zeros((n, n)), np.zeros((n, n))
    for f in x.T:  # in the order of the features, which decides how equal distances are rounded
        products += f[:, np.newaxis] * f
        squares += (f[:, np.newaxis] - f) ** 2
    if metric == "euclidean":
        order, distances = squares, np.sqrt(squares)
    else:
        norms = np.sqrt(np.outer(products.diagonal(), products.diagonal()))
        cosine = np.divide(products, norms, out=np.zeros((n, n)), where=norms > 0)
        order = distances = np.maximum(1 - cosine, 0)
    chosen = []
    for i in range(n):
        others = np.delete(np.arange(n), i)
        chosen.append(others[np.argsort(order[i, others], kind="stable")[:k]])
    indices = np.array(chosen)
    return indices, np.take_along_axis(distances, indices, axis=1)


def vote(labels: NDArray[Any]) -> Any:
    """The label that most of these have; of several the one that comes first."""
    counts = [np.count_nonzero(labels == label) for label in labels]
    return labels[int(np.argmax(counts))]


def _pearson(target: Matrix, mean: Matrix) -> float:
    mean = mean - mean.mean()
    if np.ptp(mean) <= 1e-14 * np.ptp(target):  # constant but for rounding
        return 0.0
    return float(target @ mean / np.sqrt((target @ target) * (mean @ mean)))
