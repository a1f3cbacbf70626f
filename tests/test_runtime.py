"""Living with others: forks, pools, Ctrl-C, other threads, and a process that stays as it was."""

from __future__ import annotations

import hashlib
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
from tolerances import MASS
from transferscore import _backend, _doctor, _threads

HAS_OPENMP = _backend.backend.__openmp__ != 0
# Those with an OpenMP runtime of their own, where they are installed.
OTHER_LIBRARIES = ["rich", *filter(importlib.util.find_spec, ("torch", "sklearn", "xgboost"))]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
needs_sigint = pytest.mark.skipif(os.name != "posix", reason="SIGINT is sent as POSIX does")


def problem(n: int, d: int, n_classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, d) that know something of the labels (n,)."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, size=n)
    X = rng.standard_normal((n, d))
    X[:, 0] += y
    return X, y


def task(n: int, m: int, d: int = 10, seed: int = 0) -> dict[str, np.ndarray]:
    """A source (n, d) and a target (m, d) with labels, as otce takes them."""
    X, y = problem(n, d, 4, seed)
    Z, t = problem(m, d, 3, seed + 1)
    return {
        "source_features": X, "source_labels": y, "target_features": Z, "target_labels": t
    }  # fmt: skip


def points(of_task: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same as sinkhorn takes it."""
    return {f"{side}_points": of_task[f"{side}_features"] for side in ("source", "target")}


def bits(result: object) -> str:
    """What a transport says, to the last bit."""
    solver = getattr(result, "solver", result)
    numbers = (solver.transport_cost, solver.regularised_cost, solver.marginal_error)
    parts = [solver.f.tobytes(), solver.g.tobytes(), repr((*numbers, solver.n_iter)).encode()]
    if solver is not result:
        parts.append(result.joint.tobytes())
    return hashlib.sha256(b"|".join(parts)).hexdigest()


def solved(of_task: dict[str, np.ndarray], n_threads: int | None = None) -> list[str]:
    """Every kernel of optimal transport: solves, and what is read from their results."""
    options = {"relative_epsilon": 0.1, "n_threads": n_threads}
    result = transferscore.sinkhorn(**points(of_task), **options)
    labels = (of_task["source_labels"], of_task["target_labels"])
    arrays = (result.coupling(), transferscore.joint_label_distribution(result, *labels))
    return [
        bits(result),
        bits(transferscore.sinkhorn(**points(of_task), **options, memory_budget=0)),
        bits(transferscore.sinkhorn(cost=arrays[0], **options)),
        bits(transferscore.otce(**of_task, **options)),
        *(bits(each) for each in transferscore.otce_many([of_task, of_task], **options)),
        *(hashlib.sha256(array.tobytes()).hexdigest() for array in arrays),
    ]


SETUP = f"""
import hashlib, json, os, signal, sys, threading, time
import numpy as np
import transferscore

{inspect.getsource(problem)}
"""
TRANSPORT_SETUP = SETUP + "\n".join(map(inspect.getsource, (task, points, bits, solved)))


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


@needs_fork
def test_a_forked_child_solves_on_one_thread_and_never_hangs():
    expected, after, answers = child(
        """
data = task(900, 700)
expected = solved(data, 3)  # starts the threads of the parent
answers = []
for _ in range(3):
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)  # ends a child that hangs
        threads = lambda: len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self") else 1
        before = threads()
        answer = [solved(data), solved(data, 2), threads() - before]
        os.write(write, json.dumps(answer).encode())
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    os.close(write)
    answers.append([status, *json.loads(os.read(read, 10000) or b"[]")])
    os.close(read)
print(json.dumps([expected, solved(data, 3), answers]))
""",
        setup=TRANSPORT_SETUP,
        OMP_NUM_THREADS="3",
    )
    assert answers == [[0, expected, expected, 0]] * 3
    assert after == expected


@pytest.mark.parametrize(
    ("method", "n_threads"),
    [
        pytest.param("fork", 1, marks=needs_fork),
        ("spawn", 3),
        # Forked from a server without this library, which each worker imports after the fork.
        pytest.param("forkserver", 3, marks=needs_fork),
    ],
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


# Solves that nothing else would end, and other calls of several seconds: one for each part of the
# kernels. `call` takes the number of threads.
ENDLESS = "tol=1e-300, max_iter=10**9, n_threads=k"
LONG_TRANSPORTS = {
    "stored": f"""
data = points(task(1500, 1400, 50))
call = lambda k: transferscore.sinkhorn(**data, {ENDLESS})
""",
    "costs computed anew": f"""
