"""``transferscore select``: which models together, or which layer."""

from __future__ import annotations

import argparse
import warnings
from typing import TYPE_CHECKING, Any

from transferscore.cli._options import (
    add_command,
    add_forms,
    add_quiet,
    add_threads,
    positive,
    real,
    whole_numbers,
)

if TYPE_CHECKING:
    from transferscore.cli._options import Commands
    from transferscore.cli._output import Outcome, Talk
    from transferscore.ranking import LayerCurve, SelectedSet


def add(commands: Commands) -> None:
    """Add the command to the program's."""
    parser = add_command(
        commands,
        "select",
        "choose models whose features belong together, or a layer",
        description="Choose models whose features side by side have the highest H-score, one by "
        "one, as long as another adds something; or with --layers score the layers of one network "
        "in the order in which they are given, and choose the best.",
        example="select --labels labels.npy --size 3 resnet50.npy vit.npy clip.npy",
    )
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE_OR_FOLDER",
        help="features of models or layers; a folder stands for its files",
    )
    parser.add_argument("--labels", required=True, metavar="FILE", help="labels, shape (n,)")
    parser.add_argument("--size", type=positive, metavar="K", help="the most models to choose")
    parser.add_argument(
        "--min-gain",
        type=real,
        default=0.0,
        metavar="G",
        help="choose another only if the score rises by more than this (default: 0)",
    )
    parser.add_argument(
        "--shrinkage", action="store_true", help="H-scores with Ledoit-Wolf shrinkage"
    )
    parser.add_argument("--layers", action="store_true", help="the files are layers of a network")
    parser.add_argument(
        "--score", metavar="NAME", help="with --layers, the score (default: adjusted H-score)"
    )
    parser.add_argument(
        "--ignore", type=whole_numbers, metavar="LABEL,LABEL", help="labels that do not count"
    )
    add_forms(parser)
    add_threads(parser)
    add_quiet(parser)


def run(args: argparse.Namespace) -> Outcome:
    """Choose among what can be read; what can't is said and left out."""
    from transferscore.cli._output import CommandError, Exit, Outcome, Talk
    from transferscore.cli._print import printer
    from transferscore.cli._scoring import one_line
    from transferscore.io import FileError, list_feature_files, load_labels

    _refuse_what_does_not_fit(args)
    write = printer(args.form)
    try:
        labels = load_labels(args.labels)
    except FileError as error:
        raise CommandError(str(error)) from error
    files = list_feature_files(args.files, labels=args.labels)
    with Talk(len(files), quiet=args.quiet) as talk:
        candidates, n_failed = _read(files, len(labels), talk)
        if not candidates:
            return Outcome("", Exit.NO_RESULT)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                result = _chosen(args, candidates, labels)
            except (ValueError, TypeError, MemoryError) as error:
                text = one_line(error) or type(error).__name__
                raise CommandError(text, Exit.NO_RESULT) from error
        for text in dict.fromkeys(one_line(entry.message) for entry in caught):
            talk.warning(text)
    return Outcome(write(result), Exit.SOME_FAILED if n_failed else Exit.OK)


def _refuse_what_does_not_fit(args: argparse.Namespace) -> None:
    from transferscore.cli._output import CommandError

    of_sets = args.size is not None or args.min_gain or args.shrinkage or args.ignore
    if args.layers and of_sets:
        raise CommandError("--size, --min-gain, --shrinkage and --ignore are not for --layers")
    if args.score is not None and not args.layers:
        raise CommandError("--score is for --layers; sets are chosen by their H-score")


def _read(files: list[Any], n: int, talk: Talk) -> tuple[dict[str, Any], int]:
    """Features by name, and how many files could not be used."""
    from transferscore.io import FileError, load_features, printable

    found: dict[str, Any] = {}
    for file in files:
        talk.working_on(printable(file.name))
        try:
            features = load_features(file.path)
            if len(features) != n:
                raise FileError(
                    f"'{printable(file.path)}' must have {n:,} rows, one per label, has "
                    f"{len(features):,}"
                )
        except (FileError, ModuleNotFoundError) as error:
            talk.error(str(error))
        else:
            found[file.name] = features
        talk.done()
    return found, len(files) - len(found)


def _chosen(
    args: argparse.Namespace, candidates: dict[str, Any], labels: Any
) -> SelectedSet | LayerCurve:
    from transferscore.ranking import select_layers, select_set

    if args.layers:
        return select_layers(candidates, labels, score=args.score, n_threads=args.threads)
    return select_set(
        candidates,
        labels,
        k=args.size,
        min_gain=args.min_gain,
        shrinkage="ledoit-wolf" if args.shrinkage else None,
        ignore_index=args.ignore,
        n_threads=args.threads,
    )
