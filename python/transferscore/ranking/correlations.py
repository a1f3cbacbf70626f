"""Correlations of scores with what was measured."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks
from transferscore.ranking.displacement import mean_ranks

Vector = NDArray[np.float64]


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
    return _cosine(_centred(x), _centred(y))


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
    middle = (len(x) + 1) / 2
    return _cosine(middle - mean_ranks(x), middle - mean_ranks(y))


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
    return _tau(x, y, np.ones(len(x)))


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
    return (_tau(x, y, _hyperbolic(x, y)) + _tau(x, y, _hyperbolic(y, x))) / 2


def _centred(values: Vector) -> Vector:
    """Values less their mean, in a unit of their own: no square over- or underflows."""
    scaled = values / np.abs(values).max()
    centred = scaled - scaled.mean()
    unit: Vector = centred / np.abs(centred).max()
    return unit


def _cosine(x: Vector, y: Vector) -> float:
    # The root of the product, not the product of roots: exactly 1 for equal ranks.
    return float(np.clip((x @ y) / math.sqrt((x @ x) * (y @ y)), -1, 1))


def _hyperbolic(x: Vector, y: Vector) -> Vector:
    """1 / rank of each item, the largest x first, of equal ones the largest y."""
    weights = np.empty(len(x))
    weights[np.lexsort((y, x))[::-1]] = 1 / np.arange(1, len(x) + 1)
    return weights


def _tau(x: Vector, y: Vector, weights: Vector) -> float:
    """Cosine of the signs of all pairs, a pair weighing what its two items do."""
    concordance = norm_x = norm_y = 0.0
    for i in range(1, len(x)):  # row by row: no matrix of pairs
        pairs = weights[:i] + weights[i]
        x_signs, y_signs = np.sign(x[:i] - x[i]), np.sign(y[:i] - y[i])
        concordance += float(pairs @ (x_signs * y_signs))
        norm_x += float(pairs @ np.abs(x_signs))
        norm_y += float(pairs @ np.abs(y_signs))
    return float(np.clip(concordance / math.sqrt(norm_x * norm_y), -1, 1))
