"""What scores need to know of samples that come in parts, or are larger than memory."""

import mmap
from collections.abc import Callable, Iterator
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _threads
from transferscore._backend import backend
from transferscore._checks import IgnoreIndex, Ridge, Shrinkage
from transferscore._scores.lfc import warn_of_constant_features
from transferscore._scores.linear_mse import RIDGE
from transferscore._scores.transrate import EPSILON

Matrix = NDArray[np.float64]

FORMAT = "transferscore feature statistics"
VERSION = 1
FIELDS = ("n", "unit", "mean", "scatter", "counts", "offsets", "radial_third", "radial_fourth")
CHUNK = 2**26  # bytes read at once of features that are not in memory


class FeatureStatistics:
    """Counts, means and scatter of labelled samples: added to in batches, merged, saved, scored.

    Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample
    variances", COMPSTAT 1982. All sums are of float64 products, centred, so that any partition of
    the samples gives the same scores to 1e-10; the same batches give the same bits.

    Scores that need every pair of samples or every sample twice (k-NN, PARC, SFDA, GBC, N-LEEP, the
    class terms of TransRate, OTCE) can't be had from it. What it gives of TransRate is the term of
    all samples, `coding_rate`.

    Notes
    -----
    Memory, in bytes: 8 d^2 + 8 K d for d features and K classes, twice that while a batch is added,
    whatever the number of samples.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import FeatureStatistics, h_score
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 3, size=500)
    >>> features = rng.normal(size=(500, 8)) + np.eye(8)[labels]
    >>> statistics = FeatureStatistics()
    >>> for rows in np.array_split(np.arange(500), 7):
    ...     statistics = statistics.partial_fit(features[rows], labels[rows])
    >>> statistics
    FeatureStatistics(n=500, d=8, classes=3)
    >>> abs(statistics.h_score() - h_score(features, labels)) < 1e-12
    True
    """

    def __init__(self) -> None:
        self._sums: Any = None  # as the kernels read and write them, in the order of FIELDS
        self._classes: NDArray[Any] = np.empty(0, np.int64)

    def __repr__(self) -> str:
        if self._sums is None:
            return "FeatureStatistics(empty)"
        return f"FeatureStatistics(n={self.n}, d={self.d}, classes={len(self._classes)})"

    @property
    def n(self) -> int:
        """Samples so far."""
        return 0 if self._sums is None else int(self._sums[0])

    @property
    def d(self) -> int:
        """Features."""
        return len(self._known()[2])

    @property
    def classes(self) -> NDArray[Any]:
        """Labels seen so far, sorted: (K,)."""
        return self._classes.copy()

    @property
    def class_counts(self) -> NDArray[np.int64]:
        """Samples of each class: (K,)."""
        return self._known()[4].astype(np.int64)  # type: ignore[no-any-return]

    @property
    def mean(self) -> Matrix:
        """Mean of the features: (d,)."""
        _, unit, mean, *_ = self._known()
        return unit * mean  # type: ignore[no-any-return]

    @property
    def covariance(self) -> Matrix:
        """Covariance of the features, divided by n: (d, d)."""
        n, unit, _, scatter, *_ = self._known()
        return unit * (unit * (scatter / n))  # type: ignore[no-any-return]

    def partial_fit(
        self,
        features: ArrayLike,
        labels: ArrayLike,
        *,
        ignore_index: IgnoreIndex = None,
        n_threads: int | None = None,
    ) -> "FeatureStatistics":
        """Add a batch of samples; returns itself.

        Parameters
        ----------
        features : array-like of shape (n, d)
            As for `h_score`. What is not in memory, a `numpy.memmap` or a data set of HDF5 or zarr
            (anything with a shape whose rows can be sliced), is read in chunks of 64 MiB.
        labels : array-like of shape (n,)
            Class labels. A batch may lack classes that others have.
        ignore_index : int, str or sequence of these, optional
            Labels whose samples are left out.
        n_threads : int, optional
            As for `h_score`.

        Raises
        ------
        ValueError, TypeError
            Where an argument is not as described or does not fit the batches before. Nothing is
            added then.
        """
        n_threads = _threads.resolve(n_threads)
        before = self._sums, self._classes
        try:
            for first_row, X, y in _chunks(features, labels):
                self._add(
                    _checks.batch(
                        X, y, ignore_index=ignore_index, n_threads=n_threads, first_row=first_row
                    ),
                    n_threads,
                )
        except BaseException:
            self._sums, self._classes = before
            raise
        return self

    def merge(self, other: "FeatureStatistics") -> "FeatureStatistics":
        """Add the samples of other statistics, of the same features; returns itself."""
        if not isinstance(other, FeatureStatistics):
            raise TypeError(f"`other` must be FeatureStatistics, got {type(other).__name__}")
        if other._sums is not None:
            self._merge(other._sums, other._classes, "other")
        return self

    def h_score(self, *, shrinkage: Shrinkage = None, adjust_for_chance: bool = False) -> float:
        """Return the H-score of all samples so far; `transferscore.h_score` describes it."""
        ledoit_wolf, intensity = _checks.shrinkage(shrinkage)
        values, _, _, chance = self._call(
            backend.h_score_of_statistics,
            ledoit_wolf=ledoit_wolf,
            intensity=intensity,
            adjust_for_chance=adjust_for_chance,
        )
        if adjust_for_chance and chance >= 1:
            raise _checks.no_chance_level(self.n)
        return float(values[0])

    def logme(self) -> float:
        """Return the LogME of all samples so far; `transferscore.logme` describes it.

        With n <= d samples, and features that fit the labels exactly, it ends at the rounding of
        differences, where `transferscore.logme` has none.
        """
        evidences, *_ = self._call(backend.logme_of_statistics, fixed_point=None, weights=False)
        return float(evidences.mean())

    def linear_mse(self, *, ridge: Ridge = RIDGE) -> float:
        """Return the linear MSE of all samples so far; `transferscore.linear_mse` describes it."""
        of_evidence, penalty = _checks.ridge(ridge)
        errors, _ = self._call(
            backend.linear_mse_of_statistics, of_evidence=of_evidence, ridge=penalty
        )
        return -float(errors.sum())

    def lfc(self) -> float:
        """Return the LFC of all samples so far; `transferscore.lfc` describes it."""
        value, is_defined = self._call(backend.lfc_of_statistics)
        if not is_defined:
            warn_of_constant_features()
        return float(value)

    def coding_rate(self, *, epsilon: float = EPSILON) -> float:
        """Return R of all samples so far about their mean; see `transferscore.coding_rate`."""
        epsilon = _checks.positive(epsilon, "epsilon")
        try:
            return float(
                backend.coding_rate_of_statistics(
                    self._known(), epsilon=epsilon, n_threads=_threads.resolve(None)
                )
            )
        except OverflowError:
            raise _checks.too_large_for_epsilon(epsilon) from None

    def effective_rank(self, *, centred: bool = False) -> float:
        """Return the effective rank of all samples so far; see `transferscore.effective_rank`."""
        rank = backend.effective_rank_of_statistics(
            self._known(), centred=bool(centred), n_threads=_threads.resolve(None)
        )
        return float(rank)

    def save(self, path: str | PathLike[str]) -> None:
        """Write everything to a `.npz` file without pickled objects."""
        fields = dict(zip(FIELDS, self._known(), strict=True))
        with open(path, "wb") as file:
            np.savez(file, format=FORMAT, version=VERSION, classes=self._classes, **fields)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "FeatureStatistics":
        """Read what `save` wrote; ValueError for any other file."""
        statistics = cls()
        statistics._classes, statistics._sums = _checks.statistics_file(
            path, FORMAT, VERSION, FIELDS
        )
        return statistics

    def _add(self, batch: tuple[_checks.Floats, _checks.Classes] | None, n_threads: int) -> None:
        if batch is None:
            return
        X, y = batch
        sums = backend.feature_statistics(X, y.ids[np.newaxis], [y.count], n_threads=n_threads)
        if not np.isfinite([sums[-1], sums[1]]).all() or not np.isfinite(sums[3]).all():
            raise _checks.too_large("features")
        self._merge(sums, y.values, "features")

    def _merge(self, sums: Any, classes: NDArray[Any], name: str) -> None:
        if self._sums is None:
            self._sums, self._classes = sums, classes
            return
        if len(sums[2]) != self.d:
            raise _checks.other_width(name, len(sums[2]), self.d)
        together = _checks.classes_together(self._classes, classes)
        self._sums = backend.merged_statistics(
            _with_classes(self._sums, self._classes, together),
            _with_classes(sums, classes, together),
        )
        self._classes = together

    def _known(self) -> Any:
        if self._sums is None:
            raise _checks.no_samples()
        return self._sums

    def _call(self, kernel: Callable[..., Any], **options: Any) -> Any:
        """What a kernel makes of the sums, which must be of at least two classes."""
        sums = self._known()
        if len(self._classes) < 2:
            raise _checks.one_class(self._classes[0])
        try:
            return kernel(sums, **options, n_threads=_threads.resolve(None))
        except OverflowError:
            raise _checks.too_large("features") from None


