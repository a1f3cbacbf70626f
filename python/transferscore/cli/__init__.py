"""The command line: ``transferscore rank``, ``pixels``, ``demo`` and ``doctor``.

Data go to standard output, talk goes to standard error. The commands compose the public
functions of the package; whatever they need is imported when they run.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from transferscore.cli._output import CommandError, Exit, Outcome, emit, flush, say

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments after the program's name; by default those of the process.

    Returns
    -------
    int
        The exit code, see `docs/commands.md`.
    """
    try:
        from transferscore.cli._parser import parse

        outcome = _run(parse(argv))
        emit(outcome.text)
    except SystemExit as stop:  # argparse has printed its help, the version or an error
        flush()
        return int(stop.code or 0)
    except CommandError as error:
        say(f"error: {error}")
        return error.code
    except KeyboardInterrupt:
        say("interrupted")
        return Exit.INTERRUPTED
    return outcome.code


def _run(args: argparse.Namespace) -> Outcome:
    if args.command == "rank":
        from transferscore.cli import _rank

        return _rank.run(args)
    if args.command == "pixels":
        from transferscore.cli import _pixels

        return _pixels.run(args)
    if args.command == "demo":
        from transferscore.cli import _demo

        return _demo.run(args)
    from transferscore import _doctor

    return Outcome(_doctor.report().rstrip("\n") + "\n")
