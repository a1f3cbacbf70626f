"""Rows that belong to class labels, as libraries that index by labels have them."""

import numpy as np
from numpy.typing import NDArray

from transferscore import _checks
from transferscore._checks import Floats
from transferscore._results import LogMEResult


def by_label(values: Floats, result: LogMEResult, name: str) -> NDArray[np.float64]:
    """Values of the classes as rows 0 ... C-1, zeros for labels without samples; or of columns."""
    if result.classes is None:
        return np.asarray(values, dtype=np.float64)
    rows = np.zeros((_checks.rows_by_label(result.classes, name), *values.shape[1:]))
    rows[result.classes] = values
    return rows
