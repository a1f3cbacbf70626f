"""Read volumes and label maps from NIfTI files, with the size and the place of their voxels.

Nothing is resampled: which voxels of two scans show the same place, a registration tool must say.
Whatever is wrong is said in one line that names the file: :class:`transferscore.io.FileError`.
"""

import math
import os
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from transferscore import _checks

PathLike = str | os.PathLike[str]
Holds = Literal["labels", "intensities"]

SUFFIXES = (".nii", ".nii.gz")
# Deflate reaches 1032 : 1, and label maps come near it. Up to this many bytes unpack for free.
MOST_RATIO, FREE_BYTES = 1100, 64 * 2**20
# Two grids are one where no voxel lies farther off than this share of the smallest spacing.
SAME_PLACE = 1e-2


@dataclass(frozen=True, eq=False)
class Volume:
    """A volume with its place in space.

    Attributes
    ----------
    data : ndarray of shape (x, y, z)
        Values in the order of the file's axes; labels are integers.
    spacing : tuple of three floats
        Size of a voxel along each axis, as the affine says, in the file's unit (commonly mm).
    affine : ndarray of shape (4, 4)
        From voxel indices to positions.
    """

    data: NDArray[Any]
    spacing: tuple[float, float, float]
    affine: NDArray[np.float64]


def load_volume(path: PathLike, *, holds: Holds) -> Volume:
    """Load a NIfTI file.

    Needs nibabel: pip install 'transferscore[io]'.

    Parameters
    ----------
    path : path-like
        A `.nii` or `.nii.gz` file with one volume; a fourth axis of length 1 is left out.
    holds : "labels" or "intensities"
        What it must hold. Labels are whole numbers, in files of floats too, and come as integers.
        Intensities come as stored, scaled where the file says so.

    Returns
    -------
    Volume
        The values with spacing and affine.

    Raises
    ------
    FileError
        Where the file is missing, damaged, too small for what its header declares, not three-
        dimensional, without a place in space, or holds something else.
    ModuleNotFoundError
        Where nibabel is missing.

    Examples
    --------
    >>> import tempfile
    >>> import nibabel
    >>> import numpy as np
    >>> from transferscore.pixels import load_volume
    >>> labels = np.zeros((4, 5, 6), dtype=np.uint8)
    >>> path = tempfile.mkdtemp() + "/labels.nii.gz"
    >>> nibabel.save(nibabel.Nifti1Image(labels, np.diag([1, 1, 2.5, 1])), path)
    >>> volume = load_volume(path, holds="labels")
    >>> volume.data.shape, volume.data.dtype.name, volume.spacing
    ((4, 5, 6), 'uint8', (1.0, 1.0, 2.5))
    """
    are_labels = _checks.choice(holds, "holds", ("labels", "intensities")) == "labels"
    file = Path(path)
    values, affine = _read(file)
    return Volume(_labels(values, file) if are_labels else values, _spacing(affine, file), affine)


def load_volumes(paths: Iterable[PathLike], *, holds: Holds) -> list[Volume]:
    """Load NIfTI files that lie on one grid.

    Needs nibabel: pip install 'transferscore[io]'.

    Parameters
    ----------
    paths : iterable of path-like
        Files, as for `load_volume`.
    holds : "labels" or "intensities"
        What all must hold.

    Returns
    -------
    list of Volume
        In the order of the files.

    Raises
    ------
    FileError
        As for `load_volume`, and where a volume has another shape than the first one, or its voxels
        lie elsewhere. Nothing is resampled.

    Examples
    --------
    >>> import tempfile
    >>> import nibabel
    >>> import numpy as np
    >>> from transferscore.pixels import load_volumes
    >>> folder = tempfile.mkdtemp()
    >>> for name, shift in (("a", 0), ("b", 3)):
    ...     affine = np.array([[1, 0, 0, shift], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    ...     image = nibabel.Nifti1Image(np.zeros((2, 2, 2), dtype=np.uint8), affine)
    ...     nibabel.save(image, f"{folder}/{name}.nii")
    >>> try:
    ...     load_volumes([f"{folder}/a.nii", f"{folder}/b.nii"], holds="labels")
    ... except ValueError as error:
    ...     print(str(error).replace(folder, "..."))
    '.../b.nii' must lie on the grid of '.../a.nii', lies up to 3 off; resample it first, labels by
    nearest neighbour
    """
    files = [Path(path) for path in paths]
    volumes = [load_volume(file, holds=holds) for file in files]
    for file, volume in zip(files[1:], volumes[1:], strict=True):
        _check_grid(volume, file, volumes[0], files[0])
    return volumes


