"""Fine-tuning: what each step changes, controls, checkpoints, and what stops it."""

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="fine-tuning is for PyTorch")

from torch import nn  # noqa: E402

from transferscore import otce  # noqa: E402
from transferscore.learn import FineTuningError, finetune  # noqa: E402

QUICK = {"steps": 6, "alignment_steps": 5, "progress": False}


def network(*, norm=False, dropout=0.0, seed=0):
    torch.manual_seed(seed)
    middle = [nn.BatchNorm1d(6)] if norm else []
    return nn.Sequential(
        nn.Linear(4, 6), *middle, nn.ReLU(), nn.Dropout(dropout), nn.Linear(6, 5), nn.ReLU(),
        nn.Linear(5, 3),
    )  # fmt: skip


def batch(n, n_classes, seed=0):
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % n_classes
    return torch.randn(n, 4, generator=generator) + 2 * torch.eye(n_classes, 4)[y], y


class Shuffled:
    """As a DataLoader that shuffles: orders from PyTorch's own random numbers."""

    def __init__(self, n, n_classes, size, seed=0):
        self.x, self.y = batch(n, n_classes, seed)
        self.size = size

    def __len__(self):
        return len(range(0, len(self.y), self.size))

    def __iter__(self):
        for at in torch.randperm(len(self.y)).split(self.size):
            yield self.x[at], self.y[at]


SOURCE, TARGET = [batch(30, 3)], [batch(12, 2, seed=1)]


def weights(model):
    return torch.cat([each.flatten().double() for each in model.state_dict().values()])


def test_step_1_lowers_the_conditional_entropy_of_the_features():
    model = network()
    tuned = finetune(model, SOURCE, TARGET, steps=0, alignment_steps=30, progress=False)

    def entropy(of):
        x, z = (of[:-1](side[0][0]).detach().numpy() for side in (SOURCE, TARGET))
        return otce(
            source_features=x, source_labels=SOURCE[0][1].numpy(), target_features=z,
            target_labels=TARGET[0][1].numpy(), relative_epsilon=0.05,
        ).task_difference  # fmt: skip

    assert tuned.alignment_losses[0] == pytest.approx(entropy(model.eval()), rel=1e-3)
    assert entropy(tuned.model) < 0.8 * entropy(model)
    assert len(tuned.alignment_losses) == 30
    assert len(tuned.losses) == 0


def test_the_transport_cost_instead():
    tuned = finetune(
        network(), SOURCE, TARGET, method="transport_cost", steps=0, alignment_steps=30,
        progress=False,
    )  # fmt: skip
    assert tuned.alignment_losses[-1] < 0.5 * tuned.alignment_losses[0]


@pytest.mark.parametrize("method", ["otce", "vanilla", "head", "scratch"])
def test_step_2_learns_the_target_and_leaves_the_model_alone(method):
    model = network()
    before = weights(model)
    random = torch.get_rng_state()
    tuned = finetune(
        model, SOURCE, TARGET, method=method, steps=80, alignment_steps=5, learning_rate=0.05,
        progress=False,
    )  # fmt: skip
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.equal(weights(model), before)
    assert model[-1].out_features == 3
    assert tuned.model[-1].out_features == tuned.n_classes == 2
    assert not any(module.training for module in tuned.model.modules())
    assert not any(module._forward_hooks for module in tuned.model.modules())
    assert tuned.losses[-1] < 0.8 * tuned.losses[0]
    same = torch.equal(weights(tuned.model[:-1]), weights(model[:-1]))
    assert same == (method == "head")


def test_frozen_features_are_those_of_step_1():
    both = finetune(network(), SOURCE, TARGET, frozen=True, **QUICK)
    first = finetune(network(), SOURCE, TARGET, **{**QUICK, "steps": 0})
    assert torch.equal(weights(both.model[:-1]), weights(first.model[:-1]))


def test_two_calls_are_one():
    first = finetune(network(), SOURCE, TARGET, **{**QUICK, "steps": 0})
    second = finetune(first.model, None, TARGET, method="vanilla", **QUICK)
    both = finetune(network(), SOURCE, TARGET, **QUICK)
    assert torch.equal(weights(second.model), weights(both.model))


