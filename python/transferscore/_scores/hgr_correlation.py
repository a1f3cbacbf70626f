"""Maximal correlation: the maximal H-score of one feature, by the same kernel."""

import math
import warnings

from numpy.typing import ArrayLike

from transferscore._checks import IgnoreIndex
from transferscore._results import ConvergenceWarning
from transferscore._scores.maximal_h_score import Method, read


def hgr_correlation(
    x: ArrayLike,
    labels: ArrayLike,
    *,
    method: Method = "ace",
    tol: float = 1e-10,
    max_iter: int = 1000,
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
) -> float:
    r"""Hirschfeld-Gebelein-Renyi maximal correlation of a discrete x and labels.

    Hirschfeld 1935, Gebelein 1941, Renyi, "On measures of dependence", 1959. It is the square root
    of `maximal_h_score` with one feature, Bao et al., ICIP 2019, and comes from its kernel.

    .. math::

        \rho = \max_{f, g} \operatorname{corr}\bigl(f(x), g(y)\bigr) = \sigma_1(B), \quad
        B_{xy} = \frac{P_{xy} - P_x P_y}{\sqrt{P_x P_y}}

    Higher means more dependence. 0 <= rho <= 1: 0 for independent x and labels, 1 where some values
    and some labels come with each other alone.

    Parameters
    ----------
    x : array-like of shape (n,)
        A discrete value for each sample: integers, whole numbers, booleans or strings.
    labels : array-like of shape (n,)
        Class labels, of the same kinds. A single class is allowed and scores 0.
    method : "ace" or "svd", default "ace"
        Iteration on the cells that occur, or the dense table, as in `maximal_h_score`.
    tol : float, default 1e-10
        Error of rho squared, relative to it, at which the iteration ends.
    max_iter : int, default 1000
        Most passes over the cells.
    ignore_index : int, str or sequence of these, optional
        Labels whose samples are left out before anything is computed.
    n_threads : int, optional
        Threads for this call. Default: `set_num_threads`, else OMP_NUM_THREADS, else the processors
        that affinity and control group allow. The result has the same bits for any number.

    Returns
    -------
    float
        The correlation. The functions f and g are those of
        ``maximal_h_score(x, labels, n_features=1, full_output=True)``.

    Raises
    ------
    ValueError, TypeError, MemoryError
        As `maximal_h_score`.

    Warns
    -----
    ConvergenceWarning
        Where `max_iter` passes do not suffice.

    Notes
    -----
    Memory as `maximal_h_score` with one feature.

    Examples
    --------
    >>> from transferscore import hgr_correlation
    >>> hgr_correlation([0, 0, 1, 1, 2, 2], ["a", "a", "b", "b", "a", "a"])
    1.0
    >>> round(hgr_correlation([0, 0, 1, 1, 2, 2], ["a", "b", "b", "b", "a", "b"]), 3)
    0.5
    """
    problem = read(
        x,
        labels,
        method=method,
        tol=tol,
        max_iter=max_iter,
        ignore_index=ignore_index,
        n_threads=n_threads,
    )
    solution = problem.solve(1, functions=False)
    if not solution.converged:
        warnings.warn(solution.not_converged(), ConvergenceWarning, stacklevel=2)
    return math.sqrt(solution.value)
