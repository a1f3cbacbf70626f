"""Label maps: whole numbers for every pixel, in two or three dimensions, one map or many."""

import math
import operator
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferscore._backend import backend
from transferscore._checks.arrays import Floats, as_array
from transferscore._checks.numbers import count

LabelValues = int | Sequence[int] | None
Bits = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.uint32] | NDArray[np.uint64]

LARGEST_RADIUS = 32767.0  # squared distances then fit into 32 bits
SHAPES = {2: ("(H, W)", "(N, H, W)"), 3: ("(D, H, W)", "(N, D, H, W)")}


def n_dimensions(ndim: object) -> int:
    """Dimensions of one map."""
    if isinstance(ndim, bool) or ndim not in (2, 3):
        raise ValueError(f"`ndim` must be 2 for images or 3 for volumes, got {ndim!r}")
    return operator.index(ndim)


def connectivity(value: object, ndim: int) -> int:
    """In how many coordinates neighbours may differ."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"`connectivity` must be an integer from 1 to {ndim}, got {value!r}")
    if not 1 <= value <= ndim:
        raise ValueError(f"`connectivity` must be an integer from 1 to {ndim}, got {value}")
    return int(value)


def squared_radius(radius: object) -> int:
    """The largest squared distance whose root is at most the radius."""
    if not isinstance(radius, Real) or isinstance(radius, bool):
        raise TypeError(f"`radius` must be a number of pixels, got {radius!r}")
    if not 0 <= radius <= LARGEST_RADIUS:  # type: ignore[operator]
        raise ValueError(f"`radius` must be from 0 to {LARGEST_RADIUS:g} pixels, got {radius!r}")
    r = float(radius)
    squared = int(r * r) + 1  # the product may be rounded to either side
    while math.sqrt(squared) > r:
        squared -= 1
    return squared


def is_sequence_of_maps(value: object, ndim: int) -> bool:
    """Whether this is a list or tuple of maps, and not an array written as nested lists."""
    return (
        isinstance(value, (list, tuple))
        and len(value) > 0
        and as_array(value[0], "label_maps").ndim == ndim
    )


def is_iterable_of_maps(value: object, ndim: int) -> bool:
    """Whether maps, or stacks of maps, come one after the other."""
    if isinstance(value, (list, tuple)):
        return len(value) > 0 and as_array(value[0], "label_maps").ndim in (ndim, ndim + 1)
    return not any(hasattr(value, name) for name in ("__array__", "__dlpack__")) and isinstance(
        value, Iterable
    )


def label_map(value: Any, ndim: int, position: int) -> NDArray[Any]:
    """One map of a sequence."""
    name = f"label_maps[{position}]"
    labels = _whole_numbers(value, name)
    if labels.ndim != ndim or labels.size == 0:
        raise ValueError(f"`{name}` must have shape {SHAPES[ndim][0]}, got {labels.shape}")
    return labels


def label_map_or_stack(value: Any, ndim: int, position: int) -> NDArray[Any]:
    """What an iterable of maps gives, as maps of one size (n, ...)."""
    name = f"label_maps[{position}]"
    labels = _whole_numbers(value, name)
    one, many = SHAPES[ndim]
    if labels.ndim not in (ndim, ndim + 1) or labels.size == 0:
        raise ValueError(f"`{name}` must have shape {one} or {many}, got {labels.shape}")
    return labels[np.newaxis] if labels.ndim == ndim else labels


def label_map_stack(value: Any, ndim: int) -> tuple[NDArray[Any], bool]:
    """Maps of one size (N, ...), and whether they came as one map."""
    labels = _whole_numbers(value, "label_maps")
    one, many = SHAPES[ndim]
    if labels.ndim not in (ndim, ndim + 1) or labels.size == 0:
        raise ValueError(
            f"`label_maps` must have shape {one} or {many} with ndim={ndim}, got {labels.shape}"
        )
    is_one = labels.ndim == ndim
    return (labels[np.newaxis] if is_one else labels), is_one


def labels_in_range(stacks: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """The same maps, whose labels are then known to fit into int64."""
    for stack in stacks:
        if stack.dtype.kind == "u" and stack.dtype.itemsize == 8 and (top := stack.max()) >= 2**63:
            raise ValueError(f"`label_maps` must have labels below 2**63, got {top}")
    return stacks


def _whole_numbers(value: Any, name: str) -> NDArray[Any]:
    labels = as_array(value, name)
    if labels.dtype.kind not in "iub":
        raise TypeError(
            f"`{name}` must hold integers or booleans, a label for each pixel, got dtype "
            f"{labels.dtype}"
        )
    return labels


@dataclass(frozen=True)
class StoredLabels:
    """How maps of one type store a label: the kernels compare bits."""

    dtype: np.dtype[Any]

    def bits(self, stack: NDArray[Any]) -> Bits:
        """Maps (N, ...) as unsigned numbers (N, D, H, W), without a copy where none is needed."""
        ready = np.require(stack, self.dtype.newbyteorder("="), ["C", "A"])
        flat = ready.ndim == 3
        shape = (len(ready), 1, *ready.shape[1:]) if flat else ready.shape
        return ready.view(f"u{ready.itemsize}").reshape(shape)

    def bits_of(self, values: Sequence[int]) -> list[int]:
        """Labels that this type can hold; no pixel has the others."""
        if self.dtype.kind == "b":
            return [int(value) for value in values if value in (0, 1)]
        limits = np.iinfo(self.dtype)
        held = [value for value in values if limits.min <= value <= limits.max]
        return [value % 2**limits.bits for value in held]

    @property
    def is_signed(self) -> bool:
        """Whether the first bit is a sign."""
        return self.dtype.kind == "i"


def ignored_labels(ignore_index: Any) -> list[int]:
    """Labels whose pixels don't count."""
    if ignore_index is None:
        return []
    ignored = np.atleast_1d(np.asarray(ignore_index))
    if ignored.dtype.kind not in "iub" or ignored.ndim != 1:
        raise TypeError(f"`ignore_index` must be one integer or several, got {ignore_index!r}")
    return [int(label) for label in ignored]


