"""Drop-in names of thuml/LogME: the object, and the published numbers wherever well defined."""

import pickle
import re

import numpy as np
import pytest

import published
import transferscore
from conftest import iris, network_features, toy
from tolerances import FLOAT64, GOLDEN, MAPPED, REORDERED
from transferscore.compat import logme, tllib
from transferscore.compat.logme import LEEP, NCE, LogME

# How the published program iterates.
PUBLISHED = {"tol": 1e-3, "epsilon": 1e-5}
SHAPES = {"n > d": (300, 25), "n < d": (40, 70), "n = d": (50, 50), "one feature": (80, 1)}


def task(shape="n > d", n_classes=6):
    n, d = SHAPES[shape]
    X, y = network_features(n, d, n_classes)
    return X + 0.5 * np.random.default_rng(0).normal(size=X.shape), y


def assert_fitted(model, score, expected):
    evidences, alphas, betas, ms = expected
    assert score == pytest.approx(evidences.mean(), rel=MAPPED)
    assert isinstance(score, np.float64)
    assert model.fitted is True
    assert model.num_dim == len(ms)
    assert isinstance(model.alphas, list)
    np.testing.assert_allclose(model.alphas, alphas, rtol=MAPPED)
    np.testing.assert_allclose(model.betas, betas, rtol=MAPPED)
    assert model.ms.shape == ms.shape
    np.testing.assert_allclose(model.ms, ms, atol=MAPPED * np.abs(ms).max())


@pytest.mark.parametrize("shape", SHAPES)
def test_classes(shape):
    X, y = task(shape)
    model = LogME()
    expected = published.fixed_point(X, published.onehot(y), **PUBLISHED)
    assert_fitted(model, model.fit(X, y), expected)
    assert model.regression is False
    np.testing.assert_array_equal(model.predict(X[:9]), np.argmax(X[:9] @ expected[3].T, axis=1))
    assert model.predict(X).dtype == np.int64


@pytest.mark.parametrize("shape", SHAPES)
def test_numbers(shape):
    X, _ = task(shape)
    Y = X[:, :1] * [1.0, -2.0] + np.random.default_rng(2).normal(size=(len(X), 2))
    model = LogME(regression=True)
    expected = published.fixed_point(X, Y, **PUBLISHED)
    assert_fitted(model, model.fit(X, Y), expected)
    np.testing.assert_allclose(model.predict(X[:9]), X[:9] @ model.ms.T, rtol=REORDERED)
    one = LogME(True)
    assert_fitted(one, one.fit(X, Y[:, 0]), published.fixed_point(X, Y[:, :1], **PUBLISHED))
    assert one.predict(X).shape == (len(X), 1)


def test_several_labels():
    X, y = task()
    Y = np.stack([y % 2, y > 3, y == 1], axis=1).astype(int)
    model = LogME(regression=True)
    assert_fitted(model, model.fit(X, Y), published.fixed_point(X, Y, **PUBLISHED))
    assert model.predict(X).shape == Y.shape


def test_the_terms_that_are_missing_there():
    X, y = task("n < d")
    evidences = published.fixed_point(X, published.onehot(y), **PUBLISHED, all_terms=False)[0]
    value = LogME(all_terms=False).fit(X, y)
    assert value == pytest.approx(evidences.mean(), rel=MAPPED)
    assert value > LogME().fit(X, y) + 1
    enough, labels = task()
    assert LogME(all_terms=False).fit(enough, labels) == LogME().fit(enough, labels)


def test_golden_values():
    assert LogME().fit(*iris()) == pytest.approx(-0.1600602437, rel=GOLDEN)
    assert LogME().fit(*toy()) == pytest.approx(-0.7817904745977075, rel=REORDERED)
    assert LogME().fit(*toy()) == pytest.approx(
        transferscore.logme(*toy(), convention="thuml"), rel=REORDERED
    )


# ------------------------------------------------------------------------------- the object


def assert_empty(model):
    assert model.fitted is False
    assert model.num_dim == 0
    assert model.alphas == model.betas == model.ms == []


def test_before_and_after():
    X, y = task()
    model = LogME()
    assert_empty(model)
    with pytest.raises(RuntimeError, match="not fitted"):
        model.predict(X)
    first = model.fit(X, y)
    with pytest.warns(UserWarning, match="fitted again") as caught:
        second = model.fit(X[:, :4], np.minimum(y, 2))
    assert caught[0].filename == __file__
    assert second < first
    assert model.ms.shape == (3, 4)
    assert len(model.alphas) == len(model.betas) == model.num_dim == 3
    model.reset()
    assert_empty(model)
    with pytest.raises(RuntimeError, match="not fitted"):
        model.predict(X)
    assert model.fit(X, y) == first  # and no warning


def test_a_failed_fit_leaves_nothing_behind():
    X, y = task()
    model = LogME()
    with pytest.raises(ValueError, match="`f` must be finite"):
        model.fit(np.full_like(X, np.nan), y)
    with pytest.raises(ValueError, match="`y` must be whole numbers of at least 0"):
        model.fit(X, y - 1)
    assert_empty(model)
    model.fit(X, y)
    with (
        pytest.warns(UserWarning, match="fitted again"),
        pytest.raises(ValueError, match="`y` must have shape"),
    ):
        model.fit(X, y[1:])
    assert_empty(model)


