"""SFDA: kernel against reference, laws, the limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import linalg

import transferscore
from conftest import network_features
from test_h_score import layouts, toy
from test_transrate import SHAPES, problems, unbalanced
from tolerances import FLOAT32, FLOAT64, MAPPED, REARRANGED
from transferscore import reference, sfda
from transferscore._backend import backend

pytestmark = pytest.mark.filterwarnings("ignore:SFDA of .* nearly any:UserWarning")


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equals_the_reference(dtype, shape, scale):
    n, d = SHAPES[shape]
    X, y = unbalanced(n, d, min(n, 7))
    X = (scale * X).astype(dtype)
    tolerance = FLOAT64 if dtype == np.float64 else FLOAT32
    assert sfda(X, y) == pytest.approx(reference.sfda(X, y), rel=tolerance)


@pytest.mark.parametrize("layout", layouts(np.zeros((3, 3))))
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16])
def test_any_layout_and_nothing_is_written(dtype, layout):
    X, y = network_features(90, 8, 4)
    X = (8 * X).astype(dtype)
    given_features = layouts(X)[layout]
    before = np.array(given_features)
    tolerance = FLOAT32 if dtype == np.float32 else FLOAT64
    assert sfda(given_features, y) == pytest.approx(reference.sfda(X, y), rel=tolerance)
    np.testing.assert_array_equal(np.array(given_features), before)


@pytest.mark.parametrize("size", [(900, 400, 5), (3000, 20, 200), (300, 400, 5)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_same_bits_for_any_number_of_threads(dtype, size):
    X, y = unbalanced(*size)
    X = X.astype(dtype)
    assert len({sfda(X, y, n_threads=t) for t in (1, 2, 3)}) == 1


def published(X, y):
    """The formula as published: covariances of classes and all generalised eigenvectors."""

    def fit(X, s):
        classes = range(y.max() + 1)
        priors = np.bincount(y) / len(y)
        mu = np.stack([X[y == c].mean(axis=0) for c in classes])
        S_w = sum(p * np.cov(X[y == c].T, bias=True) for c, p in zip(classes, priors, strict=True))
        if s is None:
            s = max(np.exp(-5 * reference.sfda.__globals__["largest_eigenvalue"](S_w)), 1e-10)
        eye = np.eye(len(S_w))
        A = (1 - s) * S_w + s * np.trace(S_w) / len(S_w) * eye
        S_t = np.cov(X.T, bias=True)
        S_t = (1 - s) * S_t + s * np.trace(S_t) / len(S_w) * eye
        V = linalg.eigh(S_t - A, A)[1]
        coefficients = mu @ V @ V.T
        a = X @ coefficients.T - np.sum(mu * coefficients, axis=1) / 2 + np.log(priors)
        p = np.exp(a - a.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True), mu, s

    own = np.arange(len(X)), y
    p, mu, s = fit(X, None)
    w = (np.exp(p) / np.exp(p).sum(axis=1, keepdims=True))[own][:, np.newaxis]
    others = (mu.sum(axis=0) - mu) / (len(mu) - 1)
    return float(fit(w * X + (1 - w) * others[y], s)[0][own].mean())


@pytest.mark.parametrize("scale", [0.2, 1.0, 5.0])
def test_equals_the_published_eigenproblem(scale):
    X, y = network_features(400, 25, 6)
    assert sfda(scale * X, y) == pytest.approx(published(scale * X, y), rel=REARRANGED)
    X, y = toy()
    assert sfda(scale * X, y) == pytest.approx(published(scale * X, y), rel=REARRANGED)


def hostile():
    rng = np.random.default_rng(5)
    X, y = network_features(120, 12, 5, seed=3)
    one_sample = y.copy()
    one_sample[7] = 99
    sums_to_one = np.exp(X) / np.exp(X).sum(axis=1, keepdims=True)
    return {
        "one-sample class": (X, one_sample),
        "dead columns": (np.where(np.arange(12) % 3 == 0, 0.1, X), y),
        "duplicated columns": (X[:, rng.integers(0, 12, 20)], y),
        "duplicated rows": (X[rng.integers(0, 20, 120)], y),
        "low rank": (X[:, :5] @ rng.normal(size=(5, 12)), y),
        "offset 1e4": (X + 1e4, y),
        "far classes": (X + 1e6 * rng.normal(size=(5, 12))[y], y),
        "sum to one": (sums_to_one, y),
        "small": (X * 1e-3, y),
        "large": (X * 1e6, y),
        "large, low rank": (1e4 * X[:, :5] @ rng.normal(size=(5, 12)), y),
        "large, duplicated columns": (1e4 * X[:, rng.integers(0, 12, 20)], y),
        "fewer samples": (X[:10], np.arange(10) % 3),
        "every class one sample": (X, np.arange(120)),
    }


@pytest.mark.parametrize("case", hostile())
def test_hostile_features_score_as_the_reference(case):
    X, y = hostile()[case]
    value = sfda(X, y)
    assert 0 <= value <= 1
    # A covariance that is singular but for a share of 1e-10 leaves six digits.
    tolerance = FLOAT32 if "large, " in case else MAPPED if "offset" in case else FLOAT64
    assert value == pytest.approx(reference.sfda(X, y), rel=tolerance)


def test_huge_features_are_large_ones_and_tiny_are_small_ones():
    X, y = network_features(200, 10, 4)
    assert sfda(1e-150 * X, y) == pytest.approx(reference.sfda(1e-6 * X, y), rel=REARRANGED)
    assert sfda(1e150 * X, y) == pytest.approx(sfda(1e6 * X, y), rel=REARRANGED)


def test_no_spread_within_classes_is_perfect_separation():
    means = np.random.default_rng(0).normal(size=(4, 6))
    y = np.arange(40) % 4
    assert sfda(means[y], y) == 1
    assert sfda(1e4 + means[y], y) == 1
    assert sfda(np.arange(5.0)[:, np.newaxis], np.arange(5)) == 1


def test_constant_features_leave_the_sizes_of_the_classes():
    y = np.array([0] * 6 + [1] * 3 + [2])
    for X in (np.full((10, 4), 0.1), np.zeros((10, 15))):
        assert sfda(X, y) == pytest.approx(0.36 + 0.09 + 0.01, rel=FLOAT64)
        assert reference.sfda(X, y) == pytest.approx(0.46, rel=FLOAT64)


def test_squares_beyond_float64_are_an_error_not_nan():
    X = np.random.default_rng(0).normal(size=(600, 3))
    X[301] = 1e300
    with pytest.raises(ValueError, match="`features` must have squares within the range"):
        sfda(X, np.arange(600) % 2)


@pytest.mark.parametrize("scale", [0.3, 37.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_statistics_give_the_same_score(shape, scale):
    n, d = SHAPES[shape]
    X, y = unbalanced(n, d, min(n, 7))
    X *= scale
    ids = y[np.newaxis].astype(np.int32)
    statistics = backend.feature_statistics(X, ids, [int(y.max()) + 1], n_threads=2)
    value = backend.sfda_of_statistics(statistics, X, ids, n_threads=2)
    assert value == sfda(X, y)


@settings(deadline=None)
@given(problems())
def test_law_bounds_shift_and_order(problem):
    X, y, rng = problem
    value = sfda(X, y)
    assert 0 <= value <= 1
    order = rng.permutation(len(X))
    assert sfda(X[order] + 3, 5 - y[order]) == pytest.approx(value, rel=MAPPED)


def test_the_unit_of_the_features_matters():
    X, y = network_features(300, 10, 4)
    assert abs(sfda(X, y) - sfda(X / 10, y)) > 1e-3


def test_saturation_is_said():
    X, y = network_features(60, 200, 3)
    with pytest.warns(UserWarning, match="SFDA of 60 samples with 200 features") as caught:
        assert sfda(10 * X, y) == pytest.approx(1)
    assert caught[0].filename == __file__


def test_ignored_samples_and_errors():
    X, y = network_features(150, 10, 4)
    keep = np.arange(150) % 5 != 0
    wild = np.where(keep[:, np.newaxis], X, np.nan)
    assert sfda(wild, np.where(keep, y, 255), ignore_index=255) == sfda(X[keep], y[keep])
    with pytest.raises(ValueError, match=r"`labels` must have shape \(n,\), got 2 label sets"):
        sfda(X, np.stack([y, y], axis=1))
    with pytest.raises(ValueError, match="`labels` must have at least two classes"):
        sfda(X, 0 * y)


def test_names_in_every_layer():
    score = transferscore._scores.REGISTRY["sfda"]
    assert score.compute is sfda
    assert score.bounds == "0 to 1"
