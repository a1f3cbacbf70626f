"""What LEEP needs to know of samples that come in parts: two passes over them."""

from collections.abc import Iterator
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _threads
from transferscore._backend import backend
from transferscore._checks import Classes, Floats, IgnoreIndex
from transferscore._statistics.chunks import chunks
from transferscore._statistics.files import write

Matrix = NDArray[np.float64]
Transform = Literal["normalise", "softmax"] | None

WHAT = "prediction statistics"
WHAT_SECOND = "a second pass"
VERSION = 1
OUTPUTS = "source_probabilities"
# Of each array in a file, a letter for each axis: labels y, source classes z.
FIELDS = {"transform": "", "classes": "y", "counts": "y", "masses": "yz"}
FIELDS_SECOND = {**FIELDS, "seen": "y", "logs": "y", "probabilities": "y"}


class PredictionStatistics:
    """Mass of source classes by target label: the first of the two passes that LEEP takes.

    LEEP compares each sample with a table of all samples, so samples that come in parts must come
    twice. The first pass makes the table, P(y, z); `second_pass()` then takes the same samples
    again, in any order and any batches, and gives the score. Any partition gives the `leep` of all
    samples to 1e-10; the same batches give the same bits.

    Parameters
    ----------
    transform : None, "normalise" or "softmax", optional
        As for `leep`; for both passes.

    Notes
    -----
    Memory, in bytes: 8 C_y C_s for C_y target and C_s source classes, twice that in the second
    pass, whatever the number of samples.

    Examples
    --------
    >>> from transferscore import PredictionStatistics, leep
    >>> outputs = [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9]]
    >>> labels = ["cat", "cat", "dog"]
    >>> batches = [(outputs[:1], labels[:1]), (outputs[1:], labels[1:])]
    >>> first = PredictionStatistics()
    >>> for theta, y in batches:
    ...     first = first.partial_fit(theta, y)
    >>> second = first.second_pass()
    >>> for theta, y in batches:
    ...     second = second.partial_fit(theta, y)
    >>> abs(second.leep() - leep(outputs, labels)) < 1e-12
    True
    """

    def __init__(self, *, transform: Transform = None) -> None:
        _checks.check_transform(transform)
        self._transform: Transform = transform
        self._classes: NDArray[Any] = np.empty(0, np.int64)
        self._counts: NDArray[np.int64] = np.empty(0, np.int64)  # (C_y,)
        self._masses: Matrix = np.empty((0, 0))  # (C_y, C_s) n P(y, z)

    def __repr__(self) -> str:
        if self.n == 0:
            return "PredictionStatistics(empty)"
        n_labels, n_sources = self._masses.shape
        return f"PredictionStatistics(n={self.n}, source_classes={n_sources}, classes={n_labels})"

    if not TYPE_CHECKING:  # where a type checker should find no more attributes than there are

        def __getattr__(self, name: str) -> Any:
            raise _checks.no_attribute(self, name)

    @property
    def n(self) -> int:
        """Samples so far."""
        return int(self._counts.sum())

    @property
    def classes(self) -> NDArray[Any]:
        """Labels seen so far, sorted: (C_y,)."""
        return self._classes.copy()

    @property
    def class_counts(self) -> NDArray[np.int64]:
        """Samples of each label: (C_y,)."""
        return self._counts.copy()

    @property
    def joint(self) -> Matrix:
        """P(y, z) of labels and source classes: (C_y, C_s)."""
        return self._masses / max(self.n, 1)

    def partial_fit(
        self,
        source_probabilities: ArrayLike,
        labels: ArrayLike,
        *,
        ignore_index: IgnoreIndex = None,
        n_threads: int | None = None,
    ) -> "PredictionStatistics":
        """Add a batch of samples to the first pass; returns itself.

        Parameters
        ----------
        source_probabilities : array-like of shape (n, C_s)
            Outputs of the source model, as for `leep`. What is not in memory is read in chunks, as
            by `FeatureStatistics.partial_fit`.
        labels : array-like of shape (n,)
            Target labels. A batch may lack labels that others have.
        ignore_index, n_threads : optional
            As for `leep`.

        Raises
        ------
        ValueError, TypeError
            As from `FeatureStatistics.partial_fit`; nothing is added then.
        """
        n_threads = _threads.resolve(n_threads)
        part = PredictionStatistics(transform=self._transform)
        for theta, y in self._batches(source_probabilities, labels, ignore_index, n_threads):
            masses = backend.label_masses(
                theta, y.ids, y.count, **self._rows(), n_threads=n_threads
            )
            part._add(y.values, np.bincount(y.ids, minlength=y.count), masses, OUTPUTS)
        if part.n:
            self._add(part._classes, part._counts, part._masses, OUTPUTS)
        return self

    def merge(self, other: "PredictionStatistics") -> "PredictionStatistics":
        """Add the samples of other statistics, of the same source model; returns itself."""
        if not isinstance(other, PredictionStatistics):
            raise _checks.other_kind(other, PredictionStatistics)
        if other._transform != self._transform:
            raise _checks.other_transform(other._transform, self._transform)
        if other.n:
            self._add(other._classes, other._counts, other._masses, "other")
        return self

    def second_pass(self) -> "SecondPass":
        """Begin the second pass, over the samples that have been seen so far."""
        if self.n == 0:
            raise _checks.no_samples("PredictionStatistics")
        first = PredictionStatistics(transform=self._transform)
        first.merge(self)
        return SecondPass(first)

    def save(self, path: str | PathLike[str]) -> None:
        """Write everything to a `.npz` file without pickled objects."""
        if self.n == 0:
            raise _checks.no_samples("PredictionStatistics")
        write(path, WHAT, VERSION, self._arrays())

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "PredictionStatistics":
        """Read what `save` wrote; ValueError for any other file."""
        return cls._from(_checks.prediction_statistics_file(path, WHAT, VERSION, FIELDS))

    @classmethod
    def _from(cls, arrays: dict[str, Any]) -> "PredictionStatistics":
        statistics = cls(transform=arrays["transform"])
        statistics._classes, statistics._counts = arrays["classes"], arrays["counts"]
        statistics._masses = arrays["masses"]
        return statistics

    def _arrays(self) -> dict[str, Any]:
        return {
            "transform": self._transform or "",
            "classes": self._classes,
            "counts": self._counts,
            "masses": self._masses,
        }

    def _rows(self) -> dict[str, bool]:
        return {
            "normalise": self._transform == "normalise",
            "softmax": self._transform == "softmax",
        }

    def _batches(
        self, outputs: ArrayLike, labels: ArrayLike, ignore_index: IgnoreIndex, n_threads: int
    ) -> Iterator[tuple[Floats, Classes]]:
        """Checked chunks of a batch; those that are ignored as a whole are left out."""
        for first_row, theta, y in chunks(outputs, labels):
            batch = _checks.batch_of_outputs(
                theta,
                y,
                transform=self._transform,
                ignore_index=ignore_index,
                n_threads=n_threads,
                first_row=first_row,
            )
            if batch is not None:
                yield batch

    def _add(
        self, classes: NDArray[Any], counts: NDArray[np.int64], masses: Matrix, name: str
    ) -> None:
        if self.n == 0:
            self._classes, self._counts, self._masses = classes, counts.copy(), masses.copy()
            return
        n_sources = self._masses.shape[1]
        if masses.shape[1] != n_sources:
            raise _checks.other_width(name, masses.shape[1], n_sources, "source classes")
        together = _checks.classes_together(self._classes, classes)
        if len(together) > len(self._classes):
            places = np.searchsorted(together, self._classes)
            all_counts = np.zeros(len(together), np.int64)
            all_masses = np.zeros((len(together), n_sources))
            all_counts[places], all_masses[places] = self._counts, self._masses
            self._classes, self._counts, self._masses = together, all_counts, all_masses
        places = np.searchsorted(together, classes)
        self._counts[places] += counts
        self._masses[places] += masses


