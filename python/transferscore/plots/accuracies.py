"""Scores beside measured accuracies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks
from transferscore.plots._names import write_names
from transferscore.plots._plot import (
    BLUE,
    INK,
    Plot,
    better,
    canvas,
    counted,
    headline,
    plain,
    tidy,
)
from transferscore.ranking._correlation_interval import correlation_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Vector = NDArray[np.float64]
Correlation = Literal["spearman", "kendall", "weighted_kendall", "pearson"]

_CORRELATIONS = {
    "spearman": "Spearman's ρ",
    "kendall": "Kendall's τ",
    "weighted_kendall": "weighted Kendall's τ",
    "pearson": "Pearson's r",
}
_MOST_NAMED = 40


def score_against_accuracy(
    scores: Mapping[str, float] | ArrayLike,
    accuracies: Mapping[str, float] | ArrayLike,
    *,
    names: Sequence[str] | None = None,
    score: str = "score",
    measured: str = "measured accuracy",
    higher_is_better: bool = True,
    correlation: Correlation = "spearman",
    score_intervals: ArrayLike | None = None,
    accuracy_intervals: ArrayLike | None = None,
    n_resamples: int = 1000,
    level: float = 0.95,
    random_state: int = 0,
    ax: Axes | None = None,
) -> Plot:
    r"""Scores of models against what was measured, with their correlation and its interval.

    The interval is that of `evaluate_scores`: models are drawn with replacement, n of n, and
    percentiles moved outwards for few models. Resamples in which all scores or all accuracies are
    equal have no correlation and are left out; their number is said. Needs matplotlib: pip install
    'transferscore[plot]'.

    .. math::

        [q_{(1 - \ell) / 2}, q_{(1 + \ell) / 2}]
            \text{ of } \rho(S_{i_1 \ldots i_n}, A_{i_1 \ldots i_n})

    Parameters
    ----------
    scores : mapping of str to float, or array-like of shape (n,)
        The score of each model.
    accuracies : mapping of str to float, or array-like of shape (n,)
        What was measured for it, in shares or percent; higher is better.
    names : sequence of str, optional
        Names of the models, for arrays. Up to 40 are written beside their points.
    score : str, default "score"
        Name of the score.
    measured : str, default "measured accuracy"
        What was measured.
    higher_is_better : bool, default True
        Which way is good for the score. Where lower is better, a good score has a positive
        correlation all the same, and its axis is turned round.
    correlation : {"spearman", "kendall", "weighted_kendall", "pearson"}, default "spearman"
        Which correlation, see `transferscore.ranking`.
    score_intervals : array-like of shape (n, 2), optional
        Lower and upper end of each score, drawn as a line; NaN where there is none.
    accuracy_intervals : array-like of shape (n, 2), optional
        The same for what was measured.
    n_resamples : int, default 1000
        Resamples for the interval.
    level : float, default 0.95
        How much of the resamples the interval holds.
    random_state : int, default 0
        Seed of the resamples.
    ax : matplotlib.axes.Axes, optional
        Where to draw; by default in a new figure.

    Returns
    -------
    Plot
        Its data: `names`, `scores`, `accuracies`, `correlation`, `interval` (2,), both NaN where
        all scores or all accuracies are equal, and `left_out`, resamples without a correlation.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described.
    ModuleNotFoundError
        Where matplotlib is missing.

    Examples
    --------
    >>> from transferscore.plots import score_against_accuracy
    >>> plot = score_against_accuracy([1.1, 2.0, 2.4, 3.9], [0.61, 0.70, 0.68, 0.80])
    >>> round(plot.data["correlation"], 3)
    0.8
    """
    values, found = _checks.named_values(scores, names, "scores")
    x, y = _checks.scores_and_measured(values, _checks.accuracies_of(accuracies, found))
    _checks.two_to_compare(len(x))
    labels = _checks.drawn_names(found, len(x), "names")
    _checks.choice(correlation, "correlation", tuple(_CORRELATIONS))
    _checks.count(n_resamples, "n_resamples")
    x_ends = _checks.drawn_intervals(score_intervals, x, "score_intervals")
    y_ends = _checks.drawn_intervals(accuracy_intervals, y, "accuracy_intervals")
    share = _checks.level(level)
    word = _CORRELATIONS[correlation]
    signed = x if higher_is_better else -x
    value, interval, left_out = correlation_interval(
        correlation,
        signed,
        y,
        n_resamples=n_resamples,
        level=share,
        random_state=random_state,
    )

    figure, ax = canvas(ax, 6.4, 4.8)
    _draw_points(ax, x, y, x_ends, y_ends)
    tidy(ax, grid="both")
    if not higher_is_better:
        ax.invert_xaxis()
    ax.set_xlabel(f"{score} ({better(higher_is_better)})", color=INK, **plain([score], 9))
    ax.set_ylabel(measured, color=INK, **plain([measured], 9))
    if np.all((y >= 0) & (y <= 1)):
        ax.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
    notes = _notes(f"{word} = {value:.2f}", interval, share, left_out)
    headline(ax, f"{score}: {counted(len(x), 'model')}", notes)
    if found is not None and len(x) <= _MOST_NAMED:
        write_names(ax, x, y, labels)
    data = {
        "names": tuple(labels),
        "scores": x,
        "accuracies": y,
        "correlation": value,
        "interval": interval,
        "left_out": left_out,
    }
    return Plot(figure, ax, data)


def _notes(found: str, interval: Vector, share: float, left_out: int) -> list[str]:
    low, high = interval
    if np.isnan(low):
        return ["no correlation: all values of one axis are equal"]
    within = f"{100 * share:g} % interval {low:.2f} to {high:.2f}, from resampled models"
    if left_out:
        within += f" ({counted(left_out, 'resample')} without a correlation left out)"
    return [f"{found}, {within}"]


def _draw_points(ax: Axes, x: Vector, y: Vector, x_ends: Vector, y_ends: Vector) -> None:
    lines: dict[str, Any] = {"color": BLUE, "alpha": 0.4, "linewidth": 1.2}
    wide, high = (~np.isnan(ends).any(axis=1) for ends in (x_ends, y_ends))
    ax.hlines(y[wide], *x_ends[wide].T, **lines)
    ax.vlines(x[high], *y_ends[high].T, **lines)
    ax.scatter(x, y, s=26, color=BLUE, edgecolor="white", linewidth=0.6, zorder=3, label="models")
    ax.margins(0.08)
