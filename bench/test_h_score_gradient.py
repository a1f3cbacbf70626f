"""The H-score with its gradient against its value alone, and against autograd."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rivals_transport import missing

from transferscore import h_score, h_score_value_and_grad

Timed = Callable[..., None]
Problems = Callable[..., Any]
Matrix = NDArray[Any]

WORK = (20_000, 512, 100)  # a data set
BATCH = (512, 64, 10)  # a step of training
SINGLE = 1e-4  # of a gradient, relative to its largest entry, from features in float32
VALUE = 1e-5
LABELLED = pytest.mark.parametrize(
    "size",
    [
        pytest.param(
            size,
            marks=pytest.mark.benchmark(
                group="h_score with gradient {} x {}, {} classes".format(*size)
            ),
        )
        for size in (WORK, BATCH)
    ],
)
SHRINKAGE = 0.1
needs_torch = pytest.mark.skipif(bool(missing("torch")), reason="needs torch")


def exact(p: Any) -> Matrix:
    """From features in float64, which tests hold against differences."""
    return gradient(p.X.astype(np.float64), p.y)


def gradient(X: Matrix, y: Matrix) -> Matrix:
    return h_score_value_and_grad(X, y, shrinkage=SHRINKAGE)[1]


def by_autograd(X: Matrix, y: Matrix) -> Matrix:
    """tr(Sigma^-1 cov(E[f | y])) as it is written in PyTorch."""
    import torch

    x = torch.from_numpy(X).requires_grad_()
    ids = torch.from_numpy(y)
    n, d = X.shape
    centred = x - x.mean(dim=0)
    sigma = centred.T @ centred / n
    sigma = (1 - SHRINKAGE) * sigma + SHRINKAGE * sigma.trace() / d * torch.eye(d, dtype=x.dtype)
    counts = torch.bincount(ids).to(x.dtype)
    sums = torch.zeros(len(counts), d, dtype=x.dtype).index_add(0, ids, centred)
    between = (sums / counts[:, None]).T @ sums / n
    value = (1 - SHRINKAGE) * torch.linalg.solve(sigma, between).trace()
    value.backward()
    assert x.grad is not None
    return x.grad.numpy()


@LABELLED
class TestGradient:
    """Shrinkage of a given intensity, as the losses of training have."""

    def test_value_alone(self, timed: Timed, problem: Problems, size: tuple[int, ...]) -> None:
        p = problem(*size)
        value = h_score(p.X.astype(np.float64), p.y, shrinkage=SHRINKAGE)
        call = partial(h_score, p.X, p.y, shrinkage=SHRINKAGE)
        timed(call, value, role="variant", at_most=VALUE, note="value alone")

    def test_transferscore(self, timed: Timed, problem: Problems, size: tuple[int, ...]) -> None:
        p = problem(*size)
        timed(partial(gradient, p.X, p.y), exact(p), role="ours", at_most=SINGLE)

    @needs_torch
    def test_autograd(self, timed: Timed, problem: Problems, size: tuple[int, ...]) -> None:
        p = problem(*size)
        timed(partial(by_autograd, p.X, p.y), exact(p), role="rival", at_most=SINGLE)
