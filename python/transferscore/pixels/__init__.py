"""Dense prediction: pixels drawn from label maps and their scores; sources for segmentation."""

from transferscore.pixels._results import (
    PixelSample,
    PixelScores,
    ScoreMap,
    SegmentationOTCEResult,
)
from transferscore.pixels.boundaries import label_boundaries
from transferscore.pixels.filter_evaluation import FilterEvaluation, PoolFootrule, evaluate_filter
from transferscore.pixels.gather import gather_pixel_features
from transferscore.pixels.higher_order_h_score import higher_order_h_score
from transferscore.pixels.pixel_h_score import pixel_h_score
from transferscore.pixels.quantise_pixels import quantise_pixels
from transferscore.pixels.regions import region_relations
from transferscore.pixels.relations import BoundaryDistances, RegionRelation, RegionRelations
from transferscore.pixels.sample_pixels import sample_pixels
from transferscore.pixels.score_map import score_map
from transferscore.pixels.score_pixels import score_pixels
from transferscore.pixels.score_regression import ScoreRegression
from transferscore.pixels.segmentation_otce import segmentation_otce
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
    "PixelSample",
    "PixelScores",
    "PoolFootrule",
    "RankedSource",
    "RegionRelation",
    "RegionRelations",
    "ScoreMap",
    "ScoreRegression",
    "SegmentationOTCEResult",
    "SegmentationTask",
    "SourceDecision",
    "SourceFilter",
    "SourceRanking",
    "Volume",
    "evaluate_filter",
    "gather_pixel_features",
    "higher_order_h_score",
    "label_boundaries",
    "load_volume",
    "load_volumes",
    "pixel_h_score",
    "quantise_pixels",
    "region_relations",
    "sample_pixels",
    "score_map",
    "score_pixels",
    "segmentation_otce",
    "select_sources",
]
