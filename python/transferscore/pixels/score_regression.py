"""From the score of a source to the Dice that transfer will reach: a line through known tasks."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks

# A task with less than this of its own residual left: without it the others have one score.
LEVERAGE = 1e-9


@dataclass(frozen=True)
class ScoreRegression:
    r"""A line from scores to measured values, by least squares: `ScoreRegression.fit(...)`.

    .. math::

        \text{Dice} \approx \text{slope} \cdot \text{score} + \text{intercept}

    Attributes
    ----------
    slope : float
        Measured value per unit of the score; above 0 where the score ranks in the right direction.
    intercept : float
        The value at a score of 0.
    leave_one_out_error : float
        Root mean square of the errors of predictions for each task from the others; nan where the
        others would have one score.
    constant_error : float
        The same for predicting the mean of the others, whatever the score: what the line must beat.
    n_tasks : int
        Tasks it was fitted to.

    Examples
    --------
    >>> from transferscore import ScoreRegression
    >>> line = ScoreRegression.fit([-0.5, -0.4, -0.2, -0.1], [0.52, 0.61, 0.78, 0.9])
    >>> line
    ScoreRegression(0.93 score + 0.982, 4 tasks, leave-one-out error 0.021, of a constant 0.196)
    >>> round(line.predict(-0.3), 3)
    0.703
    """

    slope: float
    intercept: float
    leave_one_out_error: float
    constant_error: float
    n_tasks: int

    @classmethod
    def fit(cls, scores: ArrayLike, measured: ArrayLike) -> "ScoreRegression":
        """Fit the line.

        Parameters
        ----------
        scores : array-like of shape (k,)
            Scores of at least three tasks whose outcome is known, of any targets.
        measured : array-like of shape (k,)
            What was measured, such as Dice.

        Returns
        -------
        ScoreRegression
            The line with its errors.

        Raises
        ------
        TypeError, ValueError
            Where an argument is not as described, or all scores are the same.
        """
        x, y = _checks.scores_and_measured(scores, measured)
        _checks.enough_tasks_to_fit(x)
        unit = np.abs(x).max()  # squares in it neither overflow nor vanish
        z = x / unit
        centred = z - z.mean()
        spread = centred @ centred
        slope = centred @ (y - y.mean()) / spread
        n = len(x)
        residual = y - y.mean() - slope * centred
        left = 1 - 1 / n - centred**2 / spread
        several = left.min() > LEVERAGE
        return cls(
            slope=float(slope / unit),
            intercept=float(y.mean() - slope * z.mean()),
            leave_one_out_error=_root_mean_square(residual / left) if several else float("nan"),
            constant_error=_root_mean_square((y - y.mean()) / (1 - 1 / n)),
            n_tasks=n,
        )

    def predict(self, scores: ArrayLike) -> Any:
        """The value on the line at one score, a float, or at several, an array."""
        values = self.slope * _checks.vector(scores, "scores") + self.intercept
        return float(values[0]) if np.ndim(scores) == 0 else values

    def __repr__(self) -> str:
        line = f"{self.slope:.3g} score {self.intercept:+.3g}".replace(" +", " + ")
        errors = f"leave-one-out error {self.leave_one_out_error:.3f}, of a constant "
        return (
            f"ScoreRegression({line.replace(' -', ' - ')}, {self.n_tasks} tasks, {errors}"
            f"{self.constant_error:.3f})"
        )


def _root_mean_square(errors: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(errors**2)))
