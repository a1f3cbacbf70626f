"""Candidates for a task, ranked by scores, with how sure the order is."""

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _threads
from transferscore._checks import IgnoreIndex
from transferscore._scores import REGISTRY
from transferscore._scores.knn import knn
from transferscore._text import number
from transferscore.io import list_feature_files, load_features, load_labels, printable
from transferscore.ranking import _student
from transferscore.ranking._resampling import FAILURES, Plan
from transferscore.ranking._tabular import Sheet, Tabular

Vector = NDArray[np.float64]
Method = Literal["bootstrap", "jackknife"]
Features = ArrayLike | str | os.PathLike[str] | Callable[[], ArrayLike]
Candidates = Mapping[str, Features | Mapping[str, Features]] | Sequence[Features]

N_GROUPS = 32
# k-NN compares every sample with every other; a baseline needs no more of them.
KNN_SAMPLES = 5000


@dataclass(frozen=True, eq=False, repr=False)
class Ranking(Tabular):
    """Candidates in order, the best first, and what can be told apart. Printed, it is a table.

    Of equal scores, the order is that in which candidates were given; they share their rank.

    Attributes
    ----------
    names : tuple of str
        The candidates, m of them.
    scores : tuple of str
        Names of the scores, S of them.
    sort_by : str
        The score that ranks.
    values : ndarray of shape (m, S)
        The scores, the same as from their functions; nan where one could not be computed.
    standard_errors : ndarray of shape (m, S)
        Of each value, over other samples of the same size; nan where nothing was resampled, or
        where some resamples can't be scored, of which a note tells.
    difference_errors : ndarray of shape (S, m, m)
        Of each difference of two candidates, scored on the same samples.
    degrees_of_freedom : int
        Groups of samples less one: what standard errors were estimated from.
    confidence : float
        Of intervals, rank intervals and tie groups.
    baselines : dict of str to tuple
        For each baseline a number for each candidate, or None: "size" where sizes were given,
        "knn" (leave-one-out accuracy), "d" (features).
    n, n_classes : int
        Samples that were scored, and their classes.
    method : str
        "bootstrap" or "jackknife".
    n_resamples : int
        Resamples that were drawn; 0 where nothing was resampled.
    n_groups, random_state : int
        Groups that samples were split into, and the seed of split and draws.
    errors : dict of str to str
        Why candidates are missing, by name.
    warnings : dict of str to tuple of str
        What scores said of candidates, by name.
    notes : tuple of str
        What a reader of the ranking should know.
    """

    KIND: ClassVar[str] = "ranking"

    names: tuple[str, ...]
    scores: tuple[str, ...]
    sort_by: str
    values: Vector
    standard_errors: Vector
    difference_errors: Vector
    degrees_of_freedom: int
    confidence: float
    baselines: dict[str, tuple[float | None, ...]]
    n: int
    n_classes: int
    method: str
    n_resamples: int
    n_groups: int
    random_state: int
    errors: dict[str, str]
    warnings: dict[str, tuple[str, ...]]
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        return (
            f"Ranking({len(self)} candidates by {self.sort_by}, best {self.best!r}, "
            f"{len(self.tied_with_best)} tied with it)"
        )

    @property
    def best(self) -> str:
        """The first name; `tied_with_best` says how sure that is."""
        return self.names[0]

    @property
    def tied_with_best(self) -> tuple[str, ...]:
        """The other candidates that can't be separated from the best."""
        return tuple(np.array(self.names, object)[1:][~self.separated[0, 1:]])

    @cached_property
    def intervals(self) -> Vector:
        """Interval of each value at `confidence`: (m, S, 2), the lower and the upper end.

        By Student's t. They hold the mean score over samples of this size; where there are few
        samples for the features, that is above the score of infinitely many.
        """
        half = self._quantile(1) * self.standard_errors
        return np.stack([self.values - half, self.values + half], axis=2)

    @cached_property
    def ranks(self) -> tuple[int | None, ...]:
        """1 for the best; equal scores share a rank; None without the score that ranks."""
        better = self._differences > 0  # of i over j
        counts = 1 + better.sum(axis=0)
        known = np.isfinite(self._values)
        return tuple(int(c) if k else None for c, k in zip(counts, known, strict=True))

    @cached_property
    def p_better(self) -> Vector:
        """P(i beats j), row i and column j: (m, m), one half on the diagonal.

        The confidence that the mean score of i over samples of this size is above that of j.
        """
        t = self._t
        p = np.full_like(t, np.nan)
        p[~np.isnan(t)] = _student.cdf(t[~np.isnan(t)], self.degrees_of_freedom)
        np.fill_diagonal(p, 0.5)
        return p

    @cached_property
    def separated(self) -> NDArray[np.bool_]:
        """Which pairs the scores tell apart: (m, m).

        A candidate is compared with m - 1 others, so each comparison is made at
        1 - (1 - confidence) / (m - 1): all of a candidate's hold together at `confidence`.
        """
        return np.abs(self._t) > self._quantile(max(1, len(self) - 1))

    @cached_property
    def rank_intervals(self) -> NDArray[np.int64]:
        """The best and the worst rank that each candidate may have: (m, 2)."""
        above = (self.separated & (self._differences > 0)).sum(axis=0)
        below = (self.separated & (self._differences < 0)).sum(axis=0)
        return np.stack([1 + above, len(self) - below], axis=1)

    @cached_property
    def tie_groups(self) -> tuple[tuple[str, ...], ...]:
        """Groups, the best first: a leader, and those below it that can't be told from it.

        Each candidate is in one group. Candidates of two groups may still be too near to be told
        apart; `separated` has every pair.
        """
        groups, left = [], list(range(len(self)))
        while left:
            leader = left[0]
            together = [i for i in left if i == leader or not self.separated[leader, i]]
            groups.append(tuple(self.names[i] for i in together))
            left = [i for i in left if i not in together]
        return tuple(groups)

    def by(self, score: str) -> "Ranking":
        """The same candidates, ranked by another of the scores; equal ones keep their order."""
        column = self.scores.index(_checks.sort_key(score, self.scores))
        order = _best_first(self.values[:, column], score)
        return replace(
            self,
            names=tuple(self.names[i] for i in order),
            sort_by=score,
            values=self.values[order],
            standard_errors=self.standard_errors[order],
            difference_errors=self.difference_errors[:, order][:, :, order],
            baselines={
                name: tuple(column[i] for i in order) for name, column in self.baselines.items()
            },
        )

    @property
    def _values(self) -> Vector:
        column: Vector = self.values[:, self.scores.index(self.sort_by)]
        return column

    @cached_property
    def _differences(self) -> Vector:
        """How much better i is than j: (m, m)."""
        apart: Vector = np.subtract.outer(self._values, self._values)
        return apart if REGISTRY[self.sort_by].higher_is_better else -apart

    @cached_property
    def _t(self) -> Vector:
        """Differences in units of their standard errors; 0 for equal scores."""
        with np.errstate(divide="ignore", invalid="ignore"):
            t = self._differences / self.difference_errors[self.scores.index(self.sort_by)]
        unknown = np.isnan(self.difference_errors[self.scores.index(self.sort_by)])
        return np.where((self._differences == 0) & ~unknown, 0, t)

    def _quantile(self, comparisons: int) -> float:
        """How many standard errors from zero is significant, of so many comparisons at once."""
        return _student.quantile(
            1 - (1 - self.confidence) / 2 / comparisons, self.degrees_of_freedom
        )

    def _columns(self) -> dict[str, Sequence[Any]]:
        groups = {name: i + 1 for i, tied in enumerate(self.tie_groups) for name in tied}
        columns: dict[str, Sequence[Any]] = {
            "rank": self.ranks,
            "name": self.names,
            "best_rank": self.rank_intervals[:, 0].tolist(),
            "worst_rank": self.rank_intervals[:, 1].tolist(),
            "tie_group": [groups[name] for name in self.names],
        }
        for s, score in enumerate(self.scores):
            columns[score] = self.values[:, s].tolist()
            columns[f"{score}_low"] = self.intervals[:, s, 0].tolist()
            columns[f"{score}_high"] = self.intervals[:, s, 1].tolist()
        return columns | {f"baseline_{name}": cells for name, cells in self.baselines.items()}

    def _about(self) -> dict[str, Any]:
        return {
            "sort_by": self.sort_by,
            "scores": [
                {
                    "name": name,
                    "title": REGISTRY[name].title,
                    "higher_is_better": REGISTRY[name].higher_is_better,
                }
                for name in self.scores
            ],
            "n": self.n,
            "n_classes": self.n_classes,
            "confidence": self.confidence,
            "method": self.method,
            "n_resamples": self.n_resamples,
            "n_groups": self.n_groups,
            "random_state": self.random_state,
            "degrees_of_freedom": self.degrees_of_freedom,
            "standard_errors": self.standard_errors,
            "p_better": self.p_better,
            "tie_groups": self.tie_groups,
            "errors": self.errors,
            "warnings": self.warnings,
            "notes": self.notes,
        }

    def _sheet(self) -> Sheet:
        scores = (self.sort_by, *(name for name in self.scores if name != self.sort_by))
        titles = [REGISTRY[name].title for name in scores]
        headings = ["Rank", "Candidate", "Rank interval", "P(> next)", *titles]
        headings += [_BASELINES[name] for name in self.baselines]
        halves = self._quantile(1) * self.standard_errors
        rows = []
        for i, name in enumerate(self.names):
            low, high = self.rank_intervals[i]
            mark = " *" if name in self.warnings else ""
            cells = [self.ranks[i], printable(name) + mark, f"{low}-{high}" if high > low else low]
            cells.append(_probability(self.p_better[i, i + 1]) if i + 1 < len(self) else None)
            at = [self.scores.index(score) for score in scores]
            cells += [_with_error(self.values[i, s], halves[i, s]) for s in at]
            cells += [_whole(column[i]) for column in self.baselines.values()]
            rows.append(cells)
        align = "rlrr" + "r" * (len(headings) - 4)
        return Sheet(headings, rows, align, self._title(), self._remarks())

    def _title(self) -> str:
        better = "higher" if REGISTRY[self.sort_by].higher_is_better else "lower"
        return (
            f"{len(self)} candidates, {self.n:,} samples, {self.n_classes:,} classes; ranked by "
            f"{REGISTRY[self.sort_by].title}, {better} is better; {self.confidence:.0%} intervals"
        )

    def _remarks(self) -> list[str]:
        together = [group for group in self.tie_groups if len(group) > 1]
        ties = [f"{', '.join(group)} can't be separated" for group in together]
        failed = [f"{name} was left out: {reason}" for name, reason in self.errors.items()]
        said = [f"* {name}: {text}" for name, texts in self.warnings.items() for text in texts]
        return [*ties, *self.notes, *failed, *said]


