"""Task transferability: against the reference, laws, warnings, errors."""

import warnings

import numpy as np
import pytest

from conftest import network_features
from tolerances import FLOAT32, FLOAT64
from transferscore import _scores, h_score, maximal_h_score, reference, task_transferability


@pytest.fixture
def task(rng):
    """Source features, labels, and better features."""
    source, y = network_features(300, 12, 4)
    return source, y, np.eye(4)[y] + 0.1 * rng.normal(size=(300, 4))


@pytest.mark.parametrize("shrinkage", [None, "ledoit-wolf", 0.2])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equals_the_reference(task, dtype, shrinkage):
    source, y, trained = task
    source, trained = source.astype(dtype), trained.astype(dtype)
    value = task_transferability(source, y, optimal=trained, shrinkage=shrinkage)
    expected = reference.task_transferability(source, y, optimal=trained, shrinkage=shrinkage)
    assert value == pytest.approx(expected, rel=FLOAT64 if dtype == np.float64 else FLOAT32)
    assert 0 < value < 1


def test_features_against_themselves_are_one(task):
    source, y, _ = task
    assert task_transferability(source, y, optimal=source) == 1


def test_the_best_candidate_counts(task):
    source, y, trained = task
    expected = task_transferability(source, y, optimal=trained)
    weaker = source[:, :6]
    for optimal in ([weaker, trained], (trained, weaker, 0.01), iter([0.5, trained])):
        assert task_transferability(source, y, optimal=optimal) == expected
    assert task_transferability(source, y, optimal=trained.tolist()) == expected
    assert task_transferability(source, y, optimal=[trained.tolist()]) == expected


def test_known_scores(task):
    source, y, _ = task
    value = h_score(source, y) / 2.5
    for optimal in (2.5, np.float32(2.5), [1, 2.5], np.array([1.0, 2.5])):
        assert task_transferability(source, y, optimal=optimal) == value


def test_no_features_of_x_exceed_the_maximal_h_score(rng):
    x = rng.integers(0, 20, 400)
    y = np.where(rng.random(400) < 0.5, x % 4, rng.integers(0, 4, 400))
    best = maximal_h_score(x, y)
    features = rng.normal(size=(20, 3))[x]
    assert 0 < task_transferability(features, y, optimal=best) < 1
    result = maximal_h_score(x, y, full_output=True)
    one = task_transferability(result.features(x), y, optimal=best)
    assert one == pytest.approx(1, rel=FLOAT64)


def test_ignored_labels_are_left_out_of_both(task):
    source, y, trained = task
    keep = y != 1
    expected = task_transferability(source[keep], y[keep], optimal=trained[keep])
    assert task_transferability(source, y, optimal=trained, ignore_index=1) == expected


def test_same_bits_for_any_number_of_threads():
    X, y = network_features(3000, 60, 5)
    values = {task_transferability(X, y, optimal=3.5, n_threads=n) for n in (1, 2, 3)}
    assert len(values) == 1


def test_an_optimum_that_is_none_warns(task):
    source, y, trained = task
    ratio = h_score(trained, y) / h_score(source, y)
    text = r"`optimal\[1\]` is not optimal: its H-score, .* below that of `source_features`"
    with pytest.warns(UserWarning, match=text) as caught:
        value = task_transferability(trained, y, optimal=[0.01, source])
    assert value == ratio > 1
    assert caught[0].filename == __file__
    assert f"is {1 - 1 / ratio:.2%} below" in str(caught[0].message)
    assert f"is {ratio:.6g}, above 1" in str(caught[0].message)


def test_source_features_that_count_classes_are_refused(rng):
    y = np.arange(20) % 4
    wide = rng.normal(size=(20, 30))
    text = "`source_features` must have rank below n - 1 without shrinkage, got 20 samples with 30"
    for optimal in (wide, 3.0):
        with pytest.raises(ValueError, match=text):
            task_transferability(wide, y, optimal=optimal)
    trained = np.eye(4)[y] + 0.1 * rng.normal(size=(20, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value = task_transferability(wide, y, optimal=trained, shrinkage="ledoit-wolf")
    assert 0 < value < 1


def test_an_optimum_that_counts_classes_warns(rng):
    y = np.arange(20) % 4
    narrow = rng.normal(size=(20, 3))
    text = r"`optimal` has rank n - 1 = 19, so its H-score is the number of classes minus one"
    with pytest.warns(UserWarning, match=text) as caught:
        value = task_transferability(narrow, y, optimal=rng.normal(size=(20, 30)))
    assert value == pytest.approx(h_score(narrow, y) / 3, rel=FLOAT64)
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("optimal", "error", "text"),
    [
        (0.0, ValueError, "`optimal` must be a finite number above 0, got 0.0"),
        ([1.0, -1], ValueError, r"`optimal\[1\]` must be a finite number above 0, got -1"),
        (np.nan, ValueError, "`optimal` must be a finite number above 0, got nan"),
        (3.5, ValueError, "`optimal` must be at most the number of classes minus one, 3, .* 3.5"),
        ([], ValueError, "`optimal` must have at least one candidate, got an empty sequence"),
        (None, TypeError, r"`optimal` must be features \(n, d\), an H-score .* got NoneType"),
        ("1", TypeError, r"`optimal` must be features \(n, d\), an H-score .* got str"),
        (True, TypeError, r"`optimal` must be features \(n, d\), an H-score .* got bool"),
        (["a"], TypeError, r"`optimal\[0\]` must hold real numbers, got dtype <U1"),
        (np.ones((300, 3)), ValueError, "`optimal` must reach an H-score above 0, got features"),
        (np.full((300, 2), np.nan), ValueError, "`optimal` must be finite, got nan at row 0"),
        (
            np.ones((4, 300, 2)),
            ValueError,
            r"`optimal` must have shape \(n, d\), got \(4, 300, 2\)",
        ),
    ],
)
def test_errors_of_the_optimum(task, optimal, error, text):
    source, y, _ = task
    with pytest.raises(error, match=text):
        task_transferability(source, y, optimal=optimal)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"source_features": np.zeros(300)}, ValueError, "`source_features` must have shape"),
        ({"source_features": np.full((300, 2), np.inf)}, ValueError, "`source_features` must be"),
        ({"labels": np.zeros((300, 2), int)}, ValueError, r"`labels` must have shape \(n,\), got"),
        ({"labels": np.zeros(300, int)}, ValueError, "`labels` must have at least two classes"),
        ({"labels": np.zeros(4, int)}, ValueError, r"`labels` must have shape \(300,\)"),
        ({"shrinkage": 2}, ValueError, "`shrinkage` must be None, 'ledoit-wolf' or a number"),
        ({"n_threads": 0}, ValueError, "`n_threads` must be between 1 and 1024"),
    ],
)
def test_errors(task, arguments, error, text):
    source, y, trained = task
    given = {"source_features": source, "labels": y, "optimal": trained, **arguments}
    with pytest.raises(error, match=text):
        task_transferability(**given)


def test_registry():
    score = _scores.scores()["task_transferability"]
    assert score.compute is task_transferability
    assert score.needs == ("source_features", "labels", "optimal")
