"""``transferscore extract``: features of the layers of a network, into files."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from transferscore.cli._options import add_command, add_forms, add_quiet, words
from transferscore.ranking._tabular import Sheet, Tabular

if TYPE_CHECKING:
    from transferscore.cli._options import Commands
    from transferscore.cli._output import Outcome
    from transferscore.extract import ExtractedFeatures

POOLINGS = ("mean", "max", "cls", "flatten", "none")


def add(commands: Commands) -> None:
    """Add the command to the program's."""
    parser = add_command(
        commands,
        "extract",
        "write features of the layers of a PyTorch network to files",
        description="Write features of the layers of a PyTorch network to files, as `rank` reads "
        "them. MODEL and LOADER are MODULE:NAME, where the module, found in this folder or "
        "installed, holds the object or a function without arguments that makes it. That runs the "
        "module. Called again after an interruption, it goes on.",
        example="extract nets:resnet data:loader --layers layer3,last --out features/",
    )
    parser.add_argument("model", metavar="MODEL", help="the network, as MODULE:NAME")
    parser.add_argument("loader", metavar="LOADER", help="the batches, as MODULE:NAME")
    parser.add_argument(
        "--layers",
        type=words,
        default=["last"],
        metavar="NAME,NAME",
        help="names of modules, or patterns (default: last)",
    )
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where the files go")
    parser.add_argument(
        "--pooling",
        choices=POOLINGS,
        default="mean",
        help="how an output becomes a row (default: mean over positions)",
    )
    parser.add_argument("--device", metavar="NAME", help="where the network runs, such as cuda:0")
    parser.add_argument("--restart", action="store_true", help="do not go on, but begin anew")
    add_forms(parser)
    add_quiet(parser)


def run(args: argparse.Namespace) -> Outcome:
    """Run the network over the batches, and say which files there are."""
    from transferscore.cli._output import CommandError, Exit, Outcome
    from transferscore.cli._print import printer
    from transferscore.cli._scoring import one_line
    from transferscore.extract import extract_features

    write = printer(args.form)
    model, loader = _made(args.model), _made(args.loader)
    try:
        found = extract_features(
            model,
            loader,
            args.layers,
            pooling=args.pooling,
            out=args.out,
            device=args.device,
            resume=not args.restart,
            progress=not args.quiet,
        )
    except (ValueError, TypeError, ModuleNotFoundError, OSError, RuntimeError) as error:
        raise CommandError(one_line(error), Exit.NO_RESULT) from error
    return Outcome(write(ExtractReport(args.out, args.pooling, found)))


@dataclass(frozen=True)
class ExtractReport(Tabular):
    """The files that were written."""

    KIND = "extract"

    folder: str
    pooling: str
    found: ExtractedFeatures

    def _columns(self) -> dict[str, list[Any]]:
        arrays = self.found.features
        return {
            "layer": list(arrays),
            "shape": ["x".join(map(str, array.shape)) for array in arrays.values()],
            "dtype": [array.dtype.name for array in arrays.values()],
            "file": [str(self.found.files[layer]) for layer in arrays],
        }

    def _about(self) -> dict[str, Any]:
        labels = self.found.labels is not None
        return {
            "folder": self.folder,
            "pooling": self.pooling,
            "n": self.found.n,
            "has_labels": labels,
        }

    def _sheet(self) -> Sheet:
        columns = self._columns()
        rows = list(zip(*columns.values(), strict=True))
        with_labels = "with labels" if self.found.labels is not None else "without labels"
        note = f"{self.found.n:,} samples, {with_labels}; pooling: {self.pooling}"
        return Sheet(("Layer", "Shape", "Type", "File"), rows, "llll", notes=[note])


def _made(text: str) -> Any:
    """The object that MODULE:NAME stands for, or what it returns where it is a function."""
    from transferscore.cli._output import CommandError
    from transferscore.cli._scoring import one_line

    module, _, name = text.partition(":")
    if not module or not name:
        raise CommandError(f"'{text}' must be MODULE:NAME")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
        is_network_or_batches = hasattr(found, "named_modules") or hasattr(found, "__iter__")
        return found() if callable(found) and not is_network_or_batches else found
    except Exception as error:  # whatever the user's module does
        reason = one_line(error) or type(error).__name__
        raise CommandError(f"'{text}' cannot be made: {reason}") from error
