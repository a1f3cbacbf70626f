"""Drop-in names of POT 0.9 (PythonOT/POT): `sinkhorn`, `sinkhorn2`, `emd`, `emd2`.

Change `import ot` to `from transferscore.compat import pot as ot`, or the single names. Parameters
and their order, shapes of what is returned and keys of the logs are those of POT 0.9.7. Arrays may
be anything that converts to NumPy, CPU tensors too; what is returned is NumPy, float64.
`docs/migration.md` says where values differ, and why.
"""
# ruff: noqa: PLR0917 - POT's parameters can be given by position.

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _memory
from transferscore._results import ConvergenceWarning, ExactResult, SinkhornResult
from transferscore.transport.exact import exact_plan
from transferscore.transport.sinkhorn import sinkhorn as _sinkhorn
from transferscore.transport.sinkhorn import sinkhorn_many

__all__ = ["emd", "emd2", "sinkhorn", "sinkhorn2"]

Array = NDArray[np.float64]

# The names of POT's solvers, with what their logs hold. Here they are one solver.
LOGS = {
    "sinkhorn": ("err", "niter", "u", "v"),
    "sinkhorn_log": ("err", "niter", "log_u", "log_v", "u", "v"),
    "greenkhorn": ("n_iter", "u", "v"),
    "sinkhorn_stabilized": ("err", "n_iter", "logu", "logv", "alpha", "beta", "warmstart"),
    "sinkhorn_epsilon_scaling": ("err", "niter", "alpha", "beta", "warmstart"),
}
IN_UNITS_OF_COST = ("sinkhorn_stabilized", "sinkhorn_epsilon_scaling")  # their warm starts
# How those solvers iterate; no other keywords are known.
KEYWORDS = ("tau", "print_period", "epsilon0", "numInnerItermax")
# The least L1 error of marginals to ask for: rounding leaves up to about as much.
LEAST_TOLERANCE = 1e-13

SINKHORN_NAMES = {
    "cost": "M",
    "source_weights": "a",
    "target_weights": "b",
    "epsilon": "reg",
    "initial": "warmstart",
}


def sinkhorn(
    a: ArrayLike,
    b: ArrayLike,
    M: ArrayLike,
    reg: float,
    method: str = "sinkhorn",
    numItermax: int = 1000,
    stopThr: float = 1e-9,
    verbose: bool = False,
    log: bool = False,
    warn: bool = True,
    warmstart: Any = None,
    **kwargs: Any,
) -> Any:
    r"""Entropic transport plan as `ot.sinkhorn` defines it.

    .. math::

        P = \operatorname{argmin}_{P 1 = a, P^T 1 = b}
            \langle P, M \rangle + \mathrm{reg} \sum_{ij} P_{ij} \log P_{ij}

    The plan of `transferscore.sinkhorn(cost=M, epsilon=reg, ...)`, times the sum of `a`.

    Parameters
    ----------
    a : array-like of shape (n,)
        Source weights; empty is uniform. Zeros are fine.
    b : array-like of shape (m,) or (m, k)
        Target weights, with the sum of `a`; empty is uniform. Of k columns each is a target of its
        own.
    M : array-like of shape (n, m)
        Costs, finite.
    reg : float
        Regularisation in units of cost.
    method : str, default "sinkhorn"
        Any name that `ot.sinkhorn` knows: "sinkhorn", "sinkhorn_log", "greenkhorn",
        "sinkhorn_stabilized" or "sinkhorn_epsilon_scaling". All are the same solver here, which
        does not underflow, and give the same plan; only the keys of the log differ.
    numItermax : int, default 1000
        Most iterations.
    stopThr : float, default 1e-9
        Largest L1 error of both marginals together, which POT's L2 error of one never exceeds; not
        below 1e-13 of the sum of `a`, which is about what float64 can reach.
    verbose : bool, default False
        Print the iterations and the error.
    log : bool, default False
        Return the log too.
    warn : bool, default True
        Warn where `numItermax` iterations did not reach `stopThr`.
    warmstart : tuple of arrays, optional
        (log u, log v), or (alpha, beta) for the last two methods, to start from; v counts. With k
        targets arrays of k columns, or a list of k tuples.
    kwargs : optional
        `tau`, `print_period`, `epsilon0` and `numInnerItermax` say how POT's solvers iterate, and
        have no effect here.

    Returns
    -------
    ndarray of shape (n, m) or (k,), or tuple of this and a dict
        The plan; the costs <P, M> where `b` has k columns. The log holds, with P_ij = u_i v_j
        exp(-M_ij / reg): `u`, `v`, their logarithms, these times reg (`alpha`, `beta`), and the
        number of iterations, each under the names of the method; `err` is a list of one number, the
        L1 error of both marginals at the end. u and v may overflow where their logarithms do not.

    Examples
    --------
    >>> from transferscore.compat import pot
    >>> pot.sinkhorn([0.5, 0.5], [0.5, 0.5], [[0.0, 1.0], [1.0, 0.0]], 1).round(6)
    array([[0.365529, 0.134471],
           [0.134471, 0.365529]])
    """
    _refuse_unknown("sinkhorn", kwargs)
    targets, results = _solved(
        *(a, b, M, reg, method),
        max_iter=numItermax,
        tol=stopThr,
        verbose=verbose,
        warn=warn,
        warmstart=warmstart,
    )
    value: Any
    if targets.is_many:
        value = targets.costs(results)
    else:
        n, m = len(results[0].f), len(results[0].g)
        value = targets.mass * results[0].coupling(memory_budget=8 * n * m)  # as large as M
    return (value, targets.log(results, method)) if log else value


