"""How tasks relate: H-scores between ten tasks on one set of images, beside measured transfer.

    python bench/experiments/task_relations.py --data DATA --out DIR [--quick]
    python bench/experiments/task_relations.py --report

Each image of Fashion-MNIST is turned by a multiple of 90 degrees and made noisy; all tasks see
these images. Four tasks are classes, six are images. An encoder learns each. Scores of its features
for each target are `h_score` for classes and `pixel_h_score` for images; what the features are
worth is what a small read-out reaches that learns the target from them, frozen as they are.

DATA is a folder with fashion_mnist.npz. Everything is seeded; DIR keeps encoders and pairs, and an
interrupted run goes on. The result is DIR/task_relations.csv, of which the repository has a copy in
`results/`; `--report` makes tables and plots of docs/experiments.md from that copy. Needs the extra
`torch`; some ten minutes on one core, `--quick` takes seconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from command_line import Options, run_or_report
from domains import load
from report_table import kept, whole
from torch import Tensor, nn
from torch.nn import functional

from transferscore import extract_features, h_score, linear_probe, pixel_h_score

Floats = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]
Target = npt.NDArray[Any]  # labels (n,), or images (n, h, w)
Samples = tuple[Floats, Target]

# T-shirt, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, boot:
# for the upper body, for more of it, for feet, for the hand.
SUPERCLASS = np.array([0, 1, 0, 1, 0, 2, 0, 2, 3, 2])
SIDE, NOISE, INK_GROUPS, COARSE = 28, 0.3, 4, 4
FEATURES, BATCH, HIDDEN = 64, 100, 128
UNTRAINED = "untrained"
RESULT = "task_relations.csv"


@dataclass(frozen=True)
class Protocol:
    """How much is seen, and how long it is looked at."""

    seeds: int = 3
    source_images: int = 6000
    epochs: int = 5
    target_images: int = 2000  # from which a read-out learns, and of which scores are taken
    test_images: int = 2000
    readout_steps: int = 300
    tasks: tuple[str, ...] = (
        "class",
        "superclass",
        "rotation",
        "ink",
        "denoised",
        "inverted",
        "edges",
        "blurred",
        "coarse shape",
        "upright",
    )


QUICK = Protocol(
    seeds=1,
    source_images=300,
    epochs=1,
    target_images=200,
    test_images=100,
    readout_steps=5,
    tasks=("class", "rotation", "inverted", "coarse shape"),
)


# ----------------------------------------------------------------------------------- the tasks


@dataclass(frozen=True)
class Scenes:
    """What encoders see (n, 28, 28), and each task's labels or images for it."""

    inputs: Floats
    targets: dict[str, Target]

    def part(self, of: slice) -> Scenes:
        """Some of them."""
        return Scenes(self.inputs[of], {name: target[of] for name, target in self.targets.items()})


