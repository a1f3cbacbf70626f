"""Statistics that merge, against a Gram in double precision; a matrix that no memory holds."""

import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from transferscore import FeatureStatistics, h_score

Timed = Callable[..., None]
Problems = Callable[..., Any]

SIZE = (20_000, 2_048, 100)
LARGE = 40 * 10**9  # bytes
WIDTH = 512

needs_time = pytest.mark.skipif(
    os.environ.get("TRANSFERSCORE_BENCH_LARGE") != "1",
    reason="TRANSFERSCORE_BENCH_LARGE=1 asks for it",
)


class TestBatches:
    """W1 in ten batches: a Gram in double precision is the floor."""

    pytestmark = pytest.mark.benchmark(group="statistics 20,000 x 2,048, 100 classes, 10 batches")

    def test_gram(self, timed: Timed, problem: Problems) -> None:
        X = problem(*SIZE).X.astype(np.float64)
        corner = X[:, :8].T @ X[:, :8]
        timed(lambda: (X.T @ X)[:8, :8], corner, role="floor", at_most=1e-10)

    def test_transferscore(self, timed: Timed, problem: Problems) -> None:
        p = problem(*SIZE)
        exact = p.exact.h_scores(p.y[:, None])[0]

        def score() -> float:
            statistics = FeatureStatistics()
            for rows in np.array_split(np.arange(len(p.X)), 10):
                statistics.partial_fit(p.X[rows[0] : rows[-1] + 1], p.y[rows])
            return statistics.h_score()

        timed(score, exact, role="ours", at_most=1e-9)


@needs_time
def test_forty_gigabytes(tmp_path: Path, capsys: Any) -> None:
    """A sparse file of 40 GB, mapped into memory, is scored under 1 GB of resident memory."""
    n = LARGE // (4 * WIDTH)
    written = np.memmap(tmp_path / "features", np.float32, "w+", shape=(n, WIDTH))
    rows = np.arange(0, n, n // 4096)
    rng = np.random.default_rng(0)
    labels = np.zeros(n, np.int8)
    labels[rows] = np.arange(len(rows)) % 3
    written[rows] = rng.normal(size=(len(rows), WIDTH)) + labels[rows, None]
    sample = written[rows].astype(np.float64)
    del written
    features = np.memmap(tmp_path / "features", np.float32, "r", shape=(n, WIDTH))
    score = FeatureStatistics().partial_fit(features, labels).h_score()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    with capsys.disabled():
        print(f"\n40 GB, {n:,} x {WIDTH}: H-score {score:.6f}, peak {peak:.2f} GB")
    assert peak < 1
    # All other rows are zeros of class 0: the exact scatter is that of the sample and these.
    assert score == pytest.approx(exact_with_zeros(sample, labels[rows], n), rel=1e-8)


def exact_with_zeros(sample: Any, labels: Any, n: int) -> float:
    """The H-score of the sample among n rows, of which the others are zeros of class 0."""
    total = sample.sum(axis=0)
    scatter = sample.T @ sample - np.outer(total, total) / n
    between = -np.outer(total, total) / n
    for label in np.unique(labels):
        rows = sample[labels == label]
        size = len(rows) + (n - len(sample) if label == 0 else 0)
        between = between + np.outer(rows.sum(axis=0), rows.sum(axis=0)) / size
    return float(np.trace(np.linalg.solve(scatter, between)))


def test_exact_with_zeros() -> None:
    rng = np.random.default_rng(0)
    sample, labels = rng.normal(size=(50, 4)), np.arange(50) % 3
    X = np.vstack([sample, np.zeros((70, 4))])
    y = np.append(labels, np.zeros(70, np.int64))
    assert exact_with_zeros(sample, labels, 120) == pytest.approx(h_score(X, y), rel=1e-10)
