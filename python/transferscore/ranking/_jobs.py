"""Cells of a matrix of scores that are computed together, wherever that may be."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from transferscore import _checks, _threads
from transferscore._scores import OTHERS, REGISTRY, Score
from transferscore._scores.h_score import of_label_sets
from transferscore.ranking._inputs import digest, loaded
from transferscore.transport import otce

Arguments = dict[str, Any]

# Scores of a pair by name: those of features, those of other things than features, and OTCE.
OTCE = Score(
    "otce",
    "F-OTCE",
    otce,
    bounds="-log(target classes) to 0",
    needs=("source_features", "source_labels", "target_features", "target_labels"),
)
OF_PAIRS: dict[str, Score] = {
    score.name: score
    for score in (*REGISTRY.values(), *OTHERS.values(), OTCE)
    if len(score.needs) > 1
}
OF_TARGETS = ("labels", "targets", "optimal", "target_features", "target_labels")


def _h_scores(cells: Sequence[Arguments], **options: Any) -> Sequence[Any]:
    label_sets = [cell["labels"] for cell in cells]
    return [*of_label_sets(cells[0]["features"], label_sets, **options)]


def _shrunk_h_scores(cells: Sequence[Arguments], **options: Any) -> Sequence[Any]:
    return _h_scores(cells, shrinkage="ledoit-wolf", **options)


# What computes many cells of one source together, with the bits of single calls, and with which
# options. Other scores would share work, but not to the bit: statistics are summed in another order
# than LogME sums, and costs that tasks of `otce_many` share are seen from another centre.
TOGETHER: dict[str, tuple[Callable[..., Sequence[Any]], frozenset[str]]] = {
    "h_score": (_h_scores, frozenset({"shrinkage", "adjust_for_chance"})),
    "h_score_shrinkage": (_shrunk_h_scores, frozenset({"adjust_for_chance"})),
}


@dataclass(frozen=True)
class Rule:
    """How a cell is scored."""

    name: str
    function: Callable[..., Any] | None  # None: the score of this name
    options: Mapping[str, Any]

    @property
    def arguments(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Arguments that sources and targets give."""
        if self.function is not None:
            return ("features",), ("labels",)
        needs = OF_PAIRS[self.name].needs
        of_sources = tuple(name for name in needs if name not in OF_TARGETS)
        return of_sources, tuple(name for name in needs if name in OF_TARGETS)

    @property
    def shares(self) -> bool:
        """Whether cells of one source are computed together."""
        if self.function is not None or self.name not in TOGETHER:
            return False
        return TOGETHER[self.name][1].issuperset(self.options)

    def one(self, cell: Arguments) -> float:
        """The score of a cell."""
        if self.function is not None:
            return _checks.score_of_result(self.function(*cell.values(), **self.options))
        compute = OF_PAIRS[self.name].compute
        return _checks.score_of_result(compute(**cell, **self.options))

    def many(self, cells: Sequence[Arguments]) -> list[float]:
        """The scores of cells that share what large arguments they have."""
        values = TOGETHER[self.name][0](cells, **self.options)
        return [_checks.score_of_result(value) for value in values]


@dataclass(frozen=True)
class Job:
    """Cells of one source that share their features."""

    source: str
    rule: Rule
    of_source: Arguments  # what all cells share, as references
    of_targets: dict[str, Arguments]  # what each target adds
    n_threads: int | None
    known: dict[str, dict[str, float]] | None = field(default=None)  # by target; None: no log


class Outcome(NamedTuple):
    """What became of a cell."""

    source: str
    target: str
    value: float | None
    error: str
    key: str  # of what it was computed from; empty without a log
    is_new: bool


def run(job: Job) -> list[Outcome]:
    """Score the cells of a job, each as if alone; a failing one doesn't concern the others."""
    threads = nullcontext() if job.n_threads is None else _threads.num_threads(job.n_threads)
    with threads:
        return _Work(job).outcomes()


class _Work:
    """A job that is being done: everything that cells share is loaded and hashed once."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._loaded: dict[int, Any] = {}  # by identity of the reference
        self._hashed: dict[int, str] = {}

    def outcomes(self) -> list[Outcome]:
        found: dict[str, Outcome] = {}
        cells: dict[str, Arguments] = {}
        keys: dict[str, str] = {}
        for target in self._job.of_targets:
            try:
                cells[target], keys[target] = self._cell(target)
            except Exception as error:
                found[target] = self._failed(target, error)
                continue
            known = (self._job.known or {}).get(target, {})
            if keys[target] in known:
                found[target] = self._outcome(target, known[keys[target]], keys.pop(target), False)
                del cells[target]
        for target, value in self._scored(cells).items():
            found[target] = (
                self._failed(target, value)
                if isinstance(value, Exception)
                else self._outcome(target, value, keys[target], True)
            )
        return [found[target] for target in self._job.of_targets]

    def _cell(self, target: str) -> tuple[Arguments, str]:
        """The arguments of a cell, and its key."""
        references = {**self._job.of_source, **self._job.of_targets[target]}
        cell = {name: self._load(value) for name, value in references.items()}
        if self._job.known is None:
            return cell, ""
        digests = {name: self._hash(value, cell[name], name) for name, value in references.items()}
        return cell, key(self._job.rule, digests)

    def _load(self, value: Any) -> Any:
        if id(value) not in self._loaded:
            self._loaded[id(value)] = loaded(value)
        return self._loaded[id(value)]

    def _hash(self, value: Any, content: Any, name: str) -> str:
        if id(value) not in self._hashed:
            self._hashed[id(value)] = digest(content, name)
        return self._hashed[id(value)]

    def _scored(self, cells: dict[str, Arguments]) -> dict[str, float | Exception]:
        """By target the score or the error."""
        rule = self._job.rule
        if rule.shares and len(cells) > 1:
            try:
                return dict(zip(cells, rule.many([*cells.values()]), strict=True))
            except Warning:
                raise  # somebody asked for warnings to be errors
            except Exception:  # one by one, they tell which it was
                return {target: self._alone(cell) for target, cell in cells.items()}
        return {target: self._alone(cell) for target, cell in cells.items()}

    def _alone(self, cell: Arguments) -> float | Exception:
        try:
            return self._job.rule.one(cell)
        except Warning:
            raise
        except Exception as error:
            return error

    def _failed(self, target: str, error: Exception) -> Outcome:
        text = f"{type(error).__name__}: {error}"
        return Outcome(self._job.source, target, None, text, "", False)

    def _outcome(self, target: str, value: float, key: str, is_new: bool) -> Outcome:
        return Outcome(self._job.source, target, value, "", key, is_new)


def key(rule: Rule, digests: Mapping[str, str]) -> str:
    """What a score is known by: everything that could change it."""
    from transferscore import __version__

    content = {
        "version": __version__,
        "score": rule.name,
        "options": rule.options,
        "arguments": digests,
    }
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
