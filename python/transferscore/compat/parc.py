"""Drop-in names of `methods.py` of dbolya/parc that need no cached probes of other models.

Change `from methods import PARC, kNN` to `from transferscore.compat.parc import PARC, kNN`, and
likewise for the others. `RSA` and `DDS` compare with features of a network trained on the target,
which they read from cache files: they are left out. Principal components (`n_dims`), `SplitkNN` and
`SplitLogistic` need the extra `compat`. `docs/migration.md` says where values differ, and why.
"""
# ruff: noqa: PLR0917 - methods are called by position, too.

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from transferscore import _checks
from transferscore._scores import h_score, knn, leep, parc
from transferscore.compat._reduction import principal_components
from transferscore.compat._votes import majority

__all__ = [
    "LEEP",
    "PARC",
    "HScore",
    "NegativeCrossEntropy",
    "SplitLogistic",
    "SplitkNN",
    "TransferabilityMethod",
    "kNN",
]

# Classes of the data sets that the published code knows by name. A probe need not have them all,
# and an absent class counts where an epsilon is added to its cells.
N_CLASSES = {
    "nabird": 555,
    "oxford_pets": 37,
    "cub200": 200,
    "caltech101": 101,
    "stanford_dogs": 120,
    "voc2007": 21,
    "cifar10": 10,
    "imagenet": 1000,
}
METRICS = {"l2": "euclidean", "euclidean": "euclidean", "cosine": "cosine"}


class TransferabilityMethod:
    """What all methods have in common; a method of your own has `forward`.

    Examples
    --------
    >>> from transferscore.compat.parc import TransferabilityMethod
    >>> class Samples(TransferabilityMethod):
    ...     def forward(self):
    ...         return float(len(self.y))
    >>> Samples()(features=None, probs=None, y=[0, 1, 1])
    3.0
    """

    features: Any
    probs: Any
    y: Any
    source_dataset: str | None
    target_dataset: str | None
    architecture: str | None
    cache_path_fn: Callable[..., str] | None

    def __call__(
        self,
        features: Any,
        probs: Any,
        y: Any,
        source_dataset: str | None = None,
        target_dataset: str | None = None,
        architecture: str | None = None,
        cache_path_fn: Callable[..., str] | None = None,
    ) -> float:
        """Score a probe; what is passed is kept as attributes.

        Parameters
        ----------
        features : array-like of shape (n, d)
            Features.
        probs : array-like of shape (n, C_s)
            Probabilities from the source model; for `LEEP` and `NegativeCrossEntropy`.
        y : array-like of shape (n,) or (n, C)
            Class labels; for `PARC` and `kNN` also rows of 0 and 1.
        source_dataset : str, optional
            No effect.
        target_dataset : str, optional
            Name of the target data; of effect in `NegativeCrossEntropy` alone.
        architecture, cache_path_fn : optional
            No effect.

        Returns
        -------
        float
            The score; higher is better.
        """
        self.features = features
        self.probs = probs
        self.y = y
        self.source_dataset = source_dataset
        self.target_dataset = target_dataset
        self.architecture = architecture
        self.cache_path_fn = cache_path_fn
        return self.forward()

    def forward(self) -> float:
        """Score what was passed; each method has one of its own."""
        raise NotImplementedError


class LEEP(TransferabilityMethod):
    """LEEP: the value of `transferscore.leep`. Higher is better.

    Parameters
    ----------
    n_dims : int, optional
        No effect, as there.
    src : "probs" or "features", default "probs"
        What to take as probabilities; rows must sum to 1.
    normalization : str, optional
        No effect, as there.
    use_sigmoid : bool, default False
        No effect, as there.

    Examples
    --------
    >>> from transferscore.compat.parc import LEEP
    >>> round(LEEP()(None, [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9]], [0, 0, 1]), 6)
    -0.244867
    """

    def __init__(
        self,
        n_dims: int | None = None,
        src: str = "probs",
        normalization: str | None = None,
        use_sigmoid: bool = False,
    ) -> None:
        self.n_dims = n_dims
        self.src = src
        self.normalization = normalization
        self.use_sigmoid = use_sigmoid

    def forward(self) -> float:
        """Score what was passed."""
        src = _checks.choice(self.src, "src", ("probs", "features"))
        with _checks.under_names({"source_probabilities": src, "labels": "y"}):
            return leep(getattr(self, src), self.y)


