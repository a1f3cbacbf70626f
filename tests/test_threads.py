"""How many threads: who decides, what is refused, and that the result does not depend on it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import transferscore
from transferscore import _checks, _threads
from transferscore._backend import backend

HAS_OPENMP = backend.__openmp__ != 0
counts_os_threads = pytest.mark.skipif(
    not Path("/proc/self/task").is_dir(), reason="threads of a process are counted in /proc"
)

# Work for which threads are woken: far above the 2e6 products of Execution::sized_for.
COUNTING = """
import json, os, threading, time
import numpy as np
import transferscore

def os_threads():
    return len(os.listdir("/proc/self/task"))


def extra_threads(call):
    # The most threads seen beyond those before, and how many there are in the end. A runtime may
    # end threads and start others on the way; one that is ending is still listed, so only the
    # number in the end is an upper bound.
    before, seen, over = os_threads(), [0], threading.Event()
    def look():
        while not over.wait(0.0002):
            seen.append(os_threads() - before - 1)
    looker = threading.Thread(target=look)
    looker.start()
    for _ in range(4):
        call()
        seen.append(os_threads() - before - 1)
    over.set()
    looker.join()
    time.sleep(0.05)
    return max(seen), os_threads() - before

rng = np.random.default_rng(0)
X, y = rng.standard_normal((3000, 1000)), rng.integers(0, 3, size=3000)
"""


def child(code: str, **environment: str) -> dict[str, Any]:
    """Run Python code in a process of its own and return the JSON object that it prints."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", COUNTING + code],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(autouse=True)
