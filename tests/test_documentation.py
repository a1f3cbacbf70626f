"""Every block of code in the documentation runs, and prints what stands below it."""

from __future__ import annotations

import contextlib
import doctest
import importlib.util
import io
import os
import re
import shlex
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import transferscore
from documented import STAGES

ROOT = Path(__file__).parents[1]
WRITTEN = sorted({*ROOT.glob("docs/*.md"), *ROOT.glob("docs/guides/*.md")})
PAGES = ["README.md", *(path.relative_to(ROOT).as_posix() for path in WRITTEN)]
ZOO = "python/transferscore/datasets/README.md"
if (ROOT / ZOO).is_file():
    PAGES += [ZOO, "CONTRIBUTING.md", "bench/README.md"]

# Commands that are not run here, and why. Whatever else stands in a block "sh" is.
NOT_RUN = {
    "pip install": "it would change the installation that is tested; CI runs those of the README",
    "pytest bench": "benchmarks need an idle machine; CI runs their answers",
    "python bench/": "it trains networks on data that are not part of the project",
    "pre-commit install": "it would change the checkout",
    "sphinx-build": "CI builds the documentation",
}
OUTPUT = ("", "text", "json")  # what is printed, unless a line in it begins with "$ "


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; `output` is that of the block "text" that follows at once."""

    line: int
    language: str
    code: str
    output: str | None

    @property
    def kind(self) -> str:
        """What is done with it."""
        if self.language == "python":
            return "python"
        if self.language in ("sh", "console") or re.search(r"^\$ ", self.code, re.M):
            return "commands"
        if self.language == "{toctree}":
            return "site"
        assert self.language in OUTPUT, f"line {self.line}: nobody runs {self.language!r}"
        return "output"


def blocks(page: str) -> list[Block]:
    text = (ROOT / page).read_text(encoding="utf-8")
    pattern = r"^```([\w{}]*)\n(.*?)^```$(?=(?:\s*^```text\n(.*?)^```$)?)"
    return [
        Block(text.count("\n", 0, found.start()) + 1, found[1], found[2], found[3])
        for found in re.finditer(pattern, text, re.M | re.S)
    ]


def pages_with(kind: str) -> list[str]:
    return [page for page in PAGES if any(block.kind == kind for block in blocks(page))]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    """The names that the blocks of a page know, in a folder with the files that they read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    page = request.getfixturevalue("page")
    if any("~/" in block.code for block in blocks(page)):
        monkeypatch.setenv("HOME", str(tmp_path))
    return STAGES[page]() if page in STAGES else {}


def alike(printed: str, expected: str) -> bool:
    """Equal but for space at the ends of lines; a line "..." stands for any lines."""
    lines = [line.rstrip() for line in printed.strip().splitlines()]
    wanted = [line.rstrip() for line in expected.strip().splitlines()]
    if "..." in wanted:
        place = wanted.index("...")
        rest = len(wanted) - place - 1
        return lines[:place] == wanted[:place] and lines[len(lines) - rest :] == wanted[place + 1 :]
    return lines == wanted


@pytest.mark.parametrize("page", pages_with("python"))
def test_python_blocks_run(page: str, stage: dict[str, Any]) -> None:
    """One after the other; a block "text" below, and `print(...)  # value`, are what is printed."""
    names = {"__name__": "__main__", **stage}
    for block in blocks(page):
        if block.kind != "python":
            continue
        place = f"{page}:{block.line}"
        printed = io.StringIO()
        if block.code.startswith(">>> "):
            test = doctest.DocTestParser().get_doctest(block.code, names, place, None, block.line)
            runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
            runner.run(test, out=printed.write, clear_globs=False)
            names.update(test.globs)
            assert runner.failures == 0, printed.getvalue()
            continue
        with contextlib.redirect_stdout(printed):
            exec(compile(block.code, place, "exec"), names)
        comments = re.findall(r"^print\(.*\)[ \t]+# (.*)$", block.code, re.M)
        if comments and block.output is None and len(comments) == block.code.count("print("):
            assert printed.getvalue().splitlines() == comments, place
        if block.output is not None:
            assert alike(printed.getvalue(), block.output), f"{place}\n{printed.getvalue()}"


def command(line: str) -> str:
    """What one command prints."""
    from transferscore import cli

    words, _, target = line.partition(" > ")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()) as said:
        code = cli.main(shlex.split(words, comments=True)[1:])
    assert code == 0, f"{line}\n{said.getvalue()}"
    if target:
        path = Path(target.strip()).expanduser()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(printed.getvalue(), encoding="utf-8")
        return ""
    return printed.getvalue()


