"""Memory: as much as the Notes of h_score say, none of it kept, and sizes beyond 32 bits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tolerances import CORRECTED

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or not Path("/proc/self/clear_refs").exists(),
    reason="the kernel of Linux tells and resets the peak of resident memory",
)
KIBI, MEBI = 1 << 10, 1 << 20

# The peak is VmHWM, not ru_maxrss: a child inherits the latter from the process that started it.
MEASURING = """
import json, sys, warnings
import numpy as np
import transferscore
warnings.simplefilter("ignore")  # n <= d: the plain score counts classes

def status(name):
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))

def peak_beyond_inputs(X, labels, **options):
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # resets the peak
    before = status("VmRSS")
    transferscore.h_score(X, labels, n_threads=2, **options)
    return status("VmHWM") - before

def features(n, d, dtype):
    return rng.standard_normal((n, d), dtype=dtype)

def classes(n_classes, size):
    return rng.integers(0, n_classes, size=size, dtype=np.int32)

rng = np.random.default_rng(0)
for dtype in ("float32", "float64"):  # loads what is loaded once, and starts the threads
    transferscore.h_score(features(4000, 600, dtype), classes(3, 4000), n_threads=2)
"""


def child(code: str, timeout: float = 60) -> object:
    """Run Python code in a process of its own and return the JSON that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURING + code],
        env={**os.environ, "OMP_WAIT_POLICY": "passive"},  # quicker where others compute
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def documented(n: int, d: int, n_sets: int, n_classes: int, *, dependent: bool = False) -> int:
    """Bytes beyond the inputs, as the Notes of h_score give them."""
    smaller = d if d < n - 1 else n
    squares = (24 if dependent else 16) * smaller**2
    blocks = 240 * KIBI * min(smaller, 384) + 16 * KIBI * smaller
    class_sums = min(8 * n_sets * n_classes * d, 128 * MEBI + 8 * n_classes * d)
    return squares + blocks + class_sums + 4 * n * n_sets


@pytest.mark.parametrize(
    ("size", "dtype", "n_sets", "n_classes", "shrinkage"),
    [
        # A copy of the features would be 190 MiB or more in each of the first four.
        ((49152, 1024), "float32", 1, 10, None),
        ((49152, 512), "float64", 1, 10, "ledoit-wolf"),
        ((500, 50000), "float64", 1, 10, None),
        ((500, 100000), "float32", 1, 10, "ledoit-wolf"),
        # All class sums at once would be 390 MiB.
        ((5000, 256), "float64", 2000, 100, None),
        # The squares count: 16 d^2 is 100 MiB.
        ((3000, 2560), "float64", 1, 10, None),
        ((2560, 3000), "float64", 1, 10, "ledoit-wolf"),
        ((2560, 3000), "float32", 1, 10, "ledoit-wolf"),
    ],
)
def test_peak_is_what_the_notes_say(size, dtype, n_sets, n_classes, shrinkage):
    n, d = size
    shape = n if n_sets == 1 else (n, n_sets)
    peak = child(
        f"""
X, labels = features({n}, {d}, "{dtype}"), classes({n_classes}, {shape})
print(json.dumps(peak_beyond_inputs(X, labels, shrinkage={shrinkage!r})))
"""
    )
    assert peak <= 1.1 * documented(n, d, n_sets, n_classes) + 20 * MEBI


@pytest.mark.parametrize("case", ["dependent features", "equal samples"])
def test_peak_where_the_factor_needs_pivots(case):
    n, d = (3800, 3600) if case == "dependent features" else (3600, 3800)
    equal = "X[:, 1800:] = X[:, :1800]" if n > d else "X[1800:] = X[:1800]"
    peak = child(
        f"""
X, labels = features({n}, {d}, "float64"), classes(10, {n})
{equal}
print(json.dumps(peak_beyond_inputs(X, labels)))
"""
    )
    assert peak <= 1.1 * documented(n, d, 1, 10, dependent=True) + 20 * MEBI


def test_the_peak_is_measured():
    # A copy of 200 MiB that the call has to make is seen, so that the tests above can fail.
    peak = child(
        """
X, labels = features(102400, 256, "float64")[:, ::-1], classes(3, 102400)
print(json.dumps(peak_beyond_inputs(X, labels)))
"""
    )
    assert peak >= 200 * MEBI


