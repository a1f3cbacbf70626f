"""Figures: what they show is what the data say, without a display and without pyplot."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drawn import collection, nan_to, tick_names, titles
from tolerances import REORDERED
from transferscore import plots
from transferscore.pixels import SegmentationTask, select_sources
from transferscore.ranking import evaluate_scores, kendall, spearman

pytest.importorskip("matplotlib", reason="figures need the extra plot")
hierarchy = pytest.importorskip("scipy.cluster.hierarchy", reason="trees need the extra plot")

from matplotlib.collections import (  # noqa: E402
    LineCollection,
    PatchCollection,
    PathCollection,
    QuadMesh,
)
from matplotlib.figure import Figure  # noqa: E402
from matplotlib.text import Text  # noqa: E402

HOSTILE = [
    "<script>alert('x')</script>",
    "$\\frac{a$",
    "a_b^{c}\\",
    "two\nlines\tand a \x1b[31m",
    "ünïcode Ωμέγα имя",
    "x" * 300,
    "",
    "100 % & more",
]


# ------------------------------------------------------------------------ what all have in common


def small_plots():
    """One of each kind, with hostile names where there are names."""
    n = len(HOSTILE)
    values = np.arange(n, dtype=float) % 5
    square = np.abs(np.subtract.outer(values, values))
    return {
        "heat_map": lambda ax=None, names=HOSTILE: plots.heat_map(
            np.outer(values, values[:3]), sources=names, targets=names[:3], score=names[1], ax=ax
        ),
        "dendrogram": lambda ax=None, names=HOSTILE: plots.dendrogram(
            square, names=names, unit=names[1], ax=ax
        ),
        "score_against_accuracy": lambda ax=None, names=HOSTILE: plots.score_against_accuracy(
            values, values**2, names=names, score=names[1], measured=names[0], n_resamples=9, ax=ax
        ),
        "ranking_plot": lambda ax=None, names=HOSTILE: plots.ranking_plot(
            values, names=names, score=names[1], ax=ax
        ),
        "layer_curve": lambda ax=None, names=HOSTILE: plots.layer_curve(
            dict.fromkeys(names, values), layers=names, score=names[1], ax=ax
        ),
        "score_map_plot": lambda ax=None, names=HOSTILE: plots.score_map_plot(
            square, score=names[1], ax=ax
        ),
        "label_table": lambda ax=None, names=HOSTILE: plots.label_table(
            square, source_classes=names, target_classes=names, ax=ax
        ),
        "coupling_plot": lambda ax=None, names=HOSTILE: plots.coupling_plot(
            square, source_labels=names, target_labels=names, ax=ax
        ),
    }


KINDS = sorted(small_plots())


def test_every_function_is_tried():
    assert set(KINDS) == {name for name in plots.__all__ if name.islower()}


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_names_are_drawn_in_every_format(kind):
    plot = small_plots()[kind]()
    assert plot.to_bytes("png", dpi=40).startswith(b"\x89PNG")
    svg = plot.to_bytes("svg")
    assert b"<svg" in svg
    assert b"<script" not in svg


@pytest.mark.parametrize("kind", KINDS)
def test_given_axes_are_drawn_into(kind):
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    plot = small_plots()[kind](ax=right)
    assert (plot.axes, plot.figure) == (right, figure)
    assert not left.has_data()
    part = Figure(figsize=(9, 4)).subfigures(1, 2)[1]
    inner = small_plots()[kind](ax=part.add_subplot())
    assert inner.to_bytes(dpi=30).startswith(b"\x89PNG")


@pytest.mark.parametrize("kind", KINDS)
def test_axes_must_be_axes(kind):
    with pytest.raises(
        TypeError, match="`ax` must be the axes of a matplotlib figure or None, got Figure"
    ):
        small_plots()[kind](ax=Figure())


def test_a_plot_shows_itself_in_a_notebook():
    plot = plots.layer_curve([1, 2])
    assert plot._repr_png_().startswith(b"\x89PNG")
    assert "data" not in repr(plot)


def test_no_pyplot_and_no_display():
    code = """
import os, sys
for name in ("DISPLAY", "MPLBACKEND", "WAYLAND_DISPLAY"):
    os.environ.pop(name, None)