def sinkhorn2(
    a: ArrayLike,
    b: ArrayLike,
    M: ArrayLike,
    reg: float,
    method: str = "sinkhorn",
    numItermax: int = 1000,
    stopThr: float = 1e-9,
    verbose: bool = False,
    log: bool = False,
    warn: bool = False,
    warmstart: Any = None,
    **kwargs: Any,
) -> Any:
    r"""Cost <P, M> of the entropic plan, without the entropy, as `ot.sinkhorn2` defines it.

    The transport cost of `transferscore.sinkhorn(cost=M, epsilon=reg, ...)`, times the sum of `a`.
    No plan is stored.

    Parameters
    ----------
    a : array-like of shape (n,)
        Source weights; empty is uniform.
    b : array-like of shape (m,) or (m, k)
        Target weights, with the sum of `a`; empty is uniform.
    M : array-like of shape (n, m)
        Costs, finite.
    reg : float
        Regularisation in units of cost.
    method : str, default "sinkhorn"
        As for `sinkhorn`, with all of its names.
    numItermax : int, default 1000
        Most iterations.
    stopThr : float, default 1e-9
        As for `sinkhorn`.
    verbose : bool, default False
        Print the iterations and the error.
    log : bool, default False
        Return the log too.
    warn : bool, default False
        Warn where `numItermax` iterations did not reach `stopThr`.
    warmstart : tuple of arrays, optional
        As for `sinkhorn`.
    kwargs : optional
        As for `sinkhorn`.

    Returns
    -------
    numpy.float64 or ndarray of shape (k,), or tuple of this and a dict
        The cost for each target; the log is that of `sinkhorn`.

    Examples
    --------
    >>> from transferscore.compat import pot
    >>> float(pot.sinkhorn2([0.5, 0.5], [0.5, 0.5], [[0.0, 1.0], [1.0, 0.0]], 1).round(6))
    0.268941
    """
    _refuse_unknown("sinkhorn2", kwargs)
    targets, results = _solved(
        *(a, b, M, reg, method),
        max_iter=numItermax,
        tol=stopThr,
        verbose=verbose,
        warn=warn,
        warmstart=warmstart,
    )
    costs = targets.costs(results)
    value = costs if targets.is_many else costs[0]
    return (value, targets.log(results, method)) if log else value


