"""Features of networks, layer by layer, from a loader of batches (extra `torch`)."""

from transferscore.extract._extraction import ExtractedFeatures, extract_features

__all__ = ["ExtractedFeatures", "extract_features"]
