"""Log expected empirical prediction."""

from typing import Literal

from numpy.typing import ArrayLike

from transferscore import _checks, _threads
from transferscore._backend import backend
from transferscore._checks import IgnoreIndex


def leep(
    source_probabilities: ArrayLike,
    labels: ArrayLike,
    *,
    transform: Literal["normalise", "softmax"] | None = None,
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
) -> float:
    r"""LEEP: the log-likelihood of target labels predicted from a source model's outputs alone.

    Nguyen, Hassner, Seeger, Archambeau, "LEEP: a new measure to evaluate transferability of learned
    representations", ICML 2020.

    .. math::

        P(y, z) = \frac1n \sum_{i: y_i = y} \theta_{iz}, \qquad
        \mathrm{LEEP} = \frac1n \sum_i \log \sum_z \frac{P(y_i, z)}{P(z)} \theta_{iz}

    Higher is better. LEEP <= 0, in nats; 0 where outputs determine the label. Source classes that
    get no probability from any sample drop out.

    Parameters
    ----------
    source_probabilities : array-like of shape (n, C_s)
        Outputs theta of the source model on the target samples: rows >= 0 that sum to 1. Types as
        for `h_score`; sums are float64.
    labels : array-like of shape (n,)
        Target labels: integers, booleans or strings; gaps are fine.
    transform : None, "normalise" or "softmax", optional
        Divide rows by their sums, or take the softmax of rows (of logits), in float64.
    ignore_index : int, str or sequence of these, optional
        Labels whose samples are left out.
    n_threads : int, optional
        As for `h_score`. The result has the same bits for any number.

    Returns
    -------
    float
        The score.

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described. Rows may miss a sum of 1 by 1e-6 (float64), 1e-4
        (float32) or 1e-2 (float16).

    Notes
    -----
    Memory beyond the inputs, in bytes: 16 C_y C_s + 28 n for C_y target and C_s source classes.

    Examples
    --------
    >>> from transferscore import leep
    >>> round(leep([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9]], ["cat", "cat", "dog"]), 6)
    -0.244867
    >>> leep([[9.0, -9.0], [-9.0, 9.0]], [0, 1], transform="softmax") > -1e-7
    True
    """
    n_threads = _threads.resolve(n_threads)
    theta, (ids, n_classes) = _checks.outputs_and_labels(
        source_probabilities,
        labels,
        transform=transform,
        ignore_index=ignore_index,
        n_threads=n_threads,
    )
    return backend.leep(
        theta,
        ids,
        n_classes,
        normalise=transform == "normalise",
        softmax=transform == "softmax",
        n_threads=n_threads,
    )
