"""Exact transport: against enumeration and a linear program, laws, hostile costs, errors."""

import itertools
import math
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import network_features
from tolerances import FLOAT64, INEQUALITY, LINEAR_PROGRAM, MAPPED, MASS, OPTIMAL, REARRANGED
from transferscore import ConvergenceWarning, ExactResult, exact_plan, reference, sinkhorn
from transferscore.transport import exact

pytest.importorskip("scipy")
ot = pytest.importorskip("ot")

SHAPES = {
    "n < m": (9, 14),
    "n > m": (13, 6),
    "n = m": (10, 10),
    "one source": (1, 8),
    "one target": (8, 1),
    "one of each": (1, 1),
    "coprime": (23, 24),
}


def clouds(n, m, d=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), 0.8 * rng.normal(size=(m, d)) + 0.5


def random_weights(n, m, seed=0):
    """Uneven, some zero, not of sum one."""
    rng = np.random.default_rng(seed)
    sides = [rng.random(size) ** 3 * (rng.random(size) < 0.8) for size in (n, m)]
    for side in sides:
        side[0] += 0.1
    return sides[0], sides[1] * (sides[0].sum() / sides[1].sum())


def linear_program(C, a, b):
    """The least cost, by a solver that knows nothing of transport."""
    from scipy.optimize import linprog
    from scipy.sparse import identity, kron, vstack

    n, m = C.shape
    rows = kron(identity(n), np.ones((1, m)))
    columns = kron(np.ones((1, n)), identity(m))
    a, b = a / a.sum(), b / b.sum()
    solution = linprog(C.ravel(), A_eq=vstack([rows, columns]), b_eq=np.concatenate([a, b]))
    assert solution.status == 0
    return solution.fun


def assert_is_plan(result, C, a=None, b=None):
    """Positive entries, in order, with the marginals, and few; their cost is what is said."""
    n, m = C.shape
    a, b = (np.ones(k) if w is None else w for w, k in ((a, n), (b, m)))
    assert isinstance(result, ExactResult)
    assert (result.n, result.m) == C.shape
    assert (result.mass > 0).all()
    assert len(result.mass) < n + m
    where = result.source_index * m + result.target_index
    assert (np.diff(where) > 0).all()
    plan = result.coupling()
    assert plan.shape == C.shape
    assert plan.nnz == len(result.mass)
    plan = plan.toarray()
    assert np.abs(plan.sum(axis=1) - a / a.sum()).sum() <= MASS
    assert np.abs(plan.sum(axis=0) - b / b.sum()).sum() <= MASS
    assert result.transport_cost == pytest.approx(np.sum(plan * C), rel=FLOAT64, abs=0)


# ------------------------------------------------------------------------ what is the optimum


@pytest.mark.parametrize("offset", [0, -3.0])
@pytest.mark.parametrize("n", [1, 2, 5, 7])
def test_equal_sides_are_the_best_of_all_orders(n, offset, rng):
    C = rng.normal(size=(n, n)) + offset
    orders = [list(order) for order in itertools.permutations(range(n))]
    best = min(orders, key=lambda order: C[range(n), order].sum())
    result = exact_plan(cost=C)
    assert result.solver == "assignment"
    assert result.target_index.tolist() == best
    assert_is_plan(result, C)
    points = clouds(n, n)
    D = reference.squared_distances(*points)
    least = min(D[range(n), order].mean() for order in orders)
    assert exact_plan(*points).transport_cost == pytest.approx(least, rel=FLOAT64)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", SHAPES)
def test_weights_give_the_optimum_of_the_linear_program(shape, seed):
    x, z = clouds(*SHAPES[shape], seed=seed)
    C = reference.squared_distances(x, z)
    a, b = random_weights(*SHAPES[shape], seed=seed)
    result = exact_plan(x, z, source_weights=a, target_weights=b)
    assert_is_plan(result, C, a, b)
    assert result.transport_cost == pytest.approx(linear_program(C, a, b), rel=LINEAR_PROGRAM)
    of_costs = exact_plan(cost=C - 2, source_weights=a, target_weights=b)
    assert of_costs.transport_cost == pytest.approx(result.transport_cost - 2, rel=MAPPED)


@st.composite
def costs(draw):
    n, m = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["even", "heavy tails", "ties", "rows and columns"]))
    C = rng.random((n, m))
    if kind == "heavy tails":
        C = C**20
    if kind == "ties":
        C = np.round(3 * C)
    if kind == "rows and columns":
        C = C + 1e3 * rng.random((n, 1)) - 1e3 * rng.random((1, m))
    return C


