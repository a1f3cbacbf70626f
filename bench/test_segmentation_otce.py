"""OTCE of segmentation against the authors' way: pixels by NumPy, exact plans one after the other.

The error beside our time is the distance of the score to the mean over exact plans, in nats.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rivals_pixels import numpy_gather, numpy_sample, regions
from rivals_transport import authors_conditional_entropy, missing

from transferscore import segmentation_otce

Timed = Callable[..., None]
DRAWS, N_CLASSES, DIMENSION = 10, 19, 19
ENTROPY = 0.3  # what entropic plans and other draws may change, in nats

needs_pot = pytest.mark.skipif(bool(missing("ot")), reason="needs ot")


@lru_cache(maxsize=1)
def domains() -> list[tuple[NDArray[np.float32], NDArray[np.uint8]]]:
    """Two sides: outputs of a last layer (8, 19, 512, 1024) that know the label, and label maps."""
    rng = np.random.default_rng(0)
    sides = []
    for labels in np.split(regions(16, 512, 1024, N_CLASSES), 2):
        shape = (len(labels), DIMENSION, *labels.shape[1:])
        outputs = rng.standard_normal(shape, dtype=np.float32)
        outputs += 2 * (labels[:, None] == np.arange(DIMENSION)[:, None, None])
        sides.append((outputs, labels))
    return sides


def ours(n: int, **options: Any) -> float:
    (x, y), (z, t) = domains()
    return segmentation_otce(
        source_features=x,
        source_label_maps=y,
        target_features=z,
        target_label_maps=t,
        n_pixels=n,
        radius=0,
        random_state=0,
        **options,
    ).score


def authors(n: int, repeats: int = DRAWS) -> float:
    """Boundaries, a choice, exact transport."""
    values = []
    for _ in range(repeats):
        drawn = []
        for outputs, labels in domains():
            image, *at = numpy_sample(labels, n).T
            drawn += [numpy_gather(outputs, image, np.transpose(at), 1), labels[(image, *at)]]
        values.append(authors_conditional_entropy(*drawn))
    return -float(np.mean(values))


@lru_cache(maxsize=1)
def exact_score(n: int) -> float:
    return ours(n, method="exact")


def group(n: int) -> Any:
    return pytest.mark.benchmark(group=f"segmentation OTCE, {DRAWS} draws of {n:,} pixels")


def distance(score: float) -> float:
    return abs(score - exact_score(1000))


@group(1000)
@needs_pot
def test_transferscore(timed: Timed) -> None:
    timed(partial(ours, 1000), role="ours", error=distance, at_most=ENTROPY, rounds=3)


@group(1000)
@needs_pot
def test_transferscore_exact(timed: Timed) -> None:
    call = partial(ours, 1000, method="exact")
    timed(call, role="variant", error=distance, at_most=0, rounds=3)


@group(1000)
@needs_pot
def test_authors(timed: Timed) -> None:
    timed(partial(authors, 1000), role="rival", error=distance, at_most=ENTROPY, rounds=1)


@group(10_000)
@needs_pot
def test_transferscore_of_the_paper(timed: Timed) -> None:
    """The paper's numbers of pixels and draws; no exact plan to compare with takes seconds."""
    timed(partial(ours, 10_000), role="ours", error=distance, at_most=ENTROPY, rounds=3)
