"""The definition of entropic optimal transport."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class Transport(NamedTuple):
    """Potentials of a plan, and all that follows from them."""

    f: Array  # (n,), in units of the cost
    g: Array  # (m,)
    coupling: Array  # P (n, m)
    transport_cost: float  # <P, C>
    regularised_cost: float  # <a, f> + <b, g> - epsilon (sum P - 1)
    marginal_error: float  # |P 1 - a|_1 + |P' 1 - b|_1
    epsilon: float
    n_iter: int


def squared_distances(source_points: ArrayLike, target_points: ArrayLike) -> Array:
    """`C_ij = |x_i - z_j|^2`, from the differences.

    Parameters
    ----------
    source_points : array-like of shape (n, d)
        Points x.
    target_points : array-like of shape (m, d)
        Points z.

    Returns
    -------
    ndarray of shape (n, m)
        The cost C.

    Examples
    --------
    >>> from transferscore.reference import squared_distances
    >>> squared_distances([[0.0, 0.0], [3.0, 0.0]], [[0.0, 4.0]])
    array([[16.],
           [25.]])
    """
    x = np.asarray(source_points, dtype=np.float64)
    z = np.asarray(target_points, dtype=np.float64)
    return np.stack([np.sum((x_i - z) ** 2, axis=1) for x_i in x])


def absolute_epsilon(cost: ArrayLike, relative_epsilon: float) -> float:
    """The relative epsilon times the median cost.

    The median is taken over at most 512 rows and 512 columns, evenly spaced. Where it says nothing
    about the size of the costs (it is 0, or costs are negative), means take its place.

    Parameters
    ----------
    cost : array-like of shape (n, m)
        Costs C.
    relative_epsilon : float
        The factor.

    Returns
    -------
    float
        Epsilon, in units of the cost.

    Examples
    --------
    >>> from transferscore.reference import absolute_epsilon
    >>> absolute_epsilon([[1.0, 2.0, 8.0]], 0.5)
    1.0
    """
    C = np.asarray(cost, dtype=np.float64)
    n, m = C.shape
    p, q = min(n, 512), min(m, 512)
    some = C[np.ix_(np.arange(p) * n // p, np.arange(q) * m // q)]
    scale = float(np.median(some))
    if scale <= 0:
        scale = float(np.mean(np.abs(some)))
    return relative_epsilon * (scale if scale > 0 else 1.0)


def sinkhorn(
    cost: ArrayLike,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    *,
    epsilon: float | None = None,
    relative_epsilon: float = 0.02,
    tol: float = 1e-9,
    max_iter: int = 10_000,
    initial: tuple[ArrayLike, ArrayLike] | None = None,
) -> Transport:
    """The plan P with marginals a and b and least <P, C> + epsilon KL(P | a b').

    By alternating updates: Cuturi, NeurIPS 2013. In the logarithmic domain: Peyre and Cuturi,
    "Computational optimal transport", 2019, section 4.4.

    Parameters
    ----------
    cost : array-like of shape (n, m)
        Costs C.
    source_weights : array-like of shape (n,), optional
        Weights a; uniform by default.
    target_weights : array-like of shape (m,), optional
        Weights b; uniform by default.
    epsilon : float, optional
        Strength of the regularisation, in units of the cost.
    relative_epsilon : float, default 0.02
        Where `epsilon` is None, epsilon in units of the median cost.
    tol : float, default 1e-9
        Marginal error at which the updates stop.
    max_iter : int, default 10000
        Most updates of both potentials.
    initial : pair of array-like of shapes (n,) and (m,), optional
        Potentials to start from (of which the first update needs g alone).

    Returns
    -------
    Transport
        Potentials f, g, plan, costs, marginal error and number of updates.

    Examples
    --------
    >>> from transferscore.reference import sinkhorn
    >>> result = sinkhorn([[0.0, 1.0], [1.0, 0.0]], epsilon=0.5)
    >>> result.coupling.round(4)
    array([[0.4404, 0.0596],
           [0.0596, 0.4404]])
    >>> round(result.transport_cost, 4)
    0.1192
    """
    C = np.asarray(cost, dtype=np.float64)
    a, b = _weights(source_weights, len(C)), _weights(target_weights, C.shape[1])
    if epsilon is None:
        epsilon = absolute_epsilon(C, relative_epsilon)
    g = np.zeros_like(b) if initial is None else np.asarray(initial[1], dtype=np.float64)
    n_iter, error = 0, np.inf
    while n_iter < max_iter and not error <= tol:
        n_iter += 1
        f = _softmin(C, g, b, epsilon)
        g = _softmin(C.T, f, a, epsilon)
        error = from_potentials(C, f, g, a, b, epsilon=epsilon).marginal_error
    # A point without weight is in no marginal; its potential follows from the others'.
    f = np.where(a > 0, f, _softmin(C, g, b, epsilon))
    shift = (a @ f - b @ g) / 2
    return from_potentials(C, f - shift, g + shift, a, b, epsilon=epsilon)._replace(n_iter=n_iter)


def from_potentials(
    cost: ArrayLike,
    f: ArrayLike,
    g: ArrayLike,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    *,
    epsilon: float,
) -> Transport:
    """P_ij = a_i b_j exp((f_i + g_j - C_ij) / epsilon), and what follows from it.

    Parameters
    ----------
    cost : array-like of shape (n, m)
        Costs C.
    f : array-like of shape (n,)
        Potentials of the source, in units of the cost.
    g : array-like of shape (m,)
        Potentials of the target.
    source_weights : array-like of shape (n,), optional
        Weights a; uniform by default.
    target_weights : array-like of shape (m,), optional
        Weights b; uniform by default.
    epsilon : float
        Strength of the regularisation, in units of the cost.

    Returns
    -------
    Transport
        Everything; `n_iter` is 0.

    Examples
    --------
    >>> from transferscore.reference import from_potentials
    >>> from_potentials([[3.0]], [1.0], [2.0], epsilon=1.0).transport_cost
    3.0
    """
    C, f, g = (np.asarray(values, dtype=np.float64) for values in (cost, f, g))
    a, b = _weights(source_weights, len(f)), _weights(target_weights, len(g))
    P = a[:, None] * b * np.exp((f[:, None] + g - C) / epsilon)
    error = np.sum(np.abs(P.sum(axis=1) - a)) + np.sum(np.abs(P.sum(axis=0) - b))
    return Transport(
        f=f,
        g=g,
        coupling=P,
        transport_cost=float(np.sum(P * C)),
        regularised_cost=float(a @ f + b @ g - epsilon * (P.sum() - 1)),
        marginal_error=float(error),
        epsilon=epsilon,
        n_iter=0,
    )


def sinkhorn_divergence(
    source_points: ArrayLike,
    target_points: ArrayLike,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    *,
    epsilon: float | None = None,
    relative_epsilon: float = 0.02,
    tol: float = 1e-9,
    max_iter: int = 10_000,
) -> float:
    """OT(x, z) - OT(x, x) / 2 - OT(z, z) / 2, of regularised costs with one epsilon.

    Feydy et al., AISTATS 2019.

    Parameters
    ----------
    source_points : array-like of shape (n, d)
        Points x.
    target_points : array-like of shape (m, d)
        Points z.
    source_weights : array-like of shape (n,), optional
        Weights a; uniform by default.
    target_weights : array-like of shape (m,), optional
        Weights b; uniform by default.
    epsilon : float, optional
        Strength of the regularisation, in units of the cost.
    relative_epsilon : float, default 0.02
        Where `epsilon` is None, epsilon in units of the median cost between x and z.
    tol : float, default 1e-9
        Marginal error at which the updates of each of the three stop.
    max_iter : int, default 10000
        Most updates of each.

    Returns
    -------
    float
        The divergence, 0 for equal clouds.

    Examples
    --------
    >>> from transferscore.reference import sinkhorn_divergence
    >>> sinkhorn_divergence([[0.0]], [[3.0]])
    9.0
    """
    if epsilon is None:
        cost = squared_distances(source_points, target_points)
        epsilon = absolute_epsilon(cost, relative_epsilon)

    def cost_between(x: ArrayLike, z: ArrayLike, a: ArrayLike | None, b: ArrayLike | None) -> float:
        C = squared_distances(x, z)
        return sinkhorn(C, a, b, epsilon=epsilon, tol=tol, max_iter=max_iter).regularised_cost

    x, z, a, b = source_points, target_points, source_weights, target_weights
    of_themselves = cost_between(x, x, a, a) + cost_between(z, z, b, b)
    return cost_between(x, z, a, b) - of_themselves / 2


def _softmin(C: Array, g: Array, b: Array, epsilon: float) -> Array:
    """f_i = -epsilon log sum_j b_j exp((g_j - C_ij) / epsilon) for every row of C."""
    with np.errstate(divide="ignore"):  # no weight, no term: exp(-inf)
        exponent = np.log(b) + (g - C) / epsilon
    highest = exponent.max(axis=1)
    total = np.sum(np.exp(exponent - highest[:, None]), axis=1)
    return np.asarray(-epsilon * (highest + np.log(total)), dtype=np.float64)


def _weights(weights: ArrayLike | None, n: int) -> Array:
    w = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
    return np.asarray(w / w.sum(), dtype=np.float64)
