"""Evaluation of scores over tasks: other libraries' values, brute force, laws, resamples, texts."""

import itertools
import json
import re
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import ndcg_score

from tolerances import REORDERED
from transferscore import footrule
from transferscore.ranking import _bootstrap as bootstrap
from transferscore.ranking import (
    _student,
    compare_scores,
    critical_spearman,
    evaluate_scores,
    kendall,
    ndcg,
    pearson,
    regret,
    rel_at_k,
    relative_accuracy,
    selection_accuracy,
    spearman,
    top_k_accuracy,
    weighted_kendall,
)
from transferscore.ranking._measures import KINDS, Measure

close = {"rel": REORDERED, "abs": REORDERED}


@st.composite
def problems(draw, most=7):
    """Scores and measured values above 0, with ties, and a k."""
    n = draw(st.integers(2, most))
    values = st.lists(st.integers(1, 4), min_size=n, max_size=n)
    return np.array(draw(values), float), np.array(draw(values), float), draw(st.integers(1, n))


def zoo(n_tasks=8, n=9, seed=0):
    rng = np.random.default_rng(seed)
    measured = rng.normal(size=(n_tasks, n)).round(1) + 5
    return (measured + rng.normal(size=measured.shape)).round(1), measured


# Single measures


@given(problems())
@settings(max_examples=60, deadline=None)
def test_ndcg_is_scikit_learns(problem):
    x, y, k = problem
    n = len(x)
    for relevance, worth in (("measured", y), ("ranks", n - stats.rankdata(-y))):
        for gain, gains in (("linear", worth), ("exponential", 2**worth - 1)):
            found = ndcg(x, y, k=k, gain=gain, relevance=relevance)
            assert found == pytest.approx(ndcg_score([gains], [x], k=k), **close)


def test_ndcg_of_thousands_does_not_overflow():
    x = np.random.default_rng(0).normal(size=3000)
    assert ndcg(x, x, gain="exponential") == 1
    assert ndcg(x, 1e307 + 1e306 * x, relevance="measured") == pytest.approx(1)
    backwards = ndcg(-x, x, gain="exponential")  # the best counts half of all, in the last place
    assert 0.5 / np.log2(3001) < backwards < 2 / np.log2(3001)


def orders(x):
    """All orders of items by score, equal ones in any order."""
    for order in itertools.permutations(range(len(x))):
        if all(x[a] >= x[b] for a, b in itertools.pairwise(order)):
            yield list(order)


@given(problems(most=6))
@settings(max_examples=60, deadline=None)
def test_choices_are_means_over_all_ways_to_break_ties(problem):
    x, y, k = problem
    best = [y[order[:k]].max() for order in orders(x)]
    assert top_k_accuracy(x, y, k=k) == pytest.approx(np.mean(np.equal(best, y.max())), **close)
    assert rel_at_k(x, y, k=k) == pytest.approx(np.mean(best) / y.max(), **close)
    assert regret(x, y, k=k) == pytest.approx(y.max() - np.mean(best), **close)
    assert selection_accuracy(x, y) == top_k_accuracy(x, y, k=1)
    if k == len(x):
        assert (top_k_accuracy(x, y, k=k), rel_at_k(x, y, k=k), regret(x, y, k=k)) == (1, 1, 0)


def test_choices_are_means_over_tasks():
    x, y = zoo()
    for measure in (selection_accuracy, regret, rel_at_k):
        each = [measure(*task) for task in zip(x, y, strict=True)]
        assert measure(x, y) == pytest.approx(np.mean(each), **close)
    assert 0 < selection_accuracy(x, y) < 1
    assert str(regret([1.0, 2.0], [3.0, 4.0])) == "0.0"  # and not -0.0


def test_relative_accuracy():
    shares = [0.5, 0.9]
    np.testing.assert_allclose(relative_accuracy([0.75, 0.9], shares), [0.25, 0], atol=1e-15)
    matrix = relative_accuracy([[0.5, 1.0], [0.9, 0.95]], shares, scale="share")
    np.testing.assert_allclose(matrix, [[0, 1], [0, 0.5]], atol=1e-12)


