"""Training and test samples of a linear head."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore._checks.arrays import kernel_ready, real_matrix, refuse_nonfinite
from transferscore._checks.labels import label_array

LARGEST = 1e150  # an output of a linear head: its square, and sums of many, stay in range


@dataclass(frozen=True)
class LabelledSamples:
    """Features in float64, and labels as places among the training classes."""

    X: NDArray[np.float64]  # (n, d)
    ids: NDArray[np.intp]  # (n,)
    classes: NDArray[Any]  # (K,) sorted


def training_and_test(
    features_train: ArrayLike,
    labels_train: ArrayLike,
    features_test: ArrayLike,
    labels_test: ArrayLike,
) -> tuple[LabelledSamples, LabelledSamples]:
    """Samples of the same features, at least two classes, and no class in the test alone."""
    X, X_test = _samples(features_train, "features_train"), _samples(features_test, "features_test")
    if X_test.shape[1] != X.shape[1]:
        raise ValueError(
            f"`features_test` must have as many columns as `features_train`, {X.shape[1]}, got "
            f"{X_test.shape[1]}"
        )
    y = label_array(labels_train, n=len(X), name="labels_train", many=False)
    y_test = label_array(labels_test, n=len(X_test), name="labels_test", many=False)
    if (y.dtype.kind in "iu") != (y_test.dtype.kind in "iu"):
        raise TypeError(
            f"`labels_test` must be of the kind of `labels_train`, dtype {y.dtype}, got dtype "
            f"{y_test.dtype}"
        )
    classes, ids = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"`labels_train` must have at least two classes, got one ({classes[0]!s})")
    places = np.searchsorted(classes, y_test).clip(max=len(classes) - 1)
    unknown = classes[places] != y_test
    if unknown.any():
        raise ValueError(
            f"`labels_test` must hold classes of `labels_train`, got {y_test[unknown][0]!s}"
        )
    return LabelledSamples(X, ids, classes), LabelledSamples(X_test, places, classes)


def outputs_in_range(outputs: NDArray[np.float64]) -> None:
    """Test features must not be so far from the training ones that outputs or losses overflow."""
    within = (np.abs(outputs) <= LARGEST).all(axis=1)  # False for NaN
    if not within.all():
        raise ValueError(
            "`features_test` must be within the range of float64 in standard deviations of "
            f"`features_train`, got row {int(np.argmin(within))} beyond"
        )


def _samples(features: ArrayLike, name: str) -> NDArray[np.float64]:
    X = kernel_ready(real_matrix(features, name))
    refuse_nonfinite(X, name, None, 1)
    return np.asarray(X, dtype=np.float64)
