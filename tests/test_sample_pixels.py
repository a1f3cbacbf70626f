"""Samples of pixels: against the reference, chi-square tests, one sample for all inputs, errors."""

import signal
import time
import warnings
import weakref

import numpy as np
import pytest
from scipy.stats import chi2

from conftest import blocks
from transferscore import label_boundaries, reference, sample_pixels
from transferscore.pixels import _batches
from transferscore.pixels.sample_pixels import Sampling, seeds

PLACES = ("boundary", "uniform", "balanced", "balanced boundary")
SURPRISE = 1e-3  # how improbable a statistic may be: one seed in a thousand fails


def as_tuples(sample):
    columns = (sample.image[:, None], sample.coordinates, sample.labels[:, None])
    return [tuple(row) for row in np.concatenate(columns, axis=1).tolist()]


def some_maps(rng, ndim=2, n=5):
    shapes = rng.integers(4, 15 if ndim == 2 else 7, (n, ndim))
    return [blocks(rng, shape, 4) for shape in shapes]


def drawn_often(maps, n, n_seeds, where="uniform", **options):
    """Samples for many seeds, from one pass over the maps."""
    options = {
        "radius": None,
        "connectivity": None,
        "ndim": 2,
        "per_image": None,
        "ignore_index": None,
        **options,
    }
    return Sampling.of(n, where=where, **options).draw(maps, seeds(1, n_seeds), 2)


# ------------------------------------------------------------------ the definition


@pytest.mark.parametrize("ndim", [2, 3])
@pytest.mark.parametrize("per_image", [None, 7])
@pytest.mark.parametrize("where", PLACES)
def test_equals_the_reference(rng, where, per_image, ndim):
    for trial in range(5):
        maps, ignored = some_maps(rng, ndim), [trial % 4]
        masks = [~np.isin(labels, ignored) for labels in maps]
        if "boundary" in where:
            masks = label_boundaries(maps, ndim=ndim, ignore_index=ignored)
        (seed,) = seeds(trial, 1)
        expected = reference.sample_pixels(
            maps,
            20,
            seed=seed,
            masks=masks,
            balanced="balanced" in where,
            per_image=per_image,
        )
        sample = sample_pixels(
            maps,
            20,
            where=where,
            ndim=ndim,
            per_image=per_image,
            ignore_index=ignored,
            random_state=trial,
        )
        assert as_tuples(sample) == expected
        assert sample.n_available == sum(mask.sum() for mask in masks)
        kept = np.concatenate([labels[mask] for labels, mask in zip(maps, masks, strict=True)])
        classes, counts = np.unique(kept, return_counts=True)
        np.testing.assert_array_equal(sample.classes, classes)
        np.testing.assert_array_equal(sample.class_counts, counts)


def test_radius_and_connectivity_are_those_of_boundaries(rng):
    maps = np.stack([blocks(rng, (20, 30), 3) for _ in range(3)])
    for options in ({"radius": 0}, {"radius": 2.5}, {"radius": 0, "connectivity": 2}):
        near = label_boundaries(maps, **options)
        sample = sample_pixels(maps, int(near.sum()), random_state=0, **options)
        assert as_tuples(sample) == [(*p, maps[tuple(p)]) for p in np.argwhere(near).tolist()]
        assert not sample.is_reduced


# ------------------------------------------------------------------ chances


def assert_plausible(statistic, degrees):
    """The statistic is neither too large nor, as of too regular a generator, too small."""
    assert SURPRISE < chi2.sf(statistic, degrees) < 1 - SURPRISE


def inclusions(samples, maps):
    """How often each pixel of each map was drawn."""
    counts = np.zeros(maps.shape, int)
    for sample in samples:
        counts[(sample.image, *sample.coordinates.T)] += 1
    return counts


def chi_square_of_inclusion(counts, n_samples, n):
    """Drawn without replacement, counts of N pixels vary as (1 - n/N) N/(N-1) times n/N."""
    total = counts.size
    expected = n_samples * n / total
    return float((((counts - expected) ** 2) / expected).sum() * (total - 1) / (total - n))


