"""Tests of the bundled zoo and of its loader."""

from __future__ import annotations

import dataclasses
import doctest
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tolerances import FLOAT16_SUM
from transferscore import datasets
from transferscore.datasets import ZooModel, ZooTask, load_zoo, zoo_path

CONTENT: dict[str, Any] = json.loads((zoo_path() / "zoo.json").read_text(encoding="utf-8"))
ZOO = load_zoo()
TASKS = list(ZOO.tasks.values())
PAIRS = [(task, model) for task in TASKS for model in task.models.values()]

each_task = pytest.mark.parametrize("task", TASKS, ids=[task.name for task in TASKS])
each_pair = pytest.mark.parametrize(
    ("task", "model"), PAIRS, ids=[f"{task.name}-{model.name}" for task, model in PAIRS]
)


def test_size_and_files() -> None:
    """The zoo stays small and holds nothing that zoo.json does not list."""
    files = [path for path in zoo_path().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 3 * 2**20
    expected = {zoo_path() / "zoo.json"}
    expected |= {task.folder / "labels.npy" for task in TASKS}
    expected |= {model.file for _, model in PAIRS}
    assert set(files) == expected


def test_enough_models_and_tasks() -> None:
    """There are models to rank on every task, some of them untrained."""
    assert len(ZOO.tasks) >= 2
    assert len(CONTENT["models"]) >= 8
    assert any(not entry["trained"] for entry in CONTENT["models"].values())
    for task in TASKS:
        assert list(task.models) == list(CONTENT["models"])


@each_task
def test_labels(task: ZooTask) -> None:
    """Labels are uint8 and cover all classes evenly."""
    entry = CONTENT["tasks"][task.name]
    assert task.labels.dtype == np.uint8
    assert task.labels.shape == (entry["n"],)
    counts = np.bincount(task.labels, minlength=len(task.class_names))
    assert len(counts) == len(task.class_names) == len(entry["classes"])
    assert np.unique(counts).size == 1
    assert counts[0] >= 2


@each_task
def test_task_entry(task: ZooTask) -> None:
    """What the loader says about a task is what zoo.json says."""
    entry = CONTENT["tasks"][task.name]
    assert task.title == entry["title"]
    assert task.n_test == entry["n_test"] >= 400
    assert task.licence == entry["licence"]
    assert task.licence.startswith("MIT")
    assert task.accuracies == CONTENT["accuracy"][task.name]


@each_pair
def test_arrays(task: ZooTask, model: ZooModel) -> None:
    """Shapes and types agree with zoo.json, and every value is finite."""
    entry = CONTENT["models"][model.name]
    n = len(task.labels)
    assert model.features.dtype == np.float16
    assert model.features.shape == (n, entry["feature_dim"])
    assert n >= 4 * entry["feature_dim"]
    assert np.isfinite(model.features).all()
    assert (model.features >= 0).all()  # taken after ReLU
    assert np.ptp(model.features, axis=0).max() > 0
    assert model.source_probabilities.dtype == np.float16
    assert model.source_probabilities.shape == (n, entry["source_classes"])


@each_pair
def test_probabilities(task: ZooTask, model: ZooModel) -> None:
    """The source probabilities are distributions up to the rounding of float16."""
    probabilities = model.source_probabilities.astype(np.float64)
    assert np.isfinite(probabilities).all()
    assert (probabilities >= 0).all()
    # Each entry is off by at most half a unit in the last place, relatively 2**-11.
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=0, atol=FLOAT16_SUM)


@each_pair
def test_accuracy(task: ZooTask, model: ZooModel) -> None:
    """Accuracies are proportions, and a trained network's head beats guessing."""
    assert 0 < model.accuracy <= 1
    if model.trained:
        assert model.accuracy > 1.5 / len(task.class_names)


@each_task
def test_accuracies_spread(task: ZooTask) -> None:
    """Best and worst model differ by more than the noise of the test accuracy."""
    values = np.array(list(task.accuracies.values()))
    worst = values.min()
    assert values.max() - worst > 3 * np.sqrt(worst * (1 - worst) / task.n_test)


def test_models_differ() -> None:
    """No two models of a task have the same features."""
    for task in TASKS:
        assert len({model.features.tobytes() for model in task.models.values()}) == len(task.models)


def test_arrays_are_lazy_and_read_only() -> None:
    """Loading the zoo reads no array; an array is read once and cannot be changed."""
    task = next(iter(load_zoo().tasks.values()))
    model = next(iter(task.models.values()))
    assert "features" not in vars(model)
    assert "labels" not in vars(task)
    assert model.features is model.features
    for array in (model.features, model.source_probabilities, task.labels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_dataclasses_are_frozen() -> None:
    """Accuracies and descriptions cannot be changed by accident."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        PAIRS[0][1].accuracy = 1.0  # type: ignore[misc]


def test_missing_zoo_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A package without its data says so."""
    monkeypatch.setattr("importlib.resources.files", lambda _: tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no zoo\.json"):
        zoo_path()


@each_pair
def test_readme_table(task: ZooTask, model: ZooModel) -> None:
    """The README's table shows the accuracy that is in zoo.json."""
    lines = (zoo_path().parent / "README.md").read_text(encoding="utf-8").splitlines()
    (head,) = (line.split("|") for line in lines if line.startswith("| model "))
    (row,) = (line.split("|") for line in lines if line.startswith(f"| `{model.name}` "))
    column = [cell.strip() for cell in head].index(f"`{task.name}`")
    assert row[column].strip() == f"{model.accuracy:.3f}"


def test_docstring_examples() -> None:
    """The examples in the docstrings hold."""
    result = doctest.testmod(datasets)
    assert result.attempted > 0
    assert result.failed == 0


def test_import_is_light() -> None:
    """Importing the loader pulls in neither PyTorch nor scikit-learn."""
    code = (
        "import sys, transferscore.datasets as d; d.load_zoo(); "
        "sys.exit(any(m in sys.modules for m in ('torch', 'sklearn', 'scipy')))"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    assert subprocess.run([sys.executable, "-c", code], env=env, check=False).returncode == 0
