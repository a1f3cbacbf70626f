"""Choosing a set of sources: the reference, and one H-score of all of them as the floor."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from transferscore import h_score, reference, select_set

Timed = Callable[..., None]
Problems = Callable[..., Any]

SIZE = (10_000, 512, 10)
SOURCES = 8
SINGLE = 1e-5  # of float32 products


class TestEightSources:
    """Eight sources of 64 features, all of them chosen: 36 sets are scored."""

    pytestmark = pytest.mark.benchmark(group="select_set 10,000 x 8 sources of 64, 10 classes")

    @pytest.fixture
    def exact(self, problem: Problems) -> NDArray[np.float64]:
        p = problem(*SIZE)
        return h_score(p.X.astype(np.float64), p.y, adjust_for_chance=True)  # type: ignore[return-value]

    @pytest.fixture
    def sources(self, problem: Problems) -> list[NDArray[np.float32]]:
        return [np.ascontiguousarray(X) for X in np.split(problem(*SIZE).X, SOURCES, axis=1)]

    def test_one_score_of_all(self, timed: Timed, problem: Problems, exact: Any) -> None:
        p = problem(*SIZE)
        timed(
            lambda: h_score(p.X, p.y, adjust_for_chance=True), exact, role="floor", at_most=SINGLE
        )

    def test_select_set(
        self, timed: Timed, problem: Problems, sources: list[Any], exact: Any
    ) -> None:
        y = problem(*SIZE).y
        candidates = {f"source {s}": X for s, X in enumerate(sources)}
        timed(lambda: select_set(candidates, y).score, exact, role="ours", at_most=SINGLE)

    def test_reference(
        self, timed: Timed, problem: Problems, sources: list[Any], exact: Any
    ) -> None:
        y = problem(*SIZE).y
        timed(
            lambda: reference.select_set(sources, y)[1][-1],
            exact,
            role="rival",
            at_most=SINGLE,
            rounds=1,
        )