@pytest.mark.parametrize("n", [1, 20, 110])
def test_every_pixel_is_as_likely(n):
    maps = np.arange(2 * 8 * 9).reshape(2, 8, 9) % 3
    samples = drawn_often(maps, n, 4000)
    assert all(len(sample) == n for sample in samples)
    counts = inclusions(samples, maps)
    assert_plausible(chi_square_of_inclusion(counts, 4000, n), counts.size - 1)


def test_every_pair_of_pixels_is_as_likely():
    maps = np.zeros((3, 2, 2), int)
    drawn = np.array([inclusions([sample], maps).ravel() for sample in drawn_often(maps, 3, 6000)])
    pairs = (drawn.T @ drawn)[np.triu_indices(12, 1)]
    expected = 6000 * (3 / 12) * (2 / 11)
    variance = expected * (1 - expected / 6000)
    # Pairs of one sample are not independent; each alone is within five standard deviations.
    assert np.abs(pairs - expected).max() < 5 * np.sqrt(variance)


def test_every_pixel_near_a_boundary_is_as_likely():
    maps = np.zeros((2, 12, 12), int)
    maps[:, :, 6:] = 1
    maps[1, 3:6] = 2
    near = label_boundaries(maps)
    counts = inclusions(drawn_often(maps, 10, 4000, where="boundary"), maps)
    assert not counts[~near].any()
    near_counts = counts[near]
    assert_plausible(chi_square_of_inclusion(near_counts, 4000, 10), near_counts.size - 1)


def test_balanced_classes_are_drawn_alike_within_each():
    maps = np.zeros((2, 10, 10), int)
    maps[0, :3] = 1  # 30 of 200
    maps[1, 0, :5] = 2  # 5: fewer than a share
    samples = drawn_often(maps, 31, 4000, where="balanced")
    for sample in samples:
        assert np.bincount(sample.labels).tolist() in ([13, 13, 5],)
    counts = inclusions(samples, maps)
    for label, share in ((0, 13), (1, 13)):
        of_class = counts[maps == label]
        assert_plausible(chi_square_of_inclusion(of_class, 4000, share), of_class.size - 1)
    assert (counts[maps == 2] == 4000).all()


def test_what_does_not_come_out_even_is_left_to_chance():
    maps = np.arange(40).reshape(1, 5, 8) % 4
    extra = np.zeros(4, int)
    for sample in drawn_often(maps, 10, 2000, where="balanced"):
        shares = np.bincount(sample.labels, minlength=4)
        assert sorted(shares) == [2, 2, 3, 3]
        extra += shares - 2
    assert_plausible(chi_square_of_inclusion(extra, 2000, 2), 3)


def test_balanced_images():
    maps = np.zeros((4, 6, 6), int)
    maps[2] = 1
    samples = drawn_often(maps, 20, 3000, per_image=5)
    for sample in samples:
        assert np.bincount(sample.image).tolist() == [5, 5, 5, 5]
    for image in inclusions(samples, maps):
        assert_plausible(chi_square_of_inclusion(image, 3000, 5), image.size - 1)


def test_per_image_bounds_what_an_image_gives(rng):
    maps = [np.zeros((40, 40), int), np.zeros((3, 3), int), np.zeros((5, 5), int)]
    sample = sample_pixels(maps, 15, where="uniform", per_image=10, random_state=0)
    assert len(sample) == 15
    assert np.bincount(sample.image).max() <= 10
    with pytest.warns(UserWarning, match="only 29 of the 30 pixels"):
        everything = sample_pixels(maps, None, where="uniform", per_image=10, random_state=0)
    assert np.bincount(everything.image).tolist() == [10, 9, 10]
    balanced = sample_pixels(
        rng.integers(0, 3, (2, 30, 30)), None, where="balanced", per_image=6, random_state=0
    )
    for image in (0, 1):
        assert np.bincount(balanced.labels[balanced.image == image]).tolist() == [2, 2, 2]


# ------------------------------------------------------------------ one sample for all inputs


