"""Candidates to rank, and what is known of them."""

import os
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferscore._checks.numbers import as_float, share


def named_candidates(value: object) -> dict[str, Any]:
    """Candidates by name; layers of a model, a mapping in a mapping, as model/layer.

    Of a sequence the names are missing: it comes back under its positions.
    """
    if isinstance(value, Mapping):
        pairs = [pair for name, entry in value.items() for pair in _layers(name, entry)]
    elif isinstance(value, str | bytes | os.PathLike) or not isinstance(value, Iterable):
        raise TypeError(
            "`candidates` must be a mapping of names to features, or a sequence of files or "
            f"features, got {type(value).__name__}"
        )
    elif isinstance(value, np.ndarray) and value.ndim < 3:
        raise ValueError(
            "`candidates` must have features (n, d) of several models, got one array of shape "
            f"{value.shape}; {{'model': array}} ranks a single one"
        )
    else:
        pairs = [(str(i), entry) for i, entry in enumerate(value)]
    if not pairs:
        raise ValueError("`candidates` must have at least one entry, got none")
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"`candidates` must have a name for each, got {twice!r:.100} twice")
    return dict(pairs)


def _layers(name: object, entry: object) -> list[tuple[str, Any]]:
    if isinstance(entry, Mapping):
        return [(f"{name}/{layer}", features) for layer, features in entry.items()]
    return [(str(name), entry)]


def sizes_of_models(
    value: Mapping[str, float] | Sequence[float] | None, names: Sequence[str]
) -> dict[str, float] | None:
    """A size above 0 for each candidate; None where none are given."""
    if value is None:
        return None
    if not isinstance(value, Mapping):
        if isinstance(value, str | bytes) or not isinstance(value, Iterable):
            raise TypeError(
                "`model_sizes` must be a mapping of names to numbers or a sequence of numbers, got "
                f"{value!r:.100}"
            )
        given = list(value)
        if len(given) != len(names):
            raise ValueError(
                f"`model_sizes` must have {len(names)} entries, one per candidate, got {len(given)}"
            )
        value = dict(zip(names, given, strict=True))
    unknown = [name for name in value if name not in names]
    if unknown:
        raise ValueError(f"`model_sizes` must be of candidates, got {unknown[0]!r:.100}")
    for name, size in value.items():
        number = as_float(size) if isinstance(size, Real) else float("nan")
        if isinstance(size, bool) or not 0 < number < np.inf:
            raise ValueError(
                f"`model_sizes` must be finite numbers above 0, got {size!r:.100} for {name!r:.100}"
            )
    return {name: float(size) for name, size in value.items()}


def confidence(value: object) -> float:
    """A share strictly between 0 and 1."""
    number = share(value, "confidence")
    if not 0 < number < 1:
        raise ValueError(f"`confidence` must be between 0 and 1, got {number!r}")
    return number


def sort_key(value: str | None, scores: Sequence[str]) -> str:
    """The score that ranks: one of those that are computed; None for the first."""
    if value is None:
        return scores[0]
    if value not in scores:
        raise ValueError(f"`sort_by` must be one of `scores`, {', '.join(scores)}, got {value!r}")
    return value


def resamples(value: int) -> int:
    """A number of resamples that is told from one: 0 for none."""
    if 0 < value < 20:
        raise ValueError(f"`n_resamples` must be 0 or at least 20, got {value}")
    return value


def at_least_two_classes(y: NDArray[Any]) -> None:
    """Refuse labels of which no candidate could be scored."""
    present = np.unique(y)
    if len(present) < 2:
        which = f"{present[0]!s:.100} alone" if len(present) else "none"
        raise ValueError(f"`labels` must have at least two classes, got {which}")


def rows_of_candidate(shape: tuple[int, ...], n: int) -> None:
    """Refuse features of other samples."""
    if len(shape) != 2 or shape[0] != n:
        raise ValueError(f"`features` must have shape ({n}, d), a row per label, got {shape}")


def nothing_scored(errors: Mapping[str, str]) -> ValueError:
    """The error where no candidate could be scored."""
    name, reason = next(iter(errors.items()))
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return ValueError(
        f"`candidates` must have at least one that can be scored; {name!r:.100}: {reason}{more}"
    )


def no_such_candidate(name: object) -> KeyError:
    """The error where a name is asked for that does not rank."""
    return KeyError(f"{name!r:.100} is not among the ranked candidates")
