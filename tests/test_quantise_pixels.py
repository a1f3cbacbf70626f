"""Colours of pixels: against the reference and Birch, laws, hostile images, any layout."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import Birch

from tolerances import FLOAT64, NEAR_BEST_COLOURS, REORDERED
from transferscore import quantise_pixels, reference
from transferscore._backend import backend


def one_pixel(x):
    return np.asarray(x).reshape(-1, 1, 1)


def colours(x, k=16):
    """Of numbers (n,): (n,)."""
    return quantise_pixels(one_pixel(x), n_colours=k)[:, 0]


def sum_of_squares(x, ids):
    x = np.asarray(x, dtype=np.float64)
    means = np.bincount(ids, weights=x) / np.bincount(ids)
    return float(np.sum((x - means[ids]) ** 2))


def least_sum_of_squares(x, k):
    """By the definition of reference.best_intervals with sums of sums: for thousands of numbers."""
    x = np.sort(x) - np.median(x)
    n = len(x)
    sums, squares = (np.append(0, np.cumsum(x**p)) for p in (1, 2))
    best = np.append(0, np.full(n, np.inf))
    for _ in range(k):
        before = best.copy()
        for j in range(1, n + 1):
            size = np.arange(j, 0, -1)
            cost = squares[j] - squares[:j] - (sums[j] - sums[:j]) ** 2 / size
            best[j] = np.min(before[:j] + cost)
        best[0] = np.inf
    return best[n]


def gapless(labels):
    return all(len(np.unique(column)) == column.max() + 1 for column in labels.T)


# ------------------------------------------------------------------------------- numbers


def numbers():
    rng = np.random.default_rng(3)
    normal = rng.normal(size=90)
    return {
        "normal": normal,
        "offset 1e8": normal + 1e8,
        "tiny": normal * 1e-300,
        "subnormal": np.round(normal * 20) * 5e-324,
        "huge, both signs": normal / np.abs(normal).max() * 1.7e308,
        "one far away": np.append(normal, 1e6),
        "long tail": rng.standard_cauchy(80),
        "two groups": np.append(1e-3 * rng.normal(size=50), 7 + rng.normal(size=30)),
        "repeated": np.repeat(rng.normal(size=30), rng.integers(1, 9, 30)),
        "int64 to its ends": rng.integers(-(2**63), 2**63 - 1, 70, endpoint=True),
        "uint64 to its end": rng.integers(0, 2**64 - 1, 70, dtype=np.uint64, endpoint=True),
    }


@pytest.mark.parametrize("k", [2, 3, 16])
@pytest.mark.parametrize("case", numbers())
def test_equals_the_reference(case, k):
    x = numbers()[case]
    scaled = x.astype(np.float64)
    scaled = scaled / np.abs(scaled).max()  # the reference squares them as they are
    expected = reference.quantise_pixels(one_pixel(scaled), n_colours=k)[:, 0]
    np.testing.assert_array_equal(colours(x, k), expected)


@pytest.mark.parametrize("k", [2, 5, 16])
def test_bytes_reach_the_least_sum(rng, k):
    # Integers have partitions that are equally good: sums are compared, not colours.
    x = rng.integers(0, 256, 500).astype(np.uint8)
    expected = reference.quantise_pixels(one_pixel(x), n_colours=k)[:, 0]
    sums = [sum_of_squares(x, ids) for ids in (colours(x, k), expected)]
    assert sums[0] == pytest.approx(sums[1], rel=FLOAT64)


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: rng.normal(size=2500),
        lambda rng: rng.exponential(size=2500),
        lambda rng: rng.standard_cauchy(size=2500),
        lambda rng: np.exp(3 * rng.normal(size=2500)),
        lambda rng: np.append(rng.normal(size=1500), 50 + 1e-3 * rng.normal(size=1000)),
    ],
    ids=["normal", "exponential", "Cauchy", "log-normal", "two groups"],
)
@pytest.mark.parametrize("k", [3, 16])
def test_many_values_come_near_the_least_sum(rng, draw, k):
    x = draw(rng)
    ids = colours(x, k)
    least = least_sum_of_squares(x, k)
    assert sum_of_squares(x, ids) <= (1 + NEAR_BEST_COLOURS) * least
    assert sum_of_squares(x, ids) >= (1 - FLOAT64) * least
    # No value is nearer to another mean.
    means = np.bincount(ids, weights=x) / np.bincount(ids)
    np.testing.assert_array_equal(np.abs(x[:, np.newaxis] - means).argmin(axis=1), ids)


@pytest.mark.parametrize("seed", range(3))
def test_no_sum_is_larger_than_that_of_birch(seed):
    # What the published protocol does, on values between 0 and 1 with groups and a background.
    rng = np.random.default_rng(seed)
    x = np.append(rng.random(1500), np.clip(0.05 * rng.normal(size=1500) + 0.4, 0, 1))
    birch = Birch(threshold=0.01, branching_factor=50, n_clusters=16).fit(x[:, np.newaxis])
    assert sum_of_squares(x, colours(x)) <= sum_of_squares(x, birch.labels_)


@settings(max_examples=60, deadline=None)
@given(
    x=st.lists(st.integers(-40, 40) | st.floats(-1e300, 1e300), min_size=2, max_size=40),
    k=st.integers(2, 20),
)
def test_laws_of_colours(x, k):
    x = np.array(x, dtype=np.float64)
    ids = colours(x, k)
    # Intervals: a colour for each value, in the order of values, without gaps.
    order = np.argsort(x, kind="stable")
    steps = np.diff(ids[order])
    assert ids[order[0]] == 0
    assert set(steps) <= {0, 1}
    assert not steps[np.diff(x[order]) == 0].any()
    assert ids.max() < k
    rng = np.random.default_rng(0)
    shuffled = rng.permutation(len(x))
    np.testing.assert_array_equal(colours(x[shuffled], k), ids[shuffled])
    if np.abs(x).max() < 1e299:
        np.testing.assert_array_equal(colours(4 * x, k), ids)


@pytest.mark.parametrize("k", [2, 3, 16, 1024])
def test_fewer_values_than_colours_are_all_kept(k):
    x = np.array([5, -1, 5, 300, -1, 7], dtype=np.int16)
    values, ids = np.unique(x, return_inverse=True)
    if k >= len(values):
        np.testing.assert_array_equal(colours(x, k), ids)
    assert colours(x, k).max() + 1 == min(k, len(values))


def test_two_values_however_near():
    x = np.where(np.arange(9) % 3 == 0, 1.0, np.nextafter(1.0, 2.0))
    np.testing.assert_array_equal(colours(x), (x > 1).astype(int))


def test_more_colours_than_cells_by_default():
    x = np.random.default_rng(0).normal(size=3000)
    ids = colours(x, 1024)
    assert ids.max() + 1 == 1024
    assert sum_of_squares(x, ids) < sum_of_squares(x, colours(x, 512)) / 3


def test_many_rare_values_beside_a_common_one_and_one_far_away():
    # Cells of equally many samples, or of equal width, would be fewer than colours.
    rare = np.linspace(1, 2, 4000)
    x = np.concatenate([np.zeros(200_000), rare, [1e9]])
    ids = colours(x, 300)
    assert ids.max() + 1 == 300
    assert sum_of_squares(x, ids) < 4000 * (1 / 290) ** 2 / 12


def test_no_seed_is_involved(rng):
    images = rng.normal(size=(50, 4, 4))
    expected = quantise_pixels(images, n_colours=5)
    for seed in (7, None, np.random.default_rng(1)):
        np.testing.assert_array_equal(
            quantise_pixels(images, n_colours=5, random_state=seed), expected
        )


# ------------------------------------------------------------------------------- vectors


def squares(images, side):
    """Images (n, H, W, C) as vectors (n, L, side side C)."""
    n, height, width, channels = images.shape
    cut = images.reshape(n, height // side, side, width // side, side, channels)
    return cut.transpose(0, 1, 3, 2, 4, 5).reshape(n, -1, side * side * channels)


def renumbered(ids):
    """Ids (n,) in the order in which they first occur."""
    _, first, inverse = np.unique(ids, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]


@pytest.mark.parametrize(("side", "channels"), [(2, 1), (1, 3), (3, 2)])
def test_vectors_are_clustered_by_k_means(rng, side, channels):
    images = rng.normal(size=(150, 6, 12, channels))
    labels = quantise_pixels(images, n_colours=5, superpixel=side, layout="hwc", random_state=3)
    vectors = squares(images, side)
    assert labels.shape == vectors.shape[:2]
    for position in range(labels.shape[1]):
        z = np.ascontiguousarray(vectors[:, position])
        # Shifted and scaled as the kernel does it: k-means measures its tolerance in the unit.
        z = (z - z[len(z) // 2]) / 2.0 ** np.floor(np.log2(np.abs(z).max()))
        z = z / 2.0 ** np.floor(np.log2(np.abs(z).max()))
        expected = backend.k_means(z, 5, seed=3, n_threads=1)
        np.testing.assert_array_equal(labels[:, position], renumbered(expected))


def test_layouts_of_channels_are_the_same_pixels(rng):
    images = rng.normal(size=(60, 4, 6, 3))
    planes = np.ascontiguousarray(np.moveaxis(images, -1, 1))
    for side in (1, 2):
        labels = quantise_pixels(images, superpixel=side, layout="hwc", n_colours=4)
        np.testing.assert_array_equal(
            labels, quantise_pixels(planes, superpixel=side, layout="chw", n_colours=4)
        )


def test_one_channel_is_a_number(rng):
    images = rng.normal(size=(60, 4, 6))
    expected = quantise_pixels(images)
    np.testing.assert_array_equal(quantise_pixels(images[..., np.newaxis], layout="hwc"), expected)
    np.testing.assert_array_equal(quantise_pixels(images[:, np.newaxis], layout="chw"), expected)


def test_equal_vectors_have_one_colour_and_few_have_one_each(rng):
    few = rng.normal(size=(4, 2, 2))
    which = rng.integers(0, 4, 80)
    labels = quantise_pixels(few[which], superpixel=2, n_colours=16)
    np.testing.assert_array_equal(labels[:, 0], renumbered(which))


@pytest.mark.parametrize("scale", [1e-300, 1e300])
@pytest.mark.parametrize("offset", [0, 1e6])
def test_vectors_of_any_size(rng, scale, offset):
    centres = 50 * rng.normal(size=(5, 2, 2))
    which = rng.integers(0, 5, 100)
    images = (centres[which] + rng.normal(size=(100, 2, 2)) + offset) * scale
    labels = quantise_pixels(images, superpixel=2, n_colours=5)
    np.testing.assert_array_equal(labels[:, 0], renumbered(which))


def test_the_seed_is_the_same_at_every_position(rng):
    # Overlapping clusters, so that another seed gives another partition.
    images = np.tile(rng.normal(size=(200, 2, 2)), (1, 3, 3))
    labels = quantise_pixels(images, superpixel=2, n_colours=8)
    assert (labels == labels[:, :1]).all()
    other = quantise_pixels(images, superpixel=2, n_colours=8, random_state=1)
    assert (other[:, 0] != labels[:, 0]).any()
    drawn = [
        quantise_pixels(images, superpixel=2, n_colours=8, random_state=np.random.default_rng(5))
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*drawn)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_large_problem_has_the_threads_for_itself(n_threads):
    # n q k over 2e8: k-means runs on all threads inside, and must not mind.
    rng = np.random.default_rng(0)
    images = rng.integers(0, 2, size=(13_000, 4, 8)).astype(np.uint8)
    images[:, :, 3:] = images[:, :1, 3:4]  # few different vectors on the right, for speed
    labels = quantise_pixels(images[:, :, 4:], superpixel=4, n_colours=1000, n_threads=n_threads)
    np.testing.assert_array_equal(labels[:, 0], renumbered(images[:, 0, 7]))


# ----------------------------------------------------------------- positions and threads


@pytest.mark.parametrize("side", [1, 2])
def test_a_crop_has_the_labels_of_the_whole(rng, side):
    images = rng.normal(size=(90, 12, 16))
    whole = quantise_pixels(images, superpixel=side, n_colours=6)
    whole = whole.reshape(90, 12 // side, 16 // side)
    crop = quantise_pixels(images[:, 4:10, 2:14], superpixel=side, n_colours=6)
    part = whole[:, 4 // side : 10 // side, 2 // side : 14 // side]
    np.testing.assert_array_equal(crop, part.reshape(90, -1))


@pytest.mark.parametrize("side", [1, 4])
def test_the_same_labels_for_any_number_of_threads(rng, side):
    images = rng.normal(size=(400, 16, 16)).astype(np.float32)
    expected = quantise_pixels(images, superpixel=side, n_threads=1)
    for n_threads in (2, 8):
        labels = quantise_pixels(images, superpixel=side, n_threads=n_threads)
        np.testing.assert_array_equal(labels, expected)


def test_positions_are_read_in_parts(rng):
    # 64 MiB of values and labels hold 21 positions of 260,000 images.
    images = rng.integers(0, 3, size=(260_000, 5, 5), dtype=np.uint8)
    labels = quantise_pixels(images)
    np.testing.assert_array_equal(labels, images.reshape(len(images), -1))


# ------------------------------------------------------------------------------- layouts


def stored(images):
    """The same images in every kind of memory."""
    dtype = images.dtype
    wide = np.zeros((2 * images.shape[0], *images.shape[1:-1], 3 * images.shape[-1]), dtype)
    wide[::2, :, ::3] = images
    record = np.zeros(images.shape, dtype=[("tag", "i1"), ("x", dtype)])
    record["x"] = images
    shifted = np.frombuffer(b"\0" + images.tobytes(), dtype=np.uint8)[1:].view(dtype)
    read_only = images.copy()
    read_only.flags.writeable = False
    return {
        "C": images,
        "Fortran": np.asfortranarray(images),
        "images last": np.moveaxis(np.ascontiguousarray(np.moveaxis(images, 0, -1)), -1, 0),
        "strided": wide[::2, :, ::3],
        "reversed": images[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1],
        "swapped bytes": images.astype(dtype.newbyteorder()),
        "field of records": record["x"],
        "unaligned": shifted.reshape(images.shape),
        "read-only": read_only,
        "list": images.tolist(),
    }


DTYPES = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "g", "?"]


@pytest.mark.parametrize("layout", stored(np.zeros((2, 2, 2))))
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_number_type_in_any_memory(dtype, layout):
    rng = np.random.default_rng(1)
    images = rng.integers(0, 2 if dtype == "?" else 100, size=(70, 3, 5)).astype(dtype)
    before = images.copy()
    expected = quantise_pixels(images.astype(np.float64), n_colours=6)
    np.testing.assert_array_equal(
        quantise_pixels(stored(images)[layout], n_colours=6), expected, strict=True
    )
    np.testing.assert_array_equal(images, before)


def test_a_file_mapped_for_reading(rng, tmp_path):
    images = rng.integers(0, 2**16, size=(40, 6, 6)).astype(np.uint16)
    np.save(tmp_path / "depth.npy", images)
    mapped = np.load(tmp_path / "depth.npy", mmap_mode="r")
    np.testing.assert_array_equal(quantise_pixels(mapped), quantise_pixels(images))


def test_labels_are_as_h_score_takes_them(rng):
    images = rng.normal(size=(60, 3, 3))
    labels = quantise_pixels(images, n_colours=4)
    assert labels.shape == (60, 9)
    assert labels.dtype == np.int32
    assert gapless(labels)
    labels[:] = 0  # the caller's own


# ------------------------------------------------------------------------------- errors

GOOD = np.arange(24.0).reshape(4, 2, 3)
COLOURED = np.zeros((4, 2, 3, 3))


def with_value(value, where, dtype=np.float64, shape=(4, 2, 3)):
    images = np.zeros(shape, dtype=dtype)
    images[where] = value
    return images


ERRORS = {
    "one axis": ((GOOD[:, 0, 0],), {}, r"`target_images` must have shape \(n, H, W\), got \(4,\)"),
    "two axes": ((GOOD[:, 0],), {}, r"\(n, H, W\), got \(4, 3\)"),
    "five axes": ((GOOD[..., None, None],), {}, r"\(n, H, W\), got \(4, 2, 3, 1, 1\)"),
    "no layout": ((COLOURED,), {}, r"`layout` must be 'hwc' or 'chw' for .* four axes, got None"),
    "no such layout": ((COLOURED,), {"layout": "nhwc"}, r"`layout` must be None, .* got 'nhwc'"),
    "no channels": ((GOOD,), {"layout": "chw"}, r"shape \(n, C, H, W\) for layout 'chw', got"),
    "no pixels": ((np.zeros((4, 0, 3)),), {}, r"must have pixels, got shape \(4, 0, 3\)"),
    "no images": ((np.zeros((0, 2, 3)),), {}, r"must have pixels, got shape \(0, 2, 3\)"),
    "one image": ((GOOD[:1],), {}, r"at least two images, got one"),
    "nan": ((with_value(np.nan, (2, 1, 0)),), {}, r"got nan in image 2 at row 1, column 0$"),
    "infinity": (
        (with_value(-np.inf, (3, 0, 2), np.float32),),
        {},
        r"finite, got -inf in image 3 at row 0, column 2",
    ),
    "nan in float16": ((with_value(np.nan, (0, 0, 1), np.float16),), {}, r"got nan in image 0"),
    "nan in a channel": (
        (with_value(np.nan, (2, 2, 1, 0), shape=(4, 3, 2, 3)),),
        {"layout": "chw"},
        r"image 2 at row 1, column 0, channel 2",
    ),
    "beyond float64": ((with_value(np.longdouble(10) ** 400, (1, 0, 0), "g"),), {}, r"got inf"),
    "far inside": (
        (with_value(np.nan, (700, 99, 98), shape=(900, 100, 100)),),
        {},
        r"image 700 at row 99, column 98",
    ),
    "superpixel": ((GOOD,), {"superpixel": 2}, r"`superpixel` must divide .*, 2 and 3, got 2"),
    "superpixel of zero": ((GOOD,), {"superpixel": 0}, r"`superpixel` must be at least 1, got 0"),
    "one colour": ((GOOD,), {"n_colours": 1}, r"`n_colours` must be at least 2, got 1"),
    "too many colours": ((GOOD,), {"n_colours": 1025}, r"`n_colours` must be at most 1024, got"),
    "seed": ((GOOD,), {"random_state": -1}, r"`random_state` must be at least 0, got -1"),
    "ragged": (([[[1.0, 2.0]], [[1.0]]],), {}, r"`target_images` must be a rectangular array"),
    "masked": ((np.ma.masked_equal(GOOD, 5),), {}, r"`target_images` must not have masked values"),
    "complex": ((GOOD + 1j,), {}, r"`target_images` must hold real numbers, got dtype complex128"),
    "text": ((GOOD.astype(str),), {}, r"must hold real numbers, got dtype <U"),
    "float colours": ((GOOD,), {"n_colours": 4.0}, r"`n_colours` must be an integer, got 4.0"),
    "true": ((GOOD,), {"superpixel": True}, r"`superpixel` must be an integer, got True"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_bad_images_and_options(case):
    arguments, options, text = ERRORS[case]
    if case == "beyond float64" and np.finfo("g").maxexp <= 1024:
        pytest.skip("long double is double here")
    with pytest.raises((ValueError, TypeError), match=text):
        quantise_pixels(*arguments, **options)


def test_the_reference_minimises(rng):
    # Its sum against every partition into intervals, so that it can be trusted above.
    x = np.sort(rng.normal(size=9))
    ids = reference.quantise_pixels(one_pixel(x), n_colours=3)[:, 0]
    sums = [
        sum_of_squares(x, (np.arange(9) >= i).astype(int) + (np.arange(9) >= j))
        for i in range(1, 8)
        for j in range(i + 1, 9)
    ]
    assert sum_of_squares(x, ids) == pytest.approx(min(sums), rel=REORDERED)
