"""How tasks relate: distances from scores of transfer, and the tree that these make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from transferscore import _checks
from transferscore.ranking._tabular import Sheet, Tabular
from transferscore.ranking.correlations import pearson, spearman

Matrix = NDArray[np.float64]
Metric = Literal["spearman", "pearson", "euclidean", "affinity"]
Linkage = Literal["average", "single", "complete", "weighted", "ward"]

METRICS = ("spearman", "pearson", "euclidean", "affinity")
LINKAGES = ("average", "single", "complete", "weighted", "ward")
# Shares of a tournament are kept off 0 and 1 by this, so that their ratios are finite.
TOURNAMENT = 1e-3


@dataclass(frozen=True)
class TaskDistances(Tabular):
    """Distances between tasks.

    Attributes
    ----------
    values : ndarray of shape (T, T)
        Symmetric, 0 on the diagonal, never negative.
    tasks : tuple of str
        The tasks.
    metric : str
        How they were measured.
    of : str
        "targets" or "sources".
    """

    KIND: ClassVar[str] = "task-distances"

    values: Matrix
    tasks: tuple[str, ...]
    metric: str
    of: str

    def __getitem__(self, pair: tuple[str, str]) -> float:
        """The distance between two tasks."""
        places = [self.tasks.index(name) if name in self.tasks else -1 for name in pair]
        if len(places) != 2 or min(places) < 0:
            raise KeyError(pair)
        return float(self.values[places[0], places[1]])

    def _columns(self) -> Mapping[str, Sequence[Any]]:
        one, other = np.triu_indices(len(self.tasks), 1)
        return {
            "task": [self.tasks[place] for place in one],
            "other": [self.tasks[place] for place in other],
            "distance": self.values[one, other].tolist(),
        }

    def _about(self) -> Mapping[str, Any]:
        return {"tasks": self.tasks, "metric": self.metric, "of": self.of}

    def _sheet(self) -> Sheet:
        rows = [
            (name, *(float(value) for value in row))
            for name, row in zip(self.tasks, self.values, strict=True)
        ]
        return Sheet(
            ("", *self.tasks),
            rows,
            "l" + "r" * len(self.tasks),
            title=f"{self.metric} distances of {self.of}",
        )


@dataclass(frozen=True)
class TaskTree(Tabular):
    """A hierarchy of tasks.

    Attributes
    ----------
    tasks : tuple of str
        The tasks, in the order in which `linkage` counts them.
    linkage : ndarray of shape (T - 1, 4)
        As SciPy writes it: a row for each merger, with the two clusters, their distance and the
        tasks of both. Cluster T + i is that of row i.
    order : tuple of str
        The tasks as leaves from left to right, so that neighbours are near.
    method : str
        The linkage that was used.
    """

    KIND: ClassVar[str] = "task-tree"

    tasks: tuple[str, ...]
    linkage: Matrix
    order: tuple[str, ...]
    method: str

    def clusters(self, k: int) -> tuple[tuple[str, ...], ...]:
        """The tasks in k clusters, in the order of the leaves; fewer where mergers are tied."""
        k = _checks.tree_clusters(k, len(self.tasks))
        fcluster = _checks.from_extra("plot", "scipy.cluster.hierarchy").fcluster
        labels = dict(zip(self.tasks, fcluster(self.linkage, k, "maxclust"), strict=True))
        groups: dict[int, list[str]] = {}
        for name in self.order:
            groups.setdefault(int(labels[name]), []).append(name)
        return tuple(tuple(group) for group in groups.values())

    def to_newick(self) -> str:
        """The tree as text that programs for trees read, with lengths of branches."""
        nodes = [(_quoted(name), 0.0) for name in self.tasks]
        for left, right, height, _ in self.linkage:
            parts = [
                f"{text}:{max(height - below, 0.0):.6g}"
                for text, below in (nodes[int(left)], nodes[int(right)])
            ]
            nodes.append((f"({','.join(parts)})", float(height)))
        return nodes[-1][0] + ";"

    def _columns(self) -> Mapping[str, Sequence[Any]]:
        n = len(self.tasks)
        return {
            "cluster": range(n, 2 * n - 1),
            "left": self.linkage[:, 0].astype(int).tolist(),
            "right": self.linkage[:, 1].astype(int).tolist(),
            "distance": self.linkage[:, 2].tolist(),
            "n_tasks": self.linkage[:, 3].astype(int).tolist(),
        }

    def _about(self) -> Mapping[str, Any]:
        return {"tasks": self.tasks, "order": self.order, "method": self.method}

    def _sheet(self) -> Sheet:
        members = [[name] for name in self.tasks]
        rows = []
        for left, right, height, _ in self.linkage:
            sides = members[int(left)], members[int(right)]
            rows.append((", ".join(sides[0]), ", ".join(sides[1]), float(height)))
            members.append([*sides[0], *sides[1]])
        return Sheet(("cluster", "joins", "distance"), rows, "llr", title=f"{self.method} linkage")


def task_distances(
    scores: Any,
    *,
    of: Literal["targets", "sources"] = "targets",
    metric: Metric = "spearman",
    with_itself: bool = True,
    sources: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
    higher_is_better: bool | None = None,
) -> TaskDistances:
    r"""Distances between tasks, from the scores of transfer between them.

    Bao, Li, Huang, Zhang, Zheng, Zamir, Guibas, "An information-theoretic approach to
    transferability in task transfer learning", ICIP 2019, compares targets by the scores of all
    sources for each: targets for which the same sources are good are near. Zamir, Sax, Shen,
    Guibas, Malik, Savarese, "Taskonomy: disentangling task transfer learning", CVPR 2018, compares
    sources by what they transfer to: `of="sources"`. With the scores s_a of a task over the others,

    .. math::

        d(a, b) = 1 - \rho(s_a, s_b), \quad 1 - r(s_a, s_b), \quad \|s_a - s_b\| \quad \text{or}
            \quad \max_{u \ne v} A_{uv} - A_{ab}, \; A_{ab} = \tfrac12 (s_{ab} + s_{ba})

    for "spearman", "pearson", "euclidean" and "affinity". Lower is nearer.

    Parameters
    ----------
    scores : ScoreMatrix, mapping, or array-like of shape (S, T)
        As for `select_source`; every pair needs a score.
    of : "targets" or "sources", default "targets"
        Which tasks are compared: columns, by where they can be learned from, or rows, by what they
        are good for.
    metric : str, default "spearman"
        "spearman" compares rankings, so scores of different tasks need no common scale. "pearson"
        compares scores up to unit and offset. "euclidean" takes them as they are: for scores on one
        scale, such as those of `tournament_scores` or `task_transferability`. "affinity" looks at
        the pair alone, in both directions; sources and targets must be the same tasks.
    with_itself : bool, default True
        Whether the sources a and b count where targets a and b are compared. A task is usually its
        own best source, which makes all tasks look more different. False needs the same tasks as
        sources and as targets; "affinity" never looks at a task with itself.
    sources : sequence of str, optional
        Names of the rows of an array. Default: their numbers.
    targets : sequence of str, optional
        Names of its columns. Default: as the rows where the array is square, else their numbers.
    higher_is_better : bool, optional
        In which direction scores count; matters for "affinity" alone. Default: as the ScoreMatrix
        says, else True.

    Returns
    -------
    TaskDistances
        The matrix of distances with the names of the tasks.

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described, a pair has no score, or all scores of a task are
        equal, which have no correlation.

    Examples
    --------
    >>> from transferscore import task_distances
    >>> scores = [[0.9, 0.8, 0.2, 0.1], [0.7, 0.9, 0.3, 0.2], [0.3, 0.2, 0.8, 0.6],
    ...           [0.1, 0.3, 0.7, 0.9]]
    >>> tasks = ["depth", "normals", "scene", "objects"]
    >>> print(task_distances(scores, sources=tasks, metric="pearson"))
    pearson distances of targets
              depth  normals   scene  objects
    -------  ------  -------  ------  -------
    depth    0.0000   0.1162  1.9303   1.9877
    normals  0.1162   0.0000  1.9672   1.8729
    scene    1.9303   1.9672  0.0000   0.1118
    objects  1.9877   1.8729  0.1118   0.0000
    """
    _checks.choice(of, "of", ("targets", "sources"))
    _checks.choice(metric, "metric", METRICS)
    table = _checks.score_table(
        scores, sources, _targets_of_square(scores, sources, targets), higher_is_better
    )
    _checks.complete_table(table)
    tasks = table.targets if of == "targets" else table.sources
    _checks.at_least_two_tasks(tasks)
    profiles = table.values.T if of == "targets" else table.values
    if metric == "affinity" or not with_itself:
        others = table.sources if of == "targets" else table.targets
        profiles = profiles[:, _checks.same_tasks(tasks, others)]
    if metric == "affinity":
        values = _by_affinity(profiles if table.higher_is_better else -profiles)
    else:
        values = _by_profile(profiles, tasks, metric, with_itself)
    return TaskDistances(values, tasks, metric, of)


def task_tree(
    distances: TaskDistances | ArrayLike,
    *,
    method: Linkage = "average",
    tasks: Sequence[str] | None = None,
) -> TaskTree:
    r"""Hierarchy of tasks by agglomerative clustering of their distances.

    Needs SciPy: pip install 'transferscore[plot]'. With "average" (Sokal, Michener, 1958), two
    clusters are as far apart as their tasks on average:

    .. math::

        d(A, B) = \frac{1}{|A| \, |B|} \sum_{a \in A} \sum_{b \in B} d(a, b)

    Parameters
    ----------
    distances : TaskDistances or array-like of shape (T, T)
        Distances of at least two tasks: symmetric, 0 on the diagonal, not negative.
    method : str, default "average"
        "average", "single", "complete", "weighted" or, for Euclidean distances, "ward".
    tasks : sequence of str, optional
        Names of the rows of an array. Default: their numbers.

    Returns
    -------
    TaskTree
        The mergers, and the tasks as leaves in the order that puts near ones beside each other
        (Bar-Joseph, Gifford, Jaakkola, 2001). Neither depends on the order of the input.

    Raises
    ------
    ValueError, TypeError
        Where an argument is not as described.
    ModuleNotFoundError
        Without SciPy.

    Examples
    --------
    >>> from transferscore import task_tree
    >>> tree = task_tree(
    ...     [[0, 1, 6, 7], [1, 0, 5, 6], [6, 5, 0, 2], [7, 6, 2, 0]],
    ...     tasks=["depth", "normals", "scene", "objects"],
    ... )
    >>> tree.clusters(2)
    (('depth', 'normals'), ('scene', 'objects'))
    >>> tree.to_newick()
    '((depth:1,normals:1):5,(scene:2,objects:2):4);'
    """
    _checks.choice(method, "method", LINKAGES)
    if isinstance(distances, TaskDistances):
        _checks.no_names_twice(tasks)
        D, names = _checks.distances_between_tasks(distances.values, distances.tasks)
    else:
        D, names = _checks.distances_between_tasks(distances, tasks)
    hierarchy = _checks.from_extra("plot", "scipy.cluster.hierarchy")
    # In the order of the names: SciPy breaks ties by place.
    by_name = sorted(range(len(names)), key=lambda place: names[place])
    upper = np.triu_indices(len(names), 1)
    linkage = hierarchy.linkage(D[np.ix_(by_name, by_name)][upper], method, optimal_ordering=True)
    ordered = tuple(names[place] for place in by_name)
    leaves = hierarchy.leaves_list(linkage)
    return TaskTree(ordered, linkage, tuple(ordered[leaf] for leaf in leaves), method)


def tournament_scores(observations: ArrayLike) -> Matrix:
    r"""Scores of sources on one scale, from who beats whom: Taskonomy's ordinal normalisation.

    Zamir, Sax, Shen, Guibas, Malik, Savarese, "Taskonomy: disentangling task transfer learning",
    CVPR 2018, after Saaty's analytic hierarchy process.

    .. math::

        w_{uv} = \Pr(o_u > o_v) + \tfrac12 \Pr(o_u = o_v), \quad
        w'_{uv} = \frac{w_{uv}}{w_{vu}}, \quad W' x = \lambda_{\max} x, \; \sum_u x_u = 1

    Higher is better. Only the order of the sources in each observation counts; so scores of targets
    become comparable, whose units are not.

    Parameters
    ----------
    observations : array-like of shape (S, n) or (S, T, n)
        n observations of each source, higher is better: for one target, or for each of T. Such as
        the H-score of each pixel (`pixel_h_score`), or the negative loss on each test image.

    Returns
    -------
    ndarray of shape (S,) or (S, T)
        Positive scores whose sum over the sources is 1.

    Raises
    ------
    ValueError, TypeError
        Where `observations` are not as described.

    Notes
    -----
    Shares are kept within [0.001, 0.999], as in the paper. Ties count half for each side, so that
    the result does not depend on the order of the sources.

    Examples
    --------
    >>> from transferscore.ranking import tournament_scores
    >>> tournament_scores([[3, 3, 2, 5], [2, 2, 3, 4], [1, 1, 1, 1]]).round(4)
    array([6.750e-01, 3.245e-01, 5.000e-04])
    """
    O = _checks.observations(observations)  # noqa: E741
    if O.ndim == 2:
        return _tournament(O)
    return np.stack([_tournament(O[:, target]) for target in range(O.shape[1])], axis=1)


def _tournament(observations: Matrix) -> Matrix:
    n_sources, n = observations.shape
    wins = np.full((n_sources, n_sources), 0.5)
    for u in range(n_sources):
        for v in range(u):
            ahead = np.sum(np.sign(observations[u] - observations[v]))
            share = np.clip((1 + ahead / n) / 2, TOURNAMENT, 1 - TOURNAMENT)
            wins[u, v], wins[v, u] = share, 1 - share
    values, vectors = np.linalg.eig(wins / wins.T)
    x = np.abs(vectors[:, np.argmax(values.real)].real)
    return np.asarray(x / x.sum())


def _targets_of_square(
    scores: Any, sources: Sequence[str] | None, targets: Sequence[str] | None
) -> Sequence[str] | None:
    """Names of the columns: those of the rows, where only these are given and there are as many."""
    if sources is None or targets is not None:
        return targets
    shape: tuple[int, ...] = np.shape(scores)
    return sources if len(shape) == 2 and shape[0] == shape[1] else None


def _by_affinity(profiles: Matrix) -> Matrix:
    A = (profiles + profiles.T) / 2
    apart = ~np.eye(len(A), dtype=bool)
    D = np.where(apart, A[apart].max() - A, 0.0)
    return np.asarray(D)


def _by_profile(profiles: Matrix, tasks: Sequence[str], metric: str, with_itself: bool) -> Matrix:
    n = len(profiles)
    D = np.zeros((n, n))
    for a in range(n):
        for b in range(a):
            x, y = profiles[a], profiles[b]
            if not with_itself:
                x, y = np.delete(x, [a, b]), np.delete(y, [a, b])
            if metric == "euclidean":
                D[a, b] = _norm(x - y)
            else:
                D[a, b] = 1 - _correlation(x, y, (tasks[a], tasks[b]), metric)
            D[b, a] = D[a, b]
    return D


def _correlation(x: Matrix, y: Matrix, names: tuple[str, str], metric: str) -> float:
    _checks.varying_profile(x, names[0])
    _checks.varying_profile(y, names[1])
    return spearman(x, y) if metric == "spearman" else pearson(x, y)


def _norm(difference: Matrix) -> float:
    unit = np.abs(difference).max(initial=0.0)
    return float(unit * np.sqrt(np.sum((difference / unit) ** 2))) if unit > 0 else 0.0


def _quoted(name: str) -> str:
    """A name as Newick writes it: in quotes where it has characters of the format."""
    plain = name.replace("_", "").isalnum() and "_" not in name
    return name if plain else "'" + name.replace("'", "''") + "'"