class NegativeCrossEntropy(TransferabilityMethod):
    """NCE of the most probable source classes, with an epsilon in every cell. Higher is better.

    The epsilon is added to P(y, z) and P(z), also for target classes that the probe lacks: as many
    as `target_dataset` has, if the published code knows it, else as there are in `y`.
    `transferscore.nce` needs no epsilon.

    Examples
    --------
    >>> from transferscore.compat.parc import NegativeCrossEntropy
    >>> probs = [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8]]
    >>> round(NegativeCrossEntropy()(None, probs, [0, 1, 1, 1]), 6)
    -0.346686
    """

    def forward(self, eps: float = 1e-5) -> float:
        """Score what was passed.

        Parameters
        ----------
        eps : float, default 1e-5
            Added to every probability.

        Returns
        -------
        float
            The score.
        """
        eps = _checks.positive(eps, "eps")
        with _checks.under_names({"features": "probs"}):
            probs = _checks.features_alone(self.probs)
        n, n_z = probs.shape
        y = _checks.classes(self.y, n, "y")
        n_y = _checks.known_classes(y.count, self.target_dataset, N_CLASSES)
        cells = y.ids.astype(np.int64) * n_z + probs.argmax(axis=1)
        counts = np.bincount(cells, minlength=n_y * n_z).reshape(n_y, n_z)
        joint = counts / n + eps
        marginal = counts.sum(axis=0) / n + eps
        return float((joint * np.log(joint / marginal)).sum())


class HScore(TransferabilityMethod):
    """H-score: the value of `transferscore.h_score`. Higher is better.

    Parameters
    ----------
    n_dims : int, optional
        Principal components to take first; needs the extra `compat`.
    use_published_implementation : bool, default False
        No effect: the two ways differ by 1e-8 there.

    Examples
    --------
    >>> from transferscore.compat.parc import HScore
    >>> round(HScore()([[0.0], [1.0], [2.0], [3.0]], None, [0, 0, 1, 1]), 12)
    0.8
    """

    def __init__(
        self, n_dims: int | None = None, use_published_implementation: bool = False
    ) -> None:
        self.n_dims = n_dims
        self.use_published_implementation = use_published_implementation

    def forward(self) -> float:
        """Score what was passed."""
        with _checks.under_names({"labels": "y"}):
            return float(h_score(_reduced(self), _checks.one_column(self.y, "y")))


class kNN(TransferabilityMethod):  # noqa: N801
    """Accuracy of the k nearest neighbours in percent, each sample left out. Higher is better.

    Most votes win, of labels with equally many the smallest; where all votes differ, each counts
    for its share. Several labels per sample are scored one by one, from one neighbour.

    Parameters
    ----------
    k : int, default 1
        Neighbours.
    metric : "l2", "euclidean" or "cosine", default "l2"
        Distance.
    n_dims : int, optional
        Principal components to take first; needs the extra `compat`.

    Examples
    --------
    >>> from transferscore.compat.parc import kNN
    >>> kNN(k=1)([[0.0], [1.0], [2.5], [7.0], [8.0]], None, [0, 0, 1, 1, 1])
    80.0
    """

    def __init__(self, k: int = 1, metric: str = "l2", n_dims: int | None = None) -> None:
        self.k = k
        self.metric = metric
        self.n_dims = n_dims

    def forward(self) -> float:
        """Score what was passed."""
        X = _checks.features_alone(_reduced(self))
        y = _checks.label_columns(self.y, len(X), "y")
        metric: Any = METRICS[_checks.choice(self.metric, "metric", tuple(METRICS))]
        if y.ndim == 2:
            k, whoever = _checks.one_neighbour(self.k), np.arange(len(X))
            nearest = knn(X, whoever, k=k, metric=metric, full_output=True).neighbours[:, 0]
            return float(100 * (y[nearest] == y).mean())
        with _checks.under_names({"targets": "y"}):
            nearest = knn(X, y, k=self.k, metric=metric, full_output=True).neighbours
        labels = _checks.classes(y, len(X), "y")
        votes = labels.ids[nearest]
        winners, counts = majority(votes, labels.count)
        shares = (votes == labels.ids[:, np.newaxis]).mean(axis=1)
        return float(100 * np.where(counts == 1, shares, winners == labels.ids).mean())


