"""What calls with `full_output=True` return."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class HScoreResult:
    """H-score and how it came about.

    Attributes
    ----------
    value : float or ndarray of shape (L,)
        The score; higher is better.
    bounds : tuple of two floats or ndarrays of shape (L,)
        The least and the most that the score can be for these labels.
    rank : int or None
        Rank of the centred features; None with shrinkage, where every direction counts.
    n, d : int
        Samples that were scored (without ignored ones) and features.
    classes : int or ndarray of shape (L,)
        Classes found among the scored samples.
    shrinkage : float
        Intensity that was used, 0 for the plain score.
    notes : tuple of str
        What a reader of the number should know.
    """

    value: float | NDArray[np.float64]
    bounds: tuple[float, float] | tuple[NDArray[np.float64], NDArray[np.float64]]
    rank: int | None
    n: int
    d: int
    classes: int | NDArray[np.int64]
    shrinkage: float
    notes: tuple[str, ...]
