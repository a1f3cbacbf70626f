"""The largest H-score that features of a discrete variable can reach."""

import warnings
from dataclasses import dataclass
from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _memory, _threads
from transferscore._backend import backend
from transferscore._checks import IgnoreIndex
from transferscore._results import ConvergenceWarning, MaximalHScoreResult

Method = Literal["ace", "svd"]
ALL_AT_ONCE = 256


@overload
def maximal_h_score(
    x: ArrayLike,
    labels: ArrayLike,
    *,
    n_features: int | None = None,
    method: Method = "ace",
    tol: float = 1e-10,
    max_iter: int = 1000,
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
    full_output: Literal[False] = False,
) -> float: ...
@overload
def maximal_h_score(
    x: ArrayLike,
    labels: ArrayLike,
    *,
    n_features: int | None = None,
    method: Method = "ace",
    tol: float = 1e-10,
    max_iter: int = 1000,
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
    full_output: Literal[True],
) -> MaximalHScoreResult: ...
def maximal_h_score(
    x: ArrayLike,
    labels: ArrayLike,
    *,
    n_features: int | None = None,
    method: Method = "ace",
    tol: float = 1e-10,
    max_iter: int = 1000,
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
    full_output: bool = False,
) -> float | MaximalHScoreResult:
    r"""Maximal H-score: the most that `h_score` can be for any k features of a discrete x.

    Bao, Li, Huang, Zhang, Zheng, Zamir, Guibas, "An information-theoretic approach to
    transferability in task transfer learning", ICIP 2019: the H-score of the optimal features of a
    task. Found by alternating conditional expectations (ACE): Breiman, Friedman, "Estimating
    optimal transformations for multiple regression and correlation", JASA 1985.

    .. math::

        H_k = \max_f \operatorname{tr}\bigl(\operatorname{cov}(f(x))^{-1}
            \operatorname{cov}(E[f(x) \mid y])\bigr) = \sum_{i \le k} \sigma_i(B)^2, \quad
        B_{xy} = \frac{P_{xy} - P_x P_y}{\sqrt{P_x P_y}}

    With as many features as can be it is :math:`\chi^2(x; y) / n`, taken from the counts alone.
    Higher means more dependence. 0 <= H_k <= min(k, number of values - 1, number of classes - 1);
    0 for independent x and labels.

    Parameters
    ----------
    x : array-like of shape (n,)
        A discrete value for each sample: integers, whole numbers, booleans or strings.
    labels : array-like of shape (n,)
        Class labels, of the same kinds. A single class is allowed and scores 0.
    n_features : int, optional
        k. Default: all, min(number of values, number of classes) - 1; more add nothing.
    method : "ace" or "svd", default "ace"
        "ace" iterates on the cells (x, label) that occur; "svd" decomposes the dense table B, on
        one thread, for small tables and as a second opinion.
    tol : float, default 1e-10
        Error of the score, relative to it, at which the iteration ends; below 1e-14 rounding
        prevails.
    max_iter : int, default 1000
        Most passes over the cells.
    ignore_index : int, str or sequence of these, optional
        Labels whose samples are left out before anything is computed.
    n_threads : int, optional
        Threads for this call. Default: `set_num_threads`, else OMP_NUM_THREADS, else the processors
        that affinity and control group allow. The result has the same bits for any number.
    full_output : bool, default False
        Return a `MaximalHScoreResult` with singular values and the optimal features themselves.

    Returns
    -------
    float or MaximalHScoreResult
        The score.

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described. The text names the argument, what it must be and what
        it was.
    MemoryError
        Where the table of "svd", or the features, would take more than a quarter of the memory that
        this process may use.

    Warns
    -----
    ConvergenceWarning
        Where `max_iter` passes do not suffice; the score is then a little too low.

    Notes
    -----
    The score is that of the samples. Where many values of x occur once, each of them knows its
    label, and the score is near the number of classes - 1 whatever x means.

    Memory beyond the inputs, in bytes, at most: 80 n for ids and cells of n samples; unless all
    features are asked for without `full_output`, 256 n_x + 48 b n_y, with `full_output` and k > 5
    48 k n_x + 48 b n_y; and 80 n_x n_y in place of these for "svd". n_x and n_y are the numbers of
    values and of classes, m the smaller one less 1, and b is m up to 256, else the smaller of m and
    max(32, k + 16).

    With hundreds of classes and many features that are about equally good, "ace" converges slowly.

    Examples
    --------
    >>> from transferscore import maximal_h_score
    >>> colour = ["red", "red", "green", "green", "blue", "blue"]
    >>> maximal_h_score(colour, [0, 0, 1, 1, 1, 1])
    1.0
    >>> round(maximal_h_score(colour, [0, 1, 1, 1, 0, 1]), 3)
    0.25
    >>> maximal_h_score(colour, [0, 1, 0, 1, 0, 1])
    0.0
    """
    wanted = None if n_features is None else _checks.count(n_features, "n_features")
    problem = read(
        x,
        labels,
        method=method,
        tol=tol,
        max_iter=max_iter,
        ignore_index=ignore_index,
        n_threads=n_threads,
    )
    solution = problem.solve(wanted, functions=full_output)
    if not solution.converged:
        warnings.warn(solution.not_converged(), ConvergenceWarning, stacklevel=2)
    if not full_output:
        return solution.value
    k = problem.most if wanted is None else wanted
    return MaximalHScoreResult(
        value=solution.value,
        singular_values=_padded(solution.singular_values, k),
        feature_functions=_padded(solution.f, k),
        label_functions=_padded(solution.g, k),
        x_values=problem.x.values,
        label_values=problem.y.values,
        n_iter=solution.n_iter,
        converged=solution.converged,
    )


