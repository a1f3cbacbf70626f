"""Drop-in names of POT: the same calls give the same numbers, in the same shapes."""

import inspect
import re
import warnings

import numpy as np
import pytest

from tolerances import FLOAT64, MASS, OPTIMAL, SOLVED, TRANSPORT
from transferscore import ConvergenceWarning, sinkhorn
from transferscore.compat import pot

ot = pytest.importorskip("ot")

METHODS = list(pot.LOGS)
CLOSE = TRANSPORT["float64"]
THRESHOLD = SOLVED["float64"]


def problem(n=6, m=9, k=None, mass=1.0, seed=0):
    """Weights, k targets, costs."""
    rng = np.random.default_rng(seed)
    a, b = rng.random(n) + 0.1, rng.random((m, k or 1)) + 0.1
    a, b = mass * a / a.sum(), mass * b / b.sum(axis=0)
    return a, b if k else b[:, 0], rng.random((n, m))


def solved_by_pot(*args, method="sinkhorn", **options):
    options = {"numItermax": 20_000, "stopThr": THRESHOLD, "warn": False, **options}
    return ot.sinkhorn(*args, method=method, **options)


# ------------------------------------------------------------------------------- signatures


@pytest.mark.parametrize("name", pot.__all__)
def test_parameters_have_the_names_order_and_defaults_of_pot(name):
    ours, theirs = (
        [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]
        for function in (getattr(pot, name), getattr(ot, name))
    )
    assert ours[: len(theirs)] == theirs  # older versions have fewer


# --------------------------------------------------------------------------------- Sinkhorn


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("mass", [1.0, 3.0])
def test_sinkhorn_gives_the_plan_and_log_of_pot(method, mass):
    a, b, M = problem(mass=mass)
    reg = 0.2
    expected, their_log = solved_by_pot(a, b, M, reg, method=method, log=True)
    plan, log = pot.sinkhorn(a, b, M, reg, method=method, log=True, stopThr=THRESHOLD)
    assert plan.dtype == np.float64
    assert np.abs(plan - expected).sum() <= CLOSE * mass
    assert set(log) == set(their_log)
    for name in set(log) & {"u", "v", "alpha", "beta", "logu", "logv", "log_u", "log_v"}:
        assert log[name].shape == their_log[name].shape
    if "u" in log:
        scaled = log["u"][:, np.newaxis] * np.exp(-M / reg) * log["v"]
        np.testing.assert_allclose(scaled, plan, rtol=FLOAT64)
    if "alpha" in log:
        scaled = np.exp((log["alpha"][:, np.newaxis] + log["beta"] - M) / reg)
        np.testing.assert_allclose(scaled, plan, rtol=FLOAT64)
        assert log["warmstart"][0] is log["alpha"]
        assert log["warmstart"][1] is log["beta"]
    if "err" in log:
        (error,) = log["err"]
        assert 0 <= error <= THRESHOLD
    assert np.linalg.norm(plan.sum(axis=0) - b) <= THRESHOLD
    assert isinstance(log.get("niter", log.get("n_iter")), int)


def test_sinkhorn_is_ours():
    a, b, M = problem()
    ours = sinkhorn(cost=M, epsilon=0.2, source_weights=a, target_weights=b, tol=1e-9)
    plan, log = pot.sinkhorn(a, b, M, 0.2, log=True)
    np.testing.assert_allclose(plan, ours.coupling(), rtol=FLOAT64)
    assert log["niter"] == ours.n_iter
    assert log["err"] == [pytest.approx(ours.marginal_error, rel=FLOAT64)]
    cost = pot.sinkhorn2(a, b, M, 0.2)
    assert cost == pytest.approx(ours.transport_cost, rel=FLOAT64)
    assert isinstance(cost, np.float64)


@pytest.mark.parametrize("method", ["sinkhorn", "sinkhorn_log", "sinkhorn_stabilized"])
def test_sinkhorn2_gives_the_cost_and_log_of_pot(method):
    a, b, M = problem(mass=2.0)
    options = {"method": method, "log": True, "stopThr": THRESHOLD}
    expected, their_log = ot.sinkhorn2(a, b, M, 0.2, numItermax=20_000, **options)
    cost, log = pot.sinkhorn2(a, b, M, 0.2, **options)
    assert cost == pytest.approx(expected, rel=CLOSE)
    assert type(cost) is type(expected)
    assert set(log) == set(their_log)


