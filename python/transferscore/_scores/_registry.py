"""The scores that rankings, commands and documentation offer, by name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Score:
    """A score under a name.

    Attributes
    ----------
    name : str
        Name for machines: option values, keys, column names.
    title : str
        Name for people.
    compute : callable
        The function; of features and labels it is `compute(features, labels, n_threads=None)`.
    higher_is_better : bool
        Whether a larger value promises the better transfer.
    bounds : str
        The least and the most that it can be.
    needs : tuple of str
        Names of its arguments without a default.
    """

    name: str
    title: str
    compute: Callable[..., Any]
    higher_is_better: bool = True
    bounds: str = "any number"
    needs: tuple[str, ...] = ("features", "labels")
