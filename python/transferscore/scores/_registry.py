"""The scores that commands and rankings offer, by name."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """A score of (features, labels) under a name.

    Attributes
    ----------
    name : str
        Name for machines: option values, keys, column names.
    title : str
        Name for people.
    compute : callable
        `compute(features, labels, n_threads=None) -> float`.
    higher_is_better : bool
        Whether a larger value promises the better transfer.
    """

    name: str
    title: str
    compute: Callable[..., float]
    higher_is_better: bool = True
