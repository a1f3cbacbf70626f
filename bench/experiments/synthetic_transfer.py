"""Transfer between segmentation tasks, measured: small networks, their features, a head, Dice.

A network sees a voxel through fixed descriptors (the image at several scales, edges, depth in the
brain) and is trained to tell the region of its task from the rest. What transfers is its last
hidden layer: a logistic head on it is fitted to few voxels of one subject of the target.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import (
    distance_transform_edt,
    gaussian_filter,
    gaussian_gradient_magnitude,
    gaussian_laplace,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from synthetic_brain import MATTER, TASKS, TUMOUR, Subject, make_subject

from transferscore import SegmentationTask

Values = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Voxels = npt.NDArray[np.int64]

N_SOURCE_SUBJECTS = 2  # the rest is for targets: one to learn from, the others to be segmented
N_TRAINING, N_SHOT, N_SCORED = 4000, 200, 1000
HIDDEN, EPOCHS = (16, 8), 80
REPEATS = 3  # draws of the target's few voxels; Dice is the mean


def descriptors(image: Values, brain: Mask) -> npt.NDArray[np.float32]:
    """What every network sees of each voxel of the brain."""
    channels = [image]
    channels += [gaussian_filter(image, sigma) for sigma in (0.8, 1.6, 3.2)]
    channels += [gaussian_gradient_magnitude(image, sigma) for sigma in (0.8, 1.6)]
    channels += [gaussian_laplace(image, sigma) for sigma in (0.8, 1.6)]
    mean, square = gaussian_filter(image, 2), gaussian_filter(image**2, 2)
    channels += [np.sqrt(np.maximum(square - mean**2, 0))]
    channels += [gaussian_filter(brain.astype(np.float64), 5)]
    return np.stack([channel[brain] for channel in channels], axis=1).astype(np.float32)


@dataclass(frozen=True)
class Scan:
    """Brain voxels of a subject in one modality."""

    subject: Subject
    features: npt.NDArray[np.float32]  # (voxels, channels)

    def labels(self, region: str) -> Mask:
        """Which voxels are in the region."""
        return self.subject.region(region)[self.subject.brain]

    def near_boundary(self, region: str, n: int, rng: np.random.Generator) -> Voxels:
        """Voxels up to 3 from the other side of the region's boundary."""
        mask = self.subject.region(region)
        depth = np.where(mask, distance_transform_edt(mask), distance_transform_edt(~mask))
        near = np.flatnonzero(depth[self.subject.brain] <= 3)
        return rng.choice(near, min(n, len(near)), replace=False)

    def balanced(self, region: str, n: int, rng: np.random.Generator) -> Voxels:
        """As many voxels of the region as others."""
        labels = self.labels(region)
        sides = [np.flatnonzero(labels == side) for side in (True, False)]
        return np.concatenate([rng.choice(s, min(n // 2, len(s)), replace=False) for s in sides])


Scans = Mapping[tuple[str, str], list[Scan]]  # by family and modality, a scan for each subject


def make_scans(n_subjects: int, seed: int, shape: tuple[int, ...] | None = None) -> Scans:
    """Volumes of both cohorts and their descriptors."""
    scans: dict[tuple[str, str], list[Scan]] = {}
    for number, family in enumerate((TUMOUR, MATTER)):
        for position in range(n_subjects):
            rng = np.random.default_rng([seed, number, position])
            subject = make_subject(family, rng, *([] if shape is None else [shape]))
            for modality, image in subject.images.items():
                scan = Scan(subject, descriptors(image, subject.brain))
                scans.setdefault((family, modality), []).append(scan)
    return scans


class Network:
    """A network trained on a source task; its last hidden layer is what transfers."""

    def __init__(self, task: SegmentationTask, scans: Scans, seed: int) -> None:
        rng = np.random.default_rng([seed, TASKS.index(task)])
        region, parts, labels = str(task.region), [], []
        for scan in scans[task.family, task.modality][:N_SOURCE_SUBJECTS]:
            taken = scan.balanced(region, N_TRAINING // N_SOURCE_SUBJECTS, rng)
            parts.append(scan.features[taken])
            labels.append(scan.labels(region)[taken])
        X, y = np.concatenate(parts).astype(np.float64), np.concatenate(labels)
        self.mean, self.deviation = X.mean(axis=0), X.std(axis=0)
        network = MLPClassifier(HIDDEN, activation="tanh", max_iter=EPOCHS, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a fixed number of epochs
            network.fit((X - self.mean) / self.deviation, y)
        self.layers = list(zip(network.coefs_, network.intercepts_, strict=True))[: len(HIDDEN)]

    def features(self, voxels: npt.NDArray[np.float32]) -> Values:
        """Activations (n, d) of the last hidden layer."""
        values: Values = (voxels - self.mean) / self.deviation
        for weights, bias in self.layers:
            values = np.tanh(values @ weights + bias)
        return values


def measured_dice(network: Network, target: SegmentationTask, scans: Scans, seed: int) -> float:
    """Dice of a head on frozen features, learned from few voxels of one subject."""
    region, rng = str(target.region), np.random.default_rng([seed, 1, TASKS.index(target)])
    first, *others = scans[target.family, target.modality][N_SOURCE_SUBJECTS:]
    own, unseen = network.features(first.features), [network.features(s.features) for s in others]
    labels, truths = first.labels(region), [scan.labels(region) for scan in others]
    values = []
    for _ in range(REPEATS):
        taken = first.balanced(region, N_SHOT, rng)
        head = LogisticRegression(max_iter=500).fit(own[taken], labels[taken])
        # Both sides were drawn alike, but regions are small: the one subject says where to cut.
        cut = best_cut(head.decision_function(own), labels)
        found = [head.decision_function(x) > cut for x in unseen]
        values += [dice(a, b) for a, b in zip(found, truths, strict=True)]
    return float(np.mean(values))


def best_cut(values: Values, labels: Mask) -> float:
    """The threshold with the largest Dice."""
    order = np.argsort(-values)
    hits = np.cumsum(labels[order])
    place = int(np.argmax(2 * hits / (np.arange(1, len(order) + 1) + hits[-1])))
    return float(values[order[min(place + 1, len(order) - 1)]])


def dice(a: Mask, b: Mask) -> float:
    """Twice what both have over what each has."""
    return float(2 * np.sum(a & b) / (np.sum(a) + np.sum(b)))


def samples(
    network: Network, source: SegmentationTask, target: SegmentationTask, scans: Scans, seed: int
) -> dict[str, npt.NDArray[np.generic]]:
    """Voxels near the boundaries in one subject of each task, as the source's network sees them."""
    found: dict[str, npt.NDArray[np.generic]] = {}
    places = {"source": (source, 0), "target": (target, N_SOURCE_SUBJECTS)}
    for side, (task, subject) in places.items():
        scan, region = scans[task.family, task.modality][subject], str(task.region)
        taken = scan.near_boundary(region, N_SCORED, np.random.default_rng([seed, 2]))
        found[f"{side}_features"] = network.features(scan.features[taken])
        found[f"{side}_labels"] = scan.labels(region)[taken]
    return found
