"""Files of statistics that were summed before: not trusted, and told from others."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferscore._checks.probabilities import ROW_SUMS, TRANSFORMS

SIDES = ("source", "target")


def statistics_file(
    path: str | os.PathLike[str], what: str, version: int, fields: Mapping[str, str]
) -> dict[str, Any]:
    """The arrays of a file of statistics, by name. `fields` has a letter for each axis of each."""
    from transferscore.io import FileError, load_archive

    os.stat(path)  # a missing file is no damaged one
    axes = {"format": "", "version": "", **fields}
    try:
        content = load_archive(path, {name: len(letters) for name, letters in axes.items()})
    except FileError as error:
        raise ValueError(f"`path` must be a file of {what}: {error}") from error
    if str(content.get("format")) != f"transferscore {what}" or "version" not in content:
        raise ValueError(f"`path` must be a file of {what}, got {path!s}")
    if content["version"] != version:
        raise ValueError(
            f"`path` must hold {what} of version {version}, got {content['version']}; "
            "they may come from a later version of transferscore"
        )
    missing = fields.keys() - content.keys()
    if missing:
        raise ValueError(f"`path` must hold all fields, got none for {', '.join(sorted(missing))}")
    sizes: dict[str, int] = {}
    for name, letters in fields.items():
        content[name] = content[name].astype(content[name].dtype.newbyteorder("="), copy=False)
        for letter, size in zip(letters, content[name].shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise damaged(path, what, f"`{name}` has shape {content[name].shape}")
    return content


def feature_statistics_file(
    path: str | os.PathLike[str], what: str, version: int, fields: Mapping[str, str]
) -> tuple[NDArray[Any], tuple[Any, ...]]:
    """Classes and sums, in the order of the fields."""
    content = statistics_file(path, what, version, {**fields, "classes": "k"})
    wrong = (
        stored_classes(content, "classes")
        or stored_counts(content, "n", "counts")
        or stored_numbers(content, *fields)
    )
    if wrong is None:
        scatter, unit = content["scatter"], content["unit"]
        if content["counts"].sum() != content["n"]:
            wrong = "`counts` don't add up to `n`"
        elif unit <= 0 or np.frexp(unit)[0] != 0.5:
            wrong = "`unit` is no power of two"
        elif (scatter != scatter.T).any() or (np.diagonal(scatter) < 0).any():
            wrong = "`scatter` is none"
        elif content["radial_fourth"] < 0:
            wrong = "`radial_fourth` is negative"
    if wrong is not None:
        raise damaged(path, what, wrong)
    n, unit, *arrays, fourth = (content[name] for name in fields)
    doubles = [np.ascontiguousarray(array, np.float64) for array in arrays]
    return content["classes"], (int(n), float(unit), *doubles, float(fourth))


def label_statistics_file(
    path: str | os.PathLike[str], what: str, version: int, fields: Mapping[str, str]
) -> dict[str, Any]:
    """Pairs of class ids with their counts, and the classes of both sides."""
    content = statistics_file(path, what, version, fields)
    wrong = stored_classes(content, "source_classes", "target_classes") or stored_counts(
        content, "counts"
    )
    for side in SIDES:
        ids, known = content[f"{side}_ids"], content[f"{side}_classes"]
        if wrong is None and not np.array_equal(np.unique(ids), np.arange(known.size)):
            wrong = f"`{side}_ids` are not those of its classes"
    if wrong is None:
        source_ids, target_ids = (content[f"{side}_ids"].astype(np.int64) for side in SIDES)
        codes = source_ids * content["target_classes"].size + target_ids
        wrong = None if (codes[1:] > codes[:-1]).all() else "its pairs are not sorted"
    if wrong is not None:
        raise damaged(path, what, wrong)
    types = {"source_ids": np.int32, "target_ids": np.int32, "counts": np.int64}
    return {name: content[name].astype(types.get(name, content[name].dtype)) for name in fields}


def prediction_statistics_file(
    path: str | os.PathLike[str], what: str, version: int, fields: Mapping[str, str]
) -> dict[str, Any]:
    """Of a first pass transform, classes, counts and masses; of a second pass its sums, too."""
    content = statistics_file(path, what, version, fields)
    content["transform"] = str(content["transform"]) or None
    wrong = stored_classes(content, "classes") or stored_counts(content, "counts")
    wrong = wrong or stored_numbers(content, *(fields.keys() - {"transform", "classes"}))
    if wrong is None:
        masses, counts = content["masses"], content["counts"]
        if content["transform"] not in (None, *TRANSFORMS):
            wrong = "`transform` is unknown"
        elif (masses < 0).any() or not np.allclose(masses.sum(axis=1), counts, rtol=ROW_SUMS[2]):
            wrong = "`masses` don't add up to `counts`"
        elif "seen" in fields and not ((content["seen"] >= 0) & (content["seen"] <= counts)).all():
            wrong = "`seen` is not within `counts`"
    if wrong is not None:
        raise damaged(path, what, wrong)
    types = {"counts": np.int64, "seen": np.int64}
    doubles = {"masses", "logs", "probabilities"}
    for name in fields.keys() - {"transform", "classes"}:
        content[name] = content[name].astype(np.float64 if name in doubles else types[name])
    return {name: content[name] for name in fields}


def damaged(path: str | os.PathLike[str], what: str, how: str) -> ValueError:
    """The error where a file of statistics contradicts itself."""
    return ValueError(f"`path` must hold whole {what}, got a damaged file: {path!s}: {how}")


def stored_numbers(content: Mapping[str, Any], *names: str) -> str | None:
    """What is wrong with arrays that must be finite numbers; None where nothing is."""
    for name in names:
        array = content[name]
        if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            return f"`{name}` is not finite"
    return None


def stored_counts(content: Mapping[str, Any], *names: str) -> str | None:
    """What is wrong with numbers of samples, each at least one; None where nothing is."""
    for name in names:
        array = content[name]
        if (wrong := stored_numbers(content, name)) is not None:
            return wrong
        if (
            (array < 1).any()
            or (array != np.floor(array)).any()
            or array.sum(dtype=np.float64) >= 2.0**62
        ):
            return f"`{name}` has no numbers of samples"
    return None


def stored_classes(content: Mapping[str, Any], *names: str) -> str | None:
    """What is wrong with sorted labels; None where nothing is."""
    for name in names:
        array = content[name]
        kinds = (np.dtype(np.int64), np.dtype(np.uint64))
        if array.dtype.kind != "U" and array.dtype not in kinds:
            return f"`{name}` has no labels"
        if (array[1:] <= array[:-1]).any():
            return f"`{name}` is not sorted"
    return None
