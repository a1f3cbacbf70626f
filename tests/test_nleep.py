"""N-LEEP: kernel against reference and scikit-learn, laws, hostile features."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.mixture import GaussianMixture

from conftest import network_features
from test_h_score import layouts
from tolerances import FLOAT32, FLOAT64, MAPPED, MIXTURE, PRINCIPAL, REARRANGED
from transferscore import ConvergenceWarning, NLEEPResult, nleep, reference
from transferscore._backend import backend
from transferscore.reference.gbc import principal_components
from transferscore.reference.nleep import gaussian_mixture, maximise

COVARIANCES = ("full", "diagonal", "spherical")
SHAPES = {
    "n < d": (40, 70),
    "n = d": (50, 50),
    "n > d": (300, 40),
    "several tiles": (700, 300),
    "one feature": (60, 1),
    "two samples": (2, 5),
}


def blobs(n, q, k, seed=0, spread=1.0):
    """Samples about k centres, and a start that is mostly right."""
    rng = np.random.default_rng(seed)
    of = np.append(np.arange(k), rng.integers(0, k, n - k))
    z = 3 * rng.normal(size=(k, q))[of] + spread * rng.normal(size=(n, q))
    start = np.where(rng.random(n) < 0.2, rng.integers(0, k, n), of)
    start[:k] = np.arange(k)
    return z, start.astype(np.int32), of


def mixture(z, start, k, covariance, *, tol=1e-3, max_iter=100, n_threads=1, ridge=1e-6):
    return backend.gaussian_mixture(
        np.ascontiguousarray(z),
        start,
        k,
        covariance=covariance,
        ridge=ridge,
        tol=tol,
        max_iter=max_iter,
        n_threads=n_threads,
    )


def against_reference(X, y, tolerance, **options):
    """The score, after a comparison with the reference from the same start."""
    names = ("n_threads", "random_state")
    result = nleep(X, y, **options, full_output=True)
    options = {name: value for name, value in options.items() if name not in names}
    options["n_components"] = result.n_components
    expected = reference.nleep(X, y, start=result.start, **options)
    assert result.value == pytest.approx(expected, rel=tolerance, abs=tolerance)
    return result


# ------------------------------------------------------------------------------- mixture


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("shape", [(2, 1, 2), (30, 3, 4), (200, 5, 3), (600, 70, 4), (700, 130, 2)])
def test_mixture_equals_the_reference(shape, covariance):
    z, start, _ = blobs(*shape)
    posterior, log_likelihood, n_iter, _ = mixture(z, start, shape[2], covariance)
    options = {"covariance": covariance, "reg_covar": 1e-6, "tol": 1e-3, "max_iter": 100}
    expected = gaussian_mixture(z, start, shape[2], **options)
    np.testing.assert_allclose(posterior, expected[0], rtol=0, atol=MIXTURE)
    assert log_likelihood == pytest.approx(expected[1], rel=FLOAT64, abs=MIXTURE)
    assert n_iter == expected[2]


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("shape", [(300, 4, 5), (800, 20, 3)])
def test_mixture_equals_scikit_learn_from_the_same_start(shape, covariance):
    n, q, k = shape
    z, start, _ = blobs(n, q, k, spread=2.0)
    weights, means, covariances = maximise(z, np.eye(k)[start], covariance, 1e-6)
    precisions = np.linalg.inv(covariances)
    if covariance != "full":
        precisions = np.diagonal(precisions, axis1=1, axis2=2)
    if covariance == "spherical":
        precisions = precisions[:, 0]
    theirs = GaussianMixture(
        k,
        covariance_type={"diagonal": "diag"}.get(covariance, covariance),
        weights_init=weights / weights.sum(),
        means_init=means,
        precisions_init=precisions,
    ).fit(z)
    posterior, log_likelihood, n_iter, converged = mixture(z, start, k, covariance)
    np.testing.assert_allclose(posterior, theirs.predict_proba(z), rtol=0, atol=MIXTURE)
    assert log_likelihood == pytest.approx(theirs.score(z), rel=FLOAT64)
    assert (n_iter, converged) == (theirs.n_iter_, theirs.converged_)
    assert n_iter > 2


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_a_round_never_lowers_the_likelihood(covariance):
    z, start, _ = blobs(200, 5, 4, spread=2.0)
    bounds = [
        mixture(z, start, 4, covariance, max_iter=rounds, tol=1e-12, ridge=1e-14)[1]
        for rounds in range(1, 15)
    ]
    assert (np.diff(bounds) > -FLOAT64).all()
    assert bounds[-1] > bounds[0] + MAPPED


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_posteriors_are_distributions_where_densities_underflow(covariance):
    z, _, of = blobs(300, 150, 3)
    posterior = mixture(100 * z, of.astype(np.int32), 3, covariance)[0]
    np.testing.assert_allclose(posterior.sum(axis=1), 1, rtol=FLOAT64)
    np.testing.assert_array_equal(posterior.argmax(axis=1), of)
    assert (posterior < np.finfo(np.float64).tiny).any()  # 0, or what exp() has for it


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_an_empty_component_stays_empty(covariance):
    z, start, _ = blobs(100, 4, 3)
    posterior, log_likelihood, _, _ = mixture(z, start, 5, covariance)
    assert np.isfinite(log_likelihood)
    np.testing.assert_allclose(posterior[:, 3:], 0, atol=MIXTURE)


def test_a_ridge_lost_in_rounding():
    x = np.random.default_rng(0).normal(size=(50, 1))
    z = np.hstack([x, x, -x]) * 1e12  # rank 1: a ridge of 1e-6 is no more than rounding
    posterior, log_likelihood, _, _ = mixture(z, np.zeros(50, np.int32), 1, "full")
    assert np.isfinite(log_likelihood)
    np.testing.assert_array_equal(posterior, 1)


# ------------------------------------------------------------------------------- k-means


def test_k_means_ends_where_each_sample_is_nearest_to_the_mean_of_its_cluster():
    z, _, _ = blobs(2000, 6, 8)
    ids = backend.k_means(z, 8, seed=0, n_threads=1)
    means = np.stack([z[ids == k].mean(axis=0) for k in range(8)])
    distances = np.sum((z[:, np.newaxis] - means) ** 2, axis=2)
    assert np.mean(distances.argmin(axis=1) == ids) > 0.99


@pytest.mark.parametrize("seed", range(5))
def test_k_means_finds_clusters_that_lie_apart(seed):
    z, _, of = blobs(500, 10, 20, spread=0.1)
    ids = backend.k_means(z, 20, seed=seed, n_threads=2)
    assert len(set(zip(ids, of, strict=True))) == 20


def test_k_means_has_the_same_bits_for_any_number_of_threads():
    z, _, _ = blobs(5000, 40, 30, spread=3.0)
    answers = [backend.k_means(z, 30, seed=1, n_threads=k).tolist() for k in (1, 2, 3)]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0] != backend.k_means(z, 30, seed=2, n_threads=1).tolist()


def test_k_means_of_fewer_different_samples_than_clusters():
    z = np.repeat([[0.0, 1.0], [5.0, 5.0], [9.0, -3.0]], 4, axis=0)
    ids = backend.k_means(z, 7, seed=0, n_threads=1)
    assert len(set(ids)) == 3
    assert (ids.reshape(3, 4) == ids.reshape(3, 4)[:, :1]).all()
    assert set(backend.k_means(np.zeros((6, 2)), 6, seed=0, n_threads=1)) == {0}


# ------------------------------------------------------------------ kernel against reference


@pytest.mark.parametrize("n_threads", [1, 2, 3])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equals_the_reference(dtype, shape, n_threads):
    n, d = SHAPES[shape]
    X, y = network_features(n, d, min(n, 3))
    y = np.random.default_rng(0).permutation(y) if shape == "several tiles" else y
    for covariance in COVARIANCES:
        options = {"covariance": covariance, "n_threads": n_threads, "n_components": min(n, 6)}
        against_reference(X.astype(dtype), y, PRINCIPAL, **options)


@pytest.mark.parametrize("pca", [None, 0.5, 0.99, 2, 64])
@pytest.mark.parametrize("log", [True, False])
def test_options(pca, log):
    X, y = network_features(200, 20, 4)
    result = against_reference(X, y, PRINCIPAL, pca=pca, log=log, n_components=7)
    assert result.n_features == {None: 20, 2: 2, 64: 20}.get(pca, result.n_features)
    assert (result.value > 0) != log


def test_share_of_the_variance():
    X, y = network_features(200, 20, 4)
    s = np.linalg.svd(X - X.mean(axis=0), compute_uv=False) ** 2
    shares = np.cumsum(s) / s.sum()
    for q in (1, 5, 17):
        between = (shares[q - 2] + shares[q - 1]) / 2 if q > 1 else shares[0] / 2
        assert nleep(X, y, pca=between, full_output=True).n_features == q


def test_share_that_takes_many_components_of_many_features():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(900, 700))
    y = np.arange(900) % 2
    s = np.linalg.svd(X - X.mean(axis=0), compute_uv=False) ** 2
    for share in (0.1, 0.3, 0.8):
        expected = int(np.searchsorted(np.cumsum(s) / s.sum(), share)) + 1
        result = nleep(X, y, pca=share, n_components=1, full_output=True)
        assert result.n_features == expected


@pytest.mark.parametrize("covariance", COVARIANCES)
def test_same_bits_for_any_number_of_threads(covariance):
    X, y = network_features(2000, 60, 6)
    values = {nleep(X, y, covariance=covariance, n_threads=k) for k in (1, 2, 3, 8)}
    assert len(values) == 1


@pytest.mark.parametrize("layout", layouts(np.zeros((3, 3))))
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_any_layout(dtype, layout):
    X, y = network_features(60, 8, 3)
    X = X.astype(dtype)
    expected = nleep(X.astype(np.float64), y, n_components=4)
    assert nleep(layouts(X)[layout], y, n_components=4) == pytest.approx(expected, rel=FLOAT32)


# ------------------------------------------------------------------------------- hostile


def hostile():
    X, y = network_features(120, 30, 4)
    rng = np.random.default_rng(1)
    return {
        "a class with one sample": (X, np.append(y[:-1], 99)),
        "duplicated rows": (np.repeat(X[:20], 6, axis=0), np.arange(120) % 4),
        "duplicated columns": (np.repeat(X, 2, axis=1), y),
        "dead features": (X * (np.arange(30) % 2), y),
        "constant features": (np.full((40, 5), 0.1), np.arange(40) % 4),
        "low rank": (X[:, :3] @ rng.normal(size=(3, 30)), y),
        "offset": (X + 1e4, y),
        "units": (X * 10.0 ** rng.integers(-8, 9, 30), y),
        "outlier": (np.vstack([X, np.full(30, 1e6)]), np.append(y, 0)),
        "two samples": (X[:2], [0, 1]),
        "one feature": (X[:, :1], y),
        "integers": (np.round(X), y),
    }


@pytest.mark.parametrize("case", hostile())
@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.filterwarnings("ignore::transferscore.ConvergenceWarning")
def test_hostile_features_have_finite_scores(case, covariance):
    X, y = hostile()[case]
    for pca in (0.8, None, 64):
        for n_components in (1, None, len(X)):
            options = {"covariance": covariance, "pca": pca, "n_components": n_components}
            result = nleep(X, y, **options, full_output=True)
            assert -np.log(len(X)) - FLOAT64 <= result.value <= FLOAT64
            assert np.isfinite(result.lower_bound)
            assert 0 < nleep(X, y, **options, log=False) <= 1 + FLOAT64


def test_constant_features_leave_the_entropy_of_the_labels():
    y = np.arange(40) % 4
    for X in (np.full((40, 5), 0.1), np.zeros((40, 60))):
        assert nleep(X, y) == pytest.approx(-np.log(4), rel=FLOAT64)


def test_one_component_leaves_the_entropy_of_the_labels():
    X, _ = network_features(40, 6, 2)
    assert nleep(X, np.arange(40) % 4, n_components=1) == pytest.approx(-np.log(4), rel=FLOAT64)


def test_duplicated_rows_of_one_label_each_are_predicted():
    X = np.repeat(np.random.default_rng(0).normal(size=(10, 4)), 5, axis=0)
    assert nleep(X, np.repeat(np.arange(10), 5), pca=None) == pytest.approx(0, abs=MAPPED)


def test_a_component_for_each_sample_knows_every_label():
    X, y = network_features(40, 6, 3)
    assert nleep(X, y, n_components=40, covariance="spherical") == pytest.approx(0, abs=MAPPED)


@pytest.mark.parametrize("exponent", [-900, -500, -40, 40, 490, 900])
def test_scale_with_its_ridge_does_not_matter(exponent):
    X, y = network_features(100, 10, 3)
    expected = nleep(X, y, n_components=5, full_output=True)
    scale = 2.0**exponent
    reg_covar = (
        min(max(1e-6 * 2.0 ** (2 * exponent), 1e-300), 1e300) if abs(exponent) < 500 else 1e-6
    )
    result = nleep(X * scale, y, n_components=5, reg_covar=reg_covar, full_output=True)
    assert np.isfinite(result.value)
    assert np.isfinite(result.lower_bound)
    if abs(exponent) < 300:
        assert result.value == pytest.approx(expected.value, rel=FLOAT64)
        moved = expected.lower_bound - result.n_features * exponent * np.log(2)
        assert result.lower_bound == pytest.approx(moved, rel=FLOAT64)


def test_squares_beyond_float64_are_an_error_not_nan():
    X = np.random.default_rng(0).normal(size=(600, 3))
    X[301] = 1e300  # not among the rows that choose the scale
    for pca in (None, 2, 0.8):
        with pytest.raises(ValueError, match="`features` must have squares within the range"):
            nleep(X, np.arange(600) % 2, pca=pca)


# ---------------------------------------------------------------------------------- laws

sizes = st.tuples(
    st.integers(2, 40), st.integers(1, 9), st.integers(2, 5), st.integers(0, 2**32 - 1)
)


@settings(deadline=None, max_examples=60)
@given(sizes, st.sampled_from(COVARIANCES))
def test_law_bounds_and_jensen(size, covariance):
    n, d, n_classes, seed = size
    X, y = network_features(n, d, min(n, n_classes), seed)
    options = {"covariance": covariance, "random_state": seed, "max_iter": 300}
    value = nleep(X, y, **options)
    mean = nleep(X, y, **options, log=False)
    assert value <= FLOAT64
    assert 0 < mean <= 1 + FLOAT64
    assert value <= np.log(mean) + FLOAT64


@settings(deadline=None, max_examples=40)
@given(sizes)
def test_law_names_of_labels_and_a_shift_do_not_matter(size):
    n, d, n_classes, seed = size
    X, y = network_features(n, d, min(n, n_classes), seed)
    names = np.array(["b", "e", "a", "d", "c"])
    value = nleep(X, names[y], n_components=2, max_iter=300)
    assert value == pytest.approx(
        nleep(X, y, n_components=2, max_iter=300), rel=REARRANGED, abs=FLOAT64
    )


def test_clusters_that_are_classes_score_zero():
    z, _, of = blobs(400, 6, 4, spread=0.2)
    assert nleep(z, of, n_components=4) == pytest.approx(0, abs=MAPPED)
    unrelated = nleep(z, np.arange(400) % 3, n_components=4)
    assert -np.log(3) - MAPPED < unrelated < -1


# ------------------------------------------------------------------------- seeds, output


def test_seeds():
    X, y = network_features(200, 20, 4)
    of_seed = [nleep(X, y, random_state=seed) for seed in (0, 0, 1)]
    assert of_seed[0] == of_seed[1] == nleep(X, y)
    assert of_seed[0] != of_seed[2]
    rng = [np.random.default_rng(5) for _ in range(2)]
    assert nleep(X, y, random_state=rng[0]) == nleep(X, y, random_state=rng[1])
    assert nleep(X, y, random_state=rng[0]) != nleep(X, y, random_state=np.random.default_rng(5))
    assert np.isfinite(nleep(X, y, random_state=None))


def test_full_output():
    X, y = network_features(200, 20, 4)
    result = nleep(X, y, full_output=True)
    assert isinstance(result, NLEEPResult)
    assert result.value == nleep(X, y)
    assert (result.n_components, result.converged) == (20, True)
    assert 1 < result.n_iter < 100
    assert result.start.shape == (200,)
    assert set(result.start) == set(range(20))
    z = principal_components(X, result.n_features)
    options = {"covariance": "full", "reg_covar": 1e-6, "tol": 1e-3, "max_iter": 100}
    expected = gaussian_mixture(z, result.start, 20, **options)
    assert result.lower_bound == pytest.approx(expected[1], rel=PRINCIPAL)
    assert result.n_iter == expected[2]


def test_default_components_are_at_most_the_samples():
    X, y = network_features(12, 3, 4)
    assert nleep(X, y, full_output=True).n_components == 12


def test_no_convergence_is_a_warning():
    X, y = network_features(200, 20, 4)
    with pytest.warns(ConvergenceWarning, match="did not converge in max_iter=2 rounds; raise"):
        result = nleep(X, y, max_iter=2, tol=1e-9, full_output=True)
    assert (result.converged, result.n_iter) == (False, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nleep(X, y)


def test_ignored_samples_leave_no_trace():
    X, y = network_features(60, 8, 3)
    wild, void = X.copy(), y.copy()
    wild[::7], void[::7] = np.nan, 255
    assert nleep(wild, void, ignore_index=255) == nleep(X[void != 255], y[void != 255])


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"covariance": "tied"}, ValueError, "`covariance` must be 'full' or 'diagonal' or 'sph"),
        ({"pca": 0}, ValueError, "`pca` must be at least 1, got 0"),
        ({"pca": 1.0}, ValueError, "`pca` must be an integer, or a number between 0 and 1 as a sh"),
        ({"pca": -0.5}, ValueError, "`pca` must be an integer, or a number between 0 and 1 as a s"),
        ({"pca": np.nan}, ValueError, "`pca` must be an integer, or a number between 0 and 1 as"),
        ({"pca": True}, TypeError, "`pca` must be None, an integer or a number between 0 and 1"),
        ({"pca": "mle"}, TypeError, "`pca` must be None, an integer or a number between 0 and 1"),
        ({"n_components": 61}, ValueError, "`n_components` must be at most the number of samples"),
        ({"n_components": 0}, ValueError, "`n_components` must be at least 1, got 0"),
        ({"reg_covar": 0}, ValueError, "`reg_covar` must be a finite number above 0, got 0"),
        ({"tol": -1}, ValueError, "`tol` must be a finite number above 0, got -1"),
        ({"max_iter": 0}, ValueError, "`max_iter` must be at least 1, got 0"),
        ({"random_state": -1}, ValueError, "`random_state` must be at least 0, got -1"),
        ({"random_state": 0.5}, TypeError, "`random_state` must be an integer, got 0.5"),
        (
            {"labels": np.zeros((60, 2))},
            ValueError,
            r"`labels` must have shape \(n,\), got \(60, 2",
        ),
        ({"labels": np.zeros(60)}, ValueError, "`labels` must have at least two classes, got one"),
        ({"features": np.zeros(60)}, ValueError, r"`features` must have shape \(n, d\), got \(60,"),
        ({"features": np.full((60, 2), np.nan)}, ValueError, "`features` must be finite, got nan"),
    ],
)
def test_errors_name_the_argument(change, error, text):
    X, y = network_features(60, 8, 3)
    with pytest.raises(error, match=text):
        nleep(**{"features": X, "labels": y, **change})
