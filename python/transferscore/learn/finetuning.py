"""Fine-tuning of a network for a target task, with OTCE's conditional entropy before it."""

import os
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from transferscore import _checks
from transferscore.cli._output import Talk
from transferscore.extract._batches import Batch
from transferscore.extract._destinations import fingerprint
from transferscore.io import PathLike
from transferscore.learn._training import (
    NORMALISATIONS,
    Batches,
    Tapped,
    copied,
    copy_into,
    device_of,
    draw_anew,
    labels_of,
    name_of_head,
    seed_of,
)
from transferscore.learn.losses import otce_loss

Method = Literal["otce", "transport_cost", "shuffled", "vanilla", "head", "scratch"]
Optimiser = Callable[..., torch.optim.Optimizer]
Vector = NDArray[np.float64]

# What step 1 minimises, by method.
TERMS = {
    "otce": "conditional_entropy",
    "shuffled": "conditional_entropy",
    "transport_cost": "transport_cost",
}
METHODS = (*TERMS, "vanilla", "head", "scratch")
ALIGN, TUNE = 0, 1
STEPS = ("step 1", "step 2")
# Purposes of random numbers.
ORDER, UPDATES, HEAD, WEIGHTS, SHUFFLE, LABELS = range(6)


@dataclass(frozen=True)
class FineTuned:
    """A network for a target task, and how it came about.

    Attributes
    ----------
    model : torch.nn.Module
        A copy of the network with a head for the target's classes, in evaluation mode.
    method : str
        How it was fine-tuned.
    n_classes : int
        Outputs of its head.
    alignment_losses : ndarray of shape (alignment_steps,)
        What step 1 minimises, before each of its updates; empty without step 1.
    losses : ndarray of shape (steps,)
        Cross-entropy of the target batch before each update of step 2, in nats.
    validated_after : ndarray of shape (v,)
        After how many updates of step 2 there was a validation.
    validation_losses : ndarray of shape (v,)
        Cross-entropy of the validation samples then.
    validation_accuracies : ndarray of shape (v,)
        Share of them that was recognised then.
    best_step : int
        After how many updates of step 2 the network was as it is returned.
    stopped_early : bool
        Whether validation ended the training before all of its updates.
    """

    model: nn.Module = field(repr=False)
    method: str
    n_classes: int
    alignment_losses: Vector = field(repr=False)
    losses: Vector = field(repr=False)
    validated_after: NDArray[np.int64] = field(repr=False)
    validation_losses: Vector = field(repr=False)
    validation_accuracies: Vector = field(repr=False)
    best_step: int
    stopped_early: bool


class FineTuningError(RuntimeError):
    """Training can't go on, since numbers are not finite or a batch says nothing.

    Attributes
    ----------
    result : FineTuned
        The last good state: weights whose features and losses were finite.
    """

    def __init__(self, text: str, result: FineTuned) -> None:
        super().__init__(text)
        self.result = result


