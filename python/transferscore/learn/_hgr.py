"""Maximal correlation by networks: the maximal H-score of continuous variables."""

import copy
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks
from transferscore._checks import Variable
from transferscore._results import ConvergenceWarning
from transferscore.learn._canonical import (
    Affine,
    Canonical,
    Matrix,
    held_out_value,
    with_classes,
    with_features,
)
from transferscore.learn._epochs import Epoch, NotFinite, Run, Schedule, TrainingDiverged, maximise
from transferscore.learn._networks import network_for
from transferscore.learn.losses import h_score_loss, soft_hgr_loss

Objective = Literal["h_score", "soft_hgr"]
Places = NDArray[np.intp]

# A little, so that batches in which features depend on each other have a gradient, too.
SHRINKAGE = 1e-3
N_FEATURES = 8  # of two continuous variables
ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class HGR:
    """Feature functions of two variables that are as correlated as can be, and how they were found.

    They are in canonical form over the training samples: f has covariance 1, feature i of f is
    correlated with feature i of g alone, and 1 + f(x)^T g(y) is about p(x, y) / (p(x) p(y)).

    Attributes
    ----------
    value : float
        Sum of the squared correlations on the training samples: the H-score of f, an estimate of
        the maximal H-score from below; higher means more dependence.
    validation_value : float or None
        The same from samples that were held out, 2 E[f^T g] - tr(cov(f) cov(g)), without their
        having been fitted to: overfitting lowers it, even below zero. None where none were held
        out. It was used to choose the epoch, so it is a little too high.
    correlations : ndarray of shape (k,)
        Correlation of each pair of features on the training samples, falling; zero for features
        that found nothing more.
    label_values : ndarray of shape (K,) or None
        Values of a discrete y, sorted.
    label_functions : ndarray of shape (K, k) or None
        g of each of them.
    x_network, y_network : torch.nn.Module or None
        The trained networks, whose outputs `f` and `g` bring into canonical form; None for g in
        closed form.
    objective : "h_score" or "soft_hgr"
        What was maximised.
    history : tuple of Epoch
        Values after each epoch, of which the first is that before any step.
    best_epoch : int
        The one whose networks these are.
    converged : bool
        Whether `patience` epochs had brought no more before `max_epochs` ended.
    """

    value: float
    validation_value: float | None
    correlations: Matrix
    label_values: NDArray[Any] | None
    label_functions: Matrix | None
    x_network: torch.nn.Module
    y_network: torch.nn.Module | None
    objective: str
    history: tuple[Epoch, ...]
    best_epoch: int
    converged: bool
    _x: "Function" = field(repr=False)
    _y: "Function" = field(repr=False)

    def f(self, x: ArrayLike) -> Matrix:
        """Features (m, k) of samples of x, of the shape that was trained with.

        Values of a discrete x must be among those of the training.
        """
        return self._x(x, "x")

    def g(self, y: ArrayLike) -> Matrix:
        """Features (m, k) of samples of y, likewise."""
        return self._y(y, "y")

    def __str__(self) -> str:
        held = "" if self.validation_value is None else f" (held out {self.validation_value:.4f})"
        how = "converged" if self.converged else "not converged"
        return (
            f"maximal H-score {self.value:.4f}{held} of {len(self.correlations)} features; largest "
            f"correlation {self.correlations[0]:.4f}; epoch {self.best_epoch} of "
            f"{len(self.history) - 1}, {how}"
        )


