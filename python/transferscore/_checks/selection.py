"""Candidates to choose from, tables of scores, features to fuse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore._checks.arrays import (
    Floats,
    as_array,
    is_finite,
    kernel_ready,
    real_matrix,
    refuse_nonfinite,
)
from transferscore._checks.labels import IgnoreIndex, Labels, encoded, kept_mask, label_array
from transferscore._checks.numbers import count, number

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class ScoreTable:
    """Scores of sources (rows) for targets (columns); NaN where a pair has none."""

    values: Vector  # (S, T)
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    higher_is_better: bool


def named(value: object, name: str, what: str) -> dict[str, Any]:
    """A mapping that is not empty and whose keys are text."""
    if not isinstance(value, Mapping):
        raise TypeError(f"`{name}` must be a mapping of names to {what}, got {_kind(value)}")
    if not value:
        raise ValueError(f"`{name}` must have at least one entry, got none")
    for key in value:
        if not isinstance(key, str) or not key:
            raise TypeError(f"`{name}` must have text that is not empty as names, got {key!r:.100}")
    return dict(value)


def candidates_and_labels(
    candidates: object,
    labels: ArrayLike,
    *,
    ignore_index: IgnoreIndex = None,
    n_threads: int = 1,
) -> tuple[dict[str, Floats], Labels]:
    """Features (n, d_s) of the same samples by name, all of one number type, and their labels."""
    given = named(candidates, "candidates", "features")
    matrices = {
        name: real_matrix(features, f"candidates[{name!r}]") for name, features in given.items()
    }
    _as_many_rows(matrices, "candidates")
    y = label_array(labels, n=len(next(iter(matrices.values()))), many=False)
    keep = None if ignore_index is None else kept_mask(y, ignore_index)
    if keep is not None:
        matrices = {name: X[keep] for name, X in matrices.items()}
        y = y[keep]
    found = {name: kernel_ready(X) for name, X in matrices.items()}
    for name, X in found.items():
        refuse_nonfinite(X, f"candidates[{name!r}]", keep, n_threads)
    if len({X.dtype for X in found.values()}) > 1:
        found = {name: X.astype(np.float64, copy=False) for name, X in found.items()}
    return found, encoded(y, n_threads)


def set_size(k: int | None, n_candidates: int) -> int:
    """How many candidates are chosen at most."""
    if k is None:
        return n_candidates
    most = count(k, "k")
    if most > n_candidates:
        raise ValueError(f"`k` must be at most {n_candidates}, the candidates, got {most}")
    return most


def not_negative(value: object, name: str) -> float:
    """A finite number of at least 0."""
    result = number(value, name)
    if result < 0:
        raise ValueError(f"`{name}` must be at least 0, got {value!r}")
    return result


def score_of_labelled_features(value: str, names: Sequence[str]) -> str:
    """The name of a score of features and labels."""
    if value not in names:
        raise ValueError(f"`score` must be one of {', '.join(names)}, got {value!r}")
    return value


def score_or_function(value: object) -> TypeError:
    """The error where a score is neither a name nor a function."""
    return TypeError(
        "`score` must be the name of a score, a function of features and labels, or None, got "
        f"{_kind(value)}"
    )


def finite_score(value: object, of: str) -> float:
    """The score of a candidate as a finite number."""
    try:
        result = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise TypeError(f"the score of {of!r} must be a number, got {_kind(value)}") from None
    if not np.isfinite(result):
        raise ValueError(f"the score of {of!r} must be finite, got {result}")
    return result


def score_table(
    value: Any,
    sources: Sequence[str] | None,
    targets: Sequence[str] | None,
    higher_is_better: bool | None,
) -> ScoreTable:
    """Scores by source and target: a ScoreMatrix, a mapping, or an array with names."""
    if isinstance(value, Mapping):
        value, sources, targets = _from_mapping(value, sources, targets)
    elif all(hasattr(value, name) for name in ("values", "sources", "targets")):
        if sources is not None or targets is not None:
            raise TypeError(
                "`sources` and `targets` must be left out where `scores` has names, got both"
            )
        if higher_is_better is None:
            higher_is_better = bool(getattr(value, "higher_is_better", True))
        value, sources, targets = value.values, value.sources, value.targets
    A = as_array(value, "scores")
    if A.dtype.kind not in "fiub":
        raise TypeError(f"`scores` must hold real numbers, got dtype {A.dtype}")
    if A.ndim != 2 or A.size == 0:
        raise ValueError(
            f"`scores` must have shape (sources, targets), neither of them 0, got {A.shape}"
        )
    A = A.astype(np.float64)
    if np.isinf(A).any():
        i, j = np.argwhere(np.isinf(A))[0]
        raise ValueError(f"`scores` must be finite, got {A[i, j]} at row {i}, column {j}")
    return ScoreTable(
        A,
        distinct_names(sources, "sources", A.shape[0]),
        distinct_names(targets, "targets", A.shape[1]),
        _direction(higher_is_better),
    )


def distinct_names(names: Any, name: str, n: int) -> tuple[str, ...]:
    """Different names, n of them; by default the numbers from 0."""
    if names is None:
        return tuple(str(place) for place in range(n))
    found = tuple(names) if np.iterable(names) and not isinstance(names, str) else (names,)
    wrong = [one for one in found if not isinstance(one, str) or not one]
    if wrong:
        raise TypeError(f"`{name}` must be names that are not empty, got {wrong[0]!r:.100}")
    if len(found) != n:
        raise ValueError(f"`{name}` must be {n} names, one for each, got {len(found)}")
    for one in found:
        if found.count(one) > 1:
            raise ValueError(f"`{name}` must be distinct, got {one!r} twice")
    return found


def no_scored_source(target: str) -> ValueError:
    """The error where there is nothing to choose from."""
    return ValueError(f"`scores` must have a source with a score for {target!r}, got none")


def complete_table(table: ScoreTable) -> None:
    """Every pair must have a score."""
    if np.isnan(table.values).any():
        i, j = np.argwhere(np.isnan(table.values))[0]
        raise ValueError(
            f"`scores` must have a score for every pair, got nan for source "
            f"{table.sources[i]!r} and target {table.targets[j]!r}"
        )


def features_to_fuse(features: object) -> dict[str, NDArray[Any]]:
    """Features (n, d_s) of the same samples by name; of a sequence, by position."""
    if isinstance(features, list | tuple):
        features = {f"{place}": X for place, X in enumerate(features)}
    given = named(features, "features", "arrays")
    found: dict[str, NDArray[Any]] = {}
    for name, value in given.items():
        X = kernel_ready(real_matrix(value, f"features[{name!r}]"))
        refuse_nonfinite(X, f"features[{name!r}]", None, 1)
        found[name] = X
    _as_many_rows(found, "features")
    return found


def equal_widths(features: Mapping[str, NDArray[Any]]) -> None:
    """Features that are added must have as many columns."""
    widths = {name: X.shape[1] for name, X in features.items()}
    if len(set(widths.values())) > 1:
        raise ValueError(
            f"`features` must have equally many columns where how='sum', got {_listed(widths)}; "
            "how='concatenate' takes any"
        )


def scores_of_sources(scores: Any, names: Sequence[str]) -> Vector:
    """A finite score of each source: a mapping, or as many values in their order."""
    if scores is None:
        raise TypeError("`scores` must be given where weights='score', got None")
    if not names:
        raise ValueError("`scores` must have at least one score, got none")
    if isinstance(scores, Mapping):
        lacking = [name for name in names if name not in scores]
        if lacking:
            raise ValueError(f"`scores` must hold every source, lacks {lacking[0]!r}")
        values = [scores[name] for name in names]
    else:
        values = list(scores) if np.iterable(scores) and not isinstance(scores, str) else [scores]
        if len(values) != len(names):
            raise ValueError(
                f"`scores` must have one score for each of {len(names)} sources, got {len(values)}"
            )
    return np.array(
        [
            finite_score(getattr(value, "score", value), name)
            for name, value in zip(names, values, strict=True)
        ]
    )


def fusion_weights(weights: Any, names: Sequence[str]) -> Vector:
    """A finite weight of each source, not all 0."""
    if isinstance(weights, Mapping):
        lacking = [name for name in names if name not in weights]
        if lacking:
            raise ValueError(f"`weights` must hold every source, lacks {lacking[0]!r}")
        weights = [weights[name] for name in names]
    w = as_array(weights, "weights")
    if w.dtype.kind not in "fiub":
        raise TypeError(
            "`weights` must be 'score', 'uniform' or a number for each source, got "
            f"{weights!r:.100}"
        )
    if w.shape != (len(names),):
        raise ValueError(
            f"`weights` must have shape ({len(names)},), one for each source, got {w.shape}"
        )
    w = w.astype(np.float64)
    if not np.isfinite(w).all():
        raise ValueError(f"`weights` must be finite, got {w[~np.isfinite(w)][0]}")
    if not w.any():
        raise ValueError("`weights` must not all be 0")
    return w


def fused_in_range(fused: Floats) -> None:
    """Weighted features must not overflow."""
    if not is_finite(fused, 1):
        raise ValueError(
            f"`features` times `weights` must be within the range of {fused.dtype}; scale them down"
        )


def scores_not_used() -> TypeError:
    """The error where scores come with weights that don't look at them."""
    return TypeError("`scores` must be left out unless weights='score', got both")


