"""Every promise of docs/promises.md has its tests; those without a place of their own are here.

A test here has the number of its promise in its name.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import json
import os
import pickle
import re
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tolerances
import transferscore
from conftest import Promise, network_features, promises
from tolerances import (
    BOUND,
    CONVERGED,
    FLOAT32,
    FLOAT64,
    MAPPED,
    MASS,
    OF_THE_MOST,
    RECOMPUTED,
    RELABELLED,
    REORDERED,
    ROUNDED,
    SMALL_CHANGE,
    TRANSPORT,
)
from transferscore import reference

ROOT = Path(__file__).parents[1]
TESTS = Path(__file__).parent
needs_sources = pytest.mark.skipif(not (ROOT / "cpp").is_dir(), reason="no source tree here")
SCORES = transferscore.scores()


@functools.cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@functools.cache
def names_in(file: str) -> set[str]:
    """The tests of a file: `test_a`, `TestB::test_c`."""
    found = set()
    for node in parsed(TESTS / file).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test"):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{m.name}" for m in node.body if isinstance(m, ast.FunctionDef)}
    return found


# The page


@pytest.mark.parametrize("promise", promises(), ids=lambda promise: promise.number)
def test_every_promise_has_tests(promise: Promise) -> None:
    assert promise.reach in ("A", "B"), "a promise says whom it concerns"
    assert promise.tests or promise.struck, "a promise has tests, or a reason for having none"
    for name in promise.tests:
        file, _, test = name.partition("::")
        assert test in names_in(file), f"{name} is not there"
    if (ROOT / "cpp").is_dir():
        for place in promise.places:
            assert (ROOT / place).exists(), f"{place} is not there"


def test_promises_are_numbered_in_order(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("promise") is None  # it is not on the page
    numbers = [tuple(map(int, promise.number.split("."))) for promise in promises()]
    expected = []
    for section in dict.fromkeys(n[0] for n in numbers):
        count = sum(n[0] == section for n in numbers)
        expected += [(section, k) for k in range(1, count + 1)]
    assert numbers == expected
    assert {n[0] for n in numbers} == {0, 1, 2, 3, 4, 5}


def test_tests_of_promises_are_on_the_page() -> None:
    """A test that bears the number of a promise is listed there."""
    listed = {name for promise in promises() for name in promise.tests}
    here = {name for name in names_in("test_promises.py") if re.match(r"test_\d+_\d+_", name)}
    assert {f"test_promises.py::{name}" for name in here} <= listed


def test_tests_on_the_page_have_the_marker(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("promise") is not None  # it is on the page itself


# 0.1


def test_0_1_nothing_is_compiled_and_no_program_is_run() -> None:
    code = """
import sys
def watch(event, arguments):
    if event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"):
        raise RuntimeError(event)
sys.addaudithook(watch)
import numpy as np, transferscore
x, y = np.random.default_rng(0).normal(size=(60, 5)), np.arange(60) % 3
for score in ("h_score", "logme", "nleep", "gbc", "knn"):
    assert np.isfinite(transferscore.scores()[score].compute(x, y))
transferscore.otce(source_features=x, source_labels=y, target_features=x, target_labels=y)
"""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PATH", "CC", "CXX", "LD_LIBRARY_PATH")
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "PATH": "", "CC": "/nothing", "CXX": "/nothing"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@needs_sources
def test_0_1_wheels_of_every_promised_platform_are_tested() -> None:
    workflow = ROOT / ".github" / "workflows" / "wheels.yml"
    if not workflow.is_file():
        pytest.skip("no workflows in the source archive")
    text = workflow.read_text(encoding="utf-8")
    machines = re.search(r"os: \[(.*)\]", text)
    assert machines
    kinds = {re.sub(r"-[\d.]+", "", machine.strip()) for machine in machines[1].split(",")}
    assert kinds == {"ubuntu", "ubuntu-arm", "macos", "windows"}
    assert "pypa/cibuildwheel@" in text
    settings = (
        (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[tool.cibuildwheel]")
    )
    assert 'test-command = "pytest"' in settings[2]
    assert 'test-extras = ["test"]' in settings[2]


# 0.2

OF_DISCRETE = ("nce", "maximal_h_score", "hgr_correlation")  # they see no features


def values_of(X: Any) -> Any:
    """A discrete value for each sample, from its first feature."""
    return np.digitize(np.asarray(X)[:, :1].sum(axis=1), [0, 1])


def arguments(name: str, X: Any, y: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What a score is given, made of features and labels."""
    if name == "nce":
        return (), {"source_labels": values_of(X), "target_labels": y}
    if name in OF_DISCRETE:
        return (values_of(X), y), {}
    if name == "task_transferability":
        return (X, y), {"optimal": X}
    if name == "effective_rank":
        return (X,), {}
    return (X, y), {}


def limits(name: str, X: Any, y: Any) -> tuple[float, float]:
    """The least and the most that a score can be: what `Score.bounds` says, as numbers."""
    K, (n, d) = len(set(y.tolist())), np.shape(X)
    return {
        "0 to classes - 1": (0, K - 1),
        "any number": (-np.inf, np.inf),
        "1 / classes - 1 to 0": (1 / K - 1, 0),
        "0 or more": (0, np.inf),
        "-1 to 1": (-1, 1),
        "0 to 1": (0, 1),
        "-100 to 100": (-100, 100),
        "-classes (classes - 1) to 0": (-K * (K - 1), 0),
        "at most 0": (-np.inf, 0),
        "-log(target classes) to 0": (-np.log(K), 0),
        "1 to min(n, d)": (0, min(n, d)),  # 0 where all features are
    }[SCORES[name].bounds]


