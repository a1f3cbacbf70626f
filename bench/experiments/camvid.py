"""Do scores on pixels say which network transfers? Driving sequences of CamVid as domains.

    python bench/experiments/camvid.py --data camvid.npz --out results [--jobs 2] [--draws 10]

For every ordered pair of sequences, small U-Nets trained on the source are transferred to few
frames of the target and measured on frames of its other half (camvid_transfer.py). Beside that
stand `segmentation_otce` and `score_pixels`, from pixels near boundaries and from uniform ones.

Everything is seeded. Networks, measurements and scores are kept in the folder `--out`: what is
there is not computed again, so an interrupted run goes on. The report is `report.md` there.
`--time` measures one call of `segmentation_otce` instead, with what the folder holds.

Needs the extra `rivals` (for PyTorch; the plain CPU build will do); some 20 minutes on two cores.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from camvid_networks import Segmenter, UNet
from camvid_scores import BASELINES, PLACES, SCORES
from camvid_transfer import (
    SEQUENCES,
    VOID,
    Frames,
    Protocol,
    Values,
    from_scratch,
    in_batches,
    measured,
    read_sequences,
    source_network,
    tuned,
    with_new_head,
)
from report_table import kept, table, whole

from transferscore import score_pixels, segmentation_otce
from transferscore.ranking import kendall, spearman

OUTCOMES = {
    ("head", "iou"): "new head, mean IoU",
    ("head", "accuracy"): "new head, accuracy",
    ("tuned", "iou"): "fine-tuned, mean IoU",
    ("tuned", "accuracy"): "fine-tuned, accuracy",
}
N_BOOTSTRAP, N_TIMED = 1000, 5

Correlation = Callable[[Values, Values], float]


@dataclass(frozen=True)
class Source:
    """A network: of which half of which sequence, and which seed."""

    sequence: str
    half: int
    seed: int

    @property
    def name(self) -> str:
        """For files."""
        return f"{self.sequence}-{self.half}-{self.seed}"

    @property
    def targets(self) -> list[str]:
        """All other sequences."""
        return [sequence for sequence in SEQUENCES if sequence != self.sequence]


def sources_of(protocol: Protocol) -> list[Source]:
    """All networks of an experiment."""
    return [
        Source(sequence, half, seed)
        for seed in range(protocol.seeds)
        for sequence in SEQUENCES
        for half in range(2)
    ]


@dataclass(frozen=True)
class Experiment:
    """Data, protocol, and the folder that keeps what was computed."""

    data: Path
    out: Path
    protocol: Protocol

    def frames(self, source: Source) -> Frames:
        """What a network learns from."""
        half = read_sequences(self.data)[source.sequence].halves()[source.half]
        return half.spread_out(self.protocol.source_frames)

    def target(self, sequence: str) -> tuple[Frames, Frames]:
        """The few frames of a target, of its first half, and the unseen ones of the second."""
        first, second = read_sequences(self.data)[sequence].halves()
        few = first.spread_out(self.protocol.target_frames)
        return few, second.spread_out(self.protocol.test_frames)

    def check_protocol(self) -> None:
        """No results of another protocol are mixed in."""
        if kept(self.out / "protocol.json", lambda: asdict(self.protocol)) != asdict(self.protocol):
            sys.exit(f"{self.out} holds results of another protocol: choose another folder")

    def network(self, source: Source) -> Segmenter:
        """A trained network, from the folder or trained now."""
        number = sources_of(self.protocol).index(source)
        return self.stored(
            source, UNet, lambda: source_network(self.frames(source), self.protocol, seed=number)
        )

    def stored(
        self, source: Source, architecture: type[Segmenter], train: Callable[[], Segmenter]
    ) -> Segmenter:
        """The network of a file; where there is none, what is trained, and the file is written."""
        path, network = self.out / "networks" / f"{source.name}.pt", architecture()
        if not path.exists():
            trained = train()
            whole(path, lambda to: torch.save(trained.state_dict(), to))
        network.load_state_dict(torch.load(path, weights_only=True))
        return network.eval()

    def transfer(self, source: Source) -> dict[str, Any]:
        """Measurements of a network on each of its targets."""
        return kept(self.out / "transfer" / f"{source.name}.json", lambda: self._transfer(source))

    def _transfer(self, source: Source) -> dict[str, Any]:
        network = self.network(source)
        found: dict[str, Any] = {"own": measured(network, self.frames(source))}
        for sequence in source.targets:
            few, unseen = self.target(sequence)
            found[sequence] = {"as_it_is": [measured(network, unseen)]}
            for way, move in (("head", with_new_head), ("tuned", tuned)):
                found[sequence][way] = [
                    measured(move(network, few, self.protocol, seed), unseen)
                    for seed in range(self.protocol.repeats)
                ]
        return found

    def scratch(self, sequence: str) -> dict[str, float]:
        """Measurements of a network that sees the few frames alone."""

        def run() -> dict[str, float]:
            few, unseen = self.target(sequence)
            return measured(from_scratch(few, self.protocol, seed=0), unseen)

        found: dict[str, float] = kept(self.out / "scratch" / f"{sequence}.json", run)
        return found

    def scores(self, source: Source, sequence: str) -> dict[str, Any]:
        """All scores of a network for a target."""
        path = self.out / "scores" / f"{source.name}-{sequence}.json"
        return kept(path, lambda: self._scores(source, sequence))

    def _scores(self, source: Source, sequence: str) -> dict[str, Any]:
        network, own = self.network(source), self.frames(source)
        few = self.target(sequence)[0]
        distance = np.linalg.norm(own.pictures.mean((0, 2, 3)) - few.pictures.mean((0, 2, 3)))
        found: dict[str, Any] = {
            "as_it_is": measured(network, few)["iou"],
            "own": measured(network, own)["iou"],
            "colour": -float(distance),
        }
        maps = self.maps(source, sequence)
        outputs = torch.from_numpy(maps["target_features"])
        for where in PLACES:
            otce = self.otce(maps, where)
            drawn = score_pixels(
                maps["target_features"],
                maps["target_label_maps"],
                source_probability_maps=torch.softmax(outputs, dim=1).numpy(),
                scores=[name for name in SCORES if name not in ("otce", "domain")],
                n_pixels=self.protocol.n_pixels,
                repeats=self.protocol.draws,
                where=where,
                ignore_index=VOID,
                random_state=0,
            )
            found[where] = {
                "otce": otce.score,
                "domain": -otce.domain_difference,
                "spread": float(otce.spread.task_differences.std(ddof=1)),
                "available": [
                    pixels[0].n_available for pixels in (otce.source_pixels, otce.target_pixels)
                ],
                **drawn.values,
            }
        return found

    def maps(self, source: Source, sequence: str) -> dict[str, Any]:
        """Outputs of a network's last layer and labels, for frames of both sides."""
        network = self.network(source)
        sides = {
            "source": self.frames(source).spread_out(self.protocol.scored_frames),
            "target": self.target(sequence)[0],
        }
        return {
            **{f"{side}_features": in_batches(network, f.pictures) for side, f in sides.items()},
            **{f"{side}_label_maps": frames.labels for side, frames in sides.items()},
        }

    def otce(self, maps: dict[str, Any], where: str) -> Any:
        """OTCE of a pair as the paper takes it."""
        return segmentation_otce(
            **maps,
            n_pixels=self.protocol.n_pixels,
            repeats=self.protocol.draws,
            where=where,
            ignore_index=VOID,
            random_state=0,
        )


