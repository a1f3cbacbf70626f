"""Do published scores predict published fine-tuning accuracies? Evaluated with their uncertainty.

    python bench/experiments/published_zoos.py TABLES [--out report.md]

TABLES is a folder with published_model_zoo_scores.csv (source,target_dataset,model,metric,value):
scores and accuracies as the authors of public repositories print them. Nothing is computed anew and
no sign is changed. Needs no extra; some seconds.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from transferscore.ranking import Evaluation, compare_scores, evaluate_scores

Table = Mapping[str, Mapping[str, float]]  # {task: {candidate: value}}
TITLES = {
    "h_score": "H-score",
    "logme": "LogME",
    "leep": "LEEP",
    "nce": "NCE",
    "nleep": "N-LEEP",
    "otce": "OTCE",
    "gbc": "GBC",
    "lfc": "LFC",
    "pactrandirichlet": "PACTran",
}
MEASURES = ["pearson", "spearman", "kendall", "weighted_kendall", "ndcg"]
CHOICE = ["selection_accuracy", "top_k_accuracy@3", "rel@1", "rel@3", "regret"]
N_RESAMPLES = 10_000


@dataclass(frozen=True)
class Zoo:
    """Scores and accuracies of the same candidates."""

    title: str
    accuracies: Table
    scores: Mapping[str, Table]


def read(path: Path) -> dict[str, dict[str, Table]]:
    """{source: {metric: {task: {candidate: value}}}}."""
    tables: dict[str, dict[str, dict[str, dict[str, float]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(dict))
    )
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            task = tables[row["source"].partition(":")[2]][row["metric"]][row["target_dataset"]]
            task[row["model"]] = float(row["value"])
    return {source: dict(metrics) for source, metrics in tables.items()}


def zoos(tables: Mapping[str, Mapping[str, Table]]) -> Iterator[Zoo]:
    """The zoos with scores of several candidates and accuracies of the same ones."""
    tllib = dict(tables["examples/model_selection/README.md"])
    accuracies = tllib.pop("finetune_acc")
    # What is printed there as NCE on DTD is the column of LogME, number by number.
    assert tllib["nce"]["dtd"] == tllib["logme"]["dtd"]
    tllib["nce"] = {task: row for task, row in tllib["nce"].items() if task != "dtd"}
    yield Zoo("Ten CNNs, eight data sets (Transfer-Learning-Library)", accuracies, tllib)
    spider = tables["assests/baseline_results.csv"]
    yield Zoo("The same models and accuracies, scores of Model-Spider", accuracies, spider)
    for name, title in (
        ("model_selection.py", "Models for four data sets (TransRate)"),
        ("source_selection.py", "Source data sets for four data sets (TransRate)"),
        ("layer_selection.py", "Layers, one data set (TransRate)"),
    ):
        scores = dict(tables[name])
        yield Zoo(title, scores.pop("finetune_acc"), scores)


def cell(evaluation: Evaluation, measure: str) -> str:
    """A value with its interval."""
    found = evaluation[measure]
    value = f"{found.value:+.3f}" if measure in MEASURES else f"{found.value:.3f}"
    if found.interval is None:
        return value
    return f"{value} ({found.interval[0]:.3f} to {found.interval[1]:.3f})"


def table(rows: list[list[str]]) -> str:
    """A Markdown table; the first row is the heading."""
    head, *body = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *body])


def of_zoo(zoo: Zoo) -> Iterator[str]:
    """The section of a zoo."""
    yield f"### {zoo.title}"
    evaluations = {
        name: evaluate_scores(
            scores,
            zoo.accuracies,
            measures=MEASURES + CHOICE,
            n_resamples=N_RESAMPLES,
            missing="drop",
        )
        for name, scores in zoo.scores.items()
    }
    first = next(iter(evaluations.values()))
    sizes = sorted(set(first.n_candidates))
    yield (
        f"Tasks: {', '.join(first.tasks)}. Candidates in each: {' or '.join(map(str, sizes))}. "
        f"Resampled: {first.resampled}."
    )
    for measures in (MEASURES, CHOICE):
        rows = [["score", *measures]]
        for name, evaluation in evaluations.items():
            rows.append([TITLES[name], *(cell(evaluation, one) for one in measures)])
        yield table(rows)
    notes = dict.fromkeys(first.notes)
    for name, evaluation in evaluations.items():
        own = (note for note in evaluation.notes if note not in first.notes)
        notes.update(dict.fromkeys(f"{TITLES[name]}: {note}" for note in own))
    if notes:
        yield "\n".join(f"- {note}" for note in notes)
    if len(first.tasks) > 1:
        yield by_task(evaluations)
    yield compared(zoo)


def by_task(evaluations: Mapping[str, Evaluation]) -> str:
    """Spearman in each task."""
    first = next(iter(evaluations.values()))
    rows = [["Spearman", *first.tasks]]
    for name, evaluation in evaluations.items():
        values = dict(zip(evaluation.tasks, evaluation["spearman"].per_task, strict=True))
        cells = (f"{values[task]:+.2f}" if task in values else "" for task in first.tasks)
        rows.append([TITLES[name], *cells])
    return table(rows)


def compared(zoo: Zoo) -> str:
    """Every pair of scores."""
    rows = [["a - b", "weighted_kendall", "a better in resamples", "tasks better/equal/worse"]]
    for a, b in combinations(zoo.scores, 2):
        found = compare_scores(
            zoo.scores[a],
            zoo.scores[b],
            zoo.accuracies,
            measures="weighted_kendall",
            n_resamples=N_RESAMPLES,
            missing="drop",
        )["weighted_kendall"]
        low, high = found.interval or (float("nan"), float("nan"))
        clear = "**" if low > 0 or high < 0 else ""
        rows.append(
            [
                f"{TITLES[a]} - {TITLES[b]}",
                f"{clear}{found.difference:+.3f} ({low:+.3f} to {high:+.3f}){clear}",
                f"{found.p_a_better:.0%}",
                f"{found.wins}/{found.ties}/{found.losses}",
            ]
        )
    return table(rows)


def main() -> None:
    """Print or write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("tables", type=Path)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    tables = read(arguments.tables / "published_model_zoo_scores.csv")
    text = "\n\n".join(part for zoo in zoos(tables) for part in of_zoo(zoo)) + "\n"
    if arguments.out:
        arguments.out.write_text(text, encoding="utf-8", newline="\n")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
