"""Which suffix is read by what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from transferscore.io import _hdf5, _numpy, _parquet, _safetensors, _zarr
from transferscore.io._files import Role, Stored, StoredMatrix, error, named, printable


class Format(NamedTuple):
    """How a kind of file is read, and what the arrays in it are called."""

    read: Callable[[Path, str, Role], AbstractContextManager[Stored]]
    names: Callable[[Path], list[str]] = lambda _: []


FORMATS = {
    ".npy": Format(_numpy.read_npy),
    ".npz": Format(_numpy.read_npz, _numpy.names_of_npz),
    ".safetensors": Format(_safetensors.read, _safetensors.names),
    ".parquet": Format(_parquet.read, _parquet.names),
    ".h5": Format(_hdf5.read, _hdf5.names),
    ".hdf5": Format(_hdf5.read, _hdf5.names),
    ".zarr": Format(_zarr.read, _zarr.names),
}
SUFFIXES = tuple(FORMATS)
IN_WORDS = f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"

_HINTS = {
    ".pkl": " (pickles are never read)",
    ".pickle": " (pickles are never read)",
    ".pt": " (transferscore.io.convert_torch makes another of it)",
    ".pth": " (transferscore.io.convert_torch makes another of it)",
}


@contextmanager
def reading(path: Path, role: Role) -> Iterator[Stored]:
    """The matrix that a file holds in this role; FileError where it holds something else."""
    name, suffix = named(path), path.suffix.lower()
    if suffix not in FORMATS:
        what = (
            "is a folder"
            if path.is_dir()
            else f"ends in '{printable(path.suffix)}'{_HINTS.get(suffix, '')}"
            if suffix
            else "has no suffix"
        )
        raise error(name, f"must be a {IN_WORDS} file, {what}")
    with FORMATS[suffix].read(path, name, role) as stored:
        try:
            yield stored
        finally:
            if isinstance(stored, StoredMatrix):
                stored.close()


def load_array(path: Path, role: Role) -> NDArray[Any]:
    """The array that a file holds in this role, mapped or in memory."""
    with reading(path, role) as stored:
        return np.asarray(stored)


def is_one_file(path: Path) -> bool:
    """Whether it counts as a file: what is none, and folders of zarr."""
    return not path.is_dir() or path.suffix.lower() == ".zarr"


def names_in(path: Path) -> list[str]:
    """The names of the arrays in a file; none where it has no names or can't be read."""
    try:
        return FORMATS[path.suffix.lower()].names(path)
    except Exception:  # whatever is wrong with it, loading it will say
        return []
