"""Pixels near a change of label: against brute force, SciPy, other layouts; every error."""

import math

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from conftest import blocks
from transferscore import label_boundaries, reference

RADII = (0, 1, math.sqrt(2), 1.5, math.sqrt(3), 2, math.sqrt(5), 3, 3.99, 5, 6.5, 9, 14, 21)
INTEGERS = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")


def shifted(padded, step):
    """The pixels one step away, of a map padded by one."""
    return padded[tuple(slice(1 + s, n - 1 + s) for s, n in zip(step, padded.shape, strict=True))]


def changes(labels, connectivity, ignored):
    """S, by comparing whole maps that are shifted against each other."""
    kept = ~np.isin(labels, ignored)
    padded, kept_there = np.pad(labels, 1), np.pad(kept, 1)
    found = np.zeros(labels.shape, bool)
    for step in np.argwhere(np.ones((3,) * labels.ndim)) - 1:
        if 1 <= np.abs(step).sum() <= connectivity:
            found |= (labels != shifted(padded, step)) & shifted(kept_there, step)
    return found & kept


def brute_force(labels, radius, connectivity, ignored):
    """Every distance between every pixel and every change."""
    at = np.argwhere(changes(labels, connectivity, ignored))
    pixels = np.argwhere(np.ones(labels.shape, bool))
    apart = np.sqrt(((pixels[:, None] - at) ** 2).sum(axis=2))
    near = (apart <= radius).any(axis=1).reshape(labels.shape)
    return near & ~np.isin(labels, ignored)


def by_transform(labels, radius, connectivity=1, ignored=()):
    """SciPy's distance transform of what is no change."""
    found = changes(labels, connectivity, ignored)
    if not found.any():
        return found
    return (distance_transform_edt(~found) <= radius) & ~np.isin(labels, ignored)


# ------------------------------------------------------------------ the definition


@pytest.mark.parametrize("ndim", [2, 3])
def test_equals_brute_force_on_thousands_of_maps(rng, ndim):
    for trial in range(1500):
        shape = rng.integers(1, 14 if ndim == 2 else 7, ndim)
        labels = blocks(rng, shape, int(rng.integers(1, 5)), int(rng.integers(1, 5)))
        options = {
            "radius": float(rng.choice(RADII)),
            "connectivity": int(rng.integers(1, ndim + 1)),
        }
        ignored = rng.choice(5, size=trial % 3, replace=False).tolist()
        found = label_boundaries(labels, ndim=ndim, ignore_index=ignored or None, **options)
        expected = brute_force(labels, ignored=ignored, **options)
        np.testing.assert_array_equal(found, expected, f"{labels!r}, {options}, {ignored}")


@pytest.mark.parametrize("ndim", [2, 3])
def test_equals_the_reference(rng, ndim):
    for trial in range(40):
        labels = blocks(rng, rng.integers(1, 9 if ndim == 2 else 5, ndim), 3, 2)
        options = {"radius": float(rng.choice(RADII)), "connectivity": 1 + trial % ndim}
        ignored = [trial % 4]
        np.testing.assert_array_equal(
            label_boundaries(labels, ndim=ndim, ignore_index=ignored, **options),
            reference.label_boundaries(labels, ignored=ignored, **options),
        )


@pytest.mark.parametrize("radius", [0, 1, 3, 7, 12, 13, 30, 200, 32767])
def test_equals_a_distance_transform_on_large_images(rng, radius):
    """Sizes that are worked on in several blocks, stripes and pieces."""
    for shape in ((700, 530), (3, 90_000), (2000, 37)):
        labels = blocks(rng, shape, 4, 40)
        np.testing.assert_array_equal(
            label_boundaries(labels, radius=radius, connectivity=2, ignore_index=2),
            by_transform(labels, radius, 2, [2]),
        )


@pytest.mark.parametrize("radius", [0, 1, 2.5, 5, 6, 11, 70])
def test_equals_a_distance_transform_in_large_volumes(rng, radius):
    for shape in ((40, 70, 90), (3, 40, 600), (90, 5, 5)):
        labels = blocks(rng, shape, 4, 17)
        np.testing.assert_array_equal(
            label_boundaries(labels, radius=radius, connectivity=3, ndim=3, ignore_index=2),
            by_transform(labels, radius, 3, [2]),
        )


