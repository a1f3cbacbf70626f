"""Simulated zoos: how often the intervals of `rank` hold, whether equal models tie, and order.

Models of known quality score many samples of one task. The truth that intervals should hold is the
mean score over all samples drawn (docs/ranking.md says why, and has the tables).

    python bench/experiments/simulated_zoos.py            # the tables, some ten minutes
    python bench/experiments/simulated_zoos.py --method jackknife --scores h_score logme
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from transferscore import rank

SCORES = ("h_score", "h_score_shrinkage", "logme", "linear_mse", "lfc")


@dataclass(frozen=True)
class Zoo:
    """A task and four models: strong, its equal, weaker, narrow.

    Attributes
    ----------
    n, d : int
        Samples and features; the narrow model has a quarter of the features.
    n_classes : int
        Classes, of equal size unless `random_labels`.
    separation : float
        How far class means lie apart.
    tails : int or None
        Degrees of freedom of t-distributed noise; None for Gaussian noise.
    random_labels : bool
        Whether class sizes vary from sample to sample.
    """

    n: int
    d: int
    n_classes: int = 5
    separation: float = 2.0
    tails: int | None = None
    random_labels: bool = False

    def sample(
        self, rng: np.random.Generator
    ) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.int64]]:
        """Features of the models and labels: models share part of their noise."""
        n, d, k = self.n, self.d, self.n_classes
        labels = rng.integers(0, k, n) if self.random_labels else np.arange(n) % k
        of_zoo = np.random.default_rng(0)  # the same models every time
        centres = of_zoo.normal(size=(k, d)) * np.linspace(0.3, 2, k)[:, None]
        centres *= self.separation / np.sqrt(d)
        mix = of_zoo.normal(size=(d, d // 4)) / np.sqrt(d)
        shared = self._noise(rng)

        def features(strength: float) -> NDArray[np.float64]:
            return strength * centres[labels] + 0.7 * shared + 0.7 * self._noise(rng)

        strong = features(1)
        models = {
            "strong": strong,
            "its equal": features(1),
            "weaker": features(0.85),
            "narrow": strong @ mix,
        }
        return models, labels

    def _noise(self, rng: np.random.Generator) -> NDArray[np.float64]:
        noise = rng.normal(size=(self.n, self.d))
        if self.tails is None:
            return noise
        return noise / np.sqrt(rng.chisquare(self.tails, (self.n, 1)) / self.tails)

    def __str__(self) -> str:
        tails = "" if self.tails is None else f", t({self.tails}) noise"
        random = ", random class sizes" if self.random_labels else ""
        return f"n = {self.n:,}, d = {self.d}, {self.n_classes} classes{tails}{random}"


@dataclass(frozen=True)
class Outcome:
    """Over repeats: values (T, m, S), half-widths, of differences too, and the ties."""

    names: tuple[str, ...]
    values: NDArray[np.float64]
    errors: NDArray[np.float64]
    difference_errors: NDArray[np.float64]
    quantile: float
    separated: NDArray[np.bool_]
    rank_intervals: NDArray[np.int64]

    def coverage(self) -> NDArray[np.float64]:
        """Share of intervals of values that hold their mean: (S,), over models and repeats."""
        off = np.abs(self.values - self.values.mean(axis=0))
        return (off <= self.quantile * self.errors).mean(axis=(0, 1))

    def coverage_of_differences(self) -> NDArray[np.float64]:
        """The same of the difference of each pair."""
        apart = self.values[:, :, None] - self.values[:, None]  # (T, m, m, S)
        off = np.abs(apart - apart.mean(axis=0))
        held = off <= self.quantile * np.moveaxis(self.difference_errors, 1, 3)
        i, j = np.triu_indices(len(self.names), 1)
        return held[:, i, j].mean(axis=(0, 1))

    def width(self) -> NDArray[np.float64]:
        """Standard errors as a share of the real deviation: (S,), root mean squares."""
        return np.sqrt((self.errors**2).mean(axis=(0, 1)) / self.values.var(axis=0, ddof=1).mean(0))


def simulate(zoo: Zoo, repeats: int, seed: int = 0, **options: object) -> Outcome:
    """Rank the models on many samples of the task."""
    rng = np.random.default_rng(seed)
    rankings = []
    for repeat in range(repeats):
        models, labels = zoo.sample(rng)
        given = {"scores": SCORES, "baselines": False, "random_state": repeat, **options}
        rankings.append(rank(models, labels, **given))  # type: ignore[arg-type]
    names = tuple(models)
    order = [[ranking.names.index(name) for name in names] for ranking in rankings]
    pairs = list(zip(rankings, order, strict=True))
    return Outcome(
        names=names,
        values=np.stack([r.values[o] for r, o in pairs]),
        errors=np.stack([r.standard_errors[o] for r, o in pairs]),
        difference_errors=np.stack([r.difference_errors[:, o][:, :, o] for r, o in pairs]),
        quantile=rankings[0]._quantile(1),
        separated=np.stack([r.separated[o][:, o] for r, o in pairs]),
        rank_intervals=np.stack([r.rank_intervals[o] for r, o in pairs]),
    )


ZOOS = (
    Zoo(1000, 20),
    Zoo(1000, 100),
    Zoo(500, 100),
    Zoo(1000, 20, tails=5),
    Zoo(1000, 20, random_labels=True),
)


def tables(repeats: int, method: str, scores: tuple[str, ...]) -> Iterator[str]:
    """Lines of two Markdown tables: coverage, and what is told apart by the first score."""
    yield f"| zoo | | {' | '.join(scores)} |"
    yield f"| :--- | :--- | {' | '.join('---:' for _ in scores)} |"
    ties = []
    for zoo in ZOOS:
        found = simulate(zoo, repeats, method=method, scores=scores)
        for what, shares in (
            ("scores", found.coverage()),
            ("differences", found.coverage_of_differences()),
            ("standard error / truth", found.width()),
        ):
            cells = [f"{share:.2f}" if "/" in what else f"{share:.1%}" for share in shares]
            yield f"| {zoo} | {what} | {' | '.join(cells)} |"
        ties.append(_ties(zoo, found))
    yield "\n| zoo | equal models tie | weaker told from strong | rank interval holds |"
    yield "| :--- | ---: | ---: | ---: |"
    yield from ties


def _ties(zoo: Zoo, found: Outcome) -> str:
    equal, weaker = ~found.separated[:, 0, 1], found.separated[:, 0, 2]
    mean = found.values[:, :, 0].mean(axis=0)
    mean[1] = mean[0] = (mean[0] + mean[1]) / 2
    best = 1 + (mean[:, None] < mean).sum(axis=1)
    worst = (mean[:, None] <= mean).sum(axis=1)
    low, high = found.rank_intervals[..., 0], found.rank_intervals[..., 1]
    holds = (low <= best) & (high >= worst)
    return f"| {zoo} | {equal.mean():.1%} | {weaker.mean():.1%} | {holds.mean():.1%} |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=300)
    parser.add_argument("--method", choices=("bootstrap", "jackknife"), default="bootstrap")
    parser.add_argument("--scores", nargs="+", default=SCORES)
    args = parser.parse_args()
    for line in tables(args.repeats, args.method, tuple(args.scores)):
        print(line, flush=True)


if __name__ == "__main__":
    main()
