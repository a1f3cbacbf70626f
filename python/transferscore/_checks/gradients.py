"""What is differentiated, and where derivatives say nothing."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore._checks.arrays import as_array
from transferscore._checks.labels import IgnoreIndex, kept


def coefficients(value: ArrayLike) -> NDArray[np.float64]:
    """Finite factors of the two differences of OTCE: (2,) or (k, 2)."""
    pairs = as_array(value, "coefficients")
    if pairs.dtype.kind not in "fiu":
        raise TypeError(f"`coefficients` must hold real numbers, got dtype {pairs.dtype}")
    if pairs.ndim not in (1, 2) or pairs.shape[-1] != 2 or len(pairs) == 0:
        raise ValueError(f"`coefficients` must have shape (2,) or (k, 2), got {pairs.shape}")
    pairs = np.require(pairs, np.float64, ["C", "A"])
    if not np.isfinite(pairs).all():
        raise ValueError("`coefficients` must be finite, got NaN or infinity")
    return pairs


def initial_derivatives(shape: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    """A result to start from has as many combinations and target points."""
    if shape != wanted:
        raise ValueError(
            f"`initial` must be a result for {wanted[0]} pairs of coefficients and {wanted[1]} "
            f"target points, got {shape[0]} and {shape[1]}"
        )


def no_weight_left(name: str) -> ValueError:
    """The error where all points that have weight are left out."""
    return ValueError(
        f"`{name}` must have a positive sum over the points that are not left out, got zeros alone"
    )


def samples_of_both(n: int, m: int) -> None:
    """Features of two sides belong to the same samples, at least two."""
    if n != m:
        raise ValueError(f"`g` must have as many rows as `f`, {n}, got {m}")
    if n < 2:
        raise ValueError(f"`f` must have at least 2 rows, got {n}")


def not_a_tensor(name: str, got: str) -> TypeError:
    """The error where a loss is asked of something that PyTorch cannot differentiate."""
    return TypeError(f"`{name}` must be a torch.Tensor of floating-point numbers, got {got}")


def several_classes(labels: ArrayLike, name: str, ignore_index: IgnoreIndex) -> None:
    """At least two classes, without those that are left out."""
    y = as_array(labels, name)
    stay = kept(y, name, ignore_index)
    found = np.unique(y if stay is None else y[stay])
    if y.ndim == 1 and len(found) < 2:
        raise ValueError(
            f"`{name}` must have at least 2 classes, got {len(found)}: the conditional entropy is "
            "then 0 whatever the features are"
        )


def differentiable_once() -> RuntimeError:
    """The error where a second derivative of a loss is asked for."""
    return RuntimeError(
        "losses of transferscore.learn are differentiable once: their gradient, made with "
        "create_graph=True, can't be differentiated again"
    )
