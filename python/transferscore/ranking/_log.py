"""Scores that are there already: a file to which they are appended as they come.

A line of JSON for each score, known again by its names and by the content of all that it was
computed from. While a matrix is computed, lines stand in the order in which they came; once it is
complete, in that of their names, so that the file doesn't tell who was faster, or whether somebody
was interrupted.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from transferscore import _checks

HEADER = {"log": "transferscore.score_matrix", "version": 1}
FIELDS = {"score": str, "source": str, "target": str, "key": str, "value": float}
Record = dict[str, Any]


class Log:
    """The scores in a file."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._records: dict[tuple[str, ...], Record] = {}
        self._values: dict[tuple[str, ...], dict[str, float]] = {}  # by names, then by key
        self._stream: Any = None

    def __enter__(self) -> "Log":
        length = self._read()
        if length == 0:
            self._path.write_bytes(_line(HEADER))
        else:
            os.truncate(self._path, length)  # a line whose writing was interrupted
        self._stream = self._path.open("ab")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stream.close()
        if kind is None:
            self._arrange()

    def known(self, score: str, source: str, target: str) -> dict[str, float]:
        """Scores of these names, by key."""
        return self._values.get((score, source, target), {})

    def append(self, records: Iterable[Record]) -> None:
        """Write new scores; they are safe if this process is killed later."""
        lines = []
        for record in records:
            if self._learn(record):
                lines.append(_line(record))
        self._stream.write(b"".join(lines))
        self._stream.flush()

    def _learn(self, record: Record) -> bool:
        """Keep a record; whether it is a new one."""
        *names, key = identity = _identity(record)
        values = self._values.setdefault(tuple(names), {})
        if key in values:
            return False
        values[key] = record["value"]
        self._records[identity] = record
        return True

    def _read(self) -> int:
        """Read the file; how many of its bytes are whole lines."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return 0
        except OSError as error:
            raise _checks.no_log(self._path, str(error.strerror)) from error
        head = _line(HEADER)
        if head.startswith(content) and content != head:
            return 0  # empty, or killed while the first line was written
        if not content.startswith(head):
            raise _checks.no_log(self._path, "its first line is another one")
        lines = content.split(b"\n")
        for number, line in enumerate(lines[1:-1], start=2):
            record = _record(line)
            if record is None:
                raise _checks.no_log(self._path, f"line {number} is damaged")
            self._learn(record)
        return len(content) - len(lines[-1])

    def _arrange(self) -> None:
        """Order the lines, in a new file that takes the place of the old one at once."""
        ordered = [self._records[identity] for identity in sorted(self._records)]
        content = b"".join(map(_line, [HEADER, *ordered]))
        if content == self._path.read_bytes():
            return
        fresh = self._path.with_name(f"{self._path.name}.{os.getpid()}.new")
        with fresh.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(self._path)


def _identity(record: Record) -> tuple[str, ...]:
    return tuple(record[name] for name in ("score", "source", "target", "key"))


def _line(record: Record) -> bytes:
    return json.dumps(record, separators=(", ", ": ")).encode("ascii") + b"\n"


def _record(line: bytes) -> Record | None:
    """What a line holds; None where it is damaged."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    if not isinstance(record, dict) or record.keys() != FIELDS.keys():
        return None
    return record if all(isinstance(record[k], kind) for k, kind in FIELDS.items()) else None
