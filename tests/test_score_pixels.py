"""Many scores on the same pixels, and scores by patch: against single calls, inputs, errors."""

import math

import numpy as np
import pytest

from conftest import blocks
from transferscore import (
    PixelScores,
    ScoreMap,
    gather_pixel_features,
    h_score,
    knn,
    sample_pixels,
    score_all,
    score_map,
    score_pixels,
)


def task(seed=0, n=5, shape=(24, 36), n_labels=3):
    """Feature maps (N, 6, h, w), label maps (N, H, W), probabilities (N, 4, h, w)."""
    rng = np.random.default_rng(seed)
    labels = np.stack([blocks(rng, shape, n_labels, 6) for _ in range(n)])
    coarse = labels[:, ::2, ::2]
    features = 2 * np.eye(6)[coarse] + rng.normal(size=(*coarse.shape, 6))
    probabilities = np.exp(features[..., :4])
    probabilities /= probabilities.sum(axis=-1, keepdims=True)
    return np.moveaxis(features, -1, 1), labels, np.moveaxis(probabilities, -1, 1)


MAPS, LABELS, PROBABILITIES = task()
OPTIONS = {"n_pixels": 400, "random_state": 0}


# ------------------------------------------------------------------ score_pixels


@pytest.mark.parametrize("where", ["boundary", "balanced"])
def test_is_score_all_on_the_drawn_pixels(where):
    found = score_pixels(
        MAPS, LABELS, source_probability_maps=PROBABILITIES, where=where, repeats=3, **OPTIONS
    )
    assert isinstance(found, PixelScores)
    assert {"h_score", "logme", "leep", "nce"} <= set(found.values)
    each = [
        score_all(
            gather_pixel_features(MAPS, pixels),
            pixels.labels,
            source_probabilities=gather_pixel_features(PROBABILITIES, pixels),
        )
        for pixels in found.pixels
    ]
    for name, value in found.values.items():
        of_draws = [values[name] for values in each]
        np.testing.assert_array_equal(found.of_draws[name], of_draws)
        assert value == np.mean(of_draws)
        assert found.spread[name] == np.std(of_draws, ddof=1)


def test_one_draw_is_that_of_sample_pixels():
    found = score_pixels(MAPS, LABELS, scores=["h_score", "knn"], **OPTIONS)
    pixels = sample_pixels(LABELS, 400, random_state=0)
    features = gather_pixel_features(MAPS, pixels)
    assert list(found.values) == ["h_score", "knn"]
    assert found.values["knn"] == knn(features, pixels.labels)
    assert math.isnan(found.spread["knn"])
    (drawn,) = found.pixels
    np.testing.assert_array_equal(drawn.coordinates, pixels.coordinates)


def test_void_pixels_do_not_count():
    void = np.random.default_rng(1).random(LABELS.shape) < 0.2
    fine = MAPS.repeat(2, axis=2).repeat(2, axis=3)
    first, second = (
        score_pixels(
            np.where(void[:, None], features, fine),
            np.where(void, label, LABELS),
            ignore_index=label,
            **OPTIONS,
        )
        for label, features in ((255, np.nan), (-1, 1e6))
    )
    assert first.values == second.values


def test_iterators_layouts_and_threads():
    options = {**OPTIONS, "repeats": 2, "source_probability_maps": PROBABILITIES}
    expected = score_pixels(MAPS, LABELS, **options).values
    given = {**options, "source_probability_maps": iter(PROBABILITIES)}
    assert score_pixels(iter(MAPS), iter(LABELS), **given).values == expected
    last = {**options, "source_probability_maps": np.moveaxis(PROBABILITIES, 1, -1)}
    channels_last = score_pixels(np.moveaxis(MAPS, 1, -1), LABELS, layout="channels_last", **last)
    assert channels_last.values == expected
    for n_threads in (1, 2, 8):
        assert score_pixels(MAPS, LABELS, n_threads=n_threads, **options).values == expected


def test_probabilities_are_not_interpolated():
    bilinear = score_pixels(
        MAPS,
        LABELS,
        source_probability_maps=PROBABILITIES[:, :, ::2, ::2],
        scores=["leep"],
        interpolation="bilinear",
        **OPTIONS,
    )
    pixels = sample_pixels(LABELS, 400, random_state=0)
    theta = gather_pixel_features(PROBABILITIES[:, :, ::2, ::2], pixels)
    expected = score_all(
        gather_pixel_features(MAPS, pixels),
        pixels.labels,
        source_probabilities=theta,
        scores=["leep"],
    )
    assert bilinear.values == expected


def test_all_pixels_are_drawn_once():
    with pytest.warns(UserWarning, match="`label_maps` has only"):
        found = score_pixels(MAPS, LABELS, n_pixels=10**6, repeats=5, where="uniform")
    assert len(found.pixels) == 1
    assert len(found.pixels[0]) == LABELS.size


