"""Dense prediction: the geometry of label regions, and sources for segmentation tasks."""

from transferscore.pixels.filter_evaluation import FilterEvaluation, PoolFootrule, evaluate_filter
from transferscore.pixels.regions import region_relations
from transferscore.pixels.relations import BoundaryDistances, RegionRelation, RegionRelations
from transferscore.pixels.score_regression import ScoreRegression
from transferscore.pixels.source_filter import (
    FilteredSources,
    SegmentationTask,
    SourceDecision,
    SourceFilter,
)
from transferscore.pixels.sources import RankedSource, SourceRanking, select_sources
from transferscore.pixels.volumes import Volume, load_volume, load_volumes

__all__ = [
    "BoundaryDistances",
    "FilterEvaluation",
    "FilteredSources",
    "PoolFootrule",
    "RankedSource",
    "RegionRelation",
    "RegionRelations",
    "ScoreRegression",
    "SegmentationTask",
    "SourceDecision",
    "SourceFilter",
    "SourceRanking",
    "Volume",
    "evaluate_filter",
    "load_volume",
    "load_volumes",
    "region_relations",
    "select_sources",
]
"""Dense prediction: label maps, pixels drawn from them, and their features."""

from transferscore.pixels._results import (
    PixelSample,
    PixelScores,
    ScoreMap,
    SegmentationOTCEResult,
)
from transferscore.pixels.boundaries import label_boundaries
from transferscore.pixels.gather import gather_pixel_features
from transferscore.pixels.sample_pixels import sample_pixels
from transferscore.pixels.score_map import score_map
from transferscore.pixels.score_pixels import score_pixels
from transferscore.pixels.segmentation_otce import segmentation_otce

__all__ = [
    "PixelSample",
    "PixelScores",
    "ScoreMap",
    "SegmentationOTCEResult",
    "gather_pixel_features",
    "label_boundaries",
    "sample_pixels",
    "score_map",
    "score_pixels",
    "segmentation_otce",
]
