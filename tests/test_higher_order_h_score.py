"""Sources side by side: against their concatenation, laws, memory budgets, hostile sources."""

from itertools import combinations

import numpy as np
import pytest

import test_memory
from test_pixel_h_score import problem
from tolerances import FLOAT64, MERGED, OF_THE_MOST
from transferscore import higher_order_h_score, pixel_h_score, reference

WIDTHS = {"edges": 12, "depth": 30, "normals": 5, "class": 23}
SHRINKAGES = (None, "ledoit-wolf", 0.1, 1.0)

pytestmark = pytest.mark.filterwarnings(
    "ignore:the H-score of .* whatever the features:UserWarning"
)


def sources(n, dtype=np.float64, units=False):
    """Features that know different parts of the images, and the images."""
    X, images = problem(n, sum(WIDTHS.values()), 2, 3)
    ends = np.cumsum(list(WIDTHS.values()))[:-1]
    parts = dict(zip(WIDTHS, np.split(X, ends, axis=1), strict=True))
    if units:
        parts = {name: part * 1e3**i for i, (name, part) in enumerate(parts.items())}
    return {name: part.astype(dtype) for name, part in parts.items()}, images


def side_by_side(parts, names):
    return np.hstack([parts[name] for name in names])


# n = 30 is below the features of some combinations and above those of others.
@pytest.mark.parametrize("n", [30, 46, 400])
@pytest.mark.parametrize("shrinkage", SHRINKAGES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equals_the_score_of_features_side_by_side(n, shrinkage, dtype):
    parts, images = sources(n, dtype, units=True)
    options = {"shrinkage": shrinkage, "n_colours": 6}
    results = higher_order_h_score(parts, images, order=3, **options)
    assert list(results) == [names for size in (1, 2, 3) for names in combinations(WIDTHS, size)]
    for names, result in results.items():
        expected = pixel_h_score(side_by_side(parts, names), images, **options)
        np.testing.assert_allclose(result.map, expected.map, rtol=FLOAT64, atol=5 * OF_THE_MOST)
        assert (result.rank, result.d, result.n) == (expected.rank, expected.d, expected.n)
        assert result.shrinkage == pytest.approx(expected.shrinkage, rel=FLOAT64)
        assert result.score == result.map.mean()


def test_second_order_equals_the_reference():
    parts, images = sources(120)
    images = np.round(images, 1)
    results = higher_order_h_score(parts, images, n_colours=5)
    names = ("depth", "class")
    expected = reference.pixel_h_score(side_by_side(parts, names), images, n_colours=5)
    np.testing.assert_allclose(results[names].map, expected, rtol=FLOAT64)


@pytest.mark.parametrize("adjust", [False, True])
def test_several_tiles(rng, adjust):
    # Cross products of more than one tile in both directions, and more than one block of rows.
    X, images = problem(2500, 900, 1, 2)
    parts = {"a": X[:, :400], "b": X[:, 400:]}
    options = {"adjust_for_chance": adjust, "shrinkage": "ledoit-wolf"}
    result = higher_order_h_score(parts, images, **options)["a", "b"]
    expected = pixel_h_score(X, images, **options)
    np.testing.assert_allclose(result.map, expected.map, rtol=FLOAT64)


def test_a_source_is_scored_as_alone():
    parts, images = sources(200)
    results = higher_order_h_score(parts, images, order=1)
    for name, part in parts.items():
        np.testing.assert_array_equal(results[name,].map, pixel_h_score(part, images).map)


def test_another_source_never_lowers_the_plain_score():
    parts, images = sources(300)
    results = higher_order_h_score(parts, images, order=4)
    for names, result in results.items():
        for fewer in combinations(names, len(names) - 1):
            if fewer:
                assert (result.map >= results[fewer].map - MERGED).all()
    whole = results[tuple(WIDTHS)]
    assert whole.score > 1.2 * max(results[name,].score for name in WIDTHS)


def test_a_source_twice_adds_nothing():
    parts, images = sources(150)
    twice = {"once": parts["depth"], "again": parts["depth"].copy()}
    results = higher_order_h_score(twice, images)
    pair, one = results["once", "again"], results["once",]
    assert (pair.rank, pair.d) == (one.rank, 2 * one.d)
    np.testing.assert_allclose(pair.map, one.map, rtol=FLOAT64)


@pytest.mark.parametrize("shape", [40, 300])
def test_the_order_of_sources_changes_names_alone(shape):
    parts, images = sources(shape)
    options = {"shrinkage": "ledoit-wolf"}
    one = higher_order_h_score(parts, images, **options)
    other = higher_order_h_score(dict(reversed(parts.items())), images, **options)
    for names, result in one.items():
        np.testing.assert_allclose(other[names[::-1]].map, result.map, rtol=FLOAT64)


@pytest.mark.parametrize("budget", [0, 8 * 60**2, None])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_the_same_bits_for_any_budget_and_number_of_threads(budget, n_threads):
    parts, images = sources(300)
    expected = higher_order_h_score(parts, images, order=3, memory_budget=2**30, n_threads=1)
    results = higher_order_h_score(
        parts, images, order=3, memory_budget=budget, n_threads=n_threads
    )
    for names, result in results.items():
        np.testing.assert_array_equal(result.map, expected[names].map)


@pytest.mark.parametrize("unit", [1e-150, 1e150])
@pytest.mark.parametrize("shrinkage", [None, "ledoit-wolf"])
def test_a_source_of_another_unit_is_scored_as_alone(unit, shrinkage):
    parts, images = sources(200)
    expected = higher_order_h_score(parts, images, shrinkage=shrinkage)
    parts["depth"] = parts["depth"] * unit
    results = higher_order_h_score(parts, images, shrinkage=shrinkage)
    for names in [("depth",), ("edges",), ("edges", "normals")]:
        np.testing.assert_allclose(results[names].map, expected[names].map, rtol=FLOAT64)
    if shrinkage is None:
        pair = ("edges", "depth")
        np.testing.assert_allclose(results[pair].map, expected[pair].map, rtol=FLOAT64)


def test_float32_beside_float64_is_read_as_float64():
    parts, images = sources(200)
    parts["edges"] = parts["edges"].astype(np.float32)
    results = higher_order_h_score(parts, images)
    for names in [("edges",), ("edges", "depth")]:
        expected = pixel_h_score(side_by_side(parts, names).astype(np.float64), images)
        np.testing.assert_allclose(results[names].map, expected.map, rtol=FLOAT64)


def test_superpixels_and_channels(rng):
    parts, _ = sources(200)
    images = rng.normal(size=(200, 3, 4, 6)) + parts["depth"][:, :1, np.newaxis, np.newaxis]
    options = {"layout": "chw", "superpixel": 2, "n_colours": 5, "random_state": 3}
    results = higher_order_h_score(parts, images, **options)
    expected = pixel_h_score(side_by_side(parts, ("depth", "normals")), images, **options)
    np.testing.assert_allclose(results["depth", "normals"].map, expected.map, rtol=FLOAT64)


def test_rank_n_minus_one_is_said_of_the_combination_that_has_it():
    parts, images = sources(40)
    with pytest.warns(UserWarning, match="of 40 samples with 42 features"):
        results = higher_order_h_score(parts, images, n_colours=3)
    assert (results["edges", "depth"].map == 2).all()
    assert (results["edges", "normals"].map < 2).all()
    with pytest.raises(ValueError, match="`adjust_for_chance` must be False where the rank"):
        higher_order_h_score(parts, images, adjust_for_chance=True)


GOOD = {"a": np.arange(12.0).reshape(6, 2), "b": np.eye(6)[:, :3]}
IMAGES = np.arange(24.0).reshape(6, 2, 2)


@pytest.mark.parametrize(
    ("parts", "options", "text"),
    [
        (GOOD["a"], {}, "`sources` must be a mapping of names to features, got ndarray"),
        ({}, {}, "`sources` must have at least one source, got none"),
        (GOOD, {"order": 3}, "`order` must be at most the number of `sources`, 2, got 3"),
        (GOOD, {"order": 0}, "`order` must be at least 1, got 0"),
        (GOOD | {"c": GOOD["a"][:5]}, {}, r"for each row of `sources\['c'\]`, 5, got 6"),
        (
            GOOD | {"c": GOOD["a"] * np.nan},
            {},
            r"`sources\['c'\]` must be finite, got nan at row 0",
        ),
        (GOOD | {"c": [1.0] * 6}, {}, r"`sources\['c'\]` must have shape \(n, d\), got \(6,\)"),
        (GOOD, {"memory_budget": -1}, "`memory_budget` must be at least 0, got -1"),
        (GOOD, {"superpixel": 3}, "`superpixel` must divide the height and the width"),
    ],
)
def test_bad_arguments(parts, options, text):
    with pytest.raises((ValueError, TypeError), match=text):
        higher_order_h_score(parts, IMAGES, **options)


def test_features_that_overflow_are_refused():
    parts, images = sources(400)
    parts["edges"][301, 2] = 1e300
    with pytest.raises(ValueError, match="`sources` must have squares within the range"):
        higher_order_h_score(parts, images, shrinkage=0.1)


@pytest.mark.parametrize("budget", [0, 2**40])
def test_peak_is_what_the_notes_say(budget):
    if test_memory.pytestmark.args[0]:
        pytest.skip(test_memory.pytestmark.kwargs["reason"])
    n, d, n_sources, k, pixels = 2500, 500, 4, 4, 9
    peak = test_memory.child(
        f"""
images = rng.integers(0, 9, size=({n}, 3, 3))
parts = {{i: features({n}, {d}, "float64") for i in range({n_sources})}}
small = {{i: part[:, :9].copy() for i, part in parts.items()}}
transferscore.higher_order_h_score(small, images, n_threads=2)
print(json.dumps(peak_of(lambda: transferscore.higher_order_h_score(
    parts, images, order=3, n_colours={k}, memory_budget={budget}, n_threads=2))))
"""
    )
    sizes = [size * d for size in (1, 2, 3) for _ in combinations(range(n_sources), size)]
    held = sum(8 * size**2 for size in sizes) if budget else 8 * max(sizes) ** 2
    n_pairs = n_sources * (n_sources - 1) // 2 if budget else 3
    limit = n_sources * 8 * d**2 + held + 8 * max(sizes) ** 2 + n_pairs * 8 * d**2
    limit += (240 * 384 + 24 * d) * test_memory.KIBI  # blocks of samples
    limit += pixels * (n * 12 + 8 * k * n_sources * d) + 2 * n * 116
    assert peak <= 1.1 * limit + 20 * test_memory.MEBI
    if budget:
        assert peak >= held / 2
