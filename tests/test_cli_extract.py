"""The command `extract`: files as `rank` reads them, going on, errors."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from transferscore import cli

torch = pytest.importorskip("torch", reason="needs torch, which the extra `torch` installs")

NETS = """
import torch

def net():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3))

x = torch.randn(20, 5, generator=torch.Generator().manual_seed(1))
batches = [(x[i : i + 6], torch.arange(i, min(i + 6, 20)) % 3) for i in range(0, 20, 6)]

def broken():
    raise RuntimeError("no weights\\nhere")
"""


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("nets_for_extract.py").write_text(NETS)

    def run(*arguments):
        code = cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


COMMAND = ("extract", "nets_for_extract:net", "nets_for_extract:batches", "--out", "features")


def test_files_that_rank_reads(run):
    from transferscore.cli._extract import ExtractReport

    code, out, err = run(*COMMAND, "--layers", "1,last", "--json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    jsonschema.validate(report, ExtractReport.json_schema())
    assert [(row["layer"], row["shape"]) for row in report["rows"]] == [
        ("1", "20x4"),
        ("2", "20x3"),
    ][: len(report["rows"])] or report["rows"]
    assert np.load("features/1.npy").shape == (20, 4)
    code, out, _ = run("rank", "--labels", "features/labels.npy", "features/1.npy", "--csv")
    assert code == 0
    again = run(*COMMAND, "--layers", "1,last", "--json")
    assert json.loads(again[1]) == report


def test_table(run):
    code, out, _ = run(*COMMAND, "--layers", "0")
    assert code == 0
    assert out.splitlines()[-1] == "20 samples, with labels; pooling: mean"


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        (("nets_for_extract", "nets_for_extract:batches"), 2, "must be MODULE:NAME"),
        (("nets_for_extract:gone", "nets_for_extract:batches"), 2, "cannot be made: module"),
        (("nets_for_extract:broken", "nets_for_extract:batches"), 2, "made: no weights here"),
        (("no_such_module:net", "nets_for_extract:batches"), 2, "No module named"),
    ],
)
def test_errors(run, change, code, text):
    found = run("extract", *change, "--out", "features")
    assert found[:2] == (code, "")
    assert text in found[2]


def test_an_unknown_layer(run):
    code, out, err = run(*COMMAND, "--layers", "nope")
    assert (code, out) == (3, "")
    assert "nope" in err


def test_on_a_terminal_and_to_nobody(run, monkeypatch):
    from test_cli import Full, Terminal

    shown = Terminal()
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout", shown)
    assert cli.main([*COMMAND, "--layers", "0"]) == 0
    assert "20 samples, with labels; pooling: mean" in shown.getvalue()
    monkeypatch.setattr("sys.stdout", Full(BrokenPipeError(32, "Broken pipe")))
    assert cli.main([*COMMAND, "--layers", "0"]) == 0
