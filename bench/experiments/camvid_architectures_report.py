"""Tables and plot of the section on architectures, from results/segmentation.csv."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from camvid_scores import BASELINES, PLACES, SCORES
from report_table import PAGE, RESULTS, interval, read_rows, replace_block, save, table

from transferscore.ranking import compare_scores, evaluate_scores

Row = dict[str, str]
Table = dict[str, dict[str, float]]  # {task: {candidate: value}}

RESULT, PLOT = RESULTS / "segmentation.csv", "segmentation.png"
OUTCOMES = {"iou": "mean IoU", "accuracy": "accuracy"}
# What makes a task of which the rest are candidates: what is compared at a time.
QUESTIONS: dict[str, tuple[str, Callable[[Row], str]]] = {
    "source and architecture": ("cross", lambda row: row["target"]),
    "source alone": ("cross", lambda row: f"{row['target']} {row['architecture']}"),
    "architecture alone": ("cross", lambda row: f"{row['target']} {row['source']}"),
    "architecture alone, intra": ("intra", lambda row: f"{row['target']} {row['source']}"),
}
N_RESAMPLES = 2000


def kind(rows: Sequence[Row], name: str) -> list[Row]:
    """Pairs within a drive, or across drives."""
    return [row for row in rows if row["kind"] == name]


def values(rows: Sequence[Row], column: str, task: Callable[[Row], str]) -> Table:
    """A column by task and candidate."""
    found: Table = {}
    for row in rows:
        name = f"{row['source']} {row['architecture']} {row['target']}"
        found.setdefault(task(row), {})[name] = float(row[column])
    return found


def all_pairs(row: Row) -> str:
    """One task of which all pairs are candidates; the bootstrap then draws pairs."""
    return row["kind"]


def _cell(
    rows: Sequence[Row], score: str, outcome: str, task: Callable[[Row], str], of: str
) -> str:
    found = evaluate_scores(
        values(rows, score, task),
        values(rows, outcome, task),
        measures=of,
        n_resamples=N_RESAMPLES,
    )
    return interval(found[of].value, found[of].interval)


def _difference(rows: Sequence[Row], names: tuple[str, str], task: Callable[[Row], str]) -> str:
    a, b = (values(rows, name, task) for name in names)
    found = compare_scores(a, b, values(rows, "iou", task), n_resamples=N_RESAMPLES)["spearman"]
    return interval(found.difference, found.interval)


def _measured(rows: Sequence[Row]) -> str:
    lines = []
    for name in ("intra", "cross"):
        for architecture in dict.fromkeys(row["architecture"] for row in rows):
            some = [row for row in kind(rows, name) if row["architecture"] == architecture]
            cells = [f"{np.mean([float(row[c]) for row in some]):.3f}" for c in COLUMNS]
            lines.append([f"{name}-sequence", architecture, str(len(some)), *cells])
    header = ["new head, mean IoU", "new head, accuracy", "as it is, mean IoU"]
    return table(["transfer", "architecture", "pairs", *header], lines)


COLUMNS = ("iou", "accuracy", "unchanged_iou")


def _within(rows: Sequence[Row], of: str) -> str:
    some = kind(rows, "cross")
    task = QUESTIONS["source and architecture"][1]
    lines = []
    for name, title in SCORES.items():
        names = tuple(f"{name}_{place}" for place in PLACES)
        cells = [_cell(some, one, "iou", task, of) for one in names]
        found = compare_scores(
            *(values(some, one, task) for one in names),
            values(some, "iou", task),
            measures=of,
            n_resamples=N_RESAMPLES,
        )[of]
        lines.append([title, *cells, interval(found.difference, found.interval)])
    for name, title in BASELINES.items():
        lines.append([title, _cell(some, name, "iou", task, of), "", ""])
    return table(["score", *PLACES, "boundary - uniform"], lines)


def _questions(rows: Sequence[Row]) -> str:
    lines = []
    for question, (name, task) in QUESTIONS.items():
        some = kind(rows, name)
        n = len({task(row) for row in some})
        for score in ("otce", "leep", "logme"):
            cells = [_cell(some, f"{score}_{place}", "iou", task, "kendall") for place in PLACES]
            lines.append([question, f"{n} of {len(some) // n}", SCORES[score], *cells])
    return table(["what is compared", "groups", "score", *PLACES], lines)


def _over_pairs(rows: Sequence[Row]) -> str:
    lines = []
    for name in ("intra", "cross"):
        some = kind(rows, name)
        for score in ("otce", "leep", "logme"):
            for place in PLACES:
                cells = [
                    _cell(some, f"{score}_{place}", outcome, all_pairs, of)
                    for outcome in OUTCOMES
                    for of in ("pearson", "spearman")
                ]
                lines.append([f"{name}-sequence", str(len(some)), SCORES[score], place, *cells])
    header = [f"{of}, {title}" for title in OUTCOMES.values() for of in ("Pearson", "Spearman")]
    return table(["transfer", "pairs", "score", "pixels", *header], lines)


def _rivals(rows: Sequence[Row]) -> str:
    lines = []
    for title, name, task in (
        ("cross-sequence, within targets", "cross", QUESTIONS["source and architecture"][1]),
        ("cross-sequence, over pairs", "cross", all_pairs),
        ("intra-sequence, over pairs", "intra", all_pairs),
    ):
        for place in PLACES:
            cells = [
                _difference(kind(rows, name), (f"otce_{place}", f"{rival}_{place}"), task)
                for rival in ("leep", "logme")
            ]
            lines.append([title, place, *cells])
    return table(["pairs", "pixels", "OTCE - LEEP", "OTCE - LogME"], lines)


def report() -> Iterator[str]:
    """Markdown, paragraph by paragraph."""
    rows = read_rows(RESULT)
    yield "What transfers, the mean over pairs:"
    yield _measured(rows)
    yield (
        "Cross-sequence, within targets: Spearman's correlation of score and mean IoU over the 18 "
        "networks for a target, the mean over eight targets:"
    )
    yield _within(rows, "spearman")
    yield "OTCE minus its rivals, Spearman's correlation with mean IoU, paired:"
    yield _rivals(rows)
    yield "What is it that a score can tell? Kendall's tau-b with mean IoU, the mean over groups:"
    yield _questions(rows)
    yield "Over pairs, targets of different difficulty together:"
    yield _over_pairs(rows)


def draw() -> None:
    """OTCE against mean IoU of all pairs, architectures as colours, as in the talk."""
    from matplotlib.figure import Figure

    rows = read_rows(RESULT)
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    for ax, name in zip(figure.subplots(1, 2, sharey=True), ("intra", "cross"), strict=True):
        some = kind(rows, name)
        for architecture in dict.fromkeys(row["architecture"] for row in some):
            mine = [row for row in some if row["architecture"] == architecture]
            x, y = ([float(row[c]) for row in mine] for c in ("otce_boundary", "iou"))
            ax.scatter(x, y, s=18, label=architecture, alpha=0.8)
        ax.set(xlabel="OTCE (-W_T), near boundaries", title=f"{name}-sequence, {len(some)} pairs")
        ax.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("mean IoU, new head")
    figure.axes[0].legend(frameon=False)
    save(figure, PLOT)


def write_report() -> None:
    """Replace the tables of the page, and the plot."""
    replace_block(PAGE, "segmentation", "\n\n".join(report()))
    draw()
