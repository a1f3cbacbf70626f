"""Losses for PyTorch: gradcheck, unrolled autograd, types of numbers, errors."""

import re
import sys
from subprocess import run
from unittest.mock import Mock

import numpy as np
import pytest

from tolerances import FLOAT32, GRADIENT, TRANSPORT

torch = pytest.importorskip("torch", reason="the losses are for PyTorch")

from transferscore.learn import (  # noqa: E402
    _functions,
    h_score_loss,
    otce_loss,
    soft_hgr_loss,
)

EXACT = {"tol": 1e-12, "max_iter": 20_000}


def clouds(n=14, m=11, d=3, dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    y, w = torch.arange(n) % 3, torch.arange(m) % 2
    x, z = (
        torch.randn(k, d, generator=generator, dtype=torch.float64) + torch.eye(3, d)[labels]
        for k, labels in ((n, y), (m, w))
    )
    return x.to(dtype).requires_grad_(), y, z.to(dtype).requires_grad_(), w


@pytest.mark.parametrize("terms", ["conditional_entropy", "transport_cost", "both"])
def test_gradcheck_of_otce(terms):
    x, y, z, w = clouds(8, 6)
    assert torch.autograd.gradcheck(
        lambda x, z: otce_loss(x, y, z, w, terms=terms, epsilon=0.8, **EXACT), (x, z)
    )


@pytest.mark.parametrize("shrinkage", [None, 0.2, "ledoit-wolf"])
def test_gradcheck_of_the_h_score(shrinkage):
    x, y, _, _ = clouds()
    assert torch.autograd.gradcheck(lambda x: h_score_loss(x, y, shrinkage=shrinkage), (x,))


def test_gradcheck_of_soft_hgr():
    x, _, _, _ = clouds()
    g = (2 * x.detach()[:, [1, 2, 0]]).requires_grad_()
    assert torch.autograd.gradcheck(soft_hgr_loss, (x, g))


def unrolled(x, y, z, w, *, epsilon, n_iter):
    """H(Y_t | Y_s) with every iteration recorded."""
    cost = torch.cdist(x, z) ** 2 / epsilon
    a, b = (-np.log(len(side)) for side in (x, z))
    g = torch.zeros(len(z), dtype=x.dtype)
    for _ in range(n_iter):
        f = -torch.logsumexp(g + b - cost, dim=1)
        g = -torch.logsumexp(f[:, None] + a - cost, dim=0)
    plan = torch.exp(f[:, None] + g - cost + a + b)
    S, T = (torch.nn.functional.one_hot(labels).to(x.dtype) for labels in (y, w))
    J = S.T @ plan @ T
    return -(J * torch.log(J / J.sum(dim=1, keepdim=True))).sum()


def test_otce_against_unrolled_autograd():
    x, y, z, w = clouds(20, 15)
    loss = otce_loss(x, y, z, w, epsilon=0.5, **EXACT)
    expected = unrolled(x, y, z, w, epsilon=0.5, n_iter=400)
    assert loss.item() == pytest.approx(expected.item(), rel=GRADIENT)
    for got, other in zip(
        torch.autograd.grad(loss, (x, z)), torch.autograd.grad(expected, (x, z)), strict=True
    ):
        assert (got - other).abs().max() < GRADIENT * other.abs().max()


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_other_types_of_numbers(dtype):
    dtype = getattr(torch, dtype)
    x, y, z, w = clouds(dtype=dtype)
    same = [side.detach().double().requires_grad_() for side in (x, z)]
    for loss, exact in (
        (otce_loss(x, y, z, w, epsilon=0.8), otce_loss(same[0], y, same[1], w, epsilon=0.8)),
        (h_score_loss(x, y, shrinkage=0.2), h_score_loss(same[0], y, shrinkage=0.2)),
    ):
        assert loss.dtype == torch.float32
        assert loss.item() == pytest.approx(exact.item(), rel=TRANSPORT["float32"])
        (got,), (expected,) = (
            torch.autograd.grad(value, side) for value, side in ((loss, x), (exact, same[0]))
        )
        assert got.dtype == dtype
        rounding = torch.finfo(dtype).eps + TRANSPORT["float32"]
        assert (got.double() - expected).abs().max() < rounding * expected.abs().max()


def test_mixed_types_of_the_two_sides():
    x, y, z, w = clouds()
    loss = otce_loss(x, y, z.float(), w, epsilon=0.8)
    assert loss.dtype == torch.float64
    loss.backward()
    assert z.grad.dtype == torch.float64


def test_features_that_are_not_contiguous():
    x, y, z, w = clouds()
    turned = x.detach().T.contiguous().T.requires_grad_()
    one, other = (otce_loss(side, y, z, w, epsilon=0.8, **EXACT) for side in (x, turned))
    one.backward()
    other.backward()
    assert (turned.grad - x.grad).abs().max() < GRADIENT * x.grad.abs().max()


@pytest.mark.parametrize("shrinkage", [None, "ledoit-wolf"])
def test_values_without_derivatives(shrinkage):
    x, y, z, w = clouds()
    for loss in (
        lambda: otce_loss(x, y, z, w, terms="both"),
        lambda: h_score_loss(x, y, shrinkage=shrinkage),
        lambda: soft_hgr_loss(x, 2 * x),
    ):
        recorded = loss()
        with torch.no_grad():
            plain = loss()
        assert recorded.requires_grad
        assert not plain.requires_grad
        assert plain.item() == pytest.approx(recorded.item(), rel=FLOAT32)


def test_one_side_that_is_fixed_has_no_gradient():
    x, y, z, w = clouds()
    otce_loss(x, y, z.detach(), w).backward()
    assert x.grad.abs().max() > 0
    assert z.grad is None


def test_a_factor_before_the_loss():
    x, y, z, w = clouds()
    (one,) = torch.autograd.grad(otce_loss(x, y, z, w), x)
    (three,) = torch.autograd.grad(3 * otce_loss(x, y, z, w), x)
    assert torch.equal(3 * one, three)


LOSSES = {
    "otce": otce_loss,
    "h_score": lambda x, y, z, w: h_score_loss(x, y, shrinkage=0.2),
    "soft_hgr": lambda x, y, z, w: soft_hgr_loss(x, x[:, [1, 2, 0]] ** 2),
}
losses = pytest.mark.parametrize("loss", LOSSES.values(), ids=list(LOSSES))


@losses
def test_a_second_derivative_is_refused(loss):
    given = clouds()
    (gradient,) = torch.autograd.grad(loss(*given), given[0], create_graph=True)
    with pytest.raises(
        RuntimeError, match=r"losses of transferscore\.learn are differentiable once"
    ):
        (loss(*given) + gradient.square().sum()).backward()


@losses
def test_second_derivatives_by_functions_of_pytorch_are_refused(loss):
    x, *others = clouds()
    with pytest.raises(RuntimeError, match="differentiable once"):
        torch.autograd.functional.hessian(lambda side: loss(side, *others), x.detach())


def test_a_factor_keeps_half_precision_from_zero():
    """As the scaling of losses in mixed precision does: derivatives here are below its range."""
    x, y, _, _ = clouds(1400, dtype=torch.float16)
    large = (3e4 / x.detach().abs().max() * x.detach()).requires_grad_()
    exact = large.detach().double().requires_grad_()
    scaled, expected = (
        torch.autograd.grad(2.0**24 * h_score_loss(side, y, shrinkage=0.2), side)[0]
        for side in (large, exact)
    )
    plain = torch.autograd.grad(h_score_loss(large, y, shrinkage=0.2), large)[0]
    assert (2.0**24 * plain.double() - expected).abs().max() > 0.02 * expected.abs().max()
    assert (scaled.double() - expected).abs().max() < 1e-3 * expected.abs().max()


@losses
def test_mixed_precision(loss):
    """Features of an autocast network; its weights are float32, and so are their gradients."""
    x, y, z, w = clouds(dtype=torch.float32)
    layer = torch.nn.Linear(3, 3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        features = layer(x.detach())
        assert features.dtype == torch.bfloat16
        value = loss(features, y, z.detach(), w)
    assert value.dtype == torch.float32
    value.backward()
    assert layer.weight.grad.dtype == torch.float32
    assert layer.weight.grad.abs().max() > 0


def test_two_types_of_numbers_in_soft_hgr():
    x, _, _, _ = clouds()
    g = x.detach().float()[:, [1, 2, 0]].requires_grad_()
    loss = soft_hgr_loss(x, g)
    loss.backward()
    assert (loss.dtype, x.grad.dtype, g.grad.dtype) == (torch.float64, torch.float64, torch.float32)


def test_features_on_another_device_are_copied_with_one_warning():
    """There is none in most places where tests run: a stand-in that says it lies elsewhere."""
    x, _, _, _ = clouds(dtype=torch.float16)
    elsewhere = Mock(wraps=x, dtype=x.dtype)
    elsewhere.device.type = "cuda"
    _functions._warn_of_copies.cache_clear()
    with pytest.warns(UserWarning, match="copied to main memory") as seen:
        copies = [_functions._array(elsewhere) for _ in range(3)]
    assert [str(w.message) for w in seen] == [
        "features on the device 'cuda' are copied to main memory: scores run on the processor"
    ]
    assert all(np.array_equal(copy, x.detach().float().numpy()) for copy in copies)


def test_training_leads_down():
    x, y, z, w = clouds(60, 30)
    layer = torch.nn.Linear(3, 3).double()
    torch.nn.init.eye_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    optimiser = torch.optim.SGD(layer.parameters(), lr=1.0)
    values = []
    for _ in range(20):
        optimiser.zero_grad()
        loss = otce_loss(layer(x.detach()), y, layer(z.detach()), w)
        loss.backward()
        optimiser.step()
        values.append(loss.item())
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (
            {"source_features": np.ones((14, 3))},
            TypeError,
            "`source_features` must be a torch.Tensor of floating-point numbers, got ndarray",
        ),
        (
            {"target_features": torch.ones(11, 3, dtype=torch.int64)},
            TypeError,
            "`target_features` must be a torch.Tensor of floating-point numbers, got torch.int64",
        ),
        (
            {"target_labels": torch.zeros(11)},
            ValueError,
            "`target_labels` must have at least 2 classes, got 1: the conditional entropy is then "
            "0 whatever the features are",
        ),
        (
            {"target_features": torch.full((11, 3), torch.nan)},
            ValueError,
            "`target_features` must be finite",
        ),
        (
            {"terms": "entropy"},
            ValueError,
            "`terms` must be 'conditional_entropy' or 'transport_cost' or 'both', got 'entropy'",
        ),
    ],
)
def test_errors(change, error, text):
    names = ("source_features", "source_labels", "target_features", "target_labels")
    given = {**dict(zip(names, clouds(), strict=True)), **change}
    with pytest.raises(error, match=re.escape(text)):
        otce_loss(**given)


def test_the_package_loads_without_torch():
    code = "import sys, transferscore; sys.exit('torch' in sys.modules)"
    assert run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_error_without_torch_names_the_extra():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "try: import transferscore.learn\n"
        "except ModuleNotFoundError as error: print(error)"
    )
    found = run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == (
        "this needs PyTorch, which is not installed; pip install 'transferscore[torch]'"
    )
