"""Entropic transport: reference against POT, kernel against reference, laws, hostile input."""

import re
import warnings
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import network_features
from tolerances import (
    CONVERGED,
    EPSILON,
    FLOAT64,
    INEQUALITY,
    MASS,
    PRINTED,
    RECOMPUTED,
    REORDERED,
    ROUNDED,
    SOLVED,
    TRANSPORT,
)
from transferscore import (
    ConvergenceWarning,
    SinkhornResult,
    reference,
    sinkhorn,
    sinkhorn_divergence,
    sinkhorn_many,
)

SHAPES = {
    "n < m": (40, 70),
    "n > m": (90, 35),
    "one source": (1, 30),
    "one target": (30, 1),
    "one of each": (1, 1),
    "tall": (400, 3),
    "wide": (3, 400),
    "several hundred": (300, 500),
    "several tiles": (130, 2500),
}
DTYPES = ("float64", "float32")


def clouds(n, m, d=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), 0.8 * rng.normal(size=(m, d)) + 0.5


def clustered(n, m):
    return network_features(n, 12, 4, seed=1)[0], network_features(m, 12, 3, seed=2)[0]


def solve(*args, dtype="float64", **options):
    return sinkhorn(*args, **{"tol": SOLVED[dtype], "max_iter": 50_000, **options})


def shares(weights_of_side, size):
    w = np.ones(size) if weights_of_side is None else np.asarray(weights_of_side)
    return w / w.sum()


def assert_solves(result, C, a=None, b=None, *, dtype="float64"):
    """All that a result says follows from its potentials, and `converged` is true of them."""
    again = reference.from_potentials(C, result.f, result.g, a, b, epsilon=result.epsilon)
    assert np.isfinite([*result.f, *result.g]).all()
    assert result.f.dtype == result.g.dtype == np.float64
    # What the rounding of the largest cost is worth in an exponent.
    rounding = 8 * np.finfo(np.float64).eps * np.abs(C).max() / result.epsilon
    slack = max(RECOMPUTED[dtype], result.tol / 10, rounding)
    assert abs(result.marginal_error - again.marginal_error) <= slack
    assert result.converged == (result.marginal_error <= result.tol)
    if result.converged:
        assert again.marginal_error <= CONVERGED * result.tol + max(RECOMPUTED["float64"], rounding)

    tolerance = max(TRANSPORT[dtype], rounding)
    unit = max(np.abs(C).mean(), result.epsilon)
    for name in ("transport_cost", "regularised_cost"):
        value, expected = getattr(result, name), getattr(again, name)
        np.testing.assert_allclose(value, expected, rtol=tolerance, atol=tolerance * unit)
    a, b = (
        np.ones(k) if w is None else np.asarray(w) for w, k in zip((a, b), C.shape, strict=True)
    )
    gauge = a @ result.f / a.sum() - b @ result.g / b.sum()
    assert abs(gauge) <= tolerance * unit


def assert_equal(result, expected, C, *, tolerance):
    """Costs, potentials and plan of two solutions."""
    cost = np.abs(C).mean()
    unit = max(cost, result.epsilon)  # a plan says no more about its potentials
    units = {"transport_cost": cost, "regularised_cost": unit, "f": unit, "g": unit}
    for name, unit in units.items():
        values = getattr(result, name), getattr(expected, name)
        np.testing.assert_allclose(*values, rtol=0, atol=tolerance * unit, err_msg=name)
    plans = [
        transport.coupling() if isinstance(transport, SinkhornResult) else transport.coupling
        for transport in (result, expected)
    ]
    assert np.abs(plans[0] - plans[1]).sum() <= tolerance


def bits(result):
    numbers = (result.transport_cost, result.regularised_cost, result.marginal_error)
    return result.f.tobytes(), result.g.tobytes(), numbers, result.n_iter, result.converged


# ------------------------------------------------------------------------------ reference


def test_reference_of_one_source_point():
    C = np.array([[1.0, 5.0, 3.0]])
    b = np.array([0.5, 0.25, 0.25])
    result = reference.sinkhorn(C, target_weights=b, epsilon=0.1)
    np.testing.assert_allclose(result.coupling, [b], rtol=FLOAT64)
    np.testing.assert_allclose(result.f, [1.25], rtol=FLOAT64)  # half of the mean cost, 2.5
    np.testing.assert_allclose(result.g, C[0] - 1.25, rtol=FLOAT64)
    assert result.transport_cost == pytest.approx(2.5, rel=FLOAT64)
    assert result.regularised_cost == pytest.approx(2.5, rel=FLOAT64)
    assert result.n_iter == 1


@pytest.mark.parametrize("epsilon", [0.05, 1.0, 30.0])
def test_reference_of_two_by_two(epsilon):
    # By symmetry f = g = constant: P_11 = p / 2 with p = 1 / (1 + exp(-1 / epsilon)).
    result = reference.sinkhorn([[0.0, 1.0], [1.0, 0.0]], epsilon=epsilon)
    p = 1 / (1 + np.exp(-1 / epsilon))
    np.testing.assert_allclose(result.coupling, [[p / 2, (1 - p) / 2], [(1 - p) / 2, p / 2]])
    np.testing.assert_allclose([*result.f, *result.g], epsilon / 2 * np.log(2 * p))
    assert result.transport_cost == pytest.approx(1 - p)
    entropy = p * np.log(2 * p) + (1 - p) * np.log(2 * (1 - p))
    assert result.regularised_cost == pytest.approx(1 - p + epsilon * entropy)


def test_reference_ends_at_the_independent_plan():
    C = reference.squared_distances(*clouds(7, 5))
    a, b = np.arange(1.0, 8.0), np.arange(1.0, 6.0)
    result = reference.sinkhorn(C, a, b, relative_epsilon=1e9)
    np.testing.assert_allclose(result.coupling, np.outer(a / 28, b / 15), rtol=INEQUALITY)


