"""Distances between classes: against reference and closed forms, laws, hostile features."""

import re
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import network_features
from tolerances import FLOAT64, INEQUALITY, MAPPED, MASS, REARRANGED
from transferscore import exact_plan, label_distances, reference

KINDS = ("gaussian", "gaussian-diagonal")
SHAPES = {
    "more samples than features": (80, 90, 7, 3, 4),
    "fewer": (20, 30, 40, 3, 2),
    "some classes of each": (60, 25, 12, 9, 2),
    "one feature": (30, 40, 1, 2, 3),
    "a class each": (6, 7, 5, 6, 7),
    "one class": (15, 20, 4, 1, 1),
    "one sample": (1, 20, 4, 1, 3),
}


def tasks(n, m, d, n_source, n_target):
    x, y = network_features(n, d, n_source, seed=1)
    z, w = network_features(m, d, n_target, seed=2)
    return x, y, z, w


def assert_close(value, expected, tolerance):
    """In shares of the mean distance: small ones are differences of large numbers."""
    np.testing.assert_allclose(value, expected, rtol=0, atol=tolerance * np.mean(expected))


# ------------------------------------------------------------------ against the definitions


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int16"])
def test_gaussians_equal_the_reference(dtype, shape, kind):
    x, y, z, w = tasks(*SHAPES[shape])
    x, z = ((8 * side).astype(dtype) for side in (x, z))
    value = label_distances(x, y, z, w, kind=kind)
    expected = reference.label_distances(x, y, z, w, kind=kind)
    assert value.shape == (len(np.unique(y)), len(np.unique(w)))
    assert value.dtype == np.float64
    assert_close(value, expected, FLOAT64)


def test_gaussian_is_the_default():
    problem = tasks(*SHAPES["fewer"])
    np.testing.assert_array_equal(
        label_distances(*problem), label_distances(*problem, kind="gaussian")
    )


def test_gaussians_of_one_feature_by_hand():
    x, y, z, w = tasks(*SHAPES["one feature"])
    expected = [
        [(x[y == k].mean() - z[w == c].mean()) ** 2 + (x[y == k].std() - z[w == c].std()) ** 2]
        for k in range(2)
        for c in range(3)
    ]
    for kind in KINDS:
        value = label_distances(x, y, z, w, kind=kind)
        assert_close(value.ravel(), np.ravel(expected), FLOAT64)


def test_exact_is_the_transport_of_each_pair_of_classes():
    pytest.importorskip("ot")
    x, y, z, w = tasks(40, 50, 5, 3, 4)
    expected = [
        [exact_plan(x[y == k], z[w == c]).transport_cost for c in range(4)] for k in range(3)
    ]
    assert_close(label_distances(x, y, z, w, kind="exact"), expected, REARRANGED)


def test_exact_of_one_feature_matches_quantiles():
    pytest.importorskip("scipy")
    x, z = (np.random.default_rng(seed).normal(size=(60, 1)) + seed for seed in (1, 2))
    y = w = np.arange(60) % 3
    expected = [
        [np.mean((np.sort(x[y == k, 0]) - np.sort(z[w == c, 0])) ** 2) for c in range(3)]
        for k in range(3)
    ]
    assert_close(label_distances(x, y, z, w, kind="exact"), expected, REARRANGED)


def test_labels_of_any_kind_are_sorted():
    x, y, z, w = tasks(30, 40, 5, 3, 2)
    expected = label_distances(x, y, z, w)
    names = np.array(["b", "c", "a"])[y]
    np.testing.assert_array_equal(label_distances(x, names, z, 17 * w - 20), expected[[2, 0, 1]])
    np.testing.assert_array_equal(label_distances(x, y.tolist(), z, w == 0), expected[:, ::-1])


# ------------------------------------------------------------------------------------- laws


@st.composite
def problems(draw):
    sizes = st.integers(1, 25)
    n, m, d = draw(sizes), draw(sizes), draw(st.integers(1, 12))
    return tasks(n, m, d, draw(st.integers(1, min(n, 4))), draw(st.integers(1, min(m, 4))))


@settings(deadline=None)
@given(problems(), st.sampled_from(KINDS))
def test_law_distances(problem, kind):
    x, y, z, w = problem
    V = label_distances(*problem, kind=kind)
    unit = max(V.mean(), np.mean(x**2) + np.mean(z**2))
    assert (V >= 0).all()
    np.testing.assert_allclose(
        label_distances(z, w, x, y, kind=kind).T, V, rtol=0, atol=REARRANGED * unit
    )
    means = [[np.sum((x[y == k].mean(0) - z[w == c].mean(0)) ** 2) for c in set(w)] for k in set(y)]
    assert (np.array(means) <= V + INEQUALITY * unit).all()


@settings(deadline=None)
@given(problems(), st.sampled_from(KINDS), st.integers(0, 2**32 - 1))
def test_law_equal_classes_have_no_distance(problem, kind, seed):
    x, y, _, _ = problem
    order = np.random.default_rng(seed).permutation(len(x))
    np.testing.assert_array_equal(np.diag(label_distances(x, y, x, y, kind=kind)), 0)
    unit = np.mean(x**2)
    for rows in (order, np.concatenate([order, order, order])):
        again = label_distances(x, y, x[rows], y[rows], kind=kind)
        assert (np.diag(again) <= MASS * unit).all()
    moved = label_distances(x, y, x[order] + 3, y[order], kind=kind)
    np.testing.assert_allclose(np.diag(moved), 9 * x.shape[1], rtol=REARRANGED)


