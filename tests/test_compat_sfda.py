"""Drop-in names of TencentARC/SFDA: its formulas in plain NumPy, and what it does not survive."""

import re

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

import published
import transferscore
from conftest import iris, network_features
from tolerances import ANOTHER_START, FLOAT32, FLOAT64, GOLDEN, MAPPED, REORDERED
from transferscore.compat import logme, parc, sfda
from transferscore.compat.sfda import NLEEP, LogME_Score, PARC_Score, SFDA_Score

SHAPES = {"n > d": (300, 25), "many classes": (400, 12)}


def task(shape="n > d", n_classes=6):
    n, d = SHAPES[shape]
    X, y = network_features(n, d, 30 if shape == "many classes" else n_classes)
    return X + 0.5 * np.random.default_rng(0).normal(size=X.shape), y


def clusters():
    """Four clear clusters in three classes."""
    rng = np.random.default_rng(3)
    cluster = np.arange(400) % 4
    X = rng.normal(size=(400, 8)) + 12 * np.eye(4, 8)[cluster]
    return X, np.where(rng.random(400) < 0.1, (cluster + 1) % 3, cluster % 3)


# ------------------------------------------------------------------------------ definitions


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("unit", [0.1, 1.0])
def test_sfda_is_one_cholesky_instead_of_eigenvectors(shape, unit):
    X, y = task(shape)
    value = SFDA_Score(unit * X, y)
    assert value == pytest.approx(published.sfda(unit * X, y), rel=MAPPED)
    assert value == transferscore.sfda(unit * X, y)
    assert isinstance(value, np.float64)


def test_sfda_leaves_its_input_alone():
    X, y = task()
    before = X.copy()
    SFDA_Score(X, y)
    np.testing.assert_array_equal(X, before)
    X.flags.writeable = False
    SFDA_Score(X, y)


def test_sfda_of_few_samples_says_so():
    X, y = network_features(60, 200, 7)
    with pytest.warns(UserWarning, match="is 1 for nearly any features"):
        assert SFDA_Score(X, y) == pytest.approx(1, rel=FLOAT32)


def test_logme_is_that_of_thuml():
    X, y = task()
    evidences = published.fixed_point(X, published.onehot(y), tol=1e-3, epsilon=1e-5)[0]
    assert LogME_Score(X, y) == pytest.approx(evidences.mean(), rel=MAPPED)
    assert LogME_Score(X, y) == logme.LogME().fit(X, y)
    assert LogME_Score(*iris()) == pytest.approx(-0.1600602437, rel=GOLDEN)


@pytest.mark.parametrize("seed", range(3))
def test_nleep_has_no_logarithm(seed):
    X, y = clusters()
    Z = PCA(0.8).fit_transform(X)
    # Clear clusters have one best mixture, which every start finds that has one seed in each.
    mixture = GaussianMixture(6, random_state=seed, n_init=10).fit(Z)
    value = NLEEP(X, y, component_ratio=2)
    expected = published.nleep(mixture.predict_proba(Z), y)
    assert value == pytest.approx(expected, rel=0, abs=ANOTHER_START)
    assert isinstance(value, np.float64)
    assert 0 < value < 1


def test_nleep_options():
    X, y = task()
    value = NLEEP(X, y)
    assert value == transferscore.nleep(X, y, n_components=30, pca=0.8, log=False)
    assert NLEEP(X, y) == value
    assert NLEEP(X, y, 1) == transferscore.nleep(X, y, n_components=6, log=False)
    assert NLEEP(X, y, component_ratio=2.0) == NLEEP(X, y, 2)
    assert NLEEP(X, y, 0.5) == transferscore.nleep(X, y, n_components=3, log=False)


def test_parc_score_is_parc_of_components():
    X, y = task()
    assert PARC_Score(X, y, ratio=0.5) == parc.PARC(n_dims=12)(X, None, y)
    assert PARC_Score(X, y, 0.25) != PARC_Score(X, y, 0.5)
    assert PARC_Score(X, y) == parc.PARC(n_dims=32)(X, None, y) == parc.PARC(25)(X, None, y)
    wide, labels = network_features(90, 60, 4)
    assert PARC_Score(wide, labels) == parc.PARC(n_dims=32)(wide, None, labels)
    assert isinstance(PARC_Score(wide, labels), np.float64)


# ---------------------------------------------------------------------------- hostile input


@pytest.mark.parametrize("score", [SFDA_Score, LogME_Score, NLEEP, PARC_Score])
@pytest.mark.parametrize(
    "convert",
    [
        lambda y: 3 * y,  # an IndexError there
        lambda y: y - 4,
        lambda y: y.astype(np.float32),
        lambda y: y[:, np.newaxis],
        lambda y: y.tolist(),
        lambda y: np.array(list("abcdef"))[y],
    ],
    ids=["gaps", "negative", "floats", "column", "list", "names"],
)
def test_labels_of_any_kind(score, convert):
    X, y = task()
    assert score(X, convert(y)) == pytest.approx(score(X, y), rel=REORDERED)


@pytest.mark.parametrize("score", [SFDA_Score, LogME_Score, NLEEP, PARC_Score])
def test_integers_lists_and_float32(score):
    X, y = task()
    whole = np.rint(10 * X).astype(int)
    assert score(whole, y) == score(whole.astype(float), y)
    assert score(X.tolist(), y.tolist()) == score(X, y)
    single = X.astype(np.float32)
    expected = score(single.astype(float), y)
    tolerance = FLOAT32 if score is PARC_Score else FLOAT64  # its components are float32, too
    assert score(single, y) == pytest.approx(expected, rel=tolerance, abs=100 * tolerance)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda X, y: SFDA_Score(X[0], y), ValueError, "`X` must have shape (n, d)"),
        (lambda X, y: SFDA_Score(X, X), ValueError, "`y` must have shape (n,) or (n, 1)"),
        (lambda X, y: SFDA_Score(X, 0 * y), ValueError, "`y` must have at least two classes"),
        (lambda X, y: LogME_Score(X, y[1:]), ValueError, "`y` must have shape (300,)"),
        (lambda X, y: LogME_Score(X * np.nan, y), ValueError, "`X` must be finite"),
        (lambda X, y: NLEEP(X, y, "5"), TypeError, "`component_ratio` must be a number"),
        (lambda X, y: NLEEP(X, y, 0), ValueError, "`component_ratio` times the number of classes"),
        (lambda X, y: NLEEP(X, y, 0.3), ValueError, "must be a whole number of at least 1"),
        (lambda X, y: NLEEP(X, y, 51), ValueError, "must be at most the number of samples, 300"),
        (lambda X, y: PARC_Score(X, y, 0.01), ValueError, "`ratio` must leave at least one of 25"),
        (lambda X, y: PARC_Score(X, y, np.nan), ValueError, "`ratio` must leave at least one"),
        (lambda X, y: PARC_Score(X, y, None), TypeError, "`ratio` must be a number, got None"),
        (lambda X, y: PARC_Score(X, np.arange(300)), ValueError, "`y` must put some pairs"),
    ],
)
def test_errors_name_the_argument(call, error, text):
    with pytest.raises(error, match=re.escape(text)):
        call(*task())


def test_names():
    assert sfda.__all__ == ["NLEEP", "LogME_Score", "PARC_Score", "SFDA_Score"]
