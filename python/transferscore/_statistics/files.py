"""Files of statistics: `.npz` archives without pickled objects."""

from os import PathLike
from typing import Any

import numpy as np


def write(path: str | PathLike[str], what: str, version: int, arrays: dict[str, Any]) -> None:
    """Write arrays with the name and version of their format, to exactly this path."""
    with open(path, "wb") as file:
        np.savez(file, format=f"transferscore {what}", version=version, **arrays)
