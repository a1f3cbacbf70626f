"""safetensors, Parquet, HDF5, zarr and torch's files: what is read, and what hostile ones get."""

import itertools
import json
import os
import pickle
import struct
import sys

import numpy as np
import pytest

from transferscore import FeatureStatistics
from transferscore.cli import main
from transferscore.io import (
    FileError,
    StoredMatrix,
    list_feature_files,
    load_features,
    load_labels,
    open_features,
)

X = np.arange(60, dtype=np.float32).reshape(20, 3)
Y = np.arange(20) % 3
NAMES = np.array(["ash", "châtaignier", "oak"])[Y]


def extra(name):
    return pytest.importorskip(name, reason=f"needs {name} (extra io)")


def write_safetensors(path, **arrays):
    extra("safetensors.numpy").save_file(arrays, path)


def write_npz(path, **arrays):
    np.savez(path, **arrays)


def write_hdf5(path, **arrays):
    h5py = extra("h5py")
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            text = array.dtype.kind == "U"
            file.create_dataset(name, data=array.astype(object) if text else array)


def write_zarr(path, **arrays):
    for name, array in arrays.items():
        zarr_array(path / name, array, (7, *array.shape[1:]))


def zarr_array(path, array, chunks, **options):
    stored = extra("zarr").open_array(
        str(path), mode="w", shape=array.shape, chunks=chunks, **{"dtype": array.dtype, **options}
    )
    stored[...] = array


def zarr_version(version):
    """The option that asks for a version of the format, where zarr has it."""
    of_library = int(extra("zarr").__version__.partition(".")[0])
    if of_library < version:
        pytest.skip(f"needs version {version} of zarr")
    return {"zarr_format": version} if of_library > 2 else {}


def table(**arrays):
    arrow = extra("pyarrow")
    columns = {
        name: arrow.FixedSizeListArray.from_arrays(arrow.array(array.ravel()), array.shape[1])
        if array.ndim == 2
        else arrow.array(array)
        for name, array in arrays.items()
    }
    return arrow.table(columns)


def write_parquet(path, **arrays):
    extra("pyarrow.parquet").write_table(table(**arrays), path, row_group_size=7)


WRITERS = {
    ".npz": write_npz,
    ".safetensors": write_safetensors,
    ".h5": write_hdf5,
    ".HDF5": write_hdf5,
    ".zarr": write_zarr,
    ".parquet": write_parquet,
}


def refused(path, text, load=load_features, **options):
    with pytest.raises(FileError) as caught:
        load(path, **options)
    line = str(caught.value)
    assert line.startswith(f"'{path}")
    assert "\n" not in line
    assert text in line


@pytest.fixture(params=WRITERS)
def written(request, tmp_path):
    def write(**arrays):
        path = tmp_path / f"x{request.param}"
        WRITERS[request.param](path, **arrays)
        return path

    return write


# ------------------------------------------------------------------------ every format


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "i2", "u1", "i8"])
def test_types_survive(written, dtype):
    path = written(features=X.astype(dtype), labels=Y, other=Y)
    loaded = load_features(path)
    assert loaded.dtype == dtype
    np.testing.assert_array_equal(loaded, X)
    assert isinstance(loaded, np.ndarray)
    np.testing.assert_array_equal(load_labels(path), Y)


def test_keys(written):
    path = written(train=X, test=2 * X, y=Y, z=Y + 1)
    np.testing.assert_array_equal(load_features(path, key="test"), 2 * X)
    np.testing.assert_array_equal(load_labels(path, key="z"), Y + 1)
    refused(path, "must hold one array named 'gone', holds '", key="gone")
    refused(path, "must hold one array named 'labels', holds '", load_labels)
    no_vector = {
        ".parquet": "must hold whole numbers, booleans or strings, column 'train' holds fixed_size",
    }.get(path.suffix, "must have shape (n,), has shape (20, 3)")
    refused(path, no_vector, load_labels, key="train")
    with pytest.raises(TypeError, match="`key` must be a name or names, got \\[3\\]"):
        load_features(path, key=[3])


def test_a_single_array_counts_whatever_its_name(written):
    np.testing.assert_array_equal(load_features(written(resnet=X)), X)


