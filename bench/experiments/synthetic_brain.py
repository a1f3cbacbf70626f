"""Synthetic brain-like volumes: drawn by a random number generator, no scan of anybody.

Two cohorts, as in work on the transfer between brain MRI tasks. Adults with a tumour have nested
regions (necrosis NCR in tumour core ET in whole tumour ED) and four modalities; infants have white
matter, grey matter and fluid (WM, GM, CSF), which exclude each other, and two modalities with less
contrast. Shapes are blobs of smoothed noise. Intensities follow a table of tissue by modality, with
a bias field, blur, noise and a contrast that varies between subjects. What holds here need not hold
for patients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from transferscore import SegmentationTask

Values = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

SHAPE = (44, 52, 44)
SPACING = (1.5, 1.5, 2.0)  # mm
TUMOUR, MATTER = "brain tumour", "brain matter"
MODALITIES = {TUMOUR: ("T1", "T1CE", "T2", "FLAIR"), MATTER: ("T1", "T2")}
REGIONS = {TUMOUR: ("NCR", "ED", "ET"), MATTER: ("WM", "GM", "CSF")}
TASKS = [
    SegmentationTask(family=family, modality=modality, region=region)
    for family in (TUMOUR, MATTER)
    for modality in MODALITIES[family]
    for region in REGIONS[family]
]

# Tissue: outside, fluid, grey matter, white matter, oedema, enhancing rim, necrosis.
OUTSIDE, FLUID, GREY, WHITE, OEDEMA, RIM, NECROSIS = range(7)
CONTRAST: Mapping[tuple[str, str], tuple[float, ...]] = {
    (TUMOUR, "T1"): (0.0, 0.20, 0.55, 0.80, 0.50, 0.56, 0.32),
    (TUMOUR, "T1CE"): (0.0, 0.20, 0.56, 0.80, 0.50, 1.05, 0.34),
    (TUMOUR, "T2"): (0.0, 1.00, 0.62, 0.44, 0.84, 0.72, 0.92),
    (TUMOUR, "FLAIR"): (0.0, 0.15, 0.60, 0.48, 1.00, 0.84, 0.50),
    (MATTER, "T1"): (0.0, 0.28, 0.52, 0.62),
    (MATTER, "T2"): (0.0, 0.95, 0.66, 0.56),
}
NOISE = {TUMOUR: 0.06, MATTER: 0.05}
BIAS, JITTER, BLUR = 0.15, 0.06, 0.6


@dataclass(frozen=True)
class Subject:
    """A subject of a cohort: tissue, and an image for each modality."""

    family: str
    tissue: npt.NDArray[np.int8]
    images: Mapping[str, Values]

    @property
    def brain(self) -> Mask:
        """Everything inside the skull."""
        return self.tissue != OUTSIDE

    def region(self, name: str) -> Mask:
        """The mask that a task asks for; those of the tumour hold each other."""
        if self.family == MATTER:
            return self.tissue == {"WM": WHITE, "GM": GREY, "CSF": FLUID}[name]
        return self.tissue >= {"ED": OEDEMA, "ET": RIM, "NCR": NECROSIS}[name]


def make_subject(family: str, rng: np.random.Generator, shape: tuple[int, ...] = SHAPE) -> Subject:
    """Draw a subject."""
    tissue = _brain(rng, shape)
    if family == TUMOUR:
        _grow_tumour(tissue, rng)
    images = {modality: _image(tissue, family, modality, rng) for modality in MODALITIES[family]}
    return Subject(family, tissue, images)


def _brain(rng: np.random.Generator, shape: tuple[int, ...]) -> npt.NDArray[np.int8]:
    """Shells of fluid and folded grey matter around white matter, with two ventricles."""
    place = _coordinates(shape)
    axes = np.array([0.86, 0.90, 0.84]) * rng.uniform(0.95, 1.03, 3)
    radius = np.sqrt(np.sum((place / axes[:, None, None, None]) ** 2, axis=0))
    radius += 0.05 * _blobs(rng, shape, 5)
    folds = radius + 0.09 * _blobs(rng, shape, 1.6)
    tissue = np.full(shape, OUTSIDE, dtype=np.int8)
    tissue[radius < 1] = FLUID
    tissue[folds < 0.93] = GREY
    tissue[folds < 0.68] = WHITE
    for side in (-1, 1):
        centre = np.array([0.17 * side, -0.03, 0.05]) + rng.normal(scale=0.02, size=3)
        size = np.array([0.10, 0.32, 0.14]) * rng.uniform(0.85, 1.2)
        offset = (place - centre[:, None, None, None]) / size[:, None, None, None]
        tissue[np.sum(offset**2, axis=0) + 0.15 * _blobs(rng, shape, 2) < 1] = FLUID
    tissue[radius >= 1] = OUTSIDE
    return tissue


def _grow_tumour(tissue: npt.NDArray[np.int8], rng: np.random.Generator) -> None:
    """Necrosis in an enhancing rim in oedema, around a place in the white matter."""
    place = _coordinates(tissue.shape)
    inner = np.argwhere((tissue == WHITE) & (np.abs(place[0]) > 0.22))
    centre = place[(slice(None), *inner[rng.integers(len(inner))])]
    distance = np.sqrt(np.sum((place - centre[:, None, None, None]) ** 2, axis=0))
    size = rng.uniform(0.38, 0.50)
    depth = distance / size + 0.14 * _blobs(rng, tissue.shape, 2.5)
    inside = tissue != OUTSIDE
    for code, within in ((OEDEMA, 1.0), (RIM, 0.66), (NECROSIS, 0.38)):
        tissue[inside & (depth < within)] = code


def _image(
    tissue: npt.NDArray[np.int8], family: str, modality: str, rng: np.random.Generator
) -> Values:
    """Intensities of a scan, brain voxels at mean 0 and deviation 1."""
    means = np.array(CONTRAST[family, modality])
    means = means * (1 + JITTER * rng.normal(size=len(means)))
    image = gaussian_filter(means[tissue], BLUR)
    image *= 1 + BIAS * _blobs(rng, tissue.shape, 12)
    image += NOISE[family] * rng.normal(size=tissue.shape)
    brain = image[tissue != OUTSIDE]
    image = (image - brain.mean()) / brain.std()
    image[tissue == OUTSIDE] = image.min()
    return image


def _coordinates(shape: tuple[int, ...]) -> Values:
    """Positions from -1 to 1 along each axis: (3, ...)."""
    return np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij"))


def _blobs(rng: np.random.Generator, shape: tuple[int, ...], size: float) -> Values:
    """Smooth noise of deviation 1."""
    field = gaussian_filter(rng.normal(size=shape), size)
    return field / field.std()
