"""``transferscore otce``: source tasks for a target task, the nearest first."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferscore.cli._options import (
    add_command,
    add_forms,
    add_quiet,
    add_seed,
    add_threads,
    positive,
    real,
    whole_numbers,
)
from transferscore.ranking._tabular import Sheet, Tabular

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from transferscore import OTCEResult
    from transferscore.cli._options import Commands
    from transferscore.cli._output import Outcome, Talk


def add(commands: Commands) -> None:
    """Add the command to the program's."""
    parser = add_command(
        commands,
        "otce",
        "rank source tasks for a target task by OTCE",
        description="Rank source tasks for a target task by OTCE without auxiliary tasks (-W_T): "
        "optimal transport between the domains, then the conditional entropy of the labels. A "
        "task is an archive with `features` and `labels`, or a folder with such files.",
        example="otce --target webcam.npz amazon.npz dslr.npz",
    )
    parser.add_argument("files", nargs="+", metavar="SOURCE", help="source tasks")
    parser.add_argument("--target", required=True, metavar="TARGET", help="the target task")
    parser.add_argument(
        "--method",
        choices=("sinkhorn", "exact"),
        default="sinkhorn",
        help="entropic or exact transport (default: sinkhorn)",
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--epsilon", type=real, metavar="E", help="regularisation, in units of cost")
    size.add_argument(
        "--relative-epsilon",
        type=real,
        metavar="R",
        help="regularisation, as a share of the median cost (default: 0.02)",
    )
    parser.add_argument(
        "--label-cost",
        choices=("gaussian", "gaussian-diagonal", "exact"),
        help="add distances between classes, so computed, to the costs (JC-OTCE)",
    )
    parser.add_argument(
        "--ignore", type=whole_numbers, metavar="LABEL,LABEL", help="labels that do not count"
    )
    parser.add_argument(
        "--points", type=positive, metavar="N", help="sample so many points of each side"
    )
    parser.add_argument(
        "--repeats", type=positive, default=1, metavar="N", help="samples to average (default: 1)"
    )
    add_seed(parser)
    add_forms(parser)
    add_threads(parser)
    add_quiet(parser)


def run(args: argparse.Namespace) -> Outcome:
    """Score all sources; what fails is said and left out."""
    from transferscore.cli._output import CommandError, Exit, Outcome, Talk
    from transferscore.cli._print import printer
    from transferscore.io import FileError

    write = printer(args.form)
    if args.repeats > 1 and args.points is None:
        raise CommandError("--repeats is for samples, of so many points as --points says")
    try:
        target = _load(args.target)
    except FileError as error:
        raise CommandError(str(error)) from error
    with Talk(len(args.files), quiet=args.quiet) as talk:
        report = _scored(args, target, talk)
    if not report.results:
        return Outcome(write(report) if args.form != "table" else "", Exit.NO_RESULT)
    return Outcome(write(report), Exit.SOME_FAILED if report.errors else Exit.OK)


@dataclass(frozen=True)
class OTCEReport(Tabular):
    """Sources by name, the best first, and what kept others from being scored."""

    KIND = "otce"

    target: str
    options: Mapping[str, Any]
    results: Mapping[str, OTCEResult]
    errors: Mapping[str, str]

    def _columns(self) -> dict[str, list[Any]]:
        results = list(self.results.values())
        better = [sum(other.score > result.score for other in results) for result in results]
        return {
            "rank": [1 + count for count in better],
            "source": list(self.results),
            "score": [result.score for result in results],
            "task_difference": [result.task_difference for result in results],
            "domain_difference": [result.domain_difference for result in results],
            "source_classes": [len(result.source_classes) for result in results],
            "target_classes": [len(result.target_classes) for result in results],
            "converged": [getattr(result.solver, "converged", True) for result in results],
        }

    def _about(self) -> dict[str, Any]:
        return {"target": self.target, **self.options, "errors": self.errors}

    def _sheet(self) -> Sheet:
        columns = self._columns()
        shown = {
            "rank": "Rank",
            "source": "Source",
            "score": "OTCE (-W_T)",
            "domain_difference": "W_D",
            "source_classes": "classes",
            "converged": "converged",
        }
        # More digits than the marginal error leaves to W_D would be noise.
        columns["domain_difference"] = [f"{W_D:#.5g}" for W_D in columns["domain_difference"]]
        rows = list(zip(*(columns[name] for name in shown), strict=True))
        notes = [f"target: {self.target}; higher is better, in nats; W_D in squared units"]
        return Sheet(tuple(shown.values()), rows, "rlrrrl", notes=notes)


def _scored(args: argparse.Namespace, target: dict[str, NDArray[Any]], talk: Talk) -> OTCEReport:
    from transferscore.cli._scoring import one_line
    from transferscore.io import FileError, display_names, printable

    options = _options(args)
    paths = [Path(path) for path in dict.fromkeys(args.files)]
    results: dict[str, OTCEResult] = {}
    errors: dict[str, str] = {}
    for name, path in zip(display_names(paths), paths, strict=True):
        talk.working_on(printable(name))
        try:
            results[name], texts = _score(_load(path), target, options, args.threads)
        except (ValueError, TypeError, MemoryError, ModuleNotFoundError) as error:
            reason = one_line(error) or type(error).__name__
            errors[name] = (
                reason if isinstance(error, FileError) else f"'{printable(path)}': {reason}"
            )
            talk.error(errors[name])
        else:
            for text in texts:
                talk.warning(f"'{printable(path)}': {text}")
        talk.done()
    ordered = dict(sorted(results.items(), key=lambda entry: -entry[1].score))
    return OTCEReport(str(args.target), options, ordered, errors)


def _options(args: argparse.Namespace) -> dict[str, Any]:
    """How OTCE is computed, as the function of the package has it."""
    sampled = args.points is not None
    return {
        "method": args.method,
        "epsilon": args.epsilon,
        "relative_epsilon": args.relative_epsilon,
        "label_cost": args.label_cost,
        "ignore_index": args.ignore,
        "n_pairs": args.points,
        "n_repeats": args.repeats,
        "random_state": args.seed if sampled else None,
    }


def _score(
    source: Mapping[str, NDArray[Any]],
    target: Mapping[str, NDArray[Any]],
    options: Mapping[str, Any],
    n_threads: int | None,
) -> tuple[OTCEResult, Sequence[str]]:
    from transferscore import otce
    from transferscore.cli._scoring import one_line

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = otce(
            source_features=source["features"],
            source_labels=source["labels"],
            target_features=target["features"],
            target_labels=target["labels"],
            n_threads=n_threads,
            **options,
        )
    return result, list(dict.fromkeys(one_line(entry.message) for entry in caught))


def _load(path: str | Path) -> dict[str, NDArray[Any]]:
    """Features and labels of one task: from an archive, or from two files in a folder."""
    from transferscore.io import FileError, load_features, load_labels, printable

    path = Path(path)
    if not path.is_dir():
        return {"features": load_features(path), "labels": load_labels(path)}
    files = {name: sorted(path.glob(f"{name}.*")) for name in ("features", "labels")}
    for name, found in files.items():
        if len(found) != 1:
            raise FileError(
                f"'{printable(path)}' must hold one file called {name}, holds {len(found)}"
            )
    return {
        "features": load_features(files["features"][0]),
        "labels": load_labels(files["labels"][0]),
    }
