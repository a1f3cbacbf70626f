"""Small pictures of several domains, at one size: digits, clothes, characters, and PACS.

    digits = load("mnist", Path("data"))                    # (60000, 1, 28, 28) in [0, 1]
    photos = load("pacs_photo", Path("data"), size=32, colour=True)

A folder holds one `.npz` for each data set. What is missing there is fetched from where it was
first published (data_homes.py), if that can be. Ink is bright but in PACS, where paper is.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from data_homes import file_of
from torch.nn import functional

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

PACS = ("photo", "art_painting", "cartoon", "sketch")
GREY = ("mnist", "usps", "kmnist", "fashion_mnist", "omniglot")
DOMAINS = (*GREY, *(f"pacs_{domain}" for domain in PACS))
SPLITS = ("train", "test")
GREY_OF_COLOURS = np.array([0.299, 0.587, 0.114], np.float32)  # as televisions do, ITU-R BT.601


@dataclass(frozen=True)
class Images:
    """Pictures (n, c, size, size) in [0, 1] and labels (n,), counted from 0.

    `groups` (n,) says of which alphabet a character of Omniglot is, and is 0 elsewhere.
    """

    pictures: Floats
    labels: Integers
    groups: Integers

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, at: npt.ArrayLike) -> Images:
        """Those at these places, or where a mask is true."""
        where = np.asarray(at)
        return Images(self.pictures[where], self.labels[where], self.groups[where])

    def of_classes(self, classes: Sequence[int]) -> Images:
        """Those of these classes; the first class becomes label 0, and so on."""
        chosen = np.asarray(classes)
        order = np.argsort(chosen)
        mine = self.take(np.isin(self.labels, chosen))
        return replace(mine, labels=order[np.searchsorted(chosen[order], mine.labels)])

    def some(self, n: int, seed: int) -> Images:
        """At most n of them, drawn without replacement."""
        return self.take(np.random.default_rng(seed).permutation(len(self))[:n])

    def of_each_class(self, n: int, seed: int) -> tuple[Images, Images]:
        """n of each class, drawn, sorted by class; and all others, in their order."""
        rng = np.random.default_rng(seed)
        drawn = []
        for label in np.unique(self.labels):
            there = np.flatnonzero(self.labels == label)
            if len(there) < n:
                raise ValueError(f"{n} of each class: of class {label} there are {len(there)}")
            drawn.append(rng.permutation(there)[:n])
        at = np.concatenate(drawn)
        return self.take(at), self.take(np.setdiff1d(np.arange(len(self)), at))


def load(
    name: str, folder: Path, *, split: str = "train", size: int = 28, colour: bool = False
) -> Images:
    """A domain (one of DOMAINS) in the usual split.

    Of Omniglot `train` is the 30 background alphabets and `test` the 20 others, labels are
    characters. Of PACS every fourth picture of a class is for testing.
    """
    if name not in DOMAINS or split not in SPLITS:
        raise ValueError(f"{name!r}, {split!r}: there are {DOMAINS} and {SPLITS}")
    images = _read(name, Path(folder), split)
    return replace(images, pictures=_in_shape(images.pictures, size, colour))


@lru_cache(maxsize=4)
def _read(name: str, folder: Path, split: str) -> Images:
    """As the file has it: (n, c, h, w) in [0, 1]."""
    path = file_of("pacs_32" if name.startswith("pacs") else name, folder)
    with np.load(path, allow_pickle=False) as data:
        if name == "omniglot":
            mine = data["is_evaluation"] == (split == "test")
            bits = np.unpackbits(data["x_bits28"][mine], axis=1)[:, : 28 * 28]
            pictures = bits.reshape(-1, 1, 28, 28).astype(np.float32)
            labels = np.unique(data["char_id"][mine], return_inverse=True)[1]
            return Images(pictures, labels, data["alphabet"][mine].astype(np.int64))
        if name.startswith("pacs"):
            mine = data["domain"] == PACS.index(name.removeprefix("pacs_"))
            labels, x = data["label"][mine].astype(np.int64), data["x"][mine]
            place = np.array([np.sum(labels[:i] == label) for i, label in enumerate(labels)])
            at = (place % 4 == 3) == (split == "test")
            labels, pictures = labels[at], x[at].transpose(0, 3, 1, 2)
        else:
            if f"x_{split}" not in data:
                sys.exit(f"{path} has no {split} split: choose the other one")
            labels, pictures = (
                data[f"y_{split}"].astype(np.int64),
                data[f"x_{split}"][:, np.newaxis],
            )
    scaled = pictures.astype(np.float32) / 255
    return Images(np.ascontiguousarray(scaled), labels, np.zeros(len(labels), np.int64))


def _in_shape(pictures: Floats, size: int, colour: bool) -> Floats:
    """Grey or in three colours, at another size where it is asked for."""
    if not colour and pictures.shape[1] == 3:
        pictures = np.tensordot(GREY_OF_COLOURS, pictures, (0, 1))[:, np.newaxis]
    if pictures.shape[-1] != size:
        scaled = functional.interpolate(
            torch.from_numpy(np.ascontiguousarray(pictures)),
            (size, size),
            mode="bilinear",
            antialias=True,
            align_corners=False,
        )
        pictures = scaled.clamp(0, 1).numpy()
    if colour and pictures.shape[1] == 1:
        pictures = pictures.repeat(3, axis=1)
    return np.ascontiguousarray(pictures)
