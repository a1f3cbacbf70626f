"""The definition of the H-score of image-to-image tasks."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore.reference.h_score import h_score
from transferscore.reference.quantise_pixels import quantise_pixels


def pixel_h_score(
    features: ArrayLike,
    target_images: ArrayLike,
    *,
    n_colours: int = 16,
    shrinkage: float | Literal["ledoit-wolf"] | None = None,
    adjust_for_chance: bool = False,
) -> NDArray[np.float64]:
    """H-score of each pixel with its colours as labels; the score of the task is their mean.

    Bao et al., ICIP 2019. Higher is better.

    Parameters
    ----------
    features : array-like of shape (n, d)
        Features; those of several sources side by side for transfer of higher order.
    target_images : array-like of shape (n, H, W)
        Images of numbers.
    n_colours : int, default 16
        The most colours of a pixel.
    shrinkage : None, "ledoit-wolf" or float in [0, 1], optional
        As for `h_score`.
    adjust_for_chance : bool, default False
        As for `h_score`.

    Returns
    -------
    ndarray of shape (H, W)
        The scores; a constant pixel has one colour and scores 0.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore.reference import pixel_h_score
    >>> images = np.array([[[0.0, 7.0]], [[0.1, 7.0]], [[5.0, 7.0]], [[5.1, 7.0]]])
    >>> pixel_h_score([[0.0], [1.0], [2.0], [3.0]], images, n_colours=2).round(12)
    array([[0.8, 0. ]])
    """
    images = np.asarray(target_images)
    scores = [
        h_score(features, labels, shrinkage=shrinkage, adjust_for_chance=adjust_for_chance)
        for labels in quantise_pixels(images, n_colours=n_colours).T
    ]
    return np.array(scores).reshape(images.shape[1:])
