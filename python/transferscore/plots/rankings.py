"""Candidates by score, best first, with intervals and ties; layers of one model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks
from transferscore._scores import REGISTRY
from transferscore.plots._plot import (
    BLUE,
    GREY,
    INK,
    PALE,
    SEVERAL,
    Plot,
    better,
    canvas,
    counted,
    headline,
    inches,
    orientation,
    plain,
    shortened,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Vector = NDArray[np.float64]


def ranking_plot(
    ranking: Any,
    *,
    names: Sequence[str] | None = None,
    intervals: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    score: str | None = None,
    higher_is_better: bool | None = None,
    kind: str = "candidate",
    ax: Axes | None = None,
) -> Plot:
    r"""Candidates by their score, the best on top, with intervals and ties.

    A candidate's rank stands before its name. Equal scores share a rank:

    .. math:: r_i = 1 + |\{j : S_j \text{ better than } S_i\}|

    A bar beside the axes joins candidates that can't be separated. Needs matplotlib:
    pip install 'transferscore[plot]'.

    Parameters
    ----------
    ranking : Ranking, SourceRanking, mapping of str to float, or array-like of shape (n,)
        The scores, in any order; NaN for a candidate without a score, which comes last.
    names : sequence of str, optional
        Names of the candidates, for an array.
    intervals : array-like of shape (n, 2), optional
        Lower and upper ends, in units of the score; NaN where there is none.
    groups : array-like of shape (n,) of int, optional
        Candidates with the same number can't be separated. By default those with equal scores.
    score : str, optional
        Name of the score, where `ranking` doesn't bring it.
    higher_is_better : bool, optional
        Which way is good; by default higher.
    kind : str, default "candidate"
        What is ranked, for the title.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure that is large enough for the names.

    Returns
    -------
    Plot
        Its data, from top to bottom: `names`, `values`, `intervals` (n, 2), `ranks` and `groups`.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described.
    ModuleNotFoundError
        Where matplotlib is missing.

    Examples
    --------
    >>> from transferscore.plots import ranking_plot
    >>> plot = ranking_plot({"a": 0.5, "b": 0.9, "c": 0.5}, score="LogME")
    >>> plot.data["names"], plot.data["ranks"]
    (('b', 'a', 'c'), array([1, 2, 2]))
    """
    word = score if score is not None else str(getattr(ranking, "score", "score"))
    drawn = _drawn(ranking, names, word, orientation(ranking, higher_is_better))
    if intervals is not None:
        ends = _checks.drawn_intervals(intervals, drawn.values, "intervals")
        drawn = replace(drawn, intervals=ends)
    if groups is not None:
        drawn = replace(
            drawn,
            groups=_checks.groups(groups, len(drawn.values)),
            group_note="candidates that can't be separated",
        )
    return _draw_ranking(drawn, kind, ax)


@dataclass(frozen=True)
class _Drawn:
    """What is drawn, whatever kind of ranking it came from."""

    values: Vector
    names: list[str]
    intervals: Vector
    groups: NDArray[np.int64]
    score: str
    higher: bool
    interval_note: str = "lines: the given intervals"
    group_note: str = "equal scores"


def _drawn(ranking: Any, names: Sequence[str] | None, score: str, higher: bool) -> _Drawn:
    if hasattr(ranking, "tie_groups"):
        return _of_ranking(ranking)
    if hasattr(ranking, "sources"):  # of segmentation tasks; None where rules alone rank
        ranking = {
            source.task.name: np.nan if source.score is None else source.score
            for source in ranking.sources
        }
    given, found = _checks.named_values(ranking, names, "ranking")
    values = _checks.drawn_vector(given, "ranking")
    labels = _checks.drawn_names(found, len(values), "names")
    none = _checks.drawn_intervals(None, values, "intervals")
    return _Drawn(values, labels, none, _equal(values), score, higher)


def _of_ranking(ranking: Any) -> _Drawn:
    """The score that ranks, with its intervals and what it can't separate."""
    column = ranking.scores.index(ranking.sort_by)
    numbers = {name: i for i, tied in enumerate(ranking.tie_groups) for name in tied}
    score = REGISTRY[ranking.sort_by]
    return _Drawn(
        ranking.values[:, column],
        list(ranking.names),
        ranking.intervals[:, column],
        np.array([numbers[name] for name in ranking.names]),
        score.title,
        score.higher_is_better,
        f"lines: {100 * ranking.confidence:g} % intervals",
        "can't be separated from the first of them",
    )


