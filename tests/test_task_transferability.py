"""Task transferability: a share of the best that is known for the task."""

import numpy as np
import pytest

from conftest import network_features
from tolerances import FLOAT64, MAPPED
from transferscore import h_score, maximal_h_score, reference, task_transferability


def features_and_optimal(n=400, d=12):
    X, y = network_features(n, d, 4)
    rng = np.random.default_rng(1)
    return X, y, np.eye(4)[y] + 0.2 * rng.normal(size=(n, 4))


@pytest.mark.parametrize("shrinkage", [None, "ledoit-wolf", 0.3])
def test_equals_the_reference(shrinkage):
    X, y, best = features_and_optimal()
    value = task_transferability(X, y, optimal=best, shrinkage=shrinkage)
    expected = reference.task_transferability(X, y, optimal=best, shrinkage=shrinkage)
    assert value == pytest.approx(expected, rel=FLOAT64)
    assert 0 < value < 1


def test_the_best_of_several_candidates_counts():
    X, y, best = features_and_optimal()
    value = task_transferability(X, y, optimal=best)
    assert task_transferability(X, y, optimal=[X, best, 0.5]) == value
    assert task_transferability(X, y, optimal=h_score(best, y)) == pytest.approx(value, rel=FLOAT64)
    assert task_transferability(X, y, optimal=X) == 1


def test_of_a_discrete_input():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 6, 500)
    y = (x + rng.integers(0, 2, 500)) % 3
    most = maximal_h_score(x, y)
    result = maximal_h_score(x, y, n_features=2, full_output=True)
    assert task_transferability(result.features(x), y, optimal=most) == pytest.approx(1, rel=MAPPED)
    assert task_transferability(rng.normal(size=(6, 1))[x], y, optimal=most) < 1


def test_an_optimum_that_is_none_is_said():
    X, y, best = features_and_optimal()
    with pytest.warns(UserWarning, match="`optimal` is not optimal: its H-score, .* above 1"):
        assert task_transferability(best, y, optimal=X) > 1


def test_an_optimum_that_counts_classes_is_said():
    X, y, _ = features_and_optimal(n=40)
    wide = np.random.default_rng(0).normal(size=(40, 60))
    with pytest.warns(UserWarning, match=r"`optimal` has rank n - 1 = 39, .* too low"):
        task_transferability(X, y, optimal=wide)


@pytest.mark.parametrize(
    ("optimal", "error", "text"),
    [
        ([], ValueError, "`optimal` must have at least one candidate"),
        ("best", TypeError, "`optimal` must be features .*, got str"),
        (0.0, ValueError, "`optimal` must be a finite number above 0"),
        (
            [1.0, 3.5],
            ValueError,
            r"`optimal\[1\]` must be at most the number of classes",
        ),
        (np.zeros((400, 2)), ValueError, "`optimal` must reach an H-score above 0"),
        (np.zeros((399, 2)), ValueError, r"`labels` must have shape \(399,\)"),
        (np.full((400, 2), np.nan), ValueError, "`optimal` must be finite, got nan"),
    ],
)
def test_errors(optimal, error, text):
    X, y, _ = features_and_optimal()
    with pytest.raises(error, match=text):
        task_transferability(X, y, optimal=optimal)


def test_source_features_that_count_classes_are_refused():
    _, y, best = features_and_optimal(n=40)
    wide = np.random.default_rng(0).normal(size=(40, 60))
    with pytest.raises(ValueError, match="`source_features` must have rank below n - 1"):
        task_transferability(wide, y, optimal=best)
