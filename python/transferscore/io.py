"""Load feature matrices and labels from ``.npy`` and ``.npz`` files.

A file is a stranger. Its header is read and compared with the bytes that are really there
*before* anything is allocated, pickles are never read, and whatever is wrong is said in one
line that names the file: :class:`FileError`.
"""

from __future__ import annotations

import math
import os
import stat
import struct
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

__all__ = ["FeatureFile", "FileError", "list_feature_files", "load_features", "load_labels"]

PathLike = str | os.PathLike[str]

_SUFFIXES = (".npy", ".npz")
_NPY_MAGIC = b"\x93NUMPY"
# By version: NumPy's reader, and the bytes that hold the length of the header.
_HEADER_READERS = {
    (1, 0): (npy_format.read_array_header_1_0, 2),
    (2, 0): (npy_format.read_array_header_2_0, 4),
}
_MAX_HEADER_BYTES = 10_000  # NumPy's own limit; a plain array needs about 100

# Deflate reaches about 1000 : 1 on zeros. Real features stay below 20 : 1; sorted labels
# compress further but are small. So a member may unpack to this much for free, and beyond
# it only to this many times what is stored.
_FREE_BYTES = 64 * 2**20
_MAX_RATIO = 100

_CHUNK_BYTES = 2**20
_MAX_SIZE = 2**63 - 1
_MAX_DIMENSIONS = 64

