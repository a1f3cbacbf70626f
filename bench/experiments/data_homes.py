"""Data sets from where they were first published, in the form in which `domains.py` reads them.

Each is fetched only where its file is missing, checked against its published sum, and written to
the folder of the data as one `.npz`. Omniglot is read with Pillow.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import os
import sys
import urllib.request
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]
TIMEOUT = 60  # seconds without a byte
IDX_FILES = {
    "x_train": "train-images-idx3-ubyte.gz",
    "y_train": "train-labels-idx1-ubyte.gz",
    "x_test": "t10k-images-idx3-ubyte.gz",
    "y_test": "t10k-labels-idx1-ubyte.gz",
}
# The home, and after it what its authors or their successors keep up; MD5 of each file.
IDX_SOURCES = {
    "mnist": (
        ("http://yann.lecun.com/exdb/mnist/", "https://ossci-datasets.s3.amazonaws.com/mnist/"),
        (
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
    ),
    "fashion_mnist": (
        ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        (
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
    ),
    "kmnist": (
        ("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
        (
            "bdb82020997e1d708af4cf47b453dcf7",
            "e144d726b3acfaa3e44228e80efcd344",
            "5c965bf0a639b31b8f53240b1b52f4d7",
            "7320c461ea6c1c855c0b718fb2a4b134",
        ),
    ),
}
USPS_HOME = "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/"
USPS_FILES = {
    "train": ("usps.bz2", "ec16c51db3855ca6c91edd34d0e9b197"),
    "test": ("usps.t.bz2", "8ea070ee2aca1ac39742fdd1ef5ed118"),
}
OMNIGLOT_HOME = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python/"
OMNIGLOT_FILES = {
    "images_background.zip": "68d2efa1b9178cc56df9314c21c6e718",
    "images_evaluation.zip": "6b91aef0f799c5bb55b94e3f2daec811",
}
INK = 0.3  # share of a pixel that must be ink for the pixel to be


def file_of(name: str, folder: Path) -> Path:
    """Where a data set is; fetched into the folder if it isn't there."""
    path = folder / f"{name}.npz"
    if path.exists():
        return path
    if name not in FETCHERS:
        sys.exit(f"{path} is not there, and {name} can't be fetched: its home is {HOMES[name]}")
    print(f"{path} is not there: fetching {name} from where it was published", file=sys.stderr)
    arrays = FETCHERS[name]()
    part = path.with_suffix(f".{os.getpid()}.part")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        part.replace(path)
    except OSError as error:
        sys.exit(f"{path} can't be written ({error}): name another folder")
    return path


def _fetched(homes: Iterable[str], file: str, md5: str) -> bytes:
    """A file from the first home that has it, as it was published."""
    failures = []
    for home in homes:
        try:
            with urllib.request.urlopen(home + file, timeout=TIMEOUT) as answer:
                content: bytes = answer.read()
        except OSError as error:  # no network, no such host, no such page, too slow
            failures.append(f"{home + file}: {error}")
            continue
        found = hashlib.md5(content, usedforsecurity=False).hexdigest()
        if found == md5:
            return content
        failures.append(f"{home + file}: its MD5 is {found}, published is {md5}")
    sys.exit("could not be fetched:\n  " + "\n  ".join(failures))


def _idx(content: bytes) -> npt.NDArray[np.uint8]:
    """An array of bytes in LeCun's format: type, number of dimensions, dimensions, values."""
    plain = gzip.decompress(content)
    shape = np.frombuffer(plain, ">u4", count=plain[3], offset=4)
    return np.frombuffer(plain, np.uint8, offset=4 + 4 * plain[3]).reshape(shape)


def _idx_set(name: str) -> Arrays:
    homes, sums = IDX_SOURCES[name]
    return {
        key: _idx(_fetched(homes, file, md5))
        for (key, file), md5 in zip(IDX_FILES.items(), sums, strict=True)
    }


def _usps() -> Arrays:
    """Lines of `label index:value ...`, labels from 1, values in [-1, 1]."""
    arrays: Arrays = {}
    for split, (file, md5) in USPS_FILES.items():
        lines = bz2.decompress(_fetched([USPS_HOME], file, md5)).decode().splitlines()
        table = [line.split() for line in lines]
        values = np.array([[cell.partition(":")[2] for cell in row[1:]] for row in table], float)
        levels = np.round((values + 1) / 2 * 255)
        arrays[f"x_{split}"] = levels.astype(np.uint8).reshape(-1, 16, 16)
        arrays[f"y_{split}"] = np.array([int(row[0]) - 1 for row in table], np.uint8)
    return arrays


def _omniglot() -> Arrays:
    """Drawings of 105 x 105 as 28 x 28 bits; a file's name tells character and drawer."""
    from PIL import Image

    rows = []
    for file, md5 in OMNIGLOT_FILES.items():
        content = _fetched([OMNIGLOT_HOME], file, md5)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name in sorted(archive.namelist()):
                if not name.endswith(".png"):
                    continue
                _, alphabet, character, drawing = name.split("/")
                number, drawer = Path(drawing).stem.split("_")
                with Image.open(io.BytesIO(archive.read(name))) as picture:
                    ink = ~np.asarray(picture, bool)
                bits = np.packbits(averaged(ink.astype(float), 28) >= INK)
                place = int(character.removeprefix("character"))
                held_out = file == "images_evaluation.zip"
                rows.append((alphabet, place, int(drawer), int(number), held_out, bits))
    rows.sort(key=lambda row: row[:3])
    alphabets, places, drawers, numbers, evaluation, bits = zip(*rows, strict=True)
    names = sorted(set(alphabets))
    return {
        "x_bits28": np.array(bits),
        "alphabet": np.searchsorted(names, alphabets).astype(np.uint8),
        "character": np.array(places, np.uint8),
        "drawer": np.array(drawers, np.uint8),
        "char_id": np.array(numbers, np.uint16),
        "is_evaluation": np.array(evaluation, bool),
        "alphabet_names": np.array(names),
    }


def averaged(picture: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.float64]:
    """A square picture in fewer pixels, each the mean over its area."""
    edges = np.linspace(0, len(picture), size + 1)
    begin, end = edges[:-1, np.newaxis], edges[1:, np.newaxis]
    at = np.arange(len(picture))
    share = np.clip(np.minimum(end, at + 1) - np.maximum(begin, at), 0, None) * size / len(picture)
    mean: npt.NDArray[np.float64] = share @ picture @ share.T
    return mean


FETCHERS: dict[str, Callable[[], Arrays]] = {
    **{name: lambda name=name: _idx_set(name) for name in IDX_SOURCES},  # type: ignore[misc]
    "usps": _usps,
    "omniglot": _omniglot,
}
HOMES = {"pacs_32": "https://dali-dl.github.io/project_iccv2017.html (evenly drawn, in 32 x 32)"}
