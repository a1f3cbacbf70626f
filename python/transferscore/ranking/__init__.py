"""Rankings of models and sources, and how they agree with what was measured."""

from transferscore.ranking.choice import SelectedSources, select_source
from transferscore.ranking.evaluate import (
    footrule,
    kendall,
    pearson,
    spearman,
    weighted_kendall,
)
from transferscore.ranking.fusion import fuse, fusion_weights
from transferscore.ranking.layers import LayerCurve, select_layers
from transferscore.ranking.matrix import ScoreMatrix, score_matrix
from transferscore.ranking.probe import LinearProbe, linear_probe
from transferscore.ranking.relations import (
    TaskDistances,
    TaskTree,
    task_distances,
    task_tree,
    tournament_scores,
)
from transferscore.ranking.sets import SelectedSet, select_set

__all__ = [
    "LayerCurve",
    "LinearProbe",
    "ScoreMatrix",
    "SelectedSet",
    "SelectedSources",
    "TaskDistances",
    "TaskTree",
    "footrule",
    "fuse",
    "fusion_weights",
    "kendall",
    "linear_probe",
    "pearson",
    "score_matrix",
    "select_layers",
    "select_set",
    "select_source",
    "spearman",
    "task_distances",
    "task_tree",
    "tournament_scores",
    "weighted_kendall",
]
