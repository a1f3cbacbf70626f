"""The definition of OTCE: optimal-transport based conditional entropy."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore.reference.sinkhorn import sinkhorn, squared_distances

Array = NDArray[np.float64]
Kind = Literal["gaussian", "gaussian-diagonal"]


class OTCE(NamedTuple):
    """The two differences, the score, and the table it comes from."""

    domain_difference: float  # W_D = <P, C>
    task_difference: float  # W_T = H(Y_t | Y_s)
    score: float  # -W_T
    joint: Array  # J (C_s, C_t)
    source_classes: NDArray[np.generic]  # (C_s,), sorted
    target_classes: NDArray[np.generic]  # (C_t,)


def otce(
    source_features: ArrayLike,
    source_labels: ArrayLike,
    target_features: ArrayLike,
    target_labels: ArrayLike,
    *,
    epsilon: float | None = None,
    relative_epsilon: float = 0.02,
    label_cost: Kind | Array | None = None,
    gamma: float = 0.5,
    tol: float = 1e-9,
    max_iter: int = 10_000,
) -> OTCE:
    """W_D = <P, C> and W_T = H(Y_t | Y_s) of the plan P between the samples.

    A higher score, -W_T, is better. Tan, Li, Huang, CVPR 2021. With a label cost: JC-OTCE, Tan et
    al., TNNLS 2024.

    Parameters
    ----------
    source_features : array-like of shape (n, d)
        Features of the source samples.
    source_labels : array-like of shape (n,)
        Their class labels.
    target_features : array-like of shape (m, d)
        Features of the target samples, from the same network.
    target_labels : array-like of shape (m,)
        Their class labels.
    epsilon : float, optional
        Strength of the regularisation, in units of the cost.
    relative_epsilon : float, default 0.02
        Where `epsilon` is None, epsilon in units of the median cost.
    label_cost : None, "gaussian", "gaussian-diagonal" or ndarray of shape (C_s, C_t), optional
        Distances between the classes; an array is in the order of the sorted labels.
    gamma : float, default 0.5
        Share of the distance between the features in the cost, where there is a label cost.
    tol : float, default 1e-9
        Marginal error at which the updates of the plan stop.
    max_iter : int, default 10000
        Most updates.

    Returns
    -------
    OTCE
        Both differences, the score -W_T, the joint distribution of the labels, and the classes.

    Examples
    --------
    >>> from transferscore.reference import otce
    >>> points = [[0.0], [1.0], [8.0], [9.0]]
    >>> result = otce(points, [0, 0, 1, 1], points, ["a", "b", "c", "c"], epsilon=50.0)
    >>> round(result.score, 4)
    -0.8724
    """
    C = squared_distances(source_features, target_features)
    if isinstance(label_cost, str):
        label_cost = label_distances(
            source_features, source_labels, target_features, target_labels, kind=label_cost
        )
    if label_cost is not None:
        C = joint_cost(C, label_cost, source_labels, target_labels, gamma=gamma)
    plan = sinkhorn(
        C, epsilon=epsilon, relative_epsilon=relative_epsilon, tol=tol, max_iter=max_iter
    )
    J = joint_label_distribution(plan.coupling, source_labels, target_labels)
    W_T = conditional_entropy(J)
    return OTCE(
        domain_difference=plan.transport_cost,
        task_difference=W_T,
        score=-W_T,
        joint=J / J.sum(),
        source_classes=np.unique(np.asarray(source_labels)),
        target_classes=np.unique(np.asarray(target_labels)),
    )


def joint_label_distribution(
    plan: ArrayLike, source_labels: ArrayLike, target_labels: ArrayLike
) -> Array:
    """J_kl: how much of the plan goes from class k to class l.

    Parameters
    ----------
    plan : array-like of shape (n, m)
        Plan P.
    source_labels : array-like of shape (n,)
        Class labels of the source.
    target_labels : array-like of shape (m,)
        Class labels of the target.

    Returns
    -------
    ndarray of shape (C_s, C_t)
        J, in the order of the sorted labels.

    Examples
    --------
    >>> from transferscore.reference import joint_label_distribution
    >>> joint_label_distribution([[0.5, 0.0], [0.25, 0.25]], ["x", "y"], [7, -7])
    array([[0.  , 0.5 ],
           [0.25, 0.25]])
    """
    P = np.asarray(plan, dtype=np.float64)
    in_k, in_l = _indicators(source_labels), _indicators(target_labels)
    return np.asarray(in_k.T @ P @ in_l, dtype=np.float64)


def conditional_entropy(joint: ArrayLike) -> float:
    """H(Y_t | Y_s) = - sum_kl J_kl log(J_kl / sum_l J_kl), with 0 log 0 = 0, in nats.

    Parameters
    ----------
    joint : array-like of shape (C_s, C_t)
        J, not necessarily with sum 1.

    Returns
    -------
    float
        Between 0 and log C_t.

    Examples
    --------
    >>> from transferscore.reference import conditional_entropy
    >>> round(conditional_entropy([[0.5, 0.0], [0.25, 0.25]]), 4)  # half of log 2
    0.3466
    """
    J = np.asarray(joint, dtype=np.float64)
    J = J / J.sum()
    source = np.broadcast_to(J.sum(axis=1, keepdims=True), J.shape)
    some = J > 0
    return float(np.sum(J[some] * np.log(source[some] / J[some])))


def label_distances(
    source_features: ArrayLike,
    source_labels: ArrayLike,
    target_features: ArrayLike,
    target_labels: ArrayLike,
    *,
    kind: Kind = "gaussian",
) -> Array:
    """V_kl: squared 2-Wasserstein distance of the Gaussians with the moments of classes k and l.

    Alvarez-Melis and Fusi, NeurIPS 2020.

    Parameters
    ----------
    source_features : array-like of shape (n, d)
        Features of the source samples.
    source_labels : array-like of shape (n,)
        Their class labels.
    target_features : array-like of shape (m, d)
        Features of the target samples.
    target_labels : array-like of shape (m,)
        Their class labels.
    kind : "gaussian" or "gaussian-diagonal", default "gaussian"
        Whole covariances, divided by the number of samples, or their diagonals alone.

    Returns
    -------
    ndarray of shape (C_s, C_t)
        V, in the order of the sorted labels.

    Examples
    --------
    >>> from transferscore.reference import label_distances
    >>> label_distances([[0.0], [2.0]], [0, 0], [[5.0], [9.0], [1.0]], [0, 0, 1]).round(12)
    array([[37.,  1.]])
    """
    source = _class_moments(source_features, source_labels)
    target = _class_moments(target_features, target_labels)
    if kind == "gaussian-diagonal":
        source, target = (
            [(mu, np.diag(np.diag(S))) for mu, S in side] for side in (source, target)
        )
    return np.array([[gaussian_distance(*k, *m) for m in target] for k in source])


def gaussian_distance(
    source_mean: ArrayLike,
    source_covariance: ArrayLike,
    target_mean: ArrayLike,
    target_covariance: ArrayLike,
) -> float:
    """`|mu - mu'|^2 + tr(S + S' - 2 (S^1/2 S' S^1/2)^1/2)`: squared 2-Wasserstein distance.

    Parameters
    ----------
    source_mean : array-like of shape (d,)
        The mean mu.
    source_covariance : array-like of shape (d, d)
        The covariance S.
    target_mean : array-like of shape (d,)
        The mean mu'.
    target_covariance : array-like of shape (d, d)
        The covariance S'.

    Returns
    -------
    float
        The squared distance of the two Gaussians.

    Examples
    --------
    >>> from transferscore.reference import gaussian_distance
    >>> gaussian_distance([0.0], [[1.0]], [5.0], [[4.0]])
    26.0
    """
    mu = np.asarray(source_mean, dtype=np.float64) - np.asarray(target_mean, dtype=np.float64)
    S = np.asarray(source_covariance, dtype=np.float64)
    S_ = np.asarray(target_covariance, dtype=np.float64)
    # tr((S^1/2 S' S^1/2)^1/2) is the sum of the singular values of S^1/2 S'^1/2: fewer digits lost.
    cross = np.linalg.svd(_square_root(S) @ _square_root(S_), compute_uv=False).sum()
    return float(mu @ mu + np.trace(S) + np.trace(S_) - 2 * cross)


def joint_cost(
    cost: ArrayLike,
    label_cost: ArrayLike,
    source_labels: ArrayLike,
    target_labels: ArrayLike,
    *,
    gamma: float = 0.5,
) -> Array:
    """Gamma C_ij + (1 - gamma) V[y_i, y'_j], the cost of JC-OTCE.

    Parameters
    ----------
    cost : array-like of shape (n, m)
        Costs C between the samples.
    label_cost : array-like of shape (C_s, C_t)
        Costs V between the classes, in the order of the sorted labels.
    source_labels : array-like of shape (n,)
        Class labels of the source.
    target_labels : array-like of shape (m,)
        Class labels of the target.
    gamma : float, default 0.5
        Share of the costs between the samples.

    Returns
    -------
    ndarray of shape (n, m)
        The cost.

    Examples
    --------
    >>> from transferscore.reference import joint_cost
    >>> joint_cost([[2.0, 4.0]], [[10.0, 20.0]], ["x"], ["b", "a"], gamma=0.5)
    array([[11.,  7.]])
    """
    V = np.asarray(label_cost, dtype=np.float64)
    by_sample = _indicators(source_labels) @ V @ _indicators(target_labels).T
    return np.asarray(gamma * np.asarray(cost) + (1 - gamma) * by_sample, dtype=np.float64)


def _indicators(labels: ArrayLike) -> Array:
    """1 where a sample is of a class: (n, number of classes)."""
    y = np.asarray(labels)
    return np.asarray(y[:, None] == np.unique(y), dtype=np.float64)


def _class_moments(features: ArrayLike, labels: ArrayLike) -> list[tuple[Array, Array]]:
    """Mean and covariance of each class."""
    x, y = np.asarray(features, dtype=np.float64), np.asarray(labels)
    moments = []
    for label in np.unique(y):
        of_class = x[y == label]
        mu = of_class.mean(axis=0)
        moments.append((mu, (of_class - mu).T @ (of_class - mu) / len(of_class)))
    return moments


def _square_root(S: Array) -> Array:
    """Symmetric square root; eigenvalues at the level of rounding count as zero."""
    values, vectors = np.linalg.eigh(S)
    rounding = len(S) * float(np.finfo(np.float64).eps) * max(values[-1], 0.0)
    roots = np.sqrt(np.where(values > rounding, values, 0.0))
    return np.asarray((vectors * roots) @ vectors.T, dtype=np.float64)
