"""OTCE: reference by hand and against POT, kernel against reference, laws, sampling, real data."""

import itertools
import re
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import network_features
from tolerances import (
    FLOAT64,
    FOUR_DECIMALS,
    INEQUALITY,
    MASS,
    NEAR_EXACT,
    REORDERED,
    SOLVED,
    THREE_DECIMALS,
    TRANSPORT,
    TWO_STARTS,
)
from transferscore import (
    ConvergenceWarning,
    ExactResult,
    OTCEResult,
    SinkhornResult,
    conditional_entropy,
    joint_label_distribution,
    label_distances,
    otce,
    otce_many,
    reference,
)

SHAPES = {
    "n < m": (50, 80, 4, 6),
    "n > m": (90, 40, 5, 2),
    "one source": (1, 30, 1, 3),
    "one target": (30, 1, 3, 1),
    "a class each": (8, 9, 8, 9),
    "several hundred": (300, 400, 10, 20),
}
DTYPES = ("float64", "float32")
KEYS = ("source_features", "source_labels", "target_features", "target_labels")


def task(n, m, n_source=4, n_target=6, dtype="float64"):
    x, source_labels = network_features(n, 12, min(n, n_source), seed=1)
    z, target_labels = network_features(m, 12, min(m, n_target), seed=2)
    features = x.astype(dtype), z.astype(dtype)
    return dict(zip(KEYS, (features[0], source_labels, features[1], target_labels), strict=True))


def solve(problem, dtype="float64", **options):
    options = {"relative_epsilon": 0.1, "tol": SOLVED[dtype], "max_iter": 50_000, **options}
    return otce(**problem, **options)


def assert_equal(result, expected, unit, *, tolerance):
    """Both differences, score, table and classes; `unit` is the mean cost."""
    atol = tolerance * unit
    np.testing.assert_allclose(
        result.domain_difference, expected.domain_difference, rtol=0, atol=atol
    )
    np.testing.assert_allclose(result.task_difference, expected.task_difference, atol=tolerance)
    np.testing.assert_allclose(result.joint, expected.joint, rtol=0, atol=tolerance)
    assert result.score == -result.task_difference
    np.testing.assert_array_equal(result.source_classes, expected.source_classes)
    np.testing.assert_array_equal(result.target_classes, expected.target_classes)


def mean_cost(problem):
    return reference.squared_distances(
        problem["source_features"], problem["target_features"]
    ).mean()


def bits(result):
    return result.domain_difference, result.task_difference, result.joint.tobytes()


# ------------------------------------------------------------------------------ reference


@pytest.mark.parametrize(
    ("joint", "expected"),
    [
        (np.eye(3) / 3, 0),
        (np.full((3, 4), 1 / 12), np.log(4)),
        ([[0.5, 0.0], [0.25, 0.25]], 0.5 * np.log(2)),
        ([[2, 0], [1, 1]], 0.5 * np.log(2)),
        ([[0.1, 0.3, 0.0], [0.0, 0.0, 0.0], [0.6, 0.0, 0.0]], 0.4 * (np.log(4) - 0.75 * np.log(3))),
        ([[1.0]], 0),
    ],
)
def test_conditional_entropy_by_hand(joint, expected):
    assert reference.conditional_entropy(joint) == pytest.approx(expected, rel=FLOAT64, abs=MASS)
    assert conditional_entropy(joint) == pytest.approx(expected, rel=FLOAT64, abs=MASS)


def test_reference_table_by_loops(rng):
    P = rng.random((7, 5))
    source_labels, target_labels = np.array([3, 3, -1, 0, 0, 3, -1]), np.array(list("babca"))
    expected = [
        [sum(P[i, j] for i in range(7) for j in range(5) if (y[i], w[j]) == (k, c)) for c in "abc"]
        for k in (-1, 0, 3)
        for y, w in [(source_labels, target_labels)]
    ]
    joint = reference.joint_label_distribution(P, source_labels, target_labels)
    np.testing.assert_allclose(joint, expected, rtol=REORDERED)


