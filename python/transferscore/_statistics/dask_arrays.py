"""Statistics of Dask arrays: a part for each block, merged along a tree."""

from typing import TYPE_CHECKING, Any

from transferscore import _checks

if TYPE_CHECKING:
    from transferscore._statistics.features import FeatureStatistics

MERGED_AT_ONCE = 8


def reduced(
    features: Any, labels: Any, ignore_index: _checks.IgnoreIndex, empty: type["FeatureStatistics"]
) -> "FeatureStatistics":
    """Statistics of all rows. The tree depends on the blocks alone, hence do the bits."""
    arrays = _checks.from_extra("dask", "dask.array")
    delayed = _checks.from_extra("dask", "dask.delayed").delayed
    X = _checks.dask_matrix(features, arrays.Array)
    y = _checks.dask_labels(labels, X, arrays)
    X = X.rechunk({1: -1})
    y = y.rechunk((X.chunks[0],))
    firsts = [sum(X.chunks[0][:block]) for block in range(len(X.chunks[0]))]
    blocks = zip(X.to_delayed().ravel(), y.to_delayed().ravel(), firsts, strict=True)
    parts = [
        delayed(_part)(rows, ids, first, ignore_index, empty, pure=False)
        for rows, ids, first in blocks
    ]
    while len(parts) > 1:
        parts = [
            delayed(_merged)(parts[first : first + MERGED_AT_ONCE], empty, pure=False)
            for first in range(0, len(parts), MERGED_AT_ONCE)
        ]
    found: FeatureStatistics = parts[0].compute()
    return found


def _part(
    X: Any,
    y: Any,
    first_row: int,
    ignore_index: _checks.IgnoreIndex,
    empty: type["FeatureStatistics"],
) -> "FeatureStatistics":
    statistics = empty()
    statistics._add_rows(X, y, ignore_index, 1, first_row)
    statistics._settle(1)
    return statistics


def _merged(
    parts: list["FeatureStatistics"], empty: type["FeatureStatistics"]
) -> "FeatureStatistics":
    statistics = empty()  # parts may be asked for again, where a worker is lost
    for part in parts:
        statistics.merge(part)
    return statistics