_BASELINES = {"size": "Size", "knn": "k-NN", "d": "d"}


def _with_error(value: float, half: float) -> str | None:
    if np.isnan(value):
        return None
    return number(value) if np.isnan(half) else f"{number(value)} ± {number(half)}"


def _probability(p: float) -> str | None:
    return (
        None
        if np.isnan(p)
        else f"{p:.2f}"
        if 0.005 <= p < 0.995
        else f"{'>' if p > 0.5 else '<'} 0.99"
    )


def _whole(value: float | None) -> Any:
    return int(value) if value is not None and float(value).is_integer() and value > 1 else value


def rank(
    candidates: Candidates,
    labels: ArrayLike | str | os.PathLike[str],
    *,
    scores: Sequence[str] = ("h_score", "logme"),
    sort_by: str | None = None,
    method: Method = "bootstrap",
    n_resamples: int = 200,
    n_groups: int = N_GROUPS,
    confidence: float = 0.95,
    baselines: bool = True,
    model_sizes: Mapping[str, float] | Sequence[float] | None = None,
    ignore_index: IgnoreIndex = None,
    random_state: int = 0,
    n_threads: int | None = None,
) -> Ranking:
    r"""Rank models, layers or sources for a task, and say which places are real.

    Samples are split into G groups, each with its share of every class; what scores need to know of
    them is summed once for each group, and a resample is a weighted merge of groups, the same for
    all candidates: differences are of paired scores. Rank intervals as in Mogstad, Romano, Shaikh,
    Wilhelm, "Inference for ranks with applications to mobility across neighbourhoods and academic
    achievement across countries", Review of Economic Studies 91, 2024.

    .. math::

        \text{candidate } i:\quad s_i \pm t_{G-1} \operatorname{se}(s_i),
        \qquad
        \text{rank} \in [1 + \#\{j : s_j - s_i > c \operatorname{se}(s_j - s_i)\},\;
                         m - \#\{j : s_i - s_j > c \operatorname{se}(s_i - s_j)\}]

    Parameters
    ----------
    candidates : mapping or sequence
        Features (n, d_i) by name: arrays, files (as `transferscore.io.load_features` reads them),
        or functions without arguments that return an array. A mapping as a value stands for layers
        of a model, and they are named model/layer. Of a sequence, files and what is in folders are
        named after the files, arrays by their positions from 0. One is loaded at a time; one that
        fails is reported in `errors`, and the rest is ranked.
    labels : array-like of shape (n,) or path
        Class labels, the same samples for all.
    scores : sequence of str, default ("h_score", "logme")
        Names of scores of features and labels, see `transferscore.scores()`.
    sort_by : str, optional
        The score that ranks. Default: the first.
    method : "bootstrap" or "jackknife", default "bootstrap"
        Where standard errors come from. The bootstrap draws resamples for scores that cost one
        factor each: h_score, linear_mse and lfc. LogME and the H-score with shrinkage leave out
        each group once, as with "jackknife" the three do too. Scores that look at every sample
        again are computed anew on half samples.
    n_resamples : int, default 200
        Resamples of the bootstrap; 0 for no standard errors, hence no interval.
    n_groups : int, default 32
        G, at most n; as many groups are left out in turn, or half samples taken.
    confidence : float, default 0.95
        Of intervals and ties.
    baselines : bool, default True
        Whether to add what any score must beat: the accuracy of `knn` (of at most 5000 samples).
    model_sizes : mapping or sequence, optional
        A size of each candidate in any unit, parameters say: the other baseline.
    ignore_index : int, str or sequence of these, optional
        Labels whose samples are left out.
    random_state : int, default 0
        Seed of groups and resamples.
    n_threads : int, optional
        As for `h_score`. The result has the same bits for any number.

    Returns
    -------
    Ranking
        The candidates, the best first. It prints as a table and has `to_json`, `to_csv`,
        `to_markdown` and `to_dataframe`.

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described, or no candidate can be scored.

    Notes
    -----
    Higher is better, for all scores. Values are those of single calls. Intervals are of the mean
    over samples of the same size and the same class sizes; the H-score of n samples is above that
    of infinitely many by about (classes - 1) d / n, so compare features of different width by
    "h_score_shrinkage" or with many samples. Why resamples stay near the sample, and how often
    intervals hold: docs/ranking.md.

    Memory beyond a candidate's features, in bytes: 8 G (d^2 + K d) for d features and K classes,
    and 67 MB, or 32 d^2 where that is more, for resamples.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import rank
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 3, size=600)
    >>> signal = np.eye(8)[labels]
    >>> models = {
    ...     "weak": signal + 2 * rng.normal(size=(600, 8)),
    ...     "good": 2 * signal + rng.normal(size=(600, 8)),
    ...     "also good": 2 * signal + rng.normal(size=(600, 8)),
    ... }
    >>> ranking = rank(models, labels)
    >>> ranking.best, ranking.tied_with_best
    ('good', ('also good',))
    >>> ranking.tie_groups
    (('good', 'also good'), ('weak',))
    >>> ranking.rank_intervals.tolist()
    [[1, 2], [1, 2], [3, 3]]
    """
    n_threads = _threads.resolve(n_threads)
    names = _checks.score_names(scores, REGISTRY)
    key = _checks.sort_key(sort_by, names)
    _checks.choice(method, "method", ("bootstrap", "jackknife"))
    n_resamples = _checks.resamples(_checks.count(n_resamples, "n_resamples", least=0))
    n_groups = _checks.count(n_groups, "n_groups", least=2)
    level = _checks.confidence(confidence)
    seed = _checks.count(random_state, "random_state", least=0)
    entries = _named(candidates, labels)
    sizes = _checks.sizes_of_models(model_sizes, list(entries))
    y = _loaded_labels(labels)
    kept = _checks.kept(y, "labels", ignore_index)
    rows = np.arange(len(y)) if kept is None else kept
    _checks.at_least_two_classes(y[rows])
    ids = np.unique(y[rows], return_inverse=True)[1].astype(np.int32)
    draws = n_resamples if method == "bootstrap" else 0
    plan = Plan.drawn(ids, min(n_groups, len(ids)), draws, seed, n_threads)
    task = _Task(
        labels=y,
        ignore_index=ignore_index,
        ids=ids,
        names=names,
        plan=plan,
        method=method,
        n_resamples=n_resamples,
        baselines=baselines,
        seed=seed,
        n_threads=n_threads,
    )

    found: dict[str, _Scored] = {}
    errors: dict[str, str] = {}
    for name, entry in entries.items():
        try:
            found[name] = task.scored(entry)
        except Exception as error:
            errors[name] = " ".join(str(error).split()) or type(error).__name__
    if not found:
        raise _checks.nothing_scored(errors)
    return task.ranking(found, errors, key, level, sizes)


