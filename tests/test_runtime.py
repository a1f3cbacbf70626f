"""Living with others: forks, pools, Ctrl-C, other threads, and a process that stays as it was."""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import transferscore
from transferscore import _backend, _doctor, _threads

HAS_OPENMP = _backend.backend.__openmp__ != 0
# Those with an OpenMP runtime of their own, where they are installed.
OTHER_LIBRARIES = ["rich", *filter(importlib.util.find_spec, ("torch", "sklearn"))]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
needs_sigint = pytest.mark.skipif(os.name != "posix", reason="SIGINT is sent as POSIX does")


def problem(n: int, d: int, n_classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, d) that know something of the labels (n,)."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, size=n)
    X = rng.standard_normal((n, d))
    X[:, 0] += y
    return X, y


SETUP = f"""
import json, os, signal, sys, threading, time
import numpy as np
import transferscore

{inspect.getsource(problem)}
"""


def child(code: str, *, setup: str = SETUP, timeout: float = 60, **environment: str) -> object:
    """Run Python code in a process of its own and return what its last line of JSON says."""
    done = subprocess.run(
        [sys.executable, "-c", setup + code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


# --- Forks and pools -----------------------------------------------------------------------------


@needs_fork
def test_a_forked_child_scores_with_one_thread_and_never_hangs():
    found = child(
        """
X, y = problem(3000, 300)
expected = transferscore.h_score(X, y, n_threads=3).hex()  # starts the threads of the parent
answers = []
for _ in range(10):
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)  # ends a child that hangs
        threads = lambda: len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self") else 1
        before = threads()
        # An explicit number does not bring the threads back.
        values = [transferscore.h_score(X, y, n_threads=k).hex() for k in (None, 2)]
        answer = [*values, transferscore.get_num_threads(), threads() - before]
        os.write(write, json.dumps(answer).encode())
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    os.close(write)
    answers.append([status, *json.loads(os.read(read, 1000) or b"[]")])
    os.close(read)
after = transferscore.h_score(X, y, n_threads=3).hex()
print(json.dumps([expected, after, answers, transferscore.get_num_threads()]))
""",
        OMP_NUM_THREADS="3",
    )
    expected, after, answers, threads_of_parent = found
    assert answers == [[0, expected, expected, 1, 0]] * 10
    assert after == expected
    assert threads_of_parent == 3  # the parent keeps its threads


@pytest.mark.parametrize(
    ("method", "n_threads"), [pytest.param("fork", 1, marks=needs_fork), ("spawn", 3)]
)
def test_a_pool_of_processes_scores_as_its_parent_does(method, n_threads):
    found = child(
        f"""
import multiprocessing
if __name__ == "__main__":
    X, y = problem(3000, 300)
    expected = transferscore.h_score(X, y, n_threads=3).hex()
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        values = pool.starmap_async(transferscore.h_score, [(X, y)] * 4).get(40)
        threads = pool.apply_async(transferscore.get_num_threads).get(40)
    print(json.dumps([expected, [value.hex() for value in values], threads]))
""",
        OMP_NUM_THREADS="3",
    )
    expected, values, threads = found
    assert values == [expected] * 4
    assert threads == n_threads


# --- Ctrl-C --------------------------------------------------------------------------------------

# Long calls, each spent in another part of the kernels. In double precision; several seconds each.
LONG_CALLS = {
    "many label sets": """
X, labels = rng.standard_normal((4000, 2048)), rng.integers(0, 2, (4000, 6000), dtype=np.int32)
""",
    "many label sets, fewer samples than features": """
X = rng.standard_normal((1200, 3000))
labels = rng.integers(0, 2, (1200, 6000), dtype=np.int32)
options["shrinkage"] = 0.1
""",
    "many label sets, dependent samples": """
X = np.repeat(rng.standard_normal((500, 1200)), 2, axis=0)
labels = rng.integers(0, 5, (1000, 8000), dtype=np.int32)
""",
    "large covariance": """
X, labels = rng.standard_normal((9000, 4500)), rng.integers(0, 5, 9000, dtype=np.int32)
options.update(shrinkage=0.1, adjust_for_chance=True)
""",
}


@needs_sigint
@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("call", LONG_CALLS)
def test_ctrl_c_ends_a_call_within_a_second(call, n_threads):
    # The level is the plainest, so that no machine is through before the signal comes. A shell may
    # have started us with SIGINT ignored, hence the handler.
    found = child(
        f"""
signal.signal(signal.SIGINT, signal.default_int_handler)
rng, options, sent = np.random.default_rng(0), {{}}, []
{LONG_CALLS[call]}
def press():
    time.sleep(0.5)
    sent.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)

small = problem(300, 20)
expected = transferscore.h_score(*small)
threading.Thread(target=press).start()
try:
    transferscore.h_score(X, labels, n_threads={n_threads}, **options)
    ended = "finished"
except KeyboardInterrupt:
    ended = "interrupted"
late = time.perf_counter() - sent[0] if sent else None
again = problem(3000, 300)
right = transferscore.h_score(*small) == expected and (
    transferscore.h_score(*again, n_threads={n_threads})
    == transferscore.h_score(*again, n_threads=1)
)
print(json.dumps([ended, late, right]))
""",
        TRANSFERSCORE_ISA="base",
    )
    ended, late, right = found
    assert ended == "interrupted"
    assert late <= 1
    assert right


@needs_sigint
def test_a_signal_handler_of_the_user_is_called_and_does_not_end_the_call():
    expected, value, during = child(
        """
X, y = problem(6000, 1500)
expected = transferscore.h_score(X, y)
called, begin = [], time.perf_counter()
signal.signal(signal.SIGALRM, lambda *_: called.append(time.perf_counter()))
signal.setitimer(signal.ITIMER_REAL, 0.1)
value = transferscore.h_score(X, y, n_threads=1)
end = time.perf_counter()
print(json.dumps([expected.hex(), value.hex(), called[0] < end if called else None]))
""",
        TRANSFERSCORE_ISA="base",
    )
    assert value == expected
    assert during


# --- Python threads ------------------------------------------------------------------------------


def timed(call: Callable[[], object]) -> tuple[float, float]:
    begin = time.perf_counter()
    call()
    return begin, time.perf_counter()


@pytest.fixture(scope="module")
def long_call() -> Callable[[], object]:
    """Return a call of a good part of a second on one thread."""
    X, y = problem(6000, 1600)

    def call() -> object:
        return transferscore.h_score(X, y, n_threads=1)

    for _ in range(3):  # on a very fast machine, more of it
        begin, end = timed(call)
        if end - begin > 0.4:
            break
        X, y = np.concatenate([X, X]), np.concatenate([y, y])
    return call


def test_other_python_threads_run_on_during_a_call(long_call):
    ticks, over = [], threading.Event()

    def tick() -> None:
        while not over.wait(0.002):
            ticks.append(time.perf_counter())

    ticker = threading.Thread(target=tick)
    ticker.start()
    begin, end = timed(long_call)
    over.set()
    ticker.join()
    within = [begin, *(at for at in ticks if begin < at < end), end]
    # With the lock held, one gap would be nearly as long as the call.
    assert max(np.diff(within)) < (end - begin) / 2


def test_a_short_call_ends_while_a_long_one_goes_on(long_call):
    X, y = problem(300, 20)
    started = threading.Event()

    def long() -> tuple[float, float]:
        started.set()
        return timed(long_call)

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(long)
        assert started.wait(10)
        time.sleep(0.05)
        begin, end = timed(lambda: transferscore.h_score(X, y, n_threads=1))
        long_begin, long_end = other.result()
    assert long_begin < begin < end < long_end


def test_many_python_threads_get_the_values_of_one():
    problems = [problem(1200, 60 + k, seed=k) for k in range(8)]
    expected = [transferscore.h_score(X, y, n_threads=1) for X, y in problems]

    def work(k: int) -> list[float]:
        X, y = problems[k]
        return [transferscore.h_score(X, y, n_threads=1 + i % 3) for i in range(10)]

    with ThreadPoolExecutor(len(problems)) as pool:
        found = list(pool.map(work, range(len(problems))))
    assert found == [[value] * 10 for value in expected]


# --- Errors --------------------------------------------------------------------------------------


def test_an_overflow_in_a_kernel_is_an_exception():
    X, y = problem(3000, 300)
    # Far beyond the rows from which the scale is taken, and too large to be squared.
    X[1] = 1e300
    with pytest.raises(ValueError, match="squares within the range of float64"):
        transferscore.h_score(X, y, n_threads=3)
    X[1] = 0
    assert 0 < transferscore.h_score(X, y, n_threads=3) < 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="address space is limited there")
def test_lack_of_memory_is_an_exception_wherever_it_strikes():
    # Ever more address space: the allocation that fails moves through kernels and threads.
    right, expected, found = child(
        """
import resource
X, y = problem(2500, 1000)
expected = transferscore.h_score(X, y, n_threads=2)  # starts the threads
found = []
for mebibytes in range(1, 48, 4):
    pages = int(open("/proc/self/statm").read().split()[0])
    room = pages * resource.getpagesize() + (mebibytes << 20)
    resource.setrlimit(resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))
    try:
        found.append(transferscore.h_score(X, y, n_threads=2))
    except MemoryError:
        found.append(None)
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
right = transferscore.h_score(X, y, n_threads=2) == expected
print(json.dumps([right, expected, found]))
"""
    )
    assert right
    assert found[0] is None
    assert set(found) <= {None, expected}


# --- The process stays as it was -----------------------------------------------------------------

STATE = """
import json, os, signal, sys, threading, warnings
import numpy as np

def subnormals():
    tiny = np.array([2.0**-1074, 2.0**-1030])
    single = np.array([2.0**-149], dtype=np.float32)
    return [(tiny * 1.0).tolist(), (tiny + tiny).tolist(), float(single[0] + single[0]),
            sys.float_info.min / 2 > 0]

def rounding():
    one = np.array([1.0])
    return [float((one + k * 2.0**-54)[0]) for k in (-3, -1, 1, 2, 3)]

def state():
    return {
        "subnormals": subnormals(),
        "rounding": rounding(),
        "numpy errors": np.geterr(),
        "numpy random": repr(np.random.get_state()),
        "signal handlers": [repr(signal.getsignal(s)) for s in sorted(signal.valid_signals())],
        "warnings": repr(warnings.filters),
        "environment": dict(os.environ),
        "python threads": threading.active_count(),
        "path": [os.getcwd(), *sys.path],
        "hooks": [repr(sys.excepthook), repr(sys.unraisablehook), repr(threading.excepthook)],
        "streams": [repr(sys.stdout), repr(sys.stderr)],
        "recursion": sys.getrecursionlimit(),
        "switching": sys.getswitchinterval(),
    }

def os_threads():
    return len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else None
"""


def test_import_and_use_change_nothing_in_the_process():
    before, imported, used, threads = child(
        """
before, threads = state(), [os_threads()]
import transferscore
imported = state()
threads.append(os_threads())
rng = np.random.default_rng(0)
transferscore.h_score(rng.standard_normal((3000, 300)), rng.integers(0, 3, 3000), n_threads=2)
used = state()
print(json.dumps([before, imported, used, threads]))
""",
        setup=STATE,
    )
    assert before["subnormals"] == [
        [2.0**-1074, 2.0**-1030],
        [2.0**-1073, 2.0**-1029],
        2.0**-148,
        True,
    ]
    assert imported == before
    assert used == before
    assert threads[1] == threads[0]


def test_import_loads_nothing_but_numpy_one_extension_and_the_standard_library():
    new = child(
        """
import json, sys
import numpy
before = set(sys.modules)
import transferscore
print(json.dumps(sorted(set(sys.modules) - before)))
""",
        setup="",
    )
    tops = {name.partition(".")[0] for name in new}
    assert not tops & {"torch", "scipy", "pandas", "matplotlib", "rich", "argparse", "sklearn"}
    foreign = {name for name in tops if "transferscore" not in name} - {"numpy", "pybind11"}
    assert foreign <= sys.stdlib_module_names
    levels = [name for name in new if name.startswith("transferscore._core")]
    assert levels == [f"transferscore._core_{transferscore.isa()}"]
    lazy = ("cli", "compat", "datasets", "reference", "io", "_doctor")
    assert not [name for name in new if name.startswith(tuple(f"transferscore.{x}" for x in lazy))]


def test_import_is_quick_and_silent():
    code = """
import time
import numpy
begin = time.perf_counter()
import transferscore
print(time.perf_counter() - begin)
"""
    done = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
        )
        for _ in range(4)
    ]
    assert {run.stderr for run in done} == {""}
    assert min(float(run.stdout) for run in done) <= 0.15