def fit_hgr(
    x: ArrayLike,
    y: ArrayLike,
    *,
    n_features: int | None = None,
    objective: Objective | None = None,
    hidden: Sequence[int] = (64,),
    x_network: torch.nn.Module | None = None,
    y_network: torch.nn.Module | None = None,
    max_epochs: int = 500,
    batch_size: int | None = 256,
    learning_rate: float = 3e-3,
    weight_decay: float = 0.0,
    validation_fraction: float = 0.1,
    patience: int = 30,
    tol: float = 1e-4,
    random_state: int = 0,
) -> HGR:
    r"""Learn features of x and y that are maximally correlated: the maximal H-score by networks.

    Hirschfeld-Gebelein-Renyi maximal correlation of k pairs of features, for x that
    `maximal_h_score` can't take because it is continuous. Bao et al., ICIP 2019: the H-score of the
    optimal features of a task; Wang, Wu, Huang, Zheng, Xu, Zhang, Huang, AAAI 2019: Soft-HGR.

    .. math::

        \max_{f, g} E[f(x)^T g(y)] - \tfrac12 \operatorname{tr}(\operatorname{cov}(f)
        \operatorname{cov}(g)) = \tfrac12 \sum_{i \le k} \sigma_i^2

    For labels y the best g of given f is :math:`\operatorname{cov}(f)^{-1} E[f | y]`, and what
    remains is half the H-score of f: with objective="h_score" f alone is trained, towards that.

    Parameters
    ----------
    x : array-like of shape (n,), (n, d) or (n, ...)
        Samples of x. Integers, booleans and strings of shape (n,) are a discrete variable, all else
        are numbers, standardised where the network is not the user's.
    y : array-like of shape (n,) or (n, q)
        Samples of y, likewise: labels, or numbers.
    n_features : int, optional
        k. Default: the width of a network that is given; else as many as a discrete variable allows
        for, its number of values - 1, the smaller one of two; 8 for two continuous ones.
    objective : "h_score" or "soft_hgr", optional
        "h_score" needs a discrete y, and is the default for it: batches must then be larger than
        twice k. "soft_hgr" trains g as well.
    hidden : sequence of int, default (64,)
        Widths of hidden layers of networks that are not given; () for linear features. A discrete
        variable has a table in place of a network.
    x_network : torch.nn.Module, optional
        From a batch of x, in the shape of x, to features (batch, k). A copy is trained, on the
        device where it is. For a discrete x it gets ids 0, 1, ... in the order of sorted values.
    y_network : torch.nn.Module, optional
        Likewise of y, with "soft_hgr".
    max_epochs : int, default 500
        Most passes over the training samples.
    batch_size : int or None, default 256
        Samples of a step, at most; None for all. Batches have the classes in their proportions.
    learning_rate : float, default 3e-3
        Of AdamW.
    weight_decay : float, default 0
        Of AdamW.
    validation_fraction : float in [0, 1), default 0.1
        Share of the samples that is held out, by which epochs are compared. With 0 all are trained
        with and compared by: for tables, and to know how much networks can be fitted.
    patience : int, default 30
        Epochs without an improvement by `tol` after which training ends.
    tol : float, default 1e-4
        In units of the H-score.
    random_state : int, default 0
        Seed of weights, of what is held out, and of batches. PyTorch's own state is left as it is.

    Returns
    -------
    HGR
        The feature functions, with their correlations and the history of the training.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described; the text names it.
    TrainingDiverged
        Where features become NaN or infinite. Its `last_good` is the best result before that.

    Warns
    -----
    ConvergenceWarning
        Where values still rose at `max_epochs`.

    Notes
    -----
    What a network reaches is a lower bound of the maximal H-score, on the training samples an
    optimistic one: enough parameters make any labels predictable. `validation_value` tells.

    The same seed gives the same result on one machine with as many threads of PyTorch.

    Examples
    --------
    >>> import numpy as np
    >>> from transferscore.learn import fit_hgr
    >>> rng = np.random.default_rng(0)
    >>> angle = rng.uniform(0, 2 * np.pi, size=1000)
    >>> x = np.stack([np.cos(angle), np.sin(angle)], axis=1) + 0.1 * rng.normal(size=(1000, 2))
    >>> labels = np.digitize(angle, [np.pi / 2, np.pi])
    >>> found = fit_hgr(x, labels, patience=10)
    >>> bool(0.8 < found.correlations.min() <= found.correlations.max() <= 1)
    True
    >>> found.f(x[:3]).shape
    (3, 2)
    """
    X, Y = _checks.variable(x, "x"), _checks.variable(y, "y")
    return fitted(
        X,
        Y,
        names=("x", "y"),
        n_features=n_features,
        objective=objective,
        hidden=hidden,
        x_network=x_network,
        y_network=y_network,
        max_epochs=max_epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        validation_fraction=validation_fraction,
        patience=patience,
        tol=tol,
        random_state=random_state,
    )


