"""Reports as one HTML file: no scripts, nothing from elsewhere, pictures inside.

The page is put together by hand. A template engine would be a dependency for a page of tables;
what it is good for, that no text becomes markup, `_escape` does for every text.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

import transferscore
from transferscore._scores import RANKS_BY_DEFAULT, Score
from transferscore._text import number
from transferscore.cli._report import N_RESAMPLES, DemoModel, DemoReport, DemoTask, by_agreement
from transferscore.io import printable

if TYPE_CHECKING:
    from transferscore.plots import Plot

_STYLE = """\
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; margin: 0 auto;
  max-width: 72rem; padding: 1rem 1.25rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 1rem 0 .5rem; }
h2 { font-size: 1.25rem; line-height: 1.25; margin: 3rem 0 .5rem; padding-top: 1rem;
  border-top: 1px solid #ccc; }
h3 { font-size: 1rem; margin: 2rem 0 .5rem; }
p, li { max-width: 46rem; }
.note { color: #555; font-size: .875rem; }
.wide { overflow-x: auto; }
table { border-collapse: separate; border-spacing: 0; font-size: .8125rem; line-height: 1.35; }
th, td { padding: .25rem .6rem; text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; border-bottom: 1px solid #e4e4e4; }
thead th { vertical-align: bottom; white-space: normal; border-bottom: 1px solid #888; }
th:first-child, td.text { text-align: left; }
th:first-child { position: sticky; left: 0; background: #fff; }
tbody th { font-weight: normal; }
td.text { white-space: normal; min-width: 16rem; }
td.best { font-weight: bold; background: #eef4fa; }
figure { margin: 1rem 0; }
figure img { max-width: 100%; height: auto; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr));
  gap: 0 1.5rem; align-items: start; }
"""


def demo(report: DemoReport) -> str:
    """The zoo: every score of every model, how scores agree with accuracies, and plots."""
    without = _lacks_plots()
    parts = [
        "<h1>Transferability scores of the bundled zoo</h1>",
        _paragraph(
            "Small networks, scored on tasks that none of them was trained on. A score is useful "
            "if it ranks networks as their measured accuracies do: the test accuracy of a linear "
            "head retrained on the same features. Of every score here, higher is better."
            if all(score.higher_is_better for score in report.scores)
            else "Small networks, scored on tasks that none of them was trained on."
        ),
        _paragraph(
            "It is an example, not an evaluation: a dozen small networks for each task. The "
            "intervals say how little a correlation over so few models is worth."
        ),
        *([_paragraph(without, note=True)] if without else []),
        _overview(report, plotted=not without),
        *(part for task in report.tasks for part in _task(task, report, plotted=not without)),
        "<h2>The networks</h2>",
        _networks(report),
        _paragraph(f"transferscore {transferscore.__version__}", note=True),
    ]
    return _document("Transferability scores of the bundled zoo", parts)


def _lacks_plots() -> str:
    """What to say where nothing can be drawn."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return "The plots need matplotlib: pip install 'transferscore[plot]', and run this again."
    return ""


def _overview(report: DemoReport, *, plotted: bool) -> str:
    """The correlation of every score on every task."""
    rows = [
        [score.title, *(_correlation(task.agreement[score.name].spearman) for task in report.tasks)]
        for score in report.scores
    ]
    titles = ["Score", *(task.name for task in report.tasks)]
    table = _table(titles, rows)
    heading = "<h2>How scores agree with accuracies</h2>"
    what = _paragraph(
        "Spearman’s rank correlation of score and measured accuracy: 1 where both rank all "
        "networks alike, 0 where they have nothing to do with each other."
    )
    if not plotted:
        return "\n".join([heading, what, table])
    from transferscore.plots import heat_map

    values = np.array(
        [
            [_or_nan(task.agreement[score.name].spearman) for task in report.tasks]
            for score in report.scores
        ]
    )
    if np.isnan(values).all():
        return "\n".join([heading, what, table])
    plot = heat_map(
        values,
        sources=[score.title for score in report.scores],
        targets=[task.name for task in report.tasks],
        score="Spearman correlation",
        kinds=("score", "task"),
    )
    picture = _figure(plot, "Spearman correlation of every score on every task, as in the table")
    return "\n".join([heading, what, f'<div class="pair">{table}{picture}</div>'])


def _task(task: DemoTask, report: DemoReport, *, plotted: bool) -> list[str]:
    """A section: the size of the task, agreement, plots, and all values."""
    best = max(model.accuracy for model in task.models)
    rows = []
    for score in by_agreement(task, report.scores):
        found = task.agreement[score.name]
        low_high = "" if found.interval is None else "{:.2f} to {:.2f}".format(*found.interval)
        value = _correlation(found.spearman)
        chosen = ", ".join(found.chosen)
        rows.append([score.title, value, low_high, f"{found.accuracy:.1%}", chosen])
    titles = ["Score", "Spearman", "95 % interval", "Accuracy of its choice", "Its choice"]
    return [
        f"<h2>{_escape(task.title)}</h2>",
        _paragraph(
            f"{task.name}: {task.n:,} samples, {task.n_classes:,} classes, {len(task.models)} "
            f"networks. The best network reaches {best:.1%}."
        ),
        _table(titles, rows),
        *(_pictures(task, report) if plotted else []),
        "<h3>Every score of every network</h3>",
        _values(task, report.scores),
        _paragraph("Sorted by measured accuracy; the best of each column is marked.", note=True),
        *_warnings(task),
    ]


def _pictures(task: DemoTask, report: DemoReport) -> list[str]:
    from transferscore.plots import ranking_plot, score_against_accuracy

    found = {
        score.title: task.agreement[score.name]
        for score in report.scores
        if task.agreement[score.name].interval is not None
    }
    pictures = []
    if found:
        plot = ranking_plot(
            {title: _or_nan(one.spearman) for title, one in found.items()},
            intervals=np.array([one.interval for one in found.values()], dtype=np.float64),
            score="Spearman correlation with accuracy",
            kind="score",
        )
        pictures.append(_figure(plot, f"Agreement of scores on {task.name}, with intervals"))
    names = [score.name for score in report.scores]
    drawn = report.scores[names.index(RANKS_BY_DEFAULT) if RANKS_BY_DEFAULT in names else 0]
    if len(task.models) > 1:
        plot = score_against_accuracy(
            {model.name: model.scores[drawn.name] for model in task.models},
            {model.name: model.accuracy for model in task.models},
            score=drawn.title,
            higher_is_better=drawn.higher_is_better,
            n_resamples=N_RESAMPLES,
        )
        pictures.append(_figure(plot, f"{drawn.title} against accuracy on {task.name}"))
    return [f'<div class="pair">{"".join(pictures)}</div>']


def _values(task: DemoTask, scores: Sequence[Score]) -> str:
    titles = ["Network", "d", "Measured accuracy", *(score.title for score in scores)]
    best = [_best(task.models, score) for score in scores]
    rows, marked = [], []
    for i, model in enumerate(task.models):
        values = [number(model.scores[score.name]) for score in scores]
        rows.append([model.name, str(model.d), f"{model.accuracy:.1%}", *values])
        most = max(one.accuracy for one in task.models)
        marked.append([False, False, model.accuracy == most, *(i in one for one in best)])
    return _table(titles, rows, marked)


def _best(models: Sequence[DemoModel], score: Score) -> set[int]:
    values = [model.scores[score.name] * (1 if score.higher_is_better else -1) for model in models]
    return {i for i, value in enumerate(values) if value == max(values)}


def _warnings(task: DemoTask) -> list[str]:
    lines = [f"{model.name}: {text}" for model in task.models for text in model.warnings]
    items = "".join(f"<li>{_escape(line)}</li>" for line in lines)
    return [f'<h3>Warnings</h3><ul class="note">{items}</ul>'] if lines else []


def _networks(report: DemoReport) -> str:
    models = {model.name: model for task in report.tasks for model in task.models}
    rows = "".join(
        f'<tr><th scope="row">{_escape(model.name)}</th>'
        f'<td class="text">{_escape(model.description)}</td></tr>'
        for model in models.values()
    )
    return f'<div class="wide"><table><tbody>{rows}</tbody></table></div>'


# ------------------------------------------------------------------------ the parts


def _escape(text: object) -> str:
    return html.escape(printable(text))


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _correlation(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"


def _paragraph(text: str, *, note: bool = False) -> str:
    return f"<p{' class=note' if note else ''}>{_escape(text)}</p>"


def _table(
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    marked: Sequence[Sequence[bool]] | None = None,
) -> str:
    """A table that scrolls by itself where the window is narrow; first cells name their rows."""
    breakable = [_escape(title).replace("_", "_<wbr>") for title in titles]
    head = "".join(f'<th scope="col">{title}</th>' for title in breakable)
    body = []
    for i, (name, *cells) in enumerate(rows):
        marks = marked[i][1:] if marked else [False] * len(cells)
        body.append(f'<tr><th scope="row">{_escape(name)}</th>')
        body += [
            f"<td{' class=best' if mark else ''}>{_escape(cell)}</td>"
            for cell, mark in zip(cells, marks, strict=True)
        ]
        body.append("</tr>")
    inside = f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody>"
    return f'<div class="wide" tabindex="0"><table>{inside}</table></div>'


def _figure(plot: Plot, words: str) -> str:
    """A picture inside the page: as an image of its own it shares no names with others."""
    picture = base64.b64encode(plot.to_bytes("svg")).decode("ascii")
    source = f"data:image/svg+xml;base64,{picture}"
    return f'<figure><img src="{source}" alt="{_escape(words)}"></figure>'


def _document(title: str, parts: Iterable[str]) -> str:
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{_escape(title)}</title>",
            f"<style>\n{_STYLE}</style>",
            "</head>",
            "<body>",
            *parts,
            "</body>",
            "</html>",
            "",
        ]
    )
