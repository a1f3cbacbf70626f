"""NCE: kernel against reference, laws, golden values, real data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tolerances import FLOAT64, FOUR_DECIMALS, GOLDEN, REORDERED
from transferscore import nce, reference

SHAPES = {
    "two samples": (2, 2, 2),
    "few": (30, 4, 3),
    "more classes than samples": (400, 5000, 7000),
    "many": (50_000, 300, 40),
    "one source class": (50, 1, 4),
    "one target class": (50, 4, 1),
}


def label_pair(n, n_source, n_target, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.integers(0, n_source, n)
    return z, np.where(rng.random(n) < 0.5, z % n_target, rng.integers(0, n_target, n))


def toy():
    i, k = np.arange(30)[:, None], np.arange(4)[None]
    outputs = np.exp(np.cos((i + 1) * (k + 1)))
    return outputs / outputs.sum(axis=1, keepdims=True), np.arange(30) % 3


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_the_reference(shape, n_threads):
    z, y = label_pair(*SHAPES[shape])
    if shape == "more classes than samples":
        z, y = z * 10**6, -y  # far apart and negative
    value = nce(source_labels=z, target_labels=y, n_threads=n_threads)
    expected = reference.nce(source_labels=z, target_labels=y)
    assert value == pytest.approx(expected, rel=FLOAT64, abs=FLOAT64)


@pytest.mark.parametrize("dtype", [np.int8, np.uint64, np.float32, np.bool_, str, object])
def test_any_labels(dtype):
    z, y = label_pair(80, 2, 2)
    expected = reference.nce(source_labels=z, target_labels=y)
    value = nce(source_labels=z.astype(dtype), target_labels=y[::1].astype(dtype))
    assert value == pytest.approx(expected, rel=FLOAT64)


def test_golden_toy():
    outputs, y = toy()
    value = nce(source_labels=outputs.argmax(axis=1), target_labels=y)
    assert value == pytest.approx(-0.8504600594475578, rel=GOLDEN)


@pytest.mark.parametrize(("task", "expected"), [("dslr", -0.8038), ("webcam", -1.5850)])
def test_office31(data_folder, task, expected):
    from test_leep import office31

    outputs, y = office31(data_folder, task)
    value = nce(source_labels=outputs.argmax(axis=1), target_labels=y)
    assert value == pytest.approx(expected, abs=FOUR_DECIMALS)


pairs = st.tuples(
    st.integers(1, 60), st.integers(1, 8), st.integers(1, 8), st.integers(0, 2**32 - 1)
)


@settings(deadline=None)
@given(pairs)
def test_law_bounds(pair):
    z, y = label_pair(*pair)
    shares = np.bincount(y)[np.bincount(y) > 0] / len(y)
    entropy = -np.sum(shares * np.log(shares))
    assert -entropy - FLOAT64 <= nce(source_labels=z, target_labels=y) <= 0


@settings(deadline=None)
@given(pairs)
def test_law_exactly_zero_where_source_labels_determine_the_target(pair):
    z, _ = label_pair(*pair)
    assert nce(source_labels=z, target_labels=z % 3) == 0


@settings(deadline=None)
@given(pairs)
def test_law_order_and_names_do_not_matter(pair):
    z, y = label_pair(*pair)
    order = np.random.default_rng(0).permutation(len(z))
    names = np.array(list("hgfedcba"))
    value = nce(source_labels=names[z[order]], target_labels=names[y[order]])
    assert value == pytest.approx(
        nce(source_labels=z, target_labels=y), rel=REORDERED, abs=REORDERED
    )


@settings(deadline=None)
@given(pairs)
def test_law_merging_source_classes_cannot_raise_it(pair):
    z, y = label_pair(*pair)
    assert (
        nce(source_labels=z // 2, target_labels=y)
        <= nce(source_labels=z, target_labels=y) + FLOAT64
    )


def test_table_and_sorting_give_the_same():
    z, y = label_pair(20_000, 250, 250)
    far = np.append(z, np.arange(1000, 4000)), np.append(y, np.zeros(3000, int))  # sorts
    terms = 20_000 * nce(source_labels=z, target_labels=y)
    value = nce(source_labels=far[0], target_labels=far[1]) * 23_000
    assert value == pytest.approx(terms, rel=REORDERED)  # classes of one sample add nothing


def test_ignored_pairs_leave_no_trace():
    z, y = label_pair(100, 4, 3)
    expected = nce(source_labels=z[20:], target_labels=y[20:])
    z, y = z.copy(), y.copy()
    z[:10], y[10:20] = 255, 255
    assert nce(source_labels=z, target_labels=y, ignore_index=255) == expected


def test_arguments_cannot_be_swapped_unnoticed():
    with pytest.raises(TypeError, match="positional"):
        nce([0, 1], [0, 1])


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"source_labels": []}, ValueError, r"`source_labels` must have shape \(n,\) with n > 0"),
        ({"source_labels": [[0], [1]]}, ValueError, r"`source_labels` must have shape \(n,\)"),
        ({"target_labels": [0]}, ValueError, r"`target_labels` must have shape \(2,\), got \(1,\)"),
        ({"source_labels": [0.5, 1]}, ValueError, "`source_labels` must be whole numbers"),
        (
            {"source_labels": [7, 1], "target_labels": [0, 7], "ignore_index": 7},
            ValueError,
            "`ignore_index` must leave some pairs, got 7",
        ),
    ],
)
def test_errors(arguments, error, text):
    with pytest.raises(error, match=text):
        nce(**{"source_labels": [0, 1], "target_labels": [0, 1], **arguments})
