"""Drop-in names of `tllib.ranking`: the published numbers, wherever they are well defined."""

import importlib
import re

import numpy as np
import pytest

import published
import transferscore
from conftest import iris, network_features, toy
from tolerances import FLOAT32, FLOAT64, GOLDEN, MAPPED, REORDERED
from transferscore.compat import tllib

SHAPES = {"n > d": (300, 25), "n < d": (30, 50), "one feature": (80, 1)}


def task(shape="n > d", n_classes=6):
    n, d = SHAPES[shape]
    X, y = network_features(n, d, n_classes)
    return X + 0.5 * np.random.default_rng(0).normal(size=X.shape), y


def probabilities(n, n_classes=5):
    return published.softmax(2 * np.random.default_rng(1).normal(size=(n, n_classes)))


# ------------------------------------------------------------------------------ definitions


@pytest.mark.parametrize("shape", ["n > d", "one feature"])
def test_h_score(shape):
    X, y = task(shape)
    assert tllib.h_score(X, y) == pytest.approx(published.h_score(X, y), rel=FLOAT64)
    assert tllib.h_score(X, y) == transferscore.h_score(X, y)


@pytest.mark.parametrize("shape", ["n > d", "n < d"])
def test_shrinkage_h_score_mixes_n_and_n_minus_1(shape):
    X, y = task(shape)
    value = tllib.regularized_h_score(X, y)
    assert value == pytest.approx(published.shrinkage_h_score(X, y), rel=FLOAT64)
    n = len(X)
    paper = transferscore.h_score(X, y, shrinkage="ledoit-wolf")
    assert value == pytest.approx(paper * n / (n - 1), rel=FLOAT64)


def test_leep():
    _, y = task()
    theta = probabilities(len(y))
    value = tllib.log_expected_empirical_prediction(theta, y)
    assert value == pytest.approx(published.leep(theta, y), rel=FLOAT64)
    unused = np.concatenate([theta, np.zeros((len(y), 1))], axis=1)  # nan there
    assert tllib.log_expected_empirical_prediction(unused, y) == pytest.approx(value, rel=REORDERED)


def test_nce():
    _, y = task()
    z = probabilities(len(y)).argmax(axis=1)
    value = tllib.negative_conditional_entropy(z, y)
    assert value == pytest.approx(published.nce(z, y), rel=FLOAT64)
    # The source labels come first.
    assert value != pytest.approx(tllib.negative_conditional_entropy(y, z), rel=FLOAT32)


@pytest.mark.parametrize("shape", SHAPES)
def test_logme_and_its_weights(shape):
    X, y = task(shape)
    evidences, _, _, ms = published.fixed_point(X, published.onehot(y))
    score, weights = tllib.log_maximum_evidence(X, y, return_weights=True)
    assert score == pytest.approx(evidences.mean(), rel=MAPPED)
    np.testing.assert_allclose(weights, ms, atol=MAPPED * np.abs(ms).max())
    assert score == tllib.log_maximum_evidence(X, y)


@pytest.mark.parametrize("shape", SHAPES)
def test_logme_of_numbers(shape):
    X, _ = task(shape)
    Y = X[:, :1] * [1.0, -2.0] + np.random.default_rng(2).normal(size=(len(X), 2))
    evidences, _, _, ms = published.fixed_point(X, Y)
    score, weights = tllib.log_maximum_evidence(X, Y, True, True)
    assert score == pytest.approx(evidences.mean(), rel=MAPPED)
    np.testing.assert_allclose(weights, ms, atol=MAPPED * np.abs(ms).max())
    one = tllib.log_maximum_evidence(X, Y[:, 1], regression=True)  # an error there
    assert one == pytest.approx(evidences[1], rel=MAPPED)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("eps", [1e-4, 0.5])
def test_transrate_weighs_classes_alike(shape, eps):
    X, y = task(shape)
    y = np.minimum(y, 2)  # of different sizes
    value = tllib.transrate(X, y, eps)
    assert value == pytest.approx(published.transrate(X, y, eps), rel=FLOAT64)
    assert value != pytest.approx(transferscore.transrate(X, y, epsilon=eps), rel=FLOAT32)
    rate = tllib.coding_rate(X, eps=eps)
    assert rate == pytest.approx(published.coding_rate(X, eps), rel=FLOAT64)
    assert rate > transferscore.coding_rate(X, epsilon=eps)  # which centres


def test_golden_values():
    X, y = toy()
    i, k = np.arange(30)[:, np.newaxis], np.arange(4)
    theta = published.softmax(np.cos((i + 1) * (k + 1)))
    for value, expected in (
        (tllib.h_score(X, y), 0.9416783174071599),
        (tllib.regularized_h_score(X, y), 0.7099151637310679),
        (tllib.log_expected_empirical_prediction(theta, y), -1.0624070355663435),
        (tllib.negative_conditional_entropy(theta.argmax(axis=1), y), -0.8504600594475578),
        (tllib.log_maximum_evidence(X, y), -0.7817908009614681),
        (tllib.transrate(X, y), 0.21037960291099544),
    ):
        assert isinstance(value, np.float64)
        assert value == pytest.approx(expected, rel=REORDERED)
    X, y = iris()
    assert tllib.h_score(X, y) == pytest.approx(1.1918988250, rel=GOLDEN)
    assert tllib.regularized_h_score(X, y) == pytest.approx(1.1778424993, rel=GOLDEN)
    assert tllib.log_maximum_evidence(X, y) == pytest.approx(-0.1600602763, rel=GOLDEN)


