"""Image-to-image tasks against the published way: a pseudo-inverse, and a loop over pixels."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rivals_pixels import birch, inverse, score_of_a_pixel

from transferscore import higher_order_h_score, pixel_h_score, quantise_pixels

Timed = Callable[..., None]
Problems = Callable[..., Any]

WORK = (20_000, 2_048, 100)  # W1 of the performance notes
SINGLE = 1e-5
GRAM = 1e-4
SIDE = 64
SOME = slice(None, None, 512)  # the pixels whose answers are compared


@lru_cache(maxsize=1)
def images_of(make: Problems) -> NDArray[np.float32]:
    """Images (n, 64, 64) between 0 and 1 that depend on the features, with noise."""
    X = make(*WORK).X
    rng = np.random.default_rng(1)
    mixing = rng.standard_normal((X.shape[1], SIDE * SIDE), dtype=np.float32)
    known = X @ mixing
    known -= known.mean(axis=0)
    known /= known.std(axis=0)
    known += rng.standard_normal(known.shape, dtype=np.float32)
    return (1 / (1 + np.exp(-known))).reshape(-1, SIDE, SIDE)


@lru_cache(maxsize=1)
def answers(make: Problems) -> Any:
    """The exact scores of some pixels with the colours that are found here."""
    pixels = images_of(make).reshape(WORK[0], -1)[:, SOME]
    return make(*WORK).exact.h_scores(quantise_pixels(pixels[:, np.newaxis]))


class TestPixels:
    """20,000 x 2,048 features and targets of 64 x 64 pixels, 16 colours each."""

    pytestmark = pytest.mark.benchmark(group="pixel_h_score 20000 x 2048, 64 x 64 pixels")

    def test_gram(self, timed: Timed, problem: Problems) -> None:
        X = problem(*WORK).X
        exact = X[:, :8].astype(np.float64)
        call = lambda: (X.T @ X)[:8, :8]  # noqa: E731
        timed(call, exact.T @ exact, role="floor", at_most=GRAM)

    def test_transferscore(self, timed: Timed, problem: Problems) -> None:
        X, images = problem(*WORK).X, images_of(problem)
        call = lambda: pixel_h_score(X, images).map.ravel()[SOME]  # noqa: E731
        timed(call, answers(problem), role="ours", at_most=SINGLE, rounds=1)

    def test_bytes(self, timed: Timed, problem: Problems) -> None:
        # Other colours than those of the floats: the distance is that of two quantisations.
        X, images = problem(*WORK).X, (255 * images_of(problem)).astype(np.uint8)
        call = lambda: pixel_h_score(X, images).map.ravel()[SOME]  # noqa: E731
        timed(call, answers(problem), role="variant", at_most=0.02, rounds=1)

    def test_published_without_its_pseudo_inverse(self, timed: Timed, problem: Problems) -> None:
        X, images = problem(*WORK).X, images_of(problem)
        of_source = inverse(X)
        pixel = images[:, 0, 0].reshape(-1, 1).copy()
        call = lambda: score_of_a_pixel(of_source, X, birch(pixel, 16, 0.01))  # noqa: E731
        timed(
            call,
            answers(problem)[0],
            role="rival",
            at_most=0.05,
            rounds=1,
            stands_for=SIDE * SIDE,
            note="one pixel; error: colours of Birch",
        )


class TestPairs:
    """Four sources of 512 features and all pairs of them, for 16 x 16 pixels."""

    pytestmark = pytest.mark.benchmark(group="higher_order_h_score 4 of 20000 x 512")

    def data(self, problem: Problems) -> Any:
        X, images = problem(*WORK).X, images_of(problem)[:, :16, :16]
        parts = np.split(X, 4, axis=1)
        return {str(s): np.ascontiguousarray(part) for s, part in enumerate(parts)}, images

    def test_transferscore(self, timed: Timed, problem: Problems) -> None:
        parts, images = self.data(problem)
        exact = np.array(one_call_for_each(parts, images))
        timed(partial(together, parts, images), exact, role="ours", at_most=1e-10, rounds=3)

    def test_one_call_for_each(self, timed: Timed, problem: Problems) -> None:
        parts, images = self.data(problem)
        exact = np.array(together(parts, images))
        call = partial(one_call_for_each, parts, images)
        timed(call, exact, role="variant", at_most=1e-10, rounds=3)


def together(parts: dict[str, Any], images: Any) -> list[float]:
    """The scores of all sources and pairs from one call."""
    return [result.score for result in higher_order_h_score(parts, images).values()]


def one_call_for_each(parts: dict[str, Any], images: Any) -> list[float]:
    """The score of each source, and of each pair side by side."""
    names = list(parts)
    pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    sides = [*parts.values(), *(np.hstack([parts[a], parts[b]]) for a, b in pairs)]
    return [pixel_h_score(X, images).score for X in sides]
