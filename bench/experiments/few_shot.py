"""Few-shot transfer: a network of many source pictures, five pictures of each target class.

What `usps_few_shot.py` and `omniglot_few_shot.py` share: ways to fine-tune (ARMS), tasks, source
networks, a run that goes on where it was left, and the search for settings on other tasks.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import multiprocessing
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from domains import Images
from networks import Network, accuracy, features_of, new, outputs_of, train_classifier
from report_few_shot import report

from transferscore import otce
from transferscore.learn import finetune

N_SHOTS, N_NETWORKS = 5, 3
N_SOURCE, N_SCORED = 10_000, 300  # pictures of the source: learned, and scored
N_SEARCHED = 9  # tasks of the search
RESULTS = Path(__file__).parent / "results"

# By name: arguments of `finetune`. Those with a step 1 have the updates of both steps; the others
# have as many in step 2, but for the one that shows what step 2 does alone.
ARMS: dict[str, dict[str, Any]] = {
    "scratch": {"method": "scratch", "equal_updates": True},
    "head": {"method": "head", "equal_updates": True},
    "vanilla_short": {"method": "vanilla"},
    "vanilla": {"method": "vanilla", "equal_updates": True},
    "otce": {"method": "otce"},
    "shuffled": {"method": "shuffled"},
    "transport_cost": {"method": "transport_cost"},
}
WITH_STEP_1 = ("otce", "shuffled", "transport_cost")
COLUMNS = (
    "network",
    "task",
    "arm",
    "accuracy",
    "log_likelihood",
    "score_before",  # -H(Y_t|Y_s) of the few pictures, as the source network sees them
    "score_after",  # ... after step 1
    "unseen_before",  # the same of the pictures that are tested
    "unseen_after",
)


@dataclass(frozen=True)
class Settings:
    """How networks are trained on the source, and how fine-tuned."""

    network: str
    options: dict[str, int] = field(default_factory=dict)
    source_epochs: int = 3
    source_batch: int = 64
    steps: int = 50
    learning_rate: float = 3e-3
    alignment_steps: int = 20
    alignment_rate: float = 1e-3
    relative_epsilon: float = 0.05
    normalise: bool = False
    batch_statistics: bool = True


@dataclass(frozen=True)
class Experiment:
    """A source, target tasks by number, and settings by network."""

    name: str
    folder: Path
    source: Callable[[Path], Images]
    task: Callable[[Path, int], tuple[Images, Images]]  # the few, and the unseen
    settings: dict[str, Settings]
    kept: Path | None = None  # a folder of source networks

    def network(self, of: str, number: int) -> Network:
        """A source network, trained now if it isn't there."""
        settings = self.settings[of]
        options = "-".join(f"{k}{v}" for k, v in settings.options.items())
        key = f"{self.name}-{of}{options}-{settings.source_epochs}-{number}"
        if key not in _networks:
            images = self.source(self.folder)
            n_classes = int(images.labels.max()) + 1
            network = new(settings.network, n_classes, seed=number, **settings.options)
            file = None if self.kept is None else self.kept / f"{key}.pt"
            if file is not None and file.exists():
                network.load_state_dict(torch.load(file, weights_only=True))
            else:
                some = images.some(N_SOURCE, seed=number)
                train_classifier(network, some, epochs=settings.source_epochs, seed=number)
                if file is not None:
                    file.parent.mkdir(parents=True, exist_ok=True)
                    part = file.with_suffix(f".{os.getpid()}.part")
                    torch.save(network.state_dict(), part)
                    part.replace(file)
            _networks[key] = network.eval()
        return _networks[key]

    def rows(self, of: str, number: int) -> list[dict[str, Any]]:
        """Measurements of one task."""
        network = self.network(of, number % N_NETWORKS)
        few, unseen = self.task(self.folder, number)
        scored = self.source(self.folder).some(N_SCORED, seed=number)
        before = [score(network, scored, side) for side in (few, unseen)]
        rows = []
        for arm in ARMS:
            tuned, aligned = self.fine_tuned(of, number, arm)
            log_p = torch.log_softmax(torch.from_numpy(outputs_of(tuned, unseen.pictures)), 1)
            after = (
                before if aligned is None else [score(aligned, scored, s) for s in (few, unseen)]
            )
            rows.append(
                {
                    "network": of,
                    "task": number,
                    "arm": arm,
                    "accuracy": float(np.mean(log_p.argmax(1).numpy() == unseen.labels)),
                    "log_likelihood": float(log_p[range(len(unseen)), unseen.labels].mean()),
                    "score_before": before[0],
                    "score_after": after[0],
                    "unseen_before": before[1],
                    "unseen_after": after[1],
                }
            )
        return rows

    def accuracy(self, of: str, number: int, arm: str) -> float:
        """What an arm attains in one task."""
        return accuracy(self.fine_tuned(of, number, arm)[0], self.task(self.folder, number)[1])

    def fine_tuned(self, of: str, number: int, arm: str) -> tuple[Network, Network | None]:
        """The network of an arm, and how it was after step 1, if there is one.

        Both steps in one call give the same network, to the bit.
        """
        settings, arguments = self.settings[of], ARMS[arm]
        network = self.network(of, number % N_NETWORKS)
        few, _ = self.task(self.folder, number)
        batches = [(torch.from_numpy(few.pictures), torch.from_numpy(few.labels))]
        options = {
            "learning_rate": settings.learning_rate,
            "alignment_rate": settings.alignment_rate,
            "relative_epsilon": settings.relative_epsilon,
            "normalise": settings.normalise,
            "batch_statistics": settings.batch_statistics,
            "alignment_steps": settings.alignment_steps,
            "head": "head",
            "random_state": number,
            "progress": False,
        }
        aligned = None
        if arguments["method"] in WITH_STEP_1:
            source = Drawn(self.source(self.folder), settings.source_batch)
            network = finetune(network, source, batches, steps=0, **arguments, **options).model
            aligned, arguments = network, {"method": "vanilla"}
        tuned = finetune(network, None, batches, steps=settings.steps, **arguments, **options)
        return tuned.model, aligned


