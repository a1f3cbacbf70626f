"""Student's t distribution with a whole number of degrees of freedom."""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def cdf(t: Vector, dof: int) -> Vector:
    """P(T <= t), by the finite sums of Abramowitz and Stegun, 26.7.3 and 26.7.4."""
    angle = np.arctan(t / math.sqrt(dof))
    cosine = np.cos(angle)
    odd = dof % 2
    term = cosine if odd else np.ones_like(cosine)
    total = np.zeros_like(cosine)
    for j in range(1 + odd, dof, 2):  # the powers dof - 2, dof - 4, ... of the cosine, from below
        total = total + term
        term = term * cosine**2 * (j / (j + 1))
    inside = np.sin(angle) * total
    if odd:
        inside = 2 / math.pi * (angle + inside)
    probability: Vector = 0.5 + 0.5 * inside
    return probability


@lru_cache(maxsize=256)
def quantile(p: float, dof: int) -> float:
    """The t that P(T <= t) = p has, for p in [0.5, 1)."""
    low, high = 0.0, math.pi / 2
    for _ in range(80):
        middle = (low + high) / 2
        t = math.sqrt(dof) * math.tan(middle)
        low, high = (middle, high) if float(cdf(np.array(t), dof)) < p else (low, middle)
    return math.sqrt(dof) * math.tan((low + high) / 2)