def scenes(data: Path, split: str, n: int, seed: int) -> Scenes:
    """Images of Fashion-MNIST, turned and noisy, and what ten tasks make of them."""
    images = load("fashion_mnist", data, split=split).some(n, seed)
    rng = np.random.default_rng([seed, split == "test"])
    turns = rng.integers(4, size=len(images))
    upright = images.pictures[:, 0]
    clean = np.stack([np.rot90(x, turn) for x, turn in zip(upright, turns, strict=True)])
    noise = rng.normal(0, NOISE, clean.shape).astype(np.float32)
    inputs = np.clip(clean + noise, 0, 1)
    blocks = clean.reshape(len(clean), SIDE // COARSE, COARSE, SIDE // COARSE, COARSE)
    ink = clean.mean(axis=(1, 2))
    bounds = np.quantile(ink, np.arange(1, INK_GROUPS) / INK_GROUPS)
    return Scenes(
        inputs,
        {
            "class": images.labels,
            "superclass": SUPERCLASS[images.labels],
            "rotation": turns,
            "ink": np.searchsorted(bounds, ink),
            "denoised": clean,
            "inverted": 1 - inputs,
            "edges": _edges(clean),
            "blurred": _blurred(clean),
            "coarse shape": (blocks.mean(axis=(2, 4)) > 0.2).astype(np.float32),
            "upright": np.ascontiguousarray(upright),
        },
    )


def _filtered(images: Floats, kernel: Values) -> Floats:
    weights = torch.from_numpy(kernel.astype(np.float32))[None, None]
    found = functional.conv2d(torch.from_numpy(images)[:, None], weights, padding="same")
    filtered: Floats = found[:, 0].numpy()
    return filtered


def _edges(images: Floats) -> Floats:
    """How steep brightness is: the length of Sobel's two derivatives, at most 1."""
    across = np.outer([1, 2, 1], [-1, 0, 1]) / 4
    found = np.hypot(_filtered(images, across), _filtered(images, across.T))
    return np.minimum(found, 1).astype(np.float32)


def _blurred(images: Floats) -> Floats:
    """A Gaussian filter of two pixels."""
    weights = np.exp(-0.5 * (np.arange(-5, 6) / 2) ** 2)
    return _filtered(images, np.outer(weights, weights) / weights.sum() ** 2)


# -------------------------------------------------------------------------------- the networks


class Encoder(nn.Sequential):
    """Two convolutions and a linear layer: FEATURES numbers for an image."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 16, 3, 2, 1),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, 2, 1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 7 * 7, FEATURES),
        )


def decoder(target: Target) -> nn.Module:
    """What an encoder learns with: a linear layer for classes, convolutions for images."""
    if target.ndim == 1:
        return nn.Linear(FEATURES, int(target.max()) + 1)
    if target.shape[-1] != SIDE:
        return nn.Sequential(nn.ReLU(), nn.Linear(FEATURES, target[0].size))
    return nn.Sequential(
        nn.ReLU(),
        nn.Linear(FEATURES, 32 * 7 * 7),
        nn.ReLU(),
        nn.Unflatten(1, (32, 7, 7)),
        nn.ConvTranspose2d(32, 16, 4, 2, 1),
        nn.ReLU(),
        nn.ConvTranspose2d(16, 1, 4, 2, 1),
        nn.Flatten(),
    )


def readout(target: Target) -> nn.Module:
    """What learns a target from frozen features: one hidden layer, the same for all targets."""
    n_out = int(target.max()) + 1 if target.ndim == 1 else target[0].size
    return nn.Sequential(nn.Linear(FEATURES, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, n_out))


def loss(outputs: Tensor, target: Tensor) -> Tensor:
    """Log-loss of classes, mean squared error of images."""
    if target.ndim == 1:
        return functional.cross_entropy(outputs, target)
    return functional.mse_loss(outputs, target.flatten(1))


def train(network: nn.Module, inputs: Tensor, target: Target, steps: int, seed: int) -> None:
    """Adam, the rate falling to nothing along a cosine."""
    rng, y = np.random.default_rng(seed), torch.from_numpy(target)
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    network.train()
    for _ in range(steps):
        at = torch.from_numpy(rng.integers(len(y), size=BATCH))
        optimiser.zero_grad()
        loss(network(inputs[at]), y[at]).backward()
        optimiser.step()
        schedule.step()
    network.eval()


# ------------------------------------------------------------------------------ the experiment


@dataclass(frozen=True)
class Experiment:
    """Data, protocol, and the folder that keeps what was computed."""

    data: Path
    out: Path
    protocol: Protocol

    @property
    def sources(self) -> tuple[str, ...]:
        """The tasks, and an encoder that has learned nothing."""
        return (*self.protocol.tasks, UNTRAINED)

    def split(self, seed: int) -> tuple[Scenes, Scenes, Scenes]:
        """Scenes for encoders, for read-outs, and for tests."""
        n, m = self.protocol.source_images, self.protocol.target_images
        seen = scenes(self.data, "train", n + m, seed)
        unseen = scenes(self.data, "test", self.protocol.test_images, seed)
        return seen.part(slice(n)), seen.part(slice(n, None)), unseen

    def encoder(self, source: str, seed: int, own: Scenes) -> Encoder:
        """A trained encoder, from the folder or trained now."""
        path = self.out / "encoders" / f"{source}-{seed}.pt"
        torch.manual_seed(1000 * seed + self.sources.index(source))
        encoder = Encoder()
        if not path.exists():
            if source != UNTRAINED:
                target = own.targets[source]
                steps = self.protocol.epochs * len(target) // BATCH
                network = nn.Sequential(encoder, decoder(target))
                train(network, torch.from_numpy(own.inputs)[:, None], target, steps, seed)
            whole(path, lambda to: torch.save(encoder.state_dict(), to))
        encoder.load_state_dict(torch.load(path, weights_only=True))
        return encoder.eval()

    def rows(self, source: str, seed: int, split: Callable[[], tuple[Scenes, ...]]) -> Any:
        """What was scored and measured of an encoder, a row for each target."""
        path = self.out / "pairs" / f"{source}-{seed}.json"
        return kept(path, lambda: list(self._rows(source, seed, *split())))

    def _rows(
        self, source: str, seed: int, own: Scenes, few: Scenes, unseen: Scenes
    ) -> Iterator[dict[str, Any]]:
        encoder = self.encoder(source, seed, own)
        X, Z = (_features(encoder, part.inputs) for part in (few, unseen))
        for name in self.protocol.tasks:
            y, truth = few.targets[name], unseen.targets[name]
            begin = time.perf_counter()
            scores = h_scores(X, y)
            scored = time.perf_counter()
            torch.manual_seed(seed)
            skill = of_readout((X, y), (Z, truth), self.protocol.readout_steps, seed)
            learned = time.perf_counter()
            yield {
                "seed": seed,
                "source": source,
                "target": name,
                **scores,
                "skill": skill,
                "linear_skill": of_linear_readout((X, y), (Z, truth)),
                "seconds_score": (scored - begin) / len(scores),
                "seconds_readout": learned - scored,
            }


def _features(encoder: Encoder, inputs: Floats) -> Floats:
    batches = [(part[:, None],) for part in torch.from_numpy(inputs).split(500)]
    found: Floats = extract_features(encoder, batches, "5", progress=False).features["5"]
    return found


def h_scores(X: Floats, target: Target) -> dict[str, float]:
    """H-score of classes, or the mean over pixels: plain, and adjusted for chance."""
    options: dict[str, dict[str, Any]] = {
        "h_score": {},
        "h_score_adjusted": {"shrinkage": "ledoit-wolf", "adjust_for_chance": True},
    }
    if target.ndim == 1:
        return {name: float(h_score(X, target, **choice)) for name, choice in options.items()}
    return {name: pixel_h_score(X, target, **choice).score for name, choice in options.items()}


def of_readout(learned: Samples, unseen: Samples, steps: int, seed: int) -> float:
    """Skill of a small network on frozen features, in units of their spread."""
    (X, y), (Z, truth) = learned, unseen
    scale = X.std(axis=0) + 1e-6
    x, z = (torch.from_numpy((part - X.mean(axis=0)) / scale) for part in (X, Z))
    network = readout(y)
    train(network, x, y, steps, seed)
    with torch.no_grad():
        return skill(float(loss(network(z), torch.from_numpy(truth))), y, truth)


def of_linear_readout(learned: Samples, unseen: Samples) -> float:
    """Skill of a linear head: a ridge probe for classes, least squares for images."""
    (X, y), (Z, truth) = learned, unseen
    if y.ndim == 1:
        return skill(linear_probe(X, y, Z, truth).log_loss, y, truth)
    x, z = (np.column_stack([part, np.ones(len(part))]).astype(np.float64) for part in (X, Z))
    weights = np.linalg.lstsq(x, y.reshape(len(y), -1), rcond=None)[0]
    return skill(float(np.mean((z @ weights - truth.reshape(len(truth), -1)) ** 2)), y, truth)


def skill(reached: float, y: Target, truth: Target) -> float:
    """1 minus the loss as a share of what a constant has that knows the training targets."""
    if y.ndim == 1:
        shares = np.bincount(y) / len(y)
        return float(1 - reached / -np.mean(np.log(shares[truth])))
    return float(1 - reached / np.mean((truth - y.mean(axis=0)) ** 2))


def run(experiment: Experiment) -> list[dict[str, Any]]:
    """Compute all that is not yet there."""
    torch.set_num_threads(1)
    begin, rows = time.perf_counter(), []
    for seed in range(experiment.protocol.seeds):
        made: list[tuple[Scenes, ...]] = []

        def split(seed: int = seed, made: list[tuple[Scenes, ...]] = made) -> tuple[Scenes, ...]:
            """The seed's scenes, made where something is to be computed."""
            if not made:
                made.append(experiment.split(seed))
            return made[0]

        for source in experiment.sources:
            rows += experiment.rows(source, seed, split)
            seconds = time.perf_counter() - begin
            print(f"{seconds:5.0f} s  {source} {seed}", file=sys.stderr, flush=True)
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment, or what is left of it; or write the report."""

    def rows(options: Options) -> list[dict[str, Any]]:
        protocol = QUICK if options.quick else Protocol()
        return run(Experiment(options.data, options.out, protocol))

    run_or_report(__doc__, RESULT, rows, "task_relations_report", arguments)


if __name__ == "__main__":
    main()
