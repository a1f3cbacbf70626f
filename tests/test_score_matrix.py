"""Matrices of scores: equal to single calls on any executor, resumable; clusters lose workers."""

from __future__ import annotations

import csv
import functools
import io
import itertools
import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

import transferscore
from conftest import network_features
from tolerances import MERGED_STATISTICS
from transferscore import FeatureStatistics, ScoreMatrix, h_score, otce, score_matrix
from transferscore.ranking._inputs import Mapped, mapped_part
from transferscore.ranking._jobs import OF_PAIRS

N = 120
MODELS = 30
TASKS = 40


def models(n_models: int = MODELS, n: int = N) -> dict[str, np.ndarray]:
    """Features (n, d) of networks of several widths and types."""
    types = (np.float64, np.float32, np.float16)
    return {
        f"model {i}": network_features(n, 4 + i % 7, 3, seed=i)[0].astype(types[i % 3])
        for i in range(n_models)
    }


def tasks(n_tasks: int = TASKS, n: int = N) -> dict[str, np.ndarray]:
    """Labels (n,) of many tasks: integers, texts, booleans."""
    rng = np.random.default_rng(1)
    labels = {f"task {j}": rng.integers(0, 2 + j % 6, n) for j in range(n_tasks)}
    labels["task 1"] = np.array(["cat", "dog"])[labels["task 1"] % 2]
    labels["task 0"] = labels["task 0"] % 2 == 0
    return labels


@functools.cache
def singles(score=h_score, n_models: int = MODELS, n_tasks: int = TASKS) -> np.ndarray:
    rows = models(n_models).values()
    return np.array([[score(X, y) for y in tasks(n_tasks).values()] for X in rows])


def shuffled(entries: dict, seed: int) -> dict:
    names = np.random.default_rng(seed).permutation(list(entries))
    return {str(name): entries[str(name)] for name in names}


class Watched(Executor):
    """Runs jobs here and keeps their pickles: what other processes would get."""

    def __init__(self):
        self.pickles = []

    def submit(self, run, job):
        self.pickles.append(pickle.dumps((run, job)))
        there, received = pickle.loads(self.pickles[-1])
        future = Future()
        future.set_result(there(received))
        return future


# ------------------------------------------------------------------ equal to single calls


def test_a_loop_equals_single_calls_to_the_bit():
    matrix = score_matrix(models(), tasks())
    assert matrix.values.shape == (MODELS, TASKS)
    assert matrix.values.dtype == np.float64
    assert matrix.values.tobytes() == singles().tobytes()
    assert (matrix.sources, matrix.targets) == (tuple(models()), tuple(tasks()))
    assert (matrix.score, matrix.higher_is_better, matrix.errors) == ("h_score", True, {})


def test_threads_equal_single_calls_to_the_bit():
    with ThreadPoolExecutor(3) as pool:
        matrix = score_matrix(models(), tasks(), executor=pool)
    assert matrix.values.tobytes() == singles().tobytes()


def test_processes_equal_single_calls_to_the_bit():
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        matrix = score_matrix(models(), tasks(), executor=pool)
    assert matrix.values.tobytes() == singles().tobytes()


@pytest.mark.parametrize("given", ["threading", "loky", "parallel"])
def test_joblib_equals_single_calls_to_the_bit(given, tmp_path):
    joblib = pytest.importorskip("joblib", reason="needs joblib")
    executor = joblib.Parallel(n_jobs=2, backend="threading") if given == "parallel" else given
    log = tmp_path / "log" if given == "parallel" else None  # then some jobs at a time
    matrix = score_matrix(models(), tasks(), executor=executor, log=log)
    assert matrix.values.tobytes() == singles().tobytes()


def test_order_does_not_matter():
    matrix = score_matrix(shuffled(models(), 1), shuffled(tasks(), 2), executor=Watched())
    expected = score_matrix(models(), tasks())
    assert matrix.sources != expected.sources
    for source, target in itertools.product(expected.sources, expected.targets):
        assert matrix[source, target] == expected[source, target]


OF_FEATURES = [name for name, score in OF_PAIRS.items() if score.needs[0] == "features"]


