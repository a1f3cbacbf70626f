"""Empirical transferability: what a network attains on a target task when it is trained for it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn
from torch.nn import functional

from transferscore import _checks
from transferscore.extract import extract_features
from transferscore.extract._layers import first_tensor
from transferscore.learn._training import Batches, device_of, labels_of
from transferscore.learn.finetuning import METHODS, Method, finetune
from transferscore.ranking import linear_probe

Vector = NDArray[np.float64]
Interval = tuple[float, float]


@dataclass(frozen=True)
class EmpiricalTransferability:
    """What a network attained on a target task, over repeated training.

    Attributes
    ----------
    method : str
        How it was trained: "head", or a method of `finetune`.
    accuracy : float
        Share of the test samples that is recognised, the mean over repeats; higher is better.
    accuracy_interval : tuple of two floats
        Its interval.
    log_likelihood : float
        Mean log-probability of the test samples' classes in nats, the mean over repeats; higher is
        better.
    log_likelihood_interval : tuple of two floats
        Its interval.
    accuracies : ndarray of shape (repeats,)
        Of each repeat.
    log_likelihoods : ndarray of shape (repeats,)
        Of each repeat.
    majority_accuracy : float
        What the most frequent training class would attain.
    confidence : float
        Level of the intervals.
    n_test : int
        Test samples.
    """

    method: str
    accuracy: float
    accuracy_interval: Interval
    log_likelihood: float
    log_likelihood_interval: Interval
    accuracies: Vector = field(repr=False)
    log_likelihoods: Vector = field(repr=False)
    majority_accuracy: float
    confidence: float
    n_test: int

    def __str__(self) -> str:
        a, b = self.accuracy_interval
        c, d = self.log_likelihood_interval
        return (
            f"{self.method}: accuracy {self.accuracy:.4f} ({a:.4f} to {b:.4f}), log-likelihood "
            f"{self.log_likelihood:.4f} ({c:.4f} to {d:.4f})"
        )


def empirical_transferability(
    model: nn.Module,
    training_loader: Iterable[Any],
    test_loader: Iterable[Any],
    *,
    method: Method = "head",
    source_loader: Iterable[Any] | None = None,
    layer: str = "last",
    samples_per_class: int | None = None,
    penalty: float | None = None,
    repeats: int = 5,
    confidence: float = 0.95,
    random_state: int = 0,
    device: str | torch.device | None = None,
    progress: bool = True,
    **options: Any,
) -> EmpiricalTransferability:
    r"""Train a network for a target task, several times, and measure it: what scores predict.

    Bao, Li, Huang, Zhang, Zheng, Zamir, Guibas, "An information-theoretic approach to
    transferability in task transfer learning", ICIP 2019, measure transferability by the mean
    log-likelihood of unseen samples, and by accuracy,

    .. math::

        \frac1m \sum_j \log \operatorname{softmax}(W f(x_j) + b)_{y_j},

    with a new head W, b on features f that stay (retrain-head), or with all weights fine-tuned.
    Higher is better.

    Parameters
    ----------
    model : torch.nn.Module
        The network, trained on a source. It is not changed.
    training_loader : iterable
        Batches of the target's training samples, as for `finetune`.
    test_loader : iterable
        Batches of the target's test samples.
    method : str, default "head"
        "head" takes features once, then fits a logistic head by `retrain_head`, to convergence.
        Others are those of `finetune`.
    source_loader : iterable, optional
        Batches of the source, for methods of `finetune` with a step 1.
    layer : str, default "last"
        The layer whose features a new head sees, as for `extract_features`: by default those that
        enter the head. For method "head" alone.
    samples_per_class : int, optional
        Each repeat learns from that many training samples of each class, drawn anew. Default: from
        all. For method "head" alone.
    penalty : float, optional
        As for `linear_probe`; for method "head" alone.
    repeats : int, default 5
        How often to train. Repeats differ in the samples that are drawn and in all other random
        numbers of the training.
    confidence : float, default 0.95
        Level of the intervals.
    random_state : int, default 0
        Seed of the first repeat; the next ones count on from it.
    device : str or torch.device, optional
        Where to compute. Default: where the model's weights are.
    progress : bool, default True
        Show progress bars on a terminal, where rich is installed.
    **options
        Further arguments of `finetune`, such as `steps` and `learning_rate`.

    Returns
    -------
    EmpiricalTransferability
        Means, intervals, and what each repeat attained.

    Raises
    ------
    TypeError, ValueError, FineTuningError
        Where an argument is not as described, as for `finetune` and `linear_probe`.
    ModuleNotFoundError
        Without SciPy: pip install 'transferscore[probe]'.

    Notes
    -----
    Intervals hold the chance of the test samples and that of the training, for one network: with
    means of repeats r and of test samples t as the effects of a crossed design, the variance of the
    mean is estimated by s_r^2 / R + s_t^2 / m - s_rt^2 / (R m). That of the log-likelihood is
    Student's, that of the accuracy Wilson's with the number of test samples that has this variance;
    degrees of freedom are Satterthwaite's.

    Examples
    --------
    >>> import torch
    >>> from transferscore.learn import empirical_transferability
    >>> _ = torch.manual_seed(0)
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 5))
    >>> def batch(n):
    ...     labels = torch.arange(n) % 3
    ...     return torch.randn(n, 4) + 2 * torch.eye(3, 4)[labels], labels
    >>> found = empirical_transferability(
    ...     model, [batch(90)], [batch(150)], samples_per_class=20, progress=False
    ... )
    >>> low, high = found.accuracy_interval
    >>> found.majority_accuracy < low < found.accuracy < high
    True
    """
    _checks.choice(method, "method", METHODS)
    if method == "head":
        sides = []
        for name, loader in (("training_loader", training_loader), ("test_loader", test_loader)):
            _checks.loader_name(name, loader)
            side = extract_features(model, loader, layer, device=device, progress=progress)
            if side.labels is None:
                raise _checks.unlabelled_batch(name)
            sides += [next(iter(side.features.values())), side.labels]
        return retrain_head(
            *sides,
            samples_per_class=samples_per_class,
            penalty=penalty,
            repeats=repeats,
            confidence=confidence,
            random_state=random_state,
        )
    if samples_per_class is not None:
        raise _checks.nothing_drawn(method)
    seed = _checks.count(random_state, "random_state", least=0)
    options |= {"method": method, "device": device, "progress": progress}
    outcomes = []
    for repeat in range(_checks.count(repeats, "repeats")):
        tuned = finetune(
            model, source_loader, training_loader, random_state=seed + repeat, **options
        )
        test = Batches(tuned.model, test_loader, "test_loader", seed)
        where = device_of(tuned.model, device)
        outcomes.append(_of_network(tuned.model, test, tuned.n_classes, where))
    training = Batches(model, training_loader, "training_loader", seed)
    labels = labels_of(training, "training_loader", None)
    return _summary(method, outcomes, np.bincount(labels).argmax(), confidence)


def retrain_head(
    features_train: ArrayLike,
    labels_train: ArrayLike,
    features_test: ArrayLike,
    labels_test: ArrayLike,
    *,
    samples_per_class: int | None = None,
    penalty: float | None = None,
    repeats: int = 5,
    confidence: float = 0.95,
    random_state: int = 0,
) -> EmpiricalTransferability:
    r"""Fit a new logistic head to features, several times, and measure it.

    The empirical transferability of Bao et al., ICIP 2019, for features that are there already,
    which is much faster than to train a network: see `empirical_transferability`.

    .. math::

        \min_{W, b} -\tfrac1n \sum_i \log \operatorname{softmax}(W x_i + b)_{y_i} + r \|W\|_F^2.

    Higher is better.

    Parameters
    ----------
    features_train : array-like of shape (n, d)
        Features of the training samples.
    labels_train : array-like of shape (n,)
        Their class labels.
    features_test : array-like of shape (n_test, d)
        Features of the test samples, from the same network.
    labels_test : array-like of shape (n_test,)
        Their class labels, all of which occur in training.
    samples_per_class : int, optional
        Each repeat learns from that many training samples of each class, drawn anew. Default: from
        all.
    penalty : float, optional
        r, as for `linear_probe`, whose default it has.
    repeats : int, default 5
        How often to fit. Repeats differ in the samples that are drawn, and in those that are held
        out to choose a penalty; where neither is left to chance, one is enough.
    confidence : float, default 0.95
        Level of the intervals.
    random_state : int, default 0
        Seed of the first repeat; the next ones count on from it.

    Returns
    -------
    EmpiricalTransferability
        Means, intervals, and what each repeat attained.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described.
    ModuleNotFoundError
        Without SciPy: pip install 'transferscore[probe]'.

    Warns
    -----
    ConvergenceWarning
        As for `linear_probe`.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore.learn import retrain_head
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(0, 3, size=600)
    >>> features = rng.normal(size=(600, 8)) + 2 * np.eye(8)[labels]
    >>> found = retrain_head(features[:400], labels[:400], features[400:], labels[400:], repeats=1)
    >>> print(found)
    head: accuracy 0.8800 (0.8271 to 0.9183), log-likelihood -0.2959 (-0.3852 to -0.2067)
    """
    seed = _checks.count(random_state, "random_state", least=0)
    n = None if samples_per_class is None else _checks.count(samples_per_class, "samples_per_class")
    X, y = np.asarray(features_train), np.asarray(labels_train)
    outcomes = []
    for repeat in range(_checks.count(repeats, "repeats")):
        rows = slice(None) if n is None else _drawn(y, n, seed + repeat)
        probe = linear_probe(
            X[rows],
            y[rows],
            features_test,
            labels_test,
            method="logistic",
            penalty=penalty,
            random_state=seed + repeat,
        )
        truth = np.asarray(labels_test)
        places = np.searchsorted(probe.classes, truth)
        p = probe.probabilities[np.arange(len(places)), places]
        log_p = np.log(np.maximum(p, np.finfo(np.float64).tiny))
        outcomes.append(_Outcomes(truth, probe.predictions == truth, log_p))
    classes, counts = np.unique(y, return_counts=True)
    return _summary("head", outcomes, classes[counts.argmax()], confidence)


@dataclass(frozen=True)
class _Outcomes:
    """Of each test sample (m,): its label, whether it was recognised, log-probability."""

    labels: NDArray[Any]
    right: NDArray[np.bool_]
    log_p: Vector


def _drawn(labels: NDArray[Any], n: int, seed: int) -> NDArray[np.intp]:
    """Places of n samples of each class."""
    classes, counts = np.unique(labels, return_counts=True)
    _checks.classes_to_draw(counts, classes, n)
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(np.flatnonzero(labels == c))[:n] for c in classes])


def _of_network(
    model: nn.Module, batches: Batches, n_classes: int, device: torch.device
) -> _Outcomes:
    """What a network does with test samples; their classes are those of its outputs."""
    parts = []
    for batch in batches.once():
        ids = _checks.class_labels(np.asarray(batch.labels), "test_loader", n_classes)
        outputs = first_tensor(torch, batch.run(torch, model, device)).double().cpu()
        log_p = functional.log_softmax(outputs, dim=1).numpy()
        parts.append((ids, log_p.argmax(axis=1) == ids, log_p[np.arange(len(ids)), ids]))
    return _Outcomes(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _summary(
    method: str, outcomes: list[_Outcomes], majority: Any, confidence: float
) -> EmpiricalTransferability:
    level = _checks.confidence(confidence)
    right = np.array([one.right for one in outcomes], dtype=np.float64)  # (R, m)
    log_p = np.array([one.log_p for one in outcomes])
    accuracy, log_likelihood = float(right.mean()), float(log_p.mean())
    return EmpiricalTransferability(
        method=method,
        accuracy=accuracy,
        accuracy_interval=_of_share(accuracy, *_error(right, level), right.shape[1]),
        log_likelihood=log_likelihood,
        log_likelihood_interval=_of_mean(log_likelihood, *_error(log_p, level)),
        accuracies=right.mean(axis=1),
        log_likelihoods=log_p.mean(axis=1),
        majority_accuracy=float(np.mean(outcomes[0].labels == majority)),
        confidence=level,
        n_test=right.shape[1],
    )


def _error(values: Vector, confidence: float) -> tuple[float, float]:
    """Variance of the mean of (R, m) crossed effects, and Student's quantile for it."""
    R, m = values.shape
    repeats, samples = values.mean(axis=1), values.mean(axis=0)
    rest = values - repeats[:, np.newaxis] - samples + values.mean()
    parts = [  # (share of the variance, degrees of freedom)
        (float(np.sum((repeats - repeats.mean()) ** 2)) / max(R - 1, 1) / R, R - 1),
        (float(np.sum((samples - samples.mean()) ** 2)) / max(m - 1, 1) / m, m - 1),
        (float(np.sum(rest**2)) / max((R - 1) * (m - 1), 1) / (R * m), (R - 1) * (m - 1)),
    ]
    variance = parts[1][0] + max(parts[0][0] - parts[2][0], 0.0)
    spread = sum(part**2 / df for part, df in parts if df > 0)
    df = max(variance**2 / spread, 1.0) if spread > 0 else max(m - 1.0, 1.0)
    quantile = _checks.from_extra("probe", "scipy.special").stdtrit(df, (1 + confidence) / 2)
    return variance, float(quantile)


def _of_mean(mean: float, variance: float, quantile: float) -> Interval:
    """Student's interval."""
    half = quantile * variance**0.5
    return mean - half, mean + half


def _of_share(share: float, variance: float, quantile: float, m: int) -> Interval:
    """Wilson's interval, of as many samples as give this variance; m where all are alike."""
    n = share * (1 - share) / variance if variance > 0 else float(m)
    z2 = quantile**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = quantile * (share * (1 - share) / n + z2 / (4 * n**2)) ** 0.5 / (1 + z2 / n)
    return max(middle - half, 0.0), min(middle + half, 1.0)
