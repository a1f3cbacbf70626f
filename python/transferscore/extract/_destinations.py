"""Where rows go: memory, statistics, or files that grow and survive being killed."""

from __future__ import annotations

import json
import os
import re
import struct
import time
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferscore import _checks
from transferscore._statistics import FeatureStatistics
from transferscore.extract._batches import Batch

RECORD = "extraction.json"
CHECKPOINT_SECONDS = 2.0  # as much work is lost at most, beside the batch that runs
_VERSION = 1
_MOST_ROWS = 10**18  # room for their number in a header
_SAMPLED = 1024  # numbers of each parameter that tell a model from others

LABELS = None  # what stands for labels among the names of layers
Rows = dict[str | None, NDArray[Any]]
Known = dict[str | None, tuple[list[int], str]]  # shape and type of a row


class Arrays:
    """Rows in memory."""

    def __init__(self) -> None:
        self.n = 0
        self._batches: list[Rows] = []

    def has(self, batch: Batch) -> bool:
        """Whether a former call has run this batch: never."""
        return False

    def add(self, batch: Batch, rows: Rows) -> None:
        """Keep the rows of a batch."""
        self._batches.append(rows)
        self.n += batch.n

    def finish(self) -> Rows:
        """All rows by layer, and the labels."""
        names = self._batches[0]
        return {name: np.concatenate([rows[name] for rows in self._batches]) for name in names}

    def close(self) -> None:
        """Nothing is open."""