@settings(deadline=None)
@given(costs())
def test_uniform_weights_give_the_assignment_of_repeated_points(C):
    n, m = C.shape
    result = exact_plan(cost=C)
    assert_is_plan(result, C)
    assert result.solver == ("assignment" if n == m else "network simplex")
    k = math.lcm(n, m)
    repeated = np.repeat(np.repeat(C, k // n, axis=0), k // m, axis=1)
    best = exact_plan(cost=repeated).transport_cost
    assert abs(result.transport_cost - best) <= OPTIMAL * np.abs(C).max()
    # Mass in units of 1/k: nothing is rounded.
    np.testing.assert_array_equal(result.mass, np.round(result.mass * k) / k)


@settings(deadline=None)
@given(costs(), st.integers(0, 2**32 - 1))
def test_law_no_plan_costs_less(C, seed):
    a, b = random_weights(*C.shape, seed=seed)
    weights = {"source_weights": a, "target_weights": b}
    least = exact_plan(cost=C, **weights).transport_cost
    slack = INEQUALITY * np.abs(C).max()
    a, b = a / a.sum(), b / b.sum()
    assert least <= a @ C @ b + slack
    entropic = sinkhorn(cost=C, epsilon=max(0.1 * np.ptp(C), 1e-3), max_iter=5000, **weights)
    assert least <= np.sum(entropic.round() * C) + slack
    # Costs of rows and columns move all plans alike.
    f, g = np.random.default_rng(seed).normal(size=(2, 12))
    f, g = f[: len(a)], g[: len(b)]
    moved = exact_plan(cost=C + f[:, np.newaxis] + g, **weights)
    assert abs(moved.transport_cost - (least + a @ f + b @ g)) <= slack + INEQUALITY


# ------------------------------------------------------------------------------------- laws


@pytest.mark.parametrize("shape", ["n < m", "n = m"])
def test_law_sides_can_be_swapped(shape):
    x, z = clouds(*SHAPES[shape])
    there, back = exact_plan(x, z), exact_plan(z, x)
    assert there.transport_cost == pytest.approx(back.transport_cost, rel=REARRANGED)
    np.testing.assert_allclose(
        there.coupling().toarray(), back.coupling().toarray().T, rtol=0, atol=MASS
    )


def test_law_points_that_were_moved_cost_the_move():
    x, _ = clouds(40, 1)
    order = np.random.default_rng(1).permutation(40)
    result = exact_plan(x, x[order] + 3)
    assert result.transport_cost == pytest.approx(9 * x.shape[1], rel=REARRANGED)
    np.testing.assert_array_equal(order[result.target_index], np.arange(40))
    assert exact_plan(x, x[order]).transport_cost <= MASS


def test_only_proportions_of_weights_count():
    x, z = clouds(9, 14)
    a, b = random_weights(9, 14)
    result = exact_plan(x, z, source_weights=a, target_weights=b)
    for scale in (1e-200, 1e-3, 7, 1e200):
        scaled = exact_plan(x, z, source_weights=scale * a, target_weights=scale * b)
        assert scaled.transport_cost == pytest.approx(result.transport_cost, rel=REARRANGED)
    even = exact_plan(x, z[:9], source_weights=np.full(9, 7.0), target_weights=[7] * 9)
    assert even.solver == "assignment"
    assert even.transport_cost == exact_plan(x, z[:9]).transport_cost


def test_points_without_weight_are_not_there():
    x, z = clouds(9, 14)
    a, b = random_weights(9, 14)
    some, others = np.flatnonzero(a), np.flatnonzero(b)
    assert len(some) < 9
    assert len(others) < 14
    result = exact_plan(x, z, source_weights=a, target_weights=b)
    rest = exact_plan(x[some], z[others], source_weights=a[some], target_weights=b[others])
    np.testing.assert_array_equal(result.source_index, some[rest.source_index])
    np.testing.assert_array_equal(result.target_index, others[rest.target_index])
    np.testing.assert_allclose(result.mass, rest.mass, rtol=0, atol=MASS)
    assert (result.n, result.m) == (9, 14)
    nine_of_14 = np.arange(14) < 9
    result, nine = exact_plan(x, z, target_weights=nine_of_14), exact_plan(x, z[:9])
    assert result.solver == "assignment"
    np.testing.assert_array_equal(result.target_index, nine.target_index)
    assert result.transport_cost == pytest.approx(nine.transport_cost, rel=REARRANGED)


def test_float32_points_have_costs_in_float64():
    x, z = (side.astype(np.float32) + 100 for side in clouds(30, 20))
    wide = exact_plan(x.astype(np.float64), z.astype(np.float64))
    assert exact_plan(x, z).transport_cost == pytest.approx(wide.transport_cost, rel=REARRANGED)
    C = reference.squared_distances(x, z).astype(np.float32)
    narrow = exact_plan(cost=C)
    assert narrow.transport_cost == exact_plan(cost=C.astype(np.float64)).transport_cost


def test_any_layout_and_inputs_stay_as_they_are():
    x, z = clouds(13, 6)
    C = reference.squared_distances(x, z)
    expected = exact_plan(cost=C).transport_cost
    wide = np.zeros((26, 12))
    wide[::2, ::2] = C
    for layout in (np.asfortranarray(C), wide[::2, ::2], C.tolist(), C.astype(">f8")):
        assert exact_plan(cost=layout).transport_cost == expected
    before = C.copy()
    a, b = random_weights(13, 6)
    kept = a.copy(), b.copy()
    C.flags.writeable = False
    exact_plan(cost=C, source_weights=a, target_weights=b)
    np.testing.assert_array_equal(C, before)
    np.testing.assert_array_equal(a, kept[0])
    np.testing.assert_array_equal(b, kept[1])


@pytest.mark.parametrize("m", [300, 250])
@pytest.mark.parametrize("kind", ["features", "one feature", "ties", "far apart", "forbidden"])
def test_starting_near_the_end_ends_at_the_same(monkeypatch, kind, m, rng):
    x = network_features(300, 12, 4, seed=1)[0]
    z = network_features(m, 12, 3, seed=2)[0]
    if kind == "one feature":
        x, z = x[:, :1], z[:, :1]
    C = reference.squared_distances(x, z + 100 * (kind == "far apart"))
    if kind == "ties":
        C = np.floor(C / 4)
    if kind == "forbidden":
        C[rng.random(C.shape) < 0.5] = 1e9
    weights = {"source_weights": rng.random(300) if m != 300 else None}
    assert C.size >= exact.LARGE
    result = exact_plan(cost=C, **weights)
    assert_is_plan(result, C, weights["source_weights"])
    monkeypatch.setattr(exact, "LARGE", np.inf)
    plain = exact_plan(cost=C, **weights)
    assert result.transport_cost == pytest.approx(plain.transport_cost, rel=REARRANGED)


def test_potentials_far_beyond_the_costs_are_not_used(rng):
    C = rng.random((200, 200))
    C[rng.random(C.shape) < 0.97] = 1e25  # rounding of a difference would be larger than the rest
    best = [rng.permutation(200) for _ in range(3)]
    for order in best:
        C[np.arange(200), order] = rng.random(200)
    from scipy.optimize import linear_sum_assignment

    expected = C[linear_sum_assignment(C)].mean()
    assert exact_plan(cost=C).transport_cost == pytest.approx(expected, rel=REARRANGED)


@pytest.mark.parametrize("m", [300, 200])
def test_the_same_bits_for_any_number_of_threads(m):
    x = network_features(300, 12, 4, seed=1)[0]
    z = network_features(m, 12, 3, seed=2)[0]
    results = [exact_plan(x, z, n_threads=k) for k in (1, 3)]
    assert results[0].transport_cost == results[1].transport_cost
    np.testing.assert_array_equal(results[0].target_index, results[1].target_index)
    np.testing.assert_array_equal(results[0].mass, results[1].mass)


# ---------------------------------------------------------------------------------- hostile


@pytest.mark.parametrize("offset", [0.0, 1.0, -1e3, 1e6, -1e6])
@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e-12, 1.0, 1e12, 1e150, 1e300])
@pytest.mark.parametrize("shape", ["n < m", "n = m"])
def test_unit_and_offset_of_costs_do_not_matter(shape, scale, offset):
    # The network simplex alone ends with wrong plans, or none, in half of these.
    n, m = SHAPES[shape]
    C = np.random.default_rng(3).random((n, m))
    a, b = random_weights(n, m)
    for weights in ({}, {"source_weights": a, "target_weights": b}):
        best = exact_plan(cost=C, **weights)
        result = exact_plan(cost=(C + offset) * scale, **weights)
        plan = result.coupling().toarray()
        assert np.sum(plan * C) == pytest.approx(best.transport_cost, abs=OPTIMAL)
        expected = scale * (best.transport_cost + offset)
        assert result.transport_cost == pytest.approx(expected, rel=REARRANGED)


