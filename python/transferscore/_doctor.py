"""What `transferscore doctor` says about this installation."""

import platform
import sys
from pathlib import Path

import numpy as np

import transferscore
from transferscore import _backend, _threads

OPENMP_RUNTIMES = ("libgomp", "libiomp", "libomp", "vcomp")


def facts() -> dict[str, str]:
    """What there is to know, by name."""
    return {
        "transferscore": transferscore.__version__,
        "python": f"{platform.python_version()} ({platform.system()} {platform.machine()})",
        "numpy": np.__version__,
        "compiler": _backend.backend.__compiler__,
        "levels built": ", ".join(_backend.built_levels()),
        "levels usable": ", ".join(_backend.usable_levels()),
        "level in use": _level(),
        "openmp": _openmp(),
        "threads": _threads_and_why(),
        "openmp runtimes": _described(openmp_runtimes()),
    }


def report() -> str:
    """Lines of `name: value`, for people and for bug reports."""
    found = facts()
    width = max(map(len, found))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in found.items())


def _level() -> str:
    forced = f" (asked for by {_backend.VARIABLE})" if _backend.forced() else ""
    return f"{_backend.isa()}{forced}"


def _openmp() -> str:
    version = _backend.backend.__openmp__
    return f"version {version}" if version else "not built in: one thread"


def _threads_and_why() -> str:
    if not _backend.backend.__openmp__:
        return "1 (OpenMP is not built in)"
    n_threads, reason = _threads.resolve_with_reason()
    return f"{n_threads} ({reason})"


def openmp_runtimes() -> list[str] | None:
    """Files of the OpenMP runtimes in this process; None where the system does not tell."""
    if not sys.platform.startswith("linux"):
        return None
    maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    mappings = [line.split(maxsplit=5) for line in maps.splitlines()]
    files = {fields[5] for fields in mappings if len(fields) == 6}
    return sorted(file for file in files if Path(file).name.startswith(OPENMP_RUNTIMES))


def _described(runtimes: list[str] | None) -> str:
    if runtimes is None:
        return "not known on this system"
    if len(runtimes) > 1:
        return ", ".join(runtimes) + " (more than one: each has threads of its own)"
    return runtimes[0] if runtimes else "none loaded"
