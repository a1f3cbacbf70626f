"""Every asked score of one model, with the warnings that came along."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from transferscore._scores import Score
from transferscore.io import printable


@dataclass(frozen=True)
class Scores:
    """Values by the score's name; each warning once, one line each."""

    values: dict[str, float]
    warnings: tuple[str, ...]


def compute(
    features: NDArray[Any], labels: NDArray[Any], scores: Sequence[Score], n_threads: int | None
) -> Scores:
    """Score one model.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As the scores do, and for a value that is not finite.
    """
    values = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for score in scores:
            value = float(score.compute(features, labels, n_threads=n_threads))
            if not math.isfinite(value):
                raise ValueError(f"{score.title} must be finite, is {value}")
            values[score.name] = value
    return Scores(values, tuple(dict.fromkeys(one_line(entry.message) for entry in caught)))


def one_line(message: object) -> str:
    """Return the text of an exception or warning without line breaks."""
    return printable(" ".join(str(message).split()))
