"""Label sets from images."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _threads
from transferscore._backend import backend
from transferscore._checks import Layout

if TYPE_CHECKING:
    from numpy.random import Generator


def quantise_pixels(
    target_images: ArrayLike,
    *,
    n_colours: int = 16,
    superpixel: int = 1,
    layout: Layout = None,
    random_state: "int | Generator | None" = 0,
    n_threads: int | None = None,
) -> NDArray[np.int32]:
    r"""Label sets from images: at each pixel a few colours in place of its values.

    So an image-to-image task becomes as many classification tasks as an image has pixels: Bao et
    al., "An information-theoretic approach to transferability in task transfer learning", ICIP
    2019. For each pixel the colours are the partition of the images with the least

    .. math:: \sum_i \lVert x_i - \bar x_{c(i)} \rVert^2,

    x_i the value of the pixel in image i and :math:`\bar x_c` the mean of those of colour c.

    Parameters
    ----------
    target_images : array-like of shape (n, H, W), (n, H, W, C) or (n, C, H, W)
        What each image should be turned into: real numbers of any kind, finite. Any order in
        memory is read without a copy, also a `numpy.memmap`; only float16, long doubles and numbers
        of the other byte order are copied. Integers beyond 2^53 are rounded.
    n_colours : int, default 16
        The most colours of a pixel, from 2 to 1,024.
    superpixel : int, default 1
        Side of squares of pixels that are quantised together, as vectors; it divides H and W.
    layout : None, "hwc" or "chw", optional
        Where the channels of images with four axes stand. A pixel with channels is a vector.
    random_state : int, numpy.random.Generator or None, default 0
        Seed of the k-means that clusters vectors. It is the same at every pixel, so that a crop of
        the images has the labels of the whole. Numbers need no seed.
    n_threads : int, optional
        Threads for this call, as for `h_score`. The result has the same bits for any number.

    Returns
    -------
    ndarray of shape (n, L), int32
        A label set for each of the L = H/superpixel x W/superpixel positions, row by row, as
        `h_score` takes them. Colours of a position are 0 .. K - 1. Those of numbers are ordered by
        value. K is smaller where a position has fewer different values than `n_colours`; where it
        is constant there is one colour, and no score can be had (`labels.any(axis=0)` says where).

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described; the text names it.

    Notes
    -----
    *Numbers* (one channel, no superpixels): equal values have one colour, and colours are
    intervals. With up to 2,048 different values (all images of bytes) the partition is the best one
    (dynamic programming). With more it is the best one of cells, of which none holds more than
    1/1,024 of the values or of their range, and then the best one with borders nearby: mostly the
    best of all, else within some 1e-3 of its sum for 16 colours. Differences below 1e-8 of the
    range are not seen. No seed is involved.

    *Vectors*: greedy k-means++, then up to 300 rounds of Lloyd: a local minimum. Coordinates are
    compared as they are; scale channels of different units first.

    The published protocol clusters with Birch (threshold 0.01, 16 clusters): values nearer than a
    threshold are joined, then groups are merged so that the same sum grows least. Here that sum is
    minimised itself, and there is no threshold that depends on the unit of the values.

    Memory beyond the inputs, in bytes, at most: 4 n L for the labels, the larger of 64 Mi and 8 n q
    for q values at a position, and n (16 q + 100) for each thread.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import quantise_pixels
    >>> depth = np.array([[[0.0, 7.0]], [[0.1, 7.0]], [[5.0, 7.0]], [[9.0, 7.0]]])
    >>> depth.shape
    (4, 1, 2)
    >>> quantise_pixels(depth, n_colours=3)
    array([[0, 0],
           [0, 0],
           [1, 0],
           [2, 0]], dtype=int32)
    """
    n_threads = _threads.resolve(n_threads)
    images, side = _checks.images(target_images, layout, superpixel)
    ids, _ = backend.quantise_pixels(
        images,
        n_colours=_checks.n_colours(n_colours),
        superpixel=side,
        seed=_checks.seed(random_state),
        n_threads=n_threads,
    )
    return ids.T
