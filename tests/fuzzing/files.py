"""Damaged files of every kind that is read."""

from __future__ import annotations

import gzip
import io
import shutil
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

import transferscore as ts
from fuzzing.arrays import Generator, chance, one_of
from transferscore.cli._evaluate import read_columns
from transferscore.io import load_features, load_labels, open_features
from transferscore.pixels import load_volume
from transferscore.pixels.io import load_feature_maps, load_label_maps

Load = Callable[[Path], Any]

X = np.random.default_rng(0).normal(size=(40, 6))
Y = np.arange(40) % 3


def _chunks(path: Path) -> Any:
    with open_features(path) as matrix:
        return matrix[:7], matrix[30:]


def _resumed(path: Path) -> Any:
    return ts.score_matrix({"a": X}, {"b": Y}, score="lfc", log=path)


LOADERS: dict[str, tuple[str, Load]] = {
    "npy": ("x.npy", load_features),
    "npz": ("stored.npz", load_features),
    "deflated npz": ("deflated.npz", load_features),
    "labels": ("stored.npz", load_labels),
    "safetensors": ("x.safetensors", load_features),
    "safetensors in chunks": ("x.safetensors", _chunks),
    "hdf5": ("x.h5", load_features),
    "hdf5 in chunks": ("x.h5", _chunks),
    "zarr": ("x.zarr", load_features),
    "parquet": ("x.parquet", load_features),
    "parquet in chunks": ("x.parquet", _chunks),
    "label maps": ("maps.npy", load_label_maps),
    "feature maps": ("feature_maps.npz", load_feature_maps),
    "pictures": ("pictures", load_label_maps),
    "volume": ("v.nii", lambda path: load_volume(path, holds="labels")),
    "packed volume": ("v.nii.gz", lambda path: load_volume(path, holds="intensities")),
    "feature statistics": ("features.stats", ts.FeatureStatistics.load),
    "label statistics": ("labels.stats", ts.LabelStatistics.load),
    "prediction statistics": ("predictions.stats", ts.PredictionStatistics.load),
    "second pass": ("second.stats", ts.SecondPass.load),
    "calibration": ("calibration.json", ts.OTCECalibration.load),
    "score matrix log": ("log.jsonl", _resumed),
    "csv": ("table.csv", lambda path: read_columns(str(path))),
    "torch": ("x.pt", lambda path: _converted(path)),  # noqa: PLW0108  defined below
}


def _converted(path: Path) -> Any:
    from transferscore.io import convert_torch

    out = path.with_name("converted.safetensors")
    out.unlink(missing_ok=True)
    return convert_torch(path, out)


class Corpus:
    """Good files in a folder, and one place for a damaged copy."""

    def __init__(self, folder: Path) -> None:
        self._good, self._place = folder / "good", folder / "damaged"
        self._good.mkdir()
        self._write()

    def load_undamaged(self, name: str) -> Any:
        """What a loader makes of the good file."""
        file, load = LOADERS[name]
        return load(self._good / file) if (self._good / file).exists() else None

    def damaged(self, name: str, rng: Generator) -> tuple[Path, Load]:
        """A damaged file for a loader, and the loader."""
        file, load = LOADERS[name]
        shutil.rmtree(self._place, ignore_errors=True)
        self._place.mkdir()
        source, path = self._good / file, self._place / file
        if not source.exists():
            return path, lambda _: None  # the library that writes it isn't there
        if source.is_dir():
            shutil.copytree(source, path)
            files = sorted(f for f in path.rglob("*") if f.is_file())
            victim = files[int(rng.integers(len(files)))]
        else:
            shutil.copyfile(source, path)
            victim = path
        others = [f for f in self._good.iterdir() if f.is_file()]
        victim.write_bytes(damaged(rng, victim.read_bytes(), one_of(rng, sorted(others))))
        return path, load

    def _write(self) -> None:
        good = self._good
        np.save(good / "x.npy", X)
        np.savez(good / "stored.npz", features=X, labels=Y)
        np.savez_compressed(good / "deflated.npz", features=np.round(X), labels=Y)
        np.save(good / "maps.npy", np.zeros((2, 5, 6), np.uint8))
        np.savez(good / "feature_maps.npz", features=np.zeros((2, 3, 5, 6), np.float32))
        ts.FeatureStatistics().partial_fit(X, Y).save(good / "features.stats")
        ts.LabelStatistics().partial_fit(source_labels=Y, target_labels=Y[::-1]).save(
            good / "labels.stats"
        )
        rows = np.abs(X) / np.abs(X).sum(axis=1, keepdims=True)
        first = ts.PredictionStatistics().partial_fit(rows, Y)
        first.save(good / "predictions.stats")
        first.second_pass().partial_fit(rows, Y).save(good / "second.stats")
        three = X[:5, 0], X[:5, 1], X[:5, 2]
        ts.OTCECalibration().fit(*three).save(good / "calibration.json")
        ts.score_matrix({"a": X}, {"b": Y, "c": Y[::-1]}, score="lfc", log=good / "log.jsonl")
        rows = [f"model {i},task {i % 2},{x:.4f}" for i, x in enumerate(X[:9, 0])]
        text = "\n".join(["model,task,h_score", *rows]) + "\n"
        (good / "table.csv").write_text(text, encoding="utf-8")
        for write in (_safetensors, _hdf5, _zarr, _parquet, _pictures, _volumes, _torch):
            with suppress(ModuleNotFoundError):
                write(good)


