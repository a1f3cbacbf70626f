"""What scores need to know of the features of samples that come in parts."""

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _threads
from transferscore._backend import backend
from transferscore._checks import Classes, Floats, IgnoreIndex, Ridge, Shrinkage
from transferscore._scores._registry import collected
from transferscore._scores.h_score import counts_classes
from transferscore._scores.lfc import warn_of_constant_features
from transferscore._scores.linear_mse import RIDGE
from transferscore._scores.transrate import EPSILON
from transferscore._statistics.chunks import chunks
from transferscore._statistics.files import write

Matrix = NDArray[np.float64]

WHAT = "feature statistics"
VERSION = 1
# Of each array in a file, a letter for each axis.
FIELDS = {
    "n": "",
    "unit": "",
    "mean": "d",
    "mean_rest": "d",
    "scatter": "dd",
    "counts": "k",
    "offsets": "kd",
    "radial_third": "d",
    "radial_fourth": "",
}


# Batches of fewer rows than this, or than twice the features, are gathered before they are summed:
# to sum and merge a batch costs as much as products of some hundred rows.
GATHERED_ROWS = 1024
# Of values beyond, a sum may leave float64; such batches are summed at once, and refused at once.
GATHERED_RANGE = (1e-15, 1e15)


class Sums(NamedTuple):
    """The sums as kernels read and write them; core/statistics.hpp says what each is."""

    n: int
    unit: float
    mean: Matrix
    mean_rest: Matrix
    scatter: Matrix
    counts: Matrix
    offsets: Matrix
    radial_third: Matrix
    radial_fourth: float


