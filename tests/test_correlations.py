"""Correlations of scores and measured values: SciPy's, laws, ties, refusals."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tolerances import REORDERED
from transferscore import ranking
from transferscore.ranking import evaluate, kendall, pearson, spearman, weighted_kendall

SCIPY = {
    pearson: stats.pearsonr,
    spearman: stats.spearmanr,
    kendall: stats.kendalltau,
    weighted_kendall: stats.weightedtau,
}
of_each = pytest.mark.parametrize("correlation", SCIPY, ids=lambda function: function.__name__)


@st.composite
def problems(draw):
    """Two vectors with ties, neither of them constant."""
    n = draw(st.integers(2, 12))
    varying = st.lists(st.integers(-4, 4), min_size=n, max_size=n).filter(lambda v: len(set(v)) > 1)
    return np.array(draw(varying), float), np.array(draw(varying), float)


@of_each
@given(problem=problems())
@settings(max_examples=200, deadline=None)
def test_every_value_is_scipys(correlation, problem):
    x, y = problem
    expected = SCIPY[correlation](x, y).statistic
    assert correlation(x, y) == pytest.approx(expected, rel=REORDERED, abs=REORDERED)


@of_each
@pytest.mark.parametrize("n", [2, 3, 40, 500])
def test_larger_problems_are_scipys(correlation, n):
    x, noise = np.random.default_rng(n).normal(size=(2, n))
    for y in (x + noise, np.round(x + noise) + (np.arange(n) == 0)):
        expected = SCIPY[correlation](x, y).statistic
        assert correlation(x, y) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@of_each
@given(problem=problems(), seed=st.integers(0, 99))
@settings(max_examples=100, deadline=None)
def test_laws(correlation, problem, seed):
    x, y = problem
    value = correlation(x, y)
    close = pytest.approx(value, rel=REORDERED, abs=REORDERED)
    assert -1 <= value <= 1
    assert correlation(y, x) == close
    assert correlation(x, x) == pytest.approx(1, rel=REORDERED)
    assert correlation(3 * x - 1, y / 8) == close
    order = np.random.default_rng(seed).permutation(len(x))
    assert correlation(x[order], y[order]) == close
    if correlation is not weighted_kendall:  # whose top is another one, then
        assert correlation(-x, y) == pytest.approx(-value, rel=REORDERED, abs=REORDERED)


def test_equal_rankings_are_exactly_one():
    x = np.random.default_rng(0).normal(size=37)
    assert spearman(x, np.exp(x)) == 1
    assert spearman(x, -x) == -1
    assert kendall(x, np.exp(x)) == 1
    assert weighted_kendall(x, np.exp(x)) == 1


def test_the_top_counts_more():
    truth = [6, 5, 4, 3, 2, 1]
    wrong_at_the_top, wrong_at_the_end = [5, 6, 4, 3, 2, 1], [6, 5, 4, 3, 1, 2]
    assert kendall(wrong_at_the_top, truth) == kendall(wrong_at_the_end, truth)
    assert weighted_kendall(wrong_at_the_top, truth) < weighted_kendall(wrong_at_the_end, truth)


@of_each
@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_any_magnitude(correlation, scale):
    x, y = np.array([0.1, 0.4, 0.5, 0.9]), np.array([0.61, 0.7, 0.68, 0.8])
    assert correlation(scale * x, y) == pytest.approx(correlation(x, y), rel=REORDERED)
    assert correlation(x, scale * y) == pytest.approx(correlation(x, y), rel=REORDERED)


@of_each
def test_differences_may_be_larger_than_any_number(correlation):
    x, y = np.array([1e308, -1e308, 0.5e308, 0]), np.array([0.61, 0.7, 0.68, 0.8])
    assert correlation(x, y) == pytest.approx(correlation(x / 1e308, y), rel=REORDERED)
    assert correlation(y, x) == pytest.approx(correlation(y, x / 1e308), rel=REORDERED)


@of_each
@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (
            ([1, 1, 1], [1, 2, 3]),
            ValueError,
            "`scores` must have at least two different values for a correlation, got 3 times 1.0",
        ),
        (
            ([1, 2], [0.5, 0.5]),
            ValueError,
            "`measured` must have at least two different values for a correlation, got 2 times 0.5",
        ),
        (
            ([1], [2]),
            ValueError,
            "`scores` must have at least two different values for a correlation, got 1 times 1.0",
        ),
        (
            ([1, 2], [1, 2, 3]),
            ValueError,
            "`scores` and `measured` must have the same length, got 2 and 3",
        ),
        (([1, np.nan], [1, 2]), ValueError, "`scores` must be finite, got nan at 1"),
        ((["a", "b"], [1, 2]), TypeError, "`scores` must hold real numbers, got dtype <U1"),
    ],
)
def test_refusals(correlation, arguments, error, text):
    with pytest.raises(error, match=re.escape(text)):
        correlation(*arguments)


def test_one_room_has_them_all():
    assert {function.__name__ for function in SCIPY} | {"footrule"} <= set(evaluate.__all__)
    assert set(ranking.__all__) >= set(evaluate.__all__)
