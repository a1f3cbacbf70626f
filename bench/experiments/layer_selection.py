"""Which layer to take: is a head's log-loss linear in the H-score, over the layers of one network?

    python bench/experiments/layer_selection.py --data DATA --out DIR [--quick]
    python bench/experiments/layer_selection.py --report

A small residual network learns one data set. Features of its blocks, averaged over pixels, are
scored on another data set, and a logistic head on each says what they are worth. So are labels of
which most were replaced at random, since the theory holds where labels depend weakly on features.

DATA is a folder with mnist.npz and others. Everything is seeded; DIR keeps networks and curves,
and an interrupted run goes on. The result is DIR/layer_selection.csv, of which the repository has a
copy in `results/`; `--report` makes tables and plot of docs/experiments.md from that copy. Needs
the extras `torch` and `probe`; some minutes on one core, `--quick` takes seconds.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from command_line import Options, run_or_report
from domains import Images, load
from networks import Network, train_classifier
from report_table import kept, whole
from torch import Tensor, nn

from transferscore import ConvergenceWarning, extract_features, h_score, linear_probe

N_CLASSES, BATCH, PENALTY = 10, 250, 1e-4
# Blocks by name: channels, and by how much the picture shrinks.
BLOCKS = {
    **dict.fromkeys(("1a", "1b"), (16, 1)),
    **{name: (32, 2 if name == "2a" else 1) for name in ("2a", "2b", "2c", "2d", "2e", "2f")},
    **{name: (64, 2 if name == "3a" else 1) for name in ("3a", "3b")},
}
SCORES: dict[str, dict[str, Any]] = {
    "plain": {},
    "shrinkage": {"shrinkage": "ledoit-wolf"},
    "adjusted": {"shrinkage": "ledoit-wolf", "adjust_for_chance": True},
}
RESULT = "layer_selection.csv"


@dataclass(frozen=True)
class Protocol:
    """What is trained and measured."""

    sources: tuple[str, ...] = ("fashion_mnist", "mnist")
    targets: tuple[str, ...] = ("kmnist", "usps", "fashion_mnist", "mnist")
    seeds: int = 2
    source_images: int = 8000
    epochs: int = 3
    train: int = 6000
    test: int = 2000
    replaced: tuple[float, ...] = (0.0, 0.7)  # shares of labels that are drawn at random


QUICK = Protocol(
    sources=("fashion_mnist",),
    targets=("usps",),
    seeds=1,
    source_images=256,
    epochs=1,
    train=200,
    test=100,
)


class Block(nn.Module):
    """Two convolutions and what they are added to (He, Zhang, Ren, Sun, 2016)."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False),
            nn.BatchNorm2d(n_out),
        )
        shortcut = nn.Conv2d(n_in, n_out, 1, stride, bias=False)
        self.shortcut = nn.Identity() if (n_in, stride) == (n_out, 1) else shortcut

    def forward(self, x: Tensor) -> Tensor:
        """Features (n, n_out, h, w)."""
        out: Tensor = torch.relu(self.shortcut(x) + self.residual(x))
        return out


