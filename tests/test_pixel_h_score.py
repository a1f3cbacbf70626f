"""H-score of image-to-image tasks: against the reference and separate calls, laws, hostile data."""

import signal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import test_memory
from conftest import network_features
from tolerances import CORRECTED, FLOAT32, FLOAT64, MAPPED, OF_THE_MOST, REORDERED
from transferscore import PixelHScoreResult, h_score, pixel_h_score, quantise_pixels, reference

SHRINKAGES = (None, "ledoit-wolf", 0.1, 1.0)
SHAPES = {
    "n < d": (40, 70),
    "n = d + 1": (51, 50),
    "n = d + 2": (52, 50),
    "n > d": (200, 20),
    "several tiles": (700, 400),
}

pytestmark = pytest.mark.filterwarnings(
    "ignore:the H-score of .* whatever the features:UserWarning"
)


def problem(n, d, height=3, width=4, seed=0):
    """Features, and images that they know something of: the left more than the right."""
    X, _ = network_features(n, d, 4, seed)
    rng = np.random.default_rng(seed + 1)
    known = X @ rng.normal(size=(d, height * width)) / np.sqrt(d)
    noise = rng.normal(size=(n, height, width)) * np.arange(width)
    return X, np.tanh(known.reshape(n, height, width) + noise)


def separate(X, images, **options):
    """A call for each position whose colours differ; 0 for the others."""
    quantisation = {
        name: options.pop(name)
        for name in ("n_colours", "superpixel", "layout", "random_state")
        if name in options
    }
    labels = quantise_pixels(images, **quantisation)
    return np.array([h_score(X, y, **options) if y.any() else 0.0 for y in labels.T])


# ------------------------------------------------- against the reference and separate calls


@pytest.mark.parametrize("shrinkage", SHRINKAGES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equals_the_reference(dtype, shape, shrinkage):
    n, d = SHAPES[shape]
    X, images = problem(n, d, 1, 3)
    X = X.astype(dtype)
    # Few different values: the reference takes all intervals of them.
    images = np.round(images, 1)
    result = pixel_h_score(X, images, n_colours=5, shrinkage=shrinkage)
    expected = reference.pixel_h_score(X, images, n_colours=5, shrinkage=shrinkage)
    tolerance = FLOAT64 if dtype == np.float64 else FLOAT32
    np.testing.assert_allclose(result.map, expected, rtol=tolerance, atol=OF_THE_MOST * 4)
    assert result.score == pytest.approx(expected.mean(), rel=tolerance, abs=OF_THE_MOST * 4)


@pytest.mark.parametrize("adjust", [False, True])
@pytest.mark.parametrize("shrinkage", SHRINKAGES)
@pytest.mark.parametrize("shape", ["n < d", "n = d + 2", "several tiles"])
def test_equals_separate_calls(shape, shrinkage, adjust):
    if adjust and shrinkage is None and shape == "n < d":
        pytest.skip("no score to adjust: every pixel scores the most")
    X, images = problem(*SHAPES[shape])
    options = {"shrinkage": shrinkage, "adjust_for_chance": adjust, "n_colours": 7}
    expected = separate(X, images, **options)
    result = pixel_h_score(X, images, **options)
    np.testing.assert_allclose(result.map.ravel(), expected, rtol=FLOAT64, atol=6 * OF_THE_MOST)


@pytest.mark.parametrize(
    "options",
    [
        {"superpixel": 2, "n_colours": 9},
        {"layout": "hwc", "n_colours": 5, "random_state": 4},
        {"layout": "chw", "superpixel": 3, "n_colours": 30},
    ],
    ids=["squares", "channels last", "channels first, squares"],
)
def test_vectors_equal_separate_calls(rng, options):
    X, images = problem(150, 30, 6, 12)
    if "layout" in options:
        images = images[..., np.newaxis] + rng.normal(size=(150, 6, 12, 3))
        images = np.moveaxis(images, -1, 1) if options["layout"] == "chw" else images
    side = options.get("superpixel", 1)
    result = pixel_h_score(X, images, **options)
    expected = separate(X, images, **options).reshape(6 // side, 12 // side)
    np.testing.assert_allclose(result.map, expected, rtol=REORDERED)
    assert result.superpixel == side
    assert (result.n_colours == options["n_colours"]).all()


def test_separate_calls_in_single_precision():
    # A single call of this size multiplies in float32 and corrects; all pixels share one double.
    X, images = problem(3000, 700, 1, 3)
    X = X.astype(np.float32)
    expected = separate(X, images)
    np.testing.assert_allclose(pixel_h_score(X, images).map.ravel(), expected, rtol=CORRECTED)


def test_more_positions_than_are_scored_together():
    # 64 MiB hold the class sums of 40 positions.
    X, images = problem(1100, 300, 9, 10)
    result = pixel_h_score(X, images, n_colours=700)
    labels = quantise_pixels(images, n_colours=700)
    np.testing.assert_array_equal(result.map.ravel(), h_score(X, labels))
    assert (result.n_colours == 700).all()


# ----------------------------------------------------------------------------------- laws


def test_the_result_says_what_it_was_computed_from():
    X, images = problem(90, 20)
    X[:, 3] = X[:, 4]
    result = pixel_h_score(X, images, n_colours=5)
    assert isinstance(result, PixelHScoreResult)
    assert result.score == result.map.mean()
    assert result.map.shape == result.n_colours.shape == images.shape[1:]
    assert (result.n, result.d, result.rank, result.shrinkage) == (90, 20, 19, 0)
    assert (result.n_constant, result.superpixel) == (0, 1)
    shrunk = pixel_h_score(X, images, shrinkage="ledoit-wolf")
    assert shrunk.rank is None
    one = h_score(X, np.arange(90) % 3, shrinkage="ledoit-wolf", full_output=True)
    assert shrunk.shrinkage == pytest.approx(one.shrinkage, rel=REORDERED)
    # Pixels that the features know score higher.
    assert result.map[:, 0].min() > 1.5 * result.map[:, 1:].max()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 99),
    n=st.integers(4, 60),
    d=st.integers(1, 30),
    k=st.integers(2, 9),
    shrinkage=st.sampled_from(SHRINKAGES),
)
def test_scores_stay_within_their_bounds(seed, n, d, k, shrinkage):
    X, images = problem(max(n, 4), d, 2, 3, seed)
    result = pixel_h_score(X, images, n_colours=k, shrinkage=shrinkage)
    assert (result.map >= 0).all()
    assert (result.map <= np.minimum(result.n_colours - 1, d)).all()
    different = [len(np.unique(pixel)) for pixel in images.reshape(len(images), -1).T]
    np.testing.assert_array_equal(result.n_colours.ravel(), np.minimum(different, k))


