"""Numbers, words and seeds."""

import operator
from collections.abc import Sequence
from numbers import Real
from typing import Any, Literal

import numpy as np

MOST_THREADS = 1024
Shrinkage = float | Literal["ledoit-wolf"] | None


MOST = 2**63 - 1  # what a kernel can count to


def as_float(value: Real) -> float:
    """The number as a float; infinity where it is larger than any."""
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")  # type: ignore[operator]


def positive(value: object, name: str) -> float:
    """A finite number above zero."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"`{name}` must be a number above 0, got {value!r:.100}")
    number = as_float(value)
    if not 0 < number < np.inf:
        raise ValueError(f"`{name}` must be a finite number above 0, got {value!r:.100}")
    return number


def share(value: object, name: str) -> float:
    """A number in [0, 1]."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"`{name}` must be a number in [0, 1], got {value!r}")
    number = as_float(value)
    if not 0 <= number <= 1:
        raise ValueError(f"`{name}` must be a number in [0, 1], got {value!r:.100}")
    return number


def count(value: object, name: str, least: int = 1) -> int:
    """An integer that is large enough."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise TypeError(f"`{name}` must be an integer, got {value!r}")
    if number < least:
        raise ValueError(f"`{name}` must be at least {least}, got {number}")
    if number > MOST:
        raise ValueError(f"`{name}` must be at most {MOST}, got {number!s:.100}")
    return number


def choice(value: object, name: str, choices: Sequence[str]) -> str:
    """One of some words."""
    if not isinstance(value, str) or value not in choices:
        words = " or ".join(repr(word) for word in choices)
        raise ValueError(f"`{name}` must be {words}, got {value!r}")
    return value


def generator(random_state: object) -> "np.random.Generator":
    """A source of random numbers from a seed or a generator."""
    if random_state is not None and not isinstance(random_state, np.random.Generator):
        count(random_state, "random_state", least=0)
    return np.random.default_rng(random_state)  # type: ignore[arg-type]


def shrinkage(value: object) -> tuple[bool, float]:
    """(Ledoit-Wolf?, intensity) from None, "ledoit-wolf" or a number in [0, 1]."""
    if value is None:
        return False, 0.0
    if isinstance(value, str) and value == "ledoit-wolf":
        return True, 0.0
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    intensity = as_float(value) if isinstance(value, Real) else -1.0
    if is_number and 0 <= intensity <= 1:
        return False, intensity
    error = ValueError if is_number or isinstance(value, str) else TypeError
    raise error(
        f"`shrinkage` must be None, 'ledoit-wolf' or a number in [0, 1], got {value!r:.100}"
    )


def n_threads(value: object) -> int:
    """A number of threads."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise TypeError(f"`n_threads` must be an integer, got {value!r}")
    if not 1 <= number <= MOST_THREADS:
        raise ValueError(f"`n_threads` must be between 1 and {MOST_THREADS}, got {number}")
    return number


def number(value: object, name: str) -> float:
    """A finite number."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise TypeError(f"`{name}` must be a number, got {value!r}")
    result = as_float(value)
    if not np.isfinite(result):
        raise ValueError(f"`{name}` must be finite, got {value!r:.100}")
    return result


def finite_result(value: Any, subject: str) -> float:
    """A finite number, or that of a result."""
    number = getattr(value, "score", getattr(value, "value", value))
    try:
        result = as_float(number)
    except (TypeError, ValueError):
        raise TypeError(
            f"{subject} must be a number or a result with `score`, got {type(value).__name__}"
        ) from None
    if not np.isfinite(result):
        raise ValueError(f"{subject} must be finite, got {result}")
    return result
