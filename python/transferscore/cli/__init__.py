"""The command line: ``transferscore rank``, ``pixels``, ``otce``, ``demo``, ``doctor`` and others.

Data go to standard output, talk goes to standard error. The commands compose the public
functions of the package; whatever they need is imported when they run.
"""

from __future__ import annotations

import argparse
import importlib
import json
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
    if args.command == "doctor":
        from transferscore import _doctor

        as_json = args.form == "json"
        text = json.dumps(_doctor.facts(), indent=2) if as_json else _doctor.report()
        return Outcome(text.rstrip("\n") + "\n")
    command = importlib.import_module(f"transferscore.cli._{args.command}")
    outcome: Outcome = command.run(args)
    return outcome
