"""Files of statistics: each format, versions, files that are damaged, foreign or hostile."""

import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tolerances import MERGED_STATISTICS
from transferscore import (
    FeatureStatistics,
    LabelStatistics,
    PredictionStatistics,
    SecondPass,
    h_score,
    leep,
    nce,
)

GOLDEN_FILES = Path(__file__).parent / "golden"

KINDS = {
    "feature statistics": FeatureStatistics,
    "label statistics": LabelStatistics,
    "prediction statistics": PredictionStatistics,
    "a second pass": SecondPass,
}


def samples():
    """Features, source probabilities and labels that a few digits describe."""
    n = np.arange(30)
    X = np.stack([n % 7, n % 5 + 100, n * n % 11, -n], axis=1).astype(np.float64)
    theta = np.stack([n % 3 + 1, n % 4 + 2, n % 7], axis=1)
    return X, theta / theta.sum(axis=1, keepdims=True), np.array(["ash", "oak", "yew"])[n % 4 % 3]


def fitted(kind):
    X, theta, y = samples()
    if kind == "feature statistics":
        return FeatureStatistics().partial_fit(X, y)
    if kind == "label statistics":
        return LabelStatistics().partial_fit(source_labels=theta.argmax(axis=1), target_labels=y)
    first = PredictionStatistics(transform="normalise").partial_fit(theta, y)
    return first if kind == "prediction statistics" else first.second_pass().partial_fit(theta, y)


def scores(statistics):
    X, theta, y = samples()
    if isinstance(statistics, FeatureStatistics):
        return statistics.h_score(), h_score(X, y)
    if isinstance(statistics, LabelStatistics):
        return statistics.nce(), nce(source_labels=theta.argmax(axis=1), target_labels=y)
    if isinstance(statistics, PredictionStatistics):
        statistics = statistics.second_pass().partial_fit(theta, y)
    return statistics.leep(), leep(theta, y)


@pytest.fixture
def saved(tmp_path):
    def save(kind):
        path = tmp_path / "x.npz"
        fitted(kind).save(path)
        return path

    return save


def rewrite(path, **change):
    """The same archive with other arrays; None leaves one out."""
    with np.load(path) as file:
        content = {**dict(file), **change}
    np.savez(path, **{name: value for name, value in content.items() if value is not None})


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_saved_is_loaded(kind, saved):
    path = saved(kind)
    again = KINDS[kind].load(path)
    value, expected = scores(again)
    assert value == scores(fitted(kind))[0]
    assert value == pytest.approx(expected, rel=MERGED_STATISTICS)
    assert repr(again) == repr(fitted(kind))
    if kind == "a second pass":
        again.merge(fitted("prediction statistics").second_pass())
    else:
        assert again.merge(fitted(kind)).n == 60


