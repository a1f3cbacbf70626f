"""Optimal transport between domains, and what OTCE reads from it."""

from transferscore.transport.calibration import OTCECalibration
from transferscore.transport.exact import exact_plan
from transferscore.transport.label_cost import label_distances
from transferscore.transport.label_table import conditional_entropy, joint_label_distribution
from transferscore.transport.otce import otce, otce_many
from transferscore.transport.otce_gradient import otce_value_and_grad
from transferscore.transport.sinkhorn import sinkhorn, sinkhorn_many
from transferscore.transport.sinkhorn_divergence import sinkhorn_divergence

__all__ = [
    "OTCECalibration",
    "conditional_entropy",
    "exact_plan",
    "joint_label_distribution",
    "label_distances",
    "otce",
    "otce_many",
    "otce_value_and_grad",
    "sinkhorn",
    "sinkhorn_divergence",
    "sinkhorn_many",
]
