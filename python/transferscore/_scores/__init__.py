"""One file per score: docstring, checks, one call of the kernel."""

from functools import partial

from transferscore._scores._registry import Score
from transferscore._scores.effective_rank import effective_rank
from transferscore._scores.gbc import gbc
from transferscore._scores.h_score import h_score
from transferscore._scores.hgr_correlation import hgr_correlation
from transferscore._scores.knn import knn
from transferscore._scores.leep import leep
from transferscore._scores.lfc import lfc
from transferscore._scores.linear_mse import linear_mse
from transferscore._scores.logme import logme
from transferscore._scores.maximal_h_score import maximal_h_score
from transferscore._scores.nce import nce
from transferscore._scores.nleep import nleep
from transferscore._scores.parc import parc
from transferscore._scores.sfda import sfda
from transferscore._scores.task_transferability import task_transferability
from transferscore._scores.transrate import coding_rate, transrate

# What rankings and commands can compute from the features of a model and the labels of a task.
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
        Score("logme", "LogME", logme, needs=("features", "targets")),
        Score(
            "linear_mse",
            "Linear MSE",
            linear_mse,
            bounds="1 / classes - 1 to 0",
            needs=("features", "targets"),
        ),
        Score("transrate", "TransRate", transrate, bounds="0 or more"),
        Score("lfc", "LFC", lfc, bounds="-1 to 1"),
        Score("sfda", "SFDA", sfda, bounds="0 to 1"),
        Score("knn", "k-NN accuracy", knn, bounds="0 to 1", needs=("features", "targets")),
        Score("parc", "PARC", parc, bounds="-100 to 100"),
        Score("gbc", "GBC", gbc, bounds="-classes (classes - 1) to 0"),
        Score("nleep", "N-LEEP", nleep, bounds="at most 0"),
    )
}

# Scores of other things than features.
OTHERS: dict[str, Score] = {
    score.name: score
    for score in (
        Score(
            "leep",
            "LEEP",
            leep,
            bounds="at most 0",
            needs=("source_probabilities", "labels"),
        ),
        Score(
            "nce",
            "NCE",
            nce,
            bounds="-log(target classes) to 0",
            needs=("source_labels", "target_labels"),
        ),
        Score(
            "maximal_h_score",
            "Maximal H-score",
            maximal_h_score,
            bounds="0 to classes - 1",
            needs=("x", "labels"),
        ),
        Score(
            "hgr_correlation",
            "HGR maximal correlation",
            hgr_correlation,
            bounds="0 to 1",
            needs=("x", "labels"),
        ),
        Score(
            "task_transferability",
            "Task transferability",
            task_transferability,
            bounds="0 to 1",
            needs=("source_features", "labels", "optimal"),
        ),
        Score(
            "effective_rank",
            "Effective rank",
            effective_rank,
            bounds="1 to min(n, d)",
            needs=("features",),
        ),
    )
}

# What commands compute where nothing else is asked for.
COMPUTED_BY_DEFAULT = ("h_score", "h_score_shrinkage")

# What ranks where nothing else is asked for: unlike the plain H-score it compares features of
# different width, and says something where there are few samples.
RANKS_BY_DEFAULT = "h_score_shrinkage"


def scores() -> dict[str, Score]:
    """Return every score by name: its function, orientation, bounds and what it needs.

    Returns
    -------
    dict of str to Score
        A new dictionary.

    Examples
    --------
    >>> import transferscore
    >>> transferscore.scores()["leep"].needs
    ('source_probabilities', 'labels')
    >>> all(score.higher_is_better for score in transferscore.scores().values())
    True
    """
    return {**REGISTRY, **OTHERS}


__all__ = [
    "COMPUTED_BY_DEFAULT",
    "OTHERS",
    "RANKS_BY_DEFAULT",
    "REGISTRY",
    "Score",
    "coding_rate",
    "effective_rank",
    "gbc",
    "h_score",
    "hgr_correlation",
    "knn",
    "leep",
    "lfc",
    "linear_mse",
    "logme",
    "maximal_h_score",
    "nce",
    "nleep",
    "parc",
    "scores",
    "sfda",
    "task_transferability",
    "transrate",
]
