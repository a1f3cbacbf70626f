"""Instruction-set levels: all that run here give the same scores, and a wrong wish fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import transferscore
from tolerances import LEVELS, LEVELS_OF_SOLUTIONS
from transferscore import _backend

# Executed here and, as text, in a child process at another level. float32 at (2500, 700) and
# (700, 2500) takes products in single precision; equal rows keep n <= d from being trivial.
SCORES = """
import numpy as np
import transferscore

def score(dtype, n, d, shrinkage):
    rng = np.random.default_rng(n * d)
    y = rng.integers(0, 5, size=n)
    X = rng.standard_normal((n, d))
    X[:, :5] += y[:, np.newaxis]
    if n <= d:
        X[n // 2 : n // 2 * 2] = X[: n // 2]
    return transferscore.h_score(X.astype(dtype), y, shrinkage=shrinkage)

def scores():
    return {
        f"{dtype} {n}x{d} {shrinkage}": score(dtype, n, d, shrinkage)
        for dtype, sizes in [
            ("float64", [(777, 130), (130, 777), (90, 3)]),
            ("float32", [(777, 130), (130, 777), (2500, 700), (700, 2500)]),
        ]
        for n, d in sizes
        for shrinkage in (None, 0.1, "ledoit-wolf")
    }
"""

# Likewise, solved tightly: some of what each transport says, costs in units of the mean cost. The
# sizes are beyond one tile of stored costs (512) and of computed ones (1024). float32 at a relative
# epsilon of 2 has costs in single precision, at 0.05 in double.
TRANSPORTS = """
import numpy as np
from transferscore import otce, sinkhorn

SOLVED_BY_LEVELS = {"float64": 1e-10, "float32": 1e-5}

def transports_of(dtype, budget):
    rng = np.random.default_rng(7)
    ys, yt = rng.integers(0, 4, 520), rng.integers(0, 6, 1040)
    x, z = rng.standard_normal((520, 10)), 0.8 * rng.standard_normal((1040, 10)) + 0.3
    x[:, 0] += ys
    z[:, 0] += yt
    C = ((x[:, np.newaxis] - z) ** 2).sum(axis=2)
    unit = C.mean()
    x, z, C = (values.astype(dtype) for values in (x, z, C))
    points = {"source_points": x, "target_points": z}
    task = {
        "source_features": x, "source_labels": ys, "target_features": z, "target_labels": yt
    }
    options = {"tol": SOLVED_BY_LEVELS[dtype], "max_iter": 20_000, "memory_budget": budget}
    for given, data in (("points", points), ("cost", {"cost": C})):
        for epsilon in (0.05, 2.0):
            result = sinkhorn(**data, **options, relative_epsilon=epsilon)
            costs = (result.transport_cost, result.regularised_cost)
            values = np.array([*costs, *result.f[::100], *result.g[::100]]) / unit
            yield f"sinkhorn of {given} at {epsilon}", values
    for label_cost in (None, "gaussian"):
        result = otce(**task, **options, label_cost=label_cost)
        values = (result.domain_difference / unit, result.task_difference)
        yield f"otce with label cost {label_cost}", [*values, *result.joint.ravel()]

def transports():
    return {
        f"{dtype} {memory} {name}": list(values)
        for dtype in SOLVED_BY_LEVELS
        for memory, budget in (("stored", 2**30), ("anew", 0))
        for name, values in transports_of(dtype, budget)
    }
"""


def child(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def expected() -> dict[str, float]:
    names: dict[str, object] = {}
    exec(SCORES, names)
    return names["scores"]()


@pytest.fixture(scope="module")
def expected_transports() -> dict[str, list[float]]:
    names: dict[str, object] = {}
    exec(TRANSPORTS, names)
    return names["transports"]()


@pytest.mark.parametrize("level", _backend.usable_levels())
def test_every_usable_level_gives_the_same_scores(level, expected, expected_transports):
    done = child(
        SCORES
        + TRANSPORTS
        + """
import json, sys
from transferscore._backend import backend
print(json.dumps({
    "isa": transferscore.isa(),
    "module": backend.__name__,
    "loaded": [name for name in sys.modules if name.startswith("transferscore._core_")],
    "scores": scores(),
    "transports": transports(),
}))
""",
        TRANSFERSCORE_ISA=level,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["isa"] == level
    assert found["module"] == f"transferscore._core_{level}"
    assert found["loaded"] == [f"transferscore._core_{level}"]
    assert found["scores"].keys() == expected.keys()
    for name, value in found["scores"].items():
        tolerance = LEVELS[name.split()[0]]
        np.testing.assert_allclose(value, expected[name], rtol=tolerance, atol=0, err_msg=name)
    assert found["transports"].keys() == expected_transports.keys()
    for name, values in found["transports"].items():
        tolerance = LEVELS_OF_SOLUTIONS[name.split()[0]]
        np.testing.assert_allclose(
            values, expected_transports[name], rtol=0, atol=tolerance, err_msg=name
        )


def test_the_scores_that_are_compared_are_not_trivial(expected):
    assert len(expected) == 21
    for name, value in expected.items():
        assert 0.01 < value < 3.99, name


def test_the_transports_that_are_compared_are_not_trivial(expected_transports):
    assert len(expected_transports) == 24
    for name, (cost, *others) in expected_transports.items():
        assert 0.1 < cost < 1, name  # beyond exact transport, short of the independent plan
        assert max(others) - min(others) > 0.1, name


def test_levels_are_listed_plainest_first_and_the_best_is_taken(monkeypatch):
    built, usable = _backend.built_levels(), _backend.usable_levels()
    assert built == ["base", "v3", "v4"][: len(built)]
    assert usable == built[: len(usable)]
    assert _backend.choose_level(None) == usable[-1]
    monkeypatch.setattr(_backend._cpu, "built_levels", lambda: ["base", "v3", "v4"])
    monkeypatch.setattr(_backend._cpu, "can_run", lambda level: level != "v4")
    assert _backend.choose_level(None) == "v3"
    assert _backend.choose_level("base") == "base"


def test_an_empty_variable_means_automatic():
    done = child("import transferscore; print(transferscore.isa())", TRANSFERSCORE_ISA="")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == _backend.usable_levels()[-1]


def test_the_level_in_use_is_the_one_asked_for():
    assert transferscore.isa() == (_backend.forced() or _backend.usable_levels()[-1])


@pytest.mark.parametrize("wanted", ["v9", "BASE", "base,v3", " "])
def test_an_unknown_level_stops_the_import(wanted):
    built = ", ".join(_backend.built_levels())
    done = child("import transferscore", TRANSFERSCORE_ISA=wanted)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last == f"ImportError: TRANSFERSCORE_ISA must be one of {built}, got {wanted!r}"


def test_a_level_that_this_processor_cannot_run_is_refused(monkeypatch):
    monkeypatch.setattr(_backend._cpu, "built_levels", lambda: ["base", "v3", "v4"])
    monkeypatch.setattr(_backend._cpu, "can_run", lambda level: level != "v4")
    with pytest.raises(ImportError) as caught:
        _backend.choose_level("v4")
    assert str(caught.value) == (
        "TRANSFERSCORE_ISA=v4, but this processor or operating system cannot run that level; "
        "it can run base, v3"
    )


def test_a_processor_below_every_level_is_told_what_is_needed(monkeypatch):
    monkeypatch.setattr(_backend._cpu, "built_levels", lambda: ["base", "v3", "v4"])
    monkeypatch.setattr(_backend._cpu, "can_run", lambda level: False)
    with pytest.raises(ImportError) as caught:
        _backend.choose_level(None)
    assert str(caught.value) == (
        "this build of transferscore needs a processor of level 'base' or better "
        "(x86-64-v2: SSE4.2 and POPCNT)"
    )
    with pytest.raises(ImportError, match="cannot run"):
        _backend.choose_level("base")


def test_the_probe_knows_no_level_beyond_those_it_can_judge():
    assert _backend._cpu.can_run("base")
    assert all(isinstance(_backend._cpu.can_run(level), bool) for level in ("base", "v3", "v4"))
