"""The debiased transport cost."""

from numpy.typing import ArrayLike

from transferscore import _checks
from transferscore.transport._problem import checked
from transferscore.transport.sinkhorn import options, solved, warn_unconverged


def sinkhorn_divergence(
    source_points: ArrayLike,
    target_points: ArrayLike,
    *,
    epsilon: float | None = None,
    relative_epsilon: float | None = None,
    source_weights: ArrayLike | None = None,
    target_weights: ArrayLike | None = None,
    tol: float = 1e-3,
    max_iter: int = 1000,
    memory_budget: int | None = None,
    n_threads: int | None = None,
) -> float:
    r"""Sinkhorn divergence: a distance between domains that is zero for equal ones.

    Feydy, Séjourné, Vialard, Amari, Trouvé, Peyré, "Interpolating between optimal transport and MMD
    using Sinkhorn divergences", AISTATS 2019.

    .. math::

        S(x, z) = \operatorname{OT}_\epsilon(x, z) - \tfrac12 \operatorname{OT}_\epsilon(x, x)
                  - \tfrac12 \operatorname{OT}_\epsilon(z, z)

    with the regularised costs of `sinkhorn`. Lower is nearer.

    Parameters
    ----------
    source_points : array-like of shape (n, d)
        Source points.
    target_points : array-like of shape (m, d)
        Target points; the cost is the squared Euclidean distance.
    epsilon : float, optional
        Regularisation in units of cost.
    relative_epsilon : float, optional
        Regularisation as a share of the median cost between source and target, 0.02 where neither
        is given; the same epsilon then serves all three terms.
    source_weights : array-like of shape (n,), optional
        Weights a, not negative; uniform by default.
    target_weights : array-like of shape (m,), optional
        Weights b, with the same sum as `source_weights` where both are given.
    tol : float, default 1e-3
        Largest marginal error of each term. The value's error is of second order in it.
    max_iter : int, default 1000
        Most iterations of each term.
    memory_budget : int, optional
        Bytes for matrices, as for `sinkhorn`.
    n_threads : int, optional
        Threads for this call. The result has the same bits for any number.

    Returns
    -------
    float
        The divergence, in units of cost; not below zero but for the tolerance.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described; the text names it.

    Warns
    -----
    ConvergenceWarning
        Where a term did not reach `tol`.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import sinkhorn_divergence
    >>> points = np.random.default_rng(0).normal(size=(100, 3))
    >>> round(sinkhorn_divergence(points, points), 6)
    0.0
    >>> round(sinkhorn_divergence(points, points + 1), 6)  # a shift by one in three directions
    3.0
    """
    how = options(
        epsilon=epsilon,
        relative_epsilon=relative_epsilon,
        tol=tol,
        max_iter=max_iter,
        memory_budget=memory_budget,
        n_threads=n_threads,
    )
    x, z = _checks.points(source_points, target_points, n_threads=how.n_threads)
    a, b = _checks.weights(source_weights, target_weights, len(x), len(z))
    (cross,) = solved([checked(x, z, source_weights=a, target_weights=b)], how)
    same = how._replace(epsilon=cross.epsilon, relative_epsilon=0.0)
    own = solved(
        [checked(p, p, source_weights=w, target_weights=w) for p, w in ((x, a), (z, b))], same
    )
    warn_unconverged([cross, *own], stacklevel=3)
    return cross.regularised_cost - sum(term.regularised_cost for term in own) / 2
