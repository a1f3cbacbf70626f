"""Statistics that merge, against a Gram in double precision; a matrix that no memory holds."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rivals_labels import leep_by_product

from test_leep import outputs
from transferscore import (
    FeatureStatistics,
    PredictionStatistics,
    get_num_threads,
    h_score,
    leep,
)

Timed = Callable[..., None]
Problems = Callable[..., Any]

SIZE = (20_000, 2_048, 100)
LARGE = 40 * 10**9  # bytes
WIDTH = 512
BATCH = 64

needs_time = pytest.mark.skipif(
    os.environ.get("TRANSFERSCORE_BENCH_LARGE") != "1",
    reason="TRANSFERSCORE_BENCH_LARGE=1 asks for it",
)


def batches(X: Any, y: Any, size: int) -> Any:
    """Samples as a data loader gives them."""
    for first in range(0, len(X), size):
        yield X[first : first + size], y[first : first + size]


class TestBatches:
    """W1 in ten batches, and in small ones: a Gram in double precision is the floor."""

    pytestmark = pytest.mark.benchmark(group="statistics 20,000 x 2,048, 100 classes")

    def test_gram(self, timed: Timed, problem: Problems) -> None:
        X = problem(*SIZE).X.astype(np.float64)
        corner = X[:, :8].T @ X[:, :8]
        timed(lambda: (X.T @ X)[:8, :8], corner, role="floor", at_most=1e-10)

    @pytest.mark.parametrize(("role", "size"), [("ours", 2000), ("variant", BATCH)])
    def test_transferscore(self, timed: Timed, problem: Problems, role: str, size: int) -> None:
        p = problem(*SIZE)
        exact = p.exact.h_scores(p.y[:, None])[0]

        def score() -> float:
            statistics = FeatureStatistics()
            for X, y in batches(p.X, p.y, size):
                statistics.partial_fit(X, y)
            return statistics.h_score()

        timed(score, exact, role=role, at_most=1e-9, note=f"batches of {size}")


class TestLeepInTwoPasses:
    """20,000 x 1,000 outputs, 100 classes, 64 at a time; one call is the floor."""

    pytestmark = pytest.mark.benchmark(group="LEEP 20,000 x 1,000, 100 classes, of 64")

    @pytest.mark.parametrize("role", ["floor", "ours"])
    def test_transferscore(self, timed: Timed, role: str) -> None:
        theta, y = outputs(20_000, 1_000, 100)
        exact = leep_by_product(theta.astype(np.float64), y)

        def in_two_passes() -> float:
            first = PredictionStatistics()
            for X, labels in batches(theta, y, BATCH):
                first.partial_fit(X, labels)
            second = first.second_pass()
            for X, labels in batches(theta, y, BATCH):
                second.partial_fit(X, labels)
            return second.leep()

        call = in_two_passes if role == "ours" else lambda: leep(theta, y)
        timed(call, exact, role=role, at_most=1e-9)


FORTY_GIGABYTES = """
import json, time
import numpy as np
from transferscore import FeatureStatistics

path, n, width, mapped = {path!r}, {n}, {width}, {mapped}
features = np.memmap(path, np.float32, "r", shape=(n, width))
labels = np.load(path + ".labels.npy")
start = time.perf_counter()
statistics = FeatureStatistics()
if mapped:
    statistics.partial_fit(features, labels)
else:  # arrays of their own, as a network would give them
    file = open(path, "rb")
    for first in range(0, n, {rows}):
        rows = min({rows}, n - first)
        batch = np.fromfile(file, np.float32, rows * width).reshape(rows, width)
        statistics.partial_fit(batch, labels[first : first + rows])
found = statistics.score_all()
seconds = time.perf_counter() - start
peak = int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1e6
print(json.dumps(dict(scores=found, seconds=seconds, peak=peak)))
"""


@needs_time
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the peak from /proc")
@pytest.mark.parametrize("source", ["mapped", "batches"])
def test_forty_gigabytes(source: str, tmp_path: Path, capsys: Any) -> None:
    """A sparse file of 40 GB is scored under 1 GB of resident memory."""
    n = LARGE // (4 * WIDTH)
    path = tmp_path / "features"
    written = np.memmap(path, np.float32, "w+", shape=(n, WIDTH))
    rows = np.arange(0, n, n // 4096)
    rng = np.random.default_rng(0)
    labels = np.zeros(n, np.int8)
    labels[rows] = np.arange(len(rows)) % 3
    written[rows] = rng.normal(size=(len(rows), WIDTH)) + labels[rows, None]
    sample = written[rows].astype(np.float64)
    del written
    np.save(f"{path}.labels.npy", labels)
    # A process of its own: whatever ran before in this one would count.
    script = FORTY_GIGABYTES.format(
        path=str(path), n=n, width=WIDTH, mapped=source == "mapped", rows=8192
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    found = json.loads(done.stdout)
    # All other rows are zeros of class 0: the exact scatter is that of the sample and these.
    exact = exact_with_zeros(sample, labels[rows], n)
    error = abs(found["scores"]["h_score"] / exact - 1)
    with capsys.disabled():
        print(
            f"\n40 GB, {n:,} x {WIDTH}, {source}: {found['seconds']:.0f} s, "
            f"{get_num_threads()} threads, peak {found['peak']:.3f} GB, error of the H-score "
            f"{error:.1e}; {found['scores']}"
        )
    assert found["peak"] < 1
    assert error < 1e-8


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
