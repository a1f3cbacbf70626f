"""Drop-in names of the OTCE authors' demo: the same calls give the same numbers."""

import re

import numpy as np
import pytest

from conftest import network_features
from tolerances import FLOAT64, FOUR_DECIMALS, MASS, REARRANGED, THREE_DECIMALS
from transferscore import exact_plan, reference
from transferscore.compat import otce_demo
from transferscore.compat.otce_demo import compute_CE, compute_coupling

pytest.importorskip("scipy")


def task(n=30, m=40):
    x, y = network_features(n, 12, 4, seed=1)
    z, w = network_features(m, 12, 3, seed=2)
    return x.astype(np.float32), z.astype(np.float32), y, w


def entropy_by_loops(P, y, w):
    """The demo's definition, in our words."""
    total = 0.0
    for k in set(y):
        of_class = P[y == k].sum()
        for c in set(w):
            cell = P[np.ix_(y == k, w == c)].sum()
            if cell > 0:
                total -= cell * np.log(cell / of_class)
    return total


def test_names():
    assert otce_demo.__all__ == ["compute_CE", "compute_coupling"]


@pytest.mark.parametrize("m", [30, 40])
def test_plan_and_cost(m):
    if m != 30:
        pytest.importorskip("ot")
    x, z, y, w = task(m=m)
    P, cost = compute_coupling(x, z, y, w)
    C = reference.squared_distances(x, z)
    assert P.shape == (30, m)
    assert P.dtype == np.float64
    np.testing.assert_allclose(P.sum(axis=1), 1 / 30, rtol=0, atol=MASS)
    np.testing.assert_allclose(P.sum(axis=0), 1 / m, rtol=0, atol=MASS)
    assert cost == pytest.approx(np.sum(P * C), rel=FLOAT64)
    assert cost == exact_plan(x, z).transport_cost
    assert isinstance(cost, float)


def test_cost_of_pot():
    ot = pytest.importorskip("ot")
    x, z, y, w = task()
    C = reference.squared_distances(x, z)
    P, cost = compute_coupling(x, z, y, w)
    assert cost == pytest.approx(ot.emd2(ot.unif(30), ot.unif(40), C), rel=REARRANGED)
    np.testing.assert_allclose(P, ot.emd(ot.unif(30), ot.unif(40), C), rtol=0, atol=MASS)


def test_conditional_entropy_is_positive_and_takes_columns():
    x, z, y, w = task(m=30)
    P, _ = compute_coupling(x, z, y, w)
    expected = entropy_by_loops(P, y, w)
    assert expected > 0
    value = compute_CE(P, y[:, np.newaxis], w[:, np.newaxis])
    assert value == pytest.approx(expected, rel=FLOAT64)
    assert isinstance(value, float)
    assert compute_CE(P, y, w) == value
    assert compute_CE(3 * P, y, w) == pytest.approx(3 * expected, rel=FLOAT64)
    gaps = compute_CE(P, 5 * y + 2, w - 7)  # an error in the demo, or empty classes
    assert gaps == pytest.approx(expected, rel=FLOAT64)


def test_torch_tensors():
    torch = pytest.importorskip("torch")
    x, z, y, w = task(m=30)
    P, cost = compute_coupling(torch.from_numpy(x), torch.from_numpy(z), y, w)
    expected = compute_coupling(x, z, y, w)
    np.testing.assert_array_equal(P, expected[0])
    assert cost == expected[1]
    labels = torch.from_numpy(y)[:, None], torch.from_numpy(w)[:, None]
    assert compute_CE(torch.from_numpy(P), *labels) == compute_CE(P, y, w)


# What the demo prints between 200 Amazon images and those of the target.
@pytest.mark.parametrize(
    ("target", "domain", "task"), [("dslr", 300.968, 0.8349), ("webcam", 287.914, 1.6401)]
)
def test_office_31(data_folder, target, domain, task):
    pytest.importorskip("ot")
    with np.load(data_folder / "office31_otce_resnet18.npz", allow_pickle=False) as data:
        x, y = data["src_amazon_x"], data["src_amazon_y"]
        z, w = data[f"tar_{target}_x"], data[f"tar_{target}_y"]
    P, cost = compute_coupling(x, z, y, w)
    assert cost == pytest.approx(domain, rel=0, abs=THREE_DECIMALS)
    assert compute_CE(P, y, w) == pytest.approx(task, rel=0, abs=FOUR_DECIMALS)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: compute_coupling(np.ones(3), np.ones((3, 1)), None, None), "`X_src`"),
        (lambda: compute_coupling(np.ones((3, 1)), np.ones((3, 2)), None, None), "`X_tar`"),
        (lambda: compute_coupling([[np.nan]], [[1.0]], None, None), "`X_src` must be finite"),
        (lambda: compute_CE(np.ones((2, 3)), [0, 1, 2], [0, 1, 2]), "`Y_src`"),
        (lambda: compute_CE(np.ones((2, 3)), [0, 1], [[0], [1]]), "`Y_tar`"),
        (lambda: compute_CE(np.ones(3), [0, 1], [0]), "`P`"),
    ],
)
def test_wrong_input_is_named_as_in_the_demo(call, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        call()
