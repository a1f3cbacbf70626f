"""Names of scores."""

from collections.abc import Collection, Iterable
from typing import Any


def score_names(
    names: Any, known: Collection[str], of_probabilities: Collection[str] = ()
) -> list[str]:
    """Names among the known ones, none twice. `of_probabilities` exist only with probabilities."""
    if isinstance(names, (str, bytes)) or not isinstance(names, Iterable):
        raise TypeError(
            f"`scores` must be 'all' or a sequence of names, as ['logme', 'knn'], got {names!r:.50}"
        )
    asked = list(dict.fromkeys(names))
    if not asked:
        raise ValueError("`scores` must have at least one name, got none")
    for name in asked:
        if name in known:
            continue
        if name in of_probabilities:
            raise ValueError(
                f"`scores` must not have {name!r} without source_probabilities=..., of which it is"
            )
        raise ValueError(f"`scores` must be among {', '.join(sorted(known))}, got {name!r:.50}")
    return asked
