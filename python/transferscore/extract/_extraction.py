"""`extract_features`: batches through a network, rows of its layers to where they are wanted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from transferscore import _checks
from transferscore._statistics import FeatureStatistics
from transferscore.cli._output import Talk
from transferscore.extract._batches import Batch, batch_of
from transferscore.extract._destinations import (
    LABELS,
    Arrays,
    Files,
    Known,
    Rows,
    Statistics,
    fingerprint,
)
from transferscore.extract._layers import Pooling, Taps, matching
from transferscore.io import PathLike


@dataclass(frozen=True)
class ExtractedFeatures:
    """What `extract_features` found: by layer, in the order in which layers were named."""

    n: int  # samples
    features: dict[str, NDArray[Any]] = field(repr=False)  # (n, d), or maps; mapped where in files
    labels: NDArray[Any] | None = field(repr=False)  # (n, ...); None where the loader has none
    statistics: dict[str, FeatureStatistics] = field(repr=False)  # where asked for
    files: dict[str, Path]  # where written


def extract_features(
    model: Any,
    loader: Iterable[Any],
    layers: str | Sequence[str],
    *,
    pooling: Pooling = "mean",
    out: PathLike | None = None,
    statistics: bool = False,
    device: Any = None,
    resume: bool = True,
    progress: bool = True,
) -> ExtractedFeatures:
    """Extract features of any layers of a network, in one pass over a loader.

    The whole model runs, in evaluation and inference mode, with hooks on the layers; both are gone
    afterwards, whatever happens. Needs torch: pip install 'transferscore[torch]'.

    Parameters
    ----------
    model : torch.nn.Module
        The network. Of a layer that returns a tuple or dict, the first tensor in it is taken; of
        one that is called several times for a batch, what it gave last.
    loader : iterable
        Batches, as a ``torch.utils.data.DataLoader`` gives them: a tensor x, (x, y), or a dict
        whose entries are named as the model's inputs (a single one may have any name) and one of
        ``labels``, ``label``, ``targets``, ``target`` and ``y``. Samples along the first axis.
    layers : str or sequence of str
        Names of modules as ``model.named_modules()`` gives them (``""`` is the model), or patterns
        such as ``"layer*"`` or ``"encoder.layers.?"``. ``"last"`` is what the model returns or,
        where a linear layer has just given that, what enters this head; to find it, the first
        batch runs twice.
    pooling : {"mean", "max", "cls", "flatten", "none"} or callable, default "mean"
        How a layer's output becomes a row for each sample. Maps (N, C, ...) are pooled over all but
        N and C, tokens (N, T, d) over T; "cls" takes the first token. "none" keeps maps, for
        segmentation. A function gets the tensor and returns one (N, ...).
    out : path-like, optional
        A folder: rows go to ``<layer>.npy``, labels to ``labels.npy``, batch by batch, with a
        record beside them. Default: arrays in memory.
    statistics : bool, default False
        Sum the rows in a `FeatureStatistics` for each layer, in place of keeping them.
    device : str or torch.device, optional
        Where the model runs; it is moved there and back. Default: where its parameters are.
    resume : bool, default True
        Go on where a call with the same model, layers, pooling and loader has ended in `out`,
        however it has; batches that are there are loaded again and compared, not run. False: anew.
    progress : bool, default True
        Show a progress bar on a terminal, where rich is installed.

    Returns
    -------
    ExtractedFeatures
        By layer: ``features``, or ``statistics``, or ``features`` and ``files``; and ``labels``.
        Features of 16 bits become float32, in which they are pooled; float32 and float64 stay.

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described, a layer is unknown or not called, its rows vary in
        shape or are not finite, the loader is empty, or `out` is of another call.
    ModuleNotFoundError
        Where torch is not installed.

    Examples
    --------
    >>> from transferscore import extract_features, h_score
    >>> from transferscore._checks import from_extra
    >>> torch = from_extra("torch", "torch")
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU())
    >>> batches = [(torch.randn(10, 3, 6, 6), torch.arange(10) % 2) for _ in range(4)]
    >>> found = extract_features(model, batches, ["0", "1"], progress=False)
    >>> found
    ExtractedFeatures(n=40, files={})
    >>> found.features["1"].shape
    (40, 8)
    >>> 0 < h_score(found.features["1"], found.labels) < 1
    True
    """
    torch = _checks.from_extra("torch", "torch")
    _checks.network(model, torch.nn.Module)
    names = matching(model, layers)
    _checks.pooling_choice(pooling)
    _checks.one_destination(out, statistics)
    total = len(loader) if isinstance(loader, Sized) else None
    place: Arrays | Files = Statistics() if statistics else Arrays()
    if out is not None:
        about = {
            "layers": names,
            "pooling": getattr(pooling, "__qualname__", pooling),
            "model": fingerprint(torch, model),
            "number_of_batches": total,
        }
        place = Files(Path(out), torch, about, resume=resume)
    with (
        closing(place),
        _in_evaluation(torch, model, device) as where,
        Taps(torch, model, names, pooling) as taps,
        Talk(total, quiet=not progress) as talk,
    ):
        talk.working_on("batches")
        known: Known = place.expected() if isinstance(place, Files) else {}
        for given in loader:
            batch = batch_of(torch, model, given)
            if not place.has(batch):
                run = partial(batch.run, torch, model, where)
                rows: Rows = dict(taps.of_batch(run, batch.n).items())
                _check(rows, batch, known, place.n)
                place.add(batch, rows)
            talk.done()
        if place.n == 0:
            raise _checks.no_batches()
        found = place.finish()
    return ExtractedFeatures(
        n=place.n,
        labels=found.pop(LABELS, None),
        features={name: rows for name, rows in found.items() if name is not None},
        statistics=place.sums if isinstance(place, Statistics) else {},
        files=place.paths() if isinstance(place, Files) else {},
    )


def _check(rows: Rows, batch: Batch, known: Known, first: int) -> None:
    """Add labels to rows; refuse what does not fit the batches before, of which `known` learns."""
    for layer, values in rows.items():
        _checks.finite_rows_of_layer(str(layer), values, first)
    if batch.labels is not None:
        rows[LABELS] = batch.labels
    if not known:
        known.update(
            {name: ([*values.shape[1:]], values.dtype.str) for name, values in rows.items()}
        )
    if (LABELS in known) != (LABELS in rows):
        raise _checks.labels_in_all_batches(LABELS in rows)
    for name, values in rows.items():
        _checks.same_rows(name, values, known[name])


@contextmanager
def _in_evaluation(torch: Any, model: Any, device: Any) -> Iterator[Any]:
    """Where the model runs, in evaluation mode; both are as before afterwards."""
    state = [*model.parameters(), *model.buffers()]
    before = state[0].device if state else torch.device("cpu")
    if device is not None and len({str(each.device) for each in state}) > 1:
        raise _checks.several_devices({str(each.device) for each in state})
    where = before if device is None else torch.device(device)
    modes = {module: module.training for module in model.modules()}
    try:
        if where != before:
            model.to(where)
        model.eval()
        yield where
    finally:
        for module, training in modes.items():
            module.training = training
        if where != before:
            model.to(before)
