"""NumPy's files: `.npy` is mapped, `.npz` read."""

from __future__ import annotations

import math
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from transferscore.io._files import (
    FileError,
    PathLike,
    Role,
    check_shape,
    check_type,
    check_unpacked,
    choose,
    error,
    named,
    open_regular,
    printable,
    without_names,
)

_NPY_MAGIC = b"\x93NUMPY"
# By version: NumPy's reader, and the bytes that hold the length of the header.
_HEADER_READERS = {
    (1, 0): (npy_format.read_array_header_1_0, 2),
    (2, 0): (npy_format.read_array_header_2_0, 4),
}
_MAX_HEADER_BYTES = 10_000  # NumPy's own limit; a plain array needs about 100

_CHUNK_BYTES = 2**20

# What the standard library raises on a damaged archive.
ARCHIVE_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
)


_ANY = ("biufUS", "numbers or strings")


@dataclass(frozen=True)
class _Header:
    """What an .npy header declares; nothing of it is believed yet."""

    shape: tuple[int, ...]
    order: Literal["C", "F"]
    dtype: np.dtype[Any]
    offset: int  # where the data begin

    @property
    def n_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize  # Python integers: cannot overflow


@contextmanager
def read_npy(path: Path, name: str, role: Role) -> Iterator[NDArray[Any]]:
    """The array of an .npy file, mapped."""
    without_names(name, role)
    with open_regular(path, name) as stream:
        mapped = _load_npy(stream, name, role)
    yield mapped


@contextmanager
def read_npz(path: Path, name: str, role: Role) -> Iterator[NDArray[Any]]:
    """An array of an .npz archive."""
    with open_regular(path, name) as stream:
        loaded = _load_npz(stream, name, role)
    yield loaded


def names_of_npz(path: Path) -> list[str]:
    """The names of the arrays of an archive."""
    with zipfile.ZipFile(path) as archive:
        return [_array_name(member) for member in archive.infolist()]


def _load_npy(stream: IO[bytes], name: str, role: Role) -> NDArray[Any]:
    header = _read_header(stream, name)
    n_bytes = os.fstat(stream.fileno()).st_size - header.offset
    _check_header(header, n_bytes, name, role)
    try:
        mapped: NDArray[Any] = np.memmap(
            stream,
            dtype=header.dtype,
            mode="r",
            offset=header.offset,
            shape=header.shape,
            order=header.order,
        )
    except OSError as reason:  # some network file systems cannot
        raise error(name, f"cannot be memory-mapped: {reason.strerror}") from reason
    return mapped.view(np.ndarray)


def _read_header(stream: IO[bytes], name: str) -> _Header:
    start = stream.read(8)
    if len(start) < 8 or not start.startswith(_NPY_MAGIC):
        raise error(name, f"must be an array in .npy format, {_content(start)}")
    version = (start[6], start[7])
    if version not in _HEADER_READERS:
        # Version 3 exists for structured arrays with names beyond Latin-1; never plain numbers.
        raise error(name, f"must be in .npy format 1.0 or 2.0, is in {version[0]}.{version[1]}")
    parse, length_bytes = _HEADER_READERS[version]
    length = stream.read(length_bytes)
    # The length is a claim, too: up to 4 GiB, which NumPy would try to read.
    n_bytes = min(int.from_bytes(length, "little"), _MAX_HEADER_BYTES)
    header = BytesIO(length + stream.read(n_bytes))
    try:
        shape, fortran_order, dtype = parse(header)
    except Exception as reason:  # a hostile text: RecursionError, tokenize.TokenError, ...
        raise error(name, "must begin with a .npy header, has a damaged one") from reason
    order: Literal["C", "F"] = "F" if fortran_order else "C"
    return _Header(tuple(int(size) for size in shape), order, dtype, stream.tell())


def _content(start: bytes) -> str:
    """Say what a file is, judged by its first bytes."""
    if not start:
        return "is empty"
    if start.startswith(b"PK"):
        return "is a zip archive (rename it to .npz?)"
    if start.startswith(b"\x80"):
        return "is a Python pickle, which is never read"
    if start.startswith(_NPY_MAGIC):
        return "is a .npy file (rename it to .npy?)" if len(start) >= 8 else "is truncated"
    return f"begins with {start[:6]!r}"


