"""LEEP with clusters of the features in place of source classes."""

import warnings
from typing import Literal, TypeAlias, overload

import numpy as np
from numpy.typing import ArrayLike

from transferscore import _checks, _threads
from transferscore._backend import backend
from transferscore._checks import IgnoreIndex
from transferscore._results import ConvergenceWarning, NLEEPResult

Covariance = Literal["full", "diagonal", "spherical"]
# In quotes: to name the class would import numpy.random.
RandomState: TypeAlias = "int | np.random.Generator | None"


@overload
def nleep(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    n_components: int | None = None,
    covariance: Covariance = "full",
    pca: float | int | None = 0.8,
    log: bool = True,
    reg_covar: float = 1e-6,
    tol: float = 1e-3,
    max_iter: int = 100,
    random_state: RandomState = 0,
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
    full_output: Literal[False] = False,
) -> float: ...
@overload
def nleep(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    n_components: int | None = None,
    covariance: Covariance = "full",
    pca: float | int | None = 0.8,
    log: bool = True,
    reg_covar: float = 1e-6,
    tol: float = 1e-3,
    max_iter: int = 100,
    random_state: RandomState = 0,
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
    full_output: Literal[True],
) -> NLEEPResult: ...
def nleep(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    n_components: int | None = None,
    covariance: Covariance = "full",
    pca: float | int | None = 0.8,
    log: bool = True,
    reg_covar: float = 1e-6,
    tol: float = 1e-3,
    max_iter: int = 100,
    random_state: RandomState = 0,
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
    full_output: bool = False,
) -> float | NLEEPResult:
    r"""N-LEEP: how well clusters of the features predict the labels.

    Li, Jia, Sang, Zhu, Green, Wang, Gong, "Ranking neural checkpoints", CVPR 2021. A mixture of
    Gaussians is fitted to principal components of the features, without the labels; its components
    take the place of source classes in `leep`.

    .. math::

        \theta_{ik} = P(k \mid z_i), \qquad
        P(y \mid k) = \frac{\sum_{i: y_i = y} \theta_{ik}}{\sum_i \theta_{ik}}, \qquad
        \mathrm{NLEEP} = \frac1n \sum_i \log \sum_k P(y_i \mid k) \theta_{ik}

    Higher is better. NLEEP <= 0, in nats; 0 where each cluster holds one class.

    Parameters
    ----------
    features : array-like of shape (n, d)
        A row of features for each sample, in any unit; types as for `h_score`. Everything is
        computed in float64.
    labels : array-like of shape (n,)
        Class labels: integers of any kind, booleans or strings; gaps are fine.
    n_components : int, optional
        Gaussians in the mixture, at most n. Default: 5 for each class, or n where that is less.
    covariance : "full", "diagonal" or "spherical", default "full"
        Of each Gaussian.
    pca : float in (0, 1), int or None, default 0.8
        Fit to the fewest principal components of the centred features that hold more than this
        share of their variance, or to min(pca, n, d) of them. None takes all features as they are.
    log : bool, default True
        False takes the mean of the probabilities themselves, as several public versions do: between
        0 and 1, higher is better.
    reg_covar : float, default 1e-6
        Added to the variances of each Gaussian, in squared units of the features; at least 1e-30 of
        the spread squared counts.
    tol : float, default 1e-3
        The fit ends when the mean log-likelihood changes by less.
    max_iter : int, default 100
        Most rounds of the fit.
    random_state : int, Generator or None, default 0
        Seed of the k-means++ start. The same seed gives the same score on any number of threads;
        None gives another one in each call.
    ignore_index : int, str or sequence of these, optional
        Labels whose samples are left out before anything is computed.
    n_threads : int, optional
        As for `h_score`. The result has the same bits for any number.
    full_output : bool, default False
        Return an `NLEEPResult`, which also says how the mixture was fitted.

    Returns
    -------
    float or NLEEPResult
        The score.

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described, features are not finite, or there is only one class.

    Warns
    -----
    ConvergenceWarning
        Where `max_iter` rounds do not suffice.

    Notes
    -----
    The mixture is a local optimum. Another seed gives another one and a somewhat different score,
    and so may another instruction set or a permutation of the samples: look at the spread over a
    few seeds before trusting a small difference.

    The fit starts from k-means clusters (greedy k-means++, then up to 300 rounds), as in
    scikit-learn, with other random numbers.

    Memory beyond the inputs, in bytes, at most: 16 n K + 24 n q for K components in q dimensions, 8
    K q^2 for full covariances, 8 n (log(K) + 4) for the start, and for principal components 32 m^2
    + 8 Ki m + 96 Mi with m = min(n, d).

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import nleep
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 3, size=500)
    >>> noise = rng.normal(size=(500, 8))
    >>> apart = nleep(noise + 9 * np.eye(8)[labels], labels, n_components=3)
    >>> mixed = nleep(noise, labels, n_components=3)
    >>> apart > -0.01, -1.1 < mixed < -1.0
    (True, True)
    """
    n_threads = _threads.resolve(n_threads)
    _checks.one_label_set(labels)
    X, y = _checks.features_and_labels(
        features, labels, ignore_index=ignore_index, n_threads=n_threads
    )
    size = _checks.mixture_size(n_components, y.n_classes[0], y.n)
    pca_components, pca_share = _checks.reduction(pca)
    try:
        value, lower_bound, n_features, n_iter, converged, start = backend.nleep(
            X,
            y.ids[0],
            y.n_classes[0],
            n_components=size,
            covariance=_checks.choice(covariance, "covariance", ("full", "diagonal", "spherical")),
            pca_components=pca_components,
            pca_share=pca_share,
            log=bool(log),
            ridge=_checks.positive(reg_covar, "reg_covar"),
            tol=_checks.positive(tol, "tol"),
            max_iter=_checks.count(max_iter, "max_iter"),
            seed=_checks.seed(random_state),
            n_threads=n_threads,
        )
    except OverflowError:
        raise _checks.too_large("features") from None
    if not converged:
        warnings.warn(
            f"the mixture did not converge in max_iter={n_iter} rounds; raise `max_iter` or `tol`",
            ConvergenceWarning,
            stacklevel=2,
        )
    if not full_output:
        return value
    return NLEEPResult(
        value=value,
        n_components=size,
        n_features=n_features,
        lower_bound=lower_bound,
        n_iter=n_iter,
        converged=converged,
        start=start,
    )
