"""Accuracy beyond what the classes alone give."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks


def relative_accuracy(
    accuracies: ArrayLike,
    majority_shares: ArrayLike,
    *,
    scale: Literal["gain", "share"] = "gain",
) -> NDArray[np.float64]:
    r"""Accuracy beyond that of naming the largest class every time.

    For the choice among target tasks: few or unequal classes raise the accuracy of any model, and
    NCE and LEEP with it, so that these seem to predict more than they do (Ibrahim, Ponomareva,
    Mazumder, ECML-PKDD 2022).

    .. math::

        a - p \quad \text{or} \quad \frac{a - p}{1 - p}

    for accuracy a and largest class share p. Higher is better.

    Parameters
    ----------
    accuracies : array-like of shape (T,) or (T, n)
        Accuracies, of n candidates in each of T tasks, in [0, 1].
    majority_shares : array-like of shape (T,)
        Share of the largest class in the samples of each task, in (0, 1).
    scale : "gain" or "share", default "gain"
        The gain itself, or as a share of the most that can be gained: 1 for no error.

    Returns
    -------
    ndarray of shape (T,) or (T, n)
        Relative accuracies; below 0 where the largest class does better.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described, such as accuracies in per cent.

    Notes
    -----
    The paper's own formula is not known to the authors of this function: this is what its name
    says. For comparable scores add the entropy of the labels to NCE and LEEP.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore.ranking import relative_accuracy
    >>> shares = [np.bincount(labels).max() / 4 for labels in ([0, 0, 0, 1], [0, 1, 2, 3])]
    >>> relative_accuracy([0.75, 0.75], shares)
    array([0. , 0.5])
    >>> relative_accuracy([0.75, 0.75], shares, scale="share").round(3)
    array([0.   , 0.667])
    """
    a, p = _checks.accuracies_and_shares(accuracies, majority_shares)
    _checks.choice(scale, "scale", ("gain", "share"))
    p = p.reshape(-1, *[1] * (a.ndim - 1))
    found: NDArray[np.float64] = a - p if scale == "gain" else (a - p) / (1 - p)
    return found
