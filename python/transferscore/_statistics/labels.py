"""What NCE needs to know of pairs of labels that come in parts."""

from os import PathLike
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _threads
from transferscore._backend import backend
from transferscore._checks import IgnoreIndex
from transferscore._statistics.files import write

WHAT = "label statistics"
VERSION = 1
# Of each array in a file, a letter for each axis: pairs p, source classes z, target classes y.
FIELDS = {
    "source_ids": "p",
    "target_ids": "p",
    "counts": "p",
    "source_classes": "z",
    "target_classes": "y",
}
# How many pairs of batches wait, at least, before they are added up.
MANY_PAIRS = 2**16


class LabelStatistics:
    """Counts of pairs of source and target labels: added to in batches, merged, saved, scored.

    Counts are whole numbers: any partition of the samples, in any order, gives exactly the `nce` of
    all of them, to the last bit. Labels that no batch before had may come at any time.

    Notes
    -----
    Memory, in bytes: 16 for each pair of labels that occurs, whatever the number of samples.

    Examples
    --------
    >>> from transferscore import LabelStatistics, nce
    >>> statistics = LabelStatistics()
    >>> for source, target in (([0, 0], ["a", "b"]), ([1, 1, 0], ["b", "b", "c"])):
    ...     statistics = statistics.partial_fit(source_labels=source, target_labels=target)
    >>> statistics
    LabelStatistics(n=5, source_classes=2, target_classes=3)
    >>> statistics.table.tolist()
    [[1, 1, 1], [0, 2, 0]]
    >>> statistics.nce() == nce(source_labels=[0, 0, 1, 1, 0], target_labels=list("abbbc"))
    True
    """

    def __init__(self) -> None:
        self._n = 0
        self._source_classes: NDArray[Any] = np.empty(0, np.int64)
        self._target_classes: NDArray[Any] = np.empty(0, np.int64)
        self._parts: list[_Pairs] = []  # to be added up when somebody asks, or they are many

    def __repr__(self) -> str:
        if self.n == 0:
            return "LabelStatistics(empty)"
        return (
            f"LabelStatistics(n={self.n}, source_classes={len(self._source_classes)}, "
            f"target_classes={len(self._target_classes)})"
        )

    if not TYPE_CHECKING:  # where a type checker should find no more attributes than there are

        def __getattr__(self, name: str) -> Any:
            raise _checks.no_attribute(self, name)

    @property
    def n(self) -> int:
        """Samples so far."""
        return self._n

    @property
    def source_classes(self) -> NDArray[Any]:
        """Source labels seen so far, sorted: (C_s,)."""
        return self._source_classes.copy()

    @property
    def target_classes(self) -> NDArray[Any]:
        """Target labels seen so far, sorted: (C_t,)."""
        return self._target_classes.copy()

    @property
    def table(self) -> NDArray[np.int64]:
        """Samples of each pair of labels: (C_s, C_t), with all the pairs that don't occur."""
        table = np.zeros((len(self._source_classes), len(self._target_classes)), np.int64)
        if self._n:
            pairs = self._together()
            table[pairs.source_ids, pairs.target_ids] = pairs.counts
        return table

    def partial_fit(
        self,
        *,
        source_labels: ArrayLike,
        target_labels: ArrayLike,
        ignore_index: IgnoreIndex = None,
        n_threads: int | None = None,
    ) -> "LabelStatistics":
        """Add a batch of samples; returns itself.

        Parameters
        ----------
        source_labels : array-like of shape (n,)
            Labels Z of the source task, as for `nce`.
        target_labels : array-like of shape (n,)
            Labels Y of the target task for the same samples.
        ignore_index, n_threads : optional
            As for `nce`.

        Raises
        ------
        ValueError, TypeError
            As from `FeatureStatistics.partial_fit`; nothing is added then.
        """
        n_threads = _threads.resolve(n_threads)
        batch = _checks.batch_of_pairs(source_labels, target_labels, ignore_index, n_threads)
        if batch is not None:
            z, y = batch
            counts = backend.pair_counts(z.ids, z.count, y.ids, y.count, n_threads=n_threads)
            self._add(_Pairs(*counts, z.values, y.values), len(z.ids))
        return self

    def merge(self, other: "LabelStatistics") -> "LabelStatistics":
        """Add the samples of other statistics; returns itself."""
        if not isinstance(other, LabelStatistics):
            raise _checks.other_kind(other, LabelStatistics)
        if other.n:
            self._add(other._together(), other.n)
        return self

    def nce(self) -> float:
        """Return the NCE of all samples so far; `transferscore.nce` describes it."""
        pairs = self._together()
        return backend.nce_of_counts(pairs.source_ids, pairs.counts)

    def save(self, path: str | PathLike[str]) -> None:
        """Write everything to a `.npz` file without pickled objects."""
        write(path, WHAT, VERSION, self._together()._asdict())

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "LabelStatistics":
        """Read what `save` wrote; ValueError for any other file."""
        pairs = _Pairs(**_checks.label_statistics_file(path, WHAT, VERSION, FIELDS))
        statistics = cls()
        statistics._add(pairs, int(pairs.counts.sum()))
        return statistics

    def _add(self, pairs: "_Pairs", n: int) -> None:
        sources, targets = pairs.source_classes, pairs.target_classes
        if self._n:
            sources = _checks.classes_together(self._source_classes, sources, "source_labels")
            targets = _checks.classes_together(self._target_classes, targets, "target_labels")
        self._source_classes, self._target_classes = sources, targets
        self._n += n
        self._parts.append(pairs)
        first, *others = (len(part.counts) for part in self._parts)
        if sum(others) > max(MANY_PAIRS, first):
            self._together()

    def _together(self) -> "_Pairs":
        """All parts added up, which are the only part then."""
        if not self._parts:
            raise _checks.no_samples("LabelStatistics")
        if len(self._parts) > 1:
            sources, targets = self._source_classes, self._target_classes
            codes = [part.codes(sources, targets) for part in self._parts]
            pairs, places = np.unique(np.concatenate(codes), return_inverse=True)
            counts = np.zeros(len(pairs), np.int64)
            np.add.at(counts, places, np.concatenate([part.counts for part in self._parts]))
            source_ids, target_ids = np.divmod(pairs, len(targets))
            self._parts = [
                _Pairs(
                    source_ids.astype(np.int32),
                    target_ids.astype(np.int32),
                    counts,
                    sources,
                    targets,
                )
            ]
        return self._parts[0]


class _Pairs(NamedTuple):
    """Of pairs that occur, in the order of source and then target class: ids and samples."""

    source_ids: NDArray[np.int32]
    target_ids: NDArray[np.int32]
    counts: NDArray[np.int64]
    source_classes: NDArray[Any]
    target_classes: NDArray[Any]

    def codes(self, sources: NDArray[Any], targets: NDArray[Any]) -> NDArray[np.int64]:
        """A number for each pair of classes among more of them."""
        source_ids = np.searchsorted(sources, self.source_classes)[self.source_ids]
        target_ids = np.searchsorted(targets, self.target_classes)[self.target_ids]
        return source_ids * len(targets) + target_ids
