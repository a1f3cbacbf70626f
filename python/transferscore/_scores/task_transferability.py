"""Task transferability: an H-score as a share of what the task's optimal features reach."""

import warnings
from typing import Any

from numpy.typing import ArrayLike

from transferscore import _checks, _threads
from transferscore._checks import IgnoreIndex, Shrinkage
from transferscore._results import HScoreResult
from transferscore._scores.h_score import h_score

ROUNDING = 1e-9


def task_transferability(
    source_features: ArrayLike,
    labels: ArrayLike,
    *,
    optimal: Any,
    shrinkage: Shrinkage = None,
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
) -> float:
    r"""Task transferability: the H-score of source features over that of optimal features.

    Bao, Li, Huang, Zhang, Zheng, Zamir, Guibas, "An information-theoretic approach to
    transferability in task transfer learning", ICIP 2019.

    .. math::

        T(S, T) = \frac{H_T(f_S)}{H_T(f_{T_{\text{opt}}})}

    Higher is better. 0 <= T <= 1, where the optimal features are no worse than those of the source.
    Target tasks can then be compared with each other, which plain H-scores can't.

    Parameters
    ----------
    source_features : array-like of shape (n, d)
        Features of the target samples from the source network.
    labels : array-like of shape (n,)
        Class labels of the target task.
    optimal : float, array-like of shape (n, d'), or sequence of these
        The best that is known for the target task: features of the same samples from a network that
        was trained on the task, or an H-score, for instance `maximal_h_score` where the input is
        discrete. Of several candidates that with the largest H-score counts.
    shrinkage : None, "ledoit-wolf" or float in [0, 1], optional
        As in `h_score`, for all features alike. A known H-score is taken as it is.
    ignore_index : int, str or sequence of these, optional
        Labels whose samples are left out before anything is computed.
    n_threads : int, optional
        Threads for this call. Default: `set_num_threads`, else OMP_NUM_THREADS, else the processors
        that affinity and control group allow. The result has the same bits for any number.

    Returns
    -------
    float
        The transferability.

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described; where `optimal` is unrelated to the labels; where a
        known H-score is larger than any can be; and where, without shrinkage, the source features
        have rank n - 1 (with n <= d + 1 nearly always): their H-score then says nothing, nor would
        the ratio.

    Warns
    -----
    UserWarning
        Where the ratio is above 1: `optimal` is not optimal. Where the best of `optimal` are
        features of rank n - 1 without shrinkage: their H-score is then the largest that there is,
        and the ratio is too low.

    Notes
    -----
    Memory as `h_score` of one set of features at a time.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import task_transferability
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 3, size=500)
    >>> trained = np.eye(3)[labels] + 0.3 * rng.normal(size=(500, 3))
    >>> source = trained + rng.normal(size=(500, 3))
    >>> round(task_transferability(source, labels, optimal=trained), 3)
    0.284
    """
    n_threads = _threads.resolve(n_threads)
    _checks.one_label_set(labels)

    def scored(features: Any, name: str) -> HScoreResult:
        # What the H-score warns of is said here with the name of the argument.
        with _checks.under_names({"features": name}), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "the H-score of .* whatever the", UserWarning)
            return h_score(
                features,
                labels,
                shrinkage=shrinkage,
                ignore_index=ignore_index,
                n_threads=n_threads,
                full_output=True,
            )

    source = scored(source_features, "source_features")
    if _counts_classes(source):
        raise _checks.source_counts_classes(source.n, source.d)
    best, best_name, best_counts = 0.0, "optimal", False
    for name, candidate in _checks.candidates(optimal).items():
        if isinstance(candidate, float):
            value, counts = candidate, False
            if value > (source.classes - 1) * (1 + ROUNDING):
                raise _checks.above_the_bound(name, value, int(source.classes))
        else:
            result = scored(candidate, name)
            value, counts = float(result.value), _counts_classes(result)
        if value > best:
            best, best_name, best_counts = value, name, counts
    if best == 0:
        raise _checks.nothing_reached()
    ratio = float(source.value) / best
    if best_counts:
        warnings.warn(_too_low(best_name, source.n), UserWarning, stacklevel=2)
    if ratio > 1 + ROUNDING:
        text = _not_optimal(best_name, float(source.value), best)
        warnings.warn(text, UserWarning, stacklevel=2)
    return ratio


def _counts_classes(result: HScoreResult) -> bool:
    return result.rank == result.n - 1


def _too_low(name: str, n: int) -> str:
    return (
        f"`{name}` has rank n - 1 = {n - 1}, so its H-score is the number of classes minus one, "
        "whatever the features are, and the transferability is too low; use shrinkage='ledoit-wolf'"
    )


def _not_optimal(name: str, value: float, best: float) -> str:
    return (
        f"`{name}` is not optimal: its H-score, {best:.6g}, is {1 - best / value:.2%} below that "
        f"of `source_features`, {value:.6g}, so the transferability is {value / best:.6g}, above 1"
    )
