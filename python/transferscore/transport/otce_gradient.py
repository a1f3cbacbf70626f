"""OTCE as a function to be optimised: its value with derivatives through the plan."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks
from transferscore._backend import backend
from transferscore._checks import IgnoreIndex
from transferscore._results import ConvergenceWarning, OTCEGradient, SinkhornResult
from transferscore.transport._problem import NO_DISTANCES
from transferscore.transport.otce import Domains, Task, task_of, with_label_cost
from transferscore.transport.sinkhorn import (
    Options,
    Potentials,
    options,
    to_result,
    warn_unconverged,
)

RELATIVE_EPSILON = 0.05  # where neither is given: smaller ones make plans that hardly move
NO_DERIVATIVES = np.empty((0, 0))
OF_A_MATCHING = 0.05  # nats above a plan that splits no more points than it must


def otce_value_and_grad(
    *,
    source_features: ArrayLike,
    source_labels: ArrayLike,
    target_features: ArrayLike,
    target_labels: ArrayLike,
    coefficients: ArrayLike = (0.0, 1.0),
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    epsilon: float | None = None,
    relative_epsilon: float | None = None,
    label_cost: str | ArrayLike | None = None,
    gamma: float = 0.5,
    ignore_index: IgnoreIndex = None,
    initial: OTCEGradient | SinkhornResult | Potentials | None = None,
    tol: float = 1e-6,
    max_iter: int = 1000,
    memory_budget: int | None = None,
    n_threads: int | None = None,
) -> OTCEGradient:
    r"""OTCE's differences, or sums of them, with exact derivatives through the transport plan.

    The differences are those of Tan, Li, Huang, "OTCE: a transferability metric for cross-domain
    cross-task representations", CVPR 2021. Lower values mean nearer tasks, so a step against the
    gradient by the features improves the score.

    .. math::

        L = l_D \langle P, C \rangle + l_T H(Y_t \mid Y_s), \quad
        \frac{\partial L}{\partial C} = l_D P + \tfrac{1}{\epsilon} P \circ (
            \alpha 1^T + 1 \beta^T - G), \quad
        \begin{pmatrix} \operatorname{diag} P 1 & P \\ P^T & \operatorname{diag} P^T 1 \end{pmatrix}
        \begin{pmatrix} \alpha \\ \beta \end{pmatrix} =
        \begin{pmatrix} (P \circ G) 1 \\ (P \circ G)^T 1 \end{pmatrix}

    with G the derivative of L by the plan, a product entry by entry, and epsilon held fixed. The
    envelope theorem, which is right for the regularised cost alone, would leave out the second
    term, and with it all of the derivative of H.

    Parameters
    ----------
    source_features : array-like of shape (n, d)
        Features of the source data, from the network that is trained.
    source_labels : array-like of shape (n,)
        Source labels: integers of any kind, booleans or strings.
    target_features : array-like of shape (m, d)
        Features of the target data, from the same network.
    target_labels : array-like of shape (m,)
        Target labels.
    coefficients : array-like of shape (2,) or (k, 2), default (0, 1)
        Factors (l_D, l_T) of the domain difference W_D = <P, C>, in squared units of the features,
        and the task difference W_T = H(Y_t | Y_s), in nats; k combinations share one plan.
    source_weights : array-like of shape (n,), optional
        Weights of the source points, not negative; uniform by default. Only proportions count.
    target_weights : array-like of shape (m,), optional
        Weights of the target points, with the same sum where both are given.
    epsilon : float, optional
        Regularisation in units of cost.
    relative_epsilon : float, optional
        Regularisation as a share of the median cost, 0.05 where neither is given. What it comes to
        is held fixed: the median is not differentiated.
    label_cost : None, "gaussian", "gaussian-diagonal", "exact" or array-like (C_s, C_t), optional
        Distances between classes, as for `otce`. Those of a kind that is computed from the features
        are held fixed, too.
    gamma : float in [0, 1], default 0.5
        Share of the features in the cost, with `label_cost`.
    ignore_index : int, str or sequence of these, optional
        Labels whose samples are left out, on both sides.
    initial : OTCEGradient, SinkhornResult or tuple of arrays (f, g), optional
        Where to start. The result of the step before, for as many points and coefficients: both
        the transport and the linear system then begin near their ends. Or the potentials alone, of
        the points that are not left out.
    tol : float, default 1e-6
        Largest marginal error, and largest relative residual of the linear system.
    max_iter : int, default 1000
        Most iterations for the transport, and for the linear system.
    memory_budget : int, optional
        Bytes for matrices of n x m, as for `sinkhorn`.
    n_threads : int, optional
        Threads for this call. The result has the same bits for any number.

    Returns
    -------
    OTCEGradient
        Value, derivatives by features, weights and label costs, the transport.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described; the text names it.

    Warns
    -----
    ConvergenceWarning
        Where `max_iter` iterations did not reach `tol`.
    UserWarning
        Where epsilon is so small that the plan is a matching, which does not move with the points
        but jumps: the derivative is then no guide to a step.

    Notes
    -----
    Memory beyond the inputs, in bytes: what `sinkhorn` takes; then 8 (n + m) d for points, as much
    for k = 1 derivatives, 256 m (k + 1) for sums, and 8 n m for the plan where the budget allows
    it, otherwise 1024 m a thread. Costs in double precision that the transport has stored make room
    for the plan. It does not depend on the number of iterations.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import otce_value_and_grad
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 3, size=120)
    >>> features = rng.normal(size=(120, 4)) + 2 * np.eye(3, 4)[labels]
    >>> task = {"source_labels": labels[:60], "target_labels": labels[60:]}
    >>> before = otce_value_and_grad(
    ...     source_features=features[:60], target_features=features[60:], **task
    ... )
    >>> after = otce_value_and_grad(
    ...     source_features=features[:60] - before.source_features,
    ...     target_features=features[60:] - before.target_features,
    ...     epsilon=before.solver.epsilon,
    ...     **task,
    ... )
    >>> after.value < before.value
    True
    """
    if epsilon is None and relative_epsilon is None:
        relative_epsilon = RELATIVE_EPSILON
    how = options(
        epsilon=epsilon,
        relative_epsilon=relative_epsilon,
        tol=tol,
        max_iter=max_iter,
        memory_budget=memory_budget,
        n_threads=n_threads,
    )
    pairs = _checks.coefficients(coefficients)
    domains = Domains.of(source_features, target_features, how.n_threads)
    task = task_of(domains, (source_labels, target_labels), (None, None), ignore_index)
    task = with_label_cost(task, label_cost, gamma)
    task = _with_weights(task, domains, source_weights, target_weights)
    start = _start(initial, task, domains, len(np.atleast_2d(pairs)))
    gradient = _gradient(task, domains, start, np.atleast_2d(pairs), how)
    return gradient if pairs.ndim == 2 else _first(gradient)


def _start(
    initial: OTCEGradient | SinkhornResult | Potentials | None,
    task: Task,
    domains: Domains,
    count: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Potentials (m,) and derivatives by the target weights (k, m) to start from, or empty ones."""
    if not isinstance(initial, OTCEGradient):
        return _checks.initial(initial, *task.problem().shape), NO_DERIVATIVES
    potentials = _checks.initial(initial.solver, *task.problem().shape)
    derivatives = np.atleast_2d(initial.target_weights)
    _checks.initial_derivatives(derivatives.shape, (count, len(domains.data[1])))
    places = task.positions[1]
    return potentials, np.ascontiguousarray(derivatives[:, places] if len(places) else derivatives)


