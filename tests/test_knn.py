"""k nearest neighbours: kernel against reference, ties, laws, golden values, every error."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import transferscore
from conftest import network_features
from tolerances import FLOAT32, FLOAT64, REORDERED
from transferscore import KNNResult, knn, reference
from transferscore.reference.knn import nearest_neighbours

METRICS = ("euclidean", "cosine")
SHAPES = {
    "n < d": (40, 70),
    "n > d": (300, 40),
    "several tiles": (700, 130),
    "one feature": (60, 1),
    "two samples": (2, 5),
}


def layouts(X):
    wide = np.zeros((2 * X.shape[0], 2 * X.shape[1]), X.dtype)
    wide[::2, ::2] = X
    return {"C": X, "Fortran": np.asfortranarray(X), "strided": wide[::2, ::2]}


def assert_neighbours_are_right(X, k, metric, n_threads=None):
    """The very neighbours of the reference, and the bits of their distances."""
    y = np.arange(len(X)) % 2
    result = knn(X, y, k=k, metric=metric, n_threads=n_threads, full_output=True)
    indices, distances = nearest_neighbours(X, k, metric)
    np.testing.assert_array_equal(result.neighbours, indices)
    np.testing.assert_allclose(result.distances, distances, rtol=FLOAT64)
    assert result.value == reference.knn(X, y, k=k, metric=metric)


# ------------------------------------------------------------------ kernel against reference


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equals_the_reference(dtype, shape, metric):
    n, d = SHAPES[shape]
    X, y = network_features(n, d, min(n, 7))
    X = X.astype(dtype)
    for k in {1, min(5, n - 1), min(50, n - 1)}:
        assert knn(X, y, k=k, metric=metric) == reference.knn(X, y, k=k, metric=metric)
        assert_neighbours_are_right(X, k, metric)


@pytest.mark.parametrize("n_threads", [1, 2, 3])
@pytest.mark.parametrize("layout", layouts(np.zeros((3, 3))))
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int16])
def test_any_layout_and_number_of_threads(dtype, layout, n_threads):
    X, _ = network_features(300, 20, 4)
    X = (8 * X).astype(dtype)  # integers have many equal distances
    assert_neighbours_are_right(layouts(X)[layout], 4, "euclidean", n_threads)


@pytest.mark.parametrize("metric", METRICS)
def test_same_bits_for_any_number_of_threads(metric):
    X, y = network_features(1500, 64, 10)  # enough work for a team of threads
    results = [
        knn(X.astype(np.float32), y, metric=metric, n_threads=t, full_output=True)
        for t in (1, 2, 3)
    ]
    for other in results[1:]:
        assert other.value == results[0].value
        np.testing.assert_array_equal(other.neighbours, results[0].neighbours)
        np.testing.assert_array_equal(other.distances, results[0].distances)


def hostile():
    rng = np.random.default_rng(5)
    X, _ = network_features(300, 30, 5, seed=3)
    outlier = X.copy()
    outlier[17] = 1e30
    near = np.repeat(X[:60], 5, axis=0)
    return {
        "constant": np.full((300, 4), 0.1),
        "all but one constant": np.eye(300)[:, :3],
        "duplicated rows": X[rng.integers(0, 40, 300)],
        "nearly duplicated": near + 1e-7 * rng.normal(size=near.shape),
        "zero rows": np.where(np.arange(300)[:, np.newaxis] % 3 == 0, 0.0, X),
        "one-hot": np.eye(300),
        "integers": rng.integers(0, 3, size=(300, 6)).astype(float),
        "offset 1e4": X + 1e4,
        "units 1e-8 to 1e8": X * 10.0 ** rng.integers(-8, 9, 30),
        "tiny": X * 1e-150,
        "huge": X * 1e150,
        "outlier": outlier,
        "parallel": np.outer(rng.integers(1, 5, 300), np.ones(3)) * rng.choice([-1, 1], (300, 3)),
    }


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("case", hostile())
def test_hostile_features(case, metric):
    X = hostile()[case]
    # Squares of huge values are beyond the reference; powers of two change nothing.
    scale = {"tiny": 2.0**498, "huge": 2.0**-498}.get(case, 1.0)
    y = np.arange(300) % 2
    result = knn(X, y, k=4, metric=metric, full_output=True)
    indices, distances = nearest_neighbours(X * scale, 4, metric)
    np.testing.assert_array_equal(result.neighbours, indices)
    in_units = distances if metric == "cosine" else distances / scale
    np.testing.assert_allclose(result.distances, in_units, rtol=FLOAT64, atol=0)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("case", [c for c in hostile() if c not in ("tiny", "huge")])
def test_hostile_features_in_single_precision(case, metric):
    assert_neighbours_are_right(hostile()[case].astype(np.float32), 4, metric)


def test_near_ties_that_single_precision_cannot_see():
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(3, 200)), 100, axis=0)
    X = (X + 1e-6 * rng.normal(size=X.shape)).astype(np.float32)
    for metric in METRICS:
        assert_neighbours_are_right(X, 7, metric)


def test_products_that_underflow_single_precision():
    X, _ = network_features(120, 6, 3)
    X *= 1e-25  # beside an outlier of 1: squares are far below float32's least
    X[5] = 1
    assert_neighbours_are_right(X.astype(np.float32), 3, "euclidean")


# --------------------------------------------------------------------------------- ties


def test_of_equal_distances_the_lower_index_is_nearer():
    X = [[0.0], [1.0], [-1.0], [1.0], [-1.0], [0.0]]
    result = knn(X, [0, 1, 0, 1, 0, 1], k=3, full_output=True)
    assert result.neighbours[0].tolist() == [5, 1, 2]
    assert result.neighbours[5].tolist() == [0, 1, 2]
    assert result.neighbours[3].tolist() == [1, 0, 5]
    assert result.distances[0].tolist() == [0, 1, 1]


def test_of_equal_votes_the_class_of_the_nearest_wins():
    X = [[0.0], [1.0], [1.5], [3.0], [-2.0]]
    y = ["z", "b", "a", "a", "b"]
    result = knn(X, y, k=4, full_output=True)
    assert result.neighbours[0].tolist() == [1, 2, 4, 3]
    assert result.predictions[0] == "b"
    assert knn([[0.0], [1.0], [3.0]], [2, 1, 0], k=2, full_output=True).predictions.tolist() == [
        1,
        2,
        1,
    ]


def test_a_sample_is_left_out_by_its_index():
    X, y = np.zeros((4, 2)), [0, 0, 1, 1]
    result = knn(X, y, k=1, full_output=True)
    assert result.neighbours[:, 0].tolist() == [1, 0, 0, 0]
    assert result.value == 0.5


def test_cosine_of_a_zero_row():
    X = [[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [2.0, 0.1]]
    result = knn(X, [0, 1, 0, 1], k=3, metric="cosine", full_output=True)
    assert result.neighbours[0].tolist() == [1, 2, 3]
    assert result.distances[0].tolist() == [1, 1, 1]
    assert result.distances[1, 2] == 2


# --------------------------------------------------------------------------- regression


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_regression_equals_the_reference(dtype, metric):
    X, _ = network_features(300, 12, 3)
    Y = np.stack([X[:, 0] + X[:, 1], np.sin(X[:, 2])], axis=1).astype(dtype)
    for targets in (Y, Y[:, 0], 1e8 + Y.astype(np.float64)):
        value = knn(X, targets, k=4, metric=metric, regression=True)
        expected = reference.knn(X, targets, k=4, metric=metric, regression=True)
        assert value == pytest.approx(expected, rel=FLOAT64)


def test_regression_full_output():
    X, _ = network_features(80, 5, 3)
    Y = np.stack([X[:, 0], -X[:, 1]], axis=1) + 100
    result = knn(X, Y, regression=True, full_output=True)
    means = Y[result.neighbours].mean(axis=1)
    np.testing.assert_allclose(result.predictions, means, rtol=REORDERED)
    each = [np.corrcoef(means[:, c], Y[:, c])[0, 1] for c in (0, 1)]
    assert result.value == pytest.approx(np.mean(each), rel=FLOAT64)
    one = knn(X, Y[:, 0], regression=True, full_output=True)
    assert one.predictions.shape == (80,)
    np.testing.assert_array_equal(one.predictions, result.predictions[:, 0])


def test_regression_where_all_others_are_neighbours():
    X, _ = network_features(30, 5, 3)
    assert knn(X, X[:, 0], k=29, regression=True) == pytest.approx(-1, rel=REORDERED)


def test_neighbours_whose_mean_does_not_vary_correlate_with_nothing():
    ring = [[np.cos(a), np.sin(a)] for a in np.arange(4) * np.pi / 2]
    assert knn(np.round(ring), [0.1, 0.1, 0.7, 0.7], k=2, regression=True) == 0


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150, 1e300])
def test_regression_knows_no_scale(scale):
    X, _ = network_features(80, 5, 3)
    expected = knn(X, X[:, 0], regression=True)
    assert knn(X, X[:, 0] * scale, regression=True) == pytest.approx(expected, rel=FLOAT64)


# -------------------------------------------------------------------------------- laws


@st.composite
def problems(draw):
    n, d = draw(st.integers(3, 60)), draw(st.integers(1, 20))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    whole = draw(st.booleans())  # many ties
    X = rng.integers(-3, 4, size=(n, d)).astype(float) if whole else rng.normal(size=(n, d))
    y = np.concatenate([[0, 1], rng.integers(0, 3, n - 2)])
    return X, y, draw(st.integers(1, n - 1)), rng


@settings(deadline=None)
@given(problems(), st.sampled_from(METRICS), st.sampled_from([np.float32, np.float64]))
def test_law_equals_the_definition(problem, metric, dtype):
    X, _, k, _ = problem
    assert_neighbours_are_right(X.astype(dtype), k, metric)


@settings(deadline=None)
@given(problems())
def test_law_powers_of_two_and_names_do_not_matter(problem):
    X, y, k, _ = problem
    value = knn(X, y, k=k)
    assert 0 <= value <= 1
    assert knn(X * 2.0**40, np.array(["c", "b", "a"])[y], k=k) == value
    assert knn(X[:, ::-1] * 2.0**-40, 5 * y - 7, k=1, metric="cosine") == pytest.approx(
        knn(X[:, ::-1], y, k=1, metric="cosine")
    )


@settings(deadline=None)
@given(problems())
def test_law_order_of_samples_does_not_matter_without_ties(problem):
    X, y, k, rng = problem
    X = X + rng.normal(size=X.shape)
    order = rng.permutation(len(X))
    # Votes tie, but which neighbour is nearest does not.
    assert knn(X[order], y[order], k=k) == knn(X, y, k=k)


# ------------------------------------------------------------------------ options, output


def test_full_output():
    X, y = network_features(150, 10, 4)
    names = np.array(["a", "b", "c", "d"])[y]
    result = knn(X, names, full_output=True)
    assert isinstance(result, KNNResult)
    assert result.value == knn(X, names) == np.mean(result.predictions == names)
    assert result.neighbours.shape == result.distances.shape == (150, 5)
    own = np.linalg.norm(X[:, np.newaxis] - X[result.neighbours], axis=2)
    np.testing.assert_allclose(result.distances, own, rtol=FLOAT64)
    with pytest.raises(AttributeError):
        result.value = 0.0


def test_ignored_samples_leave_no_trace():
    X, y = network_features(150, 10, 4)
    void = y.copy()
    void[::5], void[1::7] = 255, -1
    keep = (void != 255) & (void != -1)
    wild = np.where(keep[:, np.newaxis], X, np.nan)
    result = knn(wild, void, ignore_index=[255, -1], full_output=True)
    expected = knn(X[keep], y[keep], full_output=True)
    assert result.value == expected.value
    np.testing.assert_array_equal(result.neighbours, expected.neighbours)
    np.testing.assert_array_equal(result.predictions, expected.predictions)


def test_names_in_every_layer():
    assert knn is transferscore._scores.knn
    assert transferscore._scores.REGISTRY["knn"].compute is knn


@pytest.mark.parametrize(
    ("arguments", "options", "error", "text"),
    [
        (
            ([[1.0], [2.0]], [0, 1]),
            {"k": 2},
            ValueError,
            r"`k` must be at most n - 1 = 1, .* got 2",
        ),
        (([[1.0], [2.0]], [0, 1]), {"k": 0}, ValueError, r"`k` must be at least 1, got 0"),
        (([[1.0], [2.0]], [0, 1]), {"k": 1.5}, TypeError, r"`k` must be an integer, got 1.5"),
        (
            ([[1.0], [2.0]], [0, 1]),
            {"metric": "l1"},
            ValueError,
            r"`metric` must be 'euclidean' or 'cosine', got 'l1'",
        ),
        (([[1.0], [2.0]], [0, 0]), {"k": 1}, ValueError, r"`targets` must have at least two class"),
        (([[1.0], [2.0]], [0, 1, 2]), {"k": 1}, ValueError, r"`targets` must have shape \(2,\)"),
        (([[1.0], [2.0]], [[0], [1]]), {"k": 1}, ValueError, r"`targets` must have shape \(2,\)"),
        (([[1.0], [2.0]], [0, 0.5]), {"k": 1}, ValueError, r"`targets` must be whole numbers"),
        (([[1.0], [np.nan]], [0, 1]), {"k": 1}, ValueError, r"`features` must be finite, got nan"),
        (
            ([[1.0], [2.0]], [0, 1]),
            {"k": 1, "ignore_index": [0, 1]},
            ValueError,
            r"`ignore_index` must leave some samples",
        ),
        (
            ([[1e308], [-1e308]], [0, 1]),
            {"k": 1},
            ValueError,
            r"`features` must have squares within the range of float64",
        ),
        (
            ([[1.0], [2.0]], [3.0, 3.0]),
            {"k": 1, "regression": True},
            ValueError,
            r"`targets` must vary, got 3.0 for all samples",
        ),
        (
            ([[1.0], [2.0]], [[1.0, 3.0], [2.0, 3.0]]),
            {"k": 1, "regression": True},
            ValueError,
            r"`targets` must vary in every column; column 1 is, got 3.0",
        ),
        (
            ([[1.0], [2.0]], [1.0, np.inf]),
            {"k": 1, "regression": True},
            ValueError,
            r"`targets` must be finite, got inf at row 1",
        ),
        (
            ([[1.0], [2.0]], [1.0, 2.0, 3.0]),
            {"k": 1, "regression": True},
            ValueError,
            r"`targets` must have shape \(2,\) or \(2, C\), got \(3,\)",
        ),
        (
            ([[1.0], [2.0]], ["a", "b"]),
            {"k": 1, "regression": True},
            TypeError,
            r"`targets` must hold real numbers",
        ),
        (
            ([[1.0], [2.0]], [1.0, 2.0]),
            {"k": 1, "regression": True, "ignore_index": 1},
            ValueError,
            r"`ignore_index` must be None with regression=True, got 1",
        ),
    ],
)
def test_errors_say_what_was_wrong(arguments, options, error, text):
    with pytest.raises(error, match=text):
        knn(*arguments, **options)


# ------------------------------------------------------------------------ golden values


@pytest.mark.parametrize(
    ("k", "accuracy"), [(1, 0.96), (3, 0.96), (5, 0.9666666666666667), (13, 0.9666666666666667)]
)
def test_golden_iris(k, accuracy):
    # transformer-ranker's test suite, which reads float32.
    table = np.loadtxt(Path(__file__).parent / "golden" / "iris.csv", delimiter=",")
    X, y = table[:, :4], table[:, 4].astype(int)
    assert knn(X, y, k=k) == accuracy
    assert knn(X.astype(np.float32), y, k=k) == accuracy


def test_real_features_of_office_31(data_folder):
    with np.load(data_folder / "office31_otce_resnet18.npz", allow_pickle=False) as z:
        X, y = z["tar_dslr_x"], z["tar_dslr_y"]
    for metric in METRICS:
        value = knn(X, y, metric=metric)
        assert value == reference.knn(X, y, metric=metric)
        assert value > 0.5
    correlation = knn(X, X[:, 0], regression=True)
    assert correlation == pytest.approx(reference.knn(X, X[:, 0], regression=True), rel=FLOAT32)
