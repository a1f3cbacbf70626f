"""Where in the image a model transfers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transferscore import _checks
from transferscore.plots._cells import add_colour_bar
from transferscore.plots._plot import (
    GREY,
    INK,
    NOTHING,
    Plot,
    better,
    canvas,
    headline,
    plain,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Vector = NDArray[np.float64]

_MOST_CROSSES = 400


def score_map_plot(
    score_map: Any,
    *,
    shape: tuple[int, int] | None = None,
    score: str | None = None,
    higher_is_better: bool = True,
    ax: Axes | None = None,
) -> Plot:
    r"""A score for each patch of the image plane, where the patch lies.

    Each place has the colour of the patch whose centre is nearest, so that overlapping patches
    meet half-way between their centres; places in no patch stay white. Brighter is better. Patches
    without a score are crossed out. Needs matplotlib: pip install 'transferscore[plot]'.

    .. math:: c(x) = S_{\operatorname{argmin}_p |x - m_p|}, \quad m_p \text{ the centre of patch } p

    Parameters
    ----------
    score_map : ScoreMap or array-like of shape (R, C)
        What `transferscore.score_map` returns. An array is drawn as patches of one pixel, such as
        the scores of every pixel.
    shape : tuple of two int, optional
        Height and width of the images in pixels; by default where the last patch ends.
    score : str, optional
        Name of the score, where `score_map` doesn't bring it.
    higher_is_better : bool, default True
        Which way is good.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    Plot
        Its data, a patch after the other, row by row: `values` (n,), NaN where there is none, and
        `boxes` (n, 4), the drawn place: top, bottom, left and right, in pixels from the upper left
        corner.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described.
    ModuleNotFoundError
        Where matplotlib is missing.

    Examples
    --------
    >>> from transferscore.plots import score_map_plot
    >>> plot = score_map_plot([[0.1, 0.7], [0.4, float("nan")]], score="H-score")
    >>> plot.data["boxes"][1]
    array([0., 1., 1., 2.])
    """
    values = _checks.cells(getattr(score_map, "values", score_map), "score_map", "R", "C")
    height, width = getattr(score_map, "patch", (1, 1))
    tops = np.asarray(getattr(score_map, "rows", np.arange(values.shape[0])))
    lefts = np.asarray(getattr(score_map, "columns", np.arange(values.shape[1])))
    size = (int(tops.max()) + height, int(lefts.max()) + width)
    n_rows, n_columns = size if shape is None else _checks.map_shape(shape, size)
    boxes = _boxes(_stretches(tops, height), _stretches(lefts, width))

    long = 6.2 / max(n_rows, n_columns)
    figure, ax = canvas(ax, max(4.2, n_columns * long) + 1.2, max(1.0, n_rows * long) + 1.1)
    scored = values.ravel()
    patches = _draw_patches(ax, scored, boxes, higher_is_better)
    word = score if score is not None else str(getattr(score_map, "score", "score"))
    add_colour_bar(ax, patches, word)
    ax.set(xlim=(0, n_columns), ylim=(n_rows, 0), aspect="equal")
    tidy(ax)
    ax.set_xlabel("column (pixels)", color=INK, **plain([""], 9))
    ax.set_ylabel("row (pixels)", color=INK, **plain([""], 9))
    missing = int(np.isnan(scored).sum())
    what = f"patches of {height} × {width} pixels" if (height, width) != (1, 1) else "pixels"
    notes = [better(higher_is_better)]
    if missing:
        mark = "×" if missing <= _MOST_CROSSES else "grey:"
        notes.append(f"{mark} no score ({missing:,})")
    headline(ax, f"{word}: {len(scored):,} {what}", notes)
    return Plot(figure, ax, {"values": scored, "boxes": boxes})


def _stretches(starts: NDArray[np.int64], size: int) -> Vector:
    """From where to where each patch is drawn (k, 2): not beyond half-way to its neighbours."""
    centres = starts + size / 2
    half_way = (centres[1:] + centres[:-1]) / 2
    low = np.maximum(starts, np.r_[-np.inf, half_way])
    high = np.minimum(starts + size, np.r_[half_way, np.inf])
    return np.column_stack([low, high])


def _boxes(rows: Vector, columns: Vector) -> Vector:
    """Top, bottom, left, right of each cell, row by row."""
    return np.array([[*row, *column] for row in rows for column in columns])


def _draw_patches(ax: Axes, values: Vector, boxes: Vector, higher: bool) -> Any:
    from matplotlib import colormaps
    from matplotlib.collections import PolyCollection

    corners = [
        [(left, top), (right, top), (right, bottom), (left, bottom)]
        for top, bottom, left, right in boxes
    ]
    missing = np.isnan(values)
    patches = PolyCollection(
        corners,
        array=np.ma.masked_invalid(values),
        cmap=colormaps["viridis" if higher else "viridis_r"].with_extremes(bad=NOTHING),
        edgecolors="face",
        linewidth=0.2,
        label="patches",
    )
    ax.add_collection(patches)
    middle = boxes[missing].reshape(-1, 2, 2).mean(axis=2)
    if missing.sum() <= _MOST_CROSSES:  # more would be black
        ax.scatter(middle[:, 1], middle[:, 0], s=20, marker="x", color=GREY, label="no value")
    return patches
