"""Every definition in plain NumPy, as the papers have it: for reading and for tests, not for speed.

Nothing here imports the rest of the package, and nothing in the package calls it.
"""

from transferscore.reference.boundaries import label_boundaries
from transferscore.reference.effective_rank import effective_rank
from transferscore.reference.footrule import footrule
from transferscore.reference.gather import gather_pixel_features
from transferscore.reference.gbc import gbc
from transferscore.reference.h_score import h_score
from transferscore.reference.h_score_gradient import h_score_gradient
from transferscore.reference.hgr_correlation import hgr_correlation
from transferscore.reference.knn import knn
from transferscore.reference.leep import leep
from transferscore.reference.lfc import lfc
from transferscore.reference.linear_mse import linear_mse
from transferscore.reference.logme import logme
from transferscore.reference.maximal_h_score import dependence_matrix, maximal_h_score
from transferscore.reference.nce import nce
from transferscore.reference.nleep import nleep
from transferscore.reference.otce import (
    conditional_entropy,
    gaussian_distance,
    joint_cost,
    joint_label_distribution,
    label_distances,
    otce,
)
from transferscore.reference.otce_gradient import otce_gradient
from transferscore.reference.parc import parc
from transferscore.reference.pixel_h_score import pixel_h_score
from transferscore.reference.quantise_pixels import quantise_pixels
from transferscore.reference.region_relations import region_relation
from transferscore.reference.sample_pixels import sample_pixels
from transferscore.reference.select_set import select_set
from transferscore.reference.sfda import sfda
from transferscore.reference.sinkhorn import (
    absolute_epsilon,
    from_potentials,
    sinkhorn,
    sinkhorn_divergence,
    squared_distances,
)
from transferscore.reference.soft_hgr import soft_hgr
from transferscore.reference.task_transferability import task_transferability
from transferscore.reference.transrate import coding_rate, transrate

__all__ = [
    "absolute_epsilon",
    "coding_rate",
    "conditional_entropy",
    "dependence_matrix",
    "effective_rank",
    "footrule",
    "from_potentials",
    "gather_pixel_features",
    "gaussian_distance",
    "gbc",
    "h_score",
    "h_score_gradient",
    "hgr_correlation",
    "joint_cost",
    "joint_label_distribution",
    "knn",
    "label_boundaries",
    "label_distances",
    "leep",
    "lfc",
    "linear_mse",
    "logme",
    "maximal_h_score",
    "nce",
    "nleep",
    "otce",
    "otce_gradient",
    "parc",
    "pixel_h_score",
    "quantise_pixels",
    "region_relation",
    "sample_pixels",
    "select_set",
    "sfda",
    "sinkhorn",
    "sinkhorn_divergence",
    "soft_hgr",
    "squared_distances",
    "task_transferability",
    "transrate",
]
