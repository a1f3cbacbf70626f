"""Gaussian Bhattacharyya coefficient."""

from typing import Any, Literal

from numpy.typing import ArrayLike

from transferscore import _checks, _threads
from transferscore._backend import backend
from transferscore._checks import IgnoreIndex


# A float for one label set, an array for several. Shapes have no types: Any, as in NumPy's stubs.
def gbc(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    covariance: Literal["diagonal", "spherical"] = "diagonal",
    pca: int | None = 64,
    least_variance: float = 1e-4,
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
) -> Any:
    r"""GBC: how little the classes overlap, each taken as a Gaussian.

    Pandy, Agostinelli, Uijlings, Ferrari, Mensink, "Transferability estimation using Bhattacharyya
    class separability", CVPR 2022.

    .. math::

        \mathrm{GBC} = -\sum_{i \ne j} e^{-D_{ij}}, \quad
        D_{ij} = \tfrac18 (\mu_i - \mu_j)^\top \Sigma^{-1} (\mu_i - \mu_j)
            + \tfrac12 \log \frac{|\Sigma|}{\sqrt{|\Sigma_i| |\Sigma_j|}}, \quad
        \Sigma = \tfrac12 (\Sigma_i + \Sigma_j)

    Higher is better. -K (K - 1) <= GBC <= 0 for K classes: 0 where no two overlap, -K (K - 1) where
    all are the same Gaussian.

    Parameters
    ----------
    features : array-like of shape (n, d)
        A row of features for each sample, in any unit; types as for `h_score`. Everything is
        computed in float64.
    labels : array-like of shape (n,) or (n, L)
        Class labels as for `h_score`. Each of L columns is a label set of its own; all share the
        principal components.
    covariance : "diagonal" or "spherical", default "diagonal"
        Of each class: its variances along the principal axes, or the mean of these for all axes.
        Variances are divided by the size of the class.
    pca : int or None, default 64
        Score the min(pca, n, d) leading principal components of the centred features in place of
        the features. None takes the features as they are.
    least_variance : float, default 1e-4
        A variance of a class below this counts as this, in squared units of the features: that of a
        class with one sample is 0.
    ignore_index : int, str or sequence of these, optional
        Labels whose samples are left out before anything is computed.
    n_threads : int, optional
        As for `h_score`. The result has the same bits for any number.

    Returns
    -------
    float or ndarray of shape (L,)
        A float for labels of shape (n,), an array for (n, L).

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described, features are not finite, or there is only one class.

    Notes
    -----
    The score depends on the axes along which variances are taken. Principal axes of (nearly) equal
    variance may be turned into each other: where the features have them, as white noise has, the
    score is known only as well as the axes are.

    The spherical score has `|S| = s^q` with the number q of dimensions in the exponent. Public code
    that takes the logarithm once, not q times, gives other numbers.

    Memory beyond the inputs, in bytes, at most: with principal components 32 m^2 + 8 Ki m + 8 n q +
    96 Mi for m = min(n, d) and q components, 24 K q for the classes, and 4 n L for the labels.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import gbc
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 3, size=500)
    >>> noise = rng.normal(size=(500, 8))
    >>> round(gbc(noise, labels), 3)
    -5.804
    >>> round(gbc(noise + 3 * np.eye(8)[labels], labels), 3)
    -0.531
    """
    n_threads = _threads.resolve(n_threads)
    X, y = _checks.features_and_labels(
        features, labels, ignore_index=ignore_index, n_threads=n_threads
    )
    try:
        values = backend.gbc(
            X,
            y.ids,
            y.n_classes,
            spherical=_checks.choice(covariance, "covariance", ("diagonal", "spherical"))
            == "spherical",
            n_components=_checks.n_principal_components(pca),
            least_variance=_checks.positive(least_variance, "least_variance"),
            n_threads=n_threads,
        )
    except OverflowError:
        raise _checks.too_large("features") from None
    return float(values[0]) if y.is_one_set else values