def test_a_radius_is_exact():
    """A point at the distance sqrt(k) is within sqrt(k), and not within the number before it."""
    labels = np.zeros((40, 40), int)
    labels[0, 0] = 1  # changes: (0, 0), (0, 1), (1, 0)
    for y, x in ((20, 20), (7, 33), (1, 1), (39, 39)):
        distance = min(math.dist((y, x), change) for change in ((0, 1), (1, 0)))
        assert label_boundaries(labels, radius=distance)[y, x]
        assert not label_boundaries(labels, radius=math.nextafter(distance, 0))[y, x]


def test_radius_zero_is_both_sides_of_a_change():
    labels = [[5, 5, 5], [5, 7, 5], [5, 5, 5]]
    faces = [[0, 1, 0], [1, 1, 1], [0, 1, 0]]
    np.testing.assert_array_equal(label_boundaries(labels, radius=0), faces)
    assert label_boundaries(labels, radius=0, connectivity=2).all()


def test_ignored_pixels_make_no_boundary_and_belong_to_none():
    labels = np.array([[0, 0, 9, 1, 1], [0, 0, 9, 1, 1]])
    assert not label_boundaries(labels, ignore_index=9).any()
    assert label_boundaries(labels).sum() == 10
    assert not label_boundaries(labels, ignore_index=[0, 1, 9]).any()
    labels[0, 2] = 1  # now 0 and 1 meet in the first row
    expected = [[1, 1, 1, 1, 0], [0, 1, 0, 0, 0]]
    np.testing.assert_array_equal(label_boundaries(labels, ignore_index=9), expected)


def test_labels_that_a_type_cannot_hold_are_ignored_by_nobody():
    labels = np.array([[1, 1, 255]], np.uint8)
    np.testing.assert_array_equal(
        label_boundaries(labels, ignore_index=[-1, 300]), label_boundaries(labels)
    )
    signed = np.array([[1, 1, -1]], np.int8)
    assert label_boundaries(signed, ignore_index=255).any()
    assert not label_boundaries(signed, ignore_index=-1).any()
    assert not label_boundaries(signed > 0, ignore_index=0).any()


def test_one_label_has_no_boundary():
    assert not label_boundaries(np.zeros((6, 7), int), radius=100).any()
    assert not label_boundaries([[3]], radius=0).any()


# ------------------------------------------------------------------ what comes in and goes out


@pytest.mark.parametrize("kind", INTEGERS)
def test_any_integer_type(rng, kind):
    labels = blocks(rng, (30, 40), 3)
    info = np.iinfo(kind)
    extremes = np.array([info.min, 1, info.max, info.max - 1], kind)[labels]
    expected = by_transform(labels, 2, 1, [2])
    found = label_boundaries(extremes, radius=2, ignore_index=int(info.max))
    np.testing.assert_array_equal(found, expected)
    swapped = extremes.astype(extremes.dtype.newbyteorder())
    np.testing.assert_array_equal(
        label_boundaries(swapped, radius=2, ignore_index=int(info.max)), expected
    )


def test_booleans(rng):
    labels = rng.random((20, 30)) < 0.1
    np.testing.assert_array_equal(label_boundaries(labels, radius=2), by_transform(labels, 2))


def test_any_layout_and_nothing_is_written(rng, tmp_path):
    labels = blocks(rng, (4, 30, 40), 3).astype(np.uint8)
    expected = label_boundaries(labels)
    wide = np.zeros((8, 60, 80), np.uint8)
    wide[::2, ::2, ::2] = labels
    np.save(tmp_path / "labels.npy", labels)
    mapped = np.load(tmp_path / "labels.npy", mmap_mode="r")
    for same in (np.asfortranarray(labels), wide[::2, ::2, ::2], mapped, labels[:, ::-1][:, ::-1]):
        before = same.copy()
        np.testing.assert_array_equal(label_boundaries(same), expected)
        np.testing.assert_array_equal(same, before)


