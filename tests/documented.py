"""What the pages of the documentation take for given: files that are there, names that are known.

A function has the name of its page. It is called in the folder in which the blocks of the page are
run, and returns the names that they know.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import transferscore
from conftest import network_features
from transferscore.datasets import zoo_path

Names = dict[str, Any]


FROM_THE_ZOO = {
    "untrained": "untrained_2conv",
    "alphabets": "alphabets_4conv_long",
    "fashion": "fashion_4conv_long",
}


def copy_of_zoo(folder: str = ".") -> None:
    """Features of three models of the zoo under these names, and labels.npy beside the folder."""
    Path(folder).mkdir(exist_ok=True)
    task = zoo_path() / "omniglot_alphabets"
    for name, model in FROM_THE_ZOO.items():
        shutil.copy(task / f"{model}.npz", f"{folder}/{name}.npz")
    shutil.copy(task / "labels.npy", "labels.npy")


def made_tasks() -> None:
    """Three tasks whose classes lie in the same directions, one of them closer."""
    rng = np.random.default_rng(0)
    for name, shift, noise in (("webcam", 0.0, 1.0), ("dslr", 0.5, 1.0), ("amazon", 2.0, 2.5)):
        labels = rng.integers(0, 5, 200)
        features = 3 * np.eye(5, 32)[labels] + shift + noise * rng.normal(size=(200, 32))
        np.savez(f"{name}.npz", features=features.astype(np.float32), labels=labels)


def label_maps(rng: np.random.Generator, n: int) -> Any:
    """Label maps (n, 48, 48) of squares, with a void label."""
    maps = np.kron(rng.integers(0, 3, size=(n, 6, 6)), np.ones((1, 8, 8), int)).astype(np.uint8)
    maps[:, :2] = 255
    return maps


def feature_maps(rng: np.random.Generator, maps: Any, signal: float) -> Any:
    """Features (n, 8, 12, 12) that know the labels more or less."""
    coarse = np.minimum(maps[:, ::4, ::4], 3)
    values = signal * np.moveaxis(np.eye(8)[coarse], -1, 1)
    return (values + rng.normal(size=values.shape)).astype(np.float32)


def commands() -> Names:
    pytest.importorskip("rich", reason="prints the tables")
    pytest.importorskip("matplotlib", reason="draws the figures")
    pytest.importorskip("torch", reason="extracts features")
    copy_of_zoo()
    rng = np.random.default_rng(0)
    maps = label_maps(rng, 4)
    Path("masks").mkdir()
    for i, one in enumerate(maps):
        np.save(f"masks/{i}.npy", one)
    np.save("unet.npy", feature_maps(rng, maps, 2.0))
    np.save("fcn.npy", feature_maps(rng, maps, 0.5))
    made_tasks()
    Path("models").mkdir()
    X, y = network_features(60, 6, 3)
    np.save("animals.npy", y)
    np.save("light.npy", rng.integers(0, 2, 60))
    for k in range(3):
        np.save(f"models/net{k}.npy", X + k * rng.normal(size=X.shape))
    tables()
    Path("nets.py").write_text(
        "import torch\n"
        "def resnet():\n"
        "    net = torch.nn.Sequential()\n"
        "    net.add_module('layer3', torch.nn.Linear(5, 7))\n"
        "    net.add_module('fc', torch.nn.Linear(7, 2))\n"
        "    return net\n"
    )
    Path("data.py").write_text(
        "import torch\nloader = [(torch.randn(20, 5), torch.arange(20) % 2) for _ in range(3)]\n"
    )
    return {}


def tables() -> None:
    """scores.csv and accuracies.csv of three tasks and eight models."""
    rng = np.random.default_rng(0)
    scores, accuracies = ["task,model,logme,leep"], ["task,model,accuracy"]
    for task in ("birds", "cars", "food"):
        for k in range(8):
            accuracy = 0.6 + 0.03 * k + 0.02 * rng.normal()
            accuracies.append(f"{task},net{k},{accuracy:.3f}")
            noise = rng.normal(size=2) * (0.02, 0.2)
            scores.append(f"{task},net{k},{accuracy + noise[0]:.3f},{accuracy + noise[1]:.3f}")
    Path("scores.csv").write_text("\n".join(scores) + "\n")
    Path("accuracies.csv").write_text("\n".join(accuracies) + "\n")


def evaluation() -> Names:
    rng = np.random.default_rng(0)
    accuracies = {t: {f"net{k}": 0.5 + k / 20 for k in range(8)} for t in ("birds", "cars", "food")}

    def noisy(size: float) -> dict[str, dict[str, float]]:
        return {
            task: {name: value + size * rng.normal() for name, value in models.items()}
            for task, models in accuracies.items()
        }

    scores = noisy(0.05)
    return {"accuracies": accuracies, "scores": scores, "logme": scores, "leep": noisy(0.2)}


def files() -> Names:
    for package in ("h5py", "pyarrow", "torch"):
        pytest.importorskip(package, reason="reads and writes its files")
    import h5py
    import pyarrow as pa
    import pyarrow.parquet
    import torch

    X, y = network_features(60, 3, 3)
    table = pa.table({f"f{k}": X[:, k] for k in range(3)} | {"note": [str(k) for k in range(60)]})
    pyarrow.parquet.write_table(table, "resnet50.parquet")
    with h5py.File("task.h5", "w") as file:
        file["test/labels"] = y
    with h5py.File("larger_than_memory.h5", "w") as file:
        file["features"] = X
    torch.save({"features": torch.from_numpy(X)}, "features.pt")
    torch.save({"model": {"embedding": torch.from_numpy(X)}}, "checkpoint.pt")
    net = torch.nn.Sequential()
    net.add_module("layer3", torch.nn.Linear(5, 7))
    net.add_module("layer4", torch.nn.Sequential(torch.nn.Linear(7, 6), torch.nn.Linear(6, 4)))
    net.add_module("fc", torch.nn.Linear(4, 2))
    loader = [(torch.randn(20, 5), torch.arange(20) % 2) for _ in range(3)]
    return {"FeatureStatistics": transferscore.FeatureStatistics, "model": net, "loader": loader}


def plots() -> Names:
    pytest.importorskip("matplotlib", reason="draws the figures")
    return {}


def score_matrix() -> Names:
    X, y = network_features(60, 5, 3)
    Path("features").mkdir()
    Path("labels").mkdir()
    np.save("features/resnet50.npy", X)
    np.save("features/vit_b.npy", X + 1)
    np.save("labels/species.npy", y)
    return {"colours": np.random.default_rng(0).integers(0, 2, 60)}


def scores() -> Names:
    h5py = pytest.importorskip("h5py", reason="reads its files")
    X, y = network_features(60, 5, 3)
    P = np.random.default_rng(0).dirichlet(np.ones(4), 60)
    with h5py.File("features.h5", "w") as file:
        file["features"], file["labels"] = X, y
    return {
        "FeatureStatistics": transferscore.FeatureStatistics,
        "PredictionStatistics": transferscore.PredictionStatistics,
        "h5py": h5py,
        # Iterated over in the first block, called for each pass in the last.
        "batches": Batches(
            [(X[:40], y[:40]), (X[40:], y[40:])], [(P[:40], y[:40]), (P[40:], y[40:])]
        ),
    }


class Batches:
    """Batches of features where iterated over, of probabilities where called."""

    def __init__(self, features: list[Any], probabilities: list[Any]) -> None:
        self.features, self.probabilities = features, probabilities

    def __iter__(self) -> Any:
        return iter(self.features)

    def __call__(self) -> Any:
        return iter(self.probabilities)


def source_selection() -> Names:
    pytest.importorskip("scipy", reason="measures distances")
    return {}


def learning() -> Names:
    torch = pytest.importorskip("torch", reason="learns")
    pytest.importorskip("scipy", reason="has the logistic head")
    torch.manual_seed(0)

    def samples(n: int, n_classes: int) -> tuple[Any, Any]:
        labels = torch.arange(n) % n_classes
        return torch.randn(n, 8) + 2 * torch.eye(8)[labels], labels

    few_images, few_labels = samples(15, 3)
    training, test = [samples(60, 3)], [samples(60, 3)]
    return {
        "model": torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.ReLU(), torch.nn.Linear(6, 4)),
        "source_loader": [samples(40, 4)],
        "few_images": few_images,
        "few_labels": few_labels,
        "images": test[0][0],
        "training": training,
        "test": test,
        "features_train": training[0][0].numpy(),
        "labels_train": training[0][1].numpy(),
        "features_test": test[0][0].numpy(),
        "labels_test": test[0][1].numpy(),
    }


def guide_model() -> Names:
    pytest.importorskip("rich", reason="prints the table")
    copy_of_zoo("models")
    return {}


def guide_layer() -> Names:
    pytest.importorskip("torch", reason="has the network")
    return {}


def guide_fine_tune() -> Names:
    pytest.importorskip("torch", reason="trains")
    return {}


def guide_scale_out() -> Names:
    pytest.importorskip("joblib", reason="spreads the work")
    return {}


STAGES: dict[str, Callable[[], Names]] = {
    "docs/commands.md": commands,
    "docs/evaluation.md": evaluation,
    "docs/files.md": files,
    "docs/plots.md": plots,
    "docs/score_matrix.md": score_matrix,
    "docs/scores.md": scores,
    "docs/source_selection.md": source_selection,
    "docs/learning.md": learning,
    "docs/guides/model.md": guide_model,
    "docs/guides/layer.md": guide_layer,
    "docs/guides/fine_tune.md": guide_fine_tune,
    "docs/guides/scale_out.md": guide_scale_out,
}
