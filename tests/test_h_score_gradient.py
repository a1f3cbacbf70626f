"""Gradients of the H-score: reference by finite differences, kernel against it, laws, errors."""

import re
import warnings

import numpy as np
import pytest

from conftest import network_features
from tolerances import FLOAT32, FLOAT64, GRADIENT, GRADIENT_SUM
from transferscore import h_score, h_score_value_and_grad, reference

SHRINKAGES = (None, 0.3, "ledoit-wolf")
shrinkages = pytest.mark.parametrize("shrinkage", SHRINKAGES)


def data(n=60, d=7, n_classes=4, dtype="float64", seed=0):
    # Dense noise as well: every feature has full rank.
    x, y = network_features(n, d, n_classes, seed)
    x = x + 0.2 * np.random.default_rng(seed + 100).normal(size=x.shape)
    return x.astype(dtype), y


def largest_error(got, expected):
    return np.abs(got - expected).max() / np.abs(expected).max()


@shrinkages
@pytest.mark.parametrize(("n", "d"), [(30, 4), (9, 12)])
def test_reference_against_differences(shrinkage, n, d, rng):
    if shrinkage is None and n < d:
        pytest.skip("constant: see test_a_score_that_counts_classes")
    x, y = data(n, d, 3)
    value, gradient = reference.h_score_gradient(x, y, shrinkage=shrinkage)
    assert value == pytest.approx(reference.h_score(x, y, shrinkage=shrinkage), rel=FLOAT64)
    direction = rng.normal(size=x.shape)
    h, factors = 1e-3, {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}

    def at(t):
        return reference.h_score(x + t * direction, y, shrinkage=shrinkage)

    slope = sum(factor * (at(k * h) - at(-k * h)) for k, factor in factors.items()) / h
    assert slope == pytest.approx(np.sum(gradient * direction), rel=GRADIENT)


@shrinkages
@pytest.mark.parametrize("shape", [(60, 7), (1500, 70), (40, 50)])
def test_kernel_against_reference(shrinkage, shape):
    if shrinkage is None and shape[0] < shape[1]:
        pytest.skip("constant: see test_a_score_that_counts_classes")
    x, y = data(*shape)
    value, gradient = h_score_value_and_grad(x, y, shrinkage=shrinkage)
    expected = reference.h_score_gradient(x, y, shrinkage=shrinkage)
    assert value == pytest.approx(expected.value, rel=FLOAT64)
    assert value == pytest.approx(h_score(x, y, shrinkage=shrinkage), rel=FLOAT64)
    assert largest_error(gradient, expected.features) < GRADIENT
    single, derivative = h_score_value_and_grad(x.astype("float32"), y, shrinkage=shrinkage)
    rounded = reference.h_score_gradient(x.astype("float32"), y, shrinkage=shrinkage)
    assert derivative.dtype == np.float32
    assert single == pytest.approx(rounded.value, rel=FLOAT32)
    assert largest_error(derivative, rounded.features) < FLOAT32


@shrinkages
def test_features_far_from_zero_and_in_other_units(shrinkage):
    x, y = data()
    _, gradient = h_score_value_and_grad(x, y, shrinkage=shrinkage)
    _, moved = h_score_value_and_grad(1e3 * x + 1e4, y, shrinkage=shrinkage)
    assert largest_error(1e3 * moved, gradient) < GRADIENT


@shrinkages
def test_moving_all_samples_or_their_unit_changes_nothing(shrinkage):
    x, y = data()
    _, gradient = h_score_value_and_grad(x, y, shrinkage=shrinkage)
    size = np.abs(gradient).sum()
    assert np.abs(gradient.sum(axis=0)).max() < GRADIENT_SUM * size
    assert abs(np.sum(gradient * (x - x.mean(axis=0)))) < GRADIENT_SUM * size


def test_bits_do_not_depend_on_threads():
    x, y = data(3000, 90, 5)
    values = [h_score_value_and_grad(x, y, shrinkage="ledoit-wolf", n_threads=k) for k in (1, 2, 3)]
    for value, gradient in values[1:]:
        assert value == values[0][0]
        assert np.array_equal(gradient, values[0][1])


def test_ignored_samples_have_no_derivative():
    x, y = data()
    value, gradient = h_score_value_and_grad(x, y, ignore_index=1)
    expected, rest = h_score_value_and_grad(x[y != 1], y[y != 1])
    assert value == expected
    assert np.array_equal(gradient[y != 1], rest)
    assert not gradient[y == 1].any()


def test_a_score_that_counts_classes():
    x, y = data(10, 15, 3)
    with pytest.warns(UserWarning, match="number of classes minus one"):
        value, gradient = h_score_value_and_grad(x, y)
    assert value == pytest.approx(2)
    assert np.abs(gradient).max() < GRADIENT


def test_a_repeated_feature_is_held_fixed():
    x, y = data(60, 5)
    with pytest.warns(UserWarning, match="6 features of rank 5"):
        value, gradient = h_score_value_and_grad(np.hstack([x, x[:, :1]]), y)
    expected, apart = h_score_value_and_grad(x, y)
    assert value == pytest.approx(expected, rel=FLOAT64)
    repeated = gradient[:, 0] + gradient[:, 5]
    assert largest_error(np.column_stack([repeated, gradient[:, 1:5]]), apart) < GRADIENT


def test_full_shrinkage_leaves_nothing():
    x, y = data()
    value, gradient = h_score_value_and_grad(x, y, shrinkage=1.0)
    assert value == 0
    assert not gradient.any()


def test_steps_lead_up():
    x, y = data()
    before, gradient = h_score_value_and_grad(x, y, shrinkage="ledoit-wolf")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        after, _ = h_score_value_and_grad(x + gradient, y, shrinkage="ledoit-wolf")
    assert after > before


def test_errors():
    x, y = data()
    with pytest.raises(ValueError, match=re.escape("`labels` must have shape (n,), got (60, 2)")):
        h_score_value_and_grad(x, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="squares within the range of float64"):
        h_score_value_and_grad(np.where(x > 0.3, 1.7e308, -1.7e308), y, shrinkage=0.1)
