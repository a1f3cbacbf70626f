"""Load label maps and feature maps: one file with all, or a folder with a file for each image.

Files are as little trusted as those of :mod:`transferscore.io`.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferscore.io import FileError, PathLike, Role, load_array, printable

__all__ = ["load_feature_maps", "load_label_maps"]

Arrays = NDArray[Any] | list[NDArray[Any]]

ARRAYS = (".npy", ".npz")
AXES = {2: "H, W", 3: "D, H, W"}


def load_label_maps(path: PathLike, *, ndim: int = 2) -> Arrays:
    """Load label maps.

    Parameters
    ----------
    path : path-like
        An ``.npy`` or ``.npz`` file with maps (N, H, W) of whole numbers or booleans (in an archive
        the array ``labels``, or the only one); or a folder with an ``.npy``, ``.npz`` or ``.png``
        file (H, W) for each image, in the order of their names. In a picture with a palette the
        numbers of its colours are the labels.
    ndim : 2 or 3, default 2
        Dimensions of one map.

    Returns
    -------
    ndarray of shape (N, H, W) or list of ndarray of shape (H, W)
        As stored. An ``.npy`` file is memory-mapped.

    Raises
    ------
    FileError
        Where a file is missing, damaged, pickled, or holds something else.
    ModuleNotFoundError
        Where there are pictures and Pillow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from transferscore.pixels.io import load_label_maps
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(Path(folder) / "maps.npz", labels=np.zeros((4, 6, 8), np.uint8))
    ...     load_label_maps(Path(folder) / "maps.npz").shape
    (4, 6, 8)
    """
    many, one = _roles("labels", AXES[ndim], ndim, "biu", "whole numbers or booleans")

    def load_one(file: Path) -> NDArray[Any]:
        return _picture(file) if file.suffix.lower() == ".png" else load_array(file, one)

    return _load(Path(path), many, load_one, (*ARRAYS, ".png"))


def load_feature_maps(path: PathLike, *, ndim: int = 2) -> Arrays:
    """Load the feature maps of one model.

    Parameters
    ----------
    path : path-like
        An ``.npy`` or ``.npz`` file with maps (N, C, h, w) or (N, h, w, C) of real numbers (in an
        archive the array ``features``, or the only one); or a folder with an ``.npy`` or ``.npz``
        file for each image, in the order of their names.
    ndim : 2 or 3, default 2
        Dimensions of an image, without channels.

    Returns
    -------
    ndarray of shape (N, C, h, w) or list of ndarray of shape (C, h, w)
        As stored. ``.npy`` files are memory-mapped.

    Raises
    ------
    FileError
        Where a file is missing, damaged, pickled, or holds something else.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from transferscore.pixels.io import load_feature_maps
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("a", "b"):
    ...         np.savez(Path(folder) / name, features=np.zeros((16, 6, 8)))
    ...     len(load_feature_maps(folder))
    2
    """
    axes = f"C, {AXES[ndim].lower()}"
    many, one = _roles("features", axes, ndim + 1, "biuf", "real numbers")
    return _load(Path(path), many, lambda file: load_array(file, one), ARRAYS)


def _roles(key: str, axes: str, ndim: int, kinds: str, values: str) -> tuple[Role, Role]:
    """Of a file with all maps, and of a file with one."""
    return (
        Role(key, f"(N, {axes})", (ndim + 1,), kinds, values),
        Role(key, f"({axes})", (ndim,), kinds, values),
    )


def _load(
    path: Path, many: Role, load_one: Callable[[Path], NDArray[Any]], suffixes: tuple[str, ...]
) -> Arrays:
    if not path.is_dir():
        return load_array(path, many)
    files = sorted(
        file
        for file in path.iterdir()
        if file.suffix.lower() in suffixes and not file.name.startswith(".")
    )
    if not files:
        wanted = ", ".join(suffixes)
        raise FileError(f"'{printable(path)}' must hold files that end in {wanted}, holds none")
    return [load_one(file) for file in files]


def _picture(file: Path) -> NDArray[Any]:
    """Labels of a picture with one channel."""
    name = f"'{printable(file)}'"
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "pictures need Pillow, which is not installed; pip install 'transferscore[images]'",
            name=error.name,
        ) from error
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(file, formats=("PNG",)) as picture:
                if picture.mode not in ("1", "L", "P", "I", "I;16"):
                    raise FileError(
                        f"{name} must have one channel, a label for each pixel, has the channels "
                        f"{'-'.join(picture.getbands())}"
                    )
                return np.array(picture)
        except FileError:
            raise
        except (
            OSError,
            ValueError,
            SyntaxError,
            Image.DecompressionBombError,
            Image.DecompressionBombWarning,
        ) as error:
            raise FileError(
                f"{name} must be a .png picture, is none: {printable(error)}"
            ) from error
