"""Entropic transport against the product behind the costs, one read of them, and other solvers.

The error beside every time is the L1 error of both marginals, recomputed in float64 from the points
and the potentials that came back.
"""

import json
import os
import statistics
import subprocess
import sys
import timeit
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rivals_transport import Domains, Rival, clustered, geomloss, missing, ott, pot

import transferscore
from transferscore import sinkhorn

Timed = Callable[..., None]

TOL = 1e-3  # what everybody is asked for
UNFINISHED = 1e-2  # error of iterations that stop too early
SINGLE = 1e-4  # relative error allowed to floors, which sum in float32

SMALL = (1_000, 512)
WORK = (5_000, 512)  # of the performance notes
ITERATING = ((5_000, 64), (20_000, 64))
LARGE = (100_000, 64)
GIGABYTE = 1e9

ASKED = os.environ.get("TRANSFERSCORE_BENCH_LARGE") == "1"
MINUTES = "takes minutes: TRANSFERSCORE_BENCH_LARGE=1 asks for it"

# The fewest iterations on WORK: of memories 2-8, ridges 1e-2-1e-6, values 1.3-1.8 (1.7 diverges).
ANDERSON = {"memory": 5, "ridge_identity": 1e-4}
MOMENTUM = {"value": 1.65}


@lru_cache(maxsize=2)
def domains(n: int, d: int) -> Domains:
    return clustered(n, n, d)


def problems(*sizes: tuple[int, int], suffix: str = "") -> pytest.MarkDecorator:
    """One group for each size (n, d)."""
    return pytest.mark.parametrize(
        "size",
        [
            pytest.param(
                (n, d),
                marks=pytest.mark.benchmark(group=f"sinkhorn {n} x {n}, d = {d}{suffix}"),
                id=f"{n}",
            )
            for n, d in sizes
        ],
    )


def rival(name: str, module: str, solve: Rival, rounds: dict[tuple[int, int], int]) -> Any:
    """One case: a rival, and how often it runs in each size."""
    absent = missing(*module.split())
    marks = pytest.mark.skipif(bool(absent), reason=f"needs {' and '.join(absent)}")
    return pytest.param(solve, rounds, marks=marks, id=name)


def rivals() -> list[Any]:
    """What takes seconds runs a few times, what takes many seconds once, minutes if asked for."""
    many, few, once = {SMALL: 9, WORK: 5}, {SMALL: 5, WORK: 3}, {SMALL: 3, WORK: 1}
    slow = once if ASKED else {SMALL: 3}
    anderson, momentum, kernel = {"anderson": ANDERSON}, {"momentum": MOMENTUM}, {"lse_mode": False}
    return [
        rival("ott_anderson", "ott", ott(anderson, anderson | kernel), many),
        rival("ott_momentum", "ott", ott(momentum, momentum | kernel), few),
        rival("ott", "ott", ott({}, kernel), few),
        rival("pot", "ot", pot("sinkhorn", "numpy"), few),
        rival("pot_stabilized", "ot", pot("sinkhorn_stabilized", "numpy"), few),
        rival("pot_log", "ot", pot("sinkhorn_log", "numpy"), slow),
        rival("pot_torch", "ot torch", pot("sinkhorn", "torch"), few),
        rival("pot_torch_log", "ot torch", pot("sinkhorn_log", "torch"), once),
        rival("geomloss", "geomloss torch", geomloss, slow),
    ]


def recomputed(p: Domains) -> Callable[[Any], float]:
    """The error of a result of ours. Its epsilon has to be the one of the definition."""

    def error(result: Any) -> float:
        assert result.epsilon == pytest.approx(p.epsilon, rel=SINGLE)
        return p.marginal_error((result.f, result.g), result.epsilon)

    return error


def iterations(result: Any) -> str:
    return f"{result.n_iter} iterations"


# --- From points ---------------------------------------------------------------------------------


@problems(SMALL, WORK)
def test_product(timed: Timed, size: tuple[int, int]) -> None:
    p = domains(*size)
    exact = p.X[:8].astype(np.float64) @ p.Z[:8].T.astype(np.float64)
    timed(lambda: (p.X @ p.Z.T)[:8, :8], exact, role="floor", at_most=SINGLE, rounds=20)


@problems(SMALL, WORK)
def test_transferscore(timed: Timed, size: tuple[int, int]) -> None:
    p = domains(*size)
    call = partial(sinkhorn, p.X, p.Z, tol=TOL)
    timed(call, error=recomputed(p), role="ours", at_most=TOL, rounds=20, note=iterations)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("solve", "rounds"), rivals())
@problems(SMALL, WORK)
def test_rival(timed: Timed, size: tuple[int, int], solve: Rival, rounds: Any) -> None:
    run_rival(timed, size, solve, rounds, given=False)


# --- From a cost matrix --------------------------------------------------------------------------


@problems(SMALL, WORK, suffix=", cost given")
def test_given_read(timed: Timed, size: tuple[int, int]) -> None:
    """One read of the matrix: its product with a vector, as fast as the memory."""
    C = domains(*size).cost
    ones = np.ones(C.shape[1], dtype=np.float32)
    exact = C.sum(axis=1, dtype=np.float64)
    timed(lambda: C @ ones, exact, role="floor", at_most=SINGLE, rounds=100)


