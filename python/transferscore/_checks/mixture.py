"""Principal components, and mixtures fitted to them."""

from numbers import Real

import numpy as np

from transferscore._checks.numbers import as_float, count, generator


def n_principal_components(value: object) -> int:
    """A number of principal components; 0 for None, which leaves features as they are."""
    return 0 if value is None else count(value, "pca")


def reduction(value: object) -> tuple[int, float]:
    """(number, share of the variance) of principal components; the one that is not asked is 0."""
    if value is None:
        return 0, 0.0
    if not isinstance(value, Real) or isinstance(value, (bool, int, np.integer)):
        try:
            return count(value, "pca"), 0.0
        except TypeError:
            raise TypeError(
                f"`pca` must be None, an integer or a number between 0 and 1, got {value!r:.100}"
            ) from None
    share = as_float(value)
    if not 0 < share < 1:
        raise ValueError(
            "`pca` must be an integer, or a number between 0 and 1 as a share of the variance, got "
            f"{value!r:.100}"
        )
    return 0, share


def mixture_size(value: object, n_classes: int, n: int) -> int:
    """Components of a mixture of n samples; None is five for each class."""
    if value is None:
        return min(5 * n_classes, n)
    n_components = count(value, "n_components")
    if n_components > n:
        raise ValueError(
            f"`n_components` must be at most the number of samples, {n}, got {n_components}"
        )
    return n_components


def seed(random_state: object) -> int:
    """A seed for the generator of the kernels: the integer itself, or one that is drawn."""
    if random_state is None or isinstance(random_state, np.random.Generator):
        return int(generator(random_state).integers(2**63 - 1))
    return count(random_state, "random_state", least=0)
