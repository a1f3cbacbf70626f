"""The geometry of label regions: which holds which, which complete each other, how far apart."""

from collections.abc import Hashable, Iterable, Sequence
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from transferscore import _checks
from transferscore._checks import Grid, IgnoreIndex, Mask, Regions, Thresholds
from transferscore.pixels import _geometry
from transferscore.pixels._geometry import Region
from transferscore.pixels.relations import BoundaryDistances, Kind, RegionRelation, RegionRelations


def region_relations(
    label_map_a: Regions,
    label_map_b: Regions | None = None,
    *,
    organ: ArrayLike | None = None,
    spacing: float | Sequence[float] = 1.0,
    ignore_index: IgnoreIndex = None,
    background: int = 0,
    min_containment: float = 0.95,
    max_overlap: float = 0.05,
    min_coverage: float = 0.75,
    distances: bool = True,
    similarity: bool = True,
) -> RegionRelations:
    r"""How label regions lie to each other: sizes, containment, distance, similarity, and the kind.

    The geometry by which sources for a segmentation task are chosen: Li, Tan, Yang, Li, Zhang,
    "Finding the most transferable tasks for brain image segmentation", BIBM 2022. Similarity: Wang,
    Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural
    similarity", IEEE Transactions on Image Processing 13, 2004.

    .. math::

        \text{IoU} = \frac{|A \cap B|}{|A \cup B|}, \quad
        \text{a in b} = \frac{|A \cap B|}{|A|}, \quad
        \text{coverage} = \frac{|(A \cup B) \cap O|}{|O|}

        \text{SSIM} = \frac{(2 \mu_A \mu_B + C_1)(2 \sigma_{AB} + C_2)}
            {(\mu_A^2 + \mu_B^2 + C_1)(\sigma_A^2 + \sigma_B^2 + C_2)}

    The first of these that holds is the kind of a pair, so that every pair has exactly one:

    - "equal": each lies in the other, to at least `min_containment`;
    - "subset", "superset": A lies in B, B in A, to at least `min_containment`;
    - "complementary": no more than `max_overlap` of the smaller lies in the other, and together
      they cover at least `min_coverage` of the organ; only where an organ is given;
    - "disjoint": no more than `max_overlap` of the smaller lies in the other;
    - "overlapping".

    Parameters
    ----------
    label_map_a : array-like of shape (h, w) or (d, h, w), or mapping of these
        A label map, of which each label but `background` is a region; or masks of booleans or of 0
        and 1 by the names of their regions, which may overlap.
    label_map_b : array-like of the same shape, or mapping of these, optional
        Regions to compare those of `label_map_a` with. Default: all pairs within `label_map_a`.
    organ : array-like of the same shape, optional
        Mask of the organ, which `coverage` refers to and over which the SSIM is averaged.
    spacing : float or sequence of floats, default 1.0
        Size of a pixel along each axis, for areas, volumes and distances.
    ignore_index : int or sequence of ints, optional
        Labels of void pixels; in masks neither 0 nor 1. A pixel that is void in any map counts
        nowhere, and makes no boundary.
    background : int, default 0
        The label in label maps that is no region.
    min_containment : float, default 0.95
        The share of a region from which it lies in another. The thresholds of the paper aren't
        known; these are ours.
    max_overlap : float, default 0.05
        The share of the smaller region up to which two exclude each other; below `min_containment`.
    min_coverage : float, default 0.75
        The share of the organ from which two that exclude each other are complementary.
    distances : bool, default True
        Compute distances between boundaries. Needs SciPy: pip install 'transferscore[regions]'.
    similarity : bool, default True
        Compute the SSIM.

    Returns
    -------
    RegionRelations
        A `RegionRelation` for each pair: `relations[a, b]`, or one after the other by iterating.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described: label maps of floats, of other shapes, without a
        region or all void, an empty mask. The text names the argument, what it must be and what
        it was.
    ModuleNotFoundError
        Where SciPy is missing and `distances` are asked for.

    Notes
    -----
    Boundary. A pixel of a region is at its boundary where one of its face neighbours (4 in 2-D, 6
    in 3-D) is outside the region and not void; outside the map is outside the region. Distances
    are between the centres of such pixels, as in other tools for surface distances.

    SSIM. Means and variances under the paper's Gaussian window (11 pixels along each axis, standard
    deviation 1.5 pixels, whatever the spacing), C1 = 0.01^2, C2 = 0.03^2, the map mirrored at its
    edges; the mean is over the organ, or all pixels, without void ones. Where a window sees neither
    region it is 1, so without an organ it says little about small regions in large maps.

    Time and memory beyond the maps grow with the bounding boxes of the regions.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import region_relations
    >>> tissue = np.zeros((48, 48), dtype=int)
    >>> tissue[12:36, 12:36] = 1  # oedema
    >>> tissue[14:34, 14:34] = 2  # enhancing rim
    >>> tissue[20:28, 20:28] = 3  # necrosis
    >>> tumour = {"whole": tissue > 0, "core": tissue > 1, "necrosis": tissue == 3}
    >>> relations = region_relations(tumour, spacing=(0.5, 0.5))
    >>> print(relations)
    a      kind      b         IoU    a in b  b in a  coverage  distance  SSIM
    whole  superset  core      0.694  0.694   1.000   -         1.02      0.621
    whole  superset  necrosis  0.111  0.111   1.000   -         4.32      0.542
    core   superset  necrosis  0.160  0.160   1.000   -         3.21      0.649
    >>> relations["necrosis", "core"].kind
    'subset'
    >>> relations["core", "whole"].size_a, relations["core", "whole"].boundary.hausdorff
    (100.0, 1.4142135623730951)
    """
    kinds = _checks.region_thresholds(min_containment, max_overlap, min_coverage)
    sides = {"label_map_a": _checks.regions_of_side(label_map_a, "label_map_a")}
    if label_map_b is not None:
        sides["label_map_b"] = _checks.regions_of_side(label_map_b, "label_map_b")
    space = _checks.shared_grid(sides, ignore_index)
    pixel = _checks.pixel_spacing(spacing, len(space.shape))
    organ_mask = _checks.organ_mask(organ, space, "label_map_a")
    regions = [
        {region: _geometry.cut_out(mask, space) for region, mask in found}
        for found in (
            _checks.region_masks(maps, name, space, background) for name, maps in sides.items()
        )
    ]
    measure = _Measure(space, pixel, organ_mask, kinds, distances, similarity)
    first, last = regions[0], regions[-1]
    if len(regions) == 2:
        return RegionRelations(measure.all(product(first.items(), last.items())), first, last)
    if len(first) == 1:
        raise _checks.at_least_two_regions("label_map_a", next(iter(first)))
    return RegionRelations(measure.all(combinations(first.items(), 2)), first)