@pytest.mark.parametrize("name", OF_FEATURES)
@pytest.mark.filterwarnings("ignore:the mixture:UserWarning")
def test_every_score_of_features_equals_single_calls(name):
    compute = transferscore.scores()[name].compute
    expected = singles(compute, 2, 3)
    alone = score_matrix(models(2), tasks(3), score=name)
    watched = score_matrix(models(2), tasks(3), score=name, executor=Watched(), n_threads=2)
    assert alone.values.tobytes() == watched.values.tobytes() == expected.tobytes()


def test_options_reach_the_score():
    options = {"shrinkage": 0.2, "adjust_for_chance": True}
    matrix = score_matrix(models(2), tasks(3), options=options)
    assert matrix.values.tobytes() == singles(lambda X, y: h_score(X, y, **options), 2, 3).tobytes()
    ignoring = {"ignore_index": 1}  # of other samples for each task: nothing is shared
    labels = {name: y for name, y in tasks(5).items() if y.dtype.kind == "i"}
    matrix = score_matrix(models(1), labels, options=ignoring)
    X = models(1)["model 0"]
    assert matrix.values[0].tolist() == [h_score(X, y, ignore_index=1) for y in labels.values()]


# -------------------------------------------------------------------- what is passed in


def test_files_and_maps_equal_arrays(tmp_path):
    X, y = models(3), tasks(3)
    np.save(tmp_path / "a.npy", X["model 0"])
    np.savez(tmp_path / "b.npz", features=X["model 1"])
    np.save(tmp_path / "y.npy", y["task 2"])
    wide = np.lib.format.open_memmap(tmp_path / "w.npy", "w+", np.float32, (2 * N, 9))
    wide[::2, 3:8] = X["model 1"]
    wide.flush()
    view = np.load(tmp_path / "w.npy", mmap_mode="r")[::2, 3:8]
    given = {
        "path": str(tmp_path / "a.npy"), "archive": tmp_path / "b.npz", "map": view
    }  # fmt: skip
    labels = y | {"task 2": tmp_path / "y.npy"}
    arrays = {"path": X["model 0"], "archive": X["model 1"], "map": np.array(view)}
    expected = score_matrix(arrays, y)
    watched = Watched()
    folder = tmp_path / "spilled"
    folder.mkdir()
    for executor in (None, watched):
        matrix = score_matrix(given, labels, executor=executor, folder=folder)
        assert matrix.values.tobytes() == expected.values.tobytes()
    assert list(folder.iterdir()) == []
    assert isinstance(pickle.loads(watched.pickles[2])[1].of_source["features"], Mapped)


def test_data_sets_and_lists_equal_arrays(tmp_path):
    h5py = pytest.importorskip("h5py", reason="needs h5py")
    X, y = models(2, 700), tasks(2, 700)
    with h5py.File(tmp_path / "X.h5", "w") as file:
        stored = {name: file.create_dataset(name, data=values) for name, values in X.items()}
        given = score_matrix(stored, y, log=tmp_path / "stored")
        elsewhere = score_matrix(stored, y, executor=Watched())
    expected = score_matrix(X, {name: list(labels) for name, labels in y.items()})
    assert given.values.tobytes() == elsewhere.values.tobytes() == expected.values.tobytes()
    score_matrix(X, y, log=tmp_path / "arrays")
    assert (tmp_path / "stored").read_bytes() == (tmp_path / "arrays").read_bytes()


@pytest.mark.parametrize(
    "view",
    [
        lambda X: X,
        lambda X: X[3:],
        lambda X: X[::-1, ::2],
        lambda X: X.T,
        lambda X: X[:, 1],
        lambda X: X[5:9].view(np.ndarray)[1:],
        lambda X: X[:0],
    ],
)
def test_a_part_of_a_file_is_found_again(tmp_path, view):
    np.save(tmp_path / "X.npy", np.arange(3000.0).reshape(300, 10))
    X = view(np.load(tmp_path / "X.npy", mmap_mode="r"))
    part = pickle.loads(pickle.dumps(mapped_part(X)))
    assert len(pickle.dumps(part)) < 500
    if X.size:
        np.testing.assert_array_equal(part.load(), X)
    assert not X.size or part.load().strides == X.strides


