"""Where the words go: data to standard output, talk to standard error."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from dataclasses import dataclass
from enum import IntEnum
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress


class Exit(IntEnum):
    """The documented exit codes."""

    OK = 0
    SOME_FAILED = 1
    USAGE = 2
    NO_RESULT = 3
    INTERRUPTED = 130


@dataclass(frozen=True)
class Outcome:
    """What a command hands back: the text for standard output and the exit code."""

    text: str
    code: Exit = Exit.OK


class CommandError(Exception):
    """Ends a command with one line on standard error."""

    def __init__(self, text: str, code: Exit = Exit.USAGE) -> None:
        super().__init__(text)
        self.code = code


def emit(text: str) -> None:
    """Write data to standard output and flush, so that a failure shows here and not at exit.

    A reader that has seen enough (``| head``) is no failure.
    """
    try:
        if sys.stdout is None:  # started with standard output closed
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        encoding = sys.stdout.encoding or "utf-8"
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except OSError as error:
        _discard_stdout()
        if not _reader_left(error):
            reason = f"cannot write to standard output: {error.strerror}"
            raise CommandError(reason, Exit.NO_RESULT) from error


def flush() -> None:
    """Flush what others have printed; nobody is left to tell if that fails."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        _discard_stdout()


def _reader_left(error: OSError) -> bool:
    # Windows reports a closed pipe as an invalid argument.
    return error.errno == errno.EPIPE or (os.name == "nt" and error.errno == errno.EINVAL)


def _discard_stdout() -> None:
    """Send what is still buffered to nowhere: Python would complain about it at exit."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        stdout = sys.stdout.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stdout)
        os.close(nowhere)


def say(line: str) -> None:
    """Write one line to standard error. A result never fails because nobody listens there."""
    if sys.stderr is not None:  # print() would take None for standard output
        with contextlib.suppress(OSError):
            print(line, file=sys.stderr, flush=True)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person reads `stream`."""
    return stream is not None and stream.isatty()


def wants_colour() -> bool:
    """Whether the user has not asked for none, see https://no-color.org."""
    return not os.environ.get("NO_COLOR")


class Talk:
    """Errors and warnings as they come, and on a terminal a progress bar below them."""

    def __init__(self, total: int | None, *, quiet: bool) -> None:
        """Prepare for `total` steps, None for unknown; `quiet` leaves the errors only."""
        self._quiet = quiet
        animated = is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb"
        self._bar = _progress_bar(total) if animated and not quiet else None

    def __enter__(self) -> Talk:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar:
            self._bar.stop()

    def working_on(self, name: str) -> None:
        """Name the step that begins."""
        if self._bar:
            self._bar.update(self._bar.task_ids[0], description=name)

    def done(self, steps: int | None = None) -> None:
        """End the step, or say how many are over."""
        if self._bar:
            self._bar.update(
                self._bar.task_ids[0],
                completed=steps,
                advance=1 if steps is None else None,
            )

    def error(self, text: str) -> None:
        """Say what failed."""
        self._say(f"error: {text}")

    def warning(self, text: str) -> None:
        """Say what deserves a second look, unless asked to be quiet."""
        if not self._quiet:
            self._say(f"warning: {text}")

    def _say(self, line: str) -> None:
        if self._bar:
            self._bar.console.out(line, highlight=False)
        else:
            say(line)


def _progress_bar(total: int | None) -> Progress | None:
    try:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    except ImportError:
        return None  # the bar is a comfort; only the tables insist on rich
    console = Console(file=sys.stderr, color_system="auto" if wants_colour() else None)
    bar = Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}", markup=False),
        console=console,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    bar.add_task("", total=total)
    return bar
