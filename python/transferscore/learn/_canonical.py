"""Feature functions in their canonical form: whitened, and turned so that each meets one other.

The objective knows f and g only up to an invertible map, f -> f A, g -> g A^-T. In the canonical
form cov(f) = 1 and cov(f, g) = cov(g) = diag(sigma^2), so that sigma are the correlations of the
pairs, and p(x, y) is about p(x) p(y) (1 + f(x)^T g(y)).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
# Directions with less than this share of the largest variance are rounding of single precision.
RANK = 1e-9


@dataclass(frozen=True)
class Affine:
    """A map of raw features: (raw - mean) @ matrix."""

    mean: Matrix  # (k,)
    matrix: Matrix  # (k, k)

    def __call__(self, raw: Matrix) -> Matrix:
        return np.asarray((raw - self.mean) @ self.matrix)


@dataclass(frozen=True)
class Canonical:
    """Of f and g on training samples; g is a map of its raw features or a table of classes."""

    correlations: Matrix  # (k,) falling; zero where there are fewer pairs
    f: Affine
    g: Affine | None
    table: Matrix | None  # (K, k)

    @property
    def value(self) -> float:
        """The H-score of f on the training samples: the sum of squared correlations."""
        return float(np.sum(self.correlations**2))


def with_classes(raw: Matrix, ids: NDArray[np.integer], n_classes: int) -> Canonical:
    """The best g for given f is E[f | y] of whitened f."""
    k = raw.shape[1]
    mean, whitening = _whitening(raw)
    counts = np.bincount(ids, minlength=n_classes)
    sums = np.zeros((n_classes, whitening.shape[1]))
    np.add.at(sums, ids, (raw - mean) @ whitening)
    means = sums / np.maximum(counts, 1)[:, np.newaxis]
    _, sigma, turned = np.linalg.svd(
        np.sqrt(counts / len(ids))[:, np.newaxis] * means, full_matrices=False
    )
    return Canonical(
        _padded(sigma, (k,)),
        Affine(mean, _padded(whitening @ turned.T, (k, k))),
        None,
        _padded(means @ turned.T, (n_classes, k)),
    )


def with_features(raw_f: Matrix, raw_g: Matrix) -> Canonical:
    """Canonical correlations of both sides."""
    k = raw_f.shape[1]
    (mean_f, white_f), (mean_g, white_g) = _whitening(raw_f), _whitening(raw_g)
    cross = white_f.T @ ((raw_f - mean_f).T @ (raw_g - mean_g) / len(raw_f)) @ white_g
    left, sigma, right = np.linalg.svd(cross, full_matrices=False)
    return Canonical(
        _padded(sigma, (k,)),
        Affine(mean_f, _padded(white_f @ left, (k, k))),
        Affine(mean_g, _padded(white_g @ right.T * sigma, (k, k))),
        None,
    )


def held_out_value(f: Matrix, g: Matrix) -> float:
    """2 E[f^T g] - tr(E[f f^T] E[g g^T]) of samples (n, k) that neither of them was fitted to.

    It is the H-score less the squared distance of 1 + f^T g to the ratio of densities, so an
    overfit lowers it, below zero if need be.
    """
    n = len(f)
    return float(2 * np.sum(f * g) / n - np.sum((f.T @ f) * (g.T @ g)) / n**2)


def _whitening(raw: Matrix) -> tuple[Matrix, Matrix]:
    """Mean, and W (k, rank) such that (raw - mean) W has the covariance 1."""
    mean = raw.mean(axis=0)
    variances, directions = np.linalg.eigh((raw - mean).T @ (raw - mean) / len(raw))
    kept = variances > RANK * max(variances[-1], 0)
    return mean, directions[:, kept] / np.sqrt(variances[kept])


def _padded(array: Matrix, shape: tuple[int, ...]) -> Matrix:
    """With zeros for features that say nothing."""
    return np.pad(
        array, [(0, wanted - got) for wanted, got in zip(shape, array.shape, strict=True)]
    )
