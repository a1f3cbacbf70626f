"""Distances of tasks and their tree: SciPy's, laws, refusals."""

import itertools
import json
import re

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster import hierarchy
from scipy.spatial.distance import cdist
from scipy.stats import spearmanr

from tolerances import REORDERED
from transferscore import TaskDistances, TaskTree, task_distances, task_tree, tournament_scores

NAMES = ["c", "a", "d", "b", "e"]


def scores(seed=0, n=5, m=5):
    return np.random.default_rng(seed).normal(size=(n, m))


def distances(seed=0):
    return task_distances(scores(seed), sources=NAMES, metric="euclidean")


@pytest.mark.parametrize("of", ["targets", "sources"])
def test_distances_are_scipys(of):
    A = scores(m=4)
    profiles = A.T if of == "targets" else A
    for metric, theirs in (("euclidean", "euclidean"), ("pearson", "correlation")):
        found = task_distances(A, of=of, metric=metric)
        assert found.values == pytest.approx(cdist(profiles, profiles, theirs), abs=1e-12)
        assert found.of == of
    rho = spearmanr(profiles, axis=1).statistic
    assert task_distances(A, of=of).values == pytest.approx(1 - rho, abs=1e-12)


def test_without_itself_two_sources_are_left_out():
    A = scores()
    found = task_distances(A, sources=NAMES, metric="pearson", with_itself=False)
    for i, j in itertools.combinations(range(5), 2):
        rest = [k for k in range(5) if k not in (i, j)]
        expected = 1 - np.corrcoef(A[rest, i], A[rest, j])[0, 1]
        assert found[NAMES[i], NAMES[j]] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("higher", [True, False])
def test_affinity_is_both_directions_whatever_the_order_of_names(higher):
    A = scores()
    found = task_distances(A, sources=NAMES, metric="affinity", higher_is_better=higher)
    S = (A + A.T) / 2 * (1 if higher else -1)
    apart = ~np.eye(5, dtype=bool)
    assert found.values[apart] == pytest.approx((S[apart].max() - S)[apart], abs=1e-12)
    assert found.values[apart].min() == 0
    order = [3, 0, 4, 1, 2]
    shuffled = task_distances(
        A[order],
        sources=[NAMES[i] for i in order],
        targets=NAMES,
        metric="affinity",
        higher_is_better=higher,
    )
    assert shuffled.values == pytest.approx(found.values, abs=1e-12)


