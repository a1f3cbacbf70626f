"""Results as rows of CSV files that grow, and go on after an interruption."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

DIGITS = 4  # significant ones, which keeps files small


class Rows:
    """A CSV file with a header; what has been appended is there for the next run.

    Numbers are written with few digits, NaN as nothing. A last line that was cut is dropped.
    """

    def __init__(self, path: Path, columns: Iterable[str]) -> None:
        self.path, self.columns = path, list(columns)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = path.read_bytes().decode() if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        if not whole:
            whole = ",".join(self.columns) + "\n"
        if whole != text:
            path.write_text(whole, encoding="utf-8", newline="\n")
        header, *lines = csv.reader(whole.splitlines())
        if header != self.columns:
            raise SystemExit(f"{path} has other columns: move it away, or choose another folder")
        self._lines = [dict(zip(header, line, strict=True)) for line in lines]

    def __iter__(self) -> Any:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def has(self, **values: Any) -> bool:
        """Whether there is a row with these values."""
        wanted = {name: written(value) for name, value in values.items()}
        return any(all(row[name] == value for name, value in wanted.items()) for row in self)

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Append rows, all of them in one write."""
        lines = [{name: written(row[name]) for name in self.columns} for row in rows]
        text = "".join(",".join(line.values()) + "\n" for line in lines)
        with self.path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(text)
        self._lines += lines


def written(value: Any) -> str:
    """A value as the files have it."""
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.{DIGITS}g}"
    return str(value)


def read(path: Path) -> list[dict[str, str]]:
    """All rows of a file; none where there is no file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def number(text: str) -> float:
    """A cell as a number, NaN where there is none."""
    return float(text) if text else float("nan")
