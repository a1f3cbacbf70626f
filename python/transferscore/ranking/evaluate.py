"""How a ranking by scores agrees with the ranking that was measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks
from transferscore.ranking import _bootstrap, _measures
from transferscore.ranking._evaluation import (
    Agreement,
    Comparison,
    Difference,
    Evaluation,
)
from transferscore.ranking._measures import Measure
from transferscore.ranking._places import once
from transferscore.ranking.choices import regret, rel_at_k, selection_accuracy, top_k_accuracy
from transferscore.ranking.correlations import kendall, pearson, spearman, weighted_kendall
from transferscore.ranking.critical import critical_spearman
from transferscore.ranking.displacement import footrule
from transferscore.ranking.gains import ndcg
from transferscore.ranking.relative import relative_accuracy

__all__ = [
    "Agreement",
    "Comparison",
    "Difference",
    "Evaluation",
    "compare_scores",
    "critical_spearman",
    "evaluate_scores",
    "footrule",
    "kendall",
    "ndcg",
    "pearson",
    "regret",
    "rel_at_k",
    "relative_accuracy",
    "selection_accuracy",
    "spearman",
    "top_k_accuracy",
    "weighted_kendall",
]

Vector = NDArray[np.float64]
Values = ArrayLike | Mapping[str, Any]
Missing = Literal["raise", "drop"]
FEW_CANDIDATES = 30  # up to which the critical correlation is worth a line
FEW_TASKS = 10


def evaluate_scores(
    scores: Values,
    measured: Values,
    *,
    measures: str | Sequence[str] | None = None,
    n_resamples: int = 1000,
    confidence: float = 0.95,
    random_state: "int | np.random.Generator | None" = 0,
    missing: Missing = "raise",
    tasks: Sequence[str] | None = None,
) -> Evaluation:
    r"""How scores agree with what was measured, over tasks, each measure with its interval.

    A measure is taken in each task over its candidates; its value is the mean over tasks.

    .. math::

        \bar v = \frac{1}{T} \sum_t v(s_t, m_t)

    The interval is a bootstrap over tasks, or with one task over its candidates: percentiles,
    moved outwards for few tasks (Hesterberg, The American Statistician 69, 2015). Whether higher
    is better depends on the measure, and the result says it.

    Parameters
    ----------
    scores : array-like of shape (n,) or (T, n), mapping or data frame
        Score of each of n candidates in each of T tasks; higher is better. Or
        {task: {candidate: score}}, {candidate: score}, or a pandas data frame with tasks as rows:
        these are brought together by name, and tasks may have candidates of their own.
    measured : as `scores`
        What was measured for each, such as accuracy; higher is better.
    measures : str or sequence of str, optional
        Of "pearson", "spearman", "kendall", "weighted_kendall", "ndcg", "ndcg_exponential",
        "footrule" (top by score), "footrule_measured", "selection_accuracy", "top_k_accuracy",
        "rel" and "regret"; "ndcg", the footrules and "regret" may, "top_k_accuracy" and "rel" must
        say k, as in "rel@3". Default: all of them, with k = 3.
    n_resamples : int, default 1000
        Resamples of the bootstrap.
    confidence : float, default 0.95
        Of the intervals, between 0 and 1.
    random_state : int, Generator or None, default 0
        Seed of the resamples.
    missing : "raise" or "drop", default "raise"
        "drop": a candidate that has no score or no measured value in a task (NaN, None, or a name
        that isn't there) is left out of that task, and a task of fewer than two is left out; a
        note says so.
    tasks : sequence of str, optional
        Names of the tasks. Default: those of mappings and data frames, otherwise numbers.

    Returns
    -------
    Evaluation
        Each measure with interval and per task, and notes, such as which rank correlation is no
        chance for so few candidates.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described, or a measure is not defined in any task.

    Notes
    -----
    Tasks that share models or data are less independent than the bootstrap takes them to be:
    intervals are then too narrow. In a resample of candidates some are drawn several times and tie;
    resamples in which a measure isn't defined are left out.

    Examples
    --------
    >>> from transferscore.ranking import evaluate_scores
    >>> scores = {"cars": {"a": 0.2, "b": 0.5, "c": 0.9, "d": 0.4, "e": 0.7, "f": 0.1},
    ...           "pets": {"a": 1.1, "b": 1.6, "c": 1.4, "d": 1.3, "e": 1.5, "f": 1.0}}
    >>> accuracies = {"cars": {"a": 0.61, "b": 0.64, "c": 0.72, "d": 0.66, "e": 0.69, "f": 0.58},
    ...               "pets": {"a": 0.81, "b": 0.86, "c": 0.88, "d": 0.83, "e": 0.85, "f": 0.82}}
    >>> evaluation = evaluate_scores(scores, accuracies, measures=["spearman", "regret"])
    >>> print(evaluation)
    2 tasks, 6 candidates; 1000 resamples of tasks
    Measure     Mean       95 % interval  Better
    --------  ------  ------------------  ------
    spearman  0.8571  +0.7714 to +0.9429  higher
    regret    0.0100  +0.0000 to +0.0200  lower
    note: a task of 6 candidates: |rho| must reach 0.886 to be no chance at 5 %
    note: 2 tasks are few: intervals are rather too narrow
    >>> evaluation["spearman"].per_task
    array([0.94285714, 0.77142857])
    """
    data = _tasks({"scores": scores, "measured": measured}, tasks, missing)
    plan = _plan(n_resamples, confidence, random_state)
    notes = [*_small(data, 1 - plan.confidence), *data.notes]
    found = []
    for measure in _measures.find(measures, data.sizes):
        outcome = _outcome(measure, data, plan, notes)
        found.append(
            Agreement(
                measure=measure.name,
                value=float(outcome.values[0]),
                interval=_bootstrap.interval(outcome.drawn[0], outcome.n, plan.confidence),
                higher_is_better=measure.kind.higher_is_better,
                per_task=outcome.per_task[0],
                left_out=plan.n_resamples - outcome.drawn.shape[1],
            )
        )
    return Evaluation(
        measures=tuple(found),
        tasks=data.names,
        n_candidates=data.sizes,
        resampled=data.resampled,
        n_resamples=plan.n_resamples,
        confidence=plan.confidence,
        critical_spearman=critical_spearman(min(data.sizes), level=1 - plan.confidence),
        notes=tuple(notes),
    )


def compare_scores(
    scores_a: Values,
    scores_b: Values,
    measured: Values,
    *,
    measures: str | Sequence[str] = "spearman",
    names: tuple[str, str] = ("a", "b"),
    n_resamples: int = 1000,
    confidence: float = 0.95,
    random_state: "int | np.random.Generator | None" = 0,
    missing: Missing = "raise",
    tasks: Sequence[str] | None = None,
) -> Comparison:
    r"""Which of two scores agrees better with what was measured, on the same tasks.

    .. math::

        \bar d = \frac{1}{T} \sum_t v(a_t, m_t) - v(b_t, m_t)

    Tasks differ in difficulty, and both scores meet the same ones: a resample draws tasks for both
    at once, so that the interval of the difference is mostly narrower than intervals of each
    score suggest. Whether higher is better depends on the measure, and the result says it.

    Parameters
    ----------
    scores_a : array-like of shape (n,) or (T, n), mapping or data frame
        As `scores` of `evaluate_scores`.
    scores_b : as `scores_a`
        The other score of the same candidates.
    measured : as `scores_a`
        What was measured for each, such as accuracy; higher is better.
    measures : str or sequence of str, default "spearman"
        As for `evaluate_scores`.
    names : tuple of two str, default ("a", "b")
        Of the scores, for people.
    n_resamples : int, default 1000
        As for `evaluate_scores`.
    confidence : float, default 0.95
        As for `evaluate_scores`.
    random_state : int, Generator or None, default 0
        As for `evaluate_scores`.
    missing : "raise" or "drop", default "raise"
        As for `evaluate_scores`; with "drop" a candidate must have both scores.
    tasks : sequence of str, optional
        As for `evaluate_scores`.

    Returns
    -------
    Comparison
        For each measure the difference with its interval, the share of resamples in which a is
        better, and the tasks in which it is.

    Raises
    ------
    TypeError, ValueError
        As for `evaluate_scores`.

    Examples
    --------
    >>> from transferscore.ranking import compare_scores
    >>> accuracies = [[0.61, 0.64, 0.72, 0.66], [0.81, 0.86, 0.88, 0.83], [0.5, 0.4, 0.3, 0.2]]
    >>> by_a = [[0.2, 0.5, 0.9, 0.4], [1.1, 1.6, 1.4, 1.3], [4, 3, 1, 2]]
    >>> by_b = [[0.7, 0.5, 0.9, 0.4], [1.1, 1.2, 1.4, 1.3], [1, 3, 4, 2]]
    >>> comparison = compare_scores(by_a, by_b, accuracies, names=("LogME", "LEEP"))
    >>> found = comparison["spearman"]
    >>> round(found.difference, 6), found.wins, found.ties, found.losses
    (0.6, 2, 1, 0)
    """
    data = _tasks(
        {"scores_a": scores_a, "scores_b": scores_b, "measured": measured}, tasks, missing
    )
    plan = _plan(n_resamples, confidence, random_state)
    a, b = _checks.two_names(names)
    notes = [*_few(data), *data.notes]
    found = []
    for measure in _measures.find(measures, data.sizes):
        outcome = _outcome(measure, data, plan, notes)
        sign = 1 if measure.kind.higher_is_better else -1
        per_task = outcome.per_task[0] - outcome.per_task[1]
        drawn = outcome.drawn[0] - outcome.drawn[1]
        won = sign * per_task[np.isfinite(per_task)]
        found.append(
            Difference(
                measure=measure.name,
                a=float(outcome.values[0]),
                b=float(outcome.values[1]),
                difference=float(outcome.values[0] - outcome.values[1]),
                interval=_bootstrap.interval(drawn, outcome.n, plan.confidence),
                higher_is_better=measure.kind.higher_is_better,
                p_a_better=float(np.mean(sign * drawn > 0)),
                p_equal=float(np.mean(drawn == 0)),
                wins=int(np.sum(won > 0)),
                ties=int(np.sum(won == 0)),
                losses=int(np.sum(won < 0)),
                per_task=per_task,
            )
        )
    return Comparison(
        names=(a, b),
        measures=tuple(found),
        tasks=data.names,
        n_candidates=data.sizes,
        resampled=data.resampled,
        n_resamples=plan.n_resamples,
        confidence=plan.confidence,
        notes=tuple(notes),
    )


@dataclass(frozen=True)
class _Tasks:
    """Tasks with the values of their candidates: one or two scores, and what was measured."""

    names: tuple[str, ...]
    values: list[list[Vector]]
    notes: tuple[str, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(len(task[-1]) for task in self.values)

    @property
    def resampled(self) -> str:
        return "candidates" if len(self.values) == 1 else "tasks"


@dataclass(frozen=True)
class _Plan:
    n_resamples: int
    confidence: float
    seed: int


@dataclass(frozen=True)
class _Outcome:
    """A measure of S scores: per task (S, T), their means (S,), those of resamples (S, R)."""

    per_task: Vector
    values: Vector
    drawn: Vector
    n: int  # what was drawn from: tasks or candidates


def _tasks(given: Mapping[str, Values], tasks: Sequence[str] | None, missing: Missing) -> _Tasks:
    """Tasks with at least two candidates that have all values."""
    names, tables = _checks.tables_of_tasks(given, tasks, missing)
    n_known = np.sum([np.isfinite(table) for table in tables], axis=0)
    complete: NDArray[np.bool_] = n_known == len(tables)
    enough = np.flatnonzero(complete.sum(axis=1) >= 2)
    if not len(enough):
        raise _checks.no_task_left(given)
    notes = []
    n_pairs = int(np.sum(n_known[enough] > 0))
    if n_missing := n_pairs - int(complete[enough].sum()):
        pairs = f"{n_missing} of {n_pairs} pairs of task and candidate"
        notes.append(f"{pairs} have no value and are left out")
    left_out = [name for i, name in enumerate(names) if i not in enough]
    if left_out:
        notes.append(f"left out for fewer than two candidates: {_listed(left_out)}")
    values = [[table[i, complete[i]] for table in tables] for i in enough]
    return _Tasks(tuple(names[i] for i in enough), values, tuple(notes))


def _plan(n_resamples: int, confidence: float, random_state: object) -> _Plan:
    rng = _checks.generator(random_state)
    return _Plan(
        _checks.count(n_resamples, "n_resamples"),
        _checks.open_share(confidence, "confidence"),
        int(rng.integers(2**63)),  # one seed: every measure and score sees the same resamples
    )


def _outcome(measure: Measure, data: _Tasks, plan: _Plan, notes: list[str]) -> _Outcome:
    n_scores = len(data.values[0]) - 1
    per_task = np.array(
        [
            [measure.values(task[s], task[-1], once(len(task[-1])))[0] for task in data.values]
            for s in range(n_scores)
        ]
    )
    defined = np.isfinite(per_task).all(axis=0)
    if not defined.any():
        raise _checks.never_defined(measure.name, measure.undefined)
    if not defined.all():
        names = [name for name, known in zip(data.names, defined, strict=True) if not known]
        notes.append(f"{measure.name} leaves out {_listed(names)}: {measure.undefined}")
    values = np.array([row[defined].mean() for row in per_task])
    n = int(defined.sum())
    if len(data.values) > 1:
        means = [_bootstrap.means(row[defined], plan.n_resamples, plan.seed) for row in per_task]
        return _Outcome(per_task, values, np.array(means), n)
    n = data.sizes[0]
    drawn = _of_candidates(measure, data.values[0], plan)
    known = np.isfinite(drawn).all(axis=0)
    if not known.any():
        raise _checks.too_few_resamples(measure.name, plan.n_resamples)
    if not known.all():
        notes.append(
            f"{measure.name} is not defined in {int((~known).sum())} of {plan.n_resamples} "
            "resamples, which are left out"
        )
    return _Outcome(per_task, values, drawn[:, known], n)


def _of_candidates(measure: Measure, task: Sequence[Vector], plan: _Plan) -> Vector:
    """The measure of each score (S, R) in resamples of the candidates of one task."""
    *scores, y = task
    blocks = _bootstrap.draws(len(y), plan.n_resamples, plan.seed)
    found = [[measure.values(x, y, _bootstrap.counted(drawn)) for x in scores] for drawn in blocks]
    return np.concatenate(found, axis=1)


def _small(data: _Tasks, level: float) -> list[str]:
    """What is to be said where there are few candidates or few tasks."""
    fewest = min(data.sizes)
    notes = []
    if fewest <= FEW_CANDIDATES:
        least = critical_spearman(fewest, level=level)
        whose = f"{fewest} candidates" if len(data.sizes) == 1 else f"a task of {fewest} candidates"
        notes.append(
            f"{whose}: |rho| must reach {least:.3f} to be no chance at {100 * level:.4g} %"
            if np.isfinite(least)
            else f"{whose}: not even |rho| = 1 is beyond chance at {100 * level:.4g} %"
        )
    return [*notes, *_few(data)]


def _few(data: _Tasks) -> list[str]:
    if 1 < len(data.names) < FEW_TASKS:
        return [f"{len(data.names)} tasks are few: intervals are rather too narrow"]
    return []


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