def untouched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let each test begin without any setting, on a machine of 16 processors without a quota."""
    monkeypatch.setattr(_threads, "_setting", None)
    monkeypatch.setattr(_threads, "_forked", False)
    monkeypatch.setattr(_threads, "available_processors", lambda: 16)
    monkeypatch.setattr(_threads, "_own_quota", lambda: None)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return


# --- Who decides ---------------------------------------------------------------------------------


def test_each_source_of_the_number_yields_to_the_one_above_it(monkeypatch):
    assert _threads.resolve_with_reason() == (16, "processors that this process may use")
    monkeypatch.setattr(_threads, "_own_quota", lambda: 12)
    assert _threads.resolve_with_reason() == (12, "CPU quota of the control group")
    monkeypatch.setenv("OMP_NUM_THREADS", "20")
    assert _threads.resolve_with_reason() == (20, "OMP_NUM_THREADS")
    transferscore.set_num_threads(21)
    assert _threads.resolve_with_reason() == (21, "transferscore.set_num_threads(...)")
    with transferscore.num_threads(22):
        assert _threads.resolve_with_reason() == (22, "transferscore.num_threads(...)")
        assert _threads.resolve_with_reason(23) == (23, "argument n_threads")
    monkeypatch.setattr(_threads, "_forked", True)
    number, reason = _threads.resolve_with_reason(23)
    assert number == 1
    assert "fork" in reason


def test_a_quota_above_the_affinity_changes_nothing(monkeypatch):
    monkeypatch.setattr(_threads, "_own_quota", lambda: 64)
    assert transferscore.get_num_threads() == 16


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("3", 3),
        (" 3 ", 3),
        ("4,2", 4),
        ("4, 2, 1", 4),
        ("5000", _checks.MOST_THREADS),
        ("0", 16),
        ("-2", 16),
        ("1.5", 16),
        ("", 16),
        (",4", 16),
        ("all", 16),
        ("²", 16),
    ],
)
def test_omp_num_threads_counts_where_it_makes_sense(monkeypatch, variable, expected):
    monkeypatch.setenv("OMP_NUM_THREADS", variable)
    assert transferscore.get_num_threads() == expected


def test_set_num_threads_can_be_taken_back():
    transferscore.set_num_threads(5)
    assert transferscore.get_num_threads() == 5
    transferscore.set_num_threads(None)
    assert transferscore.get_num_threads() == 16


def fail_inside_block_of(n_threads: int) -> int:
    try:
        with transferscore.num_threads(n_threads):
            seen = transferscore.get_num_threads()
            raise KeyError
    except KeyError:
        return seen


def test_nested_blocks_go_back_one_by_one_also_after_an_exception():
    with transferscore.num_threads(2):
        assert fail_inside_block_of(3) == 3
        assert transferscore.get_num_threads() == 2
    assert transferscore.get_num_threads() == 16


def test_a_block_holds_in_its_own_python_thread_alone():
    seen = []
    inside, looked = threading.Event(), threading.Event()

    def work() -> None:
        with transferscore.num_threads(3):
            inside.set()
            looked.wait(10)
            seen.append(transferscore.get_num_threads())

    worker = threading.Thread(target=work)
    worker.start()
    assert inside.wait(10)
    seen.append(transferscore.get_num_threads())
    with transferscore.num_threads(2):
        looked.set()
        worker.join()
    assert seen == [16, 3]


def test_a_block_holds_in_its_own_task_alone():
    async def task(n_threads: int) -> list[int]:
        seen = []
        with transferscore.num_threads(n_threads):
            for _ in range(3):
                await asyncio.sleep(0)
                seen.append(transferscore.get_num_threads())
        return seen

    async def both() -> list[list[int]]:
        return await asyncio.gather(task(2), task(3))

    assert asyncio.run(both()) == [[2, 2, 2], [3, 3, 3]]


# --- What is refused -----------------------------------------------------------------------------


def score_with(n_threads: object) -> object:
    return transferscore.h_score([[0.0], [1.0], [3.0]], [0, 1, 1], n_threads=n_threads)


def enter_block_with(n_threads: object) -> None:
    with transferscore.num_threads(n_threads):
        pass


@pytest.mark.parametrize("use", [score_with, transferscore.set_num_threads, enter_block_with])
@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (True, TypeError, "`n_threads` must be an integer, got True"),
        (1.5, TypeError, "`n_threads` must be an integer, got 1.5"),
        ("2", TypeError, "`n_threads` must be an integer, got '2'"),
        (0, ValueError, "`n_threads` must be between 1 and 1024, got 0"),
        (-1, ValueError, "`n_threads` must be between 1 and 1024, got -1"),
        (2000, ValueError, "`n_threads` must be between 1 and 1024, got 2000"),
    ],
)
def test_what_is_not_a_number_of_threads_is_refused(use, value, error, text):
    with pytest.raises(error) as caught:
        use(value)
    assert str(caught.value) == text
    assert transferscore.get_num_threads() == 16


@pytest.mark.parametrize("value", [2, np.int64(2), np.uint8(2)])
def test_any_integer_is_a_number_of_threads(value):
    assert score_with(value) == score_with(None)
    transferscore.set_num_threads(value)
    assert transferscore.get_num_threads() == 2


# --- Control groups ------------------------------------------------------------------------------


def version_2(folder: Path, group: str, **limits: str) -> tuple[Path, Path]:
    """Files as of cgroup v2; limits are those of the groups "root", "slice" and "job" below it."""
    root, own = folder / "cgroup", folder / "own"
    for name, limit in limits.items():
        place = {"root": root, "slice": root / "slice", "job": root / "slice" / "job"}[name]
        place.mkdir(parents=True, exist_ok=True)
        (place / "cpu.max").write_text(limit, encoding="ascii")
    own.write_text(f"0::{group}\n", encoding="ascii")
    return root, own


@pytest.mark.parametrize(
    ("group", "limits", "expected"),
    [
        ("/", {"root": "200000 100000\n"}, 2),
        ("/", {"root": "150000 100000\n"}, 2),  # rounded up
        ("/", {"root": "50000 100000\n"}, 1),
        ("/", {"root": "max 100000\n"}, None),
        ("/slice/job", {"root": "max 100000", "slice": "max 100000", "job": "300000 100000"}, 3),
        ("/slice/job", {"slice": "300000 100000", "job": "max 100000"}, 3),
        ("/slice/job", {"slice": "300000 100000", "job": "500000 100000"}, 3),  # the least counts
        ("/slice/job", {"slice": "500000 100000", "job": "300000 100000"}, 3),
        ("/slice", {"slice": "500000 100000", "job": "300000 100000"}, 5),  # not those below ours
        ("/slice/job", {"root": "100000 50000"}, 2),  # in a container only the root is visible
    ],
)
def test_cgroup_v2_quota(tmp_path, group, limits, expected):
    assert _threads.cgroup_quota(*version_2(tmp_path, group, **limits)) == expected


@pytest.mark.parametrize(
    "limit", ["", "100000", "many 100000", "100000 0", "1 2 3", "1.5 1", "max max"]
)
def test_malformed_cgroup_v2_quota_is_no_quota(tmp_path, limit):
    assert _threads.cgroup_quota(*version_2(tmp_path, "/", root=limit)) is None


def test_cgroup_v2_quota_that_is_not_text_is_no_quota(tmp_path):
    root, own = version_2(tmp_path, "/", root="")
    (root / "cpu.max").write_bytes(b"\xff\xfe 100000")
    own.write_bytes(b"0::/\xff\n")
    assert _threads.cgroup_quota(root, own) is None


def test_a_malformed_group_does_not_hide_the_quota_of_the_one_above(tmp_path):
    root, own = version_2(tmp_path, "/slice/job", slice="200000 100000", job="oops")
    assert _threads.cgroup_quota(root, own) == 2


def test_without_control_groups_there_is_no_quota(tmp_path):
    assert _threads.cgroup_quota(tmp_path / "absent", tmp_path / "absent") is None


@pytest.mark.parametrize(
    ("quota", "period", "expected"),
    [
        ("250000", "100000", 3),
        ("50000", "100000", 1),
        ("-1", "100000", None),  # no limit
        ("100000", "0", None),
        ("many", "100000", None),
        ("", "", None),
    ],
)
def test_cgroup_v1_quota(tmp_path, quota, period, expected):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota, encoding="ascii")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text(period, encoding="ascii")
    own = tmp_path / "own"
    own.write_text("4:memory:/job\n1:cpu,cpuacct:/\n", encoding="ascii")
    assert _threads.cgroup_quota(tmp_path, own) == expected


# --- What really runs ----------------------------------------------------------------------------


def uses_threads(counted: list[int], n_threads: int) -> bool:
    """Were that many threads at work, the caller among them, and are no more left?"""
    most, left = counted
    extra = n_threads - 1 if HAS_OPENMP else 0
    return most >= extra >= left and (extra > 0 or most == 0)


@counts_os_threads
@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_a_call_uses_as_many_threads_as_it_is_told_and_not_one_more(n_threads):
    counted = child(
        f"""