def _draw_ranking(drawn: _Drawn, kind: str, ax: Axes | None) -> Plot:
    signed = drawn.values if drawn.higher else -drawn.values
    order = np.argsort(np.where(np.isnan(signed), np.inf, -signed), kind="stable")
    ranks = _ranks(signed)[order]
    values, ends, group = drawn.values[order], drawn.intervals[order], drawn.groups[order]
    full = [drawn.names[i] for i in order]
    labels = [
        f"{name}  {'–' if np.isnan(value) else rank}"
        for name, value, rank in zip(shortened(full), values, ranks, strict=True)
    ]
    figure, ax = canvas(ax, 5.6 + inches(labels), 1.3 + 0.22 * len(labels))
    places = np.arange(len(labels))
    _draw_intervals(ax, ends, places)
    ax.scatter(values, places, s=24, color=BLUE, zorder=3, label="scores")
    ax.set_yticks(places, labels, **plain(labels))
    ax.set_ylim(len(labels) - 0.5, -0.5)
    tidy(ax, grid="x")
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel(f"{drawn.score} ({better(drawn.higher)})", color=INK, **plain([drawn.score], 9))
    tied = _mark_groups(ax, group)
    notes = [drawn.interval_note] if not np.isnan(ends).all() else []
    if tied:
        notes.append(f"bars at the right: {drawn.group_note}")
    if np.isnan(values).any():
        notes.append(f"–: no score, {int(np.isnan(values).sum())}")
    headline(ax, f"{counted(len(labels), kind)} by {drawn.score}", notes)
    data = {
        "names": tuple(full),
        "values": values,
        "intervals": ends,
        "ranks": ranks,
        "groups": group,
    }
    return Plot(figure, ax, data)