class SplitkNN(TransferabilityMethod):
    """Accuracy of nearest neighbours in percent, from one part of the samples to the other.

    scikit-learn's `KNeighborsClassifier` with l2 distances. It needs the extra `compat`. Higher is
    better.

    Parameters
    ----------
    percent_train : float, default 0.5
        In spite of its name the share of the samples, the last ones, that are for testing.
    k : int, default 1
        Neighbours.
    n_dims : int, optional
        Principal components to take first.

    Examples
    --------
    >>> from transferscore.compat.parc import SplitkNN
    >>> SplitkNN()([[0.0], [5.0], [0.1], [5.1]], None, [0, 1, 0, 1])
    100.0
    """

    def __init__(self, percent_train: float = 0.5, k: int = 1, n_dims: int | None = None) -> None:
        self.percent_train = percent_train
        self.k = k
        self.n_dims = n_dims

    def forward(self) -> float:
        """Score what was passed."""
        neighbors = _checks.from_extra("compat", "sklearn.neighbors")
        return _split_accuracy(self, neighbors.KNeighborsClassifier(_checks.count(self.k, "k")))


class SplitLogistic(TransferabilityMethod):
    """Accuracy of a logistic classifier in percent, from one part of the samples to the other.

    scikit-learn's `LogisticRegression` after at most 20 rounds, as published. It needs the extra
    `compat`. Higher is better.

    Parameters
    ----------
    percent_train : float, default 0.5
        In spite of its name the share of the samples, the last ones, that are for testing.
    n_dims : int, optional
        Principal components to take first.

    Examples
    --------
    >>> from transferscore.compat.parc import SplitLogistic
    >>> SplitLogistic()([[0.0], [5.0], [0.1], [5.1]], None, [0, 1, 0, 1])
    100.0
    """

    def __init__(self, percent_train: float = 0.5, n_dims: int | None = None) -> None:
        self.percent_train = percent_train
        self.n_dims = n_dims

    def forward(self) -> float:
        """Score what was passed."""
        linear_model = _checks.from_extra("compat", "sklearn.linear_model")
        return _split_accuracy(
            self, linear_model.LogisticRegression(random_state=0, max_iter=20, tol=1e-1)
        )


class PARC(TransferabilityMethod):
    """PARC: the value of `transferscore.parc`, between -100 and 100. Higher is better.

    Equal distances between labels have equal ranks here. There rounding errors rank them, which
    with OpenBLAS takes away nothing for 8 classes, a third of the score for 7, more than half for
    37.

    Parameters
    ----------
    n_dims : int, optional
        Principal components to take first; needs the extra `compat`.
    fmt : str, default ""
        No effect, as there.

    Examples
    --------
    >>> from transferscore.compat.parc import PARC
    >>> x = [[0.0, 1.0, 5.0], [1.0, 1.0, 4.0], [3.0, 0.0, 0.0], [4.0, 1.0, 1.0]]
    >>> round(PARC()(x, None, [0, 0, 1, 1]), 3)
    82.808
    """

    def __init__(self, n_dims: int | None = None, fmt: str = "") -> None:
        self.n_dims = n_dims
        self.fmt = fmt

    def forward(self) -> float:
        """Score what was passed."""
        with _checks.under_names({"labels": "y"}):
            return parc(_reduced(self), self.y)


def _reduced(method: Any) -> Any:
    """The features, or their principal components where a number is asked for."""
    if method.n_dims is None:
        return method.features
    return principal_components(method.features, method.n_dims)


def _split_accuracy(method: Any, classifier: Any) -> float:
    with _checks.under_names({"labels": "y"}):
        X = _checks.features_alone(_reduced(method))
        y = _checks.classes(method.y, len(X), "y").ids
    n_train = _checks.split(method.percent_train, len(X))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "lbfgs failed to converge")  # 20 rounds are the method
        classifier.fit(X[:n_train], y[:n_train])
    right: NDArray[np.bool_] = classifier.predict(X[n_train:]) == y[n_train:]
    return float(100 * right.mean())
