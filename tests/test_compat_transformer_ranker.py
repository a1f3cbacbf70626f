"""Drop-in estimators of transformer-ranker: its golden values, and its formulas in plain NumPy."""

import re

import numpy as np
import pytest

import published
import transferscore
from conftest import iris, network_features
from tolerances import FLOAT32_CONSTANTS, FLOAT64, MAPPED, REORDERED
from transferscore.compat import tllib, transformer_ranker
from transferscore.compat.transformer_ranker import HScore, LogME, NearestNeighbors

# How the published program iterates.
PUBLISHED = {"tol": 1e-3, "epsilon": 1e-5, "carried": True}
SHAPES = {"n > d": (300, 25), "n < d": (40, 70), "one feature": (80, 1)}


def task(shape="n > d", n_classes=6):
    n, d = SHAPES[shape]
    X, y = network_features(n, d, n_classes)
    return X + 0.5 * np.random.default_rng(0).normal(size=X.shape), y


# --------------------------------------------------------------------------------- H-score


@pytest.mark.parametrize("shape", ["n > d", "n < d"])
def test_h_score(shape):
    X, y = task(shape)
    estimator = HScore()
    assert estimator.score is None
    value = estimator.fit(X, y)
    assert value == pytest.approx(published.shrinkage_h_score(X, y), rel=FLOAT64)
    assert value == tllib.regularized_h_score(X, y)
    assert estimator.score == value
    assert type(value) is float


def test_h_score_of_one_feature():  # 0 there
    X, y = task("one feature")
    n = len(X)
    assert HScore().fit(X, y) == pytest.approx(
        transferscore.h_score(X, y) * n / (n - 1), rel=FLOAT64
    )


def test_h_score_is_not_for_numbers():
    with pytest.raises(ValueError, match=r"^HScore is not suitable for regression tasks\.$"):
        HScore(regression=True)


# ----------------------------------------------------------------------------------- LogME


@pytest.mark.parametrize("shape", SHAPES)
def test_logme_starts_a_class_where_the_one_before_ended(shape):
    X, y = task(shape)
    estimator = LogME()
    value = estimator.fit(X, y)
    evidences = published.fixed_point(X, published.onehot(y), **PUBLISHED)[0]
    assert value == pytest.approx(evidences.mean(), rel=MAPPED)
    assert value == transferscore.logme(X, y, convention="transformer-ranker")
    assert estimator.score == value
    assert type(value) is float
    afresh = published.fixed_point(X, published.onehot(y), tol=1e-3, epsilon=1e-5)[0]
    assert value != pytest.approx(afresh.mean(), rel=REORDERED)


def test_logme_options():
    X, y = task()
    options = {"alpha": 0.1, "beta": 2.0, "max_iter": 2, "tol": 1e-2}
    columns = published.onehot(y)
    evidences = published.fixed_point(X, columns, **{**PUBLISHED, **options})[0]
    value = LogME().fit(X, y, 0.1, 2.0, 2, 1e-2)
    assert value == pytest.approx(evidences.mean(), rel=MAPPED)
    assert value != pytest.approx(LogME().fit(X, y), rel=MAPPED)
    named = {"initial_alpha": 0.1, "initial_beta": 2.0, "max_iter": 2, "tol": 1e-2}
    assert LogME().fit(embeddings=X, labels=y, **named, anything="else") == value


@pytest.mark.parametrize("shape", SHAPES)
def test_logme_of_numbers(shape):
    X, _ = task(shape)
    t = X[:, 0] + np.random.default_rng(2).normal(size=len(X))
    evidences = published.fixed_point(X, t[:, np.newaxis], **PUBLISHED)[0]
    value = LogME(regression=True).fit(X, t)
    assert value == pytest.approx(evidences[0], rel=MAPPED)
    assert LogME(True).fit(X, t[:, np.newaxis]) == value


def test_the_terms_that_are_missing_there():
    X, y = task("n < d")
    columns = published.onehot(y)
    evidences = published.fixed_point(X, columns, **PUBLISHED, all_terms=False)[0]
    value = LogME(all_terms=False).fit(X, y)
    assert value == pytest.approx(evidences.mean(), rel=MAPPED)
    assert value > LogME().fit(X, y) + 1


# ---------------------------------------------------------------------- nearest neighbours


def expected_share(X, y, k, cosine=False):
    winners = np.array([published.elected(y[some])[0] for some in published.nearest(X, k, cosine)])
    if len(np.unique(y)) > 2:
        return np.mean(winners == y)
    hits = np.sum((winners == y.max()) & (y == y.max()))
    precision, recall = hits / np.sum(winners == y.max()), hits / np.sum(y == y.max())
    return 2 * precision * recall / (precision + recall)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("k", [1, 3, 4])
@pytest.mark.parametrize("n_classes", [2, 3, 20])
def test_neighbours(n_classes, k, metric):
    X, y = task(n_classes=n_classes)
    estimator = NearestNeighbors(k=k)
    assert estimator.score is None
    value = estimator.fit(X, y, distance_metric=metric)
    expected = expected_share(X, y, k, metric == "cosine")
    assert value == pytest.approx(expected, rel=REORDERED)
    assert estimator.score == value
    assert type(value) is float


def test_of_labels_with_as_many_votes_the_smallest_wins():
    X, y = np.arange(4.0)[:, np.newaxis], np.array([2, 2, 0, 1])
    assert NearestNeighbors(k=3).fit(X, y) == expected_share(X, y, 3) == 0
    assert transferscore.knn(X, y, k=3) == 0.5  # where the nearest decides