def _with_weights(
    task: Task,
    domains: Domains,
    source_weights: ArrayLike | None,
    target_weights: ArrayLike | None,
) -> Task:
    """Weights of the points that are taken, from those of all points."""
    if source_weights is None and target_weights is None:
        return task
    n, m = (len(side) for side in domains.data)
    sides = _checks.weights(source_weights, target_weights, n, m)
    taken = [
        side[places] if len(places) else side
        for side, places in zip(sides, task.positions, strict=True)
    ]
    for side, name in zip(taken, ("source_weights", "target_weights"), strict=True):
        if side.max() == 0:
            raise _checks.no_weight_left(name)
    return replace(task, weights=[side / side.sum() for side in taken])


def _gradient(
    task: Task,
    domains: Domains,
    start: tuple[NDArray[np.float64], NDArray[np.float64]],
    pairs: NDArray[np.float64],
    how: Options,
) -> OTCEGradient:
    """Derivatives of combinations (k, 2), with the transport."""
    cost = task.label_cost
    try:
        solution, source, target, a, b, label_cost, *numbers, entropy, least, residuals, n_iter = (
            backend.otce_gradient(
                task.data,
                task.rows,
                [side.ids for side in task.classes],
                [side.count for side in task.classes],
                task.problem().weights,
                NO_DISTANCES if cost is None else cost.distances,
                *start,
                pairs,
                feature_share=1.0 if cost is None else cost.feature_share,
                **how._asdict(),
            )
        )
    except OverflowError:
        raise _checks.too_large("source_features and target_features") from None
    transport = to_result(solution, task.problem(), how)
    warn_unconverged([transport], stacklevel=4)
    if not all(np.isfinite(side).all() for side in (source, target, residuals)):
        raise _checks.too_large("source_features and target_features")
    n, m = (len(side) for side in domains.data)
    residual = float(residuals.max())
    shape = (len(pairs), *(side.count for side in task.classes))
    gradient = OTCEGradient(
        value=pairs @ numbers,
        source_features=_spread(source, task.positions[0], n),
        target_features=_spread(target, task.positions[1], m),
        source_weights=_spread(a, task.positions[0], n),
        target_weights=_spread(b, task.positions[1], m),
        label_cost=None if cost is None else label_cost.reshape(shape),
        domain_difference=numbers[0],
        task_difference=numbers[1],
        residual=residual,
        n_iter=n_iter,
        converged=transport.converged and residual <= how.tol,
        solver=transport,
    )
    _warn(gradient, entropy - least, how)
    return gradient


