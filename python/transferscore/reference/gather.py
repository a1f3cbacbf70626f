"""The definition of features at pixels."""

from collections.abc import Sequence
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray


def gather_pixel_features(
    feature_map: ArrayLike,
    coordinates: ArrayLike,
    shape: Sequence[int],
    *,
    interpolation: Literal["nearest", "linear"] = "nearest",
) -> NDArray[np.float64]:
    """Features at pixels of an image: between the features whose centres are around v.

    v = (y + 1/2) / s - 1/2 along each axis, with s pixels to a feature; features at the rim go on
    beyond it.

    Parameters
    ----------
    feature_map : array-like of shape (C, h, w) or (C, d, h, w)
        Features of one image.
    coordinates : array-like of shape (n, 2) or (n, 3)
        The pixels.
    shape : sequence of int
        Size of the image.
    interpolation : "nearest" or "linear", default "nearest"
        The nearest feature, or a mean with weights `1 - |distance|` along each axis.

    Returns
    -------
    ndarray of shape (n, C)
        Features.

    Examples
    --------
    >>> from transferscore.reference import gather_pixel_features
    >>> gather_pixel_features([[[10.0, 20.0]]], [[0, 1], [0, 2]], (1, 4), interpolation="linear")
    array([[12.5],
           [17.5]])
    """
    maps = np.asarray(feature_map, dtype=np.float64)
    features = []
    for pixel in np.asarray(coordinates):
        axes = []
        for y, size, h in zip(pixel, shape, maps.shape[1:], strict=True):
            v = min(max((y + 0.5) * h / size - 0.5, 0), h - 1)
            if interpolation == "nearest":
                # Half-way between two features the pixel's centre lies on the border of the next.
                axes.append({int(np.floor(v + 0.5)): 1.0})
            else:
                axes.append({i: 1 - abs(v - i) for i in range(h) if abs(v - i) < 1})
        mean = np.zeros(len(maps))
        for at in product(*axes):
            weight = np.prod([axis[i] for axis, i in zip(axes, at, strict=True)])
            mean += weight * np.array([channel[at] for channel in maps])
        features.append(mean)
    return np.array(features)
