"""``transferscore matrix``: many models for many tasks."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from transferscore.cli._options import (
    add_command,
    add_forms,
    add_quiet,
    add_threads,
    positive,
)

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from transferscore.cli._options import Commands
    from transferscore.cli._output import Outcome, Talk
    from transferscore.ranking import ScoreMatrix


def add(commands: Commands) -> None:
    """Add the command to the program's."""
    parser = add_command(
        commands,
        "matrix",
        "score many models for many tasks, or many tasks for many tasks",
        description="Score every model for every task. Models give features of the same samples, a "
        "target is a file with their labels; for --score otce both sides are tasks, archives with "
        "`features` and `labels`.",
        example="matrix --target animals.npy --target light.npy --resume run.log a.npy b.npy",
    )
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE_OR_FOLDER",
        help="features of models, or source tasks; a folder stands for its files",
    )
    parser.add_argument(
        "--target",
        action="append",
        required=True,
        metavar="FILE",
        help="labels of a task, or a target task; once for each",
    )
    parser.add_argument(
        "--score", default="h_score", metavar="NAME", help="the score (default: h_score)"
    )
    parser.add_argument(
        "--resume",
        metavar="FILE",
        help="append scores to this file as they come, and look up those that are there",
    )
    parser.add_argument(
        "--processes", type=positive, metavar="N", help="processes to spread the work over"
    )
    add_forms(parser)
    add_threads(parser)
    add_quiet(parser)


def run(args: argparse.Namespace) -> Outcome:
    """Score all pairs; what fails is said and left out."""
    from transferscore.cli._output import CommandError, Exit, Outcome, Talk
    from transferscore.cli._print import printer
    from transferscore.cli._scoring import one_line
    from transferscore.io import printable

    write = printer(args.form)
    sources, targets = _named(args.files), _named(args.target)
    try:
        with (
            Talk(len(sources) * len(targets), quiet=args.quiet) as talk,
            _engine(args.processes) as executor,
        ):
            talk.working_on(args.score)
            matrix = _scored(args, sources, targets, executor, talk)
            for (source, target), reason in matrix.errors.items():
                talk.error(f"'{printable(source)}' for '{printable(target)}': {reason}")
    except (ValueError, TypeError, OSError) as error:
        raise CommandError(one_line(error), Exit.NO_RESULT) from error
    return Outcome(write(matrix), Exit.SOME_FAILED if matrix.errors else Exit.OK)


def _named(paths: list[str]) -> dict[str, Any]:
    """Files by the shortest names that tell them apart."""
    from transferscore.io import list_feature_files

    return {file.name: file.path for file in list_feature_files(paths)}


@contextmanager
def _engine(n_processes: int | None) -> Iterator[Executor | None]:
    if n_processes is None:
        yield None
        return
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_processes, mp_context=context) as pool:
        yield pool


def _scored(
    args: argparse.Namespace,
    sources: dict[str, Any],
    targets: dict[str, Any],
    executor: Executor | None,
    talk: Talk,
) -> ScoreMatrix:
    from transferscore.cli._scoring import one_line
    from transferscore.ranking import score_matrix

    if args.score == "otce":
        sources, targets = _tasks(sources), _tasks(targets)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        matrix = score_matrix(
            sources,
            targets,
            score=args.score,
            log=args.resume,
            executor=executor,
            progress=lambda done, _: talk.done(done),
            n_threads=args.threads,
        )
    for text in dict.fromkeys(one_line(entry.message) for entry in caught):
        if "pairs were not scored" not in text:  # each is said by itself
            talk.warning(text)
    return matrix


def _tasks(paths: dict[str, Any]) -> dict[str, Any]:
    return {name: {"features": path, "labels": path} for name, path in paths.items()}
