"""Scores of many sources for many targets: models x tasks, tasks x tasks."""

import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferscore import _checks
from transferscore.ranking._executors import engine
from transferscore.ranking._inputs import Spill, depends_on_pair, of_pair
from transferscore.ranking._jobs import OF_PAIRS, Job, Rule, run
from transferscore.ranking._log import Log
from transferscore.ranking._tabular import Sheet, Tabular

# Cells of scores that share nothing are computed so many at a time, so that work can be spread.
CELLS_EACH = 8
# Targets that stand side by side when a matrix is printed; of more, the best sources are.
WIDE = 8
NAMED_ERRORS = 3


@dataclass(frozen=True)
class ScoreMatrix(Tabular):
    """Scores of sources (rows) for targets (columns).

    Printed, it is a table: of up to 8 targets with all scores, else with the best sources of each
    target. In files it has a row for each pair.

    Attributes
    ----------
    values : ndarray of shape (n_sources, n_targets)
        The scores, float64; nan where a pair could not be scored, and only there.
    sources, targets : tuple of str
        Names of rows and columns.
    score : str
        Name of the score.
    higher_is_better : bool
        Whether a larger value promises the better transfer.
    errors : mapping of (str, str) to str
        Why (source, target) could not be scored.
    """

    KIND = "score-matrix"

    values: NDArray[np.float64]
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    score: str
    higher_is_better: bool = True
    errors: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def __getitem__(self, pair: tuple[str, str]) -> float:
        """The score of a pair, `matrix[source, target]`."""
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise _checks.unknown_cell(pair, self.sources, "a pair (source, target)")
        for name, known, side in zip(
            pair, (self.sources, self.targets), ("source", "target"), strict=True
        ):
            if name not in known:
                raise _checks.unknown_cell(name, known, side)
        return float(self.values[self.sources.index(pair[0]), self.targets.index(pair[1])])

    def best_sources(self) -> dict[str, tuple[str, ...]]:
        """For each target the sources with the best score: several where they are equal.

        A target for which no source could be scored has none.
        """
        return {
            target: tuple(self.sources[i] for i in _best(self._oriented[:, j]))
            for j, target in enumerate(self.targets)
        }

    @property
    def _oriented(self) -> NDArray[np.float64]:
        """The scores such that the largest is the best."""
        return self.values if self.higher_is_better else -self.values

    def _columns(self) -> Mapping[str, list[Any]]:
        pairs = [(source, target) for source in self.sources for target in self.targets]
        return {
            "source": [source for source, _ in pairs],
            "target": [target for _, target in pairs],
            "value": [None if np.isnan(value) else float(value) for value in self.values.flat],
            "error": [self.errors.get(pair) for pair in pairs],
        }

    def _about(self) -> Mapping[str, Any]:
        return {
            "score": self.score,
            "higher_is_better": self.higher_is_better,
            "sources": self.sources,
            "targets": self.targets,
        }

    def _sheet(self) -> Sheet:
        if len(self.targets) <= WIDE:
            rows = [
                (source, *("failed" if np.isnan(value) else float(value) for value in values))
                for source, values in zip(self.sources, self.values, strict=True)
            ]
            headings: tuple[str, ...] = ("source", *self.targets)
            align = "l" + "r" * len(self.targets)
        else:
            rows = [self._in_short(j) for j in range(len(self.targets))]
            headings = ("target", "best source", self.score, "second", self.score, "failed")
            align = "llrlrr"
        return Sheet(headings, rows, align, self._title, self._notes)

    def _in_short(self, column: int) -> tuple[Any, ...]:
        """Target, best source and its score, second and its score, how many failed."""
        values = self._oriented[:, column]
        scored = np.flatnonzero(~np.isnan(values))
        order = scored[np.argsort(-values[scored], kind="stable")]
        shown: list[Any] = []
        for place in range(2):
            there = place < len(order)
            shown += [self.sources[order[place]] if there else None]
            shown += [float(self.values[order[place], column]) if there else None]
        return (self.targets[column], *shown, len(values) - len(scored))

    @property
    def _title(self) -> str:
        better = "higher" if self.higher_is_better else "lower"
        shape = f"{_counted(self.sources, 'source')} x {_counted(self.targets, 'target')}"
        return f"{self.score} of {shape}; {better} is better"

    @property
    def _notes(self) -> list[str]:
        notes = [f"{s} for {t} failed: {why}" for (s, t), why in self.errors.items()]
        more = len(notes) - NAMED_ERRORS
        return notes[:NAMED_ERRORS] + ([f"{more} more pairs failed"] if more > 0 else [])


