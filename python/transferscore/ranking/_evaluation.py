"""What an evaluation of scores, and a comparison of two, found."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from transferscore.ranking._tabular import Sheet, Tabular

Vector = NDArray[np.float64]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Agreement:
    """One measure of how scores agree with what was measured.

    Attributes
    ----------
    measure : str
        Its name, such as "spearman" or "rel@3".
    value : float
        The mean over the tasks in which it is defined.
    interval : tuple of two floats, or None
        Its bootstrap interval; None where there is one value and nothing to draw from.
    higher_is_better : bool
        Its direction.
    per_task : ndarray of shape (T,)
        The value of each task; NaN where it is not defined, of which a note tells.
    left_out : int
        Resamples in which it is not defined.
    """

    measure: str
    value: float
    interval: Interval | None
    higher_is_better: bool
    per_task: Vector
    left_out: int


@dataclass(frozen=True)
class Difference:
    """Two scores by one measure.

    Attributes
    ----------
    measure : str
        Its name.
    a, b : float
        The mean of each score over the tasks in which the measure is defined for both.
    difference : float
        a - b.
    interval : tuple of two floats, or None
        Its bootstrap interval; both scores are seen on the same resamples.
    higher_is_better : bool
        The direction of the measure.
    p_a_better, p_equal : float
        Share of the resamples in which a is better, and in which both are equal.
    wins, ties, losses : int
        Tasks in which a is better, equal, and worse.
    per_task : ndarray of shape (T,)
        a - b in each task; NaN where it is not defined for both, of which a note tells.
    """

    measure: str
    a: float
    b: float
    difference: float
    interval: Interval | None
    higher_is_better: bool
    p_a_better: float
    p_equal: float
    wins: int
    ties: int
    losses: int
    per_task: Vector


One = TypeVar("One", Agreement, Difference)


@dataclass(frozen=True)
class ByMeasure(Tabular, Generic[One]):
    """What a result of several measures over tasks has, whatever it says of a measure."""

    measures: tuple[One, ...]
    tasks: tuple[str, ...]
    n_candidates: tuple[int, ...]
    resampled: str
    n_resamples: int
    confidence: float
    notes: tuple[str, ...]

    def __getitem__(self, measure: str) -> One:
        """The measure of that name; KeyError where it was not asked for."""
        for one in self.measures:
            if one.measure == measure:
                return one
        raise KeyError(measure)

    def __iter__(self) -> Iterator[One]:
        """The measures."""
        return iter(self.measures)

    def _bounds(self) -> dict[str, list[float | None]]:
        return {
            "lower": [one.interval[0] if one.interval else None for one in self.measures],
            "upper": [one.interval[1] if one.interval else None for one in self.measures],
        }

    def _shared(self, values: str) -> dict[str, Any]:
        """How it was found, and the values of each task under that name."""
        return {
            "resampled": self.resampled,
            "n_resamples": self.n_resamples,
            "confidence": self.confidence,
            "notes": self.notes,
            "tasks": [
                {
                    "task": task,
                    "n_candidates": self.n_candidates[i],
                    values: {one.measure: one.per_task[i] for one in self.measures},
                }
                for i, task in enumerate(self.tasks)
            ],
        }

    def _size(self) -> str:
        low, high = min(self.n_candidates), max(self.n_candidates)
        candidates = _plural(low, "candidate") if low == high else f"{low} to {high} candidates"
        tasks = _plural(len(self.tasks), "task")
        return f"{tasks}, {candidates}; {self.n_resamples} resamples of {self.resampled}"

    def _interval_heading(self) -> str:
        return f"{100 * self.confidence:.4g} % interval"


@dataclass(frozen=True)
class Evaluation(ByMeasure[Agreement]):
    """How scores agree with what was measured. Printed, it is a table.

    `evaluation["spearman"]` is one measure.

    Attributes
    ----------
    measures : tuple of Agreement
        One for each measure, in the order in which they were asked for.
    tasks : tuple of str
        Names of the tasks.
    n_candidates : tuple of int
        Candidates of each task that have a score and a measured value.
    resampled : "tasks" or "candidates"
        What the bootstrap draws: candidates where there is one task.
    n_resamples : int
        Resamples.
    confidence : float
        That of the intervals.
    critical_spearman : float
        The rank correlation that unrelated rankings of the fewest candidates reach with a
        probability of at most 1 - confidence, see `critical_spearman`; infinite where there is
        none.
    notes : tuple of str
        What a reader of the numbers should know.
    """

    KIND = "evaluation"

    critical_spearman: float

    def _columns(self) -> Mapping[str, Sequence[Any]]:
        return {
            "measure": [one.measure for one in self.measures],
            "value": [one.value for one in self.measures],
            **self._bounds(),
            "higher_is_better": [one.higher_is_better for one in self.measures],
            "n_tasks": [int(np.isfinite(one.per_task).sum()) for one in self.measures],
        }

    def _about(self) -> Mapping[str, Any]:
        return {"critical_spearman": self.critical_spearman, **self._shared("values")}

    def _sheet(self) -> Sheet:
        rows = [
            (one.measure, one.value, _range(one.interval), _better(one)) for one in self.measures
        ]
        value = "Value" if len(self.tasks) == 1 else "Mean"
        headings = ("Measure", value, self._interval_heading(), "Better")
        return Sheet(headings, rows, "lrrl", title=self._size(), notes=self.notes)


@dataclass(frozen=True)
class Comparison(ByMeasure[Difference]):
    """Two scores on the same tasks. Printed, it is a table.

    `comparison["spearman"]` is one measure.

    Attributes
    ----------
    names : tuple of two str
        Of the scores.
    measures : tuple of Difference
        One for each measure, in the order in which they were asked for.
    tasks : tuple of str
        Names of the tasks.
    n_candidates : tuple of int
        Candidates of each task that have both scores and a measured value.
    resampled : "tasks" or "candidates"
        What the bootstrap draws: candidates where there is one task.
    n_resamples : int
        Resamples.
    confidence : float
        That of the intervals.
    notes : tuple of str
        What a reader of the numbers should know.
    """

    KIND = "comparison"

    names: tuple[str, str]

    def _columns(self) -> Mapping[str, Sequence[Any]]:
        def columns(*names: str) -> dict[str, list[Any]]:
            return {name: [getattr(one, name) for one in self.measures] for name in names}

        return {
            **columns("measure", "a", "b", "difference"),
            **self._bounds(),
            **columns("p_a_better", "p_equal", "wins", "ties", "losses", "higher_is_better"),
        }

    def _about(self) -> Mapping[str, Any]:
        return {"names": self.names, **self._shared("differences")}

    def _sheet(self) -> Sheet:
        a, b = self.names
        rows = [
            (
                one.measure,
                one.a,
                one.b,
                f"{one.difference:+.4f}",
                _range(one.interval),
                f"{one.p_a_better:.1%}",
                f"{one.p_equal:.1%}",
                f"{one.wins}/{one.ties}/{one.losses}",
                _better(one),
            )
            for one in self.measures
        ]
        headings = (
            *("Measure", a, b, f"{a} - {b}", self._interval_heading()),
            *(f"P({a} better)", "P(equal)", "Wins/ties/losses", "Better"),
        )
        title = f"{a} against {b}: {self._size()}"
        return Sheet(headings, rows, "lrrrrrrrl", title=title, notes=self.notes)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _range(interval: Interval | None) -> str | None:
    return f"{interval[0]:+.4f} to {interval[1]:+.4f}" if interval else None


def _better(one: Agreement | Difference) -> str:
    return "higher" if one.higher_is_better else "lower"
