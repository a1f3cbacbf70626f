"""H-score of image-to-image tasks."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _threads
from transferscore._backend import backend
from transferscore._checks import Floats, Layout, Shrinkage
from transferscore._results import PixelHScoreResult
from transferscore._scores.h_score import counts_classes

if TYPE_CHECKING:
    from numpy.random import Generator


def pixel_h_score(
    features: ArrayLike,
    target_images: ArrayLike,
    *,
    n_colours: int = 16,
    superpixel: int = 1,
    layout: Layout = None,
    shrinkage: Shrinkage = None,
    adjust_for_chance: bool = False,
    random_state: "int | Generator | None" = 0,
    n_threads: int | None = None,
) -> PixelHScoreResult:
    r"""H-score of an image-to-image task: the mean over the pixels of the target.

    Bao, Li, Huang, Zhang, Zheng, Zamir, Guibas, "An information-theoretic approach to
    transferability in task transfer learning", ICIP 2019, for the tasks of Zamir et al.,
    "Taskonomy", CVPR 2018. Every pixel p of the target images is a classification task, whose
    labels c_p are its colours over the images (`quantise_pixels`):

    .. math::

        H = \frac{1}{P} \sum_p
            \operatorname{tr}\bigl(\operatorname{cov}(f)^{+} \operatorname{cov}(E[f \mid c_p])\bigr)

    Higher is better. 0 <= H <= min(n_colours - 1, rank of the centred features).

    Parameters
    ----------
    features : array-like of shape (n, d)
        A row of features for each input image, as for `h_score`.
    target_images : array-like of shape (n, H, W), (n, H, W, C) or (n, C, H, W)
        What each input image should be turned into: depth, edges, normals, ... Real numbers of any
        kind and order in memory, also a `numpy.memmap`, as for `quantise_pixels`.
    n_colours : int, default 16
        The most colours of a pixel, from 2 to 1,024. The paper has 16, and 256 for squares of 4 x 4
        pixels.
    superpixel : int, default 1
        Side of squares of pixels that are quantised together and make one task; it divides H and W.
    layout : None, "hwc" or "chw", optional
        Where the channels of images with four axes stand.
    shrinkage : None, "ledoit-wolf" or float in [0, 1], optional
        As for `h_score`.
    adjust_for_chance : bool, default False
        Adjust the score of every pixel as `h_score` does.
    random_state : int, numpy.random.Generator or None, default 0
        Seed of the k-means that clusters vectors, the same at every pixel; numbers need none.
    n_threads : int, optional
        Threads for this call, as for `h_score`. The result has the same bits for any number.

    Returns
    -------
    PixelHScoreResult
        `score`, the `map` (H/superpixel, W/superpixel) of scores, and what they were computed from.

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described, values are not finite, or all images are the same.
        The text names the argument.

    Warns
    -----
    UserWarning
        Without shrinkage, where the centred features have rank n - 1 (with n <= d + 1 nearly
        always): every pixel then scores the number of its colours minus one.

    Notes
    -----
    A pixel that is constant over the images has one colour: it tells nothing, scores 0 as the
    formula has it, and counts in the mean. `n_constant` says how many there are; the mean over the
    others is score * P / (P - n_constant).

    The map equals `h_score(features, quantise_pixels(target_images))` to rounding, without its P
    label sets in memory.

    Memory beyond the inputs, in bytes, at most: 16 d^2 for the covariance and its factor (32 n^2
    for n <= d + 1), 240 Ki min(n, d, 384) + 24 Ki min(n, d) for blocks of samples, P (n (8 q + 4) +
    8 K d) for values, labels and class sums of P positions with q values each, and n (16 q + 100)
    for each thread. P is what 64 Mi of values and labels and 64 Mi of class sums hold, at least 1.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import pixel_h_score
    >>> rng = np.random.default_rng(0)
    >>> features = rng.normal(size=(500, 8))
    >>> left = features[:, :4].reshape(500, 2, 2)  # what the features know
    >>> right = rng.normal(size=(500, 2, 2))  # what they do not
    >>> result = pixel_h_score(features, np.concatenate([left, right], axis=2), n_colours=4)
    >>> result.map.round(1)
    array([[0.9, 0.9, 0. , 0. ],
           [0.9, 0.9, 0.1, 0. ]])
    >>> round(result.score, 2)
    0.48
    """
    n_threads = _threads.resolve(n_threads)
    images, side = _checks.images(target_images, layout, superpixel)
    X = _checks.features_of_images(features, len(images), "features", n_threads)
    return scored(
        [X],
        [(0,)],
        images,
        n_colours=n_colours,
        superpixel=side,
        shrinkage=shrinkage,
        adjust_for_chance=adjust_for_chance,
        random_state=random_state,
        budget=0.0,
        n_threads=n_threads,
        name="features",
    )[0]


def scored(
    sources: list[Floats],
    combinations: Sequence[tuple[int, ...]],
    images: NDArray[Any],
    *,
    n_colours: int,
    superpixel: int,
    shrinkage: Shrinkage,
    adjust_for_chance: bool,
    random_state: "int | Generator | None",
    budget: float,
    n_threads: int,
    name: str,
) -> list[PixelHScoreResult]:
    """A result for each combination of sources, which the caller calls `name`."""
    ledoit_wolf, intensity = _checks.shrinkage(shrinkage)
    try:
        scores, found = backend.pixel_h_score(
            sources,
            combinations,
            images,
            n_colours=_checks.n_colours(n_colours),
            superpixel=superpixel,
            seed=_checks.seed(random_state),
            ledoit_wolf=ledoit_wolf,
            intensity=intensity,
            adjust_for_chance=adjust_for_chance,
            budget=budget,
            n_threads=n_threads,
        )
    except OverflowError:
        raise _checks.too_large(name) from None
    n, height, width = images.shape[:3]
    shape = (height // superpixel, width // superpixel)
    colours = np.asarray(found).reshape(shape)
    if (colours == 1).all():
        raise _checks.no_colours()
    widths = [sum(sources[s].shape[1] for s in of) for of in combinations]
    full = [d for d, (_, _, rank, _) in zip(widths, scores, strict=True) if rank == n - 1]
    if full:
        warnings.warn(counts_classes(n, min(full)), UserWarning, stacklevel=3)
    if adjust_for_chance and any(chance >= 1 for *_, chance in scores):
        raise _checks.no_chance_level(n)
    return [
        PixelHScoreResult(
            score=float(values.mean()),
            map=values.reshape(shape),
            n_colours=colours,
            n_constant=int(np.count_nonzero(colours == 1)),
            rank=rank if rank >= 0 else None,
            shrinkage=intensity,
            n=n,
            d=d,
            superpixel=superpixel,
        )
        for d, (values, intensity, rank, _) in zip(widths, scores, strict=True)
    ]