def test_a_stack_is_its_maps_and_a_volume_is_not(rng):
    labels = blocks(rng, (6, 30, 40), 3)
    each = np.stack([label_boundaries(one) for one in labels])
    np.testing.assert_array_equal(label_boundaries(labels), each)
    volumes = label_boundaries(labels[None], ndim=3)
    assert volumes.shape == (1, 6, 30, 40)
    np.testing.assert_array_equal(volumes[0], by_transform(labels, 1))
    assert not np.array_equal(volumes[0], each)


def test_a_list_of_maps_of_any_sizes_and_types(rng):
    kinds = {(5, 9): "u1", (40, 30): "i4", (1, 1): "u1", (7, 7): "i8"}
    maps = [blocks(rng, shape, 3).astype(kind) for shape, kind in kinds.items()]
    found = label_boundaries(maps, radius=1.5, ignore_index=1)
    assert isinstance(found, list)
    for labels, mask in zip(maps, found, strict=True):
        np.testing.assert_array_equal(mask, label_boundaries(labels, radius=1.5, ignore_index=1))
    (alone,) = label_boundaries((maps[1],), radius=1.5, ignore_index=1)
    np.testing.assert_array_equal(alone, found[1])


@pytest.mark.parametrize("radius", [1, 20])
@pytest.mark.parametrize("shape", [(1, 900, 1100), (40, 90, 120)])
def test_the_same_for_any_number_of_threads(rng, radius, shape):
    labels = blocks(rng, shape[1:], 4, 30)[None].repeat(shape[0], axis=0)
    labels[shape[0] // 2 :, 20:50] = 9
    one, *others = (label_boundaries(labels, radius=radius, n_threads=k) for k in (1, 2, 8))
    for other in others:
        np.testing.assert_array_equal(other, one)


def test_real_label_maps(data_folder):
    with np.load(data_folder / "camvid.npz") as camvid:
        labels = camvid["y_val"][:20]
    for radius in (0, 1, 4):
        found = label_boundaries(labels, radius=radius, ignore_index=11)
        expected = [by_transform(one, radius, 1, [11]) for one in labels]
        np.testing.assert_array_equal(found, expected)
        assert 0.05 < found.mean() < 0.9


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("labels", "options", "error", "text"),
    [
        (np.zeros((3, 3)), {}, TypeError, "`label_maps` must hold integers or booleans"),
        ([np.zeros((3, 3))], {}, TypeError, r"`label_maps\[0\]` must hold integers"),
        ([["a", "b"]], {}, TypeError, "must hold integers or booleans"),
        (np.zeros(3, int), {}, ValueError, r"must have shape \(H, W\) or \(N, H, W\)"),
        (np.zeros((2, 3, 3, 1), int), {}, ValueError, r"with ndim=2, got \(2, 3, 3, 1\)"),
        (np.zeros((3, 3), int), {"ndim": 3}, ValueError, r"\(D, H, W\) or \(N, D, H, W\)"),
        (np.zeros((0, 3), int), {}, ValueError, r"got \(0, 3\)"),
        ([np.zeros((3, 3), int), np.zeros(3, int)], {}, ValueError, r"label_maps\[1\]` must have"),
        ([[1, 2], [3]], {}, ValueError, "rectangular array"),
        (np.zeros((3, 3), int), {"ndim": 4}, ValueError, "`ndim` must be 2 .* or 3"),
        (np.zeros((3, 3), int), {"radius": -1}, ValueError, "`radius` must be from 0 to 32767"),
        (np.zeros((3, 3), int), {"radius": math.nan}, ValueError, "`radius` .* got nan"),
        (np.zeros((3, 3), int), {"radius": math.inf}, ValueError, "`radius` .* got inf"),
        (np.zeros((3, 3), int), {"radius": "1"}, TypeError, "`radius` must be a number of pixels"),
        (np.zeros((3, 3), int), {"connectivity": 3}, ValueError, "from 1 to 2, got 3"),
        (np.zeros((3, 3), int), {"connectivity": 1.0}, TypeError, "`connectivity` must be an int"),
        (np.zeros((3, 3), int), {"ignore_index": 0.5}, TypeError, "one integer or several"),
        (np.zeros((3, 3), int), {"ignore_index": "sky"}, TypeError, "one integer or several"),
    ],
)
def test_what_is_refused(labels, options, error, text):
    with pytest.raises(error, match=text):
        label_boundaries(labels, **options)
