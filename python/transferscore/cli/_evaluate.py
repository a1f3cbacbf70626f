"""``transferscore evaluate``: scores of a file against measured accuracies of another."""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferscore.cli._options import add_command, add_forms, add_seed, positive, real, words
from transferscore.ranking._tabular import Sheet, Tabular

if TYPE_CHECKING:
    from transferscore.cli._options import Commands
    from transferscore.cli._output import Outcome
    from transferscore.ranking.evaluate import Comparison, Evaluation

MEASURES = ("pearson", "spearman", "kendall", "weighted_kendall", "selection_accuracy", "regret")
# Columns that say what a row is; all others hold numbers.
NAMES = ("task", "model")

Values = dict[str, dict[str, float]]  # by task and model


def add(commands: Commands) -> None:
    """Add the command to the program's."""
    parser = add_command(
        commands,
        "evaluate",
        "compare scores with measured accuracies",
        description="Compare scores with measured accuracies, with intervals. Both files are CSV "
        "with a header and a row for each model: a column `model`, a column `task` where there are "
        "several, and numbers: one column for each score, one for the accuracy. Higher scores "
        "must be better.",
        example="evaluate scores.csv accuracies.csv --measures spearman,regret --compare",
    )
    parser.add_argument("scores", metavar="FILE", help="the scores")
    parser.add_argument("accuracies", metavar="FILE", help="the accuracies")
    parser.add_argument(
        "--measures",
        type=words,
        default=list(MEASURES),
        metavar="NAME,NAME",
        help=f"how they are compared (default: {','.join(MEASURES)}; also ndcg, "
        "ndcg_exponential, footrule, footrule_measured, top_k_accuracy@K, rel@K)",
    )
    parser.add_argument(
        "--compare", action="store_true", help="compare the first score with each of the others"
    )
    parser.add_argument(
        "--lower-is-better",
        type=words,
        default=[],
        metavar="NAME,NAME",
        help="scores whose sign is turned first",
    )
    parser.add_argument(
        "--drop-missing",
        action="store_true",
        help="leave models without a number out of their task; else they are errors",
    )
    parser.add_argument(
        "--resamples", type=positive, default=1000, metavar="N", help="resamples (default: 1000)"
    )
    parser.add_argument(
        "--confidence", type=real, default=0.95, metavar="P", help="of intervals (default: 0.95)"
    )
    add_seed(parser)
    add_forms(parser)


def run(args: argparse.Namespace) -> Outcome:
    """Evaluate every score of the file."""
    from transferscore.cli._output import CommandError, Exit, Outcome
    from transferscore.cli._print import printer
    from transferscore.cli._scoring import one_line
    from transferscore.io import FileError

    write = printer(args.form)
    try:
        scores = read_columns(args.scores)
        measured = the_accuracies(read_columns(args.accuracies), args.accuracies)
        scores = _turned(scores, args.lower_is_better)
    except FileError as error:
        raise CommandError(str(error)) from error
    try:
        find = _compared if args.compare else _evaluated
        report: Tabular = find(scores, measured, args)
    except (ValueError, TypeError) as error:
        raise CommandError(one_line(error), Exit.NO_RESULT) from error
    return Outcome(write(report))


@dataclass(frozen=True)
class EvaluationReport(Tabular):
    """Every score by every measure."""

    KIND = "evaluation-report"

    evaluations: Mapping[str, Evaluation]

    def _columns(self) -> dict[str, list[Any]]:
        parts = [(name, found._columns()) for name, found in self.evaluations.items()]
        sizes = [(name, len(columns["measure"])) for name, columns in parts]
        named = {"score": [name for name, size in sizes for _ in range(size)]}
        first = parts[0][1]
        return {**named, **{c: [v for _, part in parts for v in part[c]] for c in first}}

    def _about(self) -> dict[str, Any]:
        first = next(iter(self.evaluations.values()))
        about = {key: first._about()[key] for key in ("resampled", "n_resamples", "confidence")}
        return {**about, "evaluations": {n: e._about() for n, e in self.evaluations.items()}}

    def _sheet(self) -> Sheet:
        sheets = [(name, found._sheet()) for name, found in self.evaluations.items()]
        rows = [(name, *row) for name, sheet in sheets for row in sheet.rows]
        notes = dict.fromkeys(note for _, sheet in sheets for note in sheet.notes)
        first = sheets[0][1]
        headings = ("Score", *first.headings)
        return Sheet(headings, rows, f"l{first.align}", title=first.title, notes=list(notes))


