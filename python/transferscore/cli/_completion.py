"""``transferscore completion``: what a shell needs to complete commands and options."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from transferscore.cli._options import add_command

if TYPE_CHECKING:
    from transferscore.cli._options import Commands
    from transferscore.cli._output import Outcome


# Metavars of arguments that are paths.
FILES = ("FILE", "FOLDER", "SOURCE", "TARGET")


def add(commands: Commands) -> None:
    """Add the command to the program's."""
    parser = add_command(
        commands,
        "completion",
        "print what a shell needs to complete commands, options and files",
        example="completion bash > ~/.local/share/bash-completion/completions/transferscore",
    )
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="the shell")


def run(args: argparse.Namespace) -> Outcome:
    """Write the script with shtab, which knows the shells."""
    from transferscore.cli._output import CommandError, Outcome
    from transferscore.cli._parser import program

    try:
        import shtab
    except ImportError as error:
        raise CommandError("completion needs shtab: pip install 'transferscore[cli]'") from error
    parser = program()
    _complete_files(parser, shtab.FILE)
    return Outcome(shtab.complete(parser, args.shell).rstrip("\n") + "\n")


def _complete_files(parser: argparse.ArgumentParser, how: object) -> None:
    """Say which arguments are files, of the program and of its commands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _complete_files(command, how)
        elif str(action.metavar).startswith(FILES):
            action.complete = how  # type: ignore[attr-defined]
