"""The commands: transcripts, exit codes, and how they behave on terminals and in pipes."""

from __future__ import annotations

import csv
import io
import json
import os
import runpy
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import transferscore
from tolerances import REORDERED
from transferscore import _scores, cli
from transferscore._scores import Score
from transferscore._text import number
from transferscore.cli._demo import agreement
from transferscore.cli._parser import default_order

try:
    import pty
except ImportError:  # Windows
    pty = None  # type: ignore[assignment]

needs_pty = pytest.mark.skipif(pty is None, reason="pseudo-terminals are POSIX")
needs_posix = pytest.mark.skipif(os.name == "nt", reason="POSIX signals and pipes")

N = 6
LABELS = np.array(["cat", "cat", "dog", "dog", "eel", "eel"])


@dataclass
class Run:
    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    def run(*arguments: object) -> Run:
        code = cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return Run(code, out, err)

    return run


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in: labels and three models whose fake scores are known."""
    monkeypatch.chdir(tmp_path)
    np.save("labels.npy", LABELS)
    for name, value in {"good": 2.5, "best": 3.0, "same": 2.5}.items():
        np.savez(f"{name}.npz", features=np.full((N, 2), value))
    return tmp_path


def mean_score(features: np.ndarray, labels: np.ndarray, n_threads: int | None = None) -> float:
    if not np.isfinite(features).all():
        raise ValueError("`features` must be finite,\nhas NaN")
    if features.shape[1] > 2:
        warnings.warn("more dimensions\nthan samples", UserWarning, stacklevel=2)
    return float(features.mean())


def threads_score(features: np.ndarray, labels: np.ndarray, n_threads: int | None = None) -> float:
    if features.shape[1] > 2:
        warnings.warn("more dimensions\nthan samples", UserWarning, stacklevel=2)
    return float(n_threads or 0) + 1 / 3


def use(monkeypatch: pytest.MonkeyPatch, *registered: Score) -> None:
    registry = {score.name: score for score in registered}
    # First those that import it: were they loaded later, they would keep the replacement.
    monkeypatch.setattr("transferscore.cli._rank.REGISTRY", registry)
    monkeypatch.setattr("transferscore.cli._demo.REGISTRY", registry)
    monkeypatch.setattr("transferscore._scores.REGISTRY", registry)
    monkeypatch.setattr("transferscore.cli._demo.OF_PROBABILITIES", ())
    monkeypatch.setattr("transferscore.cli._demo.COMPUTED_BY_DEFAULT", tuple(registry))
    monkeypatch.setattr("transferscore._scores.COMPUTED_BY_DEFAULT", tuple(registry))


@pytest.fixture
def fake_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two scores that need no kernel, so that transcripts do not depend on numerics."""
    use(
        monkeypatch,
        Score(name="mean", title="Mean", compute=mean_score, higher_is_better=True),
        Score(
            name="threads", title="Threads (cost)", compute=threads_score, higher_is_better=False
        ),
    )