def score_matrix(
    sources: Mapping[str, Any],
    targets: Mapping[str, Any],
    *,
    score: str | Callable[..., Any] = "h_score",
    options: Mapping[str, Any] | None = None,
    higher_is_better: bool | None = None,
    executor: Any = None,
    log: str | os.PathLike[str] | None = None,
    folder: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
    n_threads: int | None = None,
) -> ScoreMatrix:
    r"""Score every source for every target: models x tasks, or tasks x tasks.

    .. math::

        M_{st} = \operatorname{score}(\text{source } s, \text{target } t)

    Each value has the bits of a single call of the score, whatever the executor and the order; work
    is shared where the bits allow it. `scores()` says of each score whether higher is better; the
    papers are those of the scores.

    Parameters
    ----------
    sources : mapping of str to features
        By name of the source what the score needs of it. For scores of features and labels:
        features (n, d), as an array, a `numpy.memmap` or a path that `transferscore.io` reads.
        Features that are other ones for each target: a mapping from names of targets to these, or a
        function of the name of a target.
    targets : mapping of str to labels
        By name of the target what the score needs of it: labels (n,), as an array or a path, or by
        name of the source, as above.
    score : str or callable, default "h_score"
        Name of a score, among those of `scores()` or "otce"; or a function of what a source and a
        target hold, which returns a number or a result with `score`. For a score that needs more
        of a side than one argument, an entry is a mapping of the names of the arguments, with or
        without the side: for "otce", `{"features": ..., "labels": ...}` on both sides. Each of
        these, too, may be a mapping from, or a function of, names of the other side.
    options : mapping of str to anything that JSON knows, optional
        Further keyword arguments of the score.
    higher_is_better : bool, optional
        The orientation of a function; True by default. Names have theirs.
    executor : optional
        What runs the jobs: an executor of `concurrent.futures` (also those of Ray, MPI or loky), a
        client of `dask.distributed`, a `joblib.Parallel`, or the name of a joblib backend. Default:
        a loop in this process.
    log : path-like, optional
        A file to which scores are appended as they come, and in which those of earlier calls are
        looked up: by the content of features and labels, score, options and version. Interrupted
        and called again, a matrix goes on, and its file is the same as if nothing had happened.
        One call at a time may write a file.
    folder : path-like, optional
        Where arrays in memory are written for workers in other processes, and removed at the end;
        of workers on other machines, a folder that all see. Default: that of temporary files.
    progress : callable, optional
        Called with the pairs that are done and all pairs, at the start and after each job.
    n_threads : int, optional
        Threads within a job. Default: one with an executor, else as for `h_score`.

    Returns
    -------
    ScoreMatrix
        The scores, with nan and the reason in `errors` for pairs that could not be scored.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described, or no pair can be scored.

    Warns
    -----
    UserWarning
        Where some pairs could not be scored; and where a score says so, in the process in which it
        is computed.

    Notes
    -----
    A job is a source with targets that share its features: they are read once. H-scores of a source
    have one pass over the features and one factor for all targets; other scores would share work,
    but not to the bit, and are computed pair by pair. Jobs carry paths, not arrays: what lies in
    memory is written to `folder` once, and mapped by every worker. Functions must be picklable for
    other processes.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import score_matrix
    >>> rng = np.random.default_rng(0)
    >>> tasks = {"animals": rng.integers(0, 3, size=200), "day or night": rng.integers(0, 2, 200)}
    >>> models = {
    ...     "sees animals": rng.normal(size=(200, 4)) + np.eye(4)[tasks["animals"]],
    ...     "sees light": rng.normal(size=(200, 4)) + np.eye(4)[tasks["day or night"]],
    ... }
    >>> matrix = score_matrix(models, tasks)
    >>> print(matrix)
    h_score of 2 sources x 2 targets; higher is better
    source        animals  day or night
    ------------  -------  ------------
    sees animals   0.4875        0.0064
    sees light     0.0201        0.3492
    >>> matrix.best_sources()
    {'animals': ('sees animals',), 'day or night': ('sees light',)}
    """
    rule = _rule(score, options, is_logged=log is not None)
    upwards = _checks.orientation(higher_is_better, of_function=rule.function is not None)
    if rule.function is None:
        upwards = OF_PAIRS[rule.name].higher_is_better
    if n_threads is not None:
        n_threads = _checks.n_threads(n_threads)
    elif executor is not None:
        n_threads = 1
    rows = _checks.named(sources, "sources", "data")
    columns = _checks.named(targets, "targets", "data")
    run_all, elsewhere = engine(executor, keeps=log is not None)
    spread = executor is not None or log is not None
    found: dict[tuple[str, str], float] = {}
    errors: dict[tuple[str, str], str] = {}
    with (
        nullcontext() if log is None else Log(log) as kept,
        _for_workers(folder) if elsewhere else nullcontext() as spill,
    ):
        jobs = [
            replace(job, known=None if kept is None else _known(job, kept))
            for job in _jobs(rule, rows, columns, n_threads, spread=spread, spill=spill)
        ]
        told = progress or _nobody
        told(0, len(rows) * len(columns))
        for outcomes in run_all(run, jobs):
            for outcome in outcomes:
                pair = outcome.source, outcome.target
                if outcome.value is None:
                    errors[pair] = outcome.error
                else:
                    found[pair] = outcome.value
            if kept is not None:
                kept.append(_record(rule, outcome) for outcome in outcomes if outcome.is_new)
            told(len(found) + len(errors), len(rows) * len(columns))
    return _matrix(rule, upwards, (tuple(rows), tuple(columns)), found, errors)


