"""Scores of resampled data: sums once for each group of samples, a resample is a weighted merge."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from transferscore import _threads
from transferscore._backend import backend
from transferscore._checks import Classes, Floats
from transferscore._scores import REGISTRY
from transferscore._statistics.features import (
    OF_SUMS,
    FeatureStatistics,
    Sums,
    _summed,
    _with_classes,
)

Matrix = NDArray[np.float64]
Groups = NDArray[np.int64]  # (n,) the group of each sample

Item = TypeVar("Item")
Result = TypeVar("Result")

# Scores of which resamples are drawn: a factor each. Others of the same sums leave out each group
# once: LogME takes a tridiagonal form, some twenty times as long, and the intensity of Ledoit and
# Wolf is made for samples that count alike, of others its errors come out too large by a third.
DRAWN = ("h_score", "linear_mse", "lfc")

# How far a resample's weights lie from 1, as a share of those of the plain bootstrap. At 1 groups
# are repeated and left out, and scores of many features rise with every sample that is seen twice.
STEP = 0.35

# Bytes of resampled scatter matrices that are made at once.
BLOCK = 2**26

FAILURES = (ValueError, TypeError, MemoryError, OverflowError, ArithmeticError)


def split(ids: NDArray[np.int32], n_groups: int, seed: int) -> Groups:
    """Groups of equal size, each with an equal share of every class, up to one sample."""
    order = np.lexsort((np.random.default_rng(seed).random(len(ids)), ids))
    groups = np.empty(len(ids), np.int64)
    groups[order] = np.arange(len(ids)) % n_groups
    return groups


@dataclass(frozen=True)
class Plan:
    """What is drawn, the same for every candidate.

    Attributes
    ----------
    groups : ndarray of shape (n,)
        The group of each sample.
    weights : ndarray of shape (R, G)
        Of each resample, the weights of the groups, which keep the number of samples; no row where
        every group is left out once.
    halves : ndarray of shape (G, G)
        Of each of G half samples, the groups that are taken.
    n_threads : int
        Resamples that are scored at once.
    """

    groups: Groups
    weights: Matrix
    halves: NDArray[np.bool_]
    n_threads: int

    @classmethod
    def drawn(
        cls, ids: NDArray[np.int32], n_groups: int, n_resamples: int, seed: int, n_threads: int
    ) -> "Plan":
        """Groups, and multinomial weights drawn towards 1."""
        groups = split(ids, n_groups, seed)
        rng = np.random.default_rng([seed, 1])
        multinomial = rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), n_resamples)
        weights = 1 + STEP * (multinomial - 1.0)
        together = (weights * np.bincount(groups)).sum(axis=1, keepdims=True)
        kept: Matrix = np.multiply(weights, len(ids) / together, dtype=np.float64)
        places = np.random.default_rng([seed, 2]).random((n_groups, n_groups)).argsort(axis=1)
        return cls(groups, kept, places >= n_groups // 2, n_threads)

    @property
    def n_groups(self) -> int:
        """G."""
        return int(self.weights.shape[1])

    def deviations(
        self, names: Sequence[str], X: Floats, ids: NDArray[np.int32]
    ) -> dict[str, Matrix]:
        """For each score, how resamples deviate: the squares add up to the score's variance."""
        of_sums = [name for name in names if name in OF_SUMS]
        drawn = [name for name in of_sums if name in DRAWN and len(self.weights)]
        left_out = [name for name in of_sums if name not in drawn]
        found: dict[str, Matrix] = {}
        if of_sums:
            sums = GroupSums.of(X, ids, self.groups, self.n_threads)
            found |= self._of_draws(drawn, sums) | self._of_sums_left_out(left_out, sums)
        again = [name for name in names if name not in OF_SUMS]
        return found | self._of_halves(again, X, ids)

    def _of_draws(self, names: list[str], sums: "GroupSums") -> dict[str, Matrix]:
        if not names:
            return {}
        R, G = self.weights.shape
        scale = np.sqrt(G / (G - 1) / (R - 1)) / STEP
        return _centred(names, self._scored(names, sums, self.weights), float(scale))

    def _of_sums_left_out(self, names: list[str], sums: "GroupSums") -> dict[str, Matrix]:
        if not names:
            return {}
        G = self.n_groups
        return _centred(names, self._scored(names, sums, 1 - np.eye(G)), _jackknife(G))

    def _of_halves(self, names: list[str], X: Floats, ids: NDArray[np.int32]) -> dict[str, Matrix]:
        """Scores that are computed anew, of half of the groups each time; no sample is repeated.

        Neighbours and mixtures jump: leaving out one group would multiply that by the number of
        groups, and a repeated sample would be its own neighbour.
        """
        if not names:
            return {}
        R, left_out = len(self.halves), int((~self.halves[0]).sum())
        values = np.empty((R, len(names)))
        for r, half in enumerate(self.halves):
            taken = half[self.groups]
            arguments = X[taken], ids[taken]
            values[r] = [
                _or_nan(partial(REGISTRY[name].compute, *arguments, n_threads=self.n_threads))
                for name in names
            ]
        return _centred(
            names, values, float(np.sqrt((self.n_groups - left_out) / left_out / (R - 1)))
        )

    def _scored(self, names: list[str], sums: "GroupSums", weights: Matrix) -> Matrix:
        """Scores (R, S) of merges with these weights (R, G)."""

        def values(statistics: FeatureStatistics) -> list[float]:
            with _threads.num_threads(1):
                return [_or_nan(partial(OF_SUMS[name], statistics)) for name in names]

        size = min(len(weights), max(4, min(64, BLOCK // (8 * sums.d**2))))
        scatters = np.zeros((size, sums.d, sums.d))  # used again and again: new pages take time
        blocks = (weights[first : first + size] for first in range(0, len(weights), size))
        radial = "h_score_shrinkage" in names
        drawn = (
            sums.merged(block, scatters[: len(block)], self.n_threads, radial=radial)
            for block in blocks
        )
        # A block at a time: over all at once, every merged matrix would be held.
        return np.array(
            [value for block in drawn for value in _each(values, block, self.n_threads)]
        )


def _each(compute: Callable[[Item], Result], items: Iterable[Item], n_threads: int) -> list[Result]:
    """What becomes of each item, `n_threads` of them at a time."""
    if n_threads == 1:
        return [compute(item) for item in items]
    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(compute, items))


def _jackknife(n_groups: int) -> float:
    return float(np.sqrt((n_groups - 1) / n_groups))


def _centred(names: Sequence[str], values: Matrix, scale: float) -> dict[str, Matrix]:
    """The columns less their means: where resampling shifts a score, it shifts all its values."""
    deviations = scale * (values - values.mean(axis=0))
    return {name: deviations[:, i] for i, name in enumerate(names)}


def _or_nan(compute: Callable[[], float]) -> float:
    try:
        return float(compute())
    except FAILURES:
        return float("nan")


@dataclass(frozen=True)
class GroupSums:
    """Sums over each of G groups of samples, all seen from one centre: a merge adds them up.

    Of samples x = unit * (centre + z): sizes (G,), first moments sum z (G, d), scatter sum z z^T
    (G, d, d), third sum |z|^2 z (G, d), fourth sum |z|^4 (G,), class counts (G, K) and class sums
    of z (G, K, d).
    """

    unit: float
    centre: Matrix
    sizes: Matrix
    first: Matrix
    scatter: Matrix
    third: Matrix
    fourth: Matrix
    counts: Matrix
    class_sums: Matrix

    @property
    def d(self) -> int:
        """Features."""
        return len(self.centre)

    @classmethod
    def of(cls, X: Floats, ids: NDArray[np.int32], groups: Groups, n_threads: int) -> "GroupSums":
        """From one pass over the samples; groups are too small to share one among threads."""
        every_class = np.arange(int(ids.max()) + 1)

        def part(g: int) -> Sums:
            rows = np.flatnonzero(groups == g)
            present, local = np.unique(ids[rows], return_inverse=True)
            sums = _summed(X[rows], Classes(local.astype(np.int32), present), 1)
            return _with_classes(sums, present, every_class)

        return cls._from(_each(part, range(int(groups.max()) + 1), n_threads))

    @classmethod
    def _from(cls, parts: list[Sums]) -> "GroupSums":
        unit = max(part.unit for part in parts)
        factors = np.array([part.unit / unit for part in parts])  # powers of two
        sizes = np.array([float(part.n) for part in parts])
        means = np.stack([factor * part.mean for factor, part in zip(factors, parts, strict=True)])
        rests = np.stack([f * part.mean_rest for f, part in zip(factors, parts, strict=True)])
        apart = (sizes[:, np.newaxis] * (means - means[0])).sum(axis=0) / sizes.sum()
        centre = means[0] + apart
        shifts = (means - centre) + rests
        d, n_classes = len(centre), len(parts[0].counts)
        scatter = np.empty((len(parts), d, d))
        third, fourth = np.empty((len(parts), d)), np.empty(len(parts))
        counts = np.stack([part.counts for part in parts])
        class_sums = np.empty((len(parts), n_classes, d))
        for g, (part, shift, factor) in enumerate(zip(parts, shifts, factors, strict=True)):
            np.multiply(part.scatter, factor**2, out=scatter[g])
            spread = np.einsum("ij,j->i", scatter[g], shift)
            trace, q, own = (
                np.trace(scatter[g]),
                (shift * shift).sum(),
                factor**3 * part.radial_third,
            )
            third[g] = own + 2 * spread + (trace + part.n * q) * shift
            fourth[g] = factor**4 * part.radial_fourth + 4 * (shift * own).sum()
            fourth[g] += 4 * (shift * spread).sum() + 2 * q * trace + part.n * q * q
            scatter[g] += np.multiply.outer(part.n * shift, shift)
            class_sums[g] = part.counts[:, np.newaxis] * (factor * part.offsets + shift)
        first = sizes[:, np.newaxis] * shifts
        return cls(unit, centre, sizes, first, scatter, third, fourth, counts, class_sums)

    def merged(
        self, weights: Matrix, scatters: Matrix, n_threads: int, *, radial: bool = True
    ) -> Iterator[FeatureStatistics]:
        """The statistics of all samples, the groups weighted, for each row of weights (B, G).

        They hold views of `scatters` (B, d, d), zero below the diagonal: the upper triangle is
        filled, which is all that scores read. Radial moments, which take another pass over each,
        are those that shrinkage asks for.
        """
        n = _weighted(weights, self.sizes)
        means = _weighted(weights, self.first) / n[:, np.newaxis]
        roots = np.sqrt(n)[:, np.newaxis]
        backend.weighted_scatters(
            self.scatter, weights, roots * means, scatters, n_threads=n_threads
        )
        counts, class_sums = _weighted(weights, self.counts), _weighted(weights, self.class_sums)
        for b, mean in enumerate(means):
            size = counts[b][:, np.newaxis]
            offsets = np.where(size > 0, class_sums[b] / np.where(size > 0, size, 1) - mean, 0)
            statistics = FeatureStatistics()
            statistics._merge(
                Sums(
                    n=round(n[b]),
                    unit=self.unit,
                    mean=self.centre + mean,
                    mean_rest=np.zeros_like(mean),
                    scatter=scatters[b],
                    counts=counts[b],
                    offsets=offsets,
                    radial_third=np.zeros_like(mean),  # for merges alone
                    radial_fourth=self._fourth(weights[b], n[b], mean, scatters[b])
                    if radial
                    else np.nan,
                ),
                np.arange(len(size)),
            )
            yield statistics

    def _fourth(self, weights: Matrix, n: float, mean: Matrix, scatter: Matrix) -> float:
        """Return sum |z - mean|^4 of weighted groups (G,) with this scatter about the mean."""
        third = np.einsum("g,gd->d", weights, self.third)
        fourth = float((weights * self.fourth).sum())
        diagonal = np.diagonal(scatter)
        along = 2 * float((mean * np.einsum("ij,j->i", scatter, mean)).sum())
        along -= float((diagonal * mean * mean).sum())  # of the triangle, where it counts twice
        q = float((mean * mean).sum())
        moment = fourth - 4 * float((mean * third).sum()) + 4 * along
        return moment + 2 * q * float(diagonal.sum()) + 3 * n * q * q


def _weighted(weights: Matrix, sums: Matrix) -> Matrix:
    """sum_g w_bg s_g, in the order of the groups: a product of matrices might not keep it."""
    total: Matrix = np.einsum("bg,g...->b...", weights, sums)
    return total