def python(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    """Start `python -m transferscore` with nothing in the environment that changes its looks."""
    looks = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
    env = {name: value for name, value in os.environ.items() if name not in looks}
    env |= {"TERM": "xterm-256color", "PYTHONUTF8": "1"} | options.pop("env", {})
    return subprocess.Popen([sys.executable, "-m", "transferscore", *arguments], env=env, **options)


# ------------------------------------------------------------------- rank, transcripts


@pytest.mark.usefixtures("fake_scores", "files")
class TestRank:
    def test_table(self, run: Callable[..., Run]) -> None:
        result = run("rank", "--labels", "labels.npy", ".")
        assert result.out == (
            "                            Threads\n"
            "Rank   Model   d     Mean    (cost)\n"
            "───────────────────────────────────\n"
            "   1   best    2   3.0000    0.3333\n"
            "   2   good    2   2.5000    0.3333\n"
            "   2   same    2   2.5000    0.3333\n"
            "6 samples, 3 classes; ranked by Mean, higher is better\n"
        )
        assert result.err == ""
        assert result.code == 0

    def test_csv(self, run: Callable[..., Run]) -> None:
        result = run("rank", "--labels", "labels.npy", "--csv", "good.npz", "best.npz")
        assert result.out == (
            "rank,name,path,n,d,mean,threads\n"
            "1,best,best.npz,6,2,3.0,0.3333333333333333\n"
            "2,good,good.npz,6,2,2.5,0.3333333333333333\n"
        )

    def test_markdown(self, run: Callable[..., Run]) -> None:
        result = run("rank", "--labels", "labels.npy", "--markdown", "good.npz", "best.npz")
        assert result.out == (
            "| Rank | Model | n | d | Mean | Threads (cost) |\n"
            "| ---: | :--- | ---: | ---: | ---: | ---: |\n"
            "| 1 | best | 6 | 2 | 3.0000 | 0.3333 |\n"
            "| 2 | good | 6 | 2 | 2.5000 | 0.3333 |\n"
        )

    def test_json(self, run: Callable[..., Run]) -> None:
        result = run("rank", "--labels", "labels.npy", "--json", "good.npz", "gone.npy")
        assert json.loads(result.out) == {
            "schema_version": 1,
            "transferscore_version": transferscore.__version__,
            "command": "rank",
            "scores": [
                {"name": "mean", "title": "Mean", "higher_is_better": True},
                {"name": "threads", "title": "Threads (cost)", "higher_is_better": False},
            ],
            "labels": {"path": "labels.npy", "n": 6, "n_classes": 3},
            "sort_by": "mean",
            "models": [
                {
                    "rank": 1,
                    "name": "good",
                    "path": "good.npz",
                    "n": 6,
                    "d": 2,
                    "scores": {"mean": 2.5, "threads": 1 / 3},
                    "warnings": [],
                }
            ],
            "errors": [
                {
                    "name": "gone",
                    "path": "gone.npy",
                    "error": "'gone.npy' cannot be read: No such file or directory",
                }
            ],
        }
        assert result.err == "error: 'gone.npy' cannot be read: No such file or directory\n"
        assert result.code == 1

    def test_lower_is_better(
        self, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        use(monkeypatch, Score("cost", "Cost", mean_score, higher_is_better=False))
        out = run("rank", "--labels", "labels.npy", ".").out
        assert [line.split()[:2] for line in out.splitlines()[2:5]] == [
            ["1", "good"],
            ["1", "same"],
            ["3", "best"],
        ]
        assert "ranked by Cost, lower is better" in out

    def test_scores_sort_by_and_threads(self, run: Callable[..., Run]) -> None:
        arguments = ("rank", "--labels", "labels.npy", ".", "--csv", "--threads", "2")
        only = run(*arguments, "--scores", "threads")
        assert only.out.splitlines()[:2] == [
            "rank,name,path,n,d,threads",
            f"1,best,best.npz,6,2,{2 + 1 / 3}",
        ]
        other = run(*arguments, "--scores", "threads,mean", "--sort-by", "mean")
        assert other.out.splitlines()[0] == "rank,name,path,n,d,threads,mean"
        assert other.out.splitlines()[1].startswith("1,best")

    def test_the_default_order(self) -> None:
        assert default_order(["h_score", "h_score_shrinkage"]) == "h_score_shrinkage"
        assert default_order(["mean", "h_score"]) == "mean"

    def test_options_between_the_files(self, run: Callable[..., Run]) -> None:
        result = run("rank", "good.npz", "--labels", "labels.npy", "best.npz", "--csv", "same.npz")
        assert [line.split(",")[1] for line in result.out.splitlines()] == [
            "name",
            "best",
            "good",
            "same",
        ]

    def test_a_warning_appears_once_per_file(self, run: Callable[..., Run]) -> None:
        np.save("wide.npy", np.ones((N, 3)))
        arguments = ("rank", "--labels", "labels.npy", "good.npz", "wide.npy")
        result = run(*arguments)
        assert result.err == "warning: 'wide.npy': more dimensions than samples\n"
        assert "2   wide *" in result.out
        assert result.out.endswith("* scored with a warning\n")
        assert result.code == 0
        assert run(*arguments, "--quiet").err == ""
        models = json.loads(run(*arguments, "--json").out)["models"]
        assert [model["warnings"] for model in models] == [[], ["more dimensions than samples"]]

    def test_bad_files_do_not_stop_the_others(self, run: Callable[..., Run]) -> None:
        Path("empty").mkdir()
        Path("gap.npz").write_bytes(b"")
        np.save("nan.npy", np.full((N, 2), np.nan))
        np.save("pickled.npy", np.array([{}], dtype=object), allow_pickle=True)
        np.save("short.npy", np.ones((N - 1, 2)))
        np.save("cut.npy", np.ones((N, 2)))
        Path("cut.npy").write_bytes(Path("cut.npy").read_bytes()[:-8])
        result = run("rank", "--labels", "labels.npy", "--quiet", ".", "empty", "x.pkl")
        assert result.err == (
            "error: 'cut.npy' must hold 96 bytes for shape (6, 2) of float64, holds 88: "
            "it is truncated\n"
            "error: 'gap.npz' must be a .npz archive, is empty\n"
            "error: 'nan.npy': `features` must be finite, has NaN\n"
            "error: 'pickled.npy' must hold real numbers, holds pickled objects, "
            "which are never read\n"
            "error: 'short.npy' must have 6 rows, one per label, has 5\n"
            "error: 'empty' must be a file or a folder with files of features, holds none\n"
            "error: 'x.pkl' must be a .npy, .npz, .safetensors, .parquet, .h5, .hdf5 or .zarr "
            "file, ends in '.pkl' (pickles are never read)\n"
        )
        assert "1   best" in result.out
        assert result.code == 1

    @pytest.mark.parametrize(
        ("form", "out"), [("--csv", "rank,name,path,n,d,mean,threads\n"), ("--quiet", "")]
    )
    def test_nothing_scored(self, run: Callable[..., Run], form: str, out: str) -> None:
        result = run("rank", "--labels", "labels.npy", form, "gone.npy")
        assert (result.code, result.out) == (3, out)

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_a_score_that_is_not_finite_is_an_error(
        self, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, value: float
    ) -> None:
        use(monkeypatch, Score("odd", "Odd", lambda *_, **__: value, higher_is_better=True))
        result = run("rank", "--labels", "labels.npy", "good.npz", "--json")
        assert result.err == f"error: 'good.npz': Odd must be finite, is {value}\n"
        assert json.loads(result.out)["models"] == []
        assert result.code == 3

    def test_out_of_memory_names_the_file(
        self, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object, **__: object) -> float:
            raise MemoryError

        use(monkeypatch, Score("odd", "Odd", refuse, higher_is_better=True))
        assert run("rank", "--labels", "labels.npy", "good.npz").err == (
            "error: 'good.npz': MemoryError\n"
        )

    def test_interrupted(self, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupt(*_: object, **__: object) -> float:
            raise KeyboardInterrupt

        use(monkeypatch, Score("odd", "Odd", interrupt, higher_is_better=True))
        result = run("rank", "--labels", "labels.npy", "good.npz")
        assert (result.code, result.out, result.err) == (130, "", "interrupted\n")

    def test_without_rich(self, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
        for name in [name for name in sys.modules if name.split(".")[0] == "rich"]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "rich", None)
        for command in (["rank", "--labels", "labels.npy", "good.npz"], ["demo"]):
            result = run(*command)
            assert result.code == 2
            assert result.out == ""
            assert result.err == (
                "error: tables need rich: pip install 'transferscore[cli]', "
                "or ask for another format\n"
            )
        for form in ("--json", "--csv", "--markdown"):
            monkeypatch.setattr(sys, "stderr", Terminal())
            assert run("rank", "--labels", "labels.npy", "good.npz", form).code == 0


# --------------------------------------------------------------------------- usage errors


@pytest.mark.usefixtures("files")
class TestUsage:
    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            ([], "the following arguments are required: COMMAND"),
            (["rank", "a.npy"], "the following arguments are required: --labels"),
            (["rank", "--labels", "labels.npy"], "are required: FILE_OR_FOLDER"),
            (["rank", "--labels", "l.npy", "a.npy", "--bogus"], "unrecognized arguments: --bogus"),
            (["demo", "a.npy"], "unrecognized arguments: a.npy"),
            (["rank", "--labels", "l.npy", "a.npy", "--json", "--csv"], "not allowed with"),
            (
                ["rank", "--labels", "l.npy", "a.npy", "--scores", "h_score,nope"],
                "argument --scores: must be among h_score, h_score_shrinkage, logme",
            ),
            (
                ["rank", "--labels", "l.npy", "a.npy", "--scores", "h_score", "--sort-by", "leep"],
                "argument --sort-by: must be one of --scores, got 'leep'",
            ),
            (["demo", "--threads", "0"], "must be an integer of at least 1, got '0'"),
            (["demo", "--threads", "two"], "must be an integer of at least 1, got 'two'"),
        ],
    )
    def test_usage(self, run: Callable[..., Run], arguments: list[str], error: str) -> None:
        result = run(*arguments)
        assert result.code == 2
        assert result.out == ""
        assert error in result.err

    def test_labels_that_cannot_be_read(self, run: Callable[..., Run]) -> None:
        result = run("rank", "--labels", "gone.npy", "good.npz")
        assert result.code == 2
        assert result.err == "error: 'gone.npy' cannot be read: No such file or directory\n"

    def test_labels_of_one_class(self, run: Callable[..., Run]) -> None:
        np.save("ones.npy", np.ones(N))
        result = run("rank", "--labels", "ones.npy", "good.npz")
        assert result.code == 2
        assert result.err == "error: 'ones.npy' must hold at least two classes, holds one\n"

    def test_only_the_labels_file(self, run: Callable[..., Run]) -> None:
        result = run("rank", "--labels", "labels.npy", "labels.npy")
        assert result.code == 2
        assert result.err == "error: no feature files given, only the labels file\n"

    def test_version(self, run: Callable[..., Run]) -> None:
        result = run("--version")
        assert (result.code, result.out) == (0, f"transferscore {transferscore.__version__}\n")

    def test_python_m(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["ignored", "--version"])
        monkeypatch.delitem(sys.modules, "transferscore.__main__", raising=False)  # of other tests
        with pytest.raises(SystemExit) as stop:
            runpy.run_module("transferscore", run_name="__main__")
        assert stop.value.code == 0
        assert capsys.readouterr().out == f"transferscore {transferscore.__version__}\n"

    def test_help_lists_the_exit_codes(self, run: Callable[..., Run]) -> None:
        result = run("rank", "--help")
        assert result.code == 0
        assert "exit codes:\n  0    everything was scored\n" in result.out

    def test_doctor_as_json(self, run: Callable[..., Run]) -> None:
        facts = json.loads(run("doctor", "--json").out)
        assert facts["transferscore"] == transferscore.__version__

    @pytest.mark.parametrize(
        "command",
        [
            "rank",
            "pixels",
            "otce",
            "matrix",
            "select",
            "evaluate",
            "plot",
            "extract",
            "demo",
            "doctor",
            "completion",
        ],
    )
    def test_every_help_has_an_example(self, run: Callable[..., Run], command: str) -> None:
        result = run(command, "--help")
        assert result.code == 0
        assert f"example:\n  transferscore {command}" in result.out

    def test_doctor(self, run: Callable[..., Run]) -> None:
        result = run("doctor")
        assert result.code == 0
        assert transferscore.__version__ in result.out
        assert result.out.endswith("\n")


# --------------------------------------------------------------------------- hostile names


@pytest.fixture
def hostile_names(files: Path) -> list[str]:
    names = ["[bold]x[red]", "a|b", "`_*c*_`", "<b>&", "snake_case", 'comma,"quote"']
    if os.name != "nt":
        names += ["new\nline\x1b[31m", "back\\|slash"]
    else:
        names = [name for name in names if not set(name) & set('|*<>"')]
    for i, name in enumerate(names):
        np.save(f"{name}.npy", np.full((N, 2), float(-i)))
    return names


@pytest.mark.usefixtures("fake_scores")
class TestHostileNames:
    def rank(self, run: Callable[..., Run], names: list[str], form: str) -> str:
        return run("rank", "--labels", "labels.npy", form, *(f"{n}.npy" for n in names)).out

    def test_table(self, run: Callable[..., Run], hostile_names: list[str]) -> None:
        out = self.rank(run, hostile_names, "--quiet")
        for name in hostile_names:
            shown = name.replace("\n", "\\n").replace("\x1b", "\\x1b")
            assert f"   {shown} " in out

    def test_csv(self, run: Callable[..., Run], hostile_names: list[str]) -> None:
        rows = list(csv.DictReader(io.StringIO(self.rank(run, hostile_names, "--csv"))))
        shown = [name.replace("\n", "\\n").replace("\x1b", "\\x1b") for name in hostile_names]
        assert [row["name"] for row in rows] == shown

    def test_json(self, run: Callable[..., Run], hostile_names: list[str]) -> None:
        models = json.loads(self.rank(run, hostile_names, "--json"))["models"]
        assert [model["name"] for model in models] == hostile_names

    @needs_posix
    def test_markdown(self, run: Callable[..., Run], hostile_names: list[str]) -> None:
        lines = self.rank(run, hostile_names, "--markdown").splitlines()
        assert [line.split(" | ")[1] for line in lines[2:]] == [
            r"\[bold\]x\[red\]",
            r"a\|b",
            r"\`\_\*c\*\_\`",
            r"\<b\>\&",
            "snake_case",
            'comma,"quote"',
            r"new\\nline\\x1b\[31m",
            r"back\\\|slash",
        ]

    def test_a_long_name_is_whole_in_a_pipe(self, run: Callable[..., Run], files: Path) -> None:
        name = "vit_" + "x" * 200
        np.save(f"{name}.npy", np.ones((N, 2)))
        assert name in run("rank", "--labels", "labels.npy", f"{name}.npy").out

    @needs_posix
    def test_a_name_that_is_no_text(self, run: Callable[..., Run], files: Path) -> None:
        raw = b"stray\xff.npy"
        try:
            Path(os.fsdecode(raw)).write_bytes(Path("good.npz").read_bytes())
        except OSError:
            pytest.skip("this file system takes text only")
        result = run("rank", "--labels", "labels.npy", os.fsdecode(raw))
        assert result.err.startswith("error: 'stray\\udcff.npy' must be an array in .npy format")


# ----------------------------------------------------------- terminals, pipes, standard output


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Full(io.StringIO):
    """A stream that fails to flush in a given way."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def flush(self) -> None:
        raise self.error


@pytest.mark.usefixtures("fake_scores", "files")
class TestStreams:
    def test_a_terminal_gets_its_width_and_colours(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("NO_COLOR", "FORCE_COLOR"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.setenv("COLUMNS", "60")
        Path("good.npz").rename(f"{'x' * 100}.npz")
        out = Terminal()
        monkeypatch.setattr(sys, "stdout", out)
        arguments = ["rank", "--labels", "labels.npy", "."]
        assert cli.main(arguments) == 0
        assert "\x1b[1m" in out.getvalue()
        monkeypatch.setenv("NO_COLOR", "1")
        out.seek(0)
        out.truncate()
        assert cli.main(arguments) == 0
        assert "\x1b" not in out.getvalue()
        assert max(len(line) for line in out.getvalue().splitlines()) <= 60
        assert out.getvalue().count("x") == 100

    def test_force_color_does_not_colour_a_pipe(
        self, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")
        assert "\x1b" not in run("rank", "--labels", "labels.npy", ".").out

    def test_progress_only_on_a_terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TERM", "xterm-256color")
        monkeypatch.delenv("NO_COLOR", raising=False)
        np.save("wide[red].npy", np.ones((N, 3)))
        arguments = ["rank", "--labels", "labels.npy", ".", "gone.npy", "--csv"]
        for extra, expected in ([], True), (["--quiet"], False):
            err = Terminal()
            monkeypatch.setattr(sys, "stderr", err)
            assert cli.main(arguments + extra) == 1
            assert ("5/5" in err.getvalue()) == expected
            assert ("warning: 'wide[red].npy'" in err.getvalue()) == expected
            assert "error: 'gone.npy' cannot be read" in err.getvalue()
        monkeypatch.setenv("TERM", "dumb")
        err = Terminal()
        monkeypatch.setattr(sys, "stderr", err)
        cli.main(arguments)
        assert "\x1b" not in err.getvalue()

    def test_an_alphabet_without_lines(self, monkeypatch: pytest.MonkeyPatch) -> None:
        Path("good.npz").rename("grün.npz")
        raw = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "ascii"))
        assert cli.main(["rank", "--labels", "labels.npy", "."]) == 0
        assert b"gr\\xfcn" in raw.getvalue()
        assert b"----" in raw.getvalue()
        assert cli.main(["rank", "--labels", "labels.npy", "--csv", "."]) == 0
        assert b"gr\\xfcn.npz" in raw.getvalue()

    def test_a_full_disk_is_an_error(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        arguments = ["rank", "--labels", "labels.npy", "--csv", "."]
        monkeypatch.setattr(sys, "stdout", Full(OSError(28, "No space left on device")))
        assert cli.main(arguments) == 3
        monkeypatch.setattr(sys, "stdout", None)
        assert cli.main(arguments) == 3
        assert capsys.readouterr().err == (
            "error: cannot write to standard output: No space left on device\n"
            "error: cannot write to standard output: Bad file descriptor\n"
        )

    def test_a_closed_pipe_is_none(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stdout", Full(BrokenPipeError(32, "Broken pipe")))
        assert cli.main(["rank", "--labels", "labels.npy", "--csv", "."]) == 0
        assert cli.main(["--version"]) == 0
        assert capsys.readouterr().err == ""

    @pytest.mark.parametrize("stream", [None, Full(BrokenPipeError(32, "Broken pipe"))])
    def test_nobody_listens_to_errors(
        self, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, stream: Full | None
    ) -> None:
        monkeypatch.setattr(sys, "stderr", stream)
        result = run("rank", "--labels", "labels.npy", "--csv", "good.npz", "gone.npy")
        assert result.code == 1
        assert "error" not in result.out


# -------------------------------------------------------------------------------------- demo


@dataclass
class FakeModel:
    features: np.ndarray
    accuracy: float
    description: str


@dataclass
class FakeTask:
    title: str
    labels: np.ndarray
    models: dict[str, FakeModel]


@dataclass
class FakeZoo:
    tasks: dict[str, FakeTask]


@pytest.fixture
def fake_zoo(monkeypatch: pytest.MonkeyPatch, fake_scores: None) -> None:
    models = {
        "small": FakeModel(np.full((N, 2), 1.0), 0.5, "2 convolutions"),
        "large": FakeModel(np.full((N, 3), 2.0), 0.75, "4 convolutions"),
    }
    zoo = FakeZoo({"pets": FakeTask("Cats & [dogs]", LABELS, models)})
    monkeypatch.setattr("transferscore.cli._demo.load_zoo", lambda: zoo)


DEMO = """\
Model   What it is
──────────────────────
large   4 convolutions
small   2 convolutions

Cats & [dogs]
                     Threads   Measured
Model   d     Mean    (cost)   accuracy
───────────────────────────────────────
large   3   2.0000    0.3333      75.0%
small   2   1.0000    0.3333      50.0%
6 samples, 3 classes; sorted by measured accuracy.

                                            Accuracy
Score             Spearman       Interval     chosen
────────────────────────────────────────────────────
Mean                  1.00   1.00 to 1.00      75.0%
Threads (cost)   undefined                     62.5%
Spearman rank correlation with accuracy, 95 % interval from resampled models,
and accuracy of the one that the score prefers of 2 models.
"""
WARNED = "warning: 'large' on 'pets': more dimensions than samples\n"


ALLOWED = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "h1",
    "h2",
    "h3",
    "p",
    "div",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "figure",
    "img",
    "ul",
    "li",
    "wbr",
}


class Tags(HTMLParser):
    """The elements of a page, and where its pictures come from."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]


@pytest.mark.usefixtures("fake_zoo")
class TestDemo:
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)

    def test_table(self, run: Callable[..., Run]) -> None:
        result = run("demo", "--no-report")
        assert result.out == DEMO
        assert result.err == WARNED
        assert result.code == 0
        assert list(Path().iterdir()) == []

    def test_json(self, run: Callable[..., Run]) -> None:
        result = run("demo", "--json", "--threads", "2", "--no-report")
        content = json.loads(result.out)
        assert content["schema_version"] == 1
        assert content["command"] == "demo"
        assert content["tasks"] == [
            {
                "name": "pets",
                "title": "Cats & [dogs]",
                "n": 6,
                "n_classes": 3,
                "models": [
                    {
                        "name": "large",
                        "description": "4 convolutions",
                        "d": 3,
                        "accuracy": 0.75,
                        "scores": {"mean": 2.0, "threads": 2 + 1 / 3},
                        "warnings": ["more dimensions than samples"],
                    },
                    {
                        "name": "small",
                        "description": "2 convolutions",
                        "d": 2,
                        "accuracy": 0.5,
                        "scores": {"mean": 1.0, "threads": 2 + 1 / 3},
                        "warnings": [],
                    },
                ],
                "spearman": {"mean": 1.0, "threads": None},
                "agreement": {
                    "mean": {
                        "spearman": 1.0,
                        "interval": [1.0, 1.0],
                        "chosen": ["large"],
                        "accuracy_of_chosen": 0.75,
                    },
                    "threads": {
                        "spearman": None,
                        "interval": None,
                        "chosen": ["large", "small"],
                        "accuracy_of_chosen": 0.625,
                    },
                },
            }
        ]
        assert result.err == WARNED

    def test_the_page_is_written_where_one_stands(self, run: Callable[..., Run]) -> None:
        result = run("demo")
        assert (result.code, result.out) == (0, DEMO)
        assert result.err == WARNED + "report: transferscore-demo.html\n"
        assert [path.name for path in Path().iterdir()] == ["transferscore-demo.html"]
        page = Path("transferscore-demo.html").read_text(encoding="utf-8")
        assert "<h2>Cats &amp; [dogs]</h2>" in page
        assert "<li>large: more dimensions than samples</li>" in page

    def test_the_page_has_no_markup_of_others(
        self, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        evil = "<script src=https://example.org/x></script>\"'&\x1b[31m"
        model = FakeModel(np.full((N, 3), 2.0), 0.5, evil)
        zoo = FakeZoo({evil: FakeTask(evil, LABELS, {evil: model, "b": model})})
        monkeypatch.setattr("transferscore.cli._demo.load_zoo", lambda: zoo)
        assert run("demo", "--report", "page.html").code == 0
        page = Path("page.html").read_text(encoding="utf-8")
        reader = Tags()
        reader.feed(page)
        assert reader.tags <= ALLOWED
        assert all(source.startswith("data:image/svg+xml;base64,") for source in reader.sources)
        assert page.count("&lt;script src=") > 3
        assert "\x1b" not in page

    def test_without_matplotlib_the_page_says_how_to_get_plots(
        self, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        assert run("demo").code == 0
        page = Path("transferscore-demo.html").read_text(encoding="utf-8")
        assert "pip install &#x27;transferscore[plot]&#x27;" in page
        assert "<img" not in page
        assert "75.0%" in page

    def test_plots_and_tables_say_the_same_interval(
        self, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        plots = pytest.importorskip("transferscore.plots", reason="the extra plot")
        pytest.importorskip("matplotlib", reason="the extra plot")
        models = {
            str(value): FakeModel(np.full((N, 2), float(value)), accuracy, "")
            for value, accuracy in zip(range(6), [0.5, 0.3, 0.7, 0.6, 0.9, 0.8], strict=True)
        }
        zoo = FakeZoo({"pets": FakeTask("pets", LABELS, models)})
        monkeypatch.setattr("transferscore.cli._demo.load_zoo", lambda: zoo)
        drawn = []
        draw = plots.score_against_accuracy

        def spy(*arguments: Any, **options: Any) -> Any:
            drawn.append(draw(*arguments, **options))
            return drawn[-1]

        monkeypatch.setattr(plots, "score_against_accuracy", spy)
        found = json.loads(run("demo", "--json").out)["tasks"][0]["agreement"]["mean"]
        assert list(drawn[0].data["interval"]) == found["interval"]
        assert drawn[0].data["correlation"] == found["spearman"]

    @pytest.mark.parametrize("path", [".", "gone/page.html"])
    def test_a_page_that_cannot_be_written_is_said_before_the_work(
        self, run: Callable[..., Run], path: str
    ) -> None:
        result = run("demo", "--report", path)
        assert (result.code, result.out) == (2, "")
        assert result.err.startswith("error: argument --report: ")

    def test_numbers_are_printed_though_the_page_cannot_be_written(
        self, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*arguments: object, **options: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_text", refuse)
        result = run("demo")
        assert (result.code, result.out) == (3, DEMO)
        told = "error: cannot write 'transferscore-demo.html': No space left on device\n"
        assert result.err == WARNED + told
        assert list(Path().iterdir()) == []


def test_a_missing_zoo(run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise FileNotFoundError("the bundled zoo is missing")

    monkeypatch.setattr("transferscore.cli._demo.load_zoo", refuse)
    result = run("demo", "--no-report")
    assert (result.code, result.err) == (3, "error: the bundled zoo is missing\n")


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([1, 2, 3, 4], [10, 20, 30, 40], 1.0),
        ([1, 2, 3, 4], [4, 3, 2, 1], -1.0),
        ([1, 2, 2, 3], [1, 2, 3, 4], 4.5 / np.sqrt(4.5 * 5.0)),
        ([1, 1, 1], [1, 2, 3], None),
        ([1, 2, 3], [2, 2, 2], None),
        ([1], [1], None),
    ],
)
def test_agreement(a: list[float], b: list[float], expected: float | None) -> None:
    found = agreement(a, b)
    assert found == (None if expected is None else pytest.approx(expected, rel=REORDERED))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.0000"), (0.001, "0.0010"), (-3.14159, "-3.1416"), (3.14e-5, "3.1e-05")],
)
def test_numbers_for_people(value: float, text: str) -> None:
    assert number(value) == text


def test_the_bundled_zoo(run: Callable[..., Run]) -> None:
    tasks = json.loads(run("demo", "--json", "--no-report").out)["tasks"]
    assert tasks
    for task in tasks:
        accuracies = [model["accuracy"] for model in task["models"]]
        assert accuracies == sorted(accuracies, reverse=True)
        assert set(task["spearman"]) == {*_scores.REGISTRY, "leep", "nce"}
        for found in task["agreement"].values():
            low, high = found["interval"]
            assert low <= found["spearman"] <= high


# ------------------------------------------------------------------------- the real program


@pytest.fixture
def real_files(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    np.save(tmp_path / "labels.npy", labels)
    for i in range(3):
        features = rng.normal(size=(60, 4)) + i * np.eye(4)[labels]
        np.save(tmp_path / f"model_{i}[red].npy", features)
    return tmp_path


def test_real_scores_through_a_pipe(real_files: Path) -> None:
    arguments = ("rank", "--labels", "labels.npy", ".", "--json")
    with python(*arguments, cwd=real_files, stdout=-1, stderr=-1) as child:
        out, err = child.communicate(timeout=60)
    assert err == b""
    assert child.returncode == 0
    labels = np.load(real_files / "labels.npy")
    for model in json.loads(out)["models"]:
        features = np.load(real_files / model["path"])
        for name, value in model["scores"].items():
            assert value == _scores.REGISTRY[name].compute(features, labels)


@needs_posix
def test_a_reader_that_leaves(real_files: Path) -> None:
    arguments = ("rank", "--labels", "labels.npy", ".", "--csv")
    with python(*arguments, cwd=real_files, stdout=-1, stderr=-1) as child:
        child.stdout.close()
        _, err = child.communicate(timeout=60)
    assert err == b""
    assert child.returncode == 0


@needs_posix
def test_ctrl_c(real_files: Path) -> None:
    wide = np.random.default_rng(0).normal(size=(60, 60))
    for i in range(1000):
        np.save(real_files / f"wide_{i}.npy", wide.astype(np.float16))
    arguments = ("rank", "--labels", "labels.npy", ".", "--json")
    with python(*arguments, cwd=real_files, stdout=-1, stderr=-1) as child:
        # The first warning: it is at work. The others fill the pipe, so it cannot finish, either.
        child.stderr.readline()
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert out == b""
    assert err.endswith(b"interrupted\n")
    assert b"Traceback" not in err


def read_terminal(*arguments: str, cwd: Path, columns: int = 80, **env: str) -> tuple[int, str]:
    """Run the program on a pseudo-terminal of its own and return what it showed there."""
    import fcntl
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with python(*arguments, cwd=cwd, env=env, stdin=theirs, stdout=theirs, stderr=theirs) as child:
        os.close(theirs)
        shown = b"".join(read_until_closed(ours))
    os.close(ours)
    return child.returncode, shown.decode()


def read_until_closed(terminal: int) -> Iterator[bytes]:
    with suppress(OSError):  # Linux: an error once the last writer is gone
        while chunk := os.read(terminal, 65536):
            yield chunk


@needs_pty
@pytest.mark.parametrize("columns", [60, 80])
def test_on_a_real_terminal(real_files: Path, columns: int) -> None:
    arguments = ("rank", "--labels", "labels.npy", ".", "gone.npy")
    code, shown = read_terminal(*arguments, cwd=real_files, columns=columns)
    assert code == 1
    assert "4/4" in shown
    assert "\x1b[1m" in shown
    assert "model_2[red]" in shown
    assert shown.index("error: 'gone.npy'") < shown.index("Rank")
    table = shown[shown.index("Rank") :].splitlines()
    assert len([line for line in table if "[red]" in line]) == 3


@needs_pty
def test_no_color_on_a_real_terminal(real_files: Path) -> None:
    arguments = ("rank", "--labels", "labels.npy", ".", "--quiet")
    code, shown = read_terminal(*arguments, cwd=real_files, NO_COLOR="1")
    assert code == 0
    assert "\x1b" not in shown
    assert max(len(line) for line in shown.splitlines()) <= 80


@needs_pty
def test_the_demo_fits_into_80_columns(tmp_path: Path) -> None:
    code, shown = read_terminal("demo", "--no-report", cwd=tmp_path, NO_COLOR="1", TERM="dumb")
    assert code == 0
    assert max(len(line) for line in shown.splitlines()) <= 80


def test_the_library_does_not_import_the_command_line() -> None:
    heavy = {"argparse", "rich", "transferscore.cli"}
    code = f"import sys, transferscore; print(*({heavy} & set(sys.modules)))"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert answer.stdout.split() == []