@given(seed=st.integers(0, 999), metric=st.sampled_from(["spearman", "pearson", "euclidean"]))
@settings(max_examples=30, deadline=None)
def test_laws_of_distances(seed, metric):
    found = task_distances(scores(seed), metric=metric)
    assert (found.values == found.values.T).all()
    assert (found.values >= 0).all()
    assert not found.values.diagonal().any()
    if metric != "euclidean":
        scaled = task_distances(scores(seed) * np.arange(1, 6) + 7, metric=metric)
        assert scaled.values == pytest.approx(found.values, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("method", ["average", "single", "complete", "weighted", "ward"])
def test_tree_is_scipys(method):
    found = distances()
    tree = task_tree(found, method=method)
    place = [NAMES.index(name) for name in tree.tasks]
    D = found.values[np.ix_(place, place)]
    expected = hierarchy.linkage(D[np.triu_indices(5, 1)], method, optimal_ordering=True)
    assert tree.linkage == pytest.approx(expected, rel=REORDERED)
    assert sorted(tree.order) == sorted(NAMES)
    for k in range(1, 6):
        groups = tree.clusters(k)
        assert len(groups) == k
        assert [name for group in groups for name in group] == list(tree.order)


@given(order=st.permutations(range(5)), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_tree_does_not_see_the_order_of_the_input(order, seed):
    D = np.random.default_rng(seed).integers(1, 4, (5, 5)).astype(float)  # with ties
    D = np.triu(D, 1) + np.triu(D, 1).T
    one = task_tree(D, tasks=NAMES)
    other = task_tree(D[np.ix_(order, order)], tasks=[NAMES[i] for i in order])
    assert one.order == other.order
    assert one.to_newick() == other.to_newick()


def test_newick_quotes_what_it_must():
    tree = task_tree([[0, 2], [2, 0]], tasks=["it's (a)", "b_c"])
    assert tree.to_newick() == "('b_c':2,'it''s (a)':2);"


def test_results_as_tables():
    found = distances()
    tree = task_tree(found)
    jsonschema.validate(json.loads(found.to_json()), TaskDistances.json_schema())
    jsonschema.validate(json.loads(tree.to_json()), TaskTree.json_schema())
    assert str(found).startswith("euclidean distances of targets")
    assert str(tree).startswith("average linkage")
    with pytest.raises(KeyError):
        found["a", "nobody"]


def test_tournament_is_the_principal_eigenvector():
    O = np.random.default_rng(0).normal(size=(4, 3, 50))  # noqa: E741
    found = tournament_scores(O)
    assert found.shape == (4, 3)
    assert found.sum(axis=0) == pytest.approx(np.ones(3))
    for t in range(3):
        w = np.clip(np.mean(O[:, np.newaxis, t] > O[np.newaxis, :, t], axis=2), 1e-3, 1 - 1e-3)
        np.fill_diagonal(w, 0.5)
        x = np.ones(4)
        for _ in range(200):  # the power method
            x = (w / w.T) @ x
            x /= x.sum()
        assert found[:, t] == pytest.approx(x, rel=1e-9)
    assert tournament_scores(np.ones((3, 5))) == pytest.approx(np.full(3, 1 / 3))
    assert np.argmax(tournament_scores([[1, 1], [2, 0], [3, 3]])) == 2


SQUARE = np.array([[0.0, 1.0], [1.0, 0.0]])


@pytest.mark.parametrize(
    ("function", "arguments", "options", "error", "text"),
    [
        (task_distances, [[[1.0], [2.0]]], {}, ValueError, "`scores` must be those of at least"),
        (
            task_distances,
            [[[1.0, np.nan], [2.0, 1.0]]],
            {},
            ValueError,
            "`scores` must have a score for every pair, got nan for source '0' and target '1'",
        ),
        (
            task_distances,
            [[[1.0, 2.0], [1.0, 3.0]]],
            {},
            ValueError,
            "`scores` of '0' must have at least two different values for a correlation",
        ),
        (
            task_distances,
            [np.ones((2, 3))],
            {"metric": "affinity"},
            ValueError,
            "`scores` must have the same tasks as sources and as targets",
        ),
        (task_distances, [SQUARE], {"metric": "cosine"}, ValueError, "`metric` must be 'spearman'"),
        (task_distances, [SQUARE], {"of": "rows"}, ValueError, "`of` must be 'targets' or"),
        (task_tree, [np.ones((2, 3))], {}, ValueError, "`distances` must have shape (T, T)"),
        (task_tree, [[["a"]]], {}, TypeError, "`distances` must hold real numbers"),
        (task_tree, [SQUARE * np.nan], {}, ValueError, "`distances` must be finite, got nan"),
        (task_tree, [-SQUARE], {}, ValueError, "`distances` must be at least 0, got -1.0"),
        (task_tree, [SQUARE + 1], {}, ValueError, "`distances` must be 0 on the diagonal"),
        (task_tree, [[[0, 1], [2, 0]]], {}, ValueError, "`distances` must be symmetric, got"),
        (task_tree, [SQUARE], {"method": "median"}, ValueError, "`method` must be 'average' or"),
        (task_tree, [SQUARE], {"tasks": ["a"]}, ValueError, "`tasks` must be 2 names"),
        (task_tree, [distances()], {"tasks": NAMES}, TypeError, "`tasks` must be left out where"),
        (task_tree(SQUARE).clusters, [3], {}, ValueError, "`k` must be at most 2, the tasks, got"),
        (tournament_scores, [[1, 2]], {}, ValueError, "`observations` must have shape (S, n)"),
        (tournament_scores, [[["a"], ["b"]]], {}, TypeError, "`observations` must hold real"),
        (tournament_scores, [[[1], [np.inf]]], {}, ValueError, "`observations` must be finite"),
    ],
)
def test_refusals(function, arguments, options, error, text):
    with pytest.raises(error, match=re.escape(text)):
        function(*arguments, **options)
