"""H-score: kernel against reference, laws, golden values, real data."""

import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import transferscore
from conftest import iris, network_features, toy
from tolerances import (
    CORRECTED,
    FLOAT32,
    FLOAT64,
    GOLDEN,
    MAPPED,
    MERGED,
    OF_THE_MOST,
    REARRANGED,
    REORDERED,
    TWO_DECIMALS,
)
from transferscore import HScoreResult, h_score, reference
from transferscore._scores.h_score import of_label_sets
from transferscore.compat import tllib as tllib_names

SHRINKAGES = (None, "ledoit-wolf", 0.1, 1.0)
SHAPES = {
    "n < d": (40, 70),
    "n = d": (50, 50),
    "n = d + 1": (51, 50),
    "n = d + 2": (52, 50),
    "n > d": (300, 40),
    "several tiles": (700, 300),
    "one feature": (60, 1),
    "two samples": (2, 5),
}

pytestmark = pytest.mark.filterwarnings(
    "ignore:the H-score of .* whatever the features:UserWarning"
)


def assert_same(value, expected, tolerance, most):
    """Relative, but not below what cancellation leaves of the largest possible score."""
    np.testing.assert_allclose(value, expected, rtol=tolerance, atol=OF_THE_MOST * most)


# ------------------------------------------------------------------ kernel against reference


def layouts(X):
    wide = np.zeros((2 * X.shape[0], 2 * X.shape[1]), X.dtype)
    wide[::2, ::2] = X
    unaligned = (
        np.frombuffer(b"\0" + X.tobytes(), dtype=np.uint8)[1:].view(X.dtype).reshape(X.shape)
    )
    packed = np.zeros(X.shape, dtype=[("tag", "i1"), ("x", X.dtype)])
    packed["x"] = X
    return {
        "C": X,
        "Fortran": np.asfortranarray(X),
        "strided": wide[::2, ::2],
        "reversed": X[::-1, ::-1].copy()[::-1, ::-1],
        "swapped bytes": X.astype(X.dtype.newbyteorder()),
        "unaligned": unaligned,
        "packed field": packed["x"],
        "list": X.tolist(),
    }


@pytest.mark.parametrize("shrinkage", SHRINKAGES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equals_the_reference(dtype, shape, shrinkage):
    n, d = SHAPES[shape]
    X, y = network_features(n, d, min(n, 7))
    X = X.astype(dtype)
    value = h_score(X, y, shrinkage=shrinkage)
    expected = reference.h_score(X, y, shrinkage=shrinkage)
    tolerance = FLOAT64 if dtype == np.float64 else FLOAT32
    assert_same(value, expected, tolerance, most=6)


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("layout", layouts(np.zeros((3, 3))))
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int16])
def test_any_layout_gives_the_score_of_its_contiguous_copy(dtype, layout, n_threads):
    X, y = network_features(90, 20, 4)
    X = (8 * X).astype(dtype)
    expected = reference.h_score(X.astype(np.float64), y, shrinkage="ledoit-wolf")
    value = h_score(layouts(X)[layout], y, shrinkage="ledoit-wolf", n_threads=n_threads)
    tolerance = FLOAT64 if dtype in (np.float64, np.int16) else FLOAT32
    assert_same(value, expected, tolerance, most=3)


def hostile():
    rng = np.random.default_rng(5)
    X, y = network_features(120, 30, 5, seed=3)
    one_sample = y.copy()
    one_sample[7] = 99
    sorted_rows = np.argsort(y, kind="stable")
    late = X.copy()
    late[:, 3] = 0
    late[-2:, 3] = 1e-3
    return {
        "one-sample class": (X, one_sample),
        "gaps and negatives": (X, 17 * y - 40),
        "dead columns": (np.where(np.arange(30) % 3 == 0, 0.0, X), y),
        "constant that float64 rounds": (np.where(np.arange(30) % 3 == 0, 0.1, X), y),
        "duplicated columns": (X[:, rng.integers(0, 30, 45)], y),
        "duplicated rows": (X[rng.integers(0, 40, 120)], y),
        "low rank": (X[:, :9] @ rng.normal(size=(9, 30)), y),
        "offset 1e4": (X + 1e4, y),
        "offset 1e4, other sign": (X - 1e4, y),
        "units 1e-8 to 1e8": (X * 10.0 ** rng.integers(-8, 9, 30), y),
        "tiny": (X * 1e-200, y),
        "huge": (X * 1e150, y),
        "sorted by class": (X[sorted_rows], y[sorted_rows]),
        "awake at the end": (late, y),
        "integers": (np.round(X), y),
        "fewer samples, duplicated": (X[rng.integers(0, 12, 25)], y[:25]),
        "fewer samples, low rank": (X[:25, :6] @ rng.normal(size=(6, 30)), y[:25]),
        "fewer samples, units": (X[:25] * 10.0 ** rng.integers(-8, 9, 30), y[:25]),
    }