def test_rows_on_request(written):
    path = written(features=X, labels=Y)
    with open_features(path) as matrix:
        assert matrix.shape == X.shape
        assert matrix.dtype == X.dtype
        assert len(matrix) == 20
        for first, last in ((0, 5), (5, 11), (2, 20), (19, 25), (4, 4), (6, 3)):
            np.testing.assert_array_equal(matrix[first:last], X[first:last])
        np.testing.assert_array_equal(np.asarray(matrix, dtype=np.float64), X)
    if isinstance(matrix, StoredMatrix):
        with pytest.raises(ValueError, match="the file of this StoredMatrix is closed"):
            matrix[:1]


def test_statistics_of_an_open_file(written, monkeypatch):
    monkeypatch.setattr("transferscore._statistics.chunks.CHUNK", 5 * 12)
    with open_features(written(features=X**2 % 17, labels=Y)) as matrix:
        statistics = FeatureStatistics().partial_fit(matrix, Y)
    expected = FeatureStatistics().partial_fit(X**2 % 17, Y)
    np.testing.assert_allclose(statistics.covariance, expected.covariance, rtol=1e-12)


def test_damage_is_a_file_error_or_an_array(written):
    path = written(features=X, labels=Y)
    if path.suffix == ".npz":
        pytest.skip("test_io.py does so")
    rng = np.random.default_rng(0)
    files = [path] if path.is_file() else [f for f in sorted(path.rglob("*")) if f.is_file()]
    for _ in range(60):
        file = files[rng.integers(len(files))]
        source = file.read_bytes()
        content = bytearray(source)
        for at in rng.integers(len(content), size=rng.integers(1, 4)):
            content[at] = rng.integers(256)
        cut = rng.integers(1, len(content) + 1) if rng.random() < 0.3 else len(content)
        file.write_bytes(content[:cut])
        try:
            assert load_features(path).ndim == 2
        except FileError as error:
            assert "\n" not in str(error)  # noqa: PT017
        file.write_bytes(source)


def test_folders_stand_for_files_of_every_format(tmp_path):
    for suffix, write in WRITERS.items():
        write(tmp_path / f"x{suffix}", features=X, labels=Y)
        write(tmp_path / f"labels{suffix}", labels=Y)
    np.save(tmp_path / "y.npy", X)
    for suffix in WRITERS:
        found = {
            f.path.name for f in list_feature_files(tmp_path, labels=tmp_path / f"labels{suffix}")
        }
        others = {f"labels{other}" for other in WRITERS if other != suffix}
        assert found == {"y.npy", *(f"x{s}" for s in WRITERS), *others}
        both = tmp_path / f"x{suffix}"
        assert both in [f.path for f in list_feature_files(tmp_path, labels=both)]


def test_not_such_a_file(tmp_path):
    for suffix, module, what in (
        (".safetensors", "safetensors", "must begin with the size of a header"),
        (".h5", "h5py", "must be a HDF5 file, is a damaged one: "),
        (".parquet", "pyarrow", "must be a Parquet file, is a damaged one: "),
        (".zarr", "zarr", "must be a folder in zarr format, is a file"),
    ):
        extra(module)
        path = tmp_path / f"x{suffix}"
        for content in (b"", b"1,2,nan\n" * 9, b"\x80\x04K\x01."):
            path.write_bytes(content)
            refused(path, what)
        path.unlink()
        refused(path, "is not there" if suffix == ".zarr" else "cannot be read: No such file")
        path.mkdir()
        refused(path, "holds no arrays" if suffix == ".zarr" else "must be a file, is a folder")


@pytest.mark.parametrize("module", ["safetensors", "h5py", "pyarrow", "zarr"])
def test_the_extra_is_named(module, tmp_path, monkeypatch):
    suffix = {"safetensors": ".safetensors", "h5py": ".h5", "pyarrow": ".parquet"}
    for name in [name for name in sys.modules if name.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ModuleNotFoundError, match=rf"{module}.*'transferscore\[io\]'"):
        load_features(tmp_path / f"x{suffix.get(module, '.zarr')}")


