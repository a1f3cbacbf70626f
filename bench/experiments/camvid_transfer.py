"""Transfer between the sequences of CamVid, measured: small U-Nets, and few frames of the target.

A network learns to segment half of one driving sequence. Then it sees a few frames of another one:
either its features stay and a new last layer is fitted, or all its weights are tuned a little.
Frames that it never saw say how well that went.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from camvid_networks import N_CLASSES, WIDTH, Segmenter, UNet
from torch import Tensor, nn
from torch.nn import functional

Values = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.uint8]

SEQUENCES = ("0001TP", "0006R0", "0016E5", "Seq05VD")
VOID, BATCH = 11, 5


@dataclass(frozen=True)
class Protocol:
    """How much is seen, and how long it is looked at."""

    seeds: int = 2  # networks of each half of a sequence
    source_frames: int = 50
    source_epochs: int = 40
    scored_frames: int = 20  # of the source
    target_frames: int = 10
    test_frames: int = 40
    head_steps: int = 200
    tuning_epochs: int = 20
    repeats: int = 2  # of each transfer
    n_pixels: int = 10_000
    draws: int = 10


@dataclass(frozen=True)
class Frames:
    """Pictures (n, 3, H, W), standardised by fixed numbers, and their label maps (n, H, W)."""

    pictures: Floats
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)

    def spread_out(self, n: int) -> Frames:
        """At most n of them, evenly apart in time."""
        at = np.linspace(0, len(self) - 1, min(n, len(self))).round().astype(int)
        return Frames(self.pictures[at], self.labels[at])

    def halves(self) -> tuple[Frames, Frames]:
        """The first half of the drive and the second."""
        middle = len(self) // 2
        return (
            Frames(self.pictures[:middle], self.labels[:middle]),
            Frames(self.pictures[middle:], self.labels[middle:]),
        )


@cache
def read_sequences(path: Path) -> dict[str, Frames]:
    """Frames of each sequence by time, one for each second of the drive.

    The validation frames are left out: they are 1/15 s apart, and of a sequence that is there.
    """
    with np.load(path, allow_pickle=False) as data:
        pictures, labels, names, of = (
            np.concatenate([data[f"{key}_{split}"] for split in ("train", "test")])
            for key in ("x", "y", "name", "seq")
        )
    frames = {}
    for sequence in SEQUENCES:
        at = np.flatnonzero(of == sequence)
        at = at[np.argsort(names[at])]
        scaled = (pictures[at].astype(np.float32) / 255 - 0.5) / 0.25
        frames[sequence] = Frames(np.ascontiguousarray(scaled.transpose(0, 3, 1, 2)), labels[at])
    return frames


# ----------------------------------------------------------------------------------- training


def _loss(outputs: Tensor, labels: Tensor) -> Tensor:
    return functional.cross_entropy(outputs, labels, ignore_index=VOID)


def _train(network: Segmenter, frames: Frames, *, epochs: int, rate: float, seed: int) -> None:
    """Adam, the rate falling to nothing along a cosine; half of all pictures are mirrored."""
    x, y = torch.from_numpy(frames.pictures), torch.from_numpy(frames.labels).long()
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.Adam(network.parameters(), lr=rate)
    steps = epochs * (len(x) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    network.train()
    for _ in range(epochs):
        for batch in np.split(rng.permutation(len(x))[: len(x) // BATCH * BATCH], len(x) // BATCH):
            mirrored = torch.from_numpy(rng.random(BATCH) < 0.5)
            pictures, labels = x[batch], y[batch]
            pictures[mirrored] = pictures[mirrored].flip(-1)
            labels[mirrored] = labels[mirrored].flip(-1)
            optimiser.zero_grad()
            _loss(network(pictures), labels).backward()
            optimiser.step()
            schedule.step()
    network.eval()


def source_network(
    frames: Frames, protocol: Protocol, seed: int, architecture: type[Segmenter] = UNet
) -> Segmenter:
    """A network trained on a half of a sequence."""
    torch.manual_seed(seed)
    network = architecture()
    some = frames.spread_out(protocol.source_frames)
    _train(network, some, epochs=protocol.source_epochs, rate=3e-3, seed=seed)
    return network


@torch.no_grad()
def in_batches(call: Callable[[Tensor], Tensor], pictures: Floats) -> Floats:
    """What a network gives for many pictures."""
    parts = torch.from_numpy(pictures).split(BATCH)
    found: Floats = torch.cat([call(part) for part in parts]).numpy()
    return found


# ------------------------------------------------------------------------------------ transfer


def with_new_head(network: Segmenter, few: Frames, protocol: Protocol, seed: int) -> Segmenter:
    """The network with its features as they are and a last layer fitted to few frames."""
    torch.manual_seed(seed)
    moved = _copy(network)
    moved.head = nn.Conv2d(WIDTH, N_CLASSES, 1)
    features = torch.from_numpy(in_batches(moved.features, few.pictures))
    labels = torch.from_numpy(few.labels).long()
    optimiser = torch.optim.Adam(moved.head.parameters(), lr=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, protocol.head_steps)
    for step in range(protocol.head_steps):
        at = [(step * BATCH + i) % len(features) for i in range(BATCH)]  # one after the other
        optimiser.zero_grad()
        _loss(moved.head(features[at]), labels[at]).backward()
        optimiser.step()
        schedule.step()
    return moved


def tuned(network: Segmenter, few: Frames, protocol: Protocol, seed: int) -> Segmenter:
    """The network with all its weights tuned to few frames, from the head it had."""
    torch.manual_seed(seed)
    moved = _copy(network)
    _train(moved, few, epochs=protocol.tuning_epochs, rate=1e-3, seed=seed)
    return moved


def from_scratch(few: Frames, protocol: Protocol, seed: int) -> Segmenter:
    """A network that sees the few frames alone, for as many steps as a source network takes."""
    torch.manual_seed(seed)
    network = UNet()
    epochs = protocol.source_epochs * (protocol.source_frames // BATCH) // (len(few) // BATCH)
    _train(network, few, epochs=epochs, rate=3e-3, seed=seed)
    return network


def _copy(network: Segmenter) -> Segmenter:
    other = type(network)()
    other.load_state_dict(network.state_dict())
    return other.eval()


def measured(network: Segmenter, frames: Frames) -> dict[str, float]:
    """Mean IoU over the classes that are there, and accuracy, of all pixels but the void ones."""
    found = in_batches(network, frames.pictures).argmax(axis=1)
    known = frames.labels != VOID
    pairs = frames.labels[known].astype(np.int64) * N_CLASSES + found[known]
    table = np.bincount(pairs, minlength=N_CLASSES**2).reshape(N_CLASSES, N_CLASSES)
    hits, there = np.diag(table), table.sum(axis=1) > 0
    unions = table.sum(axis=0) + table.sum(axis=1) - hits
    return {
        "iou": float(np.mean(hits[there] / unions[there])),
        "accuracy": float(hits.sum() / table.sum()),
    }