def score(network: Network, source: Images, target: Images) -> float:
    """OTCE's -H(Y_t|Y_s) of features."""
    return otce(
        source_features=features_of(network, source.pictures),
        source_labels=source.labels,
        target_features=features_of(network, target.pictures),
        target_labels=target.labels,
        relative_epsilon=0.05,
    ).score


@dataclass(frozen=True)
class Drawn:
    """Batches of pictures that are drawn, without end."""

    images: Images
    size: int

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        while True:
            at = torch.randint(len(self.images), (self.size,)).numpy()
            yield (
                torch.from_numpy(self.images.pictures[at]),
                torch.from_numpy(self.images.labels[at]),
            )


_networks: dict[str, Network] = {}  # of this process


# ------------------------------------------------------------------------------ runs of many tasks


def _job(work: Callable[..., Any], job: tuple[Any, ...]) -> Any:
    torch.set_num_threads(1)
    # Few pictures against many: a plan that has not converged is still a step down.
    warnings.simplefilter("ignore", UserWarning)
    return work(*job)


def _computed(
    work: Callable[..., Any], todo: Sequence[tuple[Any, ...]], jobs: int
) -> Iterator[Any]:
    """What work gives for each job, in order, from several processes."""
    if jobs == 1:
        yield from map(partial(_job, work), todo)
        return
    context = multiprocessing.get_context("spawn")  # threads don't live through a fork
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        yield from pool.map(partial(_job, work), todo)


