"""What networks and loaders must be to be fine-tuned, and why it may stop."""

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SHOWN = 5


def head_module(model: Any, name: object, linear: type, found: Collection[str]) -> str:
    """The name of a linear layer of the model."""
    modules = dict(model.named_modules(remove_duplicate=False))
    if not isinstance(name, str):
        raise TypeError(f"`head` must be the name of a linear layer, got {name!r}")
    if not isinstance(modules.get(name), linear):
        shown = ", ".join(map(repr, list(found)[-_SHOWN:])) or "none"
        got = f"a {type(modules[name]).__name__}" if name in modules else "no such module"
        raise ValueError(
            f"`head` must name a linear layer of the model ({shown}), {name!r} is {got}"
        )
    return name


def no_head() -> ValueError:
    """The error where the last layer isn't linear, or isn't the last that is run."""
    return ValueError(
        "`head` must name the linear layer that gives the outputs: the model returns something "
        "else than what one of its linear layers gives"
    )


def head_itself() -> ValueError:
    """The error where the model is a linear layer and nothing else."""
    return ValueError("`model` must have layers below its head, is a linear layer alone")


def rows_into_head(shape: Collection[int]) -> ValueError:
    """The error where the head sees something else than a row for each sample."""
    return ValueError(f"`head` must see a row of features for each sample, sees {tuple(shape)}")


def unseeded_module(name: str, kind: str) -> ValueError:
    """The error where weights can't be drawn anew."""
    return ValueError(
        f"`method` 'scratch' draws all weights anew by `reset_parameters`, module {name!r} "
        f"({kind}) has weights and no such method"
    )


def nothing_to_train() -> ValueError:
    """The error where all weights are frozen that step 1 would change."""
    return ValueError("`model` must have weights below its head that require a gradient, has none")


def loader_name(name: str, loader: object) -> None:
    """Refuse what can't be gone through again and again."""
    if loader is None or not hasattr(loader, "__iter__"):
        raise TypeError(f"`{name}` must be an iterable of batches, got {type(loader).__name__}")
    if hasattr(loader, "__next__"):
        raise TypeError(
            f"`{name}` must give its batches each time it is iterated over (a DataLoader, a list), "
            f"got a {type(loader).__name__}, which gives them once"
        )


def empty_loader(name: str) -> ValueError:
    """The error where there are no batches."""
    return ValueError(f"`{name}` must give at least one sample, got none")


def unlabelled_batch(name: str) -> ValueError:
    """The error where a batch has no labels."""
    return ValueError(f"`{name}` must give labels with its samples, (x, y) or a dict, got none")


def class_labels(labels: NDArray[Any], name: str, n_classes: int | None) -> NDArray[np.int64]:
    """Whole numbers from 0, below the number of classes where that is known."""
    if labels.ndim != 1:
        raise ValueError(f"`{name}` must give one label for each sample, got shape {labels.shape}")
    with np.errstate(invalid="ignore"):  # NaN is refused next
        ids = labels.astype(np.int64)
    if not (ids == labels).all():
        odd = labels[ids != labels][0]
        raise ValueError(f"`{name}` must give labels that are whole numbers, got {odd}")
    wrong = ids[(ids < 0) | (ids >= n_classes)] if n_classes is not None else ids[ids < 0]
    if len(wrong):
        most = "" if n_classes is None else f" to {n_classes - 1}"
        raise ValueError(f"`{name}` must give labels from 0{most}, got {wrong[0]}")
    return ids


def enough_of_each_class(labels: NDArray[np.int64], n_classes: int, name: str) -> None:
    """Every class has a sample."""
    if len(labels) < n_classes:
        raise ValueError(
            f"`{name}` must give at least as many samples as classes, {n_classes} (the largest "
            f"label and those below, or `n_classes`), got {len(labels)}"
        )
    missing = np.setdiff1d(np.arange(n_classes), labels)
    if len(missing):
        shown = ", ".join(map(str, missing[:_SHOWN])) + (" ..." if len(missing) > _SHOWN else "")
        raise ValueError(
            f"`{name}` must give samples of each of {n_classes} classes, got none of {shown}"
        )
    if n_classes < 2:
        raise ValueError(f"`{name}` must have at least two classes, got 1")


def patience_without_validation() -> ValueError:
    """The error where nothing says whether training still helps."""
    return ValueError("`patience` must be None without a `validation_loader`")


def other_checkpoint(path: object, name: str, before: object, now: object) -> ValueError:
    """The error where a checkpoint is of another call."""
    what = name.replace("_", " ")
    return ValueError(
        f"`checkpoint` must be of a call with the same arguments to go on, {what} was {before!r}, "
        f"is {now!r} (`resume=False` writes {str(path)!r} anew)"
    )


def no_checkpoint(path: object) -> ValueError:
    """The error where a file is there that is none of ours."""
    return ValueError(
        f"`checkpoint` must be a new file or a checkpoint of `finetune`, {str(path)!r} is neither "
        "(`resume=False` writes it anew)"
    )


def stopped_by(why: str, step: str, number: int) -> str:
    """The text where training can't go on."""
    return (
        f"{step} stopped at update {number}: {why}; the `result` of this error is the last good "
        "state"
    )


def one_class_in_batch(name: str, label: int) -> str:
    """Why nothing can be learned from a batch."""
    return (
        f"a batch of `{name}` has one class alone ({label}), the conditional entropy is then the "
        "same whatever the features are: give larger batches, or shuffle them"
    )


def diverged(what: str) -> str:
    """Why numbers that aren't finite end it."""
    return f"{what} not finite (a smaller `learning_rate` helps where training diverges)"


def nothing_drawn(how: str) -> ValueError:
    """The error where samples are to be drawn for training that reads them by batches."""
    return ValueError(f"`samples_per_class` must be None with `method` {how!r}")


def classes_to_draw(counts: NDArray[np.int64], classes: NDArray[Any], n: int) -> None:
    """Every class has as many training samples as are drawn."""
    if counts.min() < n:
        few = int(counts.argmin())
        raise ValueError(
            f"`samples_per_class` must be at most {counts.min()}, the training samples of class "
            f"{classes[few]}, got {n}"
        )