@pytest.mark.parametrize(
    ("method", "k"),
    [
        ("sinkhorn", 1),
        ("sinkhorn", 3),
        ("sinkhorn_log", 3),  # with one column POT fails
        ("sinkhorn_stabilized", 1),
        ("sinkhorn_stabilized", 3),
    ],
)
def test_targets_in_columns_give_costs(method, k):
    a, b, M = problem(k=k, mass=2.0)
    expected, their_log = solved_by_pot(a, b, M, 0.2, method=method, log=True)
    for function in (pot.sinkhorn, pot.sinkhorn2):
        costs, log = function(a, b, M, 0.2, method=method, log=True)
        assert costs.shape == expected.shape == (k,)
        np.testing.assert_allclose(costs, expected, rtol=CLOSE)
        assert set(their_log) <= set(log)
        for name in set(log) & {"u", "v", "alpha", "beta", "logu", "log_v"}:
            assert log[name].shape == their_log[name].shape
        np.testing.assert_array_equal(function(a, b, M, 0.2, method=method), costs)
    for i in range(k):
        alone = pot.sinkhorn2(a, b[:, i], M, 0.2, method=method)
        assert costs[i] == pytest.approx(alone, rel=FLOAT64)


def test_empty_weights_are_uniform():
    _, _, M = problem()
    expected = solved_by_pot(np.full(6, 1 / 6), np.full(9, 1 / 9), M, 0.2)
    for empty in ([], np.array([])):
        plan = pot.sinkhorn(empty, empty, M, 0.2)
        assert np.abs(plan - expected).sum() <= CLOSE
    a, b, _ = problem()
    np.testing.assert_allclose(
        pot.sinkhorn(a, [], M, 0.2), pot.sinkhorn(a, np.full(9, 1 / 9), M, 0.2), rtol=FLOAT64
    )
    assert pot.sinkhorn2([], b, M, 0.2) == pot.sinkhorn2(np.full(6, 1 / 6), b, M, 0.2)


def test_names_of_methods_in_any_case_are_one_solver():
    a, b, M = problem()
    expected = pot.sinkhorn(a, b, M, 0.2)
    for method in (*METHODS, "SINKHORN_LOG"):
        np.testing.assert_allclose(pot.sinkhorn(a, b, M, 0.2, method), expected, rtol=FLOAT64)
    tuned = {"tau": 50, "print_period": 1, "epsilon0": 10, "numInnerItermax": 3}
    np.testing.assert_allclose(pot.sinkhorn(a, b, M, 0.2, **tuned), expected, rtol=FLOAT64)


def test_points_without_weight():
    a, b, M = problem()
    a[2], b[4] = 0, 0
    b *= a.sum() / b.sum()
    plan, log = pot.sinkhorn(a, b, M, 0.2, method="sinkhorn_log", log=True)
    some, others = np.flatnonzero(a), np.flatnonzero(b)
    expected = solved_by_pot(a[some], b[others], M[np.ix_(some, others)], 0.2)
    assert np.abs(plan[np.ix_(some, others)] - expected).sum() <= CLOSE
    assert (plan[2] == 0).all()
    assert (plan[:, 4] == 0).all()
    assert log["log_u"][2] == log["log_v"][4] == -np.inf
    again = pot.sinkhorn(a, b, M, 0.2, warmstart=(log["log_u"], log["log_v"]), log=True)
    assert again[1]["niter"] < log["niter"]


def test_a_regularisation_that_underflows_in_pot():
    a, b, M = problem()
    reg = 1e-4
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        underflown = ot.sinkhorn(a, b, M, reg)
    assert caught
    assert not np.abs(underflown.sum(axis=0) - b).sum() <= OPTIMAL
    plan, log = pot.sinkhorn(a, b, M, reg, numItermax=100_000, log=True)
    assert np.abs(plan.sum(axis=0) - b).sum() <= OPTIMAL
    assert not np.isnan(log["u"]).any()
    assert np.sum(plan * M) == pytest.approx(ot.emd2(a, b, M), abs=np.log(9) * reg)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("k", [None, 3])
def test_warm_starts_from_logs(method, k):
    a, b, M = problem(k=k)
    options = {"method": method, "log": True}
    value, log = pot.sinkhorn(a, b, M, 0.05, **options)
    count = "n_iter" if "n_iter" in log else "niter"
    start = log.get("warmstart")
    if start is None:
        start = np.log(log["u"]), np.log(log["v"])
    starts = [start]
    if k:
        starts.append([(start[0][:, i], start[1][:, i]) for i in range(k)])
    for warm in starts:
        again, warm_log = pot.sinkhorn(a, b, M, 0.05, warmstart=warm, **options)
        assert warm_log[count] < log[count] / 2
        assert np.abs(again - value).sum() <= CLOSE
    if k is None:  # the same potentials mean the same to POT
        theirs = ot.sinkhorn(a, b, M, 0.05, warmstart=start, **options)[1]
        assert theirs[count] <= 40  # greenkhorn counts single rows, epsilon scaling at least 36