def test_reference_distance_of_gaussians_by_hand(rng):
    S, other = (A @ A.T for A in rng.normal(size=(2, 2, 2)))
    # Of a 2 x 2 matrix M = S S' with positive eigenvalues, tr(M^1/2)^2 = tr M + 2 (det M)^1/2.
    M = S @ other
    root = np.sqrt(np.trace(M) + 2 * np.sqrt(np.linalg.det(M)))
    expected = 25 + np.trace(S) + np.trace(other) - 2 * root
    value = reference.gaussian_distance([3.0, 0.0], S, [0.0, 4.0], other)
    assert value == pytest.approx(expected, rel=FLOAT64)

    singular = np.outer([1.0, 2.0, 2.0], [1.0, 2.0, 2.0])
    moved = reference.gaussian_distance(np.zeros(3), singular, np.ones(3), singular)
    assert moved == pytest.approx(3, rel=FLOAT64)
    deviations = rng.uniform(0.1, 2, (2, 3))
    commuting = [np.diag(s**2) for s in deviations]
    value = reference.gaussian_distance(np.zeros(3), commuting[0], np.ones(3), commuting[1])
    expected = 3 + np.sum((deviations[0] - deviations[1]) ** 2)
    assert value == pytest.approx(expected, rel=FLOAT64)


def test_reference_distances_of_classes():
    problem = task(60, 50, 3, 2)
    x, y, z, w = problem.values()
    full = reference.label_distances(*problem.values())
    diagonal = reference.label_distances(*problem.values(), kind="gaussian-diagonal")
    for k, c in itertools.product(range(3), range(2)):
        of_k, of_c = x[y == k], z[w == c]
        apart = np.sum((of_k.mean(0) - of_c.mean(0)) ** 2)
        spread = np.sum((of_k.std(0) - of_c.std(0)) ** 2)
        assert diagonal[k, c] == pytest.approx(apart + spread, rel=FLOAT64)
        moments = [(of.mean(0), np.cov(of.T, ddof=0)) for of in (of_k, of_c)]
        expected = reference.gaussian_distance(*moments[0], *moments[1])
        assert full[k, c] == pytest.approx(expected, rel=FLOAT64)
        assert apart <= full[k, c]
    itself = reference.label_distances(x, y, x + 2, y)
    np.testing.assert_allclose(np.diag(itself), 4 * x.shape[1], rtol=FLOAT64)


def test_reference_otce_equals_that_of_the_plan_of_pot():
    ot = pytest.importorskip("ot")
    problem = task(50, 80)
    x, y, z, w = problem.values()
    C = ot.dist(x, z, metric="sqeuclidean")
    P = ot.sinkhorn(
        [], [], C, 0.1 * np.median(C), method="sinkhorn_log", numItermax=100_000, stopThr=1e-13
    )
    table = [[P[np.ix_(y == k, w == c)].sum() for c in np.unique(w)] for k in np.unique(y)]
    result = reference.otce(*problem.values(), relative_epsilon=0.1, tol=SOLVED["float64"])
    assert result.domain_difference == pytest.approx(np.sum(P * C), rel=TRANSPORT["float64"])
    np.testing.assert_allclose(result.joint, table, rtol=0, atol=TRANSPORT["float64"])
    entropy = -np.nansum(table * np.log(table / np.sum(table, axis=1, keepdims=True)))
    assert result.task_difference == pytest.approx(entropy, abs=TRANSPORT["float64"])
    assert result.score == -result.task_difference


# ------------------------------------------------------------------ kernel against reference