def test_scratch_forgets_what_was_learned():
    one, other = (
        finetune(network(seed=seed), None, TARGET, method="scratch", **QUICK) for seed in (0, 1)
    )
    assert torch.equal(weights(one.model), weights(other.model))


def test_shuffled_labels_are_the_same_in_every_pass():
    x, y = TARGET[0]
    found = finetune(network(), SOURCE, TARGET, method="shuffled", **QUICK)
    true = finetune(network(), SOURCE, TARGET, **QUICK)
    assert found.alignment_losses[0] != true.alignment_losses[0]
    # Small batches see the labels of their places: a shuffle of two equal halves, batch by batch.
    halves = [(x[:6], y[:6]), (x[6:], y[6:])]
    split = finetune(network(), SOURCE, halves, method="shuffled", **QUICK)
    assert len(split.alignment_losses) == 5


def test_as_many_updates():
    tuned = finetune(network(), None, TARGET, method="vanilla", equal_updates=True, **QUICK)
    assert len(tuned.losses) == 11
    assert len(finetune(network(), None, TARGET, method="vanilla", **QUICK).losses) == 6


def test_seeds():
    source, target = Shuffled(40, 3, 20), Shuffled(12, 2, 6, seed=1)
    one, again, other = (
        finetune(network(dropout=0.3), source, target, random_state=seed, **QUICK)
        for seed in (3, 3, 4)
    )
    assert torch.equal(weights(one.model), weights(again.model))
    assert not torch.equal(weights(one.model), weights(other.model))


def test_batch_normalisation_keeps_what_the_source_has():
    model = network(norm=True)
    model.train()(batch(30, 3)[0])
    kept = finetune(model, SOURCE, TARGET, batch_statistics=False, **QUICK)
    learned = finetune(model, SOURCE, TARGET, **QUICK)
    assert torch.equal(kept.model[1].running_mean, model[1].running_mean)
    assert not torch.equal(learned.model[1].running_mean, model[1].running_mean)


def test_features_of_length_1():
    tuned = finetune(network(), SOURCE, TARGET, normalise=True, method="transport_cost", **QUICK)
    assert 0 < tuned.alignment_losses[0] <= 4


def test_validation_returns_the_best_and_ends_early():
    # The validation samples have the other labels: the longer, the worse.
    x, y = TARGET[0]
    tuned = finetune(
        network(), None, TARGET, method="vanilla", steps=60, learning_rate=0.05,
        validation_loader=[(x, 1 - y)], validate_every=5, patience=3, progress=False,
    )  # fmt: skip
    assert tuned.stopped_early
    best = int(np.argmin(tuned.validation_losses))
    assert tuned.best_step == tuned.validated_after[best]
    assert len(tuned.losses) == tuned.validated_after[-1] == tuned.best_step + 15
    loss = nn.functional.cross_entropy(tuned.model(x), 1 - y).item()
    assert loss == pytest.approx(tuned.validation_losses[best], rel=1e-5)
    assert ((tuned.validation_accuracies >= 0) & (tuned.validation_accuracies <= 1)).all()


class Broken(Shuffled):
    """A loader that fails after some batches, once."""

    left = 10**9

    def __iter__(self):
        for given in super().__iter__():
            self.left -= 1
            if self.left == 0:
                raise OSError("the disk is gone")
            yield given


@pytest.mark.parametrize("fails_after", [7, 25])
def test_a_checkpoint_goes_on_as_if_nothing_had_happened(tmp_path, fails_after):
    options = {
        "steps": 20,
        "alignment_steps": 10,
        "validation_loader": [batch(10, 2, seed=5)],
        "validate_every": 4,
        "progress": False,
    }
    model, source = network(dropout=0.3, norm=True), Shuffled(40, 3, 20)
    whole = finetune(model, source, Shuffled(12, 2, 6, seed=1), **options)
    target = Broken(12, 2, 6, seed=1)
    target.left = fails_after + 3  # two batches are read for their labels, one for the head
    options |= {"checkpoint": tmp_path / "run.pt", "checkpoint_every": 3}
    with pytest.raises(OSError, match="the disk is gone"):
        finetune(model, source, target, **options)
    rest = finetune(model, source, target, **options)
    assert torch.equal(weights(rest.model), weights(whole.model))
    for name in ("alignment_losses", "losses", "validation_losses", "best_step"):
        np.testing.assert_array_equal(getattr(rest, name), getattr(whole, name))
    # All is there: nothing is trained again.
    target.left = 4
    done = finetune(model, source, target, **options)
    assert torch.equal(weights(done.model), weights(whole.model))
    assert [path.name for path in tmp_path.iterdir()] == ["run.pt"]


