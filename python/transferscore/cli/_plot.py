"""``transferscore plot``: a figure of what another command found."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from transferscore.cli._options import add_command

if TYPE_CHECKING:
    from transferscore.cli._options import Commands
    from transferscore.cli._output import Outcome
    from transferscore.plots import Plot

Form = Literal["png", "svg", "pdf"]
SUFFIXES = ("png", "svg", "pdf")
Content = Mapping[str, Any]


def add(commands: Commands) -> None:
    """Add the command to the program's."""
    parser = add_command(
        commands,
        "plot",
        "draw what another command found",
        description="Draw what another command has printed as JSON: a matrix as a heat map or, "
        "with --tree, the tasks as a dendrogram, a ranking with its intervals, a curve over "
        "layers. Or draw scores of a CSV file against accuracies of another, as `evaluate` reads "
        "them.",
        example="plot matrix.json --out matrix.png",
    )
    parser.add_argument("file", metavar="FILE", help="the JSON of a command, or scores as CSV")
    parser.add_argument(
        "accuracies", nargs="?", metavar="FILE", help="with a CSV file, the accuracies"
    )
    parser.add_argument(
        "--out", required=True, metavar="FILE", help="the figure: .png, .svg or .pdf"
    )
    parser.add_argument("--tree", action="store_true", help="of a matrix, the tree of its targets")
    parser.add_argument("--score", metavar="NAME", help="of a CSV file, which score")
    parser.add_argument("--task", metavar="NAME", help="of a CSV file, which task")


def run(args: argparse.Namespace) -> Outcome:
    """Draw the figure into a file."""
    from transferscore.cli._output import CommandError, Exit, Outcome
    from transferscore.cli._scoring import one_line
    from transferscore.io import printable

    out = Path(args.out)
    suffix = out.suffix.lower().removeprefix(".")
    if suffix not in SUFFIXES:
        raise CommandError(f"--out must end in .{', .'.join(SUFFIXES)}, got '{printable(out)}'")
    try:
        plot = _of_tables(args) if args.accuracies else _of_result(args)
        data = plot.to_bytes(cast("Form", suffix))
    except ModuleNotFoundError as error:
        raise CommandError(one_line(error)) from error
    except (ValueError, TypeError, KeyError) as error:
        raise CommandError(f"'{printable(args.file)}': {one_line(error)}") from error
    try:
        out.write_bytes(data)
    except OSError as error:
        reason = f"cannot write '{printable(out)}': {error.strerror}"
        raise CommandError(reason, Exit.NO_RESULT) from error
    return Outcome("")


def _of_result(args: argparse.Namespace) -> Plot:
    from transferscore.cli._output import CommandError
    from transferscore.io import printable

    name = f"'{printable(args.file)}'"
    try:
        content = json.loads(Path(args.file).read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise CommandError(
            f"{name} must be the JSON of a command, or CSV with accuracies"
        ) from error
    schema = content.get("schema") if isinstance(content, dict) else None
    kind = "tree" if args.tree and schema == SCHEMA_OF_MATRIX else schema
    if kind not in DRAWN:
        raise CommandError(
            f"{name} must be of {', '.join(k for k in DRAWN if '/' in k)}, is of {schema!r:.60}"
        )
    return DRAWN[kind](content)


def _heat_map(content: Content) -> Plot:
    from transferscore.plots import heat_map

    return heat_map(
        _cells(content),
        sources=content["sources"],
        targets=content["targets"],
        score=content["score"],
        higher_is_better=content["higher_is_better"],
    )


def _tree(content: Content) -> Plot:
    from transferscore.plots import dendrogram
    from transferscore.ranking import task_distances

    return dendrogram(
        task_distances(_cells(content), sources=content["sources"], targets=content["targets"])
    )


def _cells(content: Content) -> list[list[float]]:
    """The matrix, NaN where a pair has no score."""
    values = {(row["source"], row["target"]): row["value"] for row in content["rows"]}
    cells = [[values[s, t] for t in content["targets"]] for s in content["sources"]]
    return [[float("nan") if value is None else value for value in row] for row in cells]


def _ranking(content: Content) -> Plot:
    from transferscore.plots import ranking_plot

    rows = [row for row in content["rows"] if row[content["sort_by"]] is not None]
    score = next(score for score in content["scores"] if score["name"] == content["sort_by"])
    key = score["name"]
    ends = [[row[f"{key}_low"], row[f"{key}_high"]] for row in rows]
    known = all(end is not None for pair in ends for end in pair)
    return ranking_plot(
        [row[key] for row in rows],
        names=[row["name"] for row in rows],
        intervals=ends if known else None,
        groups=[row["tie_group"] for row in rows],
        score=score["title"],
        higher_is_better=score["higher_is_better"],
    )


def _layers(content: Content) -> Plot:
    from transferscore.plots import layer_curve

    return layer_curve(
        [row["score"] for row in content["rows"]],
        layers=[row["layer"] for row in content["rows"]],
        score=content["score_name"],
        higher_is_better=content["higher_is_better"],
    )


def _of_tables(args: argparse.Namespace) -> Plot:
    """Scores against accuracies, of one task."""
    from transferscore.cli._evaluate import read_columns, the_accuracies
    from transferscore.plots import score_against_accuracy

    scores = read_columns(args.file)
    score = args.score or next(iter(scores))
    tasks = _chosen(scores, score, "--score")
    measured = the_accuracies(read_columns(args.accuracies), args.accuracies)
    task = args.task or next(iter(tasks))
    values, accuracies = _chosen(tasks, task, "--task"), _chosen(measured, task, "--task")
    common = [model for model in values if model in accuracies]
    return score_against_accuracy(
        [values[model] for model in common],
        [accuracies[model] for model in common],
        names=common,
        score=score,
    )


def _chosen(found: Mapping[str, Any], name: str, option: str) -> Any:
    from transferscore.cli._output import CommandError

    if name not in found:
        raise CommandError(f"{option} must be of {', '.join(found)}, got {name}")
    return found[name]


SCHEMA_OF_MATRIX = "transferscore/score-matrix/1"
DRAWN: dict[str, Callable[[Content], Plot]] = {
    SCHEMA_OF_MATRIX: _heat_map,
    "tree": _tree,
    "transferscore/ranking/1": _ranking,
    "transferscore/layer-curve/1": _layers,
}