# Critical correlations


@pytest.mark.parametrize("n", range(2, 9))
@pytest.mark.parametrize("level", [0.05, 0.01, 0.2])
def test_critical_spearman_is_that_of_all_permutations(n, level):
    every = np.array(list(itertools.permutations(range(n))))
    rho = 1 - 6 * np.sum((every - np.arange(n)) ** 2, axis=1) / (n**3 - n)
    sizes, times = np.unique(np.abs(rho).round(12), return_counts=True)
    reached = sizes[times[::-1].cumsum()[::-1] <= level * len(every) + 1e-9]
    expected = reached[0] if len(reached) else inf
    assert critical_spearman(n, level=level) == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("n", [13, 30, 200])
def test_critical_spearman_of_more_is_students(n):
    t = stats.t.ppf(0.975, n - 2)
    assert critical_spearman(n) == pytest.approx(t / np.sqrt(n - 2 + t**2), rel=1e-10)


def test_critical_spearman_of_six():
    assert critical_spearman(6) == pytest.approx(31 / 35)
    assert critical_spearman(4) == inf
    # Where counting ends and the approximation begins there is no jump.
    assert 0.54 < critical_spearman(13) < critical_spearman(12) < critical_spearman(11) < 0.62


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 9, 30, 501])
def test_t_quantile(freedom):
    for probability in (0.6, 0.975, 0.995):
        expected = stats.t.ppf(probability, freedom)
        assert _student.quantile(probability, freedom) == pytest.approx(expected, rel=1e-10)


# Resamples


