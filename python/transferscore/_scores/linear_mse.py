"""The error of a linear model."""

import numpy as np
from numpy.typing import ArrayLike

from transferscore import _checks, _threads
from transferscore._backend import backend
from transferscore._checks import IgnoreIndex, Ridge

RIDGE = 1.0  # in squared units of the features


def linear_mse(
    features: ArrayLike,
    targets: ArrayLike,
    *,
    regression: bool = False,
    ridge: Ridge = RIDGE,
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
) -> float:
    r"""Linear MSE: the negative regularised mean squared error of a linear model.

    Nguyen, Tran, Ho, Dinh, Tran, Hassner, Nguyen, "Simple transferability estimation for regression
    tasks", UAI 2023.

    .. math::

        - \min_{W, b} \Bigl[ \tfrac1n \sum_i \|y_i - W x_i - b\|^2 + r \|W\|_F^2 \Bigr]

    Higher is better. It is never positive; with class labels at least 1/K - 1, in general at least
    the negative variance of the targets, summed over columns.

    Parameters
    ----------
    features : array-like of shape (n, d)
        A row of features for each sample. C-contiguous float32 and float64 are read in place;
        float16 is copied to float32, other real types to float64. Sums are float64.
    targets : array-like of shape (n,) or (n, C)
        Class labels (n,), whose indicators are the columns y; a matrix (n, C) of 0 and 1; with
        `regression`, real numbers. The score is in squared units of the targets.
    regression : bool, default False
        Take the targets as real numbers.
    ridge : float or "evidence", default 1.0
        The penalty r, in squared units of the features; 0 is least squares. "evidence" takes, for
        each column, alpha / (n beta) of the largest evidence, as in LogME.
    ignore_index : int, str or sequence of these, optional
        Class labels whose samples are left out before anything is computed.
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
        The text names the argument, what it must be and what it was.

    Notes
    -----
    Memory beyond the inputs, in bytes, with s = min(n, d), at most: 24 s^2 for the Gram matrix and
    its factor, 3 Mi and 16 Ki d (n > d) or 8 n min(d, 20480) (else) for blocks of samples, and
    16 s C, with real targets also 8 n C, for targets.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import linear_mse
    >>> x = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> linear_mse(x, 2 * x + 1, regression=True, ridge=0)
    -0.0
    >>> round(linear_mse(x, 2 * x + 1, regression=True, ridge=1.25), 12)
    -2.5
    """
    n_threads = _threads.resolve(n_threads)
    X, y = _checks.features_and_targets(
        features, targets, regression=regression, ignore_index=ignore_index, n_threads=n_threads
    )
    of_evidence, penalty = _checks.ridge(ridge)
    try:
        errors, _ = backend.linear_mse(
            X,
            y.ids,
            y.n_classes,
            y.values,
            of_evidence=of_evidence,
            ridge=penalty,
            n_threads=n_threads,
        )
    except OverflowError:
        raise _checks.too_large("features") from None
    return -float(np.sum(errors))
