"""The commands `otce` and `completion`: transcripts, JSON, errors, files between options."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from transferscore import cli, otce
from transferscore.cli._otce import OTCEReport


@pytest.fixture
def run(capsys):
    def run(*arguments):
        code = cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def task(seed, n_classes, shift):
    rng = np.random.default_rng(seed)
    labels = np.arange(60) % n_classes
    features = 3 * np.eye(6)[labels] + rng.normal(size=(60, 6)) + shift
    return {"features": features.astype(np.float32), "labels": labels}


@pytest.fixture
def tasks(tmp_path, monkeypatch):
    """Three tasks in a folder to stand in: a target, the same classes elsewhere, other classes."""
    monkeypatch.chdir(tmp_path)
    found = {"target": task(0, 3, 0), "same": task(1, 3, 0.1), "mixed": task(2, 3, 0.1)}
    found["mixed"]["labels"] = np.random.default_rng(3).permutation(found["mixed"]["labels"])
    for name, arrays in found.items():
        np.savez(f"{name}.npz", **arrays)
    return found


def expected(tasks, name, **options):
    source, target = tasks[name], tasks["target"]
    return otce(
        source_features=source["features"],
        source_labels=source["labels"],
        target_features=target["features"],
        target_labels=target["labels"],
        **options,
    )


def test_table(run, tasks):
    code, out, err = run("otce", "--target", "target.npz", "mixed.npz", "same.npz")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[1].split() == ["Rank", "Source", "(-W_T)", "W_D", "classes", "converged"]
    score = expected(tasks, "same").score
    assert lines[3].split()[:3] == ["1", "same", f"{score:.4f}"]
    assert lines[4].split()[:2] == ["2", "mixed"]
    assert lines[5] == "target: target.npz; higher is better, in nats; W_D in squared units"


def test_numbers_are_those_of_otce(run, tasks):
    options = ("--label-cost", "exact", "--relative-epsilon", "0.1", "--threads", "2")
    code, out, _ = run(
        "otce", "mixed.npz", "--json", "same.npz", "--target", "target.npz", *options
    )
    report = json.loads(out)
    jsonschema.validate(report, OTCEReport.json_schema())
    assert code == 0
    for row in report["rows"]:
        result = expected(tasks, row["source"], label_cost="exact", relative_epsilon=0.1)
        assert row["score"] == result.score
        assert row["domain_difference"] == result.domain_difference
    assert [row["source"] for row in report["rows"]] == ["same", "mixed"]
    assert (report["label_cost"], report["relative_epsilon"]) == ("exact", 0.1)


def test_samples_exact_transport_and_ignored_labels(run, tasks):
    out = run("otce", "--target", "target.npz", "same.npz", "--csv", "--points", 30)[1]
    seeded = run("otce", "--target", "target.npz", "same.npz", "--csv", "--points", 30, "--seed", 1)
    assert out != seeded[1]
    out = run("otce", "--target", "target.npz", "same.npz", "--csv", "--method", "exact")[1]
    (row,) = csv.DictReader(io.StringIO(out))
    assert float(row["score"]) == expected(tasks, "same", method="exact").score
    out = run("otce", "--target", "target.npz", "same.npz", "--csv", "--ignore", "2")[1]
    (row,) = csv.DictReader(io.StringIO(out))
    assert (row["source_classes"], row["target_classes"]) == ("2", "2")


def test_a_folder_is_a_task(run, tasks):
    folder = Path("run")
    folder.mkdir()
    code, _, err = run("otce", "--target", "target.npz", "run")
    assert (code, err) == (3, "error: 'run' must hold one file called features, holds 0\n")
    for name, array in tasks["same"].items():
        np.save(folder / f"{name}.npy", array)
    code, out, err = run("otce", "--target", "target.npz", "run", "--markdown")
    assert (code, err) == (0, "")
    assert out.splitlines()[2].startswith("| 1 | run | ")


def test_bad_sources_do_not_stop_the_others(run, tasks):
    np.savez("flat.npz", features=np.zeros((5, 3)), labels=np.zeros(5))
    code, out, err = run("otce", "--target", "target.npz", "gone.npz", "flat.npz", "same.npz")
    assert code == 1
    assert "1   same" in out
    first, second = err.splitlines()
    assert first == "error: 'gone.npz' cannot be read: No such file or directory"
    assert second.startswith("error: 'flat.npz': ")
    assert run("otce", "--target", "gone.npz", "same.npz") == (2, "", first + "\n")
    code, out, _ = run("otce", "--target", "target.npz", "gone.npz", "--json")
    assert code == 3
    assert list(json.loads(out)["errors"]) == ["gone"]


def test_warnings_are_said(run, tasks, monkeypatch):
    def warns(**arguments):
        warnings.warn("not\nconverged", UserWarning, stacklevel=2)
        return otce(**arguments)

    monkeypatch.setattr("transferscore.otce", warns)
    command = ("otce", "--target", "target.npz", "same.npz")
    assert run(*command)[2] == "warning: 'same.npz': not converged\n"
    assert run(*command, "--quiet")[2] == ""


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--epsilon", "1", "--relative-epsilon", "1"], "not allowed with argument"),
        (["--method", "magic"], "invalid choice: 'magic'"),
        (["--repeats", "3"], "--repeats is for samples, of so many points as --points says"),
        (["--epsilon", "much"], "must be a number, got 'much'"),
        (["--nope"], "unrecognized arguments: --nope"),
    ],
)
def test_usage(run, tasks, arguments, text):
    code, out, err = run("otce", "--target", "target.npz", "same.npz", *arguments)
    assert (code, out) == (2, "")
    assert text in err


class TestCompletion:
    def test_bash_accepts_it(self, run):
        code, out, _ = run("completion", "bash")
        assert code == 0
        assert "transferscore" in out
        if shutil.which("bash"):
            subprocess.run(["bash", "-n"], input=out.encode(), check=True)

    @pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
    def test_every_command_is_in_it(self, run, shell):
        out = run("completion", shell)[1]
        for command in ("rank", "pixels", "otce", "demo", "doctor", "completion"):
            assert command in out

    def test_without_shtab(self, run, monkeypatch):
        monkeypatch.setitem(sys.modules, "shtab", None)
        code, _, err = run("completion", "bash")
        assert code == 2
        assert err == "error: completion needs shtab: pip install 'transferscore[cli]'\n"
