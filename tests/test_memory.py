"""Memory: as much as the Notes of functions say, none of it kept, and sizes beyond 32 bits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import transferscore
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

def peak_of(call):
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # resets the peak
    before = status("VmRSS")
    call()
    return status("VmHWM") - before

def peak_beyond_inputs(X, labels, **options):
    return peak_of(lambda: transferscore.h_score(X, labels, n_threads=2, **options))

def features(n, d, dtype):
    return rng.standard_normal((n, d), dtype=dtype)

def classes(n_classes, size):
    return rng.integers(0, n_classes, size=size, dtype=np.int32)

rng = np.random.default_rng(0)
for dtype in ("float32", "float64"):  # loads what is loaded once, and starts the threads
    transferscore.h_score(features(4000, 600, dtype), classes(3, 4000), n_threads=2)
"""


def child(code: str, timeout: float = 60, **environment: str) -> Any:
    """Run Python code in a process of its own and return the JSON that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURING + code],
        # Passive threads are quicker where others compute.
        env={**os.environ, "OMP_WAIT_POLICY": "passive", **environment},
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


@pytest.mark.parametrize("batch", [64, 1500, 20_000])
@pytest.mark.parametrize("width", [(1500, 10), (600, 1000)])
def test_statistics_take_what_their_notes_say(width, batch):
    d, n_classes = width
    grown = child(
        f"""
X, labels = features(20_000, {d}, "float32"), classes({n_classes}, 20_000)
statistics = transferscore.FeatureStatistics()

def add_and_score():
    for i in range(0, 20_000, {batch}):
        statistics.partial_fit(X[i : i + {batch}], labels[i : i + {batch}], n_threads=2)
    statistics.score_all()

peak = peak_of(add_and_score)
print(json.dumps(peak))
"""
    )
    assert grown <= 9 * 8 * (d * d + n_classes * d) + 30 * 10**6


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


# --- Optimal transport ----------------------------------------------------------------------------

TRANSPORT = """
transferscore.set_num_threads(2)
for dtype in ("float32", "float64"):  # loads what is loaded once
    x, z = features(600, 20, dtype), features(500, 20, dtype)
    for tol in (1e-3, 1e-7):
        for budget in (None, 0):
            transferscore.sinkhorn(x, z, tol=tol, memory_budget=budget).coupling()

def clouds(n, m, d, dtype="float64"):
    return {"source_points": features(n, d, dtype), "target_points": features(m, d, dtype)}

def task(n, m, d, dtype="float64", n_classes=10):
    return {
        "source_features": features(n, d, dtype),
        "source_labels": np.arange(n) % n_classes,
        "target_features": features(m, d, dtype),
        "target_labels": classes(n_classes, m),
    }

def sinkhorn(data, **options):
    return transferscore.sinkhorn(**data, **{"relative_epsilon": 0.5, **options})

def otce(data, **options):
    return transferscore.otce(**data, **{"relative_epsilon": 0.5, **options})
