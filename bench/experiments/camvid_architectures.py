"""Segmentation networks of three architectures: does OTCE say which one transfers, and from where?

    python bench/experiments/camvid_architectures.py --data DATA --out DIR [--quick]
    python bench/experiments/camvid_architectures.py --report

Halves of four driving sequences of CamVid are domains. A U-Net, a SegNet and an FCN of each half go
to every other half: the other one of the drive (intra-sequence) and the six of other drives (cross-
sequence). A new last layer is fitted to few frames, and measured on frames that nobody saw.

DATA is a folder with camvid.npz. Everything is seeded; DIR keeps networks, measurements and scores,
and an interrupted run goes on. The result is DIR/segmentation.csv, of which the repository has a
copy in `results/`; `--report` makes tables and plot of docs/experiments.md from that copy. Needs
the extra `rivals` (for PyTorch); some 20 minutes on one core, `--quick` takes seconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from camvid import Experiment, Source
from camvid_networks import ARCHITECTURES, Segmenter
from camvid_scores import BASELINES, PLACES, SCORES
from camvid_transfer import (
    SEQUENCES,
    Frames,
    Protocol,
    measured,
    read_sequences,
    source_network,
    with_new_head,
)
from command_line import Options, run_or_report
from report_table import kept

FULL = Protocol(
    seeds=1,
    source_frames=40,
    source_epochs=20,
    target_frames=10,
    test_frames=20,
    head_steps=100,
    repeats=1,
    n_pixels=4000,
    draws=3,
)
QUICK = Protocol(
    seeds=1,
    source_frames=5,
    source_epochs=2,
    scored_frames=5,
    target_frames=5,
    test_frames=5,
    head_steps=5,
    repeats=1,
    n_pixels=300,
    draws=2,
)
RESULT = "segmentation.csv"


@dataclass(frozen=True)
class Candidate(Source):
    """A network: of which half of which sequence, and which architecture."""

    architecture: str = "U-Net"

    @property
    def name(self) -> str:
        """For files."""
        return f"{self.sequence}-{self.half}-{self.architecture}"

    @property
    def piece(self) -> str:
        """What it has learned from."""
        return f"{self.sequence}-{self.half}"


@dataclass(frozen=True)
class Architectures(Experiment):
    """The experiment with halves of sequences as targets; `every` makes frames smaller."""

    sequences: tuple[str, ...] = SEQUENCES
    every: int = 1

    @property
    def pieces(self) -> list[str]:
        """The halves of all sequences."""
        return [f"{sequence}-{half}" for sequence in self.sequences for half in range(2)]

    @property
    def candidates(self) -> list[Candidate]:
        """All networks."""
        return [
            Candidate(sequence, half, 0, architecture)
            for sequence in self.sequences
            for half in range(2)
            for architecture in ARCHITECTURES
        ]

    def _half(self, sequence: str, half: int) -> Frames:
        frames = read_sequences(self.data)[sequence].halves()[half]
        step = slice(None, None, self.every)
        return Frames(frames.pictures[..., step, step], frames.labels[..., step, step])

    def frames(self, source: Source) -> Frames:
        """What a network learns from."""
        return self._half(source.sequence, source.half).spread_out(self.protocol.source_frames)

    def target(self, sequence: str) -> tuple[Frames, Frames]:
        """The few frames of a half, and the unseen ones: those farther from the other half."""
        of, half = sequence.rsplit("-", 1)
        near, far = self._half(of, int(half)).halves()
        if half == "0":
            near, far = far, near
        few = near.spread_out(self.protocol.target_frames)
        return few, far.spread_out(self.protocol.test_frames)

    def network(self, source: Source) -> Segmenter:
        """A trained network, from the folder or trained now."""
        assert isinstance(source, Candidate)
        number = self.candidates.index(source)
        architecture = ARCHITECTURES[source.architecture]
        return self.stored(
            source,
            architecture,
            lambda: source_network(self.frames(source), self.protocol, number, architecture),
        )

    def rows(self, source: Candidate) -> list[dict[str, Any]]:
        """What was measured and scored of a network, a row for each target."""
        path = self.out / "pairs" / f"{source.name}.json"
        found: list[dict[str, Any]] = kept(path, lambda: list(self._rows(source)))
        return found

    def _rows(self, source: Candidate) -> Iterator[dict[str, Any]]:
        network = self.network(source)
        for target in self.pieces:
            if target == source.piece:
                continue
            few, unseen = self.target(target)
            moved = measured(with_new_head(network, few, self.protocol, seed=0), unseen)
            scores = self.scores(source, target)
            intra = target.rpartition("-")[0] == source.sequence
            yield {
                "kind": "intra" if intra else "cross",
                "target": target,
                "source": source.piece,
                "architecture": source.architecture,
                "iou": moved["iou"],
                "accuracy": moved["accuracy"],
                "unchanged_iou": measured(network, unseen)["iou"],
                **{f"{name}_{at}": scores[at][name] for at in PLACES for name in SCORES},
                **{name: scores[name] for name in BASELINES},
            }


def run(experiment: Architectures) -> list[dict[str, Any]]:
    """Compute all that is not yet there."""
    experiment.check_protocol()
    torch.set_num_threads(1)
    begin, rows = time.perf_counter(), []
    for candidate in experiment.candidates:
        rows += experiment.rows(candidate)
        seconds = time.perf_counter() - begin
        print(f"{seconds:5.0f} s  {candidate.name}", file=sys.stderr, flush=True)
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment, or what is left of it; or write the report."""

    def rows(options: Options) -> list[dict[str, Any]]:
        data = options.data / "camvid.npz"
        if options.quick:
            sequences = ("0006R0", "0016E5")
            return run(Architectures(data, options.out, QUICK, sequences, every=3))
        return run(Architectures(data, options.out, FULL))

    run_or_report(__doc__, RESULT, rows, "camvid_architectures_report", arguments)


if __name__ == "__main__":
    main()
