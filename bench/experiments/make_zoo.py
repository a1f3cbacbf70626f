"""Make the small model zoo that is bundled with ``transferscore.datasets``.

The script trains a dozen small convolutional networks from scratch, runs them over target tasks
that share no class with their training data, and stores for every (task, model) pair the features,
the source softmax probabilities and the test accuracy of a linear head retrained on the features.

    python make_zoo.py --data raw --out python/transferscore/datasets/zoo --seed 0

``raw`` holds ``fashion_mnist.npz`` and ``omniglot.npz``; their layout is described in
``python/transferscore/datasets/README.md``. One CPU thread is used, so that a run with the same
seed and the same library versions on the same machine gives the same zoo.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import time
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import sklearn
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from torch import nn

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Parts = tuple[IntArray, IntArray]
HalfArray = npt.NDArray[np.float16]

BATCH_SIZE = 64
LEARNING_RATE = 1e-3
HEAD_C = 1.0
HEAD_MAX_ITER = 5000
UNTRAINED_CLASSES = 10

# An Omniglot drawer number is commonly taken to mean the same person within one alphabet. Splitting
# by it then keeps a hand seen in scoring (or training) out of the test drawings of that alphabet.
LAST_SOURCE_TRAIN_DRAWER = 16
LAST_SCORING_DRAWER = 10

FASHION_NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
FASHION_LICENCE = "MIT, Copyright (c) 2017 Zalando SE"
OMNIGLOT_LICENCE = "MIT, Copyright (c) 2015 Brenden Lake"


@dataclass(frozen=True)
class Split:
    """Images (n, 1, 28, 28) in [0, 1] with labels 0..C-1, in two disjoint parts.

    For a source, ``train`` trains the network and ``test`` measures its source accuracy.
    For a target, ``train`` are the scoring samples and ``test`` those of the head's accuracy.
    """

    title: str
    class_names: tuple[str, ...]
    train_images: torch.Tensor
    train_labels: IntArray
    test_images: torch.Tensor
    test_labels: IntArray
    licence: str
    split: str


@dataclass(frozen=True)
class ModelSpec:
    """What distinguishes one network of the zoo from another."""

    name: str
    source: str | None
    depth: int
    readout: str
    dim: int
    epochs: int


# Sources differ in size, so "long" and "short" are stated as epochs of each one. These values were
# fixed before any transferability score was computed.
MODELS = (
    ModelSpec("fashion_2conv_long", "fashion_clothes", 2, "fc", 64, 12),
    ModelSpec("fashion_4conv_long", "fashion_clothes", 4, "pool", 96, 12),
    ModelSpec("fashion_4conv_short", "fashion_clothes", 4, "pool", 64, 1),
    ModelSpec("alphabets_2conv_long", "alphabets", 2, "fc", 64, 8),
    ModelSpec("alphabets_4conv_long", "alphabets", 4, "pool", 64, 8),
    ModelSpec("alphabets_4conv_short", "alphabets", 4, "pool", 32, 1),
    ModelSpec("characters_a_2conv_long", "characters_a", 2, "fc", 32, 40),
    ModelSpec("characters_a_4conv_long", "characters_a", 4, "pool", 64, 40),
    ModelSpec("characters_a_4conv_short", "characters_a", 4, "pool", 32, 4),
    ModelSpec("characters_b_4conv_long", "characters_b", 4, "fc", 64, 40),
    ModelSpec("untrained_2conv", None, 2, "fc", 64, 0),
    ModelSpec("untrained_2conv_pool", None, 2, "pool", 32, 0),
    ModelSpec("untrained_4conv", None, 4, "pool", 64, 0),
)


class ConvNet(nn.Module):
    """A plain CNN for 28 x 28 grey images; ``features`` is the penultimate layer after ReLU.

    ``readout="pool"`` averages the last convolution's ReLU maps over the image;
    ``readout="fc"`` puts a fully connected layer with ReLU on the flattened maps.
    """

    def __init__(self, depth: int, readout: str, dim: int, n_classes: int) -> None:
        super().__init__()
        widths = [16, 32, 48, 64][:depth]
        if readout == "pool":
            widths[-1] = dim
        layers: list[nn.Module] = []
        for i, (n_in, n_out) in enumerate(zip([1, *widths], widths, strict=False)):
            layers += [nn.Conv2d(n_in, n_out, 3, padding=1), nn.BatchNorm2d(n_out), nn.ReLU()]
            if i < 2:  # 28 -> 14 -> 7; deeper layers keep 7 x 7
                layers.append(nn.MaxPool2d(2))
        if readout == "pool":
            layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        else:
            layers += [nn.Flatten(), nn.Linear(widths[-1] * 7 * 7, dim), nn.ReLU()]
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(dim, n_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the logits of the source classes."""
        logits: torch.Tensor = self.classifier(self.features(images))
        return logits