@pytest.mark.parametrize("case", hostile())
def test_hostile_features_score_as_the_reference(case):
    X, y = hostile()[case]
    # The square of the condition number is lost in any covariance: a few digits here.
    tolerance = MAPPED if "offset" in case else FLOAT64
    assert_same(h_score(X, y), reference.h_score(X, y), tolerance, most=6)


@pytest.mark.parametrize("case", [case for case in hostile() if case not in ("tiny", "huge")])
def test_hostile_features_with_shrinkage(case):
    X, y = hostile()[case]
    tolerance = MAPPED if "offset" in case else FLOAT64
    value, expected = (
        function(X, y, shrinkage="ledoit-wolf") for function in (h_score, reference.h_score)
    )
    assert_same(value, expected, tolerance, most=6)


@pytest.mark.parametrize("scale", [1e-200, 1e-30, 1e30, 1e150])
def test_scale_does_not_matter(scale):
    X, y = network_features(200, 20, 4)
    for shrinkage in SHRINKAGES:
        expected = h_score(X, y, shrinkage=shrinkage)
        assert_same(h_score(X * scale, y, shrinkage=shrinkage), expected, REARRANGED, 3)


def test_float32_near_its_limits():
    X, y = network_features(200, 20, 4)
    expected = h_score(X, y)
    for scale in (1e-30, 1e30, 3e37):
        assert_same(h_score((X * scale).astype(np.float32), y), expected, FLOAT32, 3)


def test_squares_beyond_float64_are_an_error_not_nan():
    X = np.random.default_rng(0).normal(size=(600, 3))
    X[301] = 1e300  # not among the rows that choose the scale
    with pytest.raises(
        ValueError, match="`features` must have squares within the range of float64"
    ):
        h_score(X, np.arange(600) % 2)


def test_constant_features_score_zero():
    for X in (np.full((30, 4), 0.1), np.full((30, 4), 7.0), np.zeros((5, 9))):
        y = np.arange(len(X)) % 2
        assert [h_score(X, y, shrinkage=s) for s in SHRINKAGES] == [0.0] * 4


# ------------------------------------------------------------ single-precision products


def big_features(kind):
    X, y = network_features(2500, 700, 5)
    rng = np.random.default_rng(1)
    if kind == "fewer samples":
        X, y = network_features(900, 1600, 5)
    if kind == "nearly dependent":
        X[:, 350:] = X[:, :350] + 1e-3 * rng.normal(size=(2500, 350))
    if kind == "duplicated":
        X[:, 350:] = X[:, :350]
    if kind == "dead":
        X[:, ::2] = 0
    if kind == "label in a difference":
        X[:, 1] = X[:, 0] + 1e-3 * y
    if kind == "offset":
        X += 100
    if kind == "heavy tails":
        X = rng.standard_t(1.5, size=X.shape) + 0.1 * y[:, np.newaxis]
    if kind == "hardly more samples":
        X, y = network_features(1250, 1100, 150)
        X += 1e4
    return X.astype(np.float32), y


