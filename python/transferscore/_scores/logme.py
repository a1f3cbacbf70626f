"""LogME: the largest evidence of Bayesian linear regression."""

import warnings
from dataclasses import astuple, dataclass
from typing import Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _threads
from transferscore._backend import backend
from transferscore._checks import IgnoreIndex
from transferscore._results import LogMEResult

Convention = Literal["exact", "tllib", "thuml", "thuml-icml", "transformer-ranker"]


@dataclass(frozen=True)
class FixedPoint:
    """The iteration of public programs, in their own stopping rules."""

    max_iter: int = 11
    tol: float = 1e-2
    epsilon: float = 0.0
    epsilon_in_evidence: bool = False
    carried: bool = False  # a column starts where the one before ended
    all_terms: bool = True  # False: with n < d only n of the d terms of the log-determinant
    alpha: float = 1.0
    beta: float = 1.0


TLLIB = FixedPoint()
THUML = FixedPoint(tol=1e-3, epsilon=1e-5)
TRANSFORMER_RANKER = FixedPoint(tol=1e-3, epsilon=1e-5, carried=True)

CONVENTIONS: dict[str, FixedPoint | None] = {
    "exact": None,
    "tllib": TLLIB,
    "thuml": THUML,
    "thuml-icml": FixedPoint(epsilon=1e-5, epsilon_in_evidence=True),
    "transformer-ranker": TRANSFORMER_RANKER,
}


@overload
def logme(
    features: ArrayLike,
    targets: ArrayLike,
    *,
    regression: bool = False,
    convention: Convention = "exact",
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
    full_output: Literal[False] = False,
) -> float: ...
@overload
def logme(
    features: ArrayLike,
    targets: ArrayLike,
    *,
    regression: bool = False,
    convention: Convention = "exact",
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
    full_output: Literal[True],
) -> LogMEResult: ...
def logme(
    features: ArrayLike,
    targets: ArrayLike,
    *,
    regression: bool = False,
    convention: Convention = "exact",
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
    full_output: bool = False,
) -> float | LogMEResult:
    r"""LogME: the logarithm of the maximum evidence of the targets, given the features.

    You, Liu, Wang, Long, "LogME: practical assessment of pre-trained models for transfer learning",
    ICML 2021; You et al., "Ranking and tuning pre-trained models", JMLR 2022.

    .. math::

        \mathcal L(\alpha, \beta) = \tfrac12 \bigl[ d \log \alpha + n \log \beta
            - \log |\alpha I + \beta X^\top X| - \beta \|y - X m\|^2 - \alpha \|m\|^2
            - n \log 2\pi \bigr], \quad m = \beta (\alpha I + \beta X^\top X)^{-1} X^\top y

    The score is the mean over the columns y of max L / n: for class labels the indicator of each
    class, without intercept and without centring. Higher is better; there is no bound on either
    side. Values of tasks with different targets are not comparable.

    Parameters
    ----------
    features : array-like of shape (n, d)
        A row of features for each sample, in any unit. C-contiguous float32 and float64 are read in
        place; float16 is copied to float32, other real types to float64. Sums are float64.
    targets : array-like of shape (n,) or (n, C)
        Class labels (n,): integers, booleans or strings. Or several labels of each sample: a matrix
        (n, C) of 0 and 1. With `regression`, real numbers in any unit.
    regression : bool, default False
        Take the targets as real numbers.
    convention : str, default "exact"
        "exact" is the maximum over all alpha and beta > 0. The others stop the fixed-point
        iteration where public programs do, and depend on the units of the features: "tllib",
        "thuml" (LogME.fit), "thuml-icml" (its first version) and "transformer-ranker", with their
        constants, but all d terms of the log-determinant also for n < d.
    ignore_index : int, str or sequence of these, optional
        Class labels whose samples are left out before anything is computed.
    n_threads : int, optional
        Threads for this call. Default: `set_num_threads`, else OMP_NUM_THREADS, else the processors
        that affinity and control group allow. The result has the same bits for any number.
    full_output : bool, default False
        Return a `LogMEResult` with the evidence, alpha, beta and weights of each column.

    Returns
    -------
    float or LogMEResult
        The score.

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described, features are not finite, or there is only one class.
        The text names the argument, what it must be and what it was.

    Warns
    -----
    UserWarning
        Where a column of targets is all zeros: its evidence has no bound, and it is left out.

    Notes
    -----
    The evidence of targets that the features fit exactly has no bound either for n > d, or where
    the features have rank below n. It is then taken where rounding ends: residuals below n eps of
    ||y||^2 and eigenvalues below 64 eps of the largest are not told from zero.

    Memory beyond the inputs, in bytes, with s = min(n, d), at most: 8 s^2 for the Gram matrix and
    its reflectors, 3 Mi and 16 Ki d (n > d) or 8 n min(d, 20480) (else) for blocks of samples, and
    24 s C, with real targets also 8 n C, for targets.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import logme
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 3, size=500)
    >>> noise = rng.normal(size=(500, 8))
    >>> round(logme(noise, labels), 3)
    -0.867
    >>> round(logme(noise + np.eye(8)[labels], labels), 3)
    -0.733
    """
    _checks.choice(convention, "convention", tuple(CONVENTIONS))
    result = scored(
        features,
        targets,
        CONVENTIONS[convention],
        regression=regression,
        ignore_index=ignore_index,
        n_threads=n_threads,
        weights=full_output,
    )
    return result if full_output else result.value


