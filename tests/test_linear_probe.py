"""The linear probe: leave-one-out by brute force, scikit-learn's heads, refusals."""

import re

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import log_loss
from sklearn.preprocessing import StandardScaler

from conftest import network_features
from transferscore import ConvergenceWarning, linear_probe
from transferscore.ranking.probe import RIDGES, _Fits, _log_softmax, _Stop, _temperature

X, Y = network_features(240, 12, 4, seed=2)
TRAIN, TEST = (X[:160], Y[:160]), (X[160:], Y[160:])


def test_left_out_residuals_are_those_of_fits_without_the_sample():
    for n, d in ((20, 5), (12, 30)):
        Z = np.random.default_rng(n).normal(size=(n, d))
        Z -= Z.mean(axis=0)
        T = np.random.default_rng(d).normal(size=(n, 2))
        T -= T.mean(axis=0)
        found = _Fits.of(Z, T).left_out(3.0)
        for i in range(n):
            rest = np.arange(n) != i
            A, B = Z[rest], T[rest]
            W = np.linalg.solve(
                (A - A.mean(0)).T @ (A - A.mean(0)) + 3 * np.eye(d), (A - A.mean(0)).T @ B
            )
            expected = T[i] - (Z[i] - A.mean(0)) @ W - B.mean(0)
            assert found[i] == pytest.approx(expected, rel=1e-8, abs=1e-10)


@pytest.mark.parametrize("rows", [slice(0, 160), slice(0, 10)], ids=["n > d", "n < d"])
def test_ridge_predicts_as_scikit_learns(rows):
    F, y = X[rows], Y[rows]
    probe = linear_probe(F, y, *TEST, penalty=0.2)
    scaler = StandardScaler().fit(F)
    # Indicators of -1 and 1 there: the same penalty, twice the outputs.
    model = RidgeClassifier(alpha=0.2 * len(F)).fit(scaler.transform(F), y)
    predicted = model.predict(scaler.transform(TEST[0]))
    assert probe.predictions.tolist() == predicted.tolist()
    assert probe.accuracy == np.mean(predicted == TEST[1])
    assert probe.log_loss == pytest.approx(
        log_loss(TEST[1], probe.probabilities, labels=probe.classes), rel=1e-9
    )
    assert probe.majority_accuracy == np.mean(TEST[1] == np.bincount(y).argmax())


def test_default_penalty_has_the_least_left_out_error():
    Z = StandardScaler().fit_transform(TRAIN[0])
    T = np.eye(4)[TRAIN[1]]
    fits = _Fits.of(Z, T - T.mean(0))
    errors = {r: np.sum(fits.left_out(160 * r) ** 2) for r in fits.s.mean() / 160 * RIDGES}
    probe = linear_probe(*TRAIN, *TEST)
    assert probe.penalty == pytest.approx(min(errors, key=errors.get), rel=1e-9)


def test_temperature_has_the_least_loss():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 200)
    outputs = 0.3 * np.eye(3)[y] + 0.2 * rng.normal(size=(200, 3))

    def loss(t):
        log_p = _log_softmax(t * outputs)
        s = 3 / 203
        return -np.mean((1 - s) * log_p[np.arange(200), y] + s * log_p.mean(axis=1))

    t, _, converged = _temperature(outputs, y, _Stop(1e-9, 100))
    assert converged
    grid = t * np.linspace(0.5, 2, 301)
    assert loss(t) <= min(map(loss, grid))


def test_logistic_is_scikit_learns():
    r = 0.01
    probe = linear_probe(*TRAIN, *TEST, method="logistic", penalty=r, tol=1e-7)
    scaler = StandardScaler().fit(TRAIN[0])
    model = LogisticRegression(C=1 / (2 * 160 * r), tol=1e-9, max_iter=5000)
    model.fit(scaler.transform(TRAIN[0]), TRAIN[1])
    expected = model.predict_proba(scaler.transform(TEST[0]))
    assert probe.probabilities == pytest.approx(expected, abs=1e-4)
    assert probe.log_loss == pytest.approx(log_loss(TEST[1], expected), rel=1e-4)
    assert probe.converged


