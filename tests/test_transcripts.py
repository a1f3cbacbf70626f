"""What every command prints: golden transcripts through a pipe, on a terminal and to nobody.

`TRANSFERSCORE_WRITE_GOLDEN=1 pytest tests/test_transcripts.py` writes them anew, to be looked at.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.text import Text

from conftest import blocks
from golden_scores import digest
from test_cli import Full, Terminal
from transferscore import cli

GOLDEN = Path(__file__).parent / "golden" / "transcripts"
WIDTH = 80
# Tables of more columns than fit: the terminal folds their lines, and no number is cut.
TOO_WIDE = {"evaluate_compare": 120, "rank_bootstrap": 90}
TASKS = ("--target", "first.npy", "--target", "second.npy")

COMMANDS = {
    "rank": ("rank", "--labels", "first.npy", "models", "short.npy"),
    "rank_bootstrap": ("rank", "--labels", "first.npy", "models", "--bootstrap", "20"),
    "rank_tasks": ("rank", "--labels", "first.npy", "--labels", "second.npy", "models"),
    "pixels": ("pixels", "--labels", "maps.npy", "unet.npy", "--pixels", "300", "--scores", "knn"),
    "otce": ("otce", "--target", "target.npz", "near.npz", "far.npz"),
    "matrix": ("matrix", *TASKS, "models"),
    "select": ("select", "--labels", "both.npy", "models"),
    "select_layers": ("select", "--labels", "first.npy", "--layers", "models"),
    "evaluate": ("evaluate", "scores.csv", "accuracies.csv", "--measures", "spearman,regret"),
    "evaluate_compare": (
        *("evaluate", "scores.csv", "accuracies.csv", "--compare"),
        *("--measures", "kendall"),
    ),
}
# They draw a figure, and print nothing.
FIGURES = {"plot": ("plot", "scores.csv", "accuracies.csv", "--out", "figure.svg")}
# What they print depends on the machine or on the installed packages.
OTHERS = {
    "demo": ("demo", "--json", "--no-report"),
    "doctor": ("doctor",),
    "completion": ("completion", "bash"),
    "dry_run": ("rank", "--labels", "first.npy", "models", "--dry-run"),
}


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    """A folder to stand in, with all that the commands read."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", str(WIDTH))
    rng = np.random.default_rng(0)
    first, second = np.arange(120) % 3, np.arange(120) // 60
    for name, labels in (("first", first), ("second", second), ("both", 2 * first + second)):
        np.save(f"{name}.npy", labels)
    Path("models").mkdir()
    for name, signal in (("blind", 0), ("sees_first", 2 * np.eye(5)[first])):
        np.save(f"models/{name}.npy", signal + rng.normal(size=(120, 5)))
    np.save("models/sees_second.npy", 2 * np.eye(5)[second] + rng.normal(size=(120, 5)))
    np.save("short.npy", np.ones((3, 2)))
    for name, shift in (("target", 0), ("near", 0.1), ("far", 3)):
        features = 3 * np.eye(6)[first] + rng.normal(size=(120, 6)) + shift
        labels = rng.permutation(first) if name == "far" else first
        np.savez(f"{name}.npz", features=features, labels=labels)
    maps = np.stack([blocks(rng, (24, 32), 2, 8) for _ in range(4)])
    np.save("maps.npy", maps)
    np.save("unet.npy", np.moveaxis(np.eye(4)[np.minimum(maps, 3)], -1, 1) + 0.0)
    rows = [(t, m, rng.random()) for t in ("cars", "pets", "birds") for m in "abcdef"]
    scores = [f"{t},{m},{a + 0.1 * rng.normal():.6f},{rng.normal():.6f}" for t, m, a in rows]
    Path("scores.csv").write_text("\n".join(["task,model,good,poor", *scores]))
    measured = [f"{t},{m},{a:.6f}" for t, m, a in rows]
    Path("accuracies.csv").write_text("\n".join(["task,model,accuracy", *measured]))


def test_the_transcripts_are_of_these_files():
    """To four decimals: what is drawn from a normal distribution may differ in the last bits."""
    content = hashlib.sha256()
    for path in sorted(Path().rglob("*.*")):
        if path.suffix == ".csv":
            content.update(path.read_bytes().replace(b"\r\n", b"\n"))
            continue
        loaded = np.load(path)
        arrays = [loaded[key] for key in sorted(loaded)] if path.suffix == ".npz" else [loaded]
        for array in arrays:
            content.update(digest(np.round(array.astype(np.float64), 4) + 0.0).encode())
    listed = json.loads((GOLDEN.parent / "files.json").read_text(encoding="utf-8"))
    assert listed[GOLDEN.name]["input"] == content.hexdigest()


def transcript(code, out, err):
    return f"{out}-- errors\n{err}-- code {int(code)}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_through_a_pipe(name, capsys):
    code = cli.main(list(COMMANDS[name]))
    found = transcript(code, *capsys.readouterr())
    assert "\x1b" not in found
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("TRANSFERSCORE_WRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(found, encoding="utf-8", newline="\n")
    assert found == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_on_a_terminal(name, monkeypatch):
    out, err = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    code = cli.main(list(COMMANDS[name]))
    golden = (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")
    assert golden.endswith(f"-- code {int(code)}\n")
    shown = Text.from_ansi(out.getvalue()).plain
    assert max(map(len, shown.splitlines())) <= TOO_WIDE.get(name, WIDTH)
    # The same words in the same order, in other places where lines are folded.
    numbers = r"-?\d+\.\d+"
    assert re.findall(numbers, shown) == re.findall(numbers, golden.partition("-- errors")[0])
    assert ("\x1b[" in err.getvalue()) == (not name.startswith("evaluate"))  # a progress bar


@pytest.mark.parametrize("name", [*OTHERS, *FIGURES])
def test_others_through_a_pipe_and_on_a_terminal(name, capsys, monkeypatch):
    arguments = list((OTHERS | FIGURES)[name])
    assert cli.main(arguments) == 0
    out, err = capsys.readouterr()
    assert bool(out) == (name not in FIGURES)
    assert "\x1b" not in out + err
    shown = Terminal()
    monkeypatch.setattr(sys, "stdout", shown)
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert cli.main(arguments) == 0
    assert bool(shown.getvalue()) == bool(out)


@pytest.mark.parametrize("name", [*COMMANDS, *OTHERS, *FIGURES])
def test_to_nobody(name, capsys, monkeypatch):
    arguments = list((COMMANDS | OTHERS | FIGURES)[name])
    monkeypatch.setattr(sys, "stdout", Full(BrokenPipeError(32, "Broken pipe")))
    code = cli.main(arguments)
    monkeypatch.undo()
    assert code in (0, 1)
    assert "Traceback" not in capsys.readouterr().err
