"""Rankings of models and sources, and how they agree with what was measured."""

from transferscore.ranking.choice import SelectedSources, select_source
from transferscore.ranking.evaluate import (
    Agreement,
    Comparison,
    Difference,
    Evaluation,
    compare_scores,
    critical_spearman,
    evaluate_scores,
    footrule,
    kendall,
    ndcg,
    pearson,
    regret,
    rel_at_k,
    relative_accuracy,
    selection_accuracy,
    spearman,
    top_k_accuracy,
    weighted_kendall,
)
from transferscore.ranking.fusion import fuse, fusion_weights
from transferscore.ranking.layers import LayerCurve, select_layers
from transferscore.ranking.matrix import ScoreMatrix, score_matrix
from transferscore.ranking.probe import LinearProbe, linear_probe
from transferscore.ranking.ranked import Ranking, rank
from transferscore.ranking.relations import (
    TaskDistances,
    TaskTree,
    task_distances,
    task_tree,
    tournament_scores,
)
from transferscore.ranking.sets import SelectedSet, select_set

__all__ = [
    "Agreement",
    "Comparison",
    "Difference",
    "Evaluation",
    "LayerCurve",
    "LinearProbe",
    "Ranking",
    "ScoreMatrix",
    "SelectedSet",
    "SelectedSources",
    "TaskDistances",
    "TaskTree",
    "compare_scores",
    "critical_spearman",
    "evaluate_scores",
    "footrule",
    "fuse",
    "fusion_weights",
    "kendall",
    "linear_probe",
    "ndcg",
    "pearson",
    "rank",
    "regret",
    "rel_at_k",
    "relative_accuracy",
    "score_matrix",
    "select_layers",
    "select_set",
    "select_source",
    "selection_accuracy",
    "spearman",
    "task_distances",
    "task_tree",
    "top_k_accuracy",
    "tournament_scores",
    "weighted_kendall",
]
