"""What the commands found out, before it is put into words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from transferscore._scores import Score
from transferscore.io import FeatureFile


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
class DemoTask:
    """One task of the zoo; `models` are sorted by accuracy, best first.

    `spearman` holds, by the score's name, the rank correlation of score and accuracy; None where
    it is not defined because all values are equal.
    """

    name: str
    title: str
    n: int
    n_classes: int
    models: Sequence[DemoModel]
    spearman: dict[str, float | None]


@dataclass(frozen=True)
class DemoReport:
    """The result of `demo`."""

    scores: Sequence[Score]
    tasks: Sequence[DemoTask]
