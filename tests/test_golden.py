"""Golden files: each says what made it, of which input, and how near a result must come to it."""

from __future__ import annotations

import copy
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import golden_scores
import test_statistics_files
import tolerances
import transferscore

TESTS = Path(__file__).parent
FOLDER = TESTS / "golden"
FILES: dict[str, dict[str, Any]] = json.loads((FOLDER / "files.json").read_text("utf-8"))
OWN = {"README.md", "files.json", "scores.json"}  # words, the list itself, what lists itself
NO_TEXT = (".npz",)


@pytest.fixture(scope="module")
def golden() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(golden_scores.FILE.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return golden_scores.record()


# Scores of fixed inputs


def test_scores_are_those_of_the_file(golden: dict[str, Any], found: dict[str, Any]) -> None:
    assert golden_scores.differences(golden, found) == []


def test_every_score_is_in_the_file(golden: dict[str, Any], found: dict[str, Any]) -> None:
    assert found["scores"].keys() == golden["scores"].keys()
    assert transferscore.scores().keys() <= found["scores"].keys()


def test_the_file_says_where_it_is_from(golden: dict[str, Any], found: dict[str, Any]) -> None:
    assert golden["inputs"] == found["inputs"]
    assert (TESTS.parent / golden["generator"]).is_file()
    assert all(part.isdigit() for part in golden["version"].split("."))
    assert golden["tolerances"] == {
        "LEVELS": tolerances.LEVELS["float64"],
        "LEVELS_OF_SOLUTIONS": tolerances.LEVELS_OF_SOLUTIONS["float64"],
    }


def test_differences_are_seen(golden: dict[str, Any]) -> None:
    for name, entry in golden["scores"].items():
        changed = copy.deepcopy(golden)
        factor = 1 + 3 * golden["tolerances"][entry["tolerance"]]
        changed["scores"][name]["values"]["tall"] *= factor
        (line,) = golden_scores.differences(golden, changed)
        assert line.startswith(f"{name} of tall is ")
    changed = copy.deepcopy(golden)
    changed["inputs"]["tall"] = "0" * 64
    assert golden_scores.differences(golden, changed) == ["the input tall is another one"]
    changed["scores"]["h_score"]["values"]["tall"] = float("nan")
    assert len(golden_scores.differences(golden, changed)) == 2


def test_the_command_names_what_is_lacking(
    monkeypatch: pytest.MonkeyPatch, found: dict[str, Any]
) -> None:
    """As with a release from before a score was there."""
    text: list[str] = []
    earlier = copy.deepcopy(found)
    del earlier["scores"]["knn"]
    earlier["version"] = "0.0.9"
    monkeypatch.setattr(golden_scores, "record", lambda: earlier)
    assert golden_scores.main([], text.append) == 0
    n = len(found["scores"]) - 1
    assert "".join(text) == (
        "knn is not in this version\n"
        f"transferscore 0.0.9 against values of {found['version']}: {n} scores, 0 differences\n"
    )
    earlier["scores"]["logme"]["values"]["iris"] += 1e-3
    assert golden_scores.main([], text.append) == 1
    assert "logme of iris is " in "".join(text)


def test_an_input_is_told_by_its_bits() -> None:
    X, y = golden_scores.grid(20, 3, 2)
    expected = golden_scores.digest(X, y)
    assert golden_scores.digest(np.asfortranarray(X), y.astype(">i8")) == expected
    X[3, 1] = np.nextafter(X[3, 1], 9)
    assert golden_scores.digest(X, y) != expected
    assert golden_scores.digest(X[:, :2], y) != golden_scores.digest(X[:, :2].T, y)


# All other files


def content(name: str) -> bytes:
    """The same bytes where git has made two characters of an end of line."""
    data = (FOLDER / name).read_bytes()
    return data if name.endswith(NO_TEXT) else data.replace(b"\r\n", b"\n")


def test_every_file_is_listed() -> None:
    assert {place.name for place in FOLDER.iterdir()} == OWN | FILES.keys()
    for entry in FILES.values():
        assert {"input", "generator", "version", "checked_by", "tolerances"} <= entry.keys()


@pytest.mark.parametrize("name", [name for name in FILES if (FOLDER / name).is_file()])
def test_a_file_is_the_listed_one(name: str) -> None:
    assert hashlib.sha256(content(name)).hexdigest() == FILES[name]["sha256"]


@pytest.mark.parametrize("name", FILES)
def test_the_listed_tolerance_is_that_of_its_tests(name: str) -> None:
    entry = FILES[name]
    source = (TESTS / entry["checked_by"]).read_text(encoding="utf-8")
    for tolerance, value in entry["tolerances"].items():
        assert getattr(tolerances, tolerance) == value
        assert tolerance in source


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith("_v1.npz")])
def test_files_of_statistics_are_of_these_samples(name: str) -> None:
    assert golden_scores.digest(*test_statistics_files.samples()) == FILES[name]["input"]