def only_near_boundaries(where: str, **options: object) -> None:
    """Nothing that describes boundaries is passed over in silence."""
    for name, value in options.items():
        if value is not None:
            raise TypeError(
                f"`{name}` must be given with where='boundary' or 'balanced boundary' alone, got "
                f"{value!r} with {where!r}"
            )


def no_label_maps() -> ValueError:
    """The error where an iterator gives nothing."""
    return ValueError("`label_maps` must hold at least one map, got none")


def no_pixels(n_maps: int, *, near: bool, ignored: Sequence[int]) -> ValueError:
    """The error where there is nothing to draw."""
    if near:
        return ValueError(
            "`label_maps` must have changes of label between pixels that are not ignored, got none "
            f"in {n_maps} maps; where='uniform' needs none"
        )
    return ValueError(
        f"`ignore_index` must leave some pixels, got {list(ignored)}, which is every label"
    )


def no_pixel_sample(value: object) -> TypeError:
    """The error where pixels are not those of a sample."""
    return TypeError(f"`pixels` must be a PixelSample of sample_pixels(...), got {type(value)}")


def is_iterable_of_features(value: object) -> bool:
    """Whether feature maps, or batches of them, come one after the other."""
    is_array = any(hasattr(value, name) for name in ("__array__", "__dlpack__"))
    return isinstance(value, Iterable) and not is_array


def feature_map_stack(
    value: Any, name: str, position: int | None, ndim: int, n_images: int
) -> NDArray[Any]:
    """Maps (n, C, h, w) of any type and layout, from such an array or from one map (C, h, w)."""
    name = name if position is None else f"{name}[{position}]"
    maps = as_array(value, name)
    if maps.dtype.kind not in "fiub":
        raise TypeError(f"`{name}` must hold real numbers, got dtype {maps.dtype}")
    is_one = maps.ndim == ndim + 1 and (position is not None or n_images == 1)
    if (maps.ndim != ndim + 2 and not is_one) or maps.size == 0:
        axes = {2: "C, h, w", 3: "C, d, h, w"}[ndim]
        wanted = f"(N, {axes})" if position is None else f"({axes}) or (B, {axes})"
        raise ValueError(
            f"`{name}` must have shape {wanted}, or with channels last, got {maps.shape}"
        )
    return maps[np.newaxis] if is_one else maps


def number_of_feature_maps(name: str, wanted: int, got: int) -> ValueError:
    """The error where feature maps and label maps are not as many."""
    more = " or more" if got > wanted else ""
    return ValueError(f"`{name}` must hold a map for each of {wanted} label maps, got {got}{more}")


def other_number_of_channels(name: str, widths: list[int]) -> ValueError:
    """The error where maps differ in their channels."""
    return ValueError(f"`{name}` must have one number of channels in all maps, got {widths}")


def no_whole_scale(name: str, image: int, size: list[int], shape: list[int]) -> ValueError:
    """The error where pixels and features do not lie in one grid."""
    return ValueError(
        f"`{name}` must be as large as the label maps or a whole number of times smaller along "
        f"each axis, got {tuple(size)} for image {image}, whose label map is {tuple(shape)}; if "
        "channels come last, say layout='channels_last'"
    )


def finite_at_pixels(
    features: Floats,
    name: str,
    image: NDArray[np.int64],
    coordinates: NDArray[np.int64],
    n_threads: int,
) -> None:
    """Features (n, C) of pixels must be finite."""
    where = backend.first_nonfinite(features, n_threads)
    if where >= 0:
        row, channel = divmod(where, features.shape[1])
        raise ValueError(
            f"`{name}` must be finite where pixels are drawn, got {features[row, channel]} in "
            f"image {image[row]}, channel {channel}, at pixel {tuple(coordinates[row].tolist())}"
        )


def maps_to_look_at_again(value: Any, name: str) -> Any:
    """Maps that can be passed through more than once."""
    if isinstance(value, Iterator):
        raise TypeError(
            f"`{name}` must be an array or a sequence of arrays, because every patch looks at it, "
            f"got {type(value)}"
        )
    return value


def pair(value: object, name: str) -> tuple[int, int]:
    """One whole number above zero for both axes, or two."""
    if not isinstance(value, (tuple, list)):
        return (count(value, name), count(value, name))
    if len(value) != 2:
        raise ValueError(f"`{name}` must be one integer or two, got {value!r}")
    return (count(value[0], name), count(value[1], name))


def patch_size(value: object, name: str, shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width of a patch that fits into the image."""
    height, width = pair(value, name)
    if height > shape[0] or width > shape[1]:
        raise ValueError(f"`{name}` must fit into label maps of {shape}, got {(height, width)}")
    return height, width


def no_patch_scored(n_patches: int, reason: str) -> ValueError:
    """The error where a map of scores would be empty."""
    return ValueError(f"`label_maps` must have a patch to score, got none of {n_patches}: {reason}")