def test_what_is_no_file_is_no_part_of_one(tmp_path):
    np.save(tmp_path / "X.npy", np.eye(3))
    assert mapped_part(np.load(tmp_path / "X.npy", mmap_mode="c")) is None  # changes stay here
    assert mapped_part(np.eye(3)) is None
    assert mapped_part([1, 2]) is None


def test_jobs_are_small_and_arrays_are_written_once(tmp_path):
    sizes = []
    for n in (500, 5000):
        watched = Watched()
        score_matrix(models(4, n), tasks(20, n), executor=watched, folder=tmp_path)
        assert len(watched.pickles) == 4
        sizes.append(max(map(len, watched.pickles)))
    assert max(sizes) < 30_000  # 5000 samples of 20 tasks are 800 kB of labels
    assert list(tmp_path.iterdir()) == []


def test_features_of_each_target_come_from_mappings_and_functions():
    X, y = models(2), tasks(3)

    def features(target: str) -> np.ndarray:
        return X["model 0"] * (1 + int(target[-1]))

    given = {
        "function": features,
        "mapping": {target: features(target) for target in y},
        "labels": X["model 1"],
    }
    labels = y | {"task 1": dict.fromkeys(given, y["task 1"])}
    matrix = score_matrix(given, labels)
    expected = [[h_score(features(t), y[t]) for t in y]] * 2
    assert matrix.values[:2].tolist() == expected
    assert matrix["labels", "task 1"] == h_score(X["model 1"], y["task 1"])


def test_a_function_scores():
    def lines(features, labels, *, factor=1):
        return factor * (len(features) + len(np.unique(labels)))

    matrix = score_matrix(
        models(2), tasks(3), score=lines, options={"factor": 2}, higher_is_better=False
    )
    assert matrix.values.tolist() == [[2 * (N + 2), 2 * (N + 2), 2 * (N + 4)]] * 2
    assert not matrix.higher_is_better
    assert matrix.best_sources()["task 0"] == ("model 0", "model 1")


def domains(n: int = 4) -> dict[str, dict[str, np.ndarray]]:
    return {
        f"domain {i}": dict(
            zip(("features", "labels"), network_features(40 + i, 6, 3, seed=i), strict=True)
        )
        for i in range(n)
    }


def test_tasks_by_tasks():
    sides = domains()
    matrix = score_matrix(sides, sides, score="otce", options={"relative_epsilon": 0.1})
    for (a, source), (b, target) in itertools.product(sides.items(), repeat=2):
        alone = otce(
            source_features=source["features"],
            source_labels=source["labels"],
            target_features=target["features"],
            target_labels=target["labels"],
            relative_epsilon=0.1,
        )
        assert matrix[a, b] == alone.score


@pytest.mark.parametrize("stored", [False, True])
def test_targets_of_one_domain_equal_single_calls(tmp_path, stored):
    sides = domains(2)
    Z = sides["domain 1"]["features"]
    if stored:
        np.save(tmp_path / "Z.npy", Z)
        path = tmp_path / "Z.npy"
    rng = np.random.default_rng(0)
    labels = {f"t{k}": rng.integers(0, k, len(Z)) for k in (2, 3, 5)}
    targets = {
        name: {"target_features": str(path) if stored else Z, "target_labels": y}
        for name, y in labels.items()
    }
    matrix = score_matrix(sides, targets, score="otce")
    for name, side in sides.items():
        for target, y in labels.items():
            alone = otce(
                source_features=side["features"],
                source_labels=side["labels"],
                target_features=Z,
                target_labels=y,
            )
            assert matrix[name, target] == alone.score


def test_scores_of_other_things_than_features():
    rng = np.random.default_rng(3)
    y = tasks(3)
    theta = rng.dirichlet(np.ones(4), size=N)
    by_target = {target: rng.dirichlet(np.ones(4), size=N) for target in y}
    matrix = score_matrix({"same": theta, "each": by_target}, y, score="leep")
    assert matrix.values[0].tolist() == [transferscore.leep(theta, t) for t in y.values()]
    assert matrix.values[1].tolist() == [transferscore.leep(by_target[t], y[t]) for t in y]
    z = {target: theta.argmax(axis=1) for target in by_target}
    matrix = score_matrix({"one": z}, y, score="nce")
    nces = [transferscore.nce(source_labels=z[t], target_labels=y[t]) for t in y]
    assert matrix.values[0].tolist() == nces
    x = rng.integers(0, 5, N)
    matrix = score_matrix({"x": x}, y, score="hgr_correlation")
    assert matrix.values[0].tolist() == [transferscore.hgr_correlation(x, t) for t in y.values()]


