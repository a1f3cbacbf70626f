"""Experiments on layers, task relations and architectures: they run, go on, and are reported."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
EXPERIMENTS = ROOT / "bench" / "experiments"
NAMES = ("layer_selection", "task_relations", "camvid_architectures")
SIZES = {"layer_selection": 20, "task_relations": 20, "camvid_architectures": 36}


@pytest.fixture(autouse=True)
def experiments(monkeypatch):
    if not EXPERIMENTS.is_dir():
        pytest.skip("no source tree here")
    monkeypatch.syspath_prepend(str(EXPERIMENTS))


def imported(name):
    pytest.importorskip("torch", reason="the experiment trains networks")
    return __import__(name)


@pytest.mark.parametrize("name", NAMES)
def test_quick_runs_go_on_after_an_interruption(name, data_folder, tmp_path):
    experiment = imported(name)
    arguments = ["--data", str(data_folder), "--out", str(tmp_path), "--quick"]
    experiment.main(arguments)
    with (tmp_path / experiment.RESULT).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == SIZES[name]
    with (EXPERIMENTS / "results" / experiment.RESULT).open(encoding="utf-8") as file:
        assert list(rows[0]) == next(csv.reader(file))
    numbers = [
        float(v) for row in rows for v in row.values() if v.strip("-").replace(".", "").isdigit()
    ]
    assert all(math.isfinite(number) for number in numbers)

    # The last file is lost: it alone is made again, with the same numbers.
    before = (tmp_path / experiment.RESULT).read_text(encoding="utf-8")
    files = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.*") if p.suffix in (".json", ".pt")}
    lost = max((p for p in files if p.parent.name in ("pairs", "curves")), key=files.get)
    lost.unlink()
    experiment.main(arguments)
    changed = {path for path, time in files.items() if path.stat().st_mtime_ns != time}
    assert changed == {lost}
    after = (tmp_path / experiment.RESULT).read_text(encoding="utf-8")
    if name == "task_relations":  # which has seconds, too
        before, after = ([row.split(",")[:7] for row in t.splitlines()] for t in (before, after))
    assert after == before


@pytest.mark.parametrize("name", NAMES)
def test_what_a_run_needs_is_told(name, capsys):
    experiment = imported(name)
    with pytest.raises(SystemExit):
        experiment.main([])
    assert "--data and --out are needed to run it" in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_the_page_has_what_the_report_makes_of_the_results(name):
    pytest.importorskip("scipy", reason="a report has a tree of tasks")
    report = __import__(f"{name}_report")
    block = (
        f"<!-- begin {report.RESULT.stem} -->\n\n" + "\n\n".join(report.report()) + "\n\n<!-- end"
    )
    page = (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8")
    assert block in page
    assert "nan" not in block
    assert (ROOT / "docs" / "images" / report.PLOT).is_file()


def test_a_block_of_a_page_is_replaced_alone(tmp_path):
    from report_table import replace_block

    page = tmp_path / "page.md"
    page.write_text("a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n", encoding="utf-8")
    replace_block(page, "x", "new")
    text = "a\n<!-- begin x -->\n\nnew\n\n<!-- end x -->\nb\n"
    assert page.read_text(encoding="utf-8") == text
    replace_block(page, "x", "new")
    assert page.read_text(encoding="utf-8") == text
    with pytest.raises(ValueError, match="has no lines '<!-- begin y -->' and '<!-- end y -->'"):
        replace_block(page, "y", "new")


def test_lines_by_hand():
    from layer_selection_report import explained, left_out, slope

    x = np.array([0.0, 1, 2, 3])
    assert math.isclose(explained(x, 5 - 2 * x), 1)
    assert math.isclose(slope(x, 5 - 2 * x), -2)
    assert math.isclose(explained(x, np.array([1.0, 0, 0, 1])), 0, abs_tol=1e-12)
    assert left_out(x, 5 - 2 * x, 1) < 1e-12
    assert left_out(x, x**2, 1) > 0.1
    assert left_out(x, x**2, 2) < 1e-12
    # Each value against the mean of the three others.
    assert math.isclose(left_out(x, x, 0), math.sqrt(np.mean([4, 4 / 9, 4 / 9, 4])))


def test_the_baseline_of_task_relations_knows_nothing_of_the_target():
    from task_relations_report import Pairs

    values = np.array([[9.0, 3, 1], [2.0, 9, 2], [3.0, 1, 9]])
    pairs = Pairs(["a", "b", "c"], ["a", "b", "c"], {"h_score": values[None]})
    # Ranks without the diagonal: a: b 0, c 1; b: a 1, c 0; c: a 0, b 1.
    expected = [[0.5, 0, 1], [1, 0.5, 0], [0, 1, 0.5]]
    np.testing.assert_array_equal(pairs.general(values), expected)
    values[:, 1] = [0, 9, 5]
    np.testing.assert_array_equal(pairs.general(values)[:, 1], np.array(expected)[:, 1])
    assert pairs.of_others(values)["b"] == {"a": 0, "c": 5}


def test_tasks_see_one_set_of_images(data_folder):
    tasks = imported("task_relations")
    seen = tasks.scenes(data_folder, "test", 50, 3)
    targets = seen.targets
    np.testing.assert_array_equal(targets["inverted"], 1 - seen.inputs)
    turned = (targets[name] for name in ("denoised", "upright", "rotation"))
    for clean, upright, turns in zip(*turned, strict=True):
        np.testing.assert_array_equal(np.rot90(upright, turns), clean)
    np.testing.assert_allclose(
        targets["blurred"][:, 14, 14].mean(), targets["denoised"][:, 10:19, 10:19].mean(), atol=0.1
    )
    assert set(targets["superclass"][np.isin(targets["class"], (5, 7, 9))]) == {2}
    assert targets["coarse shape"].shape == (50, 7, 7)
    assert np.bincount(targets["ink"]).max() - np.bincount(targets["ink"]).min() <= 2
    flat = np.full((1, 28, 28), 0.4, np.float32)
    assert tasks._edges(flat)[0, 5:-5, 5:-5].max() < 1e-6
    ramp = np.arange(28, dtype=np.float32) / 28 * np.ones((1, 28, 1), np.float32)
    np.testing.assert_allclose(tasks._edges(ramp)[0, 5:-5, 5:-5], 2 / 28, rtol=1e-5)


def test_skill_by_hand():
    tasks = imported("task_relations")
    y, truth = np.array([0, 0, 0, 1]), np.array([0, 1])
    prior = -np.mean(np.log([0.75, 0.25]))
    assert math.isclose(tasks.skill(prior, y, truth), 0, abs_tol=1e-12)
    assert math.isclose(tasks.skill(prior / 4, y, truth), 0.75)
    images, test = np.array([[[0.0]], [[1.0]]]), np.array([[[0.0]]])
    assert math.isclose(tasks.skill(0.0625, images, test), 0.75)


@pytest.mark.parametrize("name", ["U-Net", "SegNet", "FCN"])
def test_architectures_give_each_pixel_its_features(name):
    networks = imported("camvid_networks")
    import torch

    torch.manual_seed(0)
    network = networks.ARCHITECTURES[name]().eval()
    x = torch.randn(2, 3, 19, 26)  # sizes that don't halve evenly
    with torch.no_grad():
        features = network.features(x)
        assert features.shape == (2, networks.WIDTH, 19, 26)
        torch.testing.assert_close(network(x), network.head(features))
        moved = x.clone()
        moved[1] += 1
        torch.testing.assert_close(network(moved)[0], network(x)[0])  # pictures by themselves
        assert not torch.equal(network(moved)[1], network(x)[1])


def test_targets_keep_what_is_measured_away_from_what_was_learned(data_folder, tmp_path):
    experiment = imported("camvid_architectures")
    from camvid_transfer import Frames

    run = experiment.Architectures(data_folder / "camvid.npz", tmp_path, experiment.FULL)
    for half in (0, 1):
        order = Frames(*2 * [np.arange(40).reshape(40, 1, 1)])
        object.__setattr__(run, "_half", lambda of, which, order=order: order)
        few, unseen = run.target(f"0006R0-{half}")
        near_first = few.labels.max() < unseen.labels.min()
        assert near_first == (half == 1)  # the other half is after the first one, before the second
        assert (len(few), len(unseen)) == (10, 20)