def _read(file: Path) -> tuple[NDArray[Any], NDArray[np.float64]]:
    from transferscore.io import FileError

    nibabel = _checks.from_extra("io", "nibabel")
    damages = (
        *(OSError, EOFError, ValueError, TypeError, OverflowError, MemoryError, zlib.error),
        nibabel.filebasedimages.ImageFileError,
        nibabel.spatialimages.HeaderDataError,
    )
    n_bytes = _size_of(file)
    try:
        image = nibabel.load(file)
        _check_header(image, n_bytes, file)
        values = np.asarray(image.dataobj)
        affine = np.array(image.affine, dtype=np.float64)
    except FileError:
        raise
    except damages as error:
        raise _error(file, f"must be a NIfTI file, is a damaged one: {_one_line(error)}") from error
    return values.reshape(values.shape[:3]), affine


def _size_of(file: Path) -> int:
    if not file.name.lower().endswith(SUFFIXES):
        raise _error(file, "must be a .nii or .nii.gz file, has another suffix")
    if not file.is_file():
        raise _error(file, "must be a file, " + ("is none" if file.exists() else "does not exist"))
    return file.stat().st_size


def _check_header(image: Any, n_bytes: int, file: Path) -> None:
    """Compare what the header declares with what is there, before anything is allocated."""
    dtype, shape = image.get_data_dtype(), image.shape
    if dtype.kind not in "biuf":
        raise _error(file, f"must hold real numbers, holds {dtype.name}")
    if len(shape) < 3 or 0 in shape or math.prod(shape[3:]) != 1:
        raise _error(file, f"must have shape (x, y, z), has shape {shape}")
    needed = math.prod(shape) * dtype.itemsize
    packed = file.name.lower().endswith(".gz")
    room = max(FREE_BYTES, MOST_RATIO * n_bytes) if packed else n_bytes - image.dataobj.offset
    if needed > room:
        declared = f"{needed:,} bytes for shape {shape} of {dtype.name}"
        raise _error(file, f"must hold {declared}, is too small for them")


def _labels(values: NDArray[Any], file: Path) -> NDArray[Any]:
    if values.dtype.kind in "iub":
        return values
    whole = np.isfinite(values) & (values == np.floor(values)) & (np.abs(values) < 2.0**31)
    if not whole.all():
        raise _error(file, f"must hold whole numbers as labels, holds {values[~whole][0]:g}")
    return values.astype(np.int32)


def _spacing(affine: NDArray[np.float64], file: Path) -> tuple[float, float, float]:
    linear = affine[:3, :3]
    if not np.isfinite(affine).all() or abs(np.linalg.det(linear)) == 0:
        raise _error(file, "must place its voxels in space, has an affine that is singular")
    x, y, z = np.linalg.norm(linear, axis=0).tolist()
    return x, y, z


def _check_grid(volume: Volume, file: Path, first: Volume, first_file: Path) -> None:
    of = f"must lie on the grid of {_name(first_file)}"
    hint = "resample it first, labels by nearest neighbour"
    if volume.data.shape != first.data.shape:
        shapes = f"has shape {volume.data.shape}, not {first.data.shape}"
        raise _error(file, f"{of}, {shapes}; {hint}")
    corners = np.array([(*c, 1) for c in product(*((0, n - 1) for n in first.data.shape))])
    off = np.linalg.norm(corners @ (volume.affine - first.affine).T, axis=1).max()
    if off > SAME_PLACE * min(first.spacing):
        raise _error(file, f"{of}, lies up to {off:.3g} off; {hint}")


def _name(file: Path) -> str:
    from transferscore.io import printable

    return f"'{printable(file)}'"


def _one_line(error: BaseException) -> str:
    from transferscore.io import printable

    return printable(error) or type(error).__name__


def _error(file: Path, text: str) -> ValueError:
    from transferscore.io import FileError

    return FileError(f"{_name(file)} {text}")
