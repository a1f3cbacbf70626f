"""What a cell of a matrix is computed from: arrays, files, functions; jobs carry no large array."""

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferscore import _checks, io
from transferscore._statistics.chunks import is_stored

SMALL = 2**10  # bytes: an array that a job may carry
CHUNK = 2**24  # bytes that are hashed or copied at once

# Arguments that are one number or text for each sample, in files of their own kind.
OF_LABELS = ("x", "labels", "targets", "source_labels", "target_labels")


@dataclass(frozen=True)
class File:
    """An array in a file."""

    path: str
    of_labels: bool

    def load(self) -> Any:
        """The array, mapped where the format can be."""
        return (io.load_labels if self.of_labels else io.load_features)(self.path)


@dataclass(frozen=True)
class Mapped:
    """A part of a file that is mapped here, and can be mapped elsewhere."""

    path: str
    offset: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def load(self) -> NDArray[Any]:
        """The same array, read-only."""
        content = np.memmap(self.path, dtype=np.uint8, mode="r")
        return np.ndarray(self.shape, self.dtype, content, self.offset, self.strides)


@dataclass(frozen=True)
class Spilled:
    """An array that was written to a file once, because many jobs read it."""

    path: str

    def load(self) -> Any:
        """The array, mapped."""
        return np.load(self.path, mmap_mode="r").view(np.ndarray)


@dataclass(frozen=True)
class Called:
    """What a function gives for the other side of a pair."""

    function: Callable[[str], Any]
    other: str
    of_labels: bool

    def load(self) -> Any:
        """What it gives; where that is a path, what the file holds."""
        return loaded(reference(self.function(self.other), self.of_labels))


@dataclass(frozen=True)
class Missing:
    """A pair of which a mapping knows nothing."""

    where: str
    other: str

    def load(self) -> Any:
        """Raise what makes the cell fail."""
        raise _checks.no_entry(self.where, self.other)


def loaded(value: Any) -> Any:
    """What a reference stands for; anything else stands for itself."""
    is_reference = isinstance(value, File | Mapped | Spilled | Called | Missing)
    return value.load() if is_reference else value


def reference(value: Any, of_labels: bool) -> Any:
    """A path as a file; anything else as it is."""
    if isinstance(value, str | os.PathLike):
        return File(os.path.abspath(os.fspath(value)), of_labels)
    return value


def of_pair(value: Any, other: str, argument: str, where: str) -> Any:
    """What an argument is for one pair: mappings are looked up, functions will be called."""
    of_labels = argument in OF_LABELS
    if isinstance(value, Mapping):
        if other not in value:
            return Missing(where, other)
        value = value[other]
    if callable(value):
        return Called(value, other, of_labels)
    return reference(value, of_labels)


def depends_on_pair(value: Any) -> bool:
    """Whether an argument is another one for each pair."""
    return isinstance(value, Mapping) or callable(value)


class Spill:
    """Turns arrays into references that pickle small, each array once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[int, tuple[Any, Any]] = {}  # by identity; the object is kept alive

    def __call__(self, value: Any) -> Any:
        """A reference for what is large, anything else as it is."""
        if isinstance(value, File | Called | Missing):
            return value
        if id(value) not in self._known:
            self._known[id(value)] = value, self._reference(value)
        return self._known[id(value)][1]

    def _reference(self, value: Any) -> Any:
        if (mapped := mapped_part(value)) is not None:
            return mapped
        if not is_stored(value):
            value = _checks.as_array(value, "an array of sources or targets")
        if value.dtype.kind in "OT" or value.dtype.itemsize * int(np.prod(value.shape)) <= SMALL:
            return np.asarray(value)
        path = self._folder / f"{len(self._known)}.npy"
        copy = np.lib.format.open_memmap(path, "w+", np.dtype(value.dtype), tuple(value.shape))
        for rows in _pieces(value):
            copy[rows] = value[rows]
        copy.flush()
        return Spilled(os.fspath(path))


def mapped_part(value: Any) -> Mapped | None:
    """Where the file holds an array that is mapped from it, also through views."""
    base = value
    while isinstance(base, np.ndarray) and isinstance(base.base, np.ndarray):
        base = base.base
    if not isinstance(base, np.memmap) or base.filename is None or base.mode == "c":
        return None
    # A mapping begins at a whole page before the array that was asked for.
    start = base.offset + _address(value) - _address(base)
    return Mapped(os.path.abspath(base.filename), start, value.dtype, value.shape, value.strides)


def digest(value: Any, name: str) -> str:
    """SHA-256 of type, shape and content: the same for an array and a file that holds it."""
    array = value if is_stored(value) else _checks.as_array(value, name)
    if array.dtype.kind in "OT":
        array = array.astype(str)
    content = hashlib.sha256(f"{np.dtype(array.dtype).str}{tuple(array.shape)}".encode())
    for rows in _pieces(array):
        content.update(np.ascontiguousarray(array[rows]).tobytes())
    return content.hexdigest()


def _pieces(array: Any) -> list[Any]:
    """Slices of rows, each of some megabytes."""
    if not array.shape:
        return [()]
    n = array.shape[0]
    row_bytes = max(1, np.dtype(array.dtype).itemsize * int(np.prod(array.shape[1:])))
    rows = max(1, CHUNK // row_bytes)
    return [slice(first, min(first + rows, n)) for first in range(0, n, rows)]


def _address(array: NDArray[Any]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
