"""How far scores displace the top of the ranking that was measured."""

from collections.abc import Sequence
from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks
from transferscore.ranking._places import Counts, once, ranks, share_of_top

Vector = NDArray[np.float64]
Top = Literal["scores", "measured"]
Pool = Literal["all", "kept"]


@overload
def footrule(
    scores: ArrayLike,
    measured: ArrayLike,
    *,
    k: int | None = None,
    top: Top = "scores",
    kept: ArrayLike | None = None,
    pool: Pool = "all",
) -> float: ...
@overload
def footrule(
    scores: ArrayLike,
    measured: ArrayLike,
    *,
    k: Sequence[int],
    top: Top = "scores",
    kept: ArrayLike | None = None,
    pool: Pool = "all",
) -> Vector: ...
def footrule(
    scores: ArrayLike,
    measured: ArrayLike,
    *,
    k: int | Sequence[int] | None = None,
    top: Top = "scores",
    kept: ArrayLike | None = None,
    pool: Pool = "all",
) -> float | Vector:
    r"""Spearman's footrule of the top k: by how many ranks the scores displace what was measured.

    Diaconis, Graham, "Spearman's footrule as a measure of disarray", Journal of the Royal
    Statistical Society B 39, 1977; of the top k as "total rank displacement" in work on the
    selection of sources.

    .. math::

        F_k = \sum_{i \in \text{top } k} |r_\text{scores}(i) - r_\text{measured}(i)|

    Lower is better; 0 says that the top is ranked as measured. Rank 1 is the best, that is the
    largest value; equal values share the mean of their ranks.

    Parameters
    ----------
    scores : array-like of shape (n,)
        Score of each item; higher is better.
    measured : array-like of shape (n,)
        What was measured for each item, such as accuracy or Dice; higher is better.
    k : int or sequence of ints, optional
        How many items of the top count; each of several is answered. Default: all.
    top : "scores" or "measured", default "scores"
        Whose top k: those that the scores recommend, or those that are best in truth. Of equal
        values at the border each counts in part, as in the mean over all ways to break the tie.
    kept : array-like of shape (n,) of bool, or of positions, optional
        The items that a filter keeps. Default: all.
    pool : "all" or "kept", default "all"
        Among which items ranks are taken. "all": all n; items that the filter dropped rank behind
        every kept one by their scores, and as measured by what was measured. "kept": the kept ones
        alone, as if there were no others.

    Returns
    -------
    float or ndarray of shape (K,)
        The displacement; an array where `k` is a sequence.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described, or `k` is larger than the pool.

    Notes
    -----
    A smaller pool has smaller ranks, so with `pool="kept"` any filter lowers the footrule, a random
    one too. Compare filters with `pool="all"`, or with random filters of the same size
    (`evaluate_filter`).

    Examples
    --------
    >>> from transferscore import footrule
    >>> scores, dice = [0.9, 0.8, 0.7, 0.6, 0.5], [0.81, 0.86, 0.70, 0.64, 0.83]
    >>> footrule(scores, dice, k=[1, 2, 3, 4])
    array([2., 3., 4., 5.])
    >>> footrule(scores, dice, k=2, top="measured")
    4.0
    >>> kept = [True, True, False, False, True]
    >>> footrule(scores, dice, k=2, kept=kept), footrule(scores, dice, k=2, kept=kept, pool="kept")
    (3.0, 3.0)
    """
    x, y = _checks.scores_and_measured(scores, measured)
    marked = _checks.kept_items(kept, len(x))
    _checks.choice(top, "top", ("scores", "measured"))
    _checks.choice(pool, "pool", ("all", "kept"))
    n = len(x) if pool == "all" else int(marked.sum())
    tops = _checks.top_sizes(k, n, "items" if n == len(x) else "kept items")
    displaced = displacements(x, y, marked[np.newaxis], tops, top=top, pool=pool)[0]
    return displaced if isinstance(k, Sequence | np.ndarray) else float(displaced[0])


def displacements(
    x: Vector, y: Vector, counts: Counts, tops: NDArray[np.int64], *, top: Top, pool: Pool
) -> Vector:
    """Footrules (R, K) of scores x and measured y (n,), of K sizes.

    `counts` (R, n) are what R filters keep, or with the pool of the kept how often an item stands
    in each of R resamples.
    """
    counted = np.ones_like(counts) if pool == "all" else counts
    by_score, tied = ranks(x, counts)  # among the kept
    if pool == "all":
        behind, tied_behind = ranks(x, counts == 0)
        n_kept = counts.sum(axis=1, keepdims=True)
        by_score = np.where(counts, by_score, n_kept + behind)
        tied = np.where(counts, tied, tied_behind)
    measured, measured_tied = ranks(y, counted)
    leading, sharing = (by_score, tied) if top == "scores" else (measured, measured_tied)
    displaced = counted * np.abs(by_score - measured)
    shares = (share_of_top(leading, sharing, k) for k in tops)
    return np.stack([np.sum(share * displaced, axis=1) for share in shares], axis=1)


def mean_ranks(values: Vector) -> Vector:
    """Rank of each item, 1 for the largest; equal ones share the mean of theirs."""
    found: Vector = ranks(values, once(len(values)))[0][0]
    return found
