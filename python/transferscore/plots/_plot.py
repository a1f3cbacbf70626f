"""A figure with the data behind its marks, and what all figures share: names, colours, sizes."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from transferscore import _checks
from transferscore.io import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours of Okabe and Ito, which people with any kind of colour vision can tell apart.
BLUE, ORANGE, GREEN, RED = "#0072b2", "#e69f00", "#009e73", "#d55e00"
INK, GREY, PALE, NOTHING = "#222222", "#666666", "#dddddd", "#ececec"
SEVERAL = (BLUE, RED, GREEN, ORANGE, "#cc79a7", "#56b4e9", INK)

# Points.
NAME_SIZE, TEXT_SIZE, TITLE_SIZE = 8.0, 9.0, 11.0
_LONGEST = 40  # characters of a name; the data have all of it
_INCHES_PER_CHARACTER = 0.62 * NAME_SIZE / 72

# Families for alphabets that matplotlib's own font lacks, of which the installed ones are tried.
_FAMILIES = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Hiragino Sans",
    "Yu Gothic",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
    "Noto Sans Devanagari",
    "Arial Unicode MS",
    "Noto Emoji",
    "Segoe UI Emoji",
)


@dataclass(frozen=True)
class Plot:
    """A figure, and the data behind its marks.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
        The figure; `figure.savefig(path)` writes it. It belongs to no window and no list of
        figures: nothing has to be closed.
    axes : matplotlib.axes.Axes
        The axes with the marks, to add to.
    data : mapping of str to object
        What was drawn, in the order in which it was drawn; each function says what is in it.

    Notes
    -----
    As the last line of a notebook's cell it shows itself.
    """

    figure: Figure
    axes: Axes
    data: Mapping[str, Any] = field(repr=False)

    def to_bytes(self, form: Literal["png", "svg", "pdf"] = "png", *, dpi: float = 150) -> bytes:
        """The figure as a file."""
        dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form)
        paper = io.BytesIO()
        self.figure.savefig(paper, format=form, dpi=dpi, metadata=dates)
        return paper.getvalue()

    def _repr_png_(self) -> bytes:
        return self.to_bytes(dpi=100)


def canvas(ax: Axes | None, width: float, height: float) -> tuple[Figure, Axes]:
    """The axes that were given, with their figure, or a new one of a size in inches."""
    new_figure = _checks.from_extra("plot", "matplotlib.figure").Figure
    _checks.axes_to_draw_into(ax, _checks.from_extra("plot", "matplotlib.axes").Axes)
    if ax is None:
        # No pyplot: its list of figures keeps each of them alive, and it may ask for a display.
        figure = new_figure(figsize=(width, height), layout="constrained", facecolor="white")
        return figure, figure.add_subplot()
    return whole_figure(ax), ax


def whole_figure(ax: Axes) -> Figure:
    """The figure of axes that may be in a part of it."""
    figure: Any = ax.figure
    root: Figure = getattr(figure, "figure", figure)
    return root


def shortened(names: Sequence[str]) -> list[str]:
    """Names that fit: long ones lose their middle, and none breaks a line."""
    return [_short(printable(name)) for name in names]


def _short(name: str) -> str:
    if len(name) <= _LONGEST:
        return name
    half = (_LONGEST - 1) // 2
    return f"{name[: _LONGEST - 1 - half]}…{name[-half:]}"


def inches(names: Sequence[str]) -> float:
    """About how wide the longest of the names is drawn."""
    return max(map(len, names)) * _INCHES_PER_CHARACTER


def plain(names: Sequence[str], size: float = NAME_SIZE) -> dict[str, Any]:
    """How names are drawn: dollar signs and backslashes in them are no formulas."""
    style: dict[str, Any] = {"fontsize": size, "parse_math": False, "usetex": False}
    if not all(name.isascii() for name in names):
        style["fontfamily"] = _families()
    return style


def _families() -> list[str]:
    import matplotlib
    from matplotlib import font_manager

    installed = set(font_manager.get_font_names())
    return [*matplotlib.rcParams["font.family"], *(f for f in _FAMILIES if f in installed)]


def headline(ax: Axes, title: str, notes: Sequence[str] = ()) -> None:
    """A title above the left end of the axes, and below it what a reader should know."""
    width = max(30, int(whole_figure(ax).get_figwidth() / (0.55 * TEXT_SIZE / 72)) - 8)
    lines = [line for note in notes for line in textwrap.wrap(printable(note), width)]
    ax.set_title(
        "\n".join(textwrap.wrap(printable(title), int(width * TEXT_SIZE / TITLE_SIZE))),
        loc="left",
        color=INK,
        pad=6 + 1.35 * TEXT_SIZE * len(lines),
        **plain([title], TITLE_SIZE),
    )
    if lines:
        ax.annotate(
            "\n".join(lines),
            (0, 1),
            (0, 4),
            xycoords="axes fraction",
            textcoords="offset points",
            va="bottom",
            color=GREY,
            **plain(lines, TEXT_SIZE),
        )


def tidy(ax: Axes, *, grid: Literal["x", "y", "both"] | None = None) -> None:
    """Axes without what says nothing."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(GREY)
    ax.tick_params(colors=INK, labelsize=NAME_SIZE, length=3)
    ax.set_axisbelow(True)
    if grid:
        ax.grid(axis=grid, color=PALE, linewidth=0.6)


def better(higher: bool) -> str:
    """Which way is good, in words."""
    return "higher is better" if higher else "lower is better"


def counted(n: int, noun: str) -> str:
    """Things with their number."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def orientation(scores: Any, given: bool | None) -> bool:
    """Whether higher is better: as given, or as the scores say of themselves."""
    return bool(getattr(scores, "higher_is_better", True) if given is None else given)
