"""Options that commands share, and the types of their values."""

from __future__ import annotations

import argparse
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

EXIT_CODES = """\
exit codes:
  0    everything was scored
  1    some files could not be scored, the others were
  2    wrong usage, unreadable labels, or rich is missing
  3    nothing could be scored, or the result could not be written
  130  interrupted
"""

FORMS = (("json", "JSON"), ("csv", "CSV"), ("markdown", "a Markdown table"))


def add_command(
    commands: Commands, name: str, text: str, *, example: str, description: str | None = None
) -> argparse.ArgumentParser:
    """Add a command with its help: what it does, an example and the exit codes."""
    return commands.add_parser(
        name,
        help=text,
        description=textwrap.fill(description or f"{text[0].upper()}{text[1:]}.", 79),
        epilog=f"example:\n  transferscore {example}\n\n{EXIT_CODES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def add_forms(parser: argparse.ArgumentParser) -> None:
    """How the result is printed."""
    form = parser.add_mutually_exclusive_group()
    for name, text in FORMS:
        form.add_argument(
            f"--{name}", dest="form", action="store_const", const=name, help=f"print {text}"
        )
    parser.set_defaults(form="table")


def add_threads(parser: argparse.ArgumentParser) -> None:
    """How many threads."""
    parser.add_argument(
        "--threads",
        type=positive,
        metavar="N",
        help="threads to use (default: as many as this process may use)",
    )


def add_quiet(parser: argparse.ArgumentParser) -> None:
    """Whether to say less."""
    parser.add_argument(
        "--quiet", action="store_true", help="no progress, no warnings; only errors"
    )


def add_seed(parser: argparse.ArgumentParser) -> None:
    """What random draws begin with."""
    parser.add_argument(
        "--seed", type=whole_number, default=0, metavar="N", help="seed (default: 0)"
    )


def positive(text: str) -> int:
    """An integer of at least 1."""
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be an integer of at least 1, got '{text}'")
    return int(text)


def whole_number(text: str) -> int:
    """An integer of at least 0."""
    if not text.isascii() or not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be an integer of at least 0, got '{text}'")
    return int(text)


def whole_numbers(text: str) -> list[int]:
    """Integers with commas between them."""
    try:
        return [int(label) for label in text.split(",")]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be integers, got '{text}'") from error


def real(text: str) -> float:
    """A number."""
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be a number, got '{text}'") from error


def words(text: str) -> list[str]:
    """Words with commas between them, each once."""
    return list(dict.fromkeys(text.split(",")))