def test_unchanged_by_what_changes_no_colour_and_no_score(rng):
    X, images = problem(150, 12)
    expected = pixel_h_score(X, images).map
    order = rng.permutation(150)
    mixed = X @ rng.normal(size=(12, 12)) - 5
    for other in (
        pixel_h_score(X[order], images[order]),
        pixel_h_score(mixed, images),
        pixel_h_score(X, 4 * images),
        pixel_h_score(X, images.astype(np.longdouble)),
    ):
        np.testing.assert_allclose(other.map, expected, rtol=MAPPED)


def test_a_target_that_the_features_are_is_predicted_whole(rng):
    known = rng.integers(0, 5, size=(400, 2, 3)).astype(np.uint8)
    X = np.concatenate([known.reshape(400, -1) == value for value in range(5)], axis=1)
    result = pixel_h_score(X, known)
    np.testing.assert_allclose(result.map, 4, rtol=FLOAT64)


@pytest.mark.parametrize("side", [1, 2])
def test_a_crop_has_the_map_of_the_whole(side):
    X, images = problem(120, 20, 8, 12)
    whole = pixel_h_score(X, images, superpixel=side, n_colours=6).map
    crop = pixel_h_score(X, images[:, 2:6, 4:12], superpixel=side, n_colours=6).map
    np.testing.assert_array_equal(crop, whole[2 // side : 6 // side, 4 // side :])


@pytest.mark.parametrize("shape", [(500, 90), (90, 500)])
@pytest.mark.parametrize("shrinkage", [None, "ledoit-wolf"])
@pytest.mark.parametrize("side", [1, 2])
def test_the_same_bits_for_any_number_of_threads(shape, shrinkage, side):
    X, images = problem(*shape, 6, 8)
    options = {"shrinkage": shrinkage, "superpixel": side}
    expected = pixel_h_score(X, images, n_threads=1, **options)
    for n_threads in (2, 8):
        result = pixel_h_score(X, images, n_threads=n_threads, **options)
        np.testing.assert_array_equal(result.map, expected.map)
        assert result.score == expected.score


# -------------------------------------------------------------------------------- hostile


def test_constant_pixels_score_zero_and_count_in_the_mean():
    X, images = problem(80, 10)
    expected = pixel_h_score(X, images).map
    images[:, 0, :2] = 0.1  # no float64 has this value
    images[:, 2, 3] = -1e300
    for options in ({}, {"shrinkage": "ledoit-wolf"}, {"adjust_for_chance": True}):
        result = pixel_h_score(X, images, **options)
        constant = result.n_colours == 1
        assert result.n_constant == constant.sum() == 3
        assert (result.map[constant] == 0).all()
        assert result.score == result.map.mean()
    result = pixel_h_score(X, images)
    others = result.score * 12 / (12 - result.n_constant)
    assert others == pytest.approx(expected[~constant].mean(), rel=REORDERED)


@pytest.mark.parametrize("shape", [(40, 70), (70, 40)])
def test_constant_pixels_with_few_samples(shape):
    X, images = problem(*shape)
    images[:, 1] = 7
    result = pixel_h_score(X, images)
    assert result.n_constant == 4
    assert (result.map[1] == 0).all()
    assert (result.map[0] > 0).all()


def test_images_that_are_all_the_same_are_refused():
    X, images = problem(40, 10)
    images[:] = images[0]
    with pytest.raises(ValueError, match="`target_images` must differ from each other"):
        pixel_h_score(X, images)


def test_two_colours_and_two_images():
    X, images = problem(60, 8)
    binary = images > 0
    result = pixel_h_score(X, binary)
    assert (result.n_colours == 2).all()
    expected = h_score(X, binary.reshape(60, -1))
    np.testing.assert_array_equal(result.map.ravel(), expected)
    two = pixel_h_score(X[:2], images[:2])  # n - 1 = 1 direction tells two images apart
    assert two.score == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda X: X + 1e6,
        lambda X: X * 1e-200,
        lambda X: X * 1e150,
        lambda X: X * 10.0 ** (np.arange(12) - 6),
        lambda X: np.hstack([X, X, 0 * X]),
    ],
    ids=["offset", "tiny", "huge", "units", "dependent and dead"],
)
def test_hostile_features(change):
    X, images = problem(90, 12)
    expected = pixel_h_score(X, images).map
    np.testing.assert_allclose(pixel_h_score(change(X), images).map, expected, rtol=MAPPED)


