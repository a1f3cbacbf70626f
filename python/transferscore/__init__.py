"""Transferability scores of pretrained features: which network, which layer, which source data?

Importing this package imports NumPy and one compiled extension, nothing else.
"""

from typing import TYPE_CHECKING, Any

from transferscore._backend import isa
from transferscore._gradients import h_score_value_and_grad, soft_hgr_value_and_grad
from transferscore._results import (
    ConvergenceWarning,
    ExactResult,
    HScoreResult,
    KNNResult,
    LogMEResult,
    MaximalHScoreResult,
    NLEEPResult,
    OTCEGradient,
    OTCEResult,
    OTCESpread,
    PixelHScoreResult,
    SinkhornResult,
)
from transferscore._score_all import score_all
from transferscore._scores import (
    Score,
    coding_rate,
    effective_rank,
    gbc,
    h_score,
    hgr_correlation,
    knn,
    leep,
    lfc,
    linear_mse,
    logme,
    maximal_h_score,
    nce,
    nleep,
    parc,
    scores,
    sfda,
    task_transferability,
    transrate,
)
from transferscore._statistics import (
    FeatureStatistics,
    LabelStatistics,
    PredictionStatistics,
    SecondPass,
)
from transferscore._threads import get_num_threads, num_threads, set_num_threads
from transferscore.transport import (
    OTCECalibration,
    conditional_entropy,
    exact_plan,
    joint_label_distribution,
    label_distances,
    otce,
    otce_many,
    otce_value_and_grad,
    sinkhorn,
    sinkhorn_divergence,
    sinkhorn_many,
)

if TYPE_CHECKING:
    from transferscore.pixels import (
        BoundaryDistances,
        FilteredSources,
        FilterEvaluation,
        PixelSample,
        PixelScores,
        RegionRelation,
        RegionRelations,
        ScoreMap,
        ScoreRegression,
        SegmentationOTCEResult,
        SegmentationTask,
        SourceFilter,
        SourceRanking,
        evaluate_filter,
        gather_pixel_features,
        label_boundaries,
        region_relations,
        select_sources,
    )
    from transferscore.pixels.higher_order_h_score import higher_order_h_score
    from transferscore.pixels.pixel_h_score import pixel_h_score
    from transferscore.pixels.quantise_pixels import quantise_pixels
    from transferscore.pixels.sample_pixels import sample_pixels
    from transferscore.pixels.score_map import score_map
    from transferscore.pixels.score_pixels import score_pixels
    from transferscore.pixels.segmentation_otce import segmentation_otce
    from transferscore.ranking import footrule
else:

    def __getattr__(name: str) -> Any:
        """What only some need is loaded when it is asked for."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from transferscore import pixels, ranking

        return getattr(ranking if hasattr(ranking, name) else pixels, name)

    def __dir__() -> list[str]:
        """The names that are there, and those that will be."""
        return sorted({*globals(), *__all__})


__version__ = "0.1.0"

__all__ = [
    "BoundaryDistances",
    "ConvergenceWarning",
    "ExactResult",
    "FeatureStatistics",
    "FilterEvaluation",
    "FilteredSources",
    "HScoreResult",
    "KNNResult",
    "LabelStatistics",
    "LogMEResult",
    "MaximalHScoreResult",
    "NLEEPResult",
    "OTCECalibration",
    "OTCEGradient",
    "OTCEResult",
    "OTCESpread",
    "PixelHScoreResult",
    "PixelSample",
    "PixelScores",
    "PredictionStatistics",
    "RegionRelation",
    "RegionRelations",
    "Score",
    "ScoreMap",
    "ScoreRegression",
    "SecondPass",
    "SegmentationOTCEResult",
    "SegmentationTask",
    "SinkhornResult",
    "SourceFilter",
    "SourceRanking",
    "__version__",
    "coding_rate",
    "conditional_entropy",
    "effective_rank",
    "evaluate_filter",
    "exact_plan",
    "footrule",
    "gather_pixel_features",
    "gbc",
    "get_num_threads",
    "h_score",
    "h_score_value_and_grad",
    "hgr_correlation",
    "higher_order_h_score",
    "isa",
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
    "num_threads",
    "otce",
    "otce_many",
    "otce_value_and_grad",
    "parc",
    "pixel_h_score",
    "quantise_pixels",
    "region_relations",
    "sample_pixels",
    "score_all",
    "score_map",
    "score_pixels",
    "scores",
    "segmentation_otce",
    "select_sources",
    "set_num_threads",
    "sfda",
    "sinkhorn",
    "sinkhorn_divergence",
    "sinkhorn_many",
    "soft_hgr_value_and_grad",
    "task_transferability",
    "transrate",
]