def run(experiment: Experiment, path: Path, n_tasks: int, jobs: int) -> None:
    """Append to a table what isn't in it yet."""
    protocol = path.with_suffix(".json")
    settings = {name: asdict(one) for name, one in experiment.settings.items()}
    text = json.dumps(settings, indent=1) + "\n"
    if path.exists() and protocol.read_text(encoding="utf-8") != text:
        sys.exit(f"{path} holds results of other settings: choose another file")
    path.parent.mkdir(parents=True, exist_ok=True)
    protocol.write_text(text, encoding="utf-8")
    there = {(row["network"], int(row["task"])) for row in whole_tasks(path)}
    todo = [
        (of, number)
        for number in range(n_tasks)
        for of in experiment.settings
        if (of, number) not in there
    ]
    begin = time.perf_counter()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        for done, rows in enumerate(_computed(experiment.rows, todo, jobs), 1):
            writer.writerows([_rounded(row) for row in rows])
            file.flush()
            seconds = time.perf_counter() - begin
            print(f"{seconds:5.0f} s  {done} of {len(todo)} tasks", file=sys.stderr, flush=True)


def whole_tasks(path: Path) -> list[dict[str, str]]:
    """Rows of tasks of which all arms are there; the file has no others afterwards."""
    rows: list[dict[str, str]] = []
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if None not in row.values()]
    counts: dict[tuple[str, str], int] = {}
    for row in rows:
        key = row["network"], row["task"]
        counts[key] = counts.get(key, 0) + 1
    rows = [row for row in rows if counts[row["network"], row["task"]] == len(ARMS)]
    part = path.with_suffix(".part")
    with part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    part.replace(path)
    return rows


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {key: f"{cell:.6g}" if isinstance(cell, float) else cell for key, cell in row.items()}


# ------------------------------------------------------------------------------------- settings

STEP_2: dict[str, tuple[Any, ...]] = {"learning_rate": (1e-3, 3e-3), "steps": (30, 50)}
STEP_1: dict[str, tuple[Any, ...]] = {
    "normalise": (False, True),
    "alignment_rate": (3e-4, 3e-3),
    "relative_epsilon": (0.05, 0.2),
}


def search(experiment: Experiment, jobs: int) -> None:
    """Print mean accuracies over tasks that the table doesn't have: step 2 first, then step 1."""
    for of, first in experiment.settings.items():
        settings = first
        for arm, grid in (("vanilla_short", STEP_2), ("otce", STEP_1)):
            tried = []
            for values in itertools.product(*grid.values()):
                one = replace(settings, **dict(zip(grid, values, strict=True)))
                trial = replace(experiment, settings={of: one})
                todo = [(of, number, arm) for number in range(N_SEARCHED)]
                found = list(_computed(trial.accuracy, todo, jobs))
                tried.append((float(np.mean(found)), one))
                chosen = ", ".join(f"{k} {v}" for k, v in zip(grid, values, strict=True))
                print(f"{of} {arm}: {100 * tried[-1][0]:.2f} %  {chosen}", flush=True)
            settings = max(tried, key=lambda pair: pair[0])[1]
        print(f"{of}: {settings}", flush=True)


def main(
    experiment: Callable[[Path], Experiment],
    searched: Callable[[Path], Experiment],
    document: str,
    arguments: Sequence[str] | None = None,
) -> None:
    """Run an experiment, or what is left of it, and print the report."""
    parser = argparse.ArgumentParser(description=document.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the data sets")
    parser.add_argument("--out", type=Path, help="table of results, by default in results/")
    parser.add_argument("--tasks", type=int, default=100, help="target tasks of each network")
    parser.add_argument("--jobs", type=int, default=2, help="processes of one thread each")
    parser.add_argument("--networks", type=Path, help="folder that keeps source networks")
    parser.add_argument("--search", action="store_true", help="look for settings, nothing else")
    options = parser.parse_args(arguments)
    if options.search:
        search(replace(searched(options.data), kept=options.networks), options.jobs)
        return
    chosen = replace(experiment(options.data), kept=options.networks)
    path = options.out or RESULTS / f"{chosen.name}.csv"
    run(chosen, path, options.tasks, options.jobs)
    print(report(path))
