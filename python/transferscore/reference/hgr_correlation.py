"""The definition of the maximal correlation of discrete variables."""

import numpy as np
from numpy.typing import ArrayLike

from transferscore.reference.maximal_h_score import dependence_matrix


def hgr_correlation(x: ArrayLike, labels: ArrayLike) -> float:
    """Largest singular value of (P_xy - P_x P_y) / sqrt(P_x P_y).

    Hirschfeld 1935, Gebelein 1941, Renyi 1959. Higher means more dependence.

    Parameters
    ----------
    x : array-like of shape (n,)
        Discrete values.
    labels : array-like of shape (n,)
        Class labels.

    Returns
    -------
    float
        The correlation.

    Examples
    --------
    >>> from transferscore.reference import hgr_correlation
    >>> round(hgr_correlation([0, 0, 1, 1], ["a", "b", "b", "b"]), 12)
    0.57735026919
    """
    return float(np.linalg.svd(dependence_matrix(x, labels), compute_uv=False)[0])
