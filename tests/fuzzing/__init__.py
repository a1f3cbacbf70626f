"""Inputs that nobody would send on purpose, for every reader of files and every public function.

``python tests/fuzz.py`` runs them by the thousand; ``test_fuzzing.py`` a few hundred.
"""

from __future__ import annotations

import numpy as np

from fuzzing.calls import CALLS, call_of
from fuzzing.files import LOADERS, Corpus
from fuzzing.judge import Outcome, judged, judged_file

KINDS = ("calls", "files")


def try_input(kind: str, seed: int, number: int, corpus: Corpus) -> tuple[str, Outcome]:
    """Make input `number` of a seed and use it: its name, and what came of it."""
    rng = np.random.default_rng([seed, KINDS.index(kind), number])
    if kind == "calls":
        name = sorted(CALLS)[number % len(CALLS)]
        return name, judged(name, call_of(name, rng), twice=rng.random() < 0.2)
    name = sorted(LOADERS)[number % len(LOADERS)]
    return name, judged_file(*corpus.damaged(name, rng))
