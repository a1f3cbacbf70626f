"""Drop-in methods of dbolya/parc: its formulas in plain NumPy, its call, and what it leaves out."""

import re
import sys

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

import published
import transferscore
from conftest import network_features, toy
from tolerances import FLOAT64, GOLDEN, PUBLIC_PARC, REARRANGED, REORDERED
from transferscore.compat import _votes, parc
from transferscore.compat.parc import (
    LEEP,
    PARC,
    HScore,
    NegativeCrossEntropy,
    SplitkNN,
    SplitLogistic,
    TransferabilityMethod,
    kNN,
)

SHAPES = {"n > d": (240, 25), "n < d": (40, 70)}


def probe(shape="n > d", n_classes=6):
    n, d = SHAPES[shape]
    X, y = network_features(n, d, n_classes)
    rng = np.random.default_rng(0)
    theta = published.softmax(2 * rng.normal(size=(n, 9)))
    return X + 0.5 * rng.normal(size=X.shape), theta, y


def label_rows(n, n_columns=6):
    Y = (np.random.default_rng(4).random((n, n_columns)) < 0.3).astype(int)
    Y[:, 0], Y[:, 1] = 1, 0
    return Y


def low_rank(n=240, rank=5, d=30):
    """Features that as many principal components hold exactly."""
    rng = np.random.default_rng(2)
    Z, y = network_features(n, rank, 4)
    return (Z + rng.normal(size=Z.shape)) @ rng.normal(size=(rank, d)), y


# ------------------------------------------------------------------------------ definitions


def test_leep():
    X, theta, y = probe()
    assert LEEP()(X, theta, y) == pytest.approx(published.leep(theta, y), rel=FLOAT64)
    assert LEEP(src="features")(theta, X, y) == LEEP(n_dims=3)(X, theta, y)
    assert LEEP(None, "probs", "l1", True)(X, theta, y) == LEEP()(X, theta, y)


@pytest.mark.parametrize("eps", [1e-5, 1e-2])
@pytest.mark.parametrize(("target", "n_classes"), [(None, 6), ("own", 6), ("cub200", 200)])
def test_nce_adds_epsilon_to_every_cell(target, n_classes, eps):
    X, theta, y = probe()
    method = NegativeCrossEntropy()
    value = method(X, theta, y, "imagenet", target, "resnet18", None)
    z = theta.argmax(axis=1)
    assert value == pytest.approx(
        published.nce_with_epsilon(z, y, 9, n_classes, 1e-5), rel=REARRANGED
    )
    assert method.forward(eps) == pytest.approx(
        published.nce_with_epsilon(z, y, 9, n_classes, eps), rel=REARRANGED
    )
    assert value < transferscore.nce(source_labels=z, target_labels=y)


@pytest.mark.parametrize("use_published_implementation", [False, True])
def test_h_score(use_published_implementation):
    X, theta, y = probe()
    method = HScore(use_published_implementation=use_published_implementation)
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    assert method(X, theta, y) == pytest.approx(published.h_score(scaled, y), rel=FLOAT64)


@pytest.mark.parametrize(("metric", "is_cosine"), [("l2", 0), ("euclidean", 0), ("cosine", 1)])
@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_knn_counts_a_share_where_all_votes_differ(k, metric, is_cosine):
    X, theta, y = probe(n_classes=15)
    total = 0.0
    for label, some in zip(y, published.nearest(X, k, is_cosine), strict=True):
        winner, count = published.elected(y[some])
        total += np.mean(y[some] == label) if count == 1 else winner == label
    assert kNN(k, metric)(X, theta, y) == pytest.approx(100 * total / len(y), rel=REORDERED)


def test_votes_are_counted_in_blocks(monkeypatch):
    votes = np.random.default_rng(0).integers(0, 5, size=(50, 4)).astype(np.int32)
    whole = _votes.majority(votes, 5)
    expected = np.array([published.elected(row) for row in votes]).T
    np.testing.assert_array_equal(whole, expected)
    monkeypatch.setattr(_votes, "BLOCK", 16)
    np.testing.assert_array_equal(_votes.majority(votes, 5), expected)


def test_knn_of_several_labels():
    X, theta, _ = probe()
    Y = label_rows(len(X))
    expected = 100 * np.mean(Y[published.nearest(X, 1)[:, 0]] == Y)
    assert kNN()(X, theta, Y) == pytest.approx(expected, rel=REORDERED)
    assert kNN()(X, theta, np.zeros_like(Y)) == 100


@pytest.mark.parametrize("share", [0.5, 0.3, 0.79])
@pytest.mark.parametrize("k", [1, 3])
def test_split_knn_tests_on_the_last_share(share, k):
    X, theta, y = probe()
    first = len(X) - int(share * len(X))
    right = 0
    for x, label in zip(X[first:], y[first:], strict=True):
        order = np.argsort(np.sum((X[:first] - x) ** 2, axis=1))[:k]
        right += published.elected(y[order])[0] == label
    expected = 100 * right / (len(X) - first)
    assert SplitkNN(share, k)(X, theta, y) == pytest.approx(expected, rel=REORDERED)