def _safetensors(good: Path) -> None:
    from safetensors.numpy import save_file

    save_file({"features": X.astype(np.float32), "labels": Y}, good / "x.safetensors")


def _hdf5(good: Path) -> None:
    import h5py

    with h5py.File(good / "x.h5", "w") as file:
        file.create_dataset("features", data=X, chunks=(10, 3), compression="gzip")
        file["labels"] = Y


def _zarr(good: Path) -> None:
    import zarr

    for name, values in (("features", X), ("labels", Y)):
        chunks = (10, *values.shape[1:])
        stored = zarr.open_array(
            str(good / "x.zarr" / name),
            mode="w",
            shape=values.shape,
            chunks=chunks,
            dtype=values.dtype,
        )
        stored[...] = values


def _parquet(good: Path) -> None:
    import pyarrow as arrow
    from pyarrow import parquet

    features = arrow.FixedSizeListArray.from_arrays(arrow.array(X.ravel()), X.shape[1])
    table = arrow.table({"features": features, "labels": arrow.array(Y)})
    parquet.write_table(table, good / "x.parquet", row_group_size=9)


def _pictures(good: Path) -> None:
    from PIL import Image

    (good / "pictures").mkdir()
    for name in ("a", "b"):
        Image.fromarray((Y.reshape(5, 8) * 3).astype(np.uint8)).save(
            good / "pictures" / f"{name}.png"
        )


def _volumes(good: Path) -> None:
    import nibabel

    image = nibabel.Nifti1Image(Y.reshape(2, 4, 5).astype(np.int16), np.diag([1.0, 2, 3, 1]))
    for name in ("v.nii", "v.nii.gz"):
        nibabel.save(image, good / name)


def _torch(good: Path) -> None:
    import torch

    torch.save({"features": torch.from_numpy(X), "labels": torch.from_numpy(Y)}, good / "x.pt")


# ------------------------------------------------------------------------ damage

# What readers take for sizes, offsets and counts.
EXTREMES = [
    value.to_bytes(width, "little", signed=value < 0)
    for width in (1, 2, 4, 8)
    for value in (-1, 2 ** (8 * width - 1) - 1, -(2 ** (8 * width - 1)), 0, 1)
]


def damaged(rng: Generator, content: bytes, other: Path) -> bytes:
    """One to three kinds of damage."""
    for _ in range(int(rng.integers(1, 4))):
        content = one_of(rng, DAMAGES)(rng, content, other)
    return content


def _flipped(rng: Generator, content: bytes, _: Path) -> bytes:
    changed = bytearray(content)
    for at in rng.integers(max(1, len(changed)), size=int(rng.integers(1, 5))):
        if changed:
            changed[at] = rng.integers(256)
    return bytes(changed)


def _cut(rng: Generator, content: bytes, _: Path) -> bytes:
    return content[: int(rng.integers(len(content) + 1))]


def _overwritten(rng: Generator, content: bytes, _: Path) -> bytes:
    at = int(rng.integers(len(content) + 1))
    extreme = one_of(rng, EXTREMES)
    return content[:at] + extreme + content[at + len(extreme) :]


def _missing(rng: Generator, content: bytes, _: Path) -> bytes:
    a, b = sorted(rng.integers(len(content) + 1, size=2))
    return content[:a] + content[min(b, a + 64) :]


def _repeated(rng: Generator, content: bytes, _: Path) -> bytes:
    a, b = sorted(rng.integers(len(content) + 1, size=2))
    return content[:b] + content[a:]


def _digits(rng: Generator, content: bytes, _: Path) -> bytes:
    """Other numbers where text has some: headers in JSON, shapes, tables."""
    places = [at for at, byte in enumerate(content) if chr(byte).isdigit()]
    if not places:
        return content
    at = one_of(rng, places)
    number = one_of(rng, (b"-1", b"99999999999999999999", b"1e999", b"NaN", b"0", b"[]", b'"'))
    return content[:at] + number + content[at + 1 :]


def _spliced(rng: Generator, content: bytes, other: Path) -> bytes:
    foreign = other.read_bytes()
    at = int(rng.integers(len(content) + 1))
    return content[:at] + foreign[int(rng.integers(len(foreign) + 1)) :]


def _noise(rng: Generator, content: bytes, _: Path) -> bytes:
    at = int(rng.integers(len(content) + 1))
    return content[:at] + rng.bytes(int(rng.integers(1, 64))) + content[at:]


def _repacked(rng: Generator, content: bytes, other: Path) -> bytes:
    """An archive with a damaged member but right sizes and checksums."""
    if content.startswith(b"\x1f\x8b"):
        with suppress(OSError, EOFError, zlib.error):
            inside = one_of(rng, (_flipped, _cut, _overwritten))(
                rng, gzip.decompress(content), other
            )
            return gzip.compress(inside, mtime=0)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except Exception:
        return _flipped(rng, content, other)
    if not members:
        return content
    victim = one_of(rng, sorted(members))
    kind = one_of(rng, (_flipped, _cut, _overwritten, _digits, _noise))
    members[victim] = kind(rng, members[victim], other)
    if chance(rng, 0.2):
        del members[one_of(rng, sorted(members))]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, member in members.items():
            archive.writestr(name, member)
    return stream.getvalue()


DAMAGES = (
    *(_flipped, _flipped, _cut, _overwritten, _overwritten, _missing, _repeated, _digits, _digits),
    *(_spliced, _noise, _repacked, _repacked),
)
