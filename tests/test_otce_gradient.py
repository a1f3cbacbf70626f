"""OTCE's gradient: reference by finite differences, kernel against both, laws, warnings, errors."""

import re
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import network_features
from tolerances import GRADIENT, GRADIENT_SUM, TRANSPORT
from transferscore import ConvergenceWarning, OTCEGradient, otce, otce_value_and_grad, reference

KEYS = ("source_features", "source_labels", "target_features", "target_labels")
PARTS = ("source_features", "target_features", "source_weights", "target_weights")
PAIRS = {"task": (0.0, 1.0), "domain": (1.0, 0.0), "both": (0.3, 2.0)}
EXACT = {"tol": 1e-12, "max_iter": 20_000}


def task(n, m, d=3, classes=(3, 4), *, seed=0, spread=1.0):
    n_source, n_target = classes
    rng = np.random.default_rng(seed)
    centres = spread * rng.normal(size=(max(n_source, n_target), d))
    y, w = np.arange(n) % n_source, np.arange(m) % n_target
    rng.shuffle(y)
    x, z = (centres[labels] + rng.normal(size=(len(labels), d)) for labels in (y, w))
    return dict(zip(KEYS, (x, y, z, w), strict=True))


def weights(size, seed):
    w = np.random.default_rng(seed).random(size) + 0.2
    return w / w.sum()


PROBLEMS = {
    "random": (task(12, 9), {"relative_epsilon": 0.2}),
    "clustered": (task(16, 16, spread=3.0, seed=1), {"relative_epsilon": 0.1}),
    "wide": (task(9, 20, d=12, seed=2), {"relative_epsilon": 0.1}),
    "tiny epsilon": (task(14, 10, d=2, seed=3), {"relative_epsilon": 0.01}),
    "weighted": (
        task(10, 13, seed=4),
        {
            "relative_epsilon": 0.2,
            "source_weights": weights(10, 1),
            "target_weights": weights(13, 2),
        },
    ),
}
problems = pytest.mark.parametrize("name", PROBLEMS)
# A handful of points may be matched at any epsilon.
a_few_points = pytest.mark.filterwarnings("ignore:.epsilon., here:UserWarning")
pairs = pytest.mark.parametrize("pair", PAIRS.values(), ids=list(PAIRS))


def absolute(problem, options):
    """The same with epsilon in units of cost, so that it stays fixed."""
    cost = reference.squared_distances(problem["source_features"], problem["target_features"])
    rest = {key: value for key, value in options.items() if key != "relative_epsilon"}
    return {**rest, "epsilon": reference.absolute_epsilon(cost, options["relative_epsilon"])}


def by_reference(problem, options, pair=(0.0, 1.0), **more):
    return reference.otce_gradient(
        **problem, **options, **more, domain_coefficient=pair[0], task_coefficient=pair[1]
    )


def largest_error(got, expected):
    return np.abs(got - expected).max() / np.abs(expected).max()


def central_difference(function, at, direction, step):
    """Of eighth order, so that steps may be long."""
    factors = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
    return (
        sum(
            factor * (function(at + k * step * direction) - function(at - k * step * direction))
            for k, factor in factors.items()
        )
        / step
    )


# ------------------------------------------------------------------------ the definition


@problems
def test_reference_against_differences(name, rng):
    """Along a line that moves all points and weights at once."""
    problem, options = PROBLEMS[name]
    options = absolute(problem, options)
    n, m = len(problem["source_labels"]), len(problem["target_labels"])
    at = {"source_weights": np.full(n, 1 / n), "target_weights": np.full(m, 1 / m)}
    at = {part: {**at, **problem, **options}[part] for part in PARTS}
    rest = {"epsilon": options["epsilon"]}
    gradient = by_reference({**problem, **at}, rest, (0.3, 2.0))
    # All parts change the value about as much: none of them hides an error of another.
    direction = {part: rng.normal(size=value.shape) for part, value in at.items()}
    products = {part: np.sum(getattr(gradient, part) * direction[part]) for part in PARTS}
    direction = {part: direction[part] / products[part] for part in PARTS}
    length = max(np.abs(direction[part]).max() / np.abs(at[part]).max() for part in PARTS)

    def value(t):
        moved = {part: at[part] + t * direction[part] for part in PARTS}
        return by_reference({**problem, **moved}, rest, (0.3, 2.0)).value

    slope = central_difference(value, 0, 1, (1e-3 if name == "tiny epsilon" else 4e-3) / length)
    assert slope == pytest.approx(4, rel=GRADIENT)


