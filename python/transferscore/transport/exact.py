"""Optimal transport without regularisation: linear assignment or network simplex."""

import math
import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _memory, _threads
from transferscore._results import ConvergenceWarning, ExactResult
from transferscore.transport._problem import Problem, checked, costs_of
from transferscore.transport.sinkhorn import Options, solved

Vector = NDArray[np.float64]
Potentials = tuple[Vector, Vector]  # (n,), (m,)
Entries = tuple[NDArray[np.intp], NDArray[np.intp], Vector]  # rows, columns, mass

# Pivots of the network simplex: as good as no limit. It ends by itself.
MOST_PIVOTS = 2**40
# The largest cost that the solvers see, within a factor of two: tolerances of POT are absolute.
LARGEST = 2.0**30
# How far a plan may be from what its duals prove, as a share of the largest cost.
GAP = 1e-9
# L1 error of the marginals above which there is no plan.
MARGINAL_ERROR = 1e-9
# From this many pairs on the assignment starts near its end: relative epsilon, tolerance and
# iterations of the entropic plan that tells where. Measured: 1.1 to 7 times as fast on features,
# most in few dimensions; costs with heavy tails take up to twice the time. The network simplex
# gains nothing.
LARGE = 2**15
START = (0.05, 1e-2, 50)
# It starts anew without it where rounding of the differences is more than this share of the cost.
ROUNDING = 1e-9
# Bytes for each pair, measured: costs, reduced costs and the kernel of the entropic plan; for the
# network simplex costs, reduced costs and what POT holds (plan, arcs, flows).
ASSIGNMENT_BYTES, SIMPLEX_BYTES = 20, 50


def exact_plan(
    source_points: ArrayLike | None = None,
    target_points: ArrayLike | None = None,
    *,
    cost: ArrayLike | None = None,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    memory_budget: int | None = None,
    n_threads: int | None = None,
) -> ExactResult:
    r"""Optimal transport without regularisation between points, or for a given cost matrix.

    Kantorovich's problem, by the linear assignment of SciPy (Crouse, "On implementing 2D
    rectangular assignment algorithms", 2016) where both sides have equally many points of equal
    weight, else by the network simplex of POT (Bonneel, van de Panne, Paris, Heidrich,
    "Displacement interpolation using Lagrangian mass transport", 2011).

    .. math::

        P = \operatorname{argmin}_{P 1 = a, P^T 1 = b, P \ge 0} \langle P, C \rangle

    Needs the extra `exact`: pip install 'transferscore[exact]'.

    Parameters
    ----------
    source_points : array-like of shape (n, d), optional
        Source points.
    target_points : array-like of shape (m, d), optional
        Target points; the cost is the squared Euclidean distance, computed in float64.
    cost : array-like of shape (n, m), optional
        Costs of any finite size and sign, in place of points.
    source_weights : array-like of shape (n,), optional
        Weights a, not negative; uniform by default. Only their proportions count.
    target_weights : array-like of shape (m,), optional
        Weights b, with the same sum as `source_weights` where both are given.
    memory_budget : int, optional
        Bytes that solving may take. Default: a quarter of the memory that this process may use.
    n_threads : int, optional
        Threads for the costs and the start; both solvers use one. The result has the same bits
        for any number.

    Returns
    -------
    ExactResult
        The cost and the positive entries of an optimal plan. Where several plans are optimal it is
        one of them.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described; the text names it.
    MemoryError
        Where solving would take more than the budget.
    ModuleNotFoundError
        Where SciPy, or POT for the network simplex, is not installed.
    RuntimeError
        Where the network simplex ends without a plan.

    Warns
    -----
    ConvergenceWarning
        Where the duals of the network simplex do not prove its plan optimal to 1e-9 of the largest
        cost.

    Notes
    -----
    Memory beyond the inputs, in bytes: about 20 n m for the assignment, 50 n m for the network
    simplex, most of it in POT. Neither solver answers Ctrl-C before it is done.

    The solvers see costs less the least in each row and column, in a unit near the largest. That
    changes no optimal plan, and makes unit and offset of the costs immaterial, which they are not
    for POT alone: its tolerances are absolute. The assignment of more than 2^15 pairs sees them
    less the potentials of an entropic plan, which saves up to six sevenths of its time.

    Examples
    --------
    >>> from transferscore import exact_plan
    >>> result = exact_plan([[0.0], [10.0], [20.0]], [[21.0], [12.0], [1.0]])
    >>> round(result.transport_cost, 12)
    2.0
    >>> result.target_index.tolist()
    [2, 1, 0]
    """
    n_threads = _threads.resolve(n_threads)
    problem = checked(
        source_points,
        target_points,
        cost=cost,
        source_weights=source_weights,
        target_weights=target_weights,
        n_threads=n_threads,
    )
    require_room_to_solve(
        problem.weights, memory_budget, "sinkhorn(...) needs no matrix beyond its budget"
    )
    if len(problem.data) == 1:
        return solve_exact(problem.data[0], problem.weights, n_threads)
    names = "source_points or target_points"
    costs = costs_of(problem.data, names=names, n_threads=n_threads)
    return solve_exact(costs, problem.weights, n_threads)


def require_room_to_solve(weights: list[Vector], memory_budget: int | None, cheaper: str) -> None:
    """MemoryError where `solve_exact` and its costs would take more than the budget."""
    budget = _memory.budget(memory_budget)
    n, m = len(weights[0]), len(weights[1])
    each = ASSIGNMENT_BYTES if is_assignment(*weights) else SIMPLEX_BYTES
    if each * n * m > budget:
        raise _checks.too_many_bytes_to_solve(n, m, each * n * m, budget, cheaper)


