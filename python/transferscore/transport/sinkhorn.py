"""Entropic optimal transport, one problem or many."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _memory, _threads
from transferscore._backend import backend
from transferscore._results import ConvergenceWarning, SinkhornResult
from transferscore.transport._problem import Problem, checked

Potentials = tuple[ArrayLike, ArrayLike]


class Options(NamedTuple):
    """How to solve, checked."""

    epsilon: float  # 0 where it is relative
    relative_epsilon: float  # 0 where it is absolute
    tol: float
    max_iter: int
    memory_budget: float
    n_threads: int


def options(
    *,
    epsilon: float | None,
    relative_epsilon: float | None,
    tol: float,
    max_iter: int,
    memory_budget: int | None,
    n_threads: int | None,
) -> Options:
    """The options of what a user passed in."""
    absolute, relative = _checks.epsilons(epsilon, relative_epsilon)
    return Options(
        absolute,
        relative,
        _checks.positive(tol, "tol"),
        _checks.count(max_iter, "max_iter"),
        _memory.budget(memory_budget),
        _threads.resolve(n_threads),
    )


def sinkhorn(
    source_points: ArrayLike | None = None,
    target_points: ArrayLike | None = None,
    *,
    cost: ArrayLike | None = None,
    epsilon: float | None = None,
    relative_epsilon: float | None = None,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    tol: float = 1e-3,
    max_iter: int = 1000,
    initial: SinkhornResult | Potentials | None = None,
    memory_budget: int | None = None,
    n_threads: int | None = None,
) -> SinkhornResult:
    r"""Entropic optimal transport between two sets of points, or for a given cost matrix.

    Cuturi, "Sinkhorn distances: lightspeed computation of optimal transport", NeurIPS 2013.

    .. math::

        P = \operatorname{argmin}_{P 1 = a, P^T 1 = b} \langle P, C \rangle
            + \epsilon \operatorname{KL}(P \mid a b^T), \quad
        P_{ij} = a_i b_j \exp\bigl((f_i + g_j - C_{ij}) / \epsilon\bigr)

    Parameters
    ----------
    source_points : array-like of shape (n, d), optional
        Source points. With two float32 arrays costs are single precision where rounding them moves
        no marginal by a noticeable part of `tol`; sums are float64.
    target_points : array-like of shape (m, d), optional
        Target points; the cost is the squared Euclidean distance.
    cost : array-like of shape (n, m), optional
        Costs of any finite size and sign, in place of points.
    epsilon : float, optional
        Regularisation in units of cost (POT's `reg`, twice the square of GeomLoss' `blur`).
    relative_epsilon : float, optional
        Regularisation as a share of the median cost, 0.02 where neither is given. The median is
        taken over at most 512 x 512 pairs spread evenly over the points; where it is zero the mean
        takes its place, where that is zero too, 1.
    source_weights : array-like of shape (n,), optional
        Weights a, not negative; uniform by default. Only their proportions count.
    target_weights : array-like of shape (m,), optional
        Weights b, with the same sum as `source_weights` where both are given.
    tol : float, default 1e-3
        Largest L1 error of both marginals together. 1e-3 gives conditional entropies of labels to
        about 3e-4; gradients want 1e-6.
    max_iter : int, default 1000
        Most iterations, each one pass over the costs.
    initial : SinkhornResult or tuple of arrays (f, g), optional
        Potentials to start from; g counts.
    memory_budget : int, optional
        Bytes for matrices of n x m; beyond it costs are computed anew in every iteration. Default:
        a quarter of the memory that this process may use.
    n_threads : int, optional
        Threads for this call. The result has the same bits for any number.

    Returns
    -------
    SinkhornResult
        Potentials, costs, error and how they were found. `coupling()` makes the plan.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described; the text names it.

    Warns
    -----
    ConvergenceWarning
        Where `max_iter` iterations did not reach `tol`.

    Notes
    -----
    Memory beyond the inputs, in bytes: (n + m + 1024) d s for points, with s = 4 or 8 for costs in
    single or double precision; 512 m + 64 n for sums; where the budget allows it n m s for costs
    and n m k for the kernel, with k = 2 (4 for tol < 5e-4, 8 for tol < 1e-5), otherwise 64 m times
    4 (8 for tol < 1e-5) a thread. Costs of more than 32 MB between points of d s <= 128 bytes are
    not kept, it is as quick to compute them anew. Points that have no weight, or hardly any of the
    kernel, take 1088 d s more a thread. A given matrix is read as it is, except that float32 is
    copied where double precision is needed.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import sinkhorn
    >>> rng = np.random.default_rng(0)
    >>> source, target = rng.normal(size=(300, 5)), rng.normal(size=(200, 5)) + 1
    >>> result = sinkhorn(source, target, relative_epsilon=0.05)
    >>> result.converged
    True
    >>> plan = result.coupling()
    >>> plan.shape
    (300, 200)
    >>> bool(abs(plan.sum(axis=0) - 1 / 200).sum() < result.tol)
    True
    """
    how = options(
        epsilon=epsilon,
        relative_epsilon=relative_epsilon,
        tol=tol,
        max_iter=max_iter,
        memory_budget=memory_budget,
        n_threads=n_threads,
    )
    problem = checked(
        source_points,
        target_points,
        cost=cost,
        source_weights=source_weights,
        target_weights=target_weights,
        n_threads=how.n_threads,
    )
    (result,) = solved([problem], how, [_checks.initial(initial, *problem.shape)])
    warn_unconverged([result], stacklevel=3)
    return result


def sinkhorn_many(
    problems: Sequence[Mapping[str, Any]],
    *,
    epsilon: float | None = None,
    relative_epsilon: float | None = None,
    tol: float = 1e-3,
    max_iter: int = 1000,
    memory_budget: int | None = None,
    n_threads: int | None = None,
) -> list[SinkhornResult]:
    """Solve many problems: small ones side by side, one thread each, large ones one by one.

    A result has the same bits as that of `sinkhorn` on its own.

    Parameters
    ----------
    problems : sequence of mappings
        The data of each problem, by the names that `sinkhorn` has for them: `source_points` and
        `target_points` or `cost`; `source_weights`, `target_weights` and `initial` where wanted.
    epsilon : float, optional
        As for `sinkhorn`.
    relative_epsilon : float, optional
        As for `sinkhorn`: a share of the median cost of each problem.
    tol : float, default 1e-3
        As for `sinkhorn`.
    max_iter : int, default 1000
        As for `sinkhorn`.
    memory_budget : int, optional
        Bytes for matrices of one problem.
    n_threads : int, optional
        Threads for this call.

    Returns
    -------
    list of SinkhornResult
        One for each problem, in their order.

    Raises
    ------
    TypeError, ValueError
        Where a problem or an option is not as described; a problem is named by its position.

    Warns
    -----
    ConvergenceWarning
        Where some problems did not reach `tol`: one warning for all.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import sinkhorn_many
    >>> rng = np.random.default_rng(0)
    >>> clouds = [rng.normal(size=(100, 3)) + shift for shift in (0, 1, 2)]
    >>> results = sinkhorn_many(
    ...     [{"source_points": clouds[0], "target_points": cloud} for cloud in clouds]
    ... )
    >>> [result.converged for result in results]
    [True, True, True]
    """
    how = options(
        epsilon=epsilon,
        relative_epsilon=relative_epsilon,
        tol=tol,
        max_iter=max_iter,
        memory_budget=memory_budget,
        n_threads=n_threads,
    )
    checked_problems, initials = [], []
    for position, data in enumerate(problems):
        with _checks.of_problem(position):
            arguments = dict(data)
            start = arguments.pop("initial", None)
            problem = checked(**arguments, n_threads=how.n_threads)
            checked_problems.append(problem)
            initials.append(_checks.initial(start, *problem.shape))
    results = solved(checked_problems, how, initials)
    warn_unconverged(results, stacklevel=3)
    return results


def warn_unconverged(results: Sequence[SinkhornResult], stacklevel: int) -> None:
    """Warn once, with the error reached, the tolerance and what to turn."""
    failed = [result for result in results if not result.converged]
    if not failed:
        return
    worst = max(failed, key=lambda result: result.marginal_error)
    of_many = f" in {len(failed)} of {len(results)} problems, at worst" if len(results) > 1 else ""
    warnings.warn(
        f"Sinkhorn's iteration did not converge{of_many}: marginal error "
        f"{worst.marginal_error:.2g} after {worst.n_iter} iterations, tol={worst.tol:.2g}; raise "
        f"`max_iter`, or `epsilon`, here {worst.epsilon:.3g} = {worst.relative_epsilon:.2g} of the "
        "median cost",
        ConvergenceWarning,
        stacklevel=stacklevel,
    )


def solved(
    problems: Sequence[Problem],
    how: Options,
    initials: Sequence[NDArray[np.float64]] | None = None,
) -> list[SinkhornResult]:
    """A result for each problem, in order."""
    starts = [np.empty(0)] * len(problems) if initials is None else initials
    return in_types(
        [problem.data for problem in problems],
        lambda members: _of_one_type(
            [problems[i] for i in members], [starts[i] for i in members], how
        ),
    )


def in_types(data: Sequence[Sequence[_checks.Floats]], solve: Any) -> list[Any]:
    """Results in order, from one call of solve(positions) for each type of the data."""
    results: list[Any] = [None] * len(data)
    for dtype in (np.float32, np.float64):
        members = [i for i, arrays in enumerate(data) if arrays[0].dtype == dtype]
        if members:
            for i, result in zip(members, solve(members), strict=True):
                results[i] = result
    return results


def _of_one_type(
    problems: Sequence[Problem], initials: Sequence[NDArray[np.float64]], how: Options
) -> list[SinkhornResult]:
    try:
        solutions = backend.sinkhorn(
            [problem.data for problem in problems],
            [problem.weights for problem in problems],
            initials,
            **how._asdict(),
        )
    except OverflowError:
        raise _checks.too_large("source_points or target_points or cost") from None
    return [
        to_result(solution, problem, how)
        for solution, problem in zip(solutions, problems, strict=True)
    ]


def to_result(solution: tuple[Any, ...], problem: Problem, how: Options) -> SinkhornResult:
    """What the kernel returned, under names."""
    f, g, transport_cost, dual_value, marginal_error, n_iter, epsilon, scale, _ = solution
    if n_iter == 0:
        raise _checks.epsilon_too_small(epsilon)
    return SinkhornResult(
        f=f,
        g=g,
        transport_cost=transport_cost,
        regularised_cost=dual_value,
        marginal_error=marginal_error,
        n_iter=n_iter,
        converged=marginal_error <= how.tol,
        epsilon=epsilon,
        relative_epsilon=epsilon / scale,
        tol=how.tol,
        _problem=problem,
    )
