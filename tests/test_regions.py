"""Relations of label regions: the definitions, laws, other tools, void pixels, refusals."""

import re
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tolerances import FLOAT64, REORDERED
from transferscore import RegionRelations, region_relations
from transferscore.reference import region_relation

KINDS = {"equal", "subset", "superset", "complementary", "disjoint", "overlapping"}
NUMBERS = ("size_a", "size_b", "intersection", "iou", "a_in_b", "b_in_a", "coverage")


def numbers(relation):
    """All numbers of a relation or of its reference; nan for none."""
    boundary = relation.boundary
    if hasattr(boundary, "hausdorff"):
        boundary = boundary.mean, boundary.percentile_95, boundary.hausdorff
    values = [getattr(relation, name) for name in NUMBERS]
    values += [relation.structural_similarity, *(boundary or [None] * 3)]
    return [np.nan if value is None else value for value in values]


def one(*args, **kwargs):
    (relation,) = region_relations(*args, **kwargs)
    return relation


def box(shape, *bounds):
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(slice(*b) for b in bounds)] = True
    return mask


@st.composite
def problems(draw):
    """Two masks with at least one pixel each that isn't void, an organ, void pixels, a spacing."""
    shape = tuple(draw(st.lists(st.integers(1, 7), min_size=2, max_size=3)))
    n = int(np.prod(shape))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shares = draw(st.tuples(*[st.sampled_from([0.05, 0.3, 0.7, 0.95])] * 2))
    a, b = (rng.random(shape) < share for share in shares)
    if draw(st.booleans()):  # blocks, so that regions have an inside, hold and touch each other
        for mask in (a, b):
            mask[...] = False
            mask[tuple(slice(*np.sort(rng.integers(0, s + 1, 2))) for s in shape)] = True
    void = rng.random(shape) < draw(st.sampled_from([0.0, 0.2]))
    organ = rng.random(shape) < 0.8
    at = rng.integers(n, size=3)
    for mask, where in zip((a, b, organ), at, strict=True):
        mask.flat[where] = True
    void.flat[at] = False
    return a, b, organ, void, rng.uniform(0.3, 3, len(shape))


# ---------------------------------------------------------------------------- what is computed


@given(problems(), st.booleans())
@settings(max_examples=150, deadline=None)
def test_every_number_is_that_of_the_definition(problem, has_organ):
    a, b, organ, void, spacing = problem
    expected = region_relation(a, b, organ=organ if has_organ else None, spacing=spacing, void=void)
    marked = np.where(void, 255, a).astype(np.int16)
    value = one(
        marked, b, organ=organ if has_organ else None, spacing=spacing, ignore_index=[255, 254]
    )
    assert value.kind == expected.kind
    np.testing.assert_allclose(numbers(value), numbers(expected), rtol=FLOAT64, atol=FLOAT64)


@given(problems())
@settings(max_examples=100, deadline=None)
def test_laws(problem):
    a, b, organ, void, spacing = problem
    marked = {"a": np.where(void, 7, a), "b": np.where(void, 7, b)}
    relations = region_relations(marked, organ=organ, spacing=spacing, ignore_index=7)
    ab, ba = relations["a", "b"], relations["b", "a"]
    assert (ab.a, ab.b, ba.a, ba.b) == ("a", "b", "b", "a")
    assert ba == ab.reversed()
    assert ab == ba.reversed()
    # From the other side as from a call with the maps swapped.
    swapped = one(marked["b"], marked["a"], organ=organ, spacing=spacing, ignore_index=7)
    assert swapped.kind == ba.kind
    np.testing.assert_allclose(numbers(swapped), numbers(ba), rtol=REORDERED)

    assert ab.kind in KINDS
    assert 0 <= ab.iou <= min(ab.a_in_b, ab.b_in_a) <= ab.overlap <= 1
    assert 0 <= ab.coverage <= 1
    assert -1 <= ab.structural_similarity <= 1
    assert ab.iou == pytest.approx(
        ab.intersection / (ab.size_a + ab.size_b - ab.intersection), rel=REORDERED
    )
    if ab.boundary is not None:
        most = ab.boundary.hausdorff * (1 + REORDERED)
        assert 0 <= ab.boundary.mean <= most
        assert 0 <= ab.boundary.percentile_95 <= most