def finetune(
    model: nn.Module,
    source_loader: Iterable[Any] | None,
    target_loader: Iterable[Any],
    *,
    method: Method = "otce",
    steps: int = 100,
    alignment_steps: int = 100,
    equal_updates: bool = False,
    frozen: bool = False,
    n_classes: int | None = None,
    head: str | None = None,
    relative_epsilon: float = 0.05,
    normalise: bool = False,
    learning_rate: float = 1e-3,
    alignment_rate: float | None = None,
    optimiser: Optimiser = torch.optim.Adam,
    batch_statistics: bool = True,
    validation_loader: Iterable[Any] | None = None,
    validate_every: int = 20,
    patience: int | None = None,
    checkpoint: PathLike | None = None,
    checkpoint_every: int = 100,
    resume: bool = True,
    device: str | torch.device | None = None,
    random_state: int = 0,
    progress: bool = True,
) -> FineTuned:
    r"""Fine-tune a copy of a network for a target task, after it has learned to transfer to it.

    Tan, Li, Huang, "OTCE: A transferability metric for cross-domain cross-task representations",
    CVPR 2021. Step 1 changes the layers below the head so that source labels tell target labels,

    .. math::

        \theta^* = \arg\min_\theta H(Y_t \mid Y_s),

    by the transport plan between features of a source batch and of a target batch, with its exact
    gradient. Step 2 gives the network a new head and minimises the cross-entropy of the target.

    Parameters
    ----------
    model : torch.nn.Module
        The network, trained on the source. It is copied, not changed.
    source_loader : iterable
        Batches of the source task, as a ``torch.utils.data.DataLoader`` gives them: (x, y), or a
        dict whose entries are named as the model's inputs and one of ``labels``, ``label``,
        ``targets``, ``target`` and ``y``. None where `method` has no step 1.
    target_loader : iterable
        Batches of the target's training samples, labels from 0. Few samples are best given as one
        batch.
    method : str, default "otce"
        "otce" is both steps. "transport_cost" minimises the transport cost W_D in step 1 instead,
        and "shuffled" the conditional entropy of labels that were shuffled: what these two gain is
        not due to labels. "vanilla" is step 2 alone, "head" a new head alone on features that stay,
        "scratch" is step 2 with weights drawn anew.
    steps : int, default 100
        Updates of step 2.
    alignment_steps : int, default 100
        Updates of step 1.
    equal_updates : bool, default False
        Methods without step 1 have `steps` + `alignment_steps` updates in step 2.
    frozen : bool, default False
        Step 2 changes the head alone.
    n_classes : int, optional
        Classes of the target. Default: one more than its largest label.
    head : str, optional
        The name of the linear layer that gives the outputs. Default: the one whose output the model
        returns.
    relative_epsilon : float, default 0.05
        Regularisation of the transport as a share of a batch's median cost.
    normalise : bool, default False
        Step 1 sees features of length 1.
    learning_rate : float, default 1e-3
        Rate of step 2.
    alignment_rate : float, optional
        Rate of step 1. Default: `learning_rate`.
    optimiser : callable, default torch.optim.Adam
        ``optimiser(parameters, lr=rate)`` makes an optimiser, once for each step.
    batch_statistics : bool, default True
        Batch normalisation uses, and learns, means of batches; False: it keeps those of the source.
    validation_loader : iterable, optional
        Batches of the target that are not trained on. The network is returned as it was when their
        cross-entropy was least.
    validate_every : int, default 20
        Updates of step 2 between validations.
    patience : int, optional
        Validations without a new least cross-entropy after which training ends. Default: never.
    checkpoint : path-like, optional
        A file that is written now and then. A call with the same arguments goes on from it, with
        the same result as if nothing had happened.
    checkpoint_every : int, default 100
        Updates between writes.
    resume : bool, default True
        Go on from `checkpoint`, if it is there. False: anew.
    device : str or torch.device, optional
        Where to train. Default: where the model's weights are.
    random_state : int, default 0
        Seed of new weights, of the order of loaders that shuffle (also by a ``generator`` of
        their own), and of dropout. PyTorch's own random numbers are afterwards as before.
    progress : bool, default True
        Show a progress bar on a terminal, where rich is installed.

    Returns
    -------
    FineTuned
        The new network and the history of its losses.

    Raises
    ------
    FineTuningError
        Where features or losses are not finite, or a batch of step 1 has one class alone, which
        says nothing of its features. Its `result` is the last good state.
    TypeError, ValueError
        Where an argument is not as described: loaders that are empty or without labels, labels out
        of range, fewer target samples than classes, no linear head. The text names it.

    Notes
    -----
    Shuffled labels stay with the position of a sample in a pass over `target_loader`. Two runs are
    the same to the bit on one thread; on several, as far as PyTorch's kernels are.

    Examples
    --------
    >>> import torch
    >>> from transferscore.learn import finetune
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 5))
    >>> source = [(torch.randn(40, 4), torch.arange(40) % 5)]
    >>> target = [(torch.randn(12, 4), torch.arange(12) % 3)]
    >>> tuned = finetune(model, source, target, steps=20, alignment_steps=10, progress=False)
    >>> tuned
    FineTuned(method='otce', n_classes=3, best_step=20, stopped_early=False)
    >>> bool(tuned.alignment_losses[-1] < tuned.alignment_losses[0])
    True
    >>> tuned.model(target[0][0]).shape
    torch.Size([12, 3])
    """
    _checks.network(model, nn.Module)
    aligns = _checks.choice(method, "method", METHODS) in TERMS
    n_align = _checks.count(alignment_steps, "alignment_steps", least=0)
    n_tune = _checks.count(steps, "steps", least=0)
    rate = _checks.positive(learning_rate, "learning_rate")
    settings = _Settings(
        method=method,
        steps=n_tune + (n_align if equal_updates and not aligns else 0),
        alignment_steps=n_align if aligns else 0,
        frozen=frozen or method == "head",
        relative_epsilon=_checks.positive(relative_epsilon, "relative_epsilon"),
        normalise=normalise,
        learning_rate=rate,
        alignment_rate=rate
        if alignment_rate is None
        else _checks.positive(alignment_rate, "alignment_rate"),
        batch_statistics=batch_statistics,
        validate_every=_checks.count(validate_every, "validate_every"),
        patience=None if patience is None else _checks.count(patience, "patience"),
        random_state=_checks.count(random_state, "random_state", least=0),
    )
    if patience is not None and validation_loader is None:
        raise _checks.patience_without_validation()
    save_every = _checks.count(checkpoint_every, "checkpoint_every")
    network = deepcopy(model)
    where = device_of(network, device)
    network.to(where)
    loaders = _Loaders(network, source_loader if aligns else None, target_loader, validation_loader)
    if aligns:
        _checks.loader_name("source_loader", source_loader)
    with torch.random.fork_rng(devices=[where] if where.type == "cuda" else []):
        target = loaders.target(settings.random_state, LABELS)
        K = None if n_classes is None else _checks.count(n_classes, "n_classes", least=2)
        labels = labels_of(target, "target_loader", K)
        K = int(labels.max()) + 1 if K is None else K
        _checks.enough_of_each_class(labels, K, "target_loader")
        tapped = Tapped(network, name_of_head(network, head, next(target), where), where)
        try:
            run = _Run(tapped, settings, loaders, optimiser, labels)
            file = None if checkpoint is None else _Checkpoint(Path(checkpoint), run, save_every)
            if file is not None and resume:
                file.go_on()
            run.train(file, quiet=not progress)
        finally:
            tapped.release()
    return run.result()


