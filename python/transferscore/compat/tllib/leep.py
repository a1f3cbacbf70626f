"""Drop-in name of `tllib.ranking.leep`."""

import numpy as np
from numpy.typing import ArrayLike

from transferscore import _checks
from transferscore._scores import leep as _leep

__all__ = ["log_expected_empirical_prediction"]


def log_expected_empirical_prediction(predictions: ArrayLike, labels: ArrayLike) -> np.float64:
    """LEEP as `tllib.ranking.log_expected_empirical_prediction` defines it. Higher is better.

    The same value as `transferscore.leep`. There a source class without probability makes the score
    nan, and rows are not checked; here that class drops out, and rows must sum to 1.

    Parameters
    ----------
    predictions : array-like of shape (n, C_s)
        Probabilities from the source model.
    labels : array-like of shape (n,) or (n, 1)
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
    with _checks.under_names({"source_probabilities": "predictions"}):
        return np.float64(_leep(predictions, _checks.one_column(labels, "labels")))
