"""Drop-in names of `tllib.ranking` (thuml/Transfer-Learning-Library).

Put `transferscore.compat.tllib` in the place of `tllib.ranking` in an import line, be it of the
package or of its modules `hscore`, `leep`, `logme`, `nce` and `transrate`. All names can be
imported from here, too. `docs/migration.md` says where values differ, and why.
"""

from transferscore.compat.tllib.hscore import h_score, regularized_h_score
from transferscore.compat.tllib.leep import log_expected_empirical_prediction
from transferscore.compat.tllib.logme import log_maximum_evidence
from transferscore.compat.tllib.nce import negative_conditional_entropy
from transferscore.compat.tllib.transrate import coding_rate, transrate

__all__ = [
    "coding_rate",
    "h_score",
    "log_expected_empirical_prediction",
    "log_maximum_evidence",
    "negative_conditional_entropy",
    "regularized_h_score",
    "transrate",
]
