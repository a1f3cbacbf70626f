"""Many scores at once: each as its function gives it; what can't be scored; every error text."""

import warnings
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import transferscore
from conftest import network_features
from tolerances import FLOAT32, FLOAT64, REARRANGED
from transferscore import _checks, leep, nce, score_all, scores
from transferscore._score_all import ONE_PASS
from transferscore._statistics import features

SHAPES = {"n < d": (40, 60), "n = d + 1": (41, 40), "n > d": (300, 25), "tiles": (1500, 400)}


def probabilities(n, n_classes, seed=0):
    logits = np.random.default_rng(seed).normal(size=(n, n_classes))
    exp = np.exp(logits)
    return exp / exp.sum(axis=1, keepdims=True)


def alone(name, X, y):
    arguments = (X,) if scores()[name].needs == ("features",) else (X, y)
    return scores()[name].compute(*arguments)


@pytest.mark.filterwarnings("ignore:the H-score of:UserWarning")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("layout", ["C", "F"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("offset", [0, 5])
def test_every_score_is_that_of_its_function(dtype, layout, shape, offset):
    X, y = network_features(*SHAPES[shape], 4)
    X = np.asarray(X + offset, dtype=dtype, order=layout)
    found = score_all(X, y)
    assert list(found) == list(ONE_PASS)
    tolerance = {"float64": FLOAT64, "float32": FLOAT32}[dtype]
    for name, value in found.items():
        assert isinstance(value, float)
        assert value == pytest.approx(alone(name, X, y), rel=tolerance), name


def test_all_scores_and_names_for_labels():
    X, y = network_features(200, 12, 3)
    theta = probabilities(200, 7)
    names = np.array(["cat", "dog", "eel"])[y]
    found = score_all(X, names, source_probabilities=theta, scores="all")
    assert set(found) == {name for name in scores() if name in found}
    assert set(found) >= {"h_score", "leep", "nce", "knn", "parc", "sfda", "effective_rank"}
    for name in set(found) - {"leep", "nce"}:
        assert found[name] == pytest.approx(alone(name, X, y), rel=FLOAT64)
    assert found["leep"] == leep(theta, y)
    assert found["nce"] == nce(source_labels=theta.argmax(axis=1), target_labels=y)


def test_order_and_repeated_names():
    X, y = network_features(100, 5, 3)
    assert list(score_all(X, y, scores=["lfc", "h_score", "lfc"])) == ["lfc", "h_score"]


def test_ignored_samples_are_left_out_everywhere():
    X, y = network_features(120, 6, 4)
    theta = probabilities(120, 5)
    theta[y == 3] = np.nan
    X[y == 3] = np.nan
    keep = y != 3
    found = score_all(X, y, source_probabilities=theta, ignore_index=3)
    assert found == score_all(X[keep], y[keep], source_probabilities=theta[keep])


def test_same_bits_for_any_threads():
    X, y = network_features(2000, 300, 5)
    found = [score_all(X, y, n_threads=n) for n in (1, 2, 3)]
    assert found[0] == found[1] == found[2]


def test_what_cannot_be_scored_is_left_out_with_the_reason():
    X, y = network_features(50, 1, 2)
    with pytest.warns(UserWarning, match="`parc` was not scored: `features` must differ within"):
        found = score_all(X, y, scores=["h_score", "parc"])
    assert list(found) == ["h_score"]
    with pytest.raises(ValueError, match="`features` must differ within"):
        score_all(X, y, scores=["parc"])


def test_a_class_with_one_sample_and_a_constant_feature():
    X, y = network_features(100, 5, 3)
    y[0], X[:, 2] = 7, 1.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = score_all(X, y)
    for name, value in found.items():
        assert value == pytest.approx(alone(name, X, y), rel=FLOAT64), name


def test_constant_features():
    X, y = np.full((30, 3), 2.0), np.arange(30) % 3
    with pytest.warns(UserWarning, match="LFC of constant features"):
        found = score_all(X, y)
    assert found["h_score"] == found["h_score_shrinkage"] == found["lfc"] == 0
    assert all(np.isfinite(list(found.values())))


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-8, 1.0, 1e8]), st.integers(2, 12))
def test_law_order_of_samples_and_unit(seed, unit, d):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(60) % 3)
    X = rng.normal(size=(60, d)) + rng.normal(size=(3, d))[y]
    names = ["h_score", "h_score_shrinkage", "lfc", "effective_rank", "logme"]
    order = rng.permutation(60)
    before = score_all(X, y, scores=names)
    after = score_all(X[order] * unit, y[order], scores=names)
    for name in names:
        assert after[name] == pytest.approx(before[name], rel=REARRANGED), name


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"scores": "logme"}, TypeError, "`scores` must be 'all' or a sequence of names"),
        ({"scores": 3}, TypeError, "`scores` must be 'all' or a sequence of names"),
        ({"scores": []}, ValueError, "`scores` must have at least one name, got none"),
        ({"scores": ["nope"]}, ValueError, "`scores` must be among .*logme.*, got 'nope'"),
        (
            {"scores": ["leep"]},
            ValueError,
            "`scores` must not have 'leep' without source_probabilities",
        ),
        (
            {"source_probabilities": np.ones((9, 2)), "scores": ["nce"]},
            ValueError,
            "`labels` must have shape",
        ),
        (
            {"source_probabilities": np.ones((10, 2)), "scores": ["nce"]},
            ValueError,
            "`source_probabilities` must have rows that sum to 1",
        ),
    ],
)
def test_wrong_arguments(options, error, text):
    X, y = network_features(10, 3, 2)
    with pytest.raises(error, match=text):
        score_all(X, y, **options)


def test_many_label_sets_are_refused():
    with pytest.raises(ValueError, match=r"`labels` must have shape \(n,\), got 2 label sets"):
        score_all(np.eye(4), np.array([[0, 1], [1, 0], [0, 1], [1, 1]]))


def test_one_gram_matrix_one_tridiagonal_form_one_check(monkeypatch):
    X, y = network_features(500, 20, 5)
    calls = Counter()

    def count(module, name):
        function = getattr(module, name)

        def counted(*arguments, **options):
            calls[name] += 1
            return function(*arguments, **options)

        monkeypatch.setattr(module, name, counted)

    count(features, "_summed")
    count(features.backend, "logme_of_statistics")
    count(features.backend, "effective_rank_of_statistics")
    count(_checks, "features_and_one_label_set")
    count(_checks, "distributions")
    found = score_all(X, y, source_probabilities=probabilities(500, 7))
    assert len(found) == len(ONE_PASS) + 2
    assert calls == {
        "_summed": 1,
        "logme_of_statistics": 1,
        "features_and_one_label_set": 1,
        "distributions": 1,
    }


def test_statistics_give_the_same_scores():
    X, y = network_features(500, 20, 5)
    statistics = transferscore.FeatureStatistics()
    for rows in np.array_split(np.arange(500), 7):
        statistics.partial_fit(X[rows], y[rows])
    found = score_all(X, y)
    for name in ("h_score", "logme", "linear_mse", "lfc", "effective_rank"):
        assert getattr(statistics, name)() == pytest.approx(found[name], rel=FLOAT64), name
