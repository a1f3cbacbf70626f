"""The commands `matrix` and `select`: transcripts, numbers, interruption, errors."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from transferscore import cli, h_score, otce
from transferscore.ranking import LayerCurve, ScoreMatrix, SelectedSet


@pytest.fixture
def run(capsys):
    def run(*arguments):
        code = cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder to stand in: labels of two tasks and models that see one of them, or none."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    tasks = {"animals": np.arange(90) % 3, "light": np.arange(90) // 45}
    Path("models").mkdir()
    noise = {name: rng.normal(size=(90, 4)) for name in ("blind", "animal", "day")}
    noise["animal"] += 2 * np.eye(4)[tasks["animals"]]
    noise["day"] += 2 * np.eye(4)[tasks["light"]]
    for name, features in noise.items():
        np.save(f"models/{name}.npy", features)
    for name, labels in tasks.items():
        np.save(f"{name}.npy", labels)
    return noise, tasks


TARGETS = ("--target", "animals.npy", "--target", "light.npy")


class TestMatrix:
    def test_table(self, run, files):
        code, out, err = run("matrix", *TARGETS, "models")
        assert (code, err) == (0, "")
        lines = out.splitlines()
        assert lines[0] == "h_score of 3 sources x 2 targets; higher is better"
        assert [line.split()[0] for line in lines[-3:]] == ["animal", "blind", "day"]

    def test_numbers_are_those_of_single_calls(self, run, files):
        features, tasks = files
        report = json.loads(run("matrix", *TARGETS, "models", "--json")[1])
        jsonschema.validate(report, ScoreMatrix.json_schema())
        assert len(report["rows"]) == 6
        for row in report["rows"]:
            assert row["value"] == h_score(features[row["source"]], tasks[row["target"]])

    def test_goes_on_where_it_was_interrupted(self, run, files):
        whole = run("matrix", *TARGETS, "models", "--csv", "--resume", "whole.log")
        lines = Path("whole.log").read_bytes().splitlines(keepends=True)
        Path("half.log").write_bytes(b"".join(lines[: len(lines) // 2]) + lines[-1][:10])
        assert run("matrix", *TARGETS, "models", "--csv", "--resume", "half.log") == whole
        assert Path("half.log").read_bytes() == Path("whole.log").read_bytes()

    def test_processes_and_threads_change_nothing(self, run, files):
        out = run("matrix", *TARGETS, "models", "--csv")[1]
        assert run("matrix", *TARGETS, "models", "--csv", "--processes", 2)[1] == out
        assert run("matrix", *TARGETS, "models", "--csv", "--threads", 2)[1] == out

    def test_tasks_for_otce(self, run, files):
        features, tasks = files
        for name in ("animal", "day"):
            np.savez(f"{name}.npz", features=features[name], labels=tasks["animals"])
        command = ("matrix", "animal.npz", "day.npz", "--target", "day.npz", "--score", "otce")
        (first, _) = json.loads(run(*command, "--json")[1])["rows"]
        expected = otce(
            source_features=features["animal"],
            source_labels=tasks["animals"],
            target_features=features["day"],
            target_labels=tasks["animals"],
        )
        assert first["value"] == expected.score

    def test_bad_files_do_not_stop_the_others(self, run, files):
        np.save("models/short.npy", np.ones((3, 4)))
        code, out, err = run("matrix", *TARGETS, "models")
        assert code == 1
        assert err.count("error: 'short' for ") == 2
        assert "failed" in out
        code, out, err = run("matrix", "models/short.npy", *TARGETS)
        assert (code, out) == (3, "")
        assert "error: none of the 2 pairs could be scored" in err

    def test_an_unknown_score(self, run, files):
        code, _, err = run("matrix", *TARGETS, "models", "--score", "magic")
        assert code == 3
        assert "`score` must be among" in err


class TestSelect:
    def test_a_set(self, run, files):
        _, tasks = files
        labels = tasks["animals"] + 3 * tasks["light"]
        np.save("both.npy", labels)
        code, out, err = run("select", "--labels", "both.npy", "models", "--json", "--size", 2)
        report = json.loads(out)
        jsonschema.validate(report, SelectedSet.json_schema())
        assert (code, err) == (0, "")
        assert {row["added"] for row in report["rows"]} == {"animal", "day"}

    def test_layers(self, run, files):
        order = ("models/blind.npy", "models/day.npy", "models/animal.npy")
        code, out, _ = run("select", "--labels", "light.npy", "--layers", *order, "--json")
        report = json.loads(out)
        jsonschema.validate(report, LayerCurve.json_schema())
        assert code == 0
        assert [row["layer"] for row in report["rows"]] == ["blind", "day", "animal"]
        table = run("select", "--labels", "light.npy", "--layers", *order)[1]
        assert "day" in table

    def test_files_that_cannot_be_read(self, run, files):
        np.save("models/short.npy", np.ones((3, 4)))
        code, _, err = run("select", "--labels", "light.npy", "models", "gone.npy")
        assert code == 1
        assert err.splitlines() == [
            "error: 'models/short.npy' must have 90 rows, one per label, has 3",
            "error: 'gone.npy' cannot be read: No such file or directory",
        ]
        assert run("select", "--labels", "light.npy", "gone.npy")[:2] == (3, "")

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            (["--layers", "--size", "2"], "are not for --layers"),
            (["--score", "logme"], "--score is for --layers"),
            (["--size", "0"], "must be an integer of at least 1"),
        ],
    )
    def test_usage(self, run, files, arguments, text):
        code, out, err = run("select", "--labels", "light.npy", "models", *arguments)
        assert (code, out) == (2, "")
        assert text in err
