"""H-score, plain and with shrinkage."""

import warnings
from collections.abc import Sequence
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _threads
from transferscore._backend import backend
from transferscore._checks import IgnoreIndex, Shrinkage
from transferscore._results import HScoreResult


# A float for one label set, an array for several. Shapes have no types: Any, as in NumPy's stubs.
@overload
def h_score(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    shrinkage: Shrinkage = None,
    adjust_for_chance: bool = False,
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
    full_output: Literal[False] = False,
) -> Any: ...
@overload
def h_score(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    shrinkage: Shrinkage = None,
    adjust_for_chance: bool = False,
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
    full_output: Literal[True],
) -> HScoreResult: ...
def h_score(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    shrinkage: Shrinkage = None,
    adjust_for_chance: bool = False,
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
    full_output: bool = False,
) -> float | NDArray[np.float64] | HScoreResult:
    r"""H-score: how well the features separate the classes, against their own spread.

    Bao, Li, Huang, Zhang, Zheng, Zamir, Guibas, "An information-theoretic approach to
    transferability in task transfer learning", ICIP 2019. With shrinkage: Ibrahim, Ponomareva,
    Mazumder, "Newer is not always better: rethinking transferability metrics, their peculiarities,
    stability and performance", ECML-PKDD 2022.

    .. math::

        H = \operatorname{tr}\bigl(\operatorname{cov}(f)^{+} \operatorname{cov}(E[f \mid y])\bigr)

        H_\alpha = \operatorname{tr}\bigl(
            \Sigma_\alpha^{-1} (1-\alpha) \operatorname{cov}(E[f \mid y])\bigr), \quad
        \Sigma_\alpha = (1-\alpha) \Sigma + \alpha \tfrac{\operatorname{tr} \Sigma}{d} I

    Higher is better. 0 <= H <= min(K - 1, rank of the centred features), K the number of classes.

    Parameters
    ----------
    features : array-like of shape (n, d)
        A row of features for each sample, in any unit. C-contiguous float32 and float64 are read in
        place; float16 is copied to float32, other real types to float64. Sums are float64.
    labels : array-like of shape (n,) or (n, L)
        Class labels: integers of any kind, booleans or strings; gaps and negative values are fine.
        Each of L columns is a label set of its own; all share one covariance and factorisation.
    shrinkage : None, "ledoit-wolf" or float in [0, 1], optional
        Intensity with which the covariance is drawn towards a multiple of the identity;
        "ledoit-wolf" estimates it from the features. All covariances are divided by n, as in the
        paper.
    adjust_for_chance : bool, default False
        Return (H - (K - 1) q) / (1 - q), where q (K - 1) is the mean score over all permutations of
        the labels (q = rank / (n - 1) without shrinkage): 0 for labels unrelated to the features,
        still K - 1 for perfect separation.
    ignore_index : int, str or sequence of these, optional
        Labels whose samples are left out before anything is computed.
    n_threads : int, optional
        Threads for this call. Default: `set_num_threads`, else OMP_NUM_THREADS, else the processors
        that affinity and control group allow. The result has the same bits for any number.
    full_output : bool, default False
        Return an `HScoreResult` with bounds, rank, shrinkage used and notes.

    Returns
    -------
    float, ndarray of shape (L,) or HScoreResult
        A float for labels of shape (n,), an array for (n, L).

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described, features are not finite, or there is only one class.
        The text names the argument, what it must be and what it was.

    Warns
    -----
    UserWarning
        Without shrinkage, where the centred features have rank n - 1 (with n <= d + 1 nearly
        always): the score is then K - 1 whatever the features are.

    Notes
    -----
    Memory beyond the inputs, in bytes, for n > d + 1, at most: 16 d^2 for the covariance and its
    factor (24 d^2 where features depend on each other), 240 Ki min(d, 384) + 16 Ki d for blocks of
    samples, the smaller of 8 L K d and 128 Mi + 8 K d for class sums, and 4 n L for the labels.
    Otherwise n takes the place of d in the first two. The plain score does not change under
    invertible linear maps of the features.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import h_score
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 3, size=500)
    >>> noise = rng.normal(size=(500, 8))
    >>> round(h_score(noise, labels), 3)
    0.036
    >>> round(h_score(noise + np.eye(8)[labels], labels), 3)
    0.598
    """
    n_threads = _threads.resolve(n_threads)
    X, y = _checks.features_and_labels(
        features, labels, ignore_index=ignore_index, n_threads=n_threads
    )
    values, intensity, rank = _scored(X, y, shrinkage, adjust_for_chance, n_threads=n_threads)
    value = float(values[0]) if y.is_one_set else values
    return _result(value, X, y, intensity, rank) if full_output else value


