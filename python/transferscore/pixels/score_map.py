"""A score for each patch of the image plane."""

import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _threads
from transferscore._checks import Floats, LabelValues
from transferscore._scores import REGISTRY
from transferscore.pixels._results import PixelSample, ScoreMap
from transferscore.pixels.gather import Gathering
from transferscore.pixels.sample_pixels import Sampling, seeds

ScoreFunction = Callable[[Floats, NDArray[np.int64]], float]


def score_map(
    feature_maps: ArrayLike | Sequence[ArrayLike],
    label_maps: ArrayLike,
    *,
    score: str | ScoreFunction = "h_score_shrinkage",
    patch: int | tuple[int, int] = 32,
    stride: int | tuple[int, int] | None = None,
    n_pixels: int = 2000,
    where: str = "uniform",
    radius: float | None = None,
    connectivity: int | None = None,
    layout: str = "channels_first",
    interpolation: str = "nearest",
    ignore_index: LabelValues = None,
    random_state: "int | np.random.Generator | None" = None,
    n_threads: int | None = None,
) -> ScoreMap:
    """Where in the image a model transfers: a score for each patch, over all images.

    Tan, Li, Huang, "Transferability estimation for semantic segmentation task", 2021, show such
    maps. The samples of a patch are the pixels of all images that lie in it.

    Parameters
    ----------
    feature_maps : array-like, or sequence of arrays
        Feature maps of the target images: (N, C, h, w), as for `gather_pixel_features`. Every patch
        looks at them, so that an iterator, which can be passed through once only, does not serve.
    label_maps : array-like of shape (N, H, W)
        Their label maps, of one size.
    score : str or callable, default "h_score_shrinkage"
        Name of a score of features and labels (see `scores()`), or a function of features (n, C)
        and labels (n,).
    patch : int or pair of int, default 32
        Height and width of a patch in pixels.
    stride : int or pair of int, optional
        How far patches are apart; by default as far as they are large. The last ones end at the
        rim of the image.
    n_pixels : int, default 2000
        At most so many pixels of a patch, drawn without replacement.
    where : {"uniform", "boundary", "balanced", "balanced boundary"}, default "uniform"
        Where in a patch pixels are drawn, as for `sample_pixels`. Boundaries are those that can be
        seen inside the patch.
    radius : float, optional
        Radius for boundaries, 1 where it is not given.
    connectivity : int, optional
        In how many coordinates neighbours differ, for boundaries; 1 where it is not given.
    layout : {"channels_first", "channels_last"}, default "channels_first"
        Whether maps are (C, h, w) or (h, w, C).
    interpolation : {"nearest", "bilinear"}, default "nearest"
        How features are found between those of a coarser map.
    ignore_index : int or sequence of int, optional
        Labels whose pixels are left out.
    random_state : int or numpy.random.Generator, optional
        Seed.
    n_threads : int, optional
        Threads for this call. The result has the same bits for any number.

    Returns
    -------
    ScoreMap
        Scores (R, C) to plot, nan where a patch can't be scored, with the place of each patch.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described, or no patch can be scored.

    Warns
    -----
    UserWarning
        What scores say, each text once with the number of patches that it is about.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import score_map
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 2, (20, 8, 16))
    >>> maps = rng.normal(size=(20, 3, 8, 16))
    >>> maps[..., 8:] += 3 * labels[:, None, :, 8:]  # the right half knows the label
    >>> found = score_map(maps, labels, score="h_score", patch=8, random_state=0)
    >>> found.values.round(1), found.columns
    (array([[0. , 0.9]]), array([0, 8]))
    """
    threads = _threads.resolve(n_threads)
    sampling = Sampling.of(
        n_pixels,
        where=where,
        radius=radius,
        connectivity=connectivity,
        ndim=2,
        per_image=None,
        ignore_index=ignore_index,
        name="n_pixels",
    )
    labels, _ = _checks.label_map_stack(label_maps, 2)
    gathering = Gathering.of(layout, interpolation, 2)
    maps = _checks.maps_to_look_at_again(feature_maps, "feature_maps")
    name, compute = _score_function(score, threads)
    height, width = _checks.patch_size(patch, "patch", labels.shape[1:])
    steps = (height, width) if stride is None else _checks.pair(stride, "stride")
    rows = _starts(labels.shape[1], height, steps[0])
    columns = _starts(labels.shape[2], width, steps[1])
    values = np.full((len(rows), len(columns)), np.nan)
    n_scored, n_classes = (np.zeros(values.shape, np.int64) for _ in range(2))
    texts: Counter[str] = Counter()
    seed_of_patches = seeds(random_state, values.size)
    for (r, c), seed in zip(np.ndindex(*values.shape), seed_of_patches, strict=True):
        top, left = int(rows[r]), int(columns[c])
        window = labels[:, top : top + height, left : left + width]
        sample = sampling.draw_if_any(window, seed, threads)
        if sample is None:
            continue
        placed = _placed(sample, (top, left), labels.shape[1:])
        features = gathering.gather(maps, placed, threads)
        n_scored[r, c] = len(sample)
        n_classes[r, c] = len(np.unique(sample.labels))
        if n_classes[r, c] > 1:
            values[r, c] = _value(compute, features, sample.labels, texts)
    if np.isnan(values).all():
        raise _checks.no_patch_scored(values.size, next(iter(texts), "fewer than two classes"))
    for text, count in texts.items():
        warnings.warn(f"in {count} of {values.size} patches: {text}", UserWarning, stacklevel=2)
    return ScoreMap(values, n_scored, n_classes, rows, columns, (height, width), name)


def _score_function(score: str | ScoreFunction, n_threads: int) -> tuple[str, ScoreFunction]:
    if callable(score):
        return getattr(score, "__name__", type(score).__name__), score
    compute = REGISTRY[_checks.choice(score, "score", tuple(REGISTRY))].compute
    return score, lambda features, labels: compute(features, labels, n_threads=n_threads)


def _starts(size: int, patch: int, step: int) -> NDArray[np.int64]:
    """Where patches begin, so that the last one ends with the image."""
    starts = list(range(0, size - patch + 1, step))
    if starts[-1] + patch < size:
        starts.append(size - patch)
    return np.array(starts, np.int64)


def _placed(sample: PixelSample, corner: Sequence[int], shape: Sequence[int]) -> PixelSample:
    """Pixels of a window as pixels of the whole images."""
    return replace(
        sample,
        coordinates=sample.coordinates + np.array(corner, np.int64),
        shapes=np.tile(np.array(shape, np.int64), (sample.n_images, 1)),
    )


def _value(
    compute: ScoreFunction, features: Floats, labels: NDArray[np.int64], texts: Counter[str]
) -> float:
    """The score, nan where there is none; what was said about it is counted."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            value: Any = compute(features, labels)
        except (ValueError, OverflowError) as error:
            texts[str(error)] += 1
            return float("nan")
    texts.update({str(warning.message) for warning in caught})
    return float(value)
