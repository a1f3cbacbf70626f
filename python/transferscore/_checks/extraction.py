"""What networks, loaders and folders must be for features to be extracted."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

POOLINGS = ("mean", "max", "cls", "flatten", "none")
_SHOWN = 5
_RECORDED = {"n", "batches", "digest", "complete", "streams"}


def network(model: object, kind: type) -> None:
    """Refuse what is no module of torch."""
    if not isinstance(model, kind):
        raise TypeError(f"`model` must be a torch.nn.Module, got {type(model).__name__}")


def layer_patterns(layers: object) -> list[str]:
    """Names and patterns, in order, each once."""
    given = [layers] if isinstance(layers, str) else layers
    if not isinstance(given, Sequence) or not all(isinstance(name, str) for name in given):
        raise TypeError(f"`layers` must be a name or a sequence of names, got {layers!r}")
    if not given:
        raise ValueError("`layers` must name at least one layer, got none")
    return list(dict.fromkeys(given))


def unknown_layer(pattern: str, names: Collection[str]) -> ValueError:
    """The error where no module has this name; it lists those that are near."""
    import difflib

    near = difflib.get_close_matches(pattern, names, n=_SHOWN, cutoff=0.3) or list(names)[:_SHOWN]
    kind = "match" if any(sign in pattern for sign in "*?[") else "name"
    shown = ", ".join(map(repr, near)) or "none"
    return ValueError(f"`layers` must {kind} modules of the model, got {pattern!r}; near: {shown}")


def pooling_choice(pooling: object) -> None:
    """Refuse a pooling that is neither known nor a function."""
    if not callable(pooling) and pooling not in POOLINGS:
        known = ", ".join(map(repr, POOLINGS))
        raise ValueError(f"`pooling` must be one of {known} or a function, got {pooling!r}")


def one_destination(out: object, statistics: bool) -> None:
    """Refuse to write files and sum at once."""
    if out is not None and statistics:
        raise ValueError("`out` must be None where `statistics` are summed, got both")


def layer_not_called(layer: str) -> ValueError:
    """The error where the model ran without a layer."""
    return ValueError(
        f"`layers` must name modules that the model calls, {layer!r} was not called in a batch "
        "(a module inside one that torch runs fused, or only needed in training?)"
    )


def no_tensor(layer: str, value: object) -> TypeError:
    """The error where there is no tensor in what a layer gives."""
    return TypeError(f"layer {layer!r} must give a tensor, gives {type(value).__name__}")


def no_numbers(layer: str, kind: str) -> TypeError:
    """The error where a layer gives something else than real numbers."""
    return TypeError(f"layer {layer!r} must give a dense tensor of real numbers, gives {kind}")


def other_first_axis(layer: str, shape: Sequence[int], n: int) -> ValueError:
    """The error where a layer doesn't give a row for each sample."""
    return ValueError(
        f"layer {layer!r} must give the {n} samples of a batch along its first axis, gives shape "
        f"{tuple(shape)} (batch_first=False? then use a function as `pooling`)"
    )


def no_tokens(layer: str, shape: Sequence[int]) -> ValueError:
    """The error where a first token is asked of what has none."""
    return ValueError(
        f"layer {layer!r} must give tokens (N, T, d) for `pooling` 'cls', gives {tuple(shape)}"
    )


def same_rows(layer: str | None, rows: NDArray[Any], before: tuple[Sequence[int], str]) -> None:
    """Refuse rows of a layer, or labels, of another shape or type than in batches before."""
    shape, dtype = before
    subject = "`loader` must give labels" if layer is None else f"layer {layer!r} must give rows"
    if list(rows.shape[1:]) != list(shape):
        hint = "" if layer is None else " (another `pooling`, or inputs of one size?)"
        raise ValueError(
            f"{subject} of one shape, gives {tuple(rows.shape[1:])} after {tuple(shape)}{hint}"
        )
    if rows.dtype.str != dtype:
        raise ValueError(
            f"{subject} of one type, gives {rows.dtype.name} after {np.dtype(dtype).name}"
        )


