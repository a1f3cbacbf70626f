"""What is to be transported: checked once, kept for results that are asked for more later."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _memory, _threads
from transferscore._backend import backend

if TYPE_CHECKING:
    from transferscore._results import SinkhornResult


NO_ROWS = np.empty(0, np.int64)
NO_DISTANCES = np.empty((0, 0))


@dataclass(frozen=True)
class LabelCost:
    """Distances between classes, which JC-OTCE adds to those between features."""

    distances: NDArray[np.float64]  # (C_s, C_t)
    feature_share: float  # gamma
    ids: list[NDArray[np.int32]]  # [source (n,), target (m,)]


@dataclass(frozen=True)
class Problem:
    """Points or costs, and weights."""

    data: list[_checks.Floats]  # [source (N, d), target (M, d)] or [costs (n, m)]
    weights: list[NDArray[np.float64]]  # [a (n,), b (m,)]
    rows: tuple[NDArray[np.int64], NDArray[np.int64]] = (NO_ROWS, NO_ROWS)  # taken; empty: all
    label_cost: LabelCost | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(n, m)."""
        return len(self.weights[0]), len(self.weights[1])

    def taken(
        self, memory_budget: int | None = None, *, n_matrices: int = 0
    ) -> list[_checks.Floats]:
        """The data of this problem alone, where there is room for it and `n_matrices` (n, m).

        Points that are taken, or costs: those with a label cost are made for it.
        """
        if self.label_cost is not None:
            n_matrices += 1
        if n_matrices:
            require_room(self.shape, memory_budget, n_matrices)
        if len(self.data) == 1:
            return self.data
        pairs = zip(self.data, self.rows, strict=True)
        points = [side[rows] if len(rows) else side for side, rows in pairs]
        return points if self.label_cost is None else [costs_of(points, self.label_cost)]

    def coupling(
        self, result: "SinkhornResult", memory_budget: int | None, *, exact_marginals: bool
    ) -> NDArray[np.float64]:
        """The plan of a result (n, m), as it is or moved to exact marginals."""
        return backend.coupling(
            self.taken(memory_budget, n_matrices=1),
            self.weights,
            result.f,
            result.g,
            epsilon=result.epsilon,
            exact_marginals=exact_marginals,
            n_threads=_threads.resolve(),
        )


def require_room(shape: tuple[int, int], memory_budget: int | None, n_matrices: int) -> None:
    """MemoryError where so many float64 matrices of this shape are beyond the budget."""
    budget = _memory.budget(memory_budget)
    n, m = shape
    needed = 8 * n * m * n_matrices
    if needed > budget:
        raise _checks.too_many_bytes(n, m, needed, budget)


def costs_of(
    points: list[_checks.Floats],
    label_cost: LabelCost | None = None,
    *,
    names: str = "source_features or target_features",
    n_threads: int | None = None,
) -> NDArray[np.float64]:
    """The costs between points (n, m)."""
    try:
        return backend.transport_costs(
            points,
            [] if label_cost is None else label_cost.ids,
            NO_DISTANCES if label_cost is None else label_cost.distances,
            feature_share=1.0 if label_cost is None else label_cost.feature_share,
            n_threads=_threads.resolve(n_threads),
        )
    except OverflowError:
        raise _checks.too_large(names) from None


def checked(
    source_points: ArrayLike | None = None,
    target_points: ArrayLike | None = None,
    *,
    cost: ArrayLike | None = None,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    n_threads: int = 1,
) -> Problem:
    """The problem of what a user passed in."""
    data = _checks.points_or_cost(source_points, target_points, cost, n_threads=n_threads)
    n, m = data[0].shape if len(data) == 1 else (len(data[0]), len(data[1]))
    return Problem(data, _checks.weights(source_weights, target_weights, n, m))