@pytest.mark.parametrize("kind", KINDS)
def test_files_of_version_1_are_read(kind):
    value, expected = scores(KINDS[kind].load(GOLDEN_FILES / f"{kind.replace(' ', '_')}_v1.npz"))
    assert value == pytest.approx(expected, rel=MERGED_STATISTICS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", [0, 2, 1.5, "1", [1, 1]])
def test_other_versions_are_refused(kind, version, saved):
    path = saved(kind)
    rewrite(path, version=version)
    with pytest.raises(ValueError, match=f"`path` must (hold|be a file of) {kind}"):
        KINDS[kind].load(path)


def test_a_later_version_says_so(saved):
    path = saved("feature statistics")
    rewrite(path, version=2)
    text = "feature statistics of version 1, got 2; they may come from a later version of"
    with pytest.raises(ValueError, match=f"`path` must hold {text}"):
        FeatureStatistics.load(path)


@pytest.mark.parametrize("kind", KINDS)
def test_other_kinds_are_refused(kind, saved):
    for other in KINDS:
        if other != kind:
            with pytest.raises(ValueError, match=f"`path` must be a file of {kind}, got .*x.npz"):
                KINDS[kind].load(saved(other))


@pytest.mark.parametrize("kind", KINDS)
def test_foreign_files_are_refused(kind, tmp_path):
    path, load = tmp_path / "x.npz", KINDS[kind].load
    for content in (b"", b"PK", b"PK\x03\x04" + bytes(100), b"text", b"\x93NUMPY"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"`path` must be a file of {kind}"):
            load(path)
    for arrays in ({"a": 1}, {"format": f"transferscore {kind}"}, {"format": np.zeros(3)}):
        np.savez(path, **arrays)
        with pytest.raises(ValueError, match=f"`path` must be a file of {kind}"):
            load(path)
    with pytest.raises(ValueError, match=f"`path` must be a file of {kind}: .* is a folder"):
        load(tmp_path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none")


# ------------------------------------------------------------------------------ hostile


@pytest.mark.parametrize("kind", KINDS)
def test_pickles_are_never_read(kind, saved):
    class Trap:
        def __reduce__(self):
            return pytest.fail, ("a pickle was read",)

    for name in ("format", "version", "classes", "counts"):
        path = saved(kind)
        rewrite(path, **{name: np.array([Trap()], dtype=object)})
        if kind == "label statistics" and name == "classes":
            KINDS[kind].load(path)  # which has no array of this name
            continue
        with pytest.raises(
            ValueError, match=f"`path` must be a file of {kind}: .* pickled objects"
        ):
            KINDS[kind].load(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_anywhere_is_refused(kind, saved):
    path = saved(kind)
    whole = path.read_bytes()
    for size in np.linspace(0, len(whole) - 1, 60).astype(int):
        path.write_bytes(whole[:size])
        with pytest.raises(ValueError, match="`path` must"):
            KINDS[kind].load(path)


@pytest.mark.parametrize("kind", KINDS)
def test_any_byte_may_be_changed(kind, saved):
    """An error that names the file, or statistics that give finite numbers: nothing else."""
    path = saved(kind)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(whole), 300):
        changed = bytearray(whole)
        changed[place] ^= int(rng.integers(1, 256))
        path.write_bytes(changed)
        try:
            value = scores(KINDS[kind].load(path))[0]
        except (ValueError, RuntimeError) as error:
            assert "`path` must" in str(error)  # noqa: PT017
        else:
            assert np.isfinite(value)


def archive_with_header(path, name, header, data=b""):
    """A member that begins with this .npy header, whatever its data."""
    member = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{name}.npy", member, zipfile.ZIP_DEFLATED)


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000)}",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 4)}",
        b"{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775807, 4)}",
        b"{'descr': '|V8', 'fortran_order': False, 'shape': (4, 4)}",
        b"{'descr': '<c16', 'fortran_order': False, 'shape': (4, 4)}",
        b"{'descr': '|O', 'fortran_order': False, 'shape': (4, 4)}",
        b"(" * 9000,
    ],
)
def test_a_header_is_not_believed(header, saved):
    path = saved("feature statistics")
    rewrite(path, scatter=None)
    archive_with_header(path, "scatter", header)
    with pytest.raises(ValueError, match="`path` must be a file of feature statistics"):
        FeatureStatistics.load(path)


def test_an_archive_that_unpacks_to_far_more_than_its_size_is_refused(saved):
    path = saved("feature statistics")
    rewrite(path, scatter=None)
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (3000, 4000)}"
    archive_with_header(path, "scatter", header, bytes(8 * 3000 * 4000))
    with pytest.raises(ValueError, match="must not unpack to more than 100 times its size"):
        FeatureStatistics.load(path)