@problems(SMALL, WORK, suffix=", cost given")
def test_given_transferscore(timed: Timed, size: tuple[int, int]) -> None:
    p = domains(*size)
    call = partial(sinkhorn, cost=p.cost, tol=TOL)
    timed(call, error=recomputed(p), role="ours", at_most=TOL, rounds=20, note=iterations)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("solve", "rounds"), rivals())
@problems(SMALL, WORK, suffix=", cost given")
def test_given_rival(timed: Timed, size: tuple[int, int], solve: Rival, rounds: Any) -> None:
    run_rival(timed, size, solve, rounds, given=True)


def run_rival(timed: Timed, size: Any, solve: Rival, rounds: Any, *, given: bool) -> None:
    if size not in rounds:
        pytest.skip(MINUTES)
    p = domains(*size)
    prepared = solve(p, TOL, given)
    note = ", ".join(filter(None, (f"{prepared.n_iter} iterations", prepared.settings)))
    options = {"role": "rival", "at_most": TOL, "rounds": rounds[size], "note": note}
    timed(prepared.call, error=p.marginal_error, **options)


# --- One iteration -------------------------------------------------------------------------------


@problems(*ITERATING, suffix=", one iteration")
def test_iteration_read(timed: Timed, size: tuple[int, int]) -> None:
    C = domains(*size).cost
    ones = np.ones(C.shape[1], dtype=np.float32)
    exact = C.sum(axis=1, dtype=np.float64)
    timed(lambda: C @ ones, exact, role="floor", at_most=SINGLE, rounds=50)


@pytest.mark.filterwarnings("ignore::transferscore.ConvergenceWarning")
@problems(*ITERATING, suffix=", one iteration")
def test_iteration_transferscore(timed: Timed, size: tuple[int, int]) -> None:
    """A twentieth of what 23 iterations take longer than 3. The costs are given.

    23 are not enough for the smallest `tol` with a kernel in float32. What a call takes once, above
    all new memory, varies by many iterations at 20,000: there medians of a few rounds are noise.
    """
    p = domains(*size)
    few, many, rounds = 3, 23, 9

    def solve(max_iter: int) -> Any:
        return sinkhorn(cost=p.cost, tol=1e-5, max_iter=max_iter)

    def error(result: Any) -> float:
        assert result.n_iter == many
        return p.marginal_error((result.f, result.g), result.epsilon)

    short = statistics.median(timeit.repeat(partial(solve, few), number=1, repeat=rounds))
    timed(
        partial(solve, many),
        error=error,
        role="ours",
        at_most=UNFINISHED,
        rounds=rounds,
        less=short,
        stands_for=1 / (many - few),
    )


# --- More than the memory holds ------------------------------------------------------------------

# A process of its own: its peak is that of this call, and not of the rivals before. The peak is
# VmHWM, not ru_maxrss: a child inherits the latter from the process that started it.
CHILD = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
import numpy as np
from rivals_transport import clustered
from transferscore import sinkhorn

n, d, tol, n_threads, path = json.loads(sys.argv[2])
p = clustered(n, n, d)
start = time.perf_counter()
result = sinkhorn(p.X, p.Z, tol=tol, n_threads=n_threads)
seconds = time.perf_counter() - start
with open("/proc/self/status") as lines:
    peak = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
np.savez(path, f=result.f, g=result.g)
found = {"seconds": seconds, "peak": peak, "n_iter": result.n_iter, "epsilon": result.epsilon}
print(json.dumps(found))
"""


@pytest.mark.skipif(not ASKED, reason=MINUTES)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux tells the peak of memory")
@pytest.mark.filterwarnings("ignore::transferscore.ConvergenceWarning")
@problems(LARGE)
def test_large_transferscore(timed: Timed, size: tuple[int, int], tmp_path: Path) -> None:
    """An n x m array of float32 would take 40 GB."""
    path = tmp_path / "potentials.npz"
    asked = json.dumps([*size, TOL, transferscore.get_num_threads(), str(path)])

    def solve() -> Any:
        command = [sys.executable, "-c", CHILD, str(Path(__file__).parent), asked]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def error(found: Any) -> float:
        assert found["peak"] < GIGABYTE
        with np.load(path) as potentials:
            return clustered(size[0], *size).marginal_error(
                (potentials["f"], potentials["g"]), found["epsilon"]
            )

    def note(found: Any) -> str:
        peak = f"peak {found['peak'] / 1e6:.0f} MB"
        return f"{found['seconds']:.0f} s in the call, {found['n_iter']} iterations, {peak}"

    timed(solve, error=error, role="ours", at_most=TOL, rounds=1, note=note)


@pytest.mark.skipif(not ASKED, reason=MINUTES)
@problems(LARGE)
def test_large_product(timed: Timed, size: tuple[int, int]) -> None:
    """All products of one iteration, a thousand rows of X at a time. A hundredth is timed."""
    p = clustered(size[0], *size)
    X = p.X[:1000]
    exact = X[:8].astype(np.float64) @ p.Z[:8].T.astype(np.float64)
    part = len(p.X) / len(X)
    call = lambda: (X @ p.Z.T)[:8, :8]  # noqa: E731
    timed(call, exact, role="floor", at_most=SINGLE, rounds=5, stands_for=part)
