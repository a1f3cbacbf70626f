"""The scores that rankings, commands and documentation offer, by name."""

import warnings
from collections.abc import Callable, Iterable
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


def collected(names: Iterable[str], compute: Callable[[str], float]) -> dict[str, float]:
    """The scores that can be computed; who called the caller is warned of the others."""
    values, errors = {}, {}
    for name in names:
        try:
            values[name] = compute(name)
        except (ValueError, TypeError, MemoryError, OverflowError) as error:
            errors[name] = error
    if not values:
        raise next(iter(errors.values()))
    for name, reason in errors.items():
        warnings.warn(f"`{name}` was not scored: {reason}", UserWarning, stacklevel=3)
    return values
