"""Correlations of scores with what was measured."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks
from transferscore.ranking._places import Counts, once, ranks

Vector = NDArray[np.float64]
PAIRS = 2**20  # whose signs are held at a time


def pearson(scores: ArrayLike, measured: ArrayLike) -> float:
    r"""Pearson's correlation: how nearly the measured values are a line over the scores.

    .. math::

        r = \frac{\sum_i (s_i - \bar s)(m_i - \bar m)}
                 {\sqrt{\sum_i (s_i - \bar s)^2 \sum_i (m_i - \bar m)^2}}

    Higher is better; -1 to 1.

    Parameters
    ----------
    scores : array-like of shape (n,)
        Score of each item; higher is better. n is at least 2.
    measured : array-like of shape (n,)
        What was measured for each item, such as accuracy; higher is better.

    Returns
    -------
    float
        The correlation.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described, or all values of one are equal: no correlation is
        defined then.

    Examples
    --------
    >>> from transferscore.ranking import pearson
    >>> round(pearson([0.1, 0.4, 0.5, 0.9], [0.61, 0.70, 0.68, 0.80]), 6)
    0.973834
    """
    x, y = _checks.varying_scores_and_measured(scores, measured)
    return float(pearsons(x, y, once(len(x)))[0])


def spearman(scores: ArrayLike, measured: ArrayLike) -> float:
    r"""Spearman's rank correlation: Pearson's of the ranks; equal values share their mean rank.

    Spearman, "The proof and measurement of association between two things", American Journal of
    Psychology 15, 1904.

    .. math::

        \rho = r(\operatorname{rank}(s), \operatorname{rank}(m))

    Higher is better; -1 to 1, and exactly 1 for equal rankings.

    Parameters
    ----------
    scores : array-like of shape (n,)
        As for `pearson`.
    measured : array-like of shape (n,)
        As for `pearson`.

    Returns
    -------
    float
        The correlation.

    Raises
    ------
    TypeError, ValueError
        As for `pearson`.

    Examples
    --------
    >>> from transferscore.ranking import spearman
    >>> round(spearman([0.1, 0.4, 0.5, 0.9], [0.61, 0.70, 0.68, 0.80]), 6)
    0.8
    """
    x, y = _checks.varying_scores_and_measured(scores, measured)
    return float(spearmans(x, y, once(len(x)))[0])


def kendall(scores: ArrayLike, measured: ArrayLike) -> float:
    r"""Kendall's tau-b: pairs in the same order less pairs in opposite order, with ties.

    Kendall, "The treatment of ties in ranking problems", Biometrika 33, 1945.

    .. math::

        \tau_b = \frac{P - Q}{\sqrt{(N - T_s)(N - T_m)}}

    of N pairs, P in the same order by both, Q in opposite order, T tied by one of them. Higher is
    better; -1 to 1.

    Parameters
    ----------
    scores : array-like of shape (n,)
        As for `pearson`.
    measured : array-like of shape (n,)
        As for `pearson`.

    Returns
    -------
    float
        The correlation.

    Raises
    ------
    TypeError, ValueError
        As for `pearson`.

    Examples
    --------
    >>> from transferscore.ranking import kendall
    >>> round(kendall([0.1, 0.4, 0.5, 0.9], [0.61, 0.70, 0.68, 0.80]), 6)
    0.666667
    """
    x, y = _checks.varying_scores_and_measured(scores, measured)
    return float(kendalls(x, y, once(len(x)))[0])


def weighted_kendall(scores: ArrayLike, measured: ArrayLike) -> float:
    r"""Weighted Kendall's tau: what happens at the top counts more.

    Vigna, "A weighted correlation index for rankings with ties", WWW 2015, additive hyperbolic
    weights.

    .. math::

        \tau_w = \frac{\langle s, m \rangle}{\sqrt{\langle s, s \rangle \langle m, m \rangle}},
        \quad
        \langle s, m \rangle = \sum_{i < j} \operatorname{sgn}(s_i - s_j)
            \operatorname{sgn}(m_i - m_j) \Bigl(\frac{1}{r_i} + \frac{1}{r_j}\Bigr)

    with r = 1 for the best. The mean of two: r by the scores (ties by what was measured), and r by
    what was measured (ties by the scores). Higher is better; -1 to 1.

    Parameters
    ----------
    scores : array-like of shape (n,)
        As for `pearson`.
    measured : array-like of shape (n,)
        As for `pearson`.

    Returns
    -------
    float
        The correlation.

    Raises
    ------
    TypeError, ValueError
        As for `pearson`.

    Examples
    --------
    >>> from transferscore.ranking import weighted_kendall
    >>> round(weighted_kendall([0.1, 0.4, 0.5, 0.9], [0.61, 0.70, 0.68, 0.80]), 6)
    0.733333
    """
    x, y = _checks.varying_scores_and_measured(scores, measured)
    return float(weighted_kendalls(x, y, once(len(x)))[0])


def pearsons(x: Vector, y: Vector, counts: Counts) -> Vector:
    """Correlations (R,) of items that stand `counts` times (R, n); NaN where one side is equal."""
    return _cosine(_centred(x, counts), _centred(y, counts), counts)


def spearmans(x: Vector, y: Vector, counts: Counts) -> Vector:
    """Rank correlations (R,), likewise."""
    middle = (counts.sum(axis=1, keepdims=True) + 1) / 2
    return _cosine(middle - ranks(x, counts)[0], middle - ranks(y, counts)[0], counts)


def kendalls(x: Vector, y: Vector, counts: Counts) -> Vector:
    """tau-b (R,), likewise."""
    return _tau(x, y, counts, counts.astype(np.float64))


def weighted_kendalls(x: Vector, y: Vector, counts: Counts) -> Vector:
    """Weighted tau (R,), likewise."""
    return (
        _tau(x, y, counts, _hyperbolic(x, y, counts))
        + _tau(x, y, counts, _hyperbolic(y, x, counts))
    ) / 2


def _centred(values: Vector, counts: Counts) -> Vector:
    """Values (R, n) less their means, in units of their own: no square over- or underflows."""
    largest = np.abs(values).max()
    scaled = values / largest if largest > 0 else values
    there = counts > 0
    lowest = np.where(there, scaled, np.inf).min(axis=1, keepdims=True)
    highest = np.where(there, scaled, -np.inf).max(axis=1, keepdims=True)
    means = (counts * scaled).sum(axis=1, keepdims=True) / counts.sum(axis=1, keepdims=True)
    # Exactly 0 where all are equal, which rounding of the mean might miss.
    centred = np.where(there & (lowest < highest), scaled - means, 0)
    unit = np.abs(centred).max(axis=1, keepdims=True)
    found: Vector = centred / np.where(unit > 0, unit, 1)
    return found


def _cosine(x: Vector, y: Vector, counts: Counts) -> Vector:
    # The root of the product, not the product of roots: exactly 1 for equal ranks.
    products = [np.sum(counts * one * other, axis=1) for one, other in ((x, y), (x, x), (y, y))]
    return _ratio(products[0], products[1], products[2])


def _ratio(concordance: Vector, norm_x: Vector, norm_y: Vector) -> Vector:
    """Concordance over the norms, within -1 and 1; NaN where a norm is 0."""
    norms = np.sqrt(norm_x * norm_y)
    found: Vector = np.clip(concordance / np.where(norms > 0, norms, np.nan), -1, 1)
    return found


def _hyperbolic(x: Vector, y: Vector, counts: Counts) -> Vector:
    """Sum of 1 / rank over the places of each item (R, n), the largest x first, then largest y."""
    order = np.lexsort((y, x))[::-1]
    copies = counts[:, order].astype(np.int64)
    last = np.cumsum(copies, axis=1)
    first = last - copies
    sums = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, last.max() + 1))])
    weights = np.empty(counts.shape)
    weights[:, order] = sums[last] - sums[first]
    return weights


def _tau(x: Vector, y: Vector, counts: Counts, weights: Vector) -> Vector:
    """Cosines (R,) of the signs of all pairs, a pair weighing what its two items do.

    Signs times counts are whole numbers, so no order of summation changes these products.
    """
    n = len(x)
    # Places in place of values, whose difference might overflow.
    places = [np.unique(values, return_inverse=True)[1] for values in (x, y)]
    copies = counts.astype(np.float64)
    concordance, norm_x, norm_y = np.zeros((3, len(copies)))
    step = max(1, PAIRS // n)
    for start in range(0, n, step):  # some rows at a time: no matrix of all pairs
        rows = slice(start, start + step)
        x_signs, y_signs = (np.sign(p[:, np.newaxis] - p[rows]).astype(np.float64) for p in places)
        concordance += np.sum(weights[:, rows] * (copies @ (x_signs * y_signs)), axis=1)
        norm_x += np.sum(weights[:, rows] * (copies @ np.abs(x_signs)), axis=1)
        norm_y += np.sum(weights[:, rows] * (copies @ np.abs(y_signs)), axis=1)
    return _ratio(concordance, norm_x, norm_y)
