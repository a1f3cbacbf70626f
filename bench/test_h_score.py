"""H-score against NumPy's Gram matrix (the floor), the talk's code and scikit-learn's shrinkage."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rivals import ledoit_wolf_pinv, talk

from transferscore import _threads, h_score

Timed = Callable[..., None]
Problems = Callable[..., Any]

SINGLE = 1e-5  # relative error allowed to float32 features with float64 sums
GRAM = 1e-4  # ... and to the floor, which sums in float32

ALL = _threads.available_processors()
WORK = (20_000, 2_048, 100)  # W1 of the performance notes
PIXELS = (1_000_000, 64, 19)
SMALL = (100, 16, 4)
FEW_SAMPLES = (1_000, 2_048, 20)


def gram(X: NDArray[Any]) -> NDArray[Any]:
    return X.T @ X


def row_gram(X: NDArray[Any]) -> NDArray[Any]:
    return X @ X.T


def corner(product: Callable[..., Any], X: NDArray[np.float32]) -> Callable[[], Any]:
    """The product, and as the answer to check a few of its entries."""
    return lambda: product(X)[:8, :8]


def exact_gram(X: NDArray[np.float32]) -> NDArray[Any]:
    return gram(X[:, :8].astype(np.float64))


def exact_row_gram(X: NDArray[np.float32]) -> NDArray[Any]:
    return row_gram(X[:8].astype(np.float64))


class TestWork:
    """n = 20,000, d = 2,048, 100 classes: the plain score."""

    pytestmark = pytest.mark.benchmark(group="h_score 20000 x 2048, 100 classes")

    def test_gram(self, timed: Timed, problem: Problems) -> None:
        X = problem(*WORK).X
        timed(corner(gram, X), exact_gram(X), role="floor", at_most=GRAM)

    def test_transferscore(self, timed: Timed, problem: Problems) -> None:
        p = problem(*WORK)
        exact = p.exact.h_scores(p.y[:, None])[0]
        timed(lambda: h_score(p.X, p.y), exact, role="ours", at_most=SINGLE)

    def test_talk(self, timed: Timed, problem: Problems) -> None:
        p = problem(*WORK)
        exact = p.exact.h_scores(p.y[:, None])[0]
        timed(lambda: talk(p.X, p.y), exact, role="rival", at_most=SINGLE, rounds=1)


class TestWorkShrinkage:
    """The same with the Ledoit-Wolf shrinkage."""

    pytestmark = pytest.mark.benchmark(group="h_score shrinkage 20000 x 2048, 100 classes")

    def test_gram(self, timed: Timed, problem: Problems) -> None:
        X = problem(*WORK).X
        timed(corner(gram, X), exact_gram(X), role="floor", at_most=GRAM)

    def test_transferscore(self, timed: Timed, problem: Problems) -> None:
        p = problem(*WORK)
        call = partial(h_score, p.X, p.y, shrinkage="ledoit-wolf")
        timed(call, shrunk_score(p), role="ours", at_most=SINGLE)

    def test_ledoit_wolf_pinv(self, timed: Timed, problem: Problems) -> None:
        p = problem(*WORK)
        call = partial(ledoit_wolf_pinv, p.X, p.y)
        timed(call, shrunk_score(p), role="rival", at_most=SINGLE, rounds=1)


COLUMNS = slice(None, None, 512)  # the label sets whose answers are compared


@pytest.fixture(scope="class")
def label_sets(problem: Problems) -> NDArray[np.int32]:
    """Each set joins the 100 classes to 16 in its own way; a quarter of its labels is wrong."""
    rng = np.random.default_rng(1)
    y = problem(*WORK).y
    sets = rng.integers(16, size=(100, 4096), dtype=np.int32)[y]
    wrong = rng.random(sets.shape, dtype=np.float32) < 0.25
    sets[wrong] = rng.integers(16, size=np.count_nonzero(wrong), dtype=np.int32)
    return sets


@pytest.fixture(scope="class")
def exact(problem: Problems, label_sets: NDArray[np.int32]) -> NDArray[np.float64]:
    return problem(*WORK).exact.h_scores(label_sets[:, COLUMNS])


class TestManyLabelSets:
    """4,096 label sets of 16 classes on the same features: one factorisation, or 4,096."""

    pytestmark = pytest.mark.benchmark(group="h_score 20000 x 2048, 4096 label sets")

    def test_gram(self, timed: Timed, problem: Problems) -> None:
        X = problem(*WORK).X
        timed(corner(gram, X), exact_gram(X), role="floor", at_most=GRAM)

    def test_transferscore(
        self, timed: Timed, problem: Problems, label_sets: Any, exact: Any
    ) -> None:
        X = problem(*WORK).X
        call = lambda: h_score(X, label_sets)[COLUMNS]  # noqa: E731
        timed(call, exact, role="ours", at_most=SINGLE, rounds=1)

    def test_one_call_for_each_set(
        self, timed: Timed, problem: Problems, label_sets: Any, exact: Any
    ) -> None:
        X, some = problem(*WORK).X, label_sets[:, COLUMNS].T.copy()
        call = lambda: np.array([h_score(X, labels) for labels in some])  # noqa: E731
        timed(call, exact, role="variant", at_most=SINGLE, rounds=1, stands_for=512)

    def test_talk_for_each_set(
        self, timed: Timed, problem: Problems, label_sets: Any, exact: Any
    ) -> None:
        X, one = problem(*WORK).X, label_sets[:, 0].copy()
        call = partial(talk, X, one)
        timed(call, exact[0], role="rival", at_most=SINGLE, rounds=1, stands_for=4096)


class TestFewSamples:
    """n = 1,000 < d = 2,048 with shrinkage: the Gram matrix of the samples is the smaller one."""

    pytestmark = pytest.mark.benchmark(group="h_score shrinkage 1000 x 2048, 20 classes")

    def test_row_gram(self, timed: Timed, problem: Problems) -> None:
        X = problem(*FEW_SAMPLES).X
        timed(corner(row_gram, X), exact_row_gram(X), role="floor", at_most=GRAM, rounds=50)

    def test_transferscore(self, timed: Timed, problem: Problems) -> None:
        p = problem(*FEW_SAMPLES)
        call = partial(h_score, p.X, p.y, shrinkage="ledoit-wolf")
        timed(call, shrunk_score(p), role="ours", at_most=SINGLE, rounds=50)

    def test_ledoit_wolf_pinv(self, timed: Timed, problem: Problems) -> None:
        p = problem(*FEW_SAMPLES)
        call = partial(ledoit_wolf_pinv, p.X, p.y)
        timed(call, shrunk_score(p), role="rival", at_most=SINGLE, rounds=1)


class TestPixels:
    """A million pixels with 64 features: memory and class sums count as much as products."""

    pytestmark = pytest.mark.benchmark(group="h_score 1000000 x 64, 19 classes")

    def test_gram(self, timed: Timed, problem: Problems) -> None:
        X = problem(*PIXELS).X
        timed(corner(gram, X), exact_gram(X), role="floor", at_most=GRAM)

    def test_transferscore(self, timed: Timed, problem: Problems) -> None:
        p = problem(*PIXELS)
        exact = p.exact.h_scores(p.y[:, None])[0]
        timed(lambda: h_score(p.X, p.y), exact, role="ours", at_most=SINGLE)

    def test_talk(self, timed: Timed, problem: Problems) -> None:
        p = problem(*PIXELS)
        exact = p.exact.h_scores(p.y[:, None])[0]
        timed(lambda: talk(p.X, p.y), exact, role="rival", at_most=SINGLE, rounds=3)


class TestSmall:
    """100 x 16: what a call costs before any arithmetic."""

    pytestmark = pytest.mark.benchmark(group="h_score 100 x 16, 4 classes")

    def test_gram(self, timed: Timed, problem: Problems) -> None:
        X = problem(*SMALL).X
        timed(corner(gram, X), exact_gram(X), role="floor", at_most=GRAM, rounds=None)

    def test_transferscore(self, timed: Timed, problem: Problems) -> None:
        p = problem(*SMALL)
        exact = p.exact.h_scores(p.y[:, None])[0]
        timed(lambda: h_score(p.X, p.y), exact, role="ours", at_most=SINGLE, rounds=None)

    def test_talk(self, timed: Timed, problem: Problems) -> None:
        p = problem(*SMALL)
        exact = p.exact.h_scores(p.y[:, None])[0]
        timed(lambda: talk(p.X, p.y), exact, role="rival", at_most=SINGLE, rounds=None)


def ladder() -> list[Any]:
    """Three choices of threads on problems that grow from microseconds to a second."""
    return [
        pytest.param(
            (n, d, 10),
            rounds,
            n_threads,
            marks=pytest.mark.benchmark(group=f"h_score threads {n} x {d}"),
            id=f"{n}x{d}-{'auto' if n_threads is None else n_threads}",
        )
        for n, d, rounds in (
            (100, 16, None),
            (1_000, 64, None),
            (2_000, 128, None),
            (4_000, 512, 30),
            (20_000, 512, 15),
            (20_000, 2_048, 7),
        )
        for n_threads in [*sorted({1, ALL}), None]
    ]


@pytest.mark.parametrize(("size", "rounds", "n_threads"), ladder())
def test_threads(
    timed: Timed, problem: Problems, size: Any, rounds: int | None, n_threads: int | None
) -> None:
    p = problem(*size)
    exact = p.exact.h_scores(p.y[:, None])[0]
    timed(
        lambda: h_score(p.X, p.y, n_threads=n_threads),
        exact,
        role="ours" if n_threads is None else "variant",
        at_most=SINGLE,
        rounds=rounds,
        n_threads=n_threads,
    )


def shrunk_score(p: Any) -> float:
    """The exact score at the exact intensity."""
    return float(p.exact.h_scores(p.y[:, None], p.exact.ledoit_wolf())[0])
