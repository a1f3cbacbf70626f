"""Tables and plots of few-shot experiments, from their results alone.

    python bench/experiments/report_few_shot.py results/omniglot_few_shot.csv [--plot PNG]

Intervals are Student's over tasks; differences are paired by task.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from report_table import table
from scipy.special import stdtrit

from transferscore.ranking import spearman

Values = npt.NDArray[np.float64]
Results = dict[str, dict[str, dict[str, Values]]]  # network, arm, column: one for each task

ARMS = {
    "scratch": "from scratch",
    "head": "new head alone",
    "vanilla_short": "fine-tuning, step 2 alone",
    "vanilla": "fine-tuning, as many updates",
    "otce": "OTCE fine-tuning",
    "shuffled": "step 1 with shuffled labels",
    "transport_cost": "step 1 minimises W_D",
}
NETWORKS = {"lenet": "LeNet", "few_shot_net": "few-shot network"}
N_BOOTSTRAP = 2000


def read(path: Path) -> Results:
    """Columns by network and arm, tasks in order."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: int(row["task"]))
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    for row in rows:
        columns = found.setdefault(row["network"], {}).setdefault(row["arm"], {})
        for name, cell in row.items():
            if name not in ("network", "arm"):
                columns.setdefault(name, []).append(float(cell))
    return {
        network: {arm: {name: np.array(of) for name, of in c.items()} for arm, c in arms.items()}
        for network, arms in found.items()
    }


def interval(values: Values) -> tuple[float, float]:
    """Mean and half the width of its 95 % interval."""
    n = len(values)
    return float(values.mean()), float(stdtrit(n - 1, 0.975) * values.std(ddof=1) / np.sqrt(n))


def correlation(x: Values, y: Values) -> str:
    """Spearman's, with its 95 % interval by the bootstrap over tasks."""
    rng, drawn = np.random.default_rng(0), []
    for _ in range(N_BOOTSTRAP):
        at = rng.integers(0, len(x), len(x))
        if np.ptp(x[at]) > 0 and np.ptp(y[at]) > 0:
            drawn.append(spearman(x[at], y[at]))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return f"{spearman(x, y):+.2f} ({low:+.2f} to {high:+.2f})"


def _points(values: Values, sign: str = "") -> str:
    mean, half = interval(100 * values)
    return f"{mean:{sign}.2f} ± {half:.2f}"


def paragraphs(results: Results) -> Iterator[str]:
    """Markdown, paragraph by paragraph."""
    for network, arms in results.items():
        tuned, otce = arms["vanilla"], arms["otce"]
        yield f"{NETWORKS[network]}, {len(otce['task'])} tasks"
        lines = []
        for arm, name in ARMS.items():
            values = arms[arm]["accuracy"]
            likelihood = interval(arms[arm]["log_likelihood"])
            lines.append(
                [
                    name,
                    _points(values),
                    f"{likelihood[0]:.3f} ± {likelihood[1]:.3f}",
                    "" if arm == "vanilla" else _points(values - tuned["accuracy"], "+"),
                    "" if arm == "otce" else _points(otce["accuracy"] - values, "+"),
                ]
            )
        yield table(
            [
                "",
                "accuracy, %",
                "log-likelihood",
                "minus fine-tuning, as many updates",
                "OTCE fine-tuning minus this",
            ],
            lines,
        )
        yield "-H(Y_t|Y_s), before and after step 1, and Spearman's correlation with accuracy"
        yield table(
            ["pictures", "before", "after", "with labels shuffled", "W_D", "before: fine-tuning",
             "after: OTCE fine-tuning", "gain in score: gain in accuracy"],
            [_scores(arms, *of) for of in (("few", "score"), ("unseen", "unseen"))],
        )  # fmt: skip


def _scores(arms: dict[str, dict[str, Values]], name: str, column: str) -> list[str]:
    before, after = f"{column}_before", f"{column}_after"
    tuned, otce = arms["vanilla"], arms["otce"]
    return [
        name,
        *(
            f"{interval(values)[0]:.3f}"
            for values in (
                otce[before],
                otce[after],
                arms["shuffled"][after],
                arms["transport_cost"][after],
            )
        ),
        correlation(otce[before], tuned["accuracy"]),
        correlation(otce[after], otce["accuracy"]),
        correlation(otce[after] - otce[before], otce["accuracy"] - tuned["accuracy"]),
    ]


def report(path: Path) -> str:
    """All of it."""
    return "\n\n".join(paragraphs(read(path)))


def draw(results: Results, path: Path) -> None:
    """OTCE's score against accuracy: before step 1 with fine-tuning, after it with what came."""
    from matplotlib import pyplot as plt

    figure, grid = plt.subplots(
        len(results), 2, figsize=(9, 3.8 * len(results)), squeeze=False, layout="constrained"
    )
    for row, (network, arms) in zip(grid, results.items(), strict=True):
        sides = (("score", "the few pictures"), ("unseen", "unseen pictures"))
        for axes, (column, name) in zip(row, sides, strict=True):
            for arm, when, marker, colour in (
                ("vanilla", "before", "o", "#c1662f"),
                ("otce", "after", "^", "#2f6fa8"),
            ):
                x, y = arms["otce"][f"{column}_{when}"], 100 * arms[arm]["accuracy"]
                label = f"{when} step 1: {ARMS[arm]}"
                axes.scatter(x, y, s=22, marker=marker, c=colour, alpha=0.6, lw=0, label=label)
            axes.set_xlabel(f"−H(Y_t|Y_s) of {name}, nats")
            axes.set_title(NETWORKS[network], fontsize=10)
            axes.spines[["top", "right"]].set_visible(False)
        row[0].set_ylabel("accuracy, %")
        row[0].legend(fontsize=8, frameon=False, loc="lower left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables; draw where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--plot", type=Path, help="a picture to write")
    options = parser.parse_args(arguments)
    print(report(options.results))
    if options.plot is not None:
        draw(read(options.results), options.plot)


if __name__ == "__main__":
    main()
