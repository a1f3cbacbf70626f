"""Scores of sources by targets, and tasks by their distances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from transferscore import _checks
from transferscore.plots._cells import Cells, add_colour_bar, draw_cells
from transferscore.plots._plot import (
    BLUE,
    INK,
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


def heat_map(
    scores: Any,
    *,
    sources: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
    score: str | None = None,
    higher_is_better: bool | None = None,
    colours: Literal["values", "targets"] = "values",
    kinds: tuple[str, str] = ("source", "target"),
    ax: Axes | None = None,
) -> Plot:
    r"""Scores of sources by targets as colours, with the best source of each target framed.

    Brighter is better, also where the lower score is. Equal best sources are all framed, and cells
    without a value are crossed out. Needs matplotlib: pip install 'transferscore[plot]'.

    Parameters
    ----------
    scores : ScoreMatrix, pandas.DataFrame or array-like of shape (n_sources, n_targets)
        The scores; NaN where there is none.
    sources : sequence of str, optional
        Names of the rows, where `scores` doesn't bring them.
    targets : sequence of str, optional
        Names of the columns, likewise.
    score : str, optional
        Name of the score, where `scores` doesn't bring it.
    higher_is_better : bool, optional
        Which way is good, where `scores` doesn't say; True for arrays.
    colours : {"values", "targets"}, default "values"
        "values": one scale for all cells. "targets": for each target a scale of its own, from its
        worst source to its best, for scores whose range depends on the target:

        .. math:: c_{st} = \frac{S_{st} - \min_s S_{st}}{\max_s S_{st} - \min_s S_{st}}
    kinds : pair of str, default ("source", "target")
        What a row and a column are, for the title.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure that is large enough for the names.

    Returns
    -------
    Plot
        Its data: `values` (n_sources, n_targets), what `colours` stand for, `sources`, `targets`
        and `best`, a mask of the framed cells.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described.
    ModuleNotFoundError
        Where matplotlib is missing.

    Examples
    --------
    >>> from transferscore.plots import heat_map
    >>> plot = heat_map([[1.2, 0.4], [0.9, 0.7]], sources=["a", "b"], targets=["cats", "dogs"])
    >>> plot.data["best"]
    array([[ True, False],
           [False,  True]])
    >>> plot.figure.savefig("scores.png")  # doctest: +SKIP
    """
    _checks.choice(colours, "colours", ("values", "targets"))
    _checks.two_words(kinds, "kinds")
    values = _checks.cells(getattr(scores, "values", scores), "scores", "n_sources", "n_targets")
    rows = sources if sources is not None else _first(scores, "sources", "index")
    columns = targets if targets is not None else _first(scores, "targets", "columns")
    row_names = _checks.drawn_names(rows, values.shape[0], "sources")
    column_names = _checks.drawn_names(columns, values.shape[1], "targets")
    higher = orientation(scores, higher_is_better)
    word = str(getattr(scores, "score", "score") if score is None else score)

    shown = values if colours == "values" else _within_columns(values, higher)
    cells = Cells(values, shown, row_names, column_names, _digits(values))
    figure, ax = canvas(ax, *cells.size())
    within = colours == "targets"
    mesh = draw_cells(ax, cells, reverse=not (higher or within), ends=(0, 1) if within else None)
    label = f"from the worst {kinds[0]} of a {kinds[1]} to its best" if within else word
    add_colour_bar(ax, mesh, label)
    best = _best(values, higher)
    _frame(ax, best)
    missing = int(np.isnan(values).sum())
    notes = [f"{better(higher)}; framed: the best {kinds[0]} of each {kinds[1]}"]
    if missing:
        notes.append(f"× no value: {missing:,} of {counted(values.size, 'cell')}")
    size = f"{counted(len(row_names), kinds[0])}, {counted(len(column_names), kinds[1])}"
    headline(ax, f"{word}: {size}", notes)
    data = {
        "values": values,
        "colours": shown,
        "sources": tuple(row_names),
        "targets": tuple(column_names),
        "best": best,
    }
    return Plot(figure, ax, data)


def dendrogram(
    distances: Any,
    *,
    names: Sequence[str] | None = None,
    method: Literal["average", "single", "complete", "weighted"] = "average",
    unit: str | None = None,
    ax: Axes | None = None,
) -> Plot:
    r"""Which tasks are near each other: a tree that joins the nearest first.

    Hierarchical clustering; with "average" (UPGMA) two groups are apart by

    .. math:: d(A, B) = \frac{1}{|A| |B|} \sum_{a \in A} \sum_{b \in B} d(a, b)

    Joints at equal distances, whose order means nothing, are drawn as hollow circles. Needs
    matplotlib and SciPy: pip install 'transferscore[plot]'.

    Parameters
    ----------
    distances : TaskDistances, pandas.DataFrame or array-like of shape (n, n)
        Distances between tasks: symmetric, at least 0, with a diagonal of zeros; lower is nearer.
    names : sequence of str, optional
        Names of the tasks, where `distances` doesn't bring them.
    method : {"average", "single", "complete", "weighted"}, default "average"
        The distance of two groups: the mean of all pairs, the least, the largest, or the mean of
        the two parts that a group was last joined of.
    unit : str, optional
        What the distances are, for the axis, where `distances` doesn't say.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure that is large enough for the names.

    Returns
    -------
    Plot
        Its data: `names` from top to bottom and `order`, their positions; `linkage` (n - 1, 4) as
        SciPy has it; `joints` (n - 1, 4), a line of positions and distances for each joint: the
        lower and the upper branch, and the two distances at which they end.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described.
    ModuleNotFoundError
        Where matplotlib or SciPy is missing.

    Examples
    --------
    >>> from transferscore.plots import dendrogram
    >>> distances = [[0, 1, 4], [1, 0, 5], [4, 5, 0]]
    >>> plot = dendrogram(distances, names=["edges", "normals", "words"])
    >>> plot.data["names"], plot.data["linkage"][:, 2]
    (('words', 'edges', 'normals'), array([1. , 4.5]))
    """
    _checks.choice(method, "method", ("average", "single", "complete", "weighted"))
    matrix = _checks.distances_to_draw(getattr(distances, "values", distances), "distances")
    found = names if names is not None else _first(distances, "tasks", "index")
    task_names = _checks.drawn_names(found, len(matrix), "names")
    hierarchy = _checks.from_extra("plot", "scipy.cluster.hierarchy")
    linkage = hierarchy.linkage(matrix[np.triu_indices(len(matrix), 1)], method)
    tree = hierarchy.dendrogram(linkage, no_plot=True)
    order = np.array(tree["leaves"])
    labels = shortened([task_names[i] for i in order])

    figure, ax = canvas(ax, 5.2 + inches(labels), 1.2 + 0.22 * len(labels))
    heights, positions = np.array(tree["dcoord"]), (np.array(tree["icoord"]) - 5) / 10
    joints = np.argsort(heights[:, 1], kind="stable")
    heights, positions = heights[joints], positions[joints]
    _draw_joints(ax, heights, positions)
    ax.set_yticks(np.arange(len(labels)), labels, **plain(labels))
    ax.set_ylim(len(labels) - 0.4, -0.6)
    tidy(ax, grid="x")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.set_xlim(left=0)
    metric = getattr(distances, "metric", None)
    word = unit if unit is not None else "distance" if metric is None else f"{metric} distance"
    ax.set_xlabel(f"{word} at which groups join", color=INK, **plain([word], 9))
    tied = int(_tied(heights[:, 1]).sum())
    notes = [f"○ {tied} joints at equal distances, in no order"] if tied else []
    kind = f"joined by their {method} distance" if method != "weighted" else "weighted joints"
    headline(ax, f"{counted(len(labels), 'task')}, {kind}", notes)
    data = {
        "names": tuple(task_names[i] for i in order),
        "order": order,
        "linkage": linkage,
        "joints": np.column_stack([positions[:, 1:3], heights[:, [0, 3]]]),
    }
    return Plot(figure, ax, data)


def _first(holder: Any, *attributes: str) -> Any:
    """The first of some attributes that there is."""
    return next((getattr(holder, a) for a in attributes if _is_data(holder, a)), None)


def _is_data(holder: Any, attribute: str) -> bool:
    return not isinstance(holder, list | tuple) and hasattr(holder, attribute)  # list.index


def _within_columns(values: Vector, higher: bool) -> Vector:
    """Each column from its worst, 0, to its best, 1; 1 where all are equal."""
    signed = values if higher else -values
    with np.errstate(invalid="ignore"):
        low, high = (
            f(np.where(np.isnan(signed), fill, signed), axis=0)
            for f, fill in ((np.min, np.inf), (np.max, -np.inf))
        )
        spread = high - low
        share = (signed - low) / np.where(spread > 0, spread, 1)
    return np.where(np.isnan(values), np.nan, np.where(spread > 0, share, 1.0))


def _best(values: Vector, higher: bool) -> NDArray[np.bool_]:
    """The best cells of each column, all of equal ones."""
    signed = np.where(np.isnan(values), -np.inf, values if higher else -values)
    best: NDArray[np.bool_] = ~np.isnan(values) & (signed == signed.max(axis=0))
    return best


def _frame(ax: Axes, marked: NDArray[np.bool_]) -> None:
    """Frames in black on white, which stand out from any colour."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    places = np.argwhere(marked)
    frames = [Rectangle((c - 0.42, r - 0.42), 0.84, 0.84) for r, c in places]
    drawn = PatchCollection(frames, facecolor="none", edgecolor=INK, linewidth=1.1, label="best")
    drawn.set_path_effects([withStroke(linewidth=2.8, foreground="white")])
    ax.add_collection(drawn, autolim=False)


