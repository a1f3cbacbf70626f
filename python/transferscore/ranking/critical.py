"""How large a rank correlation of few items is by chance."""

from functools import lru_cache
from math import factorial, inf, sqrt

import numpy as np
from numpy.typing import NDArray

from transferscore import _checks
from transferscore.ranking import _student

EXACT = 12  # items up to which all permutations are counted


def critical_spearman(n: int, *, level: float = 0.05) -> float:
    r"""The least \|rho\| that unrelated rankings of n items reach at most with probability `level`.

    .. math::

        \min \{ r : P(|\rho| \ge r) \le \text{level} \}

    over all n! permutations, counted exactly up to n = 12; beyond from Student's t of n - 2 degrees
    of freedom, :math:`t / \sqrt{n - 2 + t^2}`. Two-sided, without ties.

    Parameters
    ----------
    n : int
        Items, at least 2.
    level : float, default 0.05
        Probability of an error, between 0 and 1.

    Returns
    -------
    float
        The correlation; infinity where even 1 is too likely, as for n below 5 at 5 %.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described.

    Examples
    --------
    >>> from transferscore.ranking import critical_spearman
    >>> [round(critical_spearman(n), 3) for n in (4, 5, 6, 10, 30)]
    [inf, 1.0, 0.886, 0.648, 0.361]
    """
    _checks.count(n, "n", least=2)
    at_most = 1 - _checks.open_share(level, "level")
    if n > EXACT:
        t = _student.quantile((1 + at_most) / 2, n - 2)
        return t / sqrt(n - 2 + t**2)
    # rho = 1 - 6 D / (n^3 - n) for the sum D of squared differences of ranks, symmetric about 0.
    ways = _permutations_by_distance(n)
    rare = np.cumsum(ways) * 2 <= (1 - at_most) * factorial(n) * (1 + 1e-12)
    reached = np.flatnonzero(rare & (ways > 0))
    return 1 - 6 * int(reached[-1]) / (n**3 - n) if len(reached) else inf


@lru_cache(maxsize=16)
def _permutations_by_distance(n: int) -> NDArray[np.int64]:
    """How many permutations of n have each sum of squared differences of ranks.

    The first ranks are given to sets of items: 2^n sets in place of n! permutations.
    """
    most = (n**3 - n) // 3
    ways = np.zeros((2**n, most + 1), dtype=np.int64)
    ways[0, 0] = 1
    for taken in range(2**n - 1):
        rank = taken.bit_count()
        for item in range(n):
            if not taken >> item & 1:
                square = (item - rank) ** 2
                ways[taken | 1 << item, square:] += ways[taken, : most + 1 - square]
    every: NDArray[np.int64] = ways[-1]
    return every
