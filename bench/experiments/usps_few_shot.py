"""MNIST's digits 0 to 6 to USPS' 7 to 9, three classes, five pictures of each, LeNet.

    python bench/experiments/usps_few_shot.py --data DATA [--jobs 2] [--tasks 100]

A task is a draw of five pictures of each class of USPS' training split; it is tested on the whole
test split of these classes. Task t starts from source network t mod 3. Rows are appended to
results/usps_few_shot.csv, so an interrupted run goes on; report_few_shot.py draws them.
`--search` looks for settings with MNIST's 3 to 9 as source and USPS' 0 to 2 as target.
"""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path

from domains import Images, load
from few_shot import N_SHOTS, Experiment, Settings, main

SETTINGS = {"lenet": Settings("lenet", alignment_rate=3e-4)}


@lru_cache(maxsize=1)
def source(classes: range, folder: Path) -> Images:
    """MNIST's training pictures of some digits."""
    return load("mnist", folder).of_classes(classes)


def task(classes: range, folder: Path, number: int) -> tuple[Images, Images]:
    """A draw of few pictures, and the test split."""
    few, _ = load("usps", folder).of_classes(classes).of_each_class(N_SHOTS, seed=number)
    return few, load("usps", folder, split="test").of_classes(classes)


def experiment(folder: Path) -> Experiment:
    """What the table shows."""
    of, to = partial(source, range(7)), partial(task, range(7, 10))
    return Experiment("usps_few_shot", folder, of, to, SETTINGS)


def searched(folder: Path) -> Experiment:
    """Other digits on both sides."""
    of, to = partial(source, range(3, 10)), partial(task, range(3))
    return Experiment("usps_search", folder, of, to, SETTINGS)


if __name__ == "__main__":
    main(experiment, searched, str(__doc__))