def scored(
    features: ArrayLike,
    targets: ArrayLike,
    rule: FixedPoint | None,
    *,
    regression: bool,
    weights: bool,
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
) -> LogMEResult:
    """The result for any rule. Warnings point to whom called the function that calls this."""
    n_threads = _threads.resolve(n_threads)
    X, y = _checks.features_and_targets(
        features, targets, regression=regression, ignore_index=ignore_index, n_threads=n_threads
    )
    result = evidences(X, y, rule, n_threads=n_threads, weights=weights)
    zeros = np.flatnonzero(result.beta == 0)
    if len(zeros):
        warnings.warn(_says_nothing(zeros), UserWarning, stacklevel=3)
    return result


def evidences(
    X: _checks.Floats,
    y: _checks.Targets,
    rule: FixedPoint | None,
    *,
    n_threads: int,
    weights: bool,
) -> LogMEResult:
    """All that the kernel says, for checked features and targets."""
    try:
        values, alpha, beta, gamma, n_iter, m, _ = backend.logme(
            X,
            y.ids,
            y.n_classes,
            y.values,
            fixed_point=None if rule is None else astuple(rule),
            weights=weights,
            n_threads=n_threads,
        )
    except OverflowError:
        raise (
            _checks.too_large("features") if rule is None else _checks.no_fixed_point()
        ) from None
    for of_columns in (values, alpha, beta, gamma):  # with an epsilon, zeros would have evidence
        of_columns[_zero_columns(y)] = 0
    says = beta > 0
    return LogMEResult(
        value=float(values[says].mean()) if says.any() else 0.0,
        evidences=values,
        alpha=alpha,
        beta=beta,
        effective_parameters=gamma,
        n_iter=np.array(n_iter, dtype=np.int64),
        weights=m,
        classes=y.classes,
        _is_vector=y.is_vector,
    )


def _zero_columns(y: _checks.Targets) -> NDArray[np.intp]:
    """Columns of values that are all zero; no class that occurs is one."""
    return np.flatnonzero(~y.values.any(axis=0)) if y.values.size else np.empty(0, np.intp)


def _says_nothing(zeros: np.ndarray) -> str:
    return (
        f"the evidence of a column of zeros has no bound; left out: column {zeros[0]}"
        + (f" and {len(zeros) - 1} more" if len(zeros) > 1 else "")
        + " of `targets`"
    )
