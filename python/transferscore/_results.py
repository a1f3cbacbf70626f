"""What calls return beyond numbers and arrays."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks

if TYPE_CHECKING:
    from transferscore.transport._problem import Problem

Vector = NDArray[np.float64]


class ConvergenceWarning(UserWarning):
    """An iteration ended before it reached its tolerance."""


@dataclass(frozen=True)
class HScoreResult:
    """H-score and how it came about.

    Attributes
    ----------
    value : float or ndarray of shape (L,)
        The score; higher is better.
    bounds : tuple of two floats or ndarrays of shape (L,)
        The least and the most that the score can be for these labels.
    rank : int or None
        Rank of the centred features; None with shrinkage, where every direction counts.
    n, d : int
        Samples that were scored (without ignored ones) and features.
    classes : int or ndarray of shape (L,)
        Classes found among the scored samples.
    shrinkage : float
        Intensity that was used, 0 for the plain score.
    notes : tuple of str
        What a reader of the number should know.
    """

    value: float | NDArray[np.float64]
    bounds: tuple[float, float] | tuple[NDArray[np.float64], NDArray[np.float64]]
    rank: int | None
    n: int
    d: int
    classes: int | NDArray[np.int64]
    shrinkage: float
    notes: tuple[str, ...]


@dataclass(frozen=True)
class SinkhornResult:
    """An entropic optimal transport plan, given by its potentials.

    The plan is P_ij = a_i b_j exp((f_i + g_j - C_ij) / epsilon).

    Attributes
    ----------
    f, g : ndarray of shape (n,) and (m,)
        Potentials in units of cost, float64, with <a, f> = <b, g>.
    transport_cost : float
        <P, C>, in units of cost.
    regularised_cost : float
        <a, f> + <b, g> - epsilon (sum P - 1): the dual value of <P, C> + epsilon KL(P | a b^T).
    marginal_error : float
        ||P 1 - a||_1 + ||P^T 1 - b||_1, computed anew from the potentials.
    n_iter : int
        Iterations, each one pass over the costs.
    converged : bool
        Whether `marginal_error` is at most `tol`.
    epsilon, relative_epsilon : float
        Regularisation in units of cost, and as a share of the median cost.
    tol : float
        The tolerance that was asked.

    Notes
    -----
    `coupling` and `round` read the points or costs that were passed in, which are kept without a
    copy: they must not have changed by then.
    """

    f: Vector
    g: Vector
    transport_cost: float
    regularised_cost: float
    marginal_error: float
    n_iter: int
    converged: bool
    epsilon: float
    relative_epsilon: float
    tol: float
    _problem: "Problem" = field(repr=False, compare=False)

    def coupling(self, *, memory_budget: int | None = None) -> Vector:
        """The plan P (n, m) in float64; MemoryError where it is larger than the budget in bytes."""
        return self._problem.coupling(self, memory_budget, exact_marginals=False)

    def round(self, *, memory_budget: int | None = None) -> Vector:
        """A plan (n, m) near P with exactly the marginals a and b.

        Altschuler, Weed, Rigollet, NeurIPS 2017. It moves at most the mass of `marginal_error`.
        """
        return self._problem.coupling(self, memory_budget, exact_marginals=True)


@dataclass(frozen=True)
class ExactResult:
    """An optimal transport plan without regularisation: its positive entries.

    Attributes
    ----------
    transport_cost : float
        <P, C>, in units of cost.
    source_index, target_index : ndarray of shape (k,)
        Where the plan is positive, k < n + m.
    mass : ndarray of shape (k,)
        How much it moves there.
    n, m : int
        Points on the two sides.
    solver : str
        "assignment" or "network simplex".
    """

    transport_cost: float
    source_index: NDArray[np.intp]
    target_index: NDArray[np.intp]
    mass: Vector
    n: int
    m: int
    solver: str

    def coupling(self) -> Any:
        """The plan as a `scipy.sparse.coo_array` of shape (n, m)."""
        from scipy.sparse import coo_array

        where = (self.source_index, self.target_index)
        return coo_array((self.mass, where), shape=(self.n, self.m))


@dataclass(frozen=True)
class OTCESpread:
    """How much OTCE varies over repeated samples.

    Attributes
    ----------
    domain_differences, task_differences : ndarray of shape (R,)
        The values of each sample.
    domain_difference, task_difference : float
        Their standard deviations (with divisor R - 1; nan for one sample).
    """

    domain_differences: Vector
    task_differences: Vector
    domain_difference: float
    task_difference: float

    @classmethod
    def of(cls, domain: Vector, task: Vector) -> "OTCESpread":
        """From the values of each sample (R,)."""
        several = len(domain) > 1
        deviations = [
            float(side.std(ddof=1)) if several else float("nan") for side in (domain, task)
        ]
        return cls(domain, task, *deviations)


@dataclass(frozen=True)
class OTCEResult:
    """OTCE and how it came about.

    Attributes
    ----------
    domain_difference : float
        W_D = <P, C>, in squared units of the features; lower is nearer.
    task_difference : float
        W_T = H(Y_t | Y_s) in nats; lower is better.
    joint : ndarray of shape (C_s, C_t)
        Joint distribution of source and target labels under the plan.
    source_classes, target_classes : ndarray of shape (C_s,) and (C_t,)
        The labels of its rows and columns, sorted.
    solver : SinkhornResult or ExactResult
        The transport; of the last sample where samples were asked.
    spread : OTCESpread or None
        How values vary over samples, where samples were asked; the values above are then means.
    """

    domain_difference: float
    task_difference: float
    joint: Vector
    source_classes: NDArray[Any]
    target_classes: NDArray[Any]
    solver: SinkhornResult | ExactResult
    spread: OTCESpread | None = None

    @property
    def score(self) -> float:
        """-W_T, the score without auxiliary tasks (F-OTCE); higher is better."""
        return -self.task_difference


@dataclass(frozen=True)
class OTCEGradient:
    """Combinations of OTCE's two differences, and their derivatives.

    Where one pair of coefficients was asked, arrays have no first axis.

    Attributes
    ----------
    value : float or ndarray of shape (k,)
        domain coefficient times W_D plus task coefficient times W_T.
    source_features, target_features : ndarray of shape (k, n, d) and (k, m, d)
        Derivatives by the features, in their type; zero for points that are left out.
    source_weights, target_weights : ndarray of shape (k, n) and (k, m)
        Derivatives by the weights. Only proportions of weights count, so they are orthogonal to the
        weights; at a weight of zero, the derivative of giving it some.
    label_cost : ndarray of shape (k, C_s, C_t) or None
        Derivatives by the distances between classes, where there is a label cost.
    domain_difference, task_difference : float
        W_D and W_T of the plan as it was solved.
    residual : float
        Of the linear system that carries derivatives through the plan, relative; the largest.
    n_iter : int
        Iterations of conjugate gradients.
    converged : bool
        Whether transport and linear system both reached `tol`.
    solver : SinkhornResult
        The transport.
    """

    value: float | Vector
    source_features: NDArray[Any]
    target_features: NDArray[Any]
    source_weights: Vector
    target_weights: Vector
    label_cost: Vector | None
    domain_difference: float
    task_difference: float
    residual: float
    n_iter: int
    converged: bool
    solver: SinkhornResult


@dataclass(frozen=True)
class MaximalHScoreResult:
    """Maximal H-score, with the features that reach it.

    Attributes
    ----------
    value : float
        The score; higher means more dependence.
    singular_values : ndarray of shape (k,)
        sigma, descending. Their squares add up to `value` (to `tol`, where it was iterated).
    feature_functions : ndarray of shape (n_x, k)
        f, a row for each value of x: zero mean and unit covariance over the samples.
    label_functions : ndarray of shape (n_y, k)
        g, a row for each label, likewise; E[f_i(x) g_j(y)] is sigma_i for i = j, else 0.
    x_values, label_values : ndarray of shape (n_x,) and (n_y,)
        To what the rows belong, sorted.
    n_iter : int
        Passes over the cells; 0 for method "svd", and where there is nothing to iterate.
    converged : bool
        Whether the iteration ended because the error was at most `tol`.

    Notes
    -----
    Only min(n_x, n_y) - 1 features add to the score. Where more were asked, the others are zero,
    and so are their singular values.
    """

    value: float
    singular_values: Vector
    feature_functions: Vector
    label_functions: Vector
    x_values: NDArray[Any]
    label_values: NDArray[Any]
    n_iter: int
    converged: bool

    @property
    def hgr(self) -> float:
        """The largest singular value: the maximal correlation of x and labels."""
        return float(self.singular_values[0]) if len(self.singular_values) else 0.0

    def features(self, x: ArrayLike) -> Vector:
        """The optimal features (n, k) of values (n,), each of which must have been scored."""
        return self.feature_functions[_checks.positions(self.x_values, x)]


@dataclass(frozen=True)
class LogMEResult:
    """LogME and how it came about.

    Attributes
    ----------
    value : float
        The score, the mean of `evidences` over columns that are not all zeros; higher is better.
    evidences : ndarray of shape (C,)
        Largest log evidence of each column, divided by n; 0 for a column of zeros.
    alpha, beta : ndarray of shape (C,)
        Precisions of the prior and of the noise, in inverse squared units of the weights and of the
        targets; 0 for a column of zeros.
    effective_parameters : ndarray of shape (C,)
        gamma: how many directions of the features the targets determine.
    n_iter : ndarray of shape (C,)
        Penalties that were tried to find the maximum, beyond those common to all columns; rounds of
        a fixed-point convention.
    weights : ndarray of shape (C, d)
        Mean m of the posterior.
    classes : ndarray of shape (C,) or None
        The class that each column stands for, where targets are class labels.
    """

    value: float
    evidences: Vector
    alpha: Vector
    beta: Vector
    effective_parameters: Vector
    n_iter: NDArray[np.int64]
    weights: Vector
    classes: NDArray[Any] | None
    _is_vector: bool = field(repr=False, compare=False)

    def predict(self, features: ArrayLike) -> Vector:
        """Mean of the targets for new features (n', d): (n', C), or (n',) for one real target."""
        from transferscore import _checks

        scores = _checks.features_of_width(features, self.weights.shape[1]) @ self.weights.T
        one = self._is_vector and self.classes is None
        return np.asarray(scores[:, 0] if one else scores, dtype=np.float64)


@dataclass(frozen=True)
class KNNResult:
    """What the nearest neighbours tell.

    Attributes
    ----------
    value : float
        Leave-one-out accuracy, or with regression the correlation; higher is better.
    predictions : ndarray of shape (n,) or (n, C)
        The label that the neighbours elect, or the mean of their targets, for each sample.
    neighbours : ndarray of shape (n, k)
        Indices of the neighbours among the samples that were scored, the nearest first.
    distances : ndarray of shape (n, k)
        Their distances, float64.
    """

    value: float
    predictions: NDArray[Any]
    neighbours: NDArray[np.int64]
    distances: Vector


@dataclass(frozen=True)
class NLEEPResult:
    """N-LEEP and how its mixture was fitted.

    Attributes
    ----------
    value : float
        The score; higher is better.
    n_components : int
        Gaussians in the mixture.
    n_features : int
        Dimensions in which it was fitted: principal components, or features without `pca`.
    lower_bound : float
        Mean log-likelihood of the samples under the mixture, in the unit of the features.
    n_iter : int
        Rounds of the fit.
    converged : bool
        Whether it ended because the log-likelihood changed by less than `tol`.
    start : ndarray of shape (n,)
        The k-means cluster of each sample in which the fit began. With it the fit can be repeated
        elsewhere.
    """

    value: float
    n_components: int
    n_features: int
    lower_bound: float
    n_iter: int
    converged: bool
    start: NDArray[np.int32]


@dataclass(frozen=True)
class PixelHScoreResult:
    """H-score of an image-to-image task, pixel by pixel.

    Attributes
    ----------
    score : float
        The mean of `map`, constant positions included; higher is better.
    map : ndarray of shape (H', W')
        The H-score of each pixel, or of each square of pixels.
    n_colours : ndarray of shape (H', W')
        Colours found at each position; its score is at most one less.
    n_constant : int
        Positions with one colour, which score 0.
    rank : int or None
        Rank of the centred features; None with shrinkage, where every direction counts.
    shrinkage : float
        Intensity that was used, 0 for the plain score.
    n, d : int
        Images and features.
    superpixel : int
        Side of the squares.
    """

    score: float
    map: Vector
    n_colours: NDArray[np.int64]
    n_constant: int
    rank: int | None
    shrinkage: float
    n: int
    d: int
    superpixel: int
