"""Features as networks give them, where the real data are, and which tests hold a promise."""

import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

# Shells start what runs in the background deaf to Ctrl-C, which children of tests would inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261123)


@pytest.fixture
def data_folder() -> Path:
    if not DATA.is_dir():
        pytest.skip(f"needs the data sets, expected at {DATA}")
    return DATA


@dataclass(frozen=True)
class Promise:
    """A section of docs/promises.md."""

    number: str
    title: str
    reach: str
    tests: tuple[str, ...]  # file::test
    places: tuple[str, ...]  # files beside the tests
    struck: bool  # whether something of it is struck out, with a reason


@cache
def promises() -> tuple[Promise, ...]:
    """The promises that are made, as the page has them."""
    page = Path(__file__).resolve().parents[1] / "docs" / "promises.md"
    found = []
    heads = r"^### ([\d.]+) (.*)\n((?:(?!##).*\n?)*)"
    for number, title, text in re.findall(heads, page.read_text(encoding="utf-8"), re.M):
        reach = re.search(r"^Reach ([AB])\.", text, re.M)
        beside = text.partition("- beside the tests:")[2]
        found.append(
            Promise(
                number,
                title,
                reach[1] if reach else "",
                tuple(re.findall(r"^- `(test_\w+\.py::[\w:]+)`$", text, re.M)),
                tuple(re.findall(r"`([\w./-]+/[\w./-]+)`", beside)),
                bool(re.search(r"~~.+?~~ Struck out: \w", text, re.S)),
            )
        )
    return tuple(found)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that hold a promise: `pytest -m promise`."""
    listed = {name for promise in promises() for name in promise.tests}
    for item in items:
        if re.sub(r"\[.*", "", item.nodeid).rpartition("/")[2] in listed:
            item.add_marker("promise")


def network_features(
    n: int, d: int, n_classes: int, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Correlated features after a ReLU, and the labels that shaped them."""
    rng = np.random.default_rng(seed)
    rank = max(2, d // 2)
    labels = rng.integers(0, n_classes, n)
    labels[:n_classes] = np.arange(n_classes)
    signal = rng.normal(size=(n, rank)) + rng.normal(size=(n_classes, rank))[labels]
    mixed = signal @ rng.normal(size=(rank, d)) / np.sqrt(rank) + 0.3 * rng.normal(size=(n, d))
    return np.maximum(mixed + 0.2, 0), labels


def iris() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Fisher's table in the version of R: features (150, 4), labels (150,)."""
    table = np.loadtxt(Path(__file__).parent / "golden" / "iris.csv", delimiter=",")
    return table[:, :4], table[:, 4].astype(np.int64)


def toy() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Thirty samples of three features by formula, of which other libraries' scores are known."""
    i, j = np.arange(30)[:, np.newaxis], np.arange(3)
    y = np.arange(30) % 3
    return (j + 1) * np.sin((i + 1) * (j + 1)) + (y[:, np.newaxis] == j), y


def blocks(
    rng: np.random.Generator, shape: Sequence[int], n_labels: int, size: int = 3
) -> NDArray[np.int64]:
    """A label map in blocks, as regions are, with some single pixels."""
    coarse = rng.integers(0, n_labels, [-(-side // size) for side in shape])
    labels = coarse.repeat(size, axis=0).repeat(size, axis=1)
    if len(shape) == 3:
        labels = labels.repeat(size, axis=2)
    labels = labels[tuple(slice(side) for side in shape)].copy()
    labels[rng.random(shape) < 0.05] = n_labels
    return labels
