"""Sources selected: filtered, scored, ranked, predicted, explained."""

import re
from types import SimpleNamespace

import numpy as np
import pytest

from tolerances import FLOAT64, REARRANGED
from transferscore import (
    ScoreRegression,
    SegmentationTask,
    SourceFilter,
    h_score,
    logme,
    otce,
    select_sources,
)

TASKS = [
    SegmentationTask(family=family, modality=modality, region=region)
    for family, region in (("tumour", "ET"), ("tumour", "ED"), ("matter", "WM"))
    for modality in ("T1", "T2")
]
TARGET, OTHERS = TASKS[0], TASKS[1:]
SCORES = {"ET-T2": 0.2, "ED-T1": 0.4, "ED-T2": 0.1, "WM-T1": 0.5, "WM-T2": 0.4}


def samples(seed=0, n=80, d=6):
    """Features of pixels of both tasks from each source's network; some sources see more."""
    rng = np.random.default_rng(seed)
    found = {}
    for strength, task in enumerate(OTHERS):
        labels = rng.integers(0, 2, (2, n))
        features = rng.normal(size=(2, n, d)) + strength * 0.5 * labels[..., np.newaxis]
        found[task.name] = {
            "source_features": features[0],
            "source_labels": labels[0],
            "target_features": features[1],
            "target_labels": labels[1],
        }
    return found


def test_given_scores_rank_and_ties_share_a_rank():
    ranking = select_sources(TARGET, TASKS, score=SCORES)
    assert ranking.names == ("WM-T1", "ED-T1", "WM-T2", "ET-T2", "ED-T2")
    assert [source.rank for source in ranking.sources] == [1, 2.5, 2.5, 4, 5]
    assert [source.score for source in ranking.sources] == [0.5, 0.4, 0.4, 0.2, 0.1]
    assert ranking.filtered is None
    assert all(source.reasons == () for source in ranking.sources)


def test_lower_may_be_better():
    ranking = select_sources(TARGET, TASKS, score=SCORES, higher_is_better=False)
    assert ranking.names == ("ED-T2", "ET-T2", "ED-T1", "WM-T2", "WM-T1")
    assert [source.rank for source in ranking.sources] == [1, 2, 3.5, 3.5, 5]


def test_functions_see_kept_candidates_only():
    asked = []

    def score(task):
        asked.append(task.name)
        return SimpleNamespace(score=SCORES[task.name])

    rules = SourceFilter(region="off")
    ranking = select_sources(TARGET, TASKS, score=score, filter=rules)
    assert sorted(asked) == ["ED-T1", "ET-T2"]
    assert ranking.names == ("ED-T1", "ET-T2")
    assert ranking.filtered == rules.apply(TARGET, TASKS)


def test_ties_stand_in_the_order_of_the_filter():
    ranking = select_sources(
        TARGET, TASKS, score=lambda task: 1.0, filter=SourceFilter(region="off")
    )
    assert ranking.names == ("ED-T1", "ET-T2")
    assert [source.rank for source in ranking.sources] == [1.5, 1.5]


def test_the_rules_alone_may_rank():
    ranking = select_sources(TARGET, TASKS, score=None, filter=SourceFilter(region="off"))
    assert ranking.names == ("ED-T1", "ET-T2")
    assert [source.rank for source in ranking.sources] == [1, 2]
    assert str(ranking).startswith("2 sources for ET-T1 (of 5 candidates), ranked by the rules")


def test_otce_by_name():
    given = samples()
    ranking = select_sources(TARGET, TASKS, score="otce", samples=given, n_threads=1)
    expected = {name: otce(**given[name]).score for name in given}
    assert {source.task.name: source.score for source in ranking.sources} == expected
    assert list(ranking.names) == sorted(given, key=expected.get, reverse=True)
    assert ranking.score == "OTCE"


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("h_score", h_score),
        ("h_score_shrinkage", lambda x, y: h_score(x, y, shrinkage="ledoit-wolf")),
        ("logme", logme),
    ],
)
def test_scores_of_the_target_by_name(name, function):
    given = samples()
    ranking = select_sources(TARGET, TASKS, score=name, samples=lambda task: given[task.name])
    for source in ranking.sources:
        one = given[source.task.name]
        expected = function(one["target_features"], one["target_labels"])
        assert source.score == pytest.approx(expected, rel=FLOAT64)


def test_regression_predicts_and_does_not_order():
    line = ScoreRegression.fit([0.1, 0.2, 0.4, 0.5], [0.5, 0.6, 0.7, 0.9])
    ranking = select_sources(TARGET, TASKS, score=SCORES, regression=line)
    for source in ranking.sources:
        assert source.predicted == pytest.approx(line.predict(source.score), rel=FLOAT64)
    assert ranking.notes == ()

    falling = ScoreRegression.fit([0.1, 0.2, 0.4, 0.5], [0.9, 0.7, 0.6, 0.5])
    warned = select_sources(TARGET, TASKS, score=SCORES, regression=falling)
    assert warned.names == ranking.names
    assert "better scores had worse outcomes" in warned.notes[0]
    assert str(warned).endswith(f"note: {warned.notes[0]}")
    agrees = select_sources(TARGET, TASKS, score=SCORES, regression=falling, higher_is_better=False)
    assert agrees.notes == ()


