"""Feature statistics: any partition scores as all samples; files; features larger than memory."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import network_features
from tolerances import FLOAT32, FLOAT64, MERGED_STATISTICS, REORDERED
from transferscore import FeatureStatistics, h_score

SHRINKAGES = (None, "ledoit-wolf", 0.3)


def of_parts(X, y, parts):
    statistics = FeatureStatistics()
    for rows in parts:
        statistics.partial_fit(X[rows], y[rows])
    return statistics


def random_partition(rng, n):
    """Parts of random sizes, of randomly chosen samples; some of a single sample."""
    cuts = np.sort(rng.choice(np.arange(1, n), size=rng.integers(1, min(n, 20)), replace=False))
    return np.split(rng.permutation(n), cuts)


def merged_as_a_tree(X, y, parts):
    leaves = [FeatureStatistics().partial_fit(X[rows], y[rows]) for rows in parts]
    while len(leaves) > 1:
        leaves = [
            leaves[i].merge(leaves[i + 1]) if i + 1 < len(leaves) else leaves[i]
            for i in range(0, len(leaves), 2)
        ]
    return leaves[0]


# ------------------------------------------------------------------------------ the sums


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sums_are_those_of_the_definition(dtype):
    X, y = network_features(700, 30, 5)
    X = (X + 3).astype(dtype)
    statistics = of_parts(X, y, np.array_split(np.arange(700), 9))
    exact = X.astype(np.float64)
    assert statistics.n == 700
    assert statistics.d == 30
    assert statistics.classes.tolist() == [0, 1, 2, 3, 4]
    assert statistics.class_counts.tolist() == np.bincount(y).tolist()
    np.testing.assert_allclose(statistics.mean, exact.mean(axis=0), rtol=REORDERED)
    covariance = np.cov(exact, rowvar=False, ddof=0)
    np.testing.assert_allclose(
        statistics.covariance, covariance, rtol=FLOAT64, atol=FLOAT64 * covariance.max()
    )


def test_a_thousand_partitions_score_as_one():
    X, y = network_features(160, 12, 5)
    rng = np.random.default_rng(1)
    expected = {s: h_score(X, y, shrinkage=s) for s in SHRINKAGES}
    for k in range(1000):
        parts = random_partition(rng, len(X))
        merge = of_parts if k % 2 else merged_as_a_tree
        statistics = merge(X, y, parts)
        for shrinkage, value in expected.items():
            assert statistics.h_score(shrinkage=shrinkage) == pytest.approx(
                value, rel=MERGED_STATISTICS
            )


@settings(deadline=None, max_examples=40)
@given(
    st.integers(2, 60),
    st.integers(1, 40),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 1e4, -1e4]),
    st.sampled_from([1e-100, 1e-6, 1.0, 1e6, 1e60]),
)
def test_law_any_partition_offset_and_scale(n, d, seed, offset, scale):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    y[:2] = [0, 1]
    X = (rng.normal(size=(n, d)) + rng.normal(size=(3, d))[y] + offset) * scale
    one = FeatureStatistics().partial_fit(X, y)
    parts = of_parts(X, y, random_partition(rng, n) if n > 2 else [[0], [1]])
    tolerance = FLOAT32 if offset else MERGED_STATISTICS
    assert parts.h_score(shrinkage="ledoit-wolf") == pytest.approx(
        one.h_score(shrinkage="ledoit-wolf"), rel=tolerance, abs=tolerance
    )


def test_no_more_samples_than_features_counts_classes():
    X, y = network_features(20, 30, 4)
    statistics = of_parts(X, y, np.array_split(np.arange(20), 3))
    assert statistics.h_score() == 3
    with pytest.raises(ValueError, match="`adjust_for_chance` must be False"):
        statistics.h_score(adjust_for_chance=True)


@pytest.mark.parametrize("shrinkage", SHRINKAGES)
def test_adjusted_for_chance(shrinkage):
    X, y = network_features(200, 30, 4)
    statistics = of_parts(X, y, np.array_split(np.arange(200), 3))
    expected = h_score(X, y, shrinkage=shrinkage, adjust_for_chance=True)
    value = statistics.h_score(shrinkage=shrinkage, adjust_for_chance=True)
    assert value == pytest.approx(expected, rel=MERGED_STATISTICS)


def test_same_batches_and_any_threads_give_the_same_bits():
    X, y = network_features(3000, 400, 5)
    scores = set()
    for n_threads in (1, 2, 3):
        statistics = FeatureStatistics()
        for rows in np.array_split(np.arange(3000), 4):
            statistics.partial_fit(X[rows], y[rows], n_threads=n_threads)
        scores.add(statistics.h_score(shrinkage="ledoit-wolf"))
    assert len(scores) == 1


def test_classes_may_come_one_by_one_and_as_strings():
    X, y = network_features(90, 6, 3)
    names = np.array(["oak", "ash", "yew"])[y]
    statistics = of_parts(X, names, [np.flatnonzero(y == k) for k in (2, 0, 1)])
    assert statistics.classes.tolist() == ["ash", "oak", "yew"]
    assert statistics.h_score() == pytest.approx(h_score(X, y), rel=MERGED_STATISTICS)


def test_ignored_samples_leave_no_trace():
    X, y = network_features(90, 6, 3)
    void = y.copy()
    void[:30], void[40] = 255, 255
    wild = np.where((void == 255)[:, np.newaxis], np.nan, X)
    statistics = FeatureStatistics()
    for rows in np.array_split(np.arange(90), 3):  # the first batch is ignored as a whole
        statistics.partial_fit(wild[rows], void[rows], ignore_index=255)
    keep = void != 255
    assert statistics.n == keep.sum()
    assert statistics.h_score() == pytest.approx(h_score(X[keep], y[keep]), rel=MERGED_STATISTICS)


# --------------------------------------------------------------------------------- files


@pytest.mark.parametrize("kind", ["integers", "strings"])
def test_saved_and_loaded_keep_every_bit(tmp_path, kind):
    X, y = network_features(90, 6, 3)
    labels = y if kind == "integers" else np.array(["a", "b", "ü"])[y]
    statistics = FeatureStatistics().partial_fit(X[:50], labels[:50])
    path = tmp_path / "statistics"
    statistics.save(path)
    again = FeatureStatistics.load(path)
    assert again.classes.tolist() == statistics.classes.tolist()
    statistics.partial_fit(X[50:], labels[50:])
    again.partial_fit(X[50:], labels[50:])
    assert again.h_score(shrinkage="ledoit-wolf") == statistics.h_score(shrinkage="ledoit-wolf")


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "x.npz"
    for content in (b"", b"PK", b"text", b"\x93NUMPY"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="`path` must be a file of feature statistics"):
            FeatureStatistics.load(path)
    np.savez(path, a=1)
    with pytest.raises(ValueError, match="`path` must be a file of feature statistics"):
        FeatureStatistics.load(path)
    np.savez(path, a=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="`path` must be a file of feature statistics"):
        FeatureStatistics.load(path)
    with pytest.raises(FileNotFoundError):
        FeatureStatistics.load(tmp_path / "none")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"version": 2},
            "feature statistics of version 1, got 2; they may come from a later version",
        ),
        ({"mean": None}, "all fields, got none for mean"),
        ({"scatter": np.zeros((6, 5))}, "whole feature statistics, got a damaged file"),
        ({"counts": np.array([90.0, -1, 1])}, "whole feature statistics"),
        ({"radial_fourth": np.nan}, "whole feature statistics"),
        ({"offsets": np.full((3, 6), "x")}, "whole feature statistics"),
    ],
)
def test_damaged_files_are_refused(tmp_path, change, text):
    X, y = network_features(90, 6, 3)
    path = tmp_path / "x.npz"
    FeatureStatistics().partial_fit(X, y).save(path)
    with np.load(path) as file:
        content = {**dict(file), **change}
    np.savez(path, **{name: value for name, value in content.items() if value is not None})
    with pytest.raises(ValueError, match=f"`path` must hold {text}"):
        FeatureStatistics.load(path)


# -------------------------------------------------------------------------------- errors


def test_errors_say_what_was_wrong_and_add_nothing():
    X, y = network_features(60, 6, 3)
    statistics = FeatureStatistics()
    assert repr(statistics) == "FeatureStatistics(empty)"
    assert statistics.n == 0
    for ask in (statistics.h_score, lambda: statistics.d, lambda: statistics.mean):
        with pytest.raises(RuntimeError, match="these FeatureStatistics have no samples yet"):
            ask()
    statistics.partial_fit(X[y == 0], y[y == 0])
    with pytest.raises(ValueError, match="`labels` must have at least two classes, got one"):
        statistics.h_score()
    statistics.partial_fit(X, y)
    before = statistics.h_score()
    bad = X.copy()
    bad[7, 2] = np.inf
    for features, labels, error, text in (
        (X[:, :5], y, ValueError, "`features` must have 6 features, as the batches before, got 5"),
        (X, y.astype(str), TypeError, "`labels` must be of one kind in all batches"),
        (bad, y, ValueError, "`features` must be finite, got inf at row 7, column 2"),
        (X, y[:9], ValueError, r"`labels` must have shape \(60,\), got \(9,\)"),
    ):
        with pytest.raises(error, match=text):
            statistics.partial_fit(features, labels)
    with pytest.raises(TypeError, match="`other` must be FeatureStatistics, got int"):
        statistics.merge(3)
    with pytest.raises(ValueError, match="`other` must have 6 features"):
        statistics.merge(FeatureStatistics().partial_fit(X[:, :2], y))
    assert statistics.merge(FeatureStatistics()).h_score() == before


def test_squares_beyond_float64_are_an_error_not_nan():
    X = np.random.default_rng(0).normal(size=(600, 3))
    X[301] = 1e300  # not among the rows that choose the unit
    with pytest.raises(ValueError, match="`features` must have squares within the range"):
        FeatureStatistics().partial_fit(X, np.arange(600) % 2)


# ------------------------------------------------------------- features larger than memory


def test_a_mapped_file_is_read_in_chunks(tmp_path, monkeypatch):
    X, y = network_features(1000, 16, 4)
    X = X.astype(np.float32)
    mapped = np.memmap(tmp_path / "x", np.float32, "w+", shape=X.shape)
    mapped[:] = X
    mapped.flush()
    monkeypatch.setattr("transferscore._statistics.chunks.CHUNK", 64 * 16 * 4)
    chunked = FeatureStatistics().partial_fit(
        np.memmap(tmp_path / "x", np.float32, "r", shape=X.shape), y
    )
    by_hand = of_parts(X, y, [slice(i, i + 64) for i in range(0, 1000, 64)])
    assert chunked.h_score() == by_hand.h_score()
    assert chunked.h_score() == pytest.approx(h_score(X, y), rel=FLOAT32)


def test_a_data_set_that_is_no_array_is_read_in_chunks(monkeypatch):
    X, y = network_features(1000, 16, 4)

    class Stored:
        """Rows on request, as data sets of HDF5 and zarr give them."""

        shape, dtype = X.shape, X.dtype

        def __init__(self):
            self.most = 0

        def __getitem__(self, rows):
            self.most = max(self.most, rows.stop - rows.start)
            return X[rows]

    monkeypatch.setattr("transferscore._statistics.chunks.CHUNK", 100 * 16 * 8)
    stored = Stored()
    statistics = FeatureStatistics().partial_fit(stored, y)
    assert stored.most == 100
    assert statistics.h_score() == pytest.approx(h_score(X, y), rel=MERGED_STATISTICS)


def test_a_bad_chunk_adds_nothing(tmp_path, monkeypatch):
    X, y = network_features(1000, 16, 4)
    X[900, 3] = np.nan
    mapped = np.memmap(tmp_path / "x", np.float64, "w+", shape=X.shape)
    mapped[:] = X
    monkeypatch.setattr("transferscore._statistics.chunks.CHUNK", 64 * 16 * 8)
    statistics = FeatureStatistics()
    with pytest.raises(ValueError, match="`features` must be finite, got nan at row 900, column 3"):
        statistics.partial_fit(mapped, y)
    assert statistics.n == 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the peak from /proc")
def test_memory_does_not_grow_with_the_file(tmp_path):
    """A sparse file of 1 GiB; resident memory stays below 300 MB."""
    script = textwrap.dedent(
        f"""
        import numpy as np
        from transferscore import FeatureStatistics
        n, d = 2**20, 256
        X = np.memmap({str(tmp_path / "x")!r}, np.float32, "w+", shape=(n, d))
        X[::4096, 3] = np.arange(256) % 2
        y = np.zeros(n, np.int8); y[::4096] = 1
        del X
        X = np.memmap({str(tmp_path / "x")!r}, np.float32, "r", shape=(n, d))
        statistics = FeatureStatistics().partial_fit(X, y)
        assert statistics.n == n
        status = open("/proc/self/status").read()
        print(int(status.split("VmHWM:")[1].split()[0]))
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 300_000
