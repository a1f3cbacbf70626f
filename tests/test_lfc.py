"""LFC: kernel against reference, laws."""

import numpy as np
import pytest
from hypothesis import given, settings

import transferscore
from conftest import network_features
from test_h_score import layouts
from test_transrate import SHAPES, problems, unbalanced
from tolerances import FLOAT32, FLOAT64, MAPPED, OF_THE_MOST, REARRANGED, REORDERED
from transferscore import lfc, reference
from transferscore._backend import backend


def assert_same(value, expected, tolerance):
    """Relative, but not below what cancellation leaves of 1."""
    np.testing.assert_allclose(value, expected, rtol=tolerance, atol=OF_THE_MOST)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equals_the_reference(dtype, shape):
    n, d = SHAPES[shape]
    X, y = unbalanced(n, d, min(n, 7))
    X = X.astype(dtype)
    assert_same(lfc(X, y), reference.lfc(X, y), FLOAT64 if dtype == np.float64 else FLOAT32)


@pytest.mark.parametrize("layout", layouts(np.zeros((3, 3))))
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16])
def test_any_layout(dtype, layout):
    X, y = network_features(90, 20, 4)
    X = (8 * X).astype(dtype)
    expected = reference.lfc(X, y)
    assert_same(lfc(layouts(X)[layout], y), expected, FLOAT32 if dtype == np.float32 else FLOAT64)


@pytest.mark.parametrize("size", [(900, 400, 5), (400, 900, 5), (3000, 20, 200)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_same_bits_for_any_number_of_threads(dtype, size):
    X, y = unbalanced(*size)
    X = X.astype(dtype)
    assert len({lfc(X, y, n_threads=t) for t in (1, 2, 3)}) == 1


def hostile():
    rng = np.random.default_rng(5)
    X, y = network_features(120, 30, 5, seed=3)
    one_sample = y.copy()
    one_sample[7] = 99
    sums_to_one = np.exp(X) / np.exp(X).sum(axis=1, keepdims=True)
    return {
        "one-sample class": (X, one_sample),
        "every class one sample": (X, np.arange(120)),
        "dead columns": (np.where(np.arange(30) % 3 == 0, 0.1, X), y),
        "duplicated rows": (X[rng.integers(0, 20, 120)], y),
        "offset 1e4": (X + 1e4, y),
        "offset across the spread": (sums_to_one + 1e3, y),
        "units 1e-8 to 1e8": (X * 10.0 ** rng.integers(-8, 9, 30), y),
        "tiny": (X * 1e-150, y),
        "huge": (X * 1e150, y),
    }


@pytest.mark.parametrize("case", hostile())
def test_hostile_features_score_as_the_reference(case):
    X, y = hostile()[case]
    assert_same(lfc(X, y), reference.lfc(X, y), MAPPED if "offset" in case else FLOAT64)


def test_float32_where_the_mean_lies_across_the_spread():
    # m^T S m is nearly nothing of |m|^2 |S|: single-precision products would not find it.
    X, y = network_features(200, 30, 4)
    X = (X - X.mean(axis=1, keepdims=True) + 4096).astype(np.float32)
    assert_same(lfc(X, y), reference.lfc(X, y), FLOAT32)


def test_constant_features_score_zero_with_a_warning():
    for X in (np.full((30, 4), 0.1), np.full((30, 4), 1e4, np.float32), np.zeros((5, 9))):
        with pytest.warns(UserWarning, match="LFC of constant features is not defined") as caught:
            assert lfc(X, np.arange(len(X)) % 2) == 0
        assert caught[0].filename == __file__


def test_squares_beyond_float64_are_an_error_not_nan():
    X = np.random.default_rng(0).normal(size=(600, 3))
    X[301] = 1e300
    with pytest.raises(ValueError, match="`features` must have squares within the range"):
        lfc(X, np.arange(600) % 2)


@pytest.mark.parametrize("offset", [0.0, 50.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_statistics_give_the_same_score(shape, offset):
    n, d = SHAPES[shape]
    X, y = unbalanced(n, d, min(n, 7))
    X = 37 * X + offset
    ids = y[np.newaxis].astype(np.int32)
    statistics = backend.feature_statistics(X, ids, [int(y.max()) + 1], n_threads=2)
    value, defined = backend.lfc_of_statistics(statistics, n_threads=2)
    assert defined
    assert value == pytest.approx(lfc(X, y), rel=REARRANGED, abs=OF_THE_MOST)


@settings(deadline=None)
@given(problems())
def test_law_bounds_rotation_scale_and_order(problem):
    X, y, rng = problem
    value = lfc(X, y)
    assert -1 <= value <= 1
    rotation = np.linalg.qr(rng.normal(size=(X.shape[1],) * 2))[0]
    order = rng.permutation(len(X))
    assert_same(lfc(7 * (X @ rotation)[order], 5 - y[order]), value, REARRANGED)


def test_law_perfect_similarities_score_one():
    y = np.arange(60) % 2
    assert lfc(np.where(y == 0, 1.0, -1.0)[:, np.newaxis], y) == pytest.approx(1, rel=REORDERED)


def test_shift_matters_unless_classes_are_balanced():
    X, y = unbalanced(90, 5, 3)
    assert abs(lfc(X + 10, y) - lfc(X, y)) > 1e-3


def test_ignored_samples_and_errors():
    X, y = network_features(150, 10, 4)
    keep = np.arange(150) % 5 != 0
    wild = np.where(keep[:, np.newaxis], X, np.nan)
    assert lfc(wild, np.where(keep, y, 255), ignore_index=255) == lfc(X[keep], y[keep])
    with pytest.raises(ValueError, match=r"`labels` must have shape \(n,\), got 2 label sets"):
        lfc(X, np.stack([y, y], axis=1))
    with pytest.raises(ValueError, match="`labels` must have at least two classes"):
        lfc(X, 0 * y)


def test_names_in_every_layer():
    score = transferscore._scores.REGISTRY["lfc"]
    assert score.compute is lfc
    assert score.bounds == "-1 to 1"
