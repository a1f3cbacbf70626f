"""PARC against half of NumPy's Gram matrix and one sort (the floor), and the public formulation."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from rivals_neighbours import spearman_parc

from transferscore import parc, reference

Timed = Callable[..., None]
Problems = Callable[..., Any]

PUBLIC = 0.012  # it ranks the rounding errors of equal label distances
EXACT = 1e-9


@pytest.fixture(scope="module", autouse=True)
def ours_is_the_definition() -> None:
    """The answers that rivals are held against agree with the reference."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 8)), rng.integers(0, 5, 200)
    assert parc(X, y) == pytest.approx(reference.parc(X, y), rel=EXACT, abs=EXACT)


def blocks_of_pairs(X: Any) -> Any:
    """Nine tenths of the products of pairs, each pair once, in float64."""
    X = X.astype(np.float64)
    tenth = len(X) // 10
    return [X[i : i + tenth] @ X[:i].T for i in range(tenth, len(X), tenth)]


def half_gram_and_sort(X: Any) -> Any:
    products = np.concatenate([block.ravel() for block in blocks_of_pairs(X)])
    products.sort()
    return products[-1]


def largest_product(X: Any) -> Any:
    return max(block.max() for block in blocks_of_pairs(X))


@pytest.mark.parametrize("n", [5_000, 10_000])
class TestPairs:
    """All pairs of 5,000 and 10,000 samples with 512 features, 100 classes."""

    @pytest.fixture(autouse=True)
    def group(self, benchmark: Any, n: int) -> None:
        benchmark.group = f"parc {n} x 512, 100 classes"

    def test_gram_and_sort(self, timed: Timed, problem: Problems, n: int) -> None:
        X = problem(n, 512, 100).X
        call = partial(half_gram_and_sort, X)
        timed(call, largest_product(X), role="floor", at_most=EXACT, rounds=3)

    def test_transferscore(self, timed: Timed, problem: Problems, n: int) -> None:
        p = problem(n, 512, 100)
        exact = parc(p.X.astype(np.float64), p.y, n_threads=1)
        timed(partial(parc, p.X, p.y), exact, role="ours", at_most=EXACT, rounds=5)

    def test_spearman(self, timed: Timed, problem: Problems, n: int) -> None:
        p = problem(n, 512, 100)
        timed(
            partial(spearman_parc, p.X, p.y),
            parc(p.X, p.y),
            role="rival",
            at_most=PUBLIC,
            rounds=1,
        )