@pytest.mark.parametrize(
    ("labels", "options", "error", "text"),
    [
        (LABELS / 2, {}, TypeError, "`label_maps` must hold integers"),
        (LABELS[:4], {}, ValueError, "`feature_maps` must hold a map for each of 4 label maps"),
        (np.zeros_like(LABELS), {}, ValueError, "must have changes of label"),
        (np.zeros_like(LABELS), {"where": "uniform"}, ValueError, "at least two classes, got one"),
        (LABELS, {"scores": ["nonsense"]}, ValueError, "nonsense"),
        (LABELS, {"n_pixels": 0}, ValueError, "`n_pixels` must be at least 1"),
        (LABELS, {"repeats": 0}, ValueError, "`repeats` must be at least 1"),
        (
            LABELS,
            {"source_probability_maps": PROBABILITIES[:3]},
            ValueError,
            "`source_probability_maps` must hold a map for each of 5",
        ),
    ],
)
def test_what_is_refused(labels, options, error, text):
    with pytest.raises(error, match=text):
        score_pixels(MAPS, labels, **{**OPTIONS, **options})


# ------------------------------------------------------------------ score_map


def test_a_map_is_the_score_of_each_patch():
    found = score_map(MAPS, LABELS, score="h_score", patch=12, n_pixels=10**6)
    assert isinstance(found, ScoreMap)
    assert (found.rows.tolist(), found.columns.tolist()) == ([0, 12], [0, 12, 24])
    fine = MAPS.repeat(2, axis=2).repeat(2, axis=3)
    for r, top in enumerate(found.rows):
        for c, left in enumerate(found.columns):
            window = (slice(None), slice(top, top + 12), slice(left, left + 12))
            y = LABELS[window].ravel()
            X = np.moveaxis(fine, 1, -1)[window].reshape(-1, 6)
            assert found.values[r, c] == h_score(X, y)
            assert found.n_pixels[r, c] == len(y)
            assert found.n_classes[r, c] == len(np.unique(y))


def test_patches_overlap_and_end_with_the_image():
    found = score_map(MAPS, LABELS, patch=(10, 16), stride=(6, 9), random_state=0)
    assert found.rows.tolist() == [0, 6, 12, 14]
    assert found.columns.tolist() == [0, 9, 18, 20]
    assert found.patch == (10, 16)
    assert np.isfinite(found.values).all()
    whole = score_map(MAPS, LABELS, patch=(24, 36), random_state=0)
    assert whole.values.shape == (1, 1)


def test_pixels_of_a_patch_are_bounded_and_seeded():
    options = {"patch": 12, "n_pixels": 50, "where": "balanced"}
    first, same, other = (
        score_map(MAPS, LABELS, random_state=seed, **options) for seed in (0, 0, 1)
    )
    assert (first.n_pixels == 50).all()
    np.testing.assert_array_equal(first.values, same.values)
    assert not np.array_equal(first.values, other.values)


def test_where_the_model_knows_the_labels_the_score_is_higher():
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(5, 4, 24, 36))
    maps[:, 0, :, 18:] += 3 * LABELS[:, :, 18:]
    for score in ("h_score_shrinkage", "knn", h_score):
        found = score_map(maps, LABELS, score=score, patch=(12, 18), n_pixels=500)
        assert found.values[:, 1].min() > found.values[:, 0].max()
    assert found.score == "h_score"


def test_a_patch_that_cannot_be_scored_is_nan():
    labels = LABELS.copy()
    labels[:, :12, :12] = 1  # one class
    labels[:, 12:, 12:24] = 255  # void
    found = score_map(MAPS, labels, patch=12, ignore_index=255)
    assert np.isnan(found.values).tolist() == [[True, False, False], [False, True, False]]
    assert (found.n_classes[0, 0], found.n_pixels[1, 1], found.n_classes[1, 1]) == (1, 0, 0)
    near = score_map(MAPS, labels, patch=12, ignore_index=255, where="boundary")
    assert near.n_pixels[0, 0] == 0


def test_what_scores_say_is_told_once():
    with pytest.warns(UserWarning, match=r"^in 6 of 6 patches: ") as told:
        score_map(MAPS, LABELS, score="h_score", patch=12, n_pixels=6, random_state=0)
    assert len(told) <= 2


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"score": "nonsense"}, ValueError, "`score` must be 'h_score'"),
        ({"patch": 25}, ValueError, r"`patch` must fit into label maps of \(24, 36\), got \(25,"),
        ({"patch": (4, 0)}, ValueError, "`patch` must be at least 1"),
        ({"patch": (4, 4, 4)}, ValueError, "`patch` must be one integer or two"),
        ({"patch": 12, "stride": 0}, ValueError, "`stride` must be at least 1"),
        (
            {"ignore_index": [0, 1, 2, 3], "patch": 12},
            ValueError,
            "a patch to score, got none of 6",
        ),
    ],
)
def test_what_a_map_refuses(options, error, text):
    with pytest.raises(error, match=text):
        score_map(MAPS, LABELS, **options)


def test_a_map_needs_maps_that_can_be_looked_at_again():
    with pytest.raises(TypeError, match="`feature_maps` must be an array or a sequence"):
        score_map(iter(MAPS), LABELS, patch=12)
