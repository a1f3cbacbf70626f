"""N-LEEP as ranking libraries compute it: scikit-learn's components and mixture, then LEEP."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rivals_labels import leep_by_product

Matrix = NDArray[Any]
Ids = NDArray[np.integer[Any]]


def nleep_by_scikit_learn(features: Matrix, labels: Ids, n_components: int, seed: int) -> float:
    """PCA to 80% of the variance, a mixture with full covariances, LEEP of its posterior."""
    from sklearn.decomposition import PCA
    from sklearn.mixture import GaussianMixture

    z = PCA(0.8).fit_transform(features)
    mixture = GaussianMixture(n_components, random_state=seed).fit(z)
    return leep_by_product(mixture.predict_proba(z), labels)


def rounds_by_scikit_learn(z: Matrix, start: Ids, rounds: int, covariance: str) -> float:
    """So many rounds from clusters (n,), and the mean log-likelihood."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    class FromClusters(GaussianMixture):
        def _initialize_parameters(self, X: Matrix, *_: Any, **__: Any) -> None:
            self._initialize(X, np.eye(self.n_components)[start])

    mixture = FromClusters(
        int(start.max()) + 1, covariance_type=covariance, max_iter=rounds, tol=1e-300
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return float(mixture.fit(z).score(z))