def _spread(values: NDArray[Any], places: NDArray[np.int64], size: int) -> NDArray[Any]:
    """Values (k, taken, ...) at their places among all points (k, size, ...), zero elsewhere."""
    if len(places) == 0:
        return values
    whole = np.zeros((len(values), size, *values.shape[2:]), values.dtype)
    whole[:, places] = values
    return whole


def _first(gradient: OTCEGradient) -> OTCEGradient:
    """Of one combination."""
    assert isinstance(gradient.value, np.ndarray)
    label_cost = gradient.label_cost
    return replace(
        gradient,
        value=float(gradient.value[0]),
        source_features=gradient.source_features[0],
        target_features=gradient.target_features[0],
        source_weights=gradient.source_weights[0],
        target_weights=gradient.target_weights[0],
        label_cost=None if label_cost is None else label_cost[0],
    )


def _warn(gradient: OTCEGradient, entropy: float, how: Options) -> None:
    transport = gradient.solver
    if min(len(transport.f), len(transport.g)) > 1 and entropy < OF_A_MATCHING:
        warnings.warn(
            f"`epsilon`, here {transport.epsilon:.3g} = {transport.relative_epsilon:.2g} of the "
            "median cost, is too small for a meaningful gradient: the plan is as good as a "
            "matching, which jumps instead of moving with the points; raise it",
            UserWarning,
            stacklevel=4,
        )
    if gradient.residual > how.tol:
        warnings.warn(
            "the linear system of the gradient did not converge: relative residual "
            f"{gradient.residual:.2g} after {gradient.n_iter} iterations, tol={how.tol:.2g}; raise "
            f"`max_iter`, or `epsilon`, here {transport.epsilon:.3g} = "
            f"{transport.relative_epsilon:.2g} of the median cost",
            ConvergenceWarning,
            stacklevel=4,
        )
