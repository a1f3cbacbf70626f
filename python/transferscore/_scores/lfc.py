"""LFC, the correlation of label and feature similarities."""

import warnings

from numpy.typing import ArrayLike

from transferscore import _checks, _threads
from transferscore._backend import backend
from transferscore._checks import IgnoreIndex


def lfc(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
) -> float:
    r"""LFC: how alike the similarities of features and of labels are, over all pairs of samples.

    Deshpande, Achille, Ravichandran, Li, Zancato, Fowlkes, Bhotika, Soatto, Perona, "A linearized
    framework and a new benchmark for model selection for fine-tuning", arXiv 2102.00084, 2021.

    .. math::

        \mathrm{LFC} = \cos\bigl(K - \bar K,\ L - \bar L\bigr), \quad
        K = X X^\top, \quad L_{ij} = \pm 1 \text{ for the same or different classes}

    The bars are means over all n^2 entries. Higher is better, -1 <= LFC <= 1.

    Parameters
    ----------
    features : array-like of shape (n, d)
        A row of features for each sample, in any common unit. They are not centred first: that is
        the definition. C-contiguous float32 and float64 are read in place; float16 is copied to
        float32, other real types to float64.
    labels : array-like of shape (n,)
        Class labels: integers of any kind, booleans or strings.
    ignore_index : int, str or sequence of these, optional
        Labels whose samples are left out before anything is computed.
    n_threads : int, optional
        Threads for this call. Default: `set_num_threads`, else OMP_NUM_THREADS, else the processors
        that affinity and control group allow. The result has the same bits for any number.

    Returns
    -------
    float
        The score; 0 where all features are constant, which leaves it undefined.

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described, features are not finite, or there is only one class.

    Warns
    -----
    UserWarning
        Where all features are constant.

    Notes
    -----
    No matrix of all pairs is made. Memory beyond the inputs, in bytes, with k = min(n, d), at most:
    8 k^2 for the Gram matrix, 160 Ki min(k, 384) + 8 Ki max(k, d) for blocks of samples, 24 K d for
    class means, and 16 n.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import lfc
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 3, size=500)
    >>> noise = rng.normal(size=(500, 8))
    >>> round(lfc(noise, labels), 3)
    0.008
    >>> round(lfc(noise + 3 * np.eye(8)[labels], labels), 3)
    0.663
    """
    n_threads = _threads.resolve(n_threads)
    X, y = _checks.features_and_one_label_set(
        features, labels, ignore_index=ignore_index, n_threads=n_threads
    )
    try:
        value, is_defined = backend.lfc(X, y.ids, y.n_classes[0], n_threads=n_threads)
    except OverflowError:
        raise _checks.too_large("features") from None
    if not is_defined:
        warn_of_constant_features()
    return value


def warn_of_constant_features() -> None:
    """Say in the name of the caller's caller that the 0 is none."""
    warnings.warn(
        "LFC of constant features is not defined: no pair is more alike than another; got 0",
        UserWarning,
        stacklevel=3,
    )
