"""Drop-in name of `tllib.ranking.nce`."""

import numpy as np
from numpy.typing import ArrayLike

from transferscore import _checks
from transferscore._scores import nce as _nce

__all__ = ["negative_conditional_entropy"]


def negative_conditional_entropy(source_labels: ArrayLike, target_labels: ArrayLike) -> np.float64:
    """NCE as `tllib.ranking.negative_conditional_entropy` defines it. Higher is better.

    The same value as `transferscore.nce` to 1e-12: there 1e-20 is added inside the logarithm, and
    the joint distribution is summed in steps of 1/n.

    Parameters
    ----------
    source_labels : array-like of shape (n,) or (n, 1)
        Source labels; first, as there.
    target_labels : array-like of shape (n,) or (n, 1)
        Target labels of the same samples.

    Returns
    -------
    numpy.float64
        The score.

    Examples
    --------
    >>> from transferscore.compat.tllib import negative_conditional_entropy
    >>> float(round(negative_conditional_entropy([0, 0], [0, 1]), 12))
    -0.69314718056
    """
    return np.float64(
        _nce(
            source_labels=_checks.one_column(source_labels, "source_labels"),
            target_labels=_checks.one_column(target_labels, "target_labels"),
        )
    )
