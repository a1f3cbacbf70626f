"""Soft-HGR: maximal correlation as an objective without inverses."""

from typing import Any

from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _threads
from transferscore._backend import backend


def soft_hgr_value_and_grad(
    f: ArrayLike, g: ArrayLike, *, n_threads: int | None = None
) -> tuple[float, NDArray[Any], NDArray[Any]]:
    r"""Soft-HGR of two sets of features, and its gradients.

    Wang, Wu, Huang, Zheng, Xu, Zhang, Huang, "An efficient approach to informative feature
    extraction from multimodal data", AAAI 2019.

    .. math::

        L = E[f^T g] - \tfrac{1}{2} \operatorname{tr}(\operatorname{cov}(f) \operatorname{cov}(g))

    of centred samples, all expectations divided by n - 1. Higher is better. The largest value over
    all functions f(X), g(Y) with k values is half the sum of the k largest squared canonical
    correlations of X and Y: half of the maximal H-score with k features.

    Parameters
    ----------
    f : array-like of shape (n, k)
        Features of one side; n >= 2.
    g : array-like of shape (n, k)
        Features of the other side, of the same samples.
    n_threads : int, optional
        Threads for this call. The result has the same bits for any number.

    Returns
    -------
    value : float
        The objective.
    by_f, by_g : ndarray of shape (n, k)
        Its derivatives, in the type of the features.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described; the text names it.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import soft_hgr_value_and_grad
    >>> x = np.random.default_rng(0).normal(size=(200, 1))
    >>> x = (x - x.mean()) / x.std(ddof=1)
    >>> value, by_f, by_g = soft_hgr_value_and_grad(x, x)
    >>> round(value, 6)  # the most there is: f and g are perfectly correlated
    0.5
    >>> bool(abs(by_f).max() < 1e-12)
    True
    """
    n_threads = _threads.resolve(n_threads)
    F, G = _checks.points(f, g, names=("f", "g"), n_threads=n_threads)
    _checks.samples_of_both(len(F), len(G))
    try:
        return backend.soft_hgr(F, G, n_threads=n_threads)
    except OverflowError:
        raise _checks.too_large("f and g") from None
