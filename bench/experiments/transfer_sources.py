"""Source networks of the talk's tables, and what they make of the other domains.

A domain is a source with up to 6,000 images, and a target with two pools of images. A network is
trained once; its features of every target's pools are kept in a file, so that scores and heads
need no network any more.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import domains
import networks
import numpy as np
import numpy.typing as npt
import torch
from domains import Images
from transfer_tasks import FAMILY, Protocol, Task, draw_tasks

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]

# By family: what `domains.load` is told.
SHAPE = {
    "characters": {"size": 28, "colour": False},
    "pacs": {"size": 32, "colour": True},
}
CHARACTERS = {"source": 100, "target": 200}  # of Omniglot's, from different alphabets
WIDTH = 32  # of the few-shot network: 32 features of grey images, 4 x 32 of coloured ones
BATCH, RATE = 64, 2e-3
SEEDS = (0, 1)  # of source networks; the second one shows how much hangs on it


@dataclass(frozen=True)
class Source:
    """A network: which domain, which architecture, which seed."""

    domain: str
    network: str
    seed: int = 0

    @property
    def name(self) -> str:
        """For files."""
        return f"{self.domain}-{self.network}-{self.seed}"


@dataclass(frozen=True)
class Pools:
    """Images of a target to learn from and to test on, with their tasks."""

    learn: Images
    test: Images
    tasks: list[Task]


@dataclass(frozen=True)
class View:
    """What a network makes of its own domain and of a target."""

    source_features: Floats
    source_labels: Ids
    features: Floats  # of the pool to learn from
    labels: Ids
    probabilities: Floats  # of source classes
    test_features: Floats
    test_labels: Ids


@dataclass(frozen=True)
class Workshop:
    """Where data are, where networks and features are kept, and the protocol."""

    data: Path
    work: Path
    protocol: Protocol

    def sources(self, seed: int = 0) -> list[Source]:
        """A source network of each domain and architecture; with another seed of the first one."""
        architectures = self.protocol.networks if seed == 0 else self.protocol.networks[:1]
        return [
            Source(domain, architecture, seed)
            for architecture in architectures
            for domain in self.protocol.domains
        ]

    def pairs(self, seed: int = 0) -> Iterator[tuple[Source, str]]:
        """Every network with each of its targets."""
        for source in self.sources(seed):
            for target in self.protocol.targets(source.domain):
                yield source, target

    def pools(self, target: str) -> Pools:
        """A target's images and tasks."""
        return _pools(self.data, target, self.protocol)

    def weights(self, source: Source) -> Path:
        """The file of a trained network."""
        return self.work / f"{source.name}.pt"

    def train(self, source: Source) -> dict[str, float]:
        """Train a network, keep it and its features, and measure it on unseen images."""
        start = time.perf_counter()
        learn, test = _source_images(self.data, source.domain)
        network = self.untrained(source, int(learn.labels.max()) + 1)
        learn = learn.some(self.protocol.training_steps * BATCH, seed=0)
        epochs = max(1, round(self.protocol.training_steps * BATCH / len(learn)))
        networks.train_classifier(
            network, learn, seed=source.seed, epochs=epochs, rate=RATE, batch=BATCH
        )
        self.work.mkdir(parents=True, exist_ok=True)
        torch.save(network.state_dict(), self.weights(source))
        self._keep_features(source, network, learn)
        return {
            "accuracy": networks.accuracy(network, test),
            "seconds": time.perf_counter() - start,
        }

    def untrained(self, source: Source, n_classes: int) -> networks.Network:
        """A new network of a source's architecture."""
        options: dict[str, int] = {"channels": 1, "size": 28}
        if FAMILY[source.domain] == "pacs":
            options = {"channels": 3, "size": 32}
        if source.network == "few_shot_net":
            options["width"] = WIDTH
        return networks.new(source.network, n_classes, seed=source.seed, **options)

    def trained(self, source: Source) -> networks.Network:
        """A network as it was kept."""
        state = torch.load(self.weights(source), weights_only=True)
        network = self.untrained(source, len(state["head.bias"]))
        network.load_state_dict(state)
        return network.eval()

    def _keep_features(self, source: Source, network: networks.Network, learn: Images) -> None:
        own = learn.some(self.protocol.source_samples, seed=1)
        arrays = {
            "source_features": networks.features_of(network, own.pictures),
            "source_labels": own.labels,
        }
        for target in self.protocol.targets(source.domain):
            pools = self.pools(target)
            outputs = torch.from_numpy(networks.outputs_of(network, pools.learn.pictures))
            arrays |= {
                f"{target}/features": networks.features_of(network, pools.learn.pictures),
                f"{target}/labels": pools.learn.labels,
                f"{target}/probabilities": torch.softmax(outputs.double(), dim=1).numpy(),
                f"{target}/test_features": networks.features_of(network, pools.test.pictures),
                f"{target}/test_labels": pools.test.labels,
            }
        np.savez(self.work / f"{source.name}.npz", **arrays)

    def view(self, source: Source, target: str) -> View:
        """What a trained network makes of a target, from the file."""
        path = self.work / f"{source.name}.npz"
        if not path.exists():
            raise SystemExit(f"there are no features of {source.name} in {self.work}: train first")
        with np.load(path, allow_pickle=False) as kept:
            own = {name: kept[name] for name in ("source_features", "source_labels")}
            names = [name for name in View.__dataclass_fields__ if name not in own]
            return View(**own, **{name: kept[f"{target}/{name}"] for name in names})

    def tasks(self, target: str) -> list[Task]:
        """A target's tasks."""
        return self.pools(target).tasks


