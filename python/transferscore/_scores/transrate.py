"""TransRate, and the coding rate that it is made of."""

from typing import Literal

from numpy.typing import ArrayLike

from transferscore import _checks, _threads
from transferscore._backend import backend
from transferscore._checks import IgnoreIndex

EPSILON = 1e-4  # the paper's distortion, in squared units of the features


def transrate(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    epsilon: float = EPSILON,
    weighting: Literal["size", "uniform"] = "size",
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
) -> float:
    r"""TransRate: how much shorter a code of the features gets where the class is known.

    Huang, Huang, Rong, Yang, Wei, "Frustratingly easy transferability estimation", ICML 2022.

    .. math::

        R(Z, \epsilon) = \tfrac12 \log\det\bigl(I + \tfrac{1}{n \epsilon} Z^\top Z\bigr), \quad
        \mathrm{TrR} = R(Z, \epsilon) - \sum_c \tfrac{n_c}{n} R(Z_c, \epsilon)

    Z are the features less their mean; the rows Z_c of a class keep that centre. Higher is better;
    at least 0 with weights by size.

    Parameters
    ----------
    features : array-like of shape (n, d)
        A row of features for each sample. Their unit matters. C-contiguous float32 and float64 are
        read in place; float16 is copied to float32, other real types to float64.
    labels : array-like of shape (n,)
        Class labels: integers of any kind, booleans or strings.
    epsilon : float, default 1e-4
        Distortion, in squared units of the features. Scores of different epsilon do not compare.
    weighting : {"size", "uniform"}, default "size"
        Weights of the classes: n_c / n as in the paper's text, or 1 / K as in its listing and in
        TLlib. They differ where classes have different sizes.
    ignore_index : int, str or sequence of these, optional
        Labels whose samples are left out before anything is computed.
    n_threads : int, optional
        Threads for this call. Default: `set_num_threads`, else OMP_NUM_THREADS, else the processors
        that affinity and control group allow. The result has the same bits for any number.

    Returns
    -------
    float
        The score, in nats.

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described, features are not finite, or there is only one class.

    Notes
    -----
    Memory beyond the inputs, in bytes, with k = min(n, d), at most: 24 k^2 for the Gram matrix and
    its factor (40 k^2 where features depend on each other and are large beside sqrt(epsilon)),
    160 Ki min(k, 384) + 8 Ki d for blocks of samples, and 24 k_c^2 + 8 Ki min(k_c + d, n_c + d) for
    the class of each thread, k_c = min(n_c, d). Spread below 1e-12 of a feature's own, about,
    counts as none.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import transrate
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 3, size=500)
    >>> noise = rng.normal(size=(500, 8))
    >>> round(transrate(noise, labels), 3)
    0.09
    >>> round(transrate(noise + 5 * np.eye(8)[labels], labels), 3)
    0.866
    """
    n_threads = _threads.resolve(n_threads)
    epsilon = _checks.positive(epsilon, "epsilon")
    uniform = _checks.choice(weighting, "weighting", ("size", "uniform")) == "uniform"
    X, y = _checks.features_and_one_label_set(
        features, labels, ignore_index=ignore_index, n_threads=n_threads
    )
    try:
        return backend.transrate(
            X, y.ids, y.n_classes[0], epsilon=epsilon, uniform=uniform, n_threads=n_threads
        )
    except OverflowError:
        raise _checks.too_large_for_epsilon(epsilon) from None


def coding_rate(
    features: ArrayLike,
    *,
    epsilon: float = EPSILON,
    centred: bool = True,
    n_threads: int | None = None,
) -> float:
    r"""Coding rate: how many nats describe a sample up to a distortion.

    .. math::

        R(Z, \epsilon) = \tfrac12 \log\det\bigl(I + \tfrac{1}{n \epsilon} Z^\top Z\bigr)

    Huang, Huang, Rong, Yang, Wei, "Frustratingly easy transferability estimation", ICML 2022. No
    score by itself: `transrate` is a difference of coding rates.

    Parameters
    ----------
    features : array-like of shape (n, d)
        A row of features for each sample. Their unit matters.
    epsilon : float, default 1e-4
        Distortion, in squared units of the features.
    centred : bool, default True
        Whether Z are the features less their mean, or the features themselves as in TLlib's
        function of this name.
    n_threads : int, optional
        Threads for this call, as in `transrate`.

    Returns
    -------
    float
        The rate, 0 or more.

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described or features are not finite.

    Examples
    --------
    >>> from transferscore import coding_rate
    >>> round(coding_rate([[1.0, 0.0], [-1.0, 0.0]], epsilon=1.0), 6)
    0.346574
    """
    n_threads = _threads.resolve(n_threads)
    epsilon = _checks.positive(epsilon, "epsilon")
    X = _checks.features_alone(features, n_threads)
    try:
        return backend.coding_rate(X, epsilon=epsilon, centred=bool(centred), n_threads=n_threads)
    except OverflowError:
        raise _checks.too_large_for_epsilon(epsilon) from None