def hostile() -> dict[str, tuple[Any, Any]]:
    X, y = network_features(40, 6, 3)
    nan, inf, mixed = X.copy(), X.copy(), X.copy()
    nan[7, 2], inf[9, 4] = np.nan, -np.inf
    mixed[:, ::2] *= 1e12
    single = y.copy()
    single[3] = 77
    return {
        "plain": (X, y),
        "nan": (nan, y),
        "inf": (inf, y),
        "nan in float16": (nan.astype(np.float16), y),
        "zeros": (np.zeros_like(X), y),
        "constant": (np.full_like(X, 0.1), y),
        "one constant column": (np.column_stack([X, np.full(40, 3.7)]), y),
        "one column": (X[:, :1], y),
        "no column": (X[:, :0], y),
        "no row": (X[:0], y[:0]),
        "one row": (X[:1], y[:1]),
        "two rows": (X[:2], np.array([0, 1])),
        "huge": (X * 1e160, y),
        "at the limit": (X * 1e307, y),
        "tiny": (X * 1e-200, y),
        "subnormal": (X * 1e-310, y),
        "float32 at its limit": ((X / X.max() * 3e38).astype(np.float32), y),
        "far off": (X + 1e12, y),
        "units": (mixed, y),
        "duplicates": (np.repeat(X[:4], 10, axis=0), np.repeat([0, 1, 2, 0], 10)),
        "contradictions": (np.repeat(X[:4], 10, axis=0), y),
        "few samples": (np.random.default_rng(0).normal(size=(9, 50)), np.arange(9) % 3),
        "every sample its class": (X, np.arange(40)),
        "one class": (X, np.zeros(40, int)),
        "one-sample class": (X, single),
        "gaps and negatives": (X, 1000 * y - 5000),
        "perfect": (np.eye(3)[y], y),
        "integers": (np.full((40, 6), 2**62) + np.arange(240).reshape(40, 6), y),
        "complex": (X + 1j, y),
        "text": (X.astype(str), y),
        "objects": (np.array([[None] * 6] * 40), y),
        "masked": (np.ma.masked_greater(X, 1.0), y),
        "labels too few": (X, y[:-1]),
        "labels nan": (X, np.where(y == 1, np.nan, y)),
        "labels fractions": (X, y + 0.5),
        "labels inf": (X, np.where(y == 1, np.inf, y)),
        "labels none": (X, np.array([None] * 40)),
    }


@pytest.mark.parametrize("name", SCORES)
def test_0_2_finite_and_within_bounds_or_an_error_that_names_the_cause(name: str) -> None:
    refused: dict[str, str] = {}
    for case, (X, y) in hostile().items():
        if name == "leep":
            X = scaled_to_probabilities(X)  # noqa: PLW2901
        if name in OF_DISCRETE and case in ("complex", "text", "objects"):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                positional, named = arguments(name, X, y)
                value = SCORES[name].compute(*positional, **named)
        except (ValueError, TypeError, OverflowError) as error:
            refused[case] = str(error)
            continue
        low, high = limits(name, X, y)
        slack = BOUND * max(1, *(abs(end) for end in (low, high) if np.isfinite(end)), 1)
        assert np.isfinite(value), case
        assert low - slack <= value <= high + slack, (case, value)
    for case, text in refused.items():
        assert re.search(r"`\w+`", text), (case, text)
    # NaN is never a number of the table, and an ordinary problem is never refused.
    assert "plain" not in refused
    if name not in OF_DISCRETE:
        assert {"nan", "inf", "nan in float16", "complex", "text", "objects"} <= set(refused)
    if name not in ("effective_rank", "task_transferability"):
        assert "labels too few" in refused
    if name not in ("effective_rank", "logme", "linear_mse"):  # the two take numbers for targets
        assert {"labels nan", "labels fractions", "labels inf"} <= set(refused)


def scaled_to_probabilities(X: Any) -> Any:
    """Rows that sum to 1, where there are numbers to be had."""
    if np.size(X) == 0 or X.dtype.kind not in "fiu" or np.ma.isMaskedArray(X):
        return X
    values = np.abs(X.astype(np.float64))
    sums = values.sum(axis=1, keepdims=True)
    with np.errstate(all="ignore"):
        return np.where((sums > 0) & np.isfinite(sums), values / sums, values)


# 0.3


def words() -> list[str]:
    """The functions behind the scores, each once."""
    return sorted({getattr(s.compute, "func", s.compute).__name__ for s in SCORES.values()})