@pytest.mark.parametrize("shrinkage", [None, "ledoit-wolf", 1e-6])
@pytest.mark.parametrize(
    "kind",
    [
        "plain",
        "fewer samples",
        "nearly dependent",
        "duplicated",
        "dead",
        "label in a difference",
        "offset",
        "heavy tails",
        "hardly more samples",
    ],
)
def test_float32_products_agree_with_float64(kind, shrinkage):
    X, y = big_features(kind)
    expected = h_score(X.astype(np.float64), y, shrinkage=shrinkage)
    hard = kind in ("nearly dependent", "label in a difference", "hardly more samples")
    value = h_score(X, y, shrinkage=shrinkage)
    assert_same(value, expected, FLOAT32 if hard else CORRECTED, most=y.max())


# ---------------------------------------------------------------------- many label sets


@pytest.mark.parametrize("shape", ["n < d", "n > d", "several tiles"])
@pytest.mark.parametrize("shrinkage", SHRINKAGES)
def test_many_label_sets_have_the_bits_of_single_calls(shape, shrinkage):
    n, d = SHAPES[shape]
    X, _ = network_features(n, d, 5)
    Y = np.random.default_rng(2).integers(0, 5, size=(n, 40))
    Y[:, 3] = np.arange(n) % 30  # another number of classes, more than one piece
    values = h_score(X, Y, shrinkage=shrinkage)
    singles = [h_score(X, column, shrinkage=shrinkage) for column in Y.T]
    assert values.shape == (40,)
    assert values.dtype == np.float64
    np.testing.assert_array_equal(values, singles)


def test_more_label_sets_than_one_chunk_of_sums_holds():
    X, _ = network_features(600, 500, 5)
    Y = np.random.default_rng(2).integers(0, 100, size=(600, 400))  # 160 MB of class sums
    values = h_score(X, Y)
    for column in (0, 200, 399):
        assert values[column] == h_score(X, Y[:, column])


def test_many_label_sets_of_float32_equal_single_calls():
    X, _ = big_features("plain")
    Y = np.random.default_rng(3).integers(0, 16, size=(len(X), 60))
    singles = [h_score(X, column) for column in Y.T]
    np.testing.assert_allclose(h_score(X, Y), singles, rtol=CORRECTED)


def test_one_column_gives_an_array():
    X, y = network_features(100, 10, 3)
    assert h_score(X, y[:, np.newaxis]).tolist() == [h_score(X, y)]


# -------------------------------------------------------------------------------- laws

counts = st.integers(min_value=2, max_value=60)


@st.composite
def problems(draw):
    n, d = draw(counts), draw(st.integers(1, 40))
    n_classes = draw(st.integers(2, 6 if n > 6 else n))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    labels = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, n - n_classes)])
    return rng.normal(size=(n, d)) + rng.normal(size=(n_classes, d))[labels], labels, rng


@settings(deadline=None)
@given(problems())
def test_law_bounds(problem):
    X, y, _ = problem
    for shrinkage in SHRINKAGES:
        result = h_score(X, y, shrinkage=shrinkage, full_output=True)
        low, high = result.bounds
        assert low == 0
        assert high == min(len(np.unique(y)) - 1, len(X) - 1, X.shape[1])
        assert low <= result.value <= high


@settings(deadline=None)
@given(problems())
def test_law_invertible_maps_do_not_change_the_plain_score(problem):
    X, y, rng = problem
    d = X.shape[1]
    mixing = np.linalg.qr(rng.normal(size=(d, d)))[0] * rng.uniform(0.5, 2, size=d)
    assert_same(h_score(X @ mixing + rng.normal(size=d), y), h_score(X, y), MAPPED, 6)


@settings(deadline=None)
@given(problems())
def test_law_rotation_and_scale_do_not_change_the_shrinkage_score(problem):
    X, y, rng = problem
    rotation = np.linalg.qr(rng.normal(size=(X.shape[1],) * 2))[0]
    for shrinkage in ("ledoit-wolf", 0.3):
        moved = h_score(3 * X @ rotation + 5, y, shrinkage=shrinkage)
        assert_same(moved, h_score(X, y, shrinkage=shrinkage), MAPPED, 6)


@settings(deadline=None)
@given(problems())
def test_law_order_of_samples_and_names_of_labels_do_not_matter(problem):
    X, y, rng = problem
    order = rng.permutation(len(X))
    names = np.array(["f", "b", "a", "e", "c", "d"])[rng.permutation(6)]
    for shrinkage in SHRINKAGES:
        value = h_score(X, y, shrinkage=shrinkage)
        assert_same(h_score(X[order], names[y[order]], shrinkage=shrinkage), value, REARRANGED, 6)


