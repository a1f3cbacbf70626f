"""Maximal correlation regression: prediction from features that are maximally correlated."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks
from transferscore._checks import Variable
from transferscore.learn._canonical import Matrix
from transferscore.learn._hgr import HGR, Objective, fitted

Readout = Literal["linear", "density"]

# Predictions of a density at a time: rows by training samples.
ENTRIES_AT_ONCE = 1 << 22


@dataclass(kw_only=True, eq=False)
class _Estimator:
    """Parameters as scikit-learn asks for them, and the fit that both estimators share."""

    n_features: int | None = None
    objective: Objective | None = None
    hidden: Sequence[int] = (64,)
    x_network: torch.nn.Module | None = None
    y_network: torch.nn.Module | None = None
    max_epochs: int = 500
    batch_size: int | None = 256
    learning_rate: float = 3e-3
    weight_decay: float = 0.0
    validation_fraction: float = 0.1
    patience: int = 30
    tol: float = 1e-4
    random_state: int = 0

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters by their names."""
        del deep  # none of them has parameters of its own
        return {one.name: getattr(self, one.name) for one in fields(self)}

    def set_params(self, **params: Any) -> Any:
        """Change some of the parameters."""
        for name, value in params.items():
            if name not in (known := self.get_params()):
                raise _checks.unknown_parameter(name, list(known))
            setattr(self, name, value)
        return self

    def _fit(self, X: ArrayLike, Y: Variable) -> None:
        shared = {one.name: getattr(self, one.name) for one in fields(_Estimator)}
        self.hgr_: HGR = fitted(
            _checks.variable(X, "X"), Y, names=("X", "y"), stacklevel=4, **shared
        )

    def _features(self, X: ArrayLike) -> Matrix:
        if not hasattr(self, "hgr_"):
            raise _checks.estimator_not_fitted(type(self).__name__)
        return self.hgr_._x(X, "X")

    def _tags(self, kind: str) -> Any:
        """What scikit-learn from 1.6 on asks an estimator."""
        utils = _checks.from_extra("compat", "sklearn.utils")
        is_classifier = kind == "classifier"
        return utils.Tags(
            estimator_type=kind,
            target_tags=utils.TargetTags(required=True),
            transformer_tags=None,
            classifier_tags=utils.ClassifierTags() if is_classifier else None,
            regressor_tags=None if is_classifier else utils.RegressorTags(),
        )


class MaximalCorrelationClassifier(_Estimator):
    r"""Classification by maximally correlated features: p(y) (1 + f(x)^T g(y)).

    Xu, Huang, "Maximal correlation regression", IEEE Access 2020, on the Soft-HGR of Wang, Wu,
    Huang, Zheng, Xu, Zhang, Huang, AAAI 2019.

    .. math::

        p(y \mid x) \approx p(y) \bigl(1 + f(x)^T g(y)\bigr), \quad g(y) = E[f(x) \mid y], \quad
        \operatorname{cov}(f) = 1

    f is learned by `fit_hgr`. The prediction is then the least-squares fit of the indicators of the
    classes to f; what sets it apart is how f came about. Higher probabilities mean likelier
    classes.

    Parameters
    ----------
    n_features : int, optional
        k, as for `fit_hgr`; all parameters are keywords.
    objective : "h_score" or "soft_hgr", default "h_score"
        What training maximises.
    hidden : sequence of int, default (64,)
        Widths of hidden layers.
    x_network, y_network : torch.nn.Module, optional
        Networks in place of these; copies of them are trained.
    max_epochs : int, default 500
        Most passes over the training samples.
    batch_size : int or None, default 256
        Samples of a step.
    learning_rate : float, default 3e-3
        Of AdamW.
    weight_decay : float, default 0
        Of AdamW.
    validation_fraction : float in [0, 1), default 0.1
        Share of the samples that chooses the epoch.
    patience : int, default 30
        Epochs without an improvement by `tol` after which training ends.
    tol : float, default 1e-4
        In units of the H-score.
    random_state : int, default 0
        Seed.

    Attributes
    ----------
    hgr_ : HGR
        The features, and the history of their training.
    classes_ : ndarray of shape (K,)
        The labels that columns of probabilities stand for, sorted.
    priors_ : ndarray of shape (K,)
        Shares of the classes among the samples.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore.learn import MaximalCorrelationClassifier
    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(-1, 1, size=(1200, 2))
    >>> labels = np.where(np.hypot(*x.T) < 0.7, "in", "out")
    >>> model = MaximalCorrelationClassifier(patience=10).fit(x[:800], labels[:800])
    >>> bool(model.score(x[800:], labels[800:]) > 0.95)
    True
    >>> model.predict([[0.0, 0.1], [0.9, 0.9]]).tolist()
    ['in', 'out']
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> "MaximalCorrelationClassifier":
        """Learn features of X, of shape (n, ...), and labels (n,)."""
        Y = _checks.labels_of_samples(y, "y")
        self._fit(X, Y)
        assert Y.values is not None
        self.classes_: NDArray[Any] = Y.values
        self.priors_: Matrix = np.bincount(Y.data) / len(Y)
        self._least = 1 / len(Y)
        return self

    def predict_proba(self, X: ArrayLike) -> Matrix:
        """Probabilities (m, K) of the classes.

        What the formula puts below p(y) / n is raised to it, and rows are made to add up to one: n
        samples can't tell that a class is impossible.
        """
        ratios = self._ratios(X)
        raised = self.priors_ * np.maximum(ratios, self._least)
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The likeliest class of each sample: (m,)."""
        ratios = self._ratios(X)
        return np.asarray(self.classes_[np.argmax(self.priors_ * ratios, axis=1)])

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """Accuracy; higher is better."""
        predicted = self.predict(X)
        return float(np.mean(_checks.labels_to_compare(y, len(predicted)) == predicted))

    def _ratios(self, X: ArrayLike) -> Matrix:
        """1 + f^T g: how much likelier a class is here than on average."""
        f = self._features(X)
        assert self.hgr_.label_functions is not None
        return np.asarray(1 + f @ self.hgr_.label_functions.T)

    def __sklearn_tags__(self) -> Any:
        return self._tags("classifier")


