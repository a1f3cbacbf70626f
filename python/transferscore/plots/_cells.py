"""A matrix as coloured cells: names at the rims, numbers inside where there is room."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from transferscore.plots._plot import (
    GREY,
    INK,
    NAME_SIZE,
    NOTHING,
    TEXT_SIZE,
    inches,
    plain,
    shortened,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.colorbar import Colorbar

Vector = NDArray[np.float64]

_MOST_NUMBERS = 180  # cells, and of a row
_MOST_IN_A_ROW = 15
_LARGEST = 22.0  # inches: beyond that cells shrink
_MOST_SHOWN = 90  # names along a side: beyond that every second, third, ...


@dataclass(frozen=True)
class Cells:
    """What is drawn in which order, and how large.

    `colours` are what colours stand for, `values` what numbers are printed; NaN is no value.
    """

    values: Vector
    colours: Vector
    rows: Sequence[str]
    columns: Sequence[str]
    text: Callable[[float], str]

    @property
    def has_numbers(self) -> bool:
        """Whether numbers fit into the cells."""
        n_rows, n_columns = self.values.shape
        return bool(n_columns <= _MOST_IN_A_ROW and n_rows * n_columns <= _MOST_NUMBERS)

    def size(self) -> tuple[float, float]:
        """Width and height of a figure, in inches."""
        n_rows, n_columns = self.values.shape
        wide, high = (0.56, 0.27) if self.has_numbers else (0.19, 0.19)
        width = min(_LARGEST, wide * n_columns) + inches(shortened(self.rows)) + 1.6
        below = 0.35 if self.is_level() else inches(shortened(self.columns))
        return max(5.6, width), max(1.2, min(_LARGEST, high * n_rows)) + below + 1.2

    def is_level(self) -> bool:
        """Whether the names of columns fit beside each other."""
        return bool(inches(shortened(self.columns)) < (0.52 if self.has_numbers else 0.17))


def draw_cells(
    ax: Axes, cells: Cells, *, reverse: bool = False, ends: tuple[float, float] | None = None
) -> QuadMesh:
    """Cells in colours whose lightness rises evenly, bright for the better end."""
    from matplotlib import colormaps

    low, high = ends or (float(np.nanmin(cells.colours)), float(np.nanmax(cells.colours)))
    n_rows, n_columns = cells.values.shape
    crowded = max(n_rows, n_columns) > _MOST_SHOWN
    mesh = ax.pcolormesh(
        np.arange(n_columns + 1) - 0.5,
        np.arange(n_rows + 1) - 0.5,
        np.ma.masked_invalid(cells.colours),
        cmap=colormaps["viridis_r" if reverse else "viridis"].with_extremes(bad=NOTHING),
        vmin=low,
        vmax=high if high > low else low + 1,
        edgecolors="none" if crowded else "white",
        linewidth=0.4,
    )
    ax.invert_yaxis()
    for side in ax.spines.values():
        side.set_visible(False)
    _name(ax, cells)
    _mark_missing(ax, cells.values)
    if cells.has_numbers:
        _print_numbers(ax, cells, mesh)
    return mesh


def _is_dark(mesh: QuadMesh, value: float) -> bool:
    """Whether white stands out from the colour of a value."""
    red, green, blue, _ = mesh.to_rgba(np.array(value))
    return bool(0.3 * red + 0.59 * green + 0.11 * blue < 0.5)


def add_colour_bar(ax: Axes, mesh: QuadMesh, label: str) -> Colorbar:
    """The colours with their values, beside the axes and as high as they are."""
    bar = ax.figure.colorbar(mesh, cax=ax.inset_axes((1.02, 0, 0.03, 1)))
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=NAME_SIZE, colors=INK, length=3)
    bar.set_label(label, color=INK, **plain([label], TEXT_SIZE))
    return bar


def _name(ax: Axes, cells: Cells) -> None:
    ax.tick_params(length=0, colors=INK)
    for names, set_ticks, level in (
        (shortened(cells.rows), ax.set_yticks, True),
        (shortened(cells.columns), ax.set_xticks, cells.is_level()),
    ):
        step = -(-len(names) // _MOST_SHOWN)
        shown = names[::step]
        style = plain(shown) | ({} if level else {"rotation": 90})
        set_ticks(np.arange(0, len(names), step), shown, **style)


def _mark_missing(ax: Axes, values: Vector) -> None:
    """A cross where there is no value: no colour of the scale can be taken for it."""
    rows, columns = np.nonzero(np.isnan(values))
    ax.scatter(columns, rows, s=14, marker="x", color=GREY, linewidth=0.8, label="no value")


def _print_numbers(ax: Axes, cells: Cells, mesh: QuadMesh) -> None:
    for row, column in np.argwhere(~np.isnan(cells.values)):
        dark = _is_dark(mesh, cells.colours[row, column])
        ax.text(
            column,
            row,
            cells.text(float(cells.values[row, column])),
            ha="center",
            va="center",
            fontsize=NAME_SIZE - 0.5,
            color="white" if dark else INK,
        )
