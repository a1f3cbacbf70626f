"""Target images: what image-to-image tasks are made of."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore._checks.arrays import Floats, as_array, kernel_ready, real_matrix
from transferscore._checks.arrays import refuse_nonfinite as refuse_nonfinite_rows
from transferscore._checks.numbers import count

Layout = Literal["hwc", "chw"] | None

MOST_COLOURS = 1024
CHUNK = 2**24  # bytes of images looked at together


def images(value: ArrayLike, layout: object, superpixel: object) -> tuple[NDArray[Any], int]:
    """Images (n, H, W, C) of a number type that the kernels read, and the side of a square."""
    A = as_array(value, "target_images")
    if A.dtype.kind not in "fiub":
        raise TypeError(f"`target_images` must hold real numbers, got dtype {A.dtype}")
    A = _as_hwc(A, layout)
    if A.size == 0:
        raise ValueError(f"`target_images` must have pixels, got shape {np.shape(value)}")
    if len(A) < 2:
        raise ValueError("`target_images` must have at least two images, got one")
    side = count(superpixel, "superpixel")
    height, width = A.shape[1:3]
    if height % side or width % side:
        raise ValueError(
            f"`superpixel` must divide the height and the width of `target_images`, {height} and "
            f"{width}, got {side}"
        )
    A = _readable(A)
    _refuse_nonfinite(A)
    return A, side


def n_colours(value: object) -> int:
    """Into how many colours a pixel is quantised."""
    number = count(value, "n_colours", least=2)
    if number > MOST_COLOURS:
        raise ValueError(f"`n_colours` must be at most {MOST_COLOURS}, got {number}")
    return number


def features_of_images(features: ArrayLike, n: int, name: str, n_threads: int) -> Floats:
    """Aligned features (n, d), a row for each image."""
    X = real_matrix(features, name)
    if len(X) != n:
        raise ValueError(
            f"`target_images` must have an image for each row of `{name}`, {len(X)}, got {n}"
        )
    X = kernel_ready(X)
    refuse_nonfinite_rows(X, name, None, n_threads)
    return X


def feature_sources(value: object, n: int, n_threads: int) -> dict[Any, Floats]:
    """Features (n, d_s) by the name of their source, all of one number type."""
    if not isinstance(value, Mapping):
        raise TypeError(
            f"`sources` must be a mapping of names to features, got {type(value).__name__}"
        )
    if not value:
        raise ValueError("`sources` must have at least one source, got none")
    found = {
        name: features_of_images(features, n, f"sources[{name!r}]", n_threads)
        for name, features in value.items()
    }
    if len({X.dtype for X in found.values()}) > 1:
        return {name: X.astype(np.float64, copy=False) for name, X in found.items()}
    return found


def order(value: object, n_sources: int) -> int:
    """How many sources stand side by side at most."""
    number = count(value, "order")
    if number > n_sources:
        raise ValueError(
            f"`order` must be at most the number of `sources`, {n_sources}, got {number}"
        )
    return number


def no_colours() -> ValueError:
    """The error where there is nothing to predict."""
    return ValueError(
        "`target_images` must differ from each other, got the same image at all pixels"
    )


def _as_hwc(A: NDArray[Any], layout: object) -> NDArray[Any]:
    """A view (n, H, W, C)."""
    if layout not in (None, "hwc", "chw"):
        raise ValueError(f"`layout` must be None, 'hwc' or 'chw', got {layout!r}")
    if layout is None:
        if A.ndim == 4:
            raise ValueError(
                "`layout` must be 'hwc' or 'chw' for `target_images` of four axes, got None for "
                f"shape {A.shape}"
            )
        if A.ndim != 3:
            raise ValueError(f"`target_images` must have shape (n, H, W), got {A.shape}")
        return A[..., np.newaxis]
    if A.ndim != 4:
        axes = ", ".join(str(layout).upper())
        raise ValueError(
            f"`target_images` must have shape (n, {axes}) for layout {layout!r}, got {A.shape}"
        )
    return A if layout == "hwc" else np.moveaxis(A, 1, -1)


def _readable(A: NDArray[Any]) -> NDArray[Any]:
    """A copy only of what is not native, or a float of 2 or more than 8 bytes."""
    if A.dtype.kind == "b":
        return A.view(np.uint8)
    if A.dtype.kind == "f" and A.dtype.itemsize not in (4, 8):
        with np.errstate(over="ignore"):  # a long double may become infinite, which is refused
            return A.astype(np.float32 if A.dtype.itemsize == 2 else np.float64)
    return A.astype(A.dtype.newbyteorder("="), copy=False)


def _refuse_nonfinite(A: NDArray[Any]) -> None:
    if A.dtype.kind != "f":
        return
    at_once = max(1, CHUNK // max(1, A[0].nbytes))
    for first in range(0, len(A), at_once):
        chunk = A[first : first + at_once]
        finite = np.isfinite(chunk)
        if not finite.all():
            i, row, column, channel = np.unravel_index(np.argmin(finite), chunk.shape)
            of_channel = f", channel {channel}" if A.shape[3] > 1 else ""
            raise ValueError(
                f"`target_images` must be finite, got {chunk[i, row, column, channel]} in image "
                f"{first + i} at row {row}, column {column}{of_channel}"
            )
