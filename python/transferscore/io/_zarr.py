"""zarr folders, by zarr. Its metadata may ask for code to run; that is refused before it reads."""

from __future__ import annotations

import json
import os
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
    choose,
    decoding,
    error,
    printable,
    strings,
    without_names,
)

_MAX_METADATA_BYTES = 2**20
_STRINGS = 1024  # read at once
# What compresses or arranges numbers and strings. Others, of which "pickle" is one, may run code.
_CODECS = {
    *("blosc", "zstd", "gzip", "zlib", "lz4", "lz4hc", "bz2", "lzma", "shuffle", "delta"),
    *("astype", "fixedscaleoffset", "quantize", "packbits", "bitround", "crc32", "crc32c"),
    *("adler32", "fletcher32", "bytes", "transpose", "sharding_indexed", "vlen-utf8"),
}


@contextmanager
def read(path: Path, name: str, role: Role) -> Iterator[Stored]:
    """An array of the folder, of which rows are read on request; labels are read at once."""
    zarr = from_extra("io", "zarr")
    folder = _array(path, name, role)
    codecs = _known_codecs(folder, name)
    with decoding(name, "zarr folder"):
        array = zarr.open_array(str(folder), mode="r")
        check_shape(array.shape, name, role)
        stored = _bytes_in(folder)
        # A type of strings may be none of NumPy's.
        text = array.dtype.kind == "T" or (array.dtype.hasobject and "vlen-utf8" in codecs)
        if text:
            check_type(np.dtype("U1"), name, role)
            firsts = range(0, array.shape[0], _STRINGS)
            parts = (array[first : first + _STRINGS].tolist() for first in firsts)
            loaded = strings(parts, stored, name)
        else:
            check_compressed(array.shape, array.dtype, stored, name, role)
            loaded = None

    def rows(first: int, last: int) -> NDArray[Any]:
        with decoding(name, "zarr folder"):
            return np.asarray(array[first:last])

    yield (
        StoredMatrix(array.shape, array.dtype, rows, array.chunks[0]) if loaded is None else loaded
    )


def names(path: Path) -> list[str]:
    """The names of the arrays directly in a group."""
    return sorted(entry.name for entry in path.iterdir() if _metadata(entry) is not None)


def _array(path: Path, name: str, role: Role) -> Path:
    """The folder of the array: the whole, or one inside a group."""
    if not path.is_dir():
        what = "is a file" if path.exists() else "is not there"
        raise error(name, f"must be a folder in zarr format, {what}")
    try:
        if _metadata(path) is not None:
            without_names(name, role)
            return path
        inside = path / role.key
        deeper = "/" in role.key and path.resolve() in inside.resolve().parents
        if role.asked and deeper and _metadata(inside) is not None:
            return inside
        return path / choose(names(path), name, role)
    except OSError as reason:
        raise error(name, f"cannot be read: {reason.strerror}") from reason


def _metadata(folder: Path) -> dict[str, Any] | None:
    """The metadata of an array of either version of the format; None where there is no array."""
    for file in (folder / "zarr.json", folder / ".zarray"):
        if file.is_file():
            if file.stat().st_size > _MAX_METADATA_BYTES:
                raise error(f"'{printable(file)}'", "must be metadata of zarr, is too large")
            with decoding(f"'{printable(file)}'", "file of metadata of zarr"):
                found: dict[str, Any] = json.loads(file.read_bytes())
                return found if found.get("node_type", "array") == "array" else None
    return None


def _known_codecs(folder: Path, name: str) -> set[str]:
    with decoding(name, "zarr folder"):
        used = set(_codecs(_metadata(folder)))
    if unknown := sorted(used - _CODECS):
        raise error(name, f"must use known codecs only, uses {', '.join(map(printable, unknown))}")
    return used


def _codecs(node: Any) -> Iterator[str]:
    """Every codec of a tree of metadata: `id` in version 2, `name` of `codecs` in version 3."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("codecs", "index_codecs", "filters"):
                for codec in value or []:
                    yield str(codec.get("name", codec.get("id")))
            elif key == "compressor" and value is not None:
                yield str(value.get("id"))
            if key != "attributes":
                yield from _codecs(value)
    elif isinstance(node, list):
        for item in node:
            yield from _codecs(item)


def _bytes_in(folder: Path) -> int:
    return sum(
        os.path.getsize(os.path.join(place, file))
        for place, _, files in os.walk(folder)
        for file in files
    )
