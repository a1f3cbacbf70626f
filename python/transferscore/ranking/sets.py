"""A set of candidates whose features, side by side, separate the classes best."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _threads
from transferscore._backend import backend
from transferscore._checks import IgnoreIndex, Shrinkage
from transferscore._scores.h_score import counts_classes
from transferscore.ranking._tabular import Sheet, Tabular

# Gains below this share of K - 1, the most that a score can be, are rounding.
ROUNDING = 1e-10


# Scores that differ by no more, relative to the better one, are equal but for rounding.
ALIKE = 1e-10


@dataclass(frozen=True)
class SelectedSet(Tabular):
    """Candidates in the order in which they were chosen, and what each added.

    Attributes
    ----------
    names : tuple of str
        The candidates, the best alone first.
    scores : ndarray of shape (k,)
        Score of the first, of the first two side by side, and so on.
    gains : ndarray of shape (k,)
        What each added: the first its own score, the others the difference to the one before.
    shrinkage : ndarray of shape (k,)
        Intensity that was used for each, 0 for the plain score.
    n_features : ndarray of shape (k,)
        Features of all chosen so far.
    alternatives : tuple of dict
        For each step, the score that each candidate left would have given, by name; those without
        one are not in it.
    stopped_by : str
        "k", as many as asked; "candidates", all are chosen; "gain", none of the others adds enough.
    """

    KIND: ClassVar[str] = "selected-set"

    names: tuple[str, ...]
    scores: NDArray[np.float64]
    gains: NDArray[np.float64]
    shrinkage: NDArray[np.float64]
    n_features: NDArray[np.int64]
    alternatives: tuple[dict[str, float], ...]
    stopped_by: str

    @property
    def score(self) -> float:
        """Score of all chosen side by side; higher is better."""
        return float(self.scores[-1])

    @property
    def tied(self) -> tuple[tuple[str, ...], ...]:
        """For each step, the candidates that would have given the very same score."""
        return tuple(
            tuple(
                name
                for name, value in step.items()
                if abs(value - best) <= ALIKE * abs(best) and name != chosen
            )
            for step, best, chosen in zip(self.alternatives, self.scores, self.names, strict=True)
        )

    def _columns(self) -> Mapping[str, Sequence[Any]]:
        return {
            "step": range(1, len(self.names) + 1),
            "added": self.names,
            "score": self.scores.tolist(),
            "gain": self.gains.tolist(),
            "n_features": self.n_features.tolist(),
            "shrinkage": self.shrinkage.tolist(),
        }

    def _about(self) -> Mapping[str, Any]:
        return {"stopped_by": self.stopped_by, "alternatives": self.alternatives}

    def _sheet(self) -> Sheet:
        rows = [
            (name, int(d), float(score), float(gain))
            for name, d, score, gain in zip(
                self.names, self.n_features, self.scores, self.gains, strict=True
            )
        ]
        headings = ("added", "features", "score", "gain")
        return Sheet(headings, rows, "lrrr", notes=[ENDS[self.stopped_by]])


ENDS = {
    "k": "ended with as many as asked",
    "candidates": "ended with all candidates",
    "gain": "ended because no other candidate adds enough",
}


def select_set(
    candidates: Mapping[str, ArrayLike],
    labels: ArrayLike,
    *,
    k: int | None = None,
    min_gain: float = 0.0,
    shrinkage: Shrinkage = None,
    adjust_for_chance: bool = True,
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
) -> SelectedSet:
    r"""Choose candidates whose features side by side have the highest H-score, one by one.

    Forward selection with the H-score of Bao, Li, Huang, Zhang, Zheng, Zamir, Guibas, "An
    information-theoretic approach to transferability in task transfer learning", ICIP 2019, where
    features of two sources side by side are second-order transfer.

    .. math::

        s_{i+1} = \operatorname{arg\,max}_s \, H\bigl([f_{s_1}, \ldots, f_{s_i}, f_s]\bigr)

    It ends with `k` candidates, or where no other adds more than `min_gain`. Higher is better. The
    H-score never falls when features are added, whether or not they say anything, hence it is
    adjusted for chance by default: features that say nothing add about 0.

    Parameters
    ----------
    candidates : mapping of str to array-like of shape (n, d_s)
        Features of each candidate (network, layer, source task) for the same samples. If some are
        float32 and others float64, all are read as float64.
    labels : array-like of shape (n,)
        Class labels.
    k : int, optional
        The most candidates to choose. Default: as long as they add something.
    min_gain : float, default 0.0
        A candidate is added only if the score rises by more than this.
    shrinkage : None, "ledoit-wolf" or float in [0, 1], optional
        As for `h_score`, of each set by itself. Of use where samples are no more than a few times
        as many as features.
    adjust_for_chance : bool, default True
        As for `h_score`. Without shrinkage a set of rank n - 1 has no such score, and is never
        chosen.
    ignore_index : int, str or sequence of these, optional
        Labels whose samples are left out before anything is computed.
    n_threads : int, optional
        Threads for this call. Default: `set_num_threads`, else OMP_NUM_THREADS, else the processors
        that affinity and control group allow. The result has the same bits for any number.

    Returns
    -------
    SelectedSet
        The names in order, the gain of each step and the scores, which equal those of `h_score` of
        the features side by side to 1e-10. Of equal candidates the first is taken; `tied` names the
        others.

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described, features are not finite, or there is only one class.
        The text names the argument, what it must be and what it was.

    Warns
    -----
    UserWarning
        With the plain score, where a chosen set has rank n - 1: its score is K - 1 whatever the
        features are.

    Notes
    -----
    Every candidate is summed once, and multiplied once with each chosen one; beyond that a step
    factors one matrix for each candidate left. Greedy is not exhaustive: two candidates that say
    something only together are not found.

    With shrinkage one multiple of the identity is added to all features. Units of candidates matter
    then: bring them to one scale first. And a copy of a chosen candidate may add something, because
    it halves the penalty on it; without shrinkage it adds exactly nothing.

    Memory beyond the inputs, in bytes, with d features of all candidates: 8 d_s^2 for each, 8 d_s
    d_t for each chosen s and each other t, 24 times the square of the features of the largest set,
    and 8 K d. Where a set has more features than there are samples, 8 n^2 for each candidate.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import select_set
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 4, size=800)
    >>> animal_or_plant = np.eye(2)[labels // 2] + rng.normal(size=(800, 2))
    >>> land_or_water = np.eye(2)[labels % 2] + 1.5 * rng.normal(size=(800, 2))
    >>> candidates = {
    ...     "animal": animal_or_plant,
    ...     "land": land_or_water,
    ...     "land, rotated": land_or_water @ [[0.6, 0.8], [-0.8, 0.6]],
    ... }
    >>> print(select_set(candidates, labels))
    added   features   score    gain
    ------  --------  ------  ------
    animal         2  0.3242  0.3242
    land           4  0.4828  0.1587
    note: ended because no other candidate adds enough
    """
    n_threads = _threads.resolve(n_threads)
    X, y = _checks.candidates_and_labels(
        candidates, labels, ignore_index=ignore_index, n_threads=n_threads
    )
    most = _checks.set_size(k, len(X))
    least_gain = max(_checks.not_negative(min_gain, "min_gain"), ROUNDING * (y.n_classes[0] - 1))
    ledoit_wolf, intensity = _checks.shrinkage(shrinkage)
    try:
        steps, no_gain = backend.select_set(
            list(X.values()),
            y.ids,
            y.n_classes[0],
            most=most,
            least_gain=least_gain,
            ledoit_wolf=ledoit_wolf,
            intensity=intensity,
            adjust_for_chance=adjust_for_chance,
            n_threads=n_threads,
        )
    except OverflowError:
        raise _checks.too_large("candidates") from None
    if not steps:
        raise _checks.no_chance_level(y.n)
    names = list(X)
    order = [step[0] for step in steps]
    widths = np.cumsum([X[names[s]].shape[1] for s in order])
    for width, step in zip(widths, steps, strict=True):
        if step[3] == y.n - 1:
            warnings.warn(counts_classes(y.n, int(width)), UserWarning, stacklevel=2)
            break
    scores = np.array([step[1] for step in steps])
    is_all = len(order) == len(names)
    return SelectedSet(
        names=tuple(names[s] for s in order),
        scores=scores,
        gains=np.diff(scores, prepend=0.0),
        shrinkage=np.array([step[2] for step in steps]),
        n_features=widths.astype(np.int64),
        alternatives=tuple(
            {name: v for name, v in zip(names, step[5], strict=True) if not np.isnan(v)}
            for step in steps
        ),
        stopped_by="gain" if no_gain else "candidates" if is_all else "k",
    )