def _nobody(done: int, total: int) -> None:
    """Nobody asked for progress."""


def _matrix(
    rule: Rule,
    higher_is_better: bool,
    names: tuple[tuple[str, ...], tuple[str, ...]],
    found: Mapping[tuple[str, str], float],
    errors: Mapping[tuple[str, str], str],
) -> ScoreMatrix:
    """The matrix of what was found; who called the caller is warned of what was not."""
    pairs = [(source, target) for source in names[0] for target in names[1]]
    in_order = {pair: errors[pair] for pair in pairs if pair in errors}
    if not found:
        raise _checks.no_pair_scored(in_order)
    if in_order:
        (source, target), reason = next(iter(in_order.items()))
        warnings.warn(
            f"{len(in_order)} of {len(pairs)} pairs were not scored; {source!r} for {target!r}: "
            f"{reason}",
            UserWarning,
            stacklevel=3,
        )
    values = np.array([found.get(pair, np.nan) for pair in pairs])
    return ScoreMatrix(
        values.reshape(len(names[0]), len(names[1])),
        *names,
        rule.name,
        higher_is_better,
        in_order,
    )


def _rule(score: Any, options: Any, *, is_logged: bool) -> Rule:
    given = _checks.options_of_score(options)
    if callable(score):
        name = _checks.name_of_function(score, is_logged=is_logged)
        return Rule(name, score, given)
    return Rule(_checks.score_of_pairs(score, OF_PAIRS), None, given)


def _jobs(
    rule: Rule,
    sources: Mapping[str, Any],
    targets: Mapping[str, Any],
    n_threads: int | None,
    *,
    spread: bool,
    spill: Spill | None,
) -> Iterator[Job]:
    """Every cell in a job, source by source."""
    of_sources, of_targets = rule.arguments
    given = {
        target: _given(rule, entry, of_targets, f"targets[{target!r}]", sources)
        for target, entry in targets.items()
    }
    rows = {
        source: _given(rule, entry, of_sources, f"sources[{source!r}]", targets)
        for source, entry in sources.items()
    }
    refer: Callable[[Any], Any] = (lambda value: value) if spill is None else spill
    files: dict[Any, Any] = {}  # equal references are one object: what is loaded once

    def referred(value: Any, other: str, argument: str, where: str) -> Any:
        found = refer(of_pair(value, other, argument, where))
        try:
            return files.setdefault(found, found)
        except TypeError:  # an array, which is itself
            return found

    for source, entry in rows.items():
        where = f"sources[{source!r}]"
        shared = {
            name: referred(value, source, name, where)
            for name, value in entry.items()
            if not depends_on_pair(value)
        }
        groups: dict[tuple[int, ...], dict[str, dict[str, Any]]] = {}
        for target, additions in given.items():
            own = {
                name: referred(value, target, name, where)
                for name, value in entry.items()
                if name not in shared
            }
            added = {
                name: referred(value, source, name, f"targets[{target!r}]")
                for name, value in additions.items()
            }
            # Targets with the same large arguments are scored together.
            large = [*own.values(), *(v for name, v in added.items() if name.endswith("features"))]
            group = groups.setdefault(tuple(map(id, large)), {})
            group[target] = own | added
        for group in groups.values():
            most = CELLS_EACH if spread and not rule.shares else len(group)
            members = list(group)
            for first in range(0, len(members), most):
                part = {target: group[target] for target in members[first : first + most]}
                yield Job(source, rule, shared, part, n_threads)


def _given(
    rule: Rule, entry: Any, arguments: tuple[str, ...], where: str, others: Mapping[str, Any]
) -> dict[str, Any]:
    """What one entry holds, by argument."""
    if rule.function is not None:
        return {arguments[0]: entry}
    return _checks.arguments_of_side(entry, arguments, where, rule.name, others)


def _known(job: Job, log: Log) -> dict[str, dict[str, float]]:
    return {target: log.known(job.rule.name, job.source, target) for target in job.of_targets}


def _record(rule: Rule, outcome: Any) -> dict[str, Any]:
    return {
        "score": rule.name,
        "source": outcome.source,
        "target": outcome.target,
        "key": outcome.key,
        "value": outcome.value,
    }


@contextmanager
def _for_workers(folder: str | os.PathLike[str] | None) -> Iterator[Spill]:
    """Files that workers map, as long as they may."""
    # Windows does not remove what somebody still maps.
    with tempfile.TemporaryDirectory(
        prefix="transferscore-", dir=folder, ignore_cleanup_errors=True
    ) as inside:
        yield Spill(Path(inside))


def _best(values: NDArray[np.float64]) -> NDArray[np.intp]:
    """Where the largest value is; nowhere in nan alone."""
    return np.flatnonzero(values == np.nanmax(values)) if not np.isnan(values).all() else _NOWHERE


_NOWHERE = np.empty(0, np.intp)


def _counted(names: tuple[str, ...], word: str) -> str:
    return f"{len(names)} {word}{'' if len(names) == 1 else 's'}"