def test_a_checkpoint_of_another_call(tmp_path):
    options = {**QUICK, "checkpoint": tmp_path / "run.pt"}
    finetune(network(), SOURCE, TARGET, **options)
    text = "`checkpoint` must be of a call with the same arguments to go on, steps was 6, is 7"
    with pytest.raises(ValueError, match=re.escape(text)):
        finetune(network(), SOURCE, TARGET, **{**options, "steps": 7})
    again = finetune(network(), SOURCE, TARGET, resume=False, **{**options, "steps": 7})
    assert len(again.losses) == 7
    (tmp_path / "run.pt").write_text("something else", encoding="utf-8")
    with pytest.raises(ValueError, match="`checkpoint` must be a new file or a checkpoint of"):
        finetune(network(), SOURCE, TARGET, **options)


# What stops it


class Wild(torch.optim.SGD):
    """An optimiser whose third step leads nowhere."""

    def step(self, closure=None):
        self.count = getattr(self, "count", 0) + 1
        super().step(closure)
        if self.count == 3:
            with torch.no_grad():
                self.param_groups[0]["params"][0].fill_(torch.nan)


@pytest.mark.parametrize(
    ("method", "text"),
    [
        ("otce", "step 1 stopped at update 4: features are not finite"),
        ("vanilla", "step 2 stopped at update 4: outputs are not finite"),
    ],
)
def test_divergence_leaves_the_last_good_state(method, text):
    options = {**QUICK, "method": method, "learning_rate": 0.01}
    with pytest.raises(FineTuningError, match=text) as caught:
        finetune(network(), SOURCE, TARGET, optimiser=Wild, **options)
    good = caught.value.result
    # Two updates are in it; the third gave NaN.
    options |= {"steps": 2} if method == "vanilla" else {"steps": 0, "alignment_steps": 2}
    short = finetune(network(), SOURCE, TARGET, optimiser=torch.optim.SGD, **options)
    layers = slice(None) if method == "vanilla" else slice(-1)
    assert torch.equal(weights(good.model[layers]), weights(short.model[layers]))


def test_weights_that_are_lost_with_the_last_update():
    options = {**QUICK, "steps": 3, "method": "vanilla", "optimiser": Wild}
    with pytest.raises(FineTuningError, match="weights are not finite") as caught:
        finetune(network(), None, TARGET, **options)
    assert torch.isfinite(weights(caught.value.result.model)).all()


@pytest.mark.parametrize("side", ["source_loader", "target_loader"])
def test_a_batch_of_one_class(side):
    x, y = batch(30, 3) if side == "source_loader" else batch(12, 2, seed=1)
    sorted_batches = [(x[y == label], y[y == label]) for label in y.unique()]
    loaders = {"source_loader": SOURCE, "target_loader": TARGET, side: sorted_batches}
    text = f"step 1 stopped at update 1: a batch of `{side}` has one class alone (0)"
    with pytest.raises(FineTuningError, match=re.escape(text)) as caught:
        finetune(network(), **loaders, **QUICK)
    assert torch.equal(weights(caught.value.result.model), weights(network()))
    # The transport cost and step 2 have use for such batches.
    finetune(network(), **loaders, method="transport_cost", **QUICK)


def test_features_that_are_too_large_for_a_transport():
    model = network().double()
    with torch.no_grad():
        model[3].weight *= 1e200
    source, target = ([(x.double(), y) for x, y in loader] for loader in (SOURCE, TARGET))
    with pytest.raises(FineTuningError, match="step 1 stopped at update 1: `source_features and"):
        finetune(model, source, target, **QUICK)