def test_reference_of_label_costs_against_differences(rng):
    problem, options = PROBLEMS["random"]
    options, costs = absolute(problem, options), 3 * rng.random((3, 4))
    gradient = by_reference(problem, options, (0.3, 2.0), label_cost=costs).label_cost
    direction = rng.normal(size=costs.shape)
    slope = central_difference(
        lambda at: by_reference(problem, options, (0.3, 2.0), label_cost=at).value,
        costs,
        direction,
        1e-2,
    )
    assert slope == pytest.approx(np.sum(gradient * direction), rel=GRADIENT)


# ----------------------------------------------------------------------------- the kernel


@problems
@pairs
def test_kernel_against_reference(name, pair):
    problem, options = PROBLEMS[name]
    options = absolute(problem, options)
    got = otce_value_and_grad(**problem, **options, **EXACT, coefficients=pair)
    expected = by_reference(problem, options, pair)
    assert got.converged
    assert got.value == pytest.approx(expected.value, rel=GRADIENT)
    for part in PARTS:
        assert largest_error(getattr(got, part), getattr(expected, part)) < GRADIENT, part


@pytest.mark.parametrize("part", PARTS[:2])
def test_kernel_against_its_own_differences(part, rng):
    problem, options = PROBLEMS["clustered"]
    options = {**absolute(problem, options), **EXACT, "coefficients": (0.3, 2.0)}
    direction = rng.normal(size=problem[part].shape)
    slope = central_difference(
        lambda at: otce_value_and_grad(**{**problem, part: at}, **options).value,
        problem[part],
        direction,
        1e-2,
    )
    gradient = getattr(otce_value_and_grad(**problem, **options), part)
    assert slope == pytest.approx(np.sum(gradient * direction), rel=GRADIENT)


def test_label_costs_against_reference(rng):
    problem, options = PROBLEMS["random"]
    options = absolute(problem, options)
    costs = {"label_cost": 3 * rng.random((3, 4)), "gamma": 0.4}
    got = otce_value_and_grad(**problem, **options, **costs, **EXACT, coefficients=(0.3, 2.0))
    expected = by_reference(problem, options, (0.3, 2.0), **costs)
    for part in (*PARTS, "label_cost"):
        assert largest_error(getattr(got, part), getattr(expected, part)) < GRADIENT, part


def test_label_costs_of_a_kind_are_held_fixed():
    problem, options = PROBLEMS["clustered"]
    costs = reference.label_distances(*problem.values(), kind="gaussian")
    given, named = (
        otce_value_and_grad(**problem, **options, **EXACT, label_cost=cost)
        for cost in (costs, "gaussian")
    )
    assert largest_error(named.source_features, given.source_features) < TRANSPORT["float64"]


def large(n=700, m=600, d=20, dtype="float64"):
    x, y = network_features(n, d, 10, seed=1)
    z, w = network_features(m, d, 7, seed=2)
    return dict(zip(KEYS, (x.astype(dtype), y, z.astype(dtype), w), strict=True))


def test_more_rows_and_columns_than_a_block_against_reference():
    problem, options = large(), {"relative_epsilon": 0.2}
    got = otce_value_and_grad(**problem, **options, **EXACT, coefficients=np.eye(2))
    options = {"epsilon": got.solver.epsilon}
    for k in range(2):
        plan = got.solver.coupling()
        assert got.source_features[k].sum(axis=0) == pytest.approx(
            -got.target_features[k].sum(axis=0),
            abs=GRADIENT_SUM * np.abs(got.source_features).sum(),
        )
        assert got.value[k] == (got.domain_difference, got.task_difference)[k]
    expected = dense(problem, plan, got.solver.epsilon)
    for k in range(2):
        assert largest_error(got.source_features[k], expected[k][0]) < GRADIENT
        assert largest_error(got.target_features[k], expected[k][1]) < GRADIENT


