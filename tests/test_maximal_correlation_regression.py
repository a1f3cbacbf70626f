"""Prediction from maximally correlated features: least squares where it must be, types, errors."""

import re

import numpy as np
import pytest
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.model_selection import GridSearchCV, cross_val_score

from conftest import iris
from tolerances import FLOAT32, LEARNED

torch = pytest.importorskip("torch", reason="networks are PyTorch's")

from transferscore import ConvergenceWarning  # noqa: E402
from transferscore.learn import (  # noqa: E402
    MaximalCorrelationClassifier,
    MaximalCorrelationRegressor,
)

Classifier, Regressor = MaximalCorrelationClassifier, MaximalCorrelationRegressor
LINEAR = {
    "hidden": (),
    "batch_size": None,
    "validation_fraction": 0,
    "learning_rate": 0.05,
    "tol": 1e-4,
    "patience": 20,
}
QUICK = {"max_epochs": 3}
quickly = pytest.mark.filterwarnings("ignore:no convergence in max_epochs")
both = pytest.mark.parametrize("estimator", [Classifier, Regressor])


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def ring(n, seed=0):
    x = np.random.default_rng(seed).uniform(-1, 1, size=(n, 2))
    return x, np.where(np.hypot(*x.T) < 0.7, "in", "out")


def wave(n, seed=0):
    x = np.random.default_rng(seed).uniform(-1, 1, size=(n, 2))
    return x, np.sin(3 * x[:, 0]) + x[:, 1] ** 2


def least_squares(x, y):
    design = np.c_[x, np.ones(len(x))]
    return design @ np.linalg.lstsq(design, y, rcond=None)[0]


# -------------------------------------------------------------------- least squares


@pytest.mark.parametrize("objective", ["h_score", "soft_hgr"])
def test_linear_features_give_least_squares_to_the_indicators(objective):
    x, y = iris()
    model = Classifier(objective=objective, **LINEAR).fit(x, y)
    expected = least_squares(x, np.eye(3)[y])
    raised = np.maximum(expected, 1 / 3 / 150)
    assert model.predict_proba(x) == pytest.approx(
        raised / raised.sum(axis=1, keepdims=True), abs=LEARNED
    )
    assert np.mean(model.predict(x) == expected.argmax(axis=1)) > 0.98


@pytest.mark.parametrize("readout", ["linear", "density"])
def test_linear_features_give_least_squares(readout):
    x, _ = iris()
    y = x[:, 3]
    model = Regressor(n_features=1, readout=readout, **LINEAR).fit(x[:, :3], y)
    expected = least_squares(x[:, :3], y)
    spread = y.std()
    assert model.hgr_.correlations[0] ** 2 == pytest.approx(np.var(expected) / np.var(y), rel=1e-3)
    if readout == "linear":
        assert model.predict(x[:, :3]) == pytest.approx(expected, abs=LEARNED * spread)
        assert model.score(x[:, :3], y) == pytest.approx(np.var(expected) / np.var(y), rel=1e-3)
    else:  # negative densities are left out
        assert np.corrcoef(model.predict(x[:, :3]), expected)[0, 1] > 0.98


def test_both_readouts_are_one_without_negative_densities():
    """A weak dependence, linear on both sides: 1 + f g stays positive."""
    rng = np.random.default_rng(0)
    x, noise = rng.uniform(-1, 1, size=(2, 500))
    y = 0.3 * x + noise
    options = {"n_features": 1, **LINEAR}
    linear, density = (Regressor(readout=r, **options).fit(x, y) for r in ("linear", "density"))
    assert density.predict(x) == pytest.approx(linear.predict(x), abs=1e-3)


# ------------------------------------------------------------------------ networks


def test_what_no_line_can_tell():
    x, y = ring(1000)
    model = Classifier(hidden=(32,), learning_rate=0.02, patience=8).fit(x[:600], y[:600])
    assert model.score(x[600:], y[600:]) > 0.9
    p = model.predict_proba(x[600:])
    assert p.sum(axis=1) == pytest.approx(np.ones(400))
    assert p.min() > 0
    assert np.array_equal(model.classes_[p.argmax(axis=1)], model.predict(x[600:]))
    assert model.priors_ == pytest.approx([np.mean(y[:600] == c) for c in ("in", "out")])
    log_loss = -np.mean(np.log(p[np.arange(400), (y[600:] == "out").astype(int)]))
    assert log_loss < 0.3


def test_curves():
    x, y = wave(1000)
    model = Regressor(hidden=(32,), learning_rate=0.02, patience=10).fit(x[:800], y[:800])
    assert model.score(x[800:], y[800:]) > 0.9


