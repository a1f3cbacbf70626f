"""The command `plot`: figures of what other commands print, and files that are none of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from transferscore import cli
from transferscore.ranking import ScoreMatrix, select_layers

pytest.importorskip("matplotlib", reason="needs matplotlib, which the extra `plot` installs")

STARTS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        code = cli.main(["plot", *(str(argument) for argument in arguments)])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def matrix():
    values = np.random.default_rng(0).random((4, 4))
    values[1, 2] = np.nan
    names = ("a", "b", "c", "d")
    return ScoreMatrix(values, names, names, "h_score", True, {("b", "c"): "failed"})


@pytest.mark.parametrize("suffix", STARTS)
def test_a_matrix(run, suffix):
    matrix().to_json("matrix.json")
    assert run("matrix.json", "--out", f"figure.{suffix}") == (0, "", "")
    assert Path(f"figure.{suffix}").read_bytes().startswith(STARTS[suffix])


def test_a_tree_needs_every_score(run):
    whole = matrix()
    whole.values[1, 2] = 0.5
    whole.to_json("whole.json")
    assert run("whole.json", "--tree", "--out", "tree.svg") == (0, "", "")
    matrix().to_json("matrix.json")
    assert run("matrix.json", "--tree", "--out", "tree.svg")[0] == 2


def test_layers(run):
    labels = np.arange(60) % 3
    rng = np.random.default_rng(0)
    layers = {
        name: s * np.eye(3)[labels] + rng.normal(size=(60, 3))
        for name, s in (("first", 0), ("middle", 1), ("last", 2))
    }
    select_layers(layers, labels).to_json("layers.json")
    assert run("layers.json", "--out", "layers.png") == (0, "", "")


def test_scores_against_accuracies(run):
    Path("s.csv").write_text("model,task,h\na,t,1\nb,t,3\nc,t,2\nd,t,5\na,u,1\n")
    Path("a.csv").write_text("model,task,accuracy\nd,t,0.9\na,t,0.1\nb,t,0.4\nc,t,0.5\n")
    assert run("s.csv", "a.csv", "--out", "f.svg") == (0, "", "")
    assert run("s.csv", "a.csv", "--out", "f.svg", "--score", "h", "--task", "t")[0] == 0
    code, _, err = run("s.csv", "a.csv", "--out", "f.svg", "--score", "x")
    assert (code, err) == (2, "error: --score must be of h, got x\n")
    assert (
        "--task must be of t, u, got v" in run("s.csv", "a.csv", "--out", "f.svg", "--task", "v")[2]
    )


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("nothing", "must be the JSON of a command, or CSV with accuracies"),
        ("[]", "is of None"),
        ('{"schema": "transferscore/ranking/9"}', "is of 'transferscore/ranking/9'"),
        ('{"schema": "transferscore/score-matrix/1"}', "'rows'"),
    ],
)
def test_files_that_cannot_be_drawn(run, content, text):
    Path("x.json").write_text(content)
    code, out, err = run("x.json", "--out", "f.png")
    assert (code, out) == (2, "")
    assert text in err
    assert not Path("f.png").exists()


def test_where_it_cannot_go(run):
    matrix().to_json("matrix.json")
    assert "--out must end in .png, .svg, .pdf" in run("matrix.json", "--out", "f.gif")[2]
    code, _, err = run("matrix.json", "--out", "nowhere/f.png")
    assert (code, err) == (3, "error: cannot write 'nowhere/f.png': No such file or directory\n")
    assert "cannot be read" in run("gone.json", "--out", "f.png")[2]


def test_every_drawn_schema_is_one_that_results_have():
    from importlib.resources import files

    from transferscore.cli._plot import DRAWN

    known = set()
    for path in files("transferscore").joinpath("schemas").iterdir():
        schema = json.loads(path.read_text())
        known.add(schema["properties"]["schema"].get("const"))
    assert {kind for kind in DRAWN if "/" in kind} <= known
