"""Drop-in names of `tllib.ranking` (thuml/Transfer-Learning-Library).

Change `from tllib.ranking import h_score` to `from transferscore.compat.tllib import h_score`, and
likewise for `tllib.ranking.hscore.regularized_h_score`, `log_expected_empirical_prediction` and
`negative_conditional_entropy`. `docs/migration.md` says where values differ, and why.
"""

import numpy as np
from numpy.typing import ArrayLike

from transferscore._scores import h_score as _h_score
from transferscore._scores import leep as _leep
from transferscore._scores import nce as _nce

__all__ = [
    "h_score",
    "log_expected_empirical_prediction",
    "negative_conditional_entropy",
    "regularized_h_score",
]


def h_score(features: ArrayLike, labels: ArrayLike) -> np.float64:
    """H-score as `tllib.ranking.h_score` defines it. Higher is better.

    The same value as `transferscore.h_score`: both covariances are divided by n - 1, which cancels.

    Parameters
    ----------
    features : array-like of shape (n, d)
        Features.
    labels : array-like of shape (n,)
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
    return np.float64(_h_score(features, labels))


def regularized_h_score(features: ArrayLike, labels: ArrayLike) -> np.float64:
    """Shrinkage H-score as `tllib.ranking.hscore.regularized_h_score` defines it. Higher is better.

    There the covariance of the features is divided by n and that of the class means by n - 1, so
    the value is n / (n - 1) times `transferscore.h_score(..., shrinkage="ledoit-wolf")`, which
    divides both by n.

    Parameters
    ----------
    features : array-like of shape (n, d)
        Features.
    labels : array-like of shape (n,)
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
    n = len(np.asarray(labels))
    return np.float64(_h_score(features, labels, shrinkage="ledoit-wolf") * n / (n - 1))


def log_expected_empirical_prediction(predictions: ArrayLike, labels: ArrayLike) -> np.float64:
    """LEEP as `tllib.ranking.log_expected_empirical_prediction` defines it. Higher is better.

    The same value as `transferscore.leep`. There a source class without probability makes the score
    nan, and rows are not checked; here that class drops out, and rows must sum to 1.

    Parameters
    ----------
    predictions : array-like of shape (n, C_s)
        Probabilities from the source model.
    labels : array-like of shape (n,)
        Target labels.

    Returns
    -------
    numpy.float64
        The score.

    Examples
    --------
    >>> from transferscore.compat.tllib import log_expected_empirical_prediction
    >>> float(round(log_expected_empirical_prediction([[0.5, 0.5], [0.5, 0.5]], [0, 1]), 12))
    -0.69314718056
    """
    return np.float64(_leep(predictions, labels))


def negative_conditional_entropy(source_labels: ArrayLike, target_labels: ArrayLike) -> np.float64:
    """NCE as `tllib.ranking.negative_conditional_entropy` defines it. Higher is better.

    The same value as `transferscore.nce` to 1e-12: there 1e-20 is added inside the logarithm, and
    the joint distribution is summed in steps of 1/n.

    Parameters
    ----------
    source_labels : array-like of shape (n,)
        Source labels; first, as there.
    target_labels : array-like of shape (n,)
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
    return np.float64(_nce(source_labels=source_labels, target_labels=target_labels))