def test_nothing_is_kept_from_call_to_call():
    grown = child(
        """
X, labels = features(3000, 300, "float64"), classes(3, (3000, 20))
broken = X.copy()
broken[-1, -1] = np.nan

def calls(times):
    for i in range(times):
        transferscore.h_score(X, labels, n_threads=2, shrinkage=(None, "ledoit-wolf")[i % 2])
        try:
            transferscore.h_score(broken, labels, n_threads=2)
        except ValueError:
            pass

calls(20)
before = status("VmRSS")
calls(60)
print(json.dumps(status("VmRSS") - before))
"""
    )
    # 60 times the smallest part of a call, 240 kB of class ids, would be 14 MB.
    assert grown <= 8 * MEBI


# --- More than 2^31 entries ----------------------------------------------------------------------

# Pages of zeros that are only read cost no memory: 8 GiB of float32, a few of them real.
LARGE = """
import os
n, d, m = 2**31 // 64 + 1000, 64, 900
try:
    X = np.zeros((n, d), dtype=np.float32)
except MemoryError:
    sys.exit()
assert X.size > 2**31
k = classes(3, m)
rows = features(m, d, "float32")
rows[:, 0] += 2 * k
X[-m:] = rows
"""


def large(code: str, timeout: float) -> object:
    pages = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if sys.maxsize < 2**32 or pages < 3 << 30:
        pytest.skip("needs a 64-bit system with 3 GiB to spare")
    found = child(LARGE + code, timeout)
    if found is None:
        pytest.skip("this system does not lend 8 GiB of address space")
    return found


def test_a_nan_beyond_entry_2_to_the_31_is_found():
    text = large(
        """
X[-1, -1] = np.nan
try:
    transferscore.h_score(X, np.broadcast_to(np.int32(0), n))
except ValueError as error:
    print(json.dumps(str(error)))
""",
        timeout=60,
    )
    assert text == "`features` must be finite, got nan at row 33555431, column 63"


def test_more_than_2_to_the_31_entries():
    value, expected = large(
        """
labels = np.zeros(n, dtype=np.int8)
labels[-m:] = k
value = transferscore.h_score(X, labels, n_threads=1)

# The definition, where all other rows are zero.
F = rows.astype(np.float64)
mean = F.sum(axis=0) / n
covariance = F.T @ F / n - np.outer(mean, mean)
counts = np.bincount(k, minlength=3)
counts[0] += n - m
sums = np.stack([F[k == c].sum(axis=0) for c in range(3)])
R = (sums / counts[:, None] - mean) * np.sqrt(counts / n)[:, None]
expected = np.trace(R @ np.linalg.solve(covariance, R.T))
print(json.dumps([value, expected]))
""",
        timeout=300,
    )
    assert value == pytest.approx(expected, rel=CORRECTED, abs=0)


def check_more_than_2_to_the_31_entries_in_few_rows():
    value, expected = large(
        """
few = X.reshape(-1)[-(2**31 + 640) :].reshape(64, -1)
few[:20, 7] = 1
few[::2, -1] = 0.01  # says what the labels say, but softly
labels = np.arange(64) % 2
value = transferscore.h_score(few, labels, shrinkage=0.5, n_threads=1)

# Equation (2) of h_score.hpp, where all other columns are zero.
F = few[:, [7, *range(-d * m, 0)]].astype(np.float64)
F -= F.mean(axis=0)
ridge = 0.5 * np.trace(F @ F.T) / few.shape[1]
W = 0.5 * F @ F.T + ridge * np.eye(64)
Y = (np.stack([labels == 0, labels == 1], axis=1) - 0.5) / np.sqrt(32)
expected = 1 - ridge * np.trace(Y.T @ np.linalg.solve(W, Y))
print(json.dumps([value, expected]))
""",
        timeout=300,
    )
    assert value == pytest.approx(expected, rel=CORRECTED, abs=0)


if os.environ.get("TRANSFERSCORE_TEST_LARGE") == "1":  # takes 2 GiB and a while
    test_more_than_2_to_the_31_entries_in_few_rows = check_more_than_2_to_the_31_entries_in_few_rows