import transferscore, transferscore.plots as plots
assert "matplotlib" not in sys.modules
made = [
    plots.heat_map([[1, 2], [3, 4]]),
    plots.dendrogram([[0, 1], [1, 0]]),
    plots.score_against_accuracy([1, 2, 3], [1, 2, 3], n_resamples=9),
    plots.ranking_plot([1, 2]),
    plots.layer_curve([1, 2]),
    plots.score_map_plot([[1, 2]]),
    plots.label_table([[1, 2]]),
    plots.coupling_plot([[1, 2]]),
]
assert all(plot.to_bytes(dpi=20) for plot in made)
assert all(made[0].to_bytes(form) for form in ("svg", "pdf"))
assert "matplotlib.pyplot" not in sys.modules
print("done")
"""
    answer = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (answer.stdout, answer.stderr) == ("done\n", "")


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'transferscore\[plot\]'"):
        plots.heat_map([[1.0]])


def test_without_scipy_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.cluster.hierarchy", None)
    with pytest.raises(ModuleNotFoundError, match=r"SciPy.*'transferscore\[plot\]'"):
        plots.dendrogram([[0, 1], [1, 0]])


def test_a_name_in_an_alphabet_that_the_font_lacks_warns_at_most():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # matplotlib, where no font has it
        plot = plots.ranking_plot({"模型名称": 1.0, "نموذج": 2.0})
        assert plot.to_bytes(dpi=30)
    assert plot.data["names"] == ("نموذج", "模型名称")


# -------------------------------------------------------------------------------------- heat maps


class Matrix:
    """As `score_matrix` returns."""

    values = np.array([[0.5, 2.0], [np.nan, 2.0], [0.1, 1.0]])
    sources, targets = ("a", "b", "c"), ("x", "y")
    score, higher_is_better = "cost", False


def test_a_score_matrix_brings_its_names_and_its_orientation():
    plot = plots.heat_map(Matrix())
    mesh = collection(plot.axes, QuadMesh)
    np.testing.assert_array_equal(nan_to(mesh.get_array().filled(np.nan)), nan_to(Matrix.values))
    assert tick_names(plot.axes.yaxis) == ["a", "b", "c"]
    assert tick_names(plot.axes.xaxis) == ["x", "y"]
    np.testing.assert_array_equal(plot.data["best"], [[False, False], [False, False], [True, True]])
    assert "cost: 3 sources, 2 targets" in titles(plot.axes)
    assert "lower is better" in titles(plot.axes)
    assert "no value: 1 of 6 cells" in titles(plot.axes)
    best, worst = mesh.to_rgba(np.array([0.1, 2.0]))
    assert best[:3].sum() > worst[:3].sum()  # bright is good


def test_best_cells_are_framed_all_of_equal_ones_and_crosses_mark_the_missing():
    values = np.array([[3.0, np.nan, 1.0], [3.0, 2.0, np.nan]])
    plot = plots.heat_map(values)
    frames = collection(plot.axes, PatchCollection).get_paths()
    middles = sorted(tuple(np.round(path.vertices[:4].mean(axis=0)).astype(int)) for path in frames)
    assert middles == [(0, 0), (0, 1), (1, 1), (2, 0)]  # column, row
    assert [(c, r) for r, c in np.argwhere(plot.data["best"])] == sorted(
        middles, key=lambda place: place[::-1]
    )
    crosses = collection(plot.axes, PathCollection, "no value").get_offsets()
    assert sorted(map(tuple, crosses)) == [(1, 0), (2, 1)]


def test_numbers_stand_in_the_cells_where_there_is_room():
    plot = plots.heat_map([[1.234, 20.0], [np.nan, -3.0]])
    printed = {text.get_position(): text.get_text() for text in plot.axes.texts}
    assert {place: printed[place] for place in [(0, 0), (1, 0), (1, 1)]} == {
        (0, 0): "1.2",
        (1, 0): "20.0",
        (1, 1): "-3.0",
    }
    large = plots.heat_map(np.arange(1200.0).reshape(30, 40))
    assert len(large.axes.texts) == 1  # the note
    assert len(tick_names(large.axes.yaxis)) == 30
    assert len(tick_names(large.axes.xaxis)) == 40


def test_colours_by_target_run_from_the_worst_source_to_the_best():
    values = np.array([[1.0, 50.0, 7.0], [3.0, 10.0, 7.0], [2.0, 30.0, np.nan]])
    plot = plots.heat_map(values, colours="targets")
    expected = [[0, 1, 1], [1, 0, 1], [0.5, 0.5, np.nan]]
    np.testing.assert_array_equal(plot.data["colours"], expected)
    drawn = collection(plot.axes, QuadMesh)
    np.testing.assert_array_equal(nan_to(drawn.get_array().filled(np.nan)), nan_to(expected))
    assert drawn.get_clim() == (0, 1)
    lower = plots.heat_map(values, colours="targets", higher_is_better=False)
    np.testing.assert_array_equal(lower.data["colours"][:, 0], [1, 0, 0.5])


def test_data_frames_bring_their_names():
    pandas = pytest.importorskip("pandas", reason="data frames")
    frame = pandas.DataFrame([[1.0, 2.0]], index=["model"], columns=["cats", "dogs"])
    plot = plots.heat_map(frame)
    assert (plot.data["sources"], plot.data["targets"]) == (("model",), ("cats", "dogs"))


def test_equal_cells_and_huge_matrices():
    plot = plots.heat_map(np.full((3, 2), 7.0))
    assert plot.data["best"].all()
    huge = plots.heat_map(np.arange(400.0)[:, np.newaxis] * np.ones(2))
    assert len(tick_names(huge.axes.yaxis)) == 80  # every fifth name
    assert huge.figure.get_figheight() < 25


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"scores": [1, 2]}, ValueError, r"`scores` must have shape \(n_sources, n_targets\)"),
        ({"scores": [["a"]]}, TypeError, "`scores` must hold real numbers, got dtype <U1"),
        ({"scores": [[np.nan]]}, ValueError, "`scores` must have a value in at least one cell"),
        ({"scores": [[1, np.inf]]}, ValueError, r"`scores` must be finite, .* got inf at \(0, 1\)"),
        ({"scores": [[1]], "sources": "a"}, TypeError, "`sources` must be a sequence of names"),
        ({"scores": [[1]], "targets": ["a", "b"]}, ValueError, "`targets` must have 1 names"),
        ({"scores": [[1]], "kinds": "row"}, TypeError, "`kinds` must be two words, got 'row'"),
        ({"scores": [[1]], "colours": "blue"}, ValueError, "`colours` must be 'values' or"),
    ],
)
def test_heat_maps_refuse(arguments, error, text):
    with pytest.raises(error, match=text):
        plots.heat_map(**arguments)


# -------------------------------------------------------------------------------------- dendrogram


@given(
    st.integers(2, 12), st.integers(0, 10**6), st.sampled_from(["average", "single", "complete"])
)
@settings(max_examples=10, deadline=None)
def test_the_tree_is_that_of_scipy(n, seed, method):
    points = np.random.default_rng(seed).normal(size=(n, 2))
    distances = np.linalg.norm(points[:, np.newaxis] - points, axis=2)
    names = [f"task {i}" for i in range(n)]
    plot = plots.dendrogram(distances, names=names, method=method)
    linkage = hierarchy.linkage(distances[np.triu_indices(n, 1)], method)
    np.testing.assert_array_equal(plot.data["linkage"], linkage)
    lines = np.array(collection(plot.axes, LineCollection).get_segments())
    assert np.sort(lines[:, 1, 0]) == pytest.approx(np.sort(linkage[:, 2]), rel=REORDERED)
    np.testing.assert_array_equal(lines[:, 1:3, 1], plot.data["joints"][:, :2])
    np.testing.assert_array_equal(lines[:, [0, 3], 0], plot.data["joints"][:, 2:])
    # A branch that ends at 0 ends at the leaf with its name.
    shown = tick_names(plot.axes.yaxis)
    assert shown == list(plot.data["names"]) == [names[i] for i in plot.data["order"]]
    first = int(linkage[0, 0]), int(linkage[0, 1])
    places = sorted(shown.index(names[i]) for i in first)
    assert sorted(lines[0, 1:3, 1]) == places


def test_joints_at_equal_distances_are_hollow():
    plot = plots.dendrogram(1 - np.eye(3))
    assert "2 joints at equal distances" in titles(plot.axes)
    filled, hollow = (c for c in plot.axes.collections if isinstance(c, PathCollection))
    assert (len(filled.get_offsets()), len(hollow.get_offsets())) == (0, 2)
    apart = plots.dendrogram([[0, 1, 4], [1, 0, 5], [4, 5, 0]])
    assert "equal distances" not in titles(apart.axes)
    assert plots.dendrogram(np.zeros((3, 3))).to_bytes(dpi=20)


def test_task_distances_bring_their_names():
    class Distances:
        values, tasks, metric = np.array([[0, 1.0], [1.0, 0]]), ("cats", "dogs"), "spearman"

    plot = plots.dendrogram(Distances())
    assert plot.data["names"] == ("cats", "dogs")
    assert plot.axes.get_xlabel() == "spearman distance at which groups join"


@pytest.mark.parametrize(
    ("distances", "text"),
    [
        ([[0, 1, 2]], r"`distances` must have shape \(n, n\) with n > 1, got \(1, 3\)"),
        ([[0]], "n > 1"),
        (
            [[0, -1], [-1, 0]],
            r"must have distances of at least 0, got -1.0 at \(0, 1\)",
        ),
        ([[0, 1], [np.nan, 0]], r"at least 0, got nan at \(1, 0\)"),
        ([[0, 1], [2, 0]], r"`distances` must be symmetric, got 1.0 at \(0, 1\) and 2.0"),
        ([[0, 1], [1, 3]], "`distances` must have zeros on its diagonal, got 3.0 at 1"),
    ],
)
def test_dendrograms_refuse(distances, text):
    with pytest.raises(ValueError, match=text):
        plots.dendrogram(distances)


# --------------------------------------------------------------------------- scores and accuracies


def test_points_correlation_and_interval_are_those_of_the_data(rng):
    scores, accuracies = rng.normal(size=12), rng.random(12)
    plot = plots.score_against_accuracy(scores, accuracies, n_resamples=200, random_state=3)
    points = collection(plot.axes, PathCollection, "models").get_offsets()
    np.testing.assert_array_equal(points, np.column_stack([scores, accuracies]))
    assert plot.data["correlation"] == spearman(scores, accuracies)
    evaluation = evaluate_scores(
        scores, accuracies, measures="spearman", n_resamples=200, random_state=3
    )
    assert tuple(plot.data["interval"]) == evaluation["spearman"].interval
    low, high = plot.data["interval"]
    said = f"Spearman's ρ = {plot.data['correlation']:.2f}, 95 % interval {low:.2f} to {high:.2f}"
    assert said in titles(plot.axes)
    assert "score: 12 models" in titles(plot.axes)
    again = plots.score_against_accuracy(scores, accuracies, n_resamples=200, random_state=3)
    np.testing.assert_array_equal(again.data["interval"], plot.data["interval"])


def test_mappings_are_matched_by_name_and_lower_is_turned_round():
    plot = plots.score_against_accuracy(
        {"a": 3.0, "b": 1.0, "c": 2.0},
        {"c": 0.7, "b": 0.9, "a": 0.5, "other": 0.1},
        higher_is_better=False,
        correlation="kendall",
        n_resamples=50,
    )
    np.testing.assert_array_equal(plot.data["accuracies"], [0.5, 0.9, 0.7])
    assert plot.data["correlation"] == kendall([-3, -1, -2], [0.5, 0.9, 0.7]) == 1
    assert plot.axes.xaxis_inverted()
    assert plot.data["left_out"] > 0
    said = f"{plot.data['left_out']} resamples without a correlation"
    assert said in titles(plot.axes).replace("\n", " ")
    assert {text.get_text() for text in plot.axes.texts} >= {"a", "b", "c"}


def test_names_hide_neither_each_other_nor_points(rng):
    x, y = rng.random(30), rng.random(30)
    names = [f"model_{i}_long" for i in range(30)]
    plot = plots.score_against_accuracy(x, y, names=names, n_resamples=5)
    plot.figure.draw_without_rendering()
    renderer = plot.figure._get_renderer()
    boxes = [
        Text.get_window_extent(text, renderer)
        for text in plot.axes.texts
        if text.get_text() in names
    ]
    assert len(boxes) > 20
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    dots = plot.axes.transData.transform(np.column_stack([x, y]))
    assert not any(box.contains(*dot) for box in boxes for dot in dots)


def test_names_without_room_are_counted():
    names = [f"{'m' * 30} {i}" for i in range(30)]
    plot = plots.score_against_accuracy(
        np.r_[np.arange(29) / 1e4, 9], np.r_[np.arange(29), 9e3], names=names, n_resamples=5
    )
    shown = sum(text.get_text() in names for text in plot.axes.texts)
    assert shown < 30
    assert f"no room for {30 - shown} names" in titles(plot.axes)


def test_intervals_of_points_are_drawn_where_there_are_some():
    ends = np.array([[0.5, 1.5], [np.nan, np.nan], [2, 4]])
    plot = plots.score_against_accuracy(
        [1, 2, 3], [0.1, 0.2, 0.3], score_intervals=ends, n_resamples=5
    )
    lines = [c.get_segments() for c in plot.axes.collections if isinstance(c, LineCollection)]
    np.testing.assert_array_equal(lines[0], [[[0.5, 0.1], [1.5, 0.1]], [[2, 0.3], [4, 0.3]]])
    assert lines[1] == []


def test_equal_scores_have_no_correlation():
    plot = plots.score_against_accuracy([2, 2, 2], [0.1, 0.2, 0.3], n_resamples=5)
    assert np.isnan([plot.data["correlation"], *plot.data["interval"]]).all()
    assert "no correlation: all values of one axis are equal" in titles(plot.axes)


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"scores": [1]}, ValueError, "`scores` and `measured` must have the same length"),
        ({"scores": [1, np.nan]}, ValueError, "`scores` must be finite"),
        (
            {"scores": {"a": 1, "b": 2}, "names": ["a", "b"]},
            TypeError,
            "`names` must be None where",
        ),
        ({"correlation": "luck"}, ValueError, "`correlation` must be 'spearman' or"),
        ({"n_resamples": 0}, ValueError, "`n_resamples` must be at least 1, got 0"),
        ({"level": 1}, ValueError, "`level` must be a number between 0 and 1, got 1"),
        ({"level": "0.9"}, TypeError, "`level` must be a number between 0 and 1, got '0.9'"),
        ({"score_intervals": [[0, 1]]}, ValueError, r"`score_intervals` must have shape \(2, 2\)"),
        (
            {"score_intervals": [[0, 1], [3, 2]]},
            ValueError,
            "lower ends of at most the upper ones, got 3.0 and 2.0 at 1",
        ),
        (
            {"score_intervals": [["a", "b"]] * 2},
            TypeError,
            "`score_intervals` must hold real numbers",
        ),
        (
            {"accuracies": {"a": 1}},
            TypeError,
            "`accuracies` must be an array where",
        ),
        (
            {"scores": {"a": 1, "b": 2}, "accuracies": {"a": 1}},
            ValueError,
            "`accuracies` must hold every model of `scores`, lacks 'b'",
        ),
    ],
)
def test_scatter_plots_refuse(arguments, error, text):
    with pytest.raises(error, match=text):
        plots.score_against_accuracy(**{"scores": [1, 2], "accuracies": [0.1, 0.2]} | arguments)


def test_one_model_has_no_correlation():
    with pytest.raises(ValueError, match="`scores` must be those of at least two models, got 1"):
        plots.score_against_accuracy([1], [0.5])


# ------------------------------------------------------------------------------ rankings and layers


def test_rankings_are_sorted_ties_share_a_rank_and_are_joined():
    values = {"a": 1.0, "b": 3.0, "c": np.nan, "d": 1.0, "e": 2.0}
    ends = [[0.5, 1.5], [2, 4], [np.nan, np.nan], [0, 2], [np.nan, np.nan]]
    plot = plots.ranking_plot(values, intervals=ends, score="LogME")
    assert plot.data["names"] == ("b", "e", "a", "d", "c")
    np.testing.assert_array_equal(plot.data["ranks"], [1, 2, 3, 3, 5])
    names = [name.split("  ") for name in tick_names(plot.axes.yaxis)]
    assert names == [["b", "1"], ["e", "2"], ["a", "3"], ["d", "3"], ["c", "–"]]
    points = collection(plot.axes, PathCollection, "scores").get_offsets()
    np.testing.assert_array_equal(nan_to(points[:, 0].filled(np.nan)), [3, 2, 1, 1, -1e9])
    segments = collection(plot.axes, LineCollection, "intervals").get_segments()
    np.testing.assert_array_equal(
        segments, [[[2, 0], [4, 0]], [[0.5, 2], [1.5, 2]], [[0, 3], [2, 3]]]
    )
    (tie,) = (line for line in plot.axes.lines if line.get_label() == "tied")
    assert list(tie.get_ydata()) == [1.75, 3.25]
    assert "bars at the right: equal scores" in titles(plot.axes)
    assert plot.axes.get_ylim()[0] > plot.axes.get_ylim()[1]


def test_lower_may_be_better_and_groups_may_be_given():
    plot = plots.ranking_plot([3.0, 1.0, 2.0], higher_is_better=False, groups=[0, 1, 1])
    assert plot.data["names"] == ("1", "2", "0")
    assert "candidates that can't be separated" in titles(plot.axes)
    np.testing.assert_array_equal(plot.data["groups"], [1, 1, 0])


def test_groups_that_overlap_stand_side_by_side():
    plot = plots.ranking_plot([6, 5, 4, 3, 2, 1], groups=[0, 1, 0, 1, 2, 2])
    tied = [line for line in plot.axes.lines if line.get_label() == "tied"]
    found = [(round(line.get_xdata()[0], 2), *line.get_ydata()) for line in tied]
    assert found == [
        (1.02, -0.25, 0.25),
        (1.02, 1.75, 2.25),
        (1.04, 0.75, 1.25),
        (1.04, 2.75, 3.25),
        (1.02, 3.75, 5.25),
    ]


class Ranked:
    """As `rank` returns."""

    names, scores, sort_by = ("a", "b", "c"), ("knn", "logme"), "logme"
    values = np.array([[0.1, 0.9], [0.3, 0.8], [0.2, 0.1]])
    intervals = np.stack([values - 0.05, values + 0.05], axis=2)
    tie_groups, confidence = (("a", "b"), ("c",)), 0.9


def test_a_ranking_brings_its_intervals_and_its_ties():
    plot = plots.ranking_plot(Ranked())
    assert plot.data["names"] == ("a", "b", "c")
    np.testing.assert_array_equal(plot.data["values"], [0.9, 0.8, 0.1])
    np.testing.assert_array_equal(plot.data["intervals"], Ranked.intervals[:, 1])
    np.testing.assert_array_equal(plot.data["groups"], [0, 0, 1])
    assert plot.axes.get_xlabel() == "LogME (higher is better)"
    assert "lines: 90 % intervals" in titles(plot.axes)


def test_rankings_of_sources():
    target, *others = (
        SegmentationTask(family="brain", modality="MRI", region=name, name=name) for name in "tab"
    )
    ranking = select_sources(target, others, score={"a": 0.1, "b": 0.4})
    plot = plots.ranking_plot(ranking)
    assert (plot.data["names"], list(plot.data["values"])) == (("b", "a"), [0.4, 0.1])


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (
            {"ranking": [[1]]},
            ValueError,
            r"`ranking` must have shape \(n,\) with n > 0",
        ),
        ({"ranking": ["a"]}, TypeError, "`ranking` must hold real numbers"),
        (
            {"ranking": [np.nan]},
            ValueError,
            "`ranking` must have at least one value, got NaN",
        ),
        ({"ranking": [np.inf]}, ValueError, "`ranking` must be finite, .*, got inf at 0"),
        ({"groups": [0.5, 1]}, TypeError, "`groups` must be integers, got dtype float64"),
        ({"groups": [1]}, ValueError, r"`groups` must have shape \(2,\), got \(1,\)"),
        ({"names": ["a"]}, ValueError, "`names` must have 2 names, one for each, got 1"),
        ({"names": 7}, TypeError, "`names` must be a sequence of names, got int"),
    ],
)
def test_rankings_refuse(arguments, error, text):
    with pytest.raises(error, match=text):
        plots.ranking_plot(**{"ranking": [1, 2]} | arguments)


def test_curves_mark_their_best_layers():
    curves = {"a": [1.0, 3.0, 3.0], "b": [2.0, np.nan, 0.0]}
    plot = plots.layer_curve(curves, layers=["x", "y", "z"])
    for line, values in zip(plot.axes.lines, curves.values(), strict=True):
        np.testing.assert_array_equal(
            nan_to(np.asarray(line.get_ydata())), nan_to(np.array(values))
        )
    assert {name: list(best) for name, best in plot.data["best"].items()} == {"a": [1, 2], "b": [0]}
    rings = [c.get_offsets() for c in plot.axes.collections if isinstance(c, PathCollection)]
    assert [list(map(tuple, ring)) for ring in rings] == [[(1, 3), (2, 3)], [(0, 2)]]
    assert [text.get_text() for text in plot.axes.get_legend().get_texts()] == ["a", "b"]
    assert tick_names(plot.axes.xaxis) == ["x", "y", "z"]


def test_a_single_curve_may_have_a_band_and_bring_its_names():
    class Curve:
        layers, scores = ("conv", "fc"), np.array([0.3, 0.1])
        score, higher_is_better = "cost", False

    plot = plots.layer_curve(Curve(), intervals=[[0.2, 0.4], [0.0, 0.3]])
    assert plot.data["layers"] == ("conv", "fc")
    assert list(plot.data["best"][""]) == [1]
    assert plot.axes.get_ylabel() == "cost (lower is better)"
    band = plot.axes.collections[0].get_paths()[0].vertices
    assert {(0, 0.2), (0, 0.4), (1, 0.0), (1, 0.3)} <= {tuple(corner) for corner in band}
    assert plot.axes.get_legend() is None


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"scores": {}}, "`scores` must have at least one curve, got none"),
        (
            {"scores": {"a": [1], "b": [1, 2]}},
            "for all curves, got 1 for 'a' and 2 for 'b'",
        ),
        ({"scores": {"a": [1], "b": [1]}, "intervals": [[0, 1]]}, "`intervals` must be None where"),
    ],
)
def test_curves_refuse(arguments, text):
    with pytest.raises(ValueError, match=text):
        plots.layer_curve(**arguments)


# ------------------------------------------------------------------------------------------- pixels


def test_patches_far_apart_leave_gaps():
    class Map:
        values, patch, score = np.ones((1, 2)), (2, 2), "mean"
        rows, columns = np.array([0]), np.array([0, 6])

    plot = plots.score_map_plot(Map())
    np.testing.assert_array_equal(plot.data["boxes"], [[0, 2, 0, 2], [0, 2, 6, 8]])
    with pytest.raises(ValueError, match=r"`shape` must hold all patches, which end at \(2, 8\)"):
        plots.score_map_plot(Map(), shape=(2, 7))


# ---------------------------------------------------------------------------------------- transport


def test_an_empty_row_of_a_conditional_table_is_crossed_out():
    plot = plots.label_table([[0, 0], [1, 3]], conditional=True)
    assert np.isnan(plot.data["shares"][0]).all()
    assert len(collection(plot.axes, PathCollection, "no value").get_offsets()) == 2


@pytest.mark.parametrize(
    ("joint", "text"),
    [
        ([[0, 0]], "`joint` must have a positive mass in at least one cell, got zeros"),
        ([[1, -1]], r"`joint` must have masses of at least 0, got -1.0 at \(0, 1\)"),
        ([[1, np.nan]], "masses of at least 0, got nan"),
    ],
)
def test_label_tables_refuse(joint, text):
    with pytest.raises(ValueError, match=text):
        plots.label_table(joint)


@given(st.integers(1, 700), st.integers(1, 1300), st.integers(0, 99))
@settings(max_examples=8, deadline=None)
def test_no_mass_is_lost_however_many_points(n, m, seed):
    plan = np.random.default_rng(seed).random((n, m))
    labels = np.random.default_rng(seed).integers(0, 3, n)
    plot = plots.coupling_plot(plan, source_labels=labels)
    data = plot.data
    assert data["mass"].shape == (min(n, 600), min(m, 600))
    assert data["mass"].sum() == pytest.approx(plan.sum(), rel=REORDERED)
    last = plan[data["source_order"]][data["source_edges"][-2] :, : data["target_edges"][1]].sum()
    assert data["mass"][-1, 0] == pytest.approx(last, rel=REORDERED)
    drawn = collection(plot.axes, QuadMesh).get_array()
    np.testing.assert_array_equal(drawn.filled(0), data["mass"])
