"""Label maps as users of scikit-image, SciPy and NumPy work on them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def regions(n: int, height: int, width: int, n_labels: int) -> NDArray[np.uint8]:
    """Label maps (n, height, width) of round regions, as of a street: seeded."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    maps = np.empty((n, height, width), np.uint8)
    for labels in maps:
        labels[:] = n_labels - 1
        for label in rng.integers(0, n_labels, 60):
            radius = rng.integers(height // 40, height // 6)
            centre = rng.integers(0, height), rng.integers(0, width)
            labels[(y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2] = label
    return maps


def skimage_boundaries(maps: NDArray[Any], radius: float) -> NDArray[np.bool_]:
    """Thick boundaries of scikit-image, and SciPy's distance transform around them."""
    from scipy.ndimage import distance_transform_edt
    from skimage.segmentation import find_boundaries

    found = np.stack([find_boundaries(labels) for labels in maps])
    return np.stack([distance_transform_edt(~changes) <= radius for changes in found])


def numpy_sample(maps: NDArray[Any], n: int) -> NDArray[np.intp]:
    """Pixels (n, 3) near thick boundaries: all positions, then a choice without replacement."""
    from skimage.segmentation import find_boundaries

    near = np.argwhere([find_boundaries(labels) for labels in maps])
    return near[np.random.default_rng(0).choice(len(near), n, replace=False)]


def numpy_gather(
    maps: NDArray[np.float32], image: NDArray[Any], coordinates: NDArray[Any], scale: int
) -> NDArray[np.float32]:
    """The nearest features (n, C), by indexing."""
    y, x = (coordinates // scale).T
    return maps[image, :, y, x]


def scipy_gather(
    maps: NDArray[np.float32], image: NDArray[Any], coordinates: NDArray[Any], scale: int
) -> NDArray[np.float32]:
    """Bilinear features (n, C) by SciPy's interpolation, for each image and channel."""
    from scipy.ndimage import map_coordinates

    found = np.empty((len(image), maps.shape[1]), np.float32)
    for i in np.unique(image):
        at = ((coordinates[image == i] + 0.5) / scale - 0.5).T
        channels = [map_coordinates(c, at, order=1, mode="nearest") for c in maps[i]]
        found[image == i] = np.transpose(channels)
    return found
