"""The bootstrap: resamples of tasks or of candidates, and intervals from them."""

from collections.abc import Iterator
from functools import lru_cache
from math import cos, pi, sin, sqrt, tan
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

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
    out = sqrt(n / (n - 1)) * t_quantile((1 + confidence) / 2, n - 1)
    tail = NormalDist().cdf(-out)
    low, high = np.quantile(samples, [tail, 1 - tail])
    return float(low), float(high)


@lru_cache(maxsize=256)
def t_quantile(probability: float, freedom: int) -> float:
    """Student's t for a probability of at least a half and whole degrees of freedom."""
    low, high = 0.0, pi / 2
    for _ in range(60):  # bisection, in the angle whose tangent is t over the root of freedom
        middle = (low + high) / 2
        if _inside(middle, freedom) > 2 * probability - 1:
            high = middle
        else:
            low = middle
    return sqrt(freedom) * tan((low + high) / 2)


def _inside(angle: float, freedom: int) -> float:
    """P(|T| < t), the finite sums of Abramowitz, Stegun, 26.7.3 and 26.7.4."""
    odd = freedom % 2
    steps = np.arange(2 + odd, freedom, 2, dtype=np.float64)  # of the exponent of the cosine
    factors = np.concatenate([[1.0], cos(angle) ** 2 * (steps - 1) / steps])[: max(1, freedom // 2)]
    total = float(np.cumprod(factors).sum())
    if not odd:
        return sin(angle) * total
    return 2 / pi * (angle + (sin(angle) * cos(angle) * total if freedom > 1 else 0.0))
