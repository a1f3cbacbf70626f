"""Small networks that give each pixel a class: features of WIDTH channels, and a last layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

N_CLASSES, WIDTH = 11, 12
WIDTHS = [WIDTH * 2**level for level in range(4)]


def _block(n_in: int, n_out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n in (n_in, n_out):
        layers += [nn.Conv2d(n, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()]
    return nn.Sequential(*layers)


def _blocks(ends: Sequence[tuple[int, int]]) -> nn.ModuleList:
    return nn.ModuleList(_block(a, b) for a, b in ends)


class Segmenter(nn.Module):
    """Four resolutions, each half of the one before, and what an architecture makes of them."""

    def __init__(self) -> None:
        super().__init__()
        self.down = _blocks(list(zip([3, *WIDTHS], WIDTHS, strict=False)))
        self.build()
        self.head = nn.Conv2d(WIDTH, N_CLASSES, 1)

    def build(self) -> None:
        """Make the layers between the encoder and the last layer."""
        raise NotImplementedError

    def features(self, x: Tensor) -> Tensor:
        """What the last layer sees: (n, WIDTH, H, W)."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Outputs (n, N_CLASSES, H, W), before softmax."""
        out: Tensor = self.head(self.features(x))
        return out


class UNet(Segmenter):
    """Ronneberger, Fischer, Brox, 2015: on the way up each resolution sees that of the encoder."""

    def build(self) -> None:
        """Blocks on the way up, which see two resolutions."""
        ends = zip(WIDTHS[-2::-1], WIDTHS[:0:-1], strict=True)
        self.up = _blocks([(a + b, a) for a, b in ends])

    def features(self, x: Tensor) -> Tensor:
        """What the last layer sees: (n, WIDTH, H, W)."""
        seen = []
        for level, block in enumerate(self.down):
            x = block(functional.max_pool2d(x, 2) if level else x)
            seen.append(x)
        x = seen.pop()
        for block in self.up:
            finer = seen.pop()
            x = functional.interpolate(x, finer.shape[-2:], mode="nearest")
            x = block(torch.cat([finer, x], dim=1))
        return x


class SegNet(Segmenter):
    """Badrinarayanan, Kendall, Cipolla, 2017: only places of maxima cross over to the way up."""

    def build(self) -> None:
        """Blocks on the way up, each before its values go to the places of the maxima."""
        self.up = _blocks(list(zip(WIDTHS[:0:-1], WIDTHS[-2::-1], strict=True)))
        self.last = _block(WIDTH, WIDTH)

    def features(self, x: Tensor) -> Tensor:
        """What the last layer sees: (n, WIDTH, H, W)."""
        places = []
        for level, block in enumerate(self.down):
            if level:
                size = x.shape[-2:]
                x, maxima = functional.max_pool2d(x, 2, return_indices=True)
                places.append((maxima, size))
            x = block(x)
        for block in self.up:
            maxima, size = places.pop()
            x = functional.max_unpool2d(block(x), maxima, 2, output_size=list(size))
        out: Tensor = self.last(x)
        return out


class FCN(Segmenter):
    """Long, Shelhamer, Darrell, 2015: coarse maps, brought to full size and added up."""

    def build(self) -> None:
        """A layer for each of the three coarser resolutions, down to WIDTH channels."""
        self.narrow = nn.ModuleList(nn.Conv2d(width, WIDTH, 1) for width in WIDTHS[1:])

    def features(self, x: Tensor) -> Tensor:
        """What the last layer sees: (n, WIDTH, H, W)."""
        size, maps = list(x.shape[-2:]), []
        for level, block in enumerate(self.down):
            x = block(functional.max_pool2d(x, 2) if level else x)
            if level:
                coarse = self.narrow[level - 1](x)
                maps.append(
                    functional.interpolate(coarse, size, mode="bilinear", align_corners=False)
                )
        return torch.relu(torch.stack(maps).sum(dim=0))


ARCHITECTURES: dict[str, type[Segmenter]] = {"U-Net": UNet, "SegNet": SegNet, "FCN": FCN}