Named = tuple[Hashable, Region]


class _Measure(NamedTuple):
    """What is asked about pairs of regions on one grid."""

    space: Grid
    spacing: tuple[float, ...]
    organ: Mask | None
    thresholds: Thresholds
    distances: bool
    similarity: bool

    def all(self, pairs: Iterable[tuple[Named, Named]]) -> list[RegionRelation]:
        return [self.relation(a, b) for a, b in pairs]

    def relation(self, named_a: Named, named_b: Named) -> RegionRelation:
        (name_a, a), (name_b, b) = named_a, named_b
        both = _geometry.intersection(a, b)
        shares = both / a.size, both / b.size
        coverage = None if self.organ is None else _coverage(a, b, self.organ)
        pixel = float(np.prod(self.spacing))
        return RegionRelation(
            a=name_a,
            b=name_b,
            kind=classify(*shares, coverage, self.thresholds),
            size_a=a.size * pixel,
            size_b=b.size * pixel,
            intersection=both * pixel,
            iou=both / (a.size + b.size - both),
            a_in_b=shares[0],
            b_in_a=shares[1],
            coverage=coverage,
            boundary=self.boundary(a, b) if self.distances else None,
            structural_similarity=(
                _geometry.structural_similarity(a, b, self.space, self.organ)
                if self.similarity
                else None
            ),
        )

    def boundary(self, a: Region, b: Region) -> BoundaryDistances | None:
        found = _geometry.distances(a, b, self.space.shape, self.spacing)
        if found is None:
            return None
        return BoundaryDistances(
            mean=float(np.concatenate(found).mean()),
            percentile_95=max(float(np.percentile(one_way, 95)) for one_way in found),
            hausdorff=max(float(one_way.max()) for one_way in found),
        )


def _coverage(a: Region, b: Region, organ: Mask) -> float:
    in_either = _geometry.inside(a, organ) + _geometry.inside(b, organ)
    in_both = _geometry.intersection(a, b, organ)
    return (in_either - in_both) / int(np.count_nonzero(organ))


def classify(a_in_b: float, b_in_a: float, coverage: float | None, given: Thresholds) -> Kind:
    """The kind of a pair from its shares."""
    contained = a_in_b >= given.min_containment, b_in_a >= given.min_containment
    if any(contained):
        return "equal" if all(contained) else "subset" if contained[0] else "superset"
    if max(a_in_b, b_in_a) > given.max_overlap:
        return "overlapping"
    is_complete = coverage is not None and coverage >= given.min_coverage
    return "complementary" if is_complete else "disjoint"
