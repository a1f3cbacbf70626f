"""What scores need to know of samples that come in parts, or are larger than memory."""

from transferscore._statistics.features import FeatureStatistics
from transferscore._statistics.labels import LabelStatistics
from transferscore._statistics.predictions import PredictionStatistics, SecondPass

__all__ = ["FeatureStatistics", "LabelStatistics", "PredictionStatistics", "SecondPass"]
