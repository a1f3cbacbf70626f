"""Maximal H-score: against the SVD of the table, laws, sizes, errors."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tolerances import FLOAT64, MAPPED, REARRANGED, REORDERED
from transferscore import ConvergenceWarning, h_score, maximal_h_score, reference

SHAPES = {
    "two samples": (2, 2, 2),
    "few": (40, 5, 3),
    "many": (5000, 60, 12),
    "more values than samples": (50, 400, 6),
    "one value": (30, 1, 3),
    "one class": (30, 3, 1),
}


def variables(n, n_values, n_classes, seed=0):
    """A label that depends on x half of the time."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, n_values, n)
    return x, np.where(rng.random(n) < 0.5, x % n_classes, rng.integers(0, n_classes, n))


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("method", ["ace", "svd"])
@pytest.mark.parametrize("k", [None, 1, 3, 50])
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_the_reference(shape, k, method, n_threads):
    x, y = variables(*SHAPES[shape])
    value = maximal_h_score(x, y, n_features=k, method=method, n_threads=n_threads)
    assert value == pytest.approx(
        reference.maximal_h_score(x, y, n_features=k), rel=1e-9, abs=FLOAT64
    )


problems = st.tuples(
    st.integers(2, 80), st.integers(1, 20), st.integers(1, 8), st.integers(0, 2**32 - 1)
)


@settings(deadline=None)
@given(problems)
def test_law_bounds(problem):
    x, y = variables(*problem)
    most = min(len(np.unique(x)), len(np.unique(y))) - 1
    assert -FLOAT64 <= maximal_h_score(x, y) <= most + FLOAT64


@settings(deadline=None)
@given(problems, st.integers(1, 5))
def test_law_no_features_of_x_score_more(problem, d):
    x, y = variables(*problem)
    if len(np.unique(y)) < 2:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        reached = h_score(np.random.default_rng(0).normal(size=(x.max() + 1, d))[x], y)
    if reached < len(np.unique(y)) - 1 or len(x) > d + 1:
        assert reached <= maximal_h_score(x, y, n_features=d, method="svd") + MAPPED


@settings(deadline=None)
@given(problems, st.integers(1, 4))
def test_law_its_features_reach_it(problem, k):
    x, y = variables(*problem)
    result = maximal_h_score(x, y, n_features=k, full_output=True)
    sigma = result.singular_values
    f, g = result.features(x), result.label_functions[np.searchsorted(result.label_values, y)]
    n, there = len(x), sigma > MAPPED
    f, g, sigma = f[:, there], g[:, there], sigma[there]
    np.testing.assert_allclose(f.mean(axis=0), 0, atol=MAPPED)
    np.testing.assert_allclose(f.T @ f / n, np.eye(len(sigma)), atol=MAPPED)
    np.testing.assert_allclose(g.T @ g / n, np.eye(len(sigma)), atol=MAPPED)
    np.testing.assert_allclose(f.T @ g / n, np.diag(sigma), atol=MAPPED)
    assert np.sum(sigma**2) == pytest.approx(result.value, abs=MAPPED)
    if len(sigma) and n > len(sigma) + 2 and len(np.unique(x)) < n - 1:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            assert h_score(f, y) == pytest.approx(result.value, abs=MAPPED)


@settings(deadline=None)
@given(problems)
def test_law_order_and_names_do_not_matter(problem):
    x, y = variables(*problem)
    order = np.random.default_rng(0).permutation(len(x))
    value = maximal_h_score(1000 - 7 * x[order], np.array(list("hgfedcba"))[y[order]])
    assert value == pytest.approx(maximal_h_score(x, y), rel=REORDERED, abs=REORDERED)


@settings(deadline=None)
@given(problems)
def test_law_merging_values_cannot_raise_it(problem):
    x, y = variables(*problem)
    assert maximal_h_score(x // 2, y) <= maximal_h_score(x, y) + FLOAT64


def test_independent_identical_and_constant():
    x = np.repeat(np.arange(4), 6)
    assert maximal_h_score(x, np.tile(np.arange(6), 4)) == 0
    assert maximal_h_score(x, x) == pytest.approx(3, rel=FLOAT64)
    assert maximal_h_score(np.zeros(24), x) == 0


def test_many_equal_singular_values_among_smaller_ones():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 300, 5000)
    y = np.where(x < 60, x, 60 + rng.integers(0, 80, 5000) * (rng.random(5000) < 0.5))
    for k in (3, 70):
        value = maximal_h_score(x, y, n_features=k)
        expected = maximal_h_score(x, y, n_features=k, method="svd")
        assert value == pytest.approx(expected, rel=REARRANGED)


def test_large_and_sparse_with_the_same_bits_for_any_threads():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 50_000, 200_000)
    y = (7 * x + rng.integers(0, 30, 200_000)) % 100
    values = {maximal_h_score(x, y, n_features=5, n_threads=k, tol=1e-6) for k in (1, 2, 3)}
    assert len(values) == 1


def test_ignored_samples_leave_no_trace():
    x, y = variables(200, 9, 4)
    void = y.copy()
    void[::5] = 255
    keep = void != 255
    assert maximal_h_score(x, void, ignore_index=255) == maximal_h_score(x[keep], y[keep])


def test_no_convergence_is_said():
    x, y = variables(3000, 900, 300)
    with pytest.warns(ConvergenceWarning, match="no convergence in max_iter=1 passes"):
        maximal_h_score(x, y, n_features=3, max_iter=1)


def test_memory_is_refused(monkeypatch):
    monkeypatch.setattr("transferscore._memory.usable", lambda: 1e5)
    x, y = variables(3000, 900, 300)
    with pytest.raises(MemoryError, match="method='ace' works on the cells"):
        maximal_h_score(x, y, method="svd")


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"x": []}, ValueError, r"`x` must have shape \(n,\) with n > 0"),
        ({"labels": [0]}, ValueError, r"`labels` must have shape \(4,\), got \(1,\)"),
        ({"x": [0.5, 1, 2, 3]}, ValueError, "`x` must be whole numbers or strings"),
        ({"method": "qr"}, ValueError, "`method` must be 'ace' or 'svd', got 'qr'"),
        ({"n_features": 0}, ValueError, "`n_features` must be at least 1, got 0"),
        ({"tol": 0}, ValueError, "`tol` must be a finite number above 0"),
    ],
)
def test_errors(arguments, error, text):
    with pytest.raises(error, match=text):
        maximal_h_score(**{"x": [0, 1, 2, 3], "labels": [0, 1, 0, 1], **arguments})


def test_features_of_unknown_values():
    result = maximal_h_score(["a", "b", "a"], [0, 1, 1], full_output=True)
    with pytest.raises(ValueError, match="`x` must hold values that were scored, got c at 1"):
        result.features(["a", "c"])
    with pytest.raises(TypeError, match="`x` must be strings, as it was scored"):
        result.features([1, 2])
