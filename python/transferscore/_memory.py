"""How many bytes matrices of n x m may take: a share of the memory that this process may use."""

import os
import sys
from functools import cache
from pathlib import Path

from transferscore import _checks
from transferscore._threads import control_groups

SHARE = 0.25
UNKNOWN = float(2**33)  # of a machine that does not say: be modest


def budget(memory_budget: int | None = None) -> float:
    """Bytes: the argument, else a quarter of the memory that this process may use."""
    if memory_budget is not None:
        return float(_checks.count(memory_budget, "memory_budget", least=0))
    return SHARE * usable()


def usable() -> float:
    """Bytes: the least of what the machine has, the control group grants and the limits allow."""
    return min(_own_limit(), _address_space())


@cache
def _own_limit() -> float:
    # Read once: files cost more than a small problem.
    return min(_physical(), cgroup_limit())


def _physical() -> float:
    try:
        page, pages = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return _physical_on_windows()
    return float(page) * float(pages) if page > 0 and pages > 0 else UNKNOWN


def _physical_on_windows() -> float:
    if sys.platform != "win32":
        return UNKNOWN
    import ctypes

    total = ctypes.c_ulonglong()
    if not ctypes.windll.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(total)):
        return UNKNOWN
    return float(total.value) * 1024


def _address_space() -> float:
    try:
        import resource
    except ImportError:  # Windows
        return float("inf")
    try:
        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    except (AttributeError, ValueError, OSError):
        return float("inf")
    return float(limit) if 0 <= limit != resource.RLIM_INFINITY else float("inf")


def cgroup_limit(
    root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> float:
    """Bytes that the control group grants; infinity without a limit."""
    files = [folder / "memory.max" for folder in control_groups(root, own, "")]
    files += [
        folder / "memory.limit_in_bytes"
        for folder in control_groups(root / "memory", own, "memory")
    ]
    return min((_number(file) for file in files), default=float("inf"))


def _number(file: Path) -> float:
    try:
        return float(int(file.read_text(encoding="ascii")))
    except (OSError, ValueError):  # "max" is no limit
        return float("inf")