def dense(problem, plan, epsilon):
    """Derivatives of both differences by features, from a plan, with the system solved densely."""
    x, y, z, w = problem.values()
    S, T = (labels[:, None] == np.unique(labels) for labels in (y, w))
    J = S.T @ plan @ T
    C = reference.squared_distances(x, z)
    found = []
    for G, D in ((C, plan), (-(S @ np.log(J / J.sum(axis=1, keepdims=True)) @ T.T), 0)):
        r, c = plan.sum(axis=1), plan.sum(axis=0)
        s, t = (plan * G).sum(axis=1), (plan * G).sum(axis=0)
        schur = np.diag(c) - plan.T @ (plan / r[:, None])
        beta = np.linalg.lstsq(schur, t - plan.T @ (s / r), rcond=1e-13)[0]
        alpha = (s - plan @ beta) / r
        W = D + plan * (alpha[:, None] + beta - G) / epsilon
        found.append(
            (
                2 * (W.sum(axis=1)[:, None] * x - W @ z),
                2 * (W.sum(axis=0)[:, None] * z - W.T @ x),
            )
        )
    return found


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_plan_made_anew_equals_the_stored_one(dtype):
    problem = large(dtype=dtype)
    options = {"relative_epsilon": 0.2, "coefficients": (0.3, 2.0), "tol": 1e-10}
    stored = otce_value_and_grad(**problem, **options)
    anew = otce_value_and_grad(**problem, **options, memory_budget=1000)
    assert stored.source_features.dtype == dtype
    for part in PARTS:
        error = largest_error(getattr(anew, part), getattr(stored, part))
        assert error < (GRADIENT if dtype == "float64" else TRANSPORT["float32"]), part


def test_float32_against_float64():
    options = {"relative_epsilon": 0.1, "coefficients": (0.01, 1.0)}
    single, double = (
        otce_value_and_grad(**large(dtype=dtype), **options) for dtype in ("float32", "float64")
    )
    assert largest_error(single.source_features, double.source_features) < TRANSPORT["float32"]
    assert largest_error(single.target_features, double.target_features) < TRANSPORT["float32"]


@pytest.mark.parametrize("budget", [None, 1000])
def test_bits_do_not_depend_on_threads(budget):
    results = [
        otce_value_and_grad(
            **large(),
            relative_epsilon=0.1,
            coefficients=np.eye(2),
            memory_budget=budget,
            n_threads=n_threads,
        )
        for n_threads in (1, 2, 3)
    ]
    for other in results[1:]:
        for part in PARTS:
            assert np.array_equal(getattr(results[0], part), getattr(other, part)), part


# ---------------------------------------------------------------------------------- laws


@st.composite
def small_problems(draw):
    n, m, d = draw(st.integers(2, 12)), draw(st.integers(2, 12)), draw(st.integers(1, 4))
    seed = draw(st.integers(0, 2**32 - 1))
    classes = draw(st.integers(1, min(n, 3))), draw(st.integers(1, min(m, 3)))
    problem = task(n, m, d, classes, seed=seed)
    return problem, draw(st.sampled_from(list(PAIRS.values())))


@a_few_points
@settings(deadline=None, max_examples=50)
@given(small_problems())
def test_law_moving_both_clouds_changes_nothing(drawn):
    problem, pair = drawn
    got = otce_value_and_grad(**problem, relative_epsilon=0.5, coefficients=pair, tol=1e-10)
    total = got.source_features.sum(axis=0) + got.target_features.sum(axis=0)
    size = np.abs(got.source_features).sum() + np.abs(got.target_features).sum()
    assert np.abs(total).max() <= GRADIENT_SUM * max(size, 1)


