"""Any array-like is read right or refused with a text that names the argument."""

import sys
import types
from array import array

import numpy as np
import pytest

import transferscore
from conftest import network_features
from tolerances import FLOAT32, RELABELLED
from transferscore import h_score

X, Y = network_features(60, 6, 3)
EXPECTED = h_score(X, Y)


# --------------------------------------------------------------------------- features


class OnlyArray:
    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype=dtype)


class OnlyDLPack:
    def __init__(self, values):
        self.values = values

    def __dlpack__(self, **options):
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.values.__dlpack_device__()


def read_only(values):
    values = values.copy()
    values.flags.writeable = False
    return values


@pytest.mark.parametrize(
    "convert",
    [
        lambda x: x.tolist(),
        lambda x: [tuple(row) for row in x],
        lambda x: [array("d", row) for row in x],
        read_only,
        OnlyArray,
        OnlyDLPack,
        np.asmatrix,
        np.ma.asarray,
        lambda x: x.astype(">f8"),
        lambda x: x.astype(np.longdouble),
        memoryview,
    ],
)
@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_features_of_any_kind(convert):
    assert h_score(convert(X), Y) == EXPECTED


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f4", "i1", "u1", ">i2", "i8", "u8", "?"])
def test_features_of_any_type(dtype):
    values = (X.mean(axis=0) < X) if dtype == "?" else (8 * X).astype(dtype)
    expected = h_score(values.astype(np.float64), Y)
    assert h_score(values, Y) == pytest.approx(expected, rel=FLOAT32)


def test_memory_maps(tmp_path):
    np.save(tmp_path / "x.npy", X)
    assert h_score(np.load(tmp_path / "x.npy", mmap_mode="r"), Y) == EXPECTED


def test_inputs_are_not_written():
    features, labels = X.copy(), Y.copy()
    features_before, labels_before = features.tobytes(), labels.tobytes()
    values = h_score(features, np.stack([labels, labels], axis=1), shrinkage="ledoit-wolf")
    assert (features.tobytes(), labels.tobytes()) == (features_before, labels_before)
    assert not np.shares_memory(values, features)


class Tensor:
    """As much of a torch tensor as the checks look at."""

    def __init__(self, values, dtype="torch.float32", device="cpu"):
        self.values, self.dtype = values, dtype
        self.device = types.SimpleNamespace(type=device.split(":", maxsplit=1)[0])
        self.device_name = device

    def detach(self):
        return Tensor(self.values, self.dtype + ", detached")

    def float(self):
        return Tensor(self.values, "torch.float32")

    def numpy(self):
        assert "detached" in self.dtype or self.dtype == "torch.float32"
        return self.values


class BFloat16(Tensor):
    def detach(self):
        return self

    def numpy(self):
        assert self.dtype == "torch.float32", "NumPy has no bfloat16"
        return self.values


@pytest.fixture
def torch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(Tensor=Tensor))


@pytest.mark.usefixtures("torch")
def test_tensors():
    assert h_score(Tensor(X), Tensor(Y)) == EXPECTED
    assert h_score(BFloat16(X, "torch.bfloat16"), Y) == EXPECTED
    with pytest.raises(TypeError, match="`features` must be in the memory of the CPU"):
        h_score(Tensor(X, device="cuda:0"), Y)


def with_value(value, row, column):
    features = X.copy()
    features[row, column] = value
    return features


