"""Maximal correlation by networks: against the SVD, the canonical form, training, errors."""

import re

import numpy as np
import pytest

from tolerances import FLOAT32, LEARNED

torch = pytest.importorskip("torch", reason="networks are PyTorch's")

from transferscore import ConvergenceWarning, h_score, maximal_h_score  # noqa: E402
from transferscore.learn import HGR, TrainingDiverged, fit_hgr  # noqa: E402

# All samples at once and none held out: what is fitted is what `maximal_h_score` decomposes.
WHOLE = {"batch_size": None, "validation_fraction": 0, "learning_rate": 0.1, "patience": 10}
QUICK = {"max_epochs": 3, "patience": 9}
quickly = pytest.mark.filterwarnings("ignore:no convergence in max_epochs")


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def drawn(n_values, n_classes, n, seed=0):
    """Samples of two discrete variables that depend on each other."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(n_values * n_classes, 0.5))
    cells = rng.choice(n_values * n_classes, size=n, p=p)
    return cells // n_classes, cells % n_classes


def circle(n=400, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    return x, np.digitize(np.hypot(*x.T), [0.8, 1.5])


# ------------------------------------------------------------------- against the SVD


@pytest.mark.parametrize("objective", ["h_score", "soft_hgr"])
@pytest.mark.parametrize("k", [None, 2])
def test_tables_reach_the_maximal_h_score(objective, k):
    x, y = drawn(12, 5, 1000)
    expected = maximal_h_score(x, y, n_features=k, method="svd", full_output=True)
    found = fit_hgr(x, y, objective=objective, n_features=k, **WHOLE)
    assert found.converged
    assert found.value == pytest.approx(expected.value, rel=LEARNED)
    assert found.value <= expected.value * (1 + FLOAT32)
    assert found.correlations == pytest.approx(expected.singular_values, abs=LEARNED)
    assert found.validation_value is None


@pytest.mark.parametrize("names", [str, bool])
def test_a_network_on_vectors_of_a_discrete_variable_reaches_it(names):
    x, y = drawn(10, 3, 600, seed=1)
    y = y > 0 if names is bool else np.char.add("class ", y.astype(str))
    vectors = np.random.default_rng(0).normal(size=(10, 4))[x]
    found = fit_hgr(
        vectors, y, validation_fraction=0, batch_size=None, learning_rate=0.02, patience=10
    )
    assert found.value == pytest.approx(maximal_h_score(x, y), rel=LEARNED)


def test_two_normal_variables_reach_their_correlation():
    """Hermite polynomials: the correlations of normal variables are powers of the first."""
    rng = np.random.default_rng(0)
    x, y = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=3000).T
    found = fit_hgr(
        x, y, n_features=2, hidden=(16,), batch_size=1000, learning_rate=0.02, patience=10
    )
    assert found.correlations == pytest.approx([0.8, 0.64], abs=0.03)
    assert found.validation_value == pytest.approx(0.8**2 + 0.8**4, abs=0.1)
    assert abs(np.corrcoef(found.f(x)[:, 0], x)[0, 1]) > 0.99


# ------------------------------------------------------------------------------ laws


@quickly
@pytest.mark.parametrize("continuous", [False, True])
def test_canonical_form(continuous):
    """Of features as they are, also before anything has converged."""
    x, y = circle()
    y = x**2 @ [[1.0, 0.5], [1.0, -1.0]] if continuous else y
    k = 2
    found = fit_hgr(x, y, n_features=k, validation_fraction=0, **QUICK)
    f, g = found.f(x), found.g(y)
    n, sigma = len(x), found.correlations
    squares = np.diag(sigma**2)
    assert f.mean(axis=0) == pytest.approx(np.zeros(k), abs=FLOAT32)
    assert f.T @ f / n == pytest.approx(np.eye(k), abs=FLOAT32)
    assert f.T @ g / n == pytest.approx(squares, abs=FLOAT32)
    assert g.T @ g / n == pytest.approx(squares, abs=FLOAT32)
    assert found.value == pytest.approx(np.sum(sigma**2))
    if not continuous:
        assert found.value == pytest.approx(h_score(f, y), rel=FLOAT32)
        assert found.label_values.tolist() == [0, 1, 2]
        assert np.array_equal(found.label_functions[y], g)


@quickly
def test_more_features_than_classes_allow_are_zero():
    x, y = circle()
    found = fit_hgr(x, y, n_features=5, **QUICK)
    assert np.array_equal(found.correlations[2:] > 1e-6, [False] * 3)
    assert found.f(x).shape == (400, 5)


@quickly
def test_labels_without_meaning_have_no_value_on_held_out_samples():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(300, 30)), rng.integers(0, 3, size=300)
    found = fit_hgr(x, y, validation_fraction=0.3, max_epochs=30, learning_rate=0.02)
    last = found.history[-1]
    assert last.value > 1.5  # of 2
    assert last.validation_value < 0
    assert found.validation_value >= last.validation_value


@quickly
def test_the_best_epoch_is_kept():
    x, y = circle()
    found = fit_hgr(x, y, max_epochs=12, learning_rate=0.3, validation_fraction=0.25)
    held = [epoch.validation_value for epoch in found.history]
    assert len(held) == 13
    assert found.best_epoch == int(np.argmax(held))
    assert found.validation_value == max(held)
    assert found.value == found.history[found.best_epoch].value


@quickly
def test_the_seed_decides_and_pytorch_keeps_its_own():
    x, y = circle()
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    one, same, other = (fit_hgr(x, y, **QUICK, random_state=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert one.history == same.history
    assert np.array_equal(one.f(x), same.f(x))
    assert one.history != other.history


@quickly
def test_units_of_x_do_not_matter():
    x, y = circle()
    one, other = (fit_hgr(side, y, **QUICK) for side in (x, 1e6 * x + 1e7))
    assert one.value == pytest.approx(other.value, rel=1e-2)


def test_every_batch_has_two_classes():
    """Five samples of one class among 400, and batches of eight."""
    x, _ = circle()
    y = (np.arange(400) % 80 == 0).astype(int)
    with pytest.warns(ConvergenceWarning):
        found = fit_hgr(x, y, batch_size=8, **QUICK)
    assert len(found.history) == 4


def test_a_class_of_one_sample_is_trained_with():
    x, y = circle(60)
    y[7] = 3
    with pytest.warns(ConvergenceWarning):
        found = fit_hgr(x, y, validation_fraction=0.5, **QUICK)
    assert np.abs(found.label_functions[3]).max() > 0


# --------------------------------------------------------------------- users' networks


@quickly
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_networks_of_the_user_are_copied(dtype):
    x, y = circle()
    torch.manual_seed(1)  # a start that three epochs better
    network = torch.nn.Linear(2, 3).to(getattr(torch, dtype))
    before = network.weight.detach().clone()
    found = fit_hgr(x, y, x_network=network, validation_fraction=0, **QUICK)
    assert torch.equal(network.weight, before)
    assert not torch.equal(found.x_network.weight, before)
    assert found.x_network.weight.dtype == network.weight.dtype
    assert found.correlations.shape == (3,)


@quickly
def test_images_and_networks_of_both_sides():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(120, 1, 6, 6)).astype(np.float32)
    y = images.mean(axis=(1, 2, 3))
    found = fit_hgr(
        images,
        y,
        x_network=torch.nn.Sequential(
            torch.nn.Conv2d(1, 4, 3),
            torch.nn.Dropout(0.1),
            torch.nn.Flatten(),
            torch.nn.Linear(64, 2),
        ),
        y_network=torch.nn.Linear(1, 2),
        **QUICK,
    )
    assert found.objective == "soft_hgr"
    assert np.array_equal(found.f(images), found.f(images))  # no dropout any more
    assert found.f(images[:5]) == pytest.approx(found.f(images)[:5], abs=1e-4)
    assert found.g(0.5 * y[:3]).shape == (3, 2)


@quickly
def test_results_print():
    x, y = circle()
    found = fit_hgr(x, y, **QUICK)
    assert isinstance(found, HGR)
    assert re.fullmatch(
        r"maximal H-score \d\.\d{4} \(held out -?\d\.\d{4}\) of 2 features; largest correlation "
        r"0\.\d{4}; epoch \d of 3, not converged",
        str(found),
    )


# ------------------------------------------------------------------- warnings, errors


def test_what_does_not_converge_is_warned_of():
    x, y = circle()
    with pytest.warns(ConvergenceWarning, match=r"no convergence in max_epochs=2: the last 30 ep"):
        found = fit_hgr(x, y, max_epochs=2)
    assert not found.converged


class Breaks(torch.nn.Linear):
    """Features of which some are NaN from a training step on."""

    steps = 0

    def forward(self, x):
        self.steps += self.training
        return super().forward(x) * (torch.nan if self.training and self.steps == 3 else 1)


def test_divergence_leaves_the_last_good_state():
    x, y = circle(100)
    text = "features became NaN or infinite in epoch 3; lower `learning_rate`, or scale the inputs"
    with pytest.raises(TrainingDiverged, match=text) as caught:
        fit_hgr(x, y, x_network=Breaks(2, 2))
    good = caught.value.last_good
    assert isinstance(good, HGR)
    assert len(good.history) == 3
    assert np.isfinite(good.f(x)).all()


def test_steps_that_are_far_too_long():
    x, y = circle(100)
    with pytest.raises(TrainingDiverged, match="in epoch 1"):
        fit_hgr(x, y, learning_rate=1e37)


def test_divergence_before_the_first_step():
    x, y = circle(100)
    network = torch.nn.Linear(2, 2)
    torch.nn.init.constant_(network.bias, torch.nan)
    with pytest.raises(TrainingDiverged, match="in epoch 0") as caught:
        fit_hgr(x, y, x_network=network)
    assert caught.value.last_good is None


X, Y = circle(50)


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"y": Y[:49]}, ValueError, "`y` must have 50 samples, as `x`, got 49"),
        ({"x": []}, ValueError, "`x` must hold at least one sample, got shape (0,)"),
        ({"y": 1.0}, ValueError, "`y` must hold at least one sample, got shape ()"),
        ({"y": np.zeros(50)}, ValueError, "`y` must have at least two different values, got one"),
        ({"y": ["a"] * 50}, ValueError, "`y` must have at least two different values, got one"),
        (
            {"x": np.where(np.arange(100).reshape(50, 2) == 7, np.nan, 1)},
            ValueError,
            "`x` must be finite, got nan at row 3, column 1",
        ),
        ({"x": X.astype(complex)}, TypeError, "`x` must hold real numbers, got dtype complex128"),
        (
            {"objective": "hgr"},
            ValueError,
            "`objective` must be 'h_score' or 'soft_hgr', got 'hgr'",
        ),
        (
            {"y": X, "objective": "h_score"},
            ValueError,
            "`objective` must be 'soft_hgr' for a continuous `y`: the H-score needs classes",
        ),
        (
            {"y_network": torch.nn.Linear(1, 2)},
            ValueError,
            "`y_network` must be left out with objective='h_score': g is then known in closed form",
        ),
        (
            {"x_network": np.tanh},
            TypeError,
            "`x_network` must be a torch.nn.Module, got ufunc",
        ),
        (
            {"x_network": torch.nn.Linear(2, 3), "n_features": 2},
            ValueError,
            "`x_network` must give features of shape (2, 2), got (2, 3)",
        ),
        (
            {"x_network": torch.nn.Flatten(0)},
            ValueError,
            "`x_network` must give features of shape (2, k), got (4,)",
        ),
        ({"n_features": 0}, ValueError, "`n_features` must be at least 1, got 0"),
        (
            {"batch_size": 4},
            ValueError,
            "`batch_size` must be more than twice `n_features`, 4, got 4: a batch must tell their "
            "covariance",
        ),
        ({"hidden": 64}, TypeError, "`hidden` must be a sequence of integers, got 64"),
        ({"hidden": (0,)}, ValueError, "`hidden` must be at least 1, got 0"),
        (
            {"validation_fraction": 0.99},
            ValueError,
            "`validation_fraction` must hold out at least 2 of 47 samples and leave 2, or be 0, "
            "got 0.99",
        ),
        (
            {"validation_fraction": 2},
            ValueError,
            "`validation_fraction` must be a number in [0, 1], got 2",
        ),
        ({"learning_rate": 0}, ValueError, "`learning_rate` must be a finite number above 0"),
        ({"weight_decay": -1}, ValueError, "`weight_decay` must be at least 0, got -1"),
        ({"patience": 0}, ValueError, "`patience` must be at least 1, got 0"),
        ({"random_state": -1}, ValueError, "`random_state` must be at least 0, got -1"),
    ],
)
def test_errors(change, error, text):
    with pytest.raises(error, match=re.escape(text)):
        fit_hgr(**{"x": X, "y": Y, **change})


@quickly
def test_errors_of_new_samples():
    found = fit_hgr(X, Y, **QUICK)
    with pytest.raises(ValueError, match=re.escape("`x` must have shape (n, 2), got (3, 3)")):
        found.f(np.zeros((3, 3)))
    with pytest.raises(ValueError, match="`y` must hold values that were scored, got 9 at 1"):
        found.g([0, 9])
    with pytest.raises(TypeError, match="`y` must be integers"):
        found.g(["a"])
    numbers = fit_hgr(X, X[:, 0] * X[:, 1], **QUICK)
    with pytest.raises(ValueError, match=re.escape("`y` must have shape (n,), got (2, 3)")):
        numbers.g(np.zeros((2, 3)))
    assert numbers.g([0.5, 1.5]).shape == (2, 8)
