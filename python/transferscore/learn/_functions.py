"""Values with derivatives, from arrays, as functions that PyTorch differentiates once."""

import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from transferscore import _checks

Array = NDArray[Any]
# compute(arrays, with derivatives?) -> value, derivatives by each array (none where not asked)
Compute = Callable[[Sequence[Array], bool], tuple[float, Sequence[Array]]]


class _Value(torch.autograd.Function):
    """A number whose derivatives are found together with it."""

    @staticmethod
    def forward(ctx: Any, compute: Compute, with_derivatives: bool, *tensors: torch.Tensor) -> Any:
        value, derivatives = compute([_array(tensor) for tensor in tensors], with_derivatives)
        ctx.save_for_backward(
            *tensors,
            *(
                torch.from_numpy(derivative).to(tensor.device)
                for derivative, tensor in zip(derivatives, tensors, strict=False)
            ),
        )
        precise = any(tensor.dtype == torch.float64 for tensor in tensors)
        return tensors[0].new_tensor(value, dtype=torch.float64 if precise else torch.float32)

    @staticmethod
    def backward(ctx: Any, outer: torch.Tensor) -> Any:
        count = len(ctx.saved_tensors) // 2
        inputs, derivatives = ctx.saved_tensors[:count], ctx.saved_tensors[count:]
        # Half precision comes last: a factor before the loss is there to keep it from zero.
        gradients = [
            (outer.to(derivative.dtype) * derivative).to(tensor.dtype)
            for derivative, tensor in zip(derivatives, inputs, strict=True)
        ]
        if torch.is_grad_enabled():  # somebody means to differentiate again
            gradients = [_Last.apply(gradient, *inputs) for gradient in gradients]
        return None, None, *gradients


class _Last(torch.autograd.Function):
    """A gradient that says so where it is to be differentiated; it would pass for a constant."""

    @staticmethod
    def forward(_: Any, gradient: torch.Tensor, *inputs: torch.Tensor) -> torch.Tensor:
        del inputs
        return gradient.clone()

    @staticmethod
    def backward(_: Any, *outer: torch.Tensor) -> Any:
        del outer
        raise _checks.differentiable_once()


def value_of(compute: Compute, tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    """The number as a tensor without dimensions; derivatives only where somebody will ask."""
    wanted = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    value: torch.Tensor = _Value.apply(compute, wanted, *tensors)
    return value


def checked_tensor(value: object, name: str) -> torch.Tensor:
    """Features in a floating-point type."""
    if not isinstance(value, torch.Tensor):
        raise _checks.not_a_tensor(name, type(value).__name__)
    if not value.is_floating_point():
        raise _checks.not_a_tensor(name, str(value.dtype))
    return value


def label_array(labels: object) -> Any:
    """Labels for the checks of the package: tensors as arrays, everything else as it is."""
    return labels.detach().cpu().numpy() if isinstance(labels, torch.Tensor) else labels


def _array(tensor: torch.Tensor) -> Array:
    """In place where it lies in main memory; half precision in float32."""
    if tensor.device.type != "cpu":
        _warn_of_copies(tensor.device.type)
    kept = tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()
    array: Array = np.asarray(kept.detach().cpu().numpy())
    return array


@lru_cache
def _warn_of_copies(device: str) -> None:
    """Once a process for each kind of device."""
    warnings.warn(
        f"features on the device {device!r} are copied to main memory: scores run on the processor",
        UserWarning,
        stacklevel=2,
    )