def test_rank_reads_every_format(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for suffix, write in WRITERS.items():
        write(tmp_path / f"x{suffix}", features=X**2 % 17, labels=Y)
    main(["rank", "--labels", "x.npz", "--csv", "."])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == ["rank", *"1" * len(WRITERS)]
    assert len({line.rpartition(",")[2] for line in lines[1:]}) == 1
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert main(["rank", "--labels", "x.zarr", "--csv", "."]) == 1
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == len(lines) - 2
    assert captured.err.count("error: 'x.h5': this needs h5py, which is not installed; pip") == 1


# ------------------------------------------------------------------------- safetensors


def safetensors_file(path, header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)


def tensor(dtype="F32", shape=(4, 3), end=48):
    return {"features": {"dtype": dtype, "shape": list(shape), "data_offsets": [0, end]}}


SAFETENSORS = {
    "long header": ((tensor(), bytes(48), 10**9), "declares 1,000,000,000 in a file of "),
    "endless header": ((tensor(), bytes(48), 2**64 - 1), "declares 18,446,744,073,709,551,615"),
    "no JSON": ((b"{]", b""), "must be a safetensors file, is a damaged one: "),
    "nested": ((b"[" * 9000, b""), "must be a safetensors file, is a damaged one: "),
    "truncated": ((tensor(), bytes(47)), "must be a safetensors file, is a damaged one: "),
    "left over": ((tensor(), bytes(49)), "must be a safetensors file, is a damaged one: "),
    "huge shape": ((tensor(shape=(10**9, 10**9)), bytes(48)), "is a damaged one: "),
    "overflow": ((tensor(shape=(2**62, 2**62)), bytes(48)), "is a damaged one: "),
    "vector": ((tensor(shape=(12,)), bytes(48)), "must have shape (n, d), has shape (12,)"),
    "empty": ((tensor(shape=(0, 3), end=0), b""), "must not be empty, has shape (0, 3)"),
    "eight bits": ((tensor("F8_E4M3", end=12), bytes(12)), "must hold real numbers, holds F8_E4M3"),
    "unknown": ((tensor("Q4", end=12), bytes(12)), "is a damaged one: "),
}


@pytest.mark.parametrize("name", SAFETENSORS)
def test_hostile_safetensors(name, tmp_path):
    extra("safetensors")
    content, text = SAFETENSORS[name]
    safetensors_file(tmp_path / "x.safetensors", *content)
    refused(tmp_path / "x.safetensors", text)


def test_bfloat16_is_float32(tmp_path):
    extra("safetensors")
    upper = np.random.default_rng(0).integers(0, 2**16, size=(4, 3), dtype=np.uint16)
    upper[0] = [0x3F80, 0xC000, 0x7F80]  # 1, -2, infinity
    path = tmp_path / "x.safetensors"
    safetensors_file(path, tensor("BF16", end=24), upper.tobytes())
    loaded = load_features(path)
    assert loaded.dtype == np.float32
    assert loaded[0].tolist() == [1, -2, np.inf]
    np.testing.assert_array_equal(loaded.view(np.uint32) >> 16, upper)
    with open_features(path) as matrix:
        assert repr(matrix) == "StoredMatrix(shape=(4, 3), dtype=float32)"
        with pytest.raises(TypeError, match="a StoredMatrix gives rows first:last, got 1"):
            matrix[1]
        with pytest.raises(ValueError, match="a StoredMatrix is read, which makes a copy"):
            matrix.__array__(copy=False)


def test_safetensors_are_mapped(tmp_path):
    write_safetensors(tmp_path / "x.safetensors", features=X)
    assert isinstance(load_features(tmp_path / "x.safetensors").base, np.memmap)


# ----------------------------------------------------------------------------- Parquet


@pytest.fixture
def parquet(tmp_path):
    """Writes a table of columns as pyarrow makes them."""
    arrow, pq = extra("pyarrow"), extra("pyarrow.parquet")

    def write(columns, **options):
        pq.write_table(arrow.table(columns), tmp_path / "x.parquet", **options)
        return tmp_path / "x.parquet"

    return write


def test_numeric_columns(parquet):
    arrow = extra("pyarrow")
    columns = {"a": X[:, 0], "labels": Y, "b": X[:, 1].astype(np.int16), "c": X[:, 2] > 9}
    path = parquet(columns)
    expected = np.stack([X[:, 0], X[:, 1], X[:, 2] > 9], axis=1)
    np.testing.assert_array_equal(load_features(path), expected)
    assert load_features(path).dtype == np.float32
    np.testing.assert_array_equal(load_features(path, key=["b", "a"]), X[:, [1, 0]])
    np.testing.assert_array_equal(load_features(path, key="a"), X[:, :1])
    path = parquet({**columns, "name": NAMES})
    refused(path, "column 'name' holds string (`key` chooses columns)")
    refused(path, "must hold real numbers, column 'name' holds string", key="name")
    refused(
        path, "must hold one array named 'd', holds 'a', 'labels', 'b', 'c', 'name'", key=["a", "d"]
    )
    path = parquet({"a": arrow.array(["1", "nan"]), "labels": [0, 1]})
    refused(path, "must hold real numbers, column 'a' holds string")


def test_names_of_rows_are_no_feature(tmp_path):
    """As pandas stores them."""
    columns = extra("pyarrow").table({"a": X[:, 0], "labels": Y, "rows": Y + 7})
    metadata = {"pandas": json.dumps({"index_columns": ["rows", {"kind": "range"}]})}
    path = tmp_path / "x.parquet"
    extra("pyarrow.parquet").write_table(columns.replace_schema_metadata(metadata), path)
    np.testing.assert_array_equal(load_features(path), X[:, :1])
    np.testing.assert_array_equal(load_labels(path, key="rows"), Y + 7)


@pytest.mark.parametrize("kind", ["list", "large list", "fixed"])
def test_a_column_of_lists(parquet, kind):
    arrow = extra("pyarrow")
    of = {"list": arrow.list_, "large list": arrow.large_list, "fixed": lambda t: arrow.list_(t, 3)}
    column = arrow.array(X.tolist(), of[kind](arrow.float32()))
    path = parquet({"id": NAMES, "embedding": column, "labels": Y}, row_group_size=6)
    np.testing.assert_array_equal(load_features(path), X)
    with open_features(path) as matrix:
        np.testing.assert_array_equal(matrix[9:15], X[9:15])
        np.testing.assert_array_equal(matrix[3:8], X[3:8])


def test_a_table_of_many_batches(parquet, monkeypatch):
    monkeypatch.setattr("transferscore.io._parquet._ROWS", 3)
    path = parquet({"a": X[:, 0], "b": X[:, 1], "labels": NAMES}, row_group_size=8)
    np.testing.assert_array_equal(load_features(path), X[:, :2])
    np.testing.assert_array_equal(load_labels(path), NAMES)


def test_parquet_that_is_no_matrix(parquet):
    arrow = extra("pyarrow")
    refused(
        parquet({"features": [[1.0, 2.0], [3.0]]}),
        "column 'features' has lists of 1 and of 2 values",
    )
    missing = "must have no missing values, column 'a' has some"
    refused(parquet({"a": [1.0, None], "b": [1.0, 2.0]}), missing)
    refused(parquet({"a": [[1.0, 2.0], None]}), missing)
    refused(parquet({"a": [[1.0, 2.0], [None, 1.0]]}), missing)
    refused(parquet({"a": arrow.array([], arrow.float32())}), "must not be empty, has shape (0, 1)")
    refused(parquet({"a": arrow.array([1], arrow.date32())}), "column 'a' holds date32[day]")
    refused(parquet({"a": arrow.array([{"x": 1}])}), "column 'a' holds struct<x: int64>")
    labels = parquet({"labels": ["x", None]})
    refused(labels, "must have no missing values, column 'labels' has some", load_labels)
    refused(
        parquet({"labels": [0.5, 1.0]}), "must hold whole numbers, booleans or strings", load_labels
    )
    long = parquet({"features": [[1.0, 2.0]] * 5 + [[1.0]]}, row_group_size=2)
    refused(long, "must hold lists of one length")


def test_labels_of_parquet(parquet):
    arrow = extra("pyarrow")
    for column in (
        NAMES,
        arrow.array(NAMES).dictionary_encode(),
        arrow.array(NAMES, arrow.large_string()),
    ):
        np.testing.assert_array_equal(load_labels(parquet({"labels": column})), NAMES)
    codes = arrow.array(Y).dictionary_encode()
    np.testing.assert_array_equal(load_labels(parquet({"labels": codes, "a": X[:, 0]})), Y)
    assert load_labels(parquet({"labels": [True, False]})).tolist() == [True, False]


def test_parquet_bombs(parquet, monkeypatch):
    monkeypatch.setattr("transferscore.io._files.FREE_BYTES", 2**16)
    text = "must not unpack to more than 100 times its size, declares "
    refused(parquet({"a": np.zeros(10**6)}), text)
    refused(parquet({"labels": ["x" * 10**4] * 10**4}), text, load_labels)


def test_a_changed_page_is_found(parquet):
    path = parquet(
        {"a": X[:, 0]}, write_page_checksum=True, use_dictionary=False, compression="none"
    )
    content = bytearray(path.read_bytes())
    at = content.index(X[:3, 0].tobytes())
    content[at] ^= 0xFF
    path.write_bytes(content)
    refused(path, "must be a Parquet file, is a damaged one: ")


# -------------------------------------------------------------------------------- HDF5


@pytest.fixture
def hdf5(tmp_path):
    h5py = extra("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        yield h5py, file, tmp_path / "x.h5"


def test_groups_of_hdf5(hdf5):
    _, file, path = hdf5
    file["test/deep/features"] = X
    file["labels"] = NAMES.astype(object)
    file["S"] = np.array([b"a", b"bc"])
    file.close()
    np.testing.assert_array_equal(load_features(path, key="test/deep/features"), X)
    np.testing.assert_array_equal(load_labels(path), NAMES)
    assert load_labels(path, key="S").tolist() == [b"a", b"bc"]
    refused(path, "must hold one array named 'features', holds 'S', 'labels', 'test/deep/features'")


def test_hdf5_follows_no_link(hdf5, tmp_path):
    h5py, file, path = hdf5
    write_hdf5(tmp_path / "secret.h5", features=X)
    file["features"] = h5py.ExternalLink("secret.h5", "features")
    file["soft"] = h5py.SoftLink("/features")
    file.flush()
    file.close()
    refused(path, "must hold one array named 'features', holds no arrays")


def test_hdf5_refers_to_no_file(hdf5, tmp_path):
    h5py, file, path = hdf5
    (tmp_path / "secret").write_bytes(bytes(240))
    file.create_dataset("outside", (20, 3), "f4", external=[(str(tmp_path / "secret"), 0, 240)])
    layout = h5py.VirtualLayout((20, 3), "f4")
    layout[:] = h5py.VirtualSource(tmp_path / "secret.h5", "features", (20, 3))
    file.create_virtual_dataset("virtual", layout)
    file.close()
    for key in ("outside", "virtual"):
        refused(path, "must hold its data itself, refers to other files", key=key)


def test_hdf5_that_is_no_matrix(hdf5, monkeypatch):
    h5py, file, path = hdf5
    file.create_dataset("bomb", (10**9, 10**5), "f8", chunks=(10**3, 10**3))
    file.create_dataset("lists", (4,), h5py.vlen_dtype(np.float32))
    file.create_dataset("matrix of lists", (4, 2), h5py.vlen_dtype(np.float32))
    file["complex"] = X.astype(complex)
    file["nothing"] = h5py.Empty("f4")
    file["names"] = NAMES.astype(object)
    file.create_dataset("many names", (10**12,), h5py.string_dtype(), chunks=(10**3,))
    file.close()
    refused(path, "declares 16,000,000,000,000 bytes from ", load_labels, key="many names")
    refused(path, "must not unpack to more than 100 times its size, declares 800,000,", key="bomb")
    refused(path, "must have shape (n, d), has shape (4,)", key="lists")
    refused(path, "must hold real numbers, holds ", key="matrix of lists")
    refused(path, "must hold real numbers, holds complex128", key="complex")
    refused(path, "must have shape (n, d), has shape ()", key="nothing")
    refused(path, "must have shape (n, d), has shape (20,)", key="names")
    monkeypatch.setattr("transferscore.io._files.FREE_BYTES", 10)
    monkeypatch.setattr("transferscore.io._files.MAX_RATIO", 0)
    refused(path, "must not unpack to more than 0 times its size", load_labels, key="names")


def test_damage_in_rows_is_found_when_they_are_read(hdf5):
    _, file, path = hdf5
    file.create_dataset("features", data=X, chunks=(10, 3), fletcher32=True)
    file.close()
    content = path.read_bytes()
    at = content.index(X[10:13].tobytes())
    path.write_bytes(content[:at] + b"\xff" + content[at + 1 :])
    with open_features(path) as matrix:
        np.testing.assert_array_equal(matrix[:10], X[:10])
        with pytest.raises(FileError, match=r"x.h5' must be a HDF5 file, is a damaged one: "):
            matrix[10:]


# -------------------------------------------------------------------------------- zarr


@pytest.mark.parametrize("version", [2, 3])
def test_a_folder_of_one_array(tmp_path, version):
    path = tmp_path / "x.zarr"
    zarr_array(path, X, (7, 2), **zarr_version(version))
    np.testing.assert_array_equal(load_features(path), X)
    refused(path, "holds one array without a name, `key` must be None, got 'x'", key="x")


def test_groups_of_zarr(tmp_path):
    zarr_array(tmp_path / "x.zarr" / "test" / "features", X, X.shape)
    np.testing.assert_array_equal(load_features(tmp_path / "x.zarr", key="test/features"), X)
    write_zarr(tmp_path / "other.zarr", features=X)
    key = "../other.zarr/features"
    refused(tmp_path / "x.zarr", "must hold one array named", key=key)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.filterwarnings("ignore:The (data type|codec)")
def test_names_in_zarr(tmp_path, version):
    path = tmp_path / "x.zarr"
    zarr_array(path, NAMES.astype(object), (7,), dtype=str, **zarr_version(version))
    np.testing.assert_array_equal(load_labels(path), NAMES)
    refused(path, "must have shape (n, d), has shape (20,)")


def old_zarr(path, data=None, **changes):
    """A folder in version 2 whose metadata say whatever they like."""
    path.mkdir()
    metadata = {
        "zarr_format": 2,
        "shape": [20, 3],
        "chunks": [20, 3],
        "dtype": "<f4",
        "compressor": None,
        "fill_value": 0,
        "order": "C",
        "filters": None,
        **changes,
    }
    (path / ".zarray").write_text(json.dumps(metadata))
    if data is not None:
        (path / "0.0").write_bytes(data)


class Exploit:
    def __reduce__(self):
        return os.mkdir, (Exploit.folder,)


def test_zarr_never_reads_a_pickle(tmp_path):
    extra("zarr")
    Exploit.folder = str(tmp_path / "exploited")
    codec = {"id": "pickle", "protocol": 4}
    for i, changes in enumerate(({"filters": [codec]}, {"compressor": codec})):
        for dtype in ("<f4", "|O"):
            path = tmp_path / f"x{i}{dtype[1]}.zarr"
            old_zarr(path, pickle.dumps(Exploit()), dtype=dtype, **changes)
            refused(path, "must use known codecs only, uses pickle")
    assert not (tmp_path / "exploited").exists()


@pytest.mark.filterwarnings("ignore:The (data type|codec):")
def test_zarr_that_is_no_matrix(tmp_path):
    extra("zarr")
    cases = itertools.count()

    def case(text, **changes):
        path = tmp_path / f"{next(cases)}.zarr"
        old_zarr(path, X.tobytes(), **changes)
        refused(path, text)

    case("must not unpack to more than 100 times its size", shape=[10**9, 10**6])
    case("must have shape (n, d), has shape (60,)", shape=[60], chunks=[60])
    case("must hold real numbers, holds complex64", dtype="<c8", fill_value=[0, 0])
    case("must be a zarr folder, is a damaged one: ", shape=[20, 4], chunks=[20, 4])
    case("must be a zarr folder, is a damaged one: ", dtype="x9")
    case("must be a zarr folder, is a damaged one: ", filters=["pickle"])
    path = tmp_path / "x.zarr"
    path.mkdir()
    for text, what in (
        ("{", "must be a file of metadata of zarr, is a damaged one: "),
        ("[]", "must be a file of metadata of zarr, is a damaged one: "),
        (" " * 2**21, "must be metadata of zarr, is too large"),
    ):
        (path / "zarr.json").write_text(text)
        refused(path, what)
