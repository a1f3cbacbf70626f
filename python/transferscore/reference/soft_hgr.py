"""The definition of Soft-HGR, with its derivatives."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Matrix = NDArray[np.float64]


class SoftHGR(NamedTuple):
    """The objective and its derivatives."""

    value: float
    f: Matrix  # (n, k)
    g: Matrix  # (n, k)


def soft_hgr(f: ArrayLike, g: ArrayLike) -> SoftHGR:
    """E[f^T g] - tr(cov(f) cov(g)) / 2 of centred samples, expectations divided by n - 1.

    Wang et al., AAAI 2019. Higher is better.

    Parameters
    ----------
    f : array-like of shape (n, k)
        Features of one side.
    g : array-like of shape (n, k)
        Features of the other side, of the same samples.

    Returns
    -------
    SoftHGR
        The value and its derivatives.

    Examples
    --------
    >>> from transferscore.reference import soft_hgr
    >>> round(soft_hgr([[1.0], [-1.0]], [[1.0], [-1.0]]).value, 12)
    0.0
    """
    x, y = (np.asarray(side, dtype=np.float64) for side in (f, g))
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    N = len(x) - 1
    cov_f, cov_g = x.T @ x / N, y.T @ y / N
    value = np.trace(x.T @ y) / N - np.trace(cov_f @ cov_g) / 2
    return SoftHGR(float(value), (y - x @ cov_g) / N, (x - y @ cov_f) / N)
