"""OTCE of segmentation: against single calls, laws of voids and classes, inputs, errors."""

import numpy as np
import pytest

from conftest import blocks
from tolerances import SOLVED, TRANSPORT
from transferscore import (
    SegmentationOTCEResult,
    gather_pixel_features,
    otce,
    sample_pixels,
    segmentation_otce,
)
from transferscore.pixels.sample_pixels import Sampling, seeds


def domain(seed, *, n=4, shape=(24, 32), n_labels=3, shift=0.0, scale=2):
    """Feature maps (N, C, h, w) that know the label, and label maps (N, H, W)."""
    rng = np.random.default_rng(seed)
    labels = np.stack([blocks(rng, shape, n_labels, 6) for _ in range(n)])
    coarse = labels[:, ::scale, ::scale]
    features = 3 * np.eye(5)[coarse] + rng.normal(size=(*coarse.shape, 5)) + shift
    return np.moveaxis(features, -1, 1), labels


def score(source, target, **options):
    defaults = {"n_pixels": 150, "repeats": 3, "random_state": 0}
    return segmentation_otce(
        source_features=source[0],
        source_label_maps=source[1],
        target_features=target[0],
        target_label_maps=target[1],
        **{**defaults, **options},
    )


SOURCE, TARGET = domain(1), domain(2, n=3, shift=0.5)


def same_bits(a, b):
    assert (a.score, a.domain_difference) == (b.score, b.domain_difference)
    np.testing.assert_array_equal(a.joint, b.joint)
    np.testing.assert_array_equal(a.spread.task_differences, b.spread.task_differences)


@pytest.mark.parametrize("where", ["boundary", "uniform", "balanced"])
def test_is_the_mean_of_otce_over_the_draws(where):
    options = {"relative_epsilon": 0.05, "tol": SOLVED["float64"]}  # draws start from the first one
    result = score(SOURCE, TARGET, where=where, interpolation="bilinear", **options)
    assert isinstance(result, SegmentationOTCEResult)
    single = []
    for source, target in zip(result.source_pixels, result.target_pixels, strict=True):
        assert (len(source), source.where) == (150, where)
        x, z = (
            gather_pixel_features(maps, pixels, interpolation="bilinear")
            for maps, pixels in ((SOURCE[0], source), (TARGET[0], target))
        )
        single.append(
            otce(
                source_features=x,
                source_labels=source.labels,
                target_features=z,
                target_labels=target.labels,
                **options,
            )
        )
    tasks, domains = (
        np.array([getattr(one, f"{kind}_difference") for one in single])
        for kind in ("task", "domain")
    )
    close = {"rel": TRANSPORT["float64"]}
    assert result.spread.task_differences == pytest.approx(tasks, **close)
    assert result.spread.task_differences[0] == tasks[0]
    assert result.task_difference == -result.score == pytest.approx(tasks.mean(), **close)
    assert result.spread.task_difference == result.spread.task_differences.std(ddof=1)
    assert result.domain_difference == pytest.approx(domains.mean(), **close)
    np.testing.assert_allclose(result.joint.sum(), 1, rtol=SOLVED["float32"])


def test_draws_are_those_of_the_seed_and_differ():
    result = score(SOURCE, TARGET)
    sampling = Sampling.of(
        150,
        where="boundary",
        radius=None,
        connectivity=None,
        ndim=2,
        per_image=None,
        ignore_index=None,
    )
    expected = sampling.draw(SOURCE[1], seeds(0, 6)[:3], 1)
    for pixels, other in zip(result.source_pixels, expected, strict=True):
        np.testing.assert_array_equal(pixels.coordinates, other.coordinates)
    first, second, _ = result.source_pixels
    assert not np.array_equal(first.coordinates, second.coordinates)
    same_bits(result, score(SOURCE, TARGET))
    assert score(SOURCE, TARGET, random_state=1).score != result.score


def test_the_related_task_scores_higher():
    features, labels = TARGET
    rng = np.random.default_rng(0)
    unrelated = np.stack([blocks(rng, labels.shape[1:], 3, 6) for _ in labels])
    near, far = score(SOURCE, TARGET), score(SOURCE, (features, unrelated))
    margin = 3 * (near.spread.task_difference + far.spread.task_difference)
    assert near.score > far.score + margin
    assert -np.log(4) <= far.score <= near.score <= 0


def test_void_pixels_do_not_count():
    """Whatever their label and features are."""
    (x, y), rng = domain(3, scale=1), np.random.default_rng(0)
    void = rng.random(y.shape) < 0.2
    results = []
    for label, features in ((255, np.nan), (77, 1e9)):
        maps = np.where(void[:, None], features, x)
        results.append(score((maps, np.where(void, label, y)), TARGET, ignore_index=[label]))
    same_bits(*results)
    assert 255 not in results[0].source_classes


