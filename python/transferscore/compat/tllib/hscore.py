"""Drop-in names of `tllib.ranking.hscore`."""

import numpy as np
from numpy.typing import ArrayLike

from transferscore import _checks
from transferscore._scores import h_score as _h_score

__all__ = ["h_score", "regularized_h_score"]


def h_score(features: ArrayLike, labels: ArrayLike) -> np.float64:
    """H-score as `tllib.ranking.h_score` defines it. Higher is better.

    The same value as `transferscore.h_score`: both covariances are divided by n - 1, which cancels.

    Parameters
    ----------
    features : array-like of shape (n, d)
        Features.
    labels : array-like of shape (n,) or (n, 1)
        Class labels.

    Returns
    -------
    numpy.float64
        The score.

    Examples
    --------
    >>> from transferscore.compat.tllib import h_score
    >>> float(round(h_score([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]), 12))
    0.8
    """
    return np.float64(_h_score(features, _checks.one_column(labels, "labels")))


def regularized_h_score(features: ArrayLike, labels: ArrayLike) -> np.float64:
    """Shrinkage H-score as `tllib.ranking.hscore.regularized_h_score` defines it. Higher is better.

    There the covariance of the features is divided by n and that of the class means by n - 1, so
    the value is n / (n - 1) times `transferscore.h_score(..., shrinkage="ledoit-wolf")`, which
    divides both by n.

    Parameters
    ----------
    features : array-like of shape (n, d)
        Features.
    labels : array-like of shape (n,) or (n, 1)
        Class labels.

    Returns
    -------
    numpy.float64
        The score.

    Examples
    --------
    >>> from transferscore.compat.tllib import regularized_h_score
    >>> float(round(regularized_h_score([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]), 12))
    1.066666666667
    """
    y = _checks.one_column(labels, "labels")
    n = len(y)
    return np.float64(_h_score(features, y, shrinkage="ledoit-wolf") * n / (n - 1))
