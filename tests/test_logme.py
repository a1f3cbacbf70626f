"""LogME: kernel against reference, conventions, laws, golden values, real data."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import iris, network_features, toy
from published import fixed_point, onehot
from tolerances import (
    EXACT_FIT,
    FLOAT32,
    FLOAT64,
    FOUR_DECIMALS,
    GOLDEN,
    MAPPED,
    REARRANGED,
    REORDERED,
    UNCENTRED,
)
from transferscore import LogMEResult, logme, reference
from transferscore._backend import backend
from transferscore._scores.logme import CONVENTIONS
from transferscore.reference.logme import evidence

SHAPES = {
    "n < d": (40, 70),
    "n = d": (50, 50),
    "n = d + 1": (51, 50),
    "n > d": (300, 40),
    "several tiles": (450, 400),
    "one feature": (60, 1),
    "two samples": (2, 5),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equals_the_reference(dtype, shape):
    n, d = SHAPES[shape]
    X, y = network_features(n, d, min(n, 7))
    X = X.astype(dtype)
    expected = reference.logme(X, y)
    tolerance = FLOAT64 if dtype == np.float64 else FLOAT32
    assert logme(X, y) == pytest.approx(expected, rel=tolerance, abs=tolerance)


@pytest.mark.parametrize("seed", [604, 2020, 2766])
def test_the_highest_of_several_maxima(seed):
    # The evidence has a second maximum, or rises again towards weights of zero.
    rng = np.random.default_rng(seed)
    n, d = {604: (11, 3), 2020: (5, 6), 2766: (8, 7)}[seed]
    assert (rng.integers(4, 40), rng.integers(1, 12)) == (n, d)
    n_classes = rng.integers(2, 4)
    y = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, n - n_classes)])
    X = rng.normal(size=(n, d))
    assert logme(X, y) == pytest.approx(reference.logme(X, y), rel=REARRANGED)


@pytest.mark.parametrize("shape", ["n < d", "n > d", "several tiles"])
def test_bits_do_not_depend_on_threads_or_layout(shape):
    n, d = SHAPES[shape]
    X, y = network_features(n, d, 5)
    wide = np.zeros((n, 2 * d))
    wide[:, ::2] = X
    value = logme(X, y, n_threads=1)
    for n_threads in (2, 3):
        assert logme(X, y, n_threads=n_threads) == value
    assert logme(np.asfortranarray(X), y) == value
    assert logme(wide[:, ::2], y) == value


def test_bits_of_a_large_problem_do_not_depend_on_threads():
    X, y = network_features(1100, 900, 12)
    values = [logme(X, y, n_threads=k, full_output=True) for k in (1, 2, 3)]
    for other in values[1:]:
        np.testing.assert_array_equal(other.evidences, values[0].evidences)
        np.testing.assert_array_equal(other.weights, values[0].weights)


@pytest.mark.parametrize("shape", ["n < d", "n = d", "n > d"])
def test_result_is_the_definition_at_its_own_alpha_and_beta(shape):
    n, d = SHAPES[shape]
    X, y = network_features(n, d, 4, seed=1)
    X = X + np.random.default_rng(0).normal(size=X.shape)  # no class is fitted exactly
    result = logme(X, y, full_output=True)
    assert isinstance(result, LogMEResult)
    assert result.value == result.evidences.mean()
    assert result.classes.tolist() == [0, 1, 2, 3]
    for c in range(4):
        t, alpha, beta = (y == c) * 1.0, result.alpha[c], result.beta[c]
        expected = evidence(X, t, alpha, beta)
        assert result.evidences[c] == pytest.approx(expected, rel=MAPPED)
        m = np.linalg.solve(alpha / beta * np.eye(d) + X.T @ X, X.T @ t)
        np.testing.assert_allclose(result.weights[c], m, atol=REARRANGED * np.abs(m).max())
        for f in (0.9, 1.1):
            assert evidence(X, t, alpha * f, beta) < expected
            assert evidence(X, t, alpha, beta * f) < expected
    scores = result.predict(X[:5])
    np.testing.assert_allclose(scores, X[:5] @ result.weights.T, rtol=REORDERED)


def test_regression_and_several_labels():
    X, y = network_features(200, 20, 4)
    rng = np.random.default_rng(0)
    Y = X[:, :3] @ rng.normal(size=(3, 2)) + rng.normal(size=(200, 2))
    assert logme(X, Y, regression=True) == pytest.approx(
        reference.logme(X, Y, regression=True), rel=FLOAT64
    )
    one = logme(X, Y[:, 0], regression=True, full_output=True)
    assert one.value == pytest.approx(reference.logme(X, Y[:, 0], regression=True), rel=FLOAT64)
    assert one.predict(X).shape == (200,)
    assert one.classes is None
    onehot = np.eye(4, dtype=int)[y]
    assert logme(X, onehot) == pytest.approx(logme(X, y), rel=REORDERED)
    assert logme(X, onehot == 1) == logme(X, onehot)
    few = X[:15]
    assert logme(few, Y[:15], regression=True) == pytest.approx(
        reference.logme(few, Y[:15], regression=True), rel=FLOAT64
    )


@pytest.mark.parametrize("n", [25, 200])
def test_units_of_targets_shift_the_evidence(n):
    X, _ = network_features(n, 30, 4)
    t = X[:, 0] + np.random.default_rng(0).normal(size=n)
    value = logme(X, t, regression=True)
    for unit in (1e-150, 1e-8, 1e8, 1e150):
        moved = logme(X, t * unit, regression=True)
        assert moved == pytest.approx(value - np.log(unit), rel=REARRANGED)


def hostile():
    rng = np.random.default_rng(5)
    X, y = network_features(120, 30, 5, seed=3)
    X = X + 0.5 * rng.normal(size=X.shape)
    one_sample = y.copy()
    one_sample[7] = 99
    return {
        "one-sample class": (X, one_sample),
        "dead columns": (np.where(np.arange(30) % 3 == 0, 0.0, X), y),
        "duplicated columns": (X[:, rng.integers(0, 30, 45)], y),
        "low rank": (X[:, :9] @ rng.normal(size=(9, 30)), y),
        "duplicated rows": (X[np.arange(120) // 2], y[np.arange(120) // 2]),
        "offset 1e4": (X + 1e4, y),
        "units 1e-3 to 1e3": (X * 10.0 ** rng.integers(-3, 4, 30), y),
        "tiny": (X * 1e-150, y),
        "huge": (X * 1e150, y),
        "unrelated": (rng.normal(size=(120, 30)), y),
        "zeros": (np.zeros((60, 4)), y[:60]),
        "constant": (np.full((60, 4), 0.1), y[:60]),
        "fewer samples, zeros": (np.zeros((20, 40)), y[:20]),
        "fewer samples, low rank": (X[:25, :6] @ rng.normal(size=(6, 30)), y[:25]),
        "fewer samples, duplicated, at odds": (X[np.arange(25) // 2], y[:25]),
    }


@pytest.mark.parametrize("case", hostile())
def test_hostile_features_score_as_the_reference(case):
    X, y = hostile()[case]
    tolerance = UNCENTRED if "offset" in case else REARRANGED
    assert logme(X, y) == pytest.approx(reference.logme(X, y), rel=tolerance)


def test_targets_that_fit_exactly_end_at_rounding():
    X, y = network_features(90, 12, 3)
    few = network_features(20, 30, 3)[0][np.arange(20) // 2]
    for features, labels in (
        (np.eye(3)[y], y),
        (np.concatenate([X, np.eye(3)[y]], axis=1), y),
        (few, np.arange(20) // 2 % 3),
    ):
        value, expected = logme(features, labels), reference.logme(features, labels)
        assert value > 2
        assert value == pytest.approx(expected, rel=EXACT_FIT)


def test_squares_beyond_float64_are_an_error_not_nan():
    X = np.full((600, 3), 1e200)
    X[:300] = 1e-200
    assert np.isfinite(logme(X, np.arange(600) % 2))
    for convention in ("tllib", "thuml"):
        with pytest.raises(ValueError, match="`features` must have squares within the range"):
            logme(X, np.arange(600) % 2, convention=convention)


def test_features_without_any_relation_have_no_fixed_point():
    y = np.arange(60) % 3
    for X in (np.zeros((60, 4)), np.repeat([1.0, -1.0], 30)[:, np.newaxis]):
        assert np.isfinite(logme(X, y))
        with pytest.raises(ValueError, match="none of the columns of `targets` may be orthogonal"):
            logme(X, y, convention="tllib")


def test_columns_of_zeros_are_left_out_and_said():
    X, y = network_features(100, 10, 3)
    Y = np.concatenate([np.eye(3)[y], np.zeros((100, 2))], axis=1).astype(int)
    with pytest.warns(UserWarning, match="left out: column 3 and 1 more of `targets`") as caught:
        result = logme(X, Y, full_output=True)
    assert caught[0].filename == __file__
    assert result.value == pytest.approx(logme(X, y), rel=REORDERED)
    assert result.evidences[3:].tolist() == result.alpha[3:].tolist() == [0, 0]
    assert not result.weights[3:].any()
    with pytest.warns(UserWarning, match="column 0 of"):
        assert logme(X, np.zeros(100), regression=True) == 0
    for convention in ("tllib", "thuml", "thuml-icml"):
        with pytest.warns(UserWarning, match="left out: column 3 and 1 more"):
            left_out = logme(X, Y, convention=convention)
        assert left_out == pytest.approx(logme(X, y, convention=convention), rel=REORDERED)
    ones = np.ones((100, 1), int)
    assert logme(X, ones) == pytest.approx(reference.logme(X, ones), rel=FLOAT64)


# ------------------------------------------------------------------------------ statistics


def statistics(X, y):
    ids = np.unique(y, return_inverse=True)[1].astype(np.int32)
    return backend.feature_statistics(X, ids[np.newaxis], [int(ids.max()) + 1], n_threads=2)


@pytest.mark.parametrize("shape", ["n > d", "several tiles", "one feature"])
@pytest.mark.parametrize("offset", [0, 30])
def test_statistics_score_as_features(shape, offset):
    X, y = network_features(*SHAPES[shape], 4)
    X = X + offset
    values, *_, m, _ = backend.logme_of_statistics(
        statistics(X, y), fixed_point=None, weights=True, n_threads=2
    )
    result = logme(X, y, full_output=True)
    np.testing.assert_allclose(values, result.evidences, rtol=MAPPED)
    np.testing.assert_allclose(m, result.weights, atol=MAPPED * np.abs(m).max())


# ----------------------------------------------------------------------------------- laws


@st.composite
def problems(draw):
    n, d = draw(st.integers(4, 60)), draw(st.integers(1, 40))
    n_classes = draw(st.integers(2, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, n - n_classes)])
    return rng.normal(size=(n, d)), labels, rng


@settings(deadline=None, max_examples=50)
@given(problems())
def test_law_units_rotation_and_order_do_not_matter(problem):
    X, y, rng = problem
    value = logme(X, y)
    rotation = np.linalg.qr(rng.normal(size=(X.shape[1],) * 2))[0]
    order = rng.permutation(len(X))
    names = np.array(["c", "a", "d", "b"])
    for moved in (
        logme(1e5 * X, y),
        logme(X @ rotation, y),
        logme(X[order], names[y[order]]),
    ):
        assert moved == pytest.approx(value, rel=MAPPED, abs=MAPPED)


@settings(deadline=None, max_examples=50)
@given(problems())
def test_law_features_of_zeros_change_nothing(problem):
    X, y, _ = problem
    wide = np.concatenate([X, np.zeros((len(X), 70))], axis=1)
    assert logme(wide, y) == pytest.approx(logme(X, y), rel=MAPPED, abs=MAPPED)


@settings(deadline=None, max_examples=50)
@given(problems())
def test_law_no_less_than_with_weights_of_zero_and_than_any_convention(problem):
    X, y, _ = problem
    n = len(X)
    share = np.bincount(y) / n
    zero = np.mean(-(np.log(share) + 1 + np.log(2 * np.pi)) / 2)
    value = logme(X, y)
    assert np.isfinite(value)
    assert value >= zero - MAPPED
    assert value >= logme(X, y, convention="tllib") - MAPPED


# ------------------------------------------------------------------------- golden values


@pytest.mark.parametrize(
    ("convention", "on_iris", "on_toy"),
    [
        ("tllib", -0.1600602763, -0.7817908009614681),
        ("thuml", -0.1600602437, -0.7817904745977075),
        ("thuml-icml", -0.1600615738, -0.7818046608118171),
    ],
)
def test_golden_values_of_conventions(convention, on_iris, on_toy):
    assert logme(*iris(), convention=convention) == pytest.approx(on_iris, rel=GOLDEN)
    assert logme(*toy(), convention=convention) == pytest.approx(on_toy, rel=REORDERED)


def test_golden_value_of_transformer_ranker():
    # Its test suite; log 2 pi is rounded to float32 there.
    X, y = iris()
    value = logme(X.astype(np.float32), y, convention="transformer-ranker")
    assert value == pytest.approx(-0.16006022033609904, rel=1e-6)


@pytest.mark.parametrize(("task", "published"), [("dslr", 0.2040), ("webcam", 0.5398)])
def test_real_features_of_office_31(data_folder, task, published):
    with np.load(data_folder / "office31_otce_resnet18.npz", allow_pickle=False) as z:
        X, y = z[f"tar_{task}_x"], z[f"tar_{task}_y"]
    assert logme(X, y, convention="tllib") == pytest.approx(published, abs=FOUR_DECIMALS)
    assert logme(X, y) > published
    assert logme(X, y) == pytest.approx(reference.logme(X, y), rel=FLOAT32)


@pytest.mark.parametrize("shape", ["n < d", "n > d"])
def test_conventions_are_the_fixed_point_in_plain_numpy(shape):
    X, y = network_features(*SHAPES[shape], 4)
    X = 3 * (X + np.random.default_rng(0).normal(size=X.shape))
    for name in ("tllib", "thuml", "thuml-icml", "transformer-ranker"):
        expected = fixed_point(X, onehot(y), **asdict(CONVENTIONS[name]))[0]
        assert logme(X, y, convention=name) == pytest.approx(expected.mean(), rel=MAPPED)


def test_the_published_sum_with_too_few_terms():
    X, y = network_features(40, 70, 4)
    expected = fixed_point(X, onehot(y), tol=1e-3, epsilon=1e-5, all_terms=False)[0]
    ids, empty = y.astype(np.int32), np.empty((0, 0))
    values = backend.logme(
        X,
        ids,
        4,
        empty,
        fixed_point=(11, 1e-3, 1e-5, False, False, False, 1.0, 1.0),
        weights=False,
        n_threads=1,
    )[0]
    np.testing.assert_allclose(values, expected, rtol=MAPPED)
    assert values.mean() > logme(X, y, convention="thuml") + 1


# ------------------------------------------------------------------------------ arguments


def test_ignored_samples_leave_no_trace():
    X, y = network_features(150, 10, 4)
    keep = np.arange(150) % 5 != 0
    void = np.where(keep, y, 255)
    wild = np.where(keep[:, np.newaxis], X, np.nan)
    result = logme(wild, void, ignore_index=255, full_output=True)
    assert result.value == logme(X[keep], y[keep])
    assert result.classes.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("targets", "options", "error", "text"),
    [
        (np.zeros((9, 2)), {}, TypeError, "`targets` must hold 0 and 1, as integers or booleans"),
        (np.full((9, 2), 2), {}, ValueError, r"must hold 0 and 1, got 2 at row 0, column 0"),
        (np.zeros(8), {"regression": True}, ValueError, r"`targets` must have shape \(9,\) or"),
        (np.full(9, np.nan), {"regression": True}, ValueError, "`targets` must be finite, got nan"),
        (["a"] * 9, {"regression": True}, TypeError, "`targets` must hold real numbers"),
        (np.ones(9), {"regression": True, "ignore_index": 1}, TypeError, "`ignore_index` must be"),
        (np.zeros(9, int), {}, ValueError, "at least two classes, got one"),
        (np.arange(9) % 2, {"convention": "x"}, ValueError, "`convention` must be 'exact' or"),
    ],
)
def test_errors_say_what_is_wrong(targets, options, error, text):
    X = np.random.default_rng(0).normal(size=(9, 3))
    with pytest.raises(error, match=text):
        logme(X, targets, **options)


def test_predict_asks_for_as_many_features():
    X, y = network_features(50, 6, 3)
    result = logme(X, y, full_output=True)
    with pytest.raises(ValueError, match="`features` must have 6 columns, got 5"):
        result.predict(X[:, :5])