def derived_seed(seed: int, name: str) -> int:
    """Return a seed for one step, so that adding a step leaves the others as they were."""
    return zlib.crc32(f"{seed}/{name}".encode())


def as_images(pixels: npt.NDArray[np.uint8], scale: float) -> torch.Tensor:
    """Return (n, 28, 28) pixels as a float tensor (n, 1, 28, 28) in [0, 1]."""
    return torch.from_numpy(pixels.astype(np.float32) / np.float32(scale)).unsqueeze(1)


def pick_per_class(labels: IntArray, per_class: int, rng: np.random.Generator) -> IntArray:
    """Return sorted indices of ``per_class`` samples of every class, drawn without replacement."""
    picks = [
        rng.choice(np.flatnonzero(labels == c), per_class, replace=False) for c in np.unique(labels)
    ]
    return np.sort(np.concatenate(picks))


class Fashion:
    """The Fashion-MNIST file and the splits made from it."""

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as data:
            self.train = as_images(data["x_train"], 255), data["y_train"].astype(np.int64)
            self.test = as_images(data["x_test"], 255), data["y_test"].astype(np.int64)

    def _split(self, title: str, first: int, picks: IntArray | None, split: str) -> Split:
        """Return the five classes from ``first`` on; ``picks`` restricts the training part."""
        (train_x, train_y), (test_x, test_y) = self.train, self.test
        if picks is None:
            picks = np.flatnonzero((train_y >= first) & (train_y < first + 5))
        rest = np.flatnonzero((test_y >= first) & (test_y < first + 5))
        return Split(
            title, FASHION_NAMES[first : first + 5],
            train_x[picks], train_y[picks] - first, test_x[rest], test_y[rest] - first,
            FASHION_LICENCE, split,
        )  # fmt: skip

    def source(self) -> Split:
        """Return classes 0-4 as a source."""
        return self._split(
            "Fashion-MNIST classes 0-4", 0, None, "training and test split of Fashion-MNIST"
        )

    def target(self, rng: np.random.Generator) -> Split:
        """Return classes 5-9 as a target, 110 scoring samples per class."""
        labels = self.train[1]
        wanted = np.flatnonzero(labels >= 5)
        picks = wanted[pick_per_class(labels[wanted], 110, rng)]
        split = (
            "scoring: 110 random images per class from the Fashion-MNIST training split; "
            "test: 200 images per class from its test split"
        )
        return self._split("Fashion-MNIST classes 5-9", 5, picks, split)