def _as_many_rows(matrices: Mapping[str, NDArray[Any]], name: str) -> None:
    rows = {key: len(X) for key, X in matrices.items()}
    if len(set(rows.values())) > 1:
        raise ValueError(
            f"`{name}` must be features of the same samples, got numbers of rows {_listed(rows)}"
        )


def _listed(numbers: Mapping[str, int]) -> str:
    first, *others = numbers.items()
    other = next(item for item in others if item[1] != first[1])
    return f"{first[1]} for {first[0]!r} and {other[1]} for {other[0]!r}"


def _from_mapping(
    value: Mapping[Any, Any], sources: object, targets: object
) -> tuple[Any, list[str], list[str]]:
    if sources is not None or targets is not None:
        raise TypeError(
            "`sources` and `targets` must be left out where `scores` has names, got both"
        )
    rows = named(value, "scores", "scores")
    if not any(isinstance(row, Mapping) for row in rows.values()):
        numbers = [
            [np.nan if _is_nan(row) else finite_score(row, name)] for name, row in rows.items()
        ]
        return np.array(numbers), list(rows), ["target"]
    tables = {name: named(row, f"scores[{name!r}]", "numbers") for name, row in rows.items()}
    columns = list(dict.fromkeys(target for row in tables.values() for target in row))
    filled = np.full((len(tables), len(columns)), np.nan)
    for i, (name, row) in enumerate(tables.items()):
        for j, target in enumerate(columns):
            if target in row and not _is_nan(row[target]):
                filled[i, j] = finite_score(row[target], name)
    return filled, list(tables), columns


def _is_nan(value: object) -> bool:
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _direction(value: object) -> bool:
    if value is None:
        return True
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"`higher_is_better` must be True or False, got {value!r:.100}")
    return bool(value)


def _kind(value: object) -> str:
    return type(value).__name__
