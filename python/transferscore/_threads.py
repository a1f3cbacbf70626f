"""How many threads: argument > library setting > OMP_NUM_THREADS > min(affinity, cgroup quota)."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

MOST_THREADS = 1024

_setting: int | None = None  # of the process
_scoped: ContextVar[int | None] = ContextVar("transferscore_num_threads", default=None)
_forked = False


def _forget_threads() -> None:
    # The threads of an OpenMP runtime do not survive a fork, and asking it for new ones may hang.
    global _forked  # noqa: PLW0603
    _forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)


def checked(n_threads: object, name: str = "n_threads") -> int:
    """A number of threads given by a user."""
    if isinstance(n_threads, bool) or not hasattr(n_threads, "__index__"):
        raise TypeError(f"`{name}` must be an integer or None, got {n_threads!r}")
    value = int(n_threads.__index__())
    if not 1 <= value <= MOST_THREADS:
        raise ValueError(f"`{name}` must be between 1 and {MOST_THREADS}, got {value}")
    return value


def resolve(n_threads: int | None = None) -> int:
    """The number of threads for one call."""
    return resolve_with_reason(n_threads)[0]


def resolve_with_reason(n_threads: int | None = None) -> tuple[int, str]:
    """The number of threads for one call, and why that many."""
    argument = None if n_threads is None else checked(n_threads)
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
    _setting = None if n_threads is None else checked(n_threads)


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
    token = _scoped.set(checked(n_threads))
    try:
        yield
    finally:
        _scoped.reset(token)


def _from_environment() -> int | None:
    # "4,2" gives a number for each level of nesting; the first is ours. What makes no sense is
    # passed over, as OpenMP runtimes do.
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return min(int(first), MOST_THREADS) if first.isdecimal() and int(first) > 0 else None


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
    shares = [share for share in (*_quotas_v2(root, own), _quota_v1(root)) if share is not None]
    return max(1, int(-(-min(shares) // 1))) if shares else None


def _quotas_v2(root: Path, own: Path) -> list[float | None]:
    # The limit may stand on any group above ours. Inside a container the root is our own group.
    try:
        lines = own.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        lines = []
    group = next((line[3:].strip("/") for line in lines if line.startswith("0::")), "")
    folders = [root / group, *(root / group).parents] if group else [root]
    return [_read_share(folder / "cpu.max") for folder in folders if folder.is_relative_to(root)]


def _quota_v1(root: Path) -> float | None:
    try:
        quota = int((root / "cpu" / "cpu.cfs_quota_us").read_text(encoding="ascii"))
        period = int((root / "cpu" / "cpu.cfs_period_us").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return quota / period if quota > 0 and period > 0 else None


def _read_share(file: Path) -> float | None:
    try:
        quota, period = file.read_text(encoding="ascii").split()
        return int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None
