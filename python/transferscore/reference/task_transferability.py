"""The definition of task transferability."""

from typing import Literal

from numpy.typing import ArrayLike

from transferscore.reference.h_score import h_score


def task_transferability(
    source_features: ArrayLike,
    labels: ArrayLike,
    *,
    optimal: ArrayLike,
    shrinkage: float | Literal["ledoit-wolf"] | None = None,
) -> float:
    """H of the source features over H of the optimal features.

    Bao et al., ICIP 2019. Higher is better.

    Parameters
    ----------
    source_features : array-like of shape (n, d)
        Features of the source network.
    labels : array-like of shape (n,)
        Class labels of the target task.
    optimal : array-like of shape (n, d')
        Features of a network trained on the target task.
    shrinkage : None, "ledoit-wolf" or float in [0, 1], optional
        As in `h_score`.

    Returns
    -------
    float
        The transferability.

    Examples
    --------
    >>> from transferscore.reference import task_transferability
    >>> source, optimal = [[0.0], [1.0], [2.0], [3.0]], [[0.0], [0.0], [1.0], [1.0]]
    >>> round(task_transferability(source, [0, 0, 1, 1], optimal=optimal), 12)
    0.8
    """
    best = h_score(optimal, labels, shrinkage=shrinkage)
    return h_score(source_features, labels, shrinkage=shrinkage) / best
