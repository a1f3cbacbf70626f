"""Names beside their points, where they hide neither each other nor a point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from transferscore.plots._plot import GREY, INK, NAME_SIZE, counted, plain, shortened, whole_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Vector = NDArray[np.float64]
Box = tuple[float, float, float, float]  # left, bottom, right, top, in points

_SIZE = NAME_SIZE - 1
_DOT = 3.5  # half a dot with some air
_DISTANCES = (5.0, 13.0, 24.0, 38.0, 55.0)
_SIDES: tuple[tuple[float, float], ...] = (
    *((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1)),
    *((0.5, 1), (-0.5, 1), (0.5, -1), (-0.5, -1)),
)


def write_names(ax: Axes, x: Vector, y: Vector, names: Sequence[str]) -> None:
    """Write the names for which there is room, and how many there was none for."""
    root = whole_figure(ax)
    root.draw_without_rendering()  # only then is known where the axes are
    per_point = root.dpi / 72
    points = ax.transData.transform(np.column_stack([x, y])) / per_point
    rim = ax.get_window_extent().bounds
    left, bottom, width, height = (side / per_point for side in rim)
    frame = (left, bottom, left + width, bottom + height)
    taken = [(a - _DOT, b - _DOT, a + _DOT, b + _DOT) for a, b in points]
    labels = shortened(names)
    sizes = [_size(ax, label, per_point) for label in labels]
    crowd = np.hypot(*(points[:, np.newaxis] - points).transpose(2, 0, 1))
    order = np.argsort(-np.sort(crowd, axis=1)[:, : min(4, len(x))].sum(axis=1), kind="stable")
    hidden = 0
    for i in order[::-1]:  # where it is crowded first
        place = next(_free_places(points[i], sizes[i], frame, taken), None)
        if place is None:
            hidden += 1
            continue
        offset, box = place
        taken.append(box)
        _write(ax, (x[i], y[i]), offset, labels[i])
    if hidden:
        note = f"no room for {counted(hidden, 'name')}"
        ax.text(0.995, 0.01, note, transform=ax.transAxes, ha="right", fontsize=_SIZE, color=GREY)


def _free_places(
    point: Vector, size: tuple[float, float], frame: Box, taken: Sequence[Box]
) -> Iterator[tuple[tuple[float, float], Box]]:
    """Where the middle of a name may be, seen from its point, and the place that it takes."""
    wide, high = size
    for distance, (across, up) in product(_DISTANCES, _SIDES):
        offset = (across * (distance + wide / 2), up * (distance + high / 2))
        middle = point + offset
        box = (
            middle[0] - wide / 2,
            middle[1] - high / 2,
            middle[0] + wide / 2,
            middle[1] + high / 2,
        )
        inside = all(
            (frame[0] <= box[0], frame[1] <= box[1], box[2] <= frame[2], box[3] <= frame[3])
        )
        path = point + np.linspace(0.3, 1, 8)[:, np.newaxis] * offset  # of the line to the name
        if inside and not any(_overlap(box, other) or _crosses(path, other) for other in taken):
            yield offset, box


def _size(ax: Axes, name: str, per_point: float) -> tuple[float, float]:
    """Width and height of a name as it will be drawn, in points."""
    text = ax.text(0, 0, name, **plain([name], _SIZE))
    extent = text.get_window_extent()
    text.remove()
    return extent.width / per_point, extent.height / per_point


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def _crosses(path: Vector, box: Box) -> bool:
    x, y = path.T
    return bool(np.any((box[0] < x) & (x < box[2]) & (box[1] < y) & (y < box[3])))


def _write(ax: Axes, point: tuple[float, float], offset: tuple[float, float], name: str) -> None:
    far = abs(offset[1]) > 12 or abs(offset[0]) > 0.29 * _SIZE * len(name) + 6
    ax.annotate(
        name,
        point,
        offset,
        textcoords="offset points",
        ha="center",
        va="center",
        color=INK,
        arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.5, "shrinkB": 3}
        if far
        else None,
        **plain([name], _SIZE),
    )
