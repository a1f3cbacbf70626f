"""The H-score with its derivatives by the features."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _threads
from transferscore._backend import backend
from transferscore._checks import IgnoreIndex, Shrinkage
from transferscore._scores.h_score import counts_classes


def h_score_value_and_grad(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    shrinkage: Shrinkage = None,
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
) -> tuple[float, NDArray[Any]]:
    r"""The H-score and its gradient by the features.

    The score is that of Bao et al., ICIP 2019, with shrinkage that of Ibrahim, Ponomareva,
    Mazumder, ECML-PKDD 2022; higher is better, so a step along the gradient improves it.

    .. math::

        \frac{\partial H}{\partial f_i} = \tfrac{2}{n} \Sigma^{-1} \bigl(
            E[f \mid y_i] - \operatorname{cov}(E[f \mid y]) \Sigma^{-1} f_i\bigr)

    for centred features without shrinkage. With it, Sigma is the shrunk covariance, whose own
    scale, and with "ledoit-wolf" whose intensity, are differentiated as well.

    Parameters
    ----------
    features : array-like of shape (n, d)
        A row of features for each sample, in any unit, as for `h_score`.
    labels : array-like of shape (n,)
        Class labels: integers of any kind, booleans or strings.
    shrinkage : None, "ledoit-wolf" or float in [0, 1], optional
        Intensity of the shrinkage, as for `h_score`.
    ignore_index : int, str or sequence of these, optional
        Labels whose samples are left out; their derivatives are zero.
    n_threads : int, optional
        Threads for this call. The result has the same bits for any number.

    Returns
    -------
    value : float
        The score.
    gradient : ndarray of shape (n, d)
        Its derivatives by the features, in their type.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described; the text names it.

    Warns
    -----
    UserWarning
        Without shrinkage, where the centred features have a rank below their number: the score is
        then constant (rank n - 1) or jumps in some directions, and the derivative is that by
        features that span the rest, the others held fixed.

    Notes
    -----
    Memory beyond the inputs, in bytes: 24 d^2 for the covariance and its factor, 32 K d for class
    means, and blocks of samples. There is no other form for n < d.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import h_score_value_and_grad
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 3, size=500)
    >>> features = rng.normal(size=(500, 8)) + np.eye(8)[labels]
    >>> value, gradient = h_score_value_and_grad(features, labels)
    >>> better, _ = h_score_value_and_grad(features + 10 * gradient, labels)
    >>> better > value
    True
    """
    n_threads = _threads.resolve(n_threads)
    _checks.one_label_set(labels)
    X, y = _checks.features_and_labels(
        features, labels, ignore_index=ignore_index, n_threads=n_threads
    )
    ledoit_wolf, intensity = _checks.shrinkage(shrinkage)
    try:
        value, gradient, _, rank = backend.h_score_gradient(
            X,
            y.ids,
            y.n_classes,
            ledoit_wolf=ledoit_wolf,
            intensity=intensity,
            n_threads=n_threads,
        )
    except OverflowError:
        raise _checks.too_large("features") from None
    if 0 <= rank < X.shape[1]:
        warnings.warn(_not_of_full_rank(rank, *X.shape), UserWarning, stacklevel=2)
    places = _checks.kept(np.asarray(labels), "labels", ignore_index)
    if places is None:
        return value, gradient
    whole = np.zeros((len(np.asarray(labels)), X.shape[1]), gradient.dtype)
    whole[places] = gradient
    return value, whole


def _not_of_full_rank(rank: int, n: int, d: int) -> str:
    if rank == n - 1:
        return counts_classes(n, d)
    return (
        f"the H-score of {d} features of rank {rank} jumps where features that depend on others "
        "begin to differ; its derivative is by features that span the rest; use shrinkage=... for "
        "a score that is smooth"
    )
