"""Which sources are worth scoring for a segmentation task: rules that keep, drop and explain."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from transferscore import _checks
from transferscore.pixels.relations import RegionRelation, RegionRelations

Rule = Literal["drop", "order", "off"]


@dataclass(frozen=True, kw_only=True)
class SegmentationTask:
    """A binary segmentation task: a region to find in images of one modality.

    Attributes
    ----------
    family : str
        Tissue family, such as "brain tumour" or "brain matter".
    modality : str
        How the images were made, such as "T1CE".
    region : str or int
        The region to find, named as in `region_relations`.
    name : str
        Default: region and modality, "ET-T1CE".

    Examples
    --------
    >>> from transferscore import SegmentationTask
    >>> SegmentationTask(family="brain tumour", modality="T1CE", region="ET").name
    'ET-T1CE'
    """

    family: str
    modality: str
    region: Hashable
    name: str = ""

    def __post_init__(self) -> None:
        _checks.task_word(self.family, "family")
        _checks.task_word(self.modality, "modality")
        name = self.name or f"{self.region}-{self.modality}"
        object.__setattr__(self, "name", _checks.task_word(name, "name"))


class Judgement(NamedTuple):
    """What one rule says of one candidate."""

    grade: int  # lower is preferred
    speaks_against: bool
    reason: str


@dataclass(frozen=True)
class SourceDecision:
    """Whether a candidate stays, and why.

    Attributes
    ----------
    task : SegmentationTask
        The candidate.
    kept : bool
        Whether it stays.
    reasons : tuple of str
        What speaks for a kept candidate, or against a dropped one; each in words.
    grades : tuple of int
        What the rules that are on say, in their order; lower is preferred.
    """

    task: SegmentationTask
    kept: bool
    reasons: tuple[str, ...]
    grades: tuple[int, ...]

    def __str__(self) -> str:
        if self.kept:
            return f"kept: {self.task.name} ({'; '.join(self.reasons)})"
        return f"dropped: {self.task.name} because {', and because '.join(self.reasons)}"


@dataclass(frozen=True)
class FilteredSources:
    """The candidates that a filter keeps, the preferred first, and the others.

    Printed, it explains every decision.

    Attributes
    ----------
    target : SegmentationTask
        The task to find sources for.
    decisions : tuple of SourceDecision
        Kept candidates in the order of the rules, then dropped ones.
    """

    target: SegmentationTask
    decisions: tuple[SourceDecision, ...]

    @property
    def kept(self) -> tuple[SegmentationTask, ...]:
        """Candidates that stay, the preferred first."""
        return tuple(decision.task for decision in self.decisions if decision.kept)

    @property
    def dropped(self) -> tuple[SegmentationTask, ...]:
        """Candidates that don't."""
        return tuple(decision.task for decision in self.decisions if not decision.kept)

    def __str__(self) -> str:
        head = f"{self.target.name}: {len(self.kept)} of {len(self.decisions)} candidates kept"
        return "\n".join([head, *map(str, self.decisions)])


class SourceFilter:
    """Three findings on transfer between brain MRI tasks as rules over a list of tasks.

    Li, Tan, Yang, Li, Zhang, "Finding the most transferable tasks for brain image segmentation",
    BIBM 2022. The findings are empirical, of few data sets: switch off what doesn't hold for yours.

    - `family`: related tissue first. Speaks against candidates of another family.
    - `modality`: same modality before same region. Prefers another region in the target's
      modality, then the target's region in another modality; speaks against candidates that share
      neither.
    - `region`: the geometry of the regions. Prefers the same region, then regions inside the
      target's and complementary ones, then overlapping ones; speaks against regions that hold the
      target's, and against those apart from it that aren't complementary. Regions of the same grade
      are ordered by the similarity of their masks (SSIM), where it was computed.

    A rule is "drop" (order candidates, and drop those that it speaks against), "order" or "off".
    The order is that of the first rule, then of the second, then of the third.

    Parameters
    ----------
    relations : RegionRelations, optional
        What `region_relations` says of the regions. Needed unless `region` is "off".
    family, modality, region : "drop", "order" or "off", default "drop"
        The rules.
    at_least : int, default 1
        Candidates to keep in any case: where the rules leave fewer, the best of the dropped ones
        stay.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described.

    Notes
    -----
    Regions of different families lie in different images, so their relation may be unknown: then
    the rule of regions says nothing of them. Within a family an unknown relation is an error.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import SegmentationTask, SourceFilter, region_relations
    >>> tissue = np.zeros((32, 32), dtype=int)
    >>> tissue[4:28, 4:28], tissue[8:24, 8:24], tissue[12:20, 12:20] = 1, 2, 3
    >>> relations = region_relations({"ED": tissue > 0, "ET": tissue > 1, "NCR": tissue > 2})
    >>> tasks = [
    ...     SegmentationTask(family="tumour", modality=modality, region=region)
    ...     for modality in ("T1CE", "T2")
    ...     for region in ("NCR", "ET", "ED")
    ... ] + [SegmentationTask(family="matter", modality="T2", region="WM")]
    >>> print(SourceFilter(relations).apply(tasks[1], tasks))
    ET-T1CE: 2 of 6 candidates kept
    kept: NCR-T1CE (same family; same modality; lies in the target's region)
    kept: ET-T2 (same family; other modality, same region)
    dropped: ED-T1CE because its region ED holds ET and is the larger
    dropped: NCR-T2 because it has neither the modality T1CE nor the region ET
    dropped: ED-T2 because it has neither the modality T1CE nor the region ET, and because its
    region ED holds ET and is the larger
    dropped: WM-T2 because its family is matter, not tumour, and because it has neither the
    modality T1CE nor the region ET
    """

    def __init__(
        self,
        relations: RegionRelations | None = None,
        *,
        family: Rule = "drop",
        modality: Rule = "drop",
        region: Rule = "drop",
        at_least: int = 1,
    ) -> None:
        self.relations = relations
        self.family = _checks.filter_rule(family, "family")
        self.modality = _checks.filter_rule(modality, "modality")
        self.region = _checks.region_rule(region, relations, RegionRelations)
        self.at_least = _checks.count(at_least, "at_least")

    def __repr__(self) -> str:
        rules = ", ".join(f"{name}={getattr(self, name)!r}" for name in RULES)
        return f"SourceFilter({rules}, at_least={self.at_least})"

    def apply(
        self, target: SegmentationTask, candidates: Iterable[SegmentationTask]
    ) -> FilteredSources:
        """Keep, drop and order candidates for a target.

        Parameters
        ----------
        target : SegmentationTask
            The task to find sources for.
        candidates : iterable of SegmentationTask
            Tasks with distinct names. The target may be among them, and is left out.

        Returns
        -------
        FilteredSources
            Every candidate with its decision.

        Raises
        ------
        TypeError, ValueError
            Where a task is not as described, or `relations` lack a pair that the rule needs.
        """
        found = _checks.source_tasks(candidates, target, SegmentationTask)
        ordered = sorted(
            (self._judged(target, task) for task in found), key=lambda one: (one.fails, one.key)
        )
        # Those that no rule speaks against come first; the first of the others fill up.
        return FilteredSources(
            target,
            tuple(one.decided(place < self.at_least) for place, one in enumerate(ordered)),
        )

    def _judged(self, target: SegmentationTask, source: SegmentationTask) -> "_Judged":
        judgements = [
            (JUDGES[name](target, source, self.relations), getattr(self, name))
            for name in RULES
            if getattr(self, name) != "off"
        ]
        return _Judged(source, tuple(judgements), self._similarity(target, source))

    def _similarity(self, target: SegmentationTask, source: SegmentationTask) -> float:
        """SSIM of the regions, which orders candidates of the same grades."""
        if self.region == "off":
            return 0.0
        if source.region == target.region:
            return 1.0
        relation = _relation(target, source, self.relations)
        return 0.0 if relation is None else relation.structural_similarity or 0.0