def fitted(
    X: Variable,
    Y: Variable,
    *,
    names: tuple[str, str],
    n_features: int | None,
    objective: str | None,
    hidden: Sequence[int],
    x_network: torch.nn.Module | None,
    y_network: torch.nn.Module | None,
    max_epochs: int,
    batch_size: int | None,
    learning_rate: float,
    weight_decay: float,
    validation_fraction: float,
    patience: int,
    tol: float,
    random_state: int,
    stacklevel: int = 3,
) -> HGR:
    """`fit_hgr` of variables that have been read."""
    _checks.paired(X, Y, names)
    if objective is None:
        objective = "soft_hgr" if Y.values is None else "h_score"
    if _checks.choice(objective, "objective", ("h_score", "soft_hgr")) == "h_score":
        _checks.closed_form(Y)
        if y_network is not None:
            raise _checks.unused_network()
    schedule = Schedule(
        _checks.count(max_epochs, "max_epochs"),
        _checks.positive(learning_rate, "learning_rate"),
        _checks.not_negative(weight_decay, "weight_decay"),
        _checks.count(patience, "patience"),
        _checks.not_negative(tol, "tol"),
    )
    size = len(X) if batch_size is None else _checks.count(batch_size, "batch_size", least=2)
    widths = _checks.widths(hidden)
    rng = np.random.default_rng(_checks.count(random_state, "random_state", least=0))
    train, held = _split(Y, validation_fraction, rng)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        f, g = _sides((X, Y), (x_network, y_network), n_features, widths, objective)
        _checks.batch_for_features(min(size, len(train)), f.n_features)
        training = _Training(f, g, Y, places=(train, held), batch_size=size, rng=rng)
        run = maximise(training.networks, training.losses, training.measure, schedule)
    if run.diverged and not run.state:
        raise TrainingDiverged(_checks.epochs_diverged(0))
    result = training.result(run, objective)
    if run.diverged:
        raise TrainingDiverged(_checks.epochs_diverged(len(run.history)), result)
    if not run.converged:
        warnings.warn(
            f"no convergence in max_epochs={max_epochs}: the last {schedule.patience} epochs still "
            f"raised the value by more than tol={tol:g}; it is too low. Raise `max_epochs` or "
            "`learning_rate`",
            ConvergenceWarning,
            stacklevel=stacklevel,
        )
    return result


def _split(y: Variable, fraction: float, rng: np.random.Generator) -> tuple[Places, Places]:
    """Places to train with and places that are held out: of each class its share, but not all."""
    order = rng.permutation(len(y))
    if y.values is None:
        n = _checks.validation_samples(fraction, len(y))
        return np.sort(order[n:]), np.sort(order[:n])
    order = order[np.argsort(y.data[order], kind="stable")]
    _, first = np.unique(y.data[order], return_index=True)
    others = np.delete(order, first)
    n = _checks.validation_samples(fraction, len(others))
    held = others[((np.arange(n) + 0.5) * len(others) / max(n, 1)).astype(np.intp)]
    return np.setdiff1d(order, held), np.sort(held)


@dataclass(frozen=True)
class _Side:
    """A network with all samples of its variable."""

    variable: Variable
    network: torch.nn.Module
    n_features: int
    data: torch.Tensor
    device: Any

    def __call__(self, rows: Places | slice) -> torch.Tensor:
        """Raw features of some samples."""
        found = self.network(self.data[rows].to(self.device))
        if not torch.isfinite(found).all():
            raise NotFinite
        return found

    def without_samples(self) -> "_Side":
        """For new ones."""
        empty = _without_samples(self.variable)
        return replace(self, variable=empty, data=torch.zeros(0))

    def raw(self, rows: Places) -> Matrix:
        """The same in double precision, some thousands at a time."""
        parts = [self(rows[i : i + ROWS_AT_ONCE]) for i in range(0, len(rows), ROWS_AT_ONCE)]
        return torch.cat(parts).detach().cpu().double().numpy()


def _sides(
    variables: tuple[Variable, Variable],
    networks: tuple[torch.nn.Module | None, torch.nn.Module | None],
    n_features: int | None,
    hidden: Sequence[int],
    objective: str,
) -> tuple[_Side, _Side | None]:
    k = None if n_features is None else _checks.count(n_features, "n_features")
    sides: dict[int, _Side] = {}
    for i in (0, 1):
        if networks[i] is not None:
            sides[i] = _side(variables[i], networks[i], ("x_network", "y_network")[i], k)
            k = sides[i].n_features
    if k is None:
        k = min((v.count - 1 for v in variables if v.values is not None), default=N_FEATURES)
    for i in (0, 1) if objective == "soft_hgr" else (0,):
        if i not in sides:
            sides[i] = _side(variables[i], network_for(variables[i], hidden, k), "", k)
    return sides[0], sides.get(1)


