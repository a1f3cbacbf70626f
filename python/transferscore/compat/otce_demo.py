"""Drop-in names of the OTCE authors' demo (tanyang1231/OTCE_Transferability_CVPR21).

Change `from compute_otce_demo import compute_coupling, compute_CE` to
`from transferscore.compat.otce_demo import compute_coupling, compute_CE`. Both need the extra
`exact`. `docs/migration.md` says where values differ, and why.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _memory
from transferscore.transport.exact import exact_plan
from transferscore.transport.label_table import conditional_entropy, joint_label_distribution

__all__ = ["compute_CE", "compute_coupling"]


def compute_coupling(
    X_src: ArrayLike, X_tar: ArrayLike, Y_src: Any = None, Y_tar: Any = None
) -> tuple[NDArray[np.float64], float]:
    """Exact transport plan between features and its cost, as the demo's `compute_coupling`.

    The plan of `transferscore.exact_plan(X_src, X_tar)`: squared Euclidean costs, uniform weights.
    The cost W is the domain difference W_D of OTCE; lower is nearer.

    Parameters
    ----------
    X_src : array-like of shape (n, d)
        Source features; torch tensors in the memory of the CPU are fine.
    X_tar : array-like of shape (m, d)
        Target features.
    Y_src : optional
        Source labels: no effect, as in the demo.
    Y_tar : optional
        Target labels: no effect, as in the demo.

    Returns
    -------
    tuple of ndarray of shape (n, m) and float
        The plan P, which adds up to one, and W = <P, C>.

    Examples
    --------
    >>> from transferscore.compat.otce_demo import compute_coupling
    >>> P, W = compute_coupling([[0.0], [3.0]], [[4.0], [1.0]], [0, 1], [1, 0])
    >>> P.tolist(), W
    ([[0.0, 0.5], [0.5, 0.0]], 1.0)
    """
    with _checks.under_names({"source_points": "X_src", "target_points": "X_tar"}):
        plan = exact_plan(X_src, X_tar, memory_budget=int(_memory.usable()))
    P = np.zeros((plan.n, plan.m))
    P[plan.source_index, plan.target_index] = plan.mass
    return P, plan.transport_cost


def compute_CE(P: ArrayLike, Y_src: ArrayLike, Y_tar: ArrayLike) -> float:  # noqa: N802
    """Conditional entropy H(Y_tar | Y_src) of the labels under a plan, as the demo's `compute_CE`.

    `transferscore.conditional_entropy` of the label table, in nats: the task difference W_T of
    OTCE, which is positive. Lower is better; the score of `transferscore.otce` is its negative.

    Parameters
    ----------
    P : array-like of shape (n, m)
        Plan.
    Y_src : array-like of shape (n,) or (n, 1)
        Source labels: integers of any kind, booleans or strings.
    Y_tar : array-like of shape (m,) or (m, 1)
        Target labels.

    Returns
    -------
    float
        Between 0 and the logarithm of the number of target classes, for a plan of mass 1.

    Examples
    --------
    >>> from transferscore.compat.otce_demo import compute_CE
    >>> round(compute_CE([[0.5, 0.0], [0.25, 0.25]], [[0], [1]], [[3], [7]]), 6)
    0.346574
    """
    with _checks.under_names({"plan": "P", "source_labels": "Y_src", "target_labels": "Y_tar"}):
        joint = joint_label_distribution(P, *(np.asarray(Y).reshape(-1) for Y in (Y_src, Y_tar)))
    return float(joint.sum()) * conditional_entropy(joint)