def _padded(array: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """With zeros for features that cannot add to the score."""
    extra = [(0, 0)] * (array.ndim - 1) + [(0, k - array.shape[-1])]
    return np.pad(array, extra)


@dataclass(frozen=True)
class Solution:
    """What the kernel returns, for at most as many features as can add to the score."""

    value: float
    singular_values: NDArray[np.float64]
    f: NDArray[np.float64]
    g: NDArray[np.float64]
    n_iter: int
    converged: bool
    error: float

    def not_converged(self) -> str:
        """The warning where the iteration ended early."""
        return (
            f"no convergence in max_iter={self.n_iter} passes: the score may be wrong by a share "
            f"of {self.error:.2g}; raise `max_iter` or `tol`, or take method='svd' for small tables"
        )


@dataclass(frozen=True)
class Problem:
    """Checked arguments of a maximal H-score."""

    x: _checks.Classes
    y: _checks.Classes
    svd: bool
    tol: float
    max_iter: int
    n_threads: int

    @property
    def most(self) -> int:
        """Features that can add to the score."""
        return min(self.x.count, self.y.count) - 1

    def solve(self, n_features: int | None, *, functions: bool) -> Solution:
        """Call the kernel, where the memory is there for it."""
        k = self.most if n_features is None else min(n_features, self.most)
        # All where they are few: one pass is then enough. Else some more than wanted, for speed.
        block = self.most if self.most <= ALL_AT_ONCE else min(self.most, max(32, k + 16))
        self._refuse_too_large(k, block, functions)
        return Solution(
            *backend.maximal_h_score(
                self.x.ids,
                self.x.count,
                self.y.ids,
                self.y.count,
                n_features=k,
                block=block,
                svd=self.svd,
                tol=self.tol,
                max_iter=self.max_iter,
                functions=functions,
                n_threads=self.n_threads,
            )
        )

    def _refuse_too_large(self, k: int, block: int, functions: bool) -> None:
        n_values, n_classes = self.x.count, self.y.count
        budget = _memory.budget()
        if self.svd:
            needed = 80.0 * n_values * n_classes
            if needed > budget:
                raise _checks.too_many_bytes_of_table(n_values, n_classes, needed, budget)
        elif functions or k < self.most:
            of_values = max(min(block, 32), 6 * k if functions else 0)
            needed = 8.0 * (of_values * n_values + 6 * block * n_classes)
            if needed > budget:
                raise _checks.too_many_bytes_of_functions(k, needed, budget)


def read(
    x: ArrayLike,
    labels: ArrayLike,
    *,
    method: str,
    tol: float,
    max_iter: int,
    ignore_index: IgnoreIndex,
    n_threads: int | None,
) -> Problem:
    """Check the arguments that `maximal_h_score` and `hgr_correlation` share."""
    threads = _threads.resolve(n_threads)
    values, classes = _checks.discrete_and_labels(
        x, labels, ignore_index=ignore_index, n_threads=threads
    )
    return Problem(
        values,
        classes,
        _checks.choice(method, "method", ("ace", "svd")) == "svd",
        _checks.positive(tol, "tol"),
        _checks.count(max_iter, "max_iter"),
        threads,
    )
