"""Does a filter help? Its footrule beside that of no filter, and of random filters of its size."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks
from transferscore.ranking.displacement import Pool, Top, displacements, footrule

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class PoolFootrule:
    """Footrules of a filter and of random filters of its size, with ranks in one pool.

    Attributes
    ----------
    filtered : ndarray of shape (K,)
        The filter's, for each k; lower is better.
    random_mean, random_spread : ndarray of shape (K,)
        Mean and standard deviation over random filters.
    as_good : ndarray of shape (K,)
        The share of random filters that do at least as well; small where the filter knows more.
    """

    filtered: Vector
    random_mean: Vector
    random_spread: Vector
    as_good: Vector


@dataclass(frozen=True)
class FilterEvaluation:
    """What a filter changes. Printed, it is a table.

    Attributes
    ----------
    k : ndarray of shape (K,)
        Items of the top.
    unfiltered : ndarray of shape (K,)
        Footrule of the scores alone, among all items; lower is better.
    all : PoolFootrule
        With ranks among all items, dropped ones behind the kept ones: comparable with `unfiltered`.
    kept : PoolFootrule
        With ranks among the kept items: comparable with random filters only, because any smaller
        pool has smaller ranks.
    n_items, n_kept, n_random : int
        Items, those that the filter keeps, and random filters compared with.
    lost : float
        By how much the best measured value of all items exceeds that of the kept ones.
    """

    k: NDArray[np.int64]
    unfiltered: Vector
    all: PoolFootrule
    kept: PoolFootrule
    n_items: int
    n_kept: int
    n_random: int
    lost: float

    def __str__(self) -> str:
        head = (
            f"{self.n_kept} of {self.n_items} kept, best kept {self.lost:.3g} below the best; "
            f"{self.n_random} random filters"
        )
        names = f"{'':15}  {'among all':>28}  {'among the kept':>28}"
        columns = (
            f"{'k':>3}  {'unfiltered':>10}" + f"  {'filter':>8}  {'random':>8}  {'as good':>8}" * 2
        )
        rows = [
            f"{k:>3}  {self.unfiltered[i]:>10.2f}"
            + "".join(
                f"  {pool.filtered[i]:>8.2f}  {pool.random_mean[i]:>8.2f}  {pool.as_good[i]:>8.1%}"
                for pool in (self.all, self.kept)
            )
            for i, k in enumerate(self.k)
        ]
        return "\n".join([head, names, columns, *rows])


def evaluate_filter(
    scores: ArrayLike,
    measured: ArrayLike,
    kept: ArrayLike,
    *,
    k: int | Sequence[int] = (1, 2, 3, 4),
    top: Top = "scores",
    n_random: int = 1000,
    random_state: "int | np.random.Generator | None" = 0,
) -> FilterEvaluation:
    r"""Footrule with and without a filter, and against random filters of the same size.

    A pool of fewer items has smaller ranks, and so a smaller footrule, whatever was dropped. That
    a footrule falls when a filter is applied therefore shows nothing by itself. Here ranks are
    taken among all items as well, and random filters show what the size alone does.

    .. math::

        F_k = \sum_{i \in \text{top } k} |r_\text{scores}(i) - r_\text{measured}(i)|

    Parameters
    ----------
    scores : array-like of shape (n,)
        Score of each candidate, also of dropped ones; higher is better.
    measured : array-like of shape (n,)
        What was measured for each, such as Dice; higher is better.
    kept : array-like of shape (n,) of bool, or of positions
        The candidates that the filter keeps.
    k : int or sequence of ints, default (1, 2, 3, 4)
        Items of the top; at most as many as are kept.
    top : "scores" or "measured", default "scores"
        Whose top, see `footrule`.
    n_random : int, default 1000
        Random filters; where there are no more subsets of that size than this, all of them.
    random_state : int, Generator or None, default 0
        Seed of the random filters.

    Returns
    -------
    FilterEvaluation
        Footrules for each k, lower is better.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described.

    Examples
    --------
    >>> from transferscore import evaluate_filter
    >>> scores = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2]
    >>> dice = [0.70, 0.85, 0.62, 0.83, 0.60, 0.81, 0.64, 0.80]
    >>> print(evaluate_filter(scores, dice, kept=[1, 3, 5, 7], k=[1, 2, 3]))
    4 of 8 kept, best kept 0 below the best; 70 random filters
                                        among all                among the kept
      k  unfiltered    filter    random   as good    filter    random   as good
      1        4.00      0.00      3.01     28.6%      0.00      1.24     35.7%
      2        5.00      0.00      5.76      8.6%      0.00      2.47     11.4%
      3        9.00      0.00      8.14      2.9%      0.00      3.46      2.9%
    """
    x, y = _checks.scores_and_measured(scores, measured)
    _checks.choice(top, "top", ("scores", "measured"))
    stays = _checks.kept_items(kept, len(x))
    size = int(stays.sum())
    tops = _checks.top_sizes(k, size, "kept items")
    rng = _checks.generator(random_state)
    random = _filters(len(x), size, _checks.count(n_random, "n_random"), rng)
    filters = np.concatenate([stays[np.newaxis], random])

    def of_pool(pool: Pool) -> PoolFootrule:
        values = displacements(x, y, filters, tops, top=top, pool=pool)
        own, others = values[0], values[1:]
        return PoolFootrule(
            filtered=own,
            random_mean=others.mean(axis=0),
            random_spread=others.std(axis=0),
            as_good=np.mean(others <= own, axis=0),
        )

    return FilterEvaluation(
        k=tops,
        unfiltered=footrule(x, y, k=tops.tolist(), top=top),
        all=of_pool("all"),
        kept=of_pool("kept"),
        n_items=len(x),
        n_kept=size,
        n_random=len(random),
        lost=float(y.max() - y[stays].max()),
    )


def _filters(n: int, size: int, n_random: int, rng: "np.random.Generator") -> NDArray[np.bool_]:
    """What random filters keep (R, n): all subsets where they are few."""
    if comb(n, size) <= n_random:
        chosen = np.array(list(combinations(range(n), size)))
    else:
        chosen = np.array([rng.permutation(n)[:size] for _ in range(n_random)])
    masks = np.zeros((len(chosen), n), dtype=np.bool_)
    np.put_along_axis(masks, chosen, True, axis=1)
    return masks