extra = extra_threads(lambda: transferscore.h_score(X, y, n_threads={n_threads}))
print(json.dumps({{"extra": extra}}))
"""
    )
    assert uses_threads(counted["extra"], n_threads), counted


@counts_os_threads
@pytest.mark.parametrize(("variable", "n_threads"), [("1", 1), ("3", 3), ("3,1", 3)])
def test_a_call_obeys_omp_num_threads(variable, n_threads):
    counted = child(
        """
print(json.dumps({"extra": extra_threads(lambda: transferscore.h_score(X, y))}))
""",
        OMP_NUM_THREADS=variable,
    )
    assert uses_threads(counted["extra"], n_threads), counted


@counts_os_threads
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="affinity cannot be set here")
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one processor: affinity changes nothing")
def test_a_process_that_may_use_one_processor_starts_no_thread():
    counted = child(
        """
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
extra = extra_threads(lambda: transferscore.h_score(X, y))
print(json.dumps({"threads": transferscore.get_num_threads(), "extra": extra}))
"""
    )
    assert counted == {"threads": 1, "extra": [0, 0]}


@counts_os_threads
def test_small_work_wakes_nobody():
    counted = child(
        """
extra = extra_threads(lambda: transferscore.h_score(X[:500, :20], y[:500], n_threads=8))
print(json.dumps({"extra": extra}))
"""
    )
    assert counted == {"extra": [0, 0]}


# Work of many tasks each, by what one of them is: a tile of costs, a stripe of rows, a problem.
TRANSPORTS = {
    "stored": "sinkhorn(**clouds, n_threads=k)",
    "anew": "sinkhorn(**clouds, memory_budget=0, n_threads=k)",
    "many": "otce_many([few] * 200, n_threads=k)",
    "plan": "result.coupling()",
}
CLOUDS = """
from transferscore import otce_many, sinkhorn
Y = X[:, :10] + y[:, np.newaxis]
clouds = dict(source_points=Y[:1500], target_points=Y[1500:], relative_epsilon=0.1)
few = dict(
    source_features=Y[:200], source_labels=y[:200], target_features=Y[-150:], target_labels=y[-150:]
)
result = sinkhorn(**clouds, n_threads=1)
"""


@counts_os_threads
@pytest.mark.parametrize("call", TRANSPORTS)
def test_a_transport_uses_as_many_threads_as_it_is_told_and_not_one_more(call):
    counted = child(
        CLOUDS
        + f"""
