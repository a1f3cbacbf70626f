"""Problems, a way of timing that asserts the answer first, and the table of ratios at the end."""

import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_info, threadpool_limits

import transferscore

# pytest's import mode "importlib" leaves the folder of a test file off the path.
sys.path.insert(0, str(Path(__file__).parent))

from rivals import Exact

# With these a BLAS runs for another processor than the one that is there.
STEERING = ("OPENBLAS_CORETYPE", "BLIS_ARCH_TYPE", "MKL_ENABLE_INSTRUCTIONS")
GROUPS = pytest.StashKey[list[Any]]()
LOAD = pytest.StashKey[float | None]()


@dataclass(frozen=True)
class Problem:
    """Features (n, d) as a network gives them, labels (n,), and the exact answers."""

    X: NDArray[np.float32]
    y: NDArray[np.int64]
    exact: Exact


@pytest.fixture(scope="session")
def problem() -> Callable[[int, int, int], Problem]:
    """problem(n, d, n_classes). The last one is kept: sort benchmarks by problem."""

    @lru_cache(maxsize=1)
    def make(n: int, d: int, n_classes: int) -> Problem:
        return Problem(*relu_features(n, d, n_classes))

    return make


def relu_features(
    n: int, d: int, n_classes: int
) -> tuple[NDArray[np.float32], NDArray[np.int64], Exact]:
    """ReLU of a low-rank signal that knows the class, plus noise: correlated, and not about 0."""
    rng = np.random.default_rng(0)
    rank = max(4, d // 8)
    y = rng.integers(n_classes, size=n)
    centres = rng.standard_normal((n_classes, rank), dtype=np.float32)
    mixing = rng.standard_normal((rank, d), dtype=np.float32) / np.float32(rank**0.5)
    X = np.empty((n, d), dtype=np.float32)
    for rows in np.array_split(np.arange(n), max(1, n // 20_000)):  # the noise of all rows is large
        signal = rng.standard_normal((len(rows), rank), dtype=np.float32) + centres[y[rows]]
        noise = rng.standard_normal((len(rows), d), dtype=np.float32)
        X[rows] = np.maximum(signal @ mixing + np.float32(0.1) * noise, 0)
    return X, y, Exact(X)


@pytest.fixture(scope="session", autouse=True)
def same_threads() -> Iterator[None]:
    """Give NumPy's BLAS as many threads as transferscore has, whatever its own default is."""
    with threadpool_limits(transferscore.get_num_threads(), user_api="blas"):
        yield


@pytest.fixture(scope="session", autouse=True)
def exact_is_the_definition() -> None:
    """The answers that benchmarks are held against agree with the tests' reference."""
    from transferscore import reference

    X, y, exact = relu_features(300, 24, 5)
    alpha = exact.ledoit_wolf()
    plain, shrunk = exact.h_scores(y[:, None])[0], exact.h_scores(y[:, None], alpha)[0]
    assert plain == pytest.approx(reference.h_score(X, y), rel=1e-10)
    assert shrunk == pytest.approx(reference.h_score(X, y, shrinkage="ledoit-wolf"), rel=1e-10)


@pytest.fixture
def timed(benchmark: Any) -> Callable[..., None]:
    """Assert the answer of a call, then time it, and note the error beside the time.

    `role` is "ours", "floor", "rival", or "variant" for our code in another use. `exact` is the
    right answer and `at_most` the largest relative error; or `error` is a function of the answer
    that gives its error. `rounds=1` times the very call that is checked, for calls of many seconds;
    `rounds=None` leaves repetitions to pytest-benchmark, for calls of microseconds. In the table
    the time is less `less` seconds, for a part of the call that is not of interest, and then
    multiplied by `stands_for`, where a call does a known part, or a multiple, of the work of the
    others in its group. `note` is a text for the table, or a function of the answer that gives it.
    """

    def run(
        call: Callable[[], Any],
        exact: Any = None,
        *,
        role: str,
        at_most: float,
        error: Callable[[Any], float] | None = None,
        rounds: int | None = 9,
        n_threads: int | None = None,
        less: float = 0,
        stands_for: float = 1,
        note: str | Callable[[Any], str] = "",
    ) -> None:
        # A call before the rounds also warms up.
        answer = benchmark.pedantic(call, rounds=1) if rounds == 1 else call()
        found = relative_error(answer, exact) if error is None else error(answer)
        assert found <= at_most
        benchmark.extra_info.update(
            role=role,
            error=found,
            threads=n_threads or transferscore.get_num_threads(),
            isa=transferscore.isa() if role in ("ours", "variant") else blas(),
            less=less,
            stands_for=stands_for,
            note=note if isinstance(note, str) else note(answer),
        )
        if rounds is None:
            benchmark(call)
        elif rounds > 1:
            benchmark.pedantic(call, rounds=rounds)

    return run


def relative_error(answer: Any, exact: Any) -> float:
    """The largest error, relative to the largest exact value."""
    return float(np.max(np.abs(answer - exact)) / np.max(np.abs(exact)))


def blas() -> str:
    """Which BLAS NumPy runs, and for which processor."""
    found = [library for library in threadpool_info() if library["user_api"] == "blas"]
    names = {f"{lib['internal_api']} {lib.get('architecture', '')}".strip() for lib in found}
    return ", ".join(sorted(names)) or "unknown"


def pytest_configure(config: pytest.Config) -> None:
    # The plugin tells its news ("nothing to compare with") as warnings, which are errors here.
    config.stash[LOAD] = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    config.addinivalue_line(
        "filterwarnings", "default::pytest_benchmark.logger.PytestBenchmarkWarning"
    )


@pytest.hookimpl(hookwrapper=True)
def pytest_benchmark_group_stats(config: pytest.Config) -> Iterator[None]:
    outcome: Any = yield
    config.stash[GROUPS] = outcome.get_result()


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    groups = config.stash.get(GROUPS, [])
    if not groups:
        return
    terminalreporter.section("ratios of median times")
    load = config.stash[LOAD]
    if load is not None and load > 0.5:
        terminalreporter.write_line(f"this machine was busy before: load average {load:.1f}")
    for name in STEERING:
        if name in os.environ:
            value = os.environ[name]
            terminalreporter.write_line(f"{name}={value} is set: floors and rivals may be too slow")
    for name, benchmarks in groups:
        terminalreporter.write_line("")
        for line in table_of(name, benchmarks):
            terminalreporter.write_line(line)


def table_of(name: str, benchmarks: list[Any]) -> Iterator[str]:
    """One group: time against the floor and against ours, the error and the circumstances."""
    times: dict[str, float] = {}
    of_role: defaultdict[str, list[float]] = defaultdict(list)
    for bench in benchmarks:
        info = bench["extra_info"]
        times[bench["name"]] = (bench["median"] - info["less"]) * info["stands_for"]
        of_role[info["role"]].append(times[bench["name"]])
    yield (
        f"{name:<46}{'time':>11}{'/ floor':>9}{'/ ours':>9}{'error':>12}{'threads':>9}"
        f"{'rounds':>8}  isa, notes"
    )
    for bench in sorted(benchmarks, key=lambda bench: times[bench["name"]]):
        info, time = bench["extra_info"], times[bench["name"]]
        label = f"  {info['role']}: {bench['name'].removeprefix('test_')}"
        yield (
            f"{label:<46.46}{time_text(time):>11}{ratio(time, of_role['floor']):>9}"
            f"{ratio(time, of_role['ours']):>9}{info['error']:>12.1e}{info['threads']:>9}"
            f"{bench['rounds']:>8}  {', '.join(filter(None, (info['isa'], info['note'])))}"
        )


def ratio(time: float, base: list[float]) -> str:
    """time / base, where the group has one base."""
    return f"{time / base[0]:.3g}" if len(base) == 1 else "-"


def time_text(seconds: float) -> str:
    """Seconds in a unit that leaves a few digits before the point."""
    if seconds >= 1000:
        return f"{seconds:.0f} s"
    size, unit = next(
        (pair for pair in ((1.0, "s"), (1e-3, "ms")) if seconds >= pair[0]), (1e-6, "us")
    )
    return f"{seconds / size:.3g} {unit}"
