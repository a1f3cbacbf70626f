"""Loading: every accepted file, and a corpus of hostile ones with the line that each must get."""

from __future__ import annotations

import io
import os
import struct
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from transferscore.io import FileError, list_feature_files, load_features, load_labels, printable

X = np.arange(12, dtype=np.float64).reshape(4, 3)


def npy(shape: object, descr: object = "<f8", data: bytes = b"", *, version: int = 1) -> bytes:
    """Return an .npy file that declares whatever it likes."""
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + length + header + data


def good_npy(array: np.ndarray = X) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def claiming(archive: bytes, **fields: int) -> bytes:
    """Return a one-member archive whose two headers claim something else."""
    places = {"flags": (6, 8, "<H"), "stored": (18, 20, "<I"), "declared": (22, 24, "<I")}
    changed = bytearray(archive)
    central = archive.index(b"PK\x01\x02")
    for field, value in fields.items():
        in_local, in_central, form = places[field]
        struct.pack_into(form, changed, in_local, value)
        struct.pack_into(form, changed, central + in_central, value)
    return bytes(changed)


def with_byte_flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :]


GOOD = good_npy()
STORED = zipped({"features.npy": GOOD})
DEFLATED = zipped({"features.npy": good_npy(np.ones((64, 64)))}, zipfile.ZIP_DEFLATED)
BOMB = zipped({"features.npy": npy((2**24, 1), data=bytes(2**27))}, zipfile.ZIP_DEFLATED)
NOT_NPY = "must be an array in .npy format"

