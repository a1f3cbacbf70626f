"""Tables and plots of a few-shot experiment, from its results alone."""

from pathlib import Path


def report(path: Path) -> str:
    return str(path)