@pytest.mark.parametrize("word", words())
def test_0_3_every_score_is_compared_with_a_reference(word: str) -> None:
    """By its own file, which asks the reference; and here on shapes that all scores must take."""
    text = (TESTS / f"test_{word}.py").read_text(encoding="utf-8")
    assert re.search(rf"\breference(\.{word}\b| import \w|\b.*\bimport\b.*\b{word}\b)", text), word
    if word == "nleep":
        return  # its reference is given where the clusters start; its own file does that
    function, definition = getattr(transferscore, word), getattr(reference, word)
    for n, d in ((60, 5), (12, 12), (10, 40)):
        X, y = network_features(n, d, 3)
        y = np.where(y == 2, -7, 3 * y)
        if word == "leep":
            X = scaled_to_probabilities(X + 0.01)
        options: dict[str, Any] = {"pca": None} if word == "gbc" else {}
        if word == "task_transferability":  # which refuses features that count classes
            options["shrinkage"] = 0.2
        positional, named = arguments(word, X, y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            expected = definition(*positional, **named, **options)
            value = function(*positional, **named, **options)
            assert value == pytest.approx(expected, rel=FLOAT64, abs=100 * OF_THE_MOST), (n, d)
            if word in OF_DISCRETE:
                continue
            X32 = X.astype(np.float32)
            positional, named = arguments(word, X32.astype(np.float64), y)
            expected = definition(*positional, **named, **options)
            positional, named = arguments(word, X32, y)
            value = function(*positional, **named, **options)
            assert value == pytest.approx(expected, rel=FLOAT32, abs=FLOAT32), (n, d, "float32")


# 0.4


def public_functions() -> dict[str, Any]:
    found = {}
    for name in ("transferscore", "transferscore.ranking", "transferscore.pixels"):
        module = importlib.import_module(name)
        for word in module.__all__:
            value = getattr(module, word)
            if inspect.isfunction(value):
                found[word] = value
    return found


# They are symmetric up to their sign or their order, or their two sides are of different kinds.
SIDES_BY_POSITION = {
    "sinkhorn": "the plan of swapped sides is the transposed one",
    "sinkhorn_divergence": "is symmetric",
    "exact_plan": "the plan of swapped sides is the transposed one",
    "label_distances": "the table of swapped sides is the transposed one",
    "joint_label_distribution": "the plan tells the sides apart by their sizes",
    "score_matrix": "sources are features, targets labels",
    "higher_order_h_score": "sources are features by name, targets images",
}


def test_0_4_source_and_target_have_names() -> None:
    seen = set()
    for name, function in public_functions().items():
        parameters = inspect.signature(function).parameters.values()
        sides = [p for p in parameters if p.name.startswith(("source", "target"))]
        both = {p.name.partition("_")[0].rstrip("s") for p in sides} >= {"source", "target"}
        if not both:
            continue
        seen.add(name)
        if name not in SIDES_BY_POSITION:
            assert all(p.kind is p.KEYWORD_ONLY for p in sides), name
    assert {"nce", "otce", "otce_value_and_grad", "segmentation_otce"} <= seen
    assert set(SIDES_BY_POSITION) <= seen


def test_0_4_sides_that_have_places_may_be_swapped() -> None:
    x, z = np.random.default_rng(0).normal(size=(2, 9, 3))
    options = {"epsilon": 1.0, "tol": 1e-12, "max_iter": 10_000}
    one = transferscore.sinkhorn(x, z, **options).coupling()
    two = transferscore.sinkhorn(z, x, **options).coupling()
    np.testing.assert_allclose(one, two.T, rtol=0, atol=REORDERED)
    y = np.arange(9) % 2
    table = transferscore.label_distances(x, y, z, y)
    np.testing.assert_allclose(table, transferscore.label_distances(z, y, x, y).T, rtol=REORDERED)


# 0.7


@pytest.mark.skipif(not hasattr(os, "fork"), reason="workers are forked")
@pytest.mark.filterwarnings("ignore")  # a fork beside threads is what this is about
def test_0_7_a_data_set_scores_inside_the_workers_of_a_data_loader() -> None:
    torch = pytest.importorskip("torch", reason="needs PyTorch's data loader")
    X, y = network_features(3000, 60, 4)
    value = transferscore.h_score(X, y, n_threads=2)  # threads, which do not survive the fork

    class Scores(torch.utils.data.Dataset):  # type: ignore[misc, name-defined]
        def __len__(self) -> int:
            return 4

        def __getitem__(self, i: int) -> tuple[float, int]:
            return transferscore.h_score(X, y), transferscore.get_num_threads()

    loader = torch.utils.data.DataLoader(
        Scores(), num_workers=2, multiprocessing_context="fork", timeout=120
    )
    found = [(each.item(), threads.item()) for each, threads in loader]
    assert found == [(value, 1)] * 4


EXECUTORS = ("threads", "loky", "joblib's threads", "Dask's threads", "Dask's processes", "loader")


@pytest.mark.parametrize("executor", EXECUTORS)
def test_0_7_executors_of_others_give_the_bits_of_a_single_call(executor: str) -> None:
    needed = {"loky": "joblib", "joblib's threads": "joblib", "loader": "torch"}
    module = needed.get(executor, "dask" if "Dask" in executor else "concurrent")
    pytest.importorskip(module, reason=f"{executor}: not installed here")
    code = f"""
import functools, json, sys
from concurrent.futures import ThreadPoolExecutor
import numpy as np
import transferscore

def run(executor, call, tasks):
    if executor == "threads":
        with ThreadPoolExecutor(3) as pool:
            return list(pool.map(call, tasks))
    if executor in ("loky", "joblib's threads"):
        import joblib
        backend = "loky" if executor == "loky" else "threading"
        jobs = (joblib.delayed(call)(task) for task in tasks)
        return joblib.Parallel(n_jobs=2, backend=backend)(jobs)
    if executor == "loader":
        from torch.utils.data import DataLoader
        # With workers that are spawned; those that are forked have a test of their own.
        options = dict(num_workers=1, multiprocessing_context="spawn", batch_size=None)
        return list(DataLoader(tasks, collate_fn=call, **options))
    import dask
    scheduler = "threads" if executor == "Dask's threads" else "processes"
    jobs = [dask.delayed(call)(task) for task in tasks]
    return list(dask.compute(*jobs, scheduler=scheduler, num_workers=2))

if __name__ == "__main__":
    rng = np.random.default_rng(0)
    X, tasks = rng.normal(size=(2000, 200)), [np.arange(2000) % k for k in range(2, 8)]
    call = functools.partial(transferscore.h_score, X)
    expected = [transferscore.h_score(X, y, n_threads=2).hex() for y in tasks]  # starts threads
    found = [float(value).hex() for value in run({executor!r}, call, tasks)]
    print(json.dumps([expected, found]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    expected, found = json.loads(done.stdout.splitlines()[-1])
    assert len(set(expected)) == 6
    assert found == expected


# 0.8


def every_score_in_hexadecimal() -> dict[str, str]:
    """The value of each score of the registry on features and labels of its own kind."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.arange(300) % 4)
    X = np.abs(rng.normal(size=(300, 12)) + np.eye(12)[y])
    names = np.array(["b", "d", "a", "c"])[y]  # a hash of a string differs between processes
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, score in transferscore.scores().items():
            of_numbers = name in ("linear_mse", "effective_rank")
            given = X / X.sum(axis=1, keepdims=True) if name == "leep" else X
            positional, named = arguments(name, given, y if of_numbers else names)
            found[name] = float(score.compute(*positional, **named)).hex()
    return found


@functools.cache
def bits_here() -> dict[str, str]:
    return every_score_in_hexadecimal()


@pytest.mark.parametrize("hash_seed", ["0", "1", "random"])
def test_0_8_fresh_processes_give_the_same_bits_for_every_score(hash_seed: str) -> None:
    functions = (values_of, arguments, every_score_in_hexadecimal)
    code = "\n".join(
        [
            "from __future__ import annotations",
            "import json, warnings, numpy as np, transferscore",
            f"OF_DISCRETE = {OF_DISCRETE!r}",
            *map(inspect.getsource, functions),
            "first, second = every_score_in_hexadecimal(), every_score_in_hexadecimal()",
            "assert first == second",
            "print(json.dumps(first))",
        ]
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert set(bits_here()) == set(SCORES)
    assert json.loads(done.stdout) == bits_here()


# 0.9


def copies(X: np.ndarray) -> dict[str, np.ndarray]:
    """The same float64 numbers, lying otherwise."""
    wide = np.zeros((2 * len(X), 3 * X.shape[1]))
    wide[::2, ::3] = X
    packed = np.zeros(X.shape, dtype=[("a", "i1"), ("x", "f8")])
    packed["x"] = X
    raw = np.zeros(X.nbytes + 1, np.uint8)
    unaligned = raw[1:].view(np.float64).reshape(X.shape)
    unaligned[:] = X
    fixed = X.copy()
    fixed.flags.writeable = False
    return {
        "Fortran": np.asfortranarray(X),
        "sliced": wide[::2, ::3],
        "reversed": X[::-1, ::-1].copy()[::-1, ::-1],
        "packed": packed["x"],
        "unaligned": unaligned,
        "swapped bytes": X.astype(">f8"),
        "read-only": fixed,
        "list": X.tolist(),
    }


FEATURE_SCORES = [name for name, score in SCORES.items() if score.needs[0] == "features"]


@pytest.mark.parametrize("name", [*FEATURE_SCORES, "leep"])
def test_0_9_any_layout_and_type_for_every_score(name: str) -> None:
    X, y = network_features(60, 6, 3)
    X = np.round(8 * X)  # whole numbers, which every type holds
    if name == "leep":
        X = np.eye(8)[(2 * y + np.arange(60) % 2) % 8]
    compute = SCORES[name].compute
    expected = compute(*arguments(name, X, y)[0])
    for layout, values in copies(X).items():
        assert compute(*arguments(name, values, y)[0]) == expected, layout
    for dtype in ("f4", ">f4", "f2", "i1", "i8", "u2", "g"):
        value = compute(*arguments(name, X.astype(dtype), y)[0])
        assert value == pytest.approx(expected, rel=FLOAT32, abs=FLOAT32), dtype
    before = X.copy()
    compute(*arguments(name, X, y)[0])
    assert (before == X).all()


# 1


def side_of(result: Any) -> tuple[np.ndarray, np.ndarray]:
    P = result.coupling()
    return P.sum(axis=1), P.sum(axis=0)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_1_1_any_epsilon_on_costs_of_any_size(scale: float, dtype: Any) -> None:
    rng = np.random.default_rng(3)
    C = (scale * rng.random((12, 9))).astype(dtype)
    single = dtype == np.float32  # a tenth of tol is lost in sums of single precision at most
    for epsilon in 10.0 ** np.arange(-8, 3):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", transferscore.ConvergenceWarning)
            result = transferscore.sinkhorn(cost=C, relative_epsilon=epsilon, max_iter=2000)
        numbers = [result.transport_cost, result.regularised_cost, result.marginal_error]
        assert np.isfinite([*numbers, *result.f, *result.g]).all(), epsilon
        rows, columns = side_of(result)
        error = np.abs(rows - 1 / 12).sum() + np.abs(columns - 1 / 9).sum()
        slack = max(RECOMPUTED["float32"], result.tol / 10 if single else 0)
        assert error == pytest.approx(result.marginal_error, abs=slack)
        assert result.converged == (result.marginal_error <= result.tol)
        if result.converged:
            assert error <= CONVERGED * result.tol
            assert C.min() <= result.transport_cost * CONVERGED
            assert result.transport_cost <= C.mean(dtype=np.float64) * CONVERGED
        if epsilon >= 0.01:
            assert result.converged


def test_1_3_epsilon_follows_the_costs_or_is_relative_to_them() -> None:
    C = np.random.default_rng(0).random((20, 15))
    tight = {"tol": 1e-11, "max_iter": 50_000}
    absolute = transferscore.sinkhorn(cost=C, epsilon=0.1, **tight)
    relative = transferscore.sinkhorn(cost=C, relative_epsilon=0.1 / np.median(C), **tight)
    assert absolute.epsilon == 0.1
    assert relative.epsilon == pytest.approx(0.1, rel=SMALL_CHANGE)  # the median is of a sample
    for factor in (1e-4, 3.0, 1e5):
        for result, other in (
            (absolute, transferscore.sinkhorn(cost=factor * C, epsilon=factor * 0.1, **tight)),
            (
                relative,
                transferscore.sinkhorn(
                    cost=factor * C, relative_epsilon=relative.relative_epsilon, **tight
                ),
            ),
        ):
            assert other.epsilon == pytest.approx(factor * result.epsilon, rel=FLOAT64)
            np.testing.assert_allclose(
                other.coupling(), result.coupling(), rtol=0, atol=TRANSPORT["float64"]
            )
    unchanged = transferscore.sinkhorn(cost=3 * C, epsilon=0.1, **tight)
    assert np.abs(unchanged.coupling() - absolute.coupling()).sum() > SMALL_CHANGE
    assert {"epsilon", "relative_epsilon", "marginal_error", "n_iter", "tol"} <= set(vars(absolute))


@pytest.mark.parametrize("tol", [0.3, 1e-2, 1e-4])
def test_1_4_rounding_moves_no_more_than_the_error(tol: float) -> None:
    C = np.random.default_rng(1).random((30, 25))
    result = transferscore.sinkhorn(cost=C, relative_epsilon=0.05, tol=tol)
    P, exact = result.coupling(), result.round()
    np.testing.assert_allclose(exact.sum(axis=1), 1 / 30, rtol=0, atol=ROUNDED)
    np.testing.assert_allclose(exact.sum(axis=0), 1 / 25, rtol=0, atol=ROUNDED)
    # What is taken away is at most the error of rows and columns, and as much is put back.
    assert np.abs(exact - P).sum() <= 2 * result.marginal_error + MASS
    assert exact.min() >= 0
    moved = abs((exact * C).sum() - (P * C).sum())
    assert moved <= 2 * result.marginal_error * C.max() + MASS


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_1_5_costs_of_points_far_from_the_origin(dtype: Any) -> None:
    """A plan between one point and one point is known, so that its cost is theirs."""
    rng = np.random.default_rng(0)
    for d in (1, 3, 1000):
        x = (1e4 + rng.normal(size=(1, d))).astype(dtype)
        z = x.copy()
        z[0, 0] += dtype(1e-2)
        exact = np.sum((x.astype(np.float64) - z.astype(np.float64)) ** 2)
        assert exact > 0
        found = transferscore.sinkhorn(x, z, epsilon=1.0).transport_cost
        assert found == pytest.approx(exact, rel=MAPPED)
        assert transferscore.sinkhorn(x, x, epsilon=1.0).transport_cost == 0
    # The best plan between equal clouds is the identity, which costs nothing.
    x = (1e4 + rng.normal(size=(20, 40))).astype(dtype)
    pytest.importorskip("scipy", reason="finds assignments")
    assert transferscore.exact_plan(x, x).transport_cost == 0


X0, Y0 = network_features(80, 6, 3, seed=1)
X1, Y1 = network_features(70, 6, 3, seed=2)
POINTS = {"source_points": X0, "target_points": X1}
TASK = {"source_features": X0, "source_labels": Y0, "target_features": X1, "target_labels": Y1}
XY = np.random.default_rng(0).integers(0, 400, (4000, 2))
MANY_VALUES = {"x": XY[:, 0], "labels": np.where(XY.sum(axis=1) % 5, XY[:, 1], XY[:, 0])}
P0 = scaled_to_probabilities(X0 + 0.1)
SINKHORN = {
    "epsilon": 0.7,
    "relative_epsilon": 0.3,
    "source_weights": np.linspace(1, 2, 80) / np.linspace(1, 2, 80).sum(),
    "target_weights": np.linspace(1, 2, 70) / np.linspace(1, 2, 70).sum(),
    "tol": 1e-7,
    "max_iter": 1,
}
IGNORED = {"ignore_index": 2}

# What each function is called with, and for each of its options a value that must be seen in what
# it returns. Time, threads and memory are not seen there; RESOURCES names the tests of these.
EFFECTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "h_score": (
        {"features": X0, "labels": Y0},
        {"shrinkage": 0.3, "adjust_for_chance": True, "full_output": True, **IGNORED},
    ),
    "logme": (
        {"features": X0, "targets": Y0},
        {"regression": True, "convention": "tllib", "full_output": True, **IGNORED},
    ),
    "linear_mse": (
        {"features": X0, "targets": Y0},
        {"regression": True, "ridge": 3.0, **IGNORED},
    ),
    "transrate": (
        {"features": X0, "labels": Y0},
        {"epsilon": 1.0, "weighting": "uniform", **IGNORED},
    ),
    "coding_rate": ({"features": X0}, {"epsilon": 1.0, "centred": False}),
    "lfc": ({"features": X0, "labels": Y0}, IGNORED),
    "sfda": ({"features": X0, "labels": Y0}, IGNORED),
    "knn": (
        {"features": X0, "targets": Y0},
        {"k": 1, "metric": "cosine", "regression": True, "full_output": True, **IGNORED},
    ),
    "parc": ({"features": X0, "labels": Y0}, IGNORED),
    "gbc": (
        {"features": X0, "labels": Y0},
        {"covariance": "spherical", "pca": 2, "least_variance": 1.0, **IGNORED},
    ),
    "nleep": (
        {"features": X0, "labels": Y0},
        {
            "n_components": 3,
            "covariance": "diagonal",
            "pca": 2,
            "log": False,
            "reg_covar": 0.5,
            "tol": 10.0,
            "max_iter": 1,
            "random_state": 7,
            "full_output": True,
            **IGNORED,
        },
    ),
    "leep": (
        {"source_probabilities": P0, "labels": Y0},
        {"transform": "softmax", **IGNORED},
    ),
    "nce": ({"source_labels": Y0[:70], "target_labels": Y1}, IGNORED),
    "maximal_h_score": (
        {**MANY_VALUES, "n_features": 2},
        {"n_features": 1, "full_output": True, "max_iter": 1, "tol": 0.5, **IGNORED},
    ),
    "hgr_correlation": (
        MANY_VALUES,
        {"max_iter": 1, "tol": 0.5, **IGNORED},
    ),
    "task_transferability": (
        {"source_features": X0[:, :3], "labels": Y0, "optimal": X0},
        {"shrinkage": 0.3, **IGNORED},
    ),
    "effective_rank": ({"features": X0}, {"centred": True}),
    "sinkhorn": (POINTS, {**SINKHORN, "initial": (np.linspace(0, 5, 80), np.linspace(3, 0, 70))}),
    "sinkhorn_divergence": (POINTS, SINKHORN),
    "exact_plan": (
        POINTS,
        {name: SINKHORN[name] for name in ("source_weights", "target_weights")},
    ),
    "otce": (
        TASK,
        {
            "method": "exact",
            "epsilon": 0.7,
            "relative_epsilon": 0.3,
            "label_cost": "gaussian",
            "n_pairs": 40,
            "tol": 1e-7,
            "max_iter": 1,
            **IGNORED,
        },
    ),
    "otce of samples": (
        {**TASK, "n_pairs": 40, "random_state": 0},
        {"n_repeats": 3, "sampling": "stratified"},
    ),
    "otce of a seed": ({**TASK, "n_pairs": 40, "random_state": 0}, {"random_state": 9}),
    "otce of classes": ({**TASK, "label_cost": "gaussian"}, {"gamma": 0.9}),
    "label_distances": (TASK, {"kind": "gaussian-diagonal"}),
}
RESOURCES = {
    "n_threads": "test_threads.py::test_a_call_uses_as_many_threads_as_it_is_told_and_not_one_more",
    "memory_budget": "test_memory.py::test_many_points_and_a_small_budget",
}
# Two ways to the same number: how the work is done, told apart by what the methods' own tests see.
SAME_NUMBER = {
    ("maximal_h_score", "method"): "test_maximal_h_score.py::test_close_singular_values_converge",
    ("hgr_correlation", "method"): "test_hgr_correlation.py::test_correlation_equals_the_reference",
}


def seen(value: Any) -> bytes:
    """What a caller sees of a result: the numbers in it."""
    if hasattr(value, "__dataclass_fields__"):
        fields = {k: getattr(value, k) for k in value.__dataclass_fields__ if k != "_problem"}
        return b"".join(k.encode() + seen(v) for k, v in fields.items())
    if isinstance(value, np.ndarray):
        return value.tobytes()
    return repr(value).encode()


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", EFFECTS)
def test_1_9_every_parameter_has_an_effect(name: str) -> None:
    given, options = EFFECTS[name]
    word = name.partition(" ")[0]
    if word == "exact_plan" or options.get("method") == "exact":
        pytest.importorskip("ot", reason="exact plans of points with weights need POT")
    function = getattr(transferscore, word)
    plain = seen(function(**given))
    assert seen(function(**given)) == plain  # a difference below is not chance
    for option, value in options.items():
        assert seen(function(**{**given, option: value})) != plain, option


def test_1_9_no_parameter_is_forgotten() -> None:
    for word in {name.partition(" ")[0] for name in EFFECTS}:
        covered: set[str] = {"cost"}
        for name, (given, options) in EFFECTS.items():
            if name.partition(" ")[0] == word:
                covered |= set(given) | set(options)
        parameters = set(inspect.signature(getattr(transferscore, word)).parameters)
        alike = {option for of, option in SAME_NUMBER if of == word}
        assert parameters - covered - set(RESOURCES) - alike == set(), word
    assert set(words()) <= set(EFFECTS)
    for place in (*RESOURCES.values(), *SAME_NUMBER.values()):
        file, _, test = place.partition("::")
        assert test in names_in(file)


@needs_sources
def test_1_14_benchmarks_check_the_answer_before_the_time() -> None:
    """Nothing under bench/ times a call without the fixture that asserts the answer first."""
    files = sorted((ROOT / "bench").glob("test_*.py"))
    assert len(files) > 10
    for file in files:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                fixtures = {argument.arg for argument in node.args.args}
                assert "benchmark" not in fixtures, f"{file.name}::{node.name}"
    conftest = ast.parse((ROOT / "bench" / "conftest.py").read_text(encoding="utf-8"))
    timed = next(
        n for n in ast.walk(conftest) if isinstance(n, ast.FunctionDef) and n.name == "timed"
    )
    (run,) = (n for n in timed.body if isinstance(n, ast.FunctionDef))
    kinds = [type(n).__name__ for n in run.body]
    checked = kinds.index("Assert")
    assert ast.unparse(run.body[checked]) == "assert found <= at_most"
    # The repeated rounds come after; of a call of many seconds the timed round is the checked one.
    for n in ast.walk(ast.Module(run.body[: checked - 1], [])):
        if isinstance(n, ast.Call) and ast.unparse(n.func) == "benchmark.pedantic":
            assert "rounds=1" in ast.unparse(n)


# 2


@needs_sources
def test_2_5_workflows_build_the_archive_away_from_the_checkout_and_without_openmp() -> None:
    workflow = ROOT / ".github" / "workflows" / "ci.yml"
    if not workflow.is_file():
        pytest.skip("no workflows in the source archive")
    jobs = dict(re.findall(r"^  ([\w-]+):\n((?:    .*\n|\n)+)", workflow.read_text(), re.M))
    assert "python -m build --sdist" in jobs["sdist"]
    assert "pytest" in jobs["sdist"]
    assert "TRANSFERSCORE_OPENMP=OFF" in jobs["no-openmp"]
    assert "pytest" in jobs["no-openmp"]


def test_2_8_threads_of_an_executor_use_one_thread_each() -> None:
    features = {str(k): network_features(30, 4, 2, seed=k)[0] for k in range(4)}
    labels = network_features(30, 4, 2)[1]
    transferscore.set_num_threads(3)  # what calls outside would use
    try:
        with ThreadPoolExecutor(4) as pool:
            found = transferscore.score_matrix(
                features,
                {"t": labels},
                executor=pool,
                score=lambda X, y: float(transferscore.get_num_threads()),
            )
    finally:
        transferscore.set_num_threads(None)
    assert np.ravel(found.values).tolist() == [1.0] * 4


def test_2_10_sixty_four_calls_at_once_equal_single_ones() -> None:
    def call(i: int) -> bytes:
        name = list(SCORES)[i % len(SCORES)]
        n, k = 60 + 45 * (i % 9), 1 + i % 3
        X, y = network_features(n, 4 + i % 13, 3, seed=i)
        if name == "leep":
            X = scaled_to_probabilities(X + 0.1)
        positional, named = arguments(name, X, y)
        with transferscore.num_threads(k):
            value = SCORES[name].compute(*positional, **named)
            result = transferscore.sinkhorn(X, X[::-2] + 0.1, relative_epsilon=0.2)
            assert transferscore.get_num_threads() == k
        large = transferscore.h_score(*LARGE, n_threads=1 + (i + 1) % 3)
        return np.array([value, large, *result.f, *result.g]).tobytes()

    LARGE = network_features(1500, 100, 5)  # worth several threads
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = [call(i) for i in range(64)]
        together = threading.Barrier(64)

        def at_once(i: int) -> bytes:
            together.wait(timeout=300)
            return call(i)

        with ThreadPoolExecutor(64) as pool:
            found = list(pool.map(at_once, range(64)))
    assert found == expected


@pytest.mark.parametrize("name", [name for name in SCORES if name != "effective_rank"])
def test_2_14_names_of_classes_change_no_score(name: str) -> None:
    X, y = network_features(60, 5, 4, seed=4)
    if name == "leep":
        X = scaled_to_probabilities(X + 0.1)
    positional, named = arguments(name, X, y)
    expected = SCORES[name].compute(*positional, **named)
    new_names = (
        np.array([3, 1, 0, 2])[y],
        (y - 2).astype(np.int8),
        y.astype(np.uint64) + 2**63,
        1000.0 * y,
        np.array(["vier", "drei", "zwei", "eins"])[y],
    )
    for labels in new_names:
        if labels.dtype.kind == "f" and SCORES[name].needs[-1] == "targets":
            continue  # numbers with a fraction type are targets there
        positional, named = arguments(name, X, labels)
        value = SCORES[name].compute(*positional, **named)
        assert value == pytest.approx(expected, rel=REORDERED, abs=RELABELLED), labels.dtype


# 3

# Comparisons with a bare number, of the time before this rule. They may only become fewer.
BARE = {
    "test_cli_evaluate.py": 1,
    "test_correlations.py": 2,
    "test_domains.py": 3,
    "test_empirical.py": 2,
    "test_evaluation.py": 12,
    "test_extract.py": 2,
    "test_few_shot.py": 2,
    "test_finetune.py": 2,
    "test_formats.py": 1,
    "test_hgr.py": 4,
    "test_linear_probe.py": 9,
    "test_logme.py": 1,
    "test_maximal_correlation_regression.py": 3,
    "test_maximal_h_score.py": 1,
    "test_otce_gradient.py": 3,
    "test_plots_of_results.py": 1,
    "test_rank.py": 10,
    "test_segmentation_otce.py": 1,
    "test_selection.py": 1,
    "test_task_experiments.py": 4,
    "test_task_relations.py": 8,
    "test_transrate.py": 1,
}
COMPARISONS = ("approx", "assert_allclose", "allclose", "isclose")
LIMITS = ("rel", "abs", "rtol", "atol", "rel_tol", "abs_tol")


def bare_tolerances(file: Path) -> list[int]:
    """Lines where a tolerance is a number and no name."""
    found = []
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in COMPARISONS:
            for keyword in node.keywords:
                inside = list(ast.walk(keyword.value))
                named = any(isinstance(part, ast.Name) for part in inside)
                number = any(isinstance(part, ast.Constant) and part.value != 0 for part in inside)
                if keyword.arg in LIMITS and number and not named:
                    found.append(node.lineno)
    return found


@pytest.mark.parametrize("file", sorted(TESTS.glob("test_*.py")), ids=lambda file: file.stem)
def test_3_2_no_new_comparison_without_a_named_tolerance(file: Path) -> None:
    assert len(bare_tolerances(file)) <= BARE.get(file.name, 0), bare_tolerances(file)


def test_3_2_the_page_has_the_tolerances_of_the_tests() -> None:
    table = [value for name, value in vars(tolerances).items() if name.isupper()]
    known = {each for v in table for each in (v.values() if isinstance(v, dict) else [v])}
    page = (ROOT / "docs" / "numerics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\|[^|]+\|([^|]+)\|$", page, re.M)
    printed = {float(number) for row in rows for number in re.findall(r"\b\de-\d+", row)}
    assert len(printed) >= 8
    assert printed <= known


@pytest.mark.parametrize("word", words())
def test_3_3_every_score_has_laws(word: str) -> None:
    laws = [name for name in names_in(f"test_{word}.py") if "law" in name or "merg" in name]
    assert laws or word in ("task_transferability", "effective_rank")
    # Of all scores: order of samples.
    X, y = network_features(50, 5, 3, seed=8)
    if word == "leep":
        X = scaled_to_probabilities(X + 0.1)
    order = np.random.default_rng(0).permutation(50)
    function = getattr(transferscore, word)
    positional, named = arguments(word, X, y)
    expected = function(*positional, **named)
    positional, named = arguments(word, X[order], y[order])
    if word == "nleep":
        return  # clusters start at samples by their places
    value = function(*positional, **named)
    assert value == pytest.approx(expected, rel=tolerances.REARRANGED, abs=OF_THE_MOST)


@needs_sources
def test_3_4_no_reduction_of_openmp() -> None:
    """A reduction adds up in the order in which threads end."""
    for file in sorted((ROOT / "cpp").rglob("*.[hc]pp")):
        text = file.read_text(encoding="utf-8")
        for directive in re.findall(r"(?:#\s*pragma\s+omp|_Pragma\().*(?:\\\n.*)*", text):
            assert "reduction" not in directive, file.name
            assert "atomic" not in directive, file.name
        assert not re.search(r"std::atomic<\s*(double|float)", text), file.name


def test_3_6_the_number_of_tests_has_a_floor() -> None:
    """Of functions, before parameters: raise it when there are a hundred more."""
    files = sorted(TESTS.glob("test_*.py"))
    assert len(files) >= 85
    assert sum(len(names_in(file.name)) for file in files) >= 1500


def test_3_6_every_skip_has_a_reason() -> None:
    for file in sorted(TESTS.glob("test_*.py")):
        for node in ast.walk(parsed(file)):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            names = {keyword.arg for keyword in node.keywords}
            place = f"{file.name}:{node.lineno}"
            if called in ("pytest.mark.skipif", "pytest.mark.xfail"):
                assert "reason" in names, place
            if called in ("pytest.skip", "pytest.mark.skip"):
                assert node.args or "reason" in names, place


# 3.8


@needs_sources
def test_3_8_every_kernel_is_in_the_driver_and_every_planted_fault_has_a_checker() -> None:
    driver = {file.name: file.read_text("utf-8") for file in (ROOT / "cpp/driver").glob("*.cpp")}
    headers = list((ROOT / "cpp/include/transferscore").glob("*.hpp"))
    included = set(re.findall(r'#include "transferscore/(\w+)\.hpp"', "".join(driver.values())))
    by_others = {
        name
        for header in headers
        if header.stem in included
        for name in re.findall(r'#include "(\w+)\.hpp"', header.read_text("utf-8"))
    }
    assert {header.stem for header in headers} <= included | by_others, "no case for it"
    planted = set(re.findall(r'fault == "(\w+)"', driver["main.cpp"]))
    checkers = (ROOT / ".ci" / "checkers").read_text("utf-8")
    seen = re.findall(r"(?:faults=|sees )'?([a-z ]+?)'?(?: ;;| valgrind)", checkers)
    assert planted == {fault for several in seen for fault in several.split()}


# 4


def sections() -> dict[str, str]:
    """The sections of docs/scores.md by their heads."""
    page = (ROOT / "docs" / "scores.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^## (.*)\n((?:(?!## ).*\n?)*)", page, re.M))


