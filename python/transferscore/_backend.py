"""The choice of the compiled extension: once, at import, and never silently a slower one."""

import importlib
import os
from typing import TYPE_CHECKING, cast

from transferscore import _cpu

if TYPE_CHECKING:
    from transferscore import _core

VARIABLE = "TRANSFERSCORE_ISA"


def built_levels() -> list[str]:
    """Instruction-set levels of this build, plainest first."""
    return _cpu.built_levels()


def usable_levels() -> list[str]:
    """The built levels that this processor and operating system can run, plainest first."""
    return [level for level in _cpu.built_levels() if _cpu.can_run(level)]


def choose_level(wanted: str | None) -> str:
    """The level asked for, or else the best usable one; ImportError where there is none."""
    built, usable = built_levels(), usable_levels()
    if wanted is None:
        if not usable:
            raise ImportError(
                f"this build of transferscore needs a processor of level {built[0]!r} or better "
                "(x86-64-v2: SSE4.2 and POPCNT)"
            )
        return usable[-1]
    if wanted not in built:
        raise ImportError(f"{VARIABLE} must be one of {', '.join(built)}, got {wanted!r}")
    if wanted not in usable:
        raise ImportError(
            f"{VARIABLE}={wanted}, but this processor or operating system cannot run that level; "
            f"it can run {', '.join(usable) or 'none'}"
        )
    return wanted


def forced() -> str | None:
    """The level that the environment asks for, if any."""
    return os.environ.get(VARIABLE) or None


def _load() -> "_core.Extension":
    level = choose_level(forced())
    return cast("_core.Extension", importlib.import_module(f"transferscore._core_{level}"))


backend = _load()


def isa() -> str:
    """Return the instruction-set level in use: "base", "v3" or "v4" (x86-64-v2, -v3, -v4).

    Examples
    --------
    >>> import transferscore
    >>> transferscore.isa() in {"base", "v3", "v4"}
    True
    """
    return backend.__isa__