class Statistics(Arrays):
    """Rows that are summed at once and forgotten; labels are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.sums: dict[str, FeatureStatistics] = {}

    def add(self, batch: Batch, rows: Rows) -> None:
        """Sum the rows of a batch."""
        if batch.labels is None:
            raise _checks.no_labels_to_sum()
        for layer, features in rows.items():
            if layer is not LABELS:
                self.sums.setdefault(layer, FeatureStatistics())
                self.sums[layer].partial_fit(features, batch.labels)
        super().add(batch, {LABELS: batch.labels})


class Files:
    """Rows in `.npy` files that grow by batches, and a record of what is safe in them.

    A file is called `.part` until all of its rows are there. What the record does not count is cut
    off by the next call, which goes on from there: the files are the same to the byte as if nothing
    had happened, given that the model gives the same numbers again.
    """

    def __init__(self, folder: Path, torch: Any, about: dict[str, Any], *, resume: bool) -> None:
        self._folder, self._torch = folder, torch
        self._about = {"format": "transferscore extraction", "version": _VERSION, **about}
        self._streams: dict[str | None, _Stream] = {}
        self._complete = False
        self._done = self._seen = self.n = 0  # batches that are there, batches of this call, rows
        self._digest = blake2b(digest_size=16)
        self._recorded = ""  # the digest of the batches that are there
        self._saved = time.monotonic()
        self._is_new = True  # no file of this call is there yet
        self._resume = resume
        folder.mkdir(parents=True, exist_ok=True)
        if resume and (folder / RECORD).exists():
            try:
                self._go_on()
            except BaseException:
                self._close_streams()
                raise

    def has(self, batch: Batch) -> bool:
        """Whether a former call has run this batch; the same batches must come again."""
        self._digest.update(_sample(self._torch, batch))
        self._seen += 1
        if self._seen == self._done and self._digest.hexdigest() != self._recorded:
            raise _checks.other_samples(self._done)
        if self._complete and self._seen > self._done:
            raise _checks.other_samples(self._done)
        return self._seen <= self._done

    def add(self, batch: Batch, rows: Rows) -> None:
        """Append the rows of a batch."""
        if self._is_new:
            self._begin(rows)
        for name, stream in self._streams.items():
            stream.append(rows[name])
        self.n += batch.n
        self._done += 1
        self._recorded = self._digest.hexdigest()
        if time.monotonic() - self._saved > CHECKPOINT_SECONDS:
            self._save()

    def finish(self) -> Rows:
        """All rows, mapped."""
        if self._seen < self._done:
            raise _checks.other_samples(self._done)
        if not self._complete:
            for stream in self._streams.values():
                stream.finish(self.n)
            self._complete = True
            self._save()
        for stream in self._streams.values():
            stream.rename()
        return {name: np.load(s.path, mmap_mode="r") for name, s in self._streams.items()}

    def paths(self) -> dict[str, Path]:
        """The files by layer."""
        return {name: stream.path for name, stream in self._streams.items() if name is not LABELS}

    def close(self) -> None:
        """Make safe what is there; called whatever happened."""
        try:
            if self._streams and not self._complete:
                self._save()
        finally:
            self._close_streams()

    def _close_streams(self) -> None:
        for stream in self._streams.values():
            stream.close()

    def expected(self) -> Known:
        """The shape and type of a row, by layer, where a former call has written some."""
        return {name: (stream.shape, stream.dtype) for name, stream in self._streams.items()}

    def _begin(self, rows: Rows) -> None:
        """Start files, of which none may be there from elsewhere."""
        used: set[str] = {RECORD}
        for name, batch in rows.items():
            file = f"{_file_name(name, used)}.npy"
            stream = _Stream(self._folder / file, list(batch.shape[1:]), batch.dtype.str)
            if self._resume and stream.path.exists():
                raise _checks.foreign_file(stream.path)
            self._streams[name] = stream
        (self._folder / RECORD).unlink(missing_ok=True)
        for stream in self._streams.values():
            stream.open(None)
        self._is_new = False

    def _go_on(self) -> None:
        path = self._folder / RECORD
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            content = None
        content = _checks.record(path, content, self._about)
        self._done, self.n, self._recorded = (content[key] for key in ("batches", "n", "digest"))
        self._complete = content["complete"]
        for each in content["streams"]:
            file = self._folder / Path(each["file"]).name
            self._streams[each["layer"]] = _Stream(file, each["shape"], each["dtype"])
        for stream in self._streams.values():
            stream.open(self.n, whole=self._complete)
        self._is_new = False

    def _save(self) -> None:
        for stream in self._streams.values():
            stream.flush()
        content = {
            **self._about,
            "n": self.n,
            "batches": self._done,
            "digest": self._recorded,
            "complete": self._complete,
            "streams": [
                {"layer": name, "file": s.path.name, "shape": s.shape, "dtype": s.dtype}
                for name, s in self._streams.items()
            ],
        }
        part = self._folder / f"{RECORD}.part"
        with part.open("w", encoding="utf-8") as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self._folder / RECORD)
        self._saved = time.monotonic()


class _Stream:
    """An `.npy` file to which rows are appended; its header has room for any number of these."""

    def __init__(self, path: Path, shape: list[int], dtype: str) -> None:
        self.path, self.shape, self.dtype = path, shape, dtype
        self._part = path.with_name(f"{path.name}.part")
        self._file: Any = None

    def open(self, n: int | None, *, whole: bool = False) -> None:
        """Begin (n is None), or go on behind row n."""
        if whole and not self._part.exists():
            return
        self._file = self._part.open("wb" if n is None else "r+b")
        if n is None:
            self._file.write(self._header(0))
            return
        row = int(np.dtype(self.dtype).itemsize * np.prod(self.shape, dtype=np.int64))
        end = len(self._header(n)) + n * row
        if self._file.seek(0, os.SEEK_END) < end:
            raise _checks.part_too_short(self._part)
        self._file.truncate(end)
        self._file.seek(end)

    def append(self, rows: NDArray[Any]) -> None:
        """Add rows at the end."""
        self._file.write(np.ascontiguousarray(rows).data)

    def flush(self) -> None:
        """See to it that what was written outlives the machine's next moment."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())

    def finish(self, n: int) -> None:
        """Put the number of rows into the header."""
        self._file.seek(0)
        self._file.write(self._header(n))
        self.flush()

    def rename(self) -> None:
        """Give the file its name, now that it is whole."""
        self.close()
        if self._part.exists():
            os.replace(self._part, self.path)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _header(self, n: int) -> bytes:
        """Return a header of a length that doesn't depend on n."""

        def text(rows: int) -> str:
            shape = (rows, *self.shape)
            return f"{{'descr': '{self.dtype}', 'fortran_order': False, 'shape': {shape}, }}"

        room = -(-(len(text(_MOST_ROWS)) + 11) // 64) * 64 - 11
        line = f"{text(n):<{room}}\n".encode("ascii")
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(line)) + line


def fingerprint(torch: Any, model: Any) -> str:
    """What tells a model from others: names, shapes, types and some numbers of its state."""
    digest = blake2b(type(model).__qualname__.encode(), digest_size=16)
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        if isinstance(tensor, torch.Tensor) and tensor.device.type != "meta":
            digest.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
            digest.update(_bytes(torch, tensor.detach().flatten()[:_SAMPLED]))
    return digest.hexdigest()


def _sample(torch: Any, batch: Batch) -> bytes:
    """What tells a batch from others: its size, its labels, its first and last sample."""
    parts = [str(batch.n).encode()]
    if batch.labels is not None:
        parts.append(np.ascontiguousarray(batch.labels).tobytes())
    parts += [_bytes(torch, each[[0, -1]]) for each in batch.tensors(torch) if len(each)]
    return b"".join(parts)


def _bytes(torch: Any, tensor: Any) -> bytes:
    raw: bytes = tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()
    return raw


def _file_name(layer: str | None, used: set[str]) -> str:
    """A name for the file of a layer, or of the labels, that no other has."""
    name = "labels" if layer is LABELS else re.sub(r"[^\w.-]", "_", layer) or "model"
    while name.lower() in used or (layer is not LABELS and name.lower() == "labels"):
        name += "_"
    used.add(name.lower())
    return name