# ------------------------------------------------------------------------------ failures


def test_a_failing_pair_is_named_and_the_others_are_scored(tmp_path):
    X, y = models(3), tasks(4)
    X["model 1"][7, 2] = np.nan
    X["gone"] = tmp_path / "gone.npy"
    y["task 2"] = np.zeros(N, int)
    y["short"] = np.arange(5)
    with pytest.warns(UserWarning, match=r"14 of 20 pairs were not scored; 'model 0' for 'task 2'"):
        matrix = score_matrix(X, y, log=tmp_path / "log")
    assert np.isnan(matrix.values).sum() == len(matrix.errors) == 14
    assert list(matrix.errors) == [
        (s, t) for s in X for t in y if np.isnan(matrix[s, t])
    ]  # fmt: skip
    assert "must be finite, got nan at row 7" in matrix.errors["model 1", "task 0"]
    assert "two classes, got one (0)" in matrix.errors["model 0", "task 2"]
    assert "must have shape (120,)" in matrix.errors["model 0", "short"]
    assert "gone.npy' cannot be read" in matrix.errors["gone", "task 0"]
    assert matrix["model 2", "task 3"] == h_score(X["model 2"], y["task 3"])
    assert len((tmp_path / "log").read_text().splitlines()) == 1 + 6
    assert matrix.best_sources()["task 2"] == ()
    assert "note: model 0 for task 2 failed: ValueError" in str(matrix)
    assert "note: 11 more pairs failed" in str(matrix)


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (float("nan"), "ValueError: the score must be finite, got nan"),
        (float("inf"), "ValueError: the score must be finite, got inf"),
        ("high", "TypeError: the score must be a number or a result with `score`, got str"),
    ],
)
def test_what_is_no_score_fails(result, text):
    with pytest.warns(UserWarning, match="1 of 2 pairs"):
        matrix = score_matrix(
            {"a": np.eye(3)}, {"x": [0], "y": [1]}, score=lambda X, y: result if y == [1] else 1.0
        )
    assert matrix.errors == {("a", "y"): text}


def test_a_mapping_that_lacks_a_pair_fails_there():
    X, y = models(1)["model 0"], tasks(2)
    with pytest.warns(UserWarning, match="1 of 2 pairs"):
        matrix = score_matrix({"a": {"task 0": X}}, y)
    assert matrix.errors == {
        ("a", "task 1"): "ValueError: `sources['a']` must hold an entry for 'task 1', has none"
    }


def test_warnings_that_are_errors_are_raised():
    X = np.random.default_rng(0).normal(size=(20, 30))
    with pytest.raises(UserWarning, match="whatever the features"):
        score_matrix({"a": X}, {"x": np.arange(20) % 2, "y": np.arange(20) % 3})


