"""PARC: do samples that differ in their features differ in their labels?"""

import numpy as np
from numpy.typing import ArrayLike

from transferscore import _checks, _memory, _threads
from transferscore._backend import backend
from transferscore._checks import IgnoreIndex


def parc(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    ignore_index: IgnoreIndex = None,
    memory_budget: int | None = None,
    n_threads: int | None = None,
) -> float:
    r"""PARC: rank correlation of distances between features with distances between labels.

    Bolya, Mittapalli, Hoffman, "Scalable diverse model selection for accessible transfer learning",
    NeurIPS 2021.

    .. math::

        \text{PARC} = 100 \, \operatorname{spearman}_{i > j} \bigl(
            1 - \operatorname{corr}(z_i, z_j), \; 1 - \operatorname{corr}(y_i, y_j) \bigr)

    with z the features whose columns have mean 0 and variance 1, and y the labels as rows of 0 and
    1. For one label per sample, with r the average ranks of the distances between features and p
    the share of pairs of one class, this is

    .. math::

        100 \, (\bar r_{\text{different}} - \bar r_{\text{same}})
            \sqrt{p (1 - p)} / \operatorname{sd}(r)

    Higher is better. -100 <= PARC <= 100.

    Parameters
    ----------
    features : array-like of shape (n, d)
        A row of features for each of n >= 3 samples, each column in any unit. The paper suggests to
        reduce features to 32 principal components first, which is left to the caller.
    labels : array-like of shape (n,) or (n, C)
        Class labels: integers of any kind, booleans or strings. Or several labels per sample: a
        matrix of 0 and 1, with both in every row.
    ignore_index : int, str or sequence of these, optional
        Labels whose samples are left out before anything is computed; with labels (n,).
    memory_budget : int, optional
        Bytes that this call may take. Default: a quarter of what the process may use.
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
        Where an argument is not as described, features are not finite, there is only one class, no
        two samples share a class, a row of standardised features is constant (as in a matrix of one
        column), or all distances are equal. The text names the argument, what it must be and what
        it was.
    MemoryError
        Where the pairs of samples take more than the budget.

    Notes
    -----
    Ties count as they should: equal distances between labels are found in whole numbers, and
    distances between features that differ by rounding alone (about 1e-12) have the same rank.
    Public code ranks rounding errors of `np.corrcoef`, and differs by an amount that depends on the
    number of classes: with OpenBLAS nothing for 8, a third of the score for 7, more than half for
    37.

    Memory beyond the inputs, in bytes: 8 n (n - 1) + 8 n d, 512 Ki + 8 Ki d for each thread, and
    with labels (n, C) n C and up to 256 Mi for a table of their distances, where rows have many
    different numbers of ones. For many samples, score a random part.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import parc
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 3, size=200)
    >>> noise = rng.normal(size=(200, 8))
    >>> round(parc(noise, labels), 2)
    -0.9
    >>> round(parc(noise + 3 * np.eye(8)[labels], labels), 2)
    52.0
    """
    n_threads = _threads.resolve(n_threads)
    y = np.asarray(_checks.as_array(labels, "labels"))
    if y.ndim == 2:
        X, rows = _checks.features_and_label_rows(
            features, y, ignore_index=ignore_index, n_threads=n_threads
        )
    else:
        X, classes = _checks.features_and_labels(
            features, y, ignore_index=ignore_index, n_threads=n_threads
        )
    n, d = X.shape
    _checks.at_least_three(n)
    needed, budget = 8 * n * (n - 1) + 8 * n * d, _memory.budget(memory_budget)
    if needed > budget:
        raise _checks.too_many_pairs(n, needed, budget)
    try:
        value, constant_row, equal_features, equal_labels = (
            backend.parc_multi_label(X, rows, n_threads=n_threads)
            if y.ndim == 2
            else backend.parc(X, classes.ids[0], n_threads=n_threads)
        )
    except OverflowError:
        raise _checks.too_large("features") from None
    except ValueError as error:  # std::length_error
        raise _checks.too_many_label_distances() from error
    if constant_row >= 0:
        raise _checks.constant_row(constant_row)
    if equal_labels:
        raise _checks.equal_distances("labels", n)
    if equal_features:
        raise _checks.equal_distances("features", n)
    return value
