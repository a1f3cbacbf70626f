"""OTCE: how far apart two domains and two tasks are, by transport between their features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks
from transferscore._backend import backend
from transferscore._checks import Classes, IgnoreIndex
from transferscore._results import OTCEResult, OTCESpread, SinkhornResult
from transferscore.transport import _sampling
from transferscore.transport._problem import (
    NO_DISTANCES,
    NO_ROWS,
    LabelCost,
    Problem,
    costs_of,
)
from transferscore.transport.exact import require_room_to_solve, solve_exact
from transferscore.transport.label_cost import KINDS, label_distances
from transferscore.transport.label_table import table_of_entries
from transferscore.transport.sinkhorn import Options, in_types, options, to_result, warn_unconverged

NAMES = ("source", "target")
FEATURES = ("source_features", "target_features")
NO_POTENTIALS = np.empty(0)


@dataclass(frozen=True)
class Domains:
    """Features of both sides, as they were passed in."""

    data: list[_checks.Floats]  # [source (N, d), target (M, d)]
    is_finite: bool

    @classmethod
    def of(cls, source: ArrayLike, target: ArrayLike, n_threads: int) -> "Domains":
        """Checked but for values, since samples that are left out may have any."""
        data = _checks.points(source, target, names=FEATURES, n_threads=n_threads, finite=False)
        return cls(data, all(_checks.is_finite(side, n_threads) for side in data))


@dataclass(frozen=True)
class Task:
    """Some source and target points of two domains, with their classes."""

    data: list[_checks.Floats]  # [source (N, d), target (M, d)]
    rows: tuple[NDArray[np.int64], NDArray[np.int64]]  # taken; empty: all
    classes: tuple[Classes, Classes]  # of the points that are taken
    label_cost: LabelCost | None = None
    weights: list[NDArray[np.float64]] | None = None  # [a (n,), b (m,)]; None: uniform
    positions: tuple[NDArray[np.int64], NDArray[np.int64]] = (NO_ROWS, NO_ROWS)  # as passed in

    def problem(self) -> Problem:
        """The transport between its points."""
        uniform = [np.full(len(side.ids), 1.0 / len(side.ids)) for side in self.classes]
        weights = uniform if self.weights is None else self.weights
        return Problem(self.data, weights, self.rows, self.label_cost)


def otce(
    *,
    source_features: ArrayLike,
    source_labels: ArrayLike,
    target_features: ArrayLike,
    target_labels: ArrayLike,
    method: str = "sinkhorn",
    epsilon: float | None = None,
    relative_epsilon: float | None = None,
    label_cost: str | ArrayLike | None = None,
    gamma: float = 0.5,
    ignore_index: IgnoreIndex = None,
    n_pairs: int | None = None,
    n_repeats: int = 1,
    sampling: str = "uniform",
    random_state: "int | np.random.Generator | None" = None,
    tol: float = 1e-3,
    max_iter: int = 1000,
    memory_budget: int | None = None,
    n_threads: int | None = None,
) -> OTCEResult:
    r"""OTCE: domain difference and task difference between a source and a target task.

    Tan, Li, Huang, "OTCE: a transferability metric for cross-domain cross-task representations",
    CVPR 2021; with `label_cost`, JC-OTCE: Tan, Zhang, Li, Huang, Zhang, "Transferability-guided
    cross-domain cross-task transfer learning", TNNLS 2024.

    .. math::

        W_D = \langle P, C \rangle, \quad
        W_T = H(Y_t \mid Y_s) = - \sum_{k, l} J_{kl} \log \frac{J_{kl}}{\sum_l J_{kl}}, \quad
        J_{kl} = \sum_{i : y_i = k, \, j : y'_j = l} P_{ij}

    where P is the optimal transport plan between source and target features under the cost
    C_ij = ||x_i - z_j||^2, or gamma ||x_i - z_j||^2 + (1 - gamma) V[y_i, y'_j] with `label_cost` V.
    The score is -W_T (the paper's auxiliary-free OTCE, later F-OTCE and JC-OTCE); higher is better.
    `OTCECalibration` combines W_D and W_T where accuracies of some tasks are known.

    Parameters
    ----------
    source_features : array-like of shape (n, d)
        Features of the source data, from the source network.
    source_labels : array-like of shape (n,)
        Source labels: integers of any kind, booleans or strings.
    target_features : array-like of shape (m, d)
        Features of the target data, from the same network.
    target_labels : array-like of shape (m,)
        Target labels.
    method : {"sinkhorn", "exact"}, default "sinkhorn"
        Entropic transport, or transport without regularisation (needs the extra `exact`).
    epsilon : float, optional
        Regularisation in units of cost.
    relative_epsilon : float, optional
        Regularisation as a share of the median cost, 0.02 where neither is given.
    label_cost : None, "gaussian", "gaussian-diagonal", "exact" or array-like (C_s, C_t), optional
        Distances between classes for JC-OTCE: a kind of `label_distances`, or the distances
        themselves in the order of the sorted labels.
    gamma : float in [0, 1], default 0.5
        Share of the features in the cost, with `label_cost`.
    ignore_index : int, str or sequence of these, optional
        Labels whose samples are left out, on both sides.
    n_pairs : int, optional
        Size of a sample that is drawn from each side without replacement, for sets too large to
        score whole. Nothing is sampled unless this is given.
    n_repeats : int, default 1
        Samples. Values are means over them, and `spread` says how they vary.
    sampling : {"uniform", "stratified"}, default "uniform"
        Whether samples keep the proportions of the classes.
    random_state : int or numpy.random.Generator, optional
        Seed of the samples.
    tol : float, default 1e-3
        Largest marginal error; 1e-3 gives W_T to about 3e-4.
    max_iter : int, default 1000
        Most iterations.
    memory_budget : int, optional
        Bytes for matrices of n x m, as for `sinkhorn`.
    n_threads : int, optional
        Threads for this call. The result has the same bits for any number.

    Returns
    -------
    OTCEResult
        W_D, W_T, score, label table with its labels, the transport and the spread of samples.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described; the text names it.
    MemoryError
        Where the cost matrix that the exact method needs is beyond the budget.
    ModuleNotFoundError
        Where the exact method needs a package that is not installed.

    Warns
    -----
    ConvergenceWarning
        Where `max_iter` iterations did not reach `tol`.

    Notes
    -----
    The plan is never stored. Memory as for `sinkhorn`, plus 8 C_s C_t bytes and at most 32 times
    that while summing.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import otce
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 3, size=300)
    >>> features = rng.normal(size=(300, 8)) + 4 * np.eye(3, 8)[labels]
    >>> near = otce(
    ...     source_features=features[:150],
    ...     source_labels=labels[:150],
    ...     target_features=features[150:],
    ...     target_labels=labels[150:],
    ... )
    >>> far = otce(
    ...     source_features=features[:150],
    ...     source_labels=labels[:150],
    ...     target_features=features[150:],
    ...     target_labels=rng.integers(0, 3, size=150),
    ... )
    >>> near.score > far.score
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
    is_exact = _checks.choice(method, "method", ("sinkhorn", "exact")) == "exact"
    domains = Domains.of(source_features, target_features, how.n_threads)
    whole = task_of(domains, (source_labels, target_labels), (None, None), ignore_index)
    whole = with_label_cost(whole, label_cost, gamma)
    if n_pairs is None:
        _refuse_options_of_samples(n_repeats, sampling, random_state)
        (result,) = solved([whole], how, is_exact, memory_budget)
        return result
    samples = _samples(
        whole,
        _checks.count(n_pairs, "n_pairs"),
        _checks.count(n_repeats, "n_repeats"),
        _checks.choice(sampling, "sampling", (_sampling.UNIFORM, _sampling.STRATIFIED)),
        _checks.generator(random_state),
    )
    return _mean(solved(samples, how, is_exact, memory_budget))


def otce_many(
    problems: Sequence[Mapping[str, Any]],
    *,
    method: str = "sinkhorn",
    epsilon: float | None = None,
    relative_epsilon: float | None = None,
    label_cost: str | None = None,
    gamma: float = 0.5,
    ignore_index: IgnoreIndex = None,
    tol: float = 1e-3,
    max_iter: int = 1000,
    memory_budget: int | None = None,
    n_threads: int | None = None,
) -> list[OTCEResult]:
    """OTCE of many tasks: small ones side by side, costs computed once where tasks share points.

    Tan, Li, Huang, CVPR 2021. Higher scores are better.

    Parameters
    ----------
    problems : sequence of mappings
        For each task `source_features`, `source_labels`, `target_features` and `target_labels`, as
        for `otce`; optional `source_rows` and `target_rows`, positions (or a mask) of the points
        that belong to the task. Tasks that name the same arrays (the same objects) share one cost
        matrix. Classes are those of the task's points.
    method : {"sinkhorn", "exact"}, default "sinkhorn"
        As for `otce`.
    epsilon : float, optional
        As for `otce`.
    relative_epsilon : float, optional
        As for `otce`: a share of the median cost of each task.
    label_cost : None, "gaussian", "gaussian-diagonal" or "exact", optional
        As for `otce`; distances are those of each task's classes.
    gamma : float in [0, 1], default 0.5
        As for `otce`.
    ignore_index : int, str or sequence of these, optional
        Labels whose samples are left out, on both sides.
    tol : float, default 1e-3
        As for `otce`.
    max_iter : int, default 1000
        As for `otce`.
    memory_budget : int, optional
        Bytes for matrices of one problem, and for a shared one.
    n_threads : int, optional
        Threads for this call. Results have the same bits for any number.

    Returns
    -------
    list of OTCEResult
        One for each task, in their order. Without shared points it has the same bits as that of
        `otce`; with them it agrees to rounding, because costs are seen from the centre of all.

    Raises
    ------
    TypeError, ValueError
        Where a task or an option is not as described; a task is named by its position.

    Warns
    -----
    ConvergenceWarning
        Where some tasks did not reach `tol`: one warning for all.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import otce_many
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 4, size=400)
    >>> features = rng.normal(size=(400, 8)) + 4 * np.eye(4, 8)[labels]
    >>> pair = {
    ...     "source_features": features[:200],
    ...     "source_labels": labels[:200],
    ...     "target_features": features[200:],
    ...     "target_labels": labels[200:],
    ... }
    >>> tasks = [pair | {"target_rows": labels[200:] < k} for k in (2, 3, 4)]
    >>> [result.joint.shape for result in otce_many(tasks)]
    [(4, 2), (4, 3), (4, 4)]
    """
    how = options(
        epsilon=epsilon,
        relative_epsilon=relative_epsilon,
        tol=tol,
        max_iter=max_iter,
        memory_budget=memory_budget,
        n_threads=n_threads,
    )
    is_exact = _checks.choice(method, "method", ("sinkhorn", "exact")) == "exact"
    domains: dict[tuple[int, int], Domains] = {}
    tasks = []
    for position, problem in enumerate(problems):
        with _checks.of_problem(position):
            given = _checks.task(problem)
            features = (given["source_features"], given["target_features"])
            key = (id(features[0]), id(features[1]))
            if key not in domains:
                domains[key] = Domains.of(*features, how.n_threads)
            labels = (given["source_labels"], given["target_labels"])
            rows = (given.get("source_rows"), given.get("target_rows"))
            task = task_of(domains[key], labels, rows, ignore_index)
            tasks.append(with_label_cost(task, label_cost, gamma))
    return solved(tasks, how, is_exact, memory_budget)


def task_of(
    domains: Domains,
    labels: tuple[ArrayLike, ArrayLike],
    rows: tuple[ArrayLike | None, ArrayLike | None],
    ignore_index: IgnoreIndex,
) -> Task:
    """The task of what a user passed in."""
    data = domains.data
    (source_rows, source), (target_rows, target) = (
        _side(len(points), y, taken, name, ignore_index)
        for points, y, taken, name in zip(data, labels, rows, NAMES, strict=True)
    )
    positions = (source_rows, target_rows)
    if domains.is_finite:
        return Task(data, (source_rows, target_rows), (source, target), positions=positions)
    finite = [
        _checks.finite_rows(points, taken, name, n_threads=1)
        for points, taken, name in zip(data, (source_rows, target_rows), FEATURES, strict=True)
    ]
    return Task(finite, (NO_ROWS, NO_ROWS), (source, target), positions=positions)


def _side(
    n: int, labels: ArrayLike, rows: ArrayLike | None, name: str, ignore_index: IgnoreIndex
) -> tuple[NDArray[np.int64], Classes]:
    """Positions of the points that are taken (empty: all) and their classes."""
    y = _checks.labels_of_side(labels, n, f"{name}_labels")
    taken = _checks.rows(rows, n, f"{name}_rows")
    y = y[taken] if len(taken) else y
    stay = _checks.kept(y, f"{name}_labels", ignore_index)
    if stay is not None:
        taken = taken[stay] if len(taken) else stay
        y = y[stay]
    return taken, _checks.classes(y, len(y), f"{name}_labels")


def with_label_cost(task: Task, label_cost: str | ArrayLike | None, gamma: float) -> Task:
    """The task with distances between its classes, where they are asked for."""
    feature_share = _checks.share(gamma, "gamma")
    if label_cost is None:
        return task
    source, target = task.classes
    if isinstance(label_cost, str):
        kind = _checks.choice(label_cost, "label_cost", KINDS)
        x, z = task.problem().taken()
        distances = label_distances(x, source.ids, z, target.ids, kind=kind)
    else:
        distances = _checks.distances_between_classes(label_cost, (source.count, target.count))
    return replace(task, label_cost=LabelCost(distances, feature_share, [source.ids, target.ids]))


def _refuse_options_of_samples(n_repeats: object, sampling: object, random_state: object) -> None:
    """Nothing is sampled unless a size is given, and no option is passed over in silence."""
    asked = {
        "n_repeats": n_repeats != 1,
        "sampling": sampling != _sampling.UNIFORM,
        "random_state": random_state is not None,
    }
    for name, is_asked in asked.items():
        if is_asked:
            raise _checks.samples_without_size(name)


def _samples(
    whole: Task, n_pairs: int, n_repeats: int, sampling: str, rng: "np.random.Generator"
) -> list[Task]:
    """Tasks of drawn points; their label tables have all classes."""
    samples = []
    for _ in range(n_repeats):
        rows, classes = [], []
        for taken, side in zip(whole.rows, whole.classes, strict=True):
            drawn = _sampling.draw(side, n_pairs, sampling, rng)
            rows.append(taken[drawn] if len(taken) else drawn)
            classes.append(Classes(side.ids[drawn], side.values))
        label_cost = whole.label_cost
        if label_cost is not None:
            label_cost = replace(label_cost, ids=[side.ids for side in classes])
        samples.append(Task(whole.data, (rows[0], rows[1]), (classes[0], classes[1]), label_cost))
    return samples


def _mean(results: list[OTCEResult]) -> OTCEResult:
    """Means over samples, with their spread."""
    domain = np.array([result.domain_difference for result in results])
    task = np.array([result.task_difference for result in results])
    return replace(
        results[-1],
        domain_difference=float(domain.mean()),
        task_difference=float(task.mean()),
        joint=np.mean([result.joint for result in results], axis=0),
        spread=OTCESpread.of(domain, task),
    )


def solved(
    tasks: Sequence[Task], how: Options, is_exact: bool, memory_budget: int | None
) -> list[OTCEResult]:
    """A result for each task, in order, with one warning for all that did not converge."""
    if is_exact:
        return [_exact(task, memory_budget, how.n_threads) for task in tasks]
    results: list[OTCEResult] = in_types(
        [task.data for task in tasks],
        lambda members: _of_one_type([tasks[i] for i in members], how),
    )
    transports = [r.solver for r in results if isinstance(r.solver, SinkhornResult)]
    warn_unconverged(transports, stacklevel=4)
    return results


def _of_one_type(tasks: Sequence[Task], how: Options) -> list[OTCEResult]:
    label_costs = [task.label_cost for task in tasks]
    shares = {cost.feature_share for cost in label_costs if cost is not None}
    try:
        solutions = backend.otce(
            [task.data for task in tasks],
            [task.rows for task in tasks],
            [[side.ids for side in task.classes] for task in tasks],
            [[side.count for side in task.classes] for task in tasks],
            [task.problem().weights for task in tasks],
            [NO_POTENTIALS] * len(tasks),
            [NO_DISTANCES if cost is None else cost.distances for cost in label_costs],
            feature_share=max(shares, default=1.0),
            **how._asdict(),
        )
    except OverflowError:
        raise _checks.too_large("source_features and target_features") from None
    return [
        _result(task, to_result(solution, task.problem(), how), solution[-1])
        for task, solution in zip(tasks, solutions, strict=True)
    ]


def _exact(task: Task, memory_budget: int | None, n_threads: int) -> OTCEResult:
    problem = task.problem()
    require_room_to_solve(
        problem.weights,
        memory_budget,
        "method='sinkhorn' needs no matrix, and n_pairs=... scores samples",
    )
    data, weights = problem.taken(memory_budget), problem.weights
    costs = data[0] if len(data) == 1 else costs_of(data, n_threads=n_threads)
    transport = solve_exact(costs, weights, n_threads)
    joint = table_of_entries(
        transport.source_index, transport.target_index, transport.mass, *task.classes
    )
    return _result(task, transport, joint)


def _result(task: Task, transport: Any, joint: NDArray[np.float64]) -> OTCEResult:
    return OTCEResult(
        domain_difference=transport.transport_cost,
        task_difference=backend.conditional_entropy(joint),
        joint=joint,
        source_classes=task.classes[0].values,
        target_classes=task.classes[1].values,
        solver=transport,
    )
