"""Features, labels and outputs that lie in files: mapped ones, HDF5 and zarr; iterators."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

from conftest import network_features
from test_leep import outputs_of
from tolerances import FLOAT32, MERGED_STATISTICS
from transferscore import (
    FeatureStatistics,
    LabelStatistics,
    PredictionStatistics,
    _checks,
    h_score,
    leep,
    nce,
    score_all,
)
from transferscore.io import load_features

N, D = 1000, 16
ROW = D * 4  # bytes


class HDF5:
    """Arrays as data sets of a file."""

    def __init__(self, folder):
        self.h5py = pytest.importorskip("h5py", reason="needs h5py (extra io)")
        self.file = self.h5py.File(folder / "x.h5", "w")

    def store(self, name, array, chunks=None):
        if array.dtype.kind == "U":
            array = array.astype(object)
        return self.file.create_dataset(
            name, data=array, chunks=chunks, compression="gzip" if chunks else None
        )

    def close(self):
        self.file.close()


class Zarr:
    """Arrays in folders."""

    def __init__(self, folder):
        self.zarr = pytest.importorskip("zarr", reason="needs zarr (extra io)")
        self.folder = folder

    def store(self, name, array, chunks=None):
        stored = self.zarr.open_array(
            str(self.folder / name),
            mode="w",
            shape=array.shape,
            chunks=chunks or array.shape,
            dtype=array.dtype,
        )
        stored[...] = array
        return stored

    def close(self):
        pass


@pytest.fixture(params=[HDF5, Zarr])
def storage(request, tmp_path):
    storage = request.param(tmp_path)
    yield storage
    storage.close()


@pytest.fixture
def small_chunks(monkeypatch):
    """128 rows of the features below are read at once."""
    monkeypatch.setattr("transferscore._statistics.chunks.CHUNK", 128 * ROW)


def features():
    X, y = network_features(N, D, 4)
    return X.astype(np.float32), y


def of_slices(X, y, rows):
    statistics = FeatureStatistics()
    for i in range(0, N, rows):
        statistics.partial_fit(X[i : i + rows], y[i : i + rows])
    return statistics


@pytest.mark.parametrize(
    ("chunks", "rows"),
    [(None, 128), ((10, D), 120), ((50, 4), 100), ((300, D), 300), ((1, D), 128)],
)
def test_features_are_read_by_whole_pieces(chunks, rows, storage, small_chunks):
    X, y = features()
    if chunks is None and isinstance(storage, Zarr):
        rows = N  # one piece
    stored = storage.store("features", X, chunks)
    statistics = FeatureStatistics().partial_fit(stored, storage.store("labels", y))
    assert statistics.n == N
    assert statistics.score_all() == of_slices(X, y, rows).score_all()
    assert statistics.h_score() == pytest.approx(h_score(X, y), rel=FLOAT32)


@pytest.mark.parametrize("dtype", ["float16", "float64", ">f4", "int16"])
def test_types(dtype, storage, small_chunks):
    X, y = features()
    X = np.round(8 * X).astype(dtype)
    statistics = FeatureStatistics().partial_fit(storage.store("features", X, (100, D)), y)
    assert statistics.h_score() == pytest.approx(h_score(X, y), rel=FLOAT32)


def test_nothing_else_is_read(storage, small_chunks, monkeypatch):
    """Never the whole matrix, and no row twice."""
    X, y = features()
    stored = storage.store("features", X, (64, D))
    read, get = [], type(stored).__getitem__

    def counted(self, rows):
        read.append((rows.start, rows.stop))
        return get(self, rows)

    monkeypatch.setattr(type(stored), "__getitem__", counted)
    monkeypatch.setattr(type(stored), "__array__", lambda *_: pytest.fail("all of it was read"))
    FeatureStatistics().partial_fit(stored, y)
    assert read == [(i, i + 128) for i in range(0, N, 128)]


def test_a_bad_value_is_found_where_it_lies(storage, small_chunks):
    X, y = features()
    X[700, 3] = np.nan
    statistics = FeatureStatistics()
    with pytest.raises(ValueError, match="`features` must be finite, got nan at row 700, column 3"):
        statistics.partial_fit(storage.store("features", X, (64, D)), y)
    assert statistics.n == 0
    with pytest.raises(ValueError, match=r"`labels` must have shape \(1000,\), got \(999,\)"):
        statistics.partial_fit(storage.store("again", X), y[1:])


def test_outputs_in_two_passes(storage, small_chunks):
    theta, y = outputs_of(300, 16, 4)
    stored, labels = storage.store("theta", theta, (64, 16)), storage.store("labels", y)
    second = PredictionStatistics().partial_fit(stored, labels).second_pass()
    assert second.partial_fit(stored, labels).leep() == pytest.approx(
        leep(theta, y), rel=MERGED_STATISTICS
    )


def test_pairs_of_labels(storage):
    _, y = features()
    z = y * 3 % 7
    statistics = LabelStatistics().partial_fit(
        source_labels=storage.store("source", z), target_labels=storage.store("target", y)
    )
    assert statistics.nce() == nce(source_labels=z, target_labels=y)


def test_many_scores_of_stored_features_and_outputs(storage):
    X, y = features()
    theta, _ = outputs_of(N, 5, 4)
    found = score_all(
        storage.store("features", X, (64, D)),
        storage.store("labels", y),
        source_probabilities=storage.store("theta", theta, (64, 5)),
    )
    assert found == score_all(X, y, source_probabilities=theta)


def test_strings_of_hdf5(tmp_path):
    X, y = features()
    names = np.array(["ash", "châtaignier", "oak", "yew"])[y]
    storage = HDF5(tmp_path)
    stored = storage.store("labels", names)
    statistics = FeatureStatistics().partial_fit(X, stored)
    assert statistics.classes.tolist() == ["ash", "châtaignier", "oak", "yew"]
    statistics.partial_fit(X, stored.asstr()[:])
    assert statistics.class_counts.sum() == 2 * N
    assert h_score(X, stored) == h_score(X, y)
    storage.close()


# -------------------------------------------------------------------------- mapped files


def test_a_mapped_file_is_read_in_chunks(tmp_path, small_chunks):
    X, y = features()
    mapped = np.memmap(tmp_path / "x", np.float32, "w+", shape=X.shape)
    mapped[:] = X
    mapped.flush()
    chunked = FeatureStatistics().partial_fit(
        np.memmap(tmp_path / "x", np.float32, "r", shape=X.shape), y
    )
    assert chunked.score_all() == of_slices(X, y, 128).score_all()
    assert chunked.h_score() == pytest.approx(h_score(X, y), rel=FLOAT32)


@pytest.mark.parametrize("seen", ["np.load", "np.asarray", "load_features", "rows", "columns"])
def test_a_mapped_file_is_recognised_through_views(seen, tmp_path, monkeypatch):
    X, y = network_features(1000, 16, 4)
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    rows, columns = slice(100 if seen == "rows" else 0, None), slice(8 if seen == "columns" else 16)
    view = {
        "np.load": lambda: mapped,
        "np.asarray": lambda: np.asarray(mapped),
        "load_features": lambda: load_features(tmp_path / "x.npy"),
        "rows": lambda: np.asarray(mapped)[rows],
        "columns": lambda: mapped[:, columns],
    }[seen]()
    monkeypatch.setattr("transferscore._statistics.chunks.CHUNK", 64 * view.shape[1] * 8)
    sizes = []
    batch = _checks.batch

    def noted(features, *arguments, **options):
        sizes.append(len(features))
        return batch(features, *arguments, **options)

    monkeypatch.setattr(_checks, "batch", noted)
    statistics = FeatureStatistics().partial_fit(view, y[rows])
    assert max(sizes) == 64
    assert sum(sizes) == len(view)
    expected = h_score(X[rows, columns], y[rows])
    assert statistics.h_score() == pytest.approx(expected, rel=MERGED_STATISTICS)


def test_a_private_copy_of_a_mapped_file_keeps_its_changes(tmp_path):
    X, y = network_features(1000, 16, 4)
    np.save(tmp_path / "x.npy", np.zeros_like(X))
    private = np.load(tmp_path / "x.npy", mmap_mode="c")
    private[:] = X
    expected = pytest.approx(h_score(X, y), rel=MERGED_STATISTICS)
    assert FeatureStatistics().partial_fit(private, y).h_score() == expected
    np.testing.assert_array_equal(private, X)


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


# ------------------------------------------------------------------------------- memory

PREPARE = {
    "HDF5": """
        import h5py
        X = h5py.File(path, "w").create_dataset("x", (n, d), "f4", chunks=(4096, d), fillvalue=1)
        X[:1024] = some
        batches = [(X, y)]
    """,
    "zarr": """
        import zarr
        X = zarr.open_array(
            path, mode="w", shape=(n, d), chunks=(4096, d), dtype="f4", fill_value=1
        )
        X[:1024] = some
        batches = [(X, y)]
    """,
    "mapped file": """
        X = np.memmap(path, np.float32, "w+", shape=(n, d))
        X[:1024] = some
        del X
        X = np.memmap(path, np.float32, "r", shape=(n, d))
        batches = [(X, y)]
    """,
    "iterator": """
        batch = np.ones((4096, d), np.float32)
        def batches_of_both():
            for first in range(0, n, 4096):
                batch[:1024] = some if first == 0 else 1
                yield batch, y[first : first + 4096]
        batches = batches_of_both()
    """,
}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the peak from /proc")
@pytest.mark.parametrize("source", PREPARE)
def test_memory_does_not_grow_with_the_samples(source, tmp_path):
    """1 GiB of features; resident memory grows by less than 250 MB."""
    if source in ("HDF5", "zarr"):
        pytest.importorskip("h5py" if source == "HDF5" else "zarr", reason="needs the extra io")
    script = f"""
        import numpy as np
        from transferscore import FeatureStatistics, h_score
        def peak():
            status = open("/proc/self/status").read()
            return int(status.split("VmHWM:")[1].split()[0])
        path, n, d = {str(tmp_path / "x")!r}, 2**22, 64
        y = np.zeros(n, np.int8)
        y[:1024] = np.arange(1024) % 3
        some = np.random.default_rng(0).normal(size=(1024, d)) + y[:1024, None]
        {textwrap.indent(textwrap.dedent(PREPARE[source]), " " * 8).strip()}
        before = peak()
        statistics = FeatureStatistics()
        for features, labels in batches:
            statistics.partial_fit(features, labels, n_threads=1)
        assert statistics.n == n
        print(statistics.h_score(), peak() - before)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=True
    )
    score, grown = done.stdout.split()
    assert 0 < float(score) < 2
    assert int(grown) < 250_000
