"""Does a filter of source tasks help to choose them? The whole pipeline on SYNTHETIC brain volumes.

    python bench/experiments/synthetic_mri.py [--out report.md] [--worlds 3] [--subjects 5]

18 binary segmentation tasks, modality by region (synthetic_brain.py). For each of 18 targets and
its 17 possible sources Dice is measured (synthetic_transfer.py), OTCE and H-score are computed on
voxels near the boundaries of regions, and regions are related, sources filtered and ranked, Dice
predicted and footrules taken as `transferscore.pixels` does it. A world is a draw of all subjects.

Every number is computed from the volumes; but the volumes are drawn by a random generator, and what
holds for them need not hold for patients. Needs the extra `bench`; some minutes on two cores.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from report_table import table
from scipy.stats import spearmanr
from synthetic_brain import MATTER, REGIONS, SPACING, TASKS, TUMOUR
from synthetic_transfer import Network, Scans, make_scans, measured_dice, samples

from transferscore import (
    FilterEvaluation,
    RegionRelations,
    ScoreRegression,
    SegmentationTask,
    SourceFilter,
    evaluate_filter,
    region_relations,
    select_sources,
)

Values = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

K = (1, 2, 3, 4)
SCORES = {"otce": "OTCE", "h_score_shrinkage": "H-score (shrinkage)"}
N_BOOTSTRAP = 10_000


@dataclass(frozen=True)
class Row:
    """A target in a world: its 17 sources with scores and measured Dice."""

    target: SegmentationTask
    sources: list[SegmentationTask]
    dice: Values
    scores: dict[str, Values]
    relations: RegionRelations

    def kept(self, rules: SourceFilter) -> Mask:
        """Which sources a filter keeps."""
        stay = rules.apply(self.target, self.sources).kept
        return np.array([source in stay for source in self.sources])

    def first_by_rules(self, rules: SourceFilter) -> float:
        """Dice of the source that rules alone put first."""
        name = select_sources(self.target, self.sources, score=None, filter=rules).names[0]
        return float(self.dice[[source.name for source in self.sources].index(name)])


def relations_of(scans: Scans) -> RegionRelations:
    """How the regions lie in the first subject of each cohort."""
    tumour, matter = (scans[family, "T1"][0].subject for family in (TUMOUR, MATTER))
    first, second = (
        region_relations(
            {region: subject.region(region) for region in REGIONS[subject.family]},
            organ=subject.brain,
            spacing=SPACING,
        )
        for subject in (tumour, matter)
    )
    return first | second


def make_world(
    seed: int,
    n_subjects: int,
    shape: tuple[int, ...] | None = None,
    targets: Sequence[SegmentationTask] = TASKS,
) -> list[Row]:
    """Draw subjects, train networks, measure and score every source of each target."""
    scans = make_scans(n_subjects, seed, shape)
    relations = relations_of(scans)
    networks = {task.name: Network(task, scans, seed) for task in TASKS}
    rows = []
    for target in targets:
        sources = [task for task in TASKS if task != target]
        seen = {s.name: samples(networks[s.name], s, target, scans, seed) for s in sources}
        scores = {}
        for score in SCORES:
            ranking = select_sources(target, sources, score=score, samples=seen)
            found = {source.task.name: source.score for source in ranking.sources}
            scores[score] = np.array([found[source.name] for source in sources], dtype=np.float64)
        dice = [measured_dice(networks[source.name], target, scans, seed) for source in sources]
        rows.append(Row(target, sources, np.array(dice), scores, relations))
    return rows


def filters(relations: RegionRelations, at_least: int = max(K)) -> dict[str, SourceFilter]:
    """All three rules, and each alone. Four stay at least, for k goes to four."""
    off = {"family": "off", "modality": "off", "region": "off", "at_least": at_least}
    return {
        "all three rules": SourceFilter(relations, at_least=at_least),
        "family alone": SourceFilter(**(off | {"family": "drop"})),
        "modality alone": SourceFilter(**(off | {"modality": "drop"})),
        "region alone": SourceFilter(relations, **(off | {"region": "drop"})),
    }


# --------------------------------------------------------------------------------- the report


def report(rows: Sequence[Row]) -> Iterator[str]:
    """Markdown, paragraph by paragraph."""
    yield from _findings(rows)
    yield from _correlations(rows)
    rules = [filters(row.relations)["all three rules"] for row in rows]
    kept = [row.kept(rule) for row, rule in zip(rows, rules, strict=True)]
    yield f"The filter keeps {np.mean([mask.sum() for mask in kept]):.1f} of 17 sources on average."
    for score, title in SCORES.items():
        yield from _footrules(rows, kept, score, title)
    yield from _each_rule(rows)
    yield from _choices(rows, rules, kept)
    yield from _regressions(rows, kept)


def interval(values: Sequence[float] | Values) -> str:
    """Mean with a 95 % interval by the bootstrap over targets."""
    x = np.asarray(values, dtype=np.float64)
    drawn = np.random.default_rng(0).integers(len(x), size=(N_BOOTSTRAP, len(x)))
    low, high = np.percentile(x[drawn].mean(axis=1), [2.5, 97.5])
    return f"{x.mean():+.3f} ({low:+.3f} to {high:+.3f})"


Group = Callable[[Row, SegmentationTask], bool]


def _mean_dice(row: Row, group: Group) -> float:
    chosen = [group(row, source) for source in row.sources]
    return float(row.dice[chosen].mean()) if any(chosen) else float("nan")


def _is(kind: str) -> Group:
    """Same family and modality, and the source's region lies so to the target's."""

    def group(row: Row, source: SegmentationTask) -> bool:
        pair = source.region, row.target.region
        same = (source.family, source.modality) == (row.target.family, row.target.modality)
        return same and row.relations[pair].kind == kind

    return group


def _findings(rows: Sequence[Row]) -> Iterator[str]:
    def related(row: Row, source: SegmentationTask) -> bool:
        return source.family == row.target.family

    def modality(row: Row, source: SegmentationTask) -> bool:
        return related(row, source) and source.modality == row.target.modality

    def region(row: Row, source: SegmentationTask) -> bool:
        return related(row, source) and source.region == row.target.region

    pairs: dict[str, tuple[Group, Group]] = {
        "1. same tissue family, not another": (related, lambda *of: not related(*of)),
        "2. same modality, not same region": (modality, region),
        "3. a smaller nested region, not a larger": (_is("subset"), _is("superset")),
        "3. a complementary region, not another apart": (_is("complementary"), _is("disjoint")),
    }
    lines = []
    for finding, groups in pairs.items():
        means = np.array([[_mean_dice(row, group) for group in groups] for row in rows])
        means = means[np.isfinite(means).all(axis=1)]
        difference = means[:, 0] - means[:, 1]
        for_it = f"{np.sum(difference > 0)} of {len(difference)}"
        columns = [f"{mean:.3f}" for mean in means.mean(axis=0)]
        lines.append([finding, *columns, interval(difference), for_it])
    yield table(["source", "mean Dice", "of the other", "difference", "targets for it"], lines)


def _correlations(rows: Sequence[Row]) -> Iterator[str]:
    lines = []
    for score, title in SCORES.items():
        for family in (TUMOUR, MATTER):
            some = [row for row in rows if row.target.family == family]
            every = [spearmanr(row.scores[score], row.dice)[0] for row in some]
            inside = []
            for row in some:
                related = np.array([source.family == family for source in row.sources])
                inside.append(spearmanr(row.scores[score][related], row.dice[related])[0])
            lines.append([title, family, interval(every), interval(inside)])
    yield table(["score", "targets", "all 17 sources", "sources of the family"], lines)


def _footrules(rows: Sequence[Row], kept: Sequence[Mask], score: str, title: str) -> Iterator[str]:
    for top in ("scores", "measured"):
        found = [
            evaluate_filter(row.scores[score], row.dice, mask, k=K, top=top)
            for row, mask in zip(rows, kept, strict=True)
        ]
        whose = "the score" if top == "scores" else "measured Dice"
        yield f"{title}, top k by {whose}, ranks among all 17 sources:"
        yield _among_all(found)
        if top == "scores":
            yield f"{title}, top k by {whose}, ranks among the kept sources alone:"
            yield _among_kept(found)


def _among_all(found: Sequence[FilterEvaluation]) -> str:
    lines = []
    for i, k in enumerate(K):
        none, own, random = (
            np.array(values)
            for values in (
                [one.unfiltered[i] for one in found],
                [one.all.filtered[i] for one in found],
                [one.all.random_mean[i] for one in found],
            )
        )
        means = [f"{values.mean():.2f}" for values in (none, own, random)]
        lines.append([str(k), *means, interval(own - none), interval(own - random)])
    header = ["k", "no filter", "filter", "random filters", "filter - none", "filter - random"]
    return table(header, lines)


def _among_kept(found: Sequence[FilterEvaluation]) -> str:
    lines = []
    for i, k in enumerate(K):
        own = np.array([one.kept.filtered[i] for one in found])
        random = np.array([one.kept.random_mean[i] for one in found])
        lines.append([str(k), f"{own.mean():.2f}", f"{random.mean():.2f}", interval(own - random)])
    return table(["k", "filter", "random filters", "filter - random"], lines)


def _each_rule(rows: Sequence[Row]) -> Iterator[str]:
    lines = []
    for name in filters(rows[0].relations):
        kept = [row.kept(filters(row.relations)[name]) for row in rows]
        cells = [name, f"{np.mean([mask.sum() for mask in kept]):.1f}"]
        for score in SCORES:
            found = [
                evaluate_filter(row.scores[score], row.dice, mask, k=max(K)).all
                for row, mask in zip(rows, kept, strict=True)
            ]
            cells.append(interval([one.filtered[0] - one.random_mean[0] for one in found]))
        lost = [row.dice.max() - row.dice[mask].max() for row, mask in zip(rows, kept, strict=True)]
        lines.append([*cells, f"{np.mean(lost):.3f}"])
    header = ["filter", "kept", *(f"{title}, k = 4" for title in SCORES.values()), "Dice lost"]
    yield table(header, lines)


def _choices(
    rows: Sequence[Row], rules: Sequence[SourceFilter], kept: Sequence[Mask]
) -> Iterator[str]:
    def first(score: str, filtered: bool) -> Values:
        chosen = []
        for row, mask in zip(rows, kept, strict=True):
            values = np.where(mask, row.scores[score], -np.inf) if filtered else row.scores[score]
            chosen.append(row.dice[np.argmax(values)])
        return np.array(chosen)

    random = np.array([row.dice.mean() for row in rows])
    ways = {
        "the best source": np.array([row.dice.max() for row in rows]),
        "the rules alone": np.array(
            [r.first_by_rules(f) for r, f in zip(rows, rules, strict=True)]
        ),
        "a kept source at random": np.array(
            [row.dice[mask].mean() for row, mask in zip(rows, kept, strict=True)]
        ),
    }
    for score, title in SCORES.items():
        ways[title] = first(score, filtered=False)
        ways[f"{title} after the filter"] = first(score, filtered=True)
    lines = [["any source at random", f"{random.mean():.3f}", ""]]
    lines += [[way, f"{dice.mean():.3f}", interval(dice - random)] for way, dice in ways.items()]
    yield table(["first choice by", "mean Dice", "more than at random"], lines)


def _regressions(rows: Sequence[Row], kept: Sequence[Mask]) -> Iterator[str]:
    lines = []
    for score, title in SCORES.items():
        for family in (TUMOUR, MATTER):
            of = [
                (row, mask)
                for row, mask in zip(rows, kept, strict=True)
                if row.target.family == family
            ]
            errors, constant, slopes = [], [], []
            for row, mask in of:
                # Known: the other tasks, in other worlds too; never the target itself.
                known = [(r, m) for r, m in of if r.target.name != row.target.name]
                x = np.concatenate([r.scores[score][m] for r, m in known])
                y = np.concatenate([r.dice[m] for r, m in known])
                line = ScoreRegression.fit(x, y)
                slopes.append(line.slope)
                errors.append(_error(line.predict(row.scores[score][mask]), row.dice[mask]))
                constant.append(_error(np.full(mask.sum(), y.mean()), row.dice[mask]))
            mean = [f"{np.mean(values):.3f}" for values in (errors, constant)]
            rising = f"{np.mean(np.array(slopes) > 0):.0%}"
            lines.append([title, family, *mean, rising])
    header = ["score", "targets", "error of predicted Dice", "of a constant", "slope above 0"]
    yield table(header, lines)


def _error(predicted: Values, measured: Values) -> float:
    return float(np.sqrt(np.mean((predicted - measured) ** 2)))


def example(row: Row, rows: Sequence[Row]) -> str:
    """What the pipeline says of one target, with a line from the other targets of its world."""
    rules = filters(row.relations)["all three rules"]
    others = [r for r in rows if r.target.family == row.target.family and r is not row]
    kept = [r.kept(filters(r.relations)["all three rules"]) for r in others]
    line = ScoreRegression.fit(
        np.concatenate([r.scores["otce"][m] for r, m in zip(others, kept, strict=True)]),
        np.concatenate([r.dice[m] for r, m in zip(others, kept, strict=True)]),
    )
    scores = {s.name: value for s, value in zip(row.sources, row.scores["otce"], strict=True)}
    ranking = select_sources(row.target, row.sources, score=scores, filter=rules, regression=line)
    return f"```text\n{row.relations}\n```\n\n```text\n{ranking}\n```"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="where the report goes; default: standard output")
    parser.add_argument("--worlds", type=int, default=3)
    parser.add_argument("--subjects", type=int, default=5, help="of each cohort, 4 or more")
    options = parser.parse_args(arguments)
    begin, rows = time.perf_counter(), []
    for seed in range(options.worlds):
        world = make_world(seed, options.subjects)
        rows += world
        print(f"world {seed}: {time.perf_counter() - begin:.0f} s", file=sys.stderr)
    target = next(row for row in rows if row.target.name == "ET-T1CE")
    text = "\n\n".join([example(target, rows[: len(TASKS)]), *report(rows)]) + "\n"
    if options.out is None:
        print(text, end="")
    else:
        options.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