@dataclass(frozen=True)
class _Settings:
    """How to train; a checkpoint is of the same ones."""

    method: str
    steps: int
    alignment_steps: int
    frozen: bool
    relative_epsilon: float
    normalise: bool
    learning_rate: float
    alignment_rate: float
    batch_statistics: bool
    validate_every: int
    patience: int | None
    random_state: int


@dataclass(frozen=True)
class _Loaders:
    """What batches come from."""

    model: nn.Module
    of_source: Any
    of_target: Any
    of_validation: Any

    def source(self, *seeds: int) -> Batches:
        """Batches of the source."""
        return Batches(self.model, self.of_source, "source_loader", *seeds)

    def target(self, *seeds: int) -> Batches:
        """Batches of the target."""
        return Batches(self.model, self.of_target, "target_loader", *seeds)

    def validation(self, *seeds: int) -> Batches | None:
        """Batches that are not trained on, if there are any."""
        if self.of_validation is None:
            return None
        return Batches(self.model, self.of_validation, "validation_loader", *seeds)


class _Run:
    """A network on its way: which step, how many updates, and what they gave."""

    def __init__(
        self,
        tapped: Tapped,
        settings: _Settings,
        loaders: _Loaders,
        optimiser: Optimiser,
        labels: NDArray[np.int64],
    ) -> None:
        self.tapped, self.settings, self.labels = tapped, settings, labels
        self.n_classes = int(labels.max()) + 1
        self._loaders, self.new_optimiser = loaders, optimiser
        self._shuffled = np.random.default_rng(seed_of(settings.random_state, SHUFFLE)).permutation(
            labels
        )
        self.histories: tuple[list[float], list[float]] = ([], [])  # of each step
        self.validations: list[list[float]] = []  # updates, cross-entropy, accuracy
        self.best: dict[str, Any] | None = None  # the state with the least cross-entropy
        self.stopped_early = False
        self.begin(ALIGN)

    def begin(self, step: int) -> None:
        """Begin step 1 or 2."""
        s, tapped = self.settings, self.tapped
        self.step = step
        if step == TUNE:
            if s.method == "scratch":
                draw_anew(tapped.model, seed_of(s.random_state, WEIGHTS))
            torch.manual_seed(seed_of(s.random_state, HEAD))
            tapped.renew_head(self.n_classes)
        body = tapped.body_parameters()
        seeds = (s.random_state, ORDER, step)
        if step == ALIGN:
            self.streams = [self._loaders.target(*seeds, 0)]
            if s.alignment_steps:
                if not body:
                    raise _checks.nothing_to_train()
                self.streams.append(self._loaders.source(*seeds, 1))
            parameters, rate = body or [*tapped.head.parameters()], s.alignment_rate
        else:
            self.streams = [self._loaders.target(*seeds, 0)]
            head = [*tapped.head.parameters()]
            parameters, rate = head if s.frozen else [*body, *head], s.learning_rate
        self.optimiser = self.new_optimiser(parameters, lr=rate)
        self._state = tapped.model.state_dict()  # views of what training changes
        self.good = copied(self._state)
        self._set_modes()

    @property
    def planned(self) -> tuple[int, int]:
        """Updates of each step that there will be."""
        return self.settings.alignment_steps, self.settings.steps

    @property
    def updates(self) -> int:
        """Updates of this step that are done."""
        return len(self.histories[self.step])

    def train(self, file: "_Checkpoint | None", *, quiet: bool) -> None:
        """All updates that are left."""
        s = self.settings
        left = sum(self.planned) - sum(map(len, self.histories))
        with Talk(left, quiet=quiet) as talk:
            while not self.stopped_early:
                if self.updates == self.planned[self.step]:
                    if self.step == TUNE:
                        break
                    self.begin(TUNE)
                    continue
                talk.working_on(STEPS[self.step])
                self._update()
                if self.step == TUNE and (
                    self.updates % s.validate_every == 0 or self.updates == s.steps
                ):
                    self._validate()
                if file is not None:
                    file.save_if_due()
                talk.done()
        if not _finite(self._state.values()):
            raise self._stopped(_checks.diverged("weights are"))
        if file is not None:
            file.save()

    def result(self) -> FineTuned:
        """The network as it is, or as it was best."""
        model = self.tapped.model
        if self.best is not None:
            model.load_state_dict(self.best)
        columns = np.array(self.validations, dtype=np.float64).reshape(-1, 3).T
        best = int(columns[0, np.argmin(columns[1])]) if columns.size else len(self.histories[TUNE])
        return FineTuned(
            model=model.eval(),
            method=self.settings.method,
            n_classes=self.tapped.head.out_features,
            alignment_losses=np.array(self.histories[ALIGN], dtype=np.float64),
            losses=np.array(self.histories[TUNE], dtype=np.float64),
            validated_after=columns[0].astype(np.int64),
            validation_losses=columns[1],
            validation_accuracies=columns[2],
            best_step=best,
            stopped_early=self.stopped_early,
        )

    def _update(self) -> None:
        batches = [next(stream) for stream in self.streams]
        torch.manual_seed(seed_of(self.settings.random_state, UPDATES, self.step, self.updates))
        if self.step == ALIGN:
            loss = self._task_difference(*batches)
        else:
            loss = self._loss(batches[0], "target_loader")[0]
        if not _finite([loss]):
            raise self._stopped(_checks.diverged("the loss is"))
        copy_into(self.good, self._state)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.histories[self.step].append(loss.item())

    def _set_modes(self) -> None:
        """Training mode, but for layers that keep what they have."""
        model, s = self.tapped.model, self.settings
        model.train(not (self.step == TUNE and s.frozen))
        if not s.batch_statistics:
            for module in model.modules():
                if isinstance(module, NORMALISATIONS):
                    module.eval()

    def _task_difference(self, target: Batch, source: Batch) -> torch.Tensor:
        s, begin = self.settings, self.streams[0].begin
        target_labels = self._ids(target, "target_loader", self.n_classes)
        if s.method == "shuffled":
            target_labels = self._shuffled[begin : begin + target.n]
        source_labels = self._ids(source, "source_loader", None)
        sides = {"source_loader": source_labels, "target_loader": target_labels}
        if TERMS[s.method] == "conditional_entropy":
            for name, labels in sides.items():
                if len(np.unique(labels)) < 2:
                    raise self._stopped(_checks.one_class_in_batch(name, int(labels[0])))
        features = [self.tapped(batch)[0] for batch in (source, target)]
        if not _finite(features):
            raise self._stopped(_checks.diverged("features are"))
        if s.normalise:
            features = [functional.normalize(side, dim=1) for side in features]
        try:
            return otce_loss(
                features[0],
                source_labels,
                features[1],
                target_labels,
                terms=TERMS[s.method],
                relative_epsilon=s.relative_epsilon,
            )
        except ValueError as error:  # such as features that are too large
            raise self._stopped(str(error)) from error

    def _loss(self, batch: Batch, name: str) -> tuple[torch.Tensor, float]:
        """Cross-entropy, and the share that is recognised."""
        labels = torch.from_numpy(self._ids(batch, name, self.n_classes)).to(self.tapped.device)
        outputs = self.tapped(batch)[1]
        if not _finite([outputs]):
            raise self._stopped(_checks.diverged("outputs are"))
        right = (outputs.argmax(dim=1) == labels).double().mean()
        return functional.cross_entropy(outputs, labels), float(right)

    def _ids(self, batch: Batch, name: str, n_classes: int | None) -> NDArray[np.int64]:
        return _checks.class_labels(np.asarray(batch.labels), name, n_classes)

    def _validate(self) -> None:
        batches = self._loaders.validation(self.settings.random_state, ORDER, 2)
        if batches is None:
            return
        self.tapped.model.eval()
        sums, n = np.zeros(2), 0
        with torch.no_grad():
            for batch in batches.once():
                loss, right = self._loss(batch, "validation_loader")
                sums, n = sums + batch.n * np.array([loss.item(), right]), n + batch.n
        if self.best is None or sums[0] / n < min(loss for _, loss, _ in self.validations):
            self.best = copied(self._state)
        self._set_modes()
        self.validations.append([float(self.updates), *(sums / n).tolist()])
        losses = [loss for _, loss, _ in self.validations]
        worse = len(losses) - 1 - int(np.argmin(losses))
        self.stopped_early = self.settings.patience is not None and (
            worse >= self.settings.patience and self.updates < self.settings.steps
        )

    def _stopped(self, why: str) -> FineTuningError:
        text = _checks.stopped_by(why, STEPS[self.step], self.updates + 1)
        self.tapped.model.load_state_dict(self.good)
        self.best = None
        return FineTuningError(text, self.result())


