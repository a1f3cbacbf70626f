"""A set of candidates: every score is that of the features side by side, every step is the best."""

import itertools
import json
import re

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tolerances import FLOAT64, REARRANGED
from transferscore import h_score, reference, select_set
from transferscore.ranking import SelectedSet

PLAIN = {"shrinkage": None, "adjust_for_chance": False}
OPTIONS = [
    {},
    PLAIN,
    {"shrinkage": "ledoit-wolf"},
    {"shrinkage": 0.3, "adjust_for_chance": False},
]


def sources(n=300, widths=(3, 8, 5, 12), n_classes=4, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n)
    y[:n_classes] = np.arange(n_classes)
    found = {
        f"s{i}": (rng.normal(size=(n, d)) + 0.6 * rng.normal(size=(n_classes, d))[y]).astype(dtype)
        for i, d in enumerate(widths)
    }
    return found, y


def side_by_side(found, names):
    return np.hstack([found[name].astype(np.float64) for name in names])


def scored(found, names, y, options):
    return h_score(side_by_side(found, names), y, **{"adjust_for_chance": True, **options})


@pytest.mark.filterwarnings("ignore:the H-score of 300 samples")
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("widths", [(3, 8, 5, 12), (3, 180, 90, 200)], ids=["thin", "wide"])
def test_scores_are_those_of_the_features_side_by_side(options, dtype, widths):
    found, y = sources(widths=widths, dtype=dtype)
    result = select_set(found, y, **options)
    for i in range(len(result.names)):
        expected = scored(found, result.names[: i + 1], y, options)
        assert result.scores[i] == pytest.approx(expected, rel=FLOAT64, abs=FLOAT64)
        # ... and so are those of the candidates that were not taken, and none of them is better.
        for name, value in result.alternatives[i].items():
            expected = scored(found, [*result.names[:i], name], y, options)
            assert value == pytest.approx(expected, rel=FLOAT64, abs=FLOAT64)
        assert result.alternatives[i][result.names[i]] == max(result.alternatives[i].values())
    assert result.gains.sum() == pytest.approx(result.score, rel=FLOAT64)
    assert list(result.n_features) == list(
        np.cumsum([found[name].shape[1] for name in result.names])
    )


@pytest.mark.parametrize("options", [*OPTIONS, {"k": 2}, {"min_gain": 0.2}], ids=str)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("seed", range(3))
def test_equals_the_reference(options, dtype, seed):
    found, y = sources(seed=seed, dtype=dtype)
    result = select_set(found, y, **options)
    chosen, scores = reference.select_set(list(found.values()), y, **options)
    assert list(result.names) == [f"s{i}" for i in chosen]
    np.testing.assert_allclose(result.scores, scores, rtol=FLOAT64)


@given(seed=st.integers(0, 999), order=st.permutations(range(4)), threads=st.integers(1, 3))
@settings(max_examples=15, deadline=None)
def test_order_and_threads_change_no_bit(seed, order, threads):
    found, y = sources(n=60, seed=seed)
    shuffled = {f"s{i}": found[f"s{i}"] for i in order}
    a, b = select_set(found, y), select_set(shuffled, y, n_threads=threads)
    assert a.names == b.names
    assert a.scores.tobytes() == b.scores.tobytes()
    assert a.alternatives == b.alternatives


@given(seed=st.integers(0, 999))
@settings(max_examples=10, deadline=None)
def test_plain_score_does_not_see_linear_maps(seed):
    rng = np.random.default_rng(seed)
    found, y = sources(n=80, widths=(3, 4), seed=seed)
    mapped = {
        name: X @ (np.eye(X.shape[1]) + 0.3 * rng.normal(size=(X.shape[1],) * 2)) + 1
        for name, X in found.items()
    }
    a, b = select_set(found, y), select_set(mapped, y)
    assert a.names == b.names
    assert b.scores == pytest.approx(a.scores, rel=REARRANGED, abs=REARRANGED)


def test_a_copy_adds_nothing_and_is_tied():
    found, y = sources(widths=(6,))
    X = found["s0"]
    result = select_set({"one": X, "two": X.copy(), "mixed": X @ np.triu(np.ones((6, 6)))}, y)
    assert result.names[0] in ("one", "mixed")  # equal but for rounding
    assert len(result.names) == 1
    assert result.stopped_by == "gain"
    twice = select_set({"one": X, "two": X.copy()}, y, k=1)
    assert twice.tied == (("two",),)
    assert twice.stopped_by == "k"


def test_noise_is_not_chosen_where_the_score_is_adjusted():
    rng = np.random.default_rng(5)
    y = rng.integers(0, 3, 2000)
    good = rng.normal(size=(2000, 3)) + np.eye(3)[y]
    candidates = {"noise": rng.normal(size=(2000, 40)), "good": good}
    assert select_set(candidates, y, min_gain=0.02).names == ("good",)
    unadjusted = select_set(candidates, y, adjust_for_chance=False, min_gain=0.02)
    assert unadjusted.names == ("good", "noise")
    assert unadjusted.stopped_by == "candidates"


