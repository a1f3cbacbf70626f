"""How often the intervals of `evaluate_scores` hold the truth, in simulated zoos.

    python bench/experiments/evaluation_coverage.py [--zoos 1000]

Tasks: scores agree with accuracies of 10 candidates to an extent that differs from task to task;
the truth is the mean Spearman correlation over endless tasks. Candidates: one task, normal scores
and accuracies; the truth is the correlation of endless candidates. Needs the extra `bench`.
"""

from __future__ import annotations

import argparse

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from transferscore.ranking import evaluate_scores

Values = npt.NDArray[np.float64]
RHO = 0.7  # Pearson's of a single large task


def tasks(rng: np.random.Generator, n_tasks: int) -> tuple[Values, Values]:
    """Scores and accuracies (T, 10), of which noise differs from task to task."""
    measured, noise = rng.normal(size=(2, n_tasks, 10))
    return measured + rng.exponential(1, size=(n_tasks, 1)) * noise, measured


def coverage(problems: list[tuple[Values, Values]], measure: str, truth: float) -> float:
    """The share of intervals that hold the truth."""
    held = 0
    for seed, (scores, measured) in enumerate(problems):
        found = evaluate_scores(scores, measured, measures=measure, random_state=seed)[measure]
        assert found.interval is not None
        held += found.interval[0] <= truth <= found.interval[1]
    return held / len(problems)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--zoos", type=int, default=1000)
    n_zoos = parser.parse_args().zoos
    rng = np.random.default_rng(0)
    ranks = [rankdata(side, axis=1) for side in tasks(rng, 400_000)]
    centred = [side - 5.5 for side in ranks]
    truth = float(np.mean(np.sum(centred[0] * centred[1], axis=1) / 82.5))
    print("| resampled | number | measure | truth | intervals of 95 % that hold it |")
    print("| --- | --- | --- | --- | --- |")
    for n in (3, 5, 8, 20, 50):
        share = coverage([tasks(rng, n) for _ in range(n_zoos)], "spearman", truth)
        print(f"| tasks | {n} | spearman | {truth:.3f} | {share:.1%} |", flush=True)
    truths = {
        "pearson": RHO,
        "spearman": 6 / np.pi * np.arcsin(RHO / 2),
        "kendall": 2 / np.pi * np.arcsin(RHO),
    }
    for n in (10, 30, 100):
        shape = [[1, RHO], [RHO, 1]]
        pairs = [rng.multivariate_normal([0, 0], shape, size=n).T for _ in range(n_zoos)]
        for measure, value in truths.items():
            share = coverage([(x, y) for x, y in pairs], measure, value)
            print(f"| candidates | {n} | {measure} | {value:.3f} | {share:.1%} |", flush=True)


if __name__ == "__main__":
    main()
