"""Random problems of any shape against SciPy, scikit-learn and POT."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import LedoitWolf
from sklearn.neighbors import NearestNeighbors

import transferscore
from tolerances import FLOAT32, FLOAT64, MAPPED, OPTIMAL, ROUNDED, SOLVED, TRANSPORT
from transferscore import reference

seeds = st.integers(0, 2**32 - 1)
# Hypothesis draws the first problems small; all of them are drawn from one seed each.
few = settings(deadline=None, max_examples=25)


@st.composite
def transports(draw: st.DrawFn) -> dict[str, Any]:
    """Points of two sides with weights that are all positive."""
    n, m, d = draw(st.integers(1, 25)), draw(st.integers(1, 25)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(seeds))
    x, z = rng.normal(size=(n, d)), rng.normal(size=(m, d)) + rng.normal(size=d)
    if draw(st.booleans()):  # points that lie on each other
        x, z = np.round(x), np.round(z)
    a, b = rng.uniform(0.1, 1, n), rng.uniform(0.1, 1, m)
    return {"x": x, "z": z, "a": a / a.sum(), "b": b / b.sum()}


@settings(few, max_examples=12)  # POT takes its time
@given(transports(), st.sampled_from([0.2, 0.5, 3.0]))
def test_entropic_transports_are_those_of_pot_in_the_log_domain(problem, epsilon):
    ot = pytest.importorskip("ot", reason="POT solves the same problem")
    x, z, a, b = problem.values()
    C = reference.squared_distances(x, z)
    unit = C.max() or 1.0
    result = transferscore.sinkhorn(
        x, z, source_weights=a, target_weights=b, epsilon=epsilon * unit,
        tol=SOLVED["float64"], max_iter=50_000,
    )  # fmt: skip
    assert result.converged
    P = ot.sinkhorn(
        a, b, C, epsilon * unit, method="sinkhorn_log", numItermax=5_000, stopThr=SOLVED["float64"]
    )
    atol = TRANSPORT["float64"]
    assert np.abs(result.coupling() - P).sum() <= atol
    assert result.transport_cost == pytest.approx(np.sum(P * C), rel=0, abs=atol * unit)


@few
@given(transports())
def test_exact_plans_cost_what_those_of_pot_cost(problem):
    ot = pytest.importorskip("ot", reason="POT's network simplex")
    x, z, a, b = problem.values()
    C = reference.squared_distances(x, z)
    result = transferscore.exact_plan(x, z, source_weights=a, target_weights=b)
    slack = OPTIMAL * (C.max() or 1.0)
    assert result.transport_cost == pytest.approx(ot.emd2(a, b, C), rel=0, abs=slack)
    P = result.coupling().toarray()
    np.testing.assert_allclose(P.sum(axis=1), a, rtol=0, atol=ROUNDED)
    np.testing.assert_allclose(P.sum(axis=0), b, rtol=0, atol=ROUNDED)


@few
@given(st.integers(1, 30), st.integers(1, 6), seeds, st.sampled_from([1e-9, 1.0, 1e9]))
def test_exact_plans_of_equal_sides_are_assignments_of_scipy(n, d, seed, scale):
    optimize = pytest.importorskip("scipy.optimize", reason="SciPy finds assignments")
    rng = np.random.default_rng(seed)
    x, z = scale * rng.normal(size=(n, d)), scale * rng.normal(size=(n, d))
    C = reference.squared_distances(x, z)
    least = C[optimize.linear_sum_assignment(C)].mean()
    found = transferscore.exact_plan(x, z).transport_cost
    assert found == pytest.approx(least, rel=0, abs=OPTIMAL * C.max())


@few
@given(st.integers(3, 80), st.integers(1, 12), st.integers(1, 7), seeds)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_neighbours_are_those_of_scikit_learn(metric, n, d, k, seed):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, d)) + 0.1, rng.permutation(np.arange(n) % 4)
    k = min(k, n - 1)
    if metric == "cosine" and d == 1:  # all angles are 0 or pi: nothing but ties
        return
    result = transferscore.knn(X, y, k=k, metric=metric, full_output=True)
    nearest = NearestNeighbors(n_neighbors=k, metric=metric, algorithm="brute").fit(X)
    distances, neighbours = nearest.kneighbors()  # of each sample, itself left out
    # Differences of squares keep half the digits where a distance is small.
    np.testing.assert_allclose(result.distances, distances, rtol=MAPPED, atol=MAPPED)
    np.testing.assert_array_equal(result.neighbours, neighbours)
    votes = (y[neighbours][:, :, None] == np.arange(4)).sum(axis=1)
    clear = (votes == votes.max(axis=1, keepdims=True)).sum(axis=1) == 1
    np.testing.assert_array_equal(result.predictions[clear], votes.argmax(axis=1)[clear])


@few
@given(st.integers(3, 120), st.integers(2, 60), seeds, st.sampled_from([0.0, 100.0]))
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_shrinkage_is_that_of_scikit_learn(dtype, n, d, seed, offset):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) / np.sqrt(d) + offset
    X = X.astype(dtype)
    y = np.arange(n) % 2
    found = transferscore.h_score(X, y, shrinkage="ledoit-wolf", full_output=True)
    covariance = LedoitWolf().fit(X.astype(np.float64))
    atol = {"float64": FLOAT64, "float32": FLOAT32}[dtype]
    assert found.shrinkage == pytest.approx(covariance.shrinkage_, rel=0, abs=atol)
    # The score by its definition, from scikit-learn's covariance.
    Z = X.astype(np.float64) - X.mean(axis=0, dtype=np.float64)
    means = np.stack([Z[y == c].mean(axis=0) for c in (0, 1)])
    between = (means.T * np.bincount(y) / n) @ means
    between *= 1 - covariance.shrinkage_  # both covariances are shrunk, as the paper has it
    expected = np.trace(np.linalg.solve(covariance.covariance_, between))
    assert found.value == pytest.approx(
        expected, rel=MAPPED if dtype == "float64" else FLOAT32, abs=atol
    )
