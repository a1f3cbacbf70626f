"""Prediction statistics: two passes over any parts give the LEEP of all samples."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from test_leep import SHAPES, outputs_of
from test_statistics import random_partition
from tolerances import FLOAT32, MERGED_STATISTICS
from transferscore import PredictionStatistics, SecondPass, leep


def near(score):
    return pytest.approx(score, rel=MERGED_STATISTICS, abs=MERGED_STATISTICS)


def first_pass(theta, y, parts, **options):
    statistics = PredictionStatistics(**options)
    for rows in parts:
        statistics.partial_fit(theta[rows], y[rows])
    return statistics


def both_passes(theta, y, parts, other_parts, **options):
    second = first_pass(theta, y, parts, **options).second_pass()
    for rows in other_parts:
        second.partial_fit(theta[rows], y[rows])
    return second


def merged(theta, y, parts, other_parts):
    first = PredictionStatistics()
    for rows in parts:
        first.merge(first_pass(theta, y, [rows]))
    second = first.second_pass()
    for rows in other_parts:
        second.merge(first.second_pass().partial_fit(theta[rows], y[rows]))
    return second


def test_a_thousand_partitions_score_as_one():
    theta, y = outputs_of(160, 30, 5)
    expected = leep(theta, y)
    rng = np.random.default_rng(1)
    for k in range(1000):
        merge = (both_passes, merged)[k % 2]
        second = merge(theta, y, random_partition(rng, 160), random_partition(rng, 160))
        assert second.leep() == pytest.approx(expected, rel=MERGED_STATISTICS)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape, dtype):
    theta, y = outputs_of(*SHAPES[shape])
    theta = theta.astype(dtype)
    parts = np.array_split(np.arange(len(y)), min(len(y), 7))
    second = both_passes(theta, y, parts, parts[::-1])
    assert second.leep() == pytest.approx(
        leep(theta, y), rel=MERGED_STATISTICS, abs=MERGED_STATISTICS
    )


@pytest.mark.parametrize("transform", ["normalise", "softmax"])
def test_transforms(transform):
    theta, y = outputs_of(90, 8, 3)
    outputs = np.log(theta) * 3 if transform == "softmax" else theta * y[:, None] + theta
    parts = np.array_split(np.arange(90), 4)
    second = both_passes(outputs, y, parts, parts, transform=transform)
    expected = leep(outputs, y, transform=transform)
    assert second.leep() == pytest.approx(expected, rel=MERGED_STATISTICS)


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 40), st.integers(1, 9), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_law_any_partition(n, n_source, n_target, seed):
    theta, y = outputs_of(n, n_source, n_target, seed)
    rng = np.random.default_rng(seed)
    second = both_passes(theta, y, random_partition(rng, n), random_partition(rng, n))
    assert second.leep() == pytest.approx(
        leep(theta, y), rel=MERGED_STATISTICS, abs=MERGED_STATISTICS
    )


def test_same_batches_and_any_threads_give_the_same_bits():
    theta, y = outputs_of(3000, 400, 9)
    found = set()
    for n_threads in (1, 2, 3):
        first = PredictionStatistics()
        for rows in np.array_split(np.arange(3000), 4):
            first.partial_fit(theta[rows], y[rows], n_threads=n_threads)
        second = first.second_pass()
        for rows in np.array_split(np.arange(3000), 4):
            second.partial_fit(theta[rows], y[rows], n_threads=n_threads)
        found.add(second.leep())
    assert len(found) == 1


def test_labels_that_no_batch_before_had_and_a_source_class_without_mass():
    theta, y = outputs_of(90, 8, 3)
    theta = np.insert(theta, 4, 0.0, axis=1)
    names = np.array(["oak", "ash", "yew and others"])[y]
    second = both_passes(theta, names, [np.flatnonzero(y == k) for k in (0, 1, 2)], [range(90)])
    assert second.leep() == pytest.approx(leep(theta, names), rel=MERGED_STATISTICS)


def test_what_the_first_pass_knows():
    theta, y = outputs_of(90, 8, 3)
    first = first_pass(theta, y, np.array_split(np.arange(90), 4))
    assert repr(first) == "PredictionStatistics(n=90, source_classes=8, classes=3)"
    assert first.n == 90
    assert first.classes.tolist() == [0, 1, 2]
    assert first.class_counts.tolist() == np.bincount(y).tolist()
    joint = np.stack([theta[y == k].sum(axis=0) for k in range(3)]) / 90
    np.testing.assert_allclose(first.joint, joint, rtol=MERGED_STATISTICS)


def test_ignored_samples_leave_no_trace():
    theta, y = outputs_of(90, 8, 3)
    wild, void = theta.copy(), y.copy()
    wild[:30], void[:30], wild[40], void[40] = np.nan, 255, -1, 255
    first = PredictionStatistics()
    for rows in np.array_split(np.arange(90), 3):  # the first batch is ignored as a whole
        first.partial_fit(wild[rows], void[rows], ignore_index=255)
    second = first.second_pass().partial_fit(wild, void, ignore_index=255)
    keep = void != 255
    assert second.n == first.n == keep.sum()
    assert second.leep() == pytest.approx(leep(theta[keep], y[keep]), rel=MERGED_STATISTICS)


def test_an_empty_batch_adds_nothing():
    theta, y = outputs_of(90, 8, 3)
    first = first_pass(theta, y, [range(0), range(90), range(0)])
    second = first.second_pass().partial_fit(theta, y).partial_fit(theta[:0], y[:0])
    assert first.n == second.n == 90
    assert second.leep() == near(leep(theta, y))


def test_the_second_pass_is_of_the_samples_that_were_seen():
    theta, y = outputs_of(90, 8, 3)
    first = first_pass(theta[:50], y[:50], [range(50)])
    second = first.second_pass()
    first.partial_fit(theta[50:], y[50:])
    assert second.partial_fit(theta[:50], y[:50]).leep() == pytest.approx(
        leep(theta[:50], y[:50]), rel=MERGED_STATISTICS
    )
    assert pickle.loads(pickle.dumps(second)).leep() == second.leep()


def test_a_source_model_that_runs_twice_may_round_otherwise():
    theta, y = outputs_of(90, 8, 3)
    second = first_pass(theta, y, [range(90)]).second_pass()
    second.partial_fit(theta.astype(np.float32), y)
    assert second.leep() == pytest.approx(leep(theta, y), rel=FLOAT32)


# ------------------------------------------------------------------------------- misuse


@pytest.fixture
def passes():
    theta, y = outputs_of(90, 8, 3)
    first = first_pass(theta, y, [range(90)])
    return theta, y, first, first.second_pass().partial_fit(theta[:80], y[:80])


def test_the_first_pass_has_no_score(passes):
    _, _, first, _ = passes
    with pytest.raises(AttributeError, match="no attribute 'leep': LEEP takes two passes"):
        first.leep  # noqa: B018
    assert not hasattr(first, "leep")


def test_missing_samples(passes):
    theta, y, _, second = passes
    label = int(y[80:].min())
    seen, of = (y[:80] == label).sum(), (y == label).sum()
    text = f"must see all samples of the first; of label {label} it has seen {seen} of {of}"
    with pytest.raises(RuntimeError, match=text):
        second.leep()
    assert repr(second) == "SecondPass(n=80 of 90)"
    second.partial_fit(theta[80:], y[80:])
    assert second.leep() == near(leep(theta, y))


def test_samples_that_come_twice(passes):
    theta, y, first, second = passes
    with pytest.raises(ValueError, match=r"each sample of the first once; of label 0 it got \d+"):
        second.partial_fit(theta, y)
    with pytest.raises(ValueError, match="the second pass must see each sample of the first once"):
        second.merge(first.second_pass().partial_fit(theta, y))
    assert second.n == 80


def test_labels_that_the_first_pass_has_not_seen(passes):
    theta, _, _, second = passes
    with pytest.raises(ValueError, match="`labels` must be those of the first pass, got 7, which"):
        second.partial_fit(theta[80:], np.full(10, 7))
    with pytest.raises(TypeError, match="`labels` must be of one kind in all batches"):
        second.partial_fit(theta[80:], np.full(10, "oak"))
    assert second.n == 80


def test_other_outputs(passes):
    theta, y, first, second = passes
    second.partial_fit(np.full((10, 8), 1 / 8), y[80:])
    text = "must see the outputs of the first, each with its label; of label 0 they predict"
    with pytest.raises(ValueError, match=text):
        second.leep()
    shuffled = first.second_pass().partial_fit(theta[::-1], y)
    with pytest.raises(ValueError, match=text):
        shuffled.leep()
    with pytest.raises(ValueError, match="`source_probabilities` must have 8 source classes, as"):
        first.second_pass().partial_fit(np.ones((90, 1)), y)


def test_parts_of_other_first_passes(passes):
    theta, y, first, second = passes
    others = (
        first_pass(theta, y + 1, [range(90)]),
        first_pass(theta, y, [range(90)], transform="normalise"),
        first_pass(theta[:, ::-1], y, [range(90)]),
        first_pass(theta[:50], y[:50], [range(50)]),
    )
    for other in others:
        with pytest.raises(ValueError, match="`other` must follow the same first pass"):
            second.merge(other.second_pass())
    with pytest.raises(TypeError, match="`other` must be SecondPass, got PredictionStatistics"):
        second.merge(first)


def test_errors_of_the_first_pass_add_nothing(passes):
    theta, y, first, _ = passes
    before = first.joint
    for outputs, labels, error, text in (
        (theta[:, :7], y, ValueError, "`source_probabilities` must have rows that sum to 1"),
        (np.ones((90, 1)), y, ValueError, "`source_probabilities` must have 8 source classes, as"),
        (theta, y[1:], ValueError, r"`labels` must have shape \(90,\), got \(89,\)"),
        (theta, y.astype(str), TypeError, "`labels` must be of one kind in all batches"),
    ):
        with pytest.raises(error, match=text):
            first.partial_fit(outputs, labels)
    with pytest.raises(ValueError, match="`other` must have 8 source classes, as the batches"):
        first.merge(first_pass(np.ones((9, 1)), y[:9], [range(9)]))
    with pytest.raises(ValueError, match="`other` must have transform=None, got transform='soft"):
        first.merge(PredictionStatistics(transform="softmax"))
    with pytest.raises(TypeError, match="`other` must be PredictionStatistics, got int"):
        first.merge(3)
    with pytest.raises(ValueError, match="`transform` must be None, 'normalise' or 'softmax'"):
        PredictionStatistics(transform="exp")
    np.testing.assert_array_equal(first.joint, before)


def test_nothing_yet(tmp_path):
    first = PredictionStatistics()
    assert repr(first) == "PredictionStatistics(empty)"
    for ask in (first.second_pass, lambda: first.save(tmp_path / "x")):
        with pytest.raises(RuntimeError, match="these PredictionStatistics have no samples yet"):
            ask()


# ------------------------------------------------------------- outputs larger than memory


def test_a_mapped_file_is_read_in_chunks(tmp_path, monkeypatch):
    theta, y = outputs_of(300, 16, 4)
    monkeypatch.setattr("transferscore._statistics.chunks.CHUNK", 64 * 16 * 8)
    np.save(tmp_path / "theta.npy", theta)
    mapped = np.load(tmp_path / "theta.npy", mmap_mode="r")
    second = PredictionStatistics().partial_fit(mapped, y).second_pass().partial_fit(mapped, y)
    parts = [slice(i, i + 64) for i in range(0, 300, 64)]
    assert second.leep() == both_passes(theta, y, parts, parts).leep()
    theta[290, 3] = 2
    np.save(tmp_path / "theta.npy", theta)
    first = PredictionStatistics()
    with pytest.raises(ValueError, match=r"must have rows that sum to 1, got .* in row 290;"):
        first.partial_fit(np.load(tmp_path / "theta.npy", mmap_mode="r"), y)
    assert first.n == 0
    assert isinstance(second, SecondPass)