class Omniglot:
    """The Omniglot file and the splits made from it."""

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as data:
            bits = np.unpackbits(data["x_bits28"], axis=1)[:, :784].reshape(-1, 28, 28)
            self.images = as_images(bits, 1)
            self.alphabet = data["alphabet"].astype(np.int64)
            self.character = data["character"].astype(np.int64)
            self.char_id = data["char_id"].astype(np.int64)
            self.drawer = data["drawer"].astype(np.int64)
            self.is_evaluation = data["is_evaluation"]
            self.names = [str(name) for name in data["alphabet_names"]]

    def _split(
        self, title: str, names: list[str], groups: IntArray, parts: Parts, split: str
    ) -> Split:
        """Return the drawings of both ``parts``, labelled by their rank among ``groups``."""
        train, test = parts
        wanted = np.unique(groups[train])
        return Split(
            title, tuple(names),
            self.images[train], np.searchsorted(wanted, groups[train]),
            self.images[test], np.searchsorted(wanted, groups[test]),
            OMNIGLOT_LICENCE, split,
        )  # fmt: skip

    def _source(self, title: str, names: list[str], groups: IntArray, chosen: BoolArray) -> Split:
        """Return the ``chosen`` background drawings as a source, split by drawer."""
        trains = self.drawer <= LAST_SOURCE_TRAIN_DRAWER
        parts = np.flatnonzero(chosen & trains), np.flatnonzero(chosen & ~trains)
        return self._split(title, names, groups, parts, "drawers 1-16 / drawers 17-20")

    def _char_names(self, char_ids: IntArray) -> list[str]:
        """Return names such as ``Angelic 03`` for sorted ``char_ids``."""
        first = [int(np.flatnonzero(self.char_id == c)[0]) for c in char_ids]
        return [f"{self.names[self.alphabet[i]]} {self.character[i]:02d}" for i in first]

    def alphabets_source(self) -> Split:
        """Return the 30 background alphabets as classes."""
        chosen = ~self.is_evaluation
        names = [self.names[a] for a in np.unique(self.alphabet[chosen])]
        return self._source("Omniglot, 30 background alphabets", names, self.alphabet, chosen)

    def characters_sources(self, rng: np.random.Generator) -> tuple[Split, Split]:
        """Return two disjoint sources of 60 characters, two of each background alphabet."""
        picks: tuple[list[int], list[int]] = ([], [])
        for a in np.unique(self.alphabet[~self.is_evaluation]):
            four = rng.choice(np.unique(self.char_id[self.alphabet == a]), 4, replace=False)
            picks[0].extend(four[:2])
            picks[1].extend(four[2:])
        ids = [np.sort(np.array(p, dtype=np.int64)) for p in picks]
        title = "Omniglot, 60 background characters (set {})"
        first, second = (
            self._source(
                title.format(s), self._char_names(i), self.char_id, np.isin(self.char_id, i)
            )
            for s, i in zip("ab", ids, strict=True)
        )
        return first, second

    def alphabets_target(self, rng: np.random.Generator) -> Split:
        """Return the 20 evaluation alphabets as classes."""
        scores = self.drawer <= LAST_SCORING_DRAWER
        one, two = (np.flatnonzero(self.is_evaluation & m) for m in (scores, ~scores))
        train = one[pick_per_class(self.alphabet[one], 36, rng)]
        test = two[pick_per_class(self.alphabet[two], 150, rng)]
        names = [self.names[a] for a in np.unique(self.alphabet[train])]
        split = (
            "scoring: 36 random drawings per alphabet by its drawers 1-10; "
            "test: 150 random drawings per alphabet by its drawers 11-20"
        )
        title = "Omniglot, 20 evaluation alphabets"
        return self._split(title, names, self.alphabet, (train, test), split)

    def characters_target(self, n_alphabets: int = 2) -> Split:
        """Return all characters of the first evaluation alphabets as classes."""
        used = np.unique(self.alphabet[self.is_evaluation])[:n_alphabets]
        chosen = np.isin(self.alphabet, used)
        scores = self.drawer <= LAST_SCORING_DRAWER
        names = self._char_names(np.unique(self.char_id[chosen]))
        title = "Omniglot, characters of " + " and ".join(self.names[a] for a in used)
        split = (
            "scoring: the 10 drawings per character by drawers 1-10; "
            "test: the 10 drawings per character by drawers 11-20"
        )
        parts = np.flatnonzero(chosen & scores), np.flatnonzero(chosen & ~scores)
        return self._split(title, names, self.char_id, parts, split)