def test_logistic_chooses_a_penalty_and_repeats():
    a, b = (linear_probe(*TRAIN, *TEST, method="logistic") for _ in range(2))
    assert a.penalty == b.penalty
    assert a.log_loss == b.log_loss
    assert a.accuracy > a.majority_accuracy
    few = linear_probe(X[:6], [0, 1, 2] * 2, X[:3], [0, 1, 2], method="logistic")
    assert few.penalty == 1 / 12


@pytest.mark.parametrize("method", ["ridge", "logistic"])
def test_units_and_names_of_classes_do_not_matter(method):
    a = linear_probe(*TRAIN, *TEST, method=method, penalty=0.1)
    units = 10.0 ** np.arange(-6, 6)
    names = np.array(["ant", "bee", "cat", "dog"])
    b = linear_probe(
        TRAIN[0] * units + 5 * units,
        names[TRAIN[1]],
        TEST[0] * units + 5 * units,
        names[TEST[1]],
        method=method,
        penalty=0.1,
    )
    assert b.predictions.tolist() == names[a.predictions].tolist()
    assert b.log_loss == pytest.approx(a.log_loss, rel=1e-4)


def test_constant_features_and_float32():
    constant = np.hstack([TRAIN[0], np.full((160, 1), 7.0)])
    test = np.hstack([TEST[0], np.full((80, 1), 9.0)])
    a, b = linear_probe(*TRAIN, *TEST), linear_probe(constant, TRAIN[1], test, TEST[1])
    assert b.log_loss == pytest.approx(a.log_loss, rel=1e-9)
    c = linear_probe(TRAIN[0].astype(np.float32), TRAIN[1], TEST[0].astype(np.float32), TEST[1])
    assert c.log_loss == pytest.approx(a.log_loss, rel=1e-4)
    nothing = linear_probe(np.ones((6, 2)), [0, 1] * 3, np.ones((2, 2)), [0, 1])
    assert np.isfinite(nothing.log_loss)
    assert nothing.accuracy == 0.5


def test_separable_classes_have_a_finite_loss():
    F, y = np.array([[-1.0], [-1.1], [1.0], [1.1]]), [0, 0, 1, 1]
    probe = linear_probe(F, y, [[-1.0], [1.0]], [0, 1])
    assert probe.accuracy == 1
    assert 0 < probe.log_loss < 1
    assert "ridge probe: accuracy 1.0000 (most frequent class 0.5000)" in str(probe)


@pytest.mark.parametrize("method", ["ridge", "logistic"])
def test_an_iteration_that_ends_early_says_so(method):
    with pytest.warns(ConvergenceWarning, match=f"the {method} probe did not reach tol=1e-12"):
        probe = linear_probe(*TRAIN, *TEST, method=method, penalty=0.1, tol=1e-12, max_iter=1)
    assert not probe.converged
    assert "not converged" in str(probe)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "text"),
    [
        ((*TRAIN, TEST[0][:, :3], TEST[1]), {}, ValueError, "`features_test` must have as many co"),
        ((*TRAIN, TEST[0], TEST[1] + 9), {}, ValueError, "`labels_test` must hold classes of"),
        ((*TRAIN, TEST[0], TEST[1].astype(str)), {}, TypeError, "`labels_test` must be of the ki"),
        ((TRAIN[0], [1] * 160, *TEST), {}, ValueError, "`labels_train` must have at least two"),
        ((TRAIN[0], TRAIN[1][:9], *TEST), {}, ValueError, "`labels_train` must have shape (160,)"),
        ((TRAIN[0] * np.nan, TRAIN[1], *TEST), {}, ValueError, "`features_train` must be finite"),
        ((*TRAIN, TEST[0] * 1e307, TEST[1]), {}, ValueError, "`features_test` must be within the"),
        ((*TRAIN, *TEST), {"method": "svm"}, ValueError, "`method` must be 'ridge' or 'logistic'"),
        ((*TRAIN, *TEST), {"penalty": 0}, ValueError, "`penalty` must be a finite number above 0"),
        ((*TRAIN, *TEST), {"tol": 0}, ValueError, "`tol` must be a finite number above 0"),
        ((*TRAIN, *TEST), {"max_iter": 0}, ValueError, "`max_iter` must be at least 1, got 0"),
        ((*TRAIN, *TEST), {"random_state": -1}, ValueError, "`random_state` must be at least 0"),
    ],
)
def test_refusals(arguments, options, error, text):
    with pytest.raises(error, match=re.escape(text)):
        linear_probe(*arguments, **options)
