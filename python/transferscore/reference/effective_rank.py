"""The definition of the effective rank."""

import numpy as np
from numpy.typing import ArrayLike


def effective_rank(features: ArrayLike, *, centred: bool = False) -> float:
    """Exp of the entropy of the singular values as shares of their sum, in float64.

    Roy and Vetterli, EUSIPCO 2007. Singular values whose squares are below 64 eps of the largest
    square count as zero.

    Parameters
    ----------
    features : array-like of shape (n, d)
        Features.
    centred : bool, default False
        Take the mean away first.

    Returns
    -------
    float
        The effective rank; 0 for features that are zero.

    Examples
    --------
    >>> from transferscore.reference import effective_rank
    >>> round(effective_rank([[3.0, 0.0], [0.0, 3.0]]), 12)
    2.0
    """
    X = np.asarray(features, dtype=np.float64)
    if centred:
        X = X - X[0]
        X = X - X.mean(axis=0)
    sigma = np.linalg.svd(X / (np.max(np.abs(X)) or 1.0), compute_uv=False)
    sigma = sigma[sigma**2 > 64 * np.finfo(np.float64).eps * sigma[0] ** 2]
    if len(sigma) == 0:
        return 0.0
    p = sigma / np.sum(sigma)
    return float(np.exp(-np.sum(p * np.log(p))))
