"""A few hundred hostile inputs (`tests/fuzz.py`: thousands), and is the judge awake?"""

import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import transferscore
from fuzzing import KINDS, Corpus, try_input
from fuzzing.calls import CALLS
from fuzzing.files import LOADERS
from fuzzing.judge import judged, judged_file
from transferscore import PixelScores, h_score
from transferscore.io import FileError

ROUNDS = {"calls": 5, "files": 6}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return Corpus(tmp_path_factory.mktemp("corpus"))


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_inputs_are_answered_or_refused(kind, corpus):
    names = CALLS if kind == "calls" else LOADERS
    outcomes = [try_input(kind, 1, i, corpus) for i in range(ROUNDS[kind] * len(names))]
    findings = [(i, name, o.finding) for i, (name, o) in enumerate(outcomes) if o.finding]
    assert findings == []
    answered = sum(outcome.answered for _, outcome in outcomes)
    # Neither all of them refused at the first check nor all of them harmless.
    assert 0.1 < answered / len(outcomes) < 0.9


def test_every_reader_reads_its_file_before_it_is_damaged(corpus):
    for name in LOADERS:
        corpus.load_undamaged(name)


def test_every_public_function_of_arrays_is_called():
    without_arrays = {
        "evaluate_filter",
        "extract_features",
        "get_num_threads",
        "isa",
        "num_threads",
        "scores",
        "select_source",
        "select_sources",
        "set_num_threads",
    }
    named_otherwise = {"soft_hgr_value_and_grad"}
    functions = {
        name for name in transferscore.__all__ if name.islower() and not name.startswith("_")
    }
    assert functions - set(CALLS) - without_arrays - named_otherwise == set()


# ------------------------------------------------------------------------ planted faults


def nan(x):
    return float("nan")


def nan_in_a_dictionary(x):
    return {"h_score": np.array([1.0, np.nan])}


def spread_of_many_draws(x):
    return PixelScores({"lfc": 0.1}, {"lfc": np.nan}, {"lfc": np.array([0.1, 0.2])}, ())


def writes(x):
    x[0] = 7
    return 1.0


def of_numpy(x):
    return np.linalg.cholesky(x)


def nameless(x):
    raise ValueError("no argument is named here")


def crashes_in_python(x):
    raise KeyError("x")


def warns(x):
    warnings.warn("invalid value", RuntimeWarning, stacklevel=1)
    return 1.0


def out_of_bounds(x):
    return 1.5


COUNT = iter(range(100))


def another_each_time(x):
    return float(next(COUNT))


PLANTED = {
    nan: "NaN or infinity in result",
    nan_in_a_dictionary: "NaN or infinity in result['h_score']",
    spread_of_many_draws: "NaN or infinity in result.spread['lfc']",
    writes: "changed its input",
    of_numpy: "LinAlgError",
    nameless: "ValueError: no argument",
    crashes_in_python: "KeyError",
    warns: "RuntimeWarning: invalid value",
    out_of_bounds: "more than 1: 1.5",
    another_each_time: "gave something else the second time",
}


@pytest.mark.parametrize("fault", PLANTED, ids=lambda fault: fault.__name__)
def test_a_planted_fault_is_found(fault):
    outcome = judged("sfda", (fault, (np.zeros((2, 2)),), {}), twice=True)
    assert outcome.finding is not None
    assert outcome.finding.what.startswith(PLANTED[fault])


def busy(seconds):
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_a_slow_call_is_found(monkeypatch):
    monkeypatch.setattr("fuzzing.judge.MOST_SECONDS", 0.001)
    outcome = judged("slow", (busy, (0.05,), {}), twice=False)
    assert outcome.finding.what.startswith("took 0.")
    outcome = judged_file(Path(), lambda _: busy(0.05))
    assert outcome.finding.what.startswith("took 0.")


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (FileError("'x' is\nbad"), "an error of several lines"),
        (ValueError("of a library"), "ValueError: of a library"),
        (MemoryError(), "MemoryError"),
        (RecursionError("deep"), "RecursionError: deep"),
    ],
)
def test_a_fault_of_a_reader_is_found(error, what):
    def load(path):
        raise error

    assert judged_file(Path("x"), load).finding.what.startswith(what)


def test_what_is_right_is_no_finding():
    X, y = np.eye(4), [0, 1, 0, 1]
    for call in ((h_score, (X, y), {"shrinkage": 0.5}), (h_score, (X, y[:3]), {})):
        assert judged("h_score", call, twice=True).finding is None


# In place of the package `fuzzing`, which takes long to import.
FAULTY = """
import fuzz, os, sys, time, types
def try_input(kind, seed, number, corpus):
    if number == 2:
        os.abort()
    if number == 4:
        time.sleep(60)
    return "harmless", types.SimpleNamespace(answered=True, finding=None)
sys.modules["fuzzing"] = types.SimpleNamespace(Corpus=str, try_input=try_input)
fuzz.HANG, fuzz.__file__ = 1.0, __file__
sys.exit(fuzz.main())
"""


def test_a_crash_and_a_hang_end_one_input_and_not_the_run(tmp_path):
    script = tmp_path / "faulty.py"
    script.write_text(FAULTY, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script, "--kind", "calls", "--inputs", "6"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert "calls 2: the process ended with" in done.stdout
    assert "calls 4: the process ended with" in done.stdout
    assert "6 inputs, 4 answered, the others refused, 2 findings" in done.stdout
