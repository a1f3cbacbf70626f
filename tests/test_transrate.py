"""TransRate and coding rate: kernel against reference, laws, golden values."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import transferscore
from conftest import network_features
from test_h_score import layouts, toy
from tolerances import FLOAT32, FLOAT64, MAPPED, OF_THE_MOST, REARRANGED, REORDERED
from transferscore import coding_rate, reference, transrate
from transferscore._backend import backend

SHAPES = {
    "n < d": (40, 70),
    "n = d": (50, 50),
    "n = d + 1": (51, 50),
    "n > d": (300, 40),
    "several tiles": (450, 400),
    "tiles of samples": (400, 450),
    "one feature": (60, 1),
    "two samples": (2, 5),
}
WEIGHTINGS = ("size", "uniform")


def assert_same(value, expected, tolerance, most):
    """Relative, but not below what cancellation leaves of the rate of all samples."""
    np.testing.assert_allclose(value, expected, rtol=tolerance, atol=OF_THE_MOST * most)


def unbalanced(n, d, n_classes, seed=0):
    """Features whose first class is larger than the others together."""
    X, y = network_features(n, d, n_classes, seed)
    y[n_classes + n // 3 :] = 0
    return X, y


# ------------------------------------------------------------------ kernel against reference


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equals_the_reference(dtype, shape, weighting):
    n, d = SHAPES[shape]
    X, y = unbalanced(n, d, min(n, 7))
    X = X.astype(dtype)
    tolerance = FLOAT64 if dtype == np.float64 else FLOAT32
    for epsilon in (1e-4, 1.0):
        value = transrate(X, y, epsilon=epsilon, weighting=weighting)
        expected = reference.transrate(X, y, epsilon=epsilon, weighting=weighting)
        assert_same(value, expected, tolerance, reference.coding_rate(X, epsilon=epsilon))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("centred", [True, False])
def test_coding_rate_equals_the_reference(shape, centred):
    X, _ = network_features(*SHAPES[shape], 2)
    for epsilon in (1e-5, 10.0):
        value = coding_rate(X, epsilon=epsilon, centred=centred)
        expected = reference.coding_rate(X, epsilon=epsilon, centred=centred)
        assert value == pytest.approx(expected, rel=FLOAT64)


@pytest.mark.parametrize("layout", layouts(np.zeros((3, 3))))
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16])
def test_any_layout(dtype, layout):
    X, y = network_features(90, 20, 4)
    X = (8 * X).astype(dtype)
    expected = reference.transrate(X, y)
    tolerance = FLOAT32 if dtype == np.float32 else FLOAT64
    assert transrate(layouts(X)[layout], y) == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("size", [(900, 400, 5), (3000, 700, 5), (1200, 1100, 200)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_same_bits_for_any_number_of_threads(dtype, size):
    X, y = unbalanced(*size)
    X = X.astype(dtype)
    assert len({transrate(X, y, n_threads=t) for t in (1, 2, 3)}) == 1


@pytest.mark.parametrize("kind", ["plain", "fewer samples", "dead", "duplicated", "offset", "wide"])
def test_float32_products_agree_with_float64(kind):
    X, y = network_features(2500, 700, 5)
    if kind == "fewer samples":
        X, y = network_features(900, 1600, 5)
    if kind == "dead":
        X[:, ::2] = 0
    if kind == "duplicated":
        X[:, 350:] = X[:, :350]
    if kind == "offset":
        X += 100
    if kind == "wide":
        X *= 300
    X = X.astype(np.float32)
    exact = X.astype(np.float64)
    assert transrate(X, y) == pytest.approx(transrate(exact, y), rel=FLOAT32)
    assert coding_rate(X) == pytest.approx(coding_rate(exact), rel=FLOAT32)


def hostile():
    rng = np.random.default_rng(5)
    X, y = network_features(120, 30, 5, seed=3)
    one_sample = y.copy()
    one_sample[7] = 99
    return {
        "one-sample class": (X, one_sample),
        "every class one sample": (X, np.arange(120)),
        "gaps and negatives": (X, 17 * y - 40),
        "dead columns": (np.where(np.arange(30) % 3 == 0, 0.1, X), y),
        "duplicated columns": (X[:, rng.integers(0, 30, 45)], y),
        "duplicated rows": (X[rng.integers(0, 20, 120)], y),
        "low rank": (X[:, :9] @ rng.normal(size=(9, 30)), y),
        "offset 1e4": (X + 1e4, y),
        "units 1e-8 to 1e8": (X[:, :10] * 10.0 ** rng.integers(-8, 9, 10), y),
        "large": (X * 1e5, y),
        "large, low rank": (1e6 * X[:, :9] @ rng.normal(size=(9, 30)), y),
        "large, fewer samples": (X[:25] * 1e5, y[:25]),
        "huge": (X * 1e145, y),
    }


@pytest.mark.parametrize("case", hostile())
def test_hostile_features_score_as_the_reference(case):
    X, y = hostile()[case]
    hard = "offset" in case or "large" in case or "units" in case or "huge" in case
    expected = reference.transrate(X, y)
    assert_same(transrate(X, y), expected, MAPPED if hard else FLOAT64, reference.coding_rate(X))


@pytest.mark.parametrize("scale", [1e-9, 1e-6, 1e-3])
def test_rate_of_tiny_features_keeps_its_digits(scale):
    X, _ = network_features(60, 12, 3)
    expected = reference.coding_rate(X * scale)
    assert coding_rate(X * scale) == pytest.approx(expected, rel=FLOAT64)


def test_scores_of_nothing():
    for X in (np.full((30, 4), 0.1), np.zeros((5, 9)), 1e-200 * network_features(30, 4, 2)[0]):
        assert transrate(X, np.arange(len(X)) % 2) == 0
        assert coding_rate(X) == 0


def test_squares_beyond_float64_are_an_error_not_nan():
    X = np.random.default_rng(0).normal(size=(600, 3))
    X[301] = 1e300
    for wild in (X, 1e160 * np.random.default_rng(0).normal(size=(600, 3))):
        for call in (lambda X: transrate(X, np.arange(600) % 2), coding_rate):
            with pytest.raises(
                ValueError, match=r"`features` must have squares .* `epsilon` = 0.0"
            ):
                call(wild)


# ---------------------------------------------------------------------- known statistics


@pytest.mark.parametrize("scale", [1.0, 37.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_statistics_give_the_same_score(shape, scale):
    n, d = SHAPES[shape]
    X, y = unbalanced(n, d, min(n, 7))
    X *= scale
    ids = y[np.newaxis].astype(np.int32)
    statistics = backend.feature_statistics(X, ids, [int(y.max()) + 1], n_threads=2)
    rate = backend.coding_rate_of_statistics(statistics, epsilon=1e-3, n_threads=1)
    most = coding_rate(X, epsilon=1e-3)
    assert rate == pytest.approx(most, rel=REARRANGED)
    for weighting in WEIGHTINGS:
        value = backend.transrate_of_statistics(
            statistics, X, ids, epsilon=1e-3, uniform=weighting == "uniform", n_threads=2
        )
        expected = transrate(X, y, epsilon=1e-3, weighting=weighting)
        assert_same(value, expected, REARRANGED, 10 * most)


def test_statistics_of_other_features_are_refused():
    X, y = network_features(50, 4, 3)
    ids = y[np.newaxis].astype(np.int32)
    statistics = backend.feature_statistics(X, ids, [3], n_threads=1)
    for wrong in (X[:, :3].copy(), X[:-1]):
        with pytest.raises(ValueError, match="statistics of these features"):
            backend.transrate_of_statistics(
                statistics, wrong, ids, epsilon=1.0, uniform=False, n_threads=1
            )


# -------------------------------------------------------------------------------- laws


@st.composite
def problems(draw):
    n, d = draw(st.integers(2, 60)), draw(st.integers(1, 40))
    n_classes = draw(st.integers(2, 6 if n > 6 else n))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, n - n_classes)])
    return rng.normal(size=(n, d)) + rng.normal(size=(n_classes, d))[labels], labels, rng


@settings(deadline=None)
@given(problems())
def test_law_bounds(problem):
    X, y, _ = problem
    assert 0 <= transrate(X, y) <= coding_rate(X)


@settings(deadline=None)
@given(problems())
def test_law_rotation_shift_and_order_do_not_matter(problem):
    X, y, rng = problem
    rotation = np.linalg.qr(rng.normal(size=(X.shape[1],) * 2))[0]
    order = rng.permutation(len(X))
    names = np.array(["f", "b", "a", "e", "c", "d"])[rng.permutation(6)]
    for weighting in WEIGHTINGS:
        moved = transrate((X @ rotation + 3)[order], names[y[order]], weighting=weighting)
        assert_same(moved, transrate(X, y, weighting=weighting), REARRANGED, 10 * coding_rate(X))


@settings(deadline=None)
@given(problems())
def test_law_epsilon_is_in_squared_units(problem):
    X, y, _ = problem
    value = transrate(3 * X, y, epsilon=9e-4)
    assert_same(value, transrate(X, y, epsilon=1e-4), REARRANGED, 10 * coding_rate(X))


@settings(deadline=None)
@given(problems())
def test_law_merging_classes_cannot_raise_the_score(problem):
    X, y, _ = problem
    if len(np.unique(y)) > 2:
        merged = transrate(X, np.where(y == 1, 0, y))
        assert merged <= transrate(X, y) + REARRANGED * coding_rate(X)


# ------------------------------------------------------------------------ options, output


def test_golden_toy():
    # A value of tllib, whose classes weigh the same; here they have the same size.
    X, y = toy()
    for weighting in WEIGHTINGS:
        assert transrate(X, y, weighting=weighting) == pytest.approx(
            0.21037960291099544, rel=REORDERED * 10
        )


def test_golden_unbalanced_toy():
    X, y = toy()
    y = np.where(np.arange(30) < 15, 0, y)
    by_size, uniform = (reference.transrate(X, y, weighting=w) for w in WEIGHTINGS)
    assert by_size != pytest.approx(uniform, rel=0.1)
    assert transrate(X, y) == pytest.approx(by_size, rel=FLOAT64)
    assert transrate(X, y, weighting="uniform") == pytest.approx(uniform, rel=FLOAT64)


def test_ignored_samples_leave_no_trace():
    X, y = network_features(150, 10, 4)
    keep = np.arange(150) % 5 != 0
    void = np.where(keep, y, 255)
    wild = np.where(keep[:, np.newaxis], X, np.nan)
    assert transrate(wild, void, ignore_index=255) == transrate(X[keep], y[keep])


def test_errors():
    X, y = network_features(30, 4, 3)
    with pytest.raises(ValueError, match=r"`epsilon` must be a finite number above 0, got 0"):
        transrate(X, y, epsilon=0)
    with pytest.raises(TypeError, match=r"`epsilon` must be a number above 0, got 'x'"):
        coding_rate(X, epsilon="x")
    with pytest.raises(ValueError, match="`weighting` must be 'size' or 'uniform', got 'equal'"):
        transrate(X, y, weighting="equal")
    with pytest.raises(ValueError, match=r"`labels` must have shape \(n,\), got 2 label sets"):
        transrate(X, np.stack([y, y], axis=1))
    with pytest.raises(ValueError, match="`labels` must have at least two classes"):
        transrate(X, 0 * y)
    X[3, 2] = np.nan
    for call in (lambda: transrate(X, y), lambda: coding_rate(X)):
        with pytest.raises(ValueError, match="`features` must be finite, got nan at row 3, col"):
            call()


def test_names_in_every_layer():
    score = transferscore._scores.REGISTRY["transrate"]
    assert score.compute is transrate
    assert score.higher_is_better
    assert transrate is transferscore._scores.transrate