@dataclass(kw_only=True, eq=False)
class MaximalCorrelationRegressor(_Estimator):
    r"""Regression by maximally correlated features, with a linear read-out or by the density.

    Xu, Huang, "Maximal correlation regression", IEEE Access 2020.

    .. math::

        \hat y(x) = E[y] + \operatorname{cov}(y, f) f(x) \quad \text{or} \quad
        \hat y(x) = \sum_i w_i y_i, \quad w_i \propto \max\bigl(0, 1 + f(x)^T g(y_i)\bigr)

    f and g are learned by `fit_hgr` with the objective Soft-HGR.

    Parameters
    ----------
    readout : "linear" or "density", default "linear"
        "linear" is least squares on f. "density" is the mean of the conditional density, with
        negative values left out; without these, and with the best g, both are the same.
    n_features : int, optional
        k, as for `fit_hgr`; all parameters are keywords.
    objective : "soft_hgr", optional
        The only one for numbers.
    hidden : sequence of int, default (64,)
        Widths of hidden layers.
    x_network, y_network : torch.nn.Module, optional
        Networks in place of these; copies of them are trained.
    max_epochs : int, default 500
        Most passes over the training samples.
    batch_size : int or None, default 256
        Samples of a step.
    learning_rate : float, default 3e-3
        Of AdamW.
    weight_decay : float, default 0
        Of AdamW.
    validation_fraction : float in [0, 1), default 0.1
        Share of the samples that chooses the epoch.
    patience : int, default 30
        Epochs without an improvement by `tol` after which training ends.
    tol : float, default 1e-4
        In units of the H-score.
    random_state : int, default 0
        Seed.

    Attributes
    ----------
    hgr_ : HGR
        The features, and the history of their training.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore.learn import MaximalCorrelationRegressor
    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(-1, 1, size=(1200, 2))
    >>> y = np.sin(3 * x[:, 0]) * x[:, 1] + 0.1 * rng.normal(size=1200)
    >>> model = MaximalCorrelationRegressor(patience=10).fit(x[:800], y[:800])
    >>> bool(model.score(x[800:], y[800:]) > 0.85)
    True
    """

    readout: Readout = "linear"

    def fit(self, X: ArrayLike, y: ArrayLike) -> "MaximalCorrelationRegressor":
        """Learn features of X, of shape (n, ...), and of numbers y, (n,) or (n, q)."""
        _checks.choice(self.readout, "readout", ("linear", "density"))
        Y = _checks.numbers_of_samples(y, "y")
        self._fit(X, Y)
        f = self._features(X)
        self._targets = Y.data.astype(np.float64)
        self._is_vector = Y.is_vector
        # Features that found nothing are zero; the others are all but orthonormal.
        centre, mean = f.mean(axis=0), self._targets.mean(axis=0)
        self._weights = np.linalg.lstsq(f - centre, self._targets - mean, rcond=None)[0]
        self._intercept = mean - centre @ self._weights
        self._g = self.hgr_.g(self._targets)
        return self

    def predict(self, X: ArrayLike) -> Matrix:
        """Predictions (m,) or (m, q)."""
        f = self._features(X)
        found = self._by_density(f) if self.readout == "density" else f @ self._weights
        if self.readout == "linear":
            found = found + self._intercept
        return np.asarray(found[:, 0] if self._is_vector else found)

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """R^2, the mean over targets; higher is better, 1 at most."""
        predicted = self.predict(X)
        given = _checks.numbers_to_compare(y, predicted.shape)
        residual = np.sum((given - predicted) ** 2, axis=0)
        total = np.sum((given - given.mean(axis=0)) ** 2, axis=0)
        return float(np.mean(1 - residual / total))

    def _by_density(self, f: Matrix) -> Matrix:
        rows = max(1, ENTRIES_AT_ONCE // len(self._g))
        parts = []
        for first in range(0, len(f), rows):
            weights = np.maximum(1 + f[first : first + rows] @ self._g.T, 0)
            parts.append(weights @ self._targets / weights.sum(axis=1, keepdims=True))
        return np.concatenate(parts)

    def __sklearn_tags__(self) -> Any:
        return self._tags("regressor")