@pytest.mark.parametrize("per_image", [None, 40])
@pytest.mark.parametrize("where", PLACES)
def test_the_same_pixels_for_any_number_of_threads(rng, where, per_image):
    maps = np.stack([blocks(rng, (300, 400), 5, 20) for _ in range(6)])
    options = {"where": where, "per_image": per_image, "random_state": 3}
    one, *others = (as_tuples(sample_pixels(maps, 200, n_threads=k, **options)) for k in (1, 2, 8))
    assert len(one) == 200
    assert all(other == one for other in others)


@pytest.mark.parametrize("where", PLACES)
def test_the_same_pixels_from_arrays_lists_and_iterators(rng, where, monkeypatch, tmp_path):
    maps = np.stack([blocks(rng, (20, 30), 3) for _ in range(7)]).astype(np.uint8)
    np.save(tmp_path / "maps.npy", maps)
    expected = as_tuples(sample_pixels(maps, 60, where=where, random_state=1))

    def assert_same():
        for same in (
            np.load(tmp_path / "maps.npy", mmap_mode="r"),
            list(maps),
            (labels.astype(np.int64) for labels in maps),
            iter([maps[:3], maps[3], maps[4:]]),  # stacks of maps and single ones
            [labels.astype(kind) for labels, kind in zip(maps, "bBhHiIl", strict=True)],
        ):
            assert as_tuples(sample_pixels(same, 60, where=where, random_state=1)) == expected

    assert_same()
    monkeypatch.setattr(_batches, "PIXELS", 1000)  # several batches
    assert_same()
    assert as_tuples(sample_pixels(maps, 60, where=where, random_state=1)) == expected


def test_maps_of_an_iterator_are_not_held(monkeypatch):
    monkeypatch.setattr(_batches, "PIXELS", 500)
    given = []

    def maps():
        for _ in range(20):
            labels = np.zeros((10, 10), int)
            labels[:, 5:] = 1
            given.append(weakref.ref(labels))
            assert sum(one() is not None for one in given) <= 12  # two batches and one
            yield labels

    assert len(sample_pixels(maps(), 100, random_state=0)) == 100


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="POSIX signals")
@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_signal_ends_a_long_draw(n_threads):
    class RungError(Exception):
        pass

    def ring(*_):
        raise RungError

    maps = np.zeros((4, 1000, 1000), np.uint8)
    many = Sampling.of(
        5,
        where="uniform",
        radius=None,
        connectivity=None,
        ndim=2,
        per_image=None,
        ignore_index=None,
    )
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    started = time.perf_counter()
    try:
        with pytest.raises(RungError):
            many.draw(maps, seeds(0, 20_000), n_threads)  # half a minute
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert time.perf_counter() - started < 1.2


def test_another_seed_gives_other_pixels_and_a_generator_serves(rng):
    maps = np.zeros((1, 50, 50), int)
    options = {"where": "uniform"}
    first = as_tuples(sample_pixels(maps, 30, random_state=0, **options))
    assert as_tuples(sample_pixels(maps, 30, random_state=0, **options)) == first
    assert as_tuples(sample_pixels(maps, 30, random_state=1, **options)) != first
    generator = np.random.default_rng(0)
    assert as_tuples(sample_pixels(maps, 30, random_state=generator, **options)) == first
    assert as_tuples(sample_pixels(maps, 30, random_state=generator, **options)) != first


def test_one_map_and_volumes(rng):
    labels = blocks(rng, (30, 40), 3)
    assert set(sample_pixels(labels, 9, random_state=0).image) == {0}
    volumes = blocks(rng, (6, 10, 12), 3)
    sample = sample_pixels(volumes, 9, ndim=3, random_state=0)
    assert sample.coordinates.shape == (9, 3)
    np.testing.assert_array_equal(volumes[tuple(sample.coordinates.T)], sample.labels)


def test_negative_labels_and_booleans():
    labels = np.array([[-5, -5, 7]], np.int8)
    sample = sample_pixels(labels, 3, where="uniform")
    assert sample.labels.tolist() == [-5, -5, 7]
    assert sample_pixels(labels, 1, where="uniform", ignore_index=-5).labels.tolist() == [7]
    assert sample_pixels(labels > 0, 3, where="uniform").labels.tolist() == [0, 0, 1]
    mixed = iter([labels, np.array([[300, -5]], np.int64)])
    assert sample_pixels(mixed, 5, where="uniform").class_counts.tolist() == [3, 1, 1]