data = points(task(1500, 1400, 300))
call = lambda k: transferscore.sinkhorn(**data, memory_budget=0, {ENDLESS})
""",
    "costs being stored": f"""
X = rng.standard_normal((4000, 3000))
call = lambda k: transferscore.sinkhorn(X, X, {ENDLESS})
""",
    "a large cost matrix": f"""
C = rng.random((4000, 4000))
call = lambda k: transferscore.sinkhorn(cost=C, memory_budget=0, {ENDLESS})
""",
    "columns that are lost": f"""
data = points(task(1500, 1400, 50))
data["target_points"] *= 100
call = lambda k: transferscore.sinkhorn(**data, relative_epsilon=1e-6, {ENDLESS})
""",
    "many problems": f"""
tasks = [task(300, 250, 10, seed) for seed in range(40)]
call = lambda k: transferscore.otce_many(tasks, {ENDLESS})
""",
    "many problems that share their points": f"""
whole = task(900, 800)
tasks = [whole | {{"source_rows": np.arange(i, 300 + i)}} for i in range(0, 600, 15)]
call = lambda k: transferscore.otce_many(tasks, {ENDLESS})
""",
    # Potentials are made up, since a solve would take longer than what is to be seen.
    "a plan": """
from dataclasses import replace
from transferscore.transport._problem import checked
X = rng.standard_normal((4000, 3000))
nothing = np.zeros(len(X))
result = transferscore.sinkhorn(X[:5], X[:5])
result = replace(result, f=nothing, g=nothing, epsilon=1e3, _problem=checked(X, X))

def call(k):
    with transferscore.num_threads(k):
        result.coupling()
""",
}


@needs_sigint
@pytest.mark.parametrize(
    ("call", "n_threads"),
    [("stored", 1), ("many problems", 1), *((call, 2) for call in LONG_TRANSPORTS)],
)
def test_ctrl_c_ends_a_transport_within_a_second(call, n_threads):
    found = child(
        f"""
signal.signal(signal.SIGINT, signal.default_int_handler)
rng, sent = np.random.default_rng(0), []
{LONG_TRANSPORTS[call]}
def press():
    time.sleep(0.4)
    sent.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)

small, larger = task(60, 50), task(900, 700)
expected = solved(small), solved(larger, 1)
threading.Thread(target=press).start()
try:
    call({n_threads})
    ended = "finished"
except KeyboardInterrupt:
    ended = "interrupted"
late = time.perf_counter() - sent[0] if sent else None
print(json.dumps([ended, late, (solved(small), solved(larger, {n_threads})) == expected]))
""",
        setup=TRANSPORT_SETUP,
        TRANSFERSCORE_ISA="base",
    )
    ended, late, right = found
    assert ended == "interrupted"
    assert late <= 1
    assert right


@needs_sigint
@pytest.mark.parametrize("method", ["coupling", "round"])
def test_signals_are_heard_all_the_time_while_a_plan_is_made(method):
    # A handler of a timer that rings every 50 ms: what it does not hear, Ctrl-C does not interrupt.
    longest = child(
        f"""
from dataclasses import replace
from transferscore.transport._problem import checked
X = np.random.default_rng(0).standard_normal((8000, 1))
nothing, heard = np.zeros(len(X)), []
result = transferscore.sinkhorn(X[:5], X[:5])
result = replace(result, f=nothing, g=nothing, epsilon=1.0, _problem=checked(X, X))
signal.signal(signal.SIGALRM, lambda *_: heard.append(time.perf_counter()))
signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
heard.append(time.perf_counter())
plan = result.{method}(memory_budget=10**9)
heard.append(time.perf_counter())
signal.setitimer(signal.ITIMER_REAL, 0)
print(json.dumps(max(np.diff(sorted(heard)))))
"""
    )
    assert longest <= 0.5


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


def test_other_python_threads_run_on_during_a_transport():
    # Costs of many features, so that a few iterations take a good part of a second.
    data = points(task(1500, 800, 600))
    ticks, over = [], threading.Event()

    def tick() -> None:
        while not over.wait(0.002):
            ticks.append(time.perf_counter())

    ticker = threading.Thread(target=tick)
    ticker.start()
    begin, end = timed(
        lambda: transferscore.sinkhorn(**data, tol=1e-7, memory_budget=0, n_threads=1)
    )
    over.set()
    ticker.join()
    within = [begin, *(at for at in ticks if begin < at < end), end]
    assert max(np.diff(within)) < (end - begin) / 2


def test_many_python_threads_get_the_transports_of_one():
    # The larger ones are worth several threads each.
    tasks = [task(400 + 100 * k, 700, seed=k) for k in range(4)]
    expected = [solved(each, 1) for each in tasks]

    def work(k: int) -> list[list[str]]:
        return [solved(tasks[k % 4], 1 + (k + i) % 3) for i in range(2)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(work, range(8)))
    assert found == [[expected[k % 4]] * 2 for k in range(8)]


@pytest.mark.parametrize("main", ["sleeps", "computes"])
@pytest.mark.parametrize(
    "call",
    [
        "transferscore.sinkhorn(x, x[:600] + 1, tol=1e-300, max_iter=10**9)",
        "transferscore.sinkhorn(x, x[:600] + 1, tol=1e-300, max_iter=10**9, n_threads=1)",
        "transferscore.h_score(x, y)",
    ],
    ids=["long", "long on one thread", "many short ones"],
)
def test_a_daemon_thread_in_a_call_does_not_disturb_the_end_of_the_process(call, main):
    script = f"""
