"""What a loader gives: inputs for the model, and labels."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from transferscore import _checks

LABELS = ("labels", "label", "targets", "target", "y")  # their names in a dict


class Batch(NamedTuple):
    """Samples: positional and named inputs, how many, and labels if there are any."""

    inputs: tuple[Any, ...]
    named: dict[str, Any]
    n: int
    labels: NDArray[Any] | None

    def tensors(self, torch: Any) -> Iterator[Any]:
        """Every tensor of the inputs."""
        yield from _tensors(torch, self.inputs)
        yield from _tensors(torch, self.named)

    def call(self, torch: Any, model: Any, device: Any) -> Any:
        """What the model returns."""
        inputs, named = (_moved(torch, part, device) for part in (self.inputs, self.named))
        return model(*inputs, **named)

    def run(self, torch: Any, model: Any, device: Any) -> Any:
        """What the model returns, without a graph of how."""
        with torch.inference_mode():
            return self.call(torch, model, device)


def batch_of(torch: Any, model: Any, given: Any) -> Batch:
    """Tell inputs from labels: x; (x,) or (x, y); or a dict with labels under a name of these."""
    inputs, labels = given, None
    if isinstance(given, list | tuple) and not hasattr(given, "_fields"):
        if not 1 <= len(given) <= 2:
            raise _checks.no_input(given)
        inputs, labels = given if len(given) == 2 else (given[0], None)
    elif isinstance(given, Mapping) and (under := [key for key in LABELS if key in given]):
        labels = given[under[0]]
        inputs = {key: value for key, value in given.items() if key != under[0]}
    tensors = list(_tensors(torch, inputs))
    if not tensors or any(tensor.dim() == 0 for tensor in tensors):
        raise _checks.no_input(given)
    n = len(tensors[0])
    of_samples = None if labels is None else _labels(torch, labels, n)
    if isinstance(inputs, Mapping):
        return Batch(*_arguments(torch, model, inputs), n, of_samples)
    return Batch((inputs,), {}, n, of_samples)


def _arguments(
    torch: Any, model: Any, inputs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Named inputs as the model names them; a single tensor of another name is its first input."""
    accepted = inspect.signature(model.forward).parameters
    takes_all = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in accepted.values())
    named = {key: value for key, value in inputs.items() if takes_all or key in accepted}
    others = [key for key in inputs if key not in named and list(_tensors(torch, inputs[key]))]
    if not others:
        return (), named
    if len(others) == 1 and not list(_tensors(torch, named)):
        return (inputs[others[0]],), named
    raise _checks.names_of_inputs(others, accepted)


def _labels(torch: Any, labels: Any, n: int) -> NDArray[Any]:
    array = np.asarray(labels.detach().cpu() if isinstance(labels, torch.Tensor) else labels)
    _checks.batch_labels(array, n)
    return array


def _tensors(torch: Any, node: Any) -> Iterator[Any]:
    if isinstance(node, torch.Tensor):
        yield node
    elif isinstance(node, Mapping | list | tuple):
        for each in node.values() if isinstance(node, Mapping) else node:
            yield from _tensors(torch, each)


def _moved(torch: Any, node: Any, device: Any) -> Any:
    if isinstance(node, torch.Tensor):
        return node.to(device)
    if isinstance(node, Mapping):
        return {key: _moved(torch, value, device) for key, value in node.items()}
    if isinstance(node, list | tuple):
        moved = [_moved(torch, each, device) for each in node]
        return type(node)(*moved) if hasattr(node, "_fields") else type(node)(moved)
    return node
