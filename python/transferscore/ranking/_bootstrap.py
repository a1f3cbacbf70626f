"""The bootstrap: resamples of tasks or of candidates, and intervals from them."""

from collections.abc import Iterator
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from transferscore.ranking import _student

Vector = NDArray[np.float64]
BLOCK = 2**21  # numbers that are drawn at a time


def draws(n: int, n_resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Indices (r, n) of what is drawn with replacement, some resamples at a time."""
    rng = np.random.default_rng(seed)
    step = max(1, BLOCK // n)
    for start in range(0, n_resamples, step):
        yield rng.integers(n, size=(min(step, n_resamples - start), n))


def counted(drawn: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often each item was drawn (r, n)."""
    r, n = drawn.shape
    cells = drawn + n * np.arange(r)[:, np.newaxis]
    return np.bincount(cells.ravel(), minlength=r * n).reshape(r, n).astype(np.int64)


def means(values: Vector, n_resamples: int, seed: int) -> Vector:
    """Means (R,) of resampled values."""
    blocks = draws(len(values), n_resamples, seed)
    return np.concatenate([values[drawn].mean(axis=1) for drawn in blocks])


def interval(samples: Vector, n: int, confidence: float) -> tuple[float, float] | None:
    """The expanded percentile interval of a bootstrap over n items; None where n is 1.

    Hesterberg, The American Statistician 69, 2015: a bootstrap's spread is too small by the root of
    (n - 1) / n, and its percentiles are those of a normal, not of a t distribution. Percentiles
    further out make up for both.
    """
    if n < 2 or not len(samples):
        return None
    out = sqrt(n / (n - 1)) * _student.quantile((1 + confidence) / 2, n - 1)
    tail = NormalDist().cdf(-out)
    low, high = np.quantile(samples, [tail, 1 - tail])
    return float(low), float(high)
