"""Figures of what kernels return."""

import numpy as np
import pytest

from drawn import collection, nan_to, tick_names, titles
from tolerances import REORDERED
from transferscore import exact_plan, otce, plots, score_map, sinkhorn

pytest.importorskip("matplotlib", reason="figures need the extra plot")

from matplotlib.collections import PathCollection, QuadMesh


def test_patches_are_drawn_where_they_lie(rng):
    labels = rng.integers(0, 2, (6, 10, 14))
    labels[:, :4, :4] = 0
    maps = rng.normal(size=(6, 3, 10, 14))
    found = score_map(maps, labels, score="h_score", patch=4, random_state=0)
    plot = plots.score_map_plot(found, shape=(10, 15))
    drawn = next(c for c in plot.axes.collections if c.get_label() == "patches")
    np.testing.assert_array_equal(
        nan_to(drawn.get_array().filled(np.nan)), nan_to(found.values.ravel())
    )
    boxes = [
        (*sorted({y for _, y in path.vertices}), *sorted({x for x, _ in path.vertices}))
        for path in drawn.get_paths()
    ]
    np.testing.assert_array_equal(boxes, plot.data["boxes"])
    # Rows begin at 0, 4 and 6: the last ones overlap and meet half-way between their centres.
    assert [tuple(box) for box in plot.data["boxes"][::4][:, :2]] == [(0, 4), (4, 7), (7, 10)]
    assert (plot.axes.get_xlim(), plot.axes.get_ylim()) == ((0, 15), (10, 0))
    crosses = collection(plot.axes, PathCollection, "no value").get_offsets()
    assert list(map(tuple, crosses)) == [(2, 2)]
    assert "× no score (1)" in titles(plot.axes)


def test_label_tables_are_those_of_otce(rng):
    side = {"source_features": rng.normal(size=(30, 3)), "source_labels": np.arange(30) % 3}
    other = {"target_features": rng.normal(size=(20, 3)), "target_labels": np.arange(20) % 2}
    result = otce(**side, **other)
    plot = plots.label_table(result)
    drawn = collection(plot.axes, QuadMesh).get_array()
    np.testing.assert_array_equal(drawn, result.joint / result.joint.sum())
    assert plot.data["entropy"] == pytest.approx(result.task_difference, rel=REORDERED)
    assert f"H(target | source) = {result.task_difference:.3f} nats" in titles(plot.axes)
    assert tick_names(plot.axes.yaxis) == ["0", "1", "2"]
    rows = plots.label_table(result, conditional=True).data["shares"].sum(axis=1)
    assert rows == pytest.approx(np.ones(3), rel=REORDERED)
    named = plots.label_table(result, target_classes=["cat", "dog"])
    assert tick_names(named.axes.xaxis) == ["cat", "dog"]

    points = plots.coupling_plot(result, source_labels=side["source_labels"])
    order = np.argsort(side["source_labels"], kind="stable")
    np.testing.assert_array_equal(points.data["mass"], result.solver.coupling()[order])


def test_plans_of_every_solver(rng):
    x, y = rng.normal(size=(6, 2)), rng.normal(size=(6, 2))
    for result in (sinkhorn(x, y), exact_plan(x, y)):
        assert plots.coupling_plot(result).data["mass"].sum() == pytest.approx(1, rel=1e-2)
    one = plots.coupling_plot([[0.0, 2.0]], target_labels=["cat", "dog"])
    assert tick_names(one.axes.xaxis) == ["cat", "dog"]
    with pytest.raises(ValueError, match=r"`target_labels` must have shape \(2,\)"):
        plots.coupling_plot([[0.0, 2.0]], target_labels=["cat"])


def test_office_31(data_folder):
    with np.load(data_folder / "office31_otce_resnet18.npz") as office:
        plan = sinkhorn(office["src_amazon_x"], office["tar_dslr_x"])
        plot = plots.coupling_plot(
            plan, source_labels=office["src_amazon_y"], target_labels=office["tar_dslr_y"]
        )
    assert len(plot.to_bytes("png")) > 20_000
