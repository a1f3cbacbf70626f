"""Optimal transport as people run it today, in our own words, and what to hold everything against.

Every Sinkhorn rival solves the same problem: the same absolute epsilon, float32, as many threads as
everybody has. How many iterations it needs for the asked error is found before anything is timed,
and it then runs exactly that many, without checks where it can do without.
"""

import importlib.util
import timeit
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

import transferscore

Matrix = NDArray[Any]
Vector = NDArray[np.float64]
Ids = NDArray[np.integer[Any]]
Potentials = tuple[Vector, Vector]

RELATIVE_EPSILON = 0.02  # times the median of the costs, as transferscore defines it
CLUSTERS = 40
AT_A_TIME = 512  # rows of an n x m array in float64
# Single precision moves the error by less than a hundredth: what that may cost is asked for.
MARGIN = 0.99
MOST = 4000  # iterations, before a rival counts as one that does not get there


# --- Problems and their exact answers ------------------------------------------------------------


@dataclass(frozen=True)
class Domains:
    """Features X (n, d) and Z (m, d) of two domains, classes y and t, and an absolute epsilon."""

    X: NDArray[np.float32]
    Z: NDArray[np.float32]
    y: NDArray[np.int64]
    t: NDArray[np.int64]

    @cached_property
    def epsilon(self) -> float:
        """As the documentation of `relative_epsilon` defines it."""
        rows, columns = (spread_out(points) for points in (self.X, self.Z))
        return RELATIVE_EPSILON * float(np.median(squared_distances(rows, columns)))

    @cached_property
    def cost(self) -> NDArray[np.float32]:
        """The cost matrix, for those who are given it. Its entries are exact before rounding."""
        C = np.empty((len(self.X), len(self.Z)), dtype=np.float32)
        for rows in blocks(len(self.X)):
            C[rows] = squared_distances(self.X[rows], self.Z)
        return C

    def marginal_error(self, potentials: Potentials, epsilon: float | None = None) -> float:
        """sum |r - a| + sum |c - b|: in float64, from the points and the potentials alone."""
        f, g = (np.asarray(potential, dtype=np.float64) for potential in potentials)
        n, m = len(f), len(g)
        scale = self.epsilon if epsilon is None else epsilon

        def marginals(rows: slice) -> tuple[Vector, Vector]:
            P = squared_distances(self.X[rows], self.Z)
            np.subtract(g, P, out=P)
            P += f[rows, None]
            P /= scale
            np.exp(P, out=P)
            return P.sum(axis=1), P.sum(axis=0)

        with ThreadPoolExecutor(transferscore.get_num_threads()) as pool:
            row_sums, column_sums = zip(*pool.map(marginals, blocks(n)), strict=True)
        r, c = np.concatenate(row_sums) / (n * m), np.sum(column_sums, axis=0) / (n * m)
        return float(np.sum(np.abs(r - 1 / n)) + np.sum(np.abs(c - 1 / m)))

    @cached_property
    def _kernel(self) -> Matrix:
        return np.exp(self.cost.astype(np.float64) / -self.epsilon)

    def alternating_iterations(self, tol: float) -> int:
        """How many times one has to update g, then f, from f = 0: what all plain solvers do."""
        K, n, m = self._kernel, len(self.X), len(self.Z)
        sums, u = K.sum(axis=0) / n, np.ones(n)
        for n_iter in range(1, MOST):
            v = 1 / sums
            u = 1 / (K @ v / m)
            sums = u @ K / n
            if np.mean(np.abs(v * sums - 1)) <= tol:
                return n_iter
        raise AssertionError("the alternating updates do not get there")

    def symmetric_iterations(self, tol: float) -> int:
        """The same for updates of both at once, each half way: what GeomLoss does."""
        K, n, m = self._kernel, len(self.X), len(self.Z)
        u, v = 1 / (K.sum(axis=1) / m), 1 / (K.sum(axis=0) / n)
        for n_iter in range(MOST):
            full_u, full_v = 1 / (K @ v / m), 1 / (u @ K / n)
            row_error = np.mean(np.abs(full_u * (K @ full_v / m) - 1))
            if row_error + np.mean(np.abs(full_v * (full_u @ K / n) - 1)) <= tol:
                return n_iter
            u, v = np.sqrt(u * full_u), np.sqrt(v * full_v)
        raise AssertionError("the symmetric updates do not get there")

    def joint(self, potentials: Potentials) -> Matrix:
        """The label table of the plan of these potentials: classes of X by classes of Z."""
        f, g = potentials
        of_row, of_column = (np.eye(labels.max() + 1)[labels] for labels in (self.y, self.t))
        table = np.zeros((of_row.shape[1], of_column.shape[1]))
        for rows in blocks(len(f)):
            C = squared_distances(self.X[rows], self.Z)
            P = np.exp((f[rows, None] + g - C) / self.epsilon)
            table += of_row[rows].T @ (P @ of_column)
        table /= table.sum()
        return table

    @cached_property
    def exact_joint(self) -> Matrix:
        """The label table of an optimal plan for n = m: SciPy's assignment, in float64."""
        from scipy.optimize import linear_sum_assignment

        assigned = linear_sum_assignment(self.cost.astype(np.float64))[1]
        table = np.zeros((self.y.max() + 1, self.t.max() + 1))
        np.add.at(table, (self.y, self.t[assigned]), 1 / len(self.y))
        return table