# ---------------------------------------------------------------------------- hostile input


def all_scores(X, y, theta):
    return {
        "h_score": tllib.h_score(X, y),
        "regularized_h_score": tllib.regularized_h_score(X, y),
        "leep": tllib.log_expected_empirical_prediction(theta, y),
        "nce": tllib.negative_conditional_entropy(np.argmax(theta, axis=1), y),
        "logme": tllib.log_maximum_evidence(X, y),
        "transrate": tllib.transrate(X, y),
    }


@pytest.mark.parametrize(
    "convert",
    [
        lambda y: 3 * y,  # nan or ZeroDivisionError there
        lambda y: 7 * y - 9,
        lambda y: y.astype(np.float32),
        lambda y: y.astype(np.uint8),
        lambda y: y[:, np.newaxis],
        lambda y: y.tolist(),
        lambda y: np.array(["c", "a", "b", "e", "f", "d"])[y],
    ],
    ids=["gaps", "negative", "floats", "bytes", "column", "list", "names"],
)
def test_labels_of_any_kind(convert):
    X, y = task()
    theta = probabilities(len(y))
    values, expected = all_scores(X, convert(y), theta), all_scores(X, y, theta)
    for name, value in values.items():
        assert value == pytest.approx(expected[name], rel=REORDERED), name


def test_integers_and_lists():
    X, y = task()
    whole = np.rint(10 * X).astype(int)
    theta = probabilities(len(y))
    expected = all_scores(whole.astype(float), y, theta)
    assert all_scores(whole, y, theta) == expected  # class means are truncated there
    assert all_scores(whole.tolist(), y.tolist(), theta.tolist()) == expected


def test_rows_of_weights_belong_to_labels():
    X, y = task()
    gaps = np.where(y == 5, 8, y)
    score, weights = tllib.log_maximum_evidence(X, gaps, return_weights=True)
    expected, rows = tllib.log_maximum_evidence(X, y, return_weights=True)
    assert score == expected
    assert weights.shape == (9, X.shape[1])
    np.testing.assert_array_equal(weights[[0, 1, 2, 3, 4, 8]], rows)
    assert not weights[5:8].any()
    for labels in (y - 1, np.array(list("abcdef"))[y]):
        with pytest.raises(ValueError, match="`targets` must be whole numbers of at least 0"):
            tllib.log_maximum_evidence(X, labels, return_weights=True)


def test_columns_of_zeros_are_left_out():
    X, y = task()
    Y = np.zeros((len(y), 3))
    Y[:, 0], Y[:, 2] = y, X[:, 0]
    with pytest.warns(UserWarning, match="left out: column 1 of") as caught:
        score, weights = tllib.log_maximum_evidence(X, Y, regression=True, return_weights=True)
    assert caught[0].filename == __file__
    assert score == pytest.approx(
        tllib.log_maximum_evidence(X, Y[:, [0, 2]], regression=True), rel=REORDERED
    )
    assert not weights[1].any()


def test_too_few_samples_say_so():
    X, y = task("n < d")
    with pytest.warns(UserWarning, match="is the number of classes minus one"):
        assert tllib.h_score(X, y) == pytest.approx(5, rel=FLOAT64)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda X, y: tllib.h_score(X, np.stack([y, y], axis=1)), "`labels` must have shape (n,)"),
        (lambda X, y: tllib.regularized_h_score(X, 0 * y), "`labels` must have at least two"),
        (lambda X, y: tllib.log_maximum_evidence(X, X), "`targets` must have shape (n,) or (n, 1)"),
        (lambda X, y: tllib.transrate(X, y, eps=0), "`eps` must be a finite number above 0, got 0"),
        (lambda X, y: tllib.coding_rate(X, -1.0), "`eps` must be a finite number above 0, got -1"),
        (tllib.log_expected_empirical_prediction, "`predictions` must not be negative"),
        (
            lambda X, y: tllib.negative_conditional_entropy(y, y[1:]),
            "`target_labels` must have shape (300,), got (299,)",
        ),
    ],
)
def test_errors_name_the_argument(call, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        call(*task())


# ------------------------------------------------------------------------------------ names


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("hscore", ["h_score", "regularized_h_score"]),
        ("leep", ["log_expected_empirical_prediction"]),
        ("logme", ["log_maximum_evidence"]),
        ("nce", ["negative_conditional_entropy"]),
        ("transrate", ["coding_rate", "transrate"]),
    ],
)
def test_modules_have_the_names_of_the_package(module, names):
    loaded = importlib.import_module(f"transferscore.compat.tllib.{module}")
    assert sorted(loaded.__all__) == names
    for name in names:
        assert name in tllib.__all__
        assert getattr(tllib, name) is getattr(loaded, name)