X0, Y0 = np.eye(6)[:, :2], [0, 1, 0, 1, 0, 1]
TEXTS = [
    ([X0], {"t": Y0}, {}, TypeError, "`sources` must be a mapping of names to data, got list"),
    ({}, {"t": Y0}, {}, ValueError, "`sources` must have at least one entry, got none"),
    ({"a": X0}, {}, {}, ValueError, "`targets` must have at least one entry, got none"),
    ({1: X0}, {"t": Y0}, {}, TypeError, "`sources` must have text that is not empty as names, got"),
    ({"a": X0}, {"t": Y0}, {"score": 3}, TypeError, "`score` must be the name of a score or a fun"),
    ({"a": X0}, {"t": Y0}, {"score": "best"}, ValueError, "`score` must be among gbc, h_score, "),
    ({"a": X0}, {"t": Y0}, {"score": "effective_rank"}, ValueError, "got 'effective_rank'"),
    ({"a": X0}, {"t": Y0}, {"options": 3}, TypeError, "`options` must be a mapping from names of"),
    ({"a": X0}, {"t": Y0}, {"options": {"n_threads": 1}}, ValueError, "`options` must not hold"),
    ({"a": X0}, {"t": Y0}, {"options": {"s": X0}}, TypeError, "`options` must hold numbers, texts"),
    ({"a": X0}, {"t": Y0}, {"executor": 4}, TypeError, "`executor` must be an executor of concurr"),
    ({"a": X0}, {"t": Y0}, {"n_threads": 0}, ValueError, "`n_threads` must be between 1 and 1024"),
    (
        {"a": X0}, {"t": Y0}, {"higher_is_better": False}, ValueError,
        "`higher_is_better` must be None where `score` is a name",
    ),
    (
        {"a": X0}, {"t": Y0}, {"score": len, "higher_is_better": 1}, TypeError,
        "`higher_is_better` must be True or False, got 1",
    ),
    (
        {"a": X0}, {"t": Y0}, {"score": lambda X, y: 0, "log": "x"}, ValueError,
        "`score` must be a function of a module where there is a `log`",
    ),
    (
        {"a": X0}, {"t": Y0}, {"score": "otce"}, TypeError,
        "`targets['t']` must be a mapping with features and labels for otce, got list",
    ),
    (
        {"a": {"b": X0}}, {"t": {"features": X0, "labels": Y0}}, {"score": "otce"}, TypeError,
        "`sources['a']` must be a mapping with features and labels for otce, got the keys ['b']",
    ),
    (
        {"a": {"features": X0}}, {"t": {"features": X0, "labels": Y0}}, {"score": "otce"},
        ValueError, "`sources['a']` must hold labels, which otce needs, got ['features']",
    ),
    (
        {"a": {"labels": Y0, "source_labels": Y0, "features": X0}},
        {"t": {"features": X0, "labels": Y0}}, {"score": "otce"},
        ValueError, "`sources['a']` must hold source_labels or labels, got both",
    ),
    (
        {"a": {"features": X0}}, {"features": Y0}, {}, ValueError,
        "`sources['a']` must not be ambiguous: 'features' is an argument of h_score and a name",
    ),
    (
        {"a": X0}, {"t": [0] * 6}, {}, ValueError,
        "none of the 1 pairs could be scored; 'a' for 't': ValueError: `labels` must have at",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("sources", "targets", "options", "kind", "text"), TEXTS)
def test_every_error_says_what_it_must_be(sources, targets, options, kind, text):
    with pytest.raises(kind) as caught:
        score_matrix(sources, targets, **options)
    assert text in str(caught.value)


def test_an_argument_by_name_is_one():
    matrix = score_matrix({"a": {"features": X0}}, {"t": {"labels": Y0}})
    assert matrix["a", "t"] == h_score(X0, Y0)


# ----------------------------------------------------------------------- interrupted work


def keyed(log) -> list[dict]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_the_file_does_not_tell_who_was_faster(tmp_path):
    for number, executor in enumerate((None, Watched(), Watched())):
        order = models(3) if number < 2 else shuffled(models(3), 1)
        score_matrix(order, tasks(20), score="nleep", executor=executor, log=tmp_path / str(number))
    files = {(tmp_path / name).read_bytes() for name in "012"}
    assert len(files) == 1
    head, *records = keyed(tmp_path / "0")
    assert head == {"log": "transferscore.score_matrix", "version": 1}
    assert len(records) == 60
    assert len({record["key"] for record in records}) == 60
    assert records == sorted(records, key=lambda r: (r["score"], r["source"], r["target"]))


def test_what_is_in_the_file_is_not_computed_again(tmp_path, monkeypatch):
    log = tmp_path / "log"
    score_matrix(models(2), tasks(3), log=log)
    before = log.read_bytes()
    stored = {name: tmp_path / f"{name}.npy" for name in models(2)}
    for name, X in models(2).items():
        np.save(stored[name], X)
    with monkeypatch.context() as patched:
        patched.setattr("transferscore.ranking._jobs.Rule.one", None)
        patched.setattr("transferscore.ranking._jobs.Rule.many", None)
        again = score_matrix(stored, tasks(3), log=log)  # known by content, not by file
    assert again.values.tobytes() == singles(n_models=2, n_tasks=3).tobytes()
    assert log.read_bytes() == before
    # Other content, options or names are other scores; those that were there stay.
    changed = models(2)
    changed["model 0"][3] += 1
    for more, count in (
        (lambda: score_matrix(changed, tasks(3), log=log), 9),
        (lambda: score_matrix(models(2), tasks(3), options={"shrinkage": 0.1}, log=log), 15),
        (lambda: score_matrix(models(2), tasks(4), log=log), 17),
        (lambda: score_matrix(models(2), tasks(3), score="lfc", log=log), 23),
    ):
        more()
        assert len(keyed(log)) == 1 + count
    assert set(before.splitlines()) < set(log.read_bytes().splitlines())


def test_another_version_scores_again(tmp_path, monkeypatch):
    score_matrix(models(1), tasks(2), log=tmp_path / "log")
    monkeypatch.setattr(transferscore, "__version__", "99")
    score_matrix(models(1), tasks(2), log=tmp_path / "log")
    assert len(keyed(tmp_path / "log")) == 1 + 4


def test_a_file_that_ends_anywhere_is_continued(tmp_path):
    log = tmp_path / "log"
    X, y = models(2), tasks(2)
    whole = score_matrix(X, y, log=log)
    content = log.read_bytes()
    for end in [*range(0, 60, 3), *range(60, len(content), 19), len(content) - 1]:
        log.write_bytes(content[:end])
        again = score_matrix(X, y, log=log)
        assert log.read_bytes() == content
        assert again.values.tobytes() == whole.values.tobytes()


HEAD = '{"log": "transferscore.score_matrix", "version": 1}\n'
LINE = '{"score": "h_score", "source": "a", "target": "t", "key": "00", "value": 1.0}\n'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("my thesis\n", "its first line is another one"),
        ('{"log": "transferscore.score_matrix", "version": 2}\n', "its first line is another one"),
        (HEAD + LINE + "{}\n" + LINE, "line 3 is damaged"),
        (HEAD + "nonsense\n", "line 2 is damaged"),
        (HEAD + "[1]\n", "line 2 is damaged"),
        (HEAD + LINE.replace("1.0", '"1.0"'), "line 2 is damaged"),
    ],
)
def test_other_files_are_left_alone(tmp_path, content, reason):
    log = tmp_path / "notes.txt"
    log.write_text(content)
    with pytest.raises(ValueError, match=f"`log` must be a log of score_matrix .*: {reason}"):
        score_matrix(models(1), tasks(2), log=log)
    assert log.read_text() == content


