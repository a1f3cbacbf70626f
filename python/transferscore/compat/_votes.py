"""What neighbours say, where public programs count their votes."""

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int32]
BLOCK = 2**20  # entries of a table of votes


def majority(votes: Ids, n_classes: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Classes (n,) with most of the votes (n, k), of several the smallest; how many votes."""
    n = len(votes)
    winners, counts = np.empty(n, np.intp), np.empty(n, np.intp)
    step = max(1, BLOCK // n_classes)
    for first in range(0, n, step):
        rows = votes[first : first + step]
        cells = rows + n_classes * np.arange(len(rows))[:, np.newaxis]
        table = np.bincount(cells.ravel(), minlength=len(rows) * n_classes)
        table = table.reshape(len(rows), n_classes)
        winners[first : first + step] = table.argmax(axis=1)
        counts[first : first + step] = table.max(axis=1)
    return winners, counts
