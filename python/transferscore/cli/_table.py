"""Reports as tables for people, with rich."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterable, Sequence
from textwrap import fill

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from transferscore._scores import Score
from transferscore._text import number
from transferscore.cli._output import is_terminal, wants_colour
from transferscore.cli._report import DemoReport, DemoTask, RankReport, by_agreement
from transferscore.io import printable
from transferscore.ranking._tabular import Tabular

# A pipe has no width: nothing there is wrapped or cut.
_PIPE_WIDTH = 100_000
# Between columns; and to how much a column of text may be folded.
_GAP, _FOLDED = 3, 12


def rank(report: RankReport) -> str:
    """Return the ranking as a table, or nothing if nothing was scored."""
    if not report.ranking:
        return ""
    table = _table()
    _number_column(table, "Rank")
    _text_column(table, "Model")
    _number_column(table, "d")
    _score_columns(table, report.scores)
    for place, model in report.ranking:
        mark = " *" if model.warnings else ""
        cells = [str(place), printable(model.file.name) + mark, str(model.d)]
        values = _values(model.scores, report.scores)
        table.add_row(*_texts([*cells, *values]), style="bold" if place == 1 else None)
    better = "higher" if report.sort_by.higher_is_better else "lower"
    note = (
        f"{report.n:,} samples, {report.n_classes:,} classes; "
        f"ranked by {report.sort_by.title}, {better} is better"
    )
    marked = any(model.warnings for _, model in report.ranking)
    return _render([table, Text(note), *([Text("* scored with a warning")] if marked else [])])


def demo(report: DemoReport) -> str:
    """Return what the models are, then one table per task."""
    shown = [score for score in report.scores if score.name in report.shown]
    parts: list[RenderableType] = [_descriptions(report), Text("")]
    for task in report.tasks:
        parts += [Text(printable(task.title), style="bold"), _task_table(task, shown)]
        size = f"{task.n:,} samples, {task.n_classes:,} classes; sorted by measured accuracy."
        parts += [Text(size), Text(""), _agreement(task, report.scores)]
        note = (
            "Spearman rank correlation with accuracy, 95 % interval from resampled models,\n"
            f"and accuracy of the one that the score prefers of {len(task.models)} models."
        )
        parts += [Text(note), Text("")]
    return _render(parts[:-1])


def result(result: Tabular) -> str:
    """Return a result of the library as a table, with its title above and its notes below."""
    sheet = result._sheet()
    table = _table()
    rows = sheet.texts()
    least = _GAP * (len(sheet.headings) - 1)
    for i, (heading, side) in enumerate(zip(sheet.headings, sheet.align, strict=True)):
        if side == "r":  # a heading is no wider than what stands below it, if its words allow
            wide = max([len(row[i]) for row in rows] + [len(word) for word in heading.split()])
            folded = Text(fill(printable(heading), wide))
            table.add_column(folded, justify="right", no_wrap=True, min_width=wide)
        else:
            wide = min(_FOLDED, max(len(text) for text in [heading, *(row[i] for row in rows)]))
            _text_column(table, printable(heading))
        least += wide
    for row in rows:
        table.add_row(*_texts(row))
    title = [Text(printable(sheet.title), style="bold")] if sheet.title else []
    notes = [Text(printable(note)) for note in sheet.notes]
    # A terminal folds the lines of a table that is wider: no number is cut.
    return _render([*title, table, *notes], least=least)


def _descriptions(report: DemoReport) -> Table:
    """Say once what each model is: the same ones appear in every task."""
    models = {model.name: model for task in report.tasks for model in task.models}
    table = _table()
    _text_column(table, "Model", no_wrap=True)
    _text_column(table, "What it is")
    for model in models.values():
        table.add_row(*_texts([printable(model.name), printable(model.description)]))
    return table


def _task_table(task: DemoTask, scores: Sequence[Score]) -> Table:
    table = _table()
    _text_column(table, "Model")
    _number_column(table, "d")
    _score_columns(table, scores)
    _number_column(table, "Measured accuracy")
    for model in task.models:
        values = [*_values(model.scores, scores), f"{model.accuracy:.1%}"]
        table.add_row(*_texts([printable(model.name), str(model.d), *values]))
    return table


def _agreement(task: DemoTask, scores: Sequence[Score]) -> Table:
    """How each score ranks the models, the best agreement first."""
    table = _table()
    _text_column(table, "Score")
    for title in ("Spearman", "Interval", "Accuracy chosen"):
        _number_column(table, title)
    for score in by_agreement(task, scores):
        found = task.agreement[score.name]
        low_high = "" if found.interval is None else "{:.2f} to {:.2f}".format(*found.interval)
        value = "undefined" if found.spearman is None else f"{found.spearman:.2f}"
        table.add_row(*_texts([score.title, value, low_high, f"{found.accuracy:.1%}"]))
    return table


# ------------------------------------------------------------------------ the parts


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)


def _text_column(table: Table, title: str, *, no_wrap: bool = False) -> None:
    table.add_column(Text(title), overflow="fold", no_wrap=no_wrap)


def _number_column(table: Table, title: str) -> None:
    # A word per line: numbers are narrow, and 80 columns are soon used up.
    heading = Text(title.replace(" ", "\n"))
    table.add_column(heading, justify="right", no_wrap=True)


def _score_columns(table: Table, scores: Sequence[Score]) -> None:
    for score in scores:
        _number_column(table, score.title)


def _values(values: dict[str, float], scores: Sequence[Score]) -> list[str]:
    return [number(values[score.name]) for score in scores]


def _texts(cells: Iterable[str]) -> list[Text]:
    """Make plain text of names: square brackets in them are no markup."""
    return [Text(cell) for cell in cells]


def _render(parts: Iterable[RenderableType], *, least: int = 0) -> str:
    """Lay the parts out for standard output: its width, or `least`, its colours, its alphabet."""
    terminal = is_terminal(sys.stdout)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    paper = io.TextIOWrapper(io.BytesIO(), encoding, errors="backslashreplace", newline="\n")
    console = Console(
        file=paper,
        width=max(shutil.get_terminal_size().columns, least) if terminal else _PIPE_WIDTH,
        height=shutil.get_terminal_size().lines,  # else a dumb terminal would have 80 columns
        force_terminal=terminal,
        force_jupyter=False,
        color_system="auto" if terminal and wants_colour() else None,
        legacy_windows=False,
        highlight=False,
    )
    for part in parts:
        console.print(part)
    paper.seek(0)
    return "".join(line.rstrip() + "\n" for line in paper.read().split("\n")[:-1])
