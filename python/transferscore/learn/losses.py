"""Losses that are small where transfer is good."""

from collections.abc import Sequence
from typing import Any

import torch
from numpy.typing import ArrayLike

from transferscore import _checks
from transferscore._checks import IgnoreIndex, Shrinkage
from transferscore._gradients import h_score_value_and_grad, soft_hgr_value_and_grad
from transferscore._scores import h_score
from transferscore.learn._functions import Array, checked_tensor, label_array, value_of
from transferscore.transport import otce, otce_value_and_grad

COEFFICIENTS = {
    "conditional_entropy": (0.0, 1.0),
    "transport_cost": (1.0, 0.0),
    "both": (1.0, 1.0),
}


def otce_loss(
    source_features: torch.Tensor,
    source_labels: torch.Tensor | ArrayLike,
    target_features: torch.Tensor,
    target_labels: torch.Tensor | ArrayLike,
    *,
    terms: str = "conditional_entropy",
    epsilon: float | None = None,
    relative_epsilon: float | None = None,
    label_cost: str | ArrayLike | None = None,
    gamma: float = 0.5,
    ignore_index: IgnoreIndex = None,
    tol: float = 1e-6,
    max_iter: int = 1000,
    n_threads: int | None = None,
) -> torch.Tensor:
    r"""OTCE's differences between two batches, with their exact gradient through the plan.

    Tan, Li, Huang, CVPR 2021: minimising H(Y_t | Y_s) over the features before fine-tuning.

    .. math::

        L = H(Y_t \mid Y_s), \quad \langle P, C \rangle, \quad \text{or their sum}

    Lower is better. It is differentiable once; a second derivative raises a RuntimeError.

    Parameters
    ----------
    source_features : torch.Tensor of shape (n, d)
        Features of a source batch, floating-point of any precision; half precision is computed in
        float32. Other devices than the processor are served by copies, with one warning.
    source_labels : torch.Tensor or array-like of shape (n,)
        Their labels.
    target_features : torch.Tensor of shape (m, d)
        Features of a target batch, from the same network.
    target_labels : torch.Tensor or array-like of shape (m,)
        Their labels.
    terms : {"conditional_entropy", "transport_cost", "both"}, default "conditional_entropy"
        The task difference in nats, the domain difference in squared units of the features, or
        their sum.
    epsilon : float, optional
        Regularisation in units of cost.
    relative_epsilon : float, optional
        Regularisation as a share of the batch's median cost, 0.05 where neither is given. It is
        held fixed while differentiating.
    label_cost : None, str or array-like of shape (C_s, C_t), optional
        Distances between classes, as for `otce`; held fixed.
    gamma : float in [0, 1], default 0.5
        Share of the features in the cost, with `label_cost`.
    ignore_index : int, str or sequence of these, optional
        Labels whose samples are left out; their gradient is zero.
    tol : float, default 1e-6
        As for `otce_value_and_grad`.
    max_iter : int, default 1000
        As for `otce_value_and_grad`.
    n_threads : int, optional
        Threads for this call.

    Returns
    -------
    torch.Tensor
        The loss, without dimensions: float64 where features are, else float32.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described, features are not finite, or H is zero because the
        target has one class alone; the text names it.

    Warns
    -----
    ConvergenceWarning, UserWarning
        As for `otce_value_and_grad`.

    Examples
    --------
    >>> import torch
    >>> from transferscore.learn import otce_loss
    >>> _ = torch.manual_seed(0)
    >>> x, z = torch.randn(40, 5, requires_grad=True), torch.randn(30, 5)
    >>> loss = otce_loss(x, torch.arange(40) % 3, z, torch.arange(30) % 2)
    >>> loss.backward()
    >>> x.grad.shape
    torch.Size([40, 5])
    """
    coefficients = COEFFICIENTS[_checks.choice(terms, "terms", tuple(COEFFICIENTS))]
    tensors = [
        checked_tensor(source_features, "source_features"),
        checked_tensor(target_features, "target_features"),
    ]
    options: dict[str, Any] = {
        "source_labels": label_array(source_labels),
        "target_labels": label_array(target_labels),
        "epsilon": epsilon,
        "relative_epsilon": 0.05
        if epsilon is None and relative_epsilon is None
        else relative_epsilon,
        "label_cost": label_cost,
        "gamma": gamma,
        "ignore_index": ignore_index,
        "tol": tol,
        "max_iter": max_iter,
        "n_threads": n_threads,
    }
    if coefficients[0] == 0:
        _checks.several_classes(options["target_labels"], "target_labels", ignore_index)

    def compute(arrays: Sequence[Array], with_derivatives: bool) -> tuple[float, Sequence[Array]]:
        given = {**options, "source_features": arrays[0], "target_features": arrays[1]}
        if not with_derivatives:
            plain = otce(**given)
            domain, task = coefficients
            return domain * plain.domain_difference + task * plain.task_difference, ()
        result = otce_value_and_grad(**given, coefficients=coefficients)
        return float(result.value), (result.source_features, result.target_features)

    return value_of(compute, tensors)