def of_label_sets(
    features: ArrayLike,
    label_sets: Sequence[ArrayLike],
    *,
    shrinkage: Shrinkage = None,
    adjust_for_chance: bool = False,
    n_threads: int | None = None,
) -> NDArray[np.float64]:
    """The score of each of L label sets (n,) with the bits that it has alone: (L,).

    In (n, L) labels, all sets share the precision of their products with features in float32.
    """
    n_threads = _threads.resolve(n_threads)
    X, y = _checks.features_and_label_sets(features, label_sets, n_threads)
    values, _, _ = _scored(
        X, y, shrinkage, adjust_for_chance, n_threads=n_threads, as_if_alone=True
    )
    return values


def _scored(
    X: _checks.Floats,
    y: _checks.Labels,
    shrinkage: Shrinkage,
    adjust_for_chance: bool,
    *,
    n_threads: int,
    as_if_alone: bool = False,
) -> tuple[NDArray[np.float64], float, int]:
    """(values (L,), intensity, rank). Warnings point to whom called the caller."""
    ledoit_wolf, intensity = _checks.shrinkage(shrinkage)
    try:
        values, intensity, rank, chance = backend.h_score(
            X,
            y.ids,
            y.n_classes,
            ledoit_wolf=ledoit_wolf,
            intensity=intensity,
            adjust_for_chance=adjust_for_chance,
            as_if_alone=as_if_alone,
            n_threads=n_threads,
        )
    except OverflowError:
        raise _checks.too_large("features") from None
    if rank == y.n - 1:
        warnings.warn(counts_classes(y.n, X.shape[1]), UserWarning, stacklevel=3)
    if adjust_for_chance and chance >= 1:
        raise _checks.no_chance_level(y.n)
    return values, intensity, rank


def counts_classes(n: int, d: int) -> str:
    """What to say where the score depends on nothing but the number of classes."""
    return (
        f"the H-score of {n} samples with {d} features of rank n - 1 = {n - 1} is the number of "
        "classes minus one, whatever the features are; use shrinkage='ledoit-wolf' for a score "
        "that compares features"
    )


def _result(
    value: float | NDArray[np.float64],
    X: _checks.Floats,
    y: _checks.Labels,
    intensity: float,
    rank: int,
) -> HScoreResult:
    n, d = X.shape
    known_rank = rank if rank >= 0 else None
    classes = np.asarray(y.n_classes)
    most = np.minimum(classes - 1, min(n - 1, d) if known_rank is None else rank).astype(np.float64)
    notes = []
    if known_rank == n - 1:
        notes.append(counts_classes(n, d))
    elif known_rank is not None and rank < d:
        notes.append(f"rank {rank} of {d} features: constant or dependent features add nothing")
    return HScoreResult(
        value=value,
        bounds=(0.0, float(most[0])) if y.is_one_set else (np.zeros_like(most), most),
        rank=known_rank,
        n=n,
        d=d,
        classes=y.n_classes[0] if y.is_one_set else classes,
        shrinkage=intensity,
        notes=tuple(notes),
    )
