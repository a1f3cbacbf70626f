"""Soft-HGR with its gradients against its two products (the floor), and against autograd."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rivals_transport import missing

from transferscore import soft_hgr_value_and_grad

Timed = Callable[..., None]
Matrix = NDArray[Any]

WORK, BATCH = (50_000, 128), (512, 32)
SINGLE = 1e-4  # of a gradient, relative to its largest entry, from features in float32
FLOOR = 1e-3  # float32 sums
OF_BOTH = pytest.mark.parametrize(
    "size",
    [
        pytest.param(size, marks=pytest.mark.benchmark(group="soft_hgr {} x {}".format(*size)))
        for size in (WORK, BATCH)
    ],
)
needs_torch = pytest.mark.skipif(bool(missing("torch")), reason="needs torch")


@lru_cache(maxsize=1)
def features(n: int, k: int) -> tuple[Matrix, Matrix]:
    """Of two views of one signal."""
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((n, k), dtype=np.float32)
    noise = rng.standard_normal((2, n, k), dtype=np.float32)
    return signal + noise[0], np.float32(0.5) * signal + noise[1]


@lru_cache(maxsize=1)
def exact(n: int, k: int) -> Matrix:
    """From features in float64, which tests hold against differences."""
    return by_f(*(side.astype(np.float64) for side in features(n, k)))


def by_f(f: Matrix, g: Matrix) -> Matrix:
    return soft_hgr_value_and_grad(f, g)[1]


def grams(f: Matrix, g: Matrix) -> Matrix:
    return np.stack([f.T @ f, g.T @ g])


def by_autograd(f: Matrix, g: Matrix) -> Matrix:
    """E[f^T g] - tr(cov f cov g) / 2 as it is written in PyTorch."""
    import torch

    sides = [torch.from_numpy(side).requires_grad_() for side in (f, g)]
    a, b = (side - side.mean(dim=0) for side in sides)
    n = len(f)
    value = (a * b).sum() / (n - 1) - (torch.cov(a.T) * torch.cov(b.T)).sum() / 2
    value.backward()
    assert sides[0].grad is not None
    return sides[0].grad.numpy()


@OF_BOTH
class TestGradient:
    """Value and the gradients by both sides."""

    def test_grams(self, timed: Timed, size: tuple[int, int]) -> None:
        expected = grams(*(side.astype(np.float64) for side in features(*size)))
        timed(partial(grams, *features(*size)), expected, role="floor", at_most=FLOOR)

    def test_transferscore(self, timed: Timed, size: tuple[int, int]) -> None:
        timed(partial(by_f, *features(*size)), exact(*size), role="ours", at_most=SINGLE)

    @needs_torch
    def test_autograd(self, timed: Timed, size: tuple[int, int]) -> None:
        timed(partial(by_autograd, *features(*size)), exact(*size), role="rival", at_most=SINGLE)