class FeatureStatistics:
    """Counts, means and scatter of labelled samples: added to in batches, merged, saved, scored.

    Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample
    variances", COMPSTAT 1982. All sums are of float64 products, centred, so that any partition of
    the samples gives the same scores to 1e-10. The same batches give the same bits, and
    `a.merge(b)` those of `b.merge(a)`.

    Scores that need pairs of samples or every sample twice (k-NN, PARC, SFDA, GBC, N-LEEP, the
    class terms of TransRate, OTCE) can't be had from it; asked for, it says why. What it gives of
    TransRate is the term of all samples, `coding_rate`. `LabelStatistics` and
    `PredictionStatistics` do the same for NCE and LEEP.

    Notes
    -----
    Memory, in bytes: 8 d^2 + 8 K d for d features and K classes, whatever the number of samples;
    up to 9 times that and 30 MB while a batch is added or scored. Batches of fewer than
    max(1024, 2 d) samples are copied, and gathered up to that number before they are summed.

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
        self._sums: Sums | None = None
        self._summed_classes: NDArray[Any] = np.empty(0, np.int64)
        self._waiting: tuple[tuple[Floats, Classes], ...] = ()  # batches that are not yet summed
        self._classes = self._summed_classes  # of both
        self._settled: FeatureStatistics | None = None  # the same, all summed
        self._logme: tuple[float, Matrix] | None = None  # and the eigenvalues of X^T X

    def __repr__(self) -> str:
        if self.n == 0:
            return "FeatureStatistics(empty)"
        return f"FeatureStatistics(n={self.n}, d={self.d}, classes={len(self._classes)})"

    def __getstate__(self) -> dict[str, Any]:
        self._settle()
        return self.__dict__

    if not TYPE_CHECKING:  # where a type checker should find no more attributes than there are

        def __getattr__(self, name: str) -> Any:
            raise _checks.no_attribute(self, name)

    @property
    def n(self) -> int:
        """Samples so far."""
        return (0 if self._sums is None else self._sums.n) + sum(len(X) for X, _ in self._waiting)

    @property
    def d(self) -> int:
        """Features."""
        if self._waiting:
            return int(self._waiting[0][0].shape[1])
        return len(self._known().mean)

    @property
    def classes(self) -> NDArray[Any]:
        """Labels seen so far, sorted: (K,)."""
        return self._classes.copy()

    @property
    def class_counts(self) -> NDArray[np.int64]:
        """Samples of each class: (K,)."""
        counts: NDArray[np.int64] = self._known().counts.astype(np.int64)
        return counts

    @property
    def mean(self) -> Matrix:
        """Mean of the features: (d,)."""
        sums = self._known()
        return sums.unit * sums.mean

    @property
    def covariance(self) -> Matrix:
        """Covariance of the features, divided by n: (d, d)."""
        sums = self._known()
        return sums.unit * (sums.unit * (sums.scatter / sums.n))

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
            Class labels, read at once. A batch may lack classes that others have.
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
        before = self._sums, self._summed_classes, self._waiting, self._classes
        try:
            for first_row, X, y in chunks(features, labels):
                self._add_rows(X, y, ignore_index, n_threads, first_row)
        except BaseException:
            self._sums, self._summed_classes, self._waiting, self._classes = before
            raise
        finally:
            self._changed()
        return self

    @classmethod
    def of_dask(
        cls, features: Any, labels: Any, *, ignore_index: IgnoreIndex = None
    ) -> "FeatureStatistics":
        """Statistics of the rows of a Dask array, summed where the blocks are.

        Each block of rows becomes statistics on one thread; these are merged along a tree, eight at
        a time, so that only sums travel. It runs where Dask runs: in threads, or on the cluster of
        the client that is active. The same blocks give the same bits on either.

        Parameters
        ----------
        features : dask.array.Array of shape (n, d)
            As for `h_score`. Blocks of columns are joined.
        labels : dask.array.Array or array-like of shape (n,)
            Class labels.
        ignore_index : int, str or sequence of these, optional
            Labels whose samples are left out.

        Returns
        -------
        FeatureStatistics
            Of all samples.

        Raises
        ------
        ModuleNotFoundError
            Where Dask is not installed: the extra `dask` has it.
        ValueError, TypeError
            Where an argument is not as described.

        Examples
        --------
        >>> import dask.array
        >>> import numpy as np
        >>> from transferscore import FeatureStatistics
        >>> rng = np.random.default_rng(0)
        >>> features = dask.array.from_array(rng.normal(size=(500, 8)), chunks=(100, 8))
        >>> FeatureStatistics.of_dask(features, np.arange(500) % 3)
        FeatureStatistics(n=500, d=8, classes=3)
        """
        from transferscore._statistics.dask_arrays import reduced

        return reduced(features, labels, ignore_index, cls)

    def merge(self, other: "FeatureStatistics") -> "FeatureStatistics":
        """Add the samples of other statistics, of the same features; returns itself."""
        if not isinstance(other, FeatureStatistics):
            raise _checks.other_kind(other, FeatureStatistics)
        theirs = other._all()
        if theirs._sums is not None:
            self._meet(theirs.d, theirs._classes, "other")
            self._settle()
            self._merge(theirs._sums, theirs._classes)
        return self

    def h_score(self, *, shrinkage: Shrinkage = None, adjust_for_chance: bool = False) -> float:
        """Return the H-score of all samples so far; `transferscore.h_score` describes it."""
        ledoit_wolf, intensity = _checks.shrinkage(shrinkage)
        values, _, rank, chance = self._call(
            backend.h_score_of_statistics,
            ledoit_wolf=ledoit_wolf,
            intensity=intensity,
            adjust_for_chance=adjust_for_chance,
        )
        if rank == self.n - 1:
            warnings.warn(counts_classes(self.n, self.d), UserWarning, stacklevel=2)
        if adjust_for_chance and chance >= 1:
            raise _checks.no_chance_level(self.n)
        return float(values[0])

    def logme(self) -> float:
        """Return the LogME of all samples so far; `transferscore.logme` describes it.

        With n <= d samples, and features that fit the labels exactly, it ends at the rounding of
        differences, where `transferscore.logme` has none.
        """
        if self._logme is None:
            evidences, *_, eigenvalues = self._call(
                backend.logme_of_statistics, fixed_point=None, weights=False
            )
            self._logme = float(evidences.mean()), eigenvalues
        return self._logme[0]

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
        if self._logme is not None and not centred:
            return float(backend.effective_rank_of_eigenvalues(self._logme[1]))
        rank = backend.effective_rank_of_statistics(
            self._known(), centred=bool(centred), n_threads=_threads.resolve(None)
        )
        return float(rank)

    def score_all(self, *, scores: Sequence[str] | None = None) -> dict[str, float]:
        """Return many scores of all samples so far, by name, each with the defaults of its method.

        Parameters
        ----------
        scores : sequence of str, optional
            Which, in which order. Default: h_score, h_score_shrinkage, logme, linear_mse, lfc,
            effective_rank and coding_rate.

        Returns
        -------
        dict of str to float
            The scores by name.

        Raises
        ------
        ValueError, TypeError
            Where `scores` is not as described, or no score can be computed.

        Warns
        -----
        UserWarning
            Where a score says so, and for each score that can't be computed: it is left out.
        """
        names = list(OF_SUMS) if scores is None else _checks.scores_of_parts(scores, OF_SUMS)
        self._known()
        return collected(names, lambda name: OF_SUMS[name](self))

    def save(self, path: str | PathLike[str]) -> None:
        """Write everything to a `.npz` file without pickled objects; no sample is in it."""
        self._settle()
        write(path, WHAT, VERSION, {**self._known()._asdict(), "classes": self._classes})

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "FeatureStatistics":
        """Read what `save` wrote; ValueError for any other file."""
        statistics = cls()
        classes, sums = _checks.feature_statistics_file(path, WHAT, VERSION, FIELDS)
        statistics._merge(Sums(*sums), classes)
        return statistics

    @classmethod
    def _of(
        cls, X: Floats, ids: NDArray[np.int32], n_classes: int, n_threads: int
    ) -> "FeatureStatistics":
        """Of checked samples, summed at once."""
        y = Classes(ids, np.arange(n_classes))
        statistics = cls()
        statistics._merge(_summed(X, y, n_threads), y.values)
        return statistics

    def _add_rows(
        self, X: Any, y: Any, ignore_index: IgnoreIndex, n_threads: int, first_row: int
    ) -> None:
        """Add rows as the user passed them, the first of which he counts so."""
        batch = _checks.batch(
            X, y, ignore_index=ignore_index, n_threads=n_threads, first_row=first_row
        )
        if batch is not None:
            self._add(*batch, n_threads)

    def _add(self, X: Floats, y: Classes, n_threads: int) -> None:
        self._meet(X.shape[1], y.values, "features")
        rows = max(GATHERED_ROWS, 2 * X.shape[1])
        largest = max(abs(float(X.max())), abs(float(X.min()))) if len(X) < rows else np.inf
        if largest and not GATHERED_RANGE[0] < largest < GATHERED_RANGE[1]:
            self._merge(_summed(X, y, n_threads), y.values)
            return
        self._waiting = (*self._waiting, (X.copy(), y))
        if sum(len(batch) for batch, _ in self._waiting) >= rows:
            self._settle(n_threads)

    def _settle(self, n_threads: int | None = None) -> None:
        """Sum what waits."""
        if not self._waiting:
            return
        X = np.concatenate([X for X, _ in self._waiting])
        places = [np.searchsorted(self._classes, y.values)[y.ids] for _, y in self._waiting]
        present, ids = np.unique(np.concatenate(places), return_inverse=True)
        y = Classes(ids.astype(np.int32), self._classes[present])
        self._merge(_summed(X, y, _threads.resolve(n_threads)), y.values)
        self._waiting = ()

    def _merge(self, sums: Sums, classes: NDArray[Any]) -> None:
        self._changed()
        if self._sums is None:
            together = classes
        else:
            together = _checks.classes_together(self._summed_classes, classes)
            mine = _with_classes(self._sums, self._summed_classes, together)
            theirs = _with_classes(sums, classes, together)
            sums = Sums(*backend.merged_statistics(mine, theirs))
        self._sums, self._summed_classes = sums, together
        if not self._waiting:
            self._classes = together

    def _meet(self, d: int, classes: NDArray[Any], name: str) -> None:
        """Learn classes of samples that are to be added, if they fit those before."""
        if self.n == 0:
            self._classes = classes
            return
        if d != self.d:
            raise _checks.other_width(name, d, self.d)
        self._classes = _checks.classes_together(self._classes, classes)

    def _changed(self) -> None:
        """Forget what followed from the samples so far."""
        self._settled = self._logme = None

    def _all(self) -> "FeatureStatistics":
        """The same with no batch that waits. To look at scores in between changes no later bit."""
        if not self._waiting:
            return self
        if self._settled is None:
            settled = FeatureStatistics()
            settled._sums, settled._summed_classes = self._sums, self._summed_classes
            settled._waiting, settled._classes = self._waiting, self._classes
            settled._settle()
            self._settled = settled
        return self._settled

    def _known(self) -> Sums:
        sums = self._all()._sums
        if sums is None:
            raise _checks.no_samples()
        return sums

    def _call(self, kernel: Callable[..., Any], **options: Any) -> Any:
        """What a kernel makes of the sums, which must be of at least two classes."""
        sums = self._known()
        if len(sums.counts) < 2:
            raise _checks.one_class(self.classes[0])
        try:
            return kernel(sums, **options, n_threads=_threads.resolve(None))
        except OverflowError:
            raise _checks.too_large("features") from None


# Scores of one pass, by the names that `transferscore.scores()` knows, and the term of TransRate.
OF_SUMS: dict[str, Callable[[FeatureStatistics], float]] = {
    "h_score": FeatureStatistics.h_score,
    "h_score_shrinkage": partial(FeatureStatistics.h_score, shrinkage="ledoit-wolf"),
    "logme": FeatureStatistics.logme,
    "linear_mse": FeatureStatistics.linear_mse,
    "lfc": FeatureStatistics.lfc,
    "effective_rank": FeatureStatistics.effective_rank,
    "coding_rate": FeatureStatistics.coding_rate,
}


def _summed(X: Floats, y: Classes, n_threads: int) -> Sums:
    sums = Sums(*backend.feature_statistics(X, y.ids[np.newaxis], [y.count], n_threads=n_threads))
    if not np.isfinite([sums.unit, sums.radial_fourth, *np.diagonal(sums.scatter)]).all():
        raise _checks.too_large("features")
    return sums


def _with_classes(sums: Sums, classes: NDArray[Any], together: NDArray[Any]) -> Sums:
    """The same sums where more classes are known, which have no samples."""
    if len(classes) == len(together):
        return sums
    places = np.searchsorted(together, classes)
    counts = np.zeros(len(together))
    counts[places] = sums.counts
    offsets = np.zeros((len(together), sums.offsets.shape[1]))
    offsets[places] = sums.offsets
    return sums._replace(counts=counts, offsets=offsets)
