"""LEEP: kernel against reference, laws, golden values, real data."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from test_h_score import layouts
from test_nce import toy
from tolerances import FLOAT32, FLOAT64, FOUR_DECIMALS, GOLDEN, REARRANGED
from transferscore import leep, nce, reference

SHAPES = {
    "two samples": (2, 2, 2),
    "few": (30, 4, 3),
    "several tiles": (700, 300, 7),
    "one source class": (50, 1, 4),
    "one target class": (50, 4, 1),
    "more classes than samples": (20, 500, 20),
}


def outputs_of(n, n_source, n_target, seed=0, peaked=2.0):
    rng = np.random.default_rng(seed)
    y = np.append(np.arange(min(n, n_target)), rng.integers(0, n_target, max(0, n - n_target)))
    logits = peaked * (rng.normal(size=(n, n_source)) + rng.normal(size=(n_target, n_source))[y])
    return softmax(logits), y


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def office31(data_folder, task):
    """Outputs of the source model on a target task, and its labels."""
    with np.load(data_folder / "office31_otce_resnet18.npz") as file:
        return file[f"tar_{task}_source_softmax"], file[f"tar_{task}_y"]


@pytest.mark.parametrize("n_threads", [1, 2, 3])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equals_the_reference(dtype, shape, n_threads):
    theta, y = outputs_of(*SHAPES[shape])
    theta = theta.astype(dtype)
    value = leep(theta, y, n_threads=n_threads)
    tolerance = FLOAT64 if dtype == np.float64 else FLOAT32
    assert value == pytest.approx(reference.leep(theta, y), rel=tolerance, abs=tolerance)


def test_same_bits_for_any_number_of_threads():
    theta, y = outputs_of(5000, 400, 9)
    assert len({leep(theta, y, n_threads=k) for k in (1, 2, 3, 8)}) == 1


@pytest.mark.parametrize("layout", layouts(np.zeros((3, 3))))
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_any_layout(dtype, layout):
    theta, y = outputs_of(60, 8, 3)
    theta = theta.astype(dtype)
    expected = reference.leep(theta, y)
    if layout == "list" and dtype == np.float16:
        return  # a list of rounded numbers is float64, whose sums must be nearer to 1
    if layout == "list" and dtype == np.float32:
        return
    assert leep(layouts(theta)[layout], y) == pytest.approx(expected, rel=FLOAT32)


def test_golden_toy():
    assert leep(*toy()) == pytest.approx(-1.0624070355663435, rel=GOLDEN)


@pytest.mark.parametrize(("task", "expected"), [("dslr", -0.9499), ("webcam", -1.8045)])
def test_office31(data_folder, task, expected):
    assert leep(*office31(data_folder, task)) == pytest.approx(expected, abs=FOUR_DECIMALS)


# ------------------------------------------------------------------------------- hostile


def test_a_source_class_without_mass_drops_out():
    theta, y = outputs_of(60, 8, 3)
    wide = np.insert(theta, [0, 4, 8], 0.0, axis=1)
    assert leep(wide, y) == pytest.approx(leep(theta, y), rel=FLOAT64)


def test_peaked_float32_outputs_whose_other_entries_underflow():
    logits = 300 * np.random.default_rng(0).normal(size=(200, 40)).astype(np.float32)
    y = np.arange(200) % 7
    value = leep(logits, y, transform="softmax")
    assert value == pytest.approx(
        reference.leep(softmax(logits.astype(np.float64)), y), rel=FLOAT32
    )
    theta = softmax(logits)
    assert (theta == 0).any()
    assert np.isfinite(leep(theta, y))


def test_tiny_probabilities_are_never_minus_infinity():
    theta = np.array([[1 - 1e-300, 1e-300], [1 - 1e-300, 1e-300], [1e-300, 1 - 1e-300]])
    assert leep(theta, [0, 0, 1]) == pytest.approx(0, abs=FLOAT64)
    assert np.isfinite(leep(theta, [0, 1, 0]))


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_normalise(scale):
    theta, y = outputs_of(60, 8, 3)
    weights = np.random.default_rng(0).uniform(0.1, 1, size=(60, 1)) * scale
    assert leep(theta * weights, y, transform="normalise") == pytest.approx(
        leep(theta, y), rel=FLOAT64
    )


def test_softmax_of_huge_logits():
    logits = np.array([[1e308, 0.0], [0.0, 1e308], [-1e308, 1e308]])
    assert leep(logits, [0, 1, 1], transform="softmax") == pytest.approx(0, abs=FLOAT64)


# ---------------------------------------------------------------------------------- laws

sizes = st.tuples(
    st.integers(2, 40), st.integers(1, 9), st.integers(1, 5), st.integers(0, 2**32 - 1)
)


@settings(deadline=None)
@given(sizes)
def test_law_never_positive(size):
    assert leep(*outputs_of(*size)) <= FLOAT64


@settings(deadline=None)
@given(sizes)
def test_law_certain_outputs_give_nce(size):
    theta, y = outputs_of(*size)
    z = theta.argmax(axis=1)
    value = leep(np.eye(theta.shape[1])[z], y)
    assert value == pytest.approx(
        nce(source_labels=z, target_labels=y), rel=REARRANGED, abs=FLOAT64
    )


@settings(deadline=None)
@given(sizes)
def test_law_order_of_samples_and_source_classes_does_not_matter(size):
    theta, y = outputs_of(*size)
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(len(y)), rng.permutation(theta.shape[1])
    value = leep(theta[rows][:, columns], y[rows])
    assert value == pytest.approx(leep(theta, y), rel=REARRANGED, abs=FLOAT64)


def test_one_source_class_leaves_the_entropy_of_the_labels():
    y = np.arange(12) % 3
    assert leep(np.ones((12, 1)), y) == pytest.approx(-np.log(3), rel=FLOAT64)


def test_ignored_samples_leave_no_trace():
    theta, y = outputs_of(60, 8, 3)
    wild, void = theta.copy(), y.copy()
    wild[::7], void[::7] = np.nan, 255
    assert leep(wild, void, ignore_index=255) == leep(theta[void != 255], y[void != 255])


@pytest.mark.parametrize(
    ("change", "transform", "text"),
    [
        ((5, 0, 3.0), None, "must have rows that sum to 1, got .* in row 5; pass transform='norm"),
        ((5, 0, -1.0), None, "must not be negative, got -1 in row 5; for logits pass"),
        ((5, 0, -1.0), "normalise", "must not be negative, got -1 in row 5"),
        (
            (5, slice(None), 0.0),
            "normalise",
            "must have rows with a positive sum, .* got 0 in row 5",
        ),
        ((5, 0, np.nan), None, "must be finite, got nan at row 5, column 0"),
        ((5, 0, np.inf), "normalise", "must be finite, got inf at row 5, column 0"),
        ((5, 0, np.inf), "softmax", "must be finite, got inf at row 5, column 0"),
    ],
)
def test_rows_that_are_no_distributions(change, transform, text):
    theta, y = outputs_of(60, 8, 3)
    row, column, value = change
    theta[row, column] = value
    with pytest.raises(ValueError, match=f"`source_probabilities` {text}"):
        leep(theta, y, transform=transform)
    void = y.copy()
    void[:3] = 255
    with pytest.raises(ValueError, match=f"`source_probabilities` {text}"):
        leep(theta, void, transform=transform, ignore_index=255)


def test_other_errors():
    theta, y = outputs_of(60, 8, 3)
    with pytest.raises(ValueError, match="`transform` must be None, 'normalise' or 'softmax'"):
        leep(theta, y, transform="logits")
    with pytest.raises(ValueError, match=r"`labels` must have shape \(60,\), got \(59,\)"):
        leep(theta, y[1:])
    with pytest.raises(ValueError, match=r"`source_probabilities` must have shape \(n, d\)"):
        leep(theta[0], y)
