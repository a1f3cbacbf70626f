"""Transferability scores of pretrained features: which network, which layer, which source data?

Importing this package imports NumPy and one compiled extension, nothing else.
"""

from transferscore._backend import isa
from transferscore._results import (
    ConvergenceWarning,
    ExactResult,
    HScoreResult,
    KNNResult,
    LogMEResult,
    MaximalHScoreResult,
    OTCEResult,
    OTCESpread,
    SinkhornResult,
)
from transferscore._score_all import score_all
from transferscore._scores import (
    Score,
    coding_rate,
    effective_rank,
    h_score,
    hgr_correlation,
    knn,
    leep,
    lfc,
    linear_mse,
    logme,
    maximal_h_score,
    nce,
    parc,
    scores,
    sfda,
    task_transferability,
    transrate,
)
from transferscore._statistics import FeatureStatistics
from transferscore._threads import get_num_threads, num_threads, set_num_threads
from transferscore.transport import (
    OTCECalibration,
    conditional_entropy,
    exact_plan,
    joint_label_distribution,
    label_distances,
    otce,
    otce_many,
    sinkhorn,
    sinkhorn_divergence,
    sinkhorn_many,
)

__version__ = "0.1.0"

__all__ = [
    "ConvergenceWarning",
    "ExactResult",
    "FeatureStatistics",
    "HScoreResult",
    "KNNResult",
    "LogMEResult",
    "MaximalHScoreResult",
    "OTCECalibration",
    "OTCEResult",
    "OTCESpread",
    "Score",
    "SinkhornResult",
    "__version__",
    "coding_rate",
    "conditional_entropy",
    "effective_rank",
    "exact_plan",
    "get_num_threads",
    "h_score",
    "hgr_correlation",
    "isa",
    "joint_label_distribution",
    "knn",
    "label_distances",
    "leep",
    "lfc",
    "linear_mse",
    "logme",
    "maximal_h_score",
    "nce",
    "num_threads",
    "otce",
    "otce_many",
    "parc",
    "score_all",
    "scores",
    "set_num_threads",
    "sfda",
    "sinkhorn",
    "sinkhorn_divergence",
    "sinkhorn_many",
    "task_transferability",
    "transrate",
]