@settings(deadline=None)
@given(problems(), st.integers(2, 4))
def test_law_repeating_the_data_does_not_change_the_plain_score(problem, times):
    X, y, _ = problem
    repeated = h_score(np.tile(X, (times, 1)), np.tile(y, times))
    assert_same(repeated, h_score(X, y), MAPPED, 6)


@settings(deadline=None, max_examples=30)
@given(problems())
def test_law_merging_two_classes_cannot_raise_the_plain_score(problem):
    X, y, _ = problem
    if len(np.unique(y)) > 2:
        assert h_score(X, np.where(y == 1, 0, y)) <= h_score(X, y) + MERGED


@settings(deadline=None)
@given(problems())
@example((np.array([[0.0], [1.0]]), np.array([0, 1]), np.random.default_rng(0)))
def test_law_no_more_samples_than_features_counts_classes_exactly(problem):
    X, y, _ = problem
    n, d = X.shape
    if n <= d + 1:
        assert h_score(X, y) == len(np.unique(y)) - 1


@pytest.mark.parametrize("n", [40, 25])
@pytest.mark.parametrize("shrinkage", [None, "ledoit-wolf", 0.4])
def test_chance_level_is_the_mean_over_permutations(n, shrinkage):
    X, y = network_features(n, 30 if n == 25 else 10, 4)
    if n == 25 and shrinkage is None:
        return  # there every permutation scores K - 1, which is an error: tested below
    rng = np.random.default_rng(0)
    Y = np.stack([rng.permutation(y) for _ in range(20_000)], axis=1)
    adjusted = h_score(X, Y, shrinkage=shrinkage, adjust_for_chance=True)
    assert abs(adjusted.mean()) < 5 * adjusted.std() / np.sqrt(len(adjusted))
    one = h_score(X, y, shrinkage=shrinkage, adjust_for_chance=True)
    expected = reference.h_score(X, y, shrinkage=shrinkage, adjust_for_chance=True)
    assert_same(one, expected, REARRANGED, 3)


def test_perfect_separation_stays_the_most_after_adjustment():
    y = np.arange(60) % 3
    assert h_score(np.eye(3)[y], y, adjust_for_chance=True) == pytest.approx(2, rel=FLOAT64)


def test_no_chance_level_where_the_rank_is_n_minus_1():
    X, y = network_features(10, 30, 3)
    with pytest.raises(ValueError, match=r"`adjust_for_chance` must be False where .* n - 1 = 9"):
        h_score(X, y, adjust_for_chance=True)


# ------------------------------------------------------------------------ options, output


def test_counting_classes_is_said():
    X, y = network_features(20, 30, 4)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert h_score(X, y) == 3
    assert [w.category for w in caught] == [UserWarning]
    assert "shrinkage='ledoit-wolf'" in str(caught[0].message)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        h_score(X, y, shrinkage="ledoit-wolf")


def test_no_shrinkage_is_shrinkage_zero():
    for n, d in SHAPES.values():
        X, y = network_features(n, d, 2)
        assert h_score(X, y) == h_score(X, y, shrinkage=0.0)


def test_ignored_samples_leave_no_trace():
    X, y = network_features(150, 10, 4)
    void = y.copy()
    void[::5], void[1::7] = 255, -1
    keep = (void != 255) & (void != -1)
    wild = np.where(keep[:, np.newaxis], X, np.nan)
    expected = h_score(X[keep], y[keep])
    assert h_score(wild, void, ignore_index=[255, -1]) == expected
    assert (
        h_score(wild, void[:, np.newaxis].repeat(2, 1), ignore_index=(255, -1)).tolist()
        == [expected] * 2
    )
    names = np.array(["a", "b", "c", "d"])[y]
    names[~keep] = "?"
    assert h_score(wild, names, ignore_index="?") == expected