HOSTILE = {
    "empty.npy": (b"", f"{NOT_NPY}, is empty"),
    "zip.npy": (STORED, f"{NOT_NPY}, is a zip archive (rename it to .npz?)"),
    "pickle.npy": (b"\x80\x04K\x01.    ", f"{NOT_NPY}, is a Python pickle, which is never read"),
    "text.npy": (b"1,2,3,4,5,6", f"{NOT_NPY}, begins with b'1,2,3,'"),
    "magic_only.npy": (b"\x93NUMPY", f"{NOT_NPY}, is truncated"),
    "version.npy": (
        b"\x93NUMPY\x03\x00" + bytes(90),
        "must be in .npy format 1.0 or 2.0, is in 3.0",
    ),
    "long_header.npy": (
        b"\x93NUMPY\x02\x00" + b"\xff" * 4,
        "must begin with a .npy header, has a damaged one",
    ),
    "nested.npy": (npy("-" * 9000 + "1"), "must begin with a .npy header, has a damaged one"),
    "header_cut.npy": (GOOD[:40], "must begin with a .npy header, has a damaged one"),
    "object.npy": (
        npy((4, 3), "|O"),
        "must hold real numbers, holds pickled objects, which are never read",
    ),
    "complex.npy": (npy((4, 3), "<c16", bytes(192)), "must hold real numbers, holds complex128"),
    "strings.npy": (npy((4, 3), "<U2", bytes(96)), "must hold real numbers, holds str64"),
    "struct.npy": (npy((4, 3), [("a", "<f8")]), "must hold real numbers, holds void64"),
    "vector.npy": (good_npy(np.ones(5)), "must have shape (n, d), has shape (5,)"),
    "cube.npy": (good_npy(np.ones((2, 3, 4))), "must have shape (n, d), has shape (2, 3, 4)"),
    "scalar.npy": (good_npy(np.float64(1)), "must have shape (n, d), has shape ()"),
    "no_rows.npy": (good_npy(np.ones((0, 3))), "must not be empty, has shape (0, 3)"),
    "no_columns.npy": (good_npy(np.ones((3, 0))), "must not be empty, has shape (3, 0)"),
    "negative.npy": (npy((-4, 3)), "must have shape (n, d), declares one that no array can have"),
    "absurd.npy": (
        npy((10**4000, 3)),
        "must have shape (n, d), declares one that no array can have",
    ),
    "axes.npy": (npy((1,) * 900), "must have shape (n, d), declares one that no array can have"),
    "huge.npy": (
        npy((10**9, 10**6)),
        "must hold 8,000,000,000,000,000 bytes for shape (1000000000, 1000000) of float64, "
        "holds 0: it is truncated",
    ),
    "truncated.npy": (
        GOOD[:-1],
        "must hold 96 bytes for shape (4, 3) of float64, holds 95: it is truncated",
    ),
    "two_arrays.npy": (
        GOOD + GOOD,
        "must hold 96 bytes for shape (4, 3) of float64, holds 320: it has bytes left over",
    ),
    "empty.npz": (b"", "must be a .npz archive, is empty"),
    "npy.npz": (GOOD, "must be a .npz archive, is a .npy file (rename it to .npy?)"),
    "pickle.npz": (b"\x80\x04K\x01.    ", "must be a .npz archive, is a Python pickle, which"),
    "cut.npz": (STORED[:-30], "must be a .npz archive, is a damaged one: File is not a zip file"),
    "no_members.npz": (zipped({}), "must hold one array named 'features', holds no arrays"),
    "torch.npz": (zipped({"data.pkl": b"x"}), "must hold one array named 'features', holds no arr"),
    "other_names.npz": (
        zipped({f"{letter}.npy": GOOD for letter in "abcdefg"}),
        "must hold one array named 'features', holds 'a', 'b', 'c', 'd', 'e', ...",
    ),
    "crc.npz": (
        with_byte_flipped(STORED, STORED.index(GOOD) + len(GOOD) - 1),
        "must be a .npz archive, is a damaged one: Bad CRC-32 for file 'features.npy'",
    ),
    "deflate.npz": (
        with_byte_flipped(DEFLATED, 30 + len("features.npy")),
        "must be a .npz archive, is a damaged one: ",
    ),
    "encrypted.npz": (
        claiming(STORED, flags=1),
        ", array 'features', must not be encrypted, is encrypted",
    ),
    "bzip2.npz": (
        zipped({"features.npy": GOOD}, zipfile.ZIP_BZIP2),
        ", array 'features', must be stored or deflated, is compressed by method 12",
    ),
    "outside.npz": (
        claiming(DEFLATED, stored=10**6),
        f", array 'features', must lie inside the archive of {len(DEFLATED)} bytes, "
        "takes 1,000,000",
    ),
    "lying_size.npz": (
        claiming(STORED, declared=225),
        ", array 'features', must hold the 225 bytes that it declares, holds 224",
    ),
    "terabyte.npz": (
        claiming(DEFLATED, declared=2**32 - 2),
        ", array 'features', must not unpack to more than 100 times its size, "
        "declares 4,294,967,294 bytes from ",
    ),
    "bomb.npz": (BOMB, ", array 'features', must not unpack to more than 100 times its size"),
    "early_end.npz": (
        claiming(
            zipped({"features.npy": npy((64, 64), data=bytes(64))}, zipfile.ZIP_DEFLATED),
            declared=64 * 64 * 8 + len(npy((64, 64))),
        ),
        "must be a .npz archive, is a damaged one: ",
    ),
    "member.npz": (
        zipped({"features.npy": b"no array at all"}),
        f", array 'features', {NOT_NPY}, begins with b'no arr'",
    ),
    "object.npz": (
        zipped({"features.npy": npy((4, 3), "|O")}),
        ", array 'features', must hold real numbers, holds pickled objects",
    ),
    "declared.npz": (
        zipped({"features.npy": npy((10**9, 10**6))}),
        ", array 'features', must hold 8,000,000,000,000,000 bytes for shape",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_gets_one_line_and_no_memory(name: str, tmp_path: Path) -> None:
    content, expected = HOSTILE[name]
    path = tmp_path / name
    path.write_bytes(content)
    tracemalloc.start()
    with pytest.raises(FileError) as caught:
        load_features(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    line = str(caught.value)
    assert line.startswith(f"'{path}'")
    assert expected in line
    assert "\n" not in line
    assert peak < 2**24  # the least that one of them asks for is 2**27


def test_places_that_are_no_files(tmp_path: Path) -> None:
    folder = tmp_path / "x.npy"
    folder.mkdir()
    with pytest.raises(FileError, match=r"x.npy' must be a file, is a folder$"):
        load_features(folder)
    with pytest.raises(FileError, match=r"gone.npy' cannot be read: No such file or directory$"):
        load_features(tmp_path / "gone.npy")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX")
def test_a_named_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npy")
    with pytest.raises(FileError, match=r"is a pipe or device$"):
        load_features(tmp_path / "pipe.npy")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.pt", "ends in '.pt' (transferscore.io.convert_torch makes another of it)"),
        ("a.pkl", "ends in '.pkl' (pickles are never read)"),
        ("a", "has no suffix"),
    ],
)
def test_other_suffixes(name: str, reason: str) -> None:
    with pytest.raises(FileError) as caught:
        load_features(name)
    formats = ".npy, .npz, .safetensors, .parquet, .h5, .hdf5 or .zarr"
    assert str(caught.value) == f"'{name}' must be a {formats} file, {reason}"


def test_an_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    np.save(tmp_path / "a.npy", X)
    monkeypatch.setattr(np, "memmap", refuse)
    with pytest.raises(FileError, match=r"a.npy' cannot be memory-mapped: Permission denied$"):
        load_features(tmp_path / "a.npy")
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(FileError, match=r"a.npy' cannot be read: Permission denied$"):
        load_features(tmp_path / "a.npy")


def test_an_archive_that_does_not_fit_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise MemoryError

    (tmp_path / "a.npz").write_bytes(STORED)
    monkeypatch.setattr(np, "empty", refuse)
    with pytest.raises(FileError, match=r"a.npz' must fit into memory, does not$"):
        load_features(tmp_path / "a.npz")


@pytest.mark.parametrize("source", [GOOD, STORED, DEFLATED], ids=["npy", "stored", "deflated"])
def test_any_damage_is_a_file_error_or_an_array(source: bytes, tmp_path: Path) -> None:
    suffix = ".npz" if source.startswith(b"PK") else ".npy"
    rng = np.random.default_rng(0)
    path = tmp_path / f"damaged{suffix}"
    for _ in range(400):
        content = bytearray(source)
        for at in rng.integers(len(content), size=rng.integers(1, 4)):
            content[at] = rng.integers(256)
        path.write_bytes(
            content[: rng.integers(1, len(content) + 1)] if rng.random() < 0.2 else content
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy's about headers of Python 2
            problem = ""
            try:
                assert load_features(path).ndim == 2
            except FileError as error:
                problem = str(error)
        assert "\n" not in problem


# ------------------------------------------------------------------------ accepted files


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", ">f2", "<f2", "<i8", ">i2", "u1", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("suffix", ["npy", "npz", "deflated.npz"])
def test_every_layout(tmp_path: Path, dtype: str, order: str, suffix: str) -> None:
    array = np.asarray(X, dtype=dtype, order=order)
    path = tmp_path / f"a.{suffix}"
    if suffix == "npy":
        np.save(path, array)
    else:
        (np.savez if suffix == "npz" else np.savez_compressed)(path, features=array, other=X)
    loaded = load_features(path)
    assert type(loaded) is np.ndarray
    assert loaded.dtype == array.dtype
    assert loaded.flags.f_contiguous == array.flags.f_contiguous
    np.testing.assert_array_equal(loaded, array)


def test_format_version_two(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(npy((4, 3), data=X.tobytes(), version=2))
    np.testing.assert_array_equal(load_features(tmp_path / "a.npy"), X)


def test_npy_is_mapped_read_only(tmp_path: Path) -> None:
    np.save(tmp_path / "a.NPY.npy", X)
    loaded = load_features(tmp_path / "a.NPY.npy")
    assert isinstance(loaded.base, np.memmap)
    assert not loaded.flags.writeable


def test_a_single_array_counts_whatever_its_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X)
    np.testing.assert_array_equal(load_features(str(tmp_path / "a.npz")), X)


def test_archive_larger_than_one_chunk(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(size=(1000, 300))
    np.savez(tmp_path / "a.npz", features=array)
    np.testing.assert_array_equal(load_features(tmp_path / "a.npz"), array)


@pytest.mark.parametrize(
    "labels",
    [
        np.arange(4),
        np.arange(4.0),
        np.array([True, False]),
        np.array(["cat", "dog"]),
        np.array([b"a"]),
    ],
)
def test_labels(tmp_path: Path, labels: np.ndarray) -> None:
    np.save(tmp_path / "labels.npy", labels)
    np.savez(tmp_path / "labels.npz", labels=labels, features=X)
    for path in (tmp_path / "labels.npy", tmp_path / "labels.npz"):
        np.testing.assert_array_equal(load_labels(path), labels)


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (X, "must have shape (n,), has shape (4, 3)"),
        (np.array([1, 0.5]), "must hold whole numbers, booleans or strings, holds 0.5"),
        (np.array([1, np.nan]), "must hold whole numbers, booleans or strings, holds nan"),
        (np.array([], dtype=int), "must not be empty, has shape (0,)"),
        (np.array(["2024-01-01"], "M8[D]"), "must hold whole numbers, booleans or strings, holds"),
    ],
)
def test_wrong_labels(tmp_path: Path, array: np.ndarray, text: str) -> None:
    np.save(tmp_path / "labels.npy", array)
    with pytest.raises(FileError) as caught:
        load_labels(tmp_path / "labels.npy")
    assert text in str(caught.value)


def test_strings_of_no_length_are_refused(tmp_path: Path) -> None:
    # 10**18 items of 0 bytes would pass the comparison with the bytes in the file.
    (tmp_path / "labels.npy").write_bytes(npy((10**18,), "<U0"))
    with pytest.raises(FileError, match="must hold whole numbers, booleans or strings, holds str"):
        load_labels(tmp_path / "labels.npy")


# ---------------------------------------------------------------------------- many files


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(GOOD)


def names_of(*paths: Path, labels: Path | None = None) -> list[str]:
    return [file.name for file in list_feature_files(paths, labels=labels)]


def test_a_folder_stands_for_its_files_sorted(tmp_path: Path) -> None:
    make(tmp_path, "b.npy", "a.NPZ", "c.txt", ".hidden.npy", "deeper/d.npy", "labels.npy")
    labels = tmp_path / "labels.npy"
    assert names_of(tmp_path, labels=labels) == ["a", "b"]
    assert names_of(tmp_path) == ["a", "b", "labels"]
    assert [file.path for file in list_feature_files(tmp_path, labels=labels)] == [
        tmp_path / "a.NPZ",
        tmp_path / "b.npy",
    ]
    assert list_feature_files(str(tmp_path / "b.npy"))[0].name == "b"


def test_the_order_given_is_kept_and_each_file_comes_once(tmp_path: Path) -> None:
    make(tmp_path, "a.npy", "b.npy", "c.npy")
    twice = tmp_path / "." / "c.npy"
    assert names_of(tmp_path / "c.npy", tmp_path, twice) == ["c", "a", "b"]


def test_labels_among_the_files(tmp_path: Path) -> None:
    make(tmp_path, "a.npy", "labels.npy")
    np.savez(tmp_path / "both.npz", features=X, labels=np.arange(4))
    np.savez(tmp_path / "only.npz", labels=np.arange(4))
    all_files = sorted(tmp_path.iterdir())
    assert names_of(*all_files, labels=tmp_path / "labels.npy") == ["a", "both", "only"]
    assert names_of(*all_files, labels=tmp_path / "both.npz") == ["a", "both", "labels", "only"]
    assert names_of(tmp_path, labels=tmp_path / "only.npz") == ["a", "both", "labels"]
    assert names_of(tmp_path / "gone.npy", labels=tmp_path / "gone.npy") == []


def test_a_folder_without_files_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    assert list_feature_files([tmp_path / "empty"])[0].path == tmp_path / "empty"

    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert list_feature_files([tmp_path])[0].path == tmp_path


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (["a.npy", "b.npy"], ["a", "b"]),
        (["r1/a.npy", "r2/a.npy", "b.npy"], ["r1/a", "r2/a", "b"]),
        (["r1/a.npy", "r1/a.npz"], ["a.npy", "a.npz"]),
        (["r1/a.npy", "r1/a.npz", "r2/a.npz"], ["r1/a.npy", "r1/a.npz", "r2/a.npz"]),
        (["x/run/a.npy", "y/run/a.npy"], ["x/run/a.npy", "y/run/a.npy"]),
        (["a.npy.npz", "a.npy", "a.npz"], ["{}/a.npy.npz", "{}/a.npy", "a.npz"]),
    ],
)
def test_display_names_differ(tmp_path: Path, files: list[str], names: list[str]) -> None:
    make(tmp_path, *files)
    expected = [name.format(tmp_path) for name in names]
    assert names_of(*(tmp_path / file for file in files)) == expected


def test_printable() -> None:
    assert printable("ResNet-50 é模") == "ResNet-50 é模"
    assert printable("a\nb\x1b[31m\udcff\u202e") == "a\\nb\\x1b[31m\\udcff\\u202e"
