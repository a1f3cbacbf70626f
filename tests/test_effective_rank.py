"""Effective rank: kernel against reference, laws, errors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import network_features
from tolerances import FLOAT32, FLOAT64, MAPPED, REARRANGED, REORDERED
from transferscore import effective_rank, reference
from transferscore._backend import backend

SHAPES = [(40, 70), (50, 50), (51, 50), (300, 40), (450, 400), (60, 1), (2, 5), (1, 3), (1, 1)]


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equals_the_reference(dtype, shape, centred):
    X = np.random.default_rng(0).normal(size=shape).astype(dtype) + dtype(0.5)
    expected = reference.effective_rank(X, centred=centred)
    tolerance = FLOAT64 if dtype == np.float64 else FLOAT32
    assert effective_rank(X, centred=centred) == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("shape", [(40, 70), (700, 300)])
def test_bits_do_not_depend_on_threads_or_layout(shape):
    X, _ = network_features(*shape, 5)
    value = effective_rank(X, n_threads=1)
    assert effective_rank(X, n_threads=3) == value
    assert effective_rank(np.asfortranarray(X)) == value


def test_hostile_features():
    X, _ = network_features(120, 30, 5)
    value = effective_rank(X)
    for scale in (1e-150, 1e150):
        assert effective_rank(X * scale) == pytest.approx(value, rel=REARRANGED)
    assert effective_rank(X[np.arange(120) // 2][::2]) == pytest.approx(
        effective_rank(X[:60]), rel=REARRANGED
    )
    dead = np.concatenate([X, np.zeros((120, 5))], axis=1)
    assert effective_rank(dead) == pytest.approx(value, rel=REARRANGED)
    low = X[:, :4] @ np.random.default_rng(0).normal(size=(4, 30))
    assert effective_rank(low) == pytest.approx(reference.effective_rank(low), rel=REARRANGED)
    for constant in (np.full((30, 4), 0.1), np.full((4, 30), 7.0)):
        assert effective_rank(constant) == pytest.approx(1, rel=MAPPED)
        assert effective_rank(constant, centred=True) == 0
    assert effective_rank(np.zeros((5, 3))) == 0
    assert effective_rank(X + 1e4, centred=True) == pytest.approx(
        effective_rank(X, centred=True), rel=MAPPED
    )


@pytest.mark.parametrize("centred", [False, True])
def test_statistics_score_as_features(centred):
    X, y = network_features(300, 40, 4)
    parts = backend.feature_statistics(X, y.astype(np.int32)[np.newaxis], [4], n_threads=2)
    value = backend.effective_rank_of_statistics(parts, centred=centred, n_threads=2)
    assert value == pytest.approx(effective_rank(X, centred=centred), rel=REARRANGED)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 2**32 - 1))
def test_law_bounds_rotation_and_transposition(n, d, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    value = effective_rank(X)
    assert 1 - REORDERED <= value <= min(n, d) + REORDERED * d
    rotation = np.linalg.qr(rng.normal(size=(d, d)))[0]
    assert effective_rank(X @ rotation) == pytest.approx(value, rel=MAPPED)
    assert effective_rank(X.T) == pytest.approx(value, rel=MAPPED)


def test_errors_say_what_is_wrong():
    with pytest.raises(ValueError, match="`features` must be finite, got nan at row 1, column 0"):
        effective_rank([[1.0], [np.nan]])
    with pytest.raises(ValueError, match=r"`features` must have shape \(n, d\), got \(3,\)"):
        effective_rank([1.0, 2.0, 3.0])