def test_k_and_least_gain():
    found, y = sources()
    everything = select_set(found, y, **PLAIN)
    assert everything.stopped_by == "candidates"
    for k in (1, 2, 3):
        some = select_set(found, y, k=k, **PLAIN)
        assert some.names == everything.names[:k]
        assert some.scores.tobytes() == everything.scores[:k].tobytes()
    least = float(everything.gains[2])
    stopped = select_set(found, y, min_gain=least, **PLAIN)
    assert stopped.names == everything.names[:2]
    assert stopped.stopped_by == "gain"


def test_more_features_than_samples():
    found, y = sources(n=40, widths=(10, 50, 60))
    with pytest.warns(UserWarning, match=r"40 samples with 60 features of rank n - 1 = 39"):
        result = select_set({name: found[name] for name in ("s2",)}, y, **PLAIN)
    assert result.score == 3
    # Adjusted, sets of rank n - 1 have no score; those below do.
    adjusted = select_set(found, y)
    assert adjusted.names == ("s0",)
    assert list(adjusted.alternatives[0]) == ["s0"]
    text = "`adjust_for_chance` must be False where the rank of the features is n - 1 = 39"
    with pytest.raises(ValueError, match=re.escape(text)):
        select_set({"s1": found["s1"]}, y)


def test_ignored_samples_are_left_out():
    found, y = sources()
    a = select_set(found, y, ignore_index=3)
    b = select_set({name: X[y != 3] for name, X in found.items()}, y[y != 3])
    assert a.names == b.names
    assert a.scores.tobytes() == b.scores.tobytes()


def test_result_as_table():
    found, y = sources()
    result = select_set(found, y, k=2)
    content = json.loads(result.to_json())
    jsonschema.validate(content, SelectedSet.json_schema())
    assert [row["added"] for row in content["rows"]] == list(result.names)
    assert content["alternatives"] == [dict(step) for step in result.alternatives]
    assert "ended with as many as asked" in str(result)


GOOD = np.arange(12.0).reshape(6, 2) ** 2
LABELS = [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (([GOOD], LABELS), TypeError, "`candidates` must be a mapping of names to features, got "),
        (({}, LABELS), ValueError, "`candidates` must have at least one entry, got none"),
        (
            ({3: GOOD}, LABELS),
            TypeError,
            "`candidates` must have text that is not empty as names, got 3",
        ),
        (
            ({"a": GOOD, "b": GOOD[:5]}, LABELS),
            ValueError,
            "`candidates` must be features of the same samples, got numbers of rows 6 for 'a' and "
            "5 for 'b'",
        ),
        (({"a": GOOD}, LABELS[:4]), ValueError, "`labels` must have shape (6,), got (4,)"),
        (({"a": GOOD}, [1] * 6), ValueError, "`labels` must have at least two classes, got one"),
        (
            ({"a": GOOD, "b": np.where(GOOD == 9, np.nan, GOOD)}, LABELS),
            ValueError,
            "`candidates['b']` must be finite, got nan at row 1, column 1",
        ),
        (
            ({"a": GOOD > 3, "b": GOOD * 1j}, LABELS),
            TypeError,
            "`candidates['b']` must hold real numbers, got dtype complex128",
        ),
        (({"a": GOOD[:, 0]}, LABELS), ValueError, "`candidates['a']` must have shape (n, d)"),
        (({"a": GOOD}, LABELS, {"k": 2}), ValueError, "`k` must be at most 1, the candidates"),
        (({"a": GOOD}, LABELS, {"k": 0}), ValueError, "`k` must be at least 1, got 0"),
        (({"a": GOOD}, LABELS, {"min_gain": -1}), ValueError, "`min_gain` must be at least 0"),
        (({"a": GOOD}, LABELS, {"min_gain": np.nan}), ValueError, "`min_gain` must be finite"),
        (({"a": GOOD}, LABELS, {"shrinkage": 2}), ValueError, "`shrinkage` must be None, "),
    ],
)
def test_refusals(arguments, error, text):
    *positional, options = arguments if len(arguments) == 3 else (*arguments, {})
    with pytest.raises(error, match=re.escape(text)):
        select_set(*positional, **options)


def test_greedy_may_miss_the_best_pair():
    # The best candidate alone need not be in the best pair.
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2, (2, 400))
    y = 2 * a + b
    found = {
        "both, noisy": np.stack([a, b], 1) + 1.2 * rng.normal(size=(400, 2)),
        "a": a[:, np.newaxis] + 0.9 * rng.normal(size=(400, 1)),
        "b": b[:, np.newaxis] + 0.9 * rng.normal(size=(400, 1)),
    }
    greedy = select_set(found, y, k=2)
    pairs = itertools.combinations(found, 2)
    best = max(scored(found, names, y, {}) for names in pairs)
    assert greedy.names[0] == "both, noisy"
    assert greedy.score <= best + FLOAT64