class _Judged(NamedTuple):
    """A candidate with what each rule says, and what that rule may do."""

    task: SegmentationTask
    judgements: tuple[tuple[Judgement, str], ...]
    similarity: float

    @property
    def against(self) -> list[str]:
        return [one.reason for one, may in self.judgements if may == "drop" and one.speaks_against]

    @property
    def fails(self) -> bool:
        return bool(self.against)

    @property
    def key(self) -> tuple[float, ...]:
        return (*self.grades, -self.similarity)

    @property
    def grades(self) -> tuple[int, ...]:
        return tuple(one.grade for one, _ in self.judgements)

    def decided(self, is_needed: bool) -> SourceDecision:
        if not self.fails:
            given = [one.reason for one, _ in self.judgements] or ["no rule is on"]
            # "same region" says nothing new after "other modality, same region".
            new = (r for i, r in enumerate(given) if not any(r in other for other in given[:i]))
            return SourceDecision(self.task, True, tuple(new), self.grades)
        against = tuple(self.against)
        if is_needed:
            against = ("to have `at_least` as many, although " + ", and although ".join(against),)
        return SourceDecision(self.task, is_needed, against, self.grades)


def _judge_family(
    target: SegmentationTask, source: SegmentationTask, _: RegionRelations | None
) -> Judgement:
    if source.family == target.family:
        return Judgement(0, False, "same family")
    return Judgement(1, True, f"its family is {source.family}, not {target.family}")


def _judge_modality(
    target: SegmentationTask, source: SegmentationTask, _: RegionRelations | None
) -> Judgement:
    if source.modality == target.modality:
        return Judgement(0, False, "same modality")
    if source.region == target.region:
        return Judgement(1, False, "other modality, same region")
    return Judgement(
        2, True, f"it has neither the modality {target.modality} nor the region {target.region}"
    )


def _judge_region(
    target: SegmentationTask, source: SegmentationTask, relations: RegionRelations | None
) -> Judgement:
    if source.region == target.region:
        return Judgement(0, False, "same region")
    relation = _relation(target, source, relations)
    if relation is None:
        return Judgement(2, False, "how its region lies is unknown")
    if relation.kind == "superset":
        reason = f"its region {source.region} holds {target.region} and is the larger"
        return Judgement(3, True, reason)
    if relation.kind == "disjoint":
        share = relation.coverage
        covered = "" if share is None else f": both cover {share:.0%} of the organ"
        reason = f"its region {source.region} is apart from {target.region}, not complementary"
        return Judgement(3, True, reason + covered)
    return Judgement(*PREFERRED[relation.kind])


def _relation(
    target: SegmentationTask, source: SegmentationTask, relations: RegionRelations | None
) -> RegionRelation | None:
    """How the source's region lies to the target's; None where they are one, or nobody knows."""
    pair = source.region, target.region
    if relations is None or source.region == target.region:
        return None
    if pair in relations:
        return relations[pair]
    if pair[::-1] in relations:
        return relations[pair[::-1]].reversed()
    if source.family == target.family:
        raise _checks.unknown_regions(target.region, source.region)
    return None


PREFERRED: dict[str, tuple[int, bool, str]] = {
    "equal": (0, False, "fills the target's region"),
    "subset": (1, False, "lies in the target's region"),
    "complementary": (1, False, "complements the target's region"),
    "overlapping": (2, False, "overlaps the target's region"),
}
JUDGES = {"family": _judge_family, "modality": _judge_modality, "region": _judge_region}
RULES = tuple(JUDGES)
