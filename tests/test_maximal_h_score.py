"""Maximal H-score and maximal correlation: kernel against SVD, laws, hostile tables, errors."""

import warnings
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tolerances import FLOAT64, MERGED, REORDERED, ROUNDED
from transferscore import (
    ConvergenceWarning,
    _scores,
    h_score,
    hgr_correlation,
    maximal_h_score,
    reference,
)

METHODS = ("ace", "svd")
TABLES = {  # values, classes, samples
    "two by two": (2, 2, 30),
    "few values": (4, 40, 500),
    "few classes": (60, 3, 500),
    "square": (12, 12, 300),
    "nearly distinct": (500, 7, 300),
    "more than are iterated at once": (400, 300, 3000),
}


def related(n_values, n_classes, n, seed=0):
    """Values and labels of which about half know each other; some of either may not occur."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, n_values, n)
    known = rng.random(n) < 0.5
    return x, np.where(known, x % n_classes, rng.integers(0, n_classes, n))


def ring(n_values):
    """A value comes with two neighbouring labels: a spectrum in which neighbours are close."""
    x = np.repeat(np.arange(n_values), 3)
    return x, (x + np.tile([0, 0, 1], n_values)) % n_values


tables = st.builds(
    related, st.integers(1, 12), st.integers(1, 12), st.integers(1, 80), st.integers(0, 1000)
)

# ------------------------------------------------------------------ kernel against reference


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_features", [1, 3, None])
@pytest.mark.parametrize("table", TABLES)
def test_equals_the_reference(table, n_features, method):
    x, y = related(*TABLES[table])
    value = maximal_h_score(x, y, n_features=n_features, method=method)
    expected = reference.maximal_h_score(x, y, n_features=n_features)
    assert value == pytest.approx(expected, rel=FLOAT64)


@pytest.mark.parametrize("method", METHODS)
@settings(deadline=None, max_examples=60)
@given(tables, st.integers(1, 14))
def test_any_table_scores_as_its_singular_values(method, table, n_features):
    x, y = table
    result = maximal_h_score(x, y, n_features=n_features, method=method, full_output=True)
    sigma = np.linalg.svd(reference.dependence_matrix(x, y), compute_uv=False)
    sigma = np.pad(sigma, (0, 14))[:n_features]
    # The reference rounds independent parts of the table: an error of the singular values.
    np.testing.assert_allclose(result.singular_values, sigma, rtol=FLOAT64, atol=REORDERED)
    assert result.value == pytest.approx(np.sum(sigma**2), rel=FLOAT64, abs=REORDERED)
    assert result.hgr == result.singular_values[0]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("table", TABLES)
def test_maximal_correlation_equals_the_reference(table, method):
    x, y = related(*TABLES[table])
    expected = reference.hgr_correlation(x, y)
    assert hgr_correlation(x, y, method=method) == pytest.approx(expected, rel=FLOAT64)


@pytest.mark.parametrize("n_features", [1, 2, 5, 40])
def test_close_singular_values_converge(n_features):
    x, y = ring(300)
    result = maximal_h_score(x, y, n_features=n_features, full_output=True)
    expected = reference.maximal_h_score(x, y, n_features=n_features)
    assert result.converged
    assert result.n_iter > 10
    assert result.value == pytest.approx(expected, rel=FLOAT64)


def test_small_singular_values_keep_their_digits():
    # Two labels that belong together, and almost independent ones: sigma of 1 and of 2e-6.
    counts = np.array([[250_000, 250_001, 0], [250_001, 250_000, 0], [0, 0, 3]])
    x, y = (np.repeat(index, counts.ravel()) for index in np.indices((3, 3)).reshape(2, -1))
    for method in METHODS:
        sigma = maximal_h_score(x, y, method=method, full_output=True).singular_values
        np.testing.assert_allclose(sigma, [1, 1 / 500_001], rtol=FLOAT64)


@pytest.mark.parametrize("n_features", [5, None])
def test_many_values(n_features):
    rng = np.random.default_rng(2)
    n = 200_000
    x = rng.integers(0, 50_000, n)
    y = np.where(rng.random(n) < 0.3, x % 20, rng.integers(0, 20, n))
    value = maximal_h_score(x, y, n_features=n_features)
    values, of_x = np.unique(x, return_inverse=True)
    joint = np.zeros((len(values), 20))
    np.add.at(joint, (of_x, y), 1 / n)
    M = joint / np.sqrt(np.outer(joint.sum(axis=1), joint.sum(axis=0)))
    squares = np.linalg.eigvalsh(M.T @ M)[::-1][1:]  # the first is 1, of the constant functions
    assert value == pytest.approx(squares[:n_features].sum(), rel=FLOAT64)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("full_output", [False, True])
def test_same_bits_for_any_number_of_threads(method, full_output):
    x, y = related(5000 if method == "ace" else 200, 300, 200_000)

    def bits(n_threads):
        result = maximal_h_score(
            x, y, n_features=4, method=method, n_threads=n_threads, full_output=full_output
        )
        if not full_output:
            return np.float64(result).tobytes()
        arrays = (result.singular_values, result.feature_functions, result.label_functions)
        return b"".join(array.tobytes() for array in (np.float64(result.value), *arrays))

    assert len({bits(n_threads) for n_threads in (1, 2, 3)}) == 1


# ------------------------------------------------------------------------------- hostile


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_features", [None, 1, 2, 9])
class TestDegenerate:
    def score(self, x, y, n_features, method):
        result = maximal_h_score(x, y, n_features=n_features, method=method, full_output=True)
        assert result.value == maximal_h_score(x, y, n_features=n_features, method=method)
        k = min(len(set(x)), len(set(y))) - 1 if n_features is None else n_features
        assert result.singular_values.shape == (k,)
        assert result.feature_functions.shape == (len(set(x)), k)
        assert result.label_functions.shape == (len(set(y)), k)
        assert np.isfinite(result.feature_functions).all()
        return result

    def test_independent(self, n_features, method):
        x, y = np.repeat(np.arange(4), 15), np.tile([0, 1, 2, 2, 2], 12)
        result = self.score(x, y, n_features, method)
        assert result.value == pytest.approx(0, abs=ROUNDED**2)
        assert result.hgr == pytest.approx(0, abs=ROUNDED)

    def test_identical(self, n_features, method):
        x = np.repeat(np.arange(6), [1, 2, 3, 4, 5, 6])
        result = self.score(x, 10 - x, n_features, method)
        k = 5 if n_features is None else min(n_features, 5)
        assert result.value == pytest.approx(k, rel=ROUNDED)
        assert result.value <= k

    def test_one_class(self, n_features, method):
        assert self.score([3, 4, 5, 4], [7] * 4, n_features, method).value == 0

    def test_one_value(self, n_features, method):
        assert self.score(["a"] * 4, [0, 1, 1, 2], n_features, method).value == 0

    def test_one_sample(self, n_features, method):
        assert self.score([0], [0], n_features, method).value == 0

    def test_every_value_once(self, n_features, method):
        y = np.arange(30) % 3
        k = 2 if n_features is None else min(n_features, 2)
        assert self.score(np.arange(30), y, n_features, method).value == pytest.approx(k)


def test_all_features_of_independent_variables_score_exactly_zero():
    x, y = np.repeat(np.arange(7), 33), np.tile(np.arange(11), 21)
    assert maximal_h_score(x, y) == 0
    assert maximal_h_score(x, y, n_features=2) == 0
    assert hgr_correlation(x, y) == 0


# ---------------------------------------------------------------------------- full output


@pytest.mark.parametrize("method", METHODS)
@settings(deadline=None, max_examples=60)
@given(tables, st.integers(1, 6))
def test_functions_are_whitened_and_correlate_by_sigma(method, table, n_features):
    x, y = table
    result = maximal_h_score(x, y, n_features=n_features, method=method, full_output=True)
    k = min(n_features, len(set(x)) - 1, len(set(y)) - 1)  # the others are zero
    f = result.features(x)
    g = result.label_functions[np.searchsorted(result.label_values, y)]
    whitened = np.diag((np.arange(n_features) < k).astype(float))
    np.testing.assert_allclose(f.mean(axis=0), 0, atol=REORDERED)
    np.testing.assert_allclose(g.mean(axis=0), 0, atol=REORDERED)
    np.testing.assert_allclose(f.T @ f / len(x), whitened, atol=REORDERED)
    np.testing.assert_allclose(g.T @ g / len(x), whitened, atol=REORDERED)
    np.testing.assert_allclose(f.T @ g / len(x), np.diag(result.singular_values), atol=REORDERED)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("table", TABLES)
def test_the_features_reach_the_score(table, method):
    x, y = related(*TABLES[table])
    for n_features in (1, 3):
        result = maximal_h_score(x, y, n_features=n_features, method=method, full_output=True)
        assert h_score(result.features(x), y) == pytest.approx(result.value, rel=FLOAT64)


@settings(deadline=None, max_examples=80)
@given(tables, st.integers(1, 5), st.integers(0, 1000))
def test_no_features_of_x_score_more(table, n_features, seed):
    x, y = table
    if len(set(y)) < 2:
        return
    features = np.random.default_rng(seed).normal(size=(12, n_features))[x]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        score = h_score(features, y)
    assert score <= maximal_h_score(x, y, n_features=n_features) + MERGED


def test_methods_give_the_same_functions():
    x, y = related(30, 10, 2000)
    ace, svd = (
        maximal_h_score(x, y, n_features=3, method=method, full_output=True) for method in METHODS
    )
    np.testing.assert_allclose(ace.feature_functions, svd.feature_functions, atol=FLOAT64)
    np.testing.assert_allclose(ace.label_functions, svd.label_functions, atol=FLOAT64)


def test_full_output_and_its_features():
    x = np.array(["b", "a", "c", "b", "a", "c"])
    result = maximal_h_score(x, [0, 1, 1, 0, 1, 0], full_output=True)
    assert list(result.x_values) == ["a", "b", "c"]
    assert list(result.label_values) == [0, 1]
    assert result.converged
    assert result.n_iter == 1
    np.testing.assert_array_equal(result.features(["c", "a"]), result.feature_functions[[2, 0]])
    assert result.features([]).shape == (0, 1)
    assert maximal_h_score(x, x, method="svd", full_output=True).n_iter == 0
    for absent, text in ((["a", "z"], "got z at 1"), (["0"], "got 0 at 0")):
        with pytest.raises(ValueError, match=f"`x` must hold values that were scored, {text}"):
            result.features(absent)
    with pytest.raises(TypeError, match="`x` must be strings, as it was scored, got dtype int64"):
        result.features([1, 2])
    with pytest.raises(ValueError, match=r"`x` must have shape \(n,\), got \(1, 1\)"):
        result.features([["a"]])
    numbers = maximal_h_score([0, 1, 2], [0, 1, 1], full_output=True)
    with pytest.raises(TypeError, match="`x` must be integers, as it was scored"):
        numbers.features(["0"])


# ----------------------------------------------------------------------------------- laws


@settings(deadline=None, max_examples=60)
@given(tables, st.integers(1, 4), st.integers(0, 1000))
def test_order_and_names_do_not_matter(table, n_features, seed):
    x, y = table
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(x))
    names_of_x, names_of_y = rng.permutation(12) * 1_000_003 - 7, rng.permutation(12)
    renamed = names_of_x[x[order]], np.array([f"class {i}" for i in names_of_y])[y[order]]
    value = maximal_h_score(x, y, n_features=n_features)
    assert maximal_h_score(*renamed, n_features=n_features) == pytest.approx(
        value, rel=FLOAT64, abs=REORDERED
    )
    assert maximal_h_score(*renamed) == pytest.approx(maximal_h_score(x, y), rel=REORDERED)
    # Dependence is symmetric.
    assert maximal_h_score(y, x, n_features=n_features) == pytest.approx(
        value, rel=FLOAT64, abs=REORDERED
    )


@settings(deadline=None, max_examples=60)
@given(tables, st.integers(1, 4), st.lists(st.integers(0, 5), min_size=12, max_size=12))
def test_merging_values_cannot_add(table, n_features, merged):
    x, y = table
    coarse = np.array(merged)[x]
    for k in (n_features, None):
        apart = maximal_h_score(x, y, n_features=k)
        assert maximal_h_score(coarse, y, n_features=k) <= apart + MERGED


@settings(deadline=None, max_examples=40)
@given(tables)
def test_more_features_add_up_to_all(table):
    x, y = table
    values = [maximal_h_score(x, y, n_features=k) for k in range(1, 13)]
    assert np.diff(values).min() >= -MERGED
    assert values[-1] == maximal_h_score(x, y) <= min(len(set(x)), len(set(y))) - 1
    assert hgr_correlation(x, y) ** 2 == pytest.approx(values[0], rel=REORDERED)


def test_repeated_samples_do_not_matter():
    x, y = related(9, 5, 100)
    value = maximal_h_score(x, y, n_features=2)
    assert maximal_h_score(np.tile(x, 3), np.tile(y, 3), n_features=2) == pytest.approx(
        value, rel=REORDERED
    )


# ------------------------------------------------------------------------------ arguments


@pytest.mark.parametrize(
    "convert",
    [
        np.int8,
        np.uint64,
        np.float32,
        str,
        object,
        lambda x: x.tolist(),
        lambda x: np.array([f"v{i}" for i in x], dtype=object),
        lambda x: np.repeat(x, 2)[::2],
    ],
)
def test_values_and_labels_of_any_kind(convert):
    x, y = related(6, 4, 80)
    of_kind = partial(np.ndarray.astype, dtype=convert) if isinstance(convert, type) else convert
    assert maximal_h_score(of_kind(x), of_kind(y)) == pytest.approx(
        maximal_h_score(x, y), rel=REORDERED
    )


def test_ignored_labels():
    x, y = related(6, 4, 80)
    keep = y != 2
    assert maximal_h_score(x, y, ignore_index=2) == maximal_h_score(x[keep], y[keep])
    assert hgr_correlation(x, y, ignore_index=[2]) == hgr_correlation(x[keep], y[keep])


def test_an_early_end_warns():
    x, y = ring(400)
    text = "no convergence in max_iter=3 passes: the score may be wrong by a share of"
    with pytest.warns(ConvergenceWarning, match=text) as caught:
        result = maximal_h_score(x, y, n_features=2, max_iter=3, full_output=True)
    assert caught[0].filename == __file__
    assert not result.converged
    assert result.n_iter == 3
    assert result.value <= reference.maximal_h_score(x, y, n_features=2)
    with pytest.warns(ConvergenceWarning, match=r"max_iter=1 passes"):
        hgr_correlation(x, y, max_iter=1)


def test_a_tolerance_ends_the_iteration_earlier():
    x, y = ring(400)
    exact = maximal_h_score(x, y, n_features=2, full_output=True)
    rough = maximal_h_score(x, y, n_features=2, tol=1e-3, full_output=True)
    assert rough.n_iter < exact.n_iter
    assert rough.value == pytest.approx(exact.value, rel=1e-3)


@pytest.mark.parametrize("function", [maximal_h_score, hgr_correlation])
@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"method": "als"}, ValueError, "`method` must be 'ace' or 'svd', got 'als'"),
        ({"tol": 0}, ValueError, "`tol` must be a finite number above 0, got 0"),
        ({"max_iter": 0}, ValueError, "`max_iter` must be at least 1, got 0"),
        ({"x": [[0], [1]]}, ValueError, r"`x` must have shape \(n,\) with n > 0, got \(2, 1\)"),
        ({"x": []}, ValueError, r"`x` must have shape \(n,\) with n > 0, got \(0,\)"),
        ({"x": 3}, ValueError, r"`x` must have shape \(n,\) with n > 0, got \(\)"),
        ({"x": [0.5, 1]}, ValueError, "`x` must be whole numbers or strings, got 0.5 at row 0"),
        ({"x": [1j, 2]}, TypeError, "`x` must be integers, booleans or strings, got dtype"),
        ({"labels": [0, 1, 2]}, ValueError, r"`labels` must have shape \(2,\), got \(3,\)"),
        ({"labels": [0, np.nan]}, ValueError, "`labels` must be whole numbers or strings, got nan"),
        ({"ignore_index": [0, 1]}, ValueError, "`ignore_index` must leave some samples"),
        ({"n_threads": 0}, ValueError, "`n_threads` must be between 1 and 1024, got 0"),
    ],
)
def test_errors(function, arguments, error, text):
    with pytest.raises(error, match=text):
        function(**{"x": [0, 1], "labels": [0, 1], **arguments})


@pytest.mark.parametrize("value", [0, -1])
def test_too_few_features(value):
    with pytest.raises(ValueError, match=f"`n_features` must be at least 1, got {value}"):
        maximal_h_score([0, 1], [0, 1], n_features=value)
    with pytest.raises(TypeError, match=r"`n_features` must be an integer, got 1\.5"):
        maximal_h_score([0, 1], [0, 1], n_features=1.5)


def test_too_little_memory(monkeypatch):
    monkeypatch.setattr("transferscore._memory.usable", lambda: 4 * 2.0**20)
    x, y = related(3000, 500, 20_000)
    text = r"method='svd' for 29\d\d values of `x` and 500 classes needs 0.1\d+ GiB, more than"
    with pytest.raises(MemoryError, match=text + r".*0.000977 GiB; method='ace' works on"):
        maximal_h_score(x, y, method="svd")
    with pytest.raises(MemoryError, match=r"300 features need .*ask for fewer with n_features="):
        maximal_h_score(x, y, n_features=300, full_output=True)
    assert 0 < maximal_h_score(x, y) < 499  # from counts alone


def test_registry():
    assert _scores.scores()["maximal_h_score"].compute is maximal_h_score
    assert _scores.scores()["maximal_h_score"].needs == ("x", "labels")
    assert _scores.scores()["hgr_correlation"].compute is hgr_correlation


def test_many_equal_singular_values_among_smaller_ones():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 900, 9000)
    y = np.where(x < 300, x, 300 + rng.integers(0, 80, 9000) * (rng.random(9000) < 0.5))
    expected = reference.maximal_h_score(x, y, n_features=3)
    assert maximal_h_score(x, y, n_features=3) == pytest.approx(expected, rel=MERGED)