def shell(script: str) -> str:
    """What the shell prints, which finds `transferscore` and `python`."""
    folder = Path("bin").absolute()
    folder.mkdir(exist_ok=True)
    for name, start in (("transferscore", "-m transferscore "), ("python", "")):
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {start}"$@"\n')
        program.chmod(0o755)
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-ec", script],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("page", pages_with("commands"))
def test_commands_run(page: str, stage: dict[str, Any]) -> None:
    """Lines that begin with `transferscore`, in a session (`$ ...`) with what they print."""
    pytest.importorskip("rich", reason="prints the tables")
    for block in blocks(page):
        if block.kind != "commands":
            continue
        if re.search(r"^\$ ", block.code, re.M):
            for typed, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block.code, re.M):
                printed = command(typed)
                assert alike(printed, expected), f"{page}:{block.line}\n{printed}"
            continue
        script = "".join(
            f"{line}\n" for line in block.code.splitlines() if not line.startswith(tuple(NOT_RUN))
        )
        if all(re.match(r"transferscore |#|$", line) for line in script.splitlines()):
            for line in script.splitlines():
                if line.startswith("transferscore "):
                    command(line)
        elif sys.platform != "win32":
            shell(script)


def test_every_block_is_run_or_says_why_not() -> None:
    kinds = [(page, block.kind) for page in PAGES for block in blocks(page)]
    assert {kind for _, kind in kinds} == {"python", "commands", "output", "site"}
    assert sum(kind == "python" for _, kind in kinds) >= 20
    # A fence that the pattern above misses would never run.
    for page in PAGES:
        fences = re.findall(r"^ *```", (ROOT / page).read_text(encoding="utf-8"), re.M)
        assert len(fences) == 2 * len(blocks(page)), page
    used = {
        start
        for page in PAGES
        for block in blocks(page)
        for line in block.code.splitlines()
        for start in NOT_RUN
        if line.startswith(start)
    }
    assert used <= set(NOT_RUN)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Files and headings; addresses of the web are not asked."""
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.S)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        if not target.resolve().exists():
            assert not (ROOT / "cpp").is_dir(), f"{page}: {link}"
            continue
        if anchor:
            heads = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.M)
            assert anchor in {slug(head) for head in heads}, f"{page}: {link}"


@pytest.mark.parametrize("page", PAGES)
def test_tests_that_pages_name_are_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for file, name in re.findall(r"`(test_\w+\.py)::([\w:]+)`", text):
        function = name.rpartition("::")[2]
        source = (ROOT / "tests" / file).read_text(encoding="utf-8")
        assert re.search(rf"^ *def {function}\(", source, re.M), f"{page}: {name}"


def slug(head: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-")


def test_formulas_are_those_of_tex() -> None:
    """Every formula of a docstring becomes MathML, and what docutils would misread does, too."""
    pytest.importorskip("sphinx", reason="the site's own extension")
    spec = importlib.util.spec_from_file_location("mathml", ROOT / "docs" / "_ext" / "mathml.py")
    assert spec is not None
    assert spec.loader is not None
    mathml = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(mathml)
    from docutils import nodes

    def converted(text: str) -> str:
        markup = mathml.converted(nodes.math_block(text, text), as_block=True)
        return re.sub(r"\s+", "", markup)

    assert "<mn>1</mn><mn>2</mn>" in converted(r"\tfrac12 \mu")
    assert "<mn>1</mn><mi>n</mi>" in converted(r"\frac1n \sum_i x_i")
    assert converted(r"\bar x_i").count("<msub><mover") == 1
    assert "<mi>arg</mi>" in converted(r"\operatorname{arg\,max}_s s")
    assert converted("a &= b\n\nc &= d").count("<mtr") == 2
    with pytest.raises(Exception, match="no formula can be made of"):
        converted(r"\nosuchcommand x")

    package = Path(transferscore.__file__).parent
    found = 0
    for file in sorted(package.rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        for formula in re.finditer(r"^( *)\.\. math::(.*)\n((?:\1 +.*\n|\n)*)", text, re.M):
            body = textwrap.dedent(formula[3].partition('"""')[0]).strip()
            assert "<math" in converted(f"{formula[2].strip()}\n{body}".strip()), file.name
            found += 1
    assert found > 60
