"""Drop-in names of `tllib.ranking.transrate`."""

import numpy as np
from numpy.typing import ArrayLike

from transferscore import _checks
from transferscore._scores import coding_rate as _coding_rate
from transferscore._scores import transrate as _transrate

__all__ = ["coding_rate", "transrate"]


def coding_rate(features: ArrayLike, eps: float = 1e-4) -> np.float64:
    """Coding rate as `tllib.ranking.transrate.coding_rate` defines it: without centring.

    The same value as `transferscore.coding_rate(features, epsilon=eps, centred=False)`.

    Parameters
    ----------
    features : array-like of shape (n, d)
        Features.
    eps : float, default 1e-4
        Distortion, in squared units of the features.

    Returns
    -------
    numpy.float64
        The rate.

    Examples
    --------
    >>> from transferscore.compat.tllib import coding_rate
    >>> float(round(coding_rate([[1.0, 0.0], [1.0, 0.0]], eps=1.0), 6))
    0.346574
    """
    with _checks.under_names({"epsilon": "eps"}):
        return np.float64(_coding_rate(features, epsilon=eps, centred=False))


def transrate(features: ArrayLike, labels: ArrayLike, eps: float = 1e-4) -> np.float64:
    """TransRate as `tllib.ranking.transrate.transrate` defines it. Higher is better.

    The same value as `transferscore.transrate(..., weighting="uniform")`: every class counts the
    same, however many samples it has. `transferscore.transrate` weighs by size, as the paper does.

    Parameters
    ----------
    features : array-like of shape (n, d)
        Features.
    labels : array-like of shape (n,) or (n, 1)
        Class labels.
    eps : float, default 1e-4
        Distortion, in squared units of the features.

    Returns
    -------
    numpy.float64
        The score.

    Examples
    --------
    >>> from transferscore.compat.tllib import transrate
    >>> float(round(transrate([[0.0], [1.0], [2.0], [3.0]], [0, 0, 0, 1], eps=1.0), 6))
    -0.051846
    """
    y = _checks.one_column(labels, "labels")
    with _checks.under_names({"epsilon": "eps"}):
        return np.float64(_transrate(features, y, epsilon=eps, weighting="uniform"))
