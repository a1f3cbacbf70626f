"""What maximal correlations are learned from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore._checks.arrays import as_array, kernel_ready, refuse_nonfinite
from transferscore._checks.discrete import positions
from transferscore._checks.labels import classes
from transferscore._checks.numbers import count, share


@dataclass(frozen=True)
class Variable:
    """Samples of one side: numbers (n, ...), or ids (n,) of discrete values."""

    data: NDArray[Any]
    values: NDArray[Any] | None  # (K,) sorted, of a discrete variable
    is_vector: bool  # numbers that were passed as (n,)

    def __len__(self) -> int:
        return len(self.data)

    @property
    def count(self) -> int:
        """Values of a discrete variable."""
        return 0 if self.values is None else len(self.values)


def variable(value: ArrayLike, name: str) -> Variable:
    """Integers, booleans and strings (n,) are discrete; all else are finite numbers (n, ...)."""
    array = as_array(value, name)
    if array.ndim == 0 or array.size == 0:
        raise ValueError(f"`{name}` must hold at least one sample, got shape {array.shape}")
    if array.ndim == 1 and array.dtype.kind != "f":
        found = classes(array, len(array), name)
        return Variable(found.ids, found.values, is_vector=False)
    return Variable(_numbers(array, name), None, is_vector=array.ndim == 1)


def same_variable(value: ArrayLike, like: Variable, name: str) -> NDArray[Any]:
    """Further samples of a variable, as its data are."""
    if like.values is not None:
        return positions(like.values, value, name)
    array = as_array(value, name)
    if array.ndim == 0 or _shape(array, like.is_vector) != like.data.shape[1:]:
        wanted = _text_of_shape(() if like.is_vector else like.data.shape[1:])
        raise ValueError(f"`{name}` must have shape {wanted}, got {array.shape}")
    return _numbers(array, name)


def numbers_of_samples(value: ArrayLike, name: str) -> Variable:
    """Finite numbers (n,) or (n, q), of any type of number."""
    array = as_array(value, name)
    if array.ndim not in (1, 2) or array.size == 0:
        raise ValueError(f"`{name}` must have shape (n,) or (n, q), got {array.shape}")
    return Variable(_numbers(array, name), None, is_vector=array.ndim == 1)


def labels_of_samples(value: ArrayLike, name: str) -> Variable:
    """Class labels (n,), at least two of them."""
    array = as_array(value, name)
    found = classes(array, len(array) if array.ndim else 0, name)
    if len(found.values) < 2:
        raise ValueError(f"`{name}` must have at least two classes, got {len(found.values)}")
    return Variable(found.ids, found.values, is_vector=False)


def paired(x: Variable, y: Variable, names: tuple[str, str]) -> None:
    """As many samples of both, and each of them varies."""
    if len(x) != len(y):
        raise ValueError(f"`{names[1]}` must have {len(x)} samples, as `{names[0]}`, got {len(y)}")
    for side, name in zip((x, y), names, strict=True):
        if side.count == 1 or not (side.data != side.data[0]).any():
            raise ValueError(f"`{name}` must have at least two different values, got one")


def labels_to_compare(value: ArrayLike, n: int) -> NDArray[Any]:
    """The true labels (n,) of predictions."""
    y = as_array(value, "y")
    if y.shape != (n,):
        raise ValueError(f"`y` must have shape ({n},), got {y.shape}")
    return y


def numbers_to_compare(value: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """The true numbers of predictions, of which no column is constant."""
    y = as_array(value, "y")
    if y.shape != shape:
        raise ValueError(f"`y` must have shape {shape}, got {y.shape}")
    numbers = _numbers(y, "y").reshape(shape).astype(np.float64)
    if (numbers == numbers[0]).all(axis=0).any():
        raise ValueError("`y` must have at least two different values, got one: R^2 is undefined")
    return numbers


def widths(value: Sequence[int]) -> tuple[int, ...]:
    """Widths of hidden layers, from the input on."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(f"`hidden` must be a sequence of integers, got {value!r:.100}")
    return tuple(count(width, "hidden") for width in value)


def validation_samples(fraction: object, n: int) -> int:
    """Samples that are held out: none, or at least two, and two must be left."""
    held = round(share(fraction, "validation_fraction") * n)
    if held and not 2 <= held <= n - 2:
        raise ValueError(
            f"`validation_fraction` must hold out at least 2 of {n} samples and leave 2, or be 0, "
            f"got {fraction!r}"
        )
    return held


def not_a_network(name: str, got: object) -> TypeError:
    """The error where something else than a network of PyTorch is given."""
    return TypeError(f"`{name}` must be a torch.nn.Module, got {type(got).__name__}")


def features_of_network(name: str, shape: tuple[int, ...], n: int, n_features: int | None) -> None:
    """A network gives a row of features for each sample, as many as are asked for."""
    wanted = "k" if n_features is None else n_features
    if len(shape) != 2 or shape[0] != n or n_features not in (None, shape[1]):
        raise ValueError(f"`{name}` must give features of shape ({n}, {wanted}), got {shape}")


def closed_form(y: Variable) -> None:
    """The H-score as objective needs classes."""
    if y.values is None:
        raise ValueError(
            "`objective` must be 'soft_hgr' for a continuous `y`: the H-score needs classes"
        )


def unused_network() -> ValueError:
    """The error where a network for y is given that nobody would train."""
    return ValueError(
        "`y_network` must be left out with objective='h_score': g is then known in closed form"
    )


def batch_for_features(size: int, n_features: int) -> None:
    """Covariances of batches need more samples than features."""
    if size <= 2 * n_features:
        raise ValueError(
            f"`batch_size` must be more than twice `n_features`, {2 * n_features}, got {size}: a "
            "batch must tell their covariance"
        )


def epochs_diverged(n_epochs: int) -> str:
    """The error where features are not finite any more."""
    return (
        f"features became NaN or infinite in epoch {n_epochs}; lower `learning_rate`, or scale the "
        "inputs. `last_good` holds the best fit before that"
    )


def estimator_not_fitted(name: str) -> RuntimeError:
    """The error where an estimator is asked before it knows anything."""
    return RuntimeError(f"this {name} is not fitted yet; call fit(X, y)")


def unknown_parameter(name: str, known: Sequence[str]) -> ValueError:
    """The error where a parameter of an estimator is set that it doesn't have."""
    return ValueError(f"`{name}` must be one of {', '.join(known)}")


def _numbers(array: NDArray[Any], name: str) -> NDArray[Any]:
    """(n,) becomes (n, 1)."""
    if array.dtype.kind not in "fiub":
        raise TypeError(f"`{name}` must hold real numbers, got dtype {array.dtype}")
    if array.size == 0:
        raise ValueError(f"`{name}` must hold at least one sample, got shape {array.shape}")
    rows = kernel_ready(array[:, np.newaxis] if array.ndim == 1 else array)
    refuse_nonfinite(rows.reshape(len(rows), -1), name, None, n_threads=1)
    return rows


def _shape(array: NDArray[Any], is_vector: bool) -> tuple[int, ...]:
    return (1,) if is_vector and array.ndim == 1 else array.shape[1:]


def _text_of_shape(shape: tuple[int, ...]) -> str:
    return "(n,)" if not shape else f"(n, {', '.join(map(str, shape))})"
