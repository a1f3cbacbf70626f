"""Networks where the user brings none."""

from collections.abc import Sequence

import numpy as np
import torch

from transferscore._checks import Variable


class Standardised(torch.nn.Module):
    """Numbers of any shape as rows of zero mean and unit variance over the training samples."""

    def __init__(self, samples: np.ndarray) -> None:
        super().__init__()
        rows = samples.reshape(len(samples), -1).astype(np.float64)
        deviation = rows.std(axis=0)
        deviation[deviation <= 1e-12 * np.abs(rows).max(axis=0)] = 1  # constant
        self.register_buffer("mean", torch.from_numpy(rows.mean(axis=0)).float())
        self.register_buffer("deviation", torch.from_numpy(deviation).float())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x.flatten(1) - self.mean) / self.deviation


def network_for(samples: Variable, hidden: Sequence[int], n_features: int) -> torch.nn.Module:
    """A table for a discrete variable, for numbers layers of these widths."""
    if samples.values is not None:
        return torch.nn.Embedding(samples.count, n_features)
    layers: list[torch.nn.Module] = [Standardised(samples.data)]
    width = int(np.prod(samples.data.shape[1:]))
    for units in hidden:
        layers += [torch.nn.Linear(width, units), torch.nn.GELU()]
        width = units
    return torch.nn.Sequential(*layers, torch.nn.Linear(width, n_features))
