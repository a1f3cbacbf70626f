"""Regions cut out of their grid: boundaries, distances between them, structural similarity."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferscore import _checks
from transferscore._checks import Grid, Mask

Box = tuple[slice, ...]
Values = NDArray[np.float64]

# Wang et al. 2004: an 11-tap Gaussian window of 1.5 pixels, K1 = 0.01, K2 = 0.03 for a range of 1.
RADIUS, SIGMA = 5, 1.5
C1, C2 = 0.01**2, 0.03**2
WINDOW = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / SIGMA) ** 2)
WINDOW /= WINDOW.sum()


@dataclass(frozen=True)
class Region:
    """A region inside its bounding box, with the pixels at its boundary."""

    box: Box
    mask: Mask
    boundary: Mask
    size: int

    def within(self, box: Box) -> Mask:
        """The region as it lies in a box that holds its own."""
        return _pasted(self.mask, self.box, box)

    def boundary_within(self, box: Box) -> Mask:
        """Its boundary in a box that holds its own."""
        return _pasted(self.boundary, self.box, box)


def cut_out(mask: Mask, space: Grid) -> Region:
    """The region of a mask that is not empty."""
    box = tuple(_extent(mask, axis) for axis in range(mask.ndim))
    edge = _boundary(mask, space.void, box)
    return Region(box, mask[box].copy(), edge, int(np.count_nonzero(mask)))


def _extent(mask: Mask, axis: int) -> slice:
    others = tuple(other for other in range(mask.ndim) if other != axis)
    found = np.flatnonzero(mask.any(axis=others))
    return slice(int(found[0]), int(found[-1]) + 1)


def _boundary(mask: Mask, void: Mask | None, box: Box) -> Mask:
    """Pixels with a face neighbour that is outside: of the region and not void, or of the map."""
    around = tuple(slice(max(s.start - 1, 0), s.stop + 1) for s in box)
    lacking = [  # one pixel on each side, where the map has ended
        (int(s.start == 0), int(s.stop == n)) for s, n in zip(box, mask.shape, strict=True)
    ]
    outside = ~mask[around] if void is None else ~(mask[around] | void[around])
    outside = np.pad(outside, lacking, constant_values=True)
    inner = (slice(1, -1),) * mask.ndim
    beside = np.zeros_like(outside[inner])
    for axis in range(mask.ndim):
        for step in (slice(0, -2), slice(2, None)):
            beside |= outside[(*inner[:axis], step, *inner[axis + 1 :])]
    return beside & mask[box]


def around_both(a: Region, b: Region, margin: int, shape: tuple[int, ...]) -> Box:
    """The smallest box with a margin around both, as far as the map goes."""
    return tuple(
        slice(max(min(s.start, t.start) - margin, 0), min(max(s.stop, t.stop) + margin, n))
        for s, t, n in zip(a.box, b.box, shape, strict=True)
    )


def _pasted(part: Mask, of: Box, box: Box) -> Mask:
    whole = np.zeros([s.stop - s.start for s in box], dtype=np.bool_)
    whole[_relative(of, box)] = part
    return whole


def _relative(box: Box, to: Box) -> Box:
    """Where a box lies within another."""
    return tuple(slice(s.start - t.start, s.stop - t.start) for s, t in zip(box, to, strict=True))


def intersection(a: Region, b: Region, within: Mask | None = None) -> int:
    """Pixels of both, and of a mask of the whole map."""
    box = tuple(
        slice(max(s.start, t.start), min(s.stop, t.stop)) for s, t in zip(a.box, b.box, strict=True)
    )
    if any(s.start >= s.stop for s in box):
        return 0
    both: Mask = a.mask[_relative(box, a.box)] & b.mask[_relative(box, b.box)]
    return int(np.count_nonzero(both if within is None else both & within[box]))


def inside(region: Region, within: Mask) -> int:
    """Pixels of a region in a mask of the whole map."""
    return int(np.count_nonzero(region.mask & within[region.box]))


def distances(
    a: Region, b: Region, shape: tuple[int, ...], spacing: tuple[float, ...]
) -> tuple[Values, Values] | None:
    """From each boundary pixel of a region the distance to the other's boundary, both ways."""
    if not (a.boundary.any() and b.boundary.any()):
        return None  # void all around
    to_nearest = _checks.from_extra("regions", "scipy.ndimage").distance_transform_edt
    box = around_both(a, b, 0, shape)
    edges = a.boundary_within(box), b.boundary_within(box)
    ab, ba = (to_nearest(~other, sampling=spacing)[own] for own, other in (edges, reversed(edges)))
    return ab, ba


def structural_similarity(a: Region, b: Region, space: Grid, organ: Mask | None) -> float:
    """Mean SSIM of two masks over the organ, or over the map."""
    # Where a window sees neither region, all statistics vanish and the similarity is exactly 1. Two
    # radii: a window that still sees a region, and what that window sees.
    box = around_both(a, b, 2 * RADIUS, space.shape)
    counted = _counted(space, organ, box)
    outside = _number(space, organ) - int(np.count_nonzero(counted))
    near = _similarities(a.within(box), b.within(box))[counted]
    return float((near.sum() + outside) / (near.size + outside))


def _counted(space: Grid, organ: Mask | None, box: Box) -> Any:
    if organ is not None:
        return organ[box]  # without void already
    if space.void is not None:
        return ~space.void[box]
    return np.ones([s.stop - s.start for s in box], dtype=np.bool_)


def _number(space: Grid, organ: Mask | None) -> int:
    counted = organ if organ is not None else space.void
    if counted is None:
        return int(np.prod(space.shape))
    number = int(np.count_nonzero(counted))
    return number if organ is not None else counted.size - number


def _similarities(a: Mask, b: Mask) -> Values:
    """SSIM at each pixel; a mask is its own square, so its mean gives its variance."""
    mean_a, mean_b, mean_ab = _smoothed(a), _smoothed(b), _smoothed(a & b)
    squares, product = mean_a**2 + mean_b**2, mean_a * mean_b
    variances = mean_a + mean_b - squares
    covariance = mean_ab - product
    result: Values = (2 * product + C1) * (2 * covariance + C2)
    result /= (squares + C1) * (variances + C2)
    return result


def _smoothed(mask: Mask) -> Values:
    """Gaussian means around each pixel, the map mirrored at its edges."""
    values = mask.astype(np.float64)
    for axis, n in enumerate(values.shape):
        pads = [(RADIUS, RADIUS) if other == axis else (0, 0) for other in range(values.ndim)]
        padded = np.pad(values, pads, mode="symmetric")
        values = np.zeros_like(values)
        for start, weight in enumerate(WINDOW):
            taken: list[Any] = [slice(None)] * values.ndim
            taken[axis] = slice(start, start + n)
            values += weight * padded[tuple(taken)]
    return values
