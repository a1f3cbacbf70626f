"""Rules that keep, drop, order and explain source tasks."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transferscore import SegmentationTask, SourceFilter, region_relations

RULES = ("family", "modality", "region")


def task(name, family="tumour"):
    region, modality = name.split("-")
    return SegmentationTask(family=family, modality=modality, region=region)


def brain():
    """Tumour regions nested in each other, brain matter in three parts of which two are large."""
    tissue = np.zeros((40, 40), dtype=int)
    tissue[4:36, 4:36], tissue[10:30, 10:30], tissue[16:24, 16:24] = 1, 2, 3
    nested = {"ED": tissue > 0, "ET": tissue > 1, "NCR": tissue > 2}
    matter = np.zeros((40, 40), dtype=int)
    matter[:18], matter[18:36], matter[36:] = 1, 2, 3
    parts = {name: matter == k for k, name in enumerate(("WM", "GM", "CSF"), start=1)}
    other = np.zeros((40, 40), dtype=bool)
    other[10:30, 2:22] = True
    return region_relations(nested | parts | {"WMH": other}, organ=np.ones((40, 40), dtype=bool))


RELATIONS = brain()
TUMOUR = [task(f"{r}-{m}") for m in ("T1", "T1CE", "T2", "FLAIR") for r in ("NCR", "ED", "ET")]
MATTER = [task(f"{r}-{m}", "matter") for m in ("T1", "T2") for r in ("WM", "GM", "CSF")]
TASKS = TUMOUR + MATTER


def names(tasks):
    return [task.name for task in tasks]


def by_name(name):
    return next(task for task in TASKS if task.name == name)


def test_the_talks_pipeline_on_a_target():
    filtered = SourceFilter(RELATIONS).apply(by_name("ET-T1CE"), TASKS)
    assert names(filtered.kept) == ["NCR-T1CE", "ET-T1", "ET-T2", "ET-FLAIR"]
    assert len(filtered.dropped) == 13
    assert len(filtered.decisions) == 17  # without the target itself


def test_what_each_rule_drops_alone():
    off = dict.fromkeys(RULES, "off")
    target = by_name("ET-T1")

    def dropped(**rules):
        return set(names(SourceFilter(RELATIONS, **(off | rules)).apply(target, TASKS).dropped))

    assert dropped() == set()
    assert dropped(family="drop") == set(names(MATTER))
    others = {t.name for t in TASKS if t.modality != "T1" and t.region != "ET"}
    assert dropped(modality="drop") == others
    # ED holds ET; parts of the brain overlap it, except CSF, which is apart from it.
    apart = {t.name for t in TASKS if t.region in {"ED", "CSF"}}
    assert dropped(region="drop") == apart
    for rule in RULES:
        assert dropped(**{rule: "order"}) == set()


@given(
    st.sampled_from(TASKS),
    st.tuples(*[st.sampled_from(["drop", "order", "off"])] * 3),
    st.integers(1, 20),
    st.randoms(use_true_random=False),
)
@settings(max_examples=200, deadline=None)
def test_laws(target, rules, at_least, random):
    how = dict(zip(RULES, rules, strict=True))
    filtered = SourceFilter(RELATIONS, **how, at_least=at_least).apply(target, TASKS)
    assert len(filtered.kept) >= min(at_least, 17)
    assert {*filtered.kept, *filtered.dropped} == set(TASKS) - {target}
    assert names(d.task for d in filtered.decisions) == names(filtered.kept + filtered.dropped)
    assert all(decision.reasons for decision in filtered.decisions)

    # The order in which candidates come decides between equals alone.
    shuffled = TASKS.copy()
    random.shuffle(shuffled)
    again = SourceFilter(RELATIONS, **how, at_least=at_least).apply(target, shuffled)
    assert [d.grades for d in again.decisions] == [d.grades for d in filtered.decisions]
    assert [d.kept for d in again.decisions] == [d.kept for d in filtered.decisions]

    # A rule that may drop only drops more than one that may order.
    softer = {name: "order" if rule == "drop" else rule for name, rule in how.items()}
    assert not SourceFilter(RELATIONS, **softer).apply(target, TASKS).dropped
    # Kept by need only where rules leave too few.
    strict = SourceFilter(RELATIONS, **how).apply(target, TASKS)
    if len(strict.kept) >= at_least and not any(
        "at_least" in reason for d in strict.decisions for reason in d.reasons
    ):
        assert filtered.kept == strict.kept


def test_order_is_that_of_the_rules():
    order = SourceFilter(RELATIONS, family="order", modality="order", region="order")
    assert names(order.apply(by_name("ET-T2"), TASKS).kept) == [
        *("NCR-T2", "ED-T2"),  # same modality: the smaller region, then the larger
        *("ET-T1", "ET-T1CE", "ET-FLAIR"),  # the region in other modalities
        *("NCR-T1", "NCR-T1CE", "NCR-FLAIR", "ED-T1", "ED-T1CE", "ED-FLAIR"),  # neither
        # Another family: WM overlaps ET and is a little more similar than GM, CSF is apart.
        *("WM-T2", "GM-T2", "CSF-T2", "WM-T1", "GM-T1", "CSF-T1"),
    ]
    regions = SourceFilter(RELATIONS, family="off", modality="off", region="order")
    assert names(regions.apply(by_name("ET-T2"), TASKS).kept)[:7] == [
        *("ET-T1", "ET-T1CE", "ET-FLAIR"),
        *("NCR-T1", "NCR-T1CE", "NCR-T2", "NCR-FLAIR"),
    ]


def test_without_rules_candidates_stay_as_they_come():
    off = SourceFilter(family="off", modality="off", region="off")
    target = by_name("ET-T1")
    assert list(off.apply(target, TASKS).kept) == [task for task in TASKS if task != target]


def test_complementary_regions_come_before_others_that_are_apart():
    filtered = SourceFilter(RELATIONS).apply(by_name("WM-T1"), MATTER)
    assert names(filtered.kept) == ["GM-T1", "WM-T2"]
    (csf,) = (d for d in filtered.decisions if d.task.name == "CSF-T1")
    assert csf.reasons == (
        "its region CSF is apart from WM, not complementary: both cover 55% of the organ",
    )
    without = region_relations({"WM": np.eye(4, dtype=bool), "CSF": np.eye(4, dtype=bool)[::-1]})
    (decision,) = SourceFilter(without).apply(by_name("WM-T1"), [by_name("CSF-T1")]).decisions
    assert "not complementary" in decision.reasons[0]
    assert "organ" not in decision.reasons[0]


def test_the_smallest_region_has_larger_ones_only():
    """Nothing in the modality would stay; `at_least` brings back the smaller of the larger."""
    target = by_name("NCR-T1CE")
    assert names(SourceFilter(RELATIONS).apply(target, TUMOUR).kept) == [
        "NCR-T1",
        "NCR-T2",
        "NCR-FLAIR",
    ]
    filtered = SourceFilter(RELATIONS, at_least=4).apply(target, TUMOUR)
    assert names(filtered.kept)[-1] == "ET-T1CE"
    assert str(filtered.decisions[3]) == (
        "kept: ET-T1CE (to have `at_least` as many, although its region ET holds NCR and is the "
        "larger)"
    )


def test_texts():
    text = str(SourceFilter(RELATIONS).apply(by_name("ET-T1CE"), TASKS)).splitlines()
    assert text[0] == "ET-T1CE: 4 of 17 candidates kept"
    assert text[1] == "kept: NCR-T1CE (same family; same modality; lies in the target's region)"
    assert text[2] == "kept: ET-T1 (same family; other modality, same region)"
    assert "dropped: ED-T1CE because its region ED holds ET and is the larger" in text
    assert "dropped: NCR-T2 because it has neither the modality T1CE nor the region ET" in text
    assert (
        "dropped: CSF-T1 because its family is matter, not tumour, and because it has neither the "
        "modality T1CE nor the region ET, and because its region CSF is apart from ET, not "
        "complementary: both cover 35% of the organ" in text
    )
    off = SourceFilter(family="off", modality="off", region="off")
    assert str(off.apply(TASKS[0], TASKS[:2])).endswith("kept: ED-T1 (no rule is on)")
    assert repr(off) == "SourceFilter(family='off', modality='off', region='off', at_least=1)"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("equal", "fills the target's region"), ("overlapping", "overlaps the target's region")],
)
def test_reasons_of_other_relations(kind, reason):
    a = np.zeros((20, 20), dtype=bool)
    a[:10] = True
    b = np.roll(a, 0 if kind == "equal" else 5, axis=0)
    found = region_relations({"TC": a, "core": b})
    assert found["TC", "core"].kind == kind
    (decision,) = SourceFilter(found).apply(task("TC-T1"), [task("core-T1")]).decisions
    assert decision.reasons[-1] == reason


def test_relations_of_two_maps_serve_in_both_directions():
    small, large = np.zeros((2, 9, 9), dtype=bool)
    small[3:6, 3:6] = large[1:8, 1:8] = True
    for found in (
        region_relations({"NCR": small}, {"ED": large}),
        region_relations({"ED": large}, {"NCR": small}),
    ):
        assert SourceFilter(found).apply(task("ED-T1"), [task("NCR-T1")]).kept
        assert (
            not SourceFilter(found, at_least=1)
            .apply(task("NCR-T1"), [task("ED-T1"), task("NCR-T2")])
            .decisions[-1]
            .kept
        )


def test_without_similarity_grades_alone_decide():
    found = region_relations({"ED": np.ones((3, 3)) > 0, "ET": np.eye(3) > 0}, similarity=False)
    filtered = SourceFilter(found, region="order").apply(task("ED-T1"), [task("ET-T1")])
    assert names(filtered.kept) == ["ET-T1"]


def test_unknown_relations():
    found = region_relations({"ED": np.ones((3, 3)) > 0, "ET": np.eye(3) > 0})
    # Of another family: nothing to say.
    (decision,) = (
        SourceFilter(found, family="order")
        .apply(task("ED-T1"), [task("WM-T1", "matter")])
        .decisions
    )
    assert decision.reasons[-1] == "how its region lies is unknown"
    # Of the same family: a name must be wrong.
    with pytest.raises(ValueError, match=r"must hold the pair \('XX', 'ED'\), regions of one"):
        SourceFilter(found).apply(task("ED-T1"), [task("XX-T1")])


def test_names_of_tasks():
    assert task("ET-T1").name == "ET-T1"
    named = SegmentationTask(family="tumour", modality="T1", region=3, name="site 22")
    assert named.name == "site 22"
    assert SegmentationTask(family="tumour", modality="T1", region=3).name == "3-T1"
    with pytest.raises(TypeError):
        SegmentationTask("tumour", "T1", "ET")  # nothing to swap unnoticed


REFUSED = {
    "bool": (lambda: SourceFilter(family=True), TypeError, "`family` must be 'drop' or 'order'"),
    "word": (lambda: SourceFilter(modality="yes"), ValueError, "`modality` must be 'drop' or"),
    "no relations": (
        SourceFilter,
        ValueError,
        "`relations` must be given where `region`",
    ),
    "relations": (
        lambda: SourceFilter({}),
        TypeError,
        "`relations` must be what region_relations(...) returns, got dict",
    ),
    "at_least": (
        lambda: SourceFilter(RELATIONS, at_least=0),
        ValueError,
        "`at_least` must be at least 1, got 0",
    ),
    "target": (
        lambda: SourceFilter(RELATIONS).apply("ET-T1", TASKS),
        TypeError,
        "`target` must be a SegmentationTask, got str",
    ),
    "candidates": (
        lambda: SourceFilter(RELATIONS).apply(TASKS[0], "ET-T1"),
        TypeError,
        "`candidates` must be several of SegmentationTask, got str",
    ),
    "one candidate": (
        lambda: SourceFilter(RELATIONS).apply(TASKS[0], [TASKS[1], 3]),
        TypeError,
        "`candidates[1]` must be a SegmentationTask, got int",
    ),
    "twice": (
        lambda: SourceFilter(RELATIONS).apply(TASKS[0], [TASKS[1], TASKS[1]]),
        ValueError,
        "`candidates` must have distinct names, got 'ED-T1' twice",
    ),
    "alone": (
        lambda: SourceFilter(RELATIONS).apply(TASKS[0], [TASKS[0]]),
        ValueError,
        "`candidates` must hold at least one task beside the target, got none",
    ),
    "family": (
        lambda: SegmentationTask(family="", modality="T1", region="ET"),
        TypeError,
        "`family` must be text that is not empty, got ''",
    ),
    "modality": (
        lambda: SegmentationTask(family="a", modality=1, region="ET"),
        TypeError,
        "`modality` must be text that is not empty, got 1",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case):
    call, error, text = REFUSED[case]
    with pytest.raises(error, match=re.escape(text)):
        call()