def conditional_entropy(joint: Matrix) -> float:
    """H(column | row) of a table that sums to 1, in nats."""
    row, column = np.nonzero(joint)
    return -float(np.sum(joint[row, column] * np.log((joint / joint.sum(1)[:, None])[row, column])))


def clustered(n: int, m: int, d: int, seed: int = 0) -> Domains:
    """ReLU of a low-rank signal: 40 clusters that both domains share, moved in the second one."""
    rng = np.random.default_rng(seed)
    rank = max(4, d // 8)
    centres = rng.standard_normal((CLUSTERS, rank), dtype=np.float32)
    mixing = rng.standard_normal((rank, d), dtype=np.float32) / np.float32(rank**0.5)
    moved = centres + np.float32(0.5) * rng.standard_normal(centres.shape, dtype=np.float32)

    def domain(size: int, centres: Matrix) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        cluster = rng.integers(CLUSTERS, size=size)
        points = np.empty((size, d), dtype=np.float32)
        for rows in np.array_split(np.arange(size), max(1, size // 20_000)):
            signal = rng.standard_normal((len(rows), rank), dtype=np.float32)
            signal += centres[cluster[rows]]
            noise = rng.standard_normal((len(rows), d), dtype=np.float32)
            points[rows] = np.maximum(signal @ mixing + np.float32(0.1) * noise, 0)
        return points, cluster

    (X, y), (Z, t) = domain(n, centres), domain(m, moved)
    return Domains(X, Z, y, t)


def squared_distances(X: Matrix, Z: Matrix) -> Matrix:
    """||x - z||^2 in float64, about the mean of Z so that little cancels."""
    centre = Z.mean(axis=0, dtype=np.float64)
    X, Z = X - centre, Z - centre
    C: Matrix = -2 * X @ Z.T
    C += np.einsum("ij,ij->i", X, X)[:, None]
    C += np.einsum("ij,ij->i", Z, Z)
    np.maximum(C, 0, out=C)
    return C


def spread_out(points: Matrix) -> Matrix:
    """At most 512 rows, evenly spread."""
    n, count = len(points), min(len(points), 512)
    chosen: Matrix = points[np.arange(count) * n // count]
    return chosen


def blocks(n: int) -> list[slice]:
    return [slice(start, min(start + AT_A_TIME, n)) for start in range(0, n, AT_A_TIME)]


# --- Sinkhorn ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Prepared:
    """A call that solves a problem, how many iterations it makes, and in which settings."""

    call: Callable[[], Potentials]
    n_iter: int
    settings: str = ""


Rival = Callable[[Domains, float, bool], Prepared]


def missing(*packages: str) -> list[str]:
    """The packages that are not installed."""
    return [package for package in packages if importlib.util.find_spec(package) is None]


def pot(method: str, library: str) -> Rival:
    """POT's `sinkhorn` on arrays of NumPy or of torch.

    It checks every 10th iteration (but for "sinkhorn_stabilized", which lets one choose) and makes
    the plan in the end. Neither can be switched off. With its default `tau`, 1e3, and n >= 1,000
    "sinkhorn_stabilized" makes a new kernel in every iteration, and its plan sums to 1 / n^2.
    """

    def prepare(p: Domains, tol: float, given: bool) -> Prepared:
        import ot

        n_iter, epsilon = p.alternating_iterations(MARGIN * tol), p.epsilon
        array = np.asarray if library == "numpy" else torch_tensor
        X, Z = array(p.X), array(p.Z)
        a, b = (array(np.full(len(points), 1 / len(points), np.float32)) for points in (p.X, p.Z))
        C = array(p.cost) if given else None
        options: dict[str, Any] = {"numItermax": n_iter, "stopThr": 0.0, "warn": False}
        if method == "sinkhorn_stabilized":
            options |= {"print_period": n_iter + 1, "tau": 1e3 * max(p.cost.shape)}

        def call() -> Potentials:
            cost = ot.dist(X, Z) if C is None else C
            log = ot.sinkhorn(a, b, cost, epsilon, method=method, log=True, **options)[1]
            return scaled(*pot_logarithms(log), epsilon)

        return Prepared(call, n_iter)

    return prepare


def pot_logarithms(log: dict[str, Any]) -> Potentials:
    """log u and log v of P = u K v, which each of POT's methods keeps under a name of its own."""
    for name in ("log{}", "log_{}"):
        if name.format("u") in log:
            return double(log[name.format("u")]), double(log[name.format("v")])
    return np.log(double(log["u"])), np.log(double(log["v"]))


def scaled(log_u: Vector, log_v: Vector, epsilon: float) -> Potentials:
    """Potentials of densities with respect to uniform weights."""
    return epsilon * (log_u + np.log(len(log_u))), epsilon * (log_v + np.log(len(log_v)))


def geomloss(p: Domains, tol: float, given: bool) -> Prepared:
    """GeomLoss on torch, kept at the last temperature from the start.

    Its own schedule cools down and then stops at once: errors of 0.5 at the default scaling, 0.04
    at 0.99. A diameter just above the blur turns it into the plain symmetric iteration.
    """
    from geomloss import SamplesLoss

    X, Z = torch_tensor(p.X)[None], torch_tensor(p.Z)[None]  # a batch of one
    blur, just_above = (p.epsilon / 2) ** 0.5, 1.0001  # it halves the squared distance
    # The schedule is the diameter, a geometric sequence from there down to the blur, and the blur.
    n_iter = max(4, p.symmetric_iterations(MARGIN * tol))
    schedule = {"diameter": just_above * blur, "scaling": just_above ** (-1 / (n_iter - 2.5))}
    options: dict[str, Any] = {"debias": False, "potentials": True, "backend": "tensorized"}
    if given:
        half = p.cost / 2
        C, transposed = (torch_tensor(np.ascontiguousarray(D))[None] for D in (half, half.T))
        options["cost"] = lambda left, _: C if left is X else transposed
    loss = SamplesLoss("sinkhorn", p=2, blur=blur, **schedule, **options)

    def call() -> Potentials:
        f, g = loss(X, Z)
        return 2 * double(f).ravel(), 2 * double(g).ravel()

    return Prepared(call, n_iter)


def ott(*settings: dict[str, Any]) -> Rival:
    """OTT-JAX, compiled, in whichever of the given settings is the fastest for the problem.

    `anderson` and `momentum` stand for the arguments of OTT's classes of these names, everything
    else for Sinkhorn's own.
    """

    def prepare(p: Domains, tol: float, given: bool) -> Prepared:
        import jax

        jax.config.update("jax_default_matmul_precision", "highest")
        arrays = [jax.numpy.asarray(array) for array in ((p.cost,) if given else (p.X, p.Z))]
        candidates = [ott_prepared(p, tol, chosen, arrays) for chosen in settings]
        return min(candidates, key=lambda prepared: seconds(prepared.call))

    return prepare


def ott_prepared(p: Domains, tol: float, settings: dict[str, Any], arrays: list[Any]) -> Prepared:
    """With the fewest iterations: those after which OTT itself would stop, and more where it errs.

    OTT looks at one marginal alone, and with momentum the other one is not exact.
    """
    import jax

    n_iter = int(ott_solver(p.epsilon, settings, MOST, threshold=tol)(*arrays)[2])
    while True:
        solve = ott_solver(p.epsilon, settings, n_iter)

        def call() -> Potentials:
            f, g = jax.block_until_ready(solve(*arrays))  # noqa: B023
            return scaled(double(f) / p.epsilon, double(g) / p.epsilon, p.epsilon)

        if p.marginal_error(call()) <= tol:
            return Prepared(call, n_iter, repr(settings))
        assert n_iter < MOST, f"OTT does not get there with {settings}"
        n_iter += 1


def seconds(call: Callable[[], Any]) -> float:
    """The better of two times."""
    return min(timeit.repeat(call, number=1, repeat=2))


def ott_solver(
    epsilon: float, settings: dict[str, Any], n_iter: int, threshold: float | None = None
) -> Callable[..., Any]:
    """A compiled function of the points, or of the cost matrix, to potentials and iterations."""
    import jax
    from ott.geometry import geometry, pointcloud
    from ott.problems.linear import linear_problem
    from ott.solvers.linear import acceleration, sinkhorn

    options = dict(settings)
    if "anderson" in options:
        options["anderson"] = acceleration.AndersonAcceleration(**options["anderson"])
    if "momentum" in options:
        options["momentum"] = acceleration.Momentum(**options["momentum"])
    if threshold is None:  # no checks: a threshold that is never reached, one look at the end
        options |= {"threshold": -1.0, "min_iterations": n_iter, "inner_iterations": n_iter}
    else:
        options |= {"threshold": threshold, "inner_iterations": 1}
    solver = sinkhorn.Sinkhorn(max_iterations=n_iter, **options)

    def solve(*arrays: Any) -> Any:
        if len(arrays) == 1:
            geom = geometry.Geometry(cost_matrix=arrays[0], epsilon=epsilon)
        else:
            geom = pointcloud.PointCloud(*arrays, epsilon=epsilon)
        found = solver(linear_problem.LinearProblem(geom))
        if threshold is None:
            return found.f, found.g
        return found.f, found.g, (found.errors != -1).sum()

    compiled: Callable[..., Any] = jax.jit(solve)
    return compiled


def torch_tensor(array: Matrix) -> Any:
    """The same memory as a tensor, for a torch that has as many threads as everybody."""
    import torch

    torch.set_num_threads(transferscore.get_num_threads())
    return torch.from_numpy(array)


def double(vector: Any) -> Vector:
    """A vector of any library in NumPy's float64."""
    return np.asarray(vector, dtype=np.float64)


# --- OTCE ----------------------------------------------------------------------------------------


def authors_conditional_entropy(X: Matrix, y: Ids, Z: Matrix, t: Ids) -> float:
    """H(t | y) as the authors' code has it: an exact plan, then a sum for each pair of classes."""
    import ot

    n, m = len(X), len(Z)
    plan = ot.emd(np.full(n, 1 / n), np.full(m, 1 / m), ot.dist(X, Z), numItermax=1_000_000)
    joint = np.zeros((y.max() + 1, t.max() + 1))
    for k in np.unique(y):
        for c in np.unique(t):
            joint[k, c] = plan[np.ix_(np.flatnonzero(y == k), np.flatnonzero(t == c))].sum()
    entropy = 0.0
    for of_class in joint[joint.sum(axis=1) > 0]:
        share = of_class[of_class > 0]
        entropy -= float(np.sum(share * np.log(share / share.sum())))
    return entropy
