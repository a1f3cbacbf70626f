"""Reports as JSON, CSV and Markdown; `_table` makes the tables for people."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from typing import Any

import transferscore
from transferscore._scores import Score
from transferscore._text import markdown, number
from transferscore.cli._output import CommandError
from transferscore.cli._report import DemoReport, RankReport
from transferscore.io import printable

SCHEMA_VERSION = 1


def rank_writer(form: str) -> Callable[[RankReport], str]:
    """Return the function that puts a ranking into `form`."""
    if form == "table":
        require_rich()
        from transferscore.cli import _table

        return _table.rank
    return {"json": rank_json, "csv": rank_csv, "markdown": rank_markdown}[form]


def ranks_writer(form: str) -> Callable[[Sequence[RankReport]], str]:
    """Return the function that puts the rankings of one task or of several into `form`."""
    write = rank_writer(form)
    several = {"json": _several_json, "csv": _several_csv}.get(form, _several_tables)
    return lambda reports: write(reports[0]) if len(reports) == 1 else several(reports, write)


def _several_json(reports: Sequence[RankReport], write: Callable[[RankReport], str]) -> str:
    tasks = [json.loads(write(report)) for report in reports]
    shared = ("schema_version", "transferscore_version", "command", "scores", "sort_by")
    head = {name: tasks[0][name] for name in shared}
    rest = [{k: v for k, v in task.items() if k not in shared} for task in tasks]
    return json.dumps({**head, "tasks": rest}, indent=2, allow_nan=False) + "\n"


def _several_csv(reports: Sequence[RankReport], write: Callable[[RankReport], str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for i, report in enumerate(reports):
        header, *rows = csv.reader(io.StringIO(write(report)))
        if i == 0:
            writer.writerow(["labels", *header])
        writer.writerows([printable(report.labels_path), *row] for row in rows)
    return text.getvalue()


def _several_tables(reports: Sequence[RankReport], write: Callable[[RankReport], str]) -> str:
    parts = [f"{printable(report.labels_path)}\n\n{write(report)}" for report in reports]
    return "\n".join(parts)


def demo_writer(form: str) -> Callable[[DemoReport], str]:
    """Return the function that puts the demo into `form`."""
    if form == "table":
        require_rich()
        from transferscore.cli import _table

        return _table.demo
    return demo_json


def require_rich() -> None:
    """Say now that rich is missing, and not after minutes of work."""
    try:
        import rich  # noqa: F401
    except ImportError as error:
        raise CommandError(
            "tables need rich: pip install 'transferscore[cli]', or ask for another format"
        ) from error


def rank_json(report: RankReport) -> str:
    """Return the ranking as JSON, numbers in full precision."""
    sampling = {"sampling": report.sampling} if report.sampling else {}
    return _json(
        report.command,
        report.scores,
        {
            "labels": {
                "path": str(report.labels_path),
                "n": report.n,
                "n_classes": report.n_classes,
            },
            **sampling,
            "sort_by": report.sort_by.name,
            "models": [
                {
                    "rank": rank,
                    "name": model.file.name,
                    "path": str(model.file.path),
                    "n": model.n,
                    "d": model.d,
                    "scores": model.scores,
                    **({"spread": model.spread} if model.spread else {}),
                    "warnings": list(model.warnings),
                }
                for rank, model in report.ranking
            ],
            "errors": [
                {"name": model.file.name, "path": str(model.file.path), "error": model.error}
                for model in report.failed
            ],
        },
    )


def demo_json(report: DemoReport) -> str:
    """Return the demo as JSON, numbers in full precision."""
    tasks = [
        {
            "name": task.name,
            "title": task.title,
            "n": task.n,
            "n_classes": task.n_classes,
            "models": [
                {
                    "name": model.name,
                    "description": model.description,
                    "d": model.d,
                    "accuracy": model.accuracy,
                    "scores": model.scores,
                    "warnings": list(model.warnings),
                }
                for model in task.models
            ],
            "spearman": {name: found.spearman for name, found in task.agreement.items()},
            "agreement": {
                name: {
                    "spearman": found.spearman,
                    "interval": found.interval and list(found.interval),
                    "chosen": list(found.chosen),
                    "accuracy_of_chosen": found.accuracy,
                }
                for name, found in task.agreement.items()
            },
        }
        for task in report.tasks
    ]
    return _json("demo", report.scores, {"tasks": tasks})


def _json(command: str, scores: Sequence[Score], content: dict[str, Any]) -> str:
    head = {
        "schema_version": SCHEMA_VERSION,
        "transferscore_version": transferscore.__version__,
        "command": command,
        "scores": [
            {"name": s.name, "title": s.title, "higher_is_better": s.higher_is_better}
            for s in scores
        ],
    }
    return json.dumps({**head, **content}, indent=2, allow_nan=False) + "\n"


def rank_csv(report: RankReport) -> str:
    """Return the ranking as CSV with a header line, numbers in full precision."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["rank", "name", "path", "n", "d", *(score.name for score in report.scores)])
    for rank, model in report.ranking:
        names = [printable(model.file.name), printable(model.file.path)]
        values = [repr(model.scores[score.name]) for score in report.scores]
        writer.writerow([rank, *names, model.n, model.d, *values])
    return text.getvalue()


def rank_markdown(report: RankReport) -> str:
    """Return the ranking as a Markdown table, scores in four decimals."""
    titles = [markdown(score.title) for score in report.scores]
    lines = [
        _row(["Rank", "Model", "n", "d", *titles]),
        _row(["---:", ":---", "---:", "---:", *("---:" for _ in titles)]),
    ]
    for rank, model in report.ranking:
        values = [number(model.scores[score.name]) for score in report.scores]
        name = markdown(printable(model.file.name))
        lines.append(_row([str(rank), name, str(model.n), str(model.d), *values]))
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