def _check_header(header: _Header, n_bytes: int, name: str, role: Role) -> None:
    """Compare what the header declares with the role and with the bytes really there."""
    check_type(header.dtype, name, role)
    check_shape(header.shape, name, role)
    if header.n_bytes != n_bytes:
        reason = "is truncated" if header.n_bytes > n_bytes else "has bytes left over"
        raise error(
            name,
            f"must hold {header.n_bytes:,} bytes for shape {header.shape} of {header.dtype.name}, "
            f"holds {n_bytes:,}: it {reason}",
        )


def load_archive(path: PathLike, ndims: Mapping[str, int]) -> dict[str, NDArray[Any]]:
    """Load the arrays of these names and dimensions from an archive, where it has them.

    For files that this package wrote, or that claim it: they may have any suffix.
    """
    name = named(path)
    with open_regular(Path(path), name) as stream, _archive(stream, name) as archive:
        found = {_array_name(member): member for member in archive.infolist()}
        return {
            key: _load_member(
                archive, found[key], name, Role(key, f"of {ndim} axes", (ndim,), *_ANY)
            )
            for key, ndim in ndims.items()
            if key in found
        }


def _load_npz(stream: IO[bytes], name: str, role: Role) -> NDArray[Any]:
    with _archive(stream, name) as archive:
        return _load_member(archive, _find_member(archive, name, role), name, role)


@contextmanager
def _archive(stream: IO[bytes], name: str) -> Iterator[zipfile.ZipFile]:
    """Open an archive; what is wrong with it, here or in the block, becomes a FileError."""
    start = stream.read(8)
    if not start.startswith(b"PK"):
        raise error(name, f"must be a .npz archive, {_content(start)}")
    try:
        with zipfile.ZipFile(stream) as archive:
            yield archive
    except FileError:
        raise
    except MemoryError as reason:
        raise error(name, "must fit into memory, does not") from reason
    except ARCHIVE_ERRORS as reason:
        text = printable(reason) or type(reason).__name__
        raise error(name, f"must be a .npz archive, is a damaged one: {text}") from reason


def _load_member(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, role: Role
) -> NDArray[Any]:
    assert archive.fp is not None
    inside = f"{name}, array '{printable(_array_name(member))}',"
    _check_member(member, os.fstat(archive.fp.fileno()).st_size, inside)
    with archive.open(member) as data:
        return _read_member(data, member, inside, role)


def _find_member(archive: zipfile.ZipFile, name: str, role: Role) -> zipfile.ZipInfo:
    members = [entry for entry in archive.infolist() if entry.filename.endswith(".npy")]
    held = [_array_name(member) for member in members]
    return members[held.index(choose(held, name, role))]


def _array_name(member: zipfile.ZipInfo) -> str:
    return member.filename.removesuffix(".npy")


def _check_member(member: zipfile.ZipInfo, archive_bytes: int, name: str) -> None:
    """Refuse what `numpy.savez` never writes, and sizes that the archive cannot hold."""
    if member.flag_bits & 0x1:
        raise error(name, "must not be encrypted, is encrypted")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        method = f"method {member.compress_type}"
        raise error(name, f"must be stored or deflated, is compressed by {method}")
    stored, declared = member.compress_size, member.file_size
    if stored > archive_bytes:
        raise error(
            name, f"must lie inside the archive of {archive_bytes:,} bytes, takes {stored:,}"
        )
    if member.compress_type == zipfile.ZIP_STORED and stored != declared:
        raise error(name, f"must hold the {declared:,} bytes that it declares, holds {stored:,}")
    check_unpacked(declared, stored, name)


def _read_member(data: IO[bytes], member: zipfile.ZipInfo, name: str, role: Role) -> NDArray[Any]:
    header = _read_header(data, name)
    _check_header(header, member.file_size - header.offset, name, role)
    buffer = np.empty(header.n_bytes, dtype=np.uint8)
    filled = 0
    while filled < header.n_bytes:
        chunk = data.read(min(_CHUNK_BYTES, header.n_bytes - filled))
        if not chunk:
            raise EOFError("the data end too early")
        buffer[filled : filled + len(chunk)] = np.frombuffer(chunk, dtype=np.uint8)
        filled += len(chunk)
    data.read(1)  # zipfile compares the checksum when it sees the end
    return buffer.view(header.dtype).reshape(header.shape, order=header.order)