def _with_classes(sums: Any, classes: NDArray[Any], together: NDArray[Any]) -> Any:
    """The same sums where more classes are known, which have no samples."""
    if len(classes) == len(together):
        return sums
    *head, counts, offsets, third, fourth = sums
    places = np.searchsorted(together, classes)
    all_counts = np.zeros(len(together))
    all_counts[places] = counts
    all_offsets = np.zeros((len(together), offsets.shape[1]))
    all_offsets[places] = offsets
    return (*head, all_counts, all_offsets, third, fourth)


def _chunks(features: Any, labels: ArrayLike) -> Iterator[tuple[int, Any, Any]]:
    """(first row, features, labels): the batch where it is in memory, else its rows in chunks."""
    outside = isinstance(features, np.memmap) or (
        not isinstance(features, np.ndarray)
        and hasattr(features, "shape")
        and hasattr(features, "dtype")
        and not hasattr(features, "__array_interface__")
        and not hasattr(features, "__dlpack__")
    )
    if not outside or len(features.shape) != 2 or 0 in features.shape:
        yield 0, features, labels
        return
    n, d = features.shape
    y = _checks.labels_of_side(labels, n, "labels")
    rows = max(1, CHUNK // (d * np.dtype(features.dtype).itemsize))
    for first in range(0, n, rows):
        yield first, np.array(features[first : first + rows]), y[first : first + rows]
        _forget(features)


def _forget(features: Any) -> None:
    """Hand back the pages of a mapped file that were read: they would count as this process'."""
    mapped = getattr(features, "_mmap", None)
    if isinstance(mapped, mmap.mmap) and hasattr(mapped, "madvise") and features.mode != "c":
        mapped.madvise(mmap.MADV_DONTNEED)