def resnet(seed: int) -> Network:
    """An untrained residual network for grey pictures; its blocks have the names of BLOCKS."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        body = nn.Sequential()
        body.add_module("stem", nn.Conv2d(1, 16, 3, 2, 1))
        width = 16
        for name, (channels, stride) in BLOCKS.items():
            body.add_module(name, Block(width, channels, stride))
            width = channels
        body.add_module("pool", nn.AdaptiveAvgPool2d(1))
        body.add_module("flat", nn.Flatten())
        return Network(body, width, N_CLASSES)


@dataclass(frozen=True)
class Experiment:
    """Data, protocol, and the folder that keeps what was computed."""

    data: Path
    out: Path
    protocol: Protocol

    def images(self, name: str) -> Images:
        """All images of a data set that are for training, or the only ones that there are."""
        return load(name, self.data, split="test" if name == "kmnist" else "train")

    def network(self, source: str, seed: int) -> Network:
        """A trained network, from the folder or trained now."""
        path, network = self.out / "networks" / f"{source}-{seed}.pt", resnet(seed)
        if not path.exists():
            images = self.images(source).some(self.protocol.source_images, seed)
            train_classifier(network, images, seed=seed, epochs=self.protocol.epochs)
            whole(path, lambda to: torch.save(network.state_dict(), to))
        network.load_state_dict(torch.load(path, weights_only=True))
        return network.eval()

    def rows(self, source: str, seed: int, target: str) -> list[dict[str, Any]]:
        """A row for each layer and share of replaced labels."""
        path = self.out / "curves" / f"{source}-{seed}-{target}.json"
        found: list[dict[str, Any]] = kept(path, lambda: list(self._rows(source, seed, target)))
        return found

    def _rows(self, source: str, seed: int, target: str) -> Iterator[dict[str, Any]]:
        n = self.protocol.train
        images = self.images(target).some(n + self.protocol.test, seed)
        batches = [(torch.from_numpy(part),) for part in _parts(images.pictures)]
        layers = [f"body.{name}" for name in BLOCKS]
        network = self.network(source, seed)
        found = extract_features(network, batches, layers, progress=False).features
        for share in self.protocol.replaced:
            labels = replaced(images.labels, share, seed)
            for position, (layer, features) in enumerate(zip(BLOCKS, found.values(), strict=True)):
                scores = {
                    name: h_score(features[:n], labels[:n], **options)
                    for name, options in SCORES.items()
                }
                yield {
                    "source": source,
                    "seed": seed,
                    "target": target,
                    "replaced": share,
                    "layer": layer,
                    "position": position,
                    "n_features": features.shape[1],
                    **scores,
                    **measured(features, labels, n),
                }


def _parts(pictures: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    return np.array_split(pictures, -(-len(pictures) // BATCH))


def replaced(labels: npt.NDArray[np.int64], share: float, seed: int) -> npt.NDArray[np.int64]:
    """The labels, a share of them drawn anew from all classes."""
    rng = np.random.default_rng([seed, 1])
    return np.where(
        rng.random(len(labels)) < share, rng.integers(N_CLASSES, size=len(labels)), labels
    )


def measured(features: npt.NDArray[Any], labels: npt.NDArray[np.int64], n: int) -> dict[str, float]:
    """Accuracy and log-loss of a logistic head, on the n samples it learned from and on others.

    Its penalty is small, and the same for all layers, so that what differs is the features.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        probe = linear_probe(
            features[:n], labels[:n], features, labels, method="logistic", penalty=PENALTY
        )
    hits = probe.predictions == labels
    truth = np.searchsorted(probe.classes, labels)
    losses = -np.log(probe.probabilities[np.arange(len(labels)), truth])
    return {
        "train_accuracy": float(hits[:n].mean()),
        "test_accuracy": float(hits[n:].mean()),
        "train_log_loss": float(losses[:n].mean()),
        "test_log_loss": float(losses[n:].mean()),
    }


def run(experiment: Experiment) -> list[dict[str, Any]]:
    """Compute all that is not yet there."""
    torch.set_num_threads(1)
    begin, rows, protocol = time.perf_counter(), [], experiment.protocol
    for seed in range(protocol.seeds):
        for source in protocol.sources:
            for target in protocol.targets:
                if target != source:
                    rows += experiment.rows(source, seed, target)
                    seconds = time.perf_counter() - begin
                    print(
                        f"{seconds:5.0f} s  {source} {seed} {target}", file=sys.stderr, flush=True
                    )
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment, or what is left of it; or write the report."""

    def rows(options: Options) -> list[dict[str, Any]]:
        protocol = QUICK if options.quick else Protocol()
        return run(Experiment(options.data, options.out, protocol))

    run_or_report(__doc__, RESULT, rows, "layer_selection_report", arguments)


if __name__ == "__main__":
    main()