def test_constant_features_score_nothing():
    _, images = problem(30, 4)
    for d in (3, 50):
        result = pixel_h_score(np.full((30, d), 0.1), images)
        assert (result.map == 0).all()
        assert result.rank == 0


def test_features_that_overflow_are_refused():
    X, images = problem(400, 5)
    X[301, 2] = 1e300  # not among the rows from which the scale is taken
    with pytest.raises(ValueError, match="`features` must have squares within the range"):
        pixel_h_score(X, images, shrinkage=0.1)


def test_inputs_are_never_written():
    X, images = problem(70, 9)
    X, images = X.astype(np.float32), images.astype(">f4")
    X.flags.writeable = images.flags.writeable = False
    before = X.tobytes(), images.tobytes()
    pixel_h_score(X, images, shrinkage="ledoit-wolf")
    assert before == (X.tobytes(), images.tobytes())


def test_rank_n_minus_one_is_said():
    X, images = problem(30, 40)
    with pytest.warns(UserWarning, match="of 30 samples with 40 features .* shrinkage"):
        result = pixel_h_score(X, images, n_colours=4)
    assert (result.map == 3).all()
    with pytest.raises(ValueError, match="`adjust_for_chance` must be False where the rank"):
        pixel_h_score(X, images, adjust_for_chance=True)


GOOD = np.arange(12.0).reshape(6, 2), np.arange(24.0).reshape(6, 2, 2)


