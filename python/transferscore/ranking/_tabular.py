"""Results that are tables: for terminals, notebooks, files and data frames."""

import csv
import html
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from transferscore import _checks
from transferscore._text import markdown, number, width
from transferscore.io import printable

Destination = str | PathLike[str]
Library = Literal["pandas", "polars"]


@dataclass(frozen=True)
class Sheet:
    """A table for people.

    Attributes
    ----------
    headings : sequence of str
        One for each column.
    rows : sequence of sequences
        Cells: text, numbers, booleans, or None for what is missing.
    align : str
        "l" or "r" for each column.
    title : str
        A line above the table.
    notes : sequence of str
        Lines below it.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[Any]]
    align: str
    title: str = ""
    notes: Sequence[str] = ()

    def texts(self) -> list[list[str]]:
        """The cells as people read them."""
        return [[_text(cell) for cell in row] for row in self.rows]


class Tabular(ABC):
    """A result that is a table.

    A class says what its columns are (`_columns`), what else there is to know (`_about`) and, where
    people should see less than machines, how it is shown (`_sheet`); its files follow. Its name
    and version in files are `KIND` and `VERSION`, and `schemas/KIND-VERSION.json` describes what
    `to_json` writes.
    """

    KIND: ClassVar[str]
    VERSION: ClassVar[int] = 1

    @abstractmethod
    def _columns(self) -> Mapping[str, Sequence[Any]]:
        """The columns by name, all of one length."""

    def _about(self) -> Mapping[str, Any]:
        """What is no column."""
        return {}

    def _sheet(self) -> Sheet:
        """The table as people see it."""
        columns = self._columns()
        align = "".join("r" if _are_numbers(cells) else "l" for cells in columns.values())
        return Sheet(tuple(columns), _rows(columns), align)

    def to_dict(self) -> dict[str, Any]:
        """All of it as dictionaries, lists, strings, numbers and None, which stands for NaN, too.

        The entry "rows" is the table, a dictionary for each row.
        """
        from transferscore import __version__

        columns = self._columns()
        content = {**self._about(), "rows": _records(columns)}
        schema = f"transferscore/{self.KIND}/{self.VERSION}"
        return {"schema": schema, "transferscore_version": __version__, **_plain(content)}

    def to_json(self, path: Destination | None = None) -> str:
        """`to_dict` as JSON, numbers in full precision; written to `path` where one is given.

        The entry "schema" changes when an entry changes its meaning, its type or its name, not when
        one is added; `json_schema` is the schema itself.
        """
        return _written(json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n", path)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """The JSON schema (draft 2020-12) of what `to_json` writes."""
        folder = files("transferscore").joinpath("schemas")
        text = folder.joinpath(f"{cls.KIND}-{cls.VERSION}.json").read_text(encoding="utf-8")
        schema: dict[str, Any] = json.loads(text)
        return schema

    def to_csv(self, path: Destination | None = None) -> str:
        """The columns as CSV with a header line, numbers in full precision, nothing for None."""
        columns = self._columns()
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(printable(name) for name in columns)
        writer.writerows([_field(cell) for cell in row] for row in _rows(columns))
        return _written(text.getvalue(), path)

    def to_markdown(self, path: Destination | None = None) -> str:
        """The table as people see it, in Markdown, with its title and notes."""
        sheet = self._sheet()
        rule = ["---:" if side == "r" else ":---" for side in sheet.align]
        head = [[markdown(printable(heading)) for heading in sheet.headings], rule]
        rows = [[markdown(cell) for cell in row] for row in sheet.texts()]
        lines = [f"| {' | '.join(cells)} |" for cells in [*head, *rows]]
        if sheet.title:
            lines = [markdown(printable(sheet.title)), "", *lines]
        if sheet.notes:
            lines += ["", *(f"- {markdown(printable(note))}" for note in sheet.notes)]
        return _written("\n".join(lines) + "\n", path)

    def to_dataframe(self, library: Library = "pandas") -> Any:
        """The columns as a data frame of pandas or polars, whichever is asked for.

        Raises
        ------
        ModuleNotFoundError
            Where the library is not installed: the extra `dataframe` has both.
        """
        _checks.choice(library, "library", ("pandas", "polars"))
        frames = _checks.from_extra("dataframe", library)
        return frames.DataFrame({name: _plain_cells(c) for name, c in self._columns().items()})

    def __str__(self) -> str:
        sheet = self._sheet()
        headings = [printable(heading) for heading in sheet.headings]
        rows = [headings, *sheet.texts()]
        widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
        rows.insert(1, ["-" * wide for wide in widths])
        lines = [_line(row, widths, sheet.align) for row in rows]
        title = [printable(sheet.title)] if sheet.title else []
        return "\n".join([*title, *lines, *(f"note: {printable(note)}" for note in sheet.notes)])

    def _repr_html_(self) -> str:
        sheet = self._sheet()
        sides = ["right" if side == "r" else "left" for side in sheet.align]
        style = [f' style="text-align: {side}; padding: 0.1em 0.6em"' for side in sides]
        head = _html_row("th", [printable(heading) for heading in sheet.headings], style)
        body = "".join(_html_row("td", row, style) for row in sheet.texts())
        title = f"<caption>{html.escape(printable(sheet.title))}</caption>" if sheet.title else ""
        notes = "".join(f"<li>{html.escape(printable(note))}</li>" for note in sheet.notes)
        table = f"<table>{title}<thead>{head}</thead><tbody>{body}</tbody></table>"
        return f"<div>{table}{f'<ul>{notes}</ul>' if notes else ''}</div>"


def _rows(columns: Mapping[str, Sequence[Any]]) -> list[tuple[Any, ...]]:
    return list(zip(*columns.values(), strict=True))


def _records(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in _rows(columns)]


def _are_numbers(cells: Sequence[Any]) -> bool:
    return all(cell is None or isinstance(cell, int | float | np.number) for cell in cells)


def _plain(value: Any) -> Any:
    """The same of Python's own types, as JSON knows them."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _plain_cells(cells: Sequence[Any]) -> list[Any]:
    """The cells of a column of a data frame, in which NaN and infinity are themselves."""
    return [cell.item() if isinstance(cell, np.generic) else cell for cell in cells]


def _field(cell: Any) -> str:
    cell = cell.item() if isinstance(cell, np.generic) else cell
    if cell is None:
        return ""
    return repr(cell) if isinstance(cell, float) else printable(cell)


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool | np.bool_):
        return "yes" if cell else "no"
    return number(float(cell)) if isinstance(cell, float | np.floating) else printable(cell)


def _line(cells: Iterable[str], widths: Iterable[int], align: str) -> str:
    padded = [
        " " * (wide - width(cell)) + cell if side == "r" else cell + " " * (wide - width(cell))
        for cell, wide, side in zip(cells, widths, align, strict=True)
    ]
    return "  ".join(padded).rstrip()


def _html_row(tag: str, cells: Sequence[str], style: Sequence[str]) -> str:
    pairs = zip(cells, style, strict=True)
    return f"<tr>{''.join(f'<{tag}{how}>{html.escape(cell)}</{tag}>' for cell, how in pairs)}</tr>"


def _written(text: str, path: Destination | None) -> str:
    if path is not None:
        Path(path).write_text(text, encoding="utf-8", newline="\n")
    return text
