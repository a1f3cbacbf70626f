"""What every build of the extension (_core_base, _core_v3, _core_v4) provides."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32] | NDArray[np.float64]
Matrix = NDArray[np.float64]

# n, unit, mean (d,), scatter (d, d), counts (K,), offsets (K, d), radial_third (d,), radial_fourth
Statistics = tuple[int, float, Matrix, Matrix, Matrix, Matrix, Matrix, float]

class Extension(Protocol):
    __version__: str
    __isa__: str
    __compiler__: str
    __openmp__: int

    def first_nonfinite(self, values: Features, n_threads: int) -> int: ...
    def class_ids(
        self, labels: NDArray[np.int32] | NDArray[np.int64], n_threads: int
    ) -> tuple[NDArray[np.int32], list[int]]: ...
    def h_score(
        self,
        features: Features,
        ids: NDArray[np.int32],
        n_classes: list[int],
        *,
        ledoit_wolf: bool,
        intensity: float,
        adjust_for_chance: bool,
        n_threads: int,
    ) -> tuple[NDArray[np.float64], float, int, float]: ...
    # value, singular values (k,), f (n_values, k), g (n_classes, k), passes, converged, error
    def maximal_h_score(
        self,
        x: NDArray[np.int32],
        n_values: int,
        y: NDArray[np.int32],
        n_classes: int,
        *,
        n_features: int,
        block: int,
        svd: bool,
        tol: float,
        max_iter: int,
        functions: bool,
        n_threads: int,
    ) -> tuple[float, Matrix, Matrix, Matrix, int, bool, float]: ...
    def feature_statistics(
        self, features: Features, ids: NDArray[np.int32], n_classes: list[int], *, n_threads: int
    ) -> Statistics: ...
    def merged_statistics(self, a: Statistics, b: Statistics) -> Statistics: ...
    def h_score_of_statistics(
        self,
        statistics: Statistics,
        *,
        ledoit_wolf: bool,
        intensity: float,
        adjust_for_chance: bool,
        n_threads: int,
    ) -> tuple[NDArray[np.float64], float, int, float]: ...
    def nce(
        self,
        source_ids: NDArray[np.int32],
        n_source_classes: int,
        target_ids: NDArray[np.int32],
        n_target_classes: int,
        *,
        n_threads: int,
    ) -> float: ...
    def leep(
        self,
        outputs: Features,
        ids: NDArray[np.int32],
        n_classes: int,
        *,
        normalise: bool,
        softmax: bool,
        n_threads: int,
    ) -> float: ...
    def first_bad_row(
        self, outputs: Features, tolerance: float, n_threads: int
    ) -> tuple[int, float, float]: ...
    # A problem is [source (n, d), target (m, d)] or [costs (n, m)]; weights are [a (n,), b (m,)].
    # Solutions: f, g, transport cost, dual value, marginal error, iterations (0: epsilon lost in
    # rounding), epsilon, cost scale, label table.
    def sinkhorn(
        self,
        problems: Sequence[Sequence[Features]],
        weights: Sequence[Sequence[NDArray[np.float64]]],
        initial: Sequence[NDArray[np.float64]],
        *,
        epsilon: float,
        relative_epsilon: float,
        tol: float,
        max_iter: int,
        memory_budget: float,
        n_threads: int,
    ) -> list[tuple[Any, ...]]: ...
    def otce(
        self,
        problems: Sequence[Sequence[Features]],
        taken: Sequence[Sequence[NDArray[np.int64]]],
        ids: Sequence[Sequence[NDArray[np.int32]]],
        n_classes: Sequence[Sequence[int]],
        label_distances: Sequence[NDArray[np.float64]],
        *,
        feature_share: float,
        epsilon: float,
        relative_epsilon: float,
        tol: float,
        max_iter: int,
        memory_budget: float,
        n_threads: int,
    ) -> list[tuple[Any, ...]]: ...
    def coupling(
        self,
        problem: Sequence[Features],
        weights: Sequence[NDArray[np.float64]],
        f: NDArray[np.float64],
        g: NDArray[np.float64],
        *,
        epsilon: float,
        exact_marginals: bool,
        n_threads: int,
    ) -> NDArray[np.float64]: ...
    def joint_label_distribution(
        self,
        problem: Sequence[Features],
        weights: Sequence[NDArray[np.float64]],
        f: NDArray[np.float64],
        g: NDArray[np.float64],
        *,
        epsilon: float,
        ids: Sequence[NDArray[np.int32]],
        n_classes: Sequence[int],
        n_threads: int,
    ) -> NDArray[np.float64]: ...
    def transport_costs(
        self,
        problem: Sequence[Features],
        ids: Sequence[NDArray[np.int32]],
        label_distances: NDArray[np.float64],
        *,
        feature_share: float,
        n_threads: int,
    ) -> NDArray[np.float64]: ...
    def conditional_entropy(self, joint: NDArray[np.float64]) -> float: ...