@pytest.mark.parametrize("word", [*words(), "otce", "segmentation_otce", "pixel_h_score"])
def test_4_1_every_score_has_a_page(word: str) -> None:
    """Its section says all that a page must; the site makes a page of it, with the docstring."""
    if word == "hgr_correlation":
        word = "maximal_h_score"  # they share one
    own = [
        text for text in sections().values() if f"`transferscore.{word}(" in text.split("\n\n")[0]
    ]
    (text,) = own
    for part in ("**Formula.", "**Range and sign.", "mislead"):
        assert part in text, part
    assert re.search(r"higher|Higher", text)
    doc = inspect.getdoc(getattr(transferscore, word)) or ""
    assert ".. math::" in doc
    assert ">>> " in doc


def test_4_2_few_samples_of_many_features_are_cheap() -> None:
    """40 samples of 30,000 features: a matrix of features by features is 7 GB, 40 by 40 is not.

    The evidence is that of the features seen from their own 40 directions, because features that
    are zero change nothing.
    """
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 30_000)), np.arange(40) % 4
    U, s, _ = np.linalg.svd(X @ X.T)
    begin = time.perf_counter()
    value = transferscore.logme(X, y, n_threads=1)
    assert time.perf_counter() - begin < 20  # a cube of 30,000 takes an hour
    assert value == pytest.approx(transferscore.logme(U * np.sqrt(s), y), rel=MAPPED)


