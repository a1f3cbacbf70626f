"""Empirical transferability: heads, fine-tuned networks, and intervals that hold what they say."""

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="networks are PyTorch's")
pytest.importorskip("scipy", reason="heads are fitted with SciPy")

from torch import nn  # noqa: E402

from transferscore import extract_features, linear_probe  # noqa: E402
from transferscore.learn import (  # noqa: E402
    empirical_transferability,
    finetune,
    retrain_head,
)
from transferscore.learn.empirical import _error, _of_share  # noqa: E402


def samples(n, seed, spread=1.0):
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % 3
    return spread * torch.randn(n, 4, generator=generator) + 1.5 * torch.eye(3, 4)[y], y


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 5))


TRAINING, TEST = [samples(60, 1), samples(30, 2)], [samples(45, 3), samples(45, 4)]
QUIET = {"progress": False}


def test_a_new_head_is_the_probe_on_features():
    model = network()
    found = empirical_transferability(model, TRAINING, TEST, penalty=0.01, repeats=2, **QUIET)
    sides = [extract_features(model, side, "last", **QUIET) for side in (TRAINING, TEST)]
    arrays = [array for side in sides for array in (side.features["last"], side.labels)]
    probe = linear_probe(*arrays, method="logistic", penalty=0.01)
    assert found.accuracy == pytest.approx(probe.accuracy)
    assert found.log_likelihood == pytest.approx(-probe.log_loss)
    assert found.majority_accuracy == pytest.approx(1 / 3)
    # All samples and no penalty to choose: repeats are the same.
    assert np.ptp(found.accuracies) == 0
    assert found.accuracies.shape == found.log_likelihoods.shape == (2,)
    again = retrain_head(*arrays, penalty=0.01, repeats=2)
    assert again.accuracy_interval == found.accuracy_interval
    assert re.fullmatch(
        r"head: accuracy 0\.\d{4} \(0\.\d{4} to 0\.\d{4}\), "
        r"log-likelihood -\d\.\d{4} \(-\d\.\d{4} to -\d\.\d{4}\)",
        str(found),
    )


def test_few_samples_of_each_class():
    X, y = (np.concatenate([b[i].numpy() for b in TRAINING]) for i in (0, 1))
    Z, w = (np.concatenate([b[i].numpy() for b in TEST]) for i in (0, 1))
    few = retrain_head(X, y, Z, w, samples_per_class=2, penalty=0.01, repeats=6)
    all_of_them = retrain_head(X, y, Z, w, penalty=0.01, repeats=1)
    assert np.ptp(few.accuracies) > 0
    assert few.log_likelihood < all_of_them.log_likelihood
    widths = [b - a for a, b in (few.accuracy_interval, all_of_them.accuracy_interval)]
    assert widths[0] > widths[1]
    # Repeat r is repeat 0 of the r-th seed.
    later = retrain_head(X, y, Z, w, samples_per_class=2, penalty=0.01, repeats=2, random_state=3)
    np.testing.assert_array_equal(later.accuracies, few.accuracies[3:5])


@pytest.mark.parametrize("method", ["vanilla", "otce"])
def test_fine_tuning(method):
    model, options = network(), {"steps": 15, "alignment_steps": 3, "learning_rate": 0.02}
    source = [samples(40, 9)]
    found = empirical_transferability(
        model, TRAINING, TEST, method=method, source_loader=source, repeats=2, random_state=5,
        **options, **QUIET,
    )  # fmt: skip
    for repeat in range(2):
        tuned = finetune(
            model, source, TRAINING, method=method, random_state=5 + repeat, **options, **QUIET
        )
        x, y = (torch.cat([batch[i] for batch in TEST]) for i in (0, 1))
        log_p = tuned.model(x).double().log_softmax(1)
        assert found.accuracies[repeat] == pytest.approx((log_p.argmax(1) == y).double().mean())
        likelihood = log_p[range(90), y].mean().item()
        assert found.log_likelihoods[repeat] == pytest.approx(likelihood)
    assert (
        found.log_likelihood_interval[0] < found.log_likelihood < found.log_likelihood_interval[1]
    )
    assert found.n_test == 90


def test_wilsons_interval_of_one_repeat():
    # By hand: 8 of 10, z = 1.96.
    low, high = _of_share(0.8, 0.016, 1.959964, 10)
    assert (low, high) == pytest.approx((0.49016, 0.94331), abs=1e-4)
    low, high = _of_share(1.0, 0.0, 1.959964, 10)
    assert (low, high) == pytest.approx((0.72246, 1.0), abs=1e-4)


def test_intervals_hold_the_truth():
    """A crossed design of which all is known: 95 % of the intervals hold the mean."""
    rng, held, n = np.random.default_rng(0), 0, 400
    for _ in range(n):
        values = rng.normal(0, 0.3, (4, 1)) + rng.normal(0, 1, 40) + rng.normal(0, 1, (4, 40))
        variance, quantile = _error(values, 0.95)
        held += abs(values.mean()) <= quantile * variance**0.5
    assert 0.92 <= held / n <= 0.98


def test_student_where_there_is_one_repeat():
    values = np.array([[1.0, 2.0, 3.0, 4.0]])
    variance, quantile = _error(values, 0.95)
    assert variance == pytest.approx(5 / 3 / 4)
    assert quantile == pytest.approx(3.182446)  # of three degrees of freedom
    assert _error(np.ones((2, 5)), 0.95)[0] == 0


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"method": "magic"}, ValueError, "`method` must be 'otce' or"),
        ({"samples_per_class": 31}, ValueError, "`samples_per_class` must be at most 30, the"),
        (
            {"samples_per_class": 3, "method": "vanilla"},
            ValueError,
            "`samples_per_class` must be None with `method` 'vanilla'",
        ),
        ({"repeats": 0}, ValueError, "`repeats` must be at least 1, got 0"),
        ({"confidence": 1.0}, ValueError, "`confidence` must be between 0 and 1, got 1.0"),
        ({"training_loader": [TEST[0][0]]}, ValueError, "`training_loader` must give labels with"),
        ({"test_loader": [(TEST[0][0], TEST[0][1] + 7)]}, ValueError, "`labels_test` must hold"),
        (
            {"test_loader": [(TEST[0][0], TEST[0][1] + 7)], "method": "vanilla", "steps": 1},
            ValueError,
            "`test_loader` must give labels from 0 to 2, got 7",
        ),
        ({"test_loader": iter(TEST)}, TypeError, "`test_loader` must give its batches each time"),
        ({"test_loader": [], "method": "vanilla", "steps": 1}, ValueError, "`test_loader` must gi"),
    ],
)
def test_errors(change, error, text):
    given = {"model": network(), "training_loader": TRAINING, "test_loader": TEST, **QUIET}
    with pytest.raises(error, match=re.escape(text)):
        empirical_transferability(**{**given, **change})
