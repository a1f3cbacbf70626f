"""The definition of the footrule of the top k."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike


def footrule(
    scores: ArrayLike,
    measured: ArrayLike,
    *,
    k: int | None = None,
    top: Literal["scores", "measured"] = "scores",
    kept: ArrayLike | None = None,
    pool: Literal["all", "kept"] = "all",
) -> float:
    """Sum over the top k of the differences of ranks by scores and as measured.

    Lower is better.

    Parameters
    ----------
    scores : array-like of shape (n,)
        Scores; higher is better.
    measured : array-like of shape (n,)
        Measured values; higher is better.
    k : int, optional
        Items of the top. Default: all.
    top : "scores" or "measured", default "scores"
        Whose top.
    kept : array-like of shape (n,) of bool, optional
        Items that a filter keeps. Default: all.
    pool : "all" or "kept", default "all"
        Among which items ranks are taken.

    Returns
    -------
    float
        The displacement.

    Examples
    --------
    >>> from transferscore.reference import footrule
    >>> footrule([3, 2, 1], [0.8, 0.9, 0.7], k=2)
    2.0
    """
    x, y = np.asarray(scores, dtype=float).tolist(), np.asarray(measured, dtype=float).tolist()
    stays = [True] * len(x) if kept is None else np.asarray(kept).tolist()
    items = [i for i in range(len(x)) if pool == "all" or stays[i]]
    by_score = [(stays[i], x[i]) for i in items]  # a kept item ranks before every dropped one
    by_truth = [(True, y[i]) for i in items]
    leading = by_score if top == "scores" else by_truth
    k = len(items) if k is None else k
    return float(
        sum(
            share_in_top(leading, i, k) * abs(mean_rank(by_score, i) - mean_rank(by_truth, i))
            for i in range(len(items))
        )
    )


Values = Sequence[tuple[bool, float]]


def mean_rank(values: Values, i: int) -> float:
    """1 + how many are better + half of how many others are equal."""
    better = sum(value > values[i] for value in values)
    return 1 + better + (values.count(values[i]) - 1) / 2


def share_in_top(values: Values, i: int, k: int) -> float:
    """Probability to be among the first k where ties are broken at random."""
    better = sum(value > values[i] for value in values)
    return min(max((k - better) / values.count(values[i]), 0.0), 1.0)