def batches(n: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Yield shuffled index batches; a rest of one is dropped, batch normalisation needs two."""
    order = torch.randperm(n, generator=generator)
    for batch in order.split(BATCH_SIZE):  # type: ignore[no-untyped-call]
        if len(batch) > 1:
            yield batch


def train_network(net: ConvNet, source: Split, epochs: int, seed: int) -> None:
    """Train ``net`` on the source with Adam, cross-entropy and a cosine learning-rate decay."""
    labels = torch.from_numpy(source.train_labels)
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
        optimiser, T_max=epochs * -(-len(labels) // BATCH_SIZE)
    )
    net.train()
    for _ in range(epochs):
        for batch in batches(len(labels), generator):
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(net(source.train_images[batch]), labels[batch])
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()


def extract(net: ConvNet, images: torch.Tensor) -> tuple[HalfArray, HalfArray]:
    """Return the features and the source softmax probabilities as float16.

    The features pass through bfloat16 first: its 8 significant bits are plenty for an activation,
    and float16 numbers with trailing zero bits compress better, which keeps the package small.
    """
    net.eval()
    features, probabilities = [], []
    with torch.no_grad():
        for chunk in images.split(512):  # type: ignore[no-untyped-call]
            feature = net.features(chunk)
            features.append(feature.bfloat16().half())
            probabilities.append(net.classifier(feature).double().softmax(dim=1).half())
    return torch.cat(features).numpy(), torch.cat(probabilities).numpy()


def source_accuracy(net: ConvNet, source: Split) -> float:
    """Return the network's accuracy on the held-out part of its own source."""
    _, probabilities = extract(net, source.test_images)
    return float(np.mean(probabilities.argmax(axis=1) == source.test_labels))


def head_accuracy(train: HalfArray, test: HalfArray, task: Split) -> float:
    """Return the test accuracy of a multinomial logistic regression on standardised features.

    Both inputs are the float16 features as stored, so the accuracy belongs to exactly those.
    """
    scaler = StandardScaler().fit(train.astype(np.float64))
    head = LogisticRegression(C=HEAD_C, max_iter=HEAD_MAX_ITER, tol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        head.fit(scaler.transform(train.astype(np.float64)), task.train_labels)
    return float(head.score(scaler.transform(test.astype(np.float64)), task.test_labels))


def build(spec: ModelSpec, sources: dict[str, Split], seed: int) -> ConvNet:
    """Return the network of ``spec``, initialised and (if it has a source) trained."""
    own = derived_seed(seed, spec.name)
    torch.manual_seed(own)
    if spec.source is None:
        return ConvNet(spec.depth, spec.readout, spec.dim, UNTRAINED_CLASSES)
    source = sources[spec.source]
    net = ConvNet(spec.depth, spec.readout, spec.dim, len(source.class_names))
    train_network(net, source, spec.epochs, own)
    return net


def describe_model(spec: ModelSpec, net: ConvNet, source: Split | None) -> dict[str, Any]:
    """Return the ``zoo.json`` entry of one network."""
    trained = source is not None
    text = f"{spec.depth} convolutions, {spec.readout} readout, {spec.dim} features; "
    if source is None:
        text += "random initial weights, not trained"
    else:
        text += f"trained on {source.title} for {spec.epochs} epoch{'s' * (spec.epochs > 1)}"
    return {
        "description": text,
        "trained": trained,
        "source_data": source.title if source else None,
        "source_classes": net.classifier.out_features,
        "source_samples": len(source.train_labels) if source else 0,
        "source_accuracy": round(source_accuracy(net, source), 4) if source else None,
        "depth": spec.depth,
        "readout": spec.readout,
        "feature_dim": spec.dim,
        "epochs": spec.epochs,
        "parameters": sum(p.numel() for p in net.parameters()),
    }


def describe_task(task: Split) -> dict[str, Any]:
    """Return the ``zoo.json`` entry of one target task."""
    return {
        "title": task.title,
        "classes": list(task.class_names),
        "n": len(task.train_labels),
        "n_test": len(task.test_labels),
        "split": task.split,
        "licence": task.licence,
    }


def write_pair(folder: Path, name: str, net: ConvNet, task: Split) -> float:
    """Store one model's arrays for one task and return the retrained head's test accuracy."""
    features, probabilities = extract(net, task.train_images)
    if not (np.isfinite(features).all() and np.isfinite(probabilities).all()):
        raise FloatingPointError(f"{name}: values outside the range of float16")
    np.savez_compressed(
        folder / f"{name}.npz", features=features, source_probabilities=probabilities
    )
    test_features, _ = extract(net, task.test_images)
    return round(head_accuracy(features, test_features, task), 4)


def load_splits(data: Path, seed: int) -> tuple[dict[str, Split], dict[str, Split]]:
    """Return the sources and the target tasks by name."""
    fashion = Fashion(data / "fashion_mnist.npz")
    omniglot = Omniglot(data / "omniglot.npz")

    def rng(name: str) -> np.random.Generator:
        return np.random.default_rng(derived_seed(seed, name))

    set_a, set_b = omniglot.characters_sources(rng("characters"))
    sources = {
        "fashion_clothes": fashion.source(),
        "alphabets": omniglot.alphabets_source(),
        "characters_a": set_a,
        "characters_b": set_b,
    }
    tasks = {
        "fashion_shoes_bags": fashion.target(rng("fashion_shoes_bags")),
        "omniglot_alphabets": omniglot.alphabets_target(rng("omniglot_alphabets")),
        "omniglot_characters": omniglot.characters_target(),
    }
    return sources, tasks


def make_zoo(data: Path, out: Path, seed: int) -> dict[str, Any]:
    """Train all networks, write the arrays below ``out`` and return the content of zoo.json."""
    sources, tasks = load_splits(data, seed)
    for name, task in tasks.items():
        shutil.rmtree(out / name, ignore_errors=True)  # no leftovers of models since renamed
        (out / name).mkdir(parents=True)
        np.save(out / name / "labels.npy", task.train_labels.astype(np.uint8))
    models: dict[str, Any] = {}
    accuracy: dict[str, dict[str, float]] = {name: {} for name in tasks}
    for spec in MODELS:
        start = time.perf_counter()
        net = build(spec, sources, seed)
        models[spec.name] = describe_model(spec, net, sources[spec.source] if spec.source else None)
        for name, task in tasks.items():
            accuracy[name][spec.name] = write_pair(out / name, spec.name, net, task)
        row = " ".join(f"{accuracy[name][spec.name]:.3f}" for name in tasks)
        own = models[spec.name]["source_accuracy"]
        print(f"{spec.name:26s} {row}  source {own}  {time.perf_counter() - start:.0f} s")
    return {
        "format": 1,
        "seed": seed,
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": torch.__version__,
            "scikit-learn": sklearn.__version__,
        },
        "training": f"Adam, learning rate {LEARNING_RATE:g} with cosine decay to 0, "
        f"batch size {BATCH_SIZE}, cross-entropy, no augmentation, no weight decay",
        "precision": "features: 8 significant bits (bfloat16), stored as float16; "
        "probabilities: softmax in float64, stored as float16",
        "head": "multinomial logistic regression (scikit-learn, LBFGS), standardised features, "
        f"L2 penalty with C = {HEAD_C:g}",
        "models": models,
        "tasks": {name: describe_task(task) for name, task in tasks.items()},
        "accuracy": accuracy,
    }


def main() -> None:
    """Parse the command line and make the zoo."""
    parser = argparse.ArgumentParser(description="Make the zoo bundled with transferscore.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the two .npz files")
    parser.add_argument("--out", type=Path, required=True, help="folder to write the zoo to")
    parser.add_argument("--seed", type=int, default=0, help="seed of every random choice")
    args = parser.parse_args()
    torch.set_num_threads(1)  # one thread: sums are added in a fixed order
    torch.use_deterministic_algorithms(True)
    with threadpool_limits(1):
        zoo = make_zoo(args.data, args.out, args.seed)
    text = json.dumps(zoo, indent=1) + "\n"
    (args.out / "zoo.json").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
