"""Load feature matrices and labels from files, write what torch wrote in a safe format.

A file is a stranger. Its header is read and compared with the bytes that are really there
*before* anything is allocated, pickles are never read, and whatever is wrong is said in one
line that names the file: :class:`FileError`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferscore.io._files import FileError, Key, PathLike, Role, StoredMatrix, named, printable
from transferscore.io._files import error as _error
from transferscore.io._formats import is_one_file, load_array, reading
from transferscore.io._listing import FeatureFile, display_names, list_feature_files
from transferscore.io._numpy import load_archive
from transferscore.io._torch import convert_torch

__all__ = [
    "FeatureFile",
    "FileError",
    "PathLike",
    "Role",
    "StoredMatrix",
    "convert_torch",
    "display_names",
    "is_one_file",
    "list_feature_files",
    "load_archive",
    "load_array",
    "load_features",
    "load_labels",
    "open_features",
    "printable",
]

_FEATURES = Role("features", "(n, d)", (2,), "biuf", "real numbers")
_LABELS = Role("labels", "(n,)", (1,), "biufUS", "whole numbers, booleans or strings")


def load_features(path: PathLike, *, key: Key = None) -> NDArray[Any]:
    """Load a feature matrix.

    ``.npy`` and ``.safetensors`` files are memory-mapped read-only, so a large one costs no memory
    until it is used; other formats are read. :func:`open_features` reads them in chunks.

    Parameters
    ----------
    path : path-like
        A file with a 2-D array of real numbers, of a kind that its suffix tells: ``.npy``,
        ``.npz``, ``.safetensors``, ``.h5`` and ``.hdf5`` (HDF5), ``.zarr`` (a folder) or
        ``.parquet``. All but the first two need the extra `io`.
    key : str or sequence of str, optional
        Which array, where a file holds several; in HDF5 and zarr a path such as ``test/features``.
        Default: ``features``, or the only one. In Parquet it names columns of numbers, or one
        column of lists of one length; the default is the column ``features``, or the only one of
        lists, or all columns but ``labels``.

    Returns
    -------
    ndarray of shape (n, d)
        In the dtype and memory order of the file; bfloat16 as float32, which holds the same
        numbers. Values are not looked at here: whether they are finite is checked by the score.

    Raises
    ------
    FileError
        Where the file is missing, damaged, pickled, or holds something else.
    ModuleNotFoundError
        Where the format needs the extra `io`.

    Examples
    --------
    >>> from transferscore.datasets import load_zoo
    >>> from transferscore.io import load_features
    >>> model = load_zoo().tasks["omniglot_alphabets"].models["untrained_4conv"]
    >>> load_features(model.file).shape
    (720, 64)
    """
    return load_array(Path(path), _FEATURES.under(key))


@contextmanager
def open_features(path: PathLike, *, key: Key = None) -> Iterator[NDArray[Any] | StoredMatrix]:
    """Open a feature matrix of which rows are read on request.

    What `FeatureStatistics` sums in chunks, so that it may be larger than memory. Only ``.npz``
    archives, which give no rows on request, are read at once.

    Parameters
    ----------
    path : path-like
        As for :func:`load_features`.
    key : str or sequence of str, optional
        As for :func:`load_features`.

    Returns
    -------
    context manager of ndarray or StoredMatrix of shape (n, d)
        Open until the block is left. ``numpy.asarray`` reads all of it; Parquet is read fastest
        from its first row to its last.

    Raises
    ------
    FileError
        As for :func:`load_features`, also later, where rows turn out to be damaged.

    Examples
    --------
    >>> from transferscore import FeatureStatistics
    >>> from transferscore.datasets import load_zoo
    >>> from transferscore.io import open_features
    >>> task = load_zoo().tasks["omniglot_alphabets"]
    >>> with open_features(task.models["untrained_4conv"].file) as features:
    ...     FeatureStatistics().partial_fit(features, task.labels)
    FeatureStatistics(n=720, d=64, classes=20)
    """
    with reading(Path(path), _FEATURES.under(key)) as stored:
        yield stored


def load_labels(path: PathLike, *, key: str | None = None) -> NDArray[Any]:
    """Load one label per sample.

    As :func:`load_features`, but for a 1-D array of whole numbers (of any type), booleans or
    strings.

    Parameters
    ----------
    path : path-like
        A file of a kind that :func:`load_features` reads.
    key : str, optional
        Which array or column, where a file holds several. Default: ``labels``, or the only one.

    Returns
    -------
    ndarray of shape (n,)
        The labels as they are stored.

    Raises
    ------
    FileError
        Where the file is missing, damaged, pickled, or holds something else.

    Examples
    --------
    >>> from transferscore.datasets import load_zoo
    >>> from transferscore.io import load_labels
    >>> load_labels(load_zoo().tasks["omniglot_alphabets"].folder / "labels.npy").shape
    (720,)
    """
    labels = load_array(Path(path), _LABELS.under(key))
    if labels.dtype.kind == "f":
        odd = labels[~np.isfinite(labels) | (labels != np.floor(labels))]
        if odd.size:
            raise _error(named(path), f"must hold {_LABELS.values}, holds {odd[0]}")
    return labels