def test_two_classes_are_scored_by_f1_of_the_larger_label():
    X, y = task(n_classes=2)
    accuracy = transferscore.knn(X, y, k=3)
    value = NearestNeighbors().fit(X, y)
    assert value != accuracy
    assert NearestNeighbors().fit(X, 1 - y) != value
    assert NearestNeighbors().fit(X, 5 * y - 2) == value
    assert NearestNeighbors().fit(X, np.array(["a", "b"])[y]) == value


def test_neighbours_of_numbers():
    X, _ = task()
    t = X[:, 0] + np.random.default_rng(2).normal(size=len(X))
    means = np.array([t[some].mean() for some in published.nearest(X, 3)])
    value = NearestNeighbors(regression=True).fit(X, t)
    assert value == pytest.approx(np.corrcoef(t, means)[0, 1], rel=FLOAT64)
    assert NearestNeighbors(True, 5).fit(X, t) != value


def test_batch_size_does_not_matter():
    X, y = task()
    value = NearestNeighbors(k=5).fit(X, y)
    assert NearestNeighbors(k=5).fit(X, y, 16) == value
    assert NearestNeighbors(k=5).fit(embeddings=X, labels=y, batch_size=7, more=1) == value


@pytest.mark.parametrize("k", [6, 10, 100])
def test_neighbours_within_two_balls(k):
    # Where a majority around every sample is known by construction.
    rng = np.random.default_rng(k)
    n_right, n_wrong = k // 2 + 2, (k - 1) // 2
    side = n_right + n_wrong
    X = rng.normal(size=(2 * side, 12))
    X *= 0.3 / np.linalg.norm(X, axis=1, keepdims=True)
    X[side:] += 5
    y = np.repeat([0, 2, 1, 2], [n_right, n_wrong, n_right, n_wrong])
    assert NearestNeighbors(k=k).fit(X, y) == pytest.approx(n_right / side, rel=REORDERED)


# --------------------------------------------------------------------------- golden values


def as_there():
    X, y = iris()
    return X.astype(np.float32), y.astype(np.float32)


def test_golden_h_score():
    assert HScore().fit(*as_there()) == pytest.approx(1.177842480406727, rel=FLOAT32_CONSTANTS)


def test_golden_logme():
    # log 2 pi is rounded to float32 there.
    assert LogME().fit(*as_there()) == pytest.approx(-0.16006022033609904, rel=FLOAT32_CONSTANTS)


@pytest.mark.parametrize(
    ("k", "share"), [(1, 0.96), (3, 0.96), (5, 0.9666666666666667), (13, 0.9666666666666667)]
)
def test_golden_neighbours(k, share):
    assert NearestNeighbors(k=k).fit(*as_there()) == pytest.approx(share, rel=REORDERED)


# ---------------------------------------------------------------------------- hostile input


@pytest.mark.parametrize("estimator", [HScore, LogME, NearestNeighbors])
@pytest.mark.parametrize(
    "convert",
    [
        lambda y: 3 * y,
        lambda y: y - 4,
        lambda y: y.astype(np.float32),
        lambda y: y[:, np.newaxis],
        lambda y: y.tolist(),
    ],
    ids=["gaps", "negative", "floats", "column", "list"],
)
def test_labels_of_any_kind(estimator, convert):
    X, y = task()
    assert estimator().fit(X, convert(y)) == estimator().fit(X, y)
    assert estimator().fit(np.rint(9 * X).astype(int), y) == estimator().fit(np.rint(9 * X), y)
    assert estimator().fit(X.tolist(), y) == estimator().fit(X, y)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda X, y: HScore().fit(X[0], y), ValueError, "`embeddings` must have shape (n, d)"),
        (lambda X, y: HScore().fit(X, 0 * y), ValueError, "`labels` must have at least two"),
        (lambda X, y: LogME().fit(X, X), ValueError, "`labels` must have shape (n,) or (n, 1)"),
        (lambda X, y: LogME().fit(X, y, 0.0), ValueError, "`initial_alpha` must be a finite"),
        (lambda X, y: LogME().fit(X, y, 1.0, "b"), TypeError, "`initial_beta` must be a number"),
        (lambda X, y: LogME().fit(X, y, max_iter=0), ValueError, "`max_iter` must be at least 1"),
        (lambda X, y: LogME().fit(X, y, tol=None), TypeError, "`tol` must be a number"),
        (lambda X, y: LogME().fit(0 * X, y), ValueError, "`embeddings` must have squares within"),
        (
            lambda X, y: NearestNeighbors().fit(X, y, distance_metric="l1"),
            ValueError,
            "`distance_metric` must be 'euclidean' or 'cosine', got 'l1'",
        ),
        (lambda X, y: NearestNeighbors(k=300).fit(X, y), ValueError, "`k` must be at most n - 1"),
        (lambda X, y: NearestNeighbors().fit(X, y[1:]), ValueError, "`labels` must have shape"),
        (
            lambda X, y: NearestNeighbors(True).fit(X, 0 * y),
            ValueError,
            "`labels` must vary, got 0.0 for all samples",
        ),
    ],
)
def test_errors_name_the_argument(call, error, text):
    with pytest.raises(error, match=re.escape(text)):
        call(*task())


def test_names():
    assert transformer_ranker.__all__ == ["HScore", "LogME", "NearestNeighbors"]
