"""A correlation over the models of one task, with its interval: for plots and pages."""

import numpy as np
from numpy.typing import NDArray

from transferscore.ranking.evaluate import evaluate_scores

Vector = NDArray[np.float64]


def correlation_interval(
    measure: str,
    x: Vector,
    y: Vector,
    *,
    n_resamples: int = 1000,
    level: float = 0.95,
    random_state: "int | np.random.Generator | None" = 0,
) -> tuple[float, Vector, int]:
    """The correlation, its interval (2,), and how many resamples of models had none.

    All NaN where all values of one side are equal.
    """
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan"), np.full(2, np.nan), n_resamples
    evaluation = evaluate_scores(
        x,
        y,
        measures=measure,
        n_resamples=n_resamples,
        confidence=level,
        random_state=random_state,
    )
    found = evaluation[measure]
    ends = np.full(2, np.nan) if found.interval is None else np.array(found.interval)
    return found.value, ends, found.left_out
