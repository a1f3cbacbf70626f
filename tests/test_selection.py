"""Layers, one source for each target, and fused features."""

import json
import re
from types import SimpleNamespace

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from conftest import network_features
from tolerances import REORDERED
from transferscore import fuse, fusion_weights, h_score, logme, otce, select_layers, select_source
from transferscore.ranking import LayerCurve, SelectedSources

X, Y = network_features(120, 8, 3, seed=1)


# Layers


def layers():
    return {"early": X[:, :2], "middle": X, "late": X[:, 2:6]}


def test_every_layer_has_its_score_in_the_order_of_the_network():
    curve = select_layers(layers(), Y)
    for layer, value in zip(curve.layers, curve.scores, strict=True):
        expected = h_score(layers()[layer], Y, shrinkage="ledoit-wolf", adjust_for_chance=True)
        assert value == expected
    assert curve.layers == ("early", "middle", "late")
    assert curve.n_features.tolist() == [2, 8, 4]
    assert curve.chosen == curve.layers[int(np.argmax(curve.scores))]
    jsonschema.validate(json.loads(curve.to_json()), LayerCurve.json_schema())


def test_scores_by_name_and_by_function():
    by_name = select_layers(layers(), Y, score="logme")
    by_function = select_layers(layers(), Y, score=logme)
    assert by_name.scores.tolist() == by_function.scores.tolist()
    worst = select_layers(layers(), Y, score=logme, higher_is_better=False)
    assert worst.chosen == worst.layers[int(np.argmin(worst.scores))]


def test_layers_are_made_when_it_is_their_turn():
    alive = []

    def one(name):
        alive.append(name)
        return layers()[name]

    given = {name: (lambda name=name: one(name)) for name in layers()}
    curve = select_layers(given, Y)
    assert alive == list(given)
    assert curve.scores.tolist() == select_layers(layers(), Y).scores.tolist()


def test_equal_layers_are_said():
    curve = select_layers({"a": X[:, :2], "b": X, "c": X}, Y)
    assert curve.best == ("b", "c")
    assert curve.chosen == "b"


def test_a_layer_that_fails_is_told_and_the_others_are_scored():
    bad = {"early": X[:, :2], "broken": X[:5], "late": X}
    with pytest.warns(UserWarning, match=r"layer 'broken' was not scored: `labels` must have"):
        curve = select_layers(bad, Y)
    assert curve.layers == ("early", "late")
    assert curve.positions.tolist() == [0, 2]
    assert list(curve.failed) == ["broken"]
    assert "broken was not scored" in str(curve)
    with pytest.raises(ValueError, match="must have shape"):
        select_layers({"broken": X[:5]}, Y)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (([X], Y), TypeError, "`layers` must be a mapping of names to features, got list"),
        (({"a": X}, Y, "nonsense"), ValueError, "`score` must be one of h_score, "),
        (({"a": X}, Y, 3), TypeError, "`score` must be the name of a score, a function"),
        (({"a": X}, Y, lambda *_: np.nan), ValueError, "the score of 'a' must be finite, got nan"),
        (({"a": X}, Y, lambda *_: "x"), TypeError, "the score of 'a' must be a number, got str"),
    ],
)
def test_refusals_of_layers(arguments, error, text):
    features, labels, *score = arguments
    with pytest.raises(error, match=re.escape(text)):
        select_layers(features, labels, score=score[0] if score else None)


# One source for each target


@given(seed=st.integers(0, 999), higher=st.booleans())
@settings(max_examples=50, deadline=None)
def test_the_best_of_each_column(seed, higher):
    values = np.random.default_rng(seed).integers(0, 4, (5, 3)).astype(float)
    chosen = select_source(values, higher_is_better=higher)
    for j, target in enumerate(chosen.targets):
        best = values[:, j].max() if higher else values[:, j].min()
        assert chosen.scores[j] == best
        assert chosen.tied[j] == tuple(str(i) for i in np.flatnonzero(values[:, j] == best))
        assert chosen[target] == chosen.tied[j][0]


def test_all_forms_of_scores_agree():
    values = np.array([[0.1, 0.9], [0.4, np.nan]])
    matrix = SimpleNamespace(
        values=values, sources=("a", "b"), targets=("s", "t"), higher_is_better=False
    )
    mapping = {"a": {"s": 0.1, "t": 0.9}, "b": {"s": 0.4}}
    of_matrix = select_source(matrix)
    of_mapping = select_source(mapping, higher_is_better=False)
    of_array = select_source(values, sources=["a", "b"], targets=["s", "t"], higher_is_better=False)
    assert of_matrix.to_dict() == of_mapping.to_dict() == of_array.to_dict()
    assert of_matrix.sources == ("a", "a")
    assert of_matrix.unscored == ((), ("b",))
    assert select_source({"a": 1.0, "b": 2.0})["target"] == "b"
    jsonschema.validate(json.loads(of_matrix.to_json()), SelectedSources.json_schema())
    with pytest.raises(KeyError):
        of_matrix["u"]


