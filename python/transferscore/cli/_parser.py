"""The arguments of every command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import transferscore
from transferscore import _scores
from transferscore.cli import (
    _completion,
    _evaluate,
    _extract,
    _matrix,
    _otce,
    _plot,
    _select,
)
from transferscore.cli._options import (
    add_command,
    add_forms,
    add_quiet,
    add_seed,
    add_threads,
    positive,
    real,
    whole_numbers,
    words,
)

if TYPE_CHECKING:
    from transferscore.cli._options import Commands


# Fewer say nothing of an interval, and `rank` refuses them.
LEAST_RESAMPLES = 20


def program() -> argparse.ArgumentParser:
    """Return the parser of the whole program."""
    return _build()[0]


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the parsed arguments; `command` names the command."""
    parser, rankings = _build()
    args, rest = parser.parse_known_args(argv)
    # argparse gives a list of files the first group only: `a.npy --json b.npy` leaves b.npy over.
    if rest and (not hasattr(args, "files") or any(word.startswith("-") for word in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if rest:
        args.files += rest
    if args.command in rankings:
        args.sort_by = args.sort_by or default_order(args.scores)
        if args.sort_by not in args.scores:
            text = f"argument --sort-by: must be one of --scores, got '{args.sort_by}'"
            rankings[args.command].error(text)
    return args


def default_order(asked: Sequence[str]) -> str:
    """Return the score that ranks where the user names none."""
    return _scores.RANKS_BY_DEFAULT if _scores.RANKS_BY_DEFAULT in asked else asked[0]


def _build() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    parser = argparse.ArgumentParser(
        prog="transferscore",
        description="Which pretrained model transfers best? Scores of features, fast and checked.",
        allow_abbrev=False,
    )
    version = f"transferscore {transferscore.__version__}"
    parser.add_argument("--version", action="version", version=version)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    rankings = {"rank": _add_rank(commands), "pixels": _add_pixels(commands)}
    for command in (_otce, _matrix, _select, _evaluate, _plot, _extract, _completion):
        command.add(commands)
    _add_demo(commands)
    text = "print version, processor, threads and what else helps a bug report"
    _add_json(add_command(commands, "doctor", text, example="doctor --json"))
    return parser, rankings


def _add_rank(
    commands: Commands,
) -> argparse.ArgumentParser:
    rank = add_command(
        commands,
        "rank",
        "rank models by their features and the labels of your task",
        description="Rank models by their features and the labels of your task, best first.",
        example="rank --labels labels.npy resnet50.npy vit.npy",
    )
    rank.add_argument(
        "files",
        nargs="+",
        metavar="FILE_OR_FOLDER",
        help="features of one model, shape (n, d), as .npy, .npz, .safetensors, .parquet, HDF5 or "
        "zarr; a folder stands for its files",
    )
    rank.add_argument(
        "--labels",
        action="append",
        required=True,
        metavar="FILE",
        help="labels, shape (n,), in any of these formats; once for each task",
    )
    rank.add_argument(
        "--bootstrap",
        nargs="?",
        type=_resamples,
        const=200,
        metavar="N",
        help="intervals, ties and rank intervals from N resamples (200)",
    )
    rank.add_argument(
        "--resume",
        metavar="FILE",
        help="append scores to this file as they come, and look up those that are there",
    )
    rank.add_argument(
        "--dry-run",
        action="store_true",
        help="only judge, from a piece of each model, what a run would read, hold and take",
    )
    add_seed(rank)
    _add_scores(rank)
    return rank


def _add_pixels(
    commands: Commands,
) -> argparse.ArgumentParser:
    pixels = add_command(
        commands,
        "pixels",
        "rank models for segmentation by their feature maps and your label maps",
        description="Rank models for segmentation by their feature maps and your label maps, on "
        "the same sampled pixels, best first.",
        example="pixels --labels masks/ --ignore 255 unet.npy fcn.npy",
    )
    pixels.add_argument(
        "files",
        nargs="+",
        metavar="FILE_OR_FOLDER",
        help="feature maps of one model: all of them, shape (N, C, h, w), as .npy or .npz; or a "
        "folder with a .npy or .npz file (C, h, w) for each image, sorted by name",
    )
    pixels.add_argument(
        "--labels",
        required=True,
        metavar="FILE_OR_FOLDER",
        help="label maps: all of them, shape (N, H, W), as .npy or .npz; or a folder with a .png, "
        ".npy or .npz file for each image, sorted by name",
    )
    _add_sampling(pixels)
    pixels.add_argument(
        "--save-pixels", metavar="FILE", help="write the pixels that were drawn to an .npz file"
    )
    pixels.add_argument(
        "--save-map",
        metavar="FILE",
        help="write the score that ranks, for each patch of the image, to an .npz file",
    )
    pixels.add_argument(
        "--patch", type=positive, default=32, metavar="N", help="size of a patch (default: 32)"
    )
    _add_scores(pixels)
    return pixels


def _add_sampling(pixels: argparse.ArgumentParser) -> None:
    pixels.add_argument(
        "--pixels", type=positive, default=10_000, metavar="N", help="pixels (default: 10000)"
    )
    pixels.add_argument(
        "--repeats", type=positive, default=1, metavar="N", help="draws to average (default: 1)"
    )
    pixels.add_argument(
        "--where",
        choices=("boundary", "uniform", "balanced", "balanced-boundary"),
        default="boundary",
        help="which pixels (default: near label boundaries)",
    )
    pixels.add_argument(
        "--radius", type=real, metavar="R", help="what is near a boundary (default: 1)"
    )
    pixels.add_argument(
        "--ignore", type=whole_numbers, metavar="LABEL,LABEL", help="labels that do not count"
    )
    add_seed(pixels)
    pixels.add_argument(
        "--channels-last", action="store_true", help="feature maps are (N, h, w, C)"
    )
    pixels.add_argument(
        "--interpolate", action="store_true", help="features between those of a coarser map"
    )
    pixels.add_argument(
        "--volumes", action="store_true", help="label maps are volumes (N, D, H, W)"
    )


def _add_scores(rank: argparse.ArgumentParser) -> None:
    rank.add_argument(
        "--scores",
        type=_score_names,
        default=list(_scores.COMPUTED_BY_DEFAULT),
        metavar="NAME,NAME",
        help=f"scores to compute, all or of {', '.join(_scores.REGISTRY)} "
        f"(default: {','.join(_scores.COMPUTED_BY_DEFAULT)})",
    )
    rank.add_argument(
        "--sort-by",
        metavar="NAME",
        help=f"score to rank by (default: {_scores.RANKS_BY_DEFAULT}, or the first of --scores)",
    )
    add_forms(rank)
    add_threads(rank)
    add_quiet(rank)


def _add_demo(commands: Commands) -> None:
    text = "score the bundled zoo and compare the scores with measured accuracies"
    demo = add_command(commands, "demo", text, example="demo --report demo.html")
    _add_json(demo)
    page = demo.add_mutually_exclusive_group()
    page.add_argument(
        "--report",
        type=Path,
        default=Path("transferscore-demo.html"),
        metavar="FILE",
        help="where to write a page with every number and plots (default: transferscore-demo.html)",
    )
    page.add_argument(
        "--no-report", dest="report", action="store_const", const=None, help="write no page"
    )
    add_threads(demo)


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--json", dest="form", action="store_const", const="json", help="print JSON"
    )
    parser.set_defaults(form="table")


def _resamples(text: str) -> int:
    if (n_resamples := positive(text)) < LEAST_RESAMPLES:
        raise argparse.ArgumentTypeError(f"must be at least {LEAST_RESAMPLES}, got {n_resamples}")
    return n_resamples


def _score_names(text: str) -> list[str]:
    names = list(_scores.REGISTRY) if text == "all" else words(text)
    for name in names:
        if name not in _scores.REGISTRY:
            known = ", ".join(_scores.REGISTRY)
            raise argparse.ArgumentTypeError(f"must be among {known}, got '{name}'")
    return names
