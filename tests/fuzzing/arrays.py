"""Arrays and options: right ones, odd ones and wrong ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Generator = np.random.Generator

DTYPES = ("f8", "f8", "f8", "f4", "f4", "f2", ">f8", ">f4", "i1", "i4", "i8", "u8", "?", "g")
NO_NUMBERS = (None, "text", b"bytes", {}, {1: 2}, [], [[]], [[1], [1, 2]], object(), 3 + 4j, ...)
ODD_NUMBERS = (
    *(0, 1, 2, 3, -1, 10**6, 2**31, 2**63, 2**64, -(2**63), 10**400, 0.0, 0.5, 1.0, -0.5, 1e-300),
    *(5e-324, 1e-16, 1e300, 1.7e308, float("inf"), float("-inf"), float("nan"), True, False),
    *(np.float32(0.1), np.int8(3), np.uint64(2**63), np.array(0.5), np.array([0.5]), [1], "1"),
    *(None, 1j, b"1", "text", (), {}, np.nan),
)


def chance(rng: Generator, share: float) -> bool:
    """True for this share of the draws."""
    return bool(rng.random() < share)


def one_of(rng: Generator, values: Sequence[Any]) -> Any:
    """One of the values, as it is: NumPy's `choice` would make them of one type."""
    return values[int(rng.integers(len(values)))]


def number(rng: Generator, usual: Sequence[Any], odd: float = 0.08) -> Any:
    """An option: mostly one of the usual values."""
    return one_of(rng, ODD_NUMBERS if chance(rng, odd) else usual)


def size(rng: Generator, most: int = 40) -> int:
    """A length: often tiny."""
    return int(rng.integers(1, one_of(rng, (3, 8, most)) + 1))


def _values(rng: Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of a kind that scores have trouble with."""
    X = rng.normal(size=shape)
    n, d = shape[0], shape[-1]
    kind = int(rng.integers(14))
    if kind == 0:
        X[:] = X.flat[0]
    elif kind == 1:
        X[:] = 0
    elif kind == 2:
        X = X[rng.integers(max(1, n // 2), size=n)]  # rows twice
    elif kind == 3:
        X = X[..., rng.integers(max(1, d // 2), size=d)]  # columns twice
    elif kind == 4:
        X += one_of(rng, (1e4, 1e8, 1e15, -1e300))
    elif kind == 5:
        X *= one_of(rng, (1e-320, 1e-160, 1e-30, 1e30, 1e100, 1e153, 1e155, 1e200, 1e307))
    elif kind == 6:
        X *= 10.0 ** rng.integers(-150, 150, size=d)  # a unit for each column
    elif kind == 7:
        X = np.round(X)
    elif kind == 8:
        X *= rng.random(shape) < 0.1
    elif kind == 9:
        X[int(rng.integers(n))] *= 1e12  # an outlier
    return X


def poisoned(rng: Generator, X: np.ndarray) -> np.ndarray:
    """The array with some NaN or infinity."""
    if X.size and X.dtype.kind == "f":
        X = X.copy()
        X.flat[int(rng.integers(X.size))] = one_of(rng, (np.nan, np.inf, -np.inf))
    return X


def laid_out(rng: Generator, X: np.ndarray) -> Any:
    """The same numbers somewhere else in memory."""
    kind = int(rng.integers(9))
    if kind == 0:
        return np.asfortranarray(X)
    if kind == 1:
        return np.repeat(X, 2, axis=0)[::2]
    if kind == 2:
        return X[::-1].copy()[::-1]
    if kind == 3:
        packed = np.zeros(X.shape, np.dtype([("skip", "i1"), ("x", X.dtype)]))
        packed["x"] = X
        return packed["x"]  # not aligned
    if kind == 4:
        X = X.copy()
        X.setflags(write=False)
        return X
    if kind == 5:
        return X.tolist()
    if kind == 6:
        return np.ma.masked_array(X, mask=chance(rng, 0.2))
    return X


def array(rng: Generator, *shape: int, odd: float = 0.06) -> Any:
    """An array of this shape, or with the chance `odd` something else."""
    if chance(rng, odd):
        kind = int(rng.integers(4))
        if kind == 0:
            return one_of(rng, NO_NUMBERS)
        if kind == 1:
            return one_of(rng, ODD_NUMBERS)
        if kind == 2:  # another shape
            shape = tuple(int(rng.integers(0, 5)) for _ in range(int(rng.integers(0, 5))))
            return rng.normal(size=shape)
        dtype = one_of(rng, ("c16", "U3", "O", "M8[s]", "S2", "m8[s]"))
        return np.zeros(shape, dtype)
    if 0 in shape:
        return np.zeros(shape)
    X = _values(rng, shape)
    if chance(rng, 0.05):
        X = poisoned(rng, X)
    with np.errstate(all="ignore"):
        X = X.astype(one_of(rng, DTYPES))
    return laid_out(rng, X)


def labels(rng: Generator, n: int, odd: float = 0.05) -> Any:
    """Labels of n samples."""
    if chance(rng, odd):
        kind = int(rng.integers(3))
        if kind == 0:
            return one_of(rng, NO_NUMBERS)
        if kind == 1:
            n = max(0, n + int(rng.integers(-2, 3)))
        else:
            return rng.normal(size=n)
    k = one_of(rng, (1, 2, 2, 3, 3, max(1, n)))
    y = rng.integers(k, size=n)
    kind = int(rng.integers(16))
    if kind == 0:
        return y - 1
    if kind == 1:
        return y * (2**62)
    if kind == 2:
        return y.astype(np.uint64) + np.uint64(2**63)
    if kind == 3:
        return np.array([f"class {i}" for i in y], dtype="U12")
    if kind == 4:
        return y.astype(float)
    if kind == 5:
        return y % 2 == 1
    if kind == 6:
        return y.tolist()
    if kind == 7 and chance(rng, 0.5):
        return np.stack([y, y[::-1]], axis=1)
    if kind == 8 and chance(rng, 0.5):
        return np.array([one_of(rng, (None, "a", 1)) for _ in y], dtype=object)
    if kind == 9:
        return np.where(rng.random(n) < 0.3, 255, y).astype(np.uint8)
    return laid_out(rng, y)


def probabilities(rng: Generator, n: int, k: int) -> Any:
    """Rows of distributions, mostly."""
    if chance(rng, 0.25):
        return array(rng, n, k)
    rows = rng.dirichlet(np.full(k, one_of(rng, (0.01, 1.0, 100.0))), size=n)
    if chance(rng, 0.3):
        rows = np.eye(k)[rng.integers(k, size=n)]
    return laid_out(rng, rows.astype(one_of(rng, ("f8", "f4", "f2"))))


def weights(rng: Generator, n: int) -> Any:
    """Masses of n points, or none."""
    if chance(rng, 0.5):
        return None
    w = rng.random(n) * (rng.random(n) < 0.8)
    if chance(rng, 0.7) and w.sum() > 0:
        w /= w.sum()
    return w if chance(rng, 0.8) else array(rng, n)
