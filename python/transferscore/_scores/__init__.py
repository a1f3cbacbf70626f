"""One file per score: docstring, checks, one call of the kernel."""

from functools import partial

from transferscore._scores._registry import Score
from transferscore._scores.h_score import h_score

REGISTRY: dict[str, Score] = {
    score.name: score
    for score in (
        Score("h_score", "H-score", h_score, bounds="0 to classes - 1"),
        Score(
            "h_score_shrinkage",
            "H-score (shrinkage)",
            partial(h_score, shrinkage="ledoit-wolf"),
            bounds="0 to classes - 1",
        ),
    )
}

# What ranks where nothing else is asked for: unlike the plain H-score it compares features of
# different width, and says something where there are few samples.
RANKS_BY_DEFAULT = "h_score_shrinkage"

__all__ = ["RANKS_BY_DEFAULT", "REGISTRY", "Score", "h_score"]
