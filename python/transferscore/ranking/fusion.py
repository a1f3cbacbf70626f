"""Features of several sources fused by how well they transfer."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks

Features = Mapping[str, ArrayLike] | Sequence[ArrayLike]
BLOCK = 2**20  # values of a block of rows that is summed in float64


def fusion_weights(scores: ArrayLike | Sequence[Any], *, temperature: float = 1.0) -> Any:
    r"""Weights of sources from their scores: a softmax.

    .. math::

        w_s = \frac{\exp(\text{score}_s / \tau)}{\sum_r \exp(\text{score}_r / \tau)}

    Higher scores weigh more. With the score of `otce`, -H(Y_t|Y_s) in nats, and tau = 1, weights
    are proportional to exp(-H): to one over the number of target classes that a source label leaves
    open. The paper that fuses by OTCE does not say how it normalises; this is ours.

    Parameters
    ----------
    scores : array-like of shape (S,), or sequence of S results
        A finite score of each source, higher is better: numbers, or results with `score`, as
        `otce` returns.
    temperature : float, default 1.0
        tau, in units of the scores: towards 0 the best source alone, large values weigh all alike.

    Returns
    -------
    ndarray of shape (S,)
        Positive weights with the sum 1; equal scores have equal weights.

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described.

    Examples
    --------
    >>> from transferscore.ranking import fusion_weights
    >>> fusion_weights([-0.4, -0.9, -0.4]).round(3)
    array([0.384, 0.233, 0.384])
    >>> fusion_weights([-0.4, -0.9, -0.4], temperature=0.1).round(3)
    array([0.498, 0.003, 0.498])
    """
    values = list(scores) if np.iterable(scores) and not isinstance(scores, str) else [scores]
    names = [str(place) for place in range(len(values))]
    return _softmax(_checks.scores_of_sources(values, names), temperature)


def fuse(
    features: Features,
    weights: Literal["score", "uniform"] | ArrayLike | Mapping[str, float] = "score",
    *,
    how: Literal["sum", "concatenate"] = "sum",
    scores: Any = None,
    temperature: float = 1.0,
) -> NDArray[Any]:
    r"""Fuse the features of several sources, each with a weight, for one head on top.

    Tan, Li, Huang, "OTCE: a transferability metric for cross-domain cross-task representations",
    CVPR 2021, where a source weighs by its OTCE score.

    .. math::

        f(x) = \sum_s w_s f_s(x) \quad \text{or} \quad f(x) = [w_1 f_1(x), \ldots, w_S f_S(x)]

    Scores say how well a source transfers, higher is better; `linear_probe` measures whether the
    fusion does.

    Parameters
    ----------
    features : mapping of str to array-like of shape (n, d_s), or sequence of these
        Features of each source for the same samples. All d_s are equal for a sum.
    weights : "score", "uniform", array-like of shape (S,) or mapping, default "score"
        "score": the softmax of `scores`, see `fusion_weights`. "uniform": 1 / S each. Numbers are
        taken as they are, in the order of `features` or by its names.
    how : "sum" or "concatenate", default "sum"
        Whether weighted features are added, or put side by side in the order of `features`.
    scores : array-like of shape (S,), mapping, or sequence of results, optional
        For weights="score": the score of each source, by name or in the order of `features`;
        numbers, or results with `score`, as `otce` returns.
    temperature : float, default 1.0
        Of the softmax, in units of `scores`.

    Returns
    -------
    ndarray of shape (n, d) or (n, sum d_s)
        float32 where all features are float32 or float16, else float64. Sums are float64.

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described, or features are not finite.

    Notes
    -----
    Weights depend on the scores alone, so features of training and of test samples that are fused
    with the same scores fit together. Sources with larger features count more in a sum; bring them
    to one scale first. A head without penalty does not see weights of features side by side; one
    with a penalty does, unless it standardises features, as `linear_probe` does.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore import fuse
    >>> photo, sketch = np.array([[1.0, 2.0]]), np.array([[3.0, 6.0]])
    >>> fuse([photo, sketch], "uniform")
    array([[2., 4.]])
    >>> fuse({"photo": photo, "sketch": sketch}, scores={"photo": -0.2, "sketch": -1.2}).round(3)
    array([[1.538, 3.076]])
    >>> fuse([photo, sketch], [1, 0.5], how="concatenate")
    array([[1. , 2. , 1.5, 3. ]])
    """
    _checks.choice(how, "how", ("sum", "concatenate"))
    given = _checks.features_to_fuse(features)
    w = _weights(weights, tuple(given), scores, temperature)
    parts = list(given.values())
    dtype = np.result_type(*parts)
    if how == "sum":
        _checks.equal_widths(given)
        return _sum(parts, w, dtype)
    out = np.empty((len(parts[0]), sum(X.shape[1] for X in parts)), dtype)
    first = 0
    for X, weight in zip(parts, w, strict=True):
        with np.errstate(over="ignore"):  # refused below
            np.multiply(X, weight, out=out[:, first : first + X.shape[1]], casting="same_kind")
        first += X.shape[1]
    _checks.fused_in_range(out)
    return out


def _weights(
    weights: Any, names: tuple[str, ...], scores: Any, temperature: float
) -> NDArray[np.float64]:
    by_score = isinstance(weights, str) and weights == "score"
    if by_score:
        return _softmax(_checks.scores_of_sources(scores, names), temperature)
    if scores is not None:
        raise _checks.scores_not_used()
    if isinstance(weights, str) and weights == "uniform":
        return np.full(len(names), 1 / len(names))
    return _checks.fusion_weights(weights, names)


def _softmax(scores: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    tau = _checks.positive(temperature, "temperature")
    with np.errstate(over="ignore"):  # far behind the best by a tiny temperature: weight 0
        shares = np.exp((scores - scores.max()) / tau)
    return np.asarray(shares / shares.sum())


def _sum(parts: list[NDArray[Any]], w: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[Any]:
    n, d = parts[0].shape
    out = np.empty((n, d), dtype)
    rows = max(1, BLOCK // d)
    for first in range(0, n, rows):
        block = slice(first, first + rows)
        total = np.zeros((min(rows, n - first), d))
        with np.errstate(over="ignore", invalid="ignore"):  # refused below
            for X, weight in zip(parts, w, strict=True):
                total += weight * X[block].astype(np.float64)
            out[block] = total
    _checks.fused_in_range(out)
    return out