def test_a_folder_is_no_log(tmp_path):
    with pytest.raises(ValueError, match="`log` must be a log of score_matrix or no file yet"):
        score_matrix(models(1), tasks(2), log=tmp_path)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_killed_half_way_and_resumed_gives_the_same_file(tmp_path):
    whole = score_matrix(models(), tasks(), log=tmp_path / "whole")
    for name, X in models().items():
        np.save(tmp_path / f"{name}.npy", X)
    np.savez(tmp_path / "tasks.npz", **tasks())
    code = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        import numpy as np
        from transferscore import score_matrix
        folder = Path(sys.argv[1])

        def slowly(name):
            def features(target):
                time.sleep(0.001)
                return folder / f"{name}.npy"
            return features

        names = [f"model {i}" for i in range(30)]
        with np.load(folder / "tasks.npz") as labels:
            score_matrix({name: slowly(name) for name in names}, labels, log=folder / "log")
        """
    ).replace("labels, log", "dict(labels), log")
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    log = tmp_path / "log"
    deadline = time.monotonic() + 60
    while not log.exists() or log.read_bytes().count(b"\n") < 300:
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    child.kill()
    child.wait()
    assert 300 <= log.read_bytes().count(b"\n") < 1200
    resumed = score_matrix(models(), tasks(), log=log)
    assert resumed.values.tobytes() == whole.values.tobytes()
    assert log.read_bytes() == (tmp_path / "whole").read_bytes()


def test_an_interruption_keeps_what_was_scored(tmp_path):
    scored = []

    class Stopping(Executor):
        def submit(self, run, job):
            future = Future()
            if len(scored) == 2:
                future.set_exception(KeyboardInterrupt())
            else:
                scored.append(job)
                future.set_result(run(job))
            return future

    with pytest.raises(KeyboardInterrupt):
        score_matrix(models(4), tasks(5), executor=Stopping(), log=tmp_path / "log")
    score_matrix(models(4), tasks(5), log=tmp_path / "log")
    score_matrix(models(4), tasks(5), log=tmp_path / "whole")
    assert (tmp_path / "log").read_bytes() == (tmp_path / "whole").read_bytes()


# ---------------------------------------------------------------------------- the result


def small() -> ScoreMatrix:
    values = np.array([[0.5, 1.25], [0.5, np.nan]])
    errors = {("b", "y"): "ValueError: no <file>"}
    return ScoreMatrix(values, ("a", "b"), ("x", "y"), "h_score", errors=errors)


def test_a_small_matrix_is_printed_whole():
    assert str(small()) == textwrap.dedent(
        """\
        h_score of 2 sources x 2 targets; higher is better
        source       x       y
        ------  ------  ------
        a       0.5000  1.2500
        b       0.5000  failed
        note: b for y failed: ValueError: no <file>"""
    )
    assert "<td" in small()._repr_html_()
    assert "<file>" not in small()._repr_html_()
    assert small().to_markdown().startswith("h\\_score") or "h_score" in small().to_markdown()


def test_of_many_targets_the_best_sources_are_printed():
    values = np.arange(20.0).reshape(2, 10)
    values[0, 3] = np.nan
    values[:, 4] = np.nan
    names = tuple(f"t{j}" for j in range(10))
    lines = str(ScoreMatrix(values, ("a", "b"), names, "s")).splitlines()
    assert len(lines) == 3 + 10
    assert lines[1].split() == ["target", "best", "source", "s", "second", "s", "failed"]
    assert lines[3].split() == ["t0", "b", "10.0000", "a", "0.0000", "0"]
    assert lines[6].split() == ["t3", "b", "13.0000", "1"]
    assert lines[7].split() == ["t4", "2"]
    lower = str(ScoreMatrix(values, ("a", "b"), names, "s", higher_is_better=False)).splitlines()
    assert lower[0].endswith("lower is better")
    assert lower[3].split() == ["t0", "a", "0.0000", "b", "10.0000", "0"]


def test_best_sources_share_a_place():
    assert small().best_sources() == {"x": ("a", "b"), "y": ("a",)}


@pytest.mark.parametrize(
    ("pair", "text"),
    [
        (("a", "z"), "target must be among x, y, got 'z'"),
        (("z", "x"), "source must be among a, b, got 'z'"),
        ("a", r"a pair \(source, target\) must be among"),
    ],
)
def test_no_such_cell(pair, text):
    with pytest.raises(KeyError, match=text):
        small()[pair]
    assert small()["a", "y"] == 1.25


def test_json_is_as_the_schema_says():
    jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema")
    content = json.loads(small().to_json())
    schema = ScoreMatrix.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(content, schema)
    assert content["rows"][3] == {
        "source": "b", "target": "y", "value": None, "error": "ValueError: no <file>"
    }  # fmt: skip
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content | {"score": 3}, schema)


def test_csv_has_a_row_for_each_pair():
    rows = list(csv.DictReader(io.StringIO(small().to_csv())))
    assert [(row["source"], row["target"], row["value"]) for row in rows] == [
        ("a", "x", "0.5"), ("a", "y", "1.25"), ("b", "x", "0.5"), ("b", "y", "")
    ]  # fmt: skip


# ------------------------------------------------------------------------------- clusters


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed", reason="needs Dask's distributed")
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with (
        distributed.LocalCluster(**options) as local,
        distributed.Client(local, set_as_default=False) as client,
    ):
        yield client


def kill_a_worker(client) -> None:
    """SIGKILL, as the kernel does it where memory is short."""
    os.kill(next(iter(client.run(os.getpid).values())), getattr(signal, "SIGKILL", signal.SIGTERM))


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_equals_single_calls_to_the_bit(cluster):
    matrix = score_matrix(models(), tasks(), executor=cluster)
    assert matrix.values.tobytes() == singles().tobytes()


@pytest.mark.filterwarnings("ignore")
def test_workers_use_one_thread(cluster):
    threads = score_matrix(
        {"a": X0}, {"t": Y0}, executor=cluster, score=lambda X, y: transferscore.get_num_threads()
    )
    assert threads.values == [[1]]
    asked = score_matrix(
        {"a": X0}, {"t": Y0}, executor=cluster, n_threads=3,
        score=lambda X, y: transferscore.get_num_threads(),
    )  # fmt: skip
    assert asked.values == [[3]]


@pytest.mark.filterwarnings("ignore")
def test_a_matrix_outlives_a_worker(cluster, tmp_path):
    begun = tmp_path / "begun"

    def slowly(X, y):
        begun.touch()
        time.sleep(0.01)
        return h_score(X, y)

    def kill():
        while not begun.exists():
            time.sleep(0.01)
        kill_a_worker(cluster)

    killer = threading.Thread(target=kill)
    killer.start()
    matrix = score_matrix(models(20), tasks(5), score=slowly, executor=cluster)
    killer.join()
    assert matrix.values.tobytes() == singles(n_models=20, n_tasks=5).tobytes()


def blocks(n: int = 1000, d: int = 6, rows: int = 70):
    arrays = pytest.importorskip("dask.array", reason="needs Dask")
    X, y = network_features(n, d, 4)
    return X, y, arrays.from_array(X, chunks=(rows, 4)), arrays.from_array(y, chunks=300)


def test_statistics_of_a_dask_array():
    X, y, of_X, of_y = blocks()
    expected = FeatureStatistics().partial_fit(X, y)
    for labels in (of_y, y):
        found = FeatureStatistics.of_dask(of_X, labels)
        assert (found.n, found.d, found.classes.tolist()) == (1000, 6, [0, 1, 2, 3])
        for name, value in expected.score_all().items():
            assert found.score_all()[name] == pytest.approx(value, rel=MERGED_STATISTICS)
    ignoring = FeatureStatistics.of_dask(of_X, of_y, ignore_index=2)
    assert ignoring.class_counts.tolist() == [np.sum(y == k) for k in (0, 1, 3)]


@pytest.mark.filterwarnings("ignore")
def test_statistics_outlive_a_worker(cluster, tmp_path):
    import dask

    _, _, of_X, of_y = blocks()
    expected = FeatureStatistics.of_dask(of_X, of_y)  # in threads of this process

    def slowly(block):
        (tmp_path / str(os.getpid())).touch()
        time.sleep(0.03)
        return block

    def kill():
        while not list(tmp_path.iterdir()):
            time.sleep(0.01)
        kill_a_worker(cluster)

    killer = threading.Thread(target=kill)
    killer.start()
    with dask.config.set(scheduler=cluster):
        slow = of_X.map_blocks(slowly, meta=np.empty((0, 0)))
        found = FeatureStatistics.of_dask(slow, of_y)
    killer.join()
    assert str(os.getpid()) not in {path.name for path in tmp_path.iterdir()}
    assert found.covariance.tobytes() == expected.covariance.tobytes()
    assert found.h_score() == expected.h_score()


def test_errors_of_dask_arrays():
    X, y, of_X, of_y = blocks()
    for arguments, kind, text in (
        ((X, y), TypeError, "`features` must be a Dask array, got ndarray"),
        ((of_X[:, 0], y), ValueError, r"`features` must have shape \(n, d\), got \(1000,\)"),
        ((of_X[of_y > 0], y), ValueError, "`features` must have blocks of known sizes"),
        ((of_X, y[:3]), ValueError, r"`labels` must have shape \(1000,\), got \(3,\)"),
    ):
        with pytest.raises(kind, match=text):
            FeatureStatistics.of_dask(*arguments)
    X[803, 2] = np.inf
    import dask.array

    with pytest.raises(ValueError, match="got inf at row 803, column 2"):
        FeatureStatistics.of_dask(dask.array.from_array(X, chunks=(70, 4)), y)
