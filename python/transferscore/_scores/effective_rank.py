"""How many directions the features use."""

from numpy.typing import ArrayLike

from transferscore import _checks, _threads
from transferscore._backend import backend


def effective_rank(
    features: ArrayLike, *, centred: bool = False, n_threads: int | None = None
) -> float:
    r"""Effective rank: how many directions the features use. It needs no labels.

    Roy, Vetterli, "The effective rank: a measure of effective dimensionality", EUSIPCO 2007. As a
    score of pretrained features it is known as RankMe (Garrido et al., ICML 2023).

    .. math::

        \exp\Bigl( -\sum_k p_k \log p_k \Bigr), \quad p_k = \sigma_k / \sum_j \sigma_j

    with the singular values of the features. Higher is taken for better. Between 1 and the rank of
    the features; 0 where all features are zero (with `centred`: constant).

    Parameters
    ----------
    features : array-like of shape (n, d)
        A row of features for each sample, in any common unit. C-contiguous float32 and float64 are
        read in place; float16 is copied to float32, other real types to float64. Sums are float64.
    centred : bool, default False
        Take the mean away first. The paper does not: a large mean then counts as a direction.
    n_threads : int, optional
        Threads for this call. Default: `set_num_threads`, else OMP_NUM_THREADS, else the processors
        that affinity and control group allow. The result has the same bits for any number.

    Returns
    -------
    float
        The effective rank.

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described or features are not finite. The text names the
        argument, what it must be and what it was.

    Notes
    -----
    Singular values come from the smaller Gram matrix: below 1.2e-7 of the largest they count as
    zero. Memory beyond the inputs, in bytes, with s = min(n, d): 8 s^2, and 3 Mi and 16 Ki d
    (n > d) or 8 n min(d, 20480) (else) for blocks of samples.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import effective_rank
    >>> round(effective_rank(np.eye(4)), 12)
    4.0
    >>> round(effective_rank(np.diag([1.0, 1.0, 1e-3, 0.0])), 3)
    2.008
    """
    n_threads = _threads.resolve(n_threads)
    X = _checks.features_alone(features, n_threads)
    try:
        return float(backend.effective_rank(X, centred=bool(centred), n_threads=n_threads))
    except OverflowError:
        raise _checks.too_large("features") from None
