"""One file per score: docstring, checks, one call of the kernel."""

from functools import partial

from transferscore.scores._registry import Score
from transferscore.scores.h_score import h_score

REGISTRY: dict[str, Score] = {
    score.name: score
    for score in (
        Score("h_score", "H-score", h_score),
        Score(
            "h_score_shrinkage", "H-score (shrinkage)", partial(h_score, shrinkage="ledoit-wolf")
        ),
    )
}

__all__ = ["REGISTRY", "Score", "h_score"]