"""
ALL = 2**40  # a budget for everything


def documented_transport(
    n: int, m: int, *, d: int = 0, s: int = 0, k: int = 0, budget: float = ALL
) -> float:
    """Bytes beyond the inputs on two threads, as the Notes of sinkhorn give them."""
    stored = n * m * (s + k)
    blocks = 0 if stored <= budget else 2 * 64 * m * max(k, 4)
    return min(stored, budget) + blocks + (n + m + 1024) * d * s + 512 * m + 64 * n


class Transport:
    """A call, the bytes beyond its inputs that are documented, and the least that are seen."""

    def __init__(self, data: str, call: str, documented: float, least: float = 0) -> None:
        self.data, self.call = data, call
        self.documented, self.least = documented, least


def of_points(shape, d, dtype, *, tol=1e-3, s, k, budget=ALL) -> Transport:
    n, m = shape
    return Transport(
        f"clouds({n}, {m}, {d}, {dtype!r})",
        f"sinkhorn(data, tol={tol}, memory_budget={budget})",
        documented_transport(n, m, d=d, s=s, k=k, budget=budget),
        0.9 * n * m * (s + k) if budget == ALL else 0,
    )


def of_costs(dtype, *, tol=1e-3, s=0, k, budget=ALL) -> Transport:
    n, m = 4000, 3000
    return Transport(
        f"{{'cost': features({n}, {m}, {dtype!r}) ** 2}}",
        f"sinkhorn(data, tol={tol}, memory_budget={budget})",
        documented_transport(n, m, s=s, k=k, budget=budget),
        0.9 * min(budget, n * m * (s + k)),
    )


def of_task(dtype, *, s, budget, n_classes=10, label_cost=None) -> Transport:
    n, m, d = 4000, 3000, 16
    # At most 33 tables; where rows of a class lie next to each other, few.
    tables = 8 * n_classes**2 * (4 if n_classes > 10 else 33)
    return Transport(
        f"task({n}, {m}, {d}, {dtype!r}, {n_classes})",
        f"otce(data, memory_budget={budget}, label_cost={label_cost!r})",
        tables + documented_transport(n, m, d=d, s=s, k=2, budget=budget),
    )


def of_result(call: str, matrices: float) -> Transport:
    n, m, d = 4000, 3000, 8
    return Transport(
        f"sinkhorn(clouds({n}, {m}, {d}), memory_budget=0)",
        call,
        matrices * 8 * n * m + documented_transport(n, m, d=d, s=8, k=8, budget=0),
        0.9 * matrices * 8 * n * m,
    )


TRANSPORTS = {
    "stored, float32": of_points((4000, 3000), 33, "float32", s=4, k=2),
    "stored, float64": of_points((4000, 3000), 32, "float64", s=8, k=2),
    "stored, float32, tighter": of_points((4000, 3000), 33, "float32", tol=2e-4, s=4, k=4),
    "stored, float32, tight": of_points((4000, 3000), 32, "float32", tol=1e-7, s=8, k=8),
    "stored, float64, tight": of_points((4000, 3000), 32, "float64", tol=1e-7, s=8, k=8),
    "stored, wide": of_points((200, 60000), 17, "float64", s=8, k=2),
    "stored, tall": of_points((60000, 200), 17, "float64", s=8, k=2),
    "kernel alone, float32": of_points((4000, 3000), 32, "float32", s=0, k=2),
    "kernel alone, float64": of_points((4000, 3000), 16, "float64", s=0, k=2),
    "stored, many features": of_points((1000, 800), 8192, "float64", s=8, k=2),
    "anew, float32": of_points((4000, 3000), 32, "float32", s=4, k=2, budget=0),
    "anew, float64": of_points((4000, 3000), 32, "float64", s=8, k=2, budget=0),
    "anew, tight": of_points((4000, 3000), 32, "float64", tol=1e-7, s=8, k=8, budget=0),
    "anew, wide": of_points((2100, 30000), 4, "float32", s=4, k=2, budget=0),
    "anew, very wide": of_points((70, 200000), 4, "float64", s=8, k=2, budget=0),
    "anew, tall": of_points((500000, 40), 4, "float64", s=8, k=2, budget=0),
    "anew, many features": of_points((600, 500), 8192, "float64", s=8, k=2, budget=0),
    "costs, float32": of_costs("float32", k=2),
    "costs, float64": of_costs("float64", k=2),
    "costs, float64, tight": of_costs("float64", tol=1e-7, k=8),
    "costs, float32, tight": of_costs("float32", tol=1e-7, s=8, k=8),  # copied
    "costs, no budget": of_costs("float64", k=2, budget=0),
    "costs, no budget, copied": of_costs("float32", tol=1e-7, s=8, k=8, budget=0),
    "otce, stored": of_task("float32", s=4, budget=ALL),
    "otce, anew": of_task("float32", s=4, budget=0),
    "otce, label cost, stored": of_task("float64", s=8, budget=ALL, label_cost="gaussian-diagonal"),
    "otce, label cost, anew": of_task("float64", s=8, budget=0, label_cost="gaussian-diagonal"),
    "otce, tables of 8 MB": of_task("float64", s=8, budget=0, n_classes=1000),
    "points without weight": Transport(
        "clouds(1500, 1200, 8192)",
        "sinkhorn(data, source_weights=np.arange(1500) % 2,"
        " target_weights=np.arange(1200) % 8 > 2)",
        documented_transport(1500, 1200, d=8192, s=8, k=2) + 2 * 1088 * 8192 * 8,
    ),
    # One matrix for all, and for each of two tasks at a time costs and kernel of its own.
    "tasks that share points": Transport(
        "[task(2000, 1500, 8)] * 6",
        "transferscore.otce_many([task | {'source_rows': np.arange(i, 1000 + i)}"
        " for i, task in enumerate(data)], relative_epsilon=0.5)",
        documented_transport(2000, 1500, d=8, s=8) + 2 * documented_transport(1000, 1500, s=8, k=2),
    ),
    "coupling": of_result("data.coupling()", 1),
    "round": of_result("data.round()", 1),
    "label table": of_result(
        "transferscore.joint_label_distribution(data, np.arange(4000) % 10, np.arange(3000) % 7)", 0
    ),
} | {
    f"{of_entry} bytes of an entry": of_points(
        (4000, 3000), 8, "float64", tol=1e-6, s=8, k=8, budget=int(of_entry * 12e6)
    )
    for of_entry in (3.9, 4, 8, 12, 15.9)
}


@pytest.fixture(scope="module")
def peaks() -> dict[str, int]:
    """Of all calls, in one process that gives back at once what it does not need."""
    calls = {name: [of.data, of.call] for name, of in TRANSPORTS.items()}
    return child(
        TRANSPORT
        + f"""
