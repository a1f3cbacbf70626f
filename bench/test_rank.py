"""A ranking with intervals, in single calls of its score: a bootstrap of 200 costs at most 20."""

from collections.abc import Callable
from typing import Any

import pytest

from transferscore import h_score, logme, rank
from transferscore.ranking import Ranking

Timed = Callable[..., None]
Problems = Callable[..., Any]

SIZE = (10_000, 512, 10)
SINGLE = 1e-5  # of float32 products


def value(ranking: Ranking) -> float:
    return float(ranking.values[0, 0])


class TestHScore:
    """200 resamples of 32 groups, against one call: the floor."""

    pytestmark = pytest.mark.benchmark(group="rank by H-score 10,000 x 512, 10 classes")

    def test_single_call(self, timed: Timed, problem: Problems) -> None:
        p = problem(*SIZE)
        exact = p.exact.h_scores(p.y[:, None])[0]
        timed(lambda: h_score(p.X, p.y), exact, role="floor", at_most=SINGLE)

    @pytest.mark.parametrize(
        ("role", "method", "n_resamples"),
        [("ours", "bootstrap", 200), ("variant", "jackknife", 200), ("variant", "bootstrap", 0)],
    )
    def test_rank(
        self, timed: Timed, problem: Problems, role: str, method: str, n_resamples: int
    ) -> None:
        p = problem(*SIZE)
        exact = p.exact.h_scores(p.y[:, None])[0]

        def call() -> float:
            options = {"method": method, "n_resamples": n_resamples, "baselines": False}
            return value(rank({"model": p.X}, p.y, scores=["h_score"], **options))  # type: ignore[arg-type]

        note = f"{method}, {n_resamples} resamples" if n_resamples else "no intervals"
        timed(call, exact, role=role, at_most=SINGLE, rounds=5, note=note)


class TestLogME:
    """The jackknife of 32 groups, against one call."""

    pytestmark = pytest.mark.benchmark(group="rank by LogME 10,000 x 512, 10 classes")

    @pytest.mark.parametrize("role", ["floor", "ours"])
    def test_rank(self, timed: Timed, problem: Problems, role: str) -> None:
        p = problem(*SIZE)
        exact = logme(p.X.astype(float), p.y)

        def ranked() -> float:
            return value(rank({"model": p.X}, p.y, scores=["logme"], baselines=False))

        call = ranked if role == "ours" else lambda: logme(p.X, p.y)
        timed(call, exact, role=role, at_most=SINGLE, rounds=5)