def _draw_joints(ax: Axes, heights: Vector, positions: Vector) -> None:
    from matplotlib.collections import LineCollection

    lines = np.stack([heights, positions], axis=2)
    ax.add_collection(LineCollection(list(lines), color=BLUE, linewidth=1.4, label="joints"))
    middle = positions[:, 1:3].mean(axis=1)
    tied = _tied(heights[:, 1])
    ax.scatter(heights[~tied, 1], middle[~tied], s=14, color=BLUE, zorder=3, clip_on=False)
    hollow: dict[str, Any] = {"color": "white", "edgecolor": BLUE, "zorder": 3, "clip_on": False}
    ax.scatter(heights[tied, 1], middle[tied], s=22, **hollow)
    ax.set_xlim(0, 1.05 * heights.max() or 1)


def _tied(heights: Vector) -> NDArray[np.bool_]:
    """Which of the ascending heights are equal to a neighbour, to rounding."""
    if len(heights) < 2:
        return np.zeros(len(heights), np.bool_)
    equal = np.diff(heights) <= 1e-12 * heights[1:]
    tied: NDArray[np.bool_] = np.r_[equal, False] | np.r_[False, equal]
    return tied


def _digits(values: Vector) -> Any:
    """How to print numbers so that three digits of the largest are seen, and no more."""
    most = float(np.nanmax(np.abs(values)))
    if most != 0 and not 1e-3 <= most < 1e5:
        return lambda value: f"{value:.1e}"
    digits = int(np.clip(2 - np.floor(np.log10(most)), 0, 4)) if most else 0
    return lambda value: f"{value:.{digits}f}"
