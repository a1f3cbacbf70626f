"""Rankings of models and sources, and how they agree with what was measured."""

from transferscore.ranking.evaluate import (
    footrule,
    kendall,
    pearson,
    spearman,
    weighted_kendall,
)
from transferscore.ranking.ranked import Ranking, rank

__all__ = ["Ranking", "footrule", "kendall", "pearson", "rank", "spearman", "weighted_kendall"]