def h_score_loss(
    features: torch.Tensor,
    labels: torch.Tensor | ArrayLike,
    *,
    shrinkage: Shrinkage = "ledoit-wolf",
    ignore_index: IgnoreIndex = None,
    n_threads: int | None = None,
) -> torch.Tensor:
    r"""Minus the H-score of a batch, with its exact gradient.

    Bao et al., ICIP 2019; Ibrahim, Ponomareva, Mazumder, ECML-PKDD 2022. Minimising it over a
    network is the maximal H-score by gradient descent.

    .. math::

        L = - \operatorname{tr}\bigl(\Sigma_\alpha^{-1} (1 - \alpha)
            \operatorname{cov}(E[f \mid y])\bigr)

    Lower is better. It is differentiable once.

    Parameters
    ----------
    features : torch.Tensor of shape (n, d)
        Features of a batch, floating-point of any precision.
    labels : torch.Tensor or array-like of shape (n,)
        Their labels, of at least two classes.
    shrinkage : None, "ledoit-wolf" or float in [0, 1], default "ledoit-wolf"
        Intensity of the shrinkage. Without it a batch needs many more samples than features.
    ignore_index : int, str or sequence of these, optional
        Labels whose samples are left out; their gradient is zero.
    n_threads : int, optional
        Threads for this call.

    Returns
    -------
    torch.Tensor
        The loss, without dimensions.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described or features are not finite; the text names it.

    Examples
    --------
    >>> import torch
    >>> from transferscore.learn import h_score_loss
    >>> _ = torch.manual_seed(0)
    >>> labels = torch.arange(60) % 3
    >>> features = (torch.randn(60, 4) + torch.eye(3, 4)[labels]).requires_grad_()
    >>> loss = h_score_loss(features, labels)
    >>> loss.backward()
    >>> bool(h_score_loss(features - features.grad, labels) < loss)
    True
    """
    y = label_array(labels)
    options: dict[str, Any] = {
        "shrinkage": shrinkage,
        "ignore_index": ignore_index,
        "n_threads": n_threads,
    }

    def compute(arrays: Sequence[Array], with_derivatives: bool) -> tuple[float, Sequence[Array]]:
        if not with_derivatives:
            _checks.one_label_set(y)
            return -float(h_score(arrays[0], y, **options)), ()
        value, gradient = h_score_value_and_grad(arrays[0], y, **options)
        return -value, (-gradient,)

    return value_of(compute, [checked_tensor(features, "features")])


def soft_hgr_loss(
    f: torch.Tensor, g: torch.Tensor, *, n_threads: int | None = None
) -> torch.Tensor:
    r"""Minus the Soft-HGR objective of two batches of features of the same samples.

    Wang, Wu, Huang, Zheng, Xu, Zhang, Huang, AAAI 2019.

    .. math::

        L = \tfrac{1}{2} \operatorname{tr}(\operatorname{cov}(f) \operatorname{cov}(g)) - E[f^T g]

    Lower is better. It is differentiable once.

    Parameters
    ----------
    f : torch.Tensor of shape (n, k)
        Features of one side, floating-point of any precision; n >= 2.
    g : torch.Tensor of shape (n, k)
        Features of the other side.
    n_threads : int, optional
        Threads for this call.

    Returns
    -------
    torch.Tensor
        The loss, without dimensions.

    Raises
    ------
    TypeError, ValueError
        Where an argument is not as described or features are not finite; the text names it.

    Examples
    --------
    >>> import torch
    >>> from transferscore.learn import soft_hgr_loss
    >>> _ = torch.manual_seed(0)
    >>> f, g = torch.randn(50, 3, requires_grad=True), torch.randn(50, 3, requires_grad=True)
    >>> soft_hgr_loss(f, g).backward()
    >>> f.grad.shape, g.grad.shape
    (torch.Size([50, 3]), torch.Size([50, 3]))
    """

    def compute(arrays: Sequence[Array], with_derivatives: bool) -> tuple[float, Sequence[Array]]:
        value, by_f, by_g = soft_hgr_value_and_grad(*arrays, n_threads=n_threads)
        return -value, (-by_f, -by_g) if with_derivatives else ()

    return value_of(compute, [checked_tensor(f, "f"), checked_tensor(g, "g")])