def finite_rows_of_layer(layer: str, rows: NDArray[Any], first: int) -> None:
    """Refuse NaN and infinities, and say of which sample they are."""
    finite = np.isfinite(rows)
    if not finite.all():
        row = int(np.argwhere(~finite)[0, 0])
        value = rows[row][~np.isfinite(rows[row])].flat[0]
        raise ValueError(
            f"layer {layer!r} must give finite numbers, gives {value} at sample {first + row}"
        )


def no_input(batch: object) -> TypeError:
    """The error where a batch is none."""
    return TypeError(
        "`loader` must give a tensor x, (x, y) or a dict, with samples along the first axis, got "
        f"{_content(batch)}"
    )


def names_of_inputs(names: Collection[str], accepted: Collection[str]) -> TypeError:
    """The error where the model doesn't take what a dict holds."""
    return TypeError(
        f"`loader` must give what `model` takes ({', '.join(accepted)}), got {', '.join(names)}"
    )


def batch_labels(labels: NDArray[Any], n: int) -> None:
    """Refuse labels that are no numbers, or not one for each sample."""
    if labels.dtype.kind not in "biuf":
        raise TypeError(f"`loader` must give labels that are numbers, got {labels.dtype.name}")
    if labels.ndim == 0 or len(labels) != n:
        raise ValueError(f"`loader` must give a label for each of {n} samples, got {labels.shape}")


def labels_in_all_batches(has_labels: bool) -> ValueError:
    """The error where only some batches have labels."""
    some = "labels after batches without" if has_labels else "a batch without after others with"
    return ValueError(f"`loader` must give labels in all batches or in none, got {some}")


def no_labels_to_sum() -> ValueError:
    """The error where statistics are to be summed of samples without labels."""
    return ValueError("`loader` must give labels for `statistics`, got batches without")


def no_batches() -> ValueError:
    """The error where a loader is empty."""
    return ValueError("`loader` must give at least one sample, got none")


def several_devices(devices: Collection[str]) -> ValueError:
    """The error where a model on many devices is to be moved."""
    found = ", ".join(sorted(devices))
    return ValueError(f"`device` must be None for a model on several devices, which are {found}")


def foreign_file(path: Path) -> FileExistsError:
    """The error where files are there and no record says from where."""
    return FileExistsError(
        f"`out` must be a new folder or one of a former call, has {path.name!r} and no record of "
        "it (`resume=False` writes anew)"
    )


def record(path: Path, content: object, wanted: Mapping[str, Any]) -> Any:
    """What a record of a former call says, if that was of the same model, layers and loader."""
    if not isinstance(content, dict) or not (wanted.keys() | _RECORDED) <= content.keys():
        raise ValueError(f"`out` must hold a whole record of a former call, {path.name!r} is none")
    for name, value in wanted.items():
        if content[name] != value:
            raise ValueError(
                f"`out` must hold features of the same {name.replace('_', ' ')} to go on, "
                f"{content[name]!r} before, {value!r} now (`resume=False` writes anew)"
            )
    return content


def other_samples(n_batches: int) -> ValueError:
    """The error where a loader doesn't begin with the batches that were run before."""
    return ValueError(
        f"`loader` must give the {n_batches} batches of the former call again to go on, gives "
        "others (shuffled, or other data? `resume=False` writes anew)"
    )


def part_too_short(path: Path) -> ValueError:
    """The error where a file has lost what its record says."""
    return ValueError(
        f"`out` must hold what its record says, {path.name!r} is shorter (`resume=False` writes "
        "anew)"
    )


def _content(batch: object) -> str:
    if isinstance(batch, Mapping):
        return f"a dict of {', '.join(map(str, batch)) or 'nothing'}"
    if isinstance(batch, list | tuple):
        return f"{len(batch)} of {', '.join(type(each).__name__ for each in batch) or 'nothing'}"
    return type(batch).__name__
