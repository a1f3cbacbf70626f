"""Small networks for small pictures, whose last hidden layer is asked for in one way.

    network = train_classifier(new("lenet", n_classes=10, seed=0), images, epochs=2, seed=0)
    features_of(network, pictures), outputs_of(network, pictures), accuracy(network, images)

Everything runs on one thread, and the same seeds give the same networks.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from domains import Images
from torch import Tensor, nn
from torch.nn import functional

Floats = npt.NDArray[np.float32]


class Network(nn.Module):
    """A `body` that makes features (n, d), and a linear `head` that makes outputs of these."""

    def __init__(self, body: nn.Module, n_features: int, n_classes: int) -> None:
        super().__init__()
        self.body, self.head = body, nn.Linear(n_features, n_classes)

    def features(self, x: Tensor) -> Tensor:
        """What the head sees (n, d)."""
        seen: Tensor = self.body(x)
        return seen

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (n, n_classes), before softmax."""
        out: Tensor = self.head(self.features(x))
        return out


def lenet(n_classes: int, *, channels: int = 1, size: int = 28) -> Network:
    """LeCun and others' LeNet-5 with maxima and rectifiers; 84 features."""
    side = (size // 2 - 4) // 2
    body = nn.Sequential(
        nn.Conv2d(channels, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * side**2, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
    )
    return Network(body, 84, n_classes)


def few_shot_net(
    n_classes: int, *, channels: int = 1, size: int = 28, width: int = 64, blocks: int = 4
) -> Network:
    """The network of few-shot learning (Vinyals and others 2016): blocks of convolution, batch
    normalisation, rectifier and maximum; `width` features for each pixel that is left.
    """
    layers: list[nn.Module] = []
    for n in (channels, *[width] * (blocks - 1)):
        convolution = nn.Conv2d(n, width, 3, padding=1, bias=False)
        layers += [convolution, nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
    side = size // 2**blocks
    return Network(nn.Sequential(*layers, nn.Flatten()), width * side**2, n_classes)


NETWORKS: dict[str, Callable[..., Network]] = {"lenet": lenet, "few_shot_net": few_shot_net}


def new(name: str, n_classes: int, *, seed: int, **options: int) -> Network:
    """An untrained network; its weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return NETWORKS[name](n_classes, **options)


def train_classifier(
    network: Network,
    images: Images,
    *,
    seed: int,
    epochs: int = 3,
    rate: float = 1e-3,
    batch: int = 128,
) -> Network:
    """The network, trained where it is: Adam, the rate falling to nothing along a cosine."""
    torch.set_num_threads(1)
    x, y = torch.from_numpy(images.pictures), torch.from_numpy(images.labels)
    batch = min(batch, len(y))
    parts = len(y) // batch
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.Adam(network.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * parts)
    network.train()
    for _ in range(epochs):
        for at in np.split(rng.permutation(len(y))[: parts * batch], parts):
            optimiser.zero_grad()
            functional.cross_entropy(network(x[at]), y[at]).backward()
            optimiser.step()
            schedule.step()
    return network.eval()


@torch.no_grad()
def _in_parts(of: Callable[[Tensor], Tensor], network: Network, pictures: Floats) -> Floats:
    torch.set_num_threads(1)
    network.eval()
    found = [of(part) for part in torch.from_numpy(pictures).split(512)]
    together: Floats = torch.cat(found).numpy()
    return together


def features_of(network: Network, pictures: Floats) -> Floats:
    """What the head sees (n, d)."""
    return _in_parts(network.features, network, pictures)


def outputs_of(network: Network, pictures: Floats) -> Floats:
    """Outputs (n, n_classes), before softmax."""
    return _in_parts(network, network, pictures)


def accuracy(network: Network, images: Images) -> float:
    """Share of pictures that are recognised."""
    return float(np.mean(outputs_of(network, images.pictures).argmax(axis=1) == images.labels))
