"""Scores that an earlier run has left in a file, the same that `matrix --resume` writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from transferscore._scores import Score
from transferscore.ranking._inputs import digest
from transferscore.ranking._jobs import Rule, key
from transferscore.ranking._log import Log


class Kept:
    """The scores of one model for one task, as far as they are there."""

    def __init__(self, log: Log, names: tuple[str, str], sides: Mapping[str, NDArray[Any]]) -> None:
        """`names` of model and task; `sides`, features and labels."""
        self._log, self._names = log, names
        self._digests = {name: digest(array, name) for name, array in sides.items()}

    def known(self, scores: Sequence[Score]) -> dict[str, float]:
        """Those of the scores that were computed from the same content."""
        values = {}
        for score in scores:
            found = self._log.known(score.name, *self._names)
            if (value := found.get(self._key(score))) is not None:
                values[score.name] = value
        return values

    def add(self, scores: Sequence[Score], values: Mapping[str, float]) -> None:
        """Keep new values."""
        source, target = self._names
        self._log.append(
            {
                "score": score.name,
                "source": source,
                "target": target,
                "key": self._key(score),
                "value": values[score.name],
            }
            for score in scores
        )

    def _key(self, score: Score) -> str:
        return key(Rule(score.name, None, {}), self._digests)
