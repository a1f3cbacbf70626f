"""HGR maximal correlation: against the SVD of the table, laws."""

import pytest
from hypothesis import given, settings

from test_maximal_h_score import SHAPES, problems, variables
from tolerances import FLOAT64, MAPPED, REARRANGED
from transferscore import hgr_correlation, reference


@pytest.mark.parametrize("method", ["ace", "svd"])
@pytest.mark.parametrize("shape", SHAPES)
def test_correlation_equals_the_reference(shape, method):
    x, y = variables(*SHAPES[shape])
    value = hgr_correlation(x, y, method=method)
    assert value == pytest.approx(reference.hgr_correlation(x, y), rel=REARRANGED, abs=MAPPED)


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