@pytest.mark.parametrize("first", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("other", OTHER_LIBRARIES)
def test_import_before_and_after_other_libraries(other, first):
    modules = ["transferscore", other] if first else [other, "transferscore"]
    value = child(
        """
X, y = problem(3000, 300)
if "sklearn" in sys.modules:  # its own OpenMP threads beside ours
    from sklearn.cluster import KMeans
    KMeans(4, n_init=1, random_state=0).fit(X)
print(json.dumps(transferscore.h_score(X, y, n_threads=2).hex()))
""",
        setup=f"import {modules[0]}\nimport {modules[1]}\n" + SETUP,
    )
    assert value == transferscore.h_score(*problem(3000, 300)).hex()


# --- Arrays --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shrinkage", [None, "ledoit-wolf"])
@pytest.mark.parametrize("n_sets", [None, 3])
@pytest.mark.parametrize("ignores", [False, True])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f8", "i2"])
@pytest.mark.parametrize("label_dtype", ["i1", "i4", "i8", "U3"])
def test_inputs_are_never_written(dtype, label_dtype, ignores, n_sets, shrinkage):
    X, y = problem(200, 30)
    X, labels = (10 * X).astype(dtype), y.astype(label_dtype)
    ignored = labels[np.argmin(y)].item() if ignores else None
    if n_sets is not None:  # the label that may be ignored marks the same rows in all sets
        swapped = np.where(y == 0, 0, 3 - y).astype(label_dtype)
        labels = np.stack([labels, swapped, labels], axis=1)
    X.flags.writeable = labels.flags.writeable = False
    before = X.tobytes(), labels.tobytes()
    value = transferscore.h_score(X, labels, shrinkage=shrinkage, ignore_index=ignored)
    assert (X.tobytes(), labels.tobytes()) == before
    assert not np.shares_memory(value, X)
    assert not np.shares_memory(value, labels)


def test_a_file_mapped_for_reading_is_scored(tmp_path):
    # A write into these pages would end the process, hence a process of its own.
    X, y = problem(3000, 300)
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "y.npy", y.astype(np.int32))
    value = child(
        f"""
os.chdir({str(tmp_path)!r})
X, y = (np.load(name, mmap_mode="r") for name in ("X.npy", "y.npy"))
print(json.dumps(transferscore.h_score(X, y, n_threads=2).hex()))
"""
    )
    assert value == transferscore.h_score(X, y).hex()


