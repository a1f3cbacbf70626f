"""Tables and plots of the section on task relations, from results/task_relations.csv."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
import numpy.typing as npt
from report_table import PAGE, RESULTS, interval, read_rows, replace_block, save, table

from transferscore import TaskDistances, task_distances, task_tree
from transferscore.ranking import compare_scores, evaluate_scores, ndcg, spearman

Values = npt.NDArray[np.float64]

RESULT, PLOT = RESULTS / "task_relations.csv", "task_relations.png"
OUTCOMES = {"skill": "hidden layer", "linear_skill": "linear"}
SCORES = {"h_score": "H-score", "h_score_adjusted": "H-score, shrinkage, adjusted for chance"}
GENERAL = "the H-score's ranks for all other targets"
CLASSES = ("class", "superclass", "rotation", "ink")
MEASURES = ["spearman", "kendall", "ndcg", "ndcg_exponential", "selection_accuracy", "regret"]
N_RESAMPLES, N_CHANCE = 2000, 2000
TALK_SOURCES = 8


@dataclass(frozen=True)
class Pairs:
    """Columns of the CSV file as arrays (seeds, sources, targets)."""

    sources: list[str]
    targets: list[str]
    columns: dict[str, Values]

    @classmethod
    def read(cls) -> Pairs:
        """From the file."""
        rows = read_rows(RESULT)
        sources, targets = (
            list(dict.fromkeys(row[k] for row in rows)) for k in ("source", "target")
        )
        shape = -1, len(sources), len(targets)
        names = [name for name in rows[0] if name not in ("seed", "source", "target")]
        columns = {
            name: np.array([float(row[name]) for row in rows]).reshape(shape) for name in names
        }
        return cls(sources, targets, columns)

    def mean(self, column: str) -> Values:
        """The mean over seeds (sources, targets)."""
        return np.asarray(self.columns[column].mean(axis=0))

    @cached_property
    def itself(self) -> npt.NDArray[np.bool_]:
        """Whether a source is the target (sources, targets)."""
        return np.array([[source == target for target in self.targets] for source in self.sources])

    def of_others(self, values: Values) -> dict[str, dict[str, float]]:
        """{target: {source: value}}, without the target itself as a source."""
        return {
            target: {
                source: float(values[i, j])
                for i, source in enumerate(self.sources)
                if source != target
            }
            for j, target in enumerate(self.targets)
        }

    def general(self, values: Values) -> Values:
        """What a source's rank is for the other targets, the mean: it knows nothing of a target."""
        ranks = np.where(self.itself, np.nan, values).argsort(axis=0).argsort(axis=0).astype(float)
        ranks[self.itself] = np.nan
        others = [np.delete(np.arange(len(self.targets)), j) for j in range(len(self.targets))]
        return np.stack([np.nanmean(ranks[:, at], axis=1) for at in others], axis=1)

    def distances(self, column: str) -> TaskDistances:
        """How targets differ in what transfers to them, of trained sources."""
        n = len(self.targets)
        values = self.mean(column)[:n]
        return task_distances(values, sources=self.targets, with_itself=False)


def _matrix(pairs: Pairs, column: str, digits: int) -> str:
    lines = [
        [source, *(f"{value:.{digits}f}" for value in row)]
        for source, row in zip(pairs.sources, pairs.mean(column), strict=True)
    ]
    return table(["source", *pairs.targets], lines)


def _chance(n: int, measure: str) -> float:
    """What a random ranking has in the mean."""
    rng, measured = np.random.default_rng(0), np.arange(n)
    gain = "exponential" if measure == "ndcg_exponential" else "linear"
    return float(np.mean([ndcg(rng.permutation(n), measured, gain=gain) for _ in range(N_CHANCE)]))


def scores_of(pairs: Pairs) -> dict[str, Values]:
    """Scores (sources, targets) by title, and the baseline."""
    found = {title: pairs.mean(name) for name, title in SCORES.items()}
    return found | {GENERAL: pairs.general(pairs.mean("h_score"))}


def _agreement(pairs: Pairs) -> str:
    lines = []
    for outcome, word in OUTCOMES.items():
        measured = pairs.of_others(pairs.mean(outcome))
        for title, values in scores_of(pairs).items():
            found = evaluate_scores(
                pairs.of_others(values), measured, measures=MEASURES, n_resamples=N_RESAMPLES
            )
            cells = [interval(one.value, one.interval, *_digits(one.measure)) for one in found]
            lines.append([word, title, *cells])
    for n in (len(pairs.sources) - 1, TALK_SOURCES):
        chances = [f"{_chance(n, name):.2f}" for name in ("ndcg", "ndcg_exponential")]
        cells = ["+0.00", "+0.00", *chances, f"{1 / n:.2f}", ""]
        lines.append(["", f"a random ranking of {n}", *cells])
    header = ["read-out", "score", "Spearman", "Kendall", "nDCG", "nDCG, exponential gain"]
    return table([*header, "chose the best", "skill lost"], lines)


def _digits(measure: str) -> tuple[int, str]:
    if measure in ("spearman", "kendall"):
        return 2, "+"
    return (3 if measure == "regret" else 2), ""


def _by_target(pairs: Pairs) -> str:
    measured = pairs.of_others(pairs.mean("skill"))
    found = {
        title: evaluate_scores(
            pairs.of_others(values), measured, measures=["spearman", "ndcg"], n_resamples=10
        )
        for title, values in scores_of(pairs).items()
        if title in (SCORES["h_score"], GENERAL)
    }
    lines = []
    for j, target in enumerate(pairs.targets):
        cells = [f"{e['spearman'].per_task[j]:+.2f}" for e in found.values()]
        cells += [f"{e['ndcg'].per_task[j]:.2f}" for e in found.values()]
        chosen = max(pairs.of_others(pairs.mean("h_score"))[target].items(), key=lambda one: one[1])
        best = max(measured[target].items(), key=lambda one: one[1])
        lines.append([target, *cells, chosen[0], best[0]])
    header = ["target", "Spearman", "of the baseline", "nDCG", "of the baseline"]
    return table([*header, "H-score's choice", "best source"], lines)


