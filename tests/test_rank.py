"""Rankings with intervals: values of single calls, coverage, ties, order, failures, every text."""

import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import transferscore
from conftest import network_features
from tolerances import MERGED_STATISTICS, REORDERED
from transferscore import FeatureStatistics, Ranking, rank
from transferscore._statistics.features import OF_SUMS
from transferscore.ranking import _student
from transferscore.ranking._resampling import GroupSums, Plan, split
from transferscore.ranking._tabular import Tabular

N, CLASSES = 240, 3


@pytest.fixture(scope="module")
def labels():
    return np.arange(N) % CLASSES


@pytest.fixture(scope="module")
def models(labels):
    rng = np.random.default_rng(5)
    signal = np.eye(6)[labels]
    return {
        "weak": 0.5 * signal + rng.normal(size=(N, 6)),
        "strong": 2 * signal + rng.normal(size=(N, 6)),
        "as strong": 2 * signal + rng.normal(size=(N, 6)),
        "middle": 1.2 * signal + rng.normal(size=(N, 6)),
    }


@pytest.fixture(scope="module")
def ranking(models, labels):
    return rank(models, labels, model_sizes={"weak": 3e6, "strong": 10})


# Student's t


@pytest.mark.parametrize("dof", [1, 2, 3, 4, 19, 31, 200])
def test_students_t_is_scipys(dof):
    t = np.linspace(-9, 9, 61)
    assert _student.cdf(t, dof) == pytest.approx(stats.t.cdf(t, dof), abs=1e-14)
    for p in (0.5, 0.9, 0.975, 0.9999):
        expected = stats.t.ppf(p, dof)
        assert _student.quantile(p, dof) == pytest.approx(expected, rel=1e-9, abs=1e-9)


# Groups and merges