@a_few_points
@settings(deadline=None, max_examples=50)
@given(small_problems(), st.permutations(range(3)), st.permutations(range(3)))
def test_law_names_of_classes_do_not_matter(drawn, source_names, target_names):
    problem, pair = drawn
    renamed = {
        **problem,
        "source_labels": np.array(source_names)[problem["source_labels"]],
        "target_labels": np.array([f"class {k}" for k in target_names])[problem["target_labels"]],
    }
    one, other = (
        otce_value_and_grad(**p, relative_epsilon=0.5, coefficients=pair, tol=1e-10)
        for p in (problem, renamed)
    )
    size = max(np.abs(one.source_features).max(), 1e-3)
    assert np.abs(one.source_features - other.source_features).max() < GRADIENT * size


@a_few_points
@settings(deadline=None, max_examples=50)
@given(small_problems())
def test_law_weights_count_by_their_proportions(drawn):
    problem, pair = drawn
    a = weights(len(problem["source_labels"]), 0)
    got = otce_value_and_grad(
        **problem, relative_epsilon=0.5, coefficients=pair, source_weights=5 * a, tol=1e-10
    )
    assert abs(a @ got.source_weights) <= GRADIENT * max(np.abs(got.source_weights).max(), 1e-3)
    uniform = np.full(len(got.target_weights), 1 / len(got.target_weights))
    assert abs(uniform @ got.target_weights) <= GRADIENT * max(
        np.abs(got.target_weights).max(), 1e-3
    )


def test_gradient_of_the_domain_difference_of_one_point_each():
    got = otce_value_and_grad(
        source_features=[[1.0, 2.0]],
        source_labels=[0],
        target_features=[[4.0, 6.0]],
        target_labels=["a"],
        coefficients=(1, 0),
        epsilon=1.0,
    )
    assert got.value == pytest.approx(25)
    assert got.source_features == pytest.approx(np.array([[-6.0, -8.0]]))
    assert got.target_features == pytest.approx(np.array([[6.0, 8.0]]))


# -------------------------------------------------------- combinations, points left out


def test_value_is_that_of_otce():
    problem = large()
    expected = otce(**problem, relative_epsilon=0.05, tol=1e-6)
    got = otce_value_and_grad(**problem)
    assert isinstance(got, OTCEGradient)
    assert got.value == pytest.approx(expected.task_difference, rel=1e-9)
    assert got.solver.transport_cost == pytest.approx(got.domain_difference, rel=1e-9)


def test_combinations_are_linear():
    problem, options = PROBLEMS["random"]
    together = otce_value_and_grad(
        **problem, **options, **EXACT, coefficients=[(1, 0), (0, 1), (0.3, 2), (0, 0)]
    )
    for part in PARTS:
        first, second, both, none = getattr(together, part)
        assert largest_error(0.3 * first + 2 * second, both) < GRADIENT
        assert not none.any()


def test_points_that_are_left_out_have_no_derivative():
    problem, options = PROBLEMS["random"]
    keep = [side != 1 for side in (problem["source_labels"], problem["target_labels"])]
    a, b = weights(12, 1), weights(9, 2)
    part = {key: value[keep[key.startswith("target")]] for key, value in problem.items()}
    expected = otce_value_and_grad(
        **part,
        **options,
        **EXACT,
        source_weights=a[keep[0]] / a[keep[0]].sum(),
        target_weights=b[keep[1]] / b[keep[1]].sum(),
    )
    for missing in (False, True):
        given = {key: value.copy() for key, value in problem.items()}
        if missing:
            given["source_features"][~keep[0]] = np.nan
        got = otce_value_and_grad(
            **given, **options, **EXACT, ignore_index=1, source_weights=a, target_weights=b
        )
        assert got.value == pytest.approx(expected.value, rel=GRADIENT)
        for name in PARTS:
            kept = keep[name.startswith("target")]
            assert not getattr(got, name)[~kept].any()
            assert largest_error(getattr(got, name)[kept], getattr(expected, name)) < GRADIENT


