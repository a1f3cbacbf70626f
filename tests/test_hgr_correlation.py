"""HGR maximal correlation: against the SVD of the table, laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tolerances import FLOAT64, MAPPED, REARRANGED
from transferscore import hgr_correlation, reference

SHAPES = {
    "two samples": (2, 2, 2),
    "few": (40, 5, 3),
    "many": (5000, 60, 12),
    "more values than samples": (50, 400, 6),
    "one value": (30, 1, 3),
    "one class": (30, 3, 1),
}


def variables(n, n_values, n_classes, seed=0):
    """A label that depends on x half of the time."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, n_values, n)
    return x, np.where(rng.random(n) < 0.5, x % n_classes, rng.integers(0, n_classes, n))


@pytest.mark.parametrize("method", ["ace", "svd"])
@pytest.mark.parametrize("shape", SHAPES)
def test_correlation_equals_the_reference(shape, method):
    x, y = variables(*SHAPES[shape])
    value = hgr_correlation(x, y, method=method)
    assert value == pytest.approx(reference.hgr_correlation(x, y), rel=REARRANGED, abs=MAPPED)


problems = st.tuples(
    st.integers(2, 80), st.integers(1, 20), st.integers(1, 8), st.integers(0, 2**32 - 1)
)


@settings(deadline=None)
@given(problems)
def test_law_bounds_and_symmetry(problem):
    x, y = variables(*problem)
    value = hgr_correlation(x, y)
    assert 0 <= value <= 1 + FLOAT64
    assert hgr_correlation(y, x) == pytest.approx(value, rel=REARRANGED, abs=MAPPED)


def test_one_where_a_set_of_values_and_a_set_of_labels_come_together():
    x = [0, 0, 1, 2, 3, 3]
    assert hgr_correlation(x, [0, 1, 0, 2, 2, 3]) == pytest.approx(1, rel=FLOAT64)


def test_errors():
    with pytest.raises(ValueError, match="`method` must be 'ace' or 'svd', got 'qr'"):
        hgr_correlation([0, 1], [0, 1], method="qr")