@pytest.mark.parametrize("share", [0.5, 0.3])
def test_split_logistic(share):
    X, theta, y = probe()
    first = len(X) - int(share * len(X))
    model = LogisticRegression(tol=0.1, max_iter=20, random_state=0).fit(X[:first], y[:first])
    expected = 100 * model.score(X[first:], y[first:])
    assert SplitLogistic(share)(X, theta, y) == pytest.approx(expected, rel=REORDERED)
    assert SplitLogistic(share)(1e3 * X, theta, y) > 50  # stopped after 20 rounds, without a word


@pytest.mark.parametrize("n_classes", [2, 4, 8])
def test_parc_where_rounding_splits_no_ties(n_classes):
    X, theta, y = probe(n_classes=n_classes)
    value = PARC()(X, theta, y)
    assert value == pytest.approx(published.parc(X, y), rel=FLOAT64)
    assert value == transferscore.parc(X, y)
    rows = np.eye(n_classes, dtype=int)[y]
    assert PARC(fmt="any")(X, theta, rows) == value


def test_parc_of_several_labels():
    X, theta, _ = probe()
    Y = label_rows(len(X))
    assert PARC()(X, theta, Y) == transferscore.parc(X, Y)


def test_golden_values():
    X, y = toy()
    i, k = np.arange(30)[:, np.newaxis], np.arange(4)
    theta = published.softmax(np.cos((i + 1) * (k + 1)))
    assert LEEP()(X, theta, y) == pytest.approx(-1.0624070355663435, rel=GOLDEN)
    assert NegativeCrossEntropy()(X, theta, y) == pytest.approx(-0.8507022523846981, rel=GOLDEN)
    assert HScore()(X, theta, y) == pytest.approx(0.9416783174071599, rel=GOLDEN)
    assert PARC()(X, theta, y) == pytest.approx(33.94, rel=PUBLIC_PARC)


# -------------------------------------------------------------------- principal components


def components(X, n_components):
    U, s, _ = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    return U[:, :n_components] * s[:n_components]


def test_components_that_hold_everything_change_nothing():
    X, y = low_rank()
    Z = components(X, 5)
    assert HScore(n_dims=5)(X, None, y) == pytest.approx(published.h_score(Z, y), rel=REARRANGED)
    assert kNN(k=3, n_dims=5)(X, None, y) == kNN(k=3)(X, None, y)
    assert SplitkNN(n_dims=5)(X, None, y) == SplitkNN()(X, None, y)
    assert SplitLogistic(n_dims=5)(X, None, y) == SplitLogistic()(Z, None, y)


def test_parc_of_components():
    X, y = low_rank()
    scores = {round(PARC()(components(X, 5) * signs, None, y), 6) for signs in all_signs(5)}
    value = PARC(n_dims=5)(X, None, y)
    assert round(value, 6) in scores  # which depend on the signs of the components
    assert len(scores) > 1
    assert PARC(n_dims=5)(X, None, y) == value


def test_components_are_those_of_the_authors():
    X, theta, y = probe()
    randomised = PCA(5, svd_solver="randomized", iterated_power=1, random_state=1919)
    value = HScore(n_dims=5)(X, theta, y)
    assert value == HScore()(randomised.fit_transform(X), theta, y)
    assert value != pytest.approx(HScore()(components(X, 5), theta, y), rel=REARRANGED)


def all_signs(k):
    return 1.0 - 2.0 * (np.arange(2**k)[:, np.newaxis] >> np.arange(k) & 1)


@pytest.mark.parametrize("method", [HScore, kNN, PARC])
def test_no_more_components_than_there_are(method):
    X, theta, y = probe("n < d")
    few = X[:, :8]
    assert method(n_dims=100)(few, theta, y) == method(n_dims=8)(few, theta, y)
    if method is not HScore:  # which then counts classes
        assert method(n_dims=100)(X, theta, y) == method(n_dims=40)(X, theta, y)


@pytest.mark.parametrize(
    "method", [PARC(n_dims=3), HScore(3), kNN(n_dims=3), SplitkNN(), SplitLogistic()]
)
def test_what_needs_the_extra_says_so(method, monkeypatch):
    for name in ("sklearn.decomposition", "sklearn.neighbors", "sklearn.linear_model"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=r"needs scikit-learn.*'transferscore\[compat\]'"):
        method(*probe())


# --------------------------------------------------------------------------------- the call

METHODS = [
    LEEP(),
    NegativeCrossEntropy(),
    HScore(),
    kNN(),
    SplitkNN(),
    SplitLogistic(),
    PARC(n_dims=4),
]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)
def test_called_as_experiments_call(method):
    X, theta, y = probe()
    params = {
        "features": X,
        "probs": theta,
        "y": y,
        "source_dataset": "imagenet",
        "target_dataset": "cifar10",
        "architecture": "resnet18",
        "cache_path_fn": lambda architecture, source, target: "nowhere",
    }
    value = method(**params)
    assert type(value) is float
    assert method(*params.values()) == value
    for name, passed in params.items():
        assert getattr(method, name) is passed


