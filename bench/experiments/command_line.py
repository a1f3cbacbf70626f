"""What experiments on tasks have in common as commands: run, or report what was committed."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from report_table import write_rows


@dataclass(frozen=True)
class Options:
    """Where data are, where results go, and whether a small part will do."""

    data: Path
    out: Path
    quick: bool


def run_or_report(
    about: str,
    result: str,
    run: Callable[[Options], Sequence[Mapping[str, Any]]],
    report: str,
    arguments: Sequence[str] | None = None,
) -> None:
    """Write what a run gives to the file `result`; or have the module `report` write the page."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with the data sets")
    parser.add_argument("--out", type=Path, help="folder that keeps all results")
    parser.add_argument("--quick", action="store_true", help="a small part, to see that it runs")
    parser.add_argument("--report", action="store_true", help="tables and plot, from results/")
    given = parser.parse_args(arguments)
    if given.report:
        import_module(report).write_report()
    elif given.data is None or given.out is None:
        parser.error("--data and --out are needed to run it")
    else:
        write_rows(given.out / result, run(Options(given.data, given.out, given.quick)))
