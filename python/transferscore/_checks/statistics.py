"""Batches of samples, and statistics that were summed before."""

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore._checks.arrays import Floats, kernel_ready, real_matrix, refuse_nonfinite
from transferscore._checks.labels import Classes, IgnoreIndex, kept_mask, label_array
from transferscore._checks.probabilities import distributions, label_ids, label_sides
from transferscore._checks.scores import score_names

# Why parts of the samples that were summed apart can't give a score exactly.
NOT_FROM_PARTS = {
    "knn": "the nearest neighbours of a sample may be in any part",
    "parc": "it ranks the distances between all pairs of samples",
    "otce": "the plan weighs every sample of the source against every one of the target",
    "sfda": "it moves each sample by what all samples have shown, and looks at it again",
    "gbc": "the axes along which classes vary are known only when all samples are",
    "nleep": "the mixture is fitted in many passes over the samples",
    "transrate": (
        "each class needs a scatter of its own, or its samples; the term of all samples is "
        "`coding_rate`"
    ),
}
# What to call instead.
INSTEAD = {
    "nce": "LabelStatistics counts the pairs of labels that NCE is made of",
    "leep": (
        "LEEP takes two passes over the samples: PredictionStatistics().partial_fit(...) for each "
        "batch; then second = statistics.second_pass(), second.partial_fit(...) for each batch, "
        "second.leep()"
    ),
}
# How far predicted probabilities, summed over a label, may differ between the passes of LEEP: by
# what a network that runs twice differs, not by other samples.
SAME_OUTPUTS = 1e-4


def batch(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    ignore_index: IgnoreIndex,
    n_threads: int,
    first_row: int = 0,
) -> tuple[Floats, Classes] | None:
    """Features (n, d) and classes (n,), perhaps one; None where no sample is left."""
    X = real_matrix(features, "features", may_be_empty=True)
    y = label_array(labels, n=len(X), many=False)
    keep = None
    if ignore_index is not None:
        keep = kept_mask(y, ignore_index, may_be_empty=True)
        X, y = X[keep], y[keep]
    if not len(X):
        return None
    X = kernel_ready(X)
    refuse_nonfinite(X, "features", keep, n_threads, first_row)
    return X, lasting(y, "labels", n_threads)


def batch_of_pairs(
    source_labels: ArrayLike, target_labels: ArrayLike, ignore_index: IgnoreIndex, n_threads: int
) -> tuple[Classes, Classes] | None:
    """Classes (n,) of both sides; None where no pair is left."""
    sides = label_sides(source_labels, target_labels, ignore_index, may_be_empty=True)
    if sides["source_labels"].size == 0:
        return None
    source, target = (lasting(y, name, n_threads) for name, y in sides.items())
    return source, target


def batch_of_outputs(
    outputs: ArrayLike,
    labels: ArrayLike,
    *,
    transform: object,
    ignore_index: IgnoreIndex,
    n_threads: int,
    first_row: int = 0,
) -> tuple[Floats, Classes] | None:
    """Outputs (n, C_s) and classes (n,), perhaps one; None where no sample is left."""
    theta, y = distributions(
        outputs,
        labels,
        transform=transform,
        ignore_index=ignore_index,
        n_threads=n_threads,
        first_row=first_row,
        may_be_empty=True,
    )
    return (theta, lasting(y, "labels", n_threads)) if y.size else None


