"""How regions lie to each other: what `region_relations` returns."""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from transferscore import _checks

Kind = Literal["equal", "subset", "superset", "complementary", "disjoint", "overlapping"]

SEEN_FROM_THE_OTHER: dict[Kind, Kind] = {"subset": "superset", "superset": "subset"}


@dataclass(frozen=True)
class BoundaryDistances:
    """Distances between the boundaries of two regions, in units of the spacing.

    d(p, B) is the Euclidean distance from the pixel p to the nearest pixel at the boundary of B.

    Attributes
    ----------
    mean : float
        Mean symmetric surface distance: the mean of d(p, B) over p at the boundary of A and of
        d(q, A) over q at the boundary of B, taken together.
    percentile_95 : float
        The larger of the 95th percentiles of d(p, B) and of d(q, A).
    hausdorff : float
        Hausdorff distance: the largest of all these distances.
    """

    mean: float
    percentile_95: float
    hausdorff: float


@dataclass(frozen=True)
class RegionRelation:
    """How region a lies to region b.

    Attributes
    ----------
    a, b : str or int
        Names of the regions, or their labels.
    kind : str
        "equal", "subset" (a lies in b), "superset" (b lies in a), "complementary", "disjoint" or
        "overlapping".
    size_a, size_b, intersection : float
        Areas or volumes, in units of the spacing; in pixels where no spacing was given.
    iou : float
        Intersection over union.
    a_in_b, b_in_a : float
        The share of a that lies in b, and of b that lies in a.
    coverage : float or None
        The share of the organ that both cover together; None without an organ.
    boundary : BoundaryDistances or None
        Distances between the boundaries; None where they weren't asked for, or where void pixels
        surround a region, which then has no boundary.
    structural_similarity : float or None
        Mean SSIM of the two masks; None where it wasn't asked for.
    """

    a: Hashable
    b: Hashable
    kind: Kind
    size_a: float
    size_b: float
    intersection: float
    iou: float
    a_in_b: float
    b_in_a: float
    coverage: float | None = None
    boundary: BoundaryDistances | None = None
    structural_similarity: float | None = None

    @property
    def overlap(self) -> float:
        """The share of the smaller region that lies in the other."""
        return max(self.a_in_b, self.b_in_a)

    def reversed(self) -> "RegionRelation":
        """The same seen from b: how b lies to a."""
        return replace(
            self,
            a=self.b,
            b=self.a,
            kind=SEEN_FROM_THE_OTHER.get(self.kind, self.kind),
            size_a=self.size_b,
            size_b=self.size_a,
            a_in_b=self.b_in_a,
            b_in_a=self.a_in_b,
        )

    def to_dict(self) -> dict[str, Any]:
        """All numbers under their names; those of the boundary too, None where there are none."""
        row = asdict(self)
        boundary = row.pop("boundary") or {}
        names = ("mean", "percentile_95", "hausdorff")
        return row | {f"boundary_{name}": boundary.get(name) for name in names}


class RegionRelations:
    """The relations of all pairs of regions, each asked for as `relations[a, b]`.

    Of one set of regions each pair can be asked for in both directions; of two maps `a` is a region
    of the first and `b` one of the second. Iterating gives every pair once, as a `RegionRelation`;
    `len` says how many there are. Printed, it is a table. `a | b` holds the pairs of two sets of
    regions, such as those of two cohorts; nothing is known of pairs across them.

    Attributes
    ----------
    names_a, names_b : tuple
        Names of the regions of the first and of the second map; the same for one set.
    """

    def __init__(
        self,
        relations: Iterable[RegionRelation],
        names_a: Iterable[Hashable],
        names_b: Iterable[Hashable] | None = None,
    ) -> None:
        self._pairs = {(relation.a, relation.b): relation for relation in relations}
        self._is_one_set = names_b is None
        self.names_a = tuple(names_a)
        self.names_b = self.names_a if names_b is None else tuple(names_b)

    def __len__(self) -> int:
        return len(self._pairs)

    def __iter__(self) -> Iterator[RegionRelation]:
        return iter(self._pairs.values())

    def __contains__(self, pair: object) -> bool:
        return pair in self._pairs or (self._is_one_set and _turned(pair) in self._pairs)

    def __getitem__(self, pair: tuple[Hashable, Hashable]) -> RegionRelation:
        if pair in self._pairs:
            return self._pairs[pair]
        if pair not in self:
            raise _checks.no_such_pair(pair, self.names_a, self.names_b)
        return self._pairs[pair[1], pair[0]].reversed()

    def __or__(self, other: "RegionRelations") -> "RegionRelations":
        if not isinstance(other, RegionRelations):
            return NotImplemented
        _checks.sets_apart(self.names_a, other.names_a, self._is_one_set and other._is_one_set)
        return RegionRelations([*self, *other], self.names_a + other.names_a)

    def __repr__(self) -> str:
        return f"RegionRelations({len(self)} pairs)"

    def __str__(self) -> str:
        rows = [HEADER, *(_row(relation) for relation in self)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        return "\n".join(lines)


def _turned(pair: object) -> object:
    return (pair[1], pair[0]) if isinstance(pair, tuple) and len(pair) == 2 else None


HEADER = ("a", "kind", "b", "IoU", "a in b", "b in a", "coverage", "distance", "SSIM")


def _row(relation: RegionRelation) -> tuple[str, ...]:
    distance = None if relation.boundary is None else relation.boundary.mean
    shares = (relation.iou, relation.a_in_b, relation.b_in_a, relation.coverage)
    numbers = (
        *(_text(share, "{:.3f}") for share in shares),
        _text(distance, "{:.3g}"),
        _text(relation.structural_similarity, "{:.3f}"),
    )
    return (str(relation.a), relation.kind, str(relation.b), *numbers)


def _text(number: float | None, form: str) -> str:
    return "-" if number is None else form.format(number)