def is_assignment(a: Vector, b: Vector) -> bool:
    """Whether as many source points as target points have weight, and all the same."""
    a, b = a[a > 0], b[b > 0]
    return len(a) == len(b) and is_uniform(a) and is_uniform(b)


def is_uniform(weights: Vector) -> bool:
    """Whether all weights are the same."""
    return bool((weights == weights[0]).all())


def solve_exact(
    costs: _checks.Floats, weights: list[Vector], n_threads: int | None = None
) -> ExactResult:
    """An optimal plan for finite costs (n, m) and weights [a, b] that each add up to one."""
    a, b = weights
    rows, columns = np.flatnonzero(a), np.flatnonzero(b)
    all_weigh = len(rows) == len(a) and len(columns) == len(b)
    C = costs if all_weigh else costs[np.ix_(rows, columns)]
    supply, demand = a[rows], b[columns]
    assigns = is_assignment(supply, demand)
    i, j, mass = _assignment(C, n_threads) if assigns else _network_simplex(C, supply, demand)
    return ExactResult(
        transport_cost=float(mass @ C[i, j].astype(np.float64)),
        source_index=rows[i],
        target_index=columns[j],
        mass=mass,
        n=len(a),
        m=len(b),
        solver="assignment" if assigns else "network simplex",
    )


def _assignment(C: _checks.Floats, n_threads: int | None) -> Entries:
    solve = _checks.from_extra("exact", "scipy.optimize").linear_sum_assignment
    R = _reduced(C)
    taken = _take_potentials(R, n_threads) if R.size >= LARGE else None
    i, j = solve(R)
    if taken is not None and _rounding(taken) > ROUNDING * _mean_cost(R, taken, i, j):
        i, j = solve(_reduced(C))
    return i, j, np.full(len(i), 1.0 / len(i))


def _network_simplex(C: _checks.Floats, a: Vector, b: Vector) -> Entries:
    ot = _checks.from_extra("exact", "ot")
    R = _reduced(C)
    # Equal weights in whole numbers: no flow is rounded, none is left where there is none.
    uniform = is_uniform(a) and is_uniform(b)
    total = float(math.lcm(len(a), len(b))) if uniform else 1.0
    supply, demand = (
        np.full(len(weights), total / len(weights)) if uniform else weights for weights in (a, b)
    )
    plan, log = ot.emd(supply, demand, R, numItermax=MOST_PIVOTS, log=True)
    i, j = np.nonzero(plan)
    mass = plan[i, j] / total
    error = sum(
        np.abs(np.bincount(index, mass, len(weights)) - weights).sum()
        for index, weights in ((i, a), (j, b))
    )
    if not error <= MARGINAL_ERROR:
        raise _checks.no_plan(float(error))
    gap = float(mass @ _slack(R, np.asarray(log["u"]), i, j))
    if not gap <= GAP * LARGEST:
        warnings.warn(
            f"the network simplex found a plan that may cost {gap / LARGEST:.2g} of the largest "
            "cost more than an optimal one",
            ConvergenceWarning,
            stacklevel=4,
        )
    return i, j, mass


def _reduced(C: _checks.Floats) -> Vector:
    """Costs with the same optimal plans, not negative, in a unit where the largest is `LARGEST`."""
    # The simplex has absolute tolerances: left alone it gives wrong plans for costs below 1e-12,
    # and none for costs far below zero.
    unit = _exponent(np.array([C.max(), C.min()], dtype=np.float64))
    R: Vector = np.ldexp(C, -unit, dtype=np.float64)
    _lower_to_zero(R)
    return np.ldexp(R, _exponent(LARGEST) - _exponent(R.max()), out=R)


def _lower_to_zero(R: Vector) -> Potentials:
    """Take its least from each row and each column, which moves all plans alike."""
    of_rows = R.min(axis=1)
    R -= of_rows[:, np.newaxis]
    of_columns = R.min(axis=0)
    R -= of_columns
    return of_rows, of_columns


def _take_potentials(R: Vector, n_threads: int | None) -> Potentials | None:
    """Subtract the potentials of an entropic plan: the assignment then starts near its end."""
    n, m = R.shape
    problem = Problem([R], [np.full(n, 1.0 / n), np.full(m, 1.0 / m)])
    how = Options(0.0, *START, 8.0 * R.size, _threads.resolve(n_threads))
    try:
        (near,) = solved([problem], how)
    except ValueError:  # an epsilon below the rounding of the largest cost
        return None
    R -= near.f[:, np.newaxis]
    R -= near.g
    of_rows, of_columns = _lower_to_zero(R)
    return near.f + of_rows, near.g + of_columns


def _rounding(taken: Potentials) -> float:
    """What subtracting potentials may have done to single costs."""
    largest = sum(float(np.abs(side).max()) for side in taken)
    return largest * float(np.finfo(np.float64).eps)


def _mean_cost(R: Vector, taken: Potentials, i: NDArray[np.intp], j: NDArray[np.intp]) -> float:
    """Of an assignment, before the potentials were taken."""
    of_rows, of_columns = taken
    return float(np.mean(R[i, j] + of_rows[i] + of_columns[j]))


def _exponent(values: Vector | float) -> int:
    """The least k with all |values| < 2^k; 0 where they are 0."""
    return int(np.frexp(np.abs(values).max())[1])


def _slack(R: Vector, u: Vector, i: NDArray[np.intp], j: NDArray[np.intp]) -> Vector:
    """R_ij - u_i - v_j for the largest duals v that u allows: not negative, 0 if all is optimal."""
    v = np.full(R.shape[1], np.inf)
    for start in range(0, len(R), 256):  # in blocks: no further matrix of this size
        block = slice(start, start + 256)
        np.minimum(v, (R[block] - u[block, np.newaxis]).min(axis=0), out=v)
    slack: Vector = R[i, j] - u[i] - v[j]
    return slack
