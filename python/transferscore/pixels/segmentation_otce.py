"""OTCE between segmentation tasks, from pixels near label boundaries."""

import warnings
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _threads
from transferscore._checks import LabelValues
from transferscore._results import OTCEResult, OTCESpread
from transferscore.pixels._results import PixelSample, SegmentationOTCEResult
from transferscore.pixels._sides import Draws
from transferscore.pixels.gather import Gathering
from transferscore.pixels.sample_pixels import Sampling, seeds, warn_of_fewer
from transferscore.transport import otce_many

Maps = ArrayLike | Iterable[ArrayLike]


def segmentation_otce(
    *,
    source_features: Maps,
    source_label_maps: Maps,
    target_features: Maps,
    target_label_maps: Maps,
    n_pixels: int = 10_000,
    repeats: int = 10,
    where: str = "boundary",
    radius: float | None = None,
    connectivity: int | None = None,
    ndim: int = 2,
    per_image: int | None = None,
    layout: str = "channels_first",
    interpolation: str = "nearest",
    ignore_index: LabelValues = None,
    random_state: "int | np.random.Generator | None" = None,
    method: str = "sinkhorn",
    epsilon: float | None = None,
    relative_epsilon: float | None = None,
    tol: float = 1e-3,
    max_iter: int = 1000,
    memory_budget: int | None = None,
    n_threads: int | None = None,
) -> SegmentationOTCEResult:
    r"""OTCE of segmentation: every pixel is a sample, and pixels near boundaries stand for all.

    Tan, Li, Huang, "Transferability estimation for semantic segmentation task", 2021, arXiv
    2109.15242. N pixels of each side are drawn without replacement, K times:

    .. math::

        \text{score} = - \frac1K \sum_{k=1}^K H(Y_t \mid Y_s) \text{ under the plan between draws k}

    with the plan and the conditional entropy of `otce`. Higher is better, at most 0, in nats.

    Parameters
    ----------
    source_features : array-like, or iterable of arrays
        Feature maps of the source images, from the source network: (N, C, h, w), as for
        `gather_pixel_features`. The paper takes the outputs of the last layer.
    source_label_maps : array-like, or iterable of arrays
        Their label maps (N, H, W), as for `sample_pixels`.
    target_features : array-like, or iterable of arrays
        Feature maps of the target images, from the same network.
    target_label_maps : array-like, or iterable of arrays
        Their label maps.
    n_pixels : int, default 10000
        Pixels of each side in a draw.
    repeats : int, default 10
        Draws.
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
        Whether feature maps are (C, h, w) or (h, w, C).
    interpolation : {"nearest", "bilinear", "trilinear"}, default "nearest"
        How features are found between those of a coarser map.
    ignore_index : int or sequence of int, optional
        Labels of either side whose pixels are left out before anything is counted.
    random_state : int or numpy.random.Generator, optional
        Seed.
    method : {"sinkhorn", "exact"}, default "sinkhorn"
        As for `otce`.
    epsilon : float, optional
        As for `otce`: regularisation in units of cost; the paper has 0.1.
    relative_epsilon : float, optional
        As for `otce`: regularisation as a share of the median cost, 0.02 where neither is given.
    tol : float, default 1e-3
        As for `otce`: largest marginal error.
    max_iter : int, default 1000
        As for `otce`.
    memory_budget : int, optional
        As for `otce`: bytes for matrices of n_pixels x n_pixels.
    n_threads : int, optional
        Threads for this call. The result has the same bits for any number.

    Returns
    -------
    SegmentationOTCEResult
        Score, differences and their spread over the draws, the label table averaged over them, and
        how often each class was absent.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described, or there are no pixels to choose from.

    Warns
    -----
    UserWarning
        Where a side has fewer pixels than n_pixels. Where both sides give all pixels they have,
        all draws are the same, and one is scored.
    ConvergenceWarning
        Where `max_iter` iterations did not reach `tol`.

    Notes
    -----
    Memory beyond the maps, in bytes, with d features of 4 or 8 bytes: those features times 2 N K,
    and what `otce` takes for N x N.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import segmentation_otce
    >>> rng = np.random.default_rng(0)
    >>> labels = np.kron(rng.integers(0, 3, (4, 5, 5)), np.ones((1, 4, 4), int))
    >>> features = np.eye(3)[labels].transpose(0, 3, 1, 2)  # (4, 3, 20, 20)
    >>> features = features + 0.3 * rng.normal(size=features.shape)
    >>> result = segmentation_otce(
    ...     source_features=features[:2],
    ...     source_label_maps=labels[:2],
    ...     target_features=features[2:],
    ...     target_label_maps=labels[2:],
    ...     n_pixels=100,
    ...     random_state=0,
    ... )
    >>> bool(-0.8 < result.score < -0.4)
    True
    >>> result.spread.task_differences.shape, result.joint.shape
    ((10,), (3, 3))
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
    drawn = seeds(random_state, 2 * repeats)
    maps = {"source": source_label_maps, "target": target_label_maps}
    sides = {}
    for name, of_side in (("source", drawn[:repeats]), ("target", drawn[repeats:])):
        with _checks.under_names({"label_maps": f"{name}_label_maps"}):
            sides[name] = Draws(sampling.draw(maps[name], of_side, threads))
        if (sample := sides[name].samples[0]).is_reduced:
            warn_of_fewer(sample, stacklevel=3, name=f"{name}_label_maps")
    if repeats > 1 and all(side.are_all_the_same for side in sides.values()):
        _warn_of_one_draw(repeats)
        sides = {name: side.first() for name, side in sides.items()}
    features = {
        name: sides[name].features(
            values, Gathering.of(layout, interpolation, sampling.ndim, f"{name}_features"), threads
        )
        for name, values in (("source", source_features), ("target", target_features))
    }
    results = otce_many(
        [
            {
                "source_features": x,
                "source_labels": source.labels,
                "target_features": z,
                "target_labels": target.labels,
            }
            for x, source, z, target in zip(
                features["source"],
                sides["source"].samples,
                features["target"],
                sides["target"].samples,
                strict=True,
            )
        ],
        method=method,
        epsilon=epsilon,
        relative_epsilon=relative_epsilon,
        alike=True,
        tol=tol,
        max_iter=max_iter,
        memory_budget=memory_budget,
        n_threads=threads,
    )
    return _mean(results, sides["source"].samples, sides["target"].samples)


def _warn_of_one_draw(repeats: int) -> None:
    warnings.warn(
        f"both sides give all pixels they have, so that {repeats} draws would be the same: one is "
        "scored",
        UserWarning,
        stacklevel=3,
    )


def _mean(
    results: Sequence[OTCEResult], source: Sequence[PixelSample], target: Sequence[PixelSample]
) -> SegmentationOTCEResult:
    """Means over draws; tables have the classes of all pixels there were."""
    domain = np.array([result.domain_difference for result in results])
    task = np.array([result.task_difference for result in results])
    rows, columns = source[0].classes, target[0].classes
    joint = np.zeros((len(rows), len(columns)))
    for result in results:
        at = np.ix_(
            np.searchsorted(rows, result.source_classes),
            np.searchsorted(columns, result.target_classes),
        )
        joint[at] += result.joint / len(results)
    return SegmentationOTCEResult(
        domain_difference=float(domain.mean()),
        task_difference=float(task.mean()),
        joint=joint,
        source_classes=rows,
        target_classes=columns,
        source_absent=_absences(source),
        target_absent=_absences(target),
        spread=OTCESpread.of(domain, task),
        source_pixels=tuple(source),
        target_pixels=tuple(target),
    )


def _absences(samples: Sequence[PixelSample]) -> NDArray[np.int64]:
    """In how many samples each class is absent."""
    classes = samples[0].classes
    absences: NDArray[np.int64] = np.zeros(len(classes), np.int64)
    for sample in samples:
        absences += np.isin(classes, sample.absent)
    return absences
