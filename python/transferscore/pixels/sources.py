"""Sources for a segmentation task: filtered by rules, ranked by a score, explained."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from transferscore import _checks
from transferscore._scores import REGISTRY
from transferscore.pixels.score_regression import ScoreRegression
from transferscore.pixels.source_filter import FilteredSources, SegmentationTask, SourceFilter
from transferscore.ranking.displacement import mean_ranks
from transferscore.transport import otce

Samples = Mapping[str, Mapping[str, Any]] | Callable[[SegmentationTask], Mapping[str, Any]]
TaskScore = str | Mapping[str, float] | Callable[[SegmentationTask], Any]


@dataclass(frozen=True)
class RankedSource:
    """A source in its place.

    Attributes
    ----------
    task : SegmentationTask
        The source.
    rank : float
        1 is the best; equal scores share the mean of their ranks.
    score : float or None
        Its score; None where the rules alone rank.
    predicted : float or None
        What the regression predicts from the score.
    reasons : tuple of str
        Why the filter kept it; empty without one.
    """

    task: SegmentationTask
    rank: float
    score: float | None
    predicted: float | None
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class SourceRanking:
    """Sources for a target, the best first. Printed, it explains itself.

    Attributes
    ----------
    target : SegmentationTask
        The task to find sources for.
    sources : tuple of RankedSource
        The ranking.
    filtered : FilteredSources or None
        What the filter kept and dropped, and why.
    score : str
        What ranked.
    notes : tuple of str
        What a reader of the ranking should know.
    """

    target: SegmentationTask
    sources: tuple[RankedSource, ...]
    filtered: FilteredSources | None
    score: str
    notes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the sources, the best first."""
        return tuple(source.task.name for source in self.sources)

    def __str__(self) -> str:
        n = len(self.sources)
        of = "" if self.filtered is None else f" (of {len(self.filtered.decisions)} candidates)"
        lines = [f"{n} sources for {self.target.name}{of}, ranked by {self.score}"]
        lines += [_line(source) for source in self.sources]
        if self.filtered is not None:
            lines += [str(one) for one in self.filtered.decisions if not one.kept]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def _line(source: RankedSource) -> str:
    parts = [f"{source.rank:g}. {source.task.name}"]
    if source.score is not None:
        parts.append(f"score {source.score:.4g}")
    if source.predicted is not None:
        parts.append(f"predicted {source.predicted:.3f}")
    why = f" ({'; '.join(source.reasons)})" if source.reasons else ""
    return ", ".join(parts) + why