def test_full_output():
    X, y = network_features(150, 10, 4)
    X[:, 4] = 2.0
    result = h_score(X, y, full_output=True)
    assert isinstance(result, HScoreResult)
    assert result.value == h_score(X, y)
    assert (result.bounds, result.rank, result.n, result.d) == ((0.0, 3.0), 9, 150, 10)
    assert (result.classes, result.shrinkage) == (4, 0.0)
    assert result.notes == ("rank 9 of 10 features: constant or dependent features add nothing",)
    shrunk = h_score(X, np.stack([y, y % 2], axis=1), shrinkage="ledoit-wolf", full_output=True)
    assert shrunk.rank is None
    assert shrunk.classes.tolist() == [4, 2]
    assert shrunk.bounds[1].tolist() == [3.0, 1.0]
    assert shrunk.shrinkage == pytest.approx(
        reference.h_score.__globals__["ledoit_wolf"](X - X.mean(0))
    )
    assert "whatever the features" in h_score(X[:8], y[:8], full_output=True).notes[0]
    with pytest.raises(AttributeError):
        result.value = 0.0


def test_names_in_every_layer():
    assert h_score is transferscore._scores.h_score
    assert transferscore._scores.REGISTRY["h_score"].compute is h_score


# ------------------------------------------------------------------------ golden values


def test_golden_iris():
    # transformer-ranker's test suite (shrinkage, float32) and tllib run on the same table.
    X, y = iris()
    assert h_score(X, y) == pytest.approx(1.1918988250, rel=GOLDEN)
    ratio = len(X) / (len(X) - 1)
    assert h_score(X, y, shrinkage="ledoit-wolf") * ratio == pytest.approx(1.1778424993, rel=GOLDEN)
    single = h_score(X.astype(np.float32), y, shrinkage="ledoit-wolf") * ratio
    assert single == pytest.approx(1.177842480406727, rel=GOLDEN)


def test_golden_toy():
    # Values of tllib, and of scikit-learn's intensity.
    X, y = toy()
    assert h_score(X, y) == pytest.approx(0.9416783174071599, rel=REORDERED)
    result = h_score(X, y, shrinkage="ledoit-wolf", full_output=True)
    assert result.shrinkage == pytest.approx(0.19468658173966558, rel=REORDERED)
    assert result.value * 30 / 29 == pytest.approx(0.7099151637310679, rel=REORDERED)


@pytest.mark.parametrize(
    ("task", "plain", "shrunk", "tllib"), [("dslr", 14, 13.06, 13.24), ("webcam", 28, 24.37, 24.47)]
)
def test_real_features_of_office_31(data_folder, task, plain, shrunk, tllib):
    with np.load(data_folder / "office31_otce_resnet18.npz", allow_pickle=False) as z:
        X, y = z[f"tar_{task}_x"], z[f"tar_{task}_y"]
    assert h_score(X, y) == plain
    assert h_score(X.astype(np.float64), y) == plain
    assert h_score(X, y, shrinkage="ledoit-wolf") == pytest.approx(shrunk, abs=TWO_DECIMALS)
    value = tllib_names.regularized_h_score(X, y)
    assert value == pytest.approx(tllib, abs=TWO_DECIMALS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shrinkage", [None, 0.1, "ledoit-wolf"])
def test_label_sets_scored_as_if_alone_have_the_bits_of_single_calls(dtype, shrinkage):
    # 1e9 products: float32 multiplies in single precision, but for sets of so many classes that it
    # would not pay, and a set so nearly of one class that it would not suffice.
    X, y = network_features(4200, 500, 3)
    rng = np.random.default_rng(5)
    sets = [rng.integers(0, k, len(X)) for k in (2, 30, 300)]
    sets += [y, y.astype(str), np.arange(len(X)) == 7, (rng.random(len(X)) < 0.5)]
    X = X.astype(dtype)
    together = of_label_sets(X, sets, shrinkage=shrinkage)
    alone = np.array([h_score(X, labels, shrinkage=shrinkage) for labels in sets])
    assert together.tobytes() == alone.tobytes()
    columns = np.stack([np.unique(labels, return_inverse=True)[1] for labels in sets], axis=1)
    many = h_score(X, columns, shrinkage=shrinkage)
    np.testing.assert_allclose(many, together, rtol=CORRECTED)