def test_reference_leaves_points_without_weight_alone():
    C = reference.squared_distances(*clouds(6, 5))
    a, b = np.array([0, 1.0, 2, 0, 1, 1]), np.array([1.0, 0, 1, 1, 1])
    result = reference.sinkhorn(C, a, b, epsilon=1.0, tol=SOLVED["float64"])
    some = reference.sinkhorn(C[a > 0][:, b > 0], a[a > 0], b[b > 0], epsilon=1.0)
    np.testing.assert_allclose(result.f[a > 0], some.f)
    np.testing.assert_allclose(result.g[b > 0], some.g)
    f = -np.log(np.exp(result.g[b > 0] - C[:, b > 0]) @ b[b > 0] / 4)
    g = -np.log(a[a > 0] / 5 @ np.exp(result.f[a > 0, None] - C[a > 0]))
    np.testing.assert_allclose(result.f, f)
    np.testing.assert_allclose(result.g, g)


def test_reference_epsilon_is_relative_to_the_median_of_evenly_spaced_costs():
    C = np.random.default_rng(0).normal(size=(1030, 7)) + 3
    rows = [k * 1030 // 512 for k in range(512)]
    assert reference.absolute_epsilon(C, 0.1) == 0.1 * np.median(C[rows])
    mostly_zero = np.diag([0.0, 0.0, 8.0])
    assert reference.absolute_epsilon(mostly_zero, 1.0) == pytest.approx(8 / 9)
    assert reference.absolute_epsilon([[-3.0, -1.0, -2.0]], 1.0) == 2
    assert reference.absolute_epsilon(np.zeros((2, 2)), 0.3) == 0.3


def pot_solution(C, a, b, epsilon):
    """POT's plan, with potentials in the gauge and against the weights as we have them."""
    ot = pytest.importorskip("ot")
    a, b = np.asarray(a) / np.sum(a), np.asarray(b) / np.sum(b)
    options = {"method": "sinkhorn_log", "numItermax": 200_000, "stopThr": 1e-13, "log": True}
    with np.errstate(over="ignore"):  # exp(log_u), which it also returns
        P, log = ot.sinkhorn(a, b, C, epsilon, **options)
    f = epsilon * (log["log_u"] - np.log(a))
    g = epsilon * (log["log_v"] - np.log(b))
    shift = (a @ f - b @ g) / 2
    return reference.from_potentials(C, f - shift, g + shift, a, b, epsilon=epsilon), P


def pot_problems():
    rng = np.random.default_rng(8)
    x, z = clouds(25, 40, seed=4)
    outlier = x.copy()
    outlier[3] += 30
    uneven = 10.0 ** rng.uniform(-9, 0, 25)
    return {
        "random": (x, z, np.ones(25), np.ones(40)),
        "as many": (x, z[:25], np.ones(25), np.ones(25)),
        "clustered": (*clustered(25, 40), np.ones(25), np.ones(40)),
        "weighted": (x, z, rng.uniform(0.1, 1, 25), rng.uniform(0.1, 1, 40)),
        "uneven weights": (x, z, uneven, np.ones(40)),
        "offset": (x + 1e4, z + 1e4, np.ones(25), np.ones(40)),
        "outlier": (outlier, z, np.ones(25), np.ones(40)),
        "duplicates": (x[rng.integers(0, 5, 25)], z, np.ones(25), np.ones(40)),
        "tiny": (1e-5 * x, 1e-5 * z, np.ones(25), np.ones(40)),
    }


@pytest.mark.parametrize("relative_epsilon", [0.03, 0.3, 3.0])
@pytest.mark.parametrize("case", pot_problems())
def test_reference_equals_pot(case, relative_epsilon):
    x, z, a, b = pot_problems()[case]
    C = reference.squared_distances(x, z)
    result = reference.sinkhorn(
        C, a, b, relative_epsilon=relative_epsilon, tol=SOLVED["float64"], max_iter=50_000
    )
    assert result.marginal_error <= SOLVED["float64"]
    expected, P = pot_solution(C, a, b, reference.absolute_epsilon(C, relative_epsilon))
    assert_equal(result, expected, C, tolerance=TRANSPORT["float64"])
    np.testing.assert_allclose(expected.coupling, P, rtol=0, atol=INEQUALITY)


def test_reference_divergence():
    x, z = clouds(9, 7)
    a, b = np.arange(1.0, 10.0), np.ones(7)

    def primal(x, z, a, b):
        C = reference.squared_distances(x, z)
        P = reference.sinkhorn(C, a, b, epsilon=2.0).coupling
        product = np.outer(a / a.sum(), b / b.sum())
        return np.sum(P * C) + 2 * np.sum(P * np.log(P / product))

    expected = primal(x, z, a, b) - (primal(x, x, a, a) + primal(z, z, b, b)) / 2
    assert reference.sinkhorn_divergence(x, z, a, b, epsilon=2.0) == pytest.approx(expected)
    assert reference.sinkhorn_divergence(x, x) == pytest.approx(0, abs=INEQUALITY)


# ------------------------------------------------------------------ kernel against reference


@cache
def expected_of(shape, dtype, given_as, relative_epsilon):
    """Arguments, the float64 cost of the same values, and the reference."""
    x, z = (points.astype(dtype) for points in clouds(*shape))
    C = reference.squared_distances(x, z)
    if given_as == "cost":
        C = (C - C.mean()).astype(dtype)  # negative costs are costs, too
    expected = reference.sinkhorn(
        C, relative_epsilon=relative_epsilon, tol=SOLVED["float64"], max_iter=50_000
    )
    assert expected.marginal_error <= SOLVED["float64"]
    arguments = {"cost": C} if given_as == "cost" else {"source_points": x, "target_points": z}
    return arguments, C.astype(np.float64), expected


@pytest.mark.parametrize("relative_epsilon", [0.05, 1.0, 100.0])
@pytest.mark.parametrize("given_as", ["points", "cost"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_equals_the_reference(dtype, shape, given_as, relative_epsilon):
    if given_as == "cost":
        relative_epsilon *= 10  # of a median that is about zero
    arguments, C, expected = expected_of(SHAPES[shape], dtype, given_as, relative_epsilon)
    result = solve(**arguments, relative_epsilon=relative_epsilon, dtype=dtype)
    assert result.converged
    assert result.relative_epsilon == pytest.approx(relative_epsilon, rel=REORDERED)
    epsilon = reference.absolute_epsilon(C, relative_epsilon)
    assert result.epsilon == pytest.approx(epsilon, rel=EPSILON[dtype])
    assert_solves(result, C, dtype=dtype)
    assert_equal(result, expected, C, tolerance=TRANSPORT[dtype])


@pytest.mark.parametrize(
    ("shape", "relative_epsilon"),
    [((7, 5), 1e-4), ((7, 5), 1e-3), ((7, 5), 1e-2), ((20, 13), 1e-3), ((40, 70), 1e-2)],
)
@pytest.mark.parametrize("given_as", ["points", "cost"])
def test_small_epsilon_equals_the_reference(given_as, shape, relative_epsilon):
    _, C, _ = expected_of(shape, "float64", "points", 1.0)
    epsilon = relative_epsilon * np.median(C)
    # Exponents of 1e4 leave that many roundings in a plan.
    tol = max(SOLVED["float64"], 1e-14 / relative_epsilon)
    expected = reference.sinkhorn(C, epsilon=epsilon, tol=tol, max_iter=50_000)
    points = dict(zip(("source_points", "target_points"), clouds(*shape), strict=True))
    arguments = {"cost": C} if given_as == "cost" else points
    result = solve(**arguments, epsilon=epsilon, tol=tol)
    assert result.converged
    assert_solves(result, C)
    assert_equal(result, expected, C, tolerance=TRANSPORT["float64"])


@pytest.mark.parametrize("relative_epsilon", [1e-3, 1e-2])
def test_small_epsilon_of_float32(relative_epsilon):
    x, z = (points.astype(np.float32) for points in clouds(20, 13))
    C = reference.squared_distances(x, z)
    expected = reference.sinkhorn(C, relative_epsilon=relative_epsilon, max_iter=20_000)
    result = solve(x, z, relative_epsilon=relative_epsilon, dtype="float32")
    assert result.converged
    assert_solves(result, C, dtype="float32")
    unit = TRANSPORT["float32"] * C.mean()
    assert result.transport_cost == pytest.approx(expected.transport_cost, abs=unit)
    assert result.regularised_cost == pytest.approx(expected.regularised_cost, abs=unit)


@pytest.mark.parametrize("dtype", DTYPES)
def test_epsilon_is_relative_to_the_median_of_evenly_spaced_costs(dtype):
    x, z = (points.astype(dtype) for points in clouds(1030, 700, d=3))
    C = reference.squared_distances(x, z)
    a = np.arange(1030) % 3  # points without weight count
    result = sinkhorn(x, z, source_weights=a, relative_epsilon=1.0)
    expected = reference.absolute_epsilon(C, 1.0)
    assert result.epsilon == pytest.approx(expected, rel=EPSILON[dtype])
    of_cost = sinkhorn(cost=C.astype(dtype), relative_epsilon=1.0)
    assert of_cost.epsilon == pytest.approx(expected, rel=EPSILON[dtype])
    default = sinkhorn(x[:30], z[:20])
    expected = reference.absolute_epsilon(C[:30, :20], 0.02)
    assert default.epsilon == pytest.approx(expected, rel=EPSILON[dtype])
    assert default.relative_epsilon == pytest.approx(0.02, rel=REORDERED)
    assert default.tol == 1e-3


def weights():
    rng = np.random.default_rng(3)
    a, b = rng.uniform(0.1, 1, 40), rng.uniform(0.1, 1, 30)
    some_a, some_b = (np.where(np.arange(len(w)) % 3 == 1, 0.0, w) for w in (a, b))
    uneven_a, uneven_b = 10.0 ** rng.uniform(-12, 0, 40), 10.0 ** rng.uniform(-12, 0, 30)
    one_a, one_b = np.eye(40)[7], np.eye(30)[4]
    return {
        "uniform": (None, None),
        "random": (a, b),
        "one side": (a, None),
        "other side": (None, b),
        "zeros": (some_a, some_b),
        "zeros on one side": (None, some_b),
        "uneven": (uneven_a, uneven_b),
        "uneven on one side": (uneven_a, None),
        "all in one point": (one_a, one_b),
        "all in one source": (one_a, b),
        "tiny sum": (1e-300 * a, 1e-300 * b),
    }


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", weights())
def test_weights(case, dtype):
    a, b = (None if w is None else w / w.sum() * 3 for w in weights()[case])
    if case == "tiny sum":
        a, b = 1e-300 * a, 1e-300 * b
    x, z = (points.astype(dtype) for points in clouds(40, 30))
    C = reference.squared_distances(x, z)
    expected = reference.sinkhorn(C, a, b, relative_epsilon=0.1, tol=SOLVED["float64"])
    result = solve(x, z, source_weights=a, target_weights=b, relative_epsilon=0.1, dtype=dtype)
    assert_solves(result, C, a, b, dtype=dtype)
    assert_equal(result, expected, C, tolerance=TRANSPORT[dtype])


def layouts(X):
    wide = np.zeros((2 * X.shape[0], 2 * X.shape[1]), X.dtype)
    wide[::2, ::2] = X
    read_only = X.copy()
    read_only.flags.writeable = False
    return {
        "Fortran": np.asfortranarray(X),
        "strided": wide[::2, ::2],
        "reversed": X[::-1, ::-1].copy()[::-1, ::-1],
        "swapped bytes": X.astype(X.dtype.newbyteorder()),
        "read-only": read_only,
        "list": X.tolist(),
    }


@pytest.mark.parametrize("layout", layouts(np.zeros((3, 3))))
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int16"])
def test_any_layout_gives_the_bits_of_the_contiguous_copy(dtype, layout):
    x, z = ((8 * points).astype(dtype) for points in clouds(30, 20))
    kernel_dtype = "float32" if dtype in ("float32", "float16") and layout != "list" else "float64"
    expected = sinkhorn(x.astype(kernel_dtype), z.astype(kernel_dtype), relative_epsilon=0.2)
    result = sinkhorn(layouts(x)[layout], layouts(z)[layout], relative_epsilon=0.2)
    assert bits(result) == bits(expected)
    C = reference.squared_distances(x, z).astype(dtype)
    expected = sinkhorn(cost=C.astype(kernel_dtype), relative_epsilon=0.2)
    assert bits(sinkhorn(cost=layouts(C)[layout], relative_epsilon=0.2)) == bits(expected)


def test_inputs_are_not_written():
    x, z = clouds(30, 20)
    a, b, f, g = np.full(30, 2.0), np.full(20, 3.0), np.zeros(30), np.zeros(20)
    before = [values.tobytes() for values in (x, z, a, b, f, g)]
    result = sinkhorn(x, z, source_weights=a, target_weights=b, initial=(f, g))
    assert [values.tobytes() for values in (x, z, a, b, f, g)] == before
    assert not np.shares_memory(result.f, f)


# ------------------------------------------------------------------------- kernel against POT


@pytest.mark.parametrize("relative_epsilon", [0.03, 0.3, 3.0])
@pytest.mark.parametrize("case", pot_problems())
def test_equals_pot(case, relative_epsilon):
    x, z, a, b = pot_problems()[case]
    C = reference.squared_distances(x, z)
    a, b = a / a.sum(), b / b.sum()
    expected, _ = pot_solution(C, a, b, reference.absolute_epsilon(C, relative_epsilon))
    for arguments in ({"source_points": x, "target_points": z}, {"cost": C}):
        result = solve(
            **arguments, source_weights=a, target_weights=b, relative_epsilon=relative_epsilon
        )
        assert result.converged
        assert_equal(result, expected, C, tolerance=TRANSPORT["float64"])


# ---------------------------------------------------------------------- threads and memory


@cache
def large(dtype):
    """So large that every step is shared between threads, those that only read a kernel too."""
    return tuple(points.astype(dtype) for points in clouds(1500, 1600, d=40, seed=6))


@pytest.mark.parametrize("memory_budget", [None, 1000])
@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_do_not_depend_on_the_number_of_threads(dtype, memory_budget):
    options = {"relative_epsilon": 0.1, "memory_budget": memory_budget}
    one, *others = (bits(sinkhorn(*large(dtype), n_threads=k, **options)) for k in (1, 2, 3, 8))
    assert others == [one] * 3


@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_of_a_given_cost_do_not_depend_on_the_number_of_threads(dtype):
    x, z = large(dtype)
    C = (np.sum(x**2, axis=1)[:, None] - 2 * x @ z.T).astype(dtype)
    one, *others = (bits(sinkhorn(cost=C, epsilon=8.0, n_threads=k)) for k in (1, 2, 3, 8))
    assert others == [one] * 3


@pytest.mark.parametrize("dtype", DTYPES)
def test_budgets_that_let_the_same_be_stored_give_the_same_bits(dtype):
    x, z = (points[:400] for points in large(dtype))
    for budgets in ((2**28, 2**30, 2**40), (0, 1, 1000)):
        found = {bits(sinkhorn(x, z, relative_epsilon=0.1, memory_budget=k)) for k in budgets}
        assert len(found) == 1


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_costs_computed_anew_equal_stored_ones(dtype, shape):
    arguments, C, _ = expected_of(SHAPES[shape], dtype, "points", 0.05)
    options = {"relative_epsilon": 0.05, "dtype": dtype}
    stored = solve(**arguments, memory_budget=2**30, **options)
    anew = solve(**arguments, memory_budget=1000, **options)
    assert_solves(anew, C, dtype=dtype)
    assert_equal(anew, stored, C, tolerance=TRANSPORT[dtype])


def test_coupling_says_what_it_needs():
    result = sinkhorn(*clouds(300, 500), relative_epsilon=0.1)
    for method in (result.coupling, result.round):
        with pytest.raises(MemoryError) as caught:
            method(memory_budget=1000)
        digits = re.sub(r"(?<=\d)[,_ ](?=\d{3})", "", str(caught.value))
        for word in ("300", "500", str(8 * 300 * 500)):
            assert word in digits


# -------------------------------------------------------------------------- coupling, rounding


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_coupling_is_the_plan_of_the_potentials(shape, dtype):
    arguments, C, _ = expected_of(SHAPES[shape], dtype, "points", 0.05)
    result = sinkhorn(**arguments, relative_epsilon=0.05)
    plan = result.coupling()
    expected = reference.from_potentials(C, result.f, result.g, epsilon=result.epsilon).coupling
    assert plan.shape == C.shape
    assert plan.dtype == np.float64
    assert np.abs(plan - expected).sum() <= TRANSPORT[dtype]


@pytest.mark.filterwarnings("ignore::transferscore.ConvergenceWarning")
@pytest.mark.parametrize("max_iter", [1, 1000])
@pytest.mark.parametrize("case", weights())
def test_rounding_makes_marginals_exact(case, max_iter):
    a, b = weights()[case]
    if a is not None and b is not None:
        b = b / b.sum() * a.sum()
    result = sinkhorn(
        *clouds(40, 30),
        source_weights=a,
        target_weights=b,
        relative_epsilon=0.02,
        max_iter=max_iter,
    )
    plan = result.round()
    a, b = shares(a, 40), shares(b, 30)
    assert plan.min() >= 0
    np.testing.assert_allclose(plan.sum(axis=1), a, rtol=0, atol=ROUNDED)
    np.testing.assert_allclose(plan.sum(axis=0), b, rtol=0, atol=ROUNDED)
    # Altschuler, Weed, Rigollet, NeurIPS 2017, lemma 7.
    moved = np.abs(plan - result.coupling()).sum()
    assert moved <= 2 * result.marginal_error + MASS


# --------------------------------------------------------------------------------- many


def test_many_problems_have_the_bits_of_single_calls():
    x, z = clouds(60, 45)
    a = np.arange(1.0, 61.0)
    problems = [
        {"source_points": x, "target_points": z},
        {"source_points": x[:20], "target_points": z, "source_weights": a[:20]},
        {"cost": reference.squared_distances(x, z[:1])},
        {"source_points": x.astype(np.float32), "target_points": z.astype(np.float32)},
        {"source_points": x[:1], "target_points": z[:1]},
    ]
    for n_threads in (1, 3):
        results = sinkhorn_many(problems, relative_epsilon=0.1, n_threads=n_threads)
        singles = [sinkhorn(**problem, relative_epsilon=0.1) for problem in problems]
        assert [bits(result) for result in results] == [bits(single) for single in singles]
    assert sinkhorn_many([]) == []


# ----------------------------------------------------------------------------- divergence


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
def test_divergence_equals_the_reference(weighted, dtype):
    x, z = (points.astype(dtype) for points in clouds(40, 30))
    a, b = weights()["random"] if weighted else (None, None)
    if weighted:
        b = b / b.sum() * a.sum()
    expected = reference.sinkhorn_divergence(x, z, a, b, relative_epsilon=0.3)
    value = sinkhorn_divergence(
        x,
        z,
        source_weights=a,
        target_weights=b,
        relative_epsilon=0.3,
        tol=SOLVED[dtype],
        max_iter=50_000,
    )
    unit = reference.squared_distances(x, z).mean()
    assert isinstance(value, float)
    assert value == pytest.approx(expected, rel=0, abs=TRANSPORT[dtype] * unit)


# ---------------------------------------------------------------------------------- laws


@st.composite
def problems(draw):
    """Clouds, weights (some without, some zero), an epsilon, a source of random numbers."""
    n, m, d = draw(st.integers(1, 30)), draw(st.integers(1, 30)), draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x, z = rng.normal(size=(n, d)), rng.normal(size=(m, d)) + rng.normal(size=d)
    sides = []
    for size in (n, m):
        kind = draw(st.sampled_from(["none", "random", "zeros"]))
        w = rng.uniform(0.1, 1, size)
        if kind == "zeros":
            w[1:][rng.random(size - 1) < 0.3] = 0
        sides.append(None if kind == "none" else w / w.sum())
    C = reference.squared_distances(x, z)
    # In units of the largest cost: of the median, some plans fall apart and potentials with them.
    epsilon = draw(st.sampled_from([0.2, 1.0, 10.0])) * C.max()
    return x, z, dict(zip(("source_weights", "target_weights"), sides, strict=True)), epsilon, rng


def swapped(weights_of):
    a, b = weights_of.values()
    return {"source_weights": b, "target_weights": a}


@settings(deadline=None)
@given(problems())
def test_law_marginals(problem):
    x, z, weights_of, epsilon, _ = problem
    result = solve(x, z, **weights_of, epsilon=epsilon)
    assert_solves(result, reference.squared_distances(x, z), *weights_of.values())
    P = result.coupling()
    a, b = (shares(w, k) for w, k in zip(weights_of.values(), P.shape, strict=True))
    error = np.abs(P.sum(axis=1) - a).sum() + np.abs(P.sum(axis=0) - b).sum()
    assert error <= CONVERGED * SOLVED["float64"] + MASS
    assert P.min() >= 0


@settings(deadline=None)
@given(problems())
def test_law_order_of_points_does_not_matter(problem):
    x, z, weights_of, epsilon, rng = problem
    result = solve(x, z, **weights_of, epsilon=epsilon)
    i, j = rng.permutation(len(x)), rng.permutation(len(z))
    a, b = (
        None if w is None else w[order]
        for w, order in zip(weights_of.values(), (i, j), strict=True)
    )
    other = solve(x[i], z[j], source_weights=a, target_weights=b, epsilon=epsilon)
    atol = TRANSPORT["float64"] * reference.squared_distances(x, z).mean()
    np.testing.assert_allclose(other.f, result.f[i], rtol=0, atol=atol)
    np.testing.assert_allclose(other.g, result.g[j], rtol=0, atol=atol)
    assert other.transport_cost == pytest.approx(result.transport_cost, rel=0, abs=atol)


@settings(deadline=None)
@given(problems())
def test_law_translation_does_not_matter(problem):
    x, z, weights_of, epsilon, rng = problem
    shift = 10 * rng.normal(size=x.shape[1])
    result = solve(x, z, **weights_of, epsilon=epsilon)
    other = solve(x + shift, z + shift, **weights_of, epsilon=epsilon)
    C = reference.squared_distances(x, z)
    assert_equal(other, result, C, tolerance=TRANSPORT["float64"])


@settings(deadline=None)
@given(problems(), st.sampled_from([1e-100, 0.3, 7.0, 1e100]))
def test_law_relative_epsilon_follows_the_scale(problem, scale):
    x, z, weights_of, epsilon, _ = problem
    C = reference.squared_distances(x, z)
    options = {**weights_of, "relative_epsilon": epsilon / reference.absolute_epsilon(C, 1.0)}
    result = solve(x, z, **options)
    other = solve(scale * x, scale * z, **options)
    atol = TRANSPORT["float64"] * C.mean()
    for name in ("epsilon", "transport_cost", "regularised_cost", "f", "g"):
        np.testing.assert_allclose(
            getattr(other, name) / scale**2, getattr(result, name), rtol=0, atol=atol, err_msg=name
        )
    assert np.abs(other.coupling() - result.coupling()).sum() <= TRANSPORT["float64"]


@settings(deadline=None)
@given(problems())
def test_law_sides_may_be_exchanged(problem):
    x, z, weights_of, epsilon, _ = problem
    result = solve(x, z, **weights_of, epsilon=epsilon)
    other = solve(z, x, **swapped(weights_of), epsilon=epsilon)
    atol = TRANSPORT["float64"] * reference.squared_distances(x, z).mean()
    np.testing.assert_allclose(other.f, result.g, rtol=0, atol=atol)
    np.testing.assert_allclose(other.g, result.f, rtol=0, atol=atol)
    assert np.abs(other.coupling().T - result.coupling()).sum() <= TRANSPORT["float64"]


@settings(deadline=None)
@given(problems(), st.sampled_from([-3.0, 0.5, 100.0]))
def test_law_a_constant_moves_nothing_but_potentials_and_costs(problem, constant):
    x, z, weights_of, epsilon, _ = problem
    C = reference.squared_distances(x, z)
    result = solve(cost=C, **weights_of, epsilon=epsilon)
    other = solve(cost=C + constant, **weights_of, epsilon=epsilon)
    atol = TRANSPORT["float64"] * (C.mean() + abs(constant))
    np.testing.assert_allclose(other.f, result.f + constant / 2, rtol=0, atol=atol)
    np.testing.assert_allclose(other.g, result.g + constant / 2, rtol=0, atol=atol)
    for name in ("transport_cost", "regularised_cost"):
        moved = getattr(result, name) + constant
        assert getattr(other, name) == pytest.approx(moved, rel=0, abs=atol)
    assert np.abs(other.coupling() - result.coupling()).sum() <= TRANSPORT["float64"]


@settings(deadline=None)
@given(problems(), st.floats(1.01, 10))
def test_law_transport_cost_grows_with_epsilon(problem, factor):
    x, z, weights_of, epsilon, _ = problem
    little = solve(x, z, **weights_of, epsilon=epsilon)
    much = solve(x, z, **weights_of, epsilon=factor * epsilon)
    slack = INEQUALITY * reference.squared_distances(x, z).mean()
    assert little.transport_cost <= much.transport_cost + slack
    assert little.regularised_cost <= much.regularised_cost + slack
    for result in (little, much):
        assert result.transport_cost <= result.regularised_cost + slack


@settings(deadline=None)
@given(problems())
def test_law_divergence_is_positive_and_zero_for_equal_clouds(problem):
    x, z, weights_of, epsilon, _ = problem
    both = np.concatenate([x, z])  # a cloud may be wider than the way to the other
    epsilon = max(epsilon, 0.2 * reference.squared_distances(both, both).max())
    options = {"epsilon": epsilon, "tol": SOLVED["float64"], "max_iter": 50_000}
    slack = INEQUALITY * max(reference.squared_distances(x, z).mean(), epsilon)
    value = sinkhorn_divergence(x, z, **weights_of, **options)
    assert value >= -slack
    assert value == pytest.approx(
        sinkhorn_divergence(z, x, **swapped(weights_of), **options), rel=0, abs=slack
    )
    a = weights_of["source_weights"]
    of_itself = sinkhorn_divergence(x, x, source_weights=a, target_weights=a, **options)
    assert of_itself == pytest.approx(0, abs=slack)


@settings(deadline=None)
@given(problems())
def test_law_the_solution_is_where_to_start(problem):
    x, z, weights_of, epsilon, _ = problem
    cold = solve(x, z, **weights_of, epsilon=epsilon)
    for initial in (cold, (cold.f, cold.g)):
        # The error recomputed from the potentials may be on the other side of a tight `tol`.
        warm = solve(
            x, z, **weights_of, epsilon=epsilon, initial=initial, tol=2 * SOLVED["float64"]
        )
        assert warm.converged
        assert warm.n_iter <= 2
        C = reference.squared_distances(x, z)
        assert_equal(warm, cold, C, tolerance=TRANSPORT["float64"])


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_start_nearby_saves_iterations(dtype):
    x, z = (points.astype(dtype) for points in clouds(80, 60))
    near = sinkhorn(x, z, relative_epsilon=0.05)
    cold = sinkhorn(x + 1e-3 * x[::-1], z, relative_epsilon=0.05)
    warm = sinkhorn(x + 1e-3 * x[::-1], z, relative_epsilon=0.05, initial=near)
    assert warm.n_iter < cold.n_iter


# ------------------------------------------------------------------------------- honesty


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tol", [1e-1, 1e-3, 1e-5])
@pytest.mark.parametrize("relative_epsilon", [0.005, 0.02, 0.1])
def test_the_error_is_that_of_the_potentials(relative_epsilon, tol, dtype):
    x, z = (points.astype(dtype) for points in clouds(60, 50))
    result = sinkhorn(x, z, relative_epsilon=relative_epsilon, tol=tol, max_iter=20_000)
    assert result.converged
    assert result.tol == tol
    assert_solves(result, reference.squared_distances(x, z), dtype=dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("max_iter", [1, 2, 5, 17])
def test_running_out_of_iterations_is_said(max_iter, dtype):
    x, z = (points.astype(dtype) for points in clouds(60, 50))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = sinkhorn(x, z, relative_epsilon=0.005, tol=1e-6, max_iter=max_iter)
    assert not result.converged
    assert result.marginal_error > 1e-6
    assert result.n_iter <= max_iter
    assert_solves(result, reference.squared_distances(x, z), dtype=dtype)

    assert [w.category for w in caught] == [ConvergenceWarning]
    assert caught[0].filename == __file__
    text = str(caught[0].message)
    assert re.search("max_iter|epsilon", text)
    printed = [float(number) for number in re.findall(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?", text)]
    for value in (result.marginal_error, 1e-6):
        assert any(number == pytest.approx(value, rel=PRINTED) for number in printed), text


@pytest.mark.filterwarnings("ignore::transferscore.ConvergenceWarning")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("relative_epsilon", [1e-3, 1e-6, 1e-12])
def test_tiny_epsilon_leaves_everything_finite(relative_epsilon, dtype):
    x, z = (points.astype(dtype) for points in clouds(30, 40))
    result = sinkhorn(x, z, relative_epsilon=relative_epsilon, max_iter=7)
    assert np.isfinite([*result.f, *result.g]).all()
    numbers = (result.transport_cost, result.regularised_cost, result.marginal_error)
    assert np.isfinite(numbers).all()
    assert np.isfinite(result.coupling()).all()
    assert not result.converged


@pytest.mark.filterwarnings("ignore::transferscore.ConvergenceWarning")
@pytest.mark.parametrize("offset", [0.0, 1e3, -1e6])
@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1.0, 1e6, 1e12])
def test_sweep_of_epsilon_over_scales_and_offsets_of_points(scale, offset):
    x, z = clouds(30, 40)
    C = reference.squared_distances(x, z)
    unit = scale**2
    moved = [scale * (points + offset) for points in (x, z)]
    for relative_epsilon in 10.0 ** np.arange(0, -7, -1):
        options = {"relative_epsilon": relative_epsilon, "tol": 1e-9, "max_iter": 1000}
        plain = sinkhorn(x, z, **options)
        result = sinkhorn(*moved, **options)
        # An offset has rounded the points: their own costs judge the result.
        own = reference.squared_distances(*(points / scale - offset for points in moved))
        lost = np.abs(own - C).max() / C.mean()
        assert np.isfinite(result.coupling()).all()
        again = reference.from_potentials(
            own, result.f / unit, result.g / unit, epsilon=result.epsilon / unit
        )
        slack = 16 * (lost + np.finfo(float).eps) / relative_epsilon
        assert abs(again.marginal_error - result.marginal_error) <= slack + RECOMPUTED["float64"]
        assert result.converged == (result.marginal_error <= result.tol)
        if relative_epsilon >= 0.1:
            assert result.converged
        atol = (SOLVED["float32"] + slack) * C.mean()
        if result.converged and plain.converged:
            for name in ("epsilon", "transport_cost", "regularised_cost", "f", "g"):
                np.testing.assert_allclose(
                    getattr(result, name) / unit, getattr(plain, name), rtol=0, atol=atol
                )


# -------------------------------------------------------------------------------- hostile


def hostile():
    rng = np.random.default_rng(5)
    x, z = clouds(40, 30)
    outlier, half = x.copy(), x.copy()
    outlier[7] = 1e6
    half[:, ::2] = 0.1
    groups_x, groups_z = x.copy(), z.copy()
    groups_x[:20] += 1e3
    groups_z[:15] += 1e3
    unbalanced, apart_x, apart_z = groups_z.copy(), x.copy(), z.copy()
    unbalanced[15:20] += 1e3
    apart_x[:10] += 1e3
    apart_z[:10] += 1e3
    uneven = 10.0 ** rng.uniform(-12, 0, 40)
    return {
        "offset 1e4": (x + 1e4, z + 1e4),
        "offset 1e4, other sign": (x - 1e4, z - 1e4),
        "clouds far apart": (x, z + 1e4),
        "identical clouds": (x, x),
        "all points equal": (np.full((40, 6), 0.1), np.full((30, 6), 0.1)),
        "all sources equal": (np.full((40, 6), 0.1), z),
        "duplicates": (x[rng.integers(0, 5, 40)], z[rng.integers(0, 4, 30)]),
        "mostly duplicates of one": (np.where(np.arange(40)[:, None] < 35, x[0], x), x[:1]),
        "outlier 1e6": (outlier, z),
        "tiny": (x * 1e-150, z * 1e-150),
        "huge": (x * 1e150, z * 1e150),
        "constant features": (half, np.where(np.arange(6) % 2 == 0, 0.1, z)),
        "all features constant in each": (np.full((40, 6), 0.1), np.full((30, 6), -7.0)),
        "groups far apart": (groups_x, groups_z),
        "groups far apart, unbalanced": (groups_x, unbalanced),
        "groups far apart, most costs small": (apart_x, apart_z),
        "integers": (np.round(x), np.round(z)),
        "zero weights": (x, z, np.arange(40) % 2, np.arange(30) % 3),
        "uneven weights": (x, z, uneven, uneven[:30] / uneven[:30].sum() * uneven.sum()),
    }


# A twelfth of the mass has to go where costs are millions of epsilon: too far, as is said.
HOPELESS = {"groups far apart, most costs small"}


@pytest.mark.filterwarnings("ignore::transferscore.ConvergenceWarning")
@pytest.mark.parametrize("memory_budget", [None, 1000])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", hostile())
def test_hostile_points(case, dtype, memory_budget):
    x, z, *sides = hostile()[case]
    if dtype == "float32" and case in ("tiny", "huge"):
        back = {"tiny": 1e135, "huge": 1e-135}[case]
        x, z = x * back, z * back
    x, z = x.astype(dtype), z.astype(dtype)
    a, b = (w / w.sum() for w in sides) if sides else (None, None)
    C = reference.squared_distances(x, z)
    result = sinkhorn(
        x, z, source_weights=a, target_weights=b, max_iter=5000, memory_budget=memory_budget
    )
    assert_solves(result, C, a, b, dtype=dtype)
    assert result.converged or case in HOPELESS
    assert result.transport_cost >= 0


def hostile_costs():
    rng = np.random.default_rng(6)
    C = rng.random((40, 30))
    one = C.copy()
    one[3, 4] = 1e12
    return {
        "constant": np.full((40, 30), 7.0),
        "zero": np.zeros((40, 30)),
        "negative": C - 5,
        "about zero": C - np.median(C),
        "mostly zero": np.where(C > 0.9, C, 0.0),
        "median zero, mean negative": np.where(C > 0.9, -C, 0.0),
        "one forbidden pair": one,
        "offset 1e6": C + 1e6,
        "offset of each row and column": C + np.linspace(0, 1e3, 40)[:, None] + np.arange(30),
        "integers": rng.integers(-4, 5, (40, 30)).astype(np.float64),
        "tiny": C * 1e-300,
        "huge": C * 1e300,
    }


@pytest.mark.filterwarnings("ignore::transferscore.ConvergenceWarning")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", hostile_costs())
def test_hostile_costs(case, dtype):
    C = hostile_costs()[case]
    if dtype == "float32" and case in ("tiny", "huge"):
        C *= {"tiny": 1e270, "huge": 1e-270}[case]
    C = C.astype(dtype)
    result = sinkhorn(cost=C, relative_epsilon=0.05, max_iter=5000)
    C = C.astype(np.float64)
    epsilon = reference.absolute_epsilon(C, 0.05)
    assert result.epsilon == pytest.approx(epsilon, rel=EPSILON[dtype])
    assert_solves(result, C, dtype=dtype)
    assert result.converged


def test_known_answers_of_degenerate_problems():
    x, z = clouds(40, 30)
    same = solve(np.full((40, 6), 0.1), np.full((30, 6), 0.1))
    assert same.transport_cost == 0
    np.testing.assert_allclose([same.regularised_cost, *same.f, *same.g], 0, atol=MASS)
    assert (same.converged, same.epsilon) == (True, 0.02)
    np.testing.assert_allclose(same.coupling(), 1 / 1200, rtol=MASS)

    one = solve(x[:1], z)
    expected = reference.squared_distances(x[:1], z).mean()
    assert one.transport_cost == pytest.approx(expected, rel=FLOAT64)
    assert sinkhorn(x[:1], z).n_iter <= 2

    apart = solve(np.zeros((5, 2)), np.full((7, 2), 3.0))
    assert apart.transport_cost == pytest.approx(18, rel=FLOAT64)
    assert sinkhorn_divergence(x, x) == pytest.approx(0, abs=INEQUALITY)


# --------------------------------------------------------------------------------- errors

X, Z = np.arange(12.0).reshape(4, 3), np.arange(15.0).reshape(5, 3)
C_OF_THEM = reference.squared_distances(X, Z)


def with_value(values, place, value):
    values = values.astype(np.float64)
    values[place] = value
    return values


WRONG = {
    "both epsilons": ((X, Z), {"epsilon": 1.0, "relative_epsilon": 0.1}, "`relative_epsilon`"),
    "epsilon 0": ((X, Z), {"epsilon": 0.0}, "`epsilon`"),
    "epsilon -1": ((X, Z), {"epsilon": -1.0}, "`epsilon`"),
    "epsilon nan": ((X, Z), {"epsilon": np.nan}, "`epsilon`"),
    "epsilon inf": ((X, Z), {"epsilon": np.inf}, "`epsilon`"),
    "epsilon text": ((X, Z), {"epsilon": "small"}, "`epsilon`"),
    "epsilon True": ((X, Z), {"epsilon": True}, "`epsilon`"),
    "relative epsilon 0": ((X, Z), {"relative_epsilon": 0}, "`relative_epsilon`"),
    "relative epsilon -1": ((X, Z), {"relative_epsilon": -1}, "`relative_epsilon`"),
    "relative epsilon nan": ((X, Z), {"relative_epsilon": np.nan}, "`relative_epsilon`"),
    "epsilon vanishes": ((X, Z), {"epsilon": 1e-320}, "`epsilon`"),
    "relative epsilon vanishes": ((X, Z), {"relative_epsilon": 1e-320}, "epsilon`"),
    "negative": ((X, Z), {"source_weights": [1, 1, -1, 1]}, "`source_weights`"),
    "negative, target": ((X, Z), {"target_weights": [1, 1, -1, 1, 1]}, "`target_weights`"),
    "nan weight": ((X, Z), {"source_weights": [1, 1, np.nan, 1]}, "`source_weights`"),
    "inf weight": ((X, Z), {"target_weights": [1, 1, np.inf, 1, 1]}, "`target_weights`"),
    "all zero": ((X, Z), {"source_weights": np.zeros(4)}, "`source_weights`"),
    "sums differ": (
        (X, Z),
        {"source_weights": np.ones(4), "target_weights": np.ones(5)},
        "`target_weights`",
    ),
    "too few weights": ((X, Z), {"source_weights": np.ones(3)}, "`source_weights`"),
    "weights of two axes": ((X, Z), {"target_weights": np.ones((5, 1))}, "`target_weights`"),
    "text weights": ((X, Z), {"source_weights": list("abcd")}, "`source_weights`"),
    "one axis": ((X[0], Z), {}, "`source_points`"),
    "three axes": ((X, Z[np.newaxis]), {}, "`target_points`"),
    "other features": ((X, Z[:, :2]), {}, "`target_points`"),
    "cost of one axis": ((), {"cost": np.ones(4)}, "`cost`"),
    "nan": ((with_value(X, (2, 1), np.nan), Z), {}, "`source_points`"),
    "inf": ((X, with_value(Z, (4, 0), np.inf)), {}, "`target_points`"),
    "inf in cost": ((), {"cost": with_value(C_OF_THEM, (1, 2), np.inf)}, "`cost`"),
    "nan in cost": ((), {"cost": with_value(C_OF_THEM, (1, 2), np.nan)}, "`cost`"),
    "squares overflow": ((X * 1e200, Z), {}, "_points"),
    "complex": ((X + 1j, Z), {}, "`source_points`"),
    "cost and points": ((X, Z), {"cost": C_OF_THEM}, "`cost`"),
    "nothing": ((), {}, "`cost`"),
    "no targets": ((X,), {}, "`target_points`"),
    "initial of another shape": (
        (X, Z),
        {"initial": (np.zeros(3), np.zeros(5))},
        "`initial`",
    ),
    "initial is no pair": ((X, Z), {"initial": np.zeros(9)}, "`initial`"),
    "initial of another problem": ((X, Z), {"initial": (Z[:, 0], X[:, 0])}, "`initial`"),
    "initial nan": ((X, Z), {"initial": (np.full(4, np.nan), np.zeros(5))}, "`initial`"),
    "max_iter 0": ((X, Z), {"max_iter": 0}, "`max_iter`"),
    "max_iter 1.5": ((X, Z), {"max_iter": 1.5}, "`max_iter`"),
    "tol 0": ((X, Z), {"tol": 0.0}, "`tol`"),
    "tol -1": ((X, Z), {"tol": -1.0}, "`tol`"),
    "tol nan": ((X, Z), {"tol": np.nan}, "`tol`"),
    "no sources": ((X[:0], Z), {}, "`source_points`"),
    "no features": ((X[:, :0], Z[:, :0]), {}, "`source_points`"),
    "empty cost": ((), {"cost": np.zeros((0, 5))}, "`cost`"),
    "memory_budget -1": ((X, Z), {"memory_budget": -1}, "`memory_budget`"),
    "memory_budget text": ((X, Z), {"memory_budget": "1 GB"}, "`memory_budget`"),
    "n_threads 0": ((X, Z), {"n_threads": 0}, "`n_threads`"),
}
OF_A_TYPE = re.compile("both|text|True|complex|1.5|no pair|and points|nothing|no targets")


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_named(case):
    arguments, options, words = WRONG[case]
    error = (TypeError, ValueError) if OF_A_TYPE.search(case) else ValueError
    with pytest.raises(error, match=re.escape(words)):
        sinkhorn(*arguments, **options)


@pytest.mark.parametrize("case", [case for case in WRONG if len(WRONG[case][0]) == 2])
def test_wrong_input_of_a_divergence_is_named(case):
    arguments, options, words = WRONG[case]
    if {"cost", "initial"} & set(options):
        return  # which it does not have
    with pytest.raises((TypeError, ValueError), match=re.escape(words)):
        sinkhorn_divergence(*arguments, **options)


def test_options_have_names():
    with pytest.raises(TypeError, match="positional"):
        sinkhorn(X, Z, C_OF_THEM)


def test_wrong_input_among_many_problems_is_named():
    good = {"source_points": X, "target_points": Z}
    with pytest.raises(ValueError, match="`target_points`"):
        sinkhorn_many([good, {"source_points": X, "target_points": Z[:, :2]}])


def test_results_are_not_changed_by_accident():
    result = sinkhorn(X, Z)
    with pytest.raises(AttributeError):
        result.converged = True