def emd(
    a: ArrayLike,
    b: ArrayLike,
    M: ArrayLike,
    numItermax: int = 100000,
    log: bool = False,
    center_dual: bool = True,
    numThreads: int | str = 1,
    check_marginals: bool = True,
    potentials_init: Any = None,
) -> Any:
    r"""Optimal transport plan as `ot.emd` defines it.

    .. math::

        P = \operatorname{argmin}_{P 1 = a, P^T 1 = b, P \ge 0} \langle P, M \rangle

    The plan of `transferscore.exact_plan(cost=M, ...)` as a dense array, times the sum of `a`. It
    needs the extra `exact`, and is optimal whatever the unit of the costs.

    Parameters
    ----------
    a : array-like of shape (n,)
        Source weights; empty is uniform. Zeros are fine, integers are read as float64.
    b : array-like of shape (m,)
        Target weights, with the sum of `a`; empty is uniform.
    M : array-like of shape (n, m)
        Costs, finite, of any sign. Not sparse.
    numItermax : int, default 100000
        No effect: the solver goes on until the plan is optimal.
    log : bool, default False
        Return the log too.
    center_dual : bool, default True
        No effect: there are no duals in the log.
    numThreads : int or "max", default 1
        No effect, as in POT.
    check_marginals : bool, default True
        Whether different sums of `a` and `b` are an error; else `b` is given the sum of `a`.
    potentials_init : tuple of arrays, optional
        No effect.

    Returns
    -------
    ndarray of shape (n, m), or tuple of this and a dict
        The plan. The log holds `cost`, `warning` (None) and `result_code` (1, optimal); the duals
        `u` and `v` of POT are absent.

    Examples
    --------
    >>> from transferscore.compat import pot
    >>> pot.emd([0.5, 0.5], [0.5, 0.5], [[0.0, 1.0], [1.0, 0.0]])
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    mass, plan = _exact(a, b, M, check_marginals)
    dense = _dense(plan, mass)
    return (dense, _exact_log(plan, mass)) if log else dense


def emd2(
    a: ArrayLike,
    b: ArrayLike,
    M: ArrayLike,
    processes: int = 1,
    numItermax: int = 100000,
    log: bool = False,
    return_matrix: bool = False,
    center_dual: bool = True,
    numThreads: int | str = 1,
    check_marginals: bool = True,
    potentials_init: Any = None,
) -> Any:
    """Cost <P, M> of an optimal transport plan, as `ot.emd2` defines it.

    The transport cost of `transferscore.exact_plan(cost=M, ...)`, times the sum of `a`. It needs
    the extra `exact`. Gradients are not set.

    Parameters
    ----------
    a : array-like of shape (n,)
        Source weights; empty is uniform.
    b : array-like of shape (m,) or (m, k)
        Target weights, with the sum of `a`; empty is uniform. Of k columns each is a target of its
        own.
    M : array-like of shape (n, m)
        Costs, finite, of any sign. Not sparse.
    processes : int, default 1
        No effect, as in POT.
    numItermax : int, default 100000
        No effect: the solver goes on until the plan is optimal.
    log : bool, default False
        Return the log too.
    return_matrix : bool, default False
        Return the log with the plan in it, as `G`.
    center_dual : bool, default True
        No effect: there are no duals in the log.
    numThreads : int or "max", default 1
        No effect, as in POT.
    check_marginals : bool, default True
        Whether different sums of `a` and `b` are an error; else `b` is given the sum of `a`.
    potentials_init : tuple of arrays, optional
        No effect.

    Returns
    -------
    float, or list of this and a dict; for k targets a list of k of these
        The cost; the log is that of `emd`.

    Examples
    --------
    >>> from transferscore.compat import pot
    >>> pot.emd2([0.5, 0.5], [0.5, 0.5], [[0.0, 1.0], [2.0, 1.0]])
    0.5
    """
    columns = _columns(b)
    values: list[Any] = []
    for column in columns:
        mass, plan = _exact(a, column, M, check_marginals)
        value: Any = mass * plan.transport_cost
        if log or return_matrix:
            value = [value, _exact_log(plan, mass)]
            if return_matrix:
                value[1]["G"] = _dense(plan, mass)
        values.append(value)
    return values if _is_many(b) else values[0]


class _Targets:
    """What is transported: weights as they were given, one target or several."""

    def __init__(self, a: ArrayLike, b: ArrayLike, shape: tuple[int, int], reg: float) -> None:
        n, m = shape
        self.reg = reg
        self.a = _weights(a, n, "a")
        self.is_many = _is_many(b)
        self.columns = [_weights(column, m, "b") for column in _columns(b)]

    @property
    def mass(self) -> float:
        return float(self.a.sum())

    def warm_starts(self, warmstart: Any, method: str) -> list[tuple[Array, Array] | None]:
        """Potentials (f, g) for each target."""
        k = len(self.columns)
        if warmstart is None:
            return [None] * k
        pairs = [warmstart] * k
        if self.is_many and isinstance(warmstart[0], (tuple, list)):
            pairs = list(warmstart)
        elif self.is_many and np.ndim(warmstart[0]) == 2:
            pairs = [tuple(np.asarray(side)[:, i] for side in warmstart) for i in range(k)]
        unit = 1.0 if method in IN_UNITS_OF_COST else self.reg
        return [
            self._potentials(pair, b, unit) for pair, b in zip(pairs, self.columns, strict=True)
        ]

    def _potentials(self, pair: Any, b: Array, unit: float) -> tuple[Array, Array]:
        u, v = _checks.warm_start(pair, len(self.a), len(b))
        return self._without_weights(u, self.a, unit), self._without_weights(v, b, unit)

    def _without_weights(self, x: Array, weights: Array, unit: float) -> Array:
        weighs = weights > 0
        potential = np.zeros(len(x))  # of points without weight it does not matter
        potential[weighs] = unit * x[weighs] - self.reg * np.log(weights[weighs])
        return potential

    def costs(self, results: Sequence[SinkhornResult]) -> Array:
        """<P, M> for each target."""
        return self.mass * np.array([result.transport_cost for result in results])

    def log(self, results: Sequence[SinkhornResult], method: str) -> dict[str, Any]:
        """What POT's log of this method holds."""
        with np.errstate(
            divide="ignore", over="ignore"
        ):  # weights of 0; u beyond the largest float
            alpha, beta = (
                np.stack(columns, axis=1) if self.is_many else columns[0]
                for columns in (
                    [r.f + self.reg * np.log(self.a) for r in results],
                    [
                        r.g + self.reg * np.log(b / b.sum())
                        for r, b in zip(results, self.columns, strict=True)
                    ],
                )
            )
            log_u, log_v = alpha / self.reg, beta / self.reg
            u, v = np.exp(log_u), np.exp(log_v)
        n_iter = max(result.n_iter for result in results)
        values = {
            "err": [self.mass * max(result.marginal_error for result in results)],
            **dict.fromkeys(("niter", "n_iter"), n_iter),
            **dict.fromkeys(("log_u", "logu"), log_u),
            **dict.fromkeys(("log_v", "logv"), log_v),
            **{"u": u, "v": v, "alpha": alpha, "beta": beta, "warmstart": (alpha, beta)},
        }
        return {name: values[name] for name in LOGS[method.lower()]}


