"""Linear MSE: kernel against reference, laws, errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import network_features
from tolerances import EXACT_FIT, FLOAT32, FLOAT64, MAPPED, REARRANGED, REORDERED
from transferscore import linear_mse, reference
from transferscore._backend import backend

SHAPES = {
    "n < d": (40, 70),
    "n = d": (50, 50),
    "n > d": (300, 40),
    "several tiles": (450, 400),
    "one feature": (60, 1),
    "two samples": (2, 5),
}
RIDGES = (1.0, 1e-3, 50.0, 0.0, "evidence")


@pytest.mark.parametrize("ridge", RIDGES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equals_the_reference(dtype, shape, ridge):
    n, d = SHAPES[shape]
    X, y = network_features(n, d, min(n, 7))
    X = X.astype(dtype)
    X += np.random.default_rng(0).normal(size=X.shape).astype(dtype)
    tolerance = FLOAT64 if dtype == np.float64 else FLOAT32
    expected = reference.linear_mse(X, y, ridge=ridge)
    if ridge == "evidence":
        tolerance = MAPPED  # the penalty is where a flat maximum is, which the reference tabulates
    assert linear_mse(X, y, ridge=ridge) == pytest.approx(expected, rel=tolerance, abs=tolerance)


@pytest.mark.parametrize("shape", ["n < d", "several tiles"])
@pytest.mark.parametrize("ridge", RIDGES)
def test_bits_do_not_depend_on_threads_or_layout(shape, ridge):
    X, y = network_features(*SHAPES[shape], 5)
    value = linear_mse(X, y, ridge=ridge, n_threads=1)
    assert linear_mse(X, y, ridge=ridge, n_threads=3) == value
    assert linear_mse(np.asfortranarray(X), y, ridge=ridge) == value


def hostile():
    rng = np.random.default_rng(5)
    X, y = network_features(120, 30, 5, seed=3)
    one_sample = y.copy()
    one_sample[7] = 99
    return {
        "one-sample class": (X, one_sample),
        "dead columns": (np.where(np.arange(30) % 3 == 0, 0.1, X), y),
        "duplicated columns": (X[:, rng.integers(0, 30, 45)], y),
        "low rank": (X[:, :9] @ rng.normal(size=(9, 30)), y),
        "duplicated rows": (X[rng.integers(0, 40, 120)], y),
        "offset 1e4": (X + 1e4, y),
        "units 1e-3 to 1e3": (X * 10.0 ** rng.integers(-3, 4, 30), y),
        "constant": (np.full((60, 4), 0.1), y[:60]),
        "fewer samples, constant": (np.full((20, 40), 0.1), y[:20]),
        "fewer samples, duplicated": (X[rng.integers(0, 12, 25)], y[:25]),
        "fewer samples, low rank": (X[:25, :6] @ rng.normal(size=(6, 30)), y[:25]),
    }


@pytest.mark.parametrize("ridge", [1.0, 0.0])
@pytest.mark.parametrize("case", hostile())
def test_hostile_features_score_as_the_reference(case, ridge):
    X, y = hostile()[case]
    tolerance = MAPPED if "offset" in case else REARRANGED
    expected = reference.linear_mse(X, y, ridge=ridge)
    assert linear_mse(X, y, ridge=ridge) == pytest.approx(expected, rel=tolerance, abs=REORDERED)


def test_real_targets_of_any_shape_and_unit():
    X, _ = network_features(200, 20, 4)
    rng = np.random.default_rng(0)
    Y = X[:, :2] + rng.normal(size=(200, 2))
    value = linear_mse(X, Y, regression=True)
    assert value == pytest.approx(reference.linear_mse(X, Y, regression=True), rel=FLOAT64)
    columns = [linear_mse(X, column, regression=True) for column in Y.T]
    assert value == pytest.approx(sum(columns), rel=REORDERED)
    for unit in (1e-150, 1e150):
        scaled = linear_mse(X, Y * unit, regression=True)
        assert scaled == pytest.approx(value * unit * unit, rel=REARRANGED)
    assert linear_mse(X, np.full(200, 0.1), regression=True) == 0


def test_a_perfect_fit_has_no_error():
    X, _ = network_features(100, 7, 3)
    y = 3 * X[:, 0] - X[:, 1] + 5
    assert linear_mse(X, y, regression=True, ridge=0) == pytest.approx(0, abs=REORDERED)


def test_the_evidence_gives_the_penalty():
    X, y = network_features(200, 20, 3)
    assert -linear_mse(X, y, ridge="evidence") == pytest.approx(
        -reference.linear_mse(X, y, ridge="evidence"), rel=EXACT_FIT
    )


@pytest.mark.parametrize("ridge", RIDGES)
def test_statistics_score_as_features(ridge):
    X, y = network_features(300, 40, 4)
    parts = backend.feature_statistics(X, y.astype(np.int32)[np.newaxis], [4], n_threads=2)
    number = 0.0 if ridge == "evidence" else ridge
    errors, _ = backend.linear_mse_of_statistics(
        parts, of_evidence=ridge == "evidence", ridge=number, n_threads=2
    )
    assert -errors.sum() == pytest.approx(linear_mse(X, y, ridge=ridge), rel=REARRANGED)


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 60), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_law_bounds_and_order_of_penalties(n, d, seed):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, d)), np.arange(n) % min(n, 4)
    values = [linear_mse(X, y, ridge=ridge) for ridge in (0, 1e-3, 1, 10, 1e6)]
    assert values == sorted(values, reverse=True)
    assert values[0] <= 0
    assert values[-1] >= 1 / min(n, 4) - 1 - REORDERED
    moved = linear_mse(X + 3, y, ridge=1)
    assert moved == pytest.approx(values[2], rel=MAPPED)


@pytest.mark.parametrize(
    ("ridge", "error"),
    [(-1, ValueError), (np.inf, ValueError), ("x", ValueError), (None, TypeError)],
)
def test_wrong_penalties_are_refused(ridge, error):
    X, y = network_features(20, 3, 2)
    with pytest.raises(error, match="`ridge` must be 'evidence' or a finite number of at least 0"):
        linear_mse(X, y, ridge=ridge)