@pytest.mark.parametrize(
    ("features", "error", "text"),
    [
        (X[0], ValueError, "`features` must have shape (n, d), got (6,)"),
        (X[np.newaxis], ValueError, "`features` must have shape (n, d), got (1, 60, 6)"),
        (3.0, ValueError, "`features` must have shape (n, d), got ()"),
        (X[:0], ValueError, "`features` must have at least one row and one column, got (0, 6)"),
        (X[:, :0], ValueError, "`features` must have at least one row and one column, got (60, 0)"),
        (X + 1j, TypeError, "`features` must hold real numbers, got dtype complex128"),
        (X.astype(str), TypeError, "`features` must hold real numbers, got dtype <U"),
        (X.astype(object), TypeError, "`features` must hold real numbers, got dtype object"),
        (X.astype("M8[s]"), TypeError, "`features` must hold real numbers, got dtype datetime64"),
        ([[1.0], [1.0, 2.0]], ValueError, "`features` must be a rectangular array, got rows of"),
        (
            with_value(np.nan, 7, 2),
            ValueError,
            "`features` must be finite, got nan at row 7, column 2",
        ),
        (
            with_value(np.inf, 0, 0),
            ValueError,
            "`features` must be finite, got inf at row 0, column 0",
        ),
        (
            with_value(-np.inf, 59, 5),
            ValueError,
            "`features` must be finite, got -inf at row 59, column 5",
        ),
        (np.ma.masked_less(X, 0.1), TypeError, "`features` must not have masked values"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")
def test_bad_features(features, error, text):
    with pytest.raises(error) as caught:
        h_score(features, Y)
    assert text in str(caught.value)


def test_float32_not_finite_far_inside():
    features = np.zeros((3000, 100), np.float32)
    features[2999, 98] = np.nan
    features[2999, 99] = np.inf
    with pytest.raises(ValueError, match="got nan at row 2999, column 98"):
        h_score(features, np.arange(3000) % 2)


def test_row_of_a_nonfinite_value_is_counted_with_ignored_rows():
    labels = Y.copy()
    labels[:10] = -1
    with pytest.raises(ValueError, match="got nan at row 20, column 3"):
        h_score(with_value(np.nan, 20, 3), labels, ignore_index=-1)


# ----------------------------------------------------------------------------- labels


@pytest.mark.parametrize(
    "convert",
    [
        lambda y: y.tolist(),
        lambda y: y.astype(np.int8),
        lambda y: y.astype(np.uint8),
        lambda y: y.astype(">i4"),
        lambda y: y.astype(np.uint64) + np.uint64(2**63),
        lambda y: y - 10**18 * y,
        lambda y: y * 1000 - 5,
        lambda y: y.astype(np.float64),
        lambda y: y.astype(np.float16) - 1,
        lambda y: np.array(["cat", "dog", "eel"])[y],
        lambda y: np.array([b"cat", b"dog", b"eel"])[y],
        lambda y: np.array(["cat", "dog", "eel"], dtype=object)[y],
        lambda y: np.array([3, 1, 2], dtype=object)[y],
        lambda y: np.repeat(y, 2)[::2],
        OnlyArray,
    ],
)
def test_labels_of_any_kind(convert):
    assert h_score(X, convert(Y)) == pytest.approx(EXPECTED, rel=RELABELLED)
    many = np.stack([np.asarray(convert(Y))] * 2, axis=1)
    assert h_score(X, many) == pytest.approx(EXPECTED, rel=RELABELLED)


def test_booleans_and_extreme_integers():
    y = Y == 0
    expected = h_score(X, y.astype(int))
    assert h_score(X, y) == expected
    assert h_score(X, y.astype(object)) == expected
    for dtype in (np.int8, np.int16, np.int32, np.int64):
        edges = np.where(y, np.iinfo(dtype).max, np.iinfo(dtype).min)
        assert h_score(X, edges.astype(dtype)) == pytest.approx(expected, rel=RELABELLED)


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) < "2.0.0", reason="needs NumPy 2")
def test_variable_width_strings():
    names = np.array(["a", "b", "c"], dtype=np.dtypes.StringDType())[Y]
    assert h_score(X, names) == EXPECTED
    assert h_score(X, names, ignore_index="c") == h_score(X[Y < 2], Y[Y < 2])


@pytest.mark.parametrize(
    ("labels", "error", "text"),
    [
        (Y[:-1], ValueError, "`labels` must have shape (60,) or (60, L), got (59,)"),
        (Y[np.newaxis], ValueError, "`labels` must have shape (60,) or (60, L), got (1, 60)"),
        (
            np.zeros((60, 2, 2)),
            ValueError,
            "`labels` must have shape (60,) or (60, L), got (60, 2, 2)",
        ),
        (5, ValueError, "`labels` must have shape (60,) or (60, L), got ()"),
        (np.zeros((60, 0), int), ValueError, "`labels` must have at least one column, got (60, 0)"),
        (np.full(60, 7), ValueError, "`labels` must have at least two classes, got one (7)"),
        (["a"] * 60, ValueError, "`labels` must have at least two classes, got one (a)"),
        (
            np.stack([Y, 0 * Y + 4], axis=1),
            ValueError,
            "`labels[:, 1]` must have at least two classes, got one (4)",
        ),
        (Y + 0.5, ValueError, "`labels` must be whole numbers or strings, got"),
        (
            np.where(Y == 1, np.nan, Y),
            ValueError,
            "`labels` must be whole numbers or strings, got nan at row",
        ),
        (
            np.where(Y == 1, 1e300, Y),
            ValueError,
            "`labels` must be whole numbers or strings, got 1e+300 at row",
        ),
        (
            np.stack([Y, Y + 0.25], axis=1),
            ValueError,
            "`labels` must be whole numbers or strings, got 0.25 at row 0, column 1",
        ),
        (Y + 1j, TypeError, "`labels` must be integers, booleans or strings, got dtype complex128"),
        (
            Y.astype("M8[s]"),
            TypeError,
            "`labels` must be integers, booleans or strings, got dtype datetime64",
        ),
        (
            [None, "a"] * 30,
            TypeError,
            "`labels` must be all integers or all strings, got NoneType, str",
        ),
        ([[1], [1, 2]], ValueError, "`labels` must be a rectangular array"),
        (np.ma.masked_equal(Y, 1), TypeError, "`labels` must not have masked values"),
    ],
)
def test_bad_labels(labels, error, text):
    with pytest.raises(error) as caught:
        h_score(X, labels)
    assert text in str(caught.value)


def test_one_sample():
    with pytest.raises(ValueError, match="`labels` must have at least two classes"):
        h_score([[1.0, 2.0]], [0])


# ---------------------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        (
            {"shrinkage": 1.5},
            ValueError,
            "`shrinkage` must be None, 'ledoit-wolf' or a number in [0, 1], got 1.5",
        ),
        ({"shrinkage": -0.1}, ValueError, "got -0.1"),
        ({"shrinkage": float("nan")}, ValueError, "got nan"),
        ({"shrinkage": "lw"}, ValueError, "got 'lw'"),
        ({"shrinkage": 10**400}, ValueError, "got 1000000"),
        ({"shrinkage": True}, TypeError, "got True"),
        ({"shrinkage": [0.1]}, TypeError, "got [0.1]"),
        ({"n_threads": 0}, ValueError, "`n_threads` must be between 1 and 1024, got 0"),
        ({"n_threads": "2"}, TypeError, "`n_threads` must be an integer, got '2'"),
        ({"ignore_index": "a"}, TypeError, "`ignore_index` must be one integer or several"),
        ({"ignore_index": [[1]]}, TypeError, "`ignore_index` must be one integer or several"),
        ({"ignore_index": 1.5}, TypeError, "`ignore_index` must be one integer or several"),
        (
            {"ignore_index": [0, 1, 2]},
            ValueError,
            "`ignore_index` must leave some samples, got [0, 1, 2]",
        ),
        (
            {"ignore_index": [0, 1]},
            ValueError,
            "`labels` must have at least two classes, got one (2)",
        ),
    ],
)
def test_bad_options(options, error, text):
    with pytest.raises(error) as caught:
        h_score(X, Y, **options)
    assert text in str(caught.value)