@dataclass(frozen=True)
class ComparisonReport(Tabular):
    """The first score against each of the others."""

    KIND = "comparison-report"

    first: str
    comparisons: Mapping[str, Comparison]

    def _columns(self) -> dict[str, list[Any]]:
        parts = [(name, found._columns()) for name, found in self.comparisons.items()]
        sizes = [(name, len(columns["measure"])) for name, columns in parts]
        named = {
            "a": [self.first for _, size in sizes for _ in range(size)],
            "b": [name for name, size in sizes for _ in range(size)],
        }
        renamed = {"a": "value_a", "b": "value_b"}
        first = parts[0][1]
        return {
            **named,
            **{renamed.get(c, c): [v for _, part in parts for v in part[c]] for c in first},
        }

    def _about(self) -> dict[str, Any]:
        return {"comparisons": {name: c._about() for name, c in self.comparisons.items()}}

    def _sheet(self) -> Sheet:
        sheets = [(name, found._sheet()) for name, found in self.comparisons.items()]
        rows = [(name, *row) for name, sheet in sheets for row in sheet.rows]
        notes = dict.fromkeys(note for _, sheet in sheets for note in sheet.notes)
        first = sheets[0][1]
        title = f"{self.first} (a) against others (b); {first.title}"
        return Sheet(
            ("Other (b)", *first.headings), rows, f"l{first.align}", title=title, notes=list(notes)
        )


def _evaluated(
    scores: Mapping[str, Values], measured: Values, args: argparse.Namespace
) -> EvaluationReport:
    from transferscore.ranking import evaluate_scores

    return EvaluationReport(
        {
            name: evaluate_scores(values, measured, **_options(args))
            for name, values in scores.items()
        }
    )


def _compared(
    scores: Mapping[str, Values], measured: Values, args: argparse.Namespace
) -> ComparisonReport:
    from transferscore.cli._output import CommandError
    from transferscore.ranking import compare_scores

    (first, a), *others = scores.items()
    if not others:
        raise CommandError(f"--compare needs several scores, there is one: {first}")
    return ComparisonReport(
        first, {name: compare_scores(a, b, measured, **_options(args)) for name, b in others}
    )


def _options(args: argparse.Namespace) -> dict[str, Any]:
    return {
        "measures": args.measures,
        "n_resamples": args.resamples,
        "confidence": args.confidence,
        "random_state": args.seed,
        "missing": "drop" if args.drop_missing else "raise",
    }


def read_columns(path: str) -> dict[str, Values]:
    """The columns of numbers of a CSV file, each by task and model."""
    from transferscore.io import FileError, printable

    name = f"'{printable(path)}'"
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as stream:
            lines = [line for line in csv.reader(stream, strict=True) if line]
    except OSError as error:
        raise FileError(f"{name} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileError(f"{name} must be CSV in UTF-8: {printable(error)}") from error
    if len(lines) < 2:
        raise FileError(f"{name} must have a header and at least one row, has {len(lines)} lines")
    header, *rows = lines
    columns = [column for column in header if column not in NAMES]
    if "model" not in header or not columns or len(set(header)) < len(header):
        raise FileError(
            f"{name} must have a column `model` and columns of numbers, each once, has "
            f"{printable(', '.join(header))}"
        )
    found: dict[str, Values] = {column: {} for column in columns}
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise FileError(
                f"{name} must have {len(header)} columns in line {number}, has {len(row)}"
            )
        _add_row(found, dict(zip(header, row, strict=True)), f"{name}, line {number},")
    return found


def _add_row(found: dict[str, Values], row: Mapping[str, str], where: str) -> None:
    from transferscore.io import FileError, printable

    task, model = row.get("task", "the task"), row["model"]
    for column, values in found.items():
        of_task = values.setdefault(task, {})
        if model in of_task:
            raise FileError(f"{where} must name a model of a task once, repeats {printable(model)}")
        text = row[column].strip()
        try:
            of_task[model] = float(text) if text else math.nan
        except ValueError:
            raise FileError(
                f"{where} must have a number in {printable(column)}, has {printable(text)}"
            ) from None


def the_accuracies(columns: dict[str, Values], path: str) -> Values:
    """The column called accuracy, or the only one."""
    from transferscore.io import FileError, printable

    if "accuracy" in columns:
        return columns["accuracy"]
    if len(columns) > 1:
        raise FileError(
            f"'{printable(path)}' must have one column of numbers, or one called accuracy, has "
            f"{printable(', '.join(columns))}"
        )
    return next(iter(columns.values()))


def _turned(scores: dict[str, Values], names: Sequence[str]) -> dict[str, Values]:
    from transferscore.cli._output import CommandError

    for name in names:
        if name not in scores:
            raise CommandError(
                f"--lower-is-better must name columns of scores, {', '.join(scores)}, got {name}"
            )
    return {
        name: {task: {m: -v for m, v in models.items()} for task, models in values.items()}
        if name in names
        else values
        for name, values in scores.items()
    }
