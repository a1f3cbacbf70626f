"""SFDA, self-challenging Fisher discriminant analysis."""

import warnings

from numpy.typing import ArrayLike

from transferscore import _checks, _threads
from transferscore._backend import backend
from transferscore._checks import IgnoreIndex

# A mean probability nearer to 1 than this says nothing where the discriminant has more directions
# than samples determine.
_SATURATED = 1e-6


def sfda(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
) -> float:
    r"""SFDA: how surely a Fisher discriminant names classes that were moved towards each other.

    Shao, Zhao, Ge, Zhang, Yang, Wang, Shan, Luo, "Not all models are equal: predicting model
    transferability in a self-challenging Fisher space", ECCV 2022.

    .. math::

        A &= (1-s) S_w + s \tfrac{\operatorname{tr} S_w}{d} I, \quad
        s = \max(e^{-5 \hat\lambda(S_w)}, 10^{-10})

        p(c \mid x) &\propto \tfrac{n_c}{n}
            \exp\bigl(x^\top A^{-1} \mu_c - \tfrac12 \mu_c^\top A^{-1} \mu_c\bigr)

        \tilde x_i &= w_i x_i + (1 - w_i) o_{y_i}, \quad
        w_i = \operatorname{softmax}(p(\cdot \mid x_i))_{y_i}

        \mathrm{SFDA} &= \tfrac1n \sum_i \tilde p(y_i \mid \tilde x_i)

    S_w is the covariance within classes, divided by n; o_c the mean of the other classes' means;
    the second fit is to the moved samples, with the same s. The estimate of the largest eigenvalue
    is part of the definition: three times two power steps that start at the row sums of S_w (at the
    row of the feature with the largest variance, where the sums are zero). There is no logarithm in
    the authors' code, and none here. Higher is better, 0 <= SFDA <= 1.

    Parameters
    ----------
    features : array-like of shape (n, d)
        A row of features for each sample. Their unit matters, through s. C-contiguous float32 and
        float64 are read in place and never written; float16 is copied to float32, other real types
        to float64. Products and sums are float64.
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
        The score.

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described, features are not finite, or there is only one class.

    Warns
    -----
    UserWarning
        Where the score is 1 up to 1e-6 and n < d + K: nearly any features are then separated.

    Notes
    -----
    Memory beyond the inputs, in bytes, at most: 24 d^2 for scatter and factor, 160 Ki min(d, 384) +
    16 Ki d for blocks of samples, 64 K d for class means, 16 n, and 1 Ki (K + d) for each thread.
    Samples without any spread within their classes score the limit of ever smaller spread: each
    belongs to the nearest mean.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import sfda
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 3, size=500)
    >>> noise = rng.normal(size=(500, 8))
    >>> round(sfda(noise, labels), 3)
    0.338
    >>> round(sfda(noise + 2 * np.eye(8)[labels], labels), 3)
    0.582
    """
    n_threads = _threads.resolve(n_threads)
    X, y = _checks.features_and_one_label_set(
        features, labels, ignore_index=ignore_index, n_threads=n_threads
    )
    n_classes = y.n_classes[0]
    try:
        value = backend.sfda(X, y.ids, n_classes, n_threads=n_threads)
    except OverflowError:
        raise _checks.too_large("features") from None
    n, d = X.shape
    if n < d + n_classes and value > 1 - _SATURATED:
        warnings.warn(
            f"SFDA of {n} samples with {d} features and {n_classes} classes is 1 for nearly any "
            "features: reduce their number, by PCA for instance, or score more samples",
            UserWarning,
            stacklevel=2,
        )
    return value