@given(problems(), st.floats(0.51, 1), st.floats(0, 0.5), st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_kinds_are_exhaustive_and_exclusive(problem, containment, overlap, coverage):
    a, b, organ, _, _ = problem
    relation = one(
        a,
        b,
        organ=organ,
        min_containment=containment,
        max_overlap=overlap,
        min_coverage=coverage,
        distances=False,
        similarity=False,
    )
    in_b, in_a = relation.a_in_b >= containment, relation.b_in_a >= containment
    excludes = relation.overlap <= overlap
    holds = {
        "equal": in_a and in_b,
        "subset": in_b and not in_a,
        "superset": in_a and not in_b,
        "complementary": excludes and relation.coverage >= coverage,
        "disjoint": excludes and relation.coverage < coverage,
        "overlapping": not (in_a or in_b or excludes),
    }
    assert [kind for kind, does in holds.items() if does] == [relation.kind]


def test_spacing_scales_sizes_and_distances_alone():
    rng = np.random.default_rng(1)
    a, b = rng.random((2, 6, 7, 8)) < 0.4
    plain, scaled = one(a, b, spacing=(1, 2, 0.5)), one(a, b, spacing=(3, 6, 1.5))
    np.testing.assert_allclose(
        numbers(scaled)[:3], np.array(numbers(plain)[:3]) * 27, rtol=REORDERED
    )
    np.testing.assert_allclose(
        numbers(scaled)[-3:], np.array(numbers(plain)[-3:]) * 3, rtol=REORDERED
    )
    np.testing.assert_array_equal(numbers(scaled)[3:8], numbers(plain)[3:8])
    assert numbers(one(a, b, spacing=2)) == numbers(one(a, b, spacing=(2, 2, 2)))


def test_thick_slices():
    """Parallel plates three slices apart, 5 mm each."""
    a, b = box((9, 6, 6), (2, 3), (0, 6), (0, 6)), box((9, 6, 6), (5, 6), (0, 6), (0, 6))
    relation = one(a, b, spacing=(5.0, 1.0, 1.0))
    assert relation.boundary.mean == relation.boundary.hausdorff == 15
    assert relation.size_a == 180


@pytest.mark.parametrize(
    ("a", "b", "organ", "kind"),
    [
        (box((8, 8), (1, 5), (1, 5)), box((8, 8), (1, 5), (1, 5)), None, "equal"),
        (box((8, 8), (2, 4), (2, 4)), box((8, 8), (1, 5), (1, 5)), None, "subset"),
        (box((8, 8), (1, 5), (1, 5)), box((8, 8), (2, 4), (2, 4)), None, "superset"),
        (box((8, 8), (0, 4)), box((8, 8), (4, 8)), None, "disjoint"),
        (box((8, 8), (0, 4)), box((8, 8), (4, 8)), np.ones((8, 8)), "complementary"),
        (box((8, 8), (0, 2)), box((8, 8), (4, 8)), np.ones((8, 8)), "complementary"),
        (box((8, 8), (0, 1)), box((8, 8), (4, 8)), np.ones((8, 8)), "disjoint"),
        (box((8, 8), (0, 5)), box((8, 8), (3, 8)), np.ones((8, 8)), "overlapping"),
    ],
)
def test_kinds(a, b, organ, kind):
    assert one(a, b, organ=None if organ is None else organ.astype(bool)).kind == kind


def test_one_region_within_the_other_up_to_a_tolerance():
    whole = box((20, 20), (0, 20), (0, 10))
    part = box((20, 20), (0, 10), (0, 11))  # 1 of 11 columns sticks out
    assert one(part, whole).kind == "overlapping"
    assert one(part, whole, min_containment=0.9).kind == "subset"
    assert one(whole, part, min_containment=0.9).kind == "superset"
    assert one(part, whole, min_containment=0.5).kind == "equal"


# ------------------------------------------------------------------------------- other tools


@pytest.mark.parametrize("shape", [(40, 31), (18, 20, 16)])
def test_similarity_is_that_of_scikit_image(shape):
    metrics = pytest.importorskip("skimage.metrics")
    rng = np.random.default_rng(2)
    a, b = np.zeros((2, *shape), dtype=bool)
    for mask in (a, b):
        mask[tuple(slice(*np.sort(rng.choice(s, 2, replace=False))) for s in shape)] = True
    a |= rng.random(shape) < 0.01
    _, everywhere = metrics.structural_similarity(
        a.astype(float),
        b.astype(float),
        data_range=1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    organ = rng.random(shape) < 0.5
    for over in (None, organ):
        expected = everywhere.mean() if over is None else everywhere[over].mean()
        value = one(a, b, organ=over).structural_similarity
        assert value == pytest.approx(expected, rel=FLOAT64)


def test_hausdorff_distance_is_that_of_scipy():
    distance = pytest.importorskip("scipy.spatial.distance")
    rng = np.random.default_rng(3)
    a, b = rng.random((2, 12, 14)) < 0.2  # nearly every pixel is at a boundary
    ndimage = pytest.importorskip("scipy.ndimage")
    edges = [np.argwhere(mask & ~ndimage.binary_erosion(mask)) * [2.0, 0.7] for mask in (a, b)]
    expected = max(
        distance.directed_hausdorff(*edges)[0], distance.directed_hausdorff(*edges[::-1])[0]
    )
    assert one(a, b, spacing=(2.0, 0.7)).boundary.hausdorff == pytest.approx(expected, rel=FLOAT64)


# ------------------------------------------------------------------------- maps and sets of masks


def test_labels_are_regions_and_masks_too():
    rng = np.random.default_rng(4)
    labels = rng.integers(0, 4, size=(9, 10)).astype(np.uint8)
    of_map = region_relations(labels)
    of_masks = region_relations({label: labels == label for label in (1, 2, 3)})
    assert of_map.names_a == of_map.names_b == (1, 2, 3)
    assert len(of_map) == 3
    assert list(of_map) == list(of_masks)
    assert all(relation.intersection == 0 for relation in of_map)


def test_pairs_of_two_maps():
    rng = np.random.default_rng(5)
    first, second = rng.integers(0, 3, (6, 6)), rng.integers(2, 5, (6, 6))
    relations = region_relations(first, second, background=2)
    assert (relations.names_a, relations.names_b) == ((0, 1), (3, 4))
    assert [(relation.a, relation.b) for relation in relations] == [(0, 3), (0, 4), (1, 3), (1, 4)]
    assert relations[0, 4] == one({0: first == 0}, {4: second == 4})
    assert (0, 4) in relations
    assert (4, 0) not in relations  # another direction is another map
    with pytest.raises(KeyError, match=r"a region of \(0, 1\) and one of \(3, 4\), got \(4, 0\)"):
        relations[4, 0]


def test_pairs_of_one_set_can_be_asked_for_in_both_directions():
    nested = {"in": box((9, 9), (3, 6), (3, 6)), "out": box((9, 9), (1, 8), (1, 8))}
    relations = region_relations(nested)
    assert relations["in", "out"].kind == "subset"
    assert relations["out", "in"].kind == "superset"
    assert ("out", "in") in relations
    for missing in (("in", "in"), ("in", "other"), "in", ("in", "out", "in")):
        assert missing not in relations
        with pytest.raises(KeyError, match="relations must be asked for a region of"):
            relations[missing]


def test_sets_are_put_together():
    rng = np.random.default_rng(7)
    labels = rng.integers(0, 4, size=(8, 8))
    first = region_relations({"a": labels == 1, "b": labels == 2})
    second = region_relations({"c": labels == 3, "d": labels == 0})
    both = first | second
    assert both.names_a == ("a", "b", "c", "d")
    assert list(both) == [*first, *second]
    assert both["d", "c"] == second["d", "c"]
    assert ("a", "c") not in both
    with pytest.raises(ValueError, match="of different regions, got both times 'a'"):
        first | first
    with pytest.raises(TypeError, match="of one set of regions each, got those of two maps"):
        first | region_relations(labels, labels)
    with pytest.raises(TypeError):
        first | {}


def test_every_layout_and_type_counts_the_same():
    rng = np.random.default_rng(6)
    a, b = rng.random((2, 6, 7, 5)) < 0.5
    expected = numbers(one(a, b))
    for dtype in (np.uint8, ">i4", np.int64, np.uint64):
        assert numbers(one(a.astype(dtype), b)) == expected
    frozen = np.asfortranarray(a)
    frozen.flags.writeable = False
    before = frozen.copy()
    assert numbers(one(frozen, b[:, ::-1][:, ::-1])) == expected
    assert numbers(one(a.tolist(), b.astype(int).tolist())) == expected
    np.testing.assert_array_equal(frozen, before)


def test_a_table_and_rows():
    nested = {"in": box((9, 9), (3, 6), (3, 6)), "out": box((9, 9), (1, 8), (1, 8))}
    relations = region_relations(nested, distances=False, similarity=False)
    header, line = str(relations).splitlines()
    assert header.split() == [
        "a",
        "kind",
        "b",
        "IoU",
        "a",
        "in",
        "b",
        "b",
        "in",
        "a",
        "coverage",
        "distance",
        "SSIM",
    ]
    assert line.split() == ["in", "subset", "out", "0.184", "1.000", "0.184", "-", "-", "-"]
    assert repr(relations) == "RegionRelations(1 pairs)"
    row = next(iter(region_relations(nested))).to_dict()
    assert (row["a"], row["kind"], row["boundary_hausdorff"]) == ("in", "subset", np.sqrt(8))
    assert next(iter(relations)).to_dict()["boundary_mean"] is None
    assert isinstance(relations, RegionRelations)


# ----------------------------------------------------------------------------------- void pixels


def test_void_pixels_count_nowhere():
    a, b = box((10, 10), (0, 6)), box((10, 10), (4, 10))
    void = box((10, 10), (4, 6))  # where they overlap
    relation = one(np.where(void, 255, a), b, ignore_index=255)
    assert relation.intersection == 0
    assert (relation.size_a, relation.size_b) == (40, 40)
    assert relation.kind == "disjoint"
    organ = np.ones((10, 10), dtype=bool)
    assert one(np.where(void, 255, a), b, ignore_index=255, organ=organ).coverage == 1


def test_void_pixels_make_no_boundary():
    a = box((12, 12), (2, 10), (2, 10))
    b = box((12, 12), (2, 10), (4, 8))
    ring = box((12, 12), (1, 11), (1, 11)) & ~a
    open_ = one(np.where(ring, 9, a), b, ignore_index=9)
    assert open_.boundary is None  # void all around: nobody knows where a ends
    assert open_.structural_similarity < 1
    half = ring & box((12, 12), (0, 6), (0, 12))
    assert one(np.where(half, 9, a), b, ignore_index=9).boundary is not None


# -------------------------------------------------------------------------------------- refusals

MAP = np.array([[0, 1], [1, 2]])

REFUSED = {
    "floats": ((MAP.astype(float),), {}, TypeError, "`label_map_a` must be integers or booleans"),
    "hint": ((MAP.astype("f4"),), {}, TypeError, "got dtype float32; round labels and convert"),
    "text": ((np.array([["a"]]),), {}, TypeError, "got dtype <U1"),
    "vector": (([0, 1],), {}, ValueError, "must have shape (h, w) or (d, h, w)"),
    "four axes": ((np.ones((1, 1, 2, 2), int),), {}, ValueError, "got (1, 1, 2, 2)"),
    "no pixels": ((np.ones((0, 3), int),), {}, ValueError, "with pixels, got (0, 3)"),
    "ragged": (([[0, 1], [1]],), {}, ValueError, "must be a rectangular array"),
    "background only": ((np.zeros((3, 3), int),), {}, ValueError, "`background`, 0, got no other"),
    "one class": ((np.eye(3, dtype=int),), {}, ValueError, "at least two regions where no second"),
    "one mask": (({"ET": MAP > 0},), {}, ValueError, "got one ('ET')"),
    "no masks": (({},), {}, ValueError, "must hold at least one region, got an empty mapping"),
    "empty mask": (
        ({"ET": MAP > 0, "ED": MAP > 5},),
        {},
        ValueError,
        "`label_map_a['ED']` must have at least one pixel that is not ignored, got none",
    ),
    "labels in a mask": (
        ({"ET": MAP},),
        {},
        ValueError,
        "`label_map_a['ET']` must be a mask of booleans or of 0 and 1, got 2 at (1, 1)",
    ),
    "shapes": (
        (MAP, np.ones((2, 3), int)),
        {},
        ValueError,
        "`label_map_b` must have the shape of `label_map_a`, (2, 2), got (2, 3)",
    ),
    "shapes in a set": (
        ({"a": MAP > 0, "b": np.ones((3, 2), bool)},),
        {},
        ValueError,
        "`label_map_a['b']` must have the shape of `label_map_a['a']`, (2, 2), got (3, 2)",
    ),
    "all void": ((MAP,), {"ignore_index": [0, 1, 2]}, ValueError, "[0, 1, 2], which marks all"),
    "void name": ((MAP,), {"ignore_index": "x"}, TypeError, "must be one integer or several"),
    "void in masks": (
        ({"a": MAP > 0, "b": MAP > 1},),
        {"ignore_index": 0},
        ValueError,
        "`ignore_index` must be neither 0 nor 1 where `label_map_a` holds masks, got 0",
    ),
    "void regions": (
        (np.array([[0, 1], [1, 9]]), np.array([[0, 9], [9, 3]])),
        {"ignore_index": 9},
        ValueError,
        "`label_map_a` must have a label other than `background`, 0, got no other",
    ),
    "organ": ((MAP,), {"organ": MAP}, ValueError, "`organ` must be a mask of booleans"),
    "organ shape": ((MAP,), {"organ": [[1]]}, ValueError, "`organ` must have the shape of"),
    "no organ": ((MAP,), {"organ": MAP > 7}, ValueError, "`organ` must have at least one pixel"),
    "spacing sign": ((MAP,), {"spacing": (1, -1)}, ValueError, "must be above 0, got -1"),
    "spacing axes": ((MAP,), {"spacing": (1, 1, 1)}, ValueError, "each of 2 axes, got 3"),
    "spacing nan": ((MAP,), {"spacing": np.nan}, ValueError, "`spacing` must be finite"),
    "thresholds": (
        (MAP,),
        {"min_containment": 0.3, "max_overlap": 0.3},
        ValueError,
        "`max_overlap` must be below `min_containment`",
    ),
    "share": ((MAP,), {"min_coverage": 1.2}, ValueError, "`min_coverage` must be a number in"),
    "background": ((MAP,), {"background": 0.5}, TypeError, "`background` must be an integer"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case):
    args, kwargs, error, text = REFUSED[case]
    with pytest.raises(error, match=re.escape(text)):
        region_relations(*args, **kwargs)


def test_all_but_distances_needs_numpy_alone(monkeypatch):
    for module in [name for name in sys.modules if name.split(".")[0] == "scipy"]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, "scipy.ndimage", None)
    (relation,) = region_relations(MAP, distances=False)
    assert relation.boundary is None
    assert relation.structural_similarity is not None
    with pytest.raises(ModuleNotFoundError, match=r"needs SciPy.*'transferscore\[regions\]'"):
        region_relations(MAP)
