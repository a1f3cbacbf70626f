"""Epochs of steps upwards, of which the best is kept."""

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch


@dataclass(frozen=True)
class Epoch:
    """What an epoch led to.

    Attributes
    ----------
    value : float
        The objective on the training samples.
    validation_value : float or None
        That on samples that were held out, where there are some.
    """

    value: float
    validation_value: float | None

    @property
    def decisive(self) -> float:
        """The value by which epochs are compared."""
        return self.value if self.validation_value is None else self.validation_value


class TrainingDiverged(RuntimeError):  # noqa: N818
    """Training came to NaN or infinity.

    Attributes
    ----------
    last_good : object or None
        The best result before that; None where already the first features were not finite.
    """

    def __init__(self, text: str, last_good: Any = None) -> None:
        super().__init__(text)
        self.last_good = last_good


class NotFinite(ArithmeticError):  # noqa: N818
    """Features of a network are NaN or infinite."""


@dataclass(frozen=True)
class Schedule:
    """How long, and in what steps."""

    max_epochs: int
    learning_rate: float
    weight_decay: float
    patience: int
    tol: float


@dataclass
class Run:
    """How a training went; `state` is that of the best epoch."""

    history: list[Epoch] = field(default_factory=list)  # the first before any step
    best_epoch: int = 0
    state: dict[str, Any] = field(default_factory=dict)
    converged: bool = False
    diverged: bool = False


def maximise(
    networks: torch.nn.Module,
    losses: Callable[[], Iterable[torch.Tensor]],
    measure: Callable[[], Epoch],
    schedule: Schedule,
) -> Run:
    """Steps against the losses of each epoch until `patience` epochs have not helped by `tol`.

    The networks are left in the state of the best epoch. `losses` and `measure` raise NotFinite
    where features are.
    """
    run = Run()
    optimiser = torch.optim.AdamW(
        networks.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay
    )
    reference, waited = -math.inf, 0
    try:
        for epoch in range(schedule.max_epochs + 1):
            if epoch > 0:
                networks.train()
                for loss in losses():
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
            networks.eval()
            with torch.no_grad():
                found = measure()
            if not math.isfinite(found.decisive):
                raise NotFinite
            run.history.append(found)
            if found.decisive > run.history[run.best_epoch].decisive or not run.state:
                run.best_epoch, run.state = epoch, copy.deepcopy(networks.state_dict())
            waited += 1
            if found.decisive > reference + schedule.tol:
                reference, waited = found.decisive, 0
            if waited >= schedule.patience:
                run.converged = True
                break
    except NotFinite:
        run.diverged = True
    if run.state:
        networks.load_state_dict(run.state)
    networks.eval()
    return run