@dataclass(frozen=True)
class _Scored:
    """One candidate: scores and their deviations by name, its baselines, what was said of it."""

    values: dict[str, float]
    deviations: dict[str, Vector]
    d: int
    knn: float | None
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Task:
    """What is asked of every candidate."""

    labels: NDArray[Any]
    ignore_index: IgnoreIndex
    ids: NDArray[np.int32]
    names: list[str]
    plan: Plan
    method: str
    n_resamples: int
    baselines: bool
    seed: int
    n_threads: int

    def scored(self, entry: Features) -> _Scored:
        features = _loaded(entry)
        _checks.rows_of_candidate(np.shape(features), len(self.labels))
        X, _ = _checks.features_and_one_label_set(
            features, self.labels, ignore_index=self.ignore_index, n_threads=self.n_threads
        )
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            values = self._values(X)
            known = [name for name in self.names if np.isfinite(values[name])]
            deviations = self.plan.deviations(known, X, self.ids) if self.n_resamples else {}
            accuracy = self._knn(X, values) if self.baselines else None
        said = (" ".join(str(entry.message).split()) for entry in caught)
        return _Scored(values, deviations, X.shape[1], accuracy, tuple(dict.fromkeys(said)))

    def _values(self, X: NDArray[Any]) -> dict[str, float]:
        """The scores; one that fails is said and nan, and where all fail so does the candidate."""
        values, reasons = {}, []
        for name in self.names:
            try:
                values[name] = float(REGISTRY[name].compute(X, self.ids, n_threads=self.n_threads))
            except FAILURES as error:
                values[name] = float("nan")
                reasons.append(error)
                warnings.warn(f"`{name}` was not scored: {error}", UserWarning, stacklevel=2)
        if len(reasons) == len(self.names):
            raise reasons[0]
        return values

    def _knn(self, X: NDArray[Any], values: dict[str, float]) -> float | None:
        if "knn" in values:
            return None if np.isnan(values["knn"]) else values["knn"]
        rows = np.arange(len(X))
        if len(rows) > KNN_SAMPLES:
            rows = np.sort(np.random.default_rng([self.seed, 2]).permutation(rows)[:KNN_SAMPLES])
        try:
            return float(knn(X[rows], self.ids[rows], n_threads=self.n_threads))
        except FAILURES:
            return None

    def ranking(
        self,
        found: dict[str, _Scored],
        errors: dict[str, str],
        sort_by: str,
        confidence: float,
        sizes: dict[str, float] | None,
    ) -> Ranking:
        """What all candidates make together."""
        ones = list(found.values())
        errors_of = [_errors_of([one.deviations.get(name) for one in ones]) for name in self.names]
        columns: dict[str, tuple[float | None, ...]] = {"d": tuple(one.d for one in ones)}
        if self.baselines:
            columns["knn"] = tuple(one.knn for one in ones)
        if sizes is not None:
            columns["size"] = tuple(sizes.get(name) for name in found)
        ranking = Ranking(
            names=tuple(found),
            scores=tuple(self.names),
            sort_by=sort_by,
            values=np.array([[one.values[name] for name in self.names] for one in ones]),
            standard_errors=np.stack([alone for alone, _ in errors_of], axis=1),
            difference_errors=np.stack([apart for _, apart in errors_of]),
            degrees_of_freedom=self.plan.n_groups - 1,
            confidence=confidence,
            baselines=columns,
            n=len(self.ids),
            n_classes=int(self.ids.max()) + 1,
            method=self.method,
            n_resamples=self.n_resamples,
            n_groups=self.plan.n_groups,
            random_state=self.seed,
            errors=errors,
            warnings={name: one.warnings for name, one in found.items() if one.warnings},
            notes=self._notes(ones),
        )
        return ranking.by(sort_by)

    def _notes(self, ones: list[_Scored]) -> tuple[str, ...]:
        notes = []
        if len({one.d for one in ones}) > 1 and "h_score" in self.names:
            notes.append(
                "the H-score rises with the number of features, by about (classes - 1) / n for "
                "each; h_score_shrinkage compares features of different width"
            )
        if self.baselines and len(self.ids) > KNN_SAMPLES and "knn" not in self.names:
            notes.append(f"k-NN accuracy of {KNN_SAMPLES:,} of {len(self.ids):,} samples")
        for name in self.names:
            if any(np.isnan(one.deviations.get(name, 0.0)).any() for one in ones):
                notes.append(f"{name} has no standard errors: some resamples can't be scored by it")
        return tuple(notes)


