"""Principal components as the authors of PARC take them."""

from numpy.typing import ArrayLike

from transferscore import _checks
from transferscore._checks import Floats


def principal_components(features: ArrayLike, n_dims: object) -> Floats:
    """Coordinates (n, q) of a randomised PCA with a fixed seed, q = min(n_dims, n, d)."""
    X = _checks.features_alone(features)
    n_components = min(_checks.count(n_dims, "n_dims"), *X.shape)
    decomposition = _checks.from_extra("compat", "sklearn.decomposition")
    pca = decomposition.PCA(
        n_components, svd_solver="randomized", random_state=1919, iterated_power=1
    )
    reduced: Floats = pca.fit_transform(X)
    return reduced
