"""Scores of one model on sampled pixels."""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from transferscore import _checks, _threads
from transferscore._checks import LabelValues
from transferscore._score_all import score_all
from transferscore.pixels._results import PixelScores
from transferscore.pixels._sides import Draws
from transferscore.pixels.gather import Gathering
from transferscore.pixels.sample_pixels import Sampling, seeds, warn_of_fewer

Maps = ArrayLike | Iterable[ArrayLike]


def score_pixels(
    feature_maps: Maps,
    label_maps: Maps,
    *,
    source_probability_maps: Maps | None = None,
    scores: Sequence[str] | Literal["all"] | None = None,
    n_pixels: int = 10_000,
    repeats: int = 1,
    where: str = "boundary",
    radius: float | None = None,
    connectivity: int | None = None,
    ndim: int = 2,
    per_image: int | None = None,
    layout: str = "channels_first",
    interpolation: str = "nearest",
    ignore_index: LabelValues = None,
    random_state: "int | np.random.Generator | None" = None,
    n_threads: int | None = None,
) -> PixelScores:
    """Many scores of one model for dense prediction, all on the same sampled pixels.

    Every pixel is a sample with the label of its own. `score_all` computes the scores of each draw:
    H-score, LogME, TransRate and others, and with `source_probability_maps` LEEP and NCE. The
    functions of the same names describe them; `segmentation_otce` needs two domains.

    Parameters
    ----------
    feature_maps : array-like, or iterable of arrays
        Feature maps of the target images: (N, C, h, w), as for `gather_pixel_features`.
    label_maps : array-like, or iterable of arrays
        Their label maps (N, H, W), as for `sample_pixels`.
    source_probability_maps : array-like, or iterable of arrays, optional
        Probabilities of the source model (N, C_s, h', w'), of any whole scale. Between the
        positions of a coarser map the nearest ones count, whatever `interpolation` is.
    scores : sequence of str or "all", optional
        Which scores, as for `score_all`.
    n_pixels : int, default 10000
        Pixels in a draw.
    repeats : int, default 1
        Draws; values are means over them.
    where : {"boundary", "uniform", "balanced", "balanced boundary"}, default "boundary"
        Where pixels are drawn, as for `sample_pixels`.
    radius : float, optional
        Radius for boundaries, 1 where it is not given.
    connectivity : int, optional
        In how many coordinates neighbours differ, for boundaries; 1 where it is not given.
    ndim : 2 or 3, default 2
        Dimensions of a label map.
    per_image : int, optional
        At most so many pixels of each image.
    layout : {"channels_first", "channels_last"}, default "channels_first"
        Whether maps are (C, h, w) or (h, w, C).
    interpolation : {"nearest", "bilinear", "trilinear"}, default "nearest"
        How features are found between those of a coarser map.
    ignore_index : int or sequence of int, optional
        Labels whose pixels are left out before anything is counted.
    random_state : int or numpy.random.Generator, optional
        Seed.
    n_threads : int, optional
        Threads for this call. The result has the same bits for any number.

    Returns
    -------
    PixelScores
        Scores by name, with their spread over the draws and the pixels that were drawn.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described, there are no pixels to choose from, or a draw has one
        class only.

    Warns
    -----
    UserWarning
        Where there are fewer pixels than n_pixels, where a score says so, and for each score that
        can't be computed: it is left out.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import score_pixels
    >>> rng = np.random.default_rng(0)
    >>> labels = np.kron(rng.integers(0, 3, (4, 5, 5)), np.ones((1, 4, 4), int))
    >>> maps = np.eye(3)[labels].transpose(0, 3, 1, 2) + 0.5 * rng.normal(size=(4, 3, 20, 20))
    >>> found = score_pixels(maps, labels, n_pixels=300, scores=["logme", "knn"], random_state=0)
    >>> sorted(found.values)
    ['knn', 'logme']
    >>> bool(0.6 < found.values["knn"] <= 1)
    True
    """
    threads = _threads.resolve(n_threads)
    sampling = Sampling.of(
        n_pixels,
        where=where,
        radius=radius,
        connectivity=connectivity,
        ndim=ndim,
        per_image=per_image,
        ignore_index=ignore_index,
        name="n_pixels",
    )
    repeats = _checks.count(repeats, "repeats")
    draws = Draws(sampling.draw(label_maps, seeds(random_state, repeats), threads))
    if draws.samples[0].is_reduced:
        warn_of_fewer(draws.samples[0], stacklevel=3)
    if draws.are_all_the_same:
        draws = draws.first()
    features = draws.features(
        feature_maps, Gathering.of(layout, interpolation, sampling.ndim), threads
    )
    probabilities = [None] * len(draws.samples)
    if source_probability_maps is not None:
        how = Gathering.of(layout, "nearest", sampling.ndim, "source_probability_maps")
        probabilities = draws.features(source_probability_maps, how, threads)  # type: ignore[assignment]
    found = [
        score_all(x, sample.labels, source_probabilities=theta, scores=scores, n_threads=threads)
        for x, theta, sample in zip(features, probabilities, draws.samples, strict=True)
    ]
    in_all = [name for name in found[0] if all(name in values for values in found)]
    return PixelScores.of(
        {name: np.array([values[name] for values in found]) for name in in_all}, draws.samples
    )
