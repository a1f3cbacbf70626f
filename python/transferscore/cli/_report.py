"""What the commands found out, before it is put into words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transferscore._scores import Score
from transferscore.io import FeatureFile

# Of models, for the interval of a correlation in the demo: its tables and its plots say the same.
N_RESAMPLES = 500


@dataclass(frozen=True)
class ScoredModel:
    """A feature file with its scores."""

    file: FeatureFile
    n: int
    d: int
    scores: dict[str, float]
    warnings: tuple[str, ...]
    spread: dict[str, float] = field(default_factory=dict)  # over draws, where there are several


@dataclass(frozen=True)
class FailedModel:
    """A feature file that could not be scored."""

    file: FeatureFile
    error: str


@dataclass(frozen=True)
class RankReport:
    """The result of `rank` or `pixels`; `ranking` has (rank, model), best first."""

    labels_path: Path
    n: int
    n_classes: int
    scores: Sequence[Score]
    sort_by: Score
    ranking: Sequence[tuple[int, ScoredModel]]
    failed: Sequence[FailedModel]
    command: str = "rank"
    sampling: dict[str, Any] = field(default_factory=dict)  # how pixels were drawn


@dataclass(frozen=True)
class DemoModel:
    """A model of the bundled zoo on one task."""

    name: str
    description: str
    d: int
    accuracy: float
    scores: dict[str, float]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Agreement:
    """How a score ranks models against their accuracies.

    `spearman` and its 95 % `interval` are None where all values are equal; `chosen` are the models
    with the best score, all of equal ones, and `accuracy` is their mean.
    """

    spearman: float | None
    interval: tuple[float, float] | None
    chosen: tuple[str, ...]
    accuracy: float


@dataclass(frozen=True)
class DemoTask:
    """One task of the zoo; `models` are sorted by accuracy, best first.

    `agreement` is by the score's name.
    """

    name: str
    title: str
    n: int
    n_classes: int
    models: Sequence[DemoModel]
    agreement: dict[str, Agreement]


@dataclass(frozen=True)
class DemoReport:
    """The result of `demo`; `shown` names the scores whose values fit into the terminal."""

    scores: Sequence[Score]
    tasks: Sequence[DemoTask]
    shown: Sequence[str]


def by_agreement(task: DemoTask, scores: Sequence[Score]) -> list[Score]:
    """The scores, the best rank correlation first, the undefined last."""

    def place(score: Score) -> float:
        found = task.agreement[score.name].spearman
        return 2.0 if found is None else -found

    return sorted(scores, key=place)