@pytest.mark.parametrize("label_cost", [None, "gaussian", "gaussian-diagonal"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_equals_the_reference(dtype, shape, label_cost):
    problem = task(*SHAPES[shape], dtype=dtype)
    options = {"label_cost": label_cost, "relative_epsilon": 0.2}
    expected = reference.otce(*problem.values(), **options, tol=SOLVED["float64"])
    result = solve(problem, dtype, **options)
    assert isinstance(result, OTCEResult)
    assert isinstance(result.solver, SinkhornResult)
    assert result.solver.converged
    assert result.spread is None
    assert result.domain_difference == result.solver.transport_cost
    unit = max(mean_cost(problem), expected.domain_difference)
    assert_equal(result, expected, unit, tolerance=TRANSPORT[dtype])


@pytest.mark.parametrize("gamma", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_table_of_label_costs(dtype, gamma, rng):
    problem = task(50, 80, dtype=dtype)
    V = 5 * rng.random((4, 6))
    options = {"label_cost": V, "gamma": gamma, "relative_epsilon": 0.2}
    expected = reference.otce(*problem.values(), **options, tol=SOLVED["float64"])
    result = solve(problem, dtype, **options)
    assert_equal(result, expected, mean_cost(problem), tolerance=TRANSPORT[dtype])
    by_list = solve(problem, dtype, **{**options, "label_cost": V.tolist()})
    assert bits(by_list) == bits(result)
    if gamma == 1:
        plain = solve(problem, dtype, relative_epsilon=0.2)
        assert_equal(result, plain, mean_cost(problem), tolerance=TRANSPORT[dtype])


@pytest.mark.parametrize("kind", ["gaussian", "gaussian-diagonal"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_label_distances_equal_the_reference(dtype, kind):
    for shape in ((60, 50, 3, 2), (20, 300, 9, 4)):  # the second: fewer samples than features
        problem = task(*shape, dtype=dtype)
        expected = reference.label_distances(*problem.values(), kind=kind)
        value = label_distances(*problem.values(), kind=kind)
        atol = TRANSPORT[dtype] * expected.mean()
        np.testing.assert_allclose(value, expected, rtol=0, atol=atol)


def test_absolute_epsilon():
    problem = task(50, 80)
    result = solve(problem, relative_epsilon=None, epsilon=0.5)
    expected = reference.otce(*problem.values(), epsilon=0.5, tol=SOLVED["float64"])
    assert_equal(result, expected, mean_cost(problem), tolerance=TRANSPORT["float64"])
    assert result.solver.epsilon == 0.5


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_table_is_the_sum_over_the_plan(shape, dtype):
    problem = task(*SHAPES[shape], dtype=dtype)
    result = otce(**problem, relative_epsilon=0.1)
    labels = problem["source_labels"], problem["target_labels"]
    plan = result.solver.coupling()
    expected = reference.joint_label_distribution(plan, *labels)
    tolerance = MASS if dtype == "float64" else TRANSPORT[dtype]
    np.testing.assert_allclose(result.joint, expected / expected.sum(), rtol=0, atol=tolerance)
    entropy = reference.conditional_entropy(result.joint)
    assert result.task_difference == pytest.approx(entropy, rel=REORDERED, abs=MASS)
    assert conditional_entropy(result.joint) == pytest.approx(entropy, rel=REORDERED, abs=MASS)
    of_result = joint_label_distribution(result.solver, *labels)
    np.testing.assert_allclose(of_result, expected, rtol=0, atol=tolerance)
    np.testing.assert_allclose(joint_label_distribution(plan, *labels), expected, rtol=0, atol=MASS)


def test_tables_of_sparse_plans(rng):
    sparse = pytest.importorskip("scipy.sparse")
    P = rng.random((7, 5)) * (rng.random((7, 5)) < 0.4)
    labels = np.arange(7) % 3, np.array(list("babca"))
    expected = reference.joint_label_distribution(P, *labels)
    for form in (sparse.coo_array, sparse.csr_matrix, sparse.csc_array, np.asarray, list):
        joint = joint_label_distribution(form(P), *labels)
        np.testing.assert_allclose(joint, expected, rtol=REORDERED)


def test_a_class_that_gives_nothing_has_no_entropy():
    joint = joint_label_distribution([[0.0, 0.0], [1.0, 3.0]], ["a", "b"], [0, 1])
    assert joint.tolist() == [[0, 0], [1, 3]]
    expected = np.log(4) - 0.75 * np.log(3)
    assert conditional_entropy(joint) == pytest.approx(expected, rel=REORDERED)


# ---------------------------------------------------------------------------------- labels


def names(labels, kind):
    if kind == "strings":
        return np.array(["truck", "ant", "bee", "cat", "dog", "zebra"])[labels]
    if kind == "text in a list":
        return np.array(["truck", "ant", "bee", "cat", "dog", "zebra"])[labels].tolist()
    if kind == "gaps and negatives":
        return 1000 * labels - 1700
    if kind == "booleans":
        return labels % 2 == 0
    if kind == "whole floats":
        return labels.astype(np.float32)
    return labels.astype(kind)


@pytest.mark.parametrize(
    "kind",
    ["strings", "text in a list", "gaps and negatives", "booleans", "whole floats", "uint8", "i8"],
)
def test_classes_keep_their_names(kind):
    problem = task(50, 80)
    renamed = {
        key: names(value, kind) if key.endswith("labels") else value
        for key, value in problem.items()
    }
    expected = reference.otce(*renamed.values(), relative_epsilon=0.1, tol=SOLVED["float64"])
    result = solve(renamed)
    assert_equal(result, expected, mean_cost(problem), tolerance=TRANSPORT["float64"])
    assert result.joint.shape == (len(result.source_classes), len(result.target_classes))


def test_names_of_one_side_need_not_be_those_of_the_other():
    problem = task(50, 80)
    named = {**problem, "source_labels": names(problem["source_labels"], "strings")}
    result, expected = solve(named), solve(problem)
    assert result.source_classes.tolist() == ["ant", "bee", "cat", "truck"]
    assert result.target_classes.tolist() == [0, 1, 2, 3, 4, 5]
    order = [1, 2, 3, 0]
    atol = TRANSPORT["float64"]
    np.testing.assert_allclose(result.joint, expected.joint[order], rtol=0, atol=atol)


def test_ignored_samples_leave_no_trace():
    problem = task(60, 70)
    x, y, z, w = (values.copy() for values in problem.values())
    y[::5], w[::4], w[1::7] = 255, 255, -1
    keep_x, keep_z = y != 255, (w != 255) & (w != -1)
    kept = dict(zip(KEYS, (x[keep_x], y[keep_x], z[keep_z], w[keep_z]), strict=True))
    x[~keep_x], z[~keep_z] = np.nan, np.inf
    wild = dict(zip(KEYS, (x, y, z, w), strict=True))
    for options in ({}, {"label_cost": "gaussian"}):
        expected = otce(**kept, **options)
        result = otce(**wild, ignore_index=[255, -1], **options)
        assert bits(result) == bits(expected)
        assert result.target_classes.tolist() == expected.target_classes.tolist()
    assert result.solver.f.shape == (keep_x.sum(),)


# ------------------------------------------------------------------------- threads, memory


@pytest.mark.parametrize("label_cost", [None, "gaussian"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_do_not_depend_on_the_number_of_threads(dtype, label_cost):
    problem = task(900, 1100, 10, 15, dtype)
    options = {"relative_epsilon": 0.1, "label_cost": label_cost}
    one, *others = (bits(otce(**problem, **options, n_threads=k)) for k in (1, 2, 3, 8))
    assert others == [one] * 3


def test_bits_do_not_depend_on_where_a_table_lies(rng):
    for joint in rng.random((20, 10, 15)):
        memory = np.empty(joint.size + 8)
        values = set()
        for offset in range(8):
            table = memory[offset : offset + joint.size].reshape(joint.shape)
            table[...] = joint
            values.add(conditional_entropy(table))
        assert len(values) == 1


@pytest.mark.parametrize("label_cost", [None, "gaussian"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_costs_computed_anew_equal_stored_ones(dtype, label_cost):
    problem = task(300, 400, 10, 20, dtype)
    stored = solve(problem, dtype, label_cost=label_cost)
    anew = solve(problem, dtype, label_cost=label_cost, memory_budget=1000)
    assert_equal(anew, stored, mean_cost(problem), tolerance=TRANSPORT[dtype])


# ---------------------------------------------------------------------------------- laws


@st.composite
def problems(draw):
    n, m, d = draw(st.integers(1, 30)), draw(st.integers(1, 30)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    y, w = rng.integers(0, draw(st.integers(1, 5)), n), rng.integers(0, draw(st.integers(1, 5)), m)
    x, z = (rng.normal(size=(k, d)) + rng.normal(size=(5, d))[v] for k, v in ((n, y), (m, w)))
    C = reference.squared_distances(x, z)
    return dict(zip(KEYS, (x, y, z, w), strict=True)), draw(st.sampled_from([0.2, 1.0])) * C.max()


@settings(deadline=None)
@given(problems())
def test_law_bounds(drawn):
    problem, epsilon = drawn
    result = otce(**problem, epsilon=epsilon)
    assert result.joint.sum() == pytest.approx(1, rel=0, abs=MASS)
    assert result.joint.min() >= 0
    n_classes = len(result.target_classes)
    assert -MASS <= result.task_difference <= np.log(n_classes) + MASS
    assert result.domain_difference >= 0
    for key, classes in (("source", result.source_classes), ("target", result.target_classes)):
        assert classes.tolist() == np.unique(problem[f"{key}_labels"]).tolist()


@settings(deadline=None)
@given(problems(), st.permutations(range(5)), st.permutations(range(5)))
def test_law_names_of_classes_do_not_matter(drawn, source_names, target_names):
    problem, epsilon = drawn
    result = solve(problem, relative_epsilon=None, epsilon=epsilon)
    y, w = problem["source_labels"], problem["target_labels"]
    renamed = {
        **problem,
        "source_labels": np.array(source_names)[y],
        "target_labels": np.array([f"class {k}" for k in target_names])[w],
    }
    other = solve(renamed, relative_epsilon=None, epsilon=epsilon)
    for name in ("domain_difference", "task_difference"):
        value, expected = getattr(other, name), getattr(result, name)
        atol = TRANSPORT["float64"] * max(1, expected)
        assert value == pytest.approx(expected, rel=0, abs=atol)


@settings(deadline=None)
@given(problems(), st.sampled_from([1e-3, 7.0]))
def test_law_scale_and_place_of_features_do_not_matter(drawn, scale):
    problem, epsilon = drawn
    C = reference.squared_distances(problem["source_features"], problem["target_features"])
    relative_epsilon = epsilon / reference.absolute_epsilon(C, 1.0)
    moved = {
        key: scale * value + 3 if key.endswith("features") else value
        for key, value in problem.items()
    }
    result, other = (solve(p, relative_epsilon=relative_epsilon) for p in (problem, moved))
    tolerance = TRANSPORT["float64"]
    assert other.task_difference == pytest.approx(result.task_difference, rel=0, abs=tolerance)
    assert other.domain_difference / scale**2 == pytest.approx(
        result.domain_difference, rel=0, abs=tolerance * C.mean()
    )


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 6))
def test_law_conditional_entropy(seed, n_source, n_target):
    rng = np.random.default_rng(seed)
    joint = rng.random((n_source, n_target)) * (rng.random((n_source, n_target)) < 0.7)
    joint[0, 0] += 0.1
    value = conditional_entropy(joint)
    assert value == pytest.approx(reference.conditional_entropy(joint), rel=REORDERED, abs=MASS)
    assert -MASS <= value <= np.log(n_target) + MASS
    order = rng.permutation(n_source), rng.permutation(n_target)
    for other in (joint[np.ix_(*order)], 17 * joint, np.vstack([joint, joint])):
        assert conditional_entropy(other) == pytest.approx(value, rel=REORDERED, abs=MASS)
    # A target that says nothing of the source has its whole entropy; one known from it has none.
    independent = np.outer(joint.sum(1), joint.sum(0))
    assert value <= conditional_entropy(independent) + MASS
    assert conditional_entropy(joint.sum(1, keepdims=True)) == pytest.approx(0, abs=MASS)


def test_the_same_task_on_both_sides_is_known():
    problem = task(50, 80)
    x, y = problem["source_features"], problem["source_labels"]
    same = dict(zip(KEYS, (x, y, x, y), strict=True))
    result = otce(**same, relative_epsilon=0.001)
    assert result.task_difference == pytest.approx(0, abs=INEQUALITY)
    expected = joint_label_distribution(np.eye(50) / 50, y, y)
    np.testing.assert_allclose(result.joint, expected, atol=INEQUALITY)


def test_one_target_class_is_known():
    problem = task(20, 30)
    result = otce(**{**problem, "target_labels": np.full(30, 7)})
    assert result.task_difference == pytest.approx(0, abs=MASS)
    assert result.target_classes.tolist() == [7]


# -------------------------------------------------------------------------------- sampling


def test_a_seed_decides_the_samples():
    problem = task(200, 300)
    first, again, other = (otce(**problem, n_pairs=50, random_state=k) for k in (3, 3, 4))
    assert bits(first) == bits(again)
    assert first.task_difference != other.task_difference
    assert first.domain_difference != other.domain_difference
    generators = (np.random.default_rng(3) for _ in range(2))
    one, two = (otce(**problem, n_pairs=50, random_state=g) for g in generators)
    assert bits(one) == bits(two)


def test_as_many_samples_as_asked_for():
    problem = task(200, 300)
    result = otce(**problem, n_pairs=50, random_state=0)
    assert result.solver.f.shape == result.solver.g.shape == (50,)
    result = otce(**problem, n_pairs=250, random_state=0)  # there are 200 sources
    assert result.solver.f.shape == (200,)
    assert result.solver.g.shape == (250,)


def test_all_samples_are_all_samples():
    problem = task(60, 50)
    result = solve(problem, n_pairs=1000, random_state=1)
    assert_equal(result, solve(problem), mean_cost(problem), tolerance=TRANSPORT["float64"])


@pytest.mark.parametrize("sampling", ["uniform", "stratified"])
def test_repeats_report_their_spread(sampling):
    problem = task(200, 300)
    options = {"n_pairs": 60, "n_repeats": 6, "sampling": sampling, "random_state": 0}
    result = otce(**problem, **options)
    assert bits(otce(**problem, **options)) == bits(result)
    for name, value in (("domain", result.domain_difference), ("task", result.task_difference)):
        values = getattr(result.spread, f"{name}_differences")
        assert values.shape == (6,)
        assert len(np.unique(values)) == 6
        assert value == pytest.approx(values.mean(), rel=REORDERED)
    assert result.score == -result.task_difference
    assert result.joint.sum() == pytest.approx(1, rel=0, abs=MASS)


def test_stratified_samples_keep_the_shares_of_the_classes():
    problem = task(200, 300)
    problem["source_labels"] = np.repeat(["a", "b", "c"], [120, 60, 20])
    problem["target_labels"] = np.repeat([5, 3], [100, 200])
    for seed in range(5):
        options = {"n_pairs": 30, "sampling": "stratified", "random_state": seed}
        joint = solve(problem, **options).joint
        np.testing.assert_allclose(joint.sum(axis=1), [0.6, 0.3, 0.1], rtol=0, atol=INEQUALITY)
        np.testing.assert_allclose(joint.sum(axis=0), [2 / 3, 1 / 3], rtol=0, atol=INEQUALITY)
    shares = [
        solve(problem, n_pairs=30, random_state=seed).joint.sum(axis=1)[0] for seed in range(5)
    ]
    assert np.ptp(shares) > 0


def test_a_rare_class_is_in_a_stratified_sample():
    problem = task(200, 300)
    problem["source_labels"] = np.where(np.arange(200) == 77, "rare", "common")
    for seed in range(3):
        options = {"n_pairs": 20, "sampling": "stratified", "random_state": seed}
        assert otce(**problem, **options).joint.shape[1] == 6
        assert otce(**problem, **options).solver.f.shape == (20,)


# ------------------------------------------------------------------------------------ many


@pytest.mark.parametrize("label_cost", [None, "gaussian-diagonal"])
def test_many_problems_have_the_bits_of_single_calls(label_cost):
    several = [task(50, 80), task(30, 20, 3, 3, "float32"), task(1, 9), task(60, 60, 6, 2)]
    options = {"relative_epsilon": 0.1, "label_cost": label_cost}
    singles = [bits(otce(**problem, **options)) for problem in several]
    for n_threads in (1, 3):
        results = otce_many(several, **options, n_threads=n_threads)
        assert [bits(result) for result in results] == singles
    assert otce_many([]) == []


@pytest.mark.parametrize("dtype", DTYPES)
def test_draws_from_the_same_distributions_start_from_the_first(dtype):
    n = 1000
    whole = task(3 * n, 3 * n, 5, 4, dtype)
    draws = [{key: values[k * n : (k + 1) * n] for key, values in whole.items()} for k in range(3)]
    options = {"relative_epsilon": 0.02}
    alone, started = (otce_many(draws, **options, alike=alike) for alike in (False, True))
    assert bits(started[0]) == bits(alone[0])
    for one, other in zip(started[1:], alone[1:], strict=True):
        assert one.solver.converged
        assert one.solver.n_iter < other.solver.n_iter
        assert one.task_difference == pytest.approx(other.task_difference, rel=TWO_STARTS)
        assert one.domain_difference == pytest.approx(other.domain_difference, rel=TWO_STARTS)
    many_threads = otce_many(draws, **options, alike=True, n_threads=3)
    assert [bits(one) for one in started] == [bits(one) for one in many_threads]


@pytest.mark.parametrize("options", [{"method": "exact"}, {"label_cost": "gaussian-diagonal"}])
def test_draws_that_have_nothing_to_start_from(options):
    draws = [task(30, 30), task(32, 28)]
    alone, started = (otce_many(draws, **options, alike=alike) for alike in (False, True))
    assert [one.score for one in alone] == [one.score for one in started]
    assert otce_many([], alike=True) == []


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("label_cost", [None, "gaussian"])
def test_problems_that_share_features_equal_single_calls(label_cost, dtype, rng):
    whole = task(90, 120, 6, 8, dtype)
    rows = [
        (np.flatnonzero(whole["source_labels"] < 4), np.flatnonzero(whole["target_labels"] != 2)),
        (rng.permutation(90)[:40], rng.permutation(120)[:30]),
        (None, np.arange(0, 120, 3)),
        (None, None),
    ]
    shared, singles = [], []
    for i, j in rows:
        some = {"source_rows": i, "target_rows": j}
        shared.append({**whole, **{k: v for k, v in some.items() if v is not None}})
        sides = [slice(None) if k is None else k for k in (i, i, j, j)]
        single = zip(whole.items(), sides, strict=True)
        singles.append({key: values[kept] for (key, values), kept in single})
    options = {"relative_epsilon": 0.1, "label_cost": label_cost}
    options |= {"tol": SOLVED[dtype], "max_iter": 50_000}
    for memory_budget in (None, 1000):
        results = otce_many(shared, **options, memory_budget=memory_budget)
        for result, problem in zip(results, singles, strict=True):
            expected = otce(**problem, **options)
            assert_equal(result, expected, mean_cost(problem), tolerance=TRANSPORT[dtype])


# ----------------------------------------------------------------------------------- exact


def test_exact_plan_of_a_few_samples():
    pytest.importorskip("scipy")
    problem = task(7, 7, 2, 3)
    C = reference.squared_distances(problem["source_features"], problem["target_features"])
    orders = [list(order) for order in itertools.permutations(range(7))]
    best = min(orders, key=lambda order: C[range(7), order].sum())
    labels = problem["source_labels"], problem["target_labels"]
    joint = reference.joint_label_distribution(np.eye(7)[best].T / 7, *labels[::-1]).T
    result = otce(**problem, method="exact")
    assert isinstance(result.solver, ExactResult)
    assert result.domain_difference == pytest.approx(C[range(7), best].mean(), rel=FLOAT64)
    np.testing.assert_allclose(result.joint, joint, rtol=0, atol=MASS)
    assert result.score == -result.task_difference
    of_result = joint_label_distribution(result.solver, *labels)
    np.testing.assert_allclose(of_result, joint, rtol=0, atol=MASS)


# --------------------------------------------------------------------------------- real data

# An exact plan between 200 Amazon images and those of the target: what the authors' demo prints.
OFFICE_31 = {"dslr": (0.8349, 300.968), "webcam": (1.6401, 287.914)}


def office_31(data_folder, target):
    with np.load(data_folder / "office31_otce_resnet18.npz", allow_pickle=False) as z:
        sides = (z["src_amazon_x"], z["src_amazon_y"], z[f"tar_{target}_x"], z[f"tar_{target}_y"])
    return dict(zip(KEYS, sides, strict=True))


@pytest.mark.parametrize("target", OFFICE_31)
def test_exact_plan_of_office_31(data_folder, target):
    pytest.importorskip("ot")
    task_difference, domain_difference = OFFICE_31[target]
    problem = office_31(data_folder, target)
    result = otce(**problem, method="exact")
    assert result.task_difference == pytest.approx(task_difference, rel=0, abs=FOUR_DECIMALS)
    assert result.domain_difference == pytest.approx(domain_difference, rel=0, abs=THREE_DECIMALS)
    solver = result.solver
    assert solver.solver == "network simplex"
    assert len(solver.mass) <= solver.n + solver.m - 1
    assert solver.mass.sum() == pytest.approx(1, rel=0, abs=MASS)
    table = joint_label_distribution(solver, problem["source_labels"], problem["target_labels"])
    np.testing.assert_allclose(result.joint, table, rtol=0, atol=MASS)


@pytest.mark.parametrize("target", OFFICE_31)
def test_sinkhorn_tends_to_the_exact_plan_of_office_31(data_folder, target):
    problem = office_31(data_folder, target)
    results = [
        otce(**problem, relative_epsilon=e, tol=1e-4, max_iter=5000) for e in (0.1, 0.02, 0.005)
    ]
    task_difference, domain_difference = OFFICE_31[target]
    for name, limit in (("task", task_difference), ("domain", domain_difference)):
        apart = [getattr(result, f"{name}_difference") / limit - 1 for result in results]
        assert apart == sorted(apart, reverse=True)
        assert 0 < apart[-1] < NEAR_EXACT


def test_default_settings_on_office_31_equal_the_reference(data_folder):
    problem = office_31(data_folder, "dslr")
    expected = reference.otce(*problem.values())
    for dtype in DTYPES:
        for key in ("source_features", "target_features"):
            problem[key] = problem[key].astype(dtype)
        result = solve(problem, dtype, relative_epsilon=None)
        assert_equal(result, expected, mean_cost(problem), tolerance=TRANSPORT[dtype])


# ----------------------------------------------------------------------------------- errors


def test_not_converging_is_said():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = otce(**task(60, 50), relative_epsilon=0.005, max_iter=2)
    assert [w.category for w in caught] == [ConvergenceWarning]
    assert caught[0].filename == __file__
    assert not result.solver.converged
    assert result.joint.sum() == pytest.approx(1, rel=0, abs=MASS)


GOOD = task(10, 12, 2, 3)
WRONG = {
    "features of one axis": ({"source_features": np.ones(10)}, "`source_features`"),
    "other features": ({"target_features": np.ones((12, 3))}, "`target_features`"),
    "nan": ({"source_features": np.full((10, 12), np.nan)}, "`source_features`"),
    "inf": ({"target_features": np.full((12, 12), np.inf)}, "`target_features`"),
    "complex": ({"target_features": 1j * np.ones((12, 12))}, "`target_features`"),
    "no samples": (
        {"source_features": np.ones((0, 12)), "source_labels": np.ones(0, int)},
        "`source_features`",
    ),
    "too few labels": ({"source_labels": np.zeros(9, int)}, "`source_labels`"),
    "too many labels": ({"target_labels": np.zeros(13, int)}, "`target_labels`"),
    "labels of two axes": ({"source_labels": np.zeros((10, 2), int)}, "`source_labels`"),
    "fractions": ({"target_labels": np.linspace(0, 1, 12)}, "`target_labels`"),
    "labels of another kind": ({"source_labels": np.array([1j] * 10)}, "`source_labels`"),
    "method": ({"method": "quick"}, "`method`"),
    "both epsilons": ({"epsilon": 1.0, "relative_epsilon": 0.1}, "`relative_epsilon`"),
    "epsilon 0": ({"epsilon": 0}, "`epsilon`"),
    "relative epsilon -1": ({"relative_epsilon": -1.0}, "`relative_epsilon`"),
    "label cost": ({"label_cost": "cosine"}, "`label_cost`"),
    "label cost of another shape": ({"label_cost": np.zeros((3, 2))}, "`label_cost`"),
    "label cost nan": ({"label_cost": np.full((2, 3), np.nan)}, "`label_cost`"),
    "gamma 2": ({"label_cost": "gaussian", "gamma": 2.0}, "`gamma`"),
    "gamma -0.1": ({"label_cost": "gaussian", "gamma": -0.1}, "`gamma`"),
    "gamma nan": ({"label_cost": "gaussian", "gamma": np.nan}, "`gamma`"),
    "everything ignored": ({"ignore_index": [0, 1]}, "`ignore_index`"),
    "tol 0": ({"tol": 0.0}, "`tol`"),
    "max_iter 0": ({"max_iter": 0}, "`max_iter`"),
    "n_pairs 0": ({"n_pairs": 0}, "`n_pairs`"),
    "n_pairs 1.5": ({"n_pairs": 1.5}, "`n_pairs`"),
    "n_repeats 0": ({"n_pairs": 5, "n_repeats": 0}, "`n_repeats`"),
    "sampling": ({"n_pairs": 5, "sampling": "best"}, "`sampling`"),
    "n_threads 0": ({"n_threads": 0}, "`n_threads`"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_named(case):
    changes, words = WRONG[case]
    error = (TypeError, ValueError) if re.search("both|complex|kind|1.5", case) else ValueError
    with pytest.raises(error, match=re.escape(words)):
        otce(**{**GOOD, **changes})
    if case == "features of one axis":
        with pytest.raises(error, match=re.escape(words)):
            otce_many([GOOD, {**GOOD, **changes}])


def test_source_and_target_cannot_be_swapped_unnoticed():
    with pytest.raises(TypeError, match="positional"):
        otce(*GOOD.values())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: conditional_entropy(np.ones(3)), "`joint`"),
        (lambda: conditional_entropy([[1.0, -0.1]]), "`joint`"),
        (lambda: conditional_entropy([[0.0, 0.0]]), "`joint`"),
        (lambda: conditional_entropy([[np.nan, 1.0]]), "`joint`"),
        (lambda: joint_label_distribution(np.eye(3), [0, 1], [0, 1, 2]), "`source_labels`"),
        (lambda: joint_label_distribution(np.eye(3), [0, 1, 2], [0, 1]), "`target_labels`"),
        (lambda: joint_label_distribution(np.ones(3), [0, 1, 2], [0, 1]), "`plan`"),
    ],
)
def test_wrong_tables_are_named(call, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        call()


@pytest.mark.parametrize(
    "option", [{"n_repeats": 2}, {"sampling": "stratified"}, {"random_state": 0}, {"sampling": "x"}]
)
def test_options_of_samples_need_a_size(option):
    x = np.arange(12.0).reshape(6, 2)
    y = [0, 1, 0, 1, 0, 1]
    sides = {"source_features": x, "source_labels": y, "target_features": x, "target_labels": y}
    with pytest.raises(TypeError, match=f"`{next(iter(option))}`.*`n_pairs`"):
        otce(**sides, **option)