peaks = {{}}
for name, (data, call) in {calls}.items():
    data = eval(data)
    peaks[name] = peak_of(lambda: eval(call, globals(), {{"data": data}}))
print(json.dumps(peaks))
""",
        MALLOC_MMAP_THRESHOLD_=str(64 * KIBI),
        MALLOC_TRIM_THRESHOLD_="0",
    )


@pytest.mark.parametrize("name", TRANSPORTS)
def test_peak_of_a_transport_is_what_the_notes_say(peaks, name):
    assert peaks[name] <= 1.15 * TRANSPORTS[name].documented + 25 * MEBI
    assert peaks[name] >= TRANSPORTS[name].least


def test_a_gradient_takes_what_its_notes_say_however_many_iterations():
    """Autograd through 75 unrolled iterations of this size keeps several GB."""
    n, m, d = 2000, 1500, 64
    few, many, iterations = child(
        TRANSPORT
        + f"""
data = task({n}, {m}, {d})

def of(relative_epsilon, tol):
    result = []
    call = lambda: result.append(transferscore.otce_value_and_grad(
        **data, relative_epsilon=relative_epsilon, tol=tol, max_iter=10_000
    ))
    call()  # loads what is loaded once
    peak = peak_of(call)
    return peak, result[0].solver.n_iter + result[0].n_iter

(few, least), (many, most) = of(1.0, 1e-6), of(0.01, 1e-9)
print(json.dumps([few, many, most / least]))
""",
        MALLOC_MMAP_THRESHOLD_=str(64 * KIBI),
        MALLOC_TRIM_THRESHOLD_="0",
    )
    documented = documented_transport(n, m, d=d, s=8, k=8) + 16 * (n + m) * d + 512 * m
    assert iterations > 8
    assert abs(many - few) < 0.1 * documented + 8 * MEBI
    assert 0.9 * 16 * n * m <= max(few, many) <= 1.15 * documented + 25 * MEBI


def test_a_label_table_asks_the_budget_for_a_matrix():
    # JC-OTCE knows its costs as a matrix. Here 32 MiB are allowed, and it has 92.
    peak = child(
        TRANSPORT
        + """
data = task(4000, 3000, 8)
result = otce(data, memory_budget=0, label_cost="gaussian-diagonal").solver
transferscore._memory._own_limit = lambda: 128.0 * 2**20

def table():
    try:
        transferscore.joint_label_distribution(result, data["source_labels"], data["target_labels"])
    except MemoryError:
        pass

print(json.dumps(peak_of(table)))
"""
    )
    assert peak <= 1.15 * 32 * MEBI + 25 * MEBI


def test_many_points_and_a_small_budget():
    # The costs alone would be 1.1 GiB, and 2.2 GiB in double precision.
    n, m, d = 20000, 15000, 16
    peaks = child(
        TRANSPORT
        + f"""
