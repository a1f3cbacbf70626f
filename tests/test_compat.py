"""Drop-in names give the numbers of the libraries that they replace."""

import numpy as np
import pytest

import transferscore
from conftest import network_features
from tolerances import FLOAT64, GOLDEN
from transferscore.compat import logme, tllib


def tllib_h_score(features, labels):
    """The published formula, in our words: pinv of a covariance with ddof 1, means per sample."""
    features = features.astype(np.float64)
    means = np.stack([features[labels == label].mean(axis=0) for label in labels])
    cov_f, cov_g = np.cov(features, rowvar=False), np.cov(means, rowvar=False)
    return np.trace(np.linalg.pinv(cov_f, rcond=1e-15) @ cov_g)


def test_tllib_plain():
    X, y = network_features(300, 25, 6)
    assert tllib.h_score(X, y) == pytest.approx(tllib_h_score(X, y), rel=FLOAT64)
    assert tllib.h_score(X, y) == transferscore.h_score(X, y)
    assert isinstance(tllib.h_score(X, y), np.float64)


@pytest.mark.parametrize(("n", "d"), [(300, 25), (30, 50)])
def test_tllib_regularised_mixes_n_and_n_minus_1(n, d):
    X, y = network_features(n, d, 6)
    paper = transferscore.h_score(X, y, shrinkage="ledoit-wolf")
    assert tllib.regularized_h_score(X, y) == pytest.approx(paper * n / (n - 1), rel=FLOAT64)
    assert isinstance(tllib.regularized_h_score(X, y), np.float64)


def test_tllib_names():
    assert tllib.__all__ == [
        "h_score",
        "log_expected_empirical_prediction",
        "negative_conditional_entropy",
        "regularized_h_score",
    ]


def test_leep_and_nce_have_the_published_values():
    i, k = np.arange(30)[:, None], np.arange(4)[None]
    theta = np.exp(np.cos((i + 1) * (k + 1)))
    theta /= theta.sum(axis=1, keepdims=True)
    y, z = np.arange(30) % 3, theta.argmax(axis=1)
    for leep in (tllib.log_expected_empirical_prediction, logme.LEEP):
        value = leep(theta, y)
        assert isinstance(value, np.float64)
        assert value == pytest.approx(-1.0624070355663435, rel=GOLDEN)
    for nce in (tllib.negative_conditional_entropy, logme.NCE):
        value = nce(z, y)
        assert isinstance(value, np.float64)
        assert value == pytest.approx(-0.8504600594475578, rel=GOLDEN)
