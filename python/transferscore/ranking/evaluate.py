"""How a ranking by scores agrees with the ranking that was measured."""

from transferscore.ranking.correlations import kendall, pearson, spearman, weighted_kendall
from transferscore.ranking.displacement import footrule

__all__ = ["footrule", "kendall", "pearson", "spearman", "weighted_kendall"]
