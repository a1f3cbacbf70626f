"""Drop-in name of `tllib.ranking.logme`."""

from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks
from transferscore._scores.logme import TLLIB, scored
from transferscore.compat._rows import by_label

__all__ = ["log_maximum_evidence"]


@overload
def log_maximum_evidence(
    features: ArrayLike,
    targets: ArrayLike,
    regression: bool = False,
    return_weights: Literal[False] = False,
) -> np.float64: ...
@overload
def log_maximum_evidence(
    features: ArrayLike,
    targets: ArrayLike,
    regression: bool = False,
    *,
    return_weights: Literal[True],
) -> tuple[np.float64, NDArray[np.float64]]: ...
@overload
def log_maximum_evidence(
    features: ArrayLike, targets: ArrayLike, regression: bool, return_weights: Literal[True]
) -> tuple[np.float64, NDArray[np.float64]]: ...
def log_maximum_evidence(
    features: ArrayLike,
    targets: ArrayLike,
    regression: bool = False,
    return_weights: bool = False,
) -> Any:
    """LogME as `tllib.ranking.log_maximum_evidence` defines it. Higher is better.

    The same value as `transferscore.logme(..., convention="tllib")`: an iteration that ends when
    alpha / beta moves by less than 1 percent, a little below the maximum that
    `transferscore.logme` finds. There a class without samples makes the score nan; here it is left
    out.

    Parameters
    ----------
    features : array-like of shape (n, d)
        Features.
    targets : array-like of shape (n,), (n, 1) or (n, C)
        Class labels; with `regression`, C numbers for each sample.
    regression : bool, default False
        Take the targets as numbers.
    return_weights : bool, default False
        Return the weights, too.

    Returns
    -------
    numpy.float64, or tuple of this and ndarray of shape (C, d)
        The score, and the weights of each class 0 ... C-1 or column: zeros where it is left out.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore.compat.tllib import log_maximum_evidence
    >>> rng = np.random.default_rng(0)
    >>> targets = rng.integers(0, 3, size=500)
    >>> features = rng.normal(size=(500, 8)) + np.eye(8)[targets]
    >>> score, weights = log_maximum_evidence(features, targets, return_weights=True)
    >>> float(round(score, 3)), weights.shape
    (-0.733, (3, 8))
    """
    y = targets if regression else _checks.one_column(targets, "targets")
    result = scored(features, y, TLLIB, regression=regression, weights=return_weights)
    score = np.float64(result.value)
    return (score, by_label(result.weights, result, "targets")) if return_weights else score
