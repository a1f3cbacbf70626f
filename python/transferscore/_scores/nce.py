"""Negative conditional entropy."""

from numpy.typing import ArrayLike

from transferscore import _checks, _threads
from transferscore._backend import backend
from transferscore._checks import IgnoreIndex


def nce(
    *,
    source_labels: ArrayLike,
    target_labels: ArrayLike,
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
) -> float:
    r"""NCE: how well source labels of the same samples determine the target labels.

    Tran, Nguyen, Hassner, "Transferability and hardness of supervised classification tasks",
    ICCV 2019. With a source model, its most probable classes serve as source labels.

    .. math::

        \mathrm{NCE} = -H(Y \mid Z)
            = \frac1n \sum_{z, y} N_{yz} \log \frac{N_{yz}}{N_z}

    Higher is better. -H(Y) <= NCE <= 0, in nats; 0 where Z determines Y. Counts are whole numbers
    and pairs that do not occur add nothing: no constant is added to any logarithm.

    Parameters
    ----------
    source_labels : array-like of shape (n,)
        Labels Z of the source task: integers, booleans or strings; gaps are fine.
    target_labels : array-like of shape (n,)
        Labels Y of the target task for the same samples, in the same order.
    ignore_index : int, str or sequence of these, optional
        Labels, of either side, whose samples are left out.
    n_threads : int, optional
        As for `h_score`. The result has the same bits for any number.

    Returns
    -------
    float
        The score.

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described.

    Notes
    -----
    Memory beyond the inputs, in bytes, at most: 24 n for ids, and 8 max(4 n, 65536) for counts.

    Examples
    --------
    >>> from transferscore import nce
    >>> nce(source_labels=[0, 0, 1, 1], target_labels=["a", "a", "b", "b"])
    0.0
    >>> round(nce(source_labels=[0, 0, 1, 1], target_labels=["a", "b", "b", "b"]), 6)
    -0.346574
    """
    n_threads = _threads.resolve(n_threads)
    source, target = _checks.label_pairs(source_labels, target_labels, ignore_index, n_threads)
    return backend.nce(*source, *target, n_threads=n_threads)
