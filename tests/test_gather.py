"""Features at pixels: against the reference, SciPy and PyTorch's formula, all inputs, errors."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from conftest import blocks
from tolerances import FLOAT32, FLOAT64
from transferscore import gather_pixel_features, reference, sample_pixels

# Layout as a user has it, from (N, C, h, w).
LAYOUTS = {
    "channels_first": lambda maps: maps,
    "channels_last": lambda maps: np.moveaxis(maps, 1, -1),
}


def sampled(rng, shape, n=60, n_images=3, seed=0):
    labels = np.stack([blocks(rng, shape, 3) for _ in range(n_images)])
    return sample_pixels(labels, n, where="uniform", ndim=len(shape), random_state=seed)


def of_each_image(maps, pixels, interpolation):
    """The reference, image by image."""
    linear = "nearest" if interpolation == "nearest" else "linear"
    parts = [
        reference.gather_pixel_features(
            maps[i],
            pixels.coordinates[pixels.image == i],
            pixels.shapes[i],
            interpolation=linear,
        )
        for i in np.unique(pixels.image)
    ]
    return np.concatenate(parts)


def torch_bilinear(maps, shape):
    """Whole images (N, C, H, W) by the formula of torch.nn.functional.interpolate."""
    for axis, size in ((2, shape[0]), (3, shape[1])):
        h = maps.shape[axis]
        real = np.maximum((np.arange(size) + 0.5) * (h / size) - 0.5, 0)
        low = real.astype(int)
        high = np.minimum(low + 1, h - 1)
        weight = (real - low).reshape([-1 if k == axis else 1 for k in range(4)])
        maps = (1 - weight) * maps.take(low, axis) + weight * maps.take(high, axis)
    return maps


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("scale", [(1, 1), (4, 4), (3, 3), (2, 8), (24, 32)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equals_the_reference(rng, dtype, scale, interpolation, layout):
    pixels = sampled(rng, (24, 96))
    maps = rng.normal(size=(3, 21, 24 // scale[0], 96 // scale[1])).astype(dtype)
    found = gather_pixel_features(
        LAYOUTS[layout](maps), pixels, layout=layout, interpolation=interpolation
    )
    assert found.dtype == dtype
    tolerance = FLOAT64 if dtype == np.float64 else FLOAT32
    expected = of_each_image(maps, pixels, interpolation)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("interpolation", ["nearest", "trilinear"])
@pytest.mark.parametrize("scale", [(1, 1, 1), (2, 2, 2), (1, 3, 3), (6, 2, 1)])
def test_equals_the_reference_in_volumes(rng, scale, interpolation):
    pixels = sampled(rng, (6, 12, 18))
    maps = rng.normal(size=(3, 5, *(n // s for n, s in zip((6, 12, 18), scale, strict=True))))
    found = gather_pixel_features(maps, pixels, interpolation=interpolation)
    np.testing.assert_allclose(found, of_each_image(maps, pixels, interpolation), rtol=FLOAT64)


@pytest.mark.parametrize("scale", [1, 2, 3, 5])
def test_whole_images_are_those_of_pytorch_and_scipy(rng, scale):
    shape = (6 * scale, 7 * scale)
    pixels = sample_pixels(np.zeros((2, *shape), int), 2 * 42 * scale**2, where="uniform")
    maps = rng.normal(size=(2, 4, 6, 7))
    whole = gather_pixel_features(maps, pixels, interpolation="bilinear").reshape(2, *shape, 4)
    np.testing.assert_allclose(np.moveaxis(whole, -1, 1), torch_bilinear(maps, shape), rtol=FLOAT64)
    at = (np.indices(shape) + 0.5) / scale - 0.5
    scipys = [[map_coordinates(c, at, order=1, mode="nearest") for c in image] for image in maps]
    np.testing.assert_allclose(np.moveaxis(whole, -1, 1), scipys, rtol=FLOAT64)
    nearest = gather_pixel_features(maps, pixels).reshape(2, *shape, 4)
    repeated = maps.repeat(scale, axis=2).repeat(scale, axis=3)
    np.testing.assert_array_equal(np.moveaxis(nearest, -1, 1), repeated)


def test_nearest_features_are_the_very_values(rng):
    pixels = sampled(rng, (20, 20))
    maps = rng.normal(size=(3, 4, 5, 5)).astype(np.float32)
    expected = maps[pixels.image, :, pixels.coordinates[:, 0] // 4, pixels.coordinates[:, 1] // 4]
    np.testing.assert_array_equal(gather_pixel_features(maps, pixels), expected)


# ------------------------------------------------------------------ what comes in


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
def test_arrays_memmaps_lists_and_iterators(rng, tmp_path, interpolation, layout):
    pixels = sampled(rng, (20, 30), n_images=5)
    maps = np.ascontiguousarray(LAYOUTS[layout](rng.normal(size=(5, 6, 10, 15)).astype(np.float32)))
    np.save(tmp_path / "maps.npy", maps)
    np.save(tmp_path / "half.npy", maps.astype(np.float16))
    wide = np.zeros((10, *maps.shape[1:]), np.float32)
    wide[::-2] = maps
    options = {"layout": layout, "interpolation": interpolation}
    expected = gather_pixel_features(maps, pixels, **options)
    mapped = np.load(tmp_path / "maps.npy", mmap_mode="r")
    for same in (
        mapped,
        list(maps),
        iter(maps),
        iter([maps[:2], maps[2], maps[3:]]),
        wide[::-2],
        np.asfortranarray(maps),
        maps.astype(">f4"),
    ):
        np.testing.assert_array_equal(gather_pixel_features(same, pixels, **options), expected)
    halves = gather_pixel_features(np.load(tmp_path / "half.npy", mmap_mode="r"), pixels, **options)
    assert halves.dtype == np.float32
    rounded = gather_pixel_features(maps.astype(np.float16).astype(np.float32), pixels, **options)
    np.testing.assert_array_equal(halves, rounded)


def test_integers_and_packed_fields(rng):
    pixels = sampled(rng, (20, 30))
    maps = rng.integers(-100, 100, (3, 6, 10, 15)).astype(np.int8)
    found = gather_pixel_features(maps, pixels)
    assert found.dtype == np.float64
    packed = np.zeros(maps.shape, [("tag", "u1"), ("value", "f8")])
    packed["value"] = maps  # nine bytes apart, not aligned
    np.testing.assert_array_equal(gather_pixel_features(packed["value"], pixels), found)


def test_images_of_different_sizes(rng):
    shapes = ((8, 12), (4, 4), (16, 8))
    pixels = sample_pixels([blocks(rng, shape, 2) for shape in shapes], 60, where="uniform")
    maps = [rng.normal(size=(3, h // 2, w // 2)) for h, w in shapes]
    found = gather_pixel_features(maps, pixels)
    np.testing.assert_allclose(found, of_each_image(maps, pixels, "nearest"), rtol=FLOAT64)
    # One size of features for label maps of several.
    same = rng.normal(size=(3, 5, 2, 2))
    np.testing.assert_allclose(
        gather_pixel_features(same, pixels, interpolation="bilinear"),
        of_each_image(same, pixels, "bilinear"),
        rtol=FLOAT64,
    )


def test_one_image(rng):
    labels = blocks(rng, (8, 8), 2)
    pixels = sample_pixels(labels, 20, where="uniform")
    maps = rng.normal(size=(3, 4, 4))
    np.testing.assert_array_equal(
        gather_pixel_features(maps, pixels), gather_pixel_features(maps[None], pixels)
    )


def test_images_without_pixels_are_passed_over(rng):
    labels = np.full((4, 6, 6), 9)
    labels[2] = blocks(rng, (6, 6), 2)
    pixels = sample_pixels(labels, 10, where="uniform", ignore_index=9)
    assert set(pixels.image) == {2}
    maps = np.full((4, 3, 6, 6), np.nan)
    maps[2] = rng.normal(size=(3, 6, 6))
    expected = of_each_image(maps, pixels, "nearest")
    for same in (maps, iter(maps)):
        np.testing.assert_array_equal(gather_pixel_features(same, pixels), expected)


def test_the_same_bits_for_any_number_of_threads(rng):
    pixels = sampled(rng, (64, 64), n=6000)
    maps = rng.normal(size=(3, 200, 16, 16)).astype(np.float32)
    one, *others = (
        gather_pixel_features(maps, pixels, interpolation="bilinear", n_threads=k)
        for k in (1, 2, 8)
    )
    for other in others:
        np.testing.assert_array_equal(other, one)


# ------------------------------------------------------------------ what is refused


def zeros(*shape):
    return np.zeros(shape)


@pytest.mark.parametrize(
    ("maps", "options", "error", "text"),
    [
        (zeros(3, 5, 7, 30), {}, ValueError, r"whole number .* got \(7, 30\) for image 0, whose"),
        (zeros(3, 5, 40, 60), {}, ValueError, r"got \(40, 60\) for image 0, .* is \(20, 30\)"),
        (zeros(3, 10, 15, 5), {}, ValueError, r"say layout='channels_last'"),
        (zeros(2, 5, 10, 15), {}, ValueError, "a map for each of 3 label maps, got 2$"),
        (zeros(4, 5, 10, 15), {}, ValueError, "a map for each of 3 label maps, got 4 or more"),
        (iter(zeros(2, 5, 10, 15)), {}, ValueError, "a map for each of 3 label maps, got 2$"),
        (iter(zeros(9, 5, 10, 15)), {}, ValueError, "got 4 or more"),
        (zeros(5, 10, 15), {}, ValueError, r"must have shape \(N, C, h, w\).* got \(5, 10, 15\)"),
        (iter(zeros(3, 15)), {}, ValueError, r"`feature_maps\[0\]` must have shape \(C, h, w\) or"),
        ([zeros(5, 10, 15), zeros(6, 10, 15), zeros(5, 10, 15)], {}, ValueError, r"got \[5, 6\]"),
        (zeros(3, 5, 10, 15) * 1j, {}, TypeError, "`feature_maps` must hold real numbers"),
        (zeros(3, 5, 10, 15) + np.inf, {}, ValueError, "got inf in image 0, channel 0, at pixel"),
        (zeros(3, 5, 10, 15), {"layout": "NCHW"}, ValueError, "`layout` must be 'channels_first'"),
        (
            zeros(3, 5, 10, 15),
            {"interpolation": "trilinear"},
            ValueError,
            "'nearest' or 'b",
        ),
    ],
)
def test_what_is_refused(rng, maps, options, error, text):
    pixels = sampled(rng, (20, 30))
    with pytest.raises(error, match=text):
        gather_pixel_features(maps, pixels, **options)


def test_pixels_must_be_a_sample(rng):
    with pytest.raises(TypeError, match="`pixels` must be a PixelSample"):
        gather_pixel_features(zeros(3, 5, 10, 15), [(0, 1, 1)])
