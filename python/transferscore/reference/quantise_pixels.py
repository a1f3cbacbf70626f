"""The definition of the colours of pixels."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ids = NDArray[np.int64]


def quantise_pixels(target_images: ArrayLike, *, n_colours: int = 16) -> Ids:
    """Label sets from images of numbers: the best partition of the values of each pixel.

    Parameters
    ----------
    target_images : array-like of shape (n, H, W)
        Images of numbers.
    n_colours : int, default 16
        The most colours of a pixel.

    Returns
    -------
    ndarray of shape (n, H W)
        Colours 0 .. K - 1 of each pixel, by increasing value.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore.reference import quantise_pixels
    >>> quantise_pixels(np.array([0.0, 0.1, 5.0, 9.0]).reshape(4, 1, 1), n_colours=3).ravel()
    array([0, 0, 1, 2])
    """
    images = np.asarray(target_images, dtype=np.float64)
    pixels = images.reshape(len(images), -1)
    return np.stack([best_intervals(x, n_colours) for x in pixels.T], axis=1)


def best_intervals(x: NDArray[np.float64], n_colours: int) -> Ids:
    """The partition of numbers (n,) into intervals with the least sum of squares, as ids (n,).

    With E_k(j) the least sum of squares of the j smallest different numbers in k intervals,

        E_k(j) = min_i E_{k-1}(i) + sum of squares of the numbers i + 1 .. j about their mean.
    """
    numbers, where, w = np.unique(x, return_inverse=True, return_counts=True)
    m, k = len(numbers), min(n_colours, len(numbers))
    E = np.full((k + 1, m + 1), np.inf)
    E[0, 0] = 0.0
    begin = np.zeros((k + 1, m + 1), dtype=np.int64)
    for j in range(1, m + 1):
        cost = np.array([_sum_of_squares(numbers[i:j], w[i:j]) for i in range(j)])
        for c in range(1, k + 1):
            total = E[c - 1, :j] + cost
            begin[c, j] = np.argmin(total)
            E[c, j] = total[begin[c, j]]
    ids = np.empty(m, dtype=np.int64)
    j = m
    for c in range(k, 0, -1):
        ids[begin[c, j] : j] = c - 1
        j = begin[c, j]
    return ids[where.ravel()]


def _sum_of_squares(x: NDArray[np.float64], w: NDArray[np.int64]) -> float:
    mean = np.average(x, weights=w)
    return float(np.sum(w * (x - mean) ** 2))