# What the standard library raises on a damaged archive.
_ARCHIVE_ERRORS = (
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


class FileError(ValueError):
    """A file cannot be used. The text is one line: which file, what it must be, what it was."""


@dataclass(frozen=True)
class FeatureFile:
    """A feature file and the shortest name that tells it from the others."""

    name: str
    path: Path


@dataclass(frozen=True)
class Role:
    """What a file must hold to serve as features, as labels or as maps of these."""

    key: str  # name of the array inside an .npz
    shape: str
    ndims: tuple[int, ...]
    kinds: str  # NumPy's one-letter dtype kinds
    values: str  # the same in words


_FEATURES = Role("features", "(n, d)", (2,), "biuf", "real numbers")
_LABELS = Role("labels", "(n,)", (1,), "biufUS", "whole numbers, booleans or strings")
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


def load_features(path: PathLike) -> NDArray[Any]:
    """Load a feature matrix.

    An ``.npy`` file is memory-mapped read-only, so a large one costs no memory until it is
    used. From an ``.npz`` archive the array ``features`` is read; an archive with one array
    only is accepted whatever that array is called.

    Parameters
    ----------
    path : path-like
        An ``.npy`` or ``.npz`` file with a 2-D array of real numbers.

    Returns
    -------
    ndarray of shape (n, d)
        In the dtype and memory order of the file. Values are not looked at here: whether they
        are finite is checked by the score.

    Raises
    ------
    FileError
        Where the file is missing, damaged, pickled, or holds something else.

    Examples
    --------
    >>> from transferscore.datasets import load_zoo
    >>> from transferscore.io import load_features
    >>> model = load_zoo().tasks["omniglot_alphabets"].models["untrained_4conv"]
    >>> load_features(model.file).shape
    (720, 64)
    """
    return load_array(Path(path), _FEATURES)


def load_labels(path: PathLike) -> NDArray[Any]:
    """Load one label per sample.

    As :func:`load_features`, but for a 1-D array of whole numbers (of any type), booleans or
    strings; in an ``.npz`` archive the array is called ``labels``.

    Parameters
    ----------
    path : path-like
        An ``.npy`` or ``.npz`` file.

    Returns
    -------
    ndarray of shape (n,)
        The labels as they are stored.

    Raises
    ------
    FileError
        Where the file is missing, damaged, pickled, or holds something else.

    Examples
    --------
    >>> from transferscore.datasets import load_zoo
    >>> from transferscore.io import load_labels
    >>> load_labels(load_zoo().tasks["omniglot_alphabets"].folder / "labels.npy").shape
    (720,)
    """
    labels = load_array(Path(path), _LABELS)
    if labels.dtype.kind == "f":
        odd = labels[~np.isfinite(labels) | (labels != np.floor(labels))]
        if odd.size:
            raise _error(f"'{printable(path)}'", f"must hold {_LABELS.values}, holds {odd[0]}")
    return labels


def list_feature_files(
    paths: PathLike | Iterable[PathLike], *, labels: PathLike | None = None
) -> list[FeatureFile]:
    """Expand files and folders into feature files with distinct display names.

    Parameters
    ----------
    paths : path-like or iterable of these
        Files and folders. A folder stands for the ``.npy`` and ``.npz`` files directly in it,
        sorted by name, without hidden ones. A folder with none, or one that cannot be opened,
        stays in the list as itself, and loading it says that it is a folder.
    labels : path-like, optional
        The labels file. It is left out, unless it is an ``.npz`` archive that also holds
        ``features``.

    Returns
    -------
    list of FeatureFile
        The files in the order given, each once. The display name is the file name without
        suffix; where two would be equal, parent folder or suffix are added.

    Examples
    --------
    >>> from transferscore.datasets import load_zoo
    >>> from transferscore.io import list_feature_files
    >>> folder = load_zoo().tasks["omniglot_alphabets"].folder
    >>> [file.name for file in list_feature_files(folder, labels=folder / "labels.npy")][:2]
    ['alphabets_2conv_long', 'alphabets_4conv_long']
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else paths
    found = {_key(path): path for entry in given for path in _expand(Path(entry), labels)}
    files = list(found.values())
    names = display_names(files)
    return [FeatureFile(name, path) for name, path in zip(names, files, strict=True)]


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


# ------------------------------------------------------------------------------ one file


def load_array(path: Path, role: Role) -> NDArray[Any]:
    """The array that a file holds in this role; FileError where it holds something else."""
    name = f"'{printable(path)}'"
    with _open(path, name) as stream:
        load = _load_npz if path.suffix.lower() == ".npz" else _load_npy
        return load(stream, name, role)


def _open(path: Path, name: str) -> IO[bytes]:
    if path.suffix.lower() not in _SUFFIXES and not path.is_dir():
        hint = " (pickles are never read)" if path.suffix.lower() in (".pkl", ".pickle") else ""
        ending = f"ends in '{printable(path.suffix)}'" if path.suffix else "has no suffix"
        raise _error(name, f"must be a .npy or .npz file, {ending}{hint}")
    return _open_regular(path, name)


def _open_regular(path: Path, name: str) -> IO[bytes]:
    try:
        # Asked before opening: to open a named pipe would wait for a writer for ever.
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "a pipe or device"
            raise _error(name, f"must be a .npy or .npz file, is {what}")
        return path.open("rb")
    except OSError as error:
        raise _error(name, f"cannot be read: {error.strerror}") from error


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
    except OSError as error:  # some network file systems cannot
        raise _error(name, f"cannot be memory-mapped: {error.strerror}") from error
    return mapped.view(np.ndarray)


def _read_header(stream: IO[bytes], name: str) -> _Header:
    start = stream.read(8)
    if len(start) < 8 or not start.startswith(_NPY_MAGIC):
        raise _error(name, f"must be an array in .npy format, {_content(start)}")
    version = (start[6], start[7])
    if version not in _HEADER_READERS:
        # Version 3 exists for structured arrays with names beyond Latin-1; never plain numbers.
        raise _error(name, f"must be in .npy format 1.0 or 2.0, is in {version[0]}.{version[1]}")
    parse, length_bytes = _HEADER_READERS[version]
    length = stream.read(length_bytes)
    # The length is a claim, too: up to 4 GiB, which NumPy would try to read.
    n_bytes = min(int.from_bytes(length, "little"), _MAX_HEADER_BYTES)
    header = BytesIO(length + stream.read(n_bytes))
    try:
        shape, fortran_order, dtype = parse(header)
    except Exception as error:  # a hostile text: RecursionError, tokenize.TokenError, ...
        raise _error(name, "must begin with a .npy header, has a damaged one") from error
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
    dtype, shape = header.dtype, header.shape
    if dtype.hasobject:
        raise _error(name, f"must hold {role.values}, holds pickled objects, which are never read")
    if dtype.kind not in role.kinds or dtype.itemsize == 0:
        raise _error(name, f"must hold {role.values}, holds {dtype.name}")
    if len(shape) > _MAX_DIMENSIONS or any(not 0 <= size <= _MAX_SIZE for size in shape):
        raise _error(name, f"must have shape {role.shape}, declares one that no array can have")
    if len(shape) not in role.ndims:
        raise _error(name, f"must have shape {role.shape}, has shape {shape}")
    if 0 in shape:
        raise _error(name, f"must not be empty, has shape {shape}")
    if header.n_bytes != n_bytes:
        reason = "is truncated" if header.n_bytes > n_bytes else "has bytes left over"
        raise _error(
            name,
            f"must hold {header.n_bytes:,} bytes for shape {shape} of {dtype.name}, "
            f"holds {n_bytes:,}: it {reason}",
        )


# --------------------------------------------------------------------------- one archive


def load_archive(path: PathLike, ndims: Mapping[str, int]) -> dict[str, NDArray[Any]]:
    """Load the arrays of these names and dimensions from an archive, where it has them.

    For files that this package wrote, or that claim it: they may have any suffix.
    """
    name = f"'{printable(path)}'"
    with _open_regular(Path(path), name) as stream, _archive(stream, name) as archive:
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
        raise _error(name, f"must be a .npz archive, {_content(start)}")
    try:
        with zipfile.ZipFile(stream) as archive:
            yield archive
    except FileError:
        raise
    except MemoryError as error:
        raise _error(name, "must fit into memory, does not") from error
    except _ARCHIVE_ERRORS as error:
        reason = printable(error) or type(error).__name__
        raise _error(name, f"must be a .npz archive, is a damaged one: {reason}") from error


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
    named = [entry for entry in members if _array_name(entry) == role.key]
    if len(named) == 1:
        return named[0]
    if not named and len(members) == 1:
        return members[0]
    held = [f"'{printable(_array_name(entry))}'" for entry in members]
    shown = ", ".join(held[:5] + ["..."] * (len(held) > 5)) or "no arrays"
    raise _error(name, f"must hold one array named '{role.key}', holds {shown}")


def _array_name(member: zipfile.ZipInfo) -> str:
    return member.filename.removesuffix(".npy")


def _check_member(member: zipfile.ZipInfo, archive_bytes: int, name: str) -> None:
    """Refuse what `numpy.savez` never writes, and sizes that the archive cannot hold."""
    if member.flag_bits & 0x1:
        raise _error(name, "must not be encrypted, is encrypted")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        method = f"method {member.compress_type}"
        raise _error(name, f"must be stored or deflated, is compressed by {method}")
    stored, declared = member.compress_size, member.file_size
    if stored > archive_bytes:
        raise _error(
            name, f"must lie inside the archive of {archive_bytes:,} bytes, takes {stored:,}"
        )
    if member.compress_type == zipfile.ZIP_STORED and stored != declared:
        raise _error(name, f"must hold the {declared:,} bytes that it declares, holds {stored:,}")
    if declared > max(_FREE_BYTES, _MAX_RATIO * stored):
        raise _error(
            name,
            f"must not unpack to more than {_MAX_RATIO} times its size, declares {declared:,} "
            f"bytes from {stored:,} (if that is right, save it as .npy)",
        )


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


# --------------------------------------------------------------------------- many files


def _expand(path: Path, labels: PathLike | None) -> list[Path]:
    if not path.is_dir():
        return [] if _is_only_labels(path, labels) else [path]
    try:
        entries = sorted(path.iterdir())
    except OSError:
        entries = []
    inside = [
        entry
        for entry in entries
        if entry.suffix.lower() in _SUFFIXES
        and not entry.name.startswith(".")
        and not _is_only_labels(entry, labels)
    ]
    return inside or [path]


def _is_only_labels(path: Path, labels: PathLike | None) -> bool:
    """Whether this is the labels file and no archive that holds features, too."""
    if labels is None or _key(path) != _key(Path(labels)):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return "features.npy" not in archive.namelist()
    except _ARCHIVE_ERRORS:
        return True  # no archive; whatever else is wrong, loading the labels will say


def _key(path: Path) -> str:
    """One file, one key, however its path is written; two links to a file are two models."""
    return os.path.abspath(path)


def display_names(paths: list[Path]) -> list[str]:
    """The shortest name of each path that tells it from the others."""
    groups = defaultdict(list)
    for path in paths:
        groups[path.stem].append(path)
    names = {path: name for group in groups.values() for path, name in _tell_apart(group)}
    uses = Counter(names.values())  # 'a.npy' may also be the stem of 'a.npy.npz'
    return [names[path] if uses[names[path]] == 1 else str(path) for path in paths]


def _tell_apart(group: list[Path]) -> Iterable[tuple[Path, str]]:
    """Name files of one stem: by stem, by folder and stem, by file name, by ever more folders."""
    full = [Path(_key(path)) for path in group]
    choices = [
        [path.stem for path in full],
        [f"{path.parent.name}/{path.stem}" for path in full],
        [path.name for path in full],
    ]
    depth = max(len(path.parts) for path in full)
    choices += [["/".join(path.parts[-k:]) for path in full] for k in range(2, depth + 1)]
    names = next(names for names in choices if len(set(names)) == len(names))
    return zip(group, names, strict=True)


def _error(name: str, text: str) -> FileError:
    return FileError(f"{name} {text}")
