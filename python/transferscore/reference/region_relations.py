"""The definitions of how two regions lie to each other."""

from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]  # (k, axes)


class Relation(NamedTuple):
    """Numbers of a pair of regions, under the names of the package."""

    kind: str
    size_a: float
    size_b: float
    intersection: float
    iou: float
    a_in_b: float
    b_in_a: float
    coverage: float | None
    boundary: tuple[float, float, float] | None  # mean, 95th percentile, Hausdorff
    structural_similarity: float


def region_relation(
    a: ArrayLike,
    b: ArrayLike,
    *,
    organ: ArrayLike | None = None,
    spacing: ArrayLike = 1.0,
    void: ArrayLike | None = None,
    min_containment: float = 0.95,
    max_overlap: float = 0.05,
    min_coverage: float = 0.75,
) -> Relation:
    """How region a lies to region b: sets of pixels, all pairs of boundary pixels, every window.

    Parameters
    ----------
    a : array-like of bool
        Mask of a.
    b : array-like of bool
        Mask of b.
    organ : array-like of bool, optional
        Mask of the organ.
    spacing : float or array-like of floats, default 1.0
        Size of a pixel along each axis.
    void : array-like of bool, optional
        Pixels that count nowhere.
    min_containment : float, default 0.95
        The share from which a region lies in another.
    max_overlap : float, default 0.05
        The share up to which regions exclude each other.
    min_coverage : float, default 0.75
        The share of the organ from which both are complementary.

    Returns
    -------
    Relation
        The numbers and the kind.

    Examples
    --------
    >>> from transferscore.reference import region_relation
    >>> region_relation([[1, 1, 1, 1]], [[0, 1, 1, 0]]).boundary[2]
    1.0
    """
    mask_a, mask_b = np.asarray(a, dtype=bool), np.asarray(b, dtype=bool)
    nothing = np.zeros(mask_a.shape, dtype=bool)
    ignored = nothing if void is None else np.asarray(void, dtype=bool)
    step = np.broadcast_to(np.asarray(spacing, dtype=np.float64), mask_a.ndim)
    A, B, V = _pixels(mask_a & ~ignored), _pixels(mask_b & ~ignored), _pixels(ignored)
    O = None if organ is None else _pixels(np.asarray(organ, dtype=bool)) - V  # noqa: E741
    pixel = float(np.prod(step))
    a_in_b, b_in_a = len(A & B) / len(A), len(A & B) / len(B)
    coverage = None if O is None else len((A | B) & O) / len(O)

    if a_in_b >= min_containment and b_in_a >= min_containment:
        kind = "equal"
    elif a_in_b >= min_containment:
        kind = "subset"
    elif b_in_a >= min_containment:
        kind = "superset"
    elif len(A & B) / min(len(A), len(B)) > max_overlap:
        kind = "overlapping"
    else:
        kind = "disjoint" if coverage is None or coverage < min_coverage else "complementary"

    counted = _pixels(~nothing) - V if O is None else O
    return Relation(
        kind,
        len(A) * pixel,
        len(B) * pixel,
        len(A & B) * pixel,
        len(A & B) / len(A | B),
        a_in_b,
        b_in_a,
        coverage,
        boundary_distances(A, B, V, step),
        float(np.mean([similarity(mask_a & ~ignored, mask_b & ~ignored, p) for p in counted])),
    )


def boundary_distances(A: Any, B: Any, V: Any, step: Points) -> tuple[float, float, float] | None:
    """Mean, 95th percentile and Hausdorff distance over all pairs of boundary pixels."""
    edges = [np.array(sorted(boundary(region, V)), dtype=np.float64) for region in (A, B)]
    if not all(len(edge) for edge in edges):
        return None
    x, z = (edge * step for edge in edges)
    pairs = np.sqrt(((x[:, np.newaxis] - z) ** 2).sum(axis=2))
    ab, ba = pairs.min(axis=1), pairs.min(axis=0)
    mean = (ab.sum() + ba.sum()) / (len(ab) + len(ba))
    percentile = max(np.percentile(ab, 95), np.percentile(ba, 95))
    return float(mean), float(percentile), float(max(ab.max(), ba.max()))


def boundary(region: Any, V: Any) -> set[tuple[int, ...]]:
    """Pixels with a face neighbour that is neither in the region nor void."""
    return {p for p in region if any(q not in region and q not in V for q in _neighbours(p))}


def similarity(a: NDArray[np.bool_], b: NDArray[np.bool_], centre: tuple[int, ...]) -> float:
    """SSIM of Wang et al. 2004 in the window around one pixel, for values of 0 and 1."""
    steps = np.arange(-5, 6)
    weight = np.exp(-(steps**2) / (2 * 1.5**2))
    weight = weight / weight.sum()
    windows = [mirrored(i + steps, n) for i, n in zip(centre, a.shape, strict=True)]
    w = np.ones(())
    for _ in centre:
        w = np.multiply.outer(w, weight)
    x, z = (region[np.ix_(*windows)].astype(np.float64) for region in (a, b))
    mx, mz = (w * x).sum(), (w * z).sum()
    vx, vz = (w * (x - mx) ** 2).sum(), (w * (z - mz) ** 2).sum()
    covariance = (w * (x - mx) * (z - mz)).sum()
    c1, c2 = 0.01**2, 0.03**2
    above = (2 * mx * mz + c1) * (2 * covariance + c2)
    return float(above / ((mx**2 + mz**2 + c1) * (vx + vz + c2)))


def mirrored(index: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Positions beyond the edges, as in a b c | c b a | a b c."""
    position = index % (2 * n)
    result: NDArray[np.int64] = np.where(position < n, position, 2 * n - 1 - position)
    return result


def _pixels(mask: NDArray[np.bool_]) -> set[tuple[int, ...]]:
    return {tuple(p) for p in np.argwhere(mask).tolist()}


def _neighbours(p: tuple[int, ...]) -> list[tuple[int, ...]]:
    moves = product(range(len(p)), (-1, 1))
    return [(*p[:axis], p[axis] + step, *p[axis + 1 :]) for axis, step in moves]
