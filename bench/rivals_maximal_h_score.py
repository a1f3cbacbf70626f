"""The maximal H-score as one would write it with SciPy."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.integer[Any]]


def sparse_svd(x: Ids, labels: Ids, n_features: int) -> float:
    """Lanczos on the sparse, normalised table; its first singular value, 1, is left out."""
    from scipy.sparse import csr_array, diags_array
    from scipy.sparse.linalg import svds

    values, of_x = np.unique(x, return_inverse=True)
    classes, of_y = np.unique(labels, return_inverse=True)
    shape = (len(values), len(classes))
    joint = csr_array((np.full(len(x), 1 / len(x)), (of_x, of_y)), shape=shape)
    of_values, of_classes = joint.sum(axis=1), joint.sum(axis=0)
    table = diags_array(of_values**-0.5) @ joint @ diags_array(of_classes**-0.5)
    sigma = np.sort(svds(table, k=n_features + 1, return_singular_vectors=False))[::-1]
    return float(np.sum(sigma[1:] ** 2))


def gram_eigenvalues(x: Ids, labels: Ids, n_features: int) -> float:
    """The exact answer for few classes: eigenvalues of the Gram matrix of the classes."""
    values, of_x = np.unique(x, return_inverse=True)
    classes, of_y = np.unique(labels, return_inverse=True)
    joint = np.zeros((len(values), len(classes)))
    np.add.at(joint, (of_x, of_y), 1 / len(x))
    table = joint / np.sqrt(np.outer(joint.sum(axis=1), joint.sum(axis=0)))
    return float(np.sum(np.linalg.eigvalsh(table.T @ table)[::-1][1 : n_features + 1]))