@settings(deadline=None)
@given(problems(), st.integers(0, 2**32 - 1))
def test_law_rotations_and_units(problem, seed):
    x, y, z, w = problem
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.normal(size=(x.shape[1],) * 2))[0]
    move = rng.normal(size=x.shape[1])
    V = label_distances(*problem)
    moved = label_distances(3 * x @ rotation + move, y, 3 * z @ rotation + move, w)
    unit = max(V.mean(), np.mean(x**2) + np.mean(z**2))
    np.testing.assert_allclose(moved, 9 * V, rtol=0, atol=MAPPED * unit)


def test_law_gaussians_are_no_farther_than_samples():
    pytest.importorskip("ot")
    problem = tasks(60, 50, 4, 3, 4)
    between_samples = label_distances(*problem, kind="exact")
    for kind in KINDS:
        assert (label_distances(*problem, kind=kind) <= between_samples + INEQUALITY).all()


def test_exact_equal_classes_have_no_distance():
    pytest.importorskip("ot")
    x, y, _, _ = tasks(40, 1, 5, 3, 1)
    V = label_distances(x, y, x[::-1], y[::-1], kind="exact")
    assert (np.diag(V) <= MASS * V.mean()).all()


# ---------------------------------------------------------------------------------- hostile


def hostile():
    rng = np.random.default_rng(5)
    x, y, z, w = tasks(70, 60, 12, 4, 3)
    one_sample = y.copy()
    one_sample[7] = 99
    mixing = rng.normal(size=(4, 12))
    return {
        "one-sample class": (x, one_sample, z, w),
        "duplicated samples": (x[rng.integers(0, 9, 70)], y, z, w),
        "all samples the same": (np.tile(x[0], (70, 1)), y, z, w),
        "dead features": (x * (np.arange(12) % 2), y, z * (np.arange(12) % 3 > 0), w),
        "low rank": (x[:, :4] @ mixing, y, z[:, :4] @ mixing, w),
        "disjoint ranges": (x * (np.arange(12) < 6), y, z * (np.arange(12) >= 6), w),
        "units 1e-8 to 1e8": (x * 10.0 ** rng.integers(-8, 9, 12), y, z, w),
        "offset 1e6": (x + 1e6, y, z + 1e6, w),
        "one side far": (x, y, z - 1e6, w),
        "sorted": (x[np.argsort(y)], np.sort(y), z, w),
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", hostile())
def test_hostile_features(case, kind):
    problem = hostile()[case]
    value = label_distances(*problem, kind=kind)
    tolerance = MAPPED if "offset" in case else FLOAT64
    assert_close(value, reference.label_distances(*problem, kind=kind), tolerance)


@pytest.mark.parametrize("kind", [*KINDS, "exact"])
@pytest.mark.parametrize("scale", [1e-150, 1e-30, 1e30, 1e150])
def test_units_of_features(scale, kind):
    if kind == "exact":
        pytest.importorskip("ot")
    x, y, z, w = tasks(30, 25, 6, 3, 2)
    expected = label_distances(x, y, z, w, kind=kind)
    scaled = label_distances(scale * x, y, scale * z, w, kind=kind)
    assert_close(scaled / scale**2, expected, REARRANGED)


def test_squares_below_all_floats_are_zero_and_no_warning():
    x, y, z, w = tasks(30, 25, 6, 3, 2)
    for kind in KINDS:
        assert (label_distances(1e-200 * x, y, 1e-200 * z, w, kind=kind) == 0).all()


# ----------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("scale", [1e200, 1e308])
@pytest.mark.parametrize("kind", KINDS)
def test_squares_beyond_float64_are_an_error(kind, scale):
    x = scale * np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    with pytest.raises(ValueError, match="squares within the range of float64"):
        label_distances(x, [0, 1, 0], -x, [0, 1, 1], kind=kind)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"source_features": np.ones(4)}, ValueError, "`source_features`"),
        ({"target_features": np.ones((4, 3))}, ValueError, "`target_features`"),
        ({"target_features": [[np.nan, 1.0]] * 4}, ValueError, "`target_features` must be finite"),
        ({"source_labels": [0, 1, 2]}, ValueError, "`source_labels`"),
        ({"target_labels": [0.5, 1, 1, 1]}, ValueError, "`target_labels`"),
        ({"kind": "cosine"}, ValueError, "`kind` must be 'gaussian' or"),
        ({"kind": None}, ValueError, "`kind`"),
    ],
)
def test_wrong_input_is_named(changes, error, words):
    good = {
        "source_features": np.ones((4, 2)),
        "source_labels": [0, 1, 0, 1],
        "target_features": np.ones((4, 2)),
        "target_labels": ["a", "b", "b", "b"],
    }
    assert (label_distances(**good) == 0).all()
    with pytest.raises(error, match=re.escape(words)):
        label_distances(**{**good, **changes})


def test_exact_without_its_packages_says_how_to_get_them(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'transferscore\[exact\]'"):
        label_distances(np.eye(2), [0, 0], np.eye(2), [0, 0], kind="exact")
