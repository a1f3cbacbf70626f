"""Accuracy of the nearest neighbours."""

from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _threads
from transferscore._backend import backend
from transferscore._checks import IgnoreIndex
from transferscore._results import KNNResult

Metric = Literal["euclidean", "cosine"]


@overload
def knn(
    features: ArrayLike,
    targets: ArrayLike,
    *,
    k: int = 5,
    metric: Metric = "euclidean",
    regression: bool = False,
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
    full_output: Literal[False] = False,
) -> float: ...
@overload
def knn(
    features: ArrayLike,
    targets: ArrayLike,
    *,
    k: int = 5,
    metric: Metric = "euclidean",
    regression: bool = False,
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
    full_output: Literal[True],
) -> KNNResult: ...
def knn(
    features: ArrayLike,
    targets: ArrayLike,
    *,
    k: int = 5,
    metric: Metric = "euclidean",
    regression: bool = False,
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
    full_output: bool = False,
) -> float | KNNResult:
    r"""How well the k nearest neighbours tell a sample's class or value, each left out in turn.

    A baseline that many scores do not beat: Sorkhei et al., TMLR 2025, arXiv 2503.18528.

    .. math::

        \text{accuracy} = \frac{1}{n} \sum_i
            1\Bigl[y_i = \arg\max_c \sum_{j \in N_k(i)} 1[y_j = c]\Bigr]

        \text{correlation} = \operatorname{corr}_i \Bigl(
            y_i, \tfrac{1}{k} \sum_{j \in N_k(i)} y_j \Bigr)

    Higher is better. 0 <= accuracy <= 1 and -1 <= correlation <= 1. The correlation is of Pearson,
    and the mean over the columns of the targets.

    Parameters
    ----------
    features : array-like of shape (n, d)
        A row of features for each sample. C-contiguous float32 and float64 are read in place;
        float16 is copied to float32, other real types to float64.
    targets : array-like of shape (n,), or (n, C) with `regression`
        Class labels: integers of any kind, booleans or strings. With `regression`: numbers.
    k : int, default 5
        Neighbours, at most n - 1.
    metric : "euclidean" or "cosine", default "euclidean"
        Distance; "cosine" is 1 - cosine, and 1 where one of two rows is zero.
    regression : bool, default False
        Return the correlation of the targets with the mean of the neighbours' targets.
    ignore_index : int, str or sequence of these, optional
        Labels whose samples are left out before anything is computed; not with `regression`.
    n_threads : int, optional
        Threads for this call. Default: `set_num_threads`, else OMP_NUM_THREADS, else the processors
        that affinity and control group allow. The result has the same bits for any number.
    full_output : bool, default False
        Return a `KNNResult` with predictions, neighbours and distances.

    Returns
    -------
    float or KNNResult
        The accuracy or the correlation.

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described, features are not finite, there is only one class, or
        a column of numbers is constant. The text names the argument, what it must be and what it
        was.

    Notes
    -----
    Ties. Of samples at the same distance the one with the lower index is the nearer neighbour. Of
    classes with the same number of votes the one whose nearest member is nearest wins. A sample is
    left out by its index: duplicates of it are neighbours at distance 0.

    Distances are float64 sums in the order of the features, also for float32 features: products in
    float32 only choose which pairs may count. Where the neighbours' mean is the same for all
    samples, its correlation is taken as 0. Many equal distances above 0, as between one-hot rows,
    cost more time, because all of them have to be computed in float64.

    Memory beyond the inputs, in bytes, at most: n d, and 512 d + 64 Ki for each thread, times the
    size of a feature, and n (260 k + 1700). Time grows with n^2 d.

    Examples
    --------
    >>> from transferscore import knn
    >>> knn([[0.0], [0.1], [0.2], [5.0], [5.1]], ["a", "a", "a", "b", "b"], k=1)
    1.0
    >>> round(knn([[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 4.0, 9.0], k=2, regression=True), 3)
    0.152
    """
    n_threads = _threads.resolve(n_threads)
    cosine = _checks.choice(metric, "metric", ("euclidean", "cosine")) == "cosine"
    predictions: NDArray[np.generic]
    try:
        if regression:
            X, Y, is_one = _checks.features_and_numbers(
                features, targets, ignore_index=ignore_index, n_threads=n_threads
            )
            k = _checks.neighbours(k, len(X))
            value, means, found = backend.knn_regression(
                X, Y, k=k, cosine=cosine, n_threads=n_threads
            )
            predictions = means[:, 0] if is_one else means
        else:
            X, y, labels = _checks.features_and_classes(
                features, targets, ignore_index=ignore_index, n_threads=n_threads
            )
            k = _checks.neighbours(k, len(X))
            value, winners, found = backend.knn(
                X, y.ids[0], y.n_classes[0], k=k, cosine=cosine, n_threads=n_threads
            )
            predictions = labels[winners]
    except OverflowError:
        raise _checks.too_large("features") from None
    return KNNResult(value, predictions, *found) if full_output else value
