"""Drop-in names of `transformer_ranker.estimators` (flairNLP/transformer-ranker 0.2).

Change `from transformer_ranker.estimators import HScore, LogME, NearestNeighbors` to
`from transferscore.compat.transformer_ranker import HScore, LogME, NearestNeighbors`. Tensors have
to be on the CPU; arrays and lists are fine, too. `docs/migration.md` says where values differ, and
why.
"""
# ruff: noqa: PLR0917 - as there, options can be given by position.

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from transferscore import _checks
from transferscore._scores import knn
from transferscore._scores.logme import TRANSFORMER_RANKER, scored
from transferscore.compat import tllib
from transferscore.compat._votes import majority

__all__ = ["HScore", "LogME", "NearestNeighbors"]

# As they are called there.
NAMES = {"features": "embeddings", "targets": "labels"}


class _Estimator:
    """What estimators have in common: the last score."""

    def __init__(self, regression: bool) -> None:
        self.regression = regression
        self.score: float | None = None


class HScore(_Estimator):
    """Shrinkage H-score as transformer-ranker defines it. Higher is better.

    The same value as `transferscore.compat.tllib.regularized_h_score`: n / (n - 1) times
    `transferscore.h_score(..., shrinkage="ledoit-wolf")`.

    Parameters
    ----------
    regression : bool, default False
        Must be False.

    Attributes
    ----------
    regression : bool
        As given.
    score : float or None
        The last score.

    Raises
    ------
    ValueError
        With `regression`.

    Examples
    --------
    >>> from transferscore.compat.transformer_ranker import HScore
    >>> round(HScore().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]), 12)
    1.066666666667
    """

    def __init__(self, regression: bool = False) -> None:
        if regression:
            raise _checks.no_regression()
        super().__init__(regression)

    def fit(self, embeddings: ArrayLike, labels: ArrayLike, **kwargs: Any) -> float:
        """Score embeddings.

        Parameters
        ----------
        embeddings : array-like of shape (n, d)
            Features.
        labels : array-like of shape (n,)
            Class labels.
        kwargs : optional
            No effect, as there.

        Returns
        -------
        float
            The score, also kept as `score`.
        """
        with _checks.under_names(NAMES):
            self.score = float(tllib.regularized_h_score(embeddings, labels))
        return self.score


class LogME(_Estimator):
    """LogME as transformer-ranker computes it. Higher is better.

    The same value as `transferscore.logme(..., convention="transformer-ranker")`: the iteration of
    thuml/LogME, but a class starts from the alpha and beta at which the one before ended. With
    fewer samples than features the published program forgets d - n terms of the evidence, which
    favours wide features; here all are there unless they are asked away.

    Parameters
    ----------
    regression : bool, default False
        Take the labels as numbers.
    all_terms : bool, default True
        False leaves out the terms that the published program leaves out with n < d.

    Attributes
    ----------
    regression, all_terms : bool
        As given.
    score : float or None
        The last score.

    Examples
    --------
    >>> from transferscore.compat.transformer_ranker import LogME
    >>> round(LogME().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1]), 6)
    -0.78804
    """

    def __init__(self, regression: bool = False, *, all_terms: bool = True) -> None:
        super().__init__(regression)
        self.all_terms = all_terms

    def fit(
        self,
        embeddings: ArrayLike,
        labels: ArrayLike,
        initial_alpha: float = 1.0,
        initial_beta: float = 1.0,
        max_iter: int = 11,
        tol: float = 1e-3,
        **kwargs: Any,
    ) -> float:
        """Score embeddings.

        Parameters
        ----------
        embeddings : array-like of shape (n, d)
            Features.
        labels : array-like of shape (n,)
            Class labels; with `regression`, numbers, also (n, C).
        initial_alpha, initial_beta : float, default 1.0
            Where the iteration of the first class starts.
        max_iter : int, default 11
            Most rounds for each class.
        tol : float, default 1e-3
            Relative change of alpha / beta at which they end.
        kwargs : optional
            No effect, as there.

        Returns
        -------
        float
            The score, also kept as `score`.
        """
        rule = replace(
            TRANSFORMER_RANKER,
            alpha=_checks.positive(initial_alpha, "initial_alpha"),
            beta=_checks.positive(initial_beta, "initial_beta"),
            max_iter=_checks.count(max_iter, "max_iter"),
            tol=_checks.number(tol, "tol"),
            all_terms=self.all_terms,
        )
        with _checks.under_names(NAMES):
            y = labels if self.regression else _checks.one_column(labels, "labels")
            result = scored(embeddings, y, rule, regression=self.regression, weights=False)
        self.score = result.value
        return self.score


class NearestNeighbors(_Estimator):
    """Nearest neighbours, each sample left out in turn, as transformer-ranker defines them.

    The share of samples whose neighbours elect their label; of labels with equally many votes the
    smallest. With two classes F1 of the larger label instead, as there. With `regression` the
    correlation of the labels with the neighbours' mean. Higher is better. `transferscore.knn` is
    the accuracy for any number of classes, and lets the nearest neighbour decide between equals.

    Parameters
    ----------
    regression : bool, default False
        Take the labels as numbers.
    k : int, default 3
        Neighbours, at most n - 1.

    Attributes
    ----------
    regression : bool
        As given.
    k : int
        As given.
    score : float or None
        The last score.

    Examples
    --------
    >>> from transferscore.compat.transformer_ranker import NearestNeighbors
    >>> NearestNeighbors(k=1).fit([[0.0], [1.0], [2.5], [7.0], [8.0]], [0, 0, 1, 1, 2])
    0.4
    """

    def __init__(self, regression: bool = False, k: int = 3) -> None:
        super().__init__(regression)
        self.k = k

    def fit(
        self,
        embeddings: ArrayLike,
        labels: ArrayLike,
        batch_size: int = 1024,
        distance_metric: str = "euclidean",
        **kwargs: Any,
    ) -> float:
        """Score embeddings.

        Parameters
        ----------
        embeddings : array-like of shape (n, d)
            Features.
        labels : array-like of shape (n,)
            Class labels; with `regression`, numbers.
        batch_size : int, default 1024
            No effect.
        distance_metric : "euclidean" or "cosine", default "euclidean"
            Distance.
        kwargs : optional
            No effect, as there.

        Returns
        -------
        float
            The score, also kept as `score`.
        """
        metric: Any = _checks.choice(distance_metric, "distance_metric", ("euclidean", "cosine"))
        with _checks.under_names(NAMES):
            self.score = (
                knn(embeddings, labels, k=self.k, metric=metric, regression=True)
                if self.regression
                else _elected(embeddings, _checks.one_column(labels, "labels"), self.k, metric)
            )
        return self.score


def _elected(embeddings: ArrayLike, labels: ArrayLike, k: int, metric: Any) -> float:
    found = knn(embeddings, labels, k=k, metric=metric, full_output=True)
    y = _checks.classes(labels, len(found.neighbours), "labels")
    winners, _ = majority(y.ids[found.neighbours], y.count)
    right = winners == y.ids
    if y.count > 2:
        return float(right.mean())
    hits = np.count_nonzero(right & (winners == 1))
    return float(2 * hits / (np.count_nonzero(winners == 1) + np.count_nonzero(y.ids == 1)))
