"""``transferscore rank --dry-run``: what a run would read, hold and take, from a piece of it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferscore._scores import Score
from transferscore.ranking._tabular import Sheet, Tabular

# Rows of the piece that is scored; of half as many, to see how time grows.
ROWS = 2048
# Sums of samples cost time in proportion to them, pairs of samples to their square.
LEAST_GROWTH, MOST_GROWTH = 1.0, 2.0


@dataclass(frozen=True)
class Estimate:
    """What one model would cost."""

    name: str
    n: int
    d: int
    dtype: str
    read: int  # bytes
    memory: int  # bytes beyond what is read, for scores from sums
    seconds: float


@dataclass(frozen=True)
class DryRun(Tabular):
    """What a run would cost."""

    KIND = "dry-run"

    estimates: Sequence[Estimate]
    errors: dict[str, str]

    def _columns(self) -> dict[str, list[Any]]:
        return {
            "name": [one.name for one in self.estimates],
            "n": [one.n for one in self.estimates],
            "d": [one.d for one in self.estimates],
            "dtype": [one.dtype for one in self.estimates],
            "bytes_read": [one.read for one in self.estimates],
            "bytes_memory": [one.memory for one in self.estimates],
            "seconds": [one.seconds for one in self.estimates],
        }

    def _about(self) -> dict[str, Any]:
        return {"seconds": sum(one.seconds for one in self.estimates), "errors": self.errors}

    def _sheet(self) -> Sheet:
        rows = [
            (one.name, one.n, one.d, one.dtype, _size(one.read), _size(one.memory), _time(one))
            for one in self.estimates
        ]
        total = sum(one.seconds for one in self.estimates)
        notes = [
            f"nothing was ranked; about {total:.2g} s in all, judged from at most {ROWS:,} rows "
            "of each model",
            "memory is that of scores from sums; k-NN, PARC and N-LEEP document their own",
        ]
        headings = ("Model", "n", "d", "Type", "Read", "Memory", "About")
        return Sheet(headings, rows, "lrrlrrr", notes=notes)


def estimate(
    name: str,
    features: NDArray[Any],
    labels: NDArray[Any],
    scores: Sequence[Score],
    n_threads: int | None,
) -> Estimate:
    """Judge one model from a piece of it.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As the scores do.
    """
    n, d = features.shape
    n_classes = len(np.unique(labels))
    needed = 9 * 8 * (min(n, d) ** 2 + n_classes * d) + 30 * 2**20
    seconds = sum(_seconds(features, labels, score, n_threads) for score in scores)
    return Estimate(name, n, d, features.dtype.name, features.nbytes, needed, seconds)


def _seconds(
    features: NDArray[Any], labels: NDArray[Any], score: Score, n_threads: int | None
) -> float:
    n = len(labels)
    rows = np.linspace(0, n - 1, min(n, ROWS)).astype(np.intp)
    whole = _timed(features, labels, rows, score, n_threads)
    if len(rows) == n:
        return whole
    half = _timed(features, labels, rows[::2], score, n_threads)
    growth = np.clip(np.log2(whole / half), LEAST_GROWTH, MOST_GROWTH)
    return float(whole * (n / len(rows)) ** growth)


def _timed(
    features: NDArray[Any],
    labels: NDArray[Any],
    rows: NDArray[np.intp],
    score: Score,
    n_threads: int | None,
) -> float:
    some, y = np.ascontiguousarray(features[rows]), labels[rows]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of so few rows
        start = perf_counter()
        score.compute(some, y, n_threads=n_threads)
        return perf_counter() - start


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.1f} GiB" if n_bytes >= 2**30 else f"{n_bytes / 2**20:.1f} MiB"


def _time(one: Estimate) -> str:
    return f"{one.seconds:.2g} s"
