"""safetensors: judged by its library, then mapped like an `.npy` file."""

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
    check_shape,
    check_type,
    choose,
    decoding,
    error,
    named,
    open_regular,
)

_MAX_HEADER_BYTES = 10 * 2**20  # some hundred bytes for each tensor
_TYPES = {
    "BOOL": "?",
    "U8": "u1",
    "I8": "i1",
    "U16": "<u2",
    "I16": "<i2",
    "U32": "<u4",
    "I32": "<i4",
    "U64": "<u8",
    "I64": "<i8",
    "F16": "<f2",
    "F32": "<f4",
    "F64": "<f8",
    "BF16": "<u2",  # the upper half of a float32
}


@contextmanager
def read(path: Path, name: str, role: Role) -> Iterator[Stored]:
    """A tensor of the file, mapped; bfloat16 as float32, of rows when they are read."""
    header, first_byte = _header(path, name)
    tensor = header[choose([key for key in header if key != "__metadata__"], name, role)]
    kind, shape = tensor["dtype"], tuple(tensor["shape"])
    if kind not in _TYPES:
        raise error(name, f"must hold {role.values}, holds {kind}")
    check_type(np.dtype("<f4" if kind == "BF16" else _TYPES[kind]), name, role)
    check_shape(shape, name, role)
    begin = first_byte + tensor["data_offsets"][0]
    with decoding(name, "safetensors file"):
        mapped = np.memmap(path, _TYPES[kind], "r", begin, shape).view(np.ndarray)
    if kind == "BF16":
        yield StoredMatrix(
            shape, np.dtype("<f4"), lambda first, last: float32_of_bfloat16(mapped[first:last])
        )
    else:
        yield mapped


def names(path: Path) -> list[str]:
    """The names of the tensors."""
    return [key for key in _header(path, named(path))[0] if key != "__metadata__"]


def float32_of_bfloat16(upper: NDArray[np.uint16]) -> NDArray[np.float32]:
    """The numbers of which these are the upper halves of the bits: exact."""
    return (upper.astype(np.uint32) << 16).view(np.float32)


def _header(path: Path, name: str) -> tuple[dict[str, Any], int]:
    """The header, and where the data begin.

    That tensors lie inside the file, next to each other, in the bytes that their shapes take, is
    for the library to find; it reads the header and no data.
    """
    safetensors = from_extra("io", "safetensors")
    with open_regular(path, name) as stream:
        size = os.fstat(stream.fileno()).st_size
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > min(size - 8, _MAX_HEADER_BYTES):
            raise error(
                name,
                f"must begin with the size of a header of at most {_MAX_HEADER_BYTES:,} bytes "
                f"inside the file, declares {length:,} in a file of {size:,}: it is no "
                "safetensors file or truncated",
            )
        with decoding(name, "safetensors file"):
            with safetensors.safe_open(str(path), framework="numpy"):
                pass
            header: dict[str, Any] = json.loads(stream.read(length))
    return header, 8 + length