def test_results_are_the_callers_own():
    X, y = problem(200, 5)
    labels = np.stack([y, y[::-1]], axis=1)
    first = transferscore.h_score(X, labels)
    kept = first.copy()
    assert first.flags.owndata
    first[:] = -1
    second = transferscore.h_score(X, labels)
    assert not np.shares_memory(first, second)
    assert np.array_equal(second, kept)


# --- The doctor ----------------------------------------------------------------------------------


def facts() -> dict[str, str]:
    lines = _doctor.report().splitlines()
    return {name.strip(): value for name, value in (line.split("  ", 1) for line in lines)}


def test_the_doctor_lists_everything():
    found = {name: value.strip() for name, value in facts().items()}
    assert list(found) == [
        "transferscore",
        "python",
        "numpy",
        "compiler",
        "levels built",
        "levels usable",
        "level in use",
        "openmp",
        "threads",
        "openmp runtimes",
    ]
    assert found["transferscore"] == transferscore.__version__
    assert found["numpy"] == np.__version__
    assert found["compiler"].split()[0] in {"GCC", "Clang", "MSVC"}
    assert found["levels usable"] == ", ".join(_backend.usable_levels())
    assert found["level in use"].split()[0] == transferscore.isa()
    assert found["openmp"] == (
        f"version {_backend.backend.__openmp__}" if HAS_OPENMP else "not built in: one thread"
    )
    expected = "{} ({})".format(*_threads.resolve_with_reason())
    assert found["threads"] == (expected if HAS_OPENMP else "1 (OpenMP is not built in)")
    assert all(found.values())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux tells what is loaded")
