"""NCE and LEEP as ranking libraries compute them, in our own words."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.integer[Any]]


def nce_by_loop(source: Ids, target: Ids) -> float:
    """A joint table filled by a Python loop, and its conditional entropy."""
    joint = np.zeros((target.max() + 1, source.max() + 1))
    for z, y in zip(source, target, strict=True):
        joint[y, z] += 1 / len(source)
    P_z = joint.sum(axis=0, keepdims=True)
    filled = joint > 0
    return float(np.sum(joint[filled] * np.log((joint / np.where(P_z > 0, P_z, 1))[filled])))


def leep_by_product(theta: NDArray[Any], labels: Ids) -> float:
    """Every class' prediction for every sample by a product, then one of them picked in Python."""
    joint = np.zeros((labels.max() + 1, theta.shape[1]))
    for label in np.unique(labels):
        joint[label] = theta[labels == label].sum(axis=0) / len(labels)
    predictions = theta @ (joint / joint.sum(axis=0)).T
    picked = np.array([row[label] for row, label in zip(predictions, labels, strict=True)])
    return float(np.mean(np.log(picked)))
