"""What all formats share: the error, what a file must hold, rows on request."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

PathLike = str | os.PathLike[str]
Key = str | Sequence[str] | None

# Deflate reaches about 1000 : 1 on zeros. Real features stay below 20 : 1; sorted labels
# compress further but are small. So what is compressed may unpack to this much for free, and
# beyond it only to this many times what is stored.
FREE_BYTES = 64 * 2**20
MAX_RATIO = 100

_MAX_SIZE = 2**63 - 1
_MAX_DIMENSIONS = 64
_MAX_REASON = 200  # characters of what a library says about a damaged file


class FileError(ValueError):
    """A file cannot be used. The text is one line: which file, what it must be, what it was."""


@dataclass(frozen=True)
class Role:
    """What a file must hold to serve as features, as labels or as maps of these."""

    key: str  # name of the array inside a file of many
    shape: str
    ndims: tuple[int, ...]
    kinds: str  # NumPy's one-letter dtype kinds
    values: str  # the same in words
    asked: tuple[str, ...] = ()  # names that the user gave, in place of `key`

    def under(self, key: Key) -> Role:
        """The same role for the array or the columns of these names; None: as usual."""
        if key is None:
            return self
        asked = (key,) if isinstance(key, str) else tuple(key)
        if not asked or not all(isinstance(name, str) for name in asked):
            raise TypeError(f"`key` must be a name or names, got {key!r}")
        return replace(self, key=asked[0], asked=asked)


class StoredMatrix:
    """A matrix in a file, of which rows are read on request: `matrix[first:last]`.

    `numpy.asarray` reads all of it, `FeatureStatistics` a chunk at a time.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        read: Callable[[int, int], NDArray[Any]],
        piece: int | None = None,
    ) -> None:
        self.shape = shape
        self.dtype = dtype
        self.chunks = None if piece is None else (piece,)  # rows that are stored together
        self._read: Callable[[int, int], NDArray[Any]] | None = read

    def __repr__(self) -> str:
        return f"StoredMatrix(shape={self.shape}, dtype={self.dtype.name})"

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice) -> NDArray[Any]:
        if not isinstance(rows, slice) or rows.step not in (None, 1):
            raise TypeError(f"a StoredMatrix gives rows first:last, got {rows!r}")
        if self._read is None:
            raise ValueError("the file of this StoredMatrix is closed")
        first, last, _ = rows.indices(len(self))
        return self._read(first, max(first, last))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("a StoredMatrix is read, which makes a copy")
        return np.asarray(self[:], dtype)

    def close(self) -> None:
        """Forget the file."""
        self._read = None


Stored = NDArray[Any] | StoredMatrix


def printable(text: object) -> str:
    """Return `text` with control characters, line breaks and stray bytes shown as escapes.

    A file name may hold any of them; none may break a line or command a terminal.
    """
    characters = str(text)
    if characters.isprintable():
        return characters
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in characters
    )


def named(path: PathLike) -> str:
    """Return how an error names a file."""
    return f"'{printable(path)}'"


def error(name: str, text: str) -> FileError:
    """The error about a file of this name."""
    return FileError(f"{name} {text}")


def open_regular(path: Path, name: str) -> IO[bytes]:
    """Open what is neither a folder, a pipe nor a device."""
    try:
        # Asked before opening: to open a named pipe would wait for a writer for ever.
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "a pipe or device"
            raise error(name, f"must be a file, is {what}")
        return path.open("rb")
    except OSError as reason:
        raise error(name, f"cannot be read: {reason.strerror}") from reason


@contextmanager
def decoding(name: str, what: str) -> Iterator[None]:
    """Whatever a library says about a file becomes a FileError; no user's code runs in here."""
    try:
        yield
    except FileError:
        raise
    except MemoryError as reason:
        raise error(name, "must fit into memory, does not") from reason
    except Exception as reason:  # hostile files reach corners that no list of errors names
        text = printable(" ".join(str(reason).split()))[:_MAX_REASON] or type(reason).__name__
        raise error(name, f"must be a {what}, is a damaged one: {text}") from reason


def choose(held: Sequence[str], name: str, role: Role) -> str:
    """Which of the named arrays of a file it is: that of the role, or the only one."""
    if len(role.asked) > 1:
        raise error(name, f"holds arrays, of which `key` must name one, got {len(role.asked)}")
    if held.count(role.key) == 1:
        return role.key
    if role.key not in held and len(held) == 1 and not role.asked:
        return held[0]
    shown = ", ".join([named(each) for each in held[:5]] + ["..."] * (len(held) > 5))
    raise error(name, f"must hold one array named {named(role.key)}, holds {shown or 'no arrays'}")


def without_names(name: str, role: Role) -> None:
    """Refuse a `key` where a file is one array and has no names."""
    if role.asked:
        raise error(name, f"holds one array without a name, `key` must be None, got {role.key!r}")


def check_type(dtype: np.dtype[Any], name: str, role: Role) -> None:
    """Compare a type of values with the role."""
    if dtype.hasobject:
        raise error(name, f"must hold {role.values}, holds pickled objects, which are never read")
    if dtype.kind not in role.kinds or dtype.itemsize == 0:
        raise error(name, f"must hold {role.values}, holds {dtype.name}")


def check_shape(shape: Sequence[int], name: str, role: Role) -> None:
    """Compare a declared shape with the role, and with what an array can have."""
    if len(shape) > _MAX_DIMENSIONS or any(not 0 <= size <= _MAX_SIZE for size in shape):
        raise error(name, f"must have shape {role.shape}, declares one that no array can have")
    if len(shape) not in role.ndims:
        raise error(name, f"must have shape {role.shape}, has shape {tuple(shape)}")
    if 0 in shape:
        raise error(name, f"must not be empty, has shape {tuple(shape)}")


def check_unpacked(declared: int, stored: int, name: str) -> None:
    """Refuse what would unpack to far more than is stored, before anything is allocated."""
    if declared > max(FREE_BYTES, MAX_RATIO * stored):
        raise error(
            name,
            f"must not unpack to more than {MAX_RATIO} times its size, declares {declared:,} "
            f"bytes from {stored:,} (if that is right, save it as .npy)",
        )


def check_compressed(
    shape: Sequence[int], dtype: np.dtype[Any], stored: int, name: str, role: Role
) -> None:
    """All that is asked of a compressed matrix before it is read."""
    check_type(dtype, name, role)
    check_shape(shape, name, role)
    check_unpacked(math.prod(shape) * dtype.itemsize, stored, name)


def strings(parts: Iterable[Sequence[str]], stored: int, name: str) -> NDArray[np.str_]:
    """Labels that are strings of any length, in an array: each takes as much as the longest."""
    values: list[str] = []
    longest = 1
    for part in parts:
        values += part
        longest = max(longest, *map(len, part))
        check_unpacked(4 * longest * len(values), stored, name)
    return np.array(values, dtype=np.str_)
