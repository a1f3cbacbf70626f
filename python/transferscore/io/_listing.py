"""Files and folders of features, and names that tell them apart."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from transferscore.io._files import PathLike
from transferscore.io._formats import SUFFIXES, is_one_file, names_in


@dataclass(frozen=True)
class FeatureFile:
    """A feature file and the shortest name that tells it from the others."""

    name: str
    path: Path


def list_feature_files(
    paths: PathLike | Iterable[PathLike], *, labels: PathLike | None = None
) -> list[FeatureFile]:
    """Expand files and folders into feature files with distinct display names.

    Parameters
    ----------
    paths : path-like or iterable of these
        Files and folders. A folder stands for the files directly in it that
        :func:`load_features` reads, sorted by name, without hidden ones; a folder that ends in
        ``.zarr`` is such a file itself. A folder with none, or one that cannot be opened,
        stays in the list as itself, and loading it says that it is a folder.
    labels : path-like, optional
        The labels file. It is left out, unless it holds an array ``features``, too.

    Returns
    -------
    list of FeatureFile
        The files in the order given, each once. The display name is the file name without
        suffix; where two would be equal, parent folder or suffix are added.

    Examples
    --------
    >>> from transferscore.datasets import load_zoo
    >>> from transferscore.io import list_feature_files
    >>> folder = load_zoo().tasks["omniglot_alphabets"].folder
    >>> [file.name for file in list_feature_files(folder, labels=folder / "labels.npy")][:2]
    ['alphabets_2conv_long', 'alphabets_4conv_long']
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else paths
    found = {_key(path): path for entry in given for path in _expand(Path(entry), labels)}
    files = list(found.values())
    names = display_names(files)
    return [FeatureFile(name, path) for name, path in zip(names, files, strict=True)]


def _expand(path: Path, labels: PathLike | None) -> list[Path]:
    if is_one_file(path):
        return [] if _is_only_labels(path, labels) else [path]
    try:
        entries = sorted(path.iterdir())
    except OSError:
        entries = []
    inside = [
        entry
        for entry in entries
        if entry.suffix.lower() in SUFFIXES
        and not entry.name.startswith(".")
        and not _is_only_labels(entry, labels)
    ]
    return inside or [path]


def _is_only_labels(path: Path, labels: PathLike | None) -> bool:
    """Whether this is the labels file and holds no features, too."""
    return (
        labels is not None and _key(path) == _key(Path(labels)) and "features" not in names_in(path)
    )


def _key(path: Path) -> str:
    """One file, one key, however its path is written; two links to a file are two models."""
    return os.path.abspath(path)


def display_names(paths: list[Path]) -> list[str]:
    """The shortest name of each path that tells it from the others."""
    groups = defaultdict(list)
    for path in paths:
        groups[path.stem].append(path)
    names = {path: name for group in groups.values() for path, name in _tell_apart(group)}
    uses = Counter(names.values())  # 'a.npy' may also be the stem of 'a.npy.npz'
    return [names[path] if uses[names[path]] == 1 else str(path) for path in paths]


def _tell_apart(group: list[Path]) -> Iterable[tuple[Path, str]]:
    """Name files of one stem: by stem, by folder and stem, by file name, by ever more folders."""
    full = [Path(_key(path)) for path in group]
    choices = [
        [path.stem for path in full],
        [f"{path.parent.name}/{path.stem}" for path in full],
        [path.name for path in full],
    ]
    depth = max(len(path.parts) for path in full)
    choices += [["/".join(path.parts[-k:]) for path in full] for k in range(2, depth + 1)]
    names = next(names for names in choices if len(set(names)) == len(names))
    return zip(group, names, strict=True)