import threading, time
import numpy as np
import transferscore

x, y = np.random.default_rng(0).normal(size=(700, 30)), np.arange(700) % 3

def work():
    while True:
        {call}

for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
end = time.perf_counter() + 0.3
while time.perf_counter() < end:
    {"time.sleep(0.1)" if main == "sleeps" else "sum(range(1000))"}
print("over", flush=True)
"""
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "over\n", "")


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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="address space is limited there")
def test_lack_of_memory_is_an_exception_in_every_score():
    right, found = child(
        """
import resource, warnings
warnings.simplefilter("ignore")
X, y = problem(800, 150, 4)
X, half = np.abs(X), np.abs(X[:, :1]) > 0.7

def calls():
    for name, score in transferscore.scores().items():
        if name == "leep":
            P = X / X.sum(axis=1, keepdims=True)
            yield name, lambda s=score: s.compute(P, y)
        elif name in ("nce", "maximal_h_score", "hgr_correlation"):
            t = half[:, 0].astype(int)
            by_name = dict(source_labels=t, target_labels=y)
            given = ((), by_name) if name == "nce" else ((t, y), {})
            yield name, lambda s=score, g=given: s.compute(*g[0], **g[1])
        elif name == "effective_rank":
            yield name, lambda s=score: s.compute(X)
        elif name == "task_transferability":
            yield name, lambda s=score: s.compute(X, y, optimal=X)
        else:
            yield name, lambda s=score: s.compute(X, y)

expected = {name: call() for name, call in calls()}
found = {name: [] for name in expected}
for kibibytes in (0, 500, 2500, 1 << 20):
    for name, call in calls():
        pages = int(open("/proc/self/statm").read().split()[0])
        room = pages * resource.getpagesize() + (kibibytes << 10)
        resource.setrlimit(resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))
        try:
            found[name].append(call() == expected[name])
        except MemoryError:
            found[name].append(None)
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
print(json.dumps([{name: call() for name, call in calls()} == expected, found]))
""",
        # What earlier calls have freed goes back at once, or it would be there for the next.
        MALLOC_MMAP_THRESHOLD_=str(64 * 1024),
        MALLOC_TRIM_THRESHOLD_="0",
    )
    assert right
    assert set(found) == set(transferscore.scores())
    outcomes = [each for of_score in found.values() for each in of_score]
    assert False not in outcomes  # the right value or none
    assert None in outcomes
    assert all(of_score[-1] for of_score in found.values())  # where there is room, the value


FAR = task(600, 600)
FAR["source_features"][1] = 1e300  # not among the rows from which the scale is taken
TOO_LARGE = {
    "sinkhorn": (lambda: transferscore.sinkhorn(**points(FAR)), "source_points"),
    "sinkhorn, no budget": (
        lambda: transferscore.sinkhorn(**points(FAR), memory_budget=0),
        "source_points",
    ),
    "sinkhorn, absolute epsilon": (
        lambda: transferscore.sinkhorn(**points(FAR), epsilon=1e300),
        "source_points",
    ),
    "sinkhorn of costs": (
        lambda: transferscore.sinkhorn(cost=np.full((30, 20), 1.7e308)),
        "cost",
    ),
    "sinkhorn_many": (
        lambda: transferscore.sinkhorn_many([points(task(9, 7)), points(FAR)]),
        "source_points",
    ),
    "sinkhorn_divergence": (
        lambda: transferscore.sinkhorn_divergence(**points(FAR)),
        "source_points",
    ),
    "exact_plan": (lambda: transferscore.exact_plan(**points(FAR)), "source_points"),
    "otce": (lambda: transferscore.otce(**FAR), "source_features"),
    "otce, exact": (lambda: transferscore.otce(**FAR, method="exact"), "source_features"),
    "otce, label cost": (
        lambda: transferscore.otce(**FAR, label_cost=np.ones((4, 3))),
        "source_features",
    ),
    "otce_many": (lambda: transferscore.otce_many([task(9, 7), FAR]), "source_features"),
    "label_distances": (lambda: transferscore.label_distances(*FAR.values()), "source_features"),
}


@pytest.mark.parametrize("call", TOO_LARGE)
def test_an_overflow_in_a_transport_is_an_error_that_names_the_argument(call):
    wrong, name = TOO_LARGE[call]
    with pytest.raises(ValueError, match=rf"`[^`]*\b{name}\b[^`]*` must have squares within"):
        wrong()
    # What follows is none the worse for it.
    assert solved(task(60, 50), 3) == solved(task(60, 50), 1)


@pytest.mark.parametrize("value", [10**20, 10**400], ids=["10^20", "10^400"])
@pytest.mark.parametrize(
    "name", ["epsilon", "relative_epsilon", "tol", "max_iter", "memory_budget", "n_threads"]
)
def test_an_integer_beyond_all_ranges_is_taken_or_refused_by_name(name, value):
    data = points(task(30, 20))

    def error() -> str | None:
        try:
            transferscore.sinkhorn(**data, **{name: value})
        except ValueError as error:
            return str(error)
        return None

    text = error()
    assert text is None or text.startswith(f"`{name}` must be ")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="address space is limited there")
@pytest.mark.parametrize("budget", [None, 2**40, 0])
def test_lack_of_memory_in_a_transport_is_an_exception_wherever_it_strikes(budget):
    # As for h_score. Without a budget the limit decides it, and less memory is asked for.
    right, expected, found = child(
        f"""
