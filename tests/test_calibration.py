"""Calibration of OTCE by auxiliary tasks: least squares, leave-one-out, files, refusals."""

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tolerances import FLOAT64, MAPPED, REARRANGED
from transferscore import ExactResult, OTCECalibration, OTCEResult

ATTRIBUTES = (
    "domain_weight",
    "task_weight",
    "intercept",
    "standardised_domain_weight",
    "standardised_task_weight",
    "leave_one_out_error",
    "n_tasks",
)


def auxiliary_tasks(k, seed=0, noise=0.05):
    """W_D in hundreds, W_T below two, accuracies that fall with both."""
    rng = np.random.default_rng(seed)
    W_D, W_T = rng.uniform(250, 400, k), rng.uniform(0.2, 1.8, k)
    return W_D, W_T, 1.2 - 1e-3 * W_D - 0.2 * W_T + noise * rng.normal(size=k)


def results_of(W_D, W_T):
    nothing = ExactResult(0.0, np.zeros(1, int), np.zeros(1, int), np.ones(1), 1, 1, "assignment")
    classes = np.zeros(1, int)
    return [
        OTCEResult(float(d), float(t), np.ones((1, 1)), classes, classes, nothing)
        for d, t in zip(W_D, W_T, strict=True)
    ]


def values(calibration):
    return [getattr(calibration, name) for name in ATTRIBUTES]


# ------------------------------------------------------------------------------- what is fitted


@pytest.mark.parametrize("k", [3, 4, 10, 200])
def test_weights_are_those_of_least_squares(k):
    W_D, W_T, accuracy = auxiliary_tasks(k)
    design = np.stack([W_D, W_T, np.ones(k)], axis=1)
    expected = np.linalg.lstsq(design, accuracy, rcond=None)[0]
    fitted = OTCECalibration().fit(W_D, W_T, accuracy)
    weights = [fitted.domain_weight, fitted.task_weight, fitted.intercept]
    np.testing.assert_allclose(weights, expected, rtol=REARRANGED)
    np.testing.assert_allclose(fitted.predict(W_D, W_T), design @ expected, rtol=REARRANGED)
    standardised = fitted.standardised_domain_weight, fitted.standardised_task_weight
    np.testing.assert_allclose(
        standardised, [expected[0] * W_D.std(), expected[1] * W_T.std()], rtol=REARRANGED
    )
    assert fitted.n_tasks == k


def test_an_exact_line_is_found():
    W_D, W_T, accuracy = auxiliary_tasks(10, noise=0)
    fitted = OTCECalibration().fit(W_D, W_T, accuracy)
    assert fitted.domain_weight == pytest.approx(-1e-3, rel=FLOAT64)
    assert fitted.task_weight == pytest.approx(-0.2, rel=FLOAT64)
    assert fitted.intercept == pytest.approx(1.2, rel=FLOAT64)
    assert fitted.leave_one_out_error <= FLOAT64
    assert fitted.predict(300.0, 1.0) == pytest.approx(0.7, rel=FLOAT64)


@pytest.mark.parametrize("k", [4, 5, 30])
def test_leave_one_out_error_is_that_of_fits_without_each_task(k):
    tasks = auxiliary_tasks(k)
    errors = []
    for i in range(k):
        W_D, W_T, accuracy = (np.delete(column, i) for column in tasks)
        others = OTCECalibration().fit(W_D, W_T, accuracy)
        errors.append(others.predict(tasks[0][i], tasks[1][i]) - tasks[2][i])
    expected = np.sqrt(np.mean(np.square(errors)))
    value = OTCECalibration().fit(*tasks).leave_one_out_error
    assert value == pytest.approx(expected, rel=REARRANGED)


def test_leave_one_out_error_where_there_is_none():
    three = OTCECalibration().fit(*auxiliary_tasks(3))
    assert np.isnan(three.leave_one_out_error)
    np.testing.assert_allclose(
        three.predict(*auxiliary_tasks(3)[:2]), auxiliary_tasks(3)[2], rtol=REARRANGED
    )
    # Without the last task the terms are collinear.
    fitted = OTCECalibration().fit([1, 2, 3, 4, 2], [1, 2, 3, 4, 9], [0.9, 0.8, 0.7, 0.5, 0.1])
    assert np.isnan(fitted.leave_one_out_error)
    assert np.isfinite(fitted.predict(2, 2))


def test_results_do_as_well_as_their_differences():
    W_D, W_T, accuracy = auxiliary_tasks(8)
    results = results_of(W_D, W_T)
    expected = OTCECalibration().fit(W_D, W_T, accuracy)
    for fitted in (
        OTCECalibration().fit(results, accuracy),
        OTCECalibration().fit(tuple(results), accuracies=accuracy.tolist()),
        OTCECalibration().fit(domain_differences=W_D, task_differences=W_T, accuracies=accuracy),
    ):
        assert values(fitted) == values(expected)
    np.testing.assert_array_equal(expected.predict(results), expected.predict(W_D, W_T))
    assert expected.predict(results[0]) == expected.predict(W_D[0], W_T[0])


