"""Layers of a network: a score for each, in the order of the network."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks, _threads
from transferscore._scores import REGISTRY, h_score
from transferscore.ranking._tabular import Sheet, Tabular

Features = ArrayLike | Callable[[], ArrayLike]
FeatureScore = str | Callable[[Any, Any], float]

DEFAULT_TITLE = "H-score, Ledoit-Wolf, adjusted for chance"


@dataclass(frozen=True)
class LayerCurve(Tabular):
    """A score for each layer, in the order of the network: what to plot, and which to take.

    Attributes
    ----------
    layers : tuple of str
        The layers that have a score.
    scores : ndarray of shape (k,)
        Their scores.
    positions : ndarray of shape (k,)
        Their places in the network, 0 the first that was given.
    n_features : ndarray of shape (k,)
        How many features each has.
    score : str
        What was computed.
    higher_is_better : bool
        In which direction it counts.
    failed : dict of str to str
        Layers without a score, and why.
    """

    KIND: ClassVar[str] = "layer-curve"

    layers: tuple[str, ...]
    scores: NDArray[np.float64]
    positions: NDArray[np.int64]
    n_features: NDArray[np.int64]
    score: str
    higher_is_better: bool
    failed: dict[str, str]

    @property
    def best(self) -> tuple[str, ...]:
        """The layers with the best score: one, or several that are equal, the deepest last."""
        best = self.scores.max() if self.higher_is_better else self.scores.min()
        pairs = zip(self.layers, self.scores, strict=True)
        return tuple(layer for layer, value in pairs if value == best)

    @property
    def chosen(self) -> str:
        """The layer with the best score; of equal ones the earliest, which costs least to run."""
        return self.best[0]

    def _columns(self) -> Mapping[str, Sequence[Any]]:
        return {
            "layer": self.layers,
            "position": self.positions.tolist(),
            "n_features": self.n_features.tolist(),
            "score": self.scores.tolist(),
            "best": [layer in self.best for layer in self.layers],
        }

    def _about(self) -> Mapping[str, Any]:
        return {
            "score_name": self.score,
            "higher_is_better": self.higher_is_better,
            "chosen": self.chosen,
            "failed": self.failed,
        }

    def _sheet(self) -> Sheet:
        rows = [
            (layer, int(d), float(value), "best" if layer in self.best else "")
            for layer, d, value in zip(self.layers, self.n_features, self.scores, strict=True)
        ]
        return Sheet(
            ("layer", "features", "score", ""),
            rows,
            "lrrl",
            title=f"{self.score} by layer",
            notes=[f"{layer} was not scored: {why}" for layer, why in self.failed.items()],
        )


def select_layers(
    layers: Mapping[str, Features],
    labels: ArrayLike,
    *,
    score: FeatureScore | None = None,
    higher_is_better: bool = True,
    n_threads: int | None = None,
) -> LayerCurve:
    r"""Score the layers of a network one by one, and choose the best.

    The selection of layers of Bao, Li, Huang, Zhang, Zheng, Zamir, Guibas, "An
    information-theoretic approach to transferability in task transfer learning", ICIP 2019.

    .. math::

        l^* = \operatorname{arg\,max}_l \, \frac{H_\alpha(f_l) - (K - 1) \, q_l}{1 - q_l}

    by default: the H-score with Ledoit-Wolf shrinkage, adjusted for chance. Layers differ in their
    number of features, and the plain H-score rises with it, by (K - 1) / (n - 1) for each feature
    that says nothing; this one stays near 0 for such features. Higher is better.

    Parameters
    ----------
    layers : mapping of str to array-like of shape (n, d_l), or to callables
        Features of each layer for the same samples, in the order of the network. A callable without
        arguments returns them when it is their turn, so that one layer at a time is in memory.
    labels : array-like of shape (n,)
        Class labels.
    score : str or callable, optional
        A name from `scores()`, with its defaults, such as "h_score" for the plain score, or a
        function of features and labels. Default: as above.
    higher_is_better : bool, default True
        The direction of `score` where it is a function.
    n_threads : int, optional
        Threads for each score; a function gets none. The result has the same bits for any number.

    Returns
    -------
    LayerCurve
        The scores in the order of the network, and the layer to take.

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described, or no layer can be scored. What is wrong with one
        layer only is told in `failed`, and the others are scored.

    Warns
    -----
    UserWarning
        For each layer that can't be scored, and where a score says so.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import select_layers
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 5, size=600)
    >>> layers = {
    ...     name: rng.normal(size=(600, d)) + strength * np.eye(5, d)[labels]
    ...     for name, d, strength in (("conv1", 24, 1.5), ("conv4", 16, 3.0), ("head", 8, 2.0))
    ... }
    >>> curve = select_layers(layers, labels)
    >>> print(curve)
    H-score, Ledoit-Wolf, adjusted for chance by layer
    layer  features   score
    -----  --------  ------  ----
    conv1        24  0.5497
    conv4        16  2.3769  best
    head          8  1.5168
    >>> curve.chosen
    'conv4'
    """
    given = _checks.named(layers, "layers", "features")
    title, compute, direction = _scorer(score, higher_is_better, _threads.resolve(n_threads))
    values, widths, errors = {}, {}, {}
    for name, features in given.items():
        try:
            X = features() if callable(features) else features
            values[name] = _checks.finite_score(compute(X, labels), name)
            widths[name] = int(np.shape(X)[1])
        except (ValueError, TypeError, MemoryError, OverflowError, OSError) as error:
            errors[name] = error
    if not values:
        raise next(iter(errors.values()))
    for name, reason in errors.items():
        warnings.warn(f"layer {name!r} was not scored: {reason}", UserWarning, stacklevel=2)
    places = {name: place for place, name in enumerate(given)}
    return LayerCurve(
        layers=tuple(values),
        scores=np.array(list(values.values())),
        positions=np.array([places[name] for name in values]),
        n_features=np.array([widths[name] for name in values]),
        score=title,
        higher_is_better=direction,
        failed={name: str(reason) for name, reason in errors.items()},
    )


def _scorer(
    score: FeatureScore | None, higher_is_better: bool, n_threads: int
) -> tuple[str, Callable[[Any, Any], float], bool]:
    """What the score is called, the function, and its direction."""
    if score is None:
        compute: Callable[[Any, Any], float] = partial(
            h_score, shrinkage="ledoit-wolf", adjust_for_chance=True, n_threads=n_threads
        )
        return DEFAULT_TITLE, compute, True
    if isinstance(score, str):
        known = REGISTRY[_checks.score_of_labelled_features(score, tuple(REGISTRY))]
        return known.title, partial(known.compute, n_threads=n_threads), known.higher_is_better
    if callable(score):
        return getattr(score, "__name__", "a given function"), score, bool(higher_is_better)
    raise _checks.score_or_function(score)