import resource
data = task(1200, 1000, 200)
kinds = [
    lambda: bits(transferscore.sinkhorn(**points(data), memory_budget={budget}, n_threads=2)),
    lambda: bits(transferscore.otce(**data, memory_budget={budget}, tol=1e-6, n_threads=2)),
    lambda: hashlib.sha256(result.coupling(memory_budget=2**40).tobytes()).hexdigest(),
]
result = transferscore.sinkhorn(**points(data), memory_budget=0, n_threads=2)
expected = [call() for call in kinds]
found = []
for mebibytes in range(1, 42, 5):
    for call in kinds:
        pages = int(open("/proc/self/statm").read().split()[0])
        room = pages * resource.getpagesize() + (mebibytes << 20)
        resource.setrlimit(resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))
        try:
            found.append(call())
        except MemoryError:
            found.append(None)
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY,) * 2)
right = [call() for call in kinds] == expected
print(json.dumps([right, expected, found]))
""",
        setup=TRANSPORT_SETUP,
        # What earlier calls have freed goes back at once, or it would be there for the first one.
        MALLOC_MMAP_THRESHOLD_=str(64 * 1024),
        MALLOC_TRIM_THRESHOLD_="0",
    )
    assert right
    assert found[0] is None
    assert found[-1] is not None
    for k, value in enumerate(expected):
        # How much may be stored does not change what a solve is, but may change its last bits.
        if budget is not None or k == 2:
            assert set(found[k::3]) <= {None, value}


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
    lazy = ("cli", "compat", "datasets", "pixels", "reference", "io", "_doctor")
    assert not [name for name in new if name.startswith(tuple(f"transferscore.{x}" for x in lazy))]


def test_names_that_are_loaded_later():
    found = child(
        """
import json, sys
import transferscore
early = "transferscore.pixels" in sys.modules
listed = "select_sources" in dir(transferscore)
from transferscore import select_sources
try:
    transferscore.no_such_name
except AttributeError as error:
    text = str(error)