@quickly
def test_several_targets():
    x, y = wave(200)
    Y = np.stack([y, -2 * y, x[:, 0]], axis=1)
    for readout in ("linear", "density"):
        model = Regressor(readout=readout, **QUICK).fit(x, Y)
        assert model.predict(x[:7]).shape == (7, 3)
        # A linear map of targets is one of linear read-outs.
        if readout == "linear":
            found = model.predict(x)
            assert found[:, 1] == pytest.approx(-2 * found[:, 0], abs=FLOAT32 * np.abs(y).max())


@quickly
def test_whole_numbers_are_numbers_to_regression_and_labels_to_classification():
    x, y = wave(100)
    whole = np.round(3 * y).astype(int)
    assert Regressor(**QUICK).fit(x, whole).hgr_.label_values is None
    model = Classifier(**QUICK).fit(x, whole.astype(float))
    assert model.classes_.tolist() == sorted(set(whole.tolist()))


# ------------------------------------------------------------------ as an estimator


@quickly
@both
def test_scikit_learn_takes_it(estimator):
    x, y = ring(120) if estimator is Classifier else wave(120)
    model = estimator(**QUICK, hidden=(4,))
    other = clone(model)
    assert other is not model
    assert other.get_params() == model.get_params()
    assert (is_classifier(model), is_regressor(model)) == (
        estimator is Classifier,
        estimator is Regressor,
    )
    assert np.isfinite(cross_val_score(model, x, y, cv=2)).all()
    found = GridSearchCV(model, {"hidden": [(), (4,)]}, cv=2).fit(x, y)
    assert found.best_params_["hidden"] in ((), (4,))
    assert repr(model).startswith(f"{estimator.__name__}(")


@both
def test_parameters(estimator):
    model = estimator().set_params(patience=3)
    assert model.get_params()["patience"] == 3
    assert ("readout" in model.get_params()) == (estimator is Regressor)
    with pytest.raises(ValueError, match="`depth` must be one of n_features, objective, hidden"):
        model.set_params(depth=3)


@both
def test_what_is_not_fitted_says_so(estimator):
    text = f"this {estimator.__name__} is not fitted yet; call fit(X, y)"
    with pytest.raises(RuntimeError, match=re.escape(text)):
        estimator().predict([[0.0]])


def test_the_warning_points_to_the_caller():
    x, y = ring(60)
    with pytest.warns(ConvergenceWarning) as seen:
        Classifier(**QUICK).fit(x, y)
    assert seen[0].filename == __file__


@pytest.mark.parametrize(
    ("model", "y", "error", "text"),
    [
        (Classifier(), ["a"] * 40, ValueError, "`y` must have at least two classes, got 1"),
        (Classifier(), np.zeros((40, 2)), ValueError, "`y` must have shape (40,), got (40, 2)"),
        (Classifier(), [0.5] * 40, ValueError, "`y` must be whole numbers or strings, got 0.5"),
        (Classifier(), [0, 1], ValueError, "`y` must have 40 samples, as `X`, got 2"),
        (Regressor(), ["a"] * 40, TypeError, "`y` must hold real numbers, got dtype <U1"),
        (
            Regressor(),
            np.zeros((40, 2, 2)),
            ValueError,
            "`y` must have shape (n,) or (n, q), got (40, 2, 2)",
        ),
        (
            Regressor(objective="h_score"),
            np.arange(40.0),
            ValueError,
            "`objective` must be 'soft_hgr' for a continuous `y`",
        ),
        (
            Regressor(readout="mean"),
            np.arange(40.0),
            ValueError,
            "`readout` must be 'linear' or 'density', got 'mean'",
        ),
    ],
)
def test_errors(model, y, error, text):
    with pytest.raises(error, match=re.escape(text)):
        model.fit(np.arange(80.0).reshape(40, 2), y)


@quickly
def test_errors_of_new_samples():
    x, y = ring(60)
    model = Classifier(**QUICK).fit(x, y)
    with pytest.raises(ValueError, match=re.escape("`X` must have shape (n, 2), got (3, 4)")):
        model.predict(np.zeros((3, 4)))
    with pytest.raises(ValueError, match=re.escape("`y` must have shape (60,), got (59,)")):
        model.score(x, y[:59])
    x, y = wave(60)
    numbers = Regressor(**QUICK).fit(x, y)
    with pytest.raises(ValueError, match=re.escape("`y` must have shape (60,), got (59,)")):
        numbers.score(x, y[:59])
    with pytest.raises(ValueError, match="`y` must have at least two different values, got one"):
        numbers.score(x, np.ones(60))