def test_absent_classes_are_told():
    labels = np.zeros((50, 50), int)
    labels[0, 0] = 9
    sample = sample_pixels(labels, 5, where="uniform", random_state=0)
    assert sample.classes.tolist() == [0, 9]
    assert sample.absent.tolist() == [9]
    assert sample_pixels(labels, 2, where="balanced").absent.tolist() == []


def test_real_label_maps(data_folder):
    with np.load(data_folder / "camvid.npz") as camvid:
        labels = camvid["y_train"]
    sample = sample_pixels(labels, 10_000, ignore_index=11, random_state=0)
    assert len(sample) == 10_000
    assert 11 not in sample.labels
    assert sample.n_images == len(labels)
    near = label_boundaries(labels, ignore_index=11)
    assert near[(sample.image, *sample.coordinates.T)].all()
    assert sample.n_available == near.sum()
    np.testing.assert_array_equal(labels[(sample.image, *sample.coordinates.T)], sample.labels)


# ------------------------------------------------------------------ reduced samples and errors


def test_fewer_pixels_than_asked_are_all_taken_and_told():
    labels = np.array([[0, 0, 0, 0, 0, 1]])
    with pytest.warns(UserWarning, match=r"only 3 of the 10 pixels .*; all of them are taken"):
        sample = sample_pixels(labels, 10, random_state=0)
    assert sample.is_reduced
    assert (len(sample), sample.n_asked, sample.n_available) == (3, 10, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not sample_pixels(labels, 3, random_state=0).is_reduced


FLAT, TWO = np.zeros((1, 4, 4), int), np.array([[0, 1]])


@pytest.mark.parametrize(
    ("labels", "n", "options", "error", "text"),
    [
        (FLAT, 5, {}, ValueError, "must have changes of label .* got none in 1 maps"),
        (np.array([[0, 9, 1]]), 5, {"ignore_index": 9}, ValueError, "must have changes of label"),
        (TWO, 1, {"ignore_index": [0, 1]}, ValueError, "must have changes of label"),
        (FLAT, 5, {"where": "uniform", "ignore_index": 0}, ValueError, "must leave some pixels"),
        (iter([]), 5, {}, ValueError, "must hold at least one map"),
        (FLAT / 2, 5, {}, TypeError, "must hold integers or booleans"),
        (iter([TWO, TWO / 2]), 5, {}, TypeError, r"`label_maps\[1\]` must hold integers"),
        (iter([TWO, TWO[0]]), 5, {}, ValueError, r"`label_maps\[1\]` must have shape \(H, W\)"),
        (iter([TWO]), 5, {"ndim": 3}, ValueError, r"`label_maps\[0\]` must have shape \(D, H, W\)"),
        (np.array([[2**63, 1]], np.uint64), 1, {}, ValueError, "labels below 2\\*\\*63"),
        (TWO, 0, {}, ValueError, "`n` must be at least 1"),
        (TWO, None, {}, TypeError, "`n` must be an integer, got None"),
        (TWO, 1.5, {}, TypeError, "`n` must be an integer"),
        (TWO, 1, {"per_image": 0}, ValueError, "`per_image` must be at least 1"),
        (TWO, 1, {"where": "edges"}, ValueError, "`where` must be 'boundary' or 'uniform'"),
        (
            TWO,
            1,
            {"where": "uniform", "radius": 2},
            TypeError,
            "`radius` must be given with",
        ),
        (TWO, 1, {"connectivity": 0}, ValueError, "`connectivity` must be an integer from 1 to 2"),
        (TWO, 1, {"random_state": -1}, ValueError, "`random_state` must be at least 0"),
    ],
)
def test_what_is_refused(labels, n, options, error, text):
    with pytest.raises(error, match=text):
        sample_pixels(labels, n, **options)
