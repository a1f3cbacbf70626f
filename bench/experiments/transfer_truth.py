"""What transfer reaches, measured: a new head, all weights tuned, features of sources fused."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import networks
import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn
from transfer_sources import Source, View, Workshop
from transfer_tasks import Task

from transferscore import ConvergenceWarning, fuse, fusion_weights, linear_probe

BATCH, TUNING_RATE = 32, 1e-3
SCRATCH_RATE = 2e-3  # as a source network is trained
TEMPERATURES = (1.0, 0.1)  # of the softmax of OTCE scores that weighs sources

Values = npt.NDArray[np.float64]
Measured = dict[str, float]


def retrained_head(view: View, task: Task) -> Measured:
    """A softmax head on frozen features: accuracy and mean log-likelihood on unseen images."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        head = linear_probe(
            view.features[task.rows],
            view.labels[task.rows],
            view.test_features[task.test_rows],
            view.test_labels[task.test_rows],
            method="logistic",
            tol=1e-3,
        )
    return {"accuracy": head.accuracy, "log_likelihood": -head.log_loss}


def finetuned(workshop: Workshop, source: Source, task: Task) -> Measured:
    """All weights tuned from the source network's, with a new head; accuracy on unseen images."""
    network = workshop.trained(source)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(task.number)
        network.head = nn.Linear(network.head.in_features, len(task.classes))
    fitted = _fitted(network, workshop, task, workshop.protocol.tuning_steps, TUNING_RATE)
    return {"finetuned": fitted}


def from_scratch(workshop: Workshop, source: Source, task: Task) -> Measured:
    """An untrained network of the same architecture that sees the task's images alone."""
    network = workshop.untrained(source, len(task.classes))
    fitted = _fitted(network, workshop, task, workshop.protocol.scratch_steps, SCRATCH_RATE)
    return {"scratch": fitted}


def _fitted(
    network: networks.Network, workshop: Workshop, task: Task, steps: int, rate: float
) -> float:
    pools = workshop.pools(task.target)
    learn = pools.learn.take(task.rows).of_classes(task.classes)
    test = pools.test.take(task.test_rows).of_classes(task.classes)
    epochs = max(1, round(steps * BATCH / len(learn)))
    networks.train_classifier(
        network, learn, seed=task.number, epochs=epochs, rate=rate, batch=BATCH
    )
    return networks.accuracy(network, test)


# -------------------------------------------------------------------------------------- fusion


def fused(
    views: Mapping[str, View], task: Task, scores: Mapping[str, float]
) -> Iterator[tuple[str, float]]:
    """Accuracy of a head on each source's features, and on fusions with weights of several kinds.

    Each source's features are brought to the mean square 1 as a whole; the head's penalty then sees
    weights of features that are put side by side, as a head trained by few steps does.
    """
    sides = [_scaled(view, task) for view in views.values()]
    for name, (learn, test) in zip(views, sides, strict=True):
        yield name, _head(views[name], task, learn, test)
    first = next(iter(views.values()))
    ordered = [scores[name] for name in views]
    weights = {"uniform": np.full(len(views), 1 / len(views))}
    for tau in TEMPERATURES:
        weights[f"otce/{tau:g}"] = fusion_weights(ordered, temperature=tau)
    for how in ("sum", "concatenate"):
        for kind, w in weights.items():
            # Of mean 1, so that the penalty means the same for one source and for several.
            learn, test = (
                fuse([side[part] for side in sides], len(w) * w, how=how)  # type: ignore[arg-type]
                for part in (0, 1)
            )
            yield f"{how} {kind}", _head(first, task, learn, test)


def _scaled(view: View, task: Task) -> tuple[Values, Values]:
    learn = view.features[task.rows].astype(np.float64)
    unit = np.sqrt(np.mean(learn**2))
    return learn / unit, view.test_features[task.test_rows] / unit


def _head(view: View, task: Task, learn: Any, test: Any) -> float:
    head = LogisticRegression(C=1.0, tol=1e-3, max_iter=300)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where it did not converge it is a head all the same
        head.fit(learn, view.labels[task.rows])
    return float(np.mean(head.predict(test) == view.test_labels[task.test_rows]))