def test_text():
    line = ScoreRegression.fit([0.0, 0.5, 1.0], [0.5, 0.75, 1.0])
    ranking = select_sources(
        TARGET, TASKS, score=SCORES, filter=SourceFilter(region="off"), regression=line
    )
    assert str(ranking).splitlines() == [
        "2 sources for ET-T1 (of 5 candidates), ranked by given scores",
        "1. ED-T1, score 0.4, predicted 0.700 (same family; same modality)",
        "2. ET-T2, score 0.2, predicted 0.600 (same family; other modality, same region)",
        "dropped: ED-T2 because it has neither the modality T1 nor the region ET",
        "dropped: WM-T1 because its family is matter, not tumour",
        "dropped: WM-T2 because its family is matter, not tumour, and because it has neither the "
        "modality T1 nor the region ET",
    ]
    assert str(select_sources(TARGET, TASKS, score=SCORES)).splitlines()[1] == "1. WM-T1, score 0.5"


# -------------------------------------------------------------------------------- the regression


@pytest.mark.parametrize("k", [3, 5, 40])
def test_line_is_that_of_least_squares(k):
    rng = np.random.default_rng(k)
    x = rng.normal(size=k) * 1e-3 - 4
    y = 0.8 + 3 * x + 0.05 * rng.normal(size=k)
    line = ScoreRegression.fit(x, y)
    slope, intercept = np.polyfit(x - x.mean(), y, 1)
    assert line.slope == pytest.approx(slope, rel=REARRANGED)
    np.testing.assert_allclose(line.predict(x), slope * (x - x.mean()) + intercept, rtol=REARRANGED)
    errors, constant = [], []
    for i in range(k):
        others = np.delete(x, i), np.delete(y, i)
        weights = np.polyfit(others[0] - x.mean(), others[1], 1)
        errors.append(np.polyval(weights, x[i] - x.mean()) - y[i])
        constant.append(others[1].mean() - y[i])
    assert line.leave_one_out_error == pytest.approx(
        np.sqrt(np.mean(np.square(errors))), rel=REARRANGED
    )
    assert line.constant_error == pytest.approx(
        np.sqrt(np.mean(np.square(constant))), rel=REARRANGED
    )
    assert line.n_tasks == k


def test_line_without_an_error():
    line = ScoreRegression.fit([0, 0, 0, 1], [0.1, 0.2, 0.3, 0.9])  # without the last: one score
    assert np.isnan(line.leave_one_out_error)
    assert line.predict(1.0) == pytest.approx(0.9, rel=FLOAT64)
    assert isinstance(line.predict(1.0), float)
    assert line.predict([0.0, 1.0]).shape == (2,)


# -------------------------------------------------------------------------------------- refusals


def chosen(**kwargs):
    return lambda: select_sources(TARGET, TASKS, **({"score": SCORES} | kwargs))


LINE = ScoreRegression.fit([0, 1, 2], [1, 2, 3])
BY_RULES = {"score": None, "filter": SourceFilter(region="off")}
REFUSED = {
    "nothing ranks": (chosen(score=None), ValueError, "`score` must be given where there is no"),
    "kind": (chosen(score=3), TypeError, "`score` must be the name of a score, a function"),
    "name": (chosen(score="dice"), ValueError, "`score` must be one of otce, h_score, "),
    "no samples": (chosen(score="otce"), ValueError, "`samples` must be given where `score`"),
    "lacking score": (
        chosen(score={"ET-T2": 1.0}),
        ValueError,
        "`score` must hold every source that is ranked, lacks 'ED-T1'",
    ),
    "lacking samples": (
        chosen(score="h_score", samples={}),
        ValueError,
        "`samples` must hold every source that is ranked, lacks 'ET-T2'",
    ),
    "samples": (
        chosen(score="h_score", samples=lambda task: None),
        TypeError,
        "`samples` of 'ET-T2' must be a mapping with source_features",
    ),
    "samples without labels": (
        chosen(score="otce", samples=lambda task: {"source_features": 1}),
        ValueError,
        "`samples` of 'ET-T2' must hold source_features, source_labels, target_features, "
        "target_labels, lacks source_labels",
    ),
    "nan": (
        chosen(score=SCORES | {"WM-T1": np.nan}),
        ValueError,
        "the score of 'WM-T1' must be finite, got nan",
    ),
    "not a number": (
        chosen(score=lambda task: task),
        TypeError,
        "the score of 'ET-T2' must be a number or a result with `score`, got SegmentationTask",
    ),
    "regression": (
        chosen(regression=3),
        TypeError,
        "`regression` must be a ScoreRegression, got int",
    ),
    "regression of rules": (
        chosen(regression=LINE, **BY_RULES),
        ValueError,
        "`regression` must be None where `score` is None",
    ),
    "few tasks": (
        lambda: ScoreRegression.fit([1, 2], [1, 2]),
        ValueError,
        "`scores` must be those of at least three tasks, got 2",
    ),
    "one score": (
        lambda: ScoreRegression.fit([2, 2, 2], [1, 2, 3]),
        ValueError,
        "`scores` must differ between tasks, got 2 for all",
    ),
    "zero scores": (
        lambda: ScoreRegression.fit([0, 0, 0], [1, 2, 3]),
        ValueError,
        "`scores` must differ between tasks, got 0 for all",
    ),
    "lengths": (
        lambda: ScoreRegression.fit([1, 2, 3], [1, 2]),
        ValueError,
        "must have the same length, got 3 and 2",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case):
    call, error, text = REFUSED[case]
    with pytest.raises(error, match=re.escape(text)):
        call()
