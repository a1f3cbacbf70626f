"""MNIST to Omniglot: 100 tasks of five characters, five pictures of each, two networks.

    python bench/experiments/omniglot_few_shot.py --data DATA [--jobs 2] [--tasks 100]

The characters of a task are drawn from the 20 evaluation alphabets; it is tested on the other 15
drawings of each. Task t starts from source network t mod 3. Rows are appended to
results/omniglot_few_shot.csv, so an interrupted run goes on; report_few_shot.py draws them.
`--search` looks for settings on characters of the 30 background alphabets.
"""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from domains import Images, load
from few_shot import N_SHOTS, Experiment, Settings, main

N_WAYS = 5
SETTINGS = {
    "lenet": Settings("lenet", alignment_rate=3e-4, relative_epsilon=0.2),
    "few_shot_net": Settings("few_shot_net", {"width": 16}, source_epochs=2, alignment_rate=3e-3),
}


@lru_cache(maxsize=1)
def source(folder: Path) -> Images:
    """MNIST's training pictures."""
    return load("mnist", folder)


def task(split: str, folder: Path, number: int) -> tuple[Images, Images]:
    """Five characters: few drawings of each, and the others."""
    characters = load("omniglot", folder, split=split)
    there = np.unique(characters.labels)
    drawn = np.random.default_rng(number).choice(there, N_WAYS, replace=False)
    return characters.of_classes(drawn).of_each_class(N_SHOTS, seed=number)


def experiment(folder: Path) -> Experiment:
    """What the table shows."""
    return Experiment("omniglot_few_shot", folder, source, partial(task, "test"), SETTINGS)


def searched(folder: Path) -> Experiment:
    """Other alphabets."""
    return Experiment("omniglot_few_shot", folder, source, partial(task, "train"), SETTINGS)


if __name__ == "__main__":
    main(experiment, searched, str(__doc__))