def _against_general(pairs: Pairs) -> str:
    lines = []
    values = scores_of(pairs)
    for outcome, word in OUTCOMES.items():
        found = compare_scores(
            pairs.of_others(values[SCORES["h_score"]]),
            pairs.of_others(values[GENERAL]),
            pairs.of_others(pairs.mean(outcome)),
            measures=["spearman", "ndcg"],
            n_resamples=N_RESAMPLES,
        )
        lines.append([word, *(interval(one.difference, one.interval) for one in found)])
    return table(["read-out", "Spearman", "nDCG"], lines)


def _seeds(pairs: Pairs) -> str:
    """How far a ranking that was measured once agrees with one measured again."""
    lines = []
    for name, title in (SCORES | OUTCOMES).items():
        values = pairs.columns[name]
        per_target = [
            np.mean([spearman(a[~own, j], b[~own, j]) for a, b in combinations(values, 2)])
            for j, own in enumerate(pairs.itself.T)
        ]
        drawn = np.random.default_rng(0).integers(
            len(per_target), size=(N_RESAMPLES, len(per_target))
        )
        ends = np.percentile(np.array(per_target)[drawn].mean(axis=1), [2.5, 97.5])
        what = f"measured, {title} read-out" if name in OUTCOMES else title
        lines.append([what, interval(float(np.mean(per_target)), ends)])
    return table(["ranking", "Spearman of two seeds"], lines)


def _trees(pairs: Pairs) -> Iterator[str]:
    scored, measured = (pairs.distances(name).values for name in ("h_score", "skill"))
    lines = []
    for name in ("h_score", "skill"):
        clusters = task_tree(pairs.distances(name)).clusters(3)
        title = SCORES.get(name, "measured, hidden layer")
        lines.append([title, "; ".join(", ".join(cluster) for cluster in clusters)])
    yield table(["from", "three clusters"], lines)
    upper = np.triu_indices(len(pairs.targets), 1)
    rng, n = np.random.default_rng(0), len(pairs.targets)
    drawn = []
    for _ in range(N_RESAMPLES):  # tasks are drawn; a task's distance to itself does not count
        tasks = rng.integers(n, size=n)
        at = [(a, b) for a, b in combinations(tasks, 2) if a != b]
        rows, columns = np.array(at).T
        drawn.append(spearman(scored[rows, columns], measured[rows, columns]))
    ends = np.percentile(drawn, [2.5, 97.5])
    value = spearman(scored[upper], measured[upper])
    yield (
        f"Spearman's correlation of the two sets of {len(upper[0])} distances: "
        f"{interval(value, ends)}, other tasks being drawn."
    )


def _times(pairs: Pairs) -> str:
    lines = []
    kinds = {"classes": [t in CLASSES for t in pairs.targets]}
    kinds["images"] = [not one for one in kinds["classes"]]
    for kind, at in kinds.items():
        score, learned = (
            pairs.columns[name][..., at] * 1000 for name in ("seconds_score", "seconds_readout")
        )
        ratio = np.median(learned / score)
        cells = [f"{np.median(score):.1f} ms", f"{np.median(learned):.0f} ms", f"{ratio:.0f}"]
        lines.append([kind, *cells])
    return table(["targets", "H-score", "read-out learns", "ratio"], lines)


def report() -> Iterator[str]:
    """Markdown, paragraph by paragraph."""
    pairs = Pairs.read()
    yield "Skill of the read-out with a hidden layer, the mean over seeds (columns are targets):"
    yield _matrix(pairs, "skill", 2)
    yield "H-score, plain; of image targets the mean over pixels:"
    yield _matrix(pairs, "h_score", 2)
    yield (
        "Rankings of the other tasks' encoders and the untrained one, ten candidates for each of "
        f"{len(pairs.targets)} targets:"
    )
    yield _agreement(pairs)
    yield "H-score minus the baseline, paired:"
    yield _against_general(pairs)
    yield "Target by target, read-out with a hidden layer:"
    yield _by_target(pairs)
    yield "How well rankings repeat themselves, with other encoders and other images:"
    yield _seeds(pairs)
    yield "Hierarchy of targets, average linkage of 1 - Spearman over the other tasks' encoders:"
    yield from _trees(pairs)
    yield "Seconds, medians over seeds and sources, features being there:"
    yield _times(pairs)


def draw() -> None:
    """Both matrices as colours, and the trees that they give."""
    from matplotlib.figure import Figure

    from transferscore.plots import dendrogram, heat_map

    pairs = Pairs.read()
    figure = Figure(figsize=(13, 10), layout="constrained")
    axes = figure.subplots(2, 2, gridspec_kw={"height_ratios": [3, 2]})
    for column, (name, title) in enumerate(
        {"h_score": "H-score", "skill": "measured skill"}.items()
    ):
        heat_map(
            pairs.mean(name),
            sources=pairs.sources,
            targets=pairs.targets,
            score=title,
            colours="targets",
            ax=axes[0, column],
        )
        dendrogram(pairs.distances(name), unit=f"1 - Spearman of {title}s", ax=axes[1, column])
    save(figure, PLOT)


def write_report() -> None:
    """Replace the tables of the page, and the plot."""
    replace_block(PAGE, "task_relations", "\n\n".join(report()))
    draw()
