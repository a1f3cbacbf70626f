"""Scores of fixed inputs, written once, that later versions and other machines must give.

    python tests/golden_scores.py           # holds the installed package against the file
    python tests/golden_scores.py --write   # writes what the installed package gives

The first also runs with the wheel of an earlier release: what that lacks is named and passed over.
`golden/README.md` says what is in the file.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import transferscore
from tolerances import LEVELS, LEVELS_OF_SOLUTIONS

FILE = Path(__file__).parent / "golden" / "scores.json"
# The file was written at one level of the instruction set and is read at all of them.
TOLERANCES = {
    "LEVELS": LEVELS["float64"],
    "LEVELS_OF_SOLUTIONS": LEVELS_OF_SOLUTIONS["float64"],
}
SOLVED = {"tol": 1e-10, "max_iter": 100_000, "relative_epsilon": 0.1}
Samples = tuple[NDArray[np.float64], NDArray[np.int64]]


def grid(n: int, d: int, n_classes: int) -> Samples:
    """Features that are whole numbers over 64: the same to the bit on every machine."""
    i, j = np.arange(n)[:, np.newaxis], np.arange(d)
    y = np.arange(n) * 7 % (n_classes + 2) % n_classes
    wild = (i * i * 31 + (j + 3) * i * 17 + j * j * 11) % 127 - 63
    return (wild + 32 * (j % n_classes == y[:, np.newaxis])) / 64, y


def inputs() -> dict[str, Samples]:
    """More samples than features, fewer, and a table that was measured."""
    table = np.loadtxt(FILE.parent / "iris.csv", delimiter=",")
    return {
        "iris": (table[:, :4], table[:, 4].astype(np.int64)),
        "tall": grid(90, 6, 4),
        "wide": grid(24, 40, 3),
    }


def digest(*arrays: NDArray[Any]) -> str:
    """SHA-256 over types, shapes and bytes in little-endian order."""
    found = hashlib.sha256()
    for array in arrays:
        ordered = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        found.update(f"{ordered.dtype.str} {ordered.shape}".encode() + ordered.tobytes())
    return found.hexdigest()


def score(name: str, X: NDArray[np.float64], y: NDArray[np.int64]) -> float:
    """A score of the registry, given what it needs of features and labels."""
    discrete = (X[:, 0] > X[:, 0].mean()) * 2 + (X[:, 1] > X[:, 1].mean())
    given: dict[str, Any] = {
        "features": X,
        "source_features": X[:, :3],
        "source_labels": discrete,
        "source_probabilities": np.abs(X) / np.abs(X).sum(axis=1, keepdims=True),
        "x": discrete,
        "optimal": X[:, :8],
        "labels": y,
        "target_labels": y,
        "targets": y,
    }
    registered = transferscore.scores()[name]
    named = {need: given[need] for need in registered.needs}
    with warnings.catch_warnings():
        # Of fewer samples than features, some scores say that they tell nothing.
        warnings.simplefilter("ignore", UserWarning)
        return float(registered.compute(**named))


def transports(X: NDArray[np.float64], y: NDArray[np.int64]) -> dict[str, float]:
    """Optimal transport from the first half of the samples to the second."""
    half = len(X) // 2
    points = {"source_points": X[:half], "target_points": X[half:]}
    plan = transferscore.sinkhorn(**points, **SOLVED)
    found = transferscore.otce(
        source_features=X[:half],
        source_labels=y[:half],
        target_features=X[half:],
        target_labels=y[half:],
        **SOLVED,
    )
    return {
        "sinkhorn transport cost": plan.transport_cost,
        "sinkhorn regularised cost": plan.regularised_cost,
        "otce domain difference": found.domain_difference,
        "otce task difference": found.task_difference,
    }


def values(X: NDArray[np.float64], y: NDArray[np.int64]) -> Iterator[tuple[str, str, float]]:
    """Name, name of the tolerance, value."""
    for name in transferscore.scores():
        yield name, "LEVELS", score(name, X, y)
    for name, value in transports(X, y).items():
        yield name, "LEVELS_OF_SOLUTIONS", value


def record() -> dict[str, Any]:
    """What the file holds, by the installed package."""
    found: dict[str, Any] = {
        "generator": "tests/golden_scores.py",
        "version": transferscore.__version__,
        "numpy": version("numpy"),
        "level": transferscore.isa(),
        "inputs": {name: digest(*samples) for name, samples in inputs().items()},
        "tolerances": TOLERANCES,
        "scores": {},
    }
    for place, samples in inputs().items():
        for name, tolerance, value in values(*samples):
            entry = found["scores"].setdefault(name, {"tolerance": tolerance, "values": {}})
            entry["values"][place] = value
    return found


def differences(golden: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """What is not as it was, a line each; scores that one of both lacks are none."""
    changed = [
        f"the input {name} is another one"
        for name, expected in golden["inputs"].items()
        if found["inputs"].get(name) != expected
    ]
    for name in golden["scores"].keys() & found["scores"].keys():
        entry = golden["scores"][name]
        tolerance = golden["tolerances"][entry["tolerance"]]
        for place, expected in entry["values"].items():
            value = found["scores"][name]["values"][place]
            if not math.isclose(value, expected, rel_tol=tolerance, abs_tol=0):
                changed.append(f"{name} of {place} is {value!r}, was {expected!r}")
    return sorted(changed)


def main(arguments: list[str], write: Callable[[str], object] = sys.stdout.write) -> int:
    found = record()
    if arguments == ["--write"]:
        FILE.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8", newline="\n")
        return 0
    golden = json.loads(FILE.read_text(encoding="utf-8"))
    changed = differences(golden, found)
    lacking = sorted(golden["scores"].keys() - found["scores"].keys())
    lines = [*changed, *(f"{name} is not in this version" for name in lacking)]
    compared = len(golden["scores"]) - len(lacking)
    lines.append(
        f"transferscore {found['version']} against values of {golden['version']}: "
        f"{compared} scores, {len(changed)} differences"
    )
    write("\n".join(lines) + "\n")
    return int(bool(changed) or not compared)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