@given(st.integers(2, 60), st.integers(1, 7), st.integers(2, 9), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_groups_are_fair(n, n_classes, n_groups, seed):
    ids = (np.random.default_rng(seed).integers(0, n_classes, n)).astype(np.int32)
    groups = split(ids, min(n, n_groups), seed)
    for members in (np.ones(n, bool), *(ids == c for c in range(n_classes))):
        sizes = np.bincount(groups[members], minlength=min(n, n_groups))
        assert sizes.max() - sizes.min() <= 1


@pytest.mark.parametrize("offset", [0.0, 1e5])
@pytest.mark.parametrize("scale", [1.0, 1e-40, 1e60])
def test_merges_are_the_statistics_of_repeated_samples(offset, scale):
    X, y = network_features(300, 12, 4)
    X = (X + offset) * scale
    ids = y.astype(np.int32)
    groups = split(ids, 7, 0)
    weights = np.array([[1.0] * 7, [0, 1, 1, 1, 1, 1, 1], [3, 0, 1, 2, 0, 0, 1]])
    merged = list(GroupSums.of(X, ids, groups, 2).merged(weights, np.zeros((3, 12, 12)), 2))
    for one, counts in zip(merged, weights, strict=True):
        rows = np.repeat(np.arange(300), counts[groups].astype(int))
        expected = FeatureStatistics().partial_fit(X[rows], y[rows])
        assert one.n == expected.n
        for name in OF_SUMS:
            if name == "coding_rate" and scale > 1e50:  # of features that large, no number
                continue
            slack = 100 if offset else 1
            assert OF_SUMS[name](one) == pytest.approx(
                OF_SUMS[name](expected), rel=slack * MERGED_STATISTICS
            ), name


def test_merges_have_the_same_bits_for_any_threads():
    X, y = network_features(200, 40, 3)
    ids = y.astype(np.int32)
    found = [
        Plan.drawn(ids, 8, 20, 0, threads).deviations(["h_score", "logme", "knn"], X, ids)
        for threads in (1, 2, 3)
    ]
    for other in found[1:]:
        for name, deviations in found[0].items():
            assert deviations.tobytes() == other[name].tobytes()


def test_classes_that_groups_lack():
    X, y = network_features(60, 5, 3)
    y[:] = 0
    y[:3], y[3] = 1, 2  # fewer samples than groups
    ranking = rank({"a": X}, y, n_groups=10, scores=("h_score", "logme", "lfc"))
    assert np.isfinite(ranking.standard_errors).all()


def test_jackknife_is_leaving_groups_out(models, labels):
    plan = Plan.drawn(labels.astype(np.int32), 6, 0, 3, 1)
    X = models["middle"]
    found = plan.deviations(["logme"], X, labels.astype(np.int32))["logme"]
    rest = [plan.groups != g for g in range(6)]
    values = np.array([transferscore.logme(X[keep], labels[keep]) for keep in rest])
    expected = np.sqrt(5 / 6) * (values - values.mean())
    assert found == pytest.approx(expected, rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("n_groups", [2, 5, 6])
def test_other_scores_are_of_halves(models, labels, n_groups):
    plan = Plan.drawn(labels.astype(np.int32), n_groups, 0, 3, 1)
    X = models["middle"]
    found = plan.deviations(["gbc"], X, labels.astype(np.int32))["gbc"]
    kept = n_groups - n_groups // 2
    assert (plan.halves.sum(axis=1) == kept).all()
    taken = [half[plan.groups] for half in plan.halves]
    values = np.array([transferscore.gbc(X[rows], labels[rows]) for rows in taken])
    expected = np.sqrt(kept / (n_groups - kept)) * np.std(values, ddof=1)
    assert np.sqrt((found**2).sum()) == pytest.approx(expected, rel=REORDERED)


def test_halves_estimate_the_variance_of_a_mean():
    """Of a mean, theory says what the error is: the deviation of groups over the root of G."""
    values = np.random.default_rng(0).normal(size=(320, 1))
    plan = Plan.drawn(np.zeros(320, np.int32), 32, 0, 0, 1)
    means = np.array([values[plan.groups == g].mean() for g in range(32)])
    halves = np.array([means[half].mean() for half in plan.halves])
    assert halves.std(ddof=1) == pytest.approx(means.std(ddof=1) / np.sqrt(32), rel=0.3)


# The ranking


def test_values_are_those_of_single_calls(models, labels):
    names = ("h_score", "h_score_shrinkage", "logme", "knn", "lfc", "gbc")
    found = rank(models, labels, scores=names, n_groups=4)
    for i, name in enumerate(found.names):
        for s, score in enumerate(names):
            compute = transferscore.scores()[score].compute
            assert found.values[i, s] == compute(models[name], labels)


def test_order_ties_and_ranks(ranking):
    assert ranking.best == ranking.names[0]
    assert set(ranking.names[:2]) == {"strong", "as strong"}
    assert ranking.names[2:] == ("middle", "weak")
    assert ranking.ranks == (1, 2, 3, 4)
    assert ranking.tied_with_best == (ranking.names[1],)
    assert ranking.tie_groups == (ranking.names[:2], ("middle",), ("weak",))
    assert ranking.rank_intervals.tolist() == [[1, 2], [1, 2], [3, 3], [4, 4]]
    assert (ranking.separated == ranking.separated.T).all()
    assert len(ranking) == 4


def test_probabilities(ranking):
    p = ranking.p_better
    assert p + p.T == pytest.approx(np.ones((4, 4)), rel=REORDERED)
    assert (np.diag(p) == 0.5).all()
    assert p[0, 1] < 0.99 < p[1, 2]
    difference = ranking.values[0, 0] - ranking.values[1, 0]
    t = difference / ranking.difference_errors[0, 0, 1]
    assert p[0, 1] == pytest.approx(stats.t.cdf(t, 31), rel=REORDERED)


def test_intervals(ranking):
    half = stats.t.ppf(0.975, 31) * ranking.standard_errors
    assert ranking.intervals[..., 0] == pytest.approx(ranking.values - half, rel=1e-9)
    assert ranking.intervals[..., 1] == pytest.approx(ranking.values + half, rel=1e-9)
    wider = rank(
        {name: [[0.0, 1], [1, 0], [0.5, 1], [0.2, 0.1]] for name in "ab"},
        [0, 1, 0, 1],
        confidence=0.999,
        n_groups=4,
        scores=["lfc"],
    )
    assert wider.degrees_of_freedom == 3


def test_coverage_of_a_simulated_zoo():
    """40 samples of one task: of 160 intervals at 95 %, and 240 of differences, few miss."""
    experiments = Path(__file__).parents[1] / "bench" / "experiments"
    if not experiments.is_dir():
        pytest.skip("no source tree here")
    sys.path.insert(0, os.fspath(experiments))
    try:
        import simulated_zoos
    finally:
        sys.path.remove(os.fspath(experiments))
    zoo = simulated_zoos.Zoo(300, 8, n_classes=3, separation=2)
    scores = ("h_score", "logme")
    found = simulated_zoos.simulate(zoo, 40, n_resamples=40, scores=scores, n_threads=1)
    assert (found.coverage() > 0.88).all()
    assert (found.coverage_of_differences() > 0.88).all()
    assert (np.abs(found.width() - 1) < 0.25).all()
    assert (~found.separated[:, 0, 1]).mean() > 0.9  # equal models tie
    assert found.separated[:, 0, 3].all()  # and others don't


def test_same_features_tie_exactly(models, labels):
    X = models["middle"]
    found = rank({"z": X, "a": X.copy(), "weak": models["weak"]}, labels)
    assert found.names == ("z", "a", "weak")  # as given, not by the alphabet
    assert found.ranks == (1, 1, 3)
    assert found.p_better[0, 1] == 0.5
    assert not found.separated[0, 1]
    assert rank({"a": X.copy(), "z": X, "weak": models["weak"]}, labels).names[:2] == ("a", "z")


@given(st.permutations(["weak", "strong", "as strong", "middle"]))
@settings(max_examples=6, deadline=None)
def test_order_of_candidates_never_matters(models, labels, ranking, order):
    found = rank({name: models[name] for name in order}, labels)
    assert found.names == ranking.names
    assert found.values.tobytes() == ranking.values.tobytes()
    assert found.difference_errors.tobytes() == ranking.difference_errors.tobytes()


def test_threads_change_no_bit(models, labels, ranking):
    found = rank(models, labels, n_threads=1)
    assert found.standard_errors.tobytes() == ranking.standard_errors.tobytes()


def test_seed_and_resamples_have_an_effect(models, labels, ranking):
    for changed in ({"random_state": 1}, {"n_resamples": 50}, {"n_groups": 8}):
        found = rank(models, labels, **changed)
        assert (found.values == ranking.values).all()
        assert (found.standard_errors != ranking.standard_errors).any()
        assert found.standard_errors == pytest.approx(ranking.standard_errors, rel=0.9)


def test_bootstrap_and_jackknife_agree(models, labels, ranking):
    found = rank(models, labels, method="jackknife")
    assert found.method == "jackknife"
    assert found.standard_errors == pytest.approx(ranking.standard_errors, rel=0.35)


def test_by_another_score(ranking, models, labels):
    other = ranking.by("logme")
    direct = rank(models, labels, sort_by="logme", model_sizes={"weak": 3e6, "strong": 10})
    assert other.to_json() == direct.to_json()
    assert other.by("h_score").to_json() == ranking.to_json()


def test_without_resamples_nothing_is_separated(models, labels):
    found = rank(models, labels, n_resamples=0)
    assert np.isnan(found.intervals).all()
    assert found.rank_intervals.tolist() == [[1, 4]] * 4
    assert found.tie_groups == (found.names,)
    assert np.isnan(found.p_better[0, 1])
    assert "±" not in str(found)


def test_one_candidate(models, labels):
    found = rank({"only": models["weak"]}, labels)
    assert found.ranks == (1,)
    assert found.rank_intervals.tolist() == [[1, 1]]
    assert found.tied_with_best == ()


def test_ignored_labels(models, labels):
    marked = labels.copy()
    marked[::7] = 255
    stays = marked != 255
    found = rank(models, marked, ignore_index=255)
    kept = rank({name: X[stays] for name, X in models.items()}, labels[stays])
    assert found.n == stays.sum()
    assert found.to_json() == kept.to_json()


# What candidates may be


def test_files_functions_and_layers(tmp_path, models, labels):
    X = models["strong"]
    np.save(tmp_path / "stored.npy", X)
    np.savez(tmp_path / "labels.npz", labels=labels)
    found = rank(
        {
            "file": tmp_path / "stored.npy",
            "function": lambda: X,
            "net": {"layer1": models["weak"], "layer2": X},
        },
        tmp_path / "labels.npz",
    )
    assert found.names == ("file", "function", "net/layer2", "net/layer1")
    assert found.ranks == (1, 1, 1, 4)


def test_lists_of_files_folders_and_arrays(tmp_path, models, labels):
    for name in ("weak", "middle"):
        np.save(tmp_path / f"{name}.npy", models[name])
    np.save(tmp_path / "labels.npy", labels)
    assert rank([tmp_path], tmp_path / "labels.npy").names == ("middle", "weak")
    mixed = rank([tmp_path / "weak.npy", models["strong"]], labels)
    assert mixed.names == ("1", "weak")
    assert rank(list(models.values()), labels).names[2:] == ("3", "0")


def test_one_that_fails_is_reported(models, labels, tmp_path):
    def broken():
        raise RuntimeError("no\nnetwork")

    bad = {
        "short": models["weak"][1:],
        "nan": np.where(np.eye(N, 6) > 0, np.nan, 1.0),
        "missing": tmp_path / "missing.npy",
        "broken": broken,
        "flat": np.ones(N),
    }
    found = rank({**bad, **models}, labels)
    assert len(found) == 4
    assert list(found.errors) == list(bad)
    assert (
        found.errors["short"]
        == "`features` must have shape (240, d), a row per label, got (239, 6)"
    )
    assert found.errors["broken"] == "no network"
    assert "must be finite" in found.errors["nan"]
    assert "missing.npy" in found.errors["missing"]
    assert "broken was left out: no network" in str(found)


def test_interrupts_are_no_failures(models, labels):
    def stopped():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rank({"a": models["weak"], "b": stopped}, labels)


def test_a_score_that_fails_is_missing(models, labels):
    found = rank(
        {"constant row": models["weak"][:, :1], **models},
        labels,
        scores=("h_score", "parc"),
        n_groups=4,
    )
    i = found.names.index("constant row")
    assert np.isnan(found.values[i, 1])
    assert np.isfinite(found.values[i, 0])
    assert any("`parc` was not scored" in text for text in found.warnings["constant row"])
    last = found.by("parc")
    assert last.names[-1] == "constant row"
    assert last.ranks[-1] is None
    assert last.ranks[:-1] == (1, 2, 3, 4)
    assert json.loads(last.to_json())["rows"][-1]["parc"] is None


def test_warnings_are_kept(models, labels):
    wide = np.random.default_rng(0).normal(size=(N, 300))
    found = rank({"wide": wide, "weak": models["weak"]}, labels, scores=["h_score"])
    assert any("300" in text for text in found.warnings["wide"])
    assert "wide *" in str(found)
    assert any("h_score_shrinkage" in note for note in found.notes)


def test_a_note_tells_where_resamples_cannot_be_scored():
    """Half of six samples have fewer neighbours than `knn` asks for."""
    found = rank({"a": np.eye(6)}, [0, 1, 2, 0, 1, 2], scores=["h_score", "knn"])
    assert np.isfinite(found.values).all()
    assert np.isnan(found.standard_errors).tolist() == [[False, True]]
    assert found.notes == ("knn has no standard errors: some resamples can't be scored by it",)


def test_baselines(models, labels, ranking, monkeypatch):
    knn = dict(zip(ranking.names, ranking.baselines["knn"], strict=True))
    assert knn["strong"] == transferscore.knn(models["strong"], labels)
    size = dict(zip(ranking.names, ranking.baselines["size"], strict=True))
    assert size == {"weak": 3e6, "strong": 10, "as strong": None, "middle": None}
    assert ranking.baselines["d"] == (6, 6, 6, 6)
    assert "knn" not in rank(models, labels, baselines=False).baselines
    monkeypatch.setattr("transferscore.ranking.ranked.KNN_SAMPLES", 100)
    fewer = rank(models, labels)
    assert "k-NN accuracy of 100 of 240 samples" in fewer.notes
    assert all(0 <= share <= 1 for share in fewer.baselines["knn"])


# How it is shown


def test_json_follows_the_schema(ranking, models, labels):
    jsonschema = pytest.importorskip("jsonschema", reason="validates the JSON")
    schema = Ranking.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    bad = rank({**models, "bad": models["weak"][1:]}, labels, n_resamples=0)
    for found in (ranking, bad, ranking.by("logme")):
        content = json.loads(found.to_json())
        jsonschema.validate(content, schema)
        assert content == found.to_dict()
        assert content["schema"] == schema["$id"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**content, "rows": []}, schema)


def test_table(ranking):
    assert isinstance(ranking, Tabular)
    lines = str(ranking).splitlines()
    assert lines[0] == (
        "4 candidates, 240 samples, 3 classes; ranked by H-score, higher is better; 95% intervals"
    )
    assert re.split(r"\s{2,}", lines[1].strip())[:5] == [
        "Rank",
        "Candidate",
        "Rank interval",
        "P(> next)",
        "H-score",
    ]
    assert lines[-1] == f"note: {', '.join(ranking.names[:2])} can't be separated"
    header, *rows = ranking.to_csv().splitlines()
    assert header.startswith("rank,name,best_rank,worst_rank,tie_group,h_score,h_score_low")
    assert len(rows) == 4
    assert (
        repr(ranking) == f"Ranking(4 candidates by h_score, best {ranking.best!r}, 1 tied with it)"
    )


# Refusals


@pytest.mark.parametrize(
    ("changed", "error", "text"),
    [
        ({"candidates": {}}, ValueError, "`candidates` must have at least one entry, got none"),
        (
            {"candidates": "a.npy"},
            TypeError,
            "`candidates` must be a mapping of names to features, "
            "or a sequence of files or features, got str",
        ),
        ({"candidates": 3}, TypeError, "or a sequence of files or features, got int"),
        (
            {"candidates": np.ones((4, 2))},
            ValueError,
            "`candidates` must have features (n, d) of "
            "several models, got one array of shape (4, 2); {'model': array} ranks a single one",
        ),
        (
            {"candidates": {"a/b": [[1.0]], "a": {"b": [[2.0]]}}},
            ValueError,
            "`candidates` must have a name for each, got 'a/b' twice",
        ),
        (
            {"candidates": {"a": [[1.0], [2.0]], "b": [[1.0]]}},
            ValueError,
            "`candidates` must have "
            "at least one that can be scored; 'a': `features` must have shape (240, d), a row per "
            "label, got (2, 1) (and 1 more)",
        ),
        (
            {"labels": np.zeros(N, int)},
            ValueError,
            "`labels` must have at least two classes, got 0 alone",
        ),
        ({"labels": np.zeros((N, 2), int)}, ValueError, "`labels` must have shape (240,)"),
        ({"labels": 3}, ValueError, "`labels` must have shape (0,), got ()"),
        ({"scores": ["no"]}, ValueError, "`scores` must be among"),
        (
            {"sort_by": "knn"},
            ValueError,
            "`sort_by` must be one of `scores`, h_score, logme, got 'knn'",
        ),
        ({"method": "both"}, ValueError, "`method` must be 'bootstrap' or 'jackknife', got 'both'"),
        ({"n_resamples": 19}, ValueError, "`n_resamples` must be 0 or at least 20, got 19"),
        ({"n_resamples": -1}, ValueError, "`n_resamples` must be at least 0, got -1"),
        ({"n_groups": 1}, ValueError, "`n_groups` must be at least 2, got 1"),
        ({"confidence": 1}, ValueError, "`confidence` must be between 0 and 1, got 1.0"),
        ({"confidence": "95"}, TypeError, "`confidence` must be a number in [0, 1], got '95'"),
        ({"random_state": None}, TypeError, "`random_state` must be an integer, got None"),
        (
            {"model_sizes": [1, 2]},
            ValueError,
            "`model_sizes` must have 4 entries, one per candidate, got 2",
        ),
        (
            {"model_sizes": {"other": 2}},
            ValueError,
            "`model_sizes` must be of candidates, got 'other'",
        ),
        (
            {"model_sizes": {"weak": -2}},
            ValueError,
            "`model_sizes` must be finite numbers above 0, got -2 for 'weak'",
        ),
        (
            {"model_sizes": 5},
            TypeError,
            "`model_sizes` must be a mapping of names to numbers or a sequence of numbers, got 5",
        ),
    ],
)
def test_refusals(models, labels, changed, error, text):
    with pytest.raises(error, match=re.escape(text)):
        rank(**{"candidates": models, "labels": labels, **changed})


def test_sort_by_of_a_ranking(ranking):
    with pytest.raises(ValueError, match="`sort_by` must be one of `scores`, h_score, logme, got"):
        ranking.by("gbc")