@lru_cache(maxsize=9)
def _pools(data: Path, target: str, protocol: Protocol) -> Pools:
    shape = SHAPE[FAMILY[target]]
    if target == "omniglot":
        everything = domains.load(target, data, split="test", **shape)
        learn, test = _some_characters(everything, CHARACTERS["target"]).of_each_class(14, seed=0)
    elif target.startswith("pacs"):
        learn, test = _both_splits(target, data).of_each_class(40, seed=0)
    else:
        learn = _split(target, data, "train").some(protocol.pool, seed=2)
        test = _split(target, data, "test").some(protocol.test_pool, seed=2)
    return Pools(learn, test, list(draw_tasks(target, learn.labels, test.labels, protocol)))


def _source_images(data: Path, domain: str) -> tuple[Images, Images]:
    """Images to train a source network with, and unseen ones."""
    if domain == "omniglot":
        everything = domains.load(domain, data, **SHAPE["characters"])
        return _some_characters(everything, CHARACTERS["source"]).of_each_class(15, seed=0)
    learn, test = (_split(domain, data, split) for split in domains.SPLITS)
    return learn.some(6000, seed=0), test.some(2000, seed=0)


def _split(domain: str, data: Path, split: str) -> Images:
    """A split; of KMNIST, of which there is the test split alone, 7,000 images and the others."""
    shape = SHAPE[FAMILY[domain]]
    if domain != "kmnist":
        return domains.load(domain, data, split=split, **shape)
    everything = domains.load(domain, data, split="test", **shape)
    at = np.random.default_rng(0).permutation(len(everything))
    return everything.take(at[:7000] if split == "train" else at[7000:])


def _both_splits(domain: str, data: Path) -> Images:
    parts = [_split(domain, data, split) for split in domains.SPLITS]
    fields = Images.__dataclass_fields__
    return Images(*(np.concatenate([getattr(part, name) for part in parts]) for name in fields))


def _some_characters(everything: Images, n: int) -> Images:
    chosen = np.random.default_rng(0).permutation(int(everything.labels.max()) + 1)[:n]
    return everything.of_classes([int(one) for one in np.sort(chosen)])


def normalised(view: View, how: str) -> View:
    """The same with features standardised by those of the source, or of length 1."""
    mean, deviation = view.source_features.mean(axis=0), view.source_features.std(axis=0)

    def change(features: Floats) -> Floats:
        if how == "standardised":
            return (features - mean) / np.where(deviation > 0, deviation, 1)
        norms = np.linalg.norm(features, axis=1, keepdims=True)
        return features / np.where(norms > 0, norms, 1)

    names = ("source_features", "features", "test_features")
    return replace(view, **{name: change(getattr(view, name)) for name in names})
