"""Label maps and sets of regions on one grid, spacing, and what classifies pairs of regions."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore._checks.arrays import as_array, vector
from transferscore._checks.labels import IgnoreIndex
from transferscore._checks.numbers import count, share

Mask = NDArray[np.bool_]
# A label map, or masks by the names of their regions.
Regions = ArrayLike | Mapping[Any, ArrayLike]


class Thresholds(NamedTuple):
    """Shares by which a pair of regions is classified."""

    min_containment: float
    max_overlap: float
    min_coverage: float


class Grid(NamedTuple):
    """What all maps of a call share."""

    shape: tuple[int, ...]
    void: Mask | None  # pixels that count nowhere


def region_thresholds(
    min_containment: object, max_overlap: object, min_coverage: object
) -> Thresholds:
    """Three shares that contradict nobody."""
    shares = Thresholds(
        share(min_containment, "min_containment"),
        share(max_overlap, "max_overlap"),
        share(min_coverage, "min_coverage"),
    )
    if shares.max_overlap >= shares.min_containment:
        raise ValueError(
            "`max_overlap` must be below `min_containment`, or a pair could both exclude and "
            f"contain each other, got {shares.max_overlap:g} and {shares.min_containment:g}"
        )
    return shares


def pixel_spacing(value: ArrayLike, n_axes: int) -> tuple[float, ...]:
    """The size of a pixel along each axis."""
    sizes = vector(value, "spacing")
    if np.ndim(value) == 0:
        sizes = np.repeat(sizes, n_axes)
    if len(sizes) != n_axes:
        raise ValueError(
            f"`spacing` must be one number or one for each of {n_axes} axes, got {len(sizes)}"
        )
    if not (sizes > 0).all():
        raise ValueError(f"`spacing` must be above 0, got {sizes.min():g}")
    return tuple(sizes.tolist())


def regions_of_side(value: Regions, name: str) -> dict[Hashable, NDArray[Any]]:
    """The maps of one side by name: one label map under None, or a mask for each region."""
    if not isinstance(value, Mapping):
        return {None: label_map(value, name)}
    if not value:
        raise ValueError(f"`{name}` must hold at least one region, got an empty mapping")
    return {region: label_map(mask, f"{name}[{region!r}]") for region, mask in value.items()}


def label_map(value: ArrayLike, name: str) -> NDArray[Any]:
    """Integers or booleans of shape (h, w) or (d, h, w)."""
    y = as_array(value, name)
    if y.dtype.kind not in "iub":
        hint = "; round labels and convert them first" if y.dtype.kind == "f" else ""
        raise TypeError(f"`{name}` must be integers or booleans, got dtype {y.dtype}{hint}")
    if y.ndim not in (2, 3) or y.size == 0:
        raise ValueError(f"`{name}` must have shape (h, w) or (d, h, w) with pixels, got {y.shape}")
    return y


def shared_grid(
    sides: Mapping[str, Mapping[Hashable, NDArray[Any]]], ignore_index: IgnoreIndex
) -> Grid:
    """The shape that all maps have, and the pixels that any of them ignores."""
    maps = dict(_named(sides))
    first, shape = next((name, y.shape) for name, y in maps.items())
    for name, y in maps.items():
        same_shape(y, name, shape, first)
    if ignore_index is None:
        return Grid(shape, None)
    ignored = _ignored(ignore_index)
    masked = next((name for name, maps in sides.items() if None not in maps), None)
    if masked is not None and np.isin([0, 1], ignored).any():
        raise ValueError(
            f"`ignore_index` must be neither 0 nor 1 where `{masked}` holds masks, got "
            f"{ignore_index!r}"
        )
    void = np.zeros(shape, dtype=np.bool_)
    for y in maps.values():
        void |= np.isin(y, ignored)
    if void.all():
        raise ValueError(
            f"`ignore_index` must leave some pixels, got {ignore_index!r}, which marks all"
        )
    return Grid(shape, void)


def _named(
    sides: Mapping[str, Mapping[Hashable, NDArray[Any]]],
) -> Iterator[tuple[str, NDArray[Any]]]:
    for argument, maps in sides.items():
        for region, y in maps.items():
            yield argument if region is None else f"{argument}[{region!r}]", y


def _ignored(ignore_index: IgnoreIndex) -> NDArray[np.int64]:
    ignored = np.atleast_1d(np.asarray(ignore_index))
    if ignored.dtype.kind not in "iu" or ignored.ndim != 1:
        raise TypeError(f"`ignore_index` must be one integer or several, got {ignore_index!r}")
    return ignored.astype(np.int64)


def same_shape(y: NDArray[Any], name: str, shape: tuple[int, ...], first: str) -> None:
    """All maps of a call lie on one grid."""
    if y.shape != shape:
        raise ValueError(
            f"`{name}` must have the shape of `{first}`, {shape}, got {y.shape}; bring label maps "
            "to one grid first, by nearest neighbour"
        )


def region_masks(
    maps: Mapping[Hashable, NDArray[Any]], name: str, space: Grid, background: object
) -> Iterator[tuple[Hashable, Mask]]:
    """Region by region its name and its pixels, of which there is at least one."""
    if None in maps:
        yield from _labels_of(maps[None], name, space, background)
        return
    for region, y in maps.items():
        mask = binary(y, f"{name}[{region!r}]", space.void)
        if not mask.any():
            raise ValueError(
                f"`{name}[{region!r}]` must have at least one pixel that is not ignored, got none"
            )
        yield region, mask


def _labels_of(
    y: NDArray[Any], name: str, space: Grid, background: object
) -> Iterator[tuple[Hashable, Mask]]:
    zero = count(background, "background", least=-(2**63))
    kept = y if space.void is None else y[~space.void]
    labels = [label for label in np.unique(kept).tolist() if label != zero]
    if not labels:
        raise ValueError(
            f"`{name}` must have a label other than `background`, {zero}, got no other"
        )
    for label in labels:
        mask = y == label
        yield label, mask if space.void is None else mask & ~space.void


def binary(y: NDArray[Any], name: str, void: Mask | None) -> Mask:
    """A map of 0 and 1 as a mask, without void pixels."""
    inside = np.ones(y.shape, dtype=np.bool_) if void is None else ~void
    odd = inside & (y != 0) & (y != 1)
    if odd.any():
        place = tuple(int(i) for i in np.unravel_index(np.argmax(odd), odd.shape))
        raise ValueError(
            f"`{name}` must be a mask of booleans or of 0 and 1, got {y[place]} at {place}"
        )
    mask: Mask = (y == 1) & inside
    return mask


def organ_mask(value: ArrayLike | None, space: Grid, first: str) -> Mask | None:
    """The organ's pixels that are not void."""
    if value is None:
        return None
    y = label_map(value, "organ")
    same_shape(y, "organ", space.shape, first)
    mask = binary(y, "organ", space.void)
    if not mask.any():
        raise ValueError("`organ` must have at least one pixel that is not ignored, got none")
    return mask


def at_least_two_regions(name: str, only: object) -> ValueError:
    """The error where a set has no pairs."""
    return ValueError(
        f"`{name}` must have at least two regions where no second map is given, got one ({only!r})"
    )


def sets_apart(first: Sequence[object], second: Sequence[object], are_sets: bool) -> None:
    """Relations that are put together are of two sets with different names."""
    if not are_sets:
        raise TypeError(
            "relations that are put together must be those of one set of regions each, got those "
            "of two maps"
        )
    if both := [name for name in first if name in second]:
        raise ValueError(
            "relations that are put together must be of different regions, got both times "
            f"{both[0]!r}"
        )


def no_such_pair(pair: object, names_a: object, names_b: object) -> KeyError:
    """The error where nobody measured how two regions lie."""
    return KeyError(
        f"relations must be asked for a region of {names_a} and one of {names_b}, got {pair!r}"
    )