def _job(experiment: Experiment, job: Source | str) -> str:
    """Train a network and measure its transfers; of a target, networks from scratch."""
    torch.set_num_threads(1)
    if isinstance(job, str):
        experiment.scratch(job)
        return job
    experiment.transfer(job)
    return job.name


def run(experiment: Experiment, jobs: int) -> None:
    """Compute all that is not yet there."""
    experiment.check_protocol()
    begin, sources = time.perf_counter(), sources_of(experiment.protocol)

    def say(what: str) -> None:
        print(f"{time.perf_counter() - begin:5.0f} s  {what}", file=sys.stderr, flush=True)

    todo = [*sources, *SEQUENCES]
    if jobs == 1:
        for job in todo:
            say(f"measured {_job(experiment, job)}")
    else:  # fresh processes: threads of PyTorch and OpenMP don't live through a fork
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(jobs, mp_context=context) as pool:
            for name in pool.map(_job, [experiment] * len(todo), todo):
                say(f"measured {name}")
    torch.set_num_threads(1)
    for source in sources:
        for sequence in source.targets:
            experiment.scores(source, sequence)
        say(f"scored {source.name}")


# --------------------------------------------------------------------------------- the report


@dataclass(frozen=True)
class Results:
    """Tables (networks, targets), nan where a network is of the target's sequence."""

    sources: list[Source]
    scratch: dict[str, Values]  # by measure, of each target
    measures: dict[tuple[str, str], Values]  # by way and measure
    scores: dict[tuple[str, str], Values]  # by score and place; baselines have no place
    available: dict[str, Values]  # by place: pixels of the source and of the target

    @classmethod
    def of(cls, experiment: Experiment) -> Results:
        """From the folder."""
        sources = sources_of(experiment.protocol)
        blank = np.full((len(sources), len(SEQUENCES)), np.nan)
        ways = ("as_it_is", "head", "tuned")
        measures = {(way, of): blank.copy() for way in ways for of in ("iou", "accuracy")}
        scores = {(name, place): blank.copy() for name in SCORES for place in PLACES}
        scores |= {(name, ""): blank.copy() for name in BASELINES}
        available: dict[str, list[list[int]]] = {place: [] for place in PLACES}
        for i, source in enumerate(sources):
            transfer = experiment.transfer(source)
            for sequence in source.targets:
                at = i, SEQUENCES.index(sequence)
                for (way, of), values in measures.items():
                    values[at] = np.mean([one[of] for one in transfer[sequence][way]])
                found = experiment.scores(source, sequence)
                for (name, place), values in scores.items():
                    values[at] = found[place][name] if place else found[name]
                for place in PLACES:
                    available[place].append(found[place]["available"])
        alone = [experiment.scratch(sequence) for sequence in SEQUENCES]
        scratch = {of: np.array([one[of] for one in alone]) for of in ("iou", "accuracy")}
        return cls(
            sources,
            scratch,
            measures,
            scores,
            {place: np.array(pixels, float) for place, pixels in available.items()},
        )


