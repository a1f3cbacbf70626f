"""Which modules are meant, what they give, and how that becomes a row for each sample."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferscore import _checks

LAST = "last"
Pooling = str | Callable[[Any], Any]


def matching(model: Any, layers: object) -> list[str]:
    """The names of the modules, in the order given; those of a pattern in the model's order."""
    names = dict(model.named_modules(remove_duplicate=False))
    found: dict[str, None] = {}
    for pattern in _checks.layer_patterns(layers):
        inner = [name for name in names if name]
        chosen = [pattern] if pattern in names else fnmatch.filter(inner, pattern)
        if not chosen and pattern != LAST:
            raise _checks.unknown_layer(pattern, inner)
        found.update(dict.fromkeys(chosen or [LAST]))
    return list(found)


class Taps:
    """What layers give while the model runs, pooled at once: maps are large, their means small."""

    def __init__(self, torch: Any, model: Any, layers: list[str], pooling: Pooling) -> None:
        self._torch, self._layers, self._pooling = torch, layers, pooling
        self._modules = dict(model.named_modules(remove_duplicate=False))
        self._handles: list[Any] = []
        self._rows: dict[str, NDArray[Any]] = {}
        self._entered: Any = None  # the head, if the model has one
        self._knows_head = False
        self._n = 0

    def __enter__(self) -> Taps:
        for layer in self._layers:
            if layer in self._modules:
                self._hook(self._modules[layer], self._keep(layer))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for handle in self._handles:
            handle.remove()

    def of_batch(self, run: Callable[[], Any], n: int) -> dict[str, NDArray[Any]]:
        """Run the model on a batch of n samples; rows by layer."""
        self._n = n
        if not self._knows_head and any(layer not in self._modules for layer in self._layers):
            self._find_head(run)
        self._rows, self._entered = {}, None
        returned = run()
        for layer in self._layers:
            if layer not in self._modules:
                output = returned if self._entered is None else self._entered
                self._rows[layer] = self._pooled(layer, output)
            elif layer not in self._rows:
                raise _checks.layer_not_called(layer)
        return {layer: self._rows[layer] for layer in self._layers}

    def _hook(self, module: Any, hook: Callable[[Any, Any, Any], None]) -> None:
        self._handles.append(module.register_forward_hook(hook))

    def _keep(self, layer: str) -> Callable[[Any, Any, Any], None]:
        def hook(module: Any, inputs: Any, output: Any) -> None:
            # Now, since a module that comes later may write into the same memory.
            self._rows[layer] = self._pooled(layer, output)

        return hook

    def _find_head(self, run: Callable[[], Any]) -> None:
        """Find the linear layer whose output the model returns, and hook it alone.

        In a run for nothing: with hooks everywhere, torch doesn't fuse what it fuses without.
        """
        last: list[Any] = []

        def remember(module: Any, inputs: Any, output: Any) -> None:
            last[:] = [module, output]

        def entering(module: Any, inputs: Any, output: Any) -> None:
            self._entered = inputs[0]

        linear = [m for m in self._modules.values() if isinstance(m, self._torch.nn.Linear)]
        handles = [module.register_forward_hook(remember) for module in dict.fromkeys(linear)]
        try:
            returned = run()
        finally:
            for handle in handles:
                handle.remove()
        if last and first_tensor(self._torch, returned) is last[1]:
            self._hook(last[0], entering)
        self._knows_head = True

    def _pooled(self, layer: str, output: Any) -> NDArray[Any]:
        tensor = first_tensor(self._torch, output)
        if tensor is None:
            raise _checks.no_tensor(layer, output)
        if tensor.is_nested or tensor.layout != self._torch.strided:
            raise _checks.no_numbers(layer, "a nested or sparse one")
        if not tensor.is_floating_point():
            raise _checks.no_numbers(layer, str(tensor.dtype).removeprefix("torch."))
        if tensor.element_size() < 4:
            tensor = tensor.float()  # means in 16 bits would lose half of these
        if callable(self._pooling):
            tensor = self._pooling(tensor)
            if not isinstance(tensor, self._torch.Tensor):
                raise _checks.no_tensor(layer, tensor)
        if tensor.dim() == 0 or len(tensor) != self._n:
            raise _checks.other_first_axis(layer, tensor.shape, self._n)
        if not callable(self._pooling):
            tensor = _by_name(self._pooling, layer, tensor)
        rows = tensor.reshape(len(tensor), 1) if tensor.dim() == 1 else tensor
        array: NDArray[Any] = rows.detach().to("cpu", copy=True).numpy()
        return np.ascontiguousarray(array)


def _by_name(pooling: str, layer: str, tensor: Any) -> Any:
    """Tokens (N, T, d) have features last, maps (N, C, ...) second."""
    if pooling == "cls" and tensor.dim() > 2:
        if tensor.dim() != 3:
            raise _checks.no_tokens(layer, tensor.shape)
        return tensor[:, 0]
    if pooling == "flatten":
        return tensor.flatten(1) if tensor.dim() > 1 else tensor
    if pooling in ("mean", "max") and tensor.dim() > 2:
        axes = (1,) if tensor.dim() == 3 else tuple(range(2, tensor.dim()))
        return tensor.mean(axes) if pooling == "mean" else tensor.amax(axes)
    return tensor


def first_tensor(torch: Any, output: Any) -> Any:
    """The first tensor of tuples and dicts, however deep; None where there is none."""
    if isinstance(output, torch.Tensor):
        return output
    inside = (
        list(output.values())
        if isinstance(output, Mapping)
        else output
        if isinstance(output, list | tuple)
        else []
    )
    found = (first_tensor(torch, each) for each in inside)
    return next((tensor for tensor in found if tensor is not None), None)
