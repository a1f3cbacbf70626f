"""The definition of the log expected empirical prediction."""

import numpy as np
from numpy.typing import ArrayLike


def leep(source_probabilities: ArrayLike, labels: ArrayLike) -> float:
    """Mean of log( sum of P(y_i|z) theta_iz over z ), in float64.

    Nguyen, Hassner, Seeger, Archambeau, ICML 2020. Higher is better.

    Parameters
    ----------
    source_probabilities : array-like of shape (n, C_s)
        Rows theta_i that sum to 1.
    labels : array-like of shape (n,)
        Target labels.

    Returns
    -------
    float
        The score.

    Examples
    --------
    >>> from transferscore.reference import leep
    >>> round(leep([[0.5, 0.5], [0.5, 0.5]], [0, 1]), 6)
    -0.693147
    """
    theta = np.asarray(source_probabilities, dtype=np.float64)
    y = np.asarray(labels)
    has_mass = theta.sum(axis=0) > 0
    theta = theta[:, has_mass]
    P_z = theta.mean(axis=0)
    logs = []
    for label in np.unique(y):
        P_yz = theta[y == label].sum(axis=0) / len(theta)
        logs.append(np.log(theta[y == label] @ (P_yz / P_z)))
    return float(np.concatenate(logs).mean())
