"""Rankings of models and sources, and how they agree with what was measured."""

from transferscore.ranking.evaluate import (
    footrule,
    kendall,
    pearson,
    spearman,
    weighted_kendall,
)
from transferscore.ranking.matrix import ScoreMatrix, score_matrix

__all__ = [
    "ScoreMatrix",
    "footrule",
    "kendall",
    "pearson",
    "score_matrix",
    "spearman",
    "weighted_kendall",
]
