"""Transferability scores of pretrained features: which network, which layer, which source data?

Importing this package imports NumPy and one compiled extension, nothing else.
"""

from transferscore._backend import isa
from transferscore._results import HScoreResult
from transferscore._threads import get_num_threads, num_threads, set_num_threads
from transferscore.scores import h_score

__version__ = "0.1.0"

__all__ = [
    "HScoreResult",
    "__version__",
    "get_num_threads",
    "h_score",
    "isa",
    "num_threads",
    "set_num_threads",
]