def test_4_3_the_record_of_a_ranking_makes_it_again() -> None:
    X, y = network_features(60, 4, 3)
    models = {"a": X, "b": X + np.random.default_rng(1).normal(size=X.shape)}
    options = {"n_resamples": 20, "n_groups": 9, "confidence": 0.9}
    made = transferscore.rank(models, y, random_state=5, **options)
    record = json.loads(made.to_json())
    assert record["transferscore_version"] == transferscore.__version__
    assert (record["n"], record["n_classes"]) == (60, 3)
    again = transferscore.rank(
        models,
        y,
        scores=[score["name"] for score in record["scores"]],
        **{
            name: record[name]
            for name in (
                "sort_by",
                "method",
                "n_resamples",
                "n_groups",
                "confidence",
                "random_state",
            )
        },
    )
    assert again.to_json() == made.to_json()
    other = transferscore.rank(
        models, y, n_resamples=20, n_groups=9, random_state=6, confidence=0.9
    )
    assert other.to_dict()["standard_errors"] != record["standard_errors"]


# 5


def test_5_2_results_pickle_small() -> None:
    X, y = network_features(4000, 8, 3)
    models = {"a": X, "b": X + 1}
    results = [
        transferscore.h_score(X, y, full_output=True),
        transferscore.logme(X, y, full_output=True),
        transferscore.score_matrix(models, {"y": y}),
        transferscore.rank(models, y, n_resamples=20, baselines=False),
        transferscore.select_layers(models, y),
        transferscore.FeatureStatistics().partial_fit(X, y),
    ]
    for result in results:
        stored = pickle.dumps(result)
        assert len(stored) < 20_000 < X.nbytes, type(result).__name__
        back = pickle.loads(stored)
        assert type(back) is type(result)
        assert pickle.dumps(back) == stored
