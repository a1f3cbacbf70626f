"""Label maps a few at a time, so that not all need to be in memory."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferscore import _checks

PIXELS = 1 << 22  # that are worked on together


def batches(label_maps: Any, ndim: int) -> Iterator[list[NDArray[Any]]]:
    """Stacks of maps (n, H, W) or (n, D, H, W), all of one type; each list is one batch."""
    if not _checks.is_iterable_of_maps(label_maps, ndim):
        stack, _ = _checks.label_map_stack(label_maps, ndim)
        n = max(1, PIXELS // stack[0].size)
        for first in range(0, len(stack), n):
            yield [stack[first : first + n]]
        return
    batch: list[NDArray[Any]] = []
    for stack in _stacks(label_maps, ndim):
        size = sum(held.size for held in batch)
        if batch and (size >= PIXELS or stack.dtype != batch[0].dtype):
            yield batch
            batch = []
        batch.append(stack)
    if batch:
        yield batch


def _stacks(label_maps: Iterable[Any], ndim: int) -> Iterator[NDArray[Any]]:
    """Each map, or each few maps that come together, as a stack."""
    for position, value in enumerate(label_maps):
        yield _checks.label_map_or_stack(value, ndim, position)


def coordinates(
    places: NDArray[np.int64], image: NDArray[np.int64], shapes: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Coordinates (n, ndim) of places in maps, whose sizes may differ."""
    found = np.empty((len(places), shapes.shape[1]), np.int64)
    for axis in reversed(range(shapes.shape[1])):
        places, found[:, axis] = np.divmod(places, shapes[image, axis])
    return found
