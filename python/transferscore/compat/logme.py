"""Drop-in names of `LEEP` and `NCE` of thuml/LogME.

Change `from LEEP import LEEP` to `from transferscore.compat.logme import LEEP`, and likewise for
NCE. `docs/migration.md` says where values differ, and why.
"""

import numpy as np
from numpy.typing import ArrayLike

from transferscore.compat import tllib

__all__ = ["LEEP", "NCE"]


def LEEP(pseudo_source_label: ArrayLike, target_label: ArrayLike) -> np.float64:  # noqa: N802
    """LEEP as thuml/LogME defines it, the same as TLlib. Higher is better.

    Parameters
    ----------
    pseudo_source_label : array-like of shape (n, C_s)
        Probabilities from the source model.
    target_label : array-like of shape (n,)
        Target labels.

    Returns
    -------
    numpy.float64
        The score.

    Examples
    --------
    >>> from transferscore.compat.logme import LEEP
    >>> float(LEEP([[1.0, 0.0], [0.0, 1.0]], [0, 1]))
    0.0
    """
    return tllib.log_expected_empirical_prediction(pseudo_source_label, target_label)


def NCE(source_label: ArrayLike, target_label: ArrayLike) -> np.float64:  # noqa: N802
    """NCE as thuml/LogME defines it, the same as TLlib. Higher is better.

    Parameters
    ----------
    source_label : array-like of shape (n,)
        Source labels.
    target_label : array-like of shape (n,)
        Target labels of the same samples.

    Returns
    -------
    numpy.float64
        The score.

    Examples
    --------
    >>> from transferscore.compat.logme import NCE
    >>> float(NCE([0, 0, 1, 1], [0, 0, 1, 1]))
    0.0
    """
    return tllib.negative_conditional_entropy(source_label, target_label)
