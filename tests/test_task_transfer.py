"""The talk's tables: tasks, files of results, and that the experiment runs and goes on."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
EXPERIMENTS = ROOT / "bench" / "experiments"


@pytest.fixture
def path(monkeypatch):
    if not EXPERIMENTS.is_dir():
        pytest.skip("no source tree here")
    monkeypatch.syspath_prepend(str(EXPERIMENTS))


@pytest.fixture
def report(path, monkeypatch):
    import transfer_report

    monkeypatch.setattr(transfer_report, "N_RESAMPLES", 20)
    monkeypatch.setattr(transfer_report, "DRAWS", 2)
    return transfer_report


@pytest.fixture
def experiment(report, monkeypatch):
    for package in ("torch", "matplotlib", "sklearn", "scipy", "ot"):
        pytest.importorskip(package, reason="the experiment trains, draws and compares")
    import task_transfer

    few = replace(task_transfer.QUICK, tasks=(8, 6, 6), training_steps=20, varied=3, rivals=1)
    monkeypatch.setattr(task_transfer, "QUICK", few)
    return task_transfer


@pytest.fixture
def drawn_data(tmp_path):
    """Files as those of the real data sets, of noisy copies of a picture for each class."""
    rng, folder = np.random.default_rng(0), tmp_path / "data"
    folder.mkdir()

    def pictures(labels, *shape):
        seen = rng.integers(0, 160, (labels.max() + 1, *shape))[labels]
        return np.clip(seen + rng.integers(0, 90, seen.shape), 0, 255).astype(np.uint8)

    digits = np.tile(np.arange(10, dtype=np.uint8), 30)
    for name, side in (("mnist", 28), ("usps", 16)):
        x = pictures(np.concatenate([digits, digits]), side, side)
        halves = {"x_train": x[:300], "x_test": x[300:], "y_train": digits, "y_test": digits}
        np.savez(folder / f"{name}.npz", **halves)
    characters = np.repeat(np.arange(24), 20)
    ink = pictures(characters, 28, 28).reshape(-1, 784) > 120
    np.savez(
        folder / "omniglot.npz",
        x_bits28=np.packbits(ink, axis=1),
        char_id=characters + 1,
        alphabet=characters // 6,
        is_evaluation=characters >= 12,
    )
    label, domain = (grid.ravel() for grid in np.indices((7, 4 * 44)))
    domain = domain // 44
    x = pictures(label, 32, 32, 3)
    np.savez(folder / "pacs_32.npz", x=x, label=label.astype(np.uint8), domain=domain)
    return folder


def test_from_end_to_end_and_on_after_an_interruption(experiment, drawn_data, tmp_path):
    def run(step):
        given = ["--quick", "--data", str(drawn_data), "--work", str(tmp_path / "work")]
        experiment.main([step, *given])

    run("all")
    results = tmp_path / "work" / "results"
    text = (results / "report.md").read_text(encoding="utf-8")
    assert text.count("### ") == 18
    assert "nan" not in text
    assert len(list(results.glob("*.png"))) == 4
    computed = sorted(results.rglob("*.csv"))
    before = {file: file.read_bytes() for file in computed}
    assert len(before) == 6 + 5 * 6  # tables; truth, scores, seconds and two networks varied
    assert all(len(content.splitlines()) > 1 for content in before.values())

    # A line is cut, and a target is lost: they come again, and nothing else is computed.
    cut, lost = results / "tuned.csv", results / "scores" / "usps-lenet.csv"
    cut.write_bytes(before[cut][:-4])
    lines = before[lost].splitlines(keepends=True)
    lost.write_bytes(b"".join(line for line in lines if not line.startswith(b"mnist,fixed")))
    (results / "seconds" / "usps-lenet.csv").unlink()
    for step in ("score", "tune"):
        run(step)
    for file in computed:
        if "seconds" not in file.parts:
            assert sorted(file.read_bytes().splitlines()) == sorted(before[file].splitlines())


def test_results_of_another_protocol_are_not_mixed(experiment, tmp_path):
    experiment.check_protocol(tmp_path, experiment.QUICK)
    experiment.check_protocol(tmp_path, experiment.QUICK)
    with pytest.raises(SystemExit, match="results of another protocol: choose another folder"):
        experiment.check_protocol(tmp_path, experiment.Protocol())


def test_steps_that_compute_need_data(experiment, tmp_path):
    with pytest.raises(SystemExit, match="need --data and --work"):
        experiment.main(["score", "--work", str(tmp_path), "--quick"])


def test_tasks_are_distinct_seeded_and_of_their_classes(path):
    from transfer_tasks import QUICK, SETTINGS, draw_tasks

    rng = np.random.default_rng(0)
    labels, test_labels = rng.integers(0, 7, 500), rng.integers(0, 7, 90)
    tasks = list(draw_tasks("usps", labels, test_labels, QUICK))
    for setting, n_tasks in zip(SETTINGS, QUICK.tasks, strict=True):
        of_setting = [task for task in tasks if task.setting == setting]
        assert [task.number for task in of_setting] == list(range(n_tasks))
        assert len({task.classes for task in of_setting}) == n_tasks
    for task in tasks:
        assert set(labels[task.rows]) == set(test_labels[task.test_rows]) == set(task.classes)
        assert len(task.test_rows) == np.isin(test_labels, task.classes).sum()
        counts = np.bincount(labels[task.rows])[list(task.classes)]
        if task.setting == "few-shot":
            assert set(counts) == {QUICK.shots}
        else:
            assert counts.sum() == np.isin(labels, task.classes).sum()
        if task.setting == "fixed":
            assert len(task.classes) == 4
    again = list(draw_tasks("usps", labels, test_labels, QUICK))
    assert all(np.array_equal(a.rows, b.rows) for a, b in zip(tasks, again, strict=True))
    other = list(draw_tasks("mnist", labels, test_labels, QUICK))
    assert [task.classes for task in tasks] != [task.classes for task in other]
    # Three classes have four sets of at least two: no more tasks than that.
    few = list(draw_tasks("usps", labels % 3, test_labels % 3, QUICK))
    assert len([task for task in few if task.setting == "standard"]) == 4


def test_rows_grow_and_forget_a_line_that_was_cut(path, tmp_path):
    from result_rows import Rows, read

    file = tmp_path / "some" / "rows.csv"
    rows = Rows(file, ("name", "value"))
    rows.add([{"name": "a", "value": 1 / 3}, {"name": "b", "value": float("nan")}])
    rows.add([{"name": "c", "value": 12345678}])
    assert file.read_text(encoding="utf-8") == "name,value\na,0.3333\nb,\nc,12345678\n"
    assert rows.has(name="a")
    assert rows.has(name="a", value=1 / 3)
    assert not rows.has(name="a", value=0.5)
    with file.open("a", encoding="utf-8") as grown:
        grown.write("d,0.1")
    again = Rows(file, ("name", "value"))
    assert len(again) == 3
    assert not again.has(name="d")
    again.add([{"name": "d", "value": 0.1}])
    assert [row["name"] for row in read(file)] == ["a", "b", "c", "d"]
    assert read(tmp_path / "none.csv") == []
    with pytest.raises(SystemExit, match="has other columns: move it away"):
        Rows(file, ("name", "number"))


def test_calibration_knows_auxiliary_tasks_alone(path):
    """Accuracies on a plane of the terms are found; the other tasks' accuracies change nothing."""
    from transfer_results import Block

    rng = np.random.default_rng(0)
    w_d, w_t, leep, classes = rng.normal(size=(4, 40))
    scores = {"w_d": -w_d, "otce_sim": -w_t, "leep": leep, "classes": classes}

    def block(accuracy):
        return Block("usps", "lenet", "mnist", "standard", {"accuracy": accuracy}, scores)

    one = block(0.5 - 0.1 * w_d - 0.2 * w_t)
    assert list(one.auxiliary) == [0, 1, 2, 3, 4]
    assert list(one.others) == list(range(5, 40))
    np.testing.assert_allclose(one.values("otce"), one.measured["accuracy"])
    changed = one.measured["accuracy"].copy()
    changed[5:] = 0
    np.testing.assert_array_equal(block(changed).values("otce"), one.values("otce"))
    other = block(0.3 + 0.1 * leep - 0.2 * classes)
    np.testing.assert_allclose(other.values("control"), other.measured["accuracy"])
    np.testing.assert_array_equal(other.values("leep"), leep)


def test_tables_are_put_between_their_marks(report):
    page = "# A\n\n<!-- task_transfer: sizes -->\nold\n<!-- end -->\n\nKept. <!-- end -->\n"
    filled = report.filled(page, {"sizes": "| new |", "not there": "| x |"})
    assert filled == page.replace("old", "\n| new |\n")
    assert report.filled(filled, {"sizes": "| new |"}) == filled


def test_the_page_has_what_the_committed_files_say(report):
    """Those tables that need no resampling; the others are written by the same command."""
    import task_transfer
    from transfer_results import Results

    if not task_transfer.RESULTS.is_dir():
        pytest.skip("no results in this tree")
    results, page = Results.of(task_transfer.RESULTS), task_transfer.PAGE.read_text("utf-8")
    marked = set(re.findall("<!-- task_transfer: (.*) -->", page))
    assert marked == set(report.SECTIONS)
    for name in ("sizes", "talk fixed", "sensitivity fixed", "tuned means", "seconds"):
        assert f"<!-- task_transfer: {name} -->\n\n{report.SECTIONS[name](results)}\n\n" in page