@pytest.mark.parametrize(
    ("arguments", "options", "text"),
    [
        ((GOOD[0][:5], GOOD[1]), {}, "an image for each row of `features`, 5, got 6"),
        ((GOOD[0][0], GOOD[1]), {}, r"`features` must have shape \(n, d\), got \(2,\)"),
        ((GOOD[0] * np.nan, GOOD[1]), {}, "`features` must be finite, got nan at row 0, column 0"),
        ((GOOD[0], GOOD[1] * np.nan), {}, "`target_images` must be finite, got nan in image 0"),
        ((GOOD[0][:1], GOOD[1][:1]), {}, "`target_images` must have at least two images, got one"),
        (GOOD, {"superpixel": 4}, "`superpixel` must divide the height and the width"),
        (GOOD, {"n_colours": 0}, "`n_colours` must be at least 2, got 0"),
        (GOOD, {"shrinkage": 2}, "`shrinkage` must be None, 'ledoit-wolf' or a number"),
        (GOOD, {"layout": "hwc"}, r"must have shape \(n, H, W, C\) for layout 'hwc', got"),
        (GOOD, {"n_threads": 0}, "`n_threads` must be between 1 and 1024, got 0"),
    ],
)
def test_bad_arguments(arguments, options, text):
    with pytest.raises(ValueError, match=text):
        pixel_h_score(*arguments, **options)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")
@pytest.mark.parametrize("side", [1, 4])
def test_a_signal_ends_a_call(side):
    # More than ten seconds of sorting or k-means.
    X = np.random.default_rng(0).normal(size=(20_000, 8))
    images = np.random.default_rng(1).random(size=(20_000, 32, 32), dtype=np.float32)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            pixel_h_score(X, images, superpixel=side, n_colours=256)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# --------------------------------------------------------------------------------- memory


def documented(n, d, *, n_positions, n_colours, q, n_threads=2):
    """Bytes beyond the inputs, as the Notes give them."""
    part = 64 * test_memory.MEBI
    together = min(n_positions, part // (n * (8 * q + 4)), part // (8 * n_colours * d))
    together = max(1, together)
    squares = 16 * d**2 if n > d + 1 else 32 * n**2
    smaller = min(n, d)
    blocks = 240 * test_memory.KIBI * min(smaller, 384) + 24 * test_memory.KIBI * smaller
    parts = together * (n * (8 * q + 4) + 8 * n_colours * d)
    return squares + blocks + parts + min(together, n_threads) * n * (16 * q + 100)


# Dependent features or samples: the factor needs pivots, or the score a projection.
EQUAL = {"features": "X[:, 1280:] = X[:, :1280]", "samples": "X[1280:] = X[:1280]", None: ""}


@pytest.mark.parametrize(
    ("size", "pixels", "side", "n_colours", "equal", "least"),
    [
        # All values and labels would be 183 MiB.
        ((20_000, 32), (40, 20), 1, 16, None, 50),
        # All class sums would be 400 MiB.
        ((1500, 1024), (10, 20), 1, 256, None, 70),
        # One position alone has more than 64 MiB of values.
        ((600_000, 4), (4, 8), 4, 3, None, 100),
        # 16 d^2 is 100 MiB.
        ((3000, 2560), (4, 4), 1, 4, None, 50),
        ((3000, 2560), (4, 4), 1, 4, "features", 50),
        ((2560, 3000), (4, 4), 1, 4, None, 50),
        ((2560, 3000), (4, 4), 1, 4, "samples", 50),
    ],
)
def test_peak_is_what_the_notes_say(size, pixels, side, *, n_colours, equal, least):
    if test_memory.pytestmark.args[0]:
        pytest.skip(test_memory.pytestmark.kwargs["reason"])
    n, d = size
    peak = test_memory.child(
        f"""
X = features({n}, {d}, "float32")
{EQUAL[equal]}
images = rng.integers(0, 9999, size=({n}, *{pixels}), dtype=np.uint16)
few = dict(n_colours=3, superpixel={side}, n_threads=2)
transferscore.pixel_h_score(X[:900], images[:900, :4, :4], **few)
few["n_colours"] = {n_colours}
print(json.dumps(peak_of(lambda: transferscore.pixel_h_score(X, images, **few))))
"""
    )
    n_positions = pixels[0] * pixels[1] // side**2
    limit = 1.1 * documented(n, d, n_positions=n_positions, n_colours=n_colours, q=side**2)
    assert least * test_memory.MEBI <= peak <= limit + 20 * test_memory.MEBI