class Tuple(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.fc = nn.Linear(4, 5), nn.Linear(5, 3)

    def forward(self, x):
        return {"logits": self.fc(self.body(x)), "extra": None}


def test_a_model_that_returns_a_dict():
    tuned = finetune(Tuple(), SOURCE, TARGET, **QUICK)
    assert tuned.model.fc.out_features == 2


class Squared(nn.Sequential):
    def forward(self, x):
        return super().forward(x) ** 2


class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale, self.fc = nn.Parameter(torch.ones(4)), nn.Linear(4, 3)

    def forward(self, x):
        return self.fc(x * self.scale)


X, Y = TARGET[0]


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"model": print}, TypeError, "`model` must be a torch.nn.Module"),
        ({"model": nn.Linear(4, 3)}, ValueError, "`model` must have layers below its head"),
        ({"model": Squared(nn.Linear(4, 3))}, ValueError, "`head` must name the linear layer that"),
        (
            {"head": "1"},
            ValueError,
            "`head` must name a linear layer of the model ('0', '3', '5'), '1'",
        ),
        ({"head": "9"}, ValueError, "'9' is no such module"),
        ({"head": 5}, TypeError, "`head` must be the name of a linear layer, got 5"),
        ({"model": Odd(), "method": "scratch"}, ValueError, "module '' (Odd) has weights and no"),
        ({"method": "magic"}, ValueError, "`method` must be 'otce' or 'shuffled'"),
        ({"source_loader": None}, TypeError, "`source_loader` must be an iterable of batches, got"),
        ({"source_loader": iter([])}, TypeError, "`source_loader` must give its batches each time"),
        ({"source_loader": []}, ValueError, "`source_loader` must give at least one sample"),
        ({"target_loader": []}, ValueError, "`target_loader` must give at least one sample"),
        ({"target_loader": [X]}, ValueError, "`target_loader` must give labels with its samples"),
        ({"target_loader": [(X, Y - 1)]}, ValueError, "must give labels from 0, got -1"),
        ({"target_loader": [(X, Y + 0.5)]}, ValueError, "labels that are whole numbers, got 0.5"),
        ({"target_loader": [(X, Y[:, None])]}, ValueError, "one label for each sample, got shape"),
        ({"target_loader": [(X, Y + 1)]}, ValueError, "of each of 3 classes, got none of 0"),
        ({"target_loader": [(X, Y * 0)]}, ValueError, "must have at least two classes, got 1"),
        ({"target_loader": [(X[:2], Y[:2] + 2)]}, ValueError, "as many samples as classes, 4"),
        ({"n_classes": 2, "target_loader": [(X, Y * 2)]}, ValueError, "from 0 to 1, got 2"),
        ({"validation_loader": [(X, Y * 2)]}, ValueError, "`validation_loader` must give labels"),
        ({"validation_loader": []}, ValueError, "`validation_loader` must give at least one"),
        ({"patience": 3}, ValueError, "`patience` must be None without a `validation_loader`"),
        ({"steps": -1}, ValueError, "`steps` must be at least 0, got -1"),
        ({"alignment_rate": 0}, ValueError, "`alignment_rate` must be a finite number above 0"),
        ({"relative_epsilon": -1}, ValueError, "`relative_epsilon` must be a finite number above"),
    ],
)
def test_errors(change, error, text):
    given = {"model": network(), "source_loader": SOURCE, "target_loader": TARGET, **QUICK}
    with pytest.raises(error, match=re.escape(text)):
        finetune(**{**given, **change})


def test_nothing_that_may_change():
    model = network()
    for parameter in model[:-1].parameters():
        parameter.requires_grad_(False)
    with pytest.raises(ValueError, match="`model` must have weights below its head that require"):
        finetune(model, SOURCE, TARGET, **QUICK)


def test_maps_into_the_head():
    model = nn.Sequential(nn.Unflatten(1, (2, 2)), nn.Linear(2, 2), nn.Linear(2, 3))
    with pytest.raises(ValueError, match="`head` must see a row of features for each sample"):
        finetune(model, SOURCE, TARGET, **QUICK)
