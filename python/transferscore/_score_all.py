"""Many scores of one model, from one pass over its features."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _threads
from transferscore._backend import backend
from transferscore._checks import Floats, IgnoreIndex, Labels
from transferscore._scores import OTHERS, REGISTRY, leep, nce
from transferscore._scores.lfc import warn_of_constant_features
from transferscore._scores.linear_mse import RIDGE
from transferscore._scores.transrate import EPSILON


class _OnePass:
    """Scores from the Gram matrix of all samples, summed once, and of one factorisation each.

    With no more samples than features the Gram matrix of the samples is the smaller one, and
    single calls are as fast: there is no `_OnePass` for these.
    """

    def __init__(self, X: Floats, y: Labels, n_threads: int) -> None:
        self.X, self.y, self.n_threads = X, y, n_threads
        self.sums = backend.feature_statistics(X, y.ids, y.n_classes, n_threads=n_threads)
        self._logme: tuple[float, NDArray[np.float64]] | None = None

    def h_score(self, ledoit_wolf: bool = False) -> float:
        values, *_ = backend.h_score_of_statistics(
            self.sums,
            ledoit_wolf=ledoit_wolf,
            intensity=0.0,
            adjust_for_chance=False,
            n_threads=self.n_threads,
        )
        return float(values[0])

    def h_score_shrinkage(self) -> float:
        return self.h_score(ledoit_wolf=True)

    def logme(self) -> float:
        return self._linear_models()[0]

    def effective_rank(self) -> float:
        return float(backend.effective_rank_of_eigenvalues(self._linear_models()[1]))

    def linear_mse(self) -> float:
        errors, _ = backend.linear_mse_of_statistics(
            self.sums, of_evidence=False, ridge=RIDGE, n_threads=self.n_threads
        )
        return -float(errors.sum())

    def transrate(self) -> float:
        return backend.transrate_of_statistics(
            self.sums,
            self.X,
            self.y.ids,
            epsilon=EPSILON,
            uniform=False,
            n_threads=self.n_threads,
        )

    def lfc(self) -> float:
        value, is_defined = backend.lfc_of_statistics(self.sums, n_threads=self.n_threads)
        if not is_defined:
            warn_of_constant_features()
        return float(value)

    def _linear_models(self) -> tuple[float, NDArray[np.float64]]:
        """LogME and the eigenvalues of X^T X: one reduction to tridiagonal form gives both."""
        if self._logme is None:
            evidences, *_, eigenvalues = backend.logme_of_statistics(
                self.sums, fixed_point=None, weights=False, n_threads=self.n_threads
            )
            self._logme = float(evidences.mean()), eigenvalues
        return self._logme


ONE_PASS: dict[str, Callable[[_OnePass], float]] = {
    "h_score": _OnePass.h_score,
    "h_score_shrinkage": _OnePass.h_score_shrinkage,
    "logme": _OnePass.logme,
    "linear_mse": _OnePass.linear_mse,
    "transrate": _OnePass.transrate,
    "lfc": _OnePass.lfc,
    "effective_rank": _OnePass.effective_rank,
}
OF_PROBABILITIES = ("leep", "nce")


def score_all(
    features: ArrayLike,
    labels: ArrayLike,
    *,
    source_probabilities: ArrayLike | None = None,
    scores: Sequence[str] | Literal["all"] | None = None,
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
) -> dict[str, float]:
    r"""Many scores of one model from one pass over its features.

    Counts, means and the Gram matrix are summed once, in float64; each score then adds its own
    factorisation or less. `scores()` says what each score is, in which direction it counts and
    between which bounds; the functions of the same names describe them.

    Parameters
    ----------
    features : array-like of shape (n, d)
        A row of features for each sample, as for `h_score`.
    labels : array-like of shape (n,)
        Class labels.
    source_probabilities : array-like of shape (n, C_s), optional
        Probabilities of the source model for the same samples. With them LEEP is scored, and NCE
        with the most probable source class as source label (of equal ones, the first).
    scores : sequence of str or "all", optional
        Which scores, in which order. Default: all that the one pass gives, and LEEP and NCE where
        there are probabilities. "all" adds those that look at the samples again (SFDA, k-NN, PARC,
        GBC, N-LEEP) and may take far longer, or memory that grows with n^2.
    ignore_index : int, str or sequence of these, optional
        Labels whose samples are left out before anything is computed.
    n_threads : int, optional
        Threads for this call. Default: `set_num_threads`, else OMP_NUM_THREADS, else the processors
        that affinity and control group allow. The result has the same bits for any number.

    Returns
    -------
    dict of str to float
        The scores by name, each with the defaults of its function.

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described, or no score can be computed.

    Warns
    -----
    UserWarning
        Where a score says so, and for each score that can't be computed: it is left out, with the
        reason, and the others are returned.

    Notes
    -----
    Scores of float32 features agree with single calls to 1e-5, which may multiply in single
    precision; of float64 features to 1e-10. Memory beyond the inputs, in bytes, with d features and
    K classes: 40 d^2 + 16 K d and blocks of samples, besides that of scores outside the one pass.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import score_all
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 3, size=500)
    >>> features = rng.normal(size=(500, 8)) + 2 * np.eye(8)[labels]
    >>> found = score_all(features, labels, scores=("h_score", "logme", "knn"))
    >>> {name: round(value, 3) for name, value in found.items()}
    {'h_score': 1.198, 'logme': -0.46, 'knn': 0.828}
    """
    n_threads = _threads.resolve(n_threads)
    asked = _asked(scores, source_probabilities is not None)
    X, y = _checks.features_and_one_label_set(
        features, labels, ignore_index=ignore_index, n_threads=n_threads
    )
    n, d = X.shape
    one_pass = None
    if n > d + 1 and len(ONE_PASS.keys() & asked) > 1:
        one_pass = _OnePass(X, y, n_threads)

    def compute(name: str) -> float:
        if name in OF_PROBABILITIES:
            return _of_probabilities(name, source_probabilities, labels, ignore_index, n_threads)
        if one_pass is not None and name in ONE_PASS:
            return ONE_PASS[name](one_pass)
        score = {**REGISTRY, **OTHERS}[name]
        arguments = (X,) if score.needs == ("features",) else (X, y.ids[0])
        return float(score.compute(*arguments, n_threads=n_threads))

    values, errors = {}, {}
    for name in asked:
        try:
            values[name] = compute(name)
        except (ValueError, TypeError, MemoryError, OverflowError) as error:
            errors[name] = error
    if not values:
        raise next(iter(errors.values()))
    for name, reason in errors.items():
        warnings.warn(f"`{name}` was not scored: {reason}", UserWarning, stacklevel=2)
    return values


def _asked(scores: Any, with_probabilities: bool) -> list[str]:
    """Names of the scores to compute, none twice."""
    of_probabilities = OF_PROBABILITIES if with_probabilities else ()
    if scores is None:
        return [*ONE_PASS, *of_probabilities]
    everything = list(dict.fromkeys([*ONE_PASS, *REGISTRY, *of_probabilities]))
    if isinstance(scores, str) and scores == "all":
        return everything
    return _checks.score_names(scores, everything, OF_PROBABILITIES)


def _of_probabilities(
    name: str,
    probabilities: Any,
    labels: ArrayLike,
    ignore_index: IgnoreIndex,
    n_threads: int,
) -> float:
    theta, (ids, _) = _checks.outputs_and_labels(
        probabilities, labels, transform=None, ignore_index=ignore_index, n_threads=n_threads
    )
    if name == "leep":
        return leep(theta, ids, n_threads=n_threads)
    return nce(source_labels=theta.argmax(axis=1), target_labels=ids, n_threads=n_threads)
