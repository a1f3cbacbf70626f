"""What optimal transport pairs: labels, and points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks
from transferscore.plots._cells import Cells, add_colour_bar, draw_cells
from transferscore.plots._plot import (
    INK,
    NAME_SIZE,
    NOTHING,
    TEXT_SIZE,
    Plot,
    canvas,
    counted,
    headline,
    inches,
    plain,
    shortened,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Vector = NDArray[np.float64]

_MOST_BINS = 600  # along a side: about what a screen shows
_INCHES = 4.8  # about how long a side is


def label_table(
    joint: Any,
    *,
    source_classes: Sequence[Any] | None = None,
    target_classes: Sequence[Any] | None = None,
    conditional: bool = False,
    ax: Axes | None = None,
) -> Plot:
    r"""Which target labels meet which source labels, as `otce` pairs them.

    The surer a source label tells the target label, the better the task transfers: the title says
    the conditional entropy in nats, of which OTCE's task difference is made.

    .. math:: H(Y_t | Y_s) = -\sum_{s, t} P(s, t) \log \frac{P(s, t)}{P(s)}

    Needs matplotlib: pip install 'transferscore[plot]'.

    Parameters
    ----------
    joint : OTCEResult, SegmentationOTCEResult or array-like of shape (C_s, C_t)
        The joint distribution of labels, or masses in any unit, which are divided by their sum.
    source_classes : sequence, optional
        The labels of the rows, where `joint` doesn't bring them, or names for them.
    target_classes : sequence, optional
        Those of the columns, likewise.
    conditional : bool, default False
        Draw P(target | source), where each row adds up to 100 %, in place of the joint shares.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure that is large enough for the names.

    Returns
    -------
    Plot
        Its data: `shares` (C_s, C_t) as drawn, NaN in a row without mass where it is conditional,
        `source_classes`, `target_classes`, and `entropy`, H(Y_t | Y_s) in nats.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described.
    ModuleNotFoundError
        Where matplotlib is missing.

    Examples
    --------
    >>> from transferscore.plots import label_table
    >>> plot = label_table([[3, 1], [0, 4]], source_classes=["cat", "dog"], conditional=True)
    >>> plot.data["shares"], round(plot.data["entropy"], 4)
    (array([[0.75, 0.25],
           [0.  , 1.  ]]), 0.2812)
    """
    table = _checks.table_of_labels(getattr(joint, "joint", joint), "joint")
    given = {
        "source_classes": source_classes,
        "target_classes": target_classes,
    }
    rows, columns = (
        _checks.drawn_names(
            getattr(joint, name, None) if classes is None else classes, table.shape[side], name
        )
        for side, (name, classes) in enumerate(given.items())
    )
    shares = table / table.sum()
    entropy = _conditional_entropy(shares)
    if conditional:
        with np.errstate(invalid="ignore"):
            shares = table / table.sum(axis=1, keepdims=True)
    cells = Cells(shares, shares, rows, columns, _percent)
    figure, ax = canvas(ax, *cells.size())
    mesh = draw_cells(ax, cells, ends=(0, float(np.nanmax(shares))))
    what = "share of target labels for each source label" if conditional else "share of the mass"
    bar = add_colour_bar(ax, mesh, what)
    bar.ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    ax.set_ylabel("source label", color=INK, fontsize=TEXT_SIZE)
    ax.set_xlabel("target label", color=INK, fontsize=TEXT_SIZE)
    title = f"{counted(len(rows), 'source label')}, {counted(len(columns), 'target label')}"
    headline(ax, title, [f"H(target | source) = {entropy:.3f} nats", *_percent_note(cells)])
    data = {
        "shares": shares,
        "source_classes": tuple(rows),
        "target_classes": tuple(columns),
        "entropy": entropy,
    }
    return Plot(figure, ax, data)


def coupling_plot(
    coupling: Any,
    *,
    source_labels: ArrayLike | None = None,
    target_labels: ArrayLike | None = None,
    ax: Axes | None = None,
) -> Plot:
    r"""A transport plan: how much mass goes from which source point to which target point.

    Points are sorted by label, where labels are given, with lines between labels. Where a side has
    more than 600 points, neighbours are added up, so that no mass is lost. The scale of colours is
    logarithmic:

    .. math:: c_{kl} = \log_{10} \sum_{i \in k, \, j \in l} P_{ij}

    Needs matplotlib: pip install 'transferscore[plot]'.

    Parameters
    ----------
    coupling : SinkhornResult, ExactResult, OTCEResult, or array-like of shape (n, m)
        The plan, or a result that can give it; its masses are at least 0.
    source_labels : array-like of shape (n,), optional
        Labels of the source points.
    target_labels : array-like of shape (m,), optional
        Labels of the target points.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    Plot
        Its data: `mass`, what was drawn, rows from top to bottom; `source_order` and
        `target_order`, the points in the order in which they are drawn; `source_edges` and
        `target_edges`, the first of these that each row and column holds, and their number.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described.
    ModuleNotFoundError
        Where matplotlib is missing.

    Examples
    --------
    >>> from transferscore.plots import coupling_plot
    >>> plot = coupling_plot([[0.5, 0.0], [0.1, 0.4]], source_labels=["dog", "cat"])
    >>> plot.data["mass"]
    array([[0.1, 0.4],
           [0.5, 0. ]])
    """
    plan = _checks.table_of_labels(_plan(coupling), "coupling")
    n, m = plan.shape
    source = _checks.labels_of_points(source_labels, n, "source_labels")
    target = _checks.labels_of_points(target_labels, m, "target_labels")
    source_order, target_order = _order(source, n), _order(target, m)
    source_edges, target_edges = _edges(n), _edges(m)
    mass = np.add.reduceat(plan[source_order], source_edges[:-1], axis=0)
    mass = np.add.reduceat(mass[:, target_order], target_edges[:-1], axis=1)

    figure, ax = canvas(ax, 6.6, 5.6)
    mesh = _draw_mass(ax, mass, source_edges, target_edges)
    add_colour_bar(ax, mesh, "mass (logarithmic); grey: none")
    _mark_labels(ax.yaxis, source, source_order)
    _mark_labels(ax.xaxis, target, target_order)
    ax.set_ylabel(f"source points{'' if source is None else ' by label'}", fontsize=TEXT_SIZE)
    ax.set_xlabel(f"target points{'' if target is None else ' by label'}", fontsize=TEXT_SIZE)
    together = (-(-n // _MOST_BINS), -(-m // _MOST_BINS))
    notes = (
        []
        if together == (1, 1)
        else [f"a dot stands for up to {together[0]} × {together[1]} pairs, their mass added up"]
    )
    headline(ax, f"Transport plan of {n:,} source and {m:,} target points", notes)
    data = {
        "mass": mass,
        "source_order": source_order,
        "target_order": target_order,
        "source_edges": source_edges,
        "target_edges": target_edges,
    }
    return Plot(figure, ax, data)


def _percent(share: float) -> str:
    """Percent to a tenth; nothing where that would be nothing."""
    return "" if share < 5e-4 else f"{100 * share:.1f}"


def _percent_note(cells: Cells) -> list[str]:
    return ["numbers in percent; empty below 0.05"] if cells.has_numbers else []


def _conditional_entropy(joint: Vector) -> float:
    rows = np.broadcast_to(joint.sum(axis=1, keepdims=True), joint.shape)
    there = joint > 0
    return float(-np.sum(joint[there] * np.log(joint[there] / rows[there]))) + 0.0


def _plan(coupling: Any) -> Any:
    """The plan of a result, a sparse one as an array."""
    holder = coupling if hasattr(coupling, "coupling") else getattr(coupling, "solver", coupling)
    found = holder.coupling() if hasattr(holder, "coupling") else coupling
    return found.toarray() if hasattr(found, "toarray") else found


def _order(labels: NDArray[Any] | None, n: int) -> NDArray[np.int64]:
    return np.arange(n) if labels is None else np.argsort(labels, kind="stable")


def _edges(n: int) -> NDArray[np.int64]:
    """Where rows of about equal numbers of points begin, and the end."""
    bins = min(n, _MOST_BINS)
    return (np.arange(bins + 1) * n) // bins


def _draw_mass(ax: Axes, mass: Vector, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Any:
    from matplotlib import colormaps
    from matplotlib.colors import LogNorm

    most = float(mass.max())
    least = max(float(mass[mass > 0].min()), 1e-6 * most)  # six powers of ten are enough to see
    mesh = ax.pcolormesh(
        columns,
        rows,
        np.ma.masked_equal(mass, 0),
        norm=LogNorm(least if least < most else most / 10, most),
        cmap=colormaps["viridis"].with_extremes(bad=NOTHING),
        rasterized=True,
    )
    ax.invert_yaxis()
    return mesh


def _mark_labels(axis: Any, labels: NDArray[Any] | None, order: NDArray[np.int64]) -> None:
    """A line where a label ends, and its name at the middle of its points."""
    axis.set_tick_params(labelsize=NAME_SIZE, length=3)
    if labels is None:
        return
    ordered = labels[order]
    starts = np.r_[0, np.flatnonzero(ordered[1:] != ordered[:-1]) + 1, len(ordered)]
    names = shortened([str(ordered[start]) for start in starts[:-1]])
    line = axis.axes.axhline if axis.axis_name == "y" else axis.axes.axvline
    for start in starts[1:-1]:
        line(start, color="white", linewidth=0.6)
    axis.set_tick_params(length=0)
    middle, room = (starts[1:] + starts[:-1]) / 2, np.diff(starts) * _INCHES / len(ordered)
    upright = axis.axis_name == "x" and bool((room < [inches([name]) for name in names]).any())
    fits = room > (0.0 if axis.axis_name == "x" and not upright else 1.1 * NAME_SIZE / 72)
    shown = [name for name, fit in zip(names, fits, strict=True) if fit]
    style = plain(names) | ({"rotation": 90} if upright else {})
    axis.set_ticks(middle[fits], shown, **style)