k = 3
def call():
    with transferscore.num_threads(k):
        {TRANSPORTS[call]}
print(json.dumps({{"extra": extra_threads(call)}}))
"""
    )
    assert uses_threads(counted["extra"], 3), counted


@counts_os_threads
def test_small_transports_and_one_thread_wake_nobody():
    counted = child(
        CLOUDS
        + f"""
small = {{name: value[:100] for name, value in few.items()}}
side = dict(source_points=small["source_features"], target_points=small["target_features"])
k = 8
few_small = lambda: (sinkhorn(**side, n_threads=k).coupling(), otce_many([small], n_threads=k))
found = {{"small": extra_threads(few_small)}}
k = 1
transferscore.set_num_threads(1)
found["alone"] = extra_threads(lambda: [{", ".join(TRANSPORTS.values())}])
print(json.dumps(found))
"""
    )
    assert counted == {"small": [0, 0], "alone": [0, 0]}


# --- The same bits -------------------------------------------------------------------------------

# (n, d): several blocks, tiles and waves, and for float32 beyond the 1e9 products from which single
# precision pays (h_score.hpp).
SHAPES = {
    "float64": [(3000, 400), (400, 3000)],
    "float32": [(2500, 700), (700, 2500)],
}


def problem(dtype: str, n: int, d: int, n_sets: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Features and labels; for n <= d with equal rows, or the plain score would be trivial."""
    rng = np.random.default_rng(n + d)
    labels = rng.integers(0, 4, size=n if n_sets is None else (n, n_sets))
    X = rng.standard_normal((n, d))
    X[:, :3] += (labels if n_sets is None else labels[:, 0])[:, np.newaxis]
    if n <= d:
        X[n // 2 : n // 2 * 2] = X[: n // 2]
    return X.astype(dtype), labels


@pytest.mark.parametrize("n_sets", [None, 40], ids=["one-set", "forty-sets"])
@pytest.mark.parametrize("shrinkage", [None, "ledoit-wolf"], ids=["plain", "ledoit-wolf"])
@pytest.mark.parametrize(
    ("dtype", "n", "d"), [(dtype, n, d) for dtype, shapes in SHAPES.items() for n, d in shapes]
)
def test_the_same_bits_for_any_number_of_threads(dtype, n, d, shrinkage, n_sets):
    X, labels = problem(dtype, n, d, n_sets)
    results = [
        transferscore.h_score(X, labels, shrinkage=shrinkage, n_threads=k, full_output=True)
        for k in (1, 2, 3, 4, 7, 8)
    ]
    values = [np.asarray(result.value) for result in results]
    # A score at one of its bounds would be the same for any order of the sums.
    low, high = results[0].bounds
    assert np.all((np.asarray(low) < values[0]) & (values[0] < np.asarray(high)))
    assert {value.tobytes() for value in values} == {values[0].tobytes()}
    assert {result.shrinkage for result in results} == {results[0].shrinkage}


@pytest.mark.parametrize("shape", [(3000, 400), (400, 3000)])
def test_the_same_bits_where_chance_is_taken_away(shape):
    X, labels = problem("float64", *shape, None)
    adjusted = {"shrinkage": 0.1, "adjust_for_chance": True}
    values = {transferscore.h_score(X, labels, n_threads=k, **adjusted).hex() for k in (1, 2, 3, 8)}
    assert len(values) == 1


@counts_os_threads
@pytest.mark.skipif(not HAS_OPENMP, reason="built without OpenMP: there is but one thread")
@pytest.mark.parametrize("shape", sorted({s for shapes in SHAPES.values() for s in shapes}))
def test_the_sizes_above_do_use_threads(shape):
    counted = child(
        f"""
X = rng.standard_normal({shape})
y = rng.integers(0, 4, size=len(X))
extra = extra_threads(lambda: transferscore.h_score(X, y, shrinkage=0.1, n_threads=8))
print(json.dumps({{"extra": extra}}))
"""
    )
    assert uses_threads(counted["extra"], 8), counted


@pytest.fixture(scope="module", params=["float64", "float32"])
def task(request: pytest.FixtureRequest) -> dict[str, np.ndarray]:
    """An OTCE task, larger than the 2e6 entries from which sweeps of a stored kernel are shared."""
    X, y = problem(request.param, 1500, 10, None)
    Z, t = problem(request.param, 1400, 10, None)
    return {"source_features": X, "source_labels": y, "target_features": Z, "target_labels": t}


def solve(task: dict[str, np.ndarray], **options: Any) -> transferscore.SinkhornResult:
    options = {"relative_epsilon": 0.1, **options}
    return transferscore.sinkhorn(task["source_features"], task["target_features"], **options)


def solution(result: transferscore.SinkhornResult) -> list[np.ndarray]:
    return [result.f, result.g, np.array([result.transport_cost, result.regularised_cost])]


# What test_sinkhorn and test_otce leave to us.
TRANSPORTS_OF_A_TASK: dict[str, Callable[[dict[str, np.ndarray]], list[np.ndarray]]] = {
    "in double precision": lambda task: solution(solve(task, tol=1e-8)),
    "small epsilon": lambda task: solution(solve(task, relative_epsilon=0.002)),
    "points without weight": lambda task: solution(
        solve(task, source_weights=np.arange(1500) % 2, target_weights=np.arange(1400) % 28 < 15)
    ),
    "plan": lambda task: [solve(task, n_threads=1).coupling()],
    "plan with exact marginals": lambda task: [solve(task, n_threads=1).round()],
    "table": lambda task: [
        transferscore.joint_label_distribution(
            solve(task, n_threads=1), task["source_labels"], task["target_labels"]
        )
    ],
    "divergence": lambda task: [
        np.array(
            transferscore.sinkhorn_divergence(task["source_features"], task["target_features"])
        )
    ],
    "tasks that share points": lambda task: [
        result.joint
        for result in transferscore.otce_many(
            [task, task | {"source_rows": np.arange(500, 1500)}, task]
        )
    ],
}


@pytest.mark.parametrize("kind", TRANSPORTS_OF_A_TASK)
def test_the_same_bits_of_transports_for_any_number_of_threads(task, kind):
    found = set()
    for n_threads in (1, 2, 3, 8):
        with transferscore.num_threads(n_threads):
            arrays = TRANSPORTS_OF_A_TASK[kind](task)
        found.add(b"|".join(array.tobytes() for array in arrays))
    assert len(found) == 1
