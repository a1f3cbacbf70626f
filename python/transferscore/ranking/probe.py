"""A linear head on frozen features: what a score should predict."""

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks
from transferscore._results import ConvergenceWarning

Matrix = NDArray[np.float64]
Method = Literal["ridge", "logistic"]

# Penalties that are tried, in units of the mean eigenvalue of the correlation of the features.
RIDGES = 10.0 ** np.arange(-6, 3.01, 0.5)
# Of the logistic head, weakest last, each fit starting from the one before.
LOGISTIC = 10.0 ** np.arange(0, -6.01, -1)
HELD_OUT = 0.2
# Eigenvalues below this share of the largest are rounding.
RANK = 64 * np.finfo(np.float64).eps


@dataclass(frozen=True)
class LinearProbe:
    """A linear head on frozen features, measured on test samples.

    Attributes
    ----------
    accuracy : float
        Share of the test samples whose class it finds; higher is better.
    log_loss : float
        Mean negative log-probability of their classes, in nats; lower is better.
    majority_accuracy : float
        What the most frequent training class would have found.
    predictions : ndarray of shape (n_test,)
        The labels that it predicts.
    probabilities : ndarray of shape (n_test, K)
        Probability of each class.
    classes : ndarray of shape (K,)
        The labels that the columns stand for, sorted.
    method : str
        "ridge" or "logistic".
    penalty : float
        The penalty that was used, for features of unit variance.
    n_iter : int
        Iterations: of the temperature with "ridge", of all fits with "logistic".
    converged : bool
        Whether the last of them reached its tolerance.
    """

    accuracy: float
    log_loss: float
    majority_accuracy: float
    predictions: NDArray[Any]
    probabilities: Matrix
    classes: NDArray[Any]
    method: str
    penalty: float
    n_iter: int
    converged: bool

    def __str__(self) -> str:
        return (
            f"{self.method} probe: accuracy {self.accuracy:.4f} (most frequent class "
            f"{self.majority_accuracy:.4f}), log-loss {self.log_loss:.4f}, penalty "
            f"{self.penalty:.3g}" + ("" if self.converged else ", not converged")
        )


def linear_probe(
    features_train: ArrayLike,
    labels_train: ArrayLike,
    features_test: ArrayLike,
    labels_test: ArrayLike,
    *,
    method: Method = "ridge",
    penalty: float | None = None,
    tol: float = 1e-5,
    max_iter: int = 1000,
    random_state: int = 0,
) -> LinearProbe:
    r"""Train a linear head on frozen features and measure it: the truth that scores predict.

    Retraining the head is the empirical transferability of Bao, Li, Huang, Zhang, Zheng, Zamir,
    Guibas, "An information-theoretic approach to transferability in task transfer learning", ICIP
    2019. "ridge" is least squares to the indicators of the classes,

    .. math::

        \min_{W, b} \tfrac1n \sum_i \|y_i - W x_i - b\|^2 + r \|W\|_F^2,

    and "logistic" multinomial logistic regression,

    .. math::

        \min_{W, b} -\tfrac1n \sum_i \log \operatorname{softmax}(W x_i + b)_{y_i} + r \|W\|_F^2.

    Features are standardised by the mean and variance of the training samples, so their units don't
    matter. Higher accuracy and lower log-loss are better.

    Parameters
    ----------
    features_train : array-like of shape (n, d)
        Features of the training samples.
    labels_train : array-like of shape (n,)
        Their class labels.
    features_test : array-like of shape (n_test, d)
        Features of the test samples, from the same network.
    labels_test : array-like of shape (n_test,)
        Their class labels, all of which occur in training.
    method : "ridge" or "logistic", default "ridge"
        "ridge" is one decomposition and needs nothing but NumPy. "logistic" is what a softmax head
        converges to; it needs SciPy: pip install 'transferscore[probe]'.
    penalty : float, optional
        r > 0, for features of unit variance. Default: with "ridge" the one of 19 that minimises the
        leave-one-out squared error, which has a closed form; with "logistic" the one of 7 that
        minimises the log-loss of a fifth of the training samples, by class, held out once.
    tol : float, default 1e-5
        The largest derivative of the loss at which an iteration has converged.
    max_iter : int, default 1000
        The most iterations of a fit.
    random_state : int, default 0
        Seed of the held-out fifth.

    Returns
    -------
    LinearProbe
        Accuracy and log-loss on the test samples, predictions, and how they came about.

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described. The text names the argument, what it must be and what
        it was.
    ModuleNotFoundError
        With "logistic", without SciPy.

    Warns
    -----
    ConvergenceWarning
        Where an iteration ended before it reached `tol`.

    Notes
    -----
    Outputs f of the ridge are no probabilities. They become softmax(t f) with the temperature 1 / t
    that minimises the log-loss of the leave-one-out outputs of the training samples; these targets
    are smoothed by one sample for each class, so that t is finite where classes are separable.

    Products are those of NumPy's BLAS: last digits may depend on its threads. Memory beyond the
    inputs, in bytes: 8 n d for standardised features, 8 n min(n, d) and 16 min(n, d)^2 for the
    decomposition, and 32 n K.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import linear_probe
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 3, size=600)
    >>> features = rng.normal(size=(600, 8)) + 2 * np.eye(8)[labels]
    >>> print(linear_probe(features[:400], labels[:400], features[400:], labels[400:]))
    ridge probe: accuracy 0.8850 (most frequent class 0.3600), log-loss 0.3013, penalty 0.0316
    """
    _checks.choice(method, "method", ("ridge", "logistic"))
    r = None if penalty is None else _checks.positive(penalty, "penalty")
    tol = _checks.positive(tol, "tol")
    max_iter = _checks.count(max_iter, "max_iter")
    seed = _checks.count(random_state, "random_state", least=0)
    train, test = _checks.training_and_test(
        features_train, labels_train, features_test, labels_test
    )
    X, mean, deviation = _standardised(train.X)
    samples = _Samples(X, train.ids, len(train.classes))
    stop = _Stop(tol, max_iter)
    head = _ridge(samples, r, stop) if method == "ridge" else _logistic(samples, r, stop, seed)
    with np.errstate(over="ignore", invalid="ignore"):  # refused next
        outputs = (test.X / deviation - mean / deviation) @ head.weights + head.intercept
    _checks.outputs_in_range(outputs)
    log_p = _log_softmax(outputs)
    found = log_p.argmax(axis=1)
    if not head.converged:
        warnings.warn(
            f"the {method} probe did not reach tol={tol:g} in {head.n_iter} iterations; a larger "
            "max_iter, tol or penalty helps",
            ConvergenceWarning,
            stacklevel=2,
        )
    return LinearProbe(
        accuracy=float(np.mean(found == test.ids)),
        log_loss=-float(np.mean(log_p[np.arange(len(found)), test.ids])),
        majority_accuracy=float(np.mean(test.ids == np.bincount(train.ids).argmax())),
        predictions=train.classes[found],
        probabilities=np.exp(log_p),
        classes=train.classes,
        method=method,
        penalty=head.penalty,
        n_iter=head.n_iter,
        converged=head.converged,
    )