def _named(candidates: Candidates, labels: object) -> dict[str, Features]:
    """Candidates by name: those of a mapping, files by their names, arrays by their places."""
    entries = _checks.named_candidates(candidates)
    if isinstance(candidates, Mapping) or not any(map(_is_path, entries.values())):
        return entries
    named: dict[str, Features] = {}
    paths = [entry for entry in entries.values() if _is_path(entry)]
    files = list_feature_files(paths, labels=labels if _is_path(labels) else None)  # type: ignore[arg-type]
    named |= {file.name: file.path for file in files}
    named |= {place: entry for place, entry in entries.items() if not _is_path(entry)}
    return named


def _is_path(value: object) -> bool:
    return isinstance(value, str | os.PathLike)


def _loaded(entry: Any) -> Any:
    if _is_path(entry):
        return load_features(entry)
    return entry() if callable(entry) else _checks.as_array(entry, "features")


def _loaded_labels(labels: Any) -> NDArray[Any]:
    given = load_labels(labels) if _is_path(labels) else _checks.as_array(labels, "labels")
    return _checks.labels_of_side(given, given.shape[0] if given.ndim else 0, "labels")


def _best_first(values: Vector, score: str) -> NDArray[np.intp]:
    """The order; equal ones as they were, nan last."""
    signed = -values if REGISTRY[score].higher_is_better else values
    return np.argsort(signed, kind="stable")


def _errors_of(deviations: Sequence[Vector | None]) -> tuple[Vector, Vector]:
    """Standard errors (m,) of scores and (m, m) of their differences, from m deviations (R,)."""
    length = max((len(one) for one in deviations if one is not None), default=1)
    unknown = np.full(length, np.nan)
    all_of = np.stack([unknown if one is None else one for one in deviations], axis=1)
    alone = np.sqrt((all_of**2).sum(axis=0))
    apart = [np.sqrt(((all_of[:, [i]] - all_of) ** 2).sum(axis=0)) for i in range(len(alone))]
    return alone, np.stack(apart)
