"""How sure a correlation over few models is: models drawn with replacement."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Correlate = Callable[[Vector, Vector], float]


def correlation_or_nan(correlate: Correlate, x: Vector, y: Vector) -> float:
    """The correlation, NaN where all values of one side are equal."""
    return correlate(x, y) if np.ptp(x) > 0 and np.ptp(y) > 0 else float("nan")


def correlation_interval(
    correlate: Correlate,
    x: Vector,
    y: Vector,
    generator: np.random.Generator,
    *,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> tuple[Vector, int]:
    """Percentile interval (2,), and how many resamples had no correlation and were left out.

    The ends are NaN where none had one.
    """
    draws = generator.integers(0, len(x), (n_resamples, len(x)))
    found = np.array([correlation_or_nan(correlate, x[draw], y[draw]) for draw in draws])
    defined = found[~np.isnan(found)]
    if not len(defined):
        return np.full(2, np.nan), n_resamples
    ends: Vector = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return ends, n_resamples - len(defined)
