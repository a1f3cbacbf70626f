"""Transferability scores of pretrained features: which network, which layer, which source data?

Importing this package imports NumPy and one compiled extension, nothing else.
"""

from transferscore._backend import isa
from transferscore._results import (
    ConvergenceWarning,
    ExactResult,
    HScoreResult,
    MaximalHScoreResult,
    OTCEResult,
    OTCESpread,
    SinkhornResult,
)
from transferscore._scores import (
    Score,
    h_score,
    hgr_correlation,
    leep,
    maximal_h_score,
    nce,
    scores,
    task_transferability,
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
    "MaximalHScoreResult",
    "OTCECalibration",
    "OTCEResult",
    "OTCESpread",
    "Score",
    "SinkhornResult",
    "__version__",
    "conditional_entropy",
    "exact_plan",
    "get_num_threads",
    "h_score",
    "hgr_correlation",
    "isa",
    "joint_label_distribution",
    "label_distances",
    "leep",
    "maximal_h_score",
    "nce",
    "num_threads",
    "otce",
    "otce_many",
    "scores",
    "set_num_threads",
    "sinkhorn",
    "sinkhorn_divergence",
    "sinkhorn_many",
    "task_transferability",
]
