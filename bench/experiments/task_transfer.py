"""The talk's tables on real data: which score predicts transfer across tasks and domains?

    python bench/experiments/task_transfer.py all --data ../shared/data --work WORK [--jobs 2]
    python bench/experiments/task_transfer.py report

Steps, in their order; `all` does every one of them:

    train    source networks of every domain, two architectures; features of all targets
    truth    heads retrained on frozen features of every task
    score    all scores of every task
    fuse     features of several sources under one head
    vary     scores with another epsilon, fewer samples, other scales, other networks
    rivals   the time of what others run, on some tasks
    tune     all weights tuned, for some tasks
    report   tables and plots, from the files of results alone

WORK keeps networks and features; `--out` (default: beside this file) keeps CSV files, to which rows
are appended: what is there is not computed again. Everything is seeded. `--quick` does a little of
everything and keeps it in WORK.

Needs PyTorch and the extras `bench`, `plot` and `exact`; the report needs `plot` alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from transfer_report import write_report
from transfer_tasks import QUICK, Protocol

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results" / "task_transfer"
PAGE = HERE.parents[1] / "docs" / "experiments.md"
STEPS = ("train", "truth", "score", "fuse", "vary", "rivals", "tune")


def compute(options: argparse.Namespace, steps: Sequence[str]) -> None:
    """Steps before the report."""
    from transfer_sources import Workshop
    from transfer_steps import Experiment, run

    if options.data is None or options.work is None:
        sys.exit("all steps but the report need --data and --work")
    protocol = QUICK if options.quick else Protocol()
    check_protocol(options.out, protocol)
    experiment = Experiment(Workshop(options.data, options.work, protocol), options.out)
    begin = time.perf_counter()

    def say(what: str) -> None:
        print(f"{time.perf_counter() - begin:6.0f} s  {what}", file=sys.stderr, flush=True)

    for step in steps:
        run(experiment, step, options.jobs, say)
        say(f"done: {step}")


def check_protocol(folder: Path, protocol: Protocol) -> None:
    """No results of another protocol are mixed in."""
    path, mine = folder / "protocol.json", json.dumps(asdict(protocol), indent=1) + "\n"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(mine, encoding="utf-8", newline="\n")
    if path.read_text(encoding="utf-8") != mine:
        sys.exit(f"{folder} holds results of another protocol: choose another folder")


def main(arguments: Sequence[str] | None = None) -> None:
    """Compute what is not there yet, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", choices=("all", *STEPS, "report"))
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--work", type=Path, help="folder for networks and features")
    parser.add_argument("--out", type=Path, help="folder of results (CSV)")
    parser.add_argument("--jobs", type=int, default=1, help="networks at a time, on a thread each")
    parser.add_argument("--quick", action="store_true", help="a little of everything")
    options = parser.parse_args(arguments)
    page = None if options.out or options.quick else PAGE
    if options.out is None:
        options.out = options.work / "results" if options.quick else RESULTS
    if options.step != "report":
        compute(options, STEPS if options.step == "all" else [options.step])
    if options.step in ("all", "report"):
        write_report(options.out, page)


if __name__ == "__main__":
    main()
