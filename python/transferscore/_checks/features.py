"""Features with their labels."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from transferscore._checks.arrays import Floats, kernel_ready, real_matrix, refuse_nonfinite
from transferscore._checks.labels import (
    IgnoreIndex,
    Labels,
    encoded,
    integer_columns,
    kept_mask,
    label_array,
)


def features_and_labels(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    ignore_index: IgnoreIndex = None,
    n_threads: int = 1,
) -> tuple[Floats, Labels]:
    """Aligned features (n, d) and label sets (L, n), without the ignored samples."""
    X = real_matrix(features, "features")
    y = label_array(labels, n=len(X))
    keep = None if ignore_index is None else kept_mask(y, ignore_index)
    if keep is not None:
        X, y = X[keep], y[keep]
    X = kernel_ready(X)
    refuse_nonfinite(X, "features", keep, n_threads)
    return X, encoded(y, n_threads)


def features_and_one_label_set(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    ignore_index: IgnoreIndex = None,
    n_threads: int = 1,
) -> tuple[Floats, Labels]:
    """Aligned features (n, d) and labels (1, n), without the ignored samples."""
    X, y = features_and_labels(features, labels, ignore_index=ignore_index, n_threads=n_threads)
    if not y.is_one_set:
        raise ValueError(f"`labels` must have shape (n,), got {len(y.n_classes)} label sets")
    return X, y


def features_and_label_sets(
    features: ArrayLike, label_sets: Sequence[ArrayLike], n_threads: int = 1
) -> tuple[Floats, Labels]:
    """Aligned features (n, d) and label sets (L, n), each of which may be of a kind of its own."""
    X = real_matrix(features, "features")
    sets = [label_array(labels, n=len(X), many=False)[:, np.newaxis] for labels in label_sets]
    columns = np.concatenate([integer_columns(labels) for labels in sets], axis=1)
    return features_and_labels(X, columns, n_threads=n_threads)


def features_alone(features: ArrayLike, n_threads: int = 1) -> Floats:
    """Aligned features (n, d)."""
    X = kernel_ready(real_matrix(features, "features"))
    refuse_nonfinite(X, "features", None, n_threads)
    return X


def no_chance_level(n: int) -> ValueError:
    """The error where unrelated labels would score as much as related ones."""
    return ValueError(
        f"`adjust_for_chance` must be False where the rank of the features is n - 1 = {n - 1}: any "
        "labels then score the most possible; use shrinkage='ledoit-wolf'"
    )
