"""Drop-in names of `metrics.py` of TencentARC/SFDA that need features and labels only.

Change `from metrics import NLEEP, LogME_Score, SFDA_Score, PARC_Score` to
`from transferscore.compat.sfda import NLEEP, LogME_Score, SFDA_Score, PARC_Score`. `LEEP` of that
module reads weights of certain networks from files, and is left out: with the probabilities at hand
it is `transferscore.leep`. `docs/migration.md` says where values differ, and why.
"""

import numpy as np
from numpy.typing import ArrayLike

from transferscore import _checks
from transferscore._scores import nleep, parc, sfda
from transferscore._scores.logme import THUML, scored
from transferscore.compat._reduction import principal_components

__all__ = ["NLEEP", "LogME_Score", "PARC_Score", "SFDA_Score"]

NAMES = {"features": "X", "labels": "y", "targets": "y"}


def SFDA_Score(X: ArrayLike, y: ArrayLike) -> np.float64:  # noqa: N802
    """SFDA as TencentARC/SFDA computes it: the value of `transferscore.sfda`. Higher is better.

    There `X` is overwritten and the shrinkage printed; here neither.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Features.
    y : array-like of shape (n,)
        Class labels.

    Returns
    -------
    numpy.float64
        The score, between 0 and 1: a mean of probabilities, not of their logarithms.

    Examples
    --------
    >>> from transferscore.compat.sfda import SFDA_Score
    >>> float(round(SFDA_Score([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]), 6))
    0.817392
    """
    with _checks.under_names(NAMES):
        return np.float64(sfda(X, _checks.one_column(y, "y")))


def LogME_Score(X: ArrayLike, y: ArrayLike) -> np.float64:  # noqa: N802
    """LogME as TencentARC/SFDA copied it from thuml/LogME. Higher is better.

    The same value as `transferscore.compat.logme.LogME().fit(X, y)`.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Features.
    y : array-like of shape (n,)
        Class labels.

    Returns
    -------
    numpy.float64
        The score.

    Examples
    --------
    >>> from transferscore.compat.sfda import LogME_Score
    >>> float(round(LogME_Score([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]), 6))
    -0.78804
    """
    with _checks.under_names(NAMES):
        y = _checks.one_column(y, "y")
        return np.float64(scored(X, y, THUML, regression=False, weights=False).value)


def NLEEP(X: ArrayLike, y: ArrayLike, component_ratio: float = 5) -> np.float64:  # noqa: N802
    """N-LEEP as TencentARC/SFDA computes it: without the logarithm. Higher is better.

    The same value as `transferscore.nleep(X, y, n_components=component_ratio * classes,
    covariance="full", pca=0.8, log=False)`. There the mixture starts at random and each call gives
    another value; here the seed is 0.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Features.
    y : array-like of shape (n,)
        Class labels.
    component_ratio : float, default 5
        Gaussians for each class; together at most n.

    Returns
    -------
    numpy.float64
        The score, between 0 and 1: a mean of probabilities.

    Examples
    --------
    >>> from transferscore.compat.sfda import NLEEP
    >>> float(round(NLEEP([[0.0], [0.1], [9.0], [9.1]], [0, 0, 1, 1], component_ratio=1), 6))
    1.0
    """
    with _checks.under_names(NAMES):
        y = _checks.one_column(y, "y")
        n_classes = _checks.classes(y, len(y), "y").count
        size = _checks.multiple(component_ratio, n_classes, "component_ratio")
        return np.float64(nleep(X, y, n_components=size, pca=0.8, log=False))


def PARC_Score(X: ArrayLike, y: ArrayLike, ratio: float = 2) -> np.float64:  # noqa: N802
    """PARC as TencentARC/SFDA computes it, on principal components. Higher is better.

    The same value as `transferscore.compat.parc.PARC(n_dims)`, which needs the extra `compat`.
    There it stops on missing imports.

    Parameters
    ----------
    X : array-like of shape (n, d)
        Features.
    y : array-like of shape (n,)
        Class labels.
    ratio : float, default 2
        Principal components for each feature; above 1, there are 32 of them.

    Returns
    -------
    numpy.float64
        The score, between -100 and 100.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore.compat.sfda import PARC_Score
    >>> rng = np.random.default_rng(0)
    >>> y = rng.integers(0, 3, size=60)
    >>> bool(40 < PARC_Score(rng.normal(size=(60, 8)) + 6 * np.eye(8)[y], y, ratio=0.5) < 100)
    True
    """
    with _checks.under_names(NAMES):
        y = _checks.one_column(y, "y")
        n_dims = _checks.reduced_width(ratio, X, most=32)
        return np.float64(parc(principal_components(X, n_dims), y))