def test_warnings_of_what_did_not_converge():
    a, b, M = problem(mass=2.0)
    for call in (
        lambda: pot.sinkhorn(a, b, M, 0.01, numItermax=2),
        lambda: pot.sinkhorn2(a, b, M, 0.01, numItermax=2, warn=True),
        lambda: pot.sinkhorn(a, problem(k=2, mass=2.0)[1], M, 0.01, numItermax=2),
    ):
        text = "did not converge: error .* after 2 iterations, stopThr=1e-09; raise `numItermax`"
        with pytest.warns(ConvergenceWarning, match=text) as caught:
            call()
        assert len(caught) == 1
        assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pot.sinkhorn(a, b, M, 0.01, numItermax=2, warn=False)
        pot.sinkhorn2(a, b, M, 0.01, numItermax=2)


def test_a_threshold_below_rounding_is_raised_to_it():
    a, b, M = problem()
    for threshold in (0, 1e-30):
        plan, log = pot.sinkhorn(a, b, M, 0.2, stopThr=threshold, log=True)
        assert log["niter"] < 200
        assert np.abs(plan.sum(axis=0) - b).sum() <= MASS


def test_verbose(capsys):
    a, b, M = problem(k=2)
    pot.sinkhorn(a, b, M, 0.2)
    assert capsys.readouterr().out == ""
    pot.sinkhorn(a, b, M, 0.2, verbose=True)
    lines = capsys.readouterr().out.splitlines()
    assert [bool(re.fullmatch(r"\d+ iterations, error \S+", line)) for line in lines] == [True] * 2


def test_lists_and_other_types():
    a, b, M = problem()
    expected = pot.sinkhorn(a, b, M, 0.2)
    lists = pot.sinkhorn(a.tolist(), b.tolist(), M.tolist(), 0.2)
    np.testing.assert_allclose(lists, expected, rtol=FLOAT64)
    single = pot.sinkhorn(a, b, M.astype(np.float32), 0.2, stopThr=1e-6)
    assert np.abs(single - expected).sum() <= TRANSPORT["float32"]


def test_torch_tensors():
    torch = pytest.importorskip("torch")
    a, b, M = problem(k=2)
    tensors = [torch.from_numpy(side) for side in (a, b, M)]
    for function in (pot.sinkhorn, pot.sinkhorn2):
        costs = function(*tensors, 0.2)
        np.testing.assert_allclose(costs, function(a, b, M, 0.2), rtol=FLOAT64)
    np.testing.assert_allclose(pot.emd2(*tensors), pot.emd2(a, b, M), rtol=FLOAT64)


# ------------------------------------------------------------------------------------ exact


@pytest.mark.parametrize("mass", [1.0, 3.0])
def test_emd_gives_the_plan_and_log_of_pot(mass):
    a, b, M = problem(mass=mass)
    expected, their_log = ot.emd(a, b, M, log=True)
    plan, log = pot.emd(a, b, M, log=True)
    assert plan.dtype == np.float64
    np.testing.assert_allclose(plan, expected, rtol=0, atol=MASS * mass)
    np.testing.assert_array_equal(pot.emd(a, b, M), plan)
    assert log["cost"] == pytest.approx(their_log["cost"], rel=FLOAT64)
    assert log["warning"] is their_log["warning"] is None
    assert log["result_code"] == their_log["result_code"]
    assert set(their_log) - set(log) == {"u", "v"}


def test_emd2_gives_costs_and_logs_in_the_shapes_of_pot():
    a, b, M = problem(mass=2.0)
    expected = ot.emd2(a, b, M)
    assert pot.emd2(a, b, M) == pytest.approx(expected, rel=FLOAT64)
    assert type(pot.emd2(a, b, M)) is type(expected)
    for options in ({"log": True}, {"return_matrix": True}, {"log": True, "return_matrix": True}):
        value, theirs = pot.emd2(a, b, M, **options), ot.emd2(a, b, M, **options)
        assert type(value) is type(theirs) is list
        assert value[0] == pytest.approx(theirs[0], rel=FLOAT64)
        assert set(theirs[1]) - set(value[1]) == {"u", "v"}
        if "G" in theirs[1]:
            np.testing.assert_allclose(value[1]["G"], theirs[1]["G"], rtol=0, atol=MASS)


@pytest.mark.parametrize("k", [1, 3])
def test_emd2_of_targets_in_columns(k):
    a, b, M = problem(k=k)
    costs, theirs = pot.emd2(a, b, M), ot.emd2(a, b, M)
    assert type(costs) is type(theirs) is list
    np.testing.assert_allclose(costs, theirs, rtol=FLOAT64)
    logs, their_logs = pot.emd2(a, b, M, log=True), ot.emd2(a, b, M, log=True)
    assert [type(entry) for entry in logs] == [type(entry) for entry in their_logs]
    assert [entry[0] for entry in logs] == costs


