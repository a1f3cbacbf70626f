"""What every build of the extension (_core_base, _core_v3, _core_v4) provides."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32] | NDArray[np.float64]
Matrix = NDArray[np.float64]
# Keys, maps, places in them, labels: (k,) each.
DrawnPixels = tuple[NDArray[np.uint64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
Bits = NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.uint32] | NDArray[np.uint64]

# n, unit, mean (d,), mean_rest (d,), scatter (d, d), counts (K,), offsets (K, d),
# radial_third (d,), radial_fourth
Statistics = tuple[int, float, Matrix, Matrix, Matrix, Matrix, Matrix, Matrix, float]

class Extension(Protocol):
    __version__: str
    __isa__: str
    __compiler__: str
    __openmp__: int
    __eigen__: str
    __pybind11__: str

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
        as_if_alone: bool,
        n_threads: int,
    ) -> tuple[NDArray[np.float64], float, int, float]: ...
    def gbc(
        self,
        features: Features,
        ids: NDArray[np.int32],
        n_classes: list[int],
        *,
        spherical: bool,
        n_components: int,
        least_variance: float,
        n_threads: int,
    ) -> NDArray[np.float64]: ...
    # value, mean log-likelihood, dimensions, rounds, converged, start (n,)
    def nleep(
        self,
        features: Features,
        ids: NDArray[np.int32],
        n_classes: int,
        *,
        n_components: int,
        covariance: str,
        pca_components: int,
        pca_share: float,
        log: bool,
        ridge: float,
        tol: float,
        max_iter: int,
        seed: int,
        n_threads: int,
    ) -> tuple[float, float, int, int, bool, NDArray[np.int32]]: ...
    # posterior (n, K), mean log-likelihood, rounds, converged
    def gaussian_mixture(
        self,
        samples: Matrix,
        start: NDArray[np.int32],
        n_components: int,
        *,
        covariance: str,
        ridge: float,
        tol: float,
        max_iter: int,
        n_threads: int,
    ) -> tuple[Matrix, float, int, bool]: ...
    def k_means(
        self, samples: Matrix, n_clusters: int, *, seed: int, n_threads: int
    ) -> NDArray[np.int32]: ...
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
    def weighted_scatters(
        self, groups: Matrix, weights: Matrix, means: Matrix, draws: Matrix, *, n_threads: int
    ) -> None: ...
    # value, derivatives (n, d), intensity, rank
    def h_score_gradient(
        self,
        features: Features,
        ids: NDArray[np.int32],
        n_classes: list[int],
        *,
        ledoit_wolf: bool,
        intensity: float,
        n_threads: int,
    ) -> tuple[float, NDArray[Any], float, int]: ...
    def soft_hgr(
        self, f: Features, g: Features, *, n_threads: int
    ) -> tuple[float, NDArray[Any], NDArray[Any]]: ...
    def h_score_of_statistics(
        self,
        statistics: Statistics,
        *,
        ledoit_wolf: bool,
        intensity: float,
        adjust_for_chance: bool,
        n_threads: int,
    ) -> tuple[NDArray[np.float64], float, int, float]: ...
    # ids (L, n), number of colours of each position
    def quantise_pixels(
        self,
        images: NDArray[Any],
        *,
        n_colours: int,
        superpixel: int,
        seed: int,
        n_threads: int,
    ) -> tuple[NDArray[np.int32], list[int]]: ...
    # for each combination values (positions,), intensity, rank and chance; number of colours
    def pixel_h_score(
        self,
        sources: Sequence[Features],
        combinations: Sequence[Sequence[int]],
        images: NDArray[Any],
        *,
        n_colours: int,
        superpixel: int,
        seed: int,
        ledoit_wolf: bool,
        intensity: float,
        adjust_for_chance: bool,
        budget: float,
        n_threads: int,
    ) -> tuple[list[tuple[Matrix, float, int, float]], list[int]]: ...
    # for each step the source that is added, the value, intensity, rank and chance of all chosen,
    # and the values (sources,) with each other source; did it end because nothing was gained?
    def select_set(
        self,
        sources: Sequence[Features],
        ids: NDArray[np.int32],
        n_classes: int,
        *,
        most: int,
        least_gain: float,
        ledoit_wolf: bool,
        intensity: float,
        adjust_for_chance: bool,
        n_threads: int,
    ) -> tuple[list[tuple[int, float, float, int, float, list[float]]], bool]: ...
    def nce(
        self,
        source_labels: NDArray[np.int32] | NDArray[np.int64],
        target_labels: NDArray[np.int32] | NDArray[np.int64],
        *,
        n_threads: int,
    ) -> float: ...
    # Of the pairs that occur, by source and then target class: source ids, target ids, samples.
    def pair_counts(
        self,
        source_ids: NDArray[np.int32],
        n_source_classes: int,
        target_ids: NDArray[np.int32],
        n_target_classes: int,
        *,
        n_threads: int,
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]: ...
    def nce_of_counts(self, source_ids: NDArray[np.int32], counts: NDArray[np.int64]) -> float: ...
    # The score, and whether rows that are taken as given are distributions; else it is none.
    def leep(
        self,
        outputs: Features,
        ids: NDArray[np.int32],
        n_classes: int,
        *,
        normalise: bool,
        softmax: bool,
        tolerance: float,
        n_threads: int,
    ) -> tuple[float, bool]: ...
    # n P(y, z) (K, C_s)
    def label_masses(
        self,
        outputs: Features,
        ids: NDArray[np.int32],
        n_classes: int,
        *,
        normalise: bool,
        softmax: bool,
        n_threads: int,
    ) -> Matrix: ...
    # Sums over the samples of each label, of log sum_z P(y|z) theta_iz and without the log: (K,).
    def label_likelihoods(
        self,
        outputs: Features,
        ids: NDArray[np.int32],
        conditional: Matrix,
        *,
        normalise: bool,
        softmax: bool,
        n_threads: int,
    ) -> tuple[Matrix, Matrix]: ...
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
        weights: Sequence[Sequence[NDArray[np.float64]]],
        initial: Sequence[NDArray[np.float64]],
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
    # derivatives by source (k, n, d) and target (k, m, d), by weights (k, n), (k, m), by label cost
    # (k, C_s C_t), both differences, entropy of the plan and its least, residuals (k,), iterations
    def otce_gradient(
        self,
        problem: Sequence[Features],
        taken: Sequence[NDArray[np.int64]],
        ids: Sequence[NDArray[np.int32]],
        n_classes: Sequence[int],
        weights: Sequence[Matrix],
        label_distances: Matrix,
        initial: Matrix,
        initial_derivatives: Matrix,
        coefficients: Matrix,
        *,
        feature_share: float,
        epsilon: float,
        relative_epsilon: float,
        tol: float,
        max_iter: int,
        memory_budget: float,
        n_threads: int,
    ) -> tuple[Any, ...]: ...
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
    # Targets are class ids (n,) or values (n, C), the other is empty. A fixed point is max_iter,
    # tol, epsilon, epsilon_in_evidence, carried, all_terms, alpha, beta. Results: evidences, alpha,
    # beta, gamma (C,), iterations, weights (C, d), eigenvalues of the Gram matrix in some unit.
    def logme(
        self,
        features: Features,
        ids: NDArray[np.int32],
        n_classes: int,
        values: Matrix,
        *,
        fixed_point: tuple[Any, ...] | None,
        weights: bool,
        n_threads: int,
    ) -> tuple[Matrix, Matrix, Matrix, Matrix, list[int], Matrix, Matrix]: ...
    def logme_of_statistics(
        self,
        statistics: Statistics,
        *,
        fixed_point: tuple[Any, ...] | None,
        weights: bool,
        n_threads: int,
    ) -> tuple[Matrix, Matrix, Matrix, Matrix, list[int], Matrix, Matrix]: ...
    # Q / n and ridge of each column.
    def linear_mse(
        self,
        features: Features,
        ids: NDArray[np.int32],
        n_classes: int,
        values: Matrix,
        *,
        of_evidence: bool,
        ridge: float,
        n_threads: int,
    ) -> tuple[Matrix, Matrix]: ...
    def linear_mse_of_statistics(
        self, statistics: Statistics, *, of_evidence: bool, ridge: float, n_threads: int
    ) -> tuple[Matrix, Matrix]: ...
    def effective_rank(self, features: Features, *, centred: bool, n_threads: int) -> float: ...
    def effective_rank_of_eigenvalues(self, squares: Matrix) -> float: ...
    def effective_rank_of_statistics(
        self, statistics: Statistics, *, centred: bool, n_threads: int
    ) -> float: ...
    def transrate(
        self,
        features: Features,
        ids: NDArray[np.int32],
        n_classes: int,
        *,
        epsilon: float,
        uniform: bool,
        n_threads: int,
    ) -> float: ...
    def transrate_of_statistics(
        self,
        statistics: Statistics,
        features: Features,
        ids: NDArray[np.int32],
        *,
        epsilon: float,
        uniform: bool,
        n_threads: int,
    ) -> float: ...
    def coding_rate(
        self, features: Features, *, epsilon: float, centred: bool, n_threads: int
    ) -> float: ...
    def coding_rate_of_statistics(
        self, statistics: Statistics, *, epsilon: float, n_threads: int
    ) -> float: ...
    # LFC and whether it is defined.
    def lfc(
        self, features: Features, ids: NDArray[np.int32], n_classes: int, *, n_threads: int
    ) -> tuple[float, bool]: ...
    def lfc_of_statistics(
        self, statistics: Statistics, *, n_threads: int
    ) -> tuple[float, bool]: ...
    def sfda(
        self, features: Features, ids: NDArray[np.int32], n_classes: int, *, n_threads: int
    ) -> float: ...
    def sfda_of_statistics(
        self,
        statistics: Statistics,
        features: Features,
        ids: NDArray[np.int32],
        *,
        n_threads: int,
    ) -> float: ...
    # Accuracy, for each sample the neighbour whose class wins the vote, and its neighbours with
    # their distances (n, k).
    def knn(
        self,
        features: Features,
        ids: NDArray[np.int32],
        n_classes: int,
        *,
        k: int,
        cosine: bool,
        n_threads: int,
    ) -> tuple[float, NDArray[np.int64], tuple[NDArray[np.int64], Matrix]]: ...
    # Correlation, the mean targets of the neighbours (n, C), and the neighbours.
    def knn_regression(
        self, features: Features, targets: Matrix, *, k: int, cosine: bool, n_threads: int
    ) -> tuple[float, Matrix, tuple[NDArray[np.int64], Matrix]]: ...
    # Score, a row without correlation or -1, are all distances of features equal, of labels?
    def parc(
        self, features: Features, ids: NDArray[np.int32], *, n_threads: int
    ) -> tuple[float, int, bool, bool]: ...
    def parc_multi_label(
        self, features: Features, labels: NDArray[np.uint8], *, n_threads: int
    ) -> tuple[float, int, bool, bool]: ...
    # Stacks (n, depth, height, width) of labels as bits; a mask of the shape of each.
    def label_boundaries(
        self,
        stacks: Sequence[Bits],
        *,
        connectivity: int,
        squared_radius: int,
        ignored: Sequence[int],
        n_threads: int,
    ) -> list[NDArray[np.bool_]]: ...
    # The pixels that may still be in a sample, for each seed, and how many there were of each
    # label. Masks are one for each stack, or none.
    def sample_pixels(
        self,
        stacks: Sequence[Bits],
        masks: Sequence[NDArray[np.bool_]],
        *,
        first_map: int,
        drawn: Sequence[DrawnPixels],
        seeds: Sequence[int],
        n: int,
        per_map: int,
        balanced: bool,
        ignored: Sequence[int],
        is_signed: bool,
        n_threads: int,
    ) -> tuple[list[DrawnPixels], dict[int, int]]: ...
    def chosen_pixels(self, drawn: DrawnPixels, *, n: int, balanced: bool) -> DrawnPixels: ...
    # Maps (n, C, depth, height, width) of any layout, images (k,) and coordinates (k, 3) of pixels,
    # sizes of a feature in pixels; features (k, C).
    def gather_pixel_features(
        self,
        maps: Features,
        image: NDArray[np.int64],
        coordinates: NDArray[np.int64],
        *,
        scale: Sequence[int],
        linear: bool,
        n_threads: int,
    ) -> Features: ...