def test_methods_of_ones_own():
    class Twice(TransferabilityMethod):
        def forward(self):
            return 2 * float(self.features.sum()) + len(self.target_dataset)

    X, theta, y = probe()
    assert Twice()(X, theta, y, None, "pets") == 2 * X.sum() + 4
    with pytest.raises(NotImplementedError):
        TransferabilityMethod()(X, theta, y)


# ---------------------------------------------------------------------------- hostile input


@pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)
@pytest.mark.parametrize(
    "convert",
    [
        lambda y: 3 * y,
        lambda y: y - 4,
        lambda y: y.astype(np.float32),
        lambda y: y.tolist(),
        lambda y: np.array(list("abcdef"))[y],
    ],
    ids=["gaps", "negative", "floats", "list", "names"],
)
def test_labels_of_any_kind(method, convert):
    X, theta, y = probe()
    assert method(X, theta, convert(y)) == pytest.approx(method(X, theta, y), rel=REORDERED)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)
def test_lists_integers_and_inputs_that_stay(method):
    X, theta, y = probe()
    before = X.copy(), theta.copy(), y.copy()
    value = method(X, theta, y)
    for now, then in zip((X, theta, y), before, strict=True):
        np.testing.assert_array_equal(now, then)
    assert method(X.tolist(), theta.tolist(), y) == value
    whole = np.rint(9 * X)
    assert method(whole.astype(int), theta, y) == method(whole, theta, y)


def test_duplicated_samples_do_not_take_each_other_for_themselves():
    X, theta, y = probe()
    twice, labels = np.repeat(X, 2, axis=0), np.repeat(y, 2)
    assert kNN()(twice, np.repeat(theta, 2, axis=0), labels) == 100


def test_few_samples():
    X, theta, y = probe("n < d")
    assert np.isfinite(PARC()(X, theta, y))
    with pytest.warns(UserWarning, match="is the number of classes minus one"):
        assert HScore()(X, theta, y) == pytest.approx(5, rel=FLOAT64)


@pytest.mark.parametrize(
    ("method", "change", "error", "text"),
    [
        (LEEP(src="logits"), {}, ValueError, "`src` must be 'probs' or 'features', got 'logits'"),
        (LEEP(src="features"), {}, ValueError, "`features` must not be negative"),
        (LEEP(), {"probs": 2 * probe()[1]}, ValueError, "`probs` must have rows that sum to 1"),
        (LEEP(), {"y": [0]}, ValueError, "`y` must have shape (240,)"),
        (NegativeCrossEntropy(), {"probs": [1.0]}, ValueError, "`probs` must have shape (n, d)"),
        (NegativeCrossEntropy(), {"y": [0]}, ValueError, "`y` must have shape (240,)"),
        (
            NegativeCrossEntropy(),
            {"y": np.arange(240), "target_dataset": "cifar10"},
            ValueError,
            "`y` must have at most 10 classes, as many as `target_dataset` 'cifar10' has, got 240",
        ),
        (HScore(), {"y": label_rows(240)}, ValueError, "`y` must have shape (n,) or (n, 1)"),
        (HScore(n_dims=0), {}, ValueError, "`n_dims` must be at least 1, got 0"),
        (PARC(n_dims=1.5), {}, TypeError, "`n_dims` must be an integer, got 1.5"),
        (PARC(), {"y": np.zeros(240)}, ValueError, "`y` must have at least two classes"),
        (PARC(), {"y": 2 * label_rows(240)}, ValueError, "`y` of shape (n, C) must be 0 or 1"),
        (kNN(metric="l1"), {}, ValueError, "`metric` must be 'l2' or 'euclidean' or 'cosine'"),
        (kNN(k=2), {"y": label_rows(240)}, ValueError, "`k` must be 1 for `y` of shape (n, C)"),
        (kNN(k=240), {}, ValueError, "`k` must be at most n - 1 = 239"),
        (kNN(), {"y": [0]}, ValueError, "`y` must have shape (240,)"),
        (SplitkNN(percent_train=1), {}, ValueError, "`percent_train` must be between 0 and 1"),
        (SplitkNN(percent_train=1e-3), {}, ValueError, "`percent_train` must be between 0 and 1"),
        (SplitkNN(percent_train="a"), {}, TypeError, "`percent_train` must be a number"),
        (SplitkNN(k=0), {}, ValueError, "`k` must be at least 1"),
        (SplitLogistic(), {"features": [[np.nan]]}, ValueError, "`features` must be finite"),
    ],
)
def test_errors_name_the_argument(method, change, error, text):
    passed = dict(zip(("features", "probs", "y"), probe(), strict=True)) | change
    with pytest.raises(error, match=re.escape(text)):
        method(**passed)
    if isinstance(method, NegativeCrossEntropy):
        with pytest.raises(ValueError, match="`eps` must be a finite number above 0"):
            method.forward(0)


def test_names():
    assert parc.__all__ == [
        "LEEP",
        "PARC",
        "HScore",
        "NegativeCrossEntropy",
        "SplitLogistic",
        "SplitkNN",
        "TransferabilityMethod",
        "kNN",
    ]