def select_sources(
    target: SegmentationTask,
    candidates: Iterable[SegmentationTask],
    *,
    score: TaskScore | None,
    filter: SourceFilter | None = None,  # noqa: A002
    samples: Samples | None = None,
    higher_is_better: bool = True,
    regression: ScoreRegression | None = None,
    n_threads: int | None = None,
) -> SourceRanking:
    r"""Rank source tasks for a segmentation task: first rules, then a score of those that stay.

    The pipeline of Li, Tan, Yang, Li, Zhang, "Finding the most transferable tasks for brain image
    segmentation", BIBM 2022, for any score and any task.

    .. math::

        \text{candidates} \to \text{filter} \to \text{rank by score}
            \to \text{predicted Dice} = \text{slope} \cdot \text{score} + \text{intercept}

    Parameters
    ----------
    target : SegmentationTask
        The task to find sources for.
    candidates : iterable of SegmentationTask
        Sources to choose from. The target may be among them, and is left out.
    score : str, callable, mapping or None
        What ranks. A name: "otce" (-W_T), or a score of features and labels as in `scores()`, which
        sees the target's features and labels. A callable gets each source task and returns a
        number, or a result with `score`. A mapping has numbers by the names of sources. None:
        the order of the filter's rules alone.
    filter : SourceFilter, optional
        Rules that drop candidates before anything is scored. Default: all stay.
    samples : mapping or callable, optional
        For a score by name: for each source, by its name or as a function of the task, a mapping
        with `target_features` (m, d) from the source's network, `target_labels` (m,), and for
        "otce" `source_features` (n, d) and `source_labels` (n,). Labels are those of pixels.
    higher_is_better : bool, default True
        The direction of `score` where it is a callable or a mapping.
    regression : ScoreRegression, optional
        A line fitted to tasks with known Dice, which adds predictions. It never changes the order.
    n_threads : int, optional
        Threads for a score by name.

    Returns
    -------
    SourceRanking
        Sources that stay, the best first, with scores, predictions and reasons. Equal scores share
        a rank and stand in the order of the filter.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described, or a score is not finite. The text names the source.

    Examples
    --------
    >>> from transferscore import ScoreRegression, SegmentationTask, SourceFilter, select_sources
    >>> tasks = [
    ...     SegmentationTask(family=family, modality=modality, region=region)
    ...     for family, region in (("tumour", "ET"), ("tumour", "ED"), ("matter", "WM"))
    ...     for modality in ("T1", "T2")
    ... ]
    >>> scores = {"ET-T2": -0.06, "ED-T1": -0.11, "ED-T2": -0.02, "WM-T1": -0.08, "WM-T2": -0.05}
    >>> ranking = select_sources(
    ...     tasks[0],
    ...     tasks,
    ...     score=scores,
    ...     filter=SourceFilter(region="off"),
    ...     regression=ScoreRegression.fit([-0.1, -0.06, -0.03], [0.7, 0.76, 0.84]),
    ... )
    >>> print(ranking)
    2 sources for ET-T1 (of 5 candidates), ranked by given scores
    1. ET-T2, score -0.06, predicted 0.773 (same family; other modality, same region)
    2. ED-T1, score -0.11, predicted 0.675 (same family; same modality)
    dropped: ED-T2 because it has neither the modality T1 nor the region ET
    dropped: WM-T1 because its family is matter, not tumour
    dropped: WM-T2 because its family is matter, not tumour, and because it has neither the
    modality T1 nor the region ET
    """
    found = _checks.source_tasks(candidates, target, SegmentationTask)
    _checks.score_regression(regression, ScoreRegression)
    filtered = None if filter is None else filter.apply(target, found)
    pool = found if filtered is None else list(filtered.kept)
    reasons = {} if filtered is None else {d.task.name: d.reasons for d in filtered.decisions}
    if score is None:
        return _by_rules(target, filtered, regression)
    title, compute = _scorer(score, samples, n_threads)
    values = np.array([_checks.score_of_source(compute(task), task.name) for task in pool])
    descending = values if higher_is_better or isinstance(score, str) else -values
    ranks = mean_ranks(descending)
    order = np.argsort(ranks, kind="stable")
    predicted = None if regression is None else regression.predict(values)
    sources = tuple(
        RankedSource(
            task=pool[i],
            rank=float(ranks[i]),
            score=float(values[i]),
            predicted=None if predicted is None else float(predicted[i]),
            reasons=reasons.get(pool[i].name, ()),
        )
        for i in order
    )
    falls = regression is not None and (regression.slope > 0) != higher_is_better
    notes = (NOTE,) if falls else ()
    return SourceRanking(target, sources, filtered, title, notes)


NOTE = (
    "the regression says that better scores had worse outcomes; the order follows the scores, not "
    "the predictions"
)


def _by_rules(
    target: SegmentationTask, filtered: FilteredSources | None, regression: ScoreRegression | None
) -> SourceRanking:
    if filtered is None:
        raise _checks.nothing_ranks()
    if regression is not None:
        raise _checks.regression_without_score()
    kept = [decision for decision in filtered.decisions if decision.kept]
    sources = [
        RankedSource(decision.task, float(place), None, None, decision.reasons)
        for place, decision in enumerate(kept, start=1)
    ]
    return SourceRanking(target, tuple(sources), filtered, "the rules of the filter", ())


def _scorer(
    score: TaskScore, samples: Samples | None, n_threads: int | None
) -> tuple[str, Callable[[SegmentationTask], Any]]:
    """What the score is called, and the function of a source."""
    if isinstance(score, str):
        return _by_name(score, samples, n_threads)
    if isinstance(score, Mapping):
        given: Mapping[str, float] = score
        return "given scores", lambda task: _checks.entry_of_source(given, task.name, "score")
    if callable(score):
        return "a given function", score
    raise _checks.score_kind(score)


def _by_name(
    score: str, samples: Samples | None, n_threads: int | None
) -> tuple[str, Callable[[SegmentationTask], Any]]:
    name = _checks.score_by_name(score, REGISTRY)
    if samples is None:
        raise _checks.no_samples_of_source(name)
    given: Samples = samples

    def of(task: SegmentationTask, needed: tuple[str, ...]) -> dict[str, Any]:
        value = (
            given(task) if callable(given) else _checks.entry_of_source(given, task.name, "samples")
        )
        return _checks.samples_of_source(value, task.name, needed)

    if name == "otce":
        return "OTCE", lambda task: otce(**of(task, _checks.SAMPLES), n_threads=n_threads)
    compute = REGISTRY[name].compute

    def of_target(task: SegmentationTask) -> Any:
        given = of(task, ("target_features", "target_labels"))
        return compute(given["target_features"], given["target_labels"], n_threads=n_threads)

    return REGISTRY[name].title, of_target
