"""Rows that are not in memory, a chunk at a time."""

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from transferscore import _checks

CHUNK = 2**26  # bytes read at once


def chunks(matrix: Any, labels: ArrayLike) -> Iterator[tuple[int, Any, Any]]:
    """(first row, rows, labels): a matrix that is in memory as it is, any other in chunks."""
    mapped = _mapped(matrix)
    if (mapped is None and not is_stored(matrix)) or len(matrix.shape) != 2 or 0 in matrix.shape:
        yield 0, matrix, labels
        return
    n, d = matrix.shape
    y = _checks.labels_of_side(labels, n, "labels")
    rows = _rows_at_once(matrix, d * np.dtype(matrix.dtype).itemsize)
    for first in range(0, n, rows):
        part = matrix[first : first + rows]
        yield first, np.asarray(part) if mapped is None else part.copy(), y[first : first + rows]
        _forget(mapped)


def _mapped(matrix: Any) -> Any:
    """The mapped file in which an array lies, also through views; None for any other matrix."""
    while isinstance(matrix, np.ndarray) and not isinstance(matrix, np.memmap):
        matrix = matrix.base
    return matrix if isinstance(matrix, np.memmap) else None


def is_stored(matrix: Any) -> bool:
    """Whether this gives rows on request, as data sets of HDF5 and zarr do, and is no array."""
    return (
        not isinstance(matrix, np.ndarray)
        and hasattr(matrix, "shape")
        and hasattr(matrix, "dtype")
        and not hasattr(matrix, "__array_interface__")
        and not hasattr(matrix, "__dlpack__")
    )


def _rows_at_once(matrix: Any, row_bytes: int) -> int:
    """As many as CHUNK holds; where a matrix is stored in pieces, whole ones: each is read once."""
    rows = max(1, CHUNK // row_bytes)
    pieces = getattr(matrix, "chunks", None)
    if isinstance(pieces, tuple) and isinstance(pieces[0], int) and pieces[0] > 0:
        return max(1, rows // pieces[0]) * pieces[0]
    return rows


def _forget(mapped: Any) -> None:
    """Hand back the pages of a mapped file that were read: they would count as this process'."""
    pages = getattr(mapped, "_mmap", None)
    if isinstance(pages, mmap.mmap) and hasattr(pages, "madvise") and mapped.mode != "c":
        pages.madvise(mmap.MADV_DONTNEED)