def within_targets(of: Correlation, scores: Values, outcome: Values, networks: Values) -> float:
    """Correlation over the networks of a target, the mean over targets.

    Targets without an order don't count, such as one of whose networks a single one was drawn.
    """
    found = []
    for x, y in zip(scores[networks].T, outcome[networks].T, strict=True):
        there = np.isfinite(y)
        found.append(_if_they_vary(of, x[there], y[there]))
    return float(np.nanmean(found)) if np.isfinite(found).any() else float("nan")


def _if_they_vary(of: Correlation, x: Values, y: Values) -> float:
    """A correlation, nan where there is none."""
    varies = all(len(np.unique(values)) > 1 for values in (x, y))
    return of(x, y) if varies else float("nan")


def over_pairs(sources: Sequence[Source], values: Values) -> Values:
    """The mean over networks of each ordered pair of sequences (12,)."""
    of = np.array([source.sequence for source in sources])
    means = np.array([values[of == sequence].mean(axis=0) for sequence in SEQUENCES])
    return means[np.isfinite(means)]


def interval(value: float, drawn: Sequence[float]) -> str:
    """A value with its 95 % interval by the bootstrap."""
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return f"{value:+.2f} ({low:+.2f} to {high:+.2f})"


def report(results: Results) -> Iterator[str]:
    """Markdown, paragraph by paragraph."""
    for place, pixels in results.available.items():
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        yield (
            f"Pixels to draw from, {place}: {low[0]:.0f} to {high[0]:.0f} of a source, "
            f"{low[1]:.0f} to {high[1]:.0f} of a target."
        )
    yield "Measured: the mean over a source sequence's networks"
    yield from _measured(results)
    yield "Spearman within targets, new head, mean IoU"
    yield _correlations(results, _Within(results, ("head", "iou")), spearman)
    yield "Kendall within targets, new head, mean IoU"
    yield _correlations(results, _Within(results, ("head", "iou")), kendall)
    yield "Spearman over the 12 ordered pairs, new head, mean IoU"
    yield _correlations(results, _Over(results, ("head", "iou")), spearman)
    yield "Kendall over the 12 ordered pairs, new head, mean IoU"
    yield _correlations(results, _Over(results, ("head", "iou")), kendall)
    yield "Spearman within targets, all outcomes"
    yield _all_outcomes(results)
    yield "OTCE, boundary minus uniform, within targets"
    yield _places(results)
    yield "The network of the best score"
    yield _choices(results)


def _measured(results: Results) -> Iterator[str]:
    of = np.array([source.sequence for source in results.sources])
    for measure in ("iou", "accuracy"):
        lines = []
        for way in ("as_it_is", "head", "tuned"):
            for sequence in SEQUENCES:
                means = results.measures[way, measure][of == sequence].mean(axis=0)
                cells = ["" if np.isnan(mean) else f"{mean:.3f}" for mean in means]
                lines.append([way, sequence, *cells])
        lines.append(["from scratch", "", *(f"{x:.3f}" for x in results.scratch[measure])])
        yield table([measure, "source", *SEQUENCES], lines)
    lines = []
    for (way, measure), title in OUTCOMES.items():
        spread = np.nanmax(results.measures[way, measure], axis=0)
        spread -= np.nanmin(results.measures[way, measure], axis=0)
        lines.append([title, *(f"{x:.3f}" for x in spread)])
    yield table(["best minus worst network", *SEQUENCES], lines)


