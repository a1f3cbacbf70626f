"""The measures by name, as the evaluation asks for them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from transferscore import _checks
from transferscore.ranking import choices, correlations
from transferscore.ranking._places import Counts
from transferscore.ranking.displacement import Top, displacements
from transferscore.ranking.gains import gains

Vector = NDArray[np.float64]
Function = Callable[[Vector, Vector, Counts, int], Vector]


def _without_k(function: Callable[[Vector, Vector, Counts], Vector]) -> Function:
    return lambda x, y, counts, _: function(x, y, counts)


def _footrule(x: Vector, y: Vector, counts: Counts, k: int, *, top: Top) -> Vector:
    return displacements(x, y, counts, np.array([k]), top=top, pool="kept")[:, 0]


@dataclass(frozen=True)
class Kind:
    """A measure of one task: values (R,) of resamples (R, n); NaN where it is not defined."""

    function: Function
    k: Literal["no", "may", "must"] = "no"
    default_k: int = 0  # 0 for all candidates
    higher_is_better: bool = True
    undefined: str = ""


_EQUAL = "all scores or all measured values are equal"
KINDS = {
    "pearson": Kind(_without_k(correlations.pearsons), undefined=_EQUAL),
    "spearman": Kind(_without_k(correlations.spearmans), undefined=_EQUAL),
    "kendall": Kind(_without_k(correlations.kendalls), undefined=_EQUAL),
    "weighted_kendall": Kind(_without_k(correlations.weighted_kendalls), undefined=_EQUAL),
    "ndcg": Kind(partial(gains, gain="linear"), "may"),
    "ndcg_exponential": Kind(partial(gains, gain="exponential"), "may"),
    "footrule": Kind(partial(_footrule, top="scores"), "may", higher_is_better=False),
    "footrule_measured": Kind(partial(_footrule, top="measured"), "may", higher_is_better=False),
    "selection_accuracy": Kind(choices.top_accuracies, default_k=1),
    "top_k_accuracy": Kind(choices.top_accuracies, "must"),
    "rel": Kind(choices.relatives, "must", undefined="no measured value is above 0"),
    "regret": Kind(choices.regrets, "may", default_k=1, higher_is_better=False),
}


@dataclass(frozen=True)
class Measure:
    """A measure and its k."""

    name: str
    kind: Kind
    k: int

    def values(self, x: Vector, y: Vector, counts: Counts) -> Vector:
        """Values (R,) of resamples (R, n); NaN where it is not defined."""
        k = self.k or self.kind.default_k or len(x)
        if k > len(x):
            return np.full(len(counts), np.nan)
        return self.kind.function(x, y, counts, k)

    @property
    def undefined(self) -> str:
        """Why a task may have no value."""
        fewer = f"there are fewer than {self.k} candidates" if self.k > 1 else ""
        return " or ".join(reason for reason in (self.kind.undefined, fewer) if reason)


def find(measures: str | Sequence[str] | None, sizes: Sequence[int]) -> list[Measure]:
    """The measures by names such as "spearman" or "rel@3", for tasks of so many candidates."""
    if measures is None:
        measures = _defaults(min(sizes))
    names = _checks.measure_names(measures, {name: kind.k for name, kind in KINDS.items()})
    found = [Measure(f"{name}@{k}" if k else name, KINDS[name], k) for name, k in names]
    _checks.top_of_candidates([one.name for one in found], [one.k for one in found], max(sizes))
    return found


def _defaults(fewest: int) -> list[str]:
    k = min(3, fewest - 1)
    return [
        *("pearson", "spearman", "kendall", "weighted_kendall", "ndcg", "ndcg_exponential"),
        *(f"footrule@{k}", f"footrule_measured@{k}"),
        *("selection_accuracy", f"top_k_accuracy@{k}", "rel@1", "regret"),
    ]
