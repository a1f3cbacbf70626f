"""A small model zoo bundled with the package, for examples and tests.

The zoo holds features of small networks on a few target tasks, together with the measured test
accuracy of a linear head retrained on those features. A transferability score is useful if it ranks
the networks of a task as these accuracies do. ``README.md`` in this package says how the zoo was
made. Only NumPy and the standard library are needed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Zoo", "ZooModel", "ZooTask", "load_zoo", "zoo_path"]


@dataclass(frozen=True)
class ZooModel:
    """One network of the zoo, seen on one target task.

    The arrays are read from ``file`` on first use and are read-only.

    Attributes:
        name: Name of the network, which is also the stem of ``file``.
        description: One line on architecture, source data and training.
        trained: False for a network with random weights.
        accuracy: Test accuracy of a linear head retrained on ``features``, in (0, 1].
        file: The ``.npz`` file of the arrays.
    """

    name: str
    description: str
    trained: bool
    accuracy: float
    file: Path

    @cached_property
    def features(self) -> npt.NDArray[np.float16]:
        """Penultimate-layer features of the scoring samples, shape (n, d)."""
        return self._read("features")

    @cached_property
    def source_probabilities(self) -> npt.NDArray[np.float16]:
        """Softmax probabilities of the source classes on the scoring samples, shape (n, C_s).

        The rows sum to 1 up to the rounding of float16. For an untrained network they come from
        a random classifier.
        """
        return self._read("source_probabilities")

    def _read(self, key: str) -> npt.NDArray[np.float16]:
        """Return one array of ``file``, made read-only because it is shared by all callers."""
        with np.load(self.file, allow_pickle=False) as arrays:
            array: npt.NDArray[np.float16] = arrays[key]
        array.setflags(write=False)
        return array


@dataclass(frozen=True)
class ZooTask:
    """One target task and all networks on it.

    Attributes:
        name: Name of the task, which is also the name of ``folder``.
        title: The data and the classes in words.
        class_names: Name of each class; label ``c`` means ``class_names[c]``.
        n_test: Number of test samples behind the accuracies.
        licence: Licence of the images from which the features were computed.
        models: The networks by name.
        folder: Folder of ``labels.npy`` and of one ``.npz`` file per network.
    """

    name: str
    title: str
    class_names: tuple[str, ...]
    n_test: int
    licence: str
    models: dict[str, ZooModel]
    folder: Path

    @cached_property
    def labels(self) -> npt.NDArray[np.uint8]:
        """Class of each scoring sample, shape (n,), from 0 to ``len(class_names) - 1``."""
        labels: npt.NDArray[np.uint8] = np.load(self.folder / "labels.npy", allow_pickle=False)
        labels.setflags(write=False)
        return labels

    @property
    def accuracies(self) -> dict[str, float]:
        """Test accuracy of the retrained linear head by network name."""
        return {name: model.accuracy for name, model in self.models.items()}


@dataclass(frozen=True)
class Zoo:
    """The bundled zoo: target tasks by name."""

    tasks: dict[str, ZooTask]


def zoo_path() -> Path:
    """Return the folder of the zoo: ``zoo.json`` and one folder per task.

    A task's folder can be ranked from the command line; with ``$TASK`` for
    ``zoo_path() / "fashion_shoes_bags"``::

        transferscore rank --labels $TASK/labels.npy $TASK
    """
    # An installed package is always a real folder here, as its compiled part cannot be zipped.
    path = Path(str(resources.files(__name__))) / "zoo"
    if not (path / "zoo.json").is_file():
        raise FileNotFoundError(f"the bundled zoo is missing: no zoo.json in {path}")
    return path


def load_zoo() -> Zoo:
    """Return the bundled zoo.

    This reads only ``zoo.json``; an array is read when it is first asked for.

    Example:
        >>> from transferscore.datasets import load_zoo
        >>> task = load_zoo().tasks["fashion_shoes_bags"]
        >>> task.class_names
        ('Sandal', 'Shirt', 'Sneaker', 'Bag', 'Ankle boot')
        >>> task.labels.shape
        (550,)
        >>> model = task.models["characters_a_4conv_long"]
        >>> model.features.shape, model.source_probabilities.shape
        ((550, 64), (550, 60))
        >>> model.description
        '4 convolutions, pool readout, 64 features; trained on Omniglot, 60 background characters \
(set a) for 40 epochs'
        >>> 0.85 < model.accuracy < 0.95
        True
    """
    path = zoo_path()
    content: dict[str, Any] = json.loads((path / "zoo.json").read_text(encoding="utf-8"))
    return Zoo({name: _task(path / name, content) for name in content["tasks"]})


def _task(folder: Path, content: Mapping[str, Any]) -> ZooTask:
    """Return the task of ``folder`` from the content of ``zoo.json``."""
    entry = content["tasks"][folder.name]
    models = {
        name: ZooModel(
            name=name,
            description=content["models"][name]["description"],
            trained=content["models"][name]["trained"],
            accuracy=accuracy,
            file=folder / f"{name}.npz",
        )
        for name, accuracy in content["accuracy"][folder.name].items()
    }
    return ZooTask(
        name=folder.name,
        title=entry["title"],
        class_names=tuple(entry["classes"]),
        n_test=entry["n_test"],
        licence=entry["licence"],
        models=models,
        folder=folder,
    )