def test_emd_of_empty_and_unequal_weights():
    a, b, M = problem()
    np.testing.assert_allclose(pot.emd([], [], M), ot.emd([], [], M), rtol=0, atol=MASS)
    plan = pot.emd(a, 5 * b, M, check_marginals=False)
    np.testing.assert_allclose(plan, ot.emd(a, b, M), rtol=0, atol=MASS)
    with pytest.raises(ValueError, match="`a` and `b` must have the same sum"):
        pot.emd(a, 5 * b, M)


def test_emd_of_small_and_negative_costs_is_optimal():
    a, b, M = problem()
    expected = pot.emd2(a, b, M)
    for scale, offset in ((1e-30, 0), (1, -1e6), (1e12, -1e3)):
        cost = (M + offset) * scale
        plan = pot.emd(a, b, cost)
        assert np.sum(plan * M) == pytest.approx(expected, abs=OPTIMAL)
        assert pot.emd2(a, b, cost) == pytest.approx(scale * (expected + offset), rel=OPTIMAL)


def test_emd_of_integer_weights_is_not_rounded():
    plan = pot.emd([1, 1, 1], [3], [[1], [2], [3]])
    assert plan.dtype == np.float64
    assert plan.tolist() == [[1], [1], [1]]
    cost = np.eye(2, 3)
    expected = ot.emd2([2.0, 1.0], [1.0, 1.0, 1.0], cost)
    assert pot.emd2([2, 1], [1, 1, 1], cost) == pytest.approx(expected, abs=MASS)


# ----------------------------------------------------------------------------------- errors

A, B, COST = problem()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: pot.sinkhorn(A, B, COST, 0), ValueError, "`reg` must be a finite number above 0"),
        (lambda: pot.sinkhorn(A, B, COST, "x"), TypeError, "`reg`"),
        (lambda: pot.sinkhorn(A, B, COST, 1e-18), ValueError, "`reg` must be larger than"),
        (lambda: pot.sinkhorn(A, B[:3], COST, 1), ValueError, "`b` must have shape (9,)"),
        (lambda: pot.sinkhorn(A[:3], B, COST, 1), ValueError, "`a` must have shape (6,)"),
        (lambda: pot.sinkhorn(A, 2 * B, COST, 1), ValueError, "`a` and `b` must have the same sum"),
        (lambda: pot.sinkhorn(-A, B, COST, 1), ValueError, "`a` must be finite and not negative"),
        (lambda: pot.sinkhorn(0 * A, B, COST, 1), ValueError, "`a` must have a positive sum"),
        (lambda: pot.sinkhorn(A * np.nan, B, COST, 1), ValueError, "`a` must be finite"),
        (lambda: pot.sinkhorn(A, B, COST[0], 1), ValueError, "`M`"),
        (lambda: pot.sinkhorn(A, B, COST / 0, 1), ValueError, "`M` must be finite"),
        (lambda: pot.sinkhorn(A, B, COST, 1, "newton"), ValueError, "`method` must be 'sinkhorn'"),
        (lambda: pot.sinkhorn(A, B, COST, 1, None), ValueError, "`method`"),
        (lambda: pot.sinkhorn(A, B, COST, 1, numItermax=0), ValueError, "`numItermax`"),
        (lambda: pot.sinkhorn(A, B, COST, 1, stopThr="x"), TypeError, "`stopThr`"),
        (lambda: pot.sinkhorn(A, B, COST, 1, stopThr=np.nan), ValueError, "`stopThr`"),
        (lambda: pot.sinkhorn(A, B, COST, 1, warmstart=3), TypeError, "`warmstart`"),
        (lambda: pot.sinkhorn(A, B, COST, 1, warmstart=(B, A)), ValueError, "`warmstart`"),
        (lambda: pot.sinkhorn(A, B, COST, 1, warmstart=(A, B / 0)), ValueError, "`warmstart`"),
        (lambda: pot.sinkhorn(A, B, COST, 1, stopthr=1), TypeError, "sinkhorn() got an unexpected"),
        (lambda: pot.sinkhorn2(A, B, COST, 1, x=1), TypeError, "sinkhorn2() got an unexpected"),
        (lambda: pot.emd(A, B[:3], COST), ValueError, "`b` must have shape (9,)"),
        (lambda: pot.emd(A, -B, COST), ValueError, "`b` must be finite and not negative"),
        (lambda: pot.emd2(A, np.ones((9, 2, 2)), COST), ValueError, "`b`"),
        (lambda: pot.emd2(A, 0 * B, COST, check_marginals=False), ValueError, "`b`"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
def test_wrong_input_is_named_as_in_pot(call, error, words):
    with pytest.raises(error, match=re.escape(words)):
        call()