points, few = clouds({n}, {m}, {d}, "float32"), task({n}, {m}, {d}, "float32")
small = dict(memory_budget=2**20, max_iter=1)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    peaks = [peak_of(lambda: sinkhorn(points, **small)), peak_of(lambda: otce(few, **small))]
assert [warning.category for warning in caught] == [transferscore.ConvergenceWarning] * 2
print(json.dumps(peaks))
"""
    )
    documented = documented_transport(n, m, d=d, s=4, k=4, budget=2**20)
    assert max(peaks) <= 1.15 * documented + 25 * MEBI


@pytest.mark.parametrize("method", ["coupling", "round"])
def test_a_plan_as_large_as_the_budget_is_made_and_no_larger_one(method):
    x, z = np.arange(21.0).reshape(7, 3), np.arange(15.0).reshape(5, 3)
    result = transferscore.sinkhorn(x, z)
    make = getattr(result, method)
    assert make(memory_budget=8 * 7 * 5).shape == (7, 5)
    with pytest.raises(MemoryError) as caught:
        make(memory_budget=8 * 7 * 5 - 1)
    text = str(caught.value)
    assert text.startswith("a matrix of shape (7, 5) needs 2.61e-07 GiB (280 bytes), more than ")
    assert "memory_budget" in text
    assert "joint_label_distribution" in text


def test_a_plan_beyond_all_memory_is_a_memory_error():
    # Potentials are made up: a solve of that size takes a minute.
    refused, failed, right = child(
        TRANSPORT
        + """
import dataclasses, resource
from transferscore.transport._problem import checked
x, z = features(200, 3, "float64"), features(100, 3, "float64")
small = transferscore.sinkhorn(x, z)
expected = small.coupling().tobytes()
many = features(200000, 1, "float32")
nothing = np.zeros(200000)
large = dataclasses.replace(small, f=nothing, g=nothing, _problem=checked(many, many))

def error_of(call):
    try:
        call()
    except MemoryError as error:
        return str(error)

methods = (large.coupling, large.round)
refused = [error_of(method) for method in methods]
resource.setrlimit(resource.RLIMIT_AS, (1 << 36, resource.RLIM_INFINITY))
failed = [error_of(lambda: method(memory_budget=10**15)) for method in methods]
print(json.dumps([refused, failed, small.coupling().tobytes() == expected]))
"""
    )
    for text in refused:
        assert text.startswith("a matrix of shape (200000, 200000) needs 298 GiB (320000000000 b")
    assert None not in failed
    assert right


def test_no_transport_is_kept_from_call_to_call():
    grown = child(
        TRANSPORT
        + """
x, z = features(700, 20, "float64"), features(600, 20, "float64")
C = features(700, 600, "float64")
y, t = classes(5, 700), classes(5, 600)
broken = x.copy()
broken[1] = 1e300
task = dict(source_features=x, source_labels=y, target_features=z, target_labels=t)

def calls(times):
    for i in range(times):
        options = dict(relative_epsilon=0.5, memory_budget=(None, 0)[i % 2])
        result = transferscore.sinkhorn(x, z, **options)
        result.coupling(), result.round()
        transferscore.joint_label_distribution(result, y, t)
        transferscore.sinkhorn(cost=C, epsilon=1.0, tol=1e-6, max_iter=2)  # does not converge
        transferscore.otce(**task, **options, label_cost=(None, "gaussian")[i % 2])
        transferscore.otce_many([task, task], **options)
        for wrong in (dict(source_points=broken), dict(source_points=x, epsilon=1e-30)):
            try:
                transferscore.sinkhorn(target_points=z, **wrong)
            except ValueError:
                pass

calls(10)
before = status("VmRSS")
calls(30)
print(json.dumps(status("VmRSS") - before))
""",
        MALLOC_MMAP_THRESHOLD_=str(64 * KIBI),  # what is given back is seen at once
    )
    # 30 times the smallest matrix, a plan's kernel in single precision, would be 50 MB.
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