@pytest.mark.parametrize(
    ("scores", "options", "error", "text"),
    [
        ([1, 2], {}, ValueError, "`scores` must have shape (sources, targets)"),
        ([["a"]], {}, TypeError, "`scores` must hold real numbers, got dtype <U1"),
        ([[np.inf]], {}, ValueError, "`scores` must be finite, got inf at row 0, column 0"),
        ([[1.0], [2.0]], {"sources": ["a"]}, ValueError, "`sources` must be 2 names"),
        ([[1.0], [2.0]], {"sources": ["a", "a"]}, ValueError, "`sources` must be distinct, got"),
        ([[1.0]], {"targets": [3]}, TypeError, "`targets` must be names that are not empty"),
        ({"a": 1.0}, {"sources": ["a"]}, TypeError, "`sources` and `targets` must be left out"),
        ({"a": "x"}, {}, TypeError, "the score of 'a' must be a number, got str"),
        ({"a": np.nan}, {}, ValueError, "`scores` must have a source with a score for 'target'"),
        ([[1.0]], {"higher_is_better": "no"}, TypeError, "`higher_is_better` must be True or"),
    ],
)
def test_refusals_of_scores(scores, options, error, text):
    with pytest.raises(error, match=re.escape(text)):
        select_source(scores, **options)


# Fusion


@given(scores=st.lists(st.floats(-50, 50), min_size=1, max_size=6), temperature=st.floats(0.05, 20))
@settings(max_examples=50, deadline=None)
def test_weights_are_the_softmax(scores, temperature):
    expected = softmax(np.array(scores) / temperature)
    found = fusion_weights(scores, temperature=temperature)
    assert found == pytest.approx(expected, rel=REORDERED, abs=1e-300)


def test_tiny_temperatures_take_the_best_alone():
    assert fusion_weights([1e300, -1e300, 0.0], temperature=1e-300).tolist() == [1, 0, 0]
    assert fusion_weights([0.3, 0.3], temperature=1e-300).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("scores", [[], {}, np.zeros(0)], ids=["list", "mapping", "array"])
def test_weights_of_no_sources_are_refused(scores):
    with pytest.raises(ValueError, match=r"^`scores` must have at least one score, got none$"):
        fusion_weights(scores)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("how", ["sum", "concatenate"])
def test_fusion_is_its_formula(dtype, how):
    a, b = X.astype(dtype), (2 * X[:, ::-1]).astype(dtype)
    scores = {"b": -0.1, "a": -1.4}
    w = softmax([-1.4, -0.1])
    found = fuse({"a": a, "b": b}, scores=scores, how=how)
    parts = [w[0] * a.astype(float), w[1] * b.astype(float)]
    expected = parts[0] + parts[1] if how == "sum" else np.hstack(parts)
    assert found.dtype == (np.float64 if dtype == np.float64 else np.float32)
    assert found == pytest.approx(expected, rel=1e-6 if dtype != np.float64 else REORDERED)
    assert fuse([a, b], w, how=how).tolist() == found.tolist()
    assert fuse({"a": a, "b": b}, {"b": w[1], "a": w[0]}, how=how).tolist() == found.tolist()


def test_uniform_weights_and_otce_results():
    assert fuse([X, 3 * X], "uniform") == pytest.approx(2 * X, rel=REORDERED)
    results = [
        otce(
            source_features=X[:40],
            source_labels=Y[:40],
            target_features=shift + X[40:90],
            target_labels=Y[40:90],
        )
        for shift in (0, 1)
    ]
    expected = fusion_weights([result.score for result in results])
    assert fusion_weights(results).tolist() == expected.tolist()
    assert fuse([X, X], scores=results).tolist() == fuse([X, X], expected).tolist()


@pytest.mark.parametrize(
    ("arguments", "options", "error", "text"),
    [
        (([X, X],), {}, TypeError, "`scores` must be given where weights='score', got None"),
        (([X, X], "uniform"), {"scores": [1, 2]}, TypeError, "`scores` must be left out unless"),
        (([X, X],), {"scores": [1]}, ValueError, "`scores` must have one score for each of 2"),
        (({"a": X},), {"scores": {"b": 1}}, ValueError, "`scores` must hold every source, lacks"),
        (([X, X],), {"scores": [1, np.nan]}, ValueError, "the score of '1' must be finite"),
        (([X],), {"scores": [1], "temperature": 0}, ValueError, "`temperature` must be a finite"),
        (([X, X[:, :3]], "uniform"), {}, ValueError, "`features` must have equally many columns"),
        (([X, X[:9]], "uniform"), {}, ValueError, "`features` must be features of the same samp"),
        (([X, X], [1, 2, 3]), {}, ValueError, "`weights` must have shape (2,), one for each"),
        (([X, X], [0, 0]), {}, ValueError, "`weights` must not all be 0"),
        (([X, X], [1, np.inf]), {}, ValueError, "`weights` must be finite, got inf"),
        (([X, X], "best"), {}, TypeError, "`weights` must be 'score', 'uniform' or a number"),
        (({"a": X}, {"b": 1}), {}, ValueError, "`weights` must hold every source, lacks 'a'"),
        (([X * 1e300], [1e300]), {}, ValueError, "`features` times `weights` must be within the"),
        (([X], "uniform"), {"how": "mean"}, ValueError, "`how` must be 'sum' or 'concatenate'"),
        ((X, "uniform"), {}, TypeError, "`features` must be a mapping of names to arrays, got"),
    ],
)
def test_refusals_of_fusion(arguments, options, error, text):
    with pytest.raises(error, match=re.escape(text)):
        fuse(*arguments, **options)