def test_shapes_of_predictions():
    fitted = OTCECalibration().fit(*auxiliary_tasks(8))
    assert isinstance(fitted.predict(300, 1), float)
    assert isinstance(fitted.predict(np.float32(300), np.array(1.0)), float)
    assert isinstance(fitted.predict(results_of([300], [1])[0]), float)
    for one in (fitted.predict([300], [1]), fitted.predict(results_of([300], [1]))):
        assert one.shape == (1,)
        assert one[0] == fitted.predict(300, 1)


# ------------------------------------------------------------------------------------- laws


@settings(deadline=None)
@given(st.integers(3, 30), st.integers(0, 2**32 - 1))
def test_law_units_and_order_do_not_matter(k, seed):
    W_D, W_T, accuracy = auxiliary_tasks(k, seed)
    rng = np.random.default_rng(seed)
    order = rng.permutation(k)
    there = OTCECalibration().fit(W_D, W_T, accuracy)
    here = OTCECalibration().fit(7 * W_D[order] + 3, W_T[order] / np.log(2), 100 * accuracy[order])
    predictions = 100 * there.predict(W_D, W_T)
    np.testing.assert_allclose(
        here.predict(7 * W_D + 3, W_T / np.log(2)), predictions, rtol=0, atol=MAPPED * 100
    )
    residual = accuracy - there.predict(W_D, W_T)
    for direction in (np.ones(k), W_D / W_D.max(), W_T / W_T.max()):
        assert abs(residual @ direction) <= MAPPED


@pytest.mark.parametrize("scale", [1e-150, 1e-30, 1e30, 1e150])
def test_sizes_of_terms(scale):
    W_D, W_T, accuracy = auxiliary_tasks(9)
    expected = OTCECalibration().fit(W_D, W_T, accuracy)
    fitted = OTCECalibration().fit(scale * W_D, W_T, accuracy)
    assert fitted.domain_weight * scale == pytest.approx(expected.domain_weight, rel=REARRANGED)
    assert fitted.predict(scale * 300, 1) == pytest.approx(expected.predict(300, 1), rel=REARRANGED)
    assert fitted.leave_one_out_error == pytest.approx(expected.leave_one_out_error, rel=MAPPED)


def test_fitting_again_replaces_and_failing_to_does_not():
    calibration = OTCECalibration().fit(*auxiliary_tasks(9))
    before = values(calibration)
    with pytest.raises(ValueError, match="finite"):
        calibration.fit([1, 2, np.nan], [1, 3, 2], [1, 2, 3])
    assert values(calibration) == before
    assert calibration.fit(*auxiliary_tasks(5)) is calibration
    assert calibration.n_tasks == 5
    with pytest.raises(AttributeError):
        calibration.intercept = 0.0


def test_repr():
    assert repr(OTCECalibration()) == "OTCECalibration(not fitted)"
    text = repr(OTCECalibration().fit(*auxiliary_tasks(10, noise=0)))
    assert text.startswith("OTCECalibration(accuracy = -0.001 W_D - 0.2 W_T + 1.2, 10 tasks")


# ------------------------------------------------------------------------------------ files


@pytest.mark.parametrize("k", [3, 10])
def test_json_keeps_every_bit(k, tmp_path):
    fitted = OTCECalibration().fit(*auxiliary_tasks(k))
    path = tmp_path / "calibration.json"
    fitted.save(path)
    text = fitted.to_json()
    assert path.read_text(encoding="utf-8") == text
    content = json.loads(text)
    assert content["version"] == 1
    assert set(content) == {"format", "version", *ATTRIBUTES}
    for again in (
        OTCECalibration.load(path),
        OTCECalibration.load(str(path)),
        OTCECalibration.from_json(text),
        OTCECalibration.from_json(text.encode()),
    ):
        np.testing.assert_array_equal(values(again), values(fitted))
        assert isinstance(again.n_tasks, int)
        assert again.to_json() == text


