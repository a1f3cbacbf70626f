"""The definition of the maximal H-score."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def maximal_h_score(x: ArrayLike, labels: ArrayLike, *, n_features: int | None = None) -> float:
    """Sum of the k largest squared singular values of (P_xy - P_x P_y) / sqrt(P_x P_y).

    Bao et al., ICIP 2019. Higher means more dependence.

    Parameters
    ----------
    x : array-like of shape (n,)
        Discrete values.
    labels : array-like of shape (n,)
        Class labels.
    n_features : int, optional
        k; None is all.

    Returns
    -------
    float
        The score.

    Examples
    --------
    >>> from transferscore.reference import maximal_h_score
    >>> round(maximal_h_score(["r", "r", "g", "g", "b", "b"], [0, 1, 1, 1, 0, 1]), 12)
    0.25
    """
    sigma = np.linalg.svd(dependence_matrix(x, labels), compute_uv=False)
    return float(np.sum(sigma[:n_features] ** 2))


def dependence_matrix(x: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """B (values of x, labels), dense, values and labels in their order.

    Parameters
    ----------
    x : array-like of shape (n,)
        Discrete values.
    labels : array-like of shape (n,)
        Class labels.

    Returns
    -------
    ndarray
        B_xy = (P_xy - P_x P_y) / sqrt(P_x P_y).

    Examples
    --------
    >>> from transferscore.reference import dependence_matrix
    >>> dependence_matrix([0, 1], ["a", "b"])
    array([[ 0.5, -0.5],
           [-0.5,  0.5]])
    """
    values, of_x = np.unique(np.asarray(x), return_inverse=True)
    classes, of_y = np.unique(np.asarray(labels), return_inverse=True)
    P = np.zeros((len(values), len(classes)))
    np.add.at(P, (of_x, of_y), 1 / len(of_x))
    independent = np.outer(P.sum(axis=1), P.sum(axis=0))
    B: NDArray[np.float64] = (P - independent) / np.sqrt(independent)
    return B
