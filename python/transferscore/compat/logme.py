"""Drop-in names of thuml/LogME: `LogME`, `LEEP` and `NCE`.

Change `from LogME import LogME` to `from transferscore.compat.logme import LogME`, and likewise
for LEEP and NCE. `docs/migration.md` says where values differ, and why.
"""

import warnings
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks
from transferscore._scores.logme import THUML, scored
from transferscore.compat import tllib
from transferscore.compat._rows import by_label

__all__ = ["LEEP", "NCE", "LogME"]


class LogME:
    """LogME as `LogME.fit` of thuml/LogME computes it, an object that is fitted. Higher is better.

    The same value as `transferscore.logme(..., convention="thuml")`: an iteration that ends when
    alpha / beta moves by at most 0.1 percent, with 1e-5 added to ||m||^2 and to the residual. For
    fewer samples than features the published program forgets d - n terms of the evidence, which
    favours wide features; here all are there unless they are asked away.

    Parameters
    ----------
    regression : bool, default False
        Take the targets as numbers; also for several labels per sample, as columns of 0 and 1.
    all_terms : bool, default True
        False leaves out the terms that the published program leaves out with n < d.

    Attributes
    ----------
    regression, all_terms : bool
        As given.
    fitted : bool
        Whether `fit` has succeeded, and `reset` has not been called since.
    num_dim : int
        Classes C, which is the largest label plus one, or columns of targets.
    alphas, betas : list of float
        Precisions of the prior and the noise of each class or column; 0 for those left out.
    ms : ndarray of shape (C, d)
        Weights of each class or column; zeros for those left out. An empty list before the fit.

    Examples
    --------
    >>> from transferscore.compat.logme import LogME
    >>> f, y = [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0], [3.0, 1.0]], [0, 0, 1, 1]
    >>> logme = LogME(regression=False)
    >>> float(round(logme.fit(f, y), 6))
    -0.869913
    >>> logme.predict(f).tolist()
    [0, 0, 1, 1]
    """

    def __init__(self, regression: bool = False, *, all_terms: bool = True) -> None:
        self.regression = regression
        self.all_terms = all_terms
        self.reset()

    def reset(self) -> None:
        """Forget what was fitted."""
        self.fitted = False
        self.num_dim = 0
        self.alphas: list[float] = []
        self.betas: list[float] = []
        self.ms: NDArray[np.float64] | list[NDArray[np.float64]] = []
        self._classes: NDArray[np.int64] | None = None

    def fit(self, f: ArrayLike, y: ArrayLike) -> np.float64:
        """Fit and return the score.

        Parameters
        ----------
        f : array-like of shape (n, d)
            Features.
        y : array-like of shape (n,) or (n, C)
            Class labels 0 ... C-1 (n,), of which some may not occur; with `regression`, C numbers
            for each sample, or one.

        Returns
        -------
        numpy.float64
            The score. Classes without samples, and columns of zeros, are left out.

        Warns
        -----
        UserWarning
            Where the object was fitted before.
        """
        if self.fitted:
            warnings.warn("fitted again: what was fitted before is lost", UserWarning, stacklevel=2)
            self.reset()
        with _checks.under_names({"features": "f", "targets": "y", "labels": "y"}):
            result = scored(
                f,
                y if self.regression else _checks.one_column(y, "y"),
                replace(THUML, all_terms=self.all_terms),
                regression=self.regression,
                weights=True,
            )
            self.ms = by_label(result.weights, result, "y")
            self.alphas = by_label(result.alpha, result, "y").tolist()
            self.betas = by_label(result.beta, result, "y").tolist()
        self.num_dim = len(self.ms)
        if result.classes is not None:
            self._classes = result.classes.astype(np.int64)
        self.fitted = True
        return np.float64(result.value)

    def predict(self, f: ArrayLike) -> NDArray[np.float64] | NDArray[np.int64]:
        """Predict new samples.

        Parameters
        ----------
        f : array-like of shape (n, d)
            Features.

        Returns
        -------
        ndarray of shape (n,) or (n, C)
            The most likely among the classes that were fitted; with `regression`, numbers.

        Raises
        ------
        RuntimeError
            Before `fit`.
        """
        if not self.fitted:
            raise _checks.not_fitted_yet()
        ms = np.asarray(self.ms)
        with _checks.under_names({"features": "f"}):
            X = _checks.features_of_width(f, ms.shape[1])
        if self._classes is None:
            return np.asarray(X @ ms.T)
        return np.asarray(self._classes[np.argmax(X @ ms[self._classes].T, axis=-1)])


def LEEP(pseudo_source_label: ArrayLike, target_label: ArrayLike) -> np.float64:  # noqa: N802
    """LEEP as thuml/LogME defines it, the same as TLlib. Higher is better.

    Parameters
    ----------
    pseudo_source_label : array-like of shape (n, C_s)
        Probabilities from the source model.
    target_label : array-like of shape (n,) or (n, 1)
        Target labels.

    Returns
    -------
    numpy.float64
        The score.

    Examples
    --------
    >>> from transferscore.compat.logme import LEEP
    >>> float(LEEP([[1.0, 0.0], [0.0, 1.0]], [0, 1]))
    0.0
    """
    with _checks.under_names({"predictions": "pseudo_source_label", "labels": "target_label"}):
        return tllib.log_expected_empirical_prediction(pseudo_source_label, target_label)


def NCE(source_label: ArrayLike, target_label: ArrayLike) -> np.float64:  # noqa: N802
    """NCE as thuml/LogME defines it, the same as TLlib. Higher is better.

    Parameters
    ----------
    source_label : array-like of shape (n,) or (n, 1)
        Source labels.
    target_label : array-like of shape (n,) or (n, 1)
        Target labels of the same samples.

    Returns
    -------
    numpy.float64
        The score.

    Examples
    --------
    >>> from transferscore.compat.logme import NCE
    >>> float(NCE([0, 0, 1, 1], [0, 0, 1, 1]))
    0.0
    """
    with _checks.under_names({"source_labels": "source_label", "target_labels": "target_label"}):
        return tllib.negative_conditional_entropy(source_label, target_label)
