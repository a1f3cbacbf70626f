"""OTCE with auxiliary tasks: from domain difference and task difference to accuracy."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks
from transferscore._results import OTCEResult

Vector = NDArray[np.float64]
Terms = ArrayLike | OTCEResult | Sequence[OTCEResult]

FORMAT = "transferscore.OTCECalibration"
VERSION = 1
# A term that varies no more than this, as a share of its size, is constant.
CONSTANT = 1e-9
# Standardised terms are collinear where they vary in one direction less than this times the other.
COLLINEAR = 1e-6
# A task with less than this of its own residual left: without it the others are collinear.
LEVERAGE = 1e-9


@dataclass(frozen=True)
class _Fit:
    """What a calibration knows; the names are those of the file."""

    domain_weight: float
    task_weight: float
    intercept: float
    standardised_domain_weight: float
    standardised_task_weight: float
    leave_one_out_error: float
    n_tasks: int


class OTCECalibration:
    r"""OTCE with auxiliary tasks: a linear function of W_D and W_T that predicts accuracy.

    Tan, Li, Huang, "OTCE: a transferability metric for cross-domain cross-task representations",
    CVPR 2021.

    .. math::

        \text{accuracy} \approx \lambda_1 W_D + \lambda_2 W_T + b

    The coefficients are fitted by least squares to auxiliary tasks whose accuracy after transfer is
    known, and then score other tasks between the same domains. Higher predictions are better; the
    weights are usually negative, because both terms are differences. The fit is to standardised
    terms, so units and sizes of W_D and W_T don't matter.

    Attributes
    ----------
    domain_weight, task_weight, intercept : float
        lambda_1 (accuracy per unit of W_D), lambda_2 (accuracy per nat) and b.
    standardised_domain_weight, standardised_task_weight : float
        By how much accuracy changes with one standard deviation of W_D and of W_T: the two weights
        in one unit, to be compared with each other.
    leave_one_out_error : float
        Root mean square of the errors of predictions for each auxiliary task from the others; nan
        for three tasks, which leave two for three coefficients, and where the others would be
        collinear.
    n_tasks : int
        Auxiliary tasks.

    Raises
    ------
    RuntimeError
        Where an attribute or a prediction is asked for before `fit`.

    Examples
    --------
    >>> from transferscore import OTCECalibration
    >>> domain_differences = [10.0, 12.0, 15.0, 11.0, 18.0]
    >>> task_differences = [0.5, 1.5, 1.0, 0.25, 0.75]
    >>> accuracies = [0.85, 0.61, 0.64, 0.87, 0.60]
    >>> calibration = OTCECalibration().fit(domain_differences, task_differences, accuracies)
    >>> calibration
    OTCECalibration(accuracy = -0.0249 W_D - 0.186 W_T + 1.19, 5 tasks, leave-one-out error 0.015)
    >>> round(calibration.predict(13.0, 0.8), 3)
    0.719
    >>> calibration.predict([11.0, 17.0], [0.4, 1.2]).round(3).tolist()
    [0.843, 0.545]
    >>> OTCECalibration.from_json(calibration.to_json()).task_weight == calibration.task_weight
    True
    """

    def __init__(self) -> None:
        self._fitted: _Fit | None = None

    def __repr__(self) -> str:
        if self._fitted is None:
            return "OTCECalibration(not fitted)"
        fit = self._fitted
        terms = f"{fit.domain_weight:.3g} W_D {fit.task_weight:+.3g} W_T {fit.intercept:+.3g}"
        terms = terms.replace(" -", " - ").replace(" +", " + ")
        error = f"leave-one-out error {fit.leave_one_out_error:.2g}"
        return f"OTCECalibration(accuracy = {terms}, {fit.n_tasks} tasks, {error})"

    def fit(
        self,
        domain_differences: Terms,
        task_differences: ArrayLike | None = None,
        accuracies: ArrayLike | None = None,
    ) -> "OTCECalibration":
        """Fit the coefficients to auxiliary tasks; `fit(results, accuracies)` does as well.

        Parameters
        ----------
        domain_differences : array-like of shape (k,) or sequence of k OTCEResult
            W_D of each auxiliary task, k >= 3, or the results of `otce`, which hold W_T too.
        task_differences : array-like of shape (k,), optional
            W_T of each; left out with results.
        accuracies : array-like of shape (k,)
            Accuracy of the transferred model on each, in any unit; predictions are in it.

        Returns
        -------
        OTCECalibration
            This object.

        Raises
        ------
        TypeError, ValueError
            Where an argument is not as described, there are fewer than three tasks, a term is the
            same for all, or the terms are collinear.
        """
        if _holds_results(domain_differences) and accuracies is None:
            task_differences, accuracies = None, task_differences
        columns = _terms(domain_differences, task_differences)
        columns["accuracies"] = _checks.vector(accuracies, "accuracies")
        n_tasks = _checks.same_length(columns)
        if n_tasks < 3:
            raise _checks.too_few_tasks(n_tasks)
        W_D, W_T, accuracy = columns.values()
        self._fitted = _fit(np.stack([W_D, W_T], axis=1), accuracy)
        return self

    def predict(self, domain_differences: Terms, task_differences: ArrayLike | None = None) -> Any:
        """Accuracies that the coefficients predict; `predict(results)` does as well.

        Parameters
        ----------
        domain_differences : float, array-like of shape (k,), OTCEResult or sequence of these
            W_D of each task, or the results of `otce`, which hold W_T too.
        task_differences : float or array-like of shape (k,), optional
            W_T of each; left out with results.

        Returns
        -------
        float or ndarray of shape (k,)
            A float for one task that is not in a sequence. Higher is better.

        Raises
        ------
        RuntimeError
            Before `fit`.
        TypeError, ValueError
            Where an argument is not as described.
        """
        fit = self._known()
        value: Any = domain_differences
        is_one = isinstance(value, OTCEResult) or np.ndim(value) == 0
        columns = _terms(domain_differences, task_differences)
        _checks.same_length(columns)
        W_D, W_T = columns.values()
        accuracy = fit.domain_weight * W_D + fit.task_weight * W_T + fit.intercept
        return float(accuracy[0]) if is_one else accuracy

    def to_json(self) -> str:
        """Return the coefficients as JSON, to the last bit: an object with the attributes."""
        content = {"format": FORMAT, "version": VERSION, **asdict(self._known())}
        if np.isnan(content["leave_one_out_error"]):
            content["leave_one_out_error"] = None
        return json.dumps(content, indent=2, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "OTCECalibration":
        """Return the calibration that `to_json` wrote; ValueError for any other text."""
        names = [field.name for field in fields(_Fit)]
        numbers: dict[str, Any] = _checks.calibration_file(text, FORMAT, VERSION, names)
        numbers["n_tasks"] = int(numbers["n_tasks"])
        calibration = cls()
        calibration._fitted = _Fit(**numbers)
        return calibration

    def save(self, path: str | PathLike[str]) -> None:
        """Write `to_json` to a file."""
        Path(path).write_text(self.to_json(), encoding="utf-8")

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "OTCECalibration":
        """Read what `save` wrote; ValueError for any other file."""
        return cls.from_json(Path(path).read_bytes())

    @property
    def domain_weight(self) -> float:
        """lambda_1: accuracy per unit of W_D."""
        return self._known().domain_weight

    @property
    def task_weight(self) -> float:
        """lambda_2: accuracy per nat of W_T."""
        return self._known().task_weight

    @property
    def intercept(self) -> float:
        """The constant b."""
        return self._known().intercept

    @property
    def standardised_domain_weight(self) -> float:
        """Accuracy per standard deviation of W_D over the auxiliary tasks."""
        return self._known().standardised_domain_weight

    @property
    def standardised_task_weight(self) -> float:
        """Accuracy per standard deviation of W_T over the auxiliary tasks."""
        return self._known().standardised_task_weight

    @property
    def leave_one_out_error(self) -> float:
        """Root mean square error of predictions for each auxiliary task from the others."""
        return self._known().leave_one_out_error

    @property
    def n_tasks(self) -> int:
        """Auxiliary tasks."""
        return self._known().n_tasks

    def _known(self) -> _Fit:
        if self._fitted is None:
            raise _checks.not_fitted()
        return self._fitted


def _holds_results(value: Terms) -> bool:
    if not isinstance(value, Sequence):
        return isinstance(value, OTCEResult)
    return len(value) > 0 and all(isinstance(item, OTCEResult) for item in value)


def _terms(domain_differences: Any, task_differences: Any) -> dict[str, Vector]:
    """W_D and W_T, (k,) each, by their names."""
    if _holds_results(domain_differences):
        if task_differences is not None:
            raise _checks.terms_twice()
        one = isinstance(domain_differences, OTCEResult)
        results = [domain_differences] if one else domain_differences
        domain_differences = [result.domain_difference for result in results]
        task_differences = [result.task_difference for result in results]
    given = {"domain_differences": domain_differences, "task_differences": task_differences}
    return {name: _checks.vector(value, name) for name, value in given.items()}


def _fit(terms: Vector, accuracy: Vector) -> _Fit:
    """Least squares in standardised terms (k, 2)."""
    with np.errstate(over="ignore", invalid="ignore"):  # refused at the end
        return _least_squares(terms, accuracy)


def _least_squares(terms: Vector, accuracy: Vector) -> _Fit:
    size = np.abs(terms).max(axis=0)
    units = np.where(size > 0, size, 1.0)
    scaled = terms / units  # squares of terms in their own size neither overflow nor vanish
    means, deviations = scaled.mean(axis=0), scaled.std(axis=0)
    for name, deviation in zip(("domain", "task"), deviations, strict=True):
        if deviation <= CONSTANT:
            raise _checks.constant_term(f"{name}_differences")
    Z = (scaled - means) / deviations
    U, singular_values, Vt = np.linalg.svd(Z, full_matrices=False)
    if singular_values[1] <= COLLINEAR * singular_values[0]:
        raise _checks.collinear_terms()
    mean = accuracy.mean()
    along = U.T @ (accuracy - mean)
    standardised = Vt.T @ (along / singular_values)
    slopes = standardised / deviations
    intercept = mean - slopes @ means

    residual = accuracy - mean - U @ along
    left = 1 - 1 / len(terms) - np.sum(U**2, axis=1)  # 1 less the diagonal of the hat matrix
    several = len(terms) > 3 and left.min() > LEVERAGE
    error = float(np.sqrt(np.mean((residual / left) ** 2))) if several else float("nan")
    weights = slopes / units
    if not np.isfinite([*weights, intercept, error if several else 0]).all():
        raise _checks.too_large("domain_differences, task_differences or accuracies")
    return _Fit(
        domain_weight=float(weights[0]),
        task_weight=float(weights[1]),
        intercept=float(intercept),
        standardised_domain_weight=float(standardised[0]),
        standardised_task_weight=float(standardised[1]),
        leave_one_out_error=error,
        n_tasks=len(terms),
    )