def _refuse_unknown(function: str, keywords: dict[str, Any]) -> None:
    for name in keywords:
        if name not in KEYWORDS:
            raise _checks.unexpected_keyword(function, name)


def _solved(
    a: ArrayLike,
    b: ArrayLike,
    M: ArrayLike,
    reg: float,
    method: str,
    *,
    max_iter: int,
    tol: float,
    verbose: bool,
    warn: bool,
    warmstart: Any,
) -> tuple[_Targets, list[SinkhornResult]]:
    method = _checks.choice(str(method).lower(), "method", tuple(LOGS))
    with _checks.under_names(SINKHORN_NAMES):
        costs = _checks.cost_matrix(M)
        targets = _Targets(a, b, costs.shape, _checks.positive(reg, "epsilon"))
        problems = [
            {"cost": costs, "source_weights": targets.a, "target_weights": b, "initial": start}
            for b, start in zip(
                targets.columns, targets.warm_starts(warmstart, method), strict=True
            )
        ]
        results = _all_solved(
            problems,
            epsilon=targets.reg,
            tol=max(_checks.number(tol, "stopThr") / (targets.mass or 1.0), LEAST_TOLERANCE),
            max_iter=_checks.count(max_iter, "numItermax"),
        )
    if verbose:
        for result in results:
            error = targets.mass * result.marginal_error
            print(f"{result.n_iter} iterations, error {error:.3e}")
    failed = [result for result in results if not result.converged]
    if warn and failed:
        worst = max(failed, key=lambda result: result.marginal_error)
        error = targets.mass * worst.marginal_error
        warnings.warn(
            f"Sinkhorn's iteration did not converge: error {error:.2g} after {worst.n_iter} "
            f"iterations, stopThr={tol:.2g}; raise `numItermax` or `reg`",
            ConvergenceWarning,
            stacklevel=3,
        )
    return targets, results


def _all_solved(problems: list[dict[str, Any]], **options: Any) -> list[SinkhornResult]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the caller says it, or not
        if len(problems) == 1:
            return [_sinkhorn(**problems[0], **options)]
        return sinkhorn_many(problems, **options)


def _exact(
    a: ArrayLike, b: ArrayLike, M: ArrayLike, check_marginals: bool
) -> tuple[float, ExactResult]:
    """The mass of `a` and the plan of mass 1."""
    with _checks.under_names(SINKHORN_NAMES):
        costs = _checks.cost_matrix(M)
        n, m = costs.shape
        source, target = _weights(a, n, "a"), _weights(b, m, "b")
        mass = float(source.sum())
        if not check_marginals and target.sum() > 0:
            target = target * (mass / target.sum())
        plan = exact_plan(
            cost=costs,
            source_weights=source,
            target_weights=target,
            memory_budget=int(_memory.usable()),
        )
    return mass, plan


def _exact_log(plan: ExactResult, mass: float) -> dict[str, Any]:
    return {"cost": mass * plan.transport_cost, "warning": None, "result_code": 1}


def _dense(plan: ExactResult, mass: float) -> Array:
    dense = np.zeros((plan.n, plan.m))
    dense[plan.source_index, plan.target_index] = mass * plan.mass
    return dense


def _weights(value: ArrayLike, size: int, name: str) -> Array:
    """Weights as they were given; uniform where they are empty."""
    is_empty = value is None or np.size(value) == 0
    return np.full(size, 1.0 / size) if is_empty else _checks.vector(value, name)


def _is_many(b: ArrayLike) -> bool:
    return b is not None and np.ndim(b) > 1


def _columns(b: ArrayLike) -> list[ArrayLike]:
    return list(_checks.plan(b, "b").T) if _is_many(b) else [b]