class _Checkpoint:
    """A file from which the same call goes on."""

    FORMAT = "transferscore fine-tuning 1"

    def __init__(self, path: Path, run: _Run, every: int) -> None:
        self._path, self._run, self._every, self._since = path, run, every, 0
        self._about = {
            "model": fingerprint(torch, run.tapped.model),
            "head": run.tapped.name,
            "n_classes": run.n_classes,
            "labels": seed_of(0, *run.labels.tolist()),
            "optimiser": getattr(run.new_optimiser, "__qualname__", repr(run.new_optimiser)),
            **asdict(run.settings),
        }

    def save_if_due(self) -> None:
        """After some updates."""
        self._since += 1
        if self._since >= self._every:
            self.save()

    def save(self) -> None:
        """Write a file that is there as a whole or not at all."""
        run = self._run
        content = {
            "format": self.FORMAT,
            "about": self._about,
            "step": run.step,
            "histories": [*run.histories],
            "validations": run.validations,
            "best": run.best,
            "stopped_early": run.stopped_early,
            "streams": [stream.state for stream in run.streams],
            "state": run.tapped.model.state_dict(),
            "good": run.good,
            "optimiser": run.optimiser.state_dict(),
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_name(f"{self._path.name}.{os.getpid()}.part")
        torch.save(content, part)
        os.replace(part, self._path)
        self._since = 0

    def go_on(self) -> None:
        """Where the file is there, be as the run that wrote it was."""
        if not self._path.exists():
            return
        try:
            content = torch.load(
                self._path, weights_only=True, map_location=self._run.tapped.device
            )
        except Exception:  # whatever a file of something else makes of torch.load
            content = None
        if not isinstance(content, dict) or content.get("format") != self.FORMAT:
            raise _checks.no_checkpoint(self._path)
        for name, now in self._about.items():
            if content["about"][name] != now:
                raise _checks.other_checkpoint(self._path, name, content["about"][name], now)
        run = self._run
        if content["step"] != run.step:
            run.begin(content["step"])
        run.tapped.model.load_state_dict(content["state"])
        run.optimiser.load_state_dict(content["optimiser"])
        run.histories = tuple(content["histories"])
        run.validations, run.best = content["validations"], content["best"]
        run.good, run.stopped_early = content["good"], content["stopped_early"]
        if run.updates < run.planned[run.step]:
            for stream, state in zip(run.streams, content["streams"], strict=True):
                stream.go_to(state)


def _finite(tensors: Iterable[torch.Tensor]) -> bool:
    """Whether all numbers are."""
    return all(bool(torch.isfinite(each).all()) for each in tensors)