def changed(**changes):
    content = json.loads(OTCECalibration().fit(*auxiliary_tasks(5)).to_json())
    content.update(changes)
    return json.dumps({key: value for key, value in content.items() if value != "gone"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must be JSON"),
        ("{", "must be JSON"),
        (b"\xff\xfe{", "must be JSON"),
        (7, "must be JSON"),
        ("[]", "format 'transferscore.OTCECalibration'"),
        ("{}", "format 'transferscore.OTCECalibration'"),
        (changed(format="other"), "format"),
        (changed(version=2), "version 1, got 2"),
        (changed(version="gone"), "version 1, got None"),
        (changed(task_weight="gone"), "`task_weight`"),
        (changed(task_weight=None), "`task_weight`"),
        (changed(domain_weight="1"), "`domain_weight`"),
        (changed(intercept=True), "`intercept`"),
        (changed(intercept=float("nan")), "`intercept`"),
        (changed(intercept=10**400), "`intercept`"),
        (changed(leave_one_out_error="gone"), "`leave_one_out_error`"),
        (changed(n_tasks=2), "`n_tasks`"),
        (changed(n_tasks=3.5), "`n_tasks`"),
        (changed(n_tasks=None), "`n_tasks`"),
    ],
)
def test_other_files_are_refused(text, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        OTCECalibration.from_json(text)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        OTCECalibration.load(tmp_path / "none.json")


# ----------------------------------------------------------------------------------- errors


@pytest.mark.parametrize("name", [*ATTRIBUTES, "to_json", "predict", "save"])
def test_nothing_is_known_before_fitting(name, tmp_path):
    arguments = {"to_json": (), "predict": (1.0, 2.0), "save": (tmp_path / "x.json",)}
    calibration = OTCECalibration()
    with pytest.raises(RuntimeError, match=r"no coefficients yet; call fit"):
        getattr(calibration, name)(*arguments.get(name, ()))


GOOD = ([1.0, 2.0, 3.0, 4.0], [1.0, 0.0, 2.0, 1.0], [0.9, 0.8, 0.5, 0.4])


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (([1, 2], [2, 1], [0.5, 0.6]), ValueError, "at least three auxiliary tasks, got 2"),
        ((results_of([1, 2], [2, 1]), [0.5, 0.6]), ValueError, "at least three"),
        (([], [], []), ValueError, "`domain_differences`"),
        (([5, 5, 5, 5], *GOOD[1:]), ValueError, "`domain_differences` must differ"),
        ((GOOD[0], [0, 0, 0, 0], GOOD[2]), ValueError, "`task_differences` must differ"),
        ((GOOD[0], [0.1, 0.1, 0.1 + 1e-15, 0.1], GOOD[2]), ValueError, "`task_differences` must"),
        ((GOOD[0], [2.0, 4.0, 6.0, 8.0], GOOD[2]), ValueError, "must not be collinear"),
        ((GOOD[0], [-0.1, -0.2, -0.3, -0.4], GOOD[2]), ValueError, "must not be collinear"),
        ((GOOD[0], GOOD[1][:3], GOOD[2]), ValueError, "the same length, got 4 and 3 and 4"),
        ((*GOOD[:2], [0.9, 0.8]), ValueError, "the same length, got 4 and 4 and 2"),
        ((*GOOD[:2], [0.9, np.nan, 0.1, 0.1]), ValueError, "`accuracies` must be finite"),
        (([1, np.inf, 2, 3], *GOOD[1:]), ValueError, "`domain_differences` must be finite"),
        ((np.ones((4, 1)), *GOOD[1:]), ValueError, "`domain_differences` must have shape"),
        ((list("abcd"), *GOOD[1:]), TypeError, "`domain_differences` must hold real numbers"),
        (GOOD[:2], TypeError, "`accuracies` must be given"),
        (GOOD[:1], TypeError, "`task_differences` must be given"),
        ((results_of(*GOOD[:2]), GOOD[1], GOOD[2]), TypeError, "`task_differences` must be left"),
        ((results_of(*GOOD[:2]),), TypeError, "`accuracies` must be given"),
        (([*results_of([1], [1]), 2.0], GOOD[2]), TypeError, "`domain_differences`"),
    ],
)
def test_wrong_tasks_are_named(arguments, error, words):
    with pytest.raises(error, match=re.escape(words)):
        OTCECalibration().fit(*arguments)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((1.0,), TypeError, "`task_differences` must be given"),
        ((results_of([1], [1])[0], 2.0), TypeError, "must be left out"),
        (([1.0, 2.0], [1.0]), ValueError, "the same length, got 2 and 1"),
        ((np.nan, 1.0), ValueError, "`domain_differences` must be finite"),
        (("a", 1.0), TypeError, "`domain_differences`"),
    ],
)
def test_wrong_questions_are_named(arguments, error, words):
    with pytest.raises(error, match=re.escape(words)):
        OTCECalibration().fit(*GOOD).predict(*arguments)


def test_numbers_beyond_float64_are_an_error():
    with pytest.raises(ValueError, match="within the range of float64"):
        OTCECalibration().fit(np.array(GOOD[0]) * 1e-310, *GOOD[1:])