print(json.dumps([early, listed, select_sources.__module__, text]))
"""
    )
    module = "transferscore.pixels.sources"
    text = "module 'transferscore' has no attribute 'no_such_name'"
    assert found == [False, True, module, text]


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
if "xgboost" in sys.modules:
    import xgboost
    xgboost.train({"nthread": 2}, xgboost.DMatrix(X[:, :5], y), num_boost_round=2)
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


def as_types(of_task: dict[str, np.ndarray], dtype: str, label_dtype: str) -> dict[str, np.ndarray]:
    """The same in other types, scaled so that small integers still tell points apart."""
    return {
        name: (10 * values).astype(dtype)
        if name.endswith("features")
        else values.astype(label_dtype)
        for name, values in of_task.items()
    }


@pytest.mark.parametrize("budget", [2**30, 0])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f8", "i2"])
@pytest.mark.parametrize("label_dtype", ["i4", "U3"])
def test_inputs_of_transports_are_never_written(dtype, label_dtype, budget):
    data = as_types(task(80, 60), dtype, label_dtype)
    side = points(data)
    a, b = np.arange(80.0) % 4, np.linspace(0.5, 1.5, 60) * 2  # some without weight
    start = (np.zeros(80), np.linspace(-1, 1, 60))
    C = (data["source_features"][:, :1] - data["target_features"][:, 0].astype("f8")).astype(dtype)
    rows, mask = np.arange(3, 70), np.arange(60) % 5 > 0
    given = [*data.values(), a, b, *start, C, rows, mask]
    for array in given:
        array.flags.writeable = False
    before = [array.tobytes() for array in given]

    options = {"relative_epsilon": 0.5, "memory_budget": budget}
    weights = {"source_weights": a, "target_weights": b}
    result = transferscore.sinkhorn(**side, **weights, initial=start, **options)
    of_costs = transferscore.sinkhorn(cost=C, epsilon=50.0, initial=start, memory_budget=budget)
    some = data | {"source_rows": rows, "target_rows": mask}
    scores = [
        transferscore.otce(**data, **options),
        transferscore.otce(**data, label_cost="gaussian", **options),
        *transferscore.otce_many([data, some], **options),
    ]
    values = [
        transferscore.joint_label_distribution(
            result, data["source_labels"], data["target_labels"]
        ),
        *(getattr(each, name)() for each in (result, of_costs) for name in ("coupling", "round")),
        *(getattr(each, name) for each in (result, of_costs) for name in ("f", "g")),
        *(getattr(each, name) for each in scores for name in ("joint", "source_classes")),
    ]
    assert [array.tobytes() for array in given] == before
    for value in values:
        assert value.flags.writeable
        assert not any(np.shares_memory(value, array) for array in given)


def test_points_mapped_for_reading_are_transported(tmp_path):
    # A write into these pages would end the process, hence a process of its own.
    data = task(900, 700)
    for name, values in data.items():
        np.save(tmp_path / f"{name}.npy", values)
    found = child(
        f"""
os.chdir({str(tmp_path)!r})
names = {list(data)}
print(json.dumps(solved({{name: np.load(name + ".npy", mmap_mode="r") for name in names}}, 2)))
""",
        setup=TRANSPORT_SETUP,
    )
    assert found == solved(data)


def test_results_of_transports_are_the_callers_own():
    data = task(80, 60)
    labels = (data["source_labels"], data["target_labels"])

    def arrays() -> tuple[transferscore.SinkhornResult, list[np.ndarray]]:
        result = transferscore.sinkhorn(**points(data))
        score = transferscore.otce(**data)
        return result, [
            *(result.f, result.g, result.coupling(), result.round()),
            transferscore.joint_label_distribution(result, *labels),
            *(score.joint, score.source_classes, score.target_classes),
            *(score.solver.f, score.solver.g),
        ]

    result, first = arrays()
    kept = [array.copy() for array in first]
    for array in first[2:]:
        array[:] = -1
    _, second = arrays()
    second += [result.coupling(), result.round()]
    for new, as_it_was in zip(second, [*kept, *kept[2:4]], strict=True):
        assert not any(np.shares_memory(new, old) for old in first)
        np.testing.assert_allclose(new, as_it_was, rtol=0, atol=MASS)
    warm = transferscore.sinkhorn(**points(data), initial=result)
    assert not np.shares_memory(warm.f, result.f)
    assert not np.shares_memory(warm.g, result.g)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("method", ["coupling", "round"])
def test_a_plan_has_the_same_bits_wherever_it_lies(method, dtype):
    # Rows of 61 values, so that hardly one begins where vectors of the processor do.
    data = {name: values.astype(dtype) for name, values in points(task(80, 61)).items()}
    result = transferscore.sinkhorn(**data, relative_epsilon=0.1)
    sizes = np.random.default_rng(0).integers(1, 3000, size=40)
    between = []
    for size in sizes:
        between += [np.empty(size), getattr(result, method)()]
    plans = between[1::2]
    assert len({plan.ctypes.data % 64 for plan in plans}) > 1
    assert len({plan.tobytes() for plan in plans}) == 1


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