def layer_curve(
    scores: Any,
    *,
    layers: Sequence[str] | None = None,
    intervals: ArrayLike | None = None,
    score: str | None = None,
    higher_is_better: bool | None = None,
    ax: Axes | None = None,
) -> Plot:
    r"""The score of one layer after the other, from the input to the output, the best one marked.

    Several curves, such as several models or targets, are one call with a mapping. Equal best
    layers are all marked:

    .. math:: L^* = \{l : S_l = \max_k S_k\}

    Needs matplotlib: pip install 'transferscore[plot]'.

    Parameters
    ----------
    scores : LayerCurve, array-like of shape (L,), or mapping of str to such
        The score of each layer, in order; NaN for a layer without one, where the curve has a gap.
    layers : sequence of str, optional
        Names of the layers, or their depth.
    intervals : array-like of shape (L, 2), optional
        Lower and upper ends for a single curve, drawn as a band.
    score : str, optional
        Name of the score, where `scores` doesn't bring it.
    higher_is_better : bool, optional
        Which way is good, where `scores` doesn't say; True for arrays.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure that is large enough for the names.

    Returns
    -------
    Plot
        Its data: `layers`, `scores`, a mapping of the curves (L,) by name ("" where there is one
        without a name), `best`, the positions of the best layers of each, and `intervals` (L, 2).

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described.
    ModuleNotFoundError
        Where matplotlib is missing.

    Examples
    --------
    >>> from transferscore.plots import layer_curve
    >>> plot = layer_curve([0.2, 0.9, 0.7], layers=["conv1", "conv2", "fc"], score="LogME")
    >>> plot.data["best"][""]
    array([1])
    """
    layers = layers if layers is not None else getattr(scores, "layers", None)
    word = score if score is not None else str(getattr(scores, "score", "score"))
    higher = orientation(scores, higher_is_better)
    given = scores if isinstance(scores, Mapping) else {"": getattr(scores, "scores", scores)}
    curves = _checks.curves(given, "scores")
    n = len(next(iter(curves.values())))
    names = _checks.drawn_names(layers, n, "layers")
    if len(curves) > 1:
        _checks.no_intervals_of_several(intervals)
    ends = _checks.drawn_intervals(intervals, next(iter(curves.values())), "intervals")
    labels = shortened(names)
    level = inches(labels) < 0.4
    figure, ax = canvas(ax, max(5.6, 1.5 + 0.42 * n), 3.6 + (0 if level else inches(labels)))
    ax.fill_between(np.arange(n), *ends.T, color=BLUE, alpha=0.18, linewidth=0)
    lines, best = _draw_curves(ax, curves, higher)
    tidy(ax, grid="y")
    step = -(-n // 60)
    style = plain(labels) | ({} if level else {"rotation": 90})
    ax.set_xticks(np.arange(0, n, step), labels[::step], **style)
    ax.set_xlim(-0.5, n - 0.5)
    ax.set_ylabel(f"{word} ({better(higher)})", color=INK, **plain([word], 9))
    ax.set_xlabel("layer, from input to output", color=INK, fontsize=9)
    notes = ["○ the best layer" + (" of each curve" if len(curves) > 1 else "")]
    if not np.isnan(ends).all():
        notes.append("band: the given intervals")
    if len(curves) > 1:
        _name_curves(ax, lines, shortened(list(curves)))
    headline(ax, f"{word}: {counted(n, 'layer')}", notes)
    return Plot(
        figure, ax, {"layers": tuple(names), "scores": curves, "best": best, "intervals": ends}
    )


def _draw_curves(
    ax: Axes, curves: Mapping[str, Vector], higher: bool
) -> tuple[list[Any], dict[str, NDArray[np.int64]]]:
    """Lines with rings round their best layers, and which those are."""
    lines, best = [], {}
    for position, (name, values) in enumerate(curves.items()):
        colour = SEVERAL[position % len(SEVERAL)]
        dashes = ("-", "--", ":")[position // len(SEVERAL) % 3]
        lines += ax.plot(values, dashes, marker="o", markersize=3.5, color=colour, linewidth=1.4)
        signed = values if higher else -values
        top = np.flatnonzero(signed == np.nanmax(signed))
        ax.scatter(top, values[top], s=90, facecolor="none", edgecolor=colour, zorder=3)
        best[name] = top
    return lines, best


def _name_curves(ax: Axes, lines: Sequence[Any], names: Sequence[str]) -> None:
    """A legend beside the axes, where it hides nothing."""
    legend = ax.legend(lines, names, loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    for text in legend.get_texts():
        text.update(plain(names))


def _ranks(signed: Vector) -> NDArray[np.int64]:
    """1 for the best; equal ones share the least of their ranks, and what has no value is last."""
    known = np.where(np.isnan(signed), -np.inf, signed)
    ranks: NDArray[np.int64] = 1 + np.sum(known[:, np.newaxis] < known, axis=1)
    return ranks


def _equal(values: Vector) -> NDArray[np.int64]:
    """The same number for equal values; one of its own for each without a value."""
    _, group = np.unique(values, return_inverse=True, equal_nan=False)
    return group.astype(np.int64)


def _draw_intervals(ax: Axes, ends: Vector, places: NDArray[np.int64]) -> None:
    there = ~np.isnan(ends).any(axis=1)
    ax.hlines(
        places[there], *ends[there].T, color=BLUE, alpha=0.45, linewidth=2.2, label="intervals"
    )


def _mark_groups(ax: Axes, groups: NDArray[np.int64]) -> int:
    """Bars beside the axes for each group of several, and how many there are.

    A thin line joins members that others stand between; groups that overlap stand side by side.
    """
    joined = [
        places
        for group in dict.fromkeys(groups.tolist())
        if len(places := np.flatnonzero(groups == group)) > 1
    ]
    ends: list[int] = []  # of the lanes: the last place that each has taken
    for places in joined:
        lane = next((i for i, end in enumerate(ends) if end < places[0]), len(ends))
        ends[lane : lane + 1] = [int(places[-1])]
        x = 1.02 + 0.02 * lane
        runs = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)
        style: dict[str, Any] = {
            "transform": ax.get_yaxis_transform(),
            "clip_on": False,
            "color": GREY,
            "solid_capstyle": "butt",
        }
        ax.plot([x, x], [places[0], places[-1]], linewidth=0.8, label="joined", **style)
        for run in runs:
            thick = [run[0] - 0.25, run[-1] + 0.25]
            ax.plot([x, x], thick, linewidth=2.5, label="tied", **style)
        if len(runs) == 1:
            shade = (places[0] - 0.5, places[-1] + 0.5)
            ax.axhspan(*shade, color=PALE, alpha=0.35, linewidth=0, zorder=0)
    return len(joined)
