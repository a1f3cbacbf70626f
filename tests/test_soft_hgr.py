"""Soft-HGR: reference by finite differences, kernel against it, its optimum, errors."""

import re

import numpy as np
import pytest

from tolerances import FLOAT32, FLOAT64, GRADIENT, REARRANGED
from transferscore import reference, soft_hgr_value_and_grad


def test_reference_against_differences(rng):
    f, g, u, v = rng.normal(size=(4, 20, 3))
    _, by_f, by_g = reference.soft_hgr(f, g)
    h = 1e-3

    def at(t):
        return reference.soft_hgr(f + t * u, g + t * v).value

    # A polynomial of degree four: exact.
    slope = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
    assert slope == pytest.approx(np.sum(by_f * u) + np.sum(by_g * v), rel=GRADIENT)


@pytest.mark.parametrize("shape", [(2, 1), (50, 4), (1500, 130)])
def test_kernel_against_reference(shape, rng):
    f, g = rng.normal(size=(2, *shape)) + 3
    g = f + g
    expected = reference.soft_hgr(f, g)
    got = soft_hgr_value_and_grad(f, g)
    assert got[0] == pytest.approx(expected.value, rel=FLOAT64)
    for one, other in zip(got[1:], expected[1:], strict=True):
        assert np.abs(one - other).max() <= REARRANGED * np.abs(other).max()
    single = soft_hgr_value_and_grad(f.astype("float32"), g.astype("float32"))
    assert single[1].dtype == np.float32
    assert np.abs(single[1] - expected.f).max() <= 10 * FLOAT32 * np.abs(expected.f).max()


def test_bits_do_not_depend_on_threads(rng):
    f, g = rng.normal(size=(2, 4000, 60))
    one, *others = (soft_hgr_value_and_grad(f, g, n_threads=k) for k in (1, 2, 3))
    for other in others:
        assert other[0] == one[0]
        assert np.array_equal(other[1], one[1])
        assert np.array_equal(other[2], one[2])


def test_the_best_functions_of_a_table_reach_half_the_squared_correlations(rng):
    """No step leads up from the singular vectors of the dependence matrix."""
    counts = rng.integers(1, 20, size=(5, 6))
    x, y = (np.repeat(index.ravel(), counts.ravel()) for index in np.indices(counts.shape))
    joint = counts / counts.sum()
    p, q = joint.sum(axis=1), joint.sum(axis=0)
    B = (joint - np.outer(p, q)) / np.sqrt(np.outer(p, q))
    U, s, V = np.linalg.svd(B)
    n, k = counts.sum(), 3
    scale = np.sqrt((n - 1) / n * s[:k])
    f = (U[:, :k] / np.sqrt(p)[:, None])[x] * scale
    g = (V[:k].T / np.sqrt(q)[:, None])[y] * scale
    value, by_f, by_g = soft_hgr_value_and_grad(f, g)
    assert value == pytest.approx(np.sum(s[:k] ** 2) / 2, rel=REARRANGED)
    # Derivatives by functions of x and of y: sums over the samples of one value.
    for index, derivative in ((x, by_f), (y, by_g)):
        by_value = [derivative[index == i].sum(axis=0) for i in np.unique(index)]
        assert np.abs(by_value).max() < REARRANGED


@pytest.mark.parametrize(
    ("f", "g", "text"),
    [
        (np.ones((3, 2)), np.ones((4, 2)), "`g` must have as many rows as `f`, 3, got 4"),
        (np.ones((1, 2)), np.ones((1, 2)), "`f` must have at least 2 rows, got 1"),
        (
            np.ones((3, 2)),
            np.ones((3, 1)),
            "`g` must have as many columns as `f`, shape (3, 2), got (3, 1)",
        ),
        (np.full((3, 2), np.nan), np.ones((3, 2)), "`f` must be finite"),
        (
            1e200 * np.eye(3),
            1e200 * np.eye(3),
            "`f and g` must have squares within the range of float64",
        ),
    ],
)
def test_errors(f, g, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        soft_hgr_value_and_grad(f, g)