def test_costs_near_the_largest_float():
    C = np.array([[1.7e308, -1.7e308, 1e308], [0.0, 1.7e308, 1e308], [1e308, 1e308, -1.7e308]])
    for cost in (C, C[:2]):
        result = exact_plan(cost=cost)
        assert np.isfinite(result.transport_cost)
        scaled = exact_plan(cost=cost / 2.0**200)
        np.testing.assert_array_equal(result.target_index, scaled.target_index)


def test_one_cost_for_all():
    for value in (0.0, -2.5, 1e-310):
        result = exact_plan(cost=np.full((4, 6), value))
        assert_is_plan(result, np.full((4, 6), value))


def test_weights_of_very_different_size():
    rng = np.random.default_rng(4)
    C = rng.random((30, 20))
    a, b = 10.0 ** -(20 * rng.random(30)), 10.0 ** -(20 * rng.random(20))
    b *= a.sum() / b.sum()
    result = exact_plan(cost=C, source_weights=a, target_weights=b)
    assert_is_plan(result, C, a, b)


def test_offset_points():
    x, z = clouds(30, 20)
    expected = exact_plan(x, z).transport_cost
    assert exact_plan(x + 1e4, z + 1e4).transport_cost == pytest.approx(expected, rel=MAPPED)


# ----------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({}, TypeError, "`source_points` and `target_points` or `cost`"),
        ({"cost": np.ones((2, 3)), "source_points": np.ones((2, 1))}, TypeError, "or `cost`"),
        ({"cost": np.ones(3)}, ValueError, "`cost`"),
        ({"cost": [[1.0, np.inf]]}, ValueError, "`cost` must be finite"),
        ({"cost": np.ones((2, 3)), "source_weights": [1.0]}, ValueError, "`source_weights`"),
        ({"cost": np.ones((2, 3)), "target_weights": [1, -1, 1]}, ValueError, "`target_weights`"),
        ({"cost": np.ones((2, 3)), "source_weights": [0, 0]}, ValueError, "positive sum"),
        (
            {"cost": np.ones((1, 1)), "source_weights": [1.0], "target_weights": [2.0]},
            ValueError,
            "the same sum",
        ),
        ({"cost": np.ones((2, 3)), "memory_budget": -1}, ValueError, "`memory_budget`"),
        ({"cost": np.ones((2, 3)), "n_threads": 0}, ValueError, "`n_threads`"),
        (
            {"source_points": np.full((2, 1), 1e200), "target_points": np.zeros((2, 1))},
            ValueError,
            "squares within the range of float64",
        ),
    ],
)
def test_wrong_input_is_named(arguments, error, words):
    with pytest.raises(error, match=re.escape(words)):
        exact_plan(**arguments)


