"""What comes of taking the candidates that score best."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks
from transferscore.ranking._places import Counts, once, ranks

Vector = NDArray[np.float64]
Whole = NDArray[np.int64]
Measure = Callable[[Vector, Vector, Counts, int], Vector]


def selection_accuracy(scores: ArrayLike, measured: ArrayLike) -> float:
    r"""Share of tasks in which the candidate that scores best is the best as measured.

    .. math::

        \frac{1}{T} \sum_t \mathbb{1}[\arg\max_i s_{ti} = \arg\max_i m_{ti}]

    Higher is better; 0 to 1. Of several with the best score each is taken with the same
    probability, and any with the best measured value is right.

    Parameters
    ----------
    scores : array-like of shape (n,) or (T, n)
        Score of each candidate, in each of T tasks; higher is better.
    measured : array-like of shape (n,) or (T, n)
        What was measured for each, such as accuracy; higher is better.

    Returns
    -------
    float
        The share.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described.

    Examples
    --------
    >>> from transferscore.ranking import selection_accuracy
    >>> scores = [[0.2, 0.7, 0.4], [0.9, 0.9, 0.1]]
    >>> selection_accuracy(scores, [[0.71, 0.80, 0.79], [0.66, 0.60, 0.58]])
    0.75
    """
    return top_k_accuracy(scores, measured, k=1)


def top_k_accuracy(scores: ArrayLike, measured: ArrayLike, *, k: int) -> float:
    r"""Share of tasks in which the best candidate as measured is among the k that score best.

    .. math::

        \frac{1}{T} \sum_t \mathbb{1}[\arg\max_i m_{ti} \in \text{top } k \text{ of } s_t]

    Higher is better; 0 to 1. Where scores at the border of the top are equal, it is the
    probability under a random order of these.

    Parameters
    ----------
    scores : array-like of shape (n,) or (T, n)
        As for `selection_accuracy`.
    measured : array-like of shape (n,) or (T, n)
        As for `selection_accuracy`.
    k : int
        Candidates that are taken.

    Returns
    -------
    float
        The share.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described, or `k` is larger than n.

    Examples
    --------
    >>> from transferscore.ranking import top_k_accuracy
    >>> top_k_accuracy([0.1, 0.5, 0.9, 0.4], [0.61, 0.80, 0.68, 0.70], k=2)
    1.0
    """
    return _mean_over_tasks(top_accuracies, scores, measured, k)


def rel_at_k(scores: ArrayLike, measured: ArrayLike, *, k: int = 1) -> float:
    r"""Rel@k: the best measured value among the top k by score, as a share of the best of all.

    Reported in work on source and model selection; the mean over tasks.

    .. math::

        \frac{1}{T} \sum_t \frac{\max_{i \in \text{top } k} m_{ti}}{\max_i m_{ti}}

    Higher is better; at most 1. Where scores at the border of the top are equal, it is the mean
    over all orders of these.

    Parameters
    ----------
    scores : array-like of shape (n,) or (T, n)
        As for `selection_accuracy`.
    measured : array-like of shape (n,) or (T, n)
        As for `selection_accuracy`; the best of each task is above 0.
    k : int, default 1
        Candidates that are tried.

    Returns
    -------
    float
        The share.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described, or `k` is larger than n.

    Examples
    --------
    >>> from transferscore.ranking import rel_at_k
    >>> scores, accuracies = [0.1, 0.5, 0.9, 0.4], [0.61, 0.80, 0.68, 0.70]
    >>> round(rel_at_k(scores, accuracies), 6), rel_at_k(scores, accuracies, k=2)
    (0.85, 1.0)
    """
    return _mean_over_tasks(relatives, scores, measured, k, best_above_zero=True)


def regret(scores: ArrayLike, measured: ArrayLike, *, k: int = 1) -> float:
    r"""How much worse than the best the best of the top k by score is, as measured.

    .. math::

        \frac{1}{T} \sum_t \Bigl(\max_i m_{ti} - \max_{i \in \text{top } k} m_{ti}\Bigr)

    Lower is better; 0 where the best is found, in the unit of what was measured. Where scores at
    the border of the top are equal, it is the mean over all orders of these.

    Parameters
    ----------
    scores : array-like of shape (n,) or (T, n)
        As for `selection_accuracy`.
    measured : array-like of shape (n,) or (T, n)
        As for `selection_accuracy`.
    k : int, default 1
        Candidates that are tried.

    Returns
    -------
    float
        The mean over tasks.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described, or `k` is larger than n.

    Examples
    --------
    >>> from transferscore.ranking import regret
    >>> round(regret([0.1, 0.5, 0.9, 0.4], [0.61, 0.80, 0.68, 0.70]), 6)
    0.12
    """
    return _mean_over_tasks(regrets, scores, measured, k)


def top_accuracies(x: Vector, y: Vector, counts: Counts, k: int) -> Vector:
    """Probabilities (R,) that a best one as measured is in the top of each resample (R, n)."""
    best = _best(y, counts)
    return _expected(x, y, counts, k, (y == best).astype(np.float64))


def relatives(x: Vector, y: Vector, counts: Counts, k: int) -> Vector:
    """Rel@k (R,), likewise; NaN where the best is not above 0."""
    best = _best(y, counts)
    return _expected(x, y, counts, k, y / np.where(best > 0, best, np.nan))


def regrets(x: Vector, y: Vector, counts: Counts, k: int) -> Vector:
    """Regret (R,), likewise."""
    return _expected(x, y, counts, k, _best(y, counts) - y)


def _mean_over_tasks(
    measure: Measure, scores: ArrayLike, measured: ArrayLike, k: int, best_above_zero: bool = False
) -> float:
    x, y = _checks.scores_and_measured_of_tasks(scores, measured)
    (size,) = _checks.top_sizes(_checks.count(k, "k"), x.shape[1], "candidates")
    if best_above_zero:
        _checks.best_above_zero(y)
    counts = once(x.shape[1])
    return float(np.mean([measure(*task, counts, int(size))[0] for task in zip(x, y, strict=True)]))


def _best(y: Vector, counts: Counts) -> Vector:
    found: Vector = np.where(counts > 0, y, -np.inf).max(axis=1, keepdims=True)
    return found


def _expected(x: Vector, y: Vector, counts: Counts, k: int, worth: Vector) -> Vector:
    """Worth (R,) of the best one as measured among the top k, over all orders of equal scores.

    From the best measured value down, an item is that one if it is in the top and none before it
    is. Of g equal scores at the border b fit in; that c of them are all left out has the
    probability C(g - c, b) / C(g, b).
    """
    middle, sharing = ranks(x, counts)
    before = (middle - (sharing + 1) / 2).astype(np.int64)
    after = before + sharing.astype(np.int64)
    there = counts > 0
    inside, at_border = there & (after <= k), there & (before < k) & (k < after)
    fits = k - np.where(at_border, before, k).min(axis=1, keepdims=True)
    tied = np.where(at_border, sharing, 0).max(axis=1, keepdims=True).astype(np.int64)

    order = np.argsort(-y, kind="stable")
    passed = np.cumsum((counts * at_border)[:, order], axis=1, dtype=np.int64)
    sure = np.cumsum(inside[:, order], axis=1) > 0
    none_yet = np.where(sure, 0, _all_left_out(tied, passed, fits))
    first = np.concatenate([np.ones((len(counts), 1)), none_yet[:, :-1]], axis=1) - none_yet
    found: Vector = np.sum(first * np.broadcast_to(worth, counts.shape)[:, order], axis=1)
    return found


def _all_left_out(tied: Whole, passed: Whole, fits: Whole) -> Vector:
    """C(tied - passed, fits) / C(tied, fits)."""
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, tied.max() + 1)))])
    remain = tied - passed
    possible = remain >= fits
    # Exactly 0 where none has passed: the two brackets are the same then.
    log = (logs[remain] - logs[np.where(possible, remain - fits, 0)]) - (
        logs[tied] - logs[tied - fits]
    )
    found: Vector = np.where(possible, np.exp(log), 0)
    return found