@pytest.mark.parametrize("name", KINDS)
@given(problem=problems(), seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_counts_are_repeated_items(name, problem, seed):
    x, y, k = problem
    measure = Measure(name, KINDS[name], 0 if KINDS[name].k == "no" else k)
    drawn = np.random.default_rng(seed).integers(len(x), size=(4, len(x)))
    found = measure.values(x, y, bootstrap.counted(drawn))
    for value, items in zip(found, drawn, strict=True):
        once = np.ones((1, len(x)), dtype=np.int64)
        (expected,) = measure.values(x[items], y[items], once)
        assert value == pytest.approx(expected, nan_ok=True, **close)


PUBLIC = {
    "pearson": pearson,
    "spearman": spearman,
    "kendall": kendall,
    "weighted_kendall": weighted_kendall,
    "ndcg": ndcg,
    "ndcg@2": lambda x, y: ndcg(x, y, k=2),
    "ndcg_exponential": lambda x, y: ndcg(x, y, gain="exponential"),
    "footrule@3": lambda x, y: footrule(x, y, k=3),
    "footrule_measured": lambda x, y: footrule(x, y, top="measured"),
    "selection_accuracy": selection_accuracy,
    "top_k_accuracy@2": lambda x, y: top_k_accuracy(x, y, k=2),
    "rel@3": lambda x, y: rel_at_k(x, y, k=3),
    "regret": regret,
    "regret@2": lambda x, y: regret(x, y, k=2),
}


def test_an_evaluation_has_the_values_of_the_functions():
    x, y = zoo()
    found = evaluate_scores(x, y, measures=list(PUBLIC), n_resamples=50)
    for name, function in PUBLIC.items():
        expected = [function(*task) for task in zip(x, y, strict=True)]
        np.testing.assert_allclose(found[name].per_task, expected, rtol=REORDERED, atol=REORDERED)
        assert found[name].value == pytest.approx(np.mean(expected), **close)
        low, high = found[name].interval
        assert low <= found[name].value <= high
    assert [one.measure for one in found] == list(PUBLIC)
    assert found.n_candidates == (9,) * 8


def test_default_measures_are_all():
    x, y = zoo()
    names = [one.measure.partition("@")[0] for one in evaluate_scores(x, y, n_resamples=2)]
    assert sorted(names) == sorted(KINDS)
    evaluate_scores([[1, 2], [2, 1]], [[1, 2], [1, 2]], n_resamples=2)


def test_intervals_are_those_of_a_plain_loop():
    x, y = zoo(5)
    found = evaluate_scores(x, y, measures="kendall", n_resamples=400, random_state=7)["kendall"]
    seed = int(np.random.default_rng(7).integers(2**63))
    rng = np.random.default_rng(seed)
    means = [found.per_task[rng.integers(5, size=(1, 5))[0]].mean() for _ in range(400)]
    tail = stats.norm.cdf(-np.sqrt(5 / 4) * stats.t.ppf(0.975, 4))
    np.testing.assert_allclose(found.interval, np.quantile(means, [tail, 1 - tail]), rtol=1e-9)


def test_same_seed_same_numbers_and_order_is_no_matter():
    x, y = zoo(30)
    a, b = (evaluate_scores(x, y, n_resamples=100, random_state=s).to_json() for s in (3, 3))
    assert a == b
    assert a != evaluate_scores(x, y, n_resamples=100, random_state=4).to_json()
    order = np.random.default_rng(0).permutation(9)
    moved = evaluate_scores(x[:, order], y[:, order], n_resamples=100, random_state=3)
    for one, other in zip(
        moved, evaluate_scores(x, y, n_resamples=100, random_state=3), strict=True
    ):
        np.testing.assert_allclose(one.per_task, other.per_task, rtol=REORDERED, atol=REORDERED)
    rng = np.random.default_rng(3)
    assert evaluate_scores(x, y, n_resamples=100, random_state=rng).to_json() == a


def test_blocks_of_resamples_are_all_there(monkeypatch):
    monkeypatch.setattr(bootstrap, "BLOCK", 50)
    sizes = [drawn.shape for drawn in bootstrap.draws(9, 23, 0)]
    assert sizes == [(5, 9)] * 4 + [(3, 9)]


def test_one_task_draws_candidates():
    x, y = (values[0] for values in zoo(1, 30))
    found = evaluate_scores(x, y, measures=["spearman", "rel@1"], n_resamples=300)
    assert found.resampled == "candidates"
    low, high = found["spearman"].interval
    assert -1 <= low < spearman(x, y) < high <= 1
    assert evaluate_scores(x, y, measures="regret")["regret"].interval[0] == 0
    assert "30 candidates: |rho| must reach 0.361 to be no chance at 5 %" in found.notes
    assert str(found).startswith("1 task, 30 candidates; 300 resamples of candidates\nMeasure")


def test_intervals_hold_what_they_promise():
    """The mean correlation of endless tasks lies in 95 % of the intervals, of six tasks too."""
    rng = np.random.default_rng(1)
    values = np.tanh(rng.normal(0.5, 0.5, size=(400, 6)))
    truth = np.tanh(np.random.default_rng(2).normal(0.5, 0.5, size=400_000)).mean()
    plain = expanded = 0
    for seed, row in enumerate(values):
        means = bootstrap.means(row, 300, seed)
        low, high = bootstrap.interval(means, 6, 0.95)
        expanded += low <= truth <= high
        low, high = np.quantile(means, [0.025, 0.975])
        plain += low <= truth <= high
    assert plain / 400 < 0.90
    assert 0.915 < expanded / 400 < 0.975


# Small numbers, missing values, names


def test_few_candidates_and_tasks_are_said():
    found = evaluate_scores([1, 2, 3, 4, 6, 5], [1, 2, 3, 4, 5, 6], measures="spearman")
    assert found.notes[0] == "6 candidates: |rho| must reach 0.886 to be no chance at 5 %"
    assert found.critical_spearman == pytest.approx(0.8857, abs=1e-4)
    four = evaluate_scores([[1, 2, 3, 4]] * 2, [[1, 2, 4, 3]] * 2, measures="spearman")
    assert four.notes == (
        "a task of 4 candidates: not even |rho| = 1 is beyond chance at 5 %",
        "2 tasks are few: intervals are rather too narrow",
    )
    assert json.loads(four.to_json())["critical_spearman"] is None


def test_missing_values_are_left_out_on_request():
    x, y = zoo(4)
    x[0, 2] = y[1, 3] = np.nan
    x[3, 1:] = np.nan
    with pytest.raises(ValueError, match="must be finite, got nan in task '0' for candidate '2'; "):
        evaluate_scores(x, y)
    found = evaluate_scores(x, y, measures="spearman", missing="drop", tasks=list("abcd"))
    assert (found.tasks, found.n_candidates) == (("a", "b", "c"), (8, 8, 9))
    keep = np.arange(9) != 2
    assert found["spearman"].per_task[0] == spearman(x[0, keep], y[0, keep])
    assert found.notes[-2:] == (
        "2 of 27 pairs of task and candidate have no value and are left out",
        "left out for fewer than two candidates: d",
    )


def test_names_bring_values_together():
    scores = {"t": {"a": 1, "b": 2, "c": 3}, "u": {"c": 2, "a": 1, "b": 0}}
    measured = {"u": {"a": 5, "b": 3, "c": 6}, "t": {"c": 9, "b": 8, "a": 7}}
    found = evaluate_scores(scores, measured, measures="spearman")
    assert found.tasks == ("t", "u")
    assert found["spearman"].value == 1
    assert evaluate_scores(scores["t"], measured["t"], measures="kendall")["kendall"].value == 1
    own = evaluate_scores(
        {**scores, "v": {"d": 1, "e": 2}}, {**measured, "v": {"e": 4, "d": 5}}, measures="kendall"
    )
    assert own.n_candidates == (3, 3, 2)
    assert own["kendall"].per_task.tolist() == [1, 1, -1]
    del measured["t"]["c"]
    with pytest.raises(ValueError, match="`measured` must be finite, got nan in task 't' for cand"):
        evaluate_scores(scores, measured)
    found = evaluate_scores(scores, measured, measures="spearman", missing="drop")
    assert found.n_candidates == (2, 3)
    assert "1 of 6 pairs of task and candidate have no value and are left out" in found.notes


def test_data_frames_are_brought_together_by_name():
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    x, y = zoo(3)
    tasks, names = list("stu"), list("abcdefghi")
    scores = pandas.DataFrame(x, index=tasks, columns=names)
    measured = pandas.DataFrame(y, index=tasks, columns=names).iloc[::-1, ::-1]
    found = evaluate_scores(scores, measured, measures="spearman")
    expected = evaluate_scores(x, y, measures="spearman", tasks=tasks)
    assert found.to_json() == expected.to_json()
    with pytest.raises(ValueError, match="`scores` must have rows of different names"):
        evaluate_scores(scores.rename(index={"s": "t"}), measured)


def test_tasks_without_a_value_are_told():
    x, y = zoo(4)
    x[1] = 1
    found = evaluate_scores(x, y, measures=["spearman", "selection_accuracy"], n_resamples=20)
    assert np.isnan(found["spearman"].per_task[1])
    assert found["spearman"].value == np.mean([spearman(x[i], y[i]) for i in (0, 2, 3)])
    assert found["selection_accuracy"].per_task[1] == pytest.approx(selection_accuracy(x[1], y[1]))
    assert found.notes[-1] == ("spearman leaves out 1: all scores or all measured values are equal")
    assert [row["n_tasks"] for row in found.to_dict()["rows"]] == [3, 4]
    one = evaluate_scores([[1, 1, 1], [1, 2, 3]], [[1, 2, 3]] * 2, measures="spearman")
    assert one["spearman"].interval is None


def test_resamples_without_a_value_are_told():
    found = evaluate_scores([1, 2], [1, 2], measures="spearman", n_resamples=200)
    assert found["spearman"].interval == (1, 1)
    assert re.fullmatch(
        r"spearman is not defined in \d+ of 200 resamples, which are left out", found.notes[-1]
    )


# Two scores


def test_a_comparison_is_paired():
    x, y = zoo(40)
    worse = x + np.random.default_rng(5).normal(size=x.shape)
    found = compare_scores(x, worse, y, measures=["spearman", "regret"], names=("H", "L"))
    each = [evaluate_scores(s, y, measures=["spearman", "regret"]) for s in (x, worse)]
    for one in found:
        a, b = (evaluation[one.measure] for evaluation in each)
        assert (one.a, one.b, one.difference) == (a.value, b.value, a.value - b.value)
        np.testing.assert_array_equal(one.per_task, a.per_task - b.per_task)
        assert one.wins + one.ties + one.losses == 40
        assert one.wins > one.losses
        assert one.p_a_better > 0.9
        apart = np.diff(a.interval) + np.diff(b.interval)
        assert np.diff(one.interval) < apart
    other = compare_scores(worse, x, y, measures=["spearman", "regret"])
    for one, two in zip(found, other, strict=True):
        assert two.difference == -one.difference
        assert (two.wins, two.losses) == (one.losses, one.wins)
        assert two.p_a_better + one.p_a_better + one.p_equal == pytest.approx(1)
        np.testing.assert_allclose(two.interval, [-end for end in one.interval[::-1]], atol=1e-12)
    assert "H against L: 40 tasks, 9 candidates; 1000 resamples of tasks" in str(found)


def test_a_score_equals_itself():
    x, y = zoo(6)
    (found,) = compare_scores(x, x, y)
    assert (found.difference, found.interval, found.p_equal) == (0, (0, 0), 1)
    assert (found.wins, found.ties, found.losses) == (0, 6, 0)
    (one,) = compare_scores(x[0], 2 * x[0], y[0])
    assert one.p_equal == 1


# Files


def results():
    x, y = zoo(3)
    x[1] = 0
    return [evaluate_scores(x, y, n_resamples=9), compare_scores(x, y, y, n_resamples=9)]


@pytest.mark.parametrize("result", results(), ids=lambda result: result.KIND)
def test_files(result):
    jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema")
    schema = result.json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    content = json.loads(result.to_json())
    jsonschema.validate(content, schema)
    del content["rows"][0]["measure"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, schema)
    assert len(result.to_csv().splitlines()) == 1 + len(result.measures)
    assert "<table>" in result._repr_html_()
    with pytest.raises(KeyError):
        result["no measure"]


# Published tables


def published(folder, source):
    """{metric: {data set: {model: value}}} of one source."""
    tables = {}
    lines = (folder / "tables" / "published_model_zoo_scores.csv").read_text().splitlines()
    for line in lines[1:]:
        where, task, model, metric, value = line.rsplit(",", 4)
        if where.startswith(source):
            tables.setdefault(metric, {}).setdefault(task, {})[model] = float(value)
    return tables


@pytest.mark.parametrize("source", ["thuml/", "Long-Kai/TransRate:model_selection"])
def test_published_tables_give_scipys_values(data_folder, source):
    tables = published(data_folder, source)
    accuracies = tables.pop("finetune_acc")
    assert {"h_score", "leep", "logme", "nce"} <= set(tables)
    scipys = {
        "pearson": stats.pearsonr,
        "spearman": stats.spearmanr,
        "kendall": stats.kendalltau,
        "weighted_kendall": stats.weightedtau,
    }
    for scores in tables.values():
        found = evaluate_scores(scores, accuracies, measures=list(scipys), n_resamples=20)
        for name, function in scipys.items():
            expected = []
            for task in found.tasks:
                x = list(scores[task].values())
                y = [accuracies[task][model] for model in scores[task]]
                expected.append(function(x, y).statistic)
            np.testing.assert_allclose(found[name].per_task, expected, rtol=1e-12, atol=1e-12)
            assert found[name].value == pytest.approx(np.mean(expected), rel=1e-12, abs=1e-12)


# Refusals

X2, Y2 = [[1.0, 2, 3], [3, 1, 2]], [[1.0, 2, 3], [1, 2, 3]]
SAME = "`measures` must"
REFUSED = {
    "one item": (lambda: ndcg([1], [2]), ValueError, "`scores` must have at least two items"),
    "gain": (lambda: ndcg([1, 2], [1, 2], gain="log"), ValueError, "`gain` must be 'linear' or"),
    "relevance": (lambda: ndcg([1, 2], [1, 2], relevance="x"), ValueError, "`relevance` must be"),
    "k": (lambda: ndcg([1, 2], [1, 2], k=3), ValueError, "`k` must be at most 2, the items, got 3"),
    "negative": (
        lambda: ndcg([1, 2], [-1, 2], relevance="measured"),
        ValueError,
        '`measured` must not be negative with `relevance="measured"`, got -1.0',
    ),
    "all zero": (
        lambda: ndcg([1, 2], [0, 0], relevance="measured"),
        ValueError,
        '`measured` must have a value above 0 with `relevance="measured"`',
    ),
    "k of top": (
        lambda: top_k_accuracy(X2, Y2, k=4),
        ValueError,
        "`k` must be at most 3, the candidates, got 4",
    ),
    "k of several": (lambda: regret(X2, Y2, k=[1]), TypeError, "`k` must be an integer, got [1]"),
    "nan": (
        lambda: regret(X2, [[1, 2, 3], [1, np.nan, 3]]),
        ValueError,
        "`measured` must be finite, got nan at task 1, candidate 1",
    ),
    "shapes": (
        lambda: regret(X2, [1, 2, 3]),
        ValueError,
        "`scores` and `measured` must have the same tasks and candidates, got (2, 3) and (1, 3)",
    ),
    "cube": (
        lambda: regret([[[1]]], [1]),
        ValueError,
        "`scores` must have shape (n,) or (T, n) with T, n > 0, got (1, 1, 1)",
    ),
    "text": (lambda: regret(["a"], [1]), TypeError, "`scores` must hold real numbers, got dtype"),
    "rel": (
        lambda: rel_at_k([[1, 2], [1, 2]], [[1, 2], [-1, 0]]),
        ValueError,
        "`measured` must have a value above 0 in each task, got at most 0.0 in task 1",
    ),
    "per cent": (
        lambda: relative_accuracy([75.0], [0.5]),
        ValueError,
        "`accuracies` must be in [0, 1], got 75.0",
    ),
    "share": (
        lambda: relative_accuracy([0.5], [1.0]),
        ValueError,
        "`majority_shares` must be in (0, 1), got 1.0",
    ),
    "tasks of shares": (
        lambda: relative_accuracy([0.5, 0.6], [0.5]),
        ValueError,
        "`accuracies` and `majority_shares` must have the same length, got 2 and 1",
    ),
    "scale": (lambda: relative_accuracy([0.5], [0.5], scale="x"), ValueError, "`scale` must be"),
    "level": (
        lambda: critical_spearman(6, level=0),
        ValueError,
        "`level` must be above 0 and below 1, got 0",
    ),
    "n": (lambda: critical_spearman(1), ValueError, "`n` must be at least 2, got 1"),
    "confidence": (
        lambda: evaluate_scores(X2, Y2, confidence=1),
        ValueError,
        "`confidence` must be above 0 and below 1, got 1",
    ),
    "n_resamples": (
        lambda: evaluate_scores(X2, Y2, n_resamples=0),
        ValueError,
        "`n_resamples` must be at least 1, got 0",
    ),
    "seed": (lambda: evaluate_scores(X2, Y2, random_state="x"), TypeError, "`random_state` must"),
    "measure": (
        lambda: evaluate_scores(X2, Y2, measures="accuracy"),
        ValueError,
        "`measures` must be of pearson, spearman, ",
    ),
    "no measure": (lambda: evaluate_scores(X2, Y2, measures=[]), ValueError, f"{SAME} name at"),
    "number": (lambda: evaluate_scores(X2, Y2, measures=3), TypeError, f"{SAME} be names of meas"),
    "number in": (lambda: evaluate_scores(X2, Y2, measures=[3]), ValueError, f"{SAME} be of pear"),
    "twice": (
        lambda: evaluate_scores(X2, Y2, measures=["rel@1", "rel@1"]),
        ValueError,
        f"{SAME} name each measure once, got ['rel@1', 'rel@1']",
    ),
    "without k": (
        lambda: evaluate_scores(X2, Y2, measures="rel"),
        ValueError,
        "`measures` must say the k of 'rel', as in 'rel@3'",
    ),
    "with k": (
        lambda: evaluate_scores(X2, Y2, measures="pearson@3"),
        ValueError,
        "`measures` must not give a k to 'pearson', got 'pearson@3'",
    ),
    "k of measure": (
        lambda: evaluate_scores(X2, Y2, measures="rel@x"),
        ValueError,
        "`measures` must have an integer above 0 after '@', got 'rel@x'",
    ),
    "large k": (
        lambda: evaluate_scores(X2, Y2, measures="rel@4"),
        ValueError,
        "`measures` must have a k of at most 3, the candidates, got 'rel@4'",
    ),
    "missing": (lambda: evaluate_scores(X2, Y2, missing=0), ValueError, "`missing` must be 'rais"),
    "infinite": (
        lambda: evaluate_scores([1, inf], [1, 2], missing="drop"),
        ValueError,
        "`scores` must be finite, got inf in task '0' for candidate '1'",
    ),
    "nothing left": (
        lambda: evaluate_scores([1, np.nan], [1, 2], missing="drop"),
        ValueError,
        "`scores` and `measured` must have a task with values of at least two candidates, got none",
    ),
    "undefined": (
        lambda: evaluate_scores([1, 1], [1, 2], measures="spearman"),
        ValueError,
        "`measures` must be defined in a task, 'spearman' is in none: all scores or all measured",
    ),
    "too few resamples": (
        lambda: evaluate_scores([1, 2], [1, 2], measures="kendall", n_resamples=1, random_state=2),
        ValueError,
        "`n_resamples` must be larger: 'kendall' is defined in none of 1 resamples",
    ),
    "half named": (
        lambda: evaluate_scores({"a": 1, "b": 2}, [1, 2]),
        TypeError,
        "`measured` must have names as the others do, a mapping or data frame, got list",
    ),
    "half nested": (
        lambda: evaluate_scores({"a": 1, "b": {"c": 2}}, {"a": 1}),
        TypeError,
        "`scores` must map candidates to numbers, or tasks to such mappings, got {'a': 1",
    ),
    "empty": (lambda: evaluate_scores({}, {}), TypeError, "`scores` must map candidates to numb"),
    "tasks": (
        lambda: evaluate_scores(X2, Y2, tasks=["a"]),
        ValueError,
        "`tasks` must name 2 tasks, got 1 names",
    ),
    "tasks twice": (
        lambda: evaluate_scores(X2, Y2, tasks=["a", "a"]),
        ValueError,
        "`tasks` must be different names, got one twice",
    ),
    "names": (
        lambda: compare_scores(X2, X2, Y2, names=("a", "a")),
        ValueError,
        "`names` must be two different names, got ('a', 'a')",
    ),
    "name": (lambda: compare_scores(X2, X2, Y2, names="ab"), ValueError, "`names` must be two"),
    "shapes of three": (
        lambda: compare_scores(X2, [1, 2, 3], Y2),
        ValueError,
        "`scores_a` and `scores_b` and `measured` must have the same tasks and candidates, got",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(case):
    call, error, text = REFUSED[case]
    with pytest.raises(error, match=re.escape(text)):
        call()