class SecondPass:
    """The second of the two passes that LEEP takes, which gives the score.

    `PredictionStatistics.second_pass()` makes it. It takes exactly the samples of the first pass,
    each once, in any order and any batches, and parts of it merge. It refuses labels and numbers of
    samples that the first pass did not have, and outputs that predict the labels otherwise than
    follows from the table.

    Examples
    --------
    >>> from transferscore import PredictionStatistics
    >>> first = PredictionStatistics().partial_fit([[0.9, 0.1], [0.1, 0.9]], [0, 1])
    >>> second = first.second_pass()
    >>> second.partial_fit([[0.1, 0.9]], [1])
    SecondPass(n=1 of 2)
    >>> second.leep()
    Traceback (most recent call last):
        ...
    RuntimeError: the second pass must see all samples of the first; of label 0 it has seen 0 of 1
    >>> round(second.partial_fit([[0.9, 0.1]], [0]).leep(), 6)
    -0.198451
    """

    def __init__(self, first: PredictionStatistics) -> None:
        self._first = first
        mass = first._masses.sum(axis=0)
        with np.errstate(divide="ignore"):
            self._conditional = first._masses * np.where(mass > 0, 1 / mass, 0)  # P(y|z)
        zeros = np.zeros(len(first._classes))
        self._sums = _Sums(zeros.astype(np.int64), zeros, zeros)

    def __repr__(self) -> str:
        return f"SecondPass(n={self.n} of {self._first.n})"

    @property
    def n(self) -> int:
        """Samples so far."""
        return int(self._sums.seen.sum())

    def partial_fit(
        self,
        source_probabilities: ArrayLike,
        labels: ArrayLike,
        *,
        ignore_index: IgnoreIndex = None,
        n_threads: int | None = None,
    ) -> "SecondPass":
        """Add a batch of the samples that the first pass has seen; returns itself.

        Parameters
        ----------
        source_probabilities : array-like of shape (n, C_s)
            Outputs of the source model, the same as in the first pass.
        labels : array-like of shape (n,)
            Target labels.
        ignore_index, n_threads : optional
            As for `leep`.

        Raises
        ------
        ValueError, TypeError
            Where an argument is not as described, or has labels or more samples than the first pass
            had. Nothing is added then.
        """
        n_threads = _threads.resolve(n_threads)
        first, sums = self._first, self._sums
        for theta, y in first._batches(source_probabilities, labels, ignore_index, n_threads):
            n_sources = self._conditional.shape[1]
            if theta.shape[1] != n_sources:
                raise _checks.other_width(OUTPUTS, theta.shape[1], n_sources, "source classes")
            ids = self._places(y.values)[y.ids].astype(np.int32)
            logs, probabilities = backend.label_likelihoods(
                theta, ids, self._conditional, **first._rows(), n_threads=n_threads
            )
            seen = np.bincount(ids, minlength=len(sums.seen))
            sums = self._added(sums, _Sums(seen, logs, probabilities))
        self._sums = sums
        return self

    def merge(self, other: "SecondPass") -> "SecondPass":
        """Add the samples that another part of the same second pass has seen; returns itself."""
        if not isinstance(other, SecondPass):
            raise _checks.other_kind(other, SecondPass)
        mine, theirs = self._first._arrays(), other._first._arrays()
        if not all(np.array_equal(mine[name], theirs[name]) for name in FIELDS):
            raise _checks.another_first_pass()
        self._sums = self._added(self._sums, other._sums)
        return self

    def leep(self) -> float:
        """Return the LEEP of all samples; `transferscore.leep` describes it.

        Raises
        ------
        RuntimeError
            Where samples of the first pass have not been seen yet.
        ValueError
            Where other outputs have been seen than in the first pass.
        """
        first, sums = self._first, self._sums
        _checks.complete_second_pass(first._classes, sums.seen, first._counts)
        # What is predicted for the samples of a label, summed, follows from the table.
        expected = (self._conditional * first._masses).sum(axis=1)
        _checks.same_outputs(first._classes, sums.probabilities, expected, first._counts)
        return float(sums.logs.sum() / self.n)

    def save(self, path: str | PathLike[str]) -> None:
        """Write everything to a `.npz` file without pickled objects."""
        write(path, WHAT_SECOND, VERSION, {**self._first._arrays(), **self._sums._asdict()})

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "SecondPass":
        """Read what `save` wrote; ValueError for any other file."""
        arrays = _checks.prediction_statistics_file(path, WHAT_SECOND, VERSION, FIELDS_SECOND)
        second = cls(PredictionStatistics._from(arrays))
        second._sums = _Sums(*(arrays[name] for name in _Sums._fields))
        return second

    def _places(self, labels: NDArray[Any]) -> NDArray[np.int64]:
        """Where labels stand among those of the first pass."""
        known = self._first._classes
        _checks.classes_together(known, labels)
        new = ~np.isin(labels, known)
        if new.any():
            raise _checks.unknown_label(labels[new][0])
        return np.searchsorted(known, labels)

    def _added(self, a: "_Sums", b: "_Sums") -> "_Sums":
        first = self._first
        sums = _Sums(a.seen + b.seen, a.logs + b.logs, a.probabilities + b.probabilities)
        _checks.no_more_than_first_pass(first._classes, sums.seen, first._counts)
        return sums


class _Sums(NamedTuple):
    """Over the samples of each label, (C_y,): how many, and the sums of p and log p."""

    seen: NDArray[np.int64]
    logs: Matrix
    probabilities: Matrix
