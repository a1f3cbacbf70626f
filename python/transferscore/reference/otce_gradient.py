"""The definition of OTCE's gradient: the adjoint of the plan's optimality conditions."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore.reference.otce import conditional_entropy, joint_cost
from transferscore.reference.sinkhorn import absolute_epsilon, sinkhorn, squared_distances

Array = NDArray[np.float64]


class OTCEGradient(NamedTuple):
    """A combination of the two differences, and its derivatives."""

    value: float  # domain_coefficient W_D + task_coefficient W_T
    source_features: Array  # (n, d)
    target_features: Array  # (m, d)
    source_weights: Array  # (n,), orthogonal to the weights: only their proportions count
    target_weights: Array  # (m,)
    label_cost: Array | None  # (C_s, C_t) where there is a label cost


def otce_gradient(
    source_features: ArrayLike,
    source_labels: ArrayLike,
    target_features: ArrayLike,
    target_labels: ArrayLike,
    *,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    domain_coefficient: float = 0.0,
    task_coefficient: float = 1.0,
    epsilon: float | None = None,
    relative_epsilon: float = 0.02,
    label_cost: ArrayLike | None = None,
    gamma: float = 0.5,
    tol: float = 1e-12,
    max_iter: int = 100_000,
) -> OTCEGradient:
    """Derivatives of L = l_D <P, C> + l_T H(Y_t | Y_s) for a fixed epsilon, by a dense solve.

    With G = dL/dP and D = dL/dC at a fixed plan, the marginals r, c of the plan and
    [[diag r, P], [P^T, diag c]] [alpha; beta] = [(G o P) 1; (G o P)^T 1], where o is the product
    entry by entry: dL/dC = D + P o (alpha + beta - G) / epsilon.

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
    source_weights : array-like of shape (n,), optional
        Positive weights; uniform by default.
    target_weights : array-like of shape (m,), optional
        Positive weights; uniform by default.
    domain_coefficient : float, default 0
        l_D, of the domain difference.
    task_coefficient : float, default 1
        l_T, of the task difference.
    epsilon : float, optional
        Strength of the regularisation, in units of the cost.
    relative_epsilon : float, default 0.02
        Where `epsilon` is None, epsilon in units of the median cost; it is held fixed.
    label_cost : array-like of shape (C_s, C_t), optional
        Distances between the classes, in the order of the sorted labels.
    gamma : float, default 0.5
        Share of the distance between the features in the cost, where there is a label cost.
    tol : float, default 1e-12
        Marginal error at which the updates of the plan stop.
    max_iter : int, default 100000
        Most updates.

    Returns
    -------
    OTCEGradient
        The value and its derivatives.

    Examples
    --------
    >>> from transferscore.reference import otce_gradient
    >>> points = [[0.0], [1.0], [8.0], [9.0]]
    >>> result = otce_gradient(points, [0, 0, 1, 1], points, ["a", "b", "c", "c"], epsilon=50.0)
    >>> round(result.value, 4)
    0.8724
    >>> bool(abs(result.source_features.sum() + result.target_features.sum()) < 1e-12)
    True
    """
    x, z = (np.asarray(side, dtype=np.float64) for side in (source_features, target_features))
    S, T = _indicators(source_labels), _indicators(target_labels)
    C = squared_distances(x, z)
    share = 1.0
    if label_cost is not None:
        C, share = joint_cost(C, label_cost, source_labels, target_labels, gamma=gamma), gamma
    eps = absolute_epsilon(C, relative_epsilon) if epsilon is None else epsilon
    P = sinkhorn(
        C, source_weights, target_weights, epsilon=eps, tol=tol, max_iter=max_iter
    ).coupling
    r, c = P.sum(axis=1), P.sum(axis=0)

    J = S.T @ P @ T
    with np.errstate(divide="ignore"):
        dH_dJ = -np.log(J / J.sum(axis=1, keepdims=True)) / J.sum()
    G = domain_coefficient * C + task_coefficient * S @ np.where(J > 0, dH_dJ, 0.0) @ T.T
    D = domain_coefficient * P

    H = np.block([[np.diag(r), P], [P.T, np.diag(c)]])
    sides = np.concatenate([(G * P).sum(axis=1), (G * P).sum(axis=0)])
    solution = np.linalg.lstsq(H, sides, rcond=1e-14)[0]
    alpha, beta = solution[: len(r)], solution[len(r) :]
    W = D + P * (alpha[:, None] + beta - G) / eps  # dL/dC

    return OTCEGradient(
        value=float(domain_coefficient * np.sum(P * C) + task_coefficient * conditional_entropy(J)),
        source_features=2 * share * (W.sum(axis=1)[:, None] * x - W @ z),
        target_features=2 * share * (W.sum(axis=0)[:, None] * z - W.T @ x),
        source_weights=alpha - r @ alpha / r.sum(),
        target_weights=beta - c @ beta / c.sum(),
        label_cost=None if label_cost is None else (1 - share) * S.T @ W @ T,
    )


def _indicators(labels: ArrayLike) -> Array:
    """1 where a sample is of a class: (n, number of classes)."""
    y = np.asarray(labels)
    return np.asarray(y[:, None] == np.unique(y), dtype=np.float64)