def lasting(y: NDArray[Any], name: str, n_threads: int) -> Classes:
    """Labels (n,) as ids, and their values in one of the types that join and can be stored."""
    ids, n_classes = label_ids(y, n_threads)
    values = np.empty(n_classes, y.dtype)
    values[ids] = y
    if values.dtype.kind in "iu":
        fits = values.dtype != np.uint64 or values[-1] <= np.iinfo(np.int64).max
        return Classes(ids, values.astype(np.int64) if fits else values)
    if values.dtype.kind == "S":
        try:
            values = np.char.decode(values, "utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(f"`{name}` must be text in UTF-8, got {error.object!r:.50}") from error
    return Classes(ids, np.array(values.tolist(), np.str_))  # also of strings of variable width


def classes_together(a: NDArray[Any], b: NDArray[Any], name: str = "labels") -> NDArray[Any]:
    """The labels of both, sorted; integers and strings don't mix."""
    if (a.dtype.kind in "iu") != (b.dtype.kind in "iu"):
        raise TypeError(
            f"`{name}` must be of one kind in all batches, got integers and strings: "
            f"{a[0]!r:.50} and {b[0]!r:.50}"
        )
    together = np.union1d(a, b)
    if together.dtype.kind == "f":
        raise ValueError(
            f"`{name}` must fit into int64 or into uint64, got {min(a[0], b[0])} and "
            f"{max(a[-1], b[-1])}"
        )
    return together


def other_width(name: str, d: int, known: int, what: str = "features") -> ValueError:
    """The error where a batch has another number of columns."""
    return ValueError(f"`{name}` must have {known} {what}, as the batches before, got {d}")


def other_kind(other: object, wanted: type) -> TypeError:
    """The error where statistics of another kind are to be merged."""
    return TypeError(f"`other` must be {wanted.__name__}, got {type(other).__name__}")


def other_transform(theirs: object, ours: object) -> ValueError:
    """The error where outputs were transformed in another way."""
    return ValueError(f"`other` must have transform={ours!r}, got transform={theirs!r}")


def no_samples(what: str = "FeatureStatistics") -> RuntimeError:
    """The error where statistics are asked before they know a sample."""
    return RuntimeError(
        f"these {what} have no samples yet; call partial_fit(...), or read them with load(...)"
    )


def one_class(label: object) -> ValueError:
    """The error where there is nothing to tell apart."""
    return ValueError(f"`labels` must have at least two classes, got one ({label!s})")


def no_attribute(owner: object, name: str) -> AttributeError:
    """The error where statistics are asked for what they don't have; of a score, why."""
    of, text = type(owner).__name__, ""
    if name in NOT_FROM_PARTS:
        text = (
            f": {NOT_FROM_PARTS[name]}. Call transferscore.{name} on all samples, or on some that "
            "are drawn at random"
        )
    elif name in INSTEAD:
        text = f": {INSTEAD[name]}"
    return AttributeError(f"{of!r} object has no attribute {name!r}{text}", name=name, obj=owner)


def scores_of_parts(names: Any, known: Collection[str]) -> list[str]:
    """Names of scores that sums give, none twice."""
    asked = score_names(names, [*known, *NOT_FROM_PARTS])
    for name in asked:
        if name not in known:
            raise ValueError(
                f"`scores` must not have {name!r} of samples that were summed: "
                f"{NOT_FROM_PARTS[name]}"
            )
    return asked


# ---------------------------------------------------------------------------- second pass


def unknown_label(label: object) -> ValueError:
    """The error where the second pass sees a label that the first has not seen."""
    return ValueError(f"`labels` must be those of the first pass, got {label!s:.50}, which is new")


def no_more_than_first_pass(
    classes: NDArray[Any], seen: NDArray[np.int64], expected: NDArray[np.int64]
) -> None:
    """Refuse samples that the second pass sees twice, or alone."""
    if (seen > expected).any():
        k = int(np.argmax(seen > expected))
        raise ValueError(
            "the second pass must see each sample of the first once; of label "
            f"{classes[k]!s:.50} it got {seen[k]}, not {expected[k]}"
        )


def complete_second_pass(
    classes: NDArray[Any], seen: NDArray[np.int64], expected: NDArray[np.int64]
) -> None:
    """Refuse to score before the second pass has seen all samples."""
    if (seen != expected).any():
        k = int(np.argmax(seen != expected))
        raise RuntimeError(
            "the second pass must see all samples of the first; of label "
            f"{classes[k]!s:.50} it has seen {seen[k]} of {expected[k]}"
        )


def same_outputs(
    classes: NDArray[Any],
    found: NDArray[np.float64],
    expected: NDArray[np.float64],
    counts: NDArray[np.int64],
) -> None:
    """Refuse a second pass with other outputs: sums over the samples of a label tell."""
    same = np.isclose(found, expected, rtol=SAME_OUTPUTS, atol=0)
    if not same.all():
        k = int(np.argmin(same))
        raise ValueError(
            "the second pass must see the outputs of the first, each with its label; of label "
            f"{classes[k]!s:.50} they predict, in the mean, a probability of "
            f"{found[k] / counts[k]:.6g}, not {expected[k] / counts[k]:.6g}"
        )


def another_first_pass() -> ValueError:
    """The error where parts of a second pass follow different first passes."""
    return ValueError(
        "`other` must follow the same first pass: merge all of the first pass, then begin the "
        "second from that (`save` and `load` keep every bit)"
    )


def dask_matrix(value: Any, kind: Any) -> Any:
    """A Dask array (n, d) whose blocks have known sizes."""
    if not isinstance(value, kind):
        raise TypeError(f"`features` must be a Dask array, got {type(value).__name__}")
    if value.ndim != 2:
        raise ValueError(f"`features` must have shape (n, d), got {value.shape}")
    if np.isnan(value.shape).any():
        raise ValueError(
            "`features` must have blocks of known sizes, got unknown ones; call "
            "compute_chunk_sizes() first"
        )
    return value


def dask_labels(value: Any, features: Any, arrays: Any) -> Any:
    """Labels (n,) of a Dask array (n, d), as a Dask array."""
    labels = value if isinstance(value, arrays.Array) else arrays.from_array(np.asarray(value))
    n = features.shape[0]
    if labels.shape != (n,):
        raise ValueError(f"`labels` must have shape ({n},), got {labels.shape}")
    return labels