def test_all_pixels_are_otce_of_all_pixels_wherever_they_are():
    (x, y), (z, t) = domain(4, n=2, shape=(9, 10), scale=1), domain(5, n=2, shape=(9, 10), scale=1)
    with pytest.warns(UserWarning, match="both sides give all pixels .* 3 draws would be the same"):
        result = score((x, y), (z, t), where="uniform", n_pixels=180, tol=1e-9)
    assert result.spread.task_differences.shape == (1,)
    rows = [np.moveaxis(maps, 1, -1).reshape(-1, 5) for maps in (x, z)]
    whole = otce(
        source_features=rows[0],
        source_labels=y.ravel(),
        target_features=rows[1],
        target_labels=t.ravel(),
        tol=1e-9,
    )
    assert result.score == whole.score
    order = np.random.default_rng(0).permutation(180)
    shuffled = rows[0][order].reshape(2, 9, 10, 5), y.ravel()[order].reshape(2, 9, 10)
    with pytest.warns(UserWarning, match="both sides"):
        other = segmentation_otce(
            source_features=np.moveaxis(shuffled[0], -1, 1),
            source_label_maps=shuffled[1],
            target_features=z,
            target_label_maps=t,
            where="uniform",
            n_pixels=180,
            tol=1e-9,
        )
    np.testing.assert_allclose(other.score, result.score, rtol=TRANSPORT["float64"])


def test_absent_classes_are_counted_and_add_nothing():
    features, labels = (side.copy() for side in SOURCE)
    labels[0, 0, 0] = 9  # one pixel of a rare class
    result = score((features, labels), TARGET, n_pixels=60, repeats=5)
    assert result.source_classes.tolist() == [0, 1, 2, 3, 9]
    drawn = sum(9 in pixels.labels for pixels in result.source_pixels)
    assert result.source_absent.tolist() == [0, 0, 0, 0, 5 - drawn]
    assert drawn < 5
    assert (result.joint[4] > 0).any() == (drawn > 0)
    assert not result.target_absent.any()
    mass = np.mean([np.mean(pixels.labels == 1) for pixels in result.source_pixels])
    np.testing.assert_allclose(result.joint[1].sum(), mass, atol=1.01e-3)


def test_names_of_labels_change_nothing():
    names = np.array([7, -3, 100, 5])
    result = score((SOURCE[0], names[SOURCE[1]]), TARGET)
    plain = score(SOURCE, TARGET)
    np.testing.assert_allclose(result.score, plain.score, rtol=SOLVED["float32"])
    assert result.source_classes.tolist() == sorted(names)


# ------------------------------------------------------------------ what comes in


def test_iterators_lists_and_channels_last_give_the_same():
    expected = score(SOURCE, TARGET)
    same_bits(score([iter(side) for side in SOURCE], [iter(side) for side in TARGET]), expected)
    same_bits(score([list(side) for side in SOURCE], [list(side) for side in TARGET]), expected)
    last = [(np.moveaxis(maps, 1, -1), labels) for maps, labels in (SOURCE, TARGET)]
    same_bits(score(*last, layout="channels_last"), expected)


def test_the_same_bits_for_any_number_of_threads():
    source, target = domain(6, n=8, shape=(64, 64)), domain(7, n=8, shape=(64, 64))
    one, *others = (score(source, target, n_pixels=2000, n_threads=k) for k in (1, 2, 8))
    for other in others:
        same_bits(one, other)


def test_volumes_and_exact_transport():
    rng = np.random.default_rng(0)
    labels = blocks(rng, (8, 12, 12), 3, 4)[None]
    maps = np.moveaxis(np.eye(4)[labels] + 0.5 * rng.normal(size=(*labels.shape, 4)), -1, 1)
    pytest.importorskip("scipy")
    result = score((maps, labels), (maps, labels), ndim=3, n_pixels=100, method="exact")
    assert result.score < 0
    assert result.source_pixels[0].coordinates.shape == (100, 3)


def test_fewer_pixels_than_asked_are_told_by_side():
    small = (TARGET[0][:1, :, :4, :4], TARGET[1][:1, :8, :8])
    available = sample_pixels(small[1], 1).n_available
    with pytest.warns(UserWarning, match="`target_label_maps` has only"):
        result = score(SOURCE, small, n_pixels=available + 1)
    assert len(result.target_pixels[0]) == available
    assert len(result.source_pixels[0]) == available + 1


@pytest.mark.parametrize(
    ("source", "options", "error", "text"),
    [
        (SOURCE, {"n_pixels": 0}, ValueError, "`n_pixels` must be at least 1"),
        (SOURCE, {"repeats": 0}, ValueError, "`repeats` must be at least 1"),
        (SOURCE, {"where": "edges"}, ValueError, "`where` must be"),
        (SOURCE, {"radius": 1, "where": "uniform"}, TypeError, "`radius` must be given with"),
        (SOURCE, {"layout": "channels_last"}, ValueError, "`source_features` must be as large"),
        (SOURCE, {"ignore_index": [0, 1, 2, 3]}, ValueError, "`source_label_maps` must have chan"),
        (SOURCE, {"epsilon": -1}, ValueError, "`epsilon` must be"),
        (SOURCE, {"ndim": 3}, ValueError, r"got \(5, 12, 16\) for image 0, .* is \(4, 24, 32\)"),
        ((SOURCE[0], SOURCE[1] / 2), {}, TypeError, "`source_label_maps` must hold integers"),
        ((SOURCE[0][:2], SOURCE[1]), {}, ValueError, "`source_features` must hold a map for each"),
        ((SOURCE[0], np.zeros((4, 24, 32), int)), {}, ValueError, "`source_label_maps` must have"),
    ],
)
def test_what_is_refused(source, options, error, text):
    with pytest.raises(error, match=text):
        score(source, TARGET, **options)


def test_sides_cannot_be_swapped_unnoticed():
    with pytest.raises(TypeError):
        segmentation_otce(*SOURCE, *TARGET)
