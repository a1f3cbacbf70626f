"""Pixel H-scores of several sources side by side."""

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from transferscore import _checks, _memory, _threads
from transferscore._checks import Layout, Shrinkage
from transferscore._results import PixelHScoreResult
from transferscore.pixels.pixel_h_score import scored

if TYPE_CHECKING:
    from numpy.random import Generator


def higher_order_h_score(
    sources: Mapping[str, ArrayLike],
    target_images: ArrayLike,
    *,
    order: int = 2,
    n_colours: int = 16,
    superpixel: int = 1,
    layout: Layout = None,
    shrinkage: Shrinkage = None,
    adjust_for_chance: bool = False,
    random_state: "int | Generator | None" = 0,
    memory_budget: int | None = None,
    n_threads: int | None = None,
) -> dict[tuple[str, ...], PixelHScoreResult]:
    r"""Pixel H-scores of every source and of every few of them together.

    Second-order transfer (Zamir et al., CVPR 2018) learns a target from two sources at once; its
    H-score (Bao et al., ICIP 2019) is that of their features side by side, [f_a, f_b]. Higher is
    better. Without shrinkage and adjustment a source never lowers the score of those it is added
    to.

    Every source is summed once, and every two of them multiplied once:

    .. math::

        \operatorname{cov}([f_a, f_b]) = \begin{pmatrix}
            \operatorname{cov}(f_a) & \operatorname{cov}(f_a, f_b) \\
            \operatorname{cov}(f_b, f_a) & \operatorname{cov}(f_b) \end{pmatrix}

    Class sums are those of the sources, and the colours of a pixel are found once for all.

    Parameters
    ----------
    sources : mapping of str to array-like of shape (n, d_s)
        Features of each source for the same images, by name. If some are float32 and others are
        float64, all are read as float64.
    target_images : array-like of shape (n, H, W), (n, H, W, C) or (n, C, H, W)
        As for `pixel_h_score`.
    order : int, default 2
        How many sources stand side by side at most: 1 is each alone, 2 adds all pairs.
    n_colours : int, default 16
        The most colours of a pixel.
    superpixel : int, default 1
        Side of squares of pixels that are quantised together; it divides H and W.
    layout : None, "hwc" or "chw", optional
        Where the channels of images with four axes stand.
    shrinkage : None, "ledoit-wolf" or float in [0, 1], optional
        As for `h_score`; of each combination by itself.
    adjust_for_chance : bool, default False
        As for `h_score`. It matters here: two sources have more features than one.
    random_state : int, numpy.random.Generator or None, default 0
        Seed of the k-means that clusters vectors.
    memory_budget : int, optional
        Bytes for the factors of combinations that are scored together; default: a quarter of the
        memory that this process may use. With less, class sums and colours are made again for each
        group of combinations. One factor is always held.
    n_threads : int, optional
        Threads for this call. The result has the same bits for any number.

    Returns
    -------
    dict of tuples of str to PixelHScoreResult
        The result of each source under (name,), of each pair under (name, other name) in the order
        of `sources`, and so on.

    Raises
    ------
    ValueError, TypeError
        As `pixel_h_score`.

    Warns
    -----
    UserWarning
        As `pixel_h_score`, where a combination has as many features as there are images.

    Notes
    -----
    A result equals `pixel_h_score` of the features side by side to 1e-10.

    Memory beyond the inputs and that of `pixel_h_score`, in bytes: 8 sum d_s^2 for the sources, 8
    d^2 for each combination of d features that is held, and as much again for the one that is being
    made and for the products of its pairs. Class sums of all sources share the 64 Mi.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import higher_order_h_score
    >>> rng = np.random.default_rng(0)
    >>> edges, depth, noise = rng.normal(size=(3, 500, 4))
    >>> target = (edges + depth).reshape(500, 2, 2)
    >>> results = higher_order_h_score(
    ...     {"edges": edges, "depth": depth, "noise": noise}, target, n_colours=4
    ... )
    >>> {" + ".join(names): round(result.score, 1) for names, result in results.items()}
    {'edges': 0.5, 'depth': 0.5, 'noise': 0.0,
     'edges + depth': 0.9, 'edges + noise': 0.5, 'depth + noise': 0.5}
    """
    n_threads = _threads.resolve(n_threads)
    images, side = _checks.images(target_images, layout, superpixel)
    features = _checks.feature_sources(sources, len(images), n_threads)
    most = _checks.order(order, len(features))
    of = [c for size in range(1, most + 1) for c in combinations(range(len(features)), size)]
    results = scored(
        list(features.values()),
        of,
        images,
        n_colours=n_colours,
        superpixel=side,
        shrinkage=shrinkage,
        adjust_for_chance=adjust_for_chance,
        random_state=random_state,
        budget=_memory.budget(memory_budget),
        n_threads=n_threads,
        name="sources",
    )
    names = list(features)
    return {tuple(names[s] for s in c): result for c, result in zip(of, results, strict=True)}
