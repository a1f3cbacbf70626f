"""How many threads: argument > library setting > OMP_NUM_THREADS > min(affinity, cgroup quota)."""

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

from transferscore import _checks

_setting: int | None = None  # of the process
_scoped: ContextVar[int | None] = ContextVar("transferscore_num_threads", default=None)
_forked = False


def _forget_threads() -> None:
    # The threads of an OpenMP runtime do not survive a fork, and asking it for new ones may hang.
    global _forked  # noqa: PLW0603
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)


def resolve(n_threads: int | None = None) -> int:
    """The number of threads for one call."""
    return resolve_with_reason(n_threads)[0]


def resolve_with_reason(n_threads: int | None = None) -> tuple[int, str]:
    """The number of threads for one call, and why that many."""
    argument = None if n_threads is None else _checks.n_threads(n_threads)
    if _forked:
        return 1, "this process was forked; OpenMP threads do not survive a fork"
    wishes = {
        "argument n_threads": argument,
        "transferscore.num_threads(...)": _scoped.get(),
        "transferscore.set_num_threads(...)": _setting,
        "OMP_NUM_THREADS": _from_environment(),
    }
    for reason, wish in wishes.items():
        if wish is not None:
            return wish, reason
    affinity, quota = available_processors(), _own_quota()
    if quota is not None and quota < affinity:
        return quota, "CPU quota of the control group"
    return affinity, "processors that this process may use"


def set_num_threads(n_threads: int | None) -> None:
    """Set the number of threads of this process; None goes back to the default.

    Parameters
    ----------
    n_threads : int or None
        Threads for every call that is not given a number of its own.

    Raises
    ------
    TypeError, ValueError
        Where `n_threads` is not an integer between 1 and 1024.

    Examples
    --------
    >>> import transferscore
    >>> transferscore.set_num_threads(2)
    >>> transferscore.get_num_threads()
    2
    >>> transferscore.set_num_threads(None)
    """
    global _setting  # noqa: PLW0603
    _setting = None if n_threads is None else _checks.n_threads(n_threads)


def get_num_threads() -> int:
    """Return how many threads a call without `n_threads` would use now.

    Examples
    --------
    >>> import transferscore
    >>> transferscore.get_num_threads() >= 1
    True
    """
    return resolve()


@contextmanager
def num_threads(n_threads: int) -> Iterator[None]:
    """Use this many threads inside a `with` block, in this thread of Python (or task) alone.

    Parameters
    ----------
    n_threads : int
        Threads for every call in the block that is not given a number of its own.

    Raises
    ------
    TypeError, ValueError
        Where `n_threads` is not an integer between 1 and 1024.

    Examples
    --------
    >>> import transferscore
    >>> with transferscore.num_threads(1):
    ...     transferscore.get_num_threads()
    1
    """
    token = _scoped.set(_checks.n_threads(n_threads))
    try:
        yield
    finally:
        _scoped.reset(token)


def _from_environment() -> int | None:
    # "4,2" gives a number for each level of nesting; the first is ours. What makes no sense is
    # passed over, as OpenMP runtimes do.
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    sensible = first.isdecimal() and len(first) < 10 and int(first) > 0
    return min(int(first), _checks.MOST_THREADS) if sensible else None


def available_processors() -> int:
    """Processors that this process may be scheduled on."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


@cache
def _own_quota() -> int | None:
    # Read once: files cost more than a small score.
    return cgroup_quota()


def cgroup_quota(
    root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> int | None:
    """Processors' worth of time that the control group grants, rounded up; None without a limit."""
    shares = [_share_v2(folder) for folder in control_groups(root, own, "")]
    shares += [_share_v1(folder) for folder in control_groups(root / "cpu", own, "cpu")]
    limits = [share for share in shares if share is not None]
    return max(1, math.ceil(min(limits))) if limits else None


def control_groups(root: Path, own: Path, controller: str) -> list[Path]:
    """Our group and those above it: the limit may stand on any of them.

    Inside a container the root is often our own group, whatever the path says.
    """
    try:
        lines = own.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    fields = [line.split(":", 2) for line in lines if line.count(":") >= 2]
    group = next((path for _, names, path in fields if controller in names.split(",")), "")
    folder = root / group.strip("/")
    return [folder, *(above for above in folder.parents if above.is_relative_to(root))]


def _share_v2(folder: Path) -> float | None:
    try:
        quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        return int(quota) / int(period)  # "max" is no limit
    except (OSError, ValueError, ZeroDivisionError):
        return None


def _share_v1(folder: Path) -> float | None:
    try:
        quota = int((folder / "cpu.cfs_quota_us").read_text(encoding="ascii"))
        period = int((folder / "cpu.cfs_period_us").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return quota / period if quota > 0 and period > 0 else None
