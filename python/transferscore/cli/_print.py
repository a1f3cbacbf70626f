"""Results that are tables, in the form that was asked for."""

from __future__ import annotations

from collections.abc import Callable

from transferscore.cli import _formats
from transferscore.ranking._tabular import Tabular


def printer(form: str) -> Callable[[Tabular], str]:
    """Return the function that puts a result into `form`; say now what it lacks."""
    if form == "table":
        _formats.require_rich()
        from transferscore.cli import _table

        return _table.result
    return {"json": Tabular.to_json, "csv": Tabular.to_csv, "markdown": Tabular.to_markdown}[form]