@pytest.mark.skipif(not HAS_OPENMP, reason="built without OpenMP")
def test_the_doctor_finds_the_openmp_runtime_that_is_loaded():
    runtimes = _doctor.openmp_runtimes()
    assert runtimes
    assert all(Path(file).is_file() for file in runtimes)
    assert all(file in facts()["openmp runtimes"] for file in runtimes)


@pytest.mark.parametrize(
    ("runtimes", "text"),
    [
        (
            ["/a/libgomp.so.1", "/b/libiomp5.so"],
            "/a/libgomp.so.1, /b/libiomp5.so (more than one: each has threads of its own)",
        ),
        (["/a/libgomp.so.1"], "/a/libgomp.so.1"),
        ([], "none loaded"),
        (None, "not known on this system"),
    ],
)
def test_the_doctor_names_every_openmp_runtime(monkeypatch, runtimes, text):
    monkeypatch.setattr(_doctor, "openmp_runtimes", lambda: runtimes)
    assert facts()["openmp runtimes"].strip() == text


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux tells what is loaded")
def test_the_doctor_finds_a_second_openmp_runtime(tmp_path):
    # Any shared object will do: what counts is its name in the map of the process.
    found = child(
        f"""
import mmap, shutil
from transferscore import _cpu, _doctor
before = _doctor.openmp_runtimes()
planted = os.path.join({str(tmp_path)!r}, "libiomp5.so")
shutil.copy(_cpu.__file__, planted)
with open(planted, "rb") as file:
    kept = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
after = _doctor.openmp_runtimes()
print(json.dumps([planted, sorted(set(after) - set(before)), _doctor.report()]))
"""
    )
    planted, new, report = found
    assert new == [planted]
    assert planted in report
