"""The definition of forward selection by the H-score."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore.reference.h_score import h_score


def select_set(
    features: Sequence[ArrayLike],
    labels: ArrayLike,
    *,
    k: int | None = None,
    min_gain: float = 0.0,
    shrinkage: float | Literal["ledoit-wolf"] | None = None,
    adjust_for_chance: bool = True,
) -> tuple[list[int], NDArray[np.float64]]:
    """Sources whose features side by side have the highest H-score, chosen one by one.

    Forward selection with the score of Bao et al., ICIP 2019. Higher is better.

    Parameters
    ----------
    features : sequence of array-likes of shape (n, d_s)
        Features of each source.
    labels : array-like of shape (n,)
        Class labels.
    k : int, optional
        The most sources; all by default.
    min_gain : float, default 0.0
        What a source must add beyond.
    shrinkage : None, "ledoit-wolf" or float in [0, 1], optional
        As for `h_score`.
    adjust_for_chance : bool, default True
        As for `h_score`.

    Returns
    -------
    chosen : list of int
        The sources in the order in which they were chosen.
    scores : ndarray of shape (k,)
        Score of the first, of the first two side by side, and so on.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore.reference import select_set
    >>> a, b = np.array([[0.0], [0.0], [1.0], [1.1]]), np.array([[0.0], [1.0], [0.0], [1.0]])
    >>> chosen, scores = select_set([b, a], [0, 0, 1, 1], min_gain=0.01, adjust_for_chance=False)
    >>> chosen, scores.round(4)
    ([1], array([0.9955]))
    """
    matrices = [np.asarray(X, dtype=np.float64) for X in features]
    chosen: list[int] = []
    scores: list[float] = []
    while len(chosen) < (len(matrices) if k is None else k):
        alternatives = {
            s: h_score(
                np.hstack([matrices[i] for i in (*chosen, s)]),
                labels,
                shrinkage=shrinkage,
                adjust_for_chance=adjust_for_chance,
            )
            for s in range(len(matrices))
            if s not in chosen
        }
        best = max(alternatives, key=lambda s: alternatives[s])
        if chosen and not alternatives[best] - scores[-1] > min_gain:
            break
        chosen.append(best)
        scores.append(alternatives[best])
    return chosen, np.array(scores)
