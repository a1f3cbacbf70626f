"""Discounted cumulative gain: how much of what is best stands near the top."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks
from transferscore.ranking._places import Counts, once, ranks

Vector = NDArray[np.float64]
Gain = Literal["linear", "exponential"]
Relevance = Literal["ranks", "measured"]


def ndcg(
    scores: ArrayLike,
    measured: ArrayLike,
    *,
    k: int | None = None,
    gain: Gain = "linear",
    relevance: Relevance = "ranks",
) -> float:
    r"""Normalised discounted cumulative gain of the ranking by scores.

    Järvelin, Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM Transactions on
    Information Systems 20, 2002; exponential gain: Burges et al., ICML 2005.

    .. math::

        \text{nDCG}_k = \frac{\sum_{p=1}^k g(q_{\sigma(p)}) / \log_2(1 + p)}
                             {\sum_{p=1}^k g(q_{\tau(p)}) / \log_2(1 + p)}, \quad
        g(q) = q \text{ or } 2^q - 1

    with :math:`\sigma` the order by scores and :math:`\tau` that by relevance q. Higher is better;
    at most 1. Items of one score share the mean discount of their places.

    Parameters
    ----------
    scores : array-like of shape (n,)
        Score of each item; higher is better. n is at least 2.
    measured : array-like of shape (n,)
        What was measured for each item, such as accuracy; higher is better.
    k : int, optional
        Places that count. Default: all.
    gain : "linear" or "exponential", default "linear"
        What a relevance adds. Exponential, the very best count almost alone.
    relevance : "ranks" or "measured", default "ranks"
        "ranks": q is n less the rank by what was measured, n - 1 for the best and 0 for the worst.
        "measured": q is what was measured, which must not be negative then.

    Returns
    -------
    float
        The gain as a share of the best that there is.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described, or with `relevance="measured"` all are 0.

    Notes
    -----
    Accuracies lie close to each other and far from 0, so that with `relevance="measured"` and
    linear gain any order is near 1; a random order has no fixed value. With `relevance="measured"`
    and linear gain it is scikit-learn's `ndcg_score`.

    Examples
    --------
    >>> from transferscore.ranking import ndcg
    >>> scores, accuracies = [0.1, 0.4, 0.5, 0.9], [0.61, 0.70, 0.68, 0.80]
    >>> round(ndcg(scores, accuracies), 6)
    0.972504
    >>> round(ndcg(scores, accuracies, k=2, gain="exponential"), 6)
    0.858103
    >>> round(ndcg(scores, accuracies, relevance="measured"), 6)
    0.99858
    """
    x, y = _checks.at_least_two_items(scores, measured)
    _checks.choice(gain, "gain", ("linear", "exponential"))
    _checks.choice(relevance, "relevance", ("ranks", "measured"))
    (places,) = _checks.top_sizes(k, len(x), "items")
    if relevance == "measured":
        _checks.relevances(y)
    return float(gains(x, y, once(len(x)), int(places), gain=gain, relevance=relevance)[0])


def gains(
    x: Vector, y: Vector, counts: Counts, k: int, *, gain: Gain, relevance: Relevance = "ranks"
) -> Vector:
    """Normalised gains (R,) of items that stand `counts` times (R, n)."""
    measured_ranks, measured_tied = ranks(y, counts)
    n = counts.sum(axis=1, keepdims=True)
    worth = n - measured_ranks if relevance == "ranks" else np.broadcast_to(y, counts.shape)
    worth = np.where(counts > 0, worth, 0)
    most = worth.max(axis=1, keepdims=True)
    if gain == "exponential":  # (2^q - 1) over 2^max q: no overflow, and the same ratio
        worth = -np.exp2(worth - most) * np.expm1(-np.log(2) * worth)
    else:
        worth = worth / np.where(most > 0, most, 1)
    worth = counts * worth
    reached = np.sum(worth * _discounts(*ranks(x, counts), k), axis=1)
    ideal = np.sum(worth * _discounts(measured_ranks, measured_tied, k), axis=1)
    found: Vector = reached / np.where(ideal > 0, ideal, np.nan)
    return found


def _discounts(middle: Vector, sharing: Vector, k: int) -> Vector:
    """Mean of 1 / log2(1 + place) over the places that an item shares; 0 beyond the first k."""
    last = (middle + (sharing - 1) / 2).astype(np.int64)
    places = np.arange(1, last.max() + 1)
    sums = np.concatenate([[0.0], np.cumsum((places <= k) / np.log2(1 + places))])
    shared = sharing.astype(np.int64)
    found: Vector = (sums[last] - sums[last - shared]) / np.maximum(shared, 1)
    return found
