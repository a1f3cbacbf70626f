"""Many scores of one model, from one pass over its features."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from numpy.typing import ArrayLike

from transferscore import _checks, _threads
from transferscore._backend import backend
from transferscore._checks import Floats, IgnoreIndex, Labels
from transferscore._scores import OTHERS, REGISTRY, nce
from transferscore._scores._registry import collected
from transferscore._scores.transrate import EPSILON
from transferscore._statistics.features import OF_SUMS, FeatureStatistics

# What the sums over all samples give, alone or, of TransRate, a large part.
ONE_PASS = (
    "h_score",
    "h_score_shrinkage",
    "logme",
    "linear_mse",
    "transrate",
    "lfc",
    "effective_rank",
)
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
    factorisation or less. Inputs are checked once. `scores()` says what each score is, in which
    direction it counts and between which bounds; the functions of the same names describe them.

    Parameters
    ----------
    features : array-like of shape (n, d)
        A row of features for each sample, as for `h_score`. Data sets of HDF5 or zarr are read
        into memory; `FeatureStatistics.score_all` does without.
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
    # With no more samples than features the Gram matrix of the samples is the smaller one, and
    # single calls are as fast.
    pays = n > d + 1 and len(set(asked).intersection(ONE_PASS)) > 1
    model = _Model(X, y, pays, (source_probabilities, labels, ignore_index), n_threads)
    with _threads.num_threads(n_threads):
        return collected(asked, model.score)


def _asked(scores: Any, with_probabilities: bool) -> list[str]:
    """Names of the scores to compute, none twice."""
    of_probabilities = OF_PROBABILITIES if with_probabilities else ()
    if scores is None:
        return [*ONE_PASS, *of_probabilities]
    everything = list(dict.fromkeys([*ONE_PASS, *REGISTRY, *of_probabilities]))
    if isinstance(scores, str) and scores == "all":
        return everything
    return _checks.score_names(scores, everything, OF_PROBABILITIES)


@dataclass
class _Model:
    """What scores share: checked inputs, the sums over all samples, factors."""

    X: Floats
    y: Labels
    one_pass: bool
    outputs: tuple[Any, ArrayLike, IgnoreIndex]
    n_threads: int

    def score(self, name: str) -> float:
        if name in OF_PROBABILITIES:
            return self._of_probabilities(name)
        if self.one_pass and name in ONE_PASS:
            return self._transrate() if name == "transrate" else OF_SUMS[name](self._statistics)
        score = {**REGISTRY, **OTHERS}[name]
        arguments = (self.X,) if score.needs == ("features",) else (self.X, self.y.ids[0])
        return float(score.compute(*arguments, n_threads=self.n_threads))

    @cached_property
    def _statistics(self) -> FeatureStatistics:
        return FeatureStatistics._of(self.X, self.y.ids[0], self.y.n_classes[0], self.n_threads)

    @cached_property
    def _theta(self) -> Floats:
        probabilities, labels, ignore_index = self.outputs
        theta, _ = _checks.distributions(
            probabilities,
            labels,
            transform=None,
            ignore_index=ignore_index,
            n_threads=self.n_threads,
        )
        return theta

    def _transrate(self) -> float:
        return backend.transrate_of_statistics(
            self._statistics._known(),
            self.X,
            self.y.ids,
            epsilon=EPSILON,
            uniform=False,
            n_threads=self.n_threads,
        )

    def _of_probabilities(self, name: str) -> float:
        ids = self.y.ids[0]
        if name == "nce":
            return nce(source_labels=self._theta.argmax(axis=1), target_labels=ids)
        return backend.leep(
            self._theta,
            ids,
            self.y.n_classes[0],
            normalise=False,
            softmax=False,
            n_threads=self.n_threads,
        )
