"""Tensors out of torch's own files, once, by torch's loader of plain data."""

from __future__ import annotations

import os
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from transferscore._checks import from_extra
from transferscore.io._files import (
    FileError,
    PathLike,
    check_unpacked,
    decoding,
    error,
    named,
    open_regular,
    printable,
)

_SUFFIXES = (".npy", ".npz", ".safetensors")


def convert_torch(path: PathLike, out: PathLike, *, key: str | None = None) -> Path:
    """Convert a ``.pt`` or ``.pth`` file of tensors to a format that needs no pickle.

    Such a file is a pickle, which may run any code when it is read. torch's loader of plain data
    (``weights_only``) builds tensors and containers from it and refuses everything else.

    Parameters
    ----------
    path : path-like
        A file that ``torch.save`` wrote: a tensor, or a dict, list or tuple of tensors, nested or
        not. Names of nested tensors are joined with dots, places in lists are numbers.
    out : path-like
        An ``.npy`` file for one tensor, an ``.npz`` or ``.safetensors`` file for all, by name. A
        tensor without a name is called ``features``. It is written whole or not at all.
    key : str, optional
        Convert the tensor of this name alone.

    Returns
    -------
    Path
        Where the arrays are: `out`. bfloat16 becomes float32, which holds the same numbers; other
        types stay as they are.

    Raises
    ------
    FileError
        Where the file is missing, damaged, holds pickled objects, or no tensor.
    ModuleNotFoundError
        Where torch is not installed: pip install 'transferscore[torch]'.

    Warns
    -----
    UserWarning
        Where something besides tensors is left out.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from transferscore.io import convert_torch, load_features
    >>> def convert(torch, folder):
    ...     torch.save({"features": torch.ones(4, 3)}, folder / "a.pt")
    ...     return load_features(convert_torch(folder / "a.pt", folder / "a.npz")).shape
    >>> from transferscore._checks import from_extra
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     convert(from_extra("torch", "torch"), Path(folder))
    (4, 3)
    """
    path, out, name = Path(path), Path(out), named(path)
    if out.suffix.lower() not in _SUFFIXES:
        wanted = f"{', '.join(_SUFFIXES[:-1])} or {_SUFFIXES[-1]}"
        raise error(named(out), f"must end in {wanted}, ends in '{printable(out.suffix)}'")
    arrays = _arrays(path, name, key)
    if out.suffix.lower() == ".npy" and len(arrays) > 1:
        shown = ", ".join(map(named, list(arrays)[:5]))
        raise error(name, f"must hold one tensor for an .npy file, or `key` name one of {shown}")
    _write(out, arrays)
    return out


def _arrays(path: Path, name: str, key: str | None) -> dict[str, NDArray[Any]]:
    torch = from_extra("torch", "torch")
    content = _loaded(torch, path, name)
    found, others = {}, []
    for label, value in _leaves(content, ""):
        if isinstance(value, torch.Tensor):
            found[label or "features"] = value
        else:
            others.append(label)
    if key is not None and key not in found:
        held = ", ".join(map(named, list(found)[:5])) or "none"
        raise error(name, f"must hold a tensor named {named(key)}, holds {held}")
    if not found:
        raise error(name, "must hold tensors, holds none")
    if others and key is None:
        shown = ", ".join(map(named, others[:5]))
        text = f"{name} holds {len(others)} values that are no tensors, left out: {shown}"
        warnings.warn(text, UserWarning, stacklevel=4)
    wanted = found if key is None else {key: found[key]}
    return {label: _array(torch, tensor, name, label) for label, tensor in wanted.items()}


def _loaded(torch: Any, path: Path, name: str) -> Any:
    with open_regular(path, name) as stream:
        with decoding(name, "file of torch"):  # to ask whether it is an archive may fail, too
            members = _members(stream)
        for member in members:
            check_unpacked(member.file_size, member.compress_size, name)
        stream.seek(0)
        try:
            with decoding(name, "file of torch"), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what torch says of old files is said below
                return torch.load(stream, map_location="cpu", weights_only=True)
        except FileError as reason:
            cause = reason.__cause__
            if isinstance(cause, pickle.UnpicklingError):
                what = re.search(r"(?:GLOBAL|class) (\S+)", str(cause))
                objects = f"pickled objects ({printable(what[1])})" if what else "pickled objects"
                text = f"must hold tensors, holds {objects}, which are never read"
                raise error(name, text) from cause
            raise


def _members(stream: IO[bytes]) -> list[zipfile.ZipInfo]:
    """What an archive holds; nothing where the file is none."""
    if not zipfile.is_zipfile(stream):
        return []
    with zipfile.ZipFile(stream) as archive:
        return archive.infolist()


def _leaves(node: Any, label: str) -> Iterator[tuple[str, Any]]:
    """(name, value) of everything in containers."""
    if isinstance(node, Mapping):
        inside = [(str(key), value) for key, value in node.items()]
    elif isinstance(node, list | tuple):
        inside = [(str(place), value) for place, value in enumerate(node)]
    else:
        yield label, node
        return
    for key, value in inside:
        yield from _leaves(value, f"{label}.{key}" if label else key)


def _array(torch: Any, tensor: Any, name: str, label: str) -> NDArray[Any]:
    inside = f"{name}, tensor {named(label)},"
    if tensor.layout != torch.strided or tensor.is_quantized:
        kind = "quantised" if tensor.is_quantized else str(tensor.layout).removeprefix("torch.")
        raise error(inside, f"must be dense, is {kind}")
    # Strides of zero declare any size from one number.
    declared, stored = tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes()
    check_unpacked(declared, stored, inside)
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()
    with decoding(inside, "tensor of numbers"):
        array: NDArray[Any] = tensor.detach().resolve_conj().resolve_neg().numpy()
        return array


def _write(out: Path, arrays: dict[str, NDArray[Any]]) -> None:
    part = out.with_name(f"{out.name}.part")
    try:
        if out.suffix.lower() == ".safetensors":
            save_file = from_extra("io", "safetensors.numpy").save_file
            save_file({key: np.ascontiguousarray(array) for key, array in arrays.items()}, part)
        else:
            _write_numpy(out.suffix.lower(), part, arrays)
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)


def _write_numpy(suffix: str, part: Path, arrays: dict[str, NDArray[Any]]) -> None:
    if suffix == ".npy":
        with part.open("wb") as file:
            npy_format.write_array(file, next(iter(arrays.values())), allow_pickle=False)
        return
    with zipfile.ZipFile(part, "w") as archive:  # numpy.savez has names of its own: `file`
        for key, array in arrays.items():
            with archive.open(f"{key}.npy", "w", force_zip64=True) as member:
                npy_format.write_array(member, array, allow_pickle=False)
