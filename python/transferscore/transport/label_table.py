"""Joint distribution of source and target labels, and its conditional entropy."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _threads
from transferscore._backend import backend
from transferscore._checks import Classes
from transferscore._results import ExactResult, SinkhornResult


def conditional_entropy(joint: ArrayLike) -> float:
    r"""Entropy of the target labels given the source labels: the task difference of OTCE.

    Tan, Li, Huang, "OTCE: a transferability metric for cross-domain cross-task representations",
    CVPR 2021.

    .. math::

        H(Y_t \mid Y_s) = - \sum_{k, l} J_{kl} \log \frac{J_{kl}}{\sum_l J_{kl}}

    Natural logarithm; lower is better, 0 where source labels determine target labels.

    Parameters
    ----------
    joint : array-like of shape (C_s, C_t)
        Joint distribution of source labels (rows) and target labels (columns), not negative. It is
        divided by its sum. Empty cells count nothing.

    Returns
    -------
    float
        Between 0 and log(C_t), in nats.

    Raises
    ------
    TypeError, ValueError
        Where `joint` is not a matrix of finite numbers that are not negative and not all zero.

    Examples
    --------
    >>> from transferscore import conditional_entropy
    >>> round(conditional_entropy([[0.25, 0.25], [0.0, 0.5]]), 6)
    0.346574
    """
    return backend.conditional_entropy(_checks.table(joint))


def joint_label_distribution(
    plan: Any, source_labels: ArrayLike, target_labels: ArrayLike
) -> NDArray[np.float64]:
    r"""Sum a transport plan by source and target class.

    Tan, Li, Huang, CVPR 2021.

    .. math::

        J_{kl} = \sum_{i : y_i = k, \, j : y'_j = l} P_{ij}

    Parameters
    ----------
    plan : SinkhornResult, ExactResult, array-like or scipy.sparse matrix of shape (n, m)
        The plan. From a `SinkhornResult` it is summed tile by tile and never stored.
    source_labels : array-like of shape (n,)
        Labels of the source points: integers, booleans or strings.
    target_labels : array-like of shape (m,)
        Labels of the target points.

    Returns
    -------
    ndarray of shape (C_s, C_t)
        Rows and columns in the order of the sorted labels.

    Raises
    ------
    TypeError, ValueError
        Where the plan is not a matrix or labels do not fit its shape.

    Examples
    --------
    >>> from transferscore import joint_label_distribution
    >>> joint_label_distribution([[0.3, 0.2], [0.1, 0.4]], ["cat", "dog"], [7, 7]).tolist()
    [[0.5], [0.5]]
    """
    if isinstance(plan, SinkhornResult):
        n, m = plan._problem.shape
    elif isinstance(plan, ExactResult):
        n, m = plan.n, plan.m
    else:
        plan = plan if hasattr(plan, "tocoo") else _checks.plan(plan)
        n, m = plan.shape
    source = _checks.classes(source_labels, n, "source_labels")
    target = _checks.classes(target_labels, m, "target_labels")
    if isinstance(plan, SinkhornResult):
        return _of_potentials(plan, source, target)
    if isinstance(plan, ExactResult):
        return table_of_entries(plan.source_index, plan.target_index, plan.mass, source, target)
    if hasattr(plan, "tocoo"):
        entries = plan.tocoo()
        return table_of_entries(entries.row, entries.col, entries.data, source, target)
    by_source = np.zeros((source.count, m))
    np.add.at(by_source, source.ids, plan)
    joint = np.zeros((target.count, source.count))
    np.add.at(joint, target.ids, by_source.T)
    return np.ascontiguousarray(joint.T)


def table_of_entries(
    rows: NDArray[Any], columns: NDArray[Any], mass: NDArray[Any], source: Classes, target: Classes
) -> NDArray[np.float64]:
    """The table of a sparse plan."""
    cells = source.ids[rows].astype(np.int64) * target.count + target.ids[columns]
    joint = np.bincount(cells, weights=mass, minlength=source.count * target.count)
    return np.asarray(joint, np.float64).reshape(source.count, target.count)


def _of_potentials(result: SinkhornResult, source: Classes, target: Classes) -> NDArray[np.float64]:
    problem = result._problem
    return backend.joint_label_distribution(
        problem.taken(),
        problem.weights,
        result.f,
        result.g,
        epsilon=result.epsilon,
        ids=[source.ids, target.ids],
        n_classes=[source.count, target.count],
        n_threads=_threads.resolve(),
    )
