"""Rankings of models and sources, and how they agree with what was measured."""

from transferscore.ranking.evaluate import (
    footrule,
    kendall,
    pearson,
    spearman,
    weighted_kendall,
)

__all__ = ["footrule", "kendall", "pearson", "spearman", "weighted_kendall"]