def test_ignoring_needs_the_kind_of_the_labels():
    with pytest.raises(TypeError, match="`ignore_index` must be one string or several"):
        h_score(X, np.array(["a", "b", "c"])[Y], ignore_index=1)


def test_ignoring_part_of_a_row():
    labels = np.stack([Y, Y], axis=1)
    labels[7, 1] = -1
    with pytest.raises(
        ValueError, match=r"must mark a row of `labels` in all columns or in none.* row 7"
    ):
        h_score(X, labels, ignore_index=-1)


def test_options_are_keywords_only():
    with pytest.raises(TypeError):
        h_score(X, Y, "ledoit-wolf")


def test_shrinkage_of_numpy_numbers():
    assert h_score(X, Y, shrinkage=np.float32(0.5)) == h_score(X, Y, shrinkage=0.5)
    assert h_score(X, Y, shrinkage=1) == 0.0


# ------------------------------------------------- the extension guards its own border


def test_the_extension_refuses_what_the_checks_would_have_converted():
    backend = transferscore._backend.backend
    options = {"ledoit_wolf": False, "intensity": 0.0, "adjust_for_chance": False}
    options |= {"as_if_alone": False, "n_threads": 1}
    ids = np.zeros((1, 60), np.int32)
    for features in (X.astype(np.float16), np.asfortranarray(X), X[::2], X.tolist()):
        with pytest.raises(TypeError):
            backend.h_score(features, ids, [2], **options)
    with pytest.raises(ValueError, match="expected a matrix"):
        backend.h_score(X[0].copy(), ids, [2], **options)
    with pytest.raises(ValueError, match="expected one number of classes for each row of ids"):
        backend.h_score(X, ids, [2, 2], **options)
    with pytest.raises(ValueError, match="expected a row of features for each label"):
        backend.h_score(X[:50].copy(), ids, [2], **options)
    with pytest.raises(ValueError, match="expected a matrix"):
        backend.class_ids(np.arange(3), 1)
