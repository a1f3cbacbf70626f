"""HDF5, by h5py. Data that lie in other files are not followed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferscore._checks import from_extra
from transferscore.io._files import (
    Role,
    Stored,
    StoredMatrix,
    check_compressed,
    check_shape,
    check_type,
    check_unpacked,
    choose,
    decoding,
    error,
    named,
    open_regular,
    strings,
)

_REFERENCE_BYTES = 16  # of each string
_STRINGS = 1024  # read at once: short references may stand for long strings


@contextmanager
def read(path: Path, name: str, role: Role) -> Iterator[Stored]:
    """A data set of the file, of which rows are read on request; labels are read at once."""
    with _opened(path, name) as (h5py, file):
        with decoding(name, "HDF5 file"):
            data = file[choose(_data_sets(h5py, file), name, role)]
            stored = path.stat().st_size
            if data.external is not None or data.is_virtual:
                raise error(name, "must hold its data itself, refers to other files")
            text = h5py.check_string_dtype(data.dtype)
            check_shape(data.shape or (), name, role)
            if text is not None and text.length is None:
                check_type(np.dtype("U1"), name, role)
                check_unpacked(_REFERENCE_BYTES * data.shape[0], stored, name)
                loaded = _strings(data, stored, name)
            else:
                check_compressed(data.shape, data.dtype, stored, name, role)
                loaded = None

        def rows(first: int, last: int) -> NDArray[Any]:
            with decoding(name, "HDF5 file"):
                part: NDArray[Any] = data[first:last]
                return part

        piece = data.chunks[0] if data.chunks else None
        yield StoredMatrix(data.shape, data.dtype, rows, piece) if loaded is None else loaded


def names(path: Path) -> list[str]:
    """The paths of the data sets."""
    with _opened(path, named(path)) as (h5py, file):
        return _data_sets(h5py, file)


@contextmanager
def _opened(path: Path, name: str) -> Iterator[tuple[Any, Any]]:
    h5py = from_extra("io", "h5py")
    open_regular(path, name).close()
    with decoding(name, "HDF5 file"):
        file = h5py.File(path, "r")
    with file:
        yield h5py, file


def _data_sets(h5py: Any, file: Any) -> list[str]:
    """What hard links lead to; soft and external links are not followed."""
    found: list[str] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found.append(name)

    file.visititems(visit)
    return found


def _strings(data: Any, stored: int, name: str) -> NDArray[np.str_]:
    firsts = range(0, len(data), _STRINGS)
    parts = (data.asstr()[first : first + _STRINGS].tolist() for first in firsts)
    return strings(parts, stored, name)