@pytest.mark.parametrize(("m", "needed"), [(50, 50 * 50 * 20), (49, 50 * 49 * 50)])
def test_what_would_not_fit_is_an_error(m, needed):
    points = np.zeros((50, 2)), np.ones((m, 2))
    text = rf"shape \(50, {m}\) needs .* GiB \({needed} bytes\), more than .*memory_budget"
    with pytest.raises(MemoryError, match=text):
        exact_plan(*points, memory_budget=needed - 1)
    assert exact_plan(*points, memory_budget=needed).transport_cost == 2
    huge = np.broadcast_to(np.zeros((1, 1)), (10**6, 1))
    with pytest.raises(MemoryError, match=r"sinkhorn\(...\) needs no matrix"):
        exact_plan(huge, huge)


@pytest.mark.parametrize(
    ("m", "module", "package"), [(3, "scipy.optimize", "SciPy"), (4, "ot", "POT")]
)
def test_a_missing_package_says_how_to_get_it(monkeypatch, m, module, package):
    monkeypatch.setitem(sys.modules, module, None)
    text = rf"needs {package}.*pip install 'transferscore\[exact\]'"
    with pytest.raises(ModuleNotFoundError, match=text):
        exact_plan(np.zeros((3, 1)), np.ones((m, 1)))


@pytest.mark.filterwarnings("ignore:numItermax reached:UserWarning")
def test_no_plan_is_an_error(monkeypatch):
    monkeypatch.setattr(exact, "MOST_PIVOTS", 1)
    with pytest.raises(RuntimeError, match=r"without a plan \(marginal error .*sinkhorn"):
        exact_plan(*clouds(9, 14))


def test_a_plan_that_is_not_optimal_is_not_returned_silently(monkeypatch):
    def independent(a, b, C, **_):
        total = a.sum()
        return np.outer(a, b) / total, {"u": np.zeros(len(a)), "v": np.zeros(len(b))}

    monkeypatch.setitem(sys.modules, "ot", SimpleNamespace(emd=independent))
    with pytest.warns(ConvergenceWarning, match="may cost .* more than an optimal one") as caught:
        exact_plan(*clouds(9, 14))
    assert caught[0].filename == __file__