@dataclass(frozen=True)
class _Samples:
    """Standardised features (n, d) with class ids (n,)."""

    X: Matrix
    ids: NDArray[np.intp]
    n_classes: int

    def at(self, rows: NDArray[np.bool_]) -> "_Samples":
        return _Samples(self.X[rows], self.ids[rows], self.n_classes)


@dataclass(frozen=True)
class _Stop:
    """When an iteration ends."""

    tol: float
    max_iter: int


@dataclass(frozen=True)
class _Head:
    """Outputs are X @ weights + intercept, of standardised features."""

    weights: Matrix  # (d, K)
    intercept: Matrix  # (K,)
    penalty: float
    n_iter: int
    converged: bool


def _standardised(X: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """Features of zero mean and unit variance, their means and deviations; constant ones are 0."""
    unit = np.abs(X).max(axis=0)
    unit[unit == 0] = 1
    scaled = X / unit  # no square overflows
    mean, deviation = scaled.mean(axis=0), scaled.std(axis=0)
    constant = (deviation <= RANK * np.abs(mean)) | (unit * deviation < np.finfo(np.float64).tiny)
    deviation[constant] = np.inf
    return (scaled - mean) / deviation, unit * mean, unit * deviation


def _ridge(samples: _Samples, r: float | None, stop: _Stop) -> _Head:
    X, n = samples.X, len(samples.X)
    Y = np.zeros((n, samples.n_classes))
    Y[np.arange(n), samples.ids] = 1
    mean = Y.mean(axis=0)
    fits = _Fits.of(X, Y - mean)
    if r is None:
        tried = (fits.s.mean() / n if len(fits.s) else 1.0) * RIDGES
        errors = [float(np.sum(fits.left_out(n * one) ** 2)) for one in tried]
        r = float(tried[int(np.argmin(errors))])
    t, n_iter, converged = _temperature(Y - fits.left_out(n * r), samples.ids, stop)
    return _Head(t * fits.weights(X, n * r), t * mean, r, n_iter, converged)


@dataclass(frozen=True)
class _Fits:
    """Ridge fits of centred targets for any penalty, from X = basis diag(sqrt s) V^T."""

    basis: Matrix  # (n, rank) orthonormal
    s: Matrix  # (rank,)
    along: Matrix  # (rank, K) basis^T targets
    targets: Matrix  # (n, K) centred

    @classmethod
    def of(cls, X: Matrix, targets: Matrix) -> "_Fits":
        n, d = X.shape
        s, vectors = np.linalg.eigh(X.T @ X if d < n else X @ X.T)
        kept = s > max(n, d) * RANK * max(s[-1], 0)
        s, vectors = s[kept], vectors[:, kept]
        basis = X @ vectors / np.sqrt(s) if d < n else vectors
        return cls(basis, s, basis.T @ targets, targets)

    def left_out(self, penalty: float) -> Matrix:
        """Residuals (n, K) of each sample from the fit to all others, intercept included.

        With the hat matrix H = 1/n + B diag(s / (s + penalty)) B^T they are (y - H y) / (1 - H_ii).
        """
        shares = self.s / (self.s + penalty)
        residuals = self.targets - self.basis @ (shares[:, np.newaxis] * self.along)
        left = 1 - 1 / len(self.basis) - self.basis**2 @ shares
        return np.asarray(residuals / np.maximum(left, RANK)[:, np.newaxis])

    def weights(self, X: Matrix, penalty: float) -> Matrix:
        """W (d, K) of the fit to all."""
        return np.asarray(X.T @ (self.basis @ (self.along / (self.s + penalty)[:, np.newaxis])))


def _temperature(outputs: Matrix, ids: NDArray[np.intp], stop: _Stop) -> tuple[float, int, bool]:
    """The t > 0 for which softmax(t outputs) has the least log-loss, by Newton's method."""
    n, n_classes = outputs.shape
    # As if there were one more sample of each class with the outputs of every sample.
    smoothing = n_classes / (n + n_classes)
    wanted = (1 - smoothing) * outputs[np.arange(n), ids] + smoothing * outputs.mean(axis=1)
    least, most, t = 0.0, np.inf, 1.0
    for n_iter in range(1, stop.max_iter + 1):
        p = np.exp(_log_softmax(t * outputs))
        expected = np.sum(p * outputs, axis=1)
        slope = float(np.mean(expected - wanted))
        if abs(slope) <= stop.tol or t <= stop.tol:  # tiny: outputs say nothing
            return t, n_iter, True
        least, most = (t, most) if slope < 0 else (least, t)
        curvature = float(np.mean(np.sum(p * outputs**2, axis=1) - expected**2))
        step = t - slope / curvature if curvature > 0 else np.inf
        if not least < step < most:  # beyond what is known to hold the minimum
            step = 2 * t if most == np.inf else (least + most) / 2
        t = step
    return t, stop.max_iter, False


def _logistic(samples: _Samples, r: float | None, stop: _Stop, seed: int) -> _Head:
    minimize = _checks.from_extra("probe", "scipy.optimize").minimize
    start = np.zeros((samples.X.shape[1] + 1, samples.n_classes))
    tried = 0
    if r is None:
        r, tried = _by_held_out(minimize, samples, start, stop, seed)
    fit, n_iter, converged = _fit(minimize, samples, r, start, stop)
    return _Head(fit[:-1], fit[-1], r, tried + n_iter, converged)


def _by_held_out(
    minimize: Any, samples: _Samples, start: Matrix, stop: _Stop, seed: int
) -> tuple[float, int]:
    """The penalty with the least log-loss on a fifth of each class, and iterations."""
    rng = np.random.default_rng(seed)
    held = np.zeros(len(samples.ids), dtype=np.bool_)
    for one in range(samples.n_classes):
        members = rng.permutation(np.flatnonzero(samples.ids == one))
        held[members[: int(HELD_OUT * len(members))]] = True
    if not held.any():  # fewer than five of each class: the prior of weights N(0, 1)
        return 1 / (2 * len(held)), 0
    train, test = samples.at(~held), samples.at(held)
    fit, n_iter = start, 0
    losses: list[float] = []
    for r in LOGISTIC:
        fit, more, _ = _fit(minimize, train, float(r), fit, stop)
        n_iter += more
        log_p = _log_softmax(test.X @ fit[:-1] + fit[-1])
        losses.append(-float(np.mean(log_p[np.arange(len(log_p)), test.ids])))
        if losses[-1] > min(losses):  # weaker ones fit the rest closer still
            break
    return float(LOGISTIC[int(np.argmin(losses))]), n_iter


def _fit(
    minimize: Any, samples: _Samples, r: float, start: Matrix, stop: _Stop
) -> tuple[Matrix, int, bool]:
    """Weights with the intercept as last row (d + 1, K), iterations, whether it converged."""
    X, ids = samples.X, samples.ids
    rows, n = np.arange(len(ids)), len(ids)

    def loss(flat: Matrix) -> tuple[float, Matrix]:
        W = flat.reshape(start.shape)
        log_p = _log_softmax(X @ W[:-1] + W[-1])
        value = -log_p[rows, ids].mean() + r * np.sum(W[:-1] ** 2)
        residuals = np.exp(log_p)
        residuals[rows, ids] -= 1
        of_weights = X.T @ residuals / n + 2 * r * W[:-1]
        return float(value), np.vstack([of_weights, residuals.mean(axis=0)]).ravel()

    result = minimize(
        loss,
        start.ravel(),
        jac=True,
        method="L-BFGS-B",
        options={
            "maxiter": stop.max_iter,
            "maxfun": 2 * stop.max_iter,
            "gtol": stop.tol,
            "ftol": 0.0,
        },
    )
    converged = bool(np.abs(result.jac).max() <= stop.tol)
    return result.x.reshape(start.shape), int(result.nit), converged


def _log_softmax(Z: Matrix) -> Matrix:
    shifted = Z - Z.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