def test_points_of_no_weight(rng):
    problem, options = PROBLEMS["random"]
    options = absolute(problem, options)
    a, b = weights(12, 1), weights(9, 2)
    a[[3, 7]] = b[[2]] = 0
    a, b = a / a.sum(), b / b.sum()

    def at(a, b):
        return otce_value_and_grad(
            **problem,
            **options,
            **EXACT,
            source_weights=a,
            target_weights=b,
            coefficients=(0.3, 2.0),
        )

    got = at(a, b)
    for part, moved in (("source_features", [3, 7]), ("target_features", [2])):
        assert not getattr(got, part)[moved].any()
    # Derivatives by a weight of zero are one-sided: of second order, forwards.
    for name, base, i in (("source_weights", a, 3), ("target_weights", b, 2)):
        h, values = 1e-5, []
        for k in range(3):
            changed = base.copy()
            changed[i] += k * h
            changed /= changed.sum()
            values.append(at(changed, b).value if base is a else at(a, changed).value)
        slope = (-3 * values[0] + 4 * values[1] - values[2]) / (2 * h)
        assert slope == pytest.approx(getattr(got, name)[i], rel=1e-4)


def test_a_start_near_by_takes_fewer_iterations():
    problem = large()
    cold = otce_value_and_grad(**problem)
    warm = otce_value_and_grad(**problem, initial=cold.solver)
    assert warm.solver.n_iter < cold.solver.n_iter
    assert largest_error(warm.source_features, cold.source_features) < 1e-3


@pytest.mark.parametrize("pair", [*PAIRS.values(), np.eye(2)], ids=[*PAIRS, "apart"])
def test_the_step_before_also_starts_the_linear_system(pair):
    problem, rng = large(), np.random.default_rng(0)
    options = {"coefficients": pair, "tol": 1e-8, "epsilon": 3.0}
    before = otce_value_and_grad(**problem, **options)
    for part in PARTS[:2]:
        problem[part] = problem[part] + 1e-4 * rng.normal(size=problem[part].shape)
    cold = otce_value_and_grad(**problem, **options, initial=before.solver)
    warm = otce_value_and_grad(**problem, **options, initial=before)
    assert warm.n_iter < cold.n_iter
    assert warm.solver.n_iter == cold.solver.n_iter
    for part in PARTS:
        assert largest_error(getattr(warm, part), getattr(cold, part)) < 1e-5, part
    same = otce_value_and_grad(**problem, **options, initial=warm)
    assert same.n_iter <= 2


def test_a_start_of_another_problem_does_no_harm(rng):
    problem = large(200, 150)
    cold = otce_value_and_grad(**problem)
    start = replace(cold, target_weights=1e3 * rng.normal(size=150))
    warm = otce_value_and_grad(**problem, initial=start)
    assert warm.n_iter == otce_value_and_grad(**problem, initial=cold.solver).n_iter
    assert warm.residual <= 1e-6


def test_a_start_with_points_left_out_and_points_of_no_weight():
    problem = large(120, 100)
    b = np.ones(100)
    b[5] = 0
    options = {"ignore_index": 1, "target_weights": b, "tol": 1e-9, "relative_epsilon": 0.1}
    cold = otce_value_and_grad(**problem, **options)
    warm = otce_value_and_grad(**problem, **options, initial=cold)
    assert warm.n_iter < cold.n_iter
    for part in PARTS:
        assert largest_error(getattr(warm, part), getattr(cold, part)) < 1e-5, part


def test_a_start_for_other_coefficients_or_points():
    problem, options = PROBLEMS["random"]
    start = otce_value_and_grad(**problem, **options)
    text = "`initial` must be a result for 2 pairs of coefficients and 9 target points, got 1 and 9"
    with pytest.raises(ValueError, match=re.escape(text)):
        otce_value_and_grad(**problem, **options, coefficients=np.eye(2), initial=start)
    with pytest.raises(
        ValueError, match=re.escape("`initial` must have potentials of shape (12,)")
    ):
        otce_value_and_grad(**problem, initial=otce_value_and_grad(**task(13, 9)))


