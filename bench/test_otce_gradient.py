"""OTCE with its gradient against its value alone, and against autograd through the iterations.

The error beside a gradient is its distance to the adjoint solved to 1e-11 from features in float64,
which the tests hold against differences and autograd, as a share of the largest entry.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rivals_transport import Domains, clustered, missing

from transferscore import otce, otce_value_and_grad

Timed = Callable[..., None]
Matrix = NDArray[Any]

N, DIMENSION = 2_000, 128
RELATIVE_EPSILON = 0.05
TOL = 1e-6  # L1 error of the marginals, and of the linear system: the default
ACCURATE = 5e-5  # of a gradient
VALUE = 1e-4  # of the entropy
UNROLLED = 75  # iterations after which the gradient of a rival is as good; the answer asserts it
PRECISELY = {"tol": 1e-11, "max_iter": 10_000, "relative_epsilon": None}

of_gradients = pytest.mark.benchmark(group=f"otce with gradient {N} x {N}")
needs_torch = pytest.mark.skipif(bool(missing("torch")), reason="needs torch")


@lru_cache(maxsize=1)
def domains() -> Domains:
    return clustered(N, N, DIMENSION)


@lru_cache(maxsize=1)
def exact() -> tuple[float, Matrix]:
    """Value and derivatives by the source features."""
    p = domains()
    features = {
        "source_features": p.X.astype(np.float64),
        "target_features": p.Z.astype(np.float64),
    }
    result = otce_value_and_grad(**{**options(), **features, "epsilon": epsilon(), **PRECISELY})
    return result.task_difference, result.source_features


def options() -> dict[str, Any]:
    p = domains()
    return {
        "source_features": p.X,
        "source_labels": p.y,
        "target_features": p.Z,
        "target_labels": p.t,
        "relative_epsilon": RELATIVE_EPSILON,
        "tol": TOL,
    }


def error(gradient: Matrix) -> float:
    _, expected = exact()
    return float(np.abs(gradient - expected).max() / np.abs(expected).max())


def unrolled(dtype: str, n_iter: int) -> tuple[float, Matrix]:
    """H(Y_t | Y_s) by autograd that remembers every iteration, as is done without an adjoint."""
    import torch

    p = domains()
    x, z = (
        torch.from_numpy(side).to(getattr(torch, dtype)).requires_grad_() for side in (p.X, p.Z)
    )
    cost = (x**2).sum(1)[:, None] + (z**2).sum(1) - 2 * x @ z.T
    C = cost / epsilon()
    a, b = -np.log(len(x)), -np.log(len(z))
    g = torch.zeros(len(z), dtype=x.dtype)
    for _ in range(n_iter):
        f = -torch.logsumexp(g + b - C, dim=1)
        g = -torch.logsumexp(f[:, None] + a - C, dim=0)
    plan = torch.exp(f[:, None] + g - C + a + b)
    S, T = (torch.nn.functional.one_hot(torch.from_numpy(k)).to(x.dtype) for k in (p.y, p.t))
    J = S.T @ plan @ T
    value = -torch.special.xlogy(J, J / J.sum(dim=1, keepdim=True)).sum()
    value.backward()
    assert x.grad is not None
    return value.item(), x.grad.numpy()


@lru_cache(maxsize=1)
def epsilon() -> float:
    return float(otce(**options()).solver.epsilon)  # type: ignore[union-attr]


@needs_torch
@of_gradients
def test_value_alone(timed: Timed) -> None:
    """The forward pass of a training step."""
    timed(
        lambda: otce(**options()).task_difference,
        error=lambda value: abs(value / exact()[0] - 1),
        role="variant",
        at_most=VALUE,
        note="value alone",
    )


@needs_torch
@of_gradients
def test_transferscore(timed: Timed) -> None:
    timed(
        lambda: otce_value_and_grad(**options()).source_features,
        error=error,
        role="ours",
        at_most=ACCURATE,
    )


@needs_torch
@of_gradients
def test_both_terms(timed: Timed) -> None:
    """Gradients of the two differences apart, of one plan."""
    timed(
        lambda: otce_value_and_grad(**options(), coefficients=np.eye(2)).source_features[1],
        error=error,
        role="variant",
        at_most=ACCURATE,
        note="two gradients",
    )


@needs_torch
@of_gradients
def test_unrolled(timed: Timed) -> None:
    timed(
        lambda: unrolled("float32", UNROLLED)[1],
        error=error,
        role="rival",
        at_most=ACCURATE,
        rounds=2,
        note=f"autograd through {UNROLLED} iterations",
    )