def _side(variable: Variable, network: Any, name: str, k: int | None) -> _Side:
    if not isinstance(network, torch.nn.Module):
        raise _checks.not_a_network(name, network)
    network = copy.deepcopy(network)
    like = next(network.parameters(), torch.zeros(0))
    side = _Side(variable, network, 0, _tensor(variable, variable.data, like.dtype), like.device)
    network.eval()
    with torch.no_grad():
        shape = tuple(network(side.data[:2].to(side.device)).shape)
    _checks.features_of_network(name, shape, min(2, len(variable)), k)
    return replace(side, n_features=shape[1])


def _tensor(variable: Variable, data: NDArray[Any], dtype: torch.dtype) -> torch.Tensor:
    if variable.values is not None:
        return torch.from_numpy(data.astype(np.int64))
    return torch.from_numpy(data).to(dtype)


class _Training:
    """What epochs are made of, and what they lead to."""

    def __init__(
        self,
        f: _Side,
        g: _Side | None,
        y: Variable,
        *,
        places: tuple[Places, Places],
        batch_size: int,
        rng: np.random.Generator,
    ) -> None:
        self.f, self.g, self.y = f, g, y
        self.train, self.held = places
        self.rng = rng
        self.networks = torch.nn.ModuleList([side.network for side in (f, g) if side is not None])
        # As many batches as leave two classes for each.
        n = len(self.train)
        self.ids = np.zeros(n, np.intp) if y.values is None else y.data[self.train]
        most = n if y.values is None else n - int(np.bincount(self.ids).max())
        self.n_batches = max(1, min(-(-n // batch_size), most))

    def losses(self) -> Iterator[torch.Tensor]:
        """Of each batch of an epoch; batches have all classes in their proportions."""
        order = self.rng.permutation(len(self.train))
        # The largest class last: the others reach every batch.
        rank = np.argsort(np.argsort(np.bincount(self.ids)))
        order = order[np.argsort(rank[self.ids[order]], kind="stable")]
        for first in range(self.n_batches):
            rows = self.train[order[first :: self.n_batches]]
            if self.g is None:
                yield h_score_loss(self.f(rows), self.y.data[rows], shrinkage=SHRINKAGE)
            else:
                yield soft_hgr_loss(self.f(rows), self.g(rows))

    def canonical(self) -> Canonical:
        """Of the networks as they are."""
        raw = self.f.raw(self.train)
        if self.y.values is not None:
            return with_classes(raw, self.y.data[self.train], self.y.count)
        assert self.g is not None
        return with_features(raw, self.g.raw(self.train))

    def measure(self) -> Epoch:
        """After an epoch."""
        found = self.canonical()
        if len(self.held) == 0:
            return Epoch(found.value, None)
        f = found.f(self.f.raw(self.held))
        if found.table is not None:
            g = found.table[self.y.data[self.held]]
        else:
            assert self.g is not None
            assert found.g is not None
            g = found.g(self.g.raw(self.held))
        return Epoch(found.value, held_out_value(f, g))

    def result(self, run: Run, objective: str) -> HGR:
        """Of the best epoch."""
        with torch.no_grad():
            found = self.canonical()
        best = run.history[run.best_epoch]
        network = None if self.g is None else self.g.network
        return HGR(
            value=best.value,
            validation_value=best.validation_value,
            correlations=found.correlations,
            label_values=self.y.values,
            label_functions=found.table,
            x_network=self.f.network,
            y_network=network,
            objective=objective,
            history=tuple(run.history),
            best_epoch=run.best_epoch,
            converged=run.converged,
            _x=Function(_without_samples(self.f.variable), self.f.without_samples(), found.f, None),
            _y=Function(
                _without_samples(self.y),
                None if self.g is None else self.g.without_samples(),
                found.g,
                found.table,
            ),
        )


def _without_samples(variable: Variable) -> Variable:
    return replace(variable, data=variable.data[:0].copy())


@dataclass(frozen=True)
class Function:
    """Canonical features of new samples: from a table of values, or from a network."""

    like: Variable
    side: _Side | None
    affine: Affine | None
    table: Matrix | None

    def __call__(self, samples: ArrayLike, name: str) -> Matrix:
        data = _checks.same_variable(samples, self.like, name)
        if self.table is not None:
            return self.table[data]
        assert self.side is not None
        assert self.affine is not None
        own = next(self.side.network.parameters(), torch.zeros(0))
        side = replace(self.side, data=_tensor(self.like, data, own.dtype))
        with torch.no_grad():
            return self.affine(side.raw(np.arange(len(data))))