def test_pickles():
    X, y = task()
    model = LogME()
    model.fit(X, 2 * y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


# ---------------------------------------------------------------------------- hostile input


def test_classes_without_samples_are_left_out():
    X, y = task()
    gaps = np.where(y == 5, 8, y)
    model, dense = LogME(), LogME()
    assert model.fit(X, gaps) == dense.fit(X, y)  # there 5, 6 and 7 count, with 1e-5 alone
    assert model.num_dim == 9
    there = [0, 1, 2, 3, 4, 8]
    np.testing.assert_array_equal(model.ms[there], dense.ms)
    np.testing.assert_array_equal(np.array(model.alphas)[there], dense.alphas)
    assert not model.ms[5:8].any()
    assert model.alphas[5:8] == model.betas[5:8] == [0, 0, 0]
    predicted = model.predict(-X)  # where a row of zeros would often win
    np.testing.assert_array_equal(predicted, np.array(there)[dense.predict(-X)])


def test_columns_of_zeros_are_left_out():
    X, y = task()
    Y = published.onehot(y).astype(float)
    Y = np.insert(Y, 2, 0, axis=1)
    model = LogME(regression=True)
    with pytest.warns(UserWarning, match="left out: column 2 of") as caught:
        score = model.fit(X, Y)
    assert caught[0].filename == __file__
    assert score == pytest.approx(LogME().fit(X, y), rel=REORDERED)
    assert model.alphas[2] == model.betas[2] == 0
    assert not model.predict(X)[:, 2].any()


@pytest.mark.parametrize(
    "convert",
    [
        lambda y: y.astype(np.float32),
        lambda y: y.astype(np.uint8),
        lambda y: y[:, np.newaxis],
        lambda y: y.tolist(),
    ],
    ids=["floats", "bytes", "column", "list"],
)
def test_labels_of_any_kind(convert):
    X, y = task()
    assert LogME().fit(X, convert(y)) == LogME().fit(X, y)


def test_integers_lists_and_float32():
    X, y = task()
    whole = np.rint(10 * X).astype(int)
    assert LogME().fit(whole, y) == LogME().fit(whole.astype(float), y)
    assert LogME().fit(X.tolist(), y.tolist()) == LogME().fit(X, y)
    single = LogME()
    score = single.fit(X.astype(np.float32), y)
    expected = published.fixed_point(
        X.astype(np.float32).astype(float), published.onehot(y), **PUBLISHED
    )
    assert_fitted(single, score, expected)


def test_separable_classes_are_finite():
    y = np.arange(90) % 3
    X = np.eye(3)[y]
    expected = published.fixed_point(X, published.onehot(y), **PUBLISHED)[0].mean()
    assert LogME().fit(X, y) == pytest.approx(expected, rel=MAPPED)
    assert LogME().fit(X, y) < transferscore.logme(X, y)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda X, y: LogME().fit(X[0], y), "`f` must have shape (n, d)"),
        (lambda X, y: LogME().fit(X, y[1:]), "`y` must have shape (300,)"),
        (lambda X, y: LogME().fit(X, X), "`y` must have shape (n,) or (n, 1)"),
        (lambda X, y: LogME().fit(X, 0 * y), "`y` must have at least two classes"),
        (lambda X, y: LogME(True).fit(X, y[1:]), "`y` must have shape (300,) or (300, C)"),
        (lambda X, y: LogME().fit(0 * X, y), "`f` must have squares within the range"),
        (LEEP, "`pseudo_source_label` must not be negative"),
        (lambda X, y: LEEP(np.ones((300, 1)), X), "`target_label` must have shape (n,) or (n, 1)"),
        (NCE, "`source_label` must have shape (n,) or (n, 1)"),
        (lambda X, y: NCE(y, X[:, 0]), "`target_label` must be whole numbers"),
    ],
)
def test_errors_name_the_argument(call, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        call(*task())


def test_predict_asks_for_as_many_features():
    X, y = task()
    model = LogME()
    model.fit(X, y)
    with pytest.raises(ValueError, match="`f` must have 25 columns, got 24"):
        model.predict(X[:, 1:])


# ------------------------------------------------------------------------------- functions


def test_leep_and_nce_are_those_of_tllib():
    _, y = task()
    theta = published.softmax(np.random.default_rng(1).normal(size=(len(y), 5)))
    z = theta.argmax(axis=1)
    assert LEEP(theta, y) == tllib.log_expected_empirical_prediction(theta, y)
    assert LEEP(theta, y) == pytest.approx(published.leep(theta, y), rel=FLOAT64)
    assert NCE(z, y) == tllib.negative_conditional_entropy(z, y)
    assert NCE(z, y) == pytest.approx(published.nce(z, y), rel=FLOAT64)
    assert LEEP(pseudo_source_label=theta, target_label=y) == LEEP(theta, y[:, np.newaxis])
    assert NCE(source_label=z, target_label=y) == NCE(z, y)


def test_names():
    assert logme.__all__ == ["LEEP", "NCE", "LogME"]
