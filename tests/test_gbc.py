"""GBC: kernel against reference, laws, golden values, hostile features."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import network_features
from test_h_score import layouts
from test_nce import toy
from tolerances import FLOAT32, FLOAT64, FOUR_DECIMALS, MAPPED, OF_THE_MOST, PRINCIPAL, REARRANGED
from transferscore import gbc, reference

COVARIANCES = ("diagonal", "spherical")
SHAPES = {
    "n < d": (40, 70),
    "n = d": (50, 50),
    "n > d": (300, 40),
    "several tiles": (700, 300),
    "many features, fewer samples": (400, 500),
    "one feature": (60, 1),
    "two samples": (2, 5),
}


def features_of(n, d, n_classes=5, seed=0):
    """Classes that overlap: most labels have nothing to do with the features."""
    X, y = network_features(n, d, min(n, n_classes), seed)
    rng = np.random.default_rng(seed)
    k = y.max() + 1
    y = np.where(rng.random(n) < 0.9, rng.integers(0, k, n), y)
    y[:k] = np.arange(k)
    return X, y


def assert_same(value, expected, tolerance, y):
    """Relative, but not below what rounding leaves of the least score."""
    k = len(np.unique(y))
    np.testing.assert_allclose(value, expected, rtol=tolerance, atol=OF_THE_MOST * k * (k - 1))


@pytest.mark.parametrize("n_threads", [1, 2, 3])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equals_the_reference(dtype, shape, n_threads):
    X, y = features_of(*SHAPES[shape])
    X = X.astype(dtype)
    for covariance in COVARIANCES:
        for pca in (None, 3, 64):
            value = gbc(X, y, covariance=covariance, pca=pca, n_threads=n_threads)
            expected = reference.gbc(X, y, covariance=covariance, pca=pca)
            assert_same(value, expected, FLOAT64 if pca is None else PRINCIPAL, y)


def test_the_scores_that_are_compared_lie_between_the_bounds():
    for shape in ("n < d", "n > d", "several tiles", "one feature"):
        X, y = features_of(*SHAPES[shape])
        assert all(-19.9 < gbc(X, y, pca=pca) < -0.01 for pca in (3, 64))


@pytest.mark.parametrize("pca", [None, 8, 64])
@pytest.mark.parametrize("shape", [(900, 400), (400, 900), (3000, 64)])
def test_same_bits_for_any_number_of_threads(shape, pca):
    X, y = features_of(*shape, n_classes=40)
    assert len({gbc(X, y, pca=pca, n_threads=k) for k in (1, 2, 3, 8)}) == 1


@pytest.mark.parametrize("layout", layouts(np.zeros((3, 3))))
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_any_layout(dtype, layout):
    X, y = features_of(60, 8)
    X = X.astype(dtype)
    assert gbc(layouts(X)[layout], y) == pytest.approx(reference.gbc(X, y), rel=FLOAT32)


@pytest.mark.parametrize(
    ("covariance", "expected"), [("diagonal", -2.2014), ("spherical", -3.9438)]
)
def test_golden_toy(covariance, expected):
    _, y = toy()
    i, j = np.arange(30)[:, np.newaxis], np.arange(3)
    X = (j + 1) * np.sin((i + 1) * (j + 1)) + (y[:, np.newaxis] == j)
    assert gbc(X, y, covariance=covariance, pca=None) == pytest.approx(expected, abs=FOUR_DECIMALS)


def test_two_classes_by_hand():
    X = np.array([[-1.0], [1.0], [3.0], [9.0]])  # means 0 and 6, variances 1 and 9
    expected = -2 * np.exp(-(36 / 5 / 8) - np.log(5 / 3) / 2)
    for covariance in COVARIANCES:
        value = gbc(X, [0, 0, 1, 1], covariance=covariance, pca=None)
        assert value == pytest.approx(expected, rel=FLOAT64)


def test_spherical_counts_the_volume_of_every_dimension():
    X = np.repeat([[-1.0], [1.0], [-3.0], [3.0]], 7, axis=1)  # variances 1 and 9, same mean
    value = gbc(X, [0, 0, 1, 1], covariance="spherical", pca=None)
    assert value == pytest.approx(-2 * (3 / 5) ** (7 / 2), rel=FLOAT64)


@pytest.mark.parametrize("pca", [None, 8])
def test_many_label_sets_have_the_bits_of_single_calls(pca):
    X, _ = features_of(300, 40)
    Y = np.random.default_rng(2).integers(0, 5, size=(300, 9))
    Y[:, 3] = np.arange(300) % 30
    values = gbc(X, Y, pca=pca)
    assert values.shape == (9,)
    np.testing.assert_array_equal(values, [gbc(X, column, pca=pca) for column in Y.T])


# ------------------------------------------------------------------------------- hostile


def hostile():
    X, y = features_of(120, 30)
    rng = np.random.default_rng(1)
    alone = np.append(y[:-1], 99)
    return {
        "a class with one sample": (X, alone),
        "only such classes": (X, np.arange(120)),
        "duplicated rows": (np.repeat(X[:20], 6, axis=0), np.repeat(y[:20], 6)),
        "duplicated rows, other labels": (np.repeat(X[:20], 6, axis=0), np.arange(120) % 5),
        "duplicated columns": (np.repeat(X, 2, axis=1), y),
        "dead features": (X * (np.arange(30) % 2), y),
        "low rank": (X[:, :3] @ rng.normal(size=(3, 30)), y),
        "sorted by class": (X[np.argsort(y)], np.sort(y)),
        "units": (X * 10.0 ** rng.integers(-8, 9, 30), y),
        "outlier": (np.vstack([X, np.full(30, 1e3)]), np.append(y, 0)),
    }


@pytest.mark.parametrize("case", hostile())
def test_hostile_features_score_as_the_reference(case):
    X, y = hostile()[case]
    for covariance in COVARIANCES:
        for pca in (None, 10):
            expected = reference.gbc(X, y, covariance=covariance, pca=pca)
            # The least of 10^16 variances says nothing: its axis is lost in rounding.
            if case == "units" and pca:
                assert np.isfinite(gbc(X, y, covariance=covariance, pca=pca))
                continue
            assert_same(gbc(X, y, covariance=covariance, pca=pca), expected, PRINCIPAL, y)


@pytest.mark.parametrize("pca", [None, 10])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_large_offset_costs_few_digits(dtype, pca):
    X, y = features_of(300, 40)
    moved = (X + 1e4).astype(dtype)
    expected = reference.gbc(moved.astype(np.float64) - 1e4, y, pca=pca)
    assert_same(gbc(moved, y, pca=pca), expected, MAPPED, y)


@pytest.mark.parametrize("pca", [None, 64])
def test_constant_features_overlap_fully(pca):
    for X in (np.full((30, 4), 0.1), np.full((30, 4), 7.0), np.zeros((5, 9)), np.ones((2, 300))):
        y = np.arange(len(X)) % 2
        assert gbc(X, y, pca=pca) == -2


@pytest.mark.parametrize("pca", [None, 5])
@pytest.mark.parametrize("scale", [1e-300, 1e-200, 1e-150, 1e150, 1e200, 1e300])
def test_far_units_have_finite_scores(scale, pca):
    X, y = features_of(100, 10)
    value = gbc(X * scale, y, pca=pca)
    if scale < 1:  # beside the least variance nothing is left
        assert value == -20
    else:  # and it is nothing beside the features
        expected = reference.gbc(X, y, pca=pca, least_variance=1e-300)
        assert_same(value, expected, PRINCIPAL, y)


def test_single_samples_far_apart_do_not_overlap():
    value = gbc(np.array([[0.0], [1.0], [2.0]]) * 1e200, [0, 1, 2], pca=None)
    assert value == 0
    assert not np.signbit(value)


def test_squares_beyond_float64_are_an_error_not_nan():
    for X in (np.random.default_rng(0).normal(size=(600, 3)), np.zeros((600, 700))):
        X[301, 1] = 1e300  # not among the rows that choose the scale
        for pca in (None, 2):
            with pytest.raises(ValueError, match="`features` must have squares within the range"):
                gbc(X, np.arange(600) % 2, pca=pca)


# ----------------------------------------------------------------------- leading axes only


def test_a_spectrum_without_gaps():
    X = np.random.default_rng(0).normal(size=(1500, 400))
    y = np.arange(1500) % 3
    assert_same(gbc(X, y), reference.gbc(X, y), PRINCIPAL, y)


def test_a_steep_spectrum():
    rng = np.random.default_rng(0)
    X = (
        rng.normal(size=(900, 400))
        * 0.9 ** np.arange(400)
        @ np.linalg.qr(rng.normal(size=(400,) * 2))[0]
    )
    y = np.arange(900) % 3
    assert_same(gbc(X, y), reference.gbc(X, y), PRINCIPAL, y)


@pytest.mark.parametrize("shape", [(600, 400), (400, 600)])
def test_rank_far_below_the_number_of_components(shape):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(shape[0], 5)) @ rng.normal(size=(5, shape[1]))
    y = np.arange(len(X)) % 3
    for covariance in COVARIANCES:
        expected = reference.gbc(X, y, covariance=covariance)
        assert_same(gbc(X, y, covariance=covariance), expected, PRINCIPAL, y)


def test_equal_variances_on_all_axes():
    X = np.vstack([np.eye(300), -np.eye(300)])
    y = np.arange(600) % 3
    assert -6 <= gbc(X, y) <= 0


# ---------------------------------------------------------------------------------- laws


@st.composite
def problems(draw):
    n, d = draw(st.integers(2, 60)), draw(st.integers(1, 30))
    n_classes = draw(st.integers(2, min(n, 6)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = np.append(np.arange(n_classes), rng.integers(0, n_classes, n - n_classes))
    return rng.normal(size=(n, d)) + rng.normal(size=(n_classes, d))[labels], labels, rng


@settings(deadline=None)
@given(problems())
def test_law_bounds(problem):
    X, y, _ = problem
    k = len(np.unique(y))
    for covariance in COVARIANCES:
        for pca in (None, 4):
            assert -k * (k - 1) <= gbc(X, y, covariance=covariance, pca=pca) <= 0


@settings(deadline=None)
@given(problems())
def test_law_order_of_samples_and_names_of_labels_do_not_matter(problem):
    X, y, rng = problem
    order = rng.permutation(len(X))
    names = np.array(["f", "b", "a", "e", "c", "d"])[rng.permutation(6)]
    value = gbc(X[order], names[y[order]], pca=None)
    assert_same(value, gbc(X, y, pca=None), REARRANGED, y)


@settings(deadline=None)
@given(problems())
def test_law_shift_and_scale_of_features_with_their_least_variance(problem):
    X, y, rng = problem
    moved = gbc(3 * X + rng.normal(size=X.shape[1]), y, pca=None, least_variance=9e-4)
    assert_same(moved, gbc(X, y, pca=None), MAPPED, y)


@settings(deadline=None)
@given(problems())
def test_law_repeating_the_data_does_not_change_it(problem):
    X, y, _ = problem
    value = gbc(np.tile(X, (3, 1)), np.tile(y, 3), pca=None)
    assert_same(value, gbc(X, y, pca=None), REARRANGED, y)


@settings(deadline=None)
@given(problems())
def test_law_spherical_is_blind_to_rotation(problem):
    X, y, rng = problem
    rotation = np.linalg.qr(rng.normal(size=(X.shape[1],) * 2))[0]
    # A variance below the least counts as that on its own axis: small enough to matter nowhere.
    if np.bincount(y).min() < 2:
        return
    value, turned = (
        gbc(Z, y, covariance="spherical", pca=None, least_variance=1e-200)
        for Z in (X, X @ rotation)
    )
    assert_same(turned, value, MAPPED, y)


def test_all_principal_components_are_a_rotation():
    X, y = features_of(200, 12)
    value = gbc(X, y, covariance="spherical", pca=64, least_variance=1e-200)
    expected = gbc(X, y, covariance="spherical", pca=None, least_variance=1e-200)
    assert_same(value, expected, MAPPED, y)
    diagonal = [gbc(X, y, pca=pca) for pca in (None, 64)]
    assert abs(diagonal[0] - diagonal[1]) > FOUR_DECIMALS  # whose axes matter


def test_ignored_samples_leave_no_trace():
    X, y = features_of(60, 8)
    wild, void = X.copy(), y.copy()
    wild[::7], void[::7] = np.nan, 255
    assert gbc(wild, void, ignore_index=255) == gbc(X[void != 255], y[void != 255])


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"covariance": "full"}, ValueError, "`covariance` must be 'diagonal' or 'spherical', got"),
        ({"pca": 0}, ValueError, "`pca` must be at least 1, got 0"),
        ({"pca": 0.8}, TypeError, "`pca` must be an integer, got 0.8"),
        ({"pca": True}, TypeError, "`pca` must be an integer, got True"),
        ({"least_variance": 0}, ValueError, "`least_variance` must be a finite number above 0"),
        ({"least_variance": "a"}, TypeError, "`least_variance` must be a number above 0, got 'a'"),
        ({"n_threads": 0}, ValueError, "`n_threads` must be between 1 and 1024, got 0"),
        ({"labels": np.zeros(60)}, ValueError, "`labels` must have at least two classes, got one"),
        ({"labels": np.zeros(59)}, ValueError, r"`labels` must have shape \(60,\) or \(60, L\)"),
        ({"features": np.zeros(60)}, ValueError, r"`features` must have shape \(n, d\), got \(60,"),
        ({"features": np.full((60, 2), np.inf)}, ValueError, "`features` must be finite, got inf"),
    ],
)
def test_errors_name_the_argument(change, error, text):
    X, y = features_of(60, 8)
    with pytest.raises(error, match=text):
        gbc(**{"features": X, "labels": y, **change})
