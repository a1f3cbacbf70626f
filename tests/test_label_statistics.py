"""Label statistics: any partition gives exactly the NCE of all samples."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from test_nce import SHAPES, label_pair
from test_statistics import random_partition
from transferscore import FeatureStatistics, LabelStatistics, nce


def of_parts(z, y, parts):
    statistics = LabelStatistics()
    for rows in parts:
        statistics.partial_fit(source_labels=z[rows], target_labels=y[rows])
    return statistics


def merged_as_a_tree(z, y, parts):
    leaves = [of_parts(z, y, [rows]) for rows in parts]
    while len(leaves) > 1:
        leaves = [
            leaves[i].merge(leaves[i + 1]) if i + 1 < len(leaves) else leaves[i]
            for i in range(0, len(leaves), 2)
        ]
    return leaves[0]


def test_a_thousand_partitions_give_every_bit():
    z, y = label_pair(160, 11, 5)
    names = np.array([f"class {k}" for k in range(11)])[z]
    expected = nce(source_labels=z, target_labels=y)
    expected_of_names = nce(source_labels=names, target_labels=y)
    rng = np.random.default_rng(1)
    for k in range(1000):
        merge = (of_parts, merged_as_a_tree)[k % 2]
        parts = random_partition(rng, 160)
        assert merge(z, y, parts).nce() == expected
        if k % 10 == 0:
            assert merge(names, y, parts).nce() == expected_of_names


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes(shape, monkeypatch):
    monkeypatch.setattr("transferscore._statistics.labels.MANY_PAIRS", 50)
    n, n_source, n_target = SHAPES[shape]
    z, y = label_pair(n, n_source, n_target)
    z, y = z * 10**6 - 5, -y  # far apart and negative
    statistics = of_parts(z, y, np.array_split(np.arange(n), min(n, 9)))
    assert statistics.nce() == nce(source_labels=z, target_labels=y)
    assert statistics.n == n
    assert statistics.source_classes.tolist() == sorted(set(z.tolist()))
    assert statistics.target_classes.tolist() == sorted(set(y.tolist()))


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 60), st.integers(1, 8), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_law_any_partition(n, n_source, n_target, seed):
    z, y = label_pair(n, n_source, n_target, seed)
    parts = random_partition(np.random.default_rng(seed), n)
    assert of_parts(z, y, parts).nce() == nce(source_labels=z, target_labels=y)


def test_the_table_counts_pairs():
    z, y = label_pair(500, 7, 4)
    statistics = of_parts(z, y, np.array_split(np.arange(500), 13))
    table = np.zeros((7, 4), np.int64)
    np.add.at(table, (z, y), 1)
    np.testing.assert_array_equal(statistics.table, table)
    assert statistics.table.dtype == np.int64
    assert LabelStatistics().table.shape == (0, 0)


def test_labels_that_no_batch_before_had():
    statistics = LabelStatistics()
    statistics.partial_fit(source_labels=["m", "m"], target_labels=[5, 5])
    statistics.partial_fit(source_labels=["z", "a"], target_labels=[-1, 5])
    statistics.partial_fit(source_labels=["a long name"], target_labels=[9])
    assert statistics.source_classes.tolist() == ["a", "a long name", "m", "z"]
    assert statistics.target_classes.tolist() == [-1, 5, 9]
    assert statistics.table.tolist() == [[0, 1, 0], [0, 0, 1], [0, 2, 0], [1, 0, 0]]


def test_ignored_pairs_leave_no_trace():
    z, y = label_pair(100, 4, 3)
    expected = nce(source_labels=z[20:], target_labels=y[20:])
    z[:10], y[10:20] = 255, 255
    statistics = LabelStatistics()
    for rows in np.array_split(np.arange(100), 20):  # the first batches are ignored as a whole
        statistics.partial_fit(source_labels=z[rows], target_labels=y[rows], ignore_index=255)
    assert statistics.n == 80
    assert statistics.nce() == expected


def test_an_empty_batch_adds_nothing():
    statistics = LabelStatistics().partial_fit(source_labels=[], target_labels=[])
    assert statistics.n == 0
    statistics.partial_fit(source_labels=["a"], target_labels=[1])
    assert statistics.partial_fit(source_labels=[], target_labels=[]).n == 1


def test_merging_itself_and_pickling():
    z, y = label_pair(100, 4, 3)
    statistics = of_parts(z, y, np.array_split(np.arange(100), 3))
    copy = pickle.loads(pickle.dumps(statistics))
    assert repr(copy) == "LabelStatistics(n=100, source_classes=4, target_classes=3)"
    assert statistics.merge(statistics).n == 200
    assert statistics.nce() == copy.nce()
    assert copy.merge(LabelStatistics()).n == 100
    assert LabelStatistics().merge(copy).nce() == copy.nce()


def test_errors_say_what_was_wrong_and_add_nothing(tmp_path):
    z, y = label_pair(100, 4, 3)
    statistics = LabelStatistics()
    assert repr(statistics) == "LabelStatistics(empty)"
    for ask in (statistics.nce, lambda: statistics.save(tmp_path / "x")):
        with pytest.raises(RuntimeError, match="these LabelStatistics have no samples yet"):
            ask()
    statistics.partial_fit(source_labels=z, target_labels=y)
    before = statistics.nce()
    for source, target, error, text in (
        (z, y[:9], ValueError, r"`target_labels` must have shape \(100,\), got \(9,\)"),
        (z + 0.5, y, ValueError, "`source_labels` must be whole numbers or strings"),
        (z.astype(str), y, TypeError, "`source_labels` must be of one kind in all batches"),
        (z, y.astype(str), TypeError, "`target_labels` must be of one kind in all batches"),
    ):
        with pytest.raises(error, match=text):
            statistics.partial_fit(source_labels=source, target_labels=target)
    with pytest.raises(TypeError, match="positional"):
        statistics.partial_fit(z, y)
    with pytest.raises(TypeError, match="`other` must be LabelStatistics, got FeatureStatistics"):
        statistics.merge(FeatureStatistics())
    with pytest.raises(AttributeError, match="no attribute 'knn': the nearest neighbours of"):
        statistics.knn  # noqa: B018
    assert statistics.nce() == before
    assert statistics.source_classes.tolist() == [0, 1, 2, 3]
