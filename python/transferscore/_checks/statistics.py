"""Batches of samples, and statistics that were summed before."""

import zipfile
from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore._checks.arrays import Floats, kernel_ready, real_matrix, refuse_nonfinite
from transferscore._checks.labels import Classes, IgnoreIndex, classes, kept_mask, label_array


def batch(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    ignore_index: IgnoreIndex,
    n_threads: int,
    first_row: int = 0,
) -> tuple[Floats, Classes] | None:
    """Features (n, d) and classes (n,), perhaps one; None where every sample is ignored."""
    X = real_matrix(features, "features")
    y = label_array(labels, n=len(X), many=False)
    keep = None
    if ignore_index is not None:
        keep = kept_mask(y, ignore_index, may_be_empty=True)
        if not keep.any():
            return None
        X, y = X[keep], y[keep]
    X = kernel_ready(X)
    refuse_nonfinite(X, "features", keep, n_threads, first_row)
    return X, classes(y, len(y), "labels")


def classes_together(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """The labels of both, sorted; integers and strings don't mix."""
    if (a.dtype.kind in "iu") != (b.dtype.kind in "iu"):
        raise TypeError(
            "`labels` must be of one kind in all batches, got integers and strings: "
            f"{a[0]!r:.50} and {b[0]!r:.50}"
        )
    return np.union1d(a, b)


def other_width(name: str, d: int, known: int) -> ValueError:
    """The error where a batch has another number of features."""
    return ValueError(f"`{name}` must have {known} features, as the batches before, got {d}")


def no_samples() -> RuntimeError:
    """The error where statistics are asked before they know a sample."""
    return RuntimeError(
        "these FeatureStatistics have no samples yet; call partial_fit(...), or read them with "
        "load(...)"
    )


def one_class(label: object) -> ValueError:
    """The error where there is nothing to tell apart."""
    return ValueError(f"`labels` must have at least two classes, got one ({label!s})")


def statistics_file(
    path: str | PathLike[str], form: str, version: int, fields: Sequence[str]
) -> tuple[NDArray[Any], tuple[Any, ...]]:
    """Classes and sums from a file of feature statistics."""
    content = _arrays(path)
    if str(content.get("format")) != form:
        raise ValueError(f"`path` must be a file of feature statistics, got {path!s}")
    if content["version"] != version:
        raise ValueError(
            f"`path` must hold feature statistics of version {version}, got {content['version']}; "
            "they may come from a later version of transferscore"
        )
    missing = {"classes", *fields} - set(content)
    if missing:
        raise ValueError(f"`path` must hold all fields, got none for {', '.join(sorted(missing))}")
    known = content["classes"]
    sums = tuple(content[name] for name in fields)
    n, unit, mean, scatter, counts, offsets, third, fourth = sums
    d, k = mean.size, known.size
    shapes = [array.shape for array in (known, mean, scatter, counts, offsets, third)]
    is_whole = (
        shapes == [(k,), (d,), (d, d), (k,), (k, d), (d,)]
        and min(d, k) > 0
        and all(array.shape == () for array in (n, unit, fourth))
        and all(array.dtype.kind in "fiu" and np.isfinite(array).all() for array in sums)
        and counts.min() > 0
        and counts.sum() == n
        and unit > 0
    )
    if not is_whole:
        raise ValueError(f"`path` must hold whole feature statistics, got a damaged file: {path!s}")
    doubles = [np.ascontiguousarray(array, np.float64) for array in sums[2:7]]
    return known, (int(n), float(unit), *doubles, float(fourth))


def _arrays(path: str | PathLike[str]) -> dict[str, Any]:
    """The arrays of a `.npz` file; none is unpickled."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise
    except (OSError, ValueError, AttributeError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"`path` must be a file of feature statistics, got {path!s}") from error
