"""Target tasks of the talk's tables: classes drawn from a domain, in three settings.

A domain has a pool of images to learn from and one to test on. A task is some of its classes with
all their images in the pools, or in the few-shot setting with a few images of each to learn from.
Tasks are drawn once for a target, so that every source meets the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]

FAMILIES = {
    "characters": ("mnist", "usps", "kmnist", "fashion_mnist", "omniglot"),
    "pacs": ("pacs_photo", "pacs_art_painting", "pacs_cartoon", "pacs_sketch"),
}
FAMILY = {domain: family for family, domains in FAMILIES.items() for domain in domains}
SETTINGS = ("standard", "few-shot", "fixed")


@dataclass(frozen=True)
class Protocol:
    """Which domains and networks there are, how many tasks, and how large these may be."""

    domains: tuple[str, ...] = tuple(FAMILY)
    networks: tuple[str, ...] = ("lenet", "few_shot_net")
    training_steps: int = 400
    tasks: tuple[int, int, int] = (100, 25, 25)  # of a target, by setting
    pool: int = 700  # images of a target to learn from
    test_pool: int = 2000
    shots: int = 10
    most_classes: int = 50
    source_samples: int = 1000  # for OTCE
    tuned: int = 10  # standard tasks of a target that are measured by fine-tuning, too
    tuning_steps: int = 100
    scratch_steps: int = 250  # of learning without a source
    fused: int = 6  # standard and few-shot tasks of a target with fused features
    varied: int = 10  # standard and fixed tasks of a target that are scored in other ways
    sample_sizes: tuple[int, ...] = (100, 250, 500)  # of these ways
    rivals: int = 16  # tasks on which others are timed

    def targets(self, source: str) -> list[str]:
        """All other domains of a source's family."""
        return [
            domain
            for domain in FAMILIES[FAMILY[source]]
            if domain != source and domain in self.domains
        ]


QUICK = Protocol(
    domains=("mnist", "usps", "omniglot", *FAMILIES["pacs"][:3]),
    networks=("lenet",),
    training_steps=30,
    tasks=(14, 12, 12),
    pool=250,
    test_pool=250,
    shots=5,
    most_classes=6,
    source_samples=200,
    tuned=2,
    tuning_steps=5,
    scratch_steps=5,
    fused=1,
    varied=4,
    sample_sizes=(100,),
    rivals=2,
)


@dataclass(frozen=True)
class Task:
    """Some classes of a target, with the rows of its pools that belong to it."""

    target: str
    setting: str
    number: int
    classes: tuple[int, ...]
    rows: Ids  # of the pool to learn from
    test_rows: Ids

    @property
    def key(self) -> tuple[str, str, int]:
        """For tables."""
        return self.target, self.setting, self.number


def fixed_size(n_classes: int, most: int) -> int:
    """Classes of every task in the fixed setting: about half of those that a task may have."""
    return max(2, (n_classes + 1) // 2 if n_classes <= 10 else 2 * most // 5)


def draw_tasks(
    target: str, labels: Ids, test_labels: Ids, protocol: Protocol, seed: int = 0
) -> Iterator[Task]:
    """The tasks of a target in all settings, no two of a setting with the same classes."""
    everything = np.unique(labels)
    for position, (setting, n_tasks) in enumerate(zip(SETTINGS, protocol.tasks, strict=True)):
        rng = np.random.default_rng([seed, list(FAMILY).index(target), position])
        for number, classes in enumerate(_class_sets(everything, setting, n_tasks, protocol, rng)):
            rows = np.flatnonzero(np.isin(labels, classes))
            if setting == "few-shot":
                rows = _few(rows, labels, protocol.shots, rng)
            test_rows = np.flatnonzero(np.isin(test_labels, classes))
            yield Task(target, setting, number, classes, rows, test_rows)


def _class_sets(
    everything: Ids, setting: str, n_tasks: int, protocol: Protocol, rng: np.random.Generator
) -> list[tuple[int, ...]]:
    """Distinct sets of classes: as many as asked for, or all that many draws find."""
    most = min(len(everything), protocol.most_classes)
    sets: dict[tuple[int, ...], None] = {}
    for _ in range(100 * n_tasks):
        if len(sets) == n_tasks:
            break
        size = int(rng.integers(2, most + 1))
        if setting == "fixed":
            size = fixed_size(len(everything), protocol.most_classes)
        chosen = np.sort(rng.choice(everything, size, replace=False))
        sets[tuple(int(one) for one in chosen)] = None
    return list(sets)


def _few(rows: Ids, labels: Ids, shots: int, rng: np.random.Generator) -> Ids:
    """At most so many rows of each class, drawn, in ascending order."""
    shuffled = rng.permutation(rows)
    kept = [shuffled[labels[shuffled] == one][:shots] for one in np.unique(labels[rows])]
    return np.sort(np.concatenate(kept))