DAMAGES = {
    "feature statistics": [
        ({"mean": None}, "all fields, got none for mean"),
        ({"mean": None, "n": None}, "all fields, got none for mean, n"),
        ({"scatter": np.zeros((4, 3))}, "whole .*: `scatter` has shape"),
        ({"scatter": np.diag([1.0, 1, -1, 1])}, "whole .*: `scatter` is none"),
        ({"scatter": np.triu(np.ones((4, 4)))}, "whole .*: `scatter` is none"),
        ({"counts": np.array([31.0, -2, 1])}, "whole .*: `counts` has no numbers of samples"),
        ({"counts": np.array([28.5, 0.5, 1])}, "whole .*: `counts` has no numbers of samples"),
        ({"counts": np.array([10.0, 10, 9])}, "whole .*: `counts` don't add up to `n`"),
        ({"n": 2**62}, "whole .*: `n` has no numbers of samples"),
        ({"radial_fourth": np.nan}, "whole .*: `radial_fourth` is not finite"),
        ({"radial_fourth": -1.0}, "whole .*: `radial_fourth` is negative"),
        ({"unit": 0.0}, "whole .*: `unit` is no power of two"),
        ({"unit": 3.0}, "whole .*: `unit` is no power of two"),
        ({"offsets": np.full((3, 4), "x")}, "whole .*: `offsets` is not finite"),
        ({"classes": np.array(["ash", "yew", "oak"])}, "whole .*: `classes` is not sorted"),
        ({"classes": np.array(["ash", "oak", "oak"])}, "whole .*: `classes` is not sorted"),
        ({"classes": np.array([0.5, 1, 2])}, "whole .*: `classes` has no labels"),
        ({"classes": np.array([1, 2])}, "whole .*: `classes` has shape"),
    ],
    "label statistics": [
        ({"counts": None}, "all fields, got none for counts"),
        ({"source_ids": np.array([0, 1])}, "whole .*: `target_ids` has shape"),
        ({"source_classes": np.arange(9)}, "whole .*: `source_ids` are not those of its classes"),
        ({"target_ids": np.zeros(8, np.int32)}, "whole .*: `target_ids` are not those of its cl"),
        ({"target_ids": np.array([1, 0, 0, 1, 2, 0, 1, 2])}, "whole .*: its pairs are not sorted"),
        ({"target_ids": np.array([0, 0, 0, 1, 2, 0, 1, 2])}, "whole .*: its pairs are not sorted"),
        ({"counts": np.arange(8)}, "whole .*: `counts` has no numbers of samples"),
        ({"target_classes": np.array(["a", "c", "b"])}, "whole .*: `target_classes` is not sort"),
    ],
    "prediction statistics": [
        ({"masses": None}, "all fields, got none for masses"),
        ({"masses": np.zeros((3, 3))}, "whole .*: `masses` don't add up to `counts`"),
        ({"masses": np.full((3, 3), np.inf)}, "whole .*: `masses` is not finite"),
        ({"masses": np.array([[99.0, -69, 0]] * 3)}, "whole .*: `masses` don't add up"),
        ({"transform": "exp"}, "whole .*: `transform` is unknown"),
        ({"counts": np.array([1, 2])}, "whole .*: `counts` has shape"),
    ],
    "a second pass": [
        ({"seen": np.array([99, 0, 0])}, "whole .*: `seen` is not within `counts`"),
        ({"logs": np.full(3, np.nan)}, "whole .*: `logs` is not finite"),
        ({"probabilities": np.zeros(2)}, "whole .*: `probabilities` has shape"),
    ],
}


@pytest.mark.parametrize(
    ("kind", "change", "text"),
    [(kind, change, text) for kind, damages in DAMAGES.items() for change, text in damages],
)
def test_damaged_files_are_refused(kind, change, text, saved):
    path = saved(kind)
    rewrite(path, **change)
    with pytest.raises(ValueError, match=f"`path` must hold {text}"):
        KINDS[kind].load(path)


def test_byte_order_and_width_of_numbers_do_not_matter(saved):
    for kind in KINDS:
        path = saved(kind)
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
        rewrite(path, **{k: v.astype(v.dtype.newbyteorder(">")) for k, v in arrays.items()})
        assert scores(KINDS[kind].load(path))[0] == scores(fitted(kind))[0]