class _Within:
    """Correlation within targets; other networks are drawn."""

    def __init__(self, results: Results, outcome: tuple[str, str]) -> None:
        self.outcome, n = results.measures[outcome], len(results.sources)
        self.drawn = np.random.default_rng(0).integers(n, size=(N_BOOTSTRAP, n))

    def __call__(self, of: Correlation, scores: Values) -> tuple[float, Values]:
        everything = np.arange(len(self.outcome))
        return within_targets(of, scores, self.outcome, everything), np.array(
            [within_targets(of, scores, self.outcome, networks) for networks in self.drawn]
        )


class _Over:
    """Correlation over ordered pairs of sequences; other pairs are drawn."""

    def __init__(self, results: Results, outcome: tuple[str, str]) -> None:
        self.sources = results.sources
        self.outcome = over_pairs(results.sources, results.measures[outcome])
        n = len(self.outcome)
        self.drawn = np.random.default_rng(0).integers(n, size=(N_BOOTSTRAP, n))

    def __call__(self, of: Correlation, scores: Values) -> tuple[float, Values]:
        x = over_pairs(self.sources, scores)
        drawn = [_if_they_vary(of, x[pairs], self.outcome[pairs]) for pairs in self.drawn]
        return _if_they_vary(of, x, self.outcome), np.array(drawn)


def _correlations(results: Results, statistic: _Within | _Over, of: Correlation) -> str:
    lines = []
    for name, title in SCORES.items():
        (a, draws_a), (b, draws_b) = (statistic(of, results.scores[name, p]) for p in PLACES)
        cells = [interval(a, draws_a), interval(b, draws_b), interval(a - b, draws_a - draws_b)]
        lines.append([title, *cells])
    for name, title in BASELINES.items():
        value, draws = statistic(of, results.scores[name, ""])
        lines.append([title, interval(value, draws), "", ""])
    return table(["score", "boundary", "uniform", "boundary - uniform"], lines)


def _all_outcomes(results: Results) -> str:
    everything, lines = np.arange(len(results.sources)), []
    for (name, place), scores in results.scores.items():
        cells = [
            f"{within_targets(spearman, scores, results.measures[outcome], everything):+.2f}"
            for outcome in OUTCOMES
        ]
        lines.append([(SCORES | BASELINES)[name], place, *cells])
    return table(["score", "pixels", *OUTCOMES.values()], lines)


def _places(results: Results) -> str:
    lines = []
    for outcome, title in OUTCOMES.items():
        cells = []
        for of in (spearman, kendall):
            statistic = _Within(results, outcome)
            (a, draws_a), (b, draws_b) = (statistic(of, results.scores["otce", p]) for p in PLACES)
            cells.append(interval(a - b, draws_a - draws_b))
        lines.append([title, *cells])
    return table(["outcome", "Spearman", "Kendall"], lines)


def _choices(results: Results) -> str:
    lines = []
    for measure in (("head", "iou"), ("tuned", "iou")):
        outcome = results.measures[measure]
        random, best = np.nanmean(outcome, axis=0), np.nanmax(outcome, axis=0)
        lines.append([OUTCOMES[measure], "any at random", "", f"{random.mean():.3f}"])
        lines.append([OUTCOMES[measure], "the best", "", f"{best.mean():.3f}"])
        for (name, place), scores in results.scores.items():
            first = np.nanargmax(scores, axis=0)
            got = outcome[first, np.arange(len(SEQUENCES))].mean()
            lines.append([OUTCOMES[measure], (SCORES | BASELINES)[name], place, f"{got:.3f}"])
    return table(["outcome", "chosen by", "pixels", "mean over targets"], lines)


def timed(experiment: Experiment) -> str:
    """Seconds of one call, the network's outputs being there."""
    source = sources_of(experiment.protocol)[0]
    maps = experiment.maps(source, source.targets[0])
    lines = []
    for where in PLACES:
        seconds = []
        for _ in range(N_TIMED):
            begin = time.perf_counter()
            experiment.otce(maps, where)
            seconds.append(time.perf_counter() - begin)
        spread = " ".join(f"{second:.2f}" for second in sorted(seconds))
        lines.append(f"{where}: {min(seconds):.2f} s at best of {spread}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment, or what is left of it, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="camvid.npz")
    parser.add_argument("--out", type=Path, required=True, help="folder that keeps all results")
    parser.add_argument("--jobs", type=int, default=2, help="networks trained at a time")
    parser.add_argument("--draws", type=int, default=10, help="of pixels, for each score")
    parser.add_argument("--time", action="store_true", help="time segmentation_otce, nothing else")
    options = parser.parse_args(arguments)
    experiment = Experiment(options.data, options.out, Protocol(draws=options.draws))
    if options.time:
        print(timed(experiment))
        return
    run(experiment, options.jobs)
    text = "\n\n".join(report(Results.of(experiment))) + "\n"
    (options.out / "report.md").write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    main()
