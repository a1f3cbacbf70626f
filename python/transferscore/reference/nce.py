"""The definition of the negative conditional entropy."""

import numpy as np
from numpy.typing import ArrayLike


def nce(*, source_labels: ArrayLike, target_labels: ArrayLike) -> float:
    """-H(Y|Z) = sum of P(y, z) log( P(y, z) / P(z) ) over pairs that occur, in float64.

    Tran, Nguyen, Hassner, ICCV 2019. Higher is better.

    Parameters
    ----------
    source_labels : array-like of shape (n,)
        Labels Z.
    target_labels : array-like of shape (n,)
        Labels Y of the same samples.

    Returns
    -------
    float
        The score.

    Examples
    --------
    >>> from transferscore.reference import nce
    >>> round(nce(source_labels=[0, 0], target_labels=[0, 1]), 6)
    -0.693147
    """
    z, y = np.asarray(source_labels), np.asarray(target_labels)
    score = 0.0
    for source in np.unique(z):
        P_z = np.mean(z == source)
        for target in np.unique(y):
            P_yz = np.mean((z == source) & (y == target))
            if P_yz > 0:
                score += float(P_yz * np.log(P_yz / P_z))
    return score
