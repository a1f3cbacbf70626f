"""What `rank` can do beyond one table: tasks, resamples, going on, estimates."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from transferscore import cli, rank
from transferscore._scores import REGISTRY
from transferscore.cli._estimate import DryRun
from transferscore.ranking import Ranking


@pytest.fixture
def run(capsys):
    def run(*arguments):
        code = cli.main(["rank", *(str(argument) for argument in arguments)])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder to stand in, with two tasks and two models."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    labels = {"first": np.arange(120) % 3, "second": np.arange(120) // 60}
    for name, y in labels.items():
        np.save(f"{name}.npy", y)
    Path("models").mkdir()
    models = {}
    for name, y in (("sees_first", labels["first"]), ("sees_second", labels["second"])):
        models[name] = 2 * np.eye(5)[y] + rng.normal(size=(120, 5))
        np.save(f"models/{name}.npy", models[name])
    return labels, models


TASKS = ("--labels", "first.npy", "--labels", "second.npy")


class TestSeveralTasks:
    def test_json_has_a_task_for_each(self, run, files):
        code, out, err = run(*TASKS, "models", "--json")
        assert (code, err) == (0, "")
        report = json.loads(out)
        assert [task["labels"]["path"] for task in report["tasks"]] == ["first.npy", "second.npy"]
        best = [task["models"][0]["name"] for task in report["tasks"]]
        assert best == ["sees_first", "sees_second"]
        for task, path in zip(report["tasks"], ("first.npy", "second.npy"), strict=True):
            alone = json.loads(run("--labels", path, "models", "--json")[1])
            assert task["models"] == alone["models"]

    def test_csv_says_which_task(self, run, files):
        rows = list(csv.DictReader(io.StringIO(run(*TASKS, "models", "--csv")[1])))
        assert [row["labels"] for row in rows] == ["first.npy"] * 2 + ["second.npy"] * 2

    def test_tables_follow_each_other(self, run, files):
        out = run(*TASKS, "models")[1]
        assert out.startswith("first.npy\n\n")
        assert "\n\nsecond.npy\n\n" in out

    def test_labels_are_no_models(self, run, files):
        report = json.loads(run(*TASKS, ".", "models", "--json")[1])
        assert len(report["tasks"][0]["models"]) == 2


class TestBootstrap:
    def test_numbers_are_those_of_rank(self, run, files):
        labels, models = files
        options = ("--scores", "h_score,logme", "--sort-by", "logme", "--seed", 3)
        code, out, err = run(
            "--labels", "first.npy", "models", "--bootstrap", 20, "--json", *options
        )
        assert (code, err) == (0, "")
        report = json.loads(out)
        jsonschema.validate(report, Ranking.json_schema())
        expected = rank(
            models,
            labels["first"],
            scores=["h_score", "logme"],
            sort_by="logme",
            n_resamples=20,
            random_state=3,
        )
        assert report["rows"] == expected.to_dict()["rows"]

    def test_table_says_what_is_tied(self, run, files):
        np.save("models/copy.npy", np.load("models/sees_first.npy"))
        out = run("--labels", "first.npy", "models", "--bootstrap")[1]
        assert "copy, sees_first can't be separated" in out

    def test_what_fails_is_said(self, run, files):
        np.save("models/short.npy", np.ones((3, 2)))
        code, out, err = run("--labels", "first.npy", "models", "--bootstrap", 20)
        assert code == 1
        assert err.startswith("error: 'short': ")
        assert "sees_first" in out
        assert run("--labels", "first.npy", "models/short.npy", "--bootstrap")[:2] == (3, "")


class TestResume:
    def test_a_second_run_computes_nothing(self, run, files, monkeypatch):
        arguments = (*TASKS, "models", "--json", "--resume", "run.log")
        first = run(*arguments)
        content = Path("run.log").read_bytes()
        monkeypatch.setattr("transferscore.cli._rank.compute", only_nothing)
        assert run(*arguments) == first
        assert Path("run.log").read_bytes() == content

    def test_half_a_run_goes_on(self, run, files):
        arguments = ("--labels", "first.npy", "models", "--csv", "--resume")
        whole = run(*arguments, "whole.log")
        lines = Path("whole.log").read_bytes().splitlines(keepends=True)
        Path("half.log").write_bytes(b"".join(lines[:2]) + lines[-1][:9])
        assert run(*arguments, "half.log") == whole
        assert Path("half.log").read_bytes() == Path("whole.log").read_bytes()

    def test_other_features_are_other_scores(self, run, files):
        arguments = ("--labels", "first.npy", "models", "--csv", "--resume", "run.log")
        before = run(*arguments)[1]
        np.save("models/sees_second.npy", np.load("models/sees_first.npy"))
        after = run(*arguments)[1]
        assert after != before
        assert after == run("--labels", "first.npy", "models", "--csv")[1]

    def test_matrix_reads_the_same_file(self, run, files, capsys, monkeypatch):
        run("--labels", "first.npy", "models", "--scores", "h_score", "--resume", "run.log")
        content = Path("run.log").read_bytes()
        cli.main(["matrix", "--target", "first.npy", "models", "--resume", "run.log"])
        assert Path("run.log").read_bytes() == content

    def test_a_file_that_is_no_log(self, run, files):
        Path("notes.txt").write_text("mine\n")
        code, _, err = run("--labels", "first.npy", "models", "--resume", "notes.txt")
        assert code == 2
        assert "notes.txt" in err
        assert Path("notes.txt").read_text() == "mine\n"
        assert run("--labels", "first.npy", "models", "--resume", "no/where.log")[0] == 2


def only_nothing(features, labels, scores, n_threads):
    from transferscore.cli._scoring import Scores

    assert not scores
    return Scores({}, ())


class TestDryRun:
    def test_what_a_run_would_cost(self, run, files):
        code, out, err = run("--labels", "first.npy", "models", "--dry-run", "--json")
        report = json.loads(out)
        jsonschema.validate(report, DryRun.json_schema())
        assert (code, err) == (0, "")
        for row in report["rows"]:
            assert (row["n"], row["d"], row["bytes_read"]) == (120, 5, 120 * 5 * 8)
            assert 0 < row["seconds"] < 60
        assert report["seconds"] == sum(row["seconds"] for row in report["rows"])

    def test_more_rows_take_longer(self, run, files):
        rng = np.random.default_rng(0)
        np.save("many.npy", np.arange(40_000) % 3)
        np.save("wide.npy", rng.normal(size=(40_000, 5)))
        out = run("--labels", "many.npy", "wide.npy", "--dry-run", "--scores", "knn", "--json")[1]
        (row,) = json.loads(out)["rows"]
        out = run("--labels", "first.npy", "models", "--dry-run", "--scores", "knn", "--json")[1]
        assert row["seconds"] > 10 * json.loads(out)["rows"][0]["seconds"]

    def test_table_and_failures(self, run, files):
        np.save("models/short.npy", np.ones((3, 2)))
        code, out, err = run("--labels", "first.npy", "models", "--dry-run")
        assert code == 1
        assert "nothing was ranked" in out
        assert "error: 'models/short.npy' must have 120 rows" in err


def test_all_scores(run, files):
    report = json.loads(run("--labels", "first.npy", "models", "--scores", "all", "--json")[1])
    assert set(report["models"][0]["scores"]) == set(REGISTRY)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((*TASKS, "--bootstrap"), "--bootstrap is for one task; name one --labels"),
        ((*TASKS, "--dry-run"), "--dry-run is for one task; name one --labels"),
        (("--labels", "first.npy", "--bootstrap", "--dry-run"), "two different questions"),
        (("--labels", "first.npy", "--bootstrap", "--resume", "x"), "leave out --bootstrap"),
        (("--labels", "first.npy", "--bootstrap", "0"), "must be an integer of at least 1"),
        (("--labels", "first.npy", "--bootstrap", "19"), "must be at least 20, got 19"),
    ],
)
def test_usage(run, files, arguments, text):
    code, out, err = run("models", *arguments)
    assert (code, out) == (2, "")
    assert text in err
