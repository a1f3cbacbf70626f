"""Tables of reports, the CSV files that they are made from, and where they stand in a page."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"  # what is committed, and what tables and plots are made from
PAGE = HERE.parents[1] / "docs" / "experiments.md"
PLOTS = PAGE.parent / "images"


def table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    rule = ["---"] * len(header)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, rule, *lines))


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows as a CSV file, numbers with six digits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({name: _text(value) for name, value in row.items()})


def _text(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value


def read_rows(path: Path) -> list[dict[str, str]]:
    """What `write_rows` wrote, as text."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def replace_block(page: Path, name: str, text: str) -> None:
    """Put a text between the page's comments "begin NAME" and "end NAME"."""
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{page} has no lines {begin.strip()!r} and {end!r}")
    new = f"{before}{begin}\n{text.strip()}\n\n{end}{after}"
    part = page.with_suffix(".part")
    part.write_text(new, encoding="utf-8", newline="\n")
    part.replace(page)


def whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file that is there as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    write(part)
    part.replace(path)


def kept(path: Path, compute: Callable[[], Any]) -> Any:
    """What a file says; where there is none, what is computed, and the file is written."""
    if not path.exists():
        text = json.dumps(compute(), indent=1)
        whole(path, lambda to: to.write_text(text, encoding="utf-8"))
    return json.loads(path.read_text(encoding="utf-8"))


def interval(value: float, ends: Sequence[float] | None, digits: int = 2, sign: str = "+") -> str:
    """A value with its interval, where it has one."""
    text = f"{value:{sign}.{digits}f}"
    if ends is None:
        return text
    low, high = (f"{end:{sign}.{digits}f}" for end in ends)
    return f"{text} ({low} to {high})"


def save(figure: Any, name: str) -> None:
    """A figure of matplotlib as a picture beside the page."""
    PLOTS.mkdir(parents=True, exist_ok=True)
    figure.savefig(PLOTS / name, dpi=110, metadata={"Software": None})