def test_steps_against_the_gradient_lead_down():
    problem = large(120, 60, 6)
    values = []
    epsilon = None
    for _ in range(15):
        got = otce_value_and_grad(**problem, epsilon=epsilon)
        epsilon = got.solver.epsilon
        values.append(got.value)
        for part in PARTS[:2]:
            problem[part] = problem[part] - 3 * getattr(got, part)
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.9 * values[0]


# ----------------------------------------------------------------- warnings and errors


def test_a_matching_is_warned_of():
    problem = task(20, 20, seed=5)
    with pytest.warns(UserWarning, match=r"`epsilon`, here .* too small for a meaningful gradient"):
        otce_value_and_grad(**problem, relative_epsilon=1e-4, max_iter=20_000, tol=1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        otce_value_and_grad(**problem, relative_epsilon=0.05)


def test_what_does_not_converge_is_warned_of():
    problem, _ = PROBLEMS["clustered"]
    with pytest.warns() as seen:
        got = otce_value_and_grad(**problem, relative_epsilon=0.02, max_iter=3, tol=1e-12)
    texts = [str(w.message) for w in seen if w.category is ConvergenceWarning]
    assert len(texts) == 2
    assert texts[0].startswith("Sinkhorn's iteration did not converge")
    assert re.match(
        r"the linear system of the gradient did not converge: .* 3 iterations", texts[1]
    )
    assert not got.converged
    assert got.residual > 1e-12


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (
            {"coefficients": (1, 2, 3)},
            ValueError,
            "`coefficients` must have shape (2,) or (k, 2), got (3,)",
        ),
        (
            {"coefficients": np.empty((0, 2))},
            ValueError,
            "`coefficients` must have shape (2,) or (k, 2), got (0, 2)",
        ),
        (
            {"coefficients": (np.nan, 1)},
            ValueError,
            "`coefficients` must be finite, got NaN or infinity",
        ),
        (
            {"coefficients": ("a", "b")},
            TypeError,
            "`coefficients` must hold real numbers, got dtype <U1",
        ),
        (
            {"source_weights": [1.0] * 4 + [0.0] * 8, "ignore_index": 2},
            ValueError,
            "`source_weights` must have a positive sum over the points that are not left out, "
            "got zeros alone",
        ),
        (
            {"source_weights": [1.0]},
            ValueError,
            "`source_weights` must have shape (12,), got (1,)",
        ),
        (
            {"initial": (np.zeros(3), np.zeros(9))},
            ValueError,
            "`initial` must have potentials of shape (12,) and (9,), got (3,) and (9,)",
        ),
        ({"tol": 0}, ValueError, "`tol` must be a finite number above 0, got 0"),
        (
            {"target_features": np.ones((9, 2))},
            ValueError,
            "`target_features` must have as many columns as `source_features`, shape (9, 3), "
            "got (9, 2)",
        ),
        (
            {"epsilon": 1e-30},
            ValueError,
            "`epsilon` must be larger than the rounding of the largest cost, got 1e-30; for "
            "transport without regularisation use exact_plan(...) or method='exact'",
        ),
    ],
)
def test_errors(change, error, text):
    problem = task(12, 9)
    if "ignore_index" in change:
        problem["source_labels"] = np.array([2] * 4 + [0, 1] * 4)
        problem["target_labels"] = np.arange(9) % 2
    with pytest.raises(error, match=re.escape(text)):
        otce_value_and_grad(**{**problem, **change})


def test_features_that_are_not_finite():
    problem = task(12, 9)
    problem["target_features"][3, 1] = np.nan
    with pytest.raises(ValueError, match="`target_features` must be finite"):
        otce_value_and_grad(**problem)


def test_features_that_are_too_large():
    problem = task(12, 9)
    problem["target_features"] *= 1e200
    with pytest.raises(ValueError, match="must have squares within the range of float64"):
        otce_value_and_grad(**problem)
