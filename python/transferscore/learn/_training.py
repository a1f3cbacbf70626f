"""What training needs: loaders that begin again, the head of a network and what it sees."""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from transferscore import _checks
from transferscore.extract._batches import Batch, batch_of
from transferscore.extract._layers import first_tensor

NORMALISATIONS = (nn.modules.batchnorm._BatchNorm,)


def seed_of(random_state: int, *purpose: int) -> int:
    """A seed for one purpose, such as an update; others' numbers don't depend on it."""
    return int(np.random.SeedSequence([random_state, *purpose]).generate_state(1)[0])


class Batches:
    """Labelled batches of a loader without end.

    Each pass has random numbers of its own, whatever else draws some in between, so a pass can be
    begun again and be left where another run has left it.
    """

    def __init__(self, model: nn.Module, loader: Iterable[Any], name: str, *seeds: int) -> None:
        _checks.loader_name(name, loader)
        self._model, self._loader, self._name, self._seeds = model, loader, name, seeds
        self._pass, self._position, self.begin = -1, 0, 0  # begin: samples before the batch
        self._batches: Iterator[Any] = iter(())
        self._random = torch.get_rng_state()

    def __next__(self) -> Batch:
        """The next batch, of the next pass where this one is over."""
        given = self._given()
        if given is None:
            self._start(self._pass + 1)
            given = self._given()
            if given is None:
                raise _checks.empty_loader(self._name)
        return given

    @property
    def state(self) -> list[int]:
        """Where it is."""
        return [self._pass, self._position, self.begin]

    def go_to(self, state: list[int]) -> None:
        """Go on from where another has been."""
        if state[0] >= 0:
            self._start(state[0])
        while self._position < state[1] and self._given() is not None:
            pass
        self.begin = state[2]

    def once(self) -> Iterator[Batch]:
        """All batches of one pass."""
        self._start(0)
        while (batch := self._given()) is not None:
            yield batch
        if self._position == 0:
            raise _checks.empty_loader(self._name)

    def _start(self, number: int) -> None:
        self._pass, self._position, self.begin = number, 0, 0
        self._end = 0
        seed = seed_of(*self._seeds, number)
        own = getattr(self._loader, "generator", None)
        if isinstance(own, torch.Generator):
            own.manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._batches = iter(self._loader)
            self._random = torch.get_rng_state()

    def _given(self) -> Batch | None:
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self._random)
            given = next(self._batches, None)
            self._random = torch.get_rng_state()
        if given is None:
            return None
        batch = batch_of(torch, self._model, given)
        if batch.labels is None:
            raise _checks.unlabelled_batch(self._name)
        self.begin, self._end = self._end, self._end + batch.n
        self._position += 1
        return batch


class Tapped:
    """A network whose head is known: each call gives what enters the head and what leaves it."""

    def __init__(self, model: nn.Module, head: str, device: torch.device) -> None:
        self.model, self.name, self.device = model, head, device
        self._seen: list[tuple[torch.Tensor, torch.Tensor]] = []
        self._hook()

    @property
    def head(self) -> nn.Linear:
        """The linear layer that gives the outputs."""
        found = self.model.get_submodule(self.name)
        assert isinstance(found, nn.Linear)
        return found

    def __call__(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Features (n, d) and outputs (n, K)."""
        self._seen.clear()
        batch.call(torch, self.model, self.device)
        features, outputs = self._seen[-1]
        self._seen.clear()
        if features.dim() != 2:
            raise _checks.rows_into_head(features.shape)
        return features, outputs

    def renew_head(self, n_classes: int) -> None:
        """A head for other classes, drawn as PyTorch draws linear layers."""
        old = self.head
        new = nn.Linear(
            old.in_features, n_classes, old.bias is not None, old.weight.device, old.weight.dtype
        )
        above, _, name = self.name.rpartition(".")
        setattr(self.model.get_submodule(above), name, new)
        self.release()
        self._hook()

    def body_parameters(self) -> list[nn.Parameter]:
        """Weights below the head that may change."""
        of_head = {id(each) for each in self.head.parameters()}
        return [p for p in self.model.parameters() if p.requires_grad and id(p) not in of_head]

    def release(self) -> None:
        """Leave no hook behind."""
        self._handle.remove()

    def _hook(self) -> None:
        def keep(module: Any, inputs: Any, output: Any) -> None:
            self._seen.append((inputs[0], output))

        self._handle = self.head.register_forward_hook(keep)


def name_of_head(model: nn.Module, head: object, batch: Batch, device: torch.device) -> str:
    """The linear layer that gives what the model returns, or the one that is named."""
    linear = [name for name, each in model.named_modules() if isinstance(each, nn.Linear)]
    if head is not None:
        return _checks.head_module(model, head, nn.Linear, linear)
    ran: list[tuple[str, torch.Tensor]] = []
    handles = [
        model.get_submodule(name).register_forward_hook(
            lambda module, inputs, output, name=name: ran.append((name, output))
        )
        for name in linear
    ]
    modes = {module: module.training for module in model.modules()}
    try:
        model.eval()
        returned = batch.run(torch, model, device)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes.items():
            module.training = training
    if not ran or first_tensor(torch, returned) is not ran[-1][1]:
        raise _checks.no_head()
    if ran[-1][0] == "":
        raise _checks.head_itself()
    return ran[-1][0]


def draw_anew(model: nn.Module, seed: int) -> None:
    """All weights as they were before any training, from a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name, module in model.named_modules():
            if any(True for _ in module.parameters(recurse=False)):
                reset = getattr(module, "reset_parameters", None)
                if reset is None:
                    raise _checks.unseeded_module(name, type(module).__name__)
                reset()


def labels_of(batches: Batches, name: str, n_classes: int | None) -> NDArray[np.int64]:
    """The labels of one pass."""
    found = [_checks.class_labels(np.asarray(b.labels), name, n_classes) for b in batches.once()]
    return np.concatenate(found)


def copied(state: dict[str, Any]) -> dict[str, Any]:
    """A state that training doesn't change."""
    return {name: deepcopy(value.detach()) for name, value in state.items()}


def copy_into(copy: dict[str, Any], state: dict[str, Any]) -> None:
    """The same into memory that is there."""
    for name, value in state.items():
        copy[name].copy_(value)


def device_of(network: nn.Module, device: str | torch.device | None) -> torch.device:
    """The one that is asked for, or where the weights are."""
    if device is not None:
        return torch.device(device)
    devices = {str(each.device) for each in (*network.parameters(), *network.buffers())}
    if len(devices) > 1:
        raise _checks.several_devices(devices)
    return torch.device(devices.pop() if devices else "cpu")
