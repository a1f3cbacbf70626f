"""How many bytes matrices may take: who decides, what is refused, machines that say nothing."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import transferscore
from transferscore import _memory

INFINITY = float("inf")
GIBI = 1 << 30
NO_LIMIT_V1 = 9223372036854771712  # what cgroup v1 writes where there is none
resource = pytest.importorskip("resource") if os.name == "posix" else None
needs_limits = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="address space is limited there"
)


@pytest.fixture(autouse=True)
def unread() -> Iterator[None]:
    """Let each test begin, and the process go on, with nothing read."""
    _memory._own_limit.cache_clear()
    yield
    _memory._own_limit.cache_clear()


# --- Who decides ---------------------------------------------------------------------------------


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set what the machine has, the control group grants and the limits allow."""

    def set_to(physical: float, group: float, address_space: float) -> None:
        _memory._own_limit.cache_clear()
        monkeypatch.setattr(_memory, "_physical", lambda: physical)
        monkeypatch.setattr(_memory, "cgroup_limit", lambda: group)
        monkeypatch.setattr(_memory, "_address_space", lambda: address_space)

    return set_to


@pytest.mark.parametrize("order", [(2, 4, 8), (8, 2, 4), (4, 8, 2), (2, INFINITY, INFINITY)])
def test_the_least_of_three_counts(machine, order):
    machine(*order)
    assert _memory.usable() == 2
    assert _memory.budget() == _memory.SHARE * 2


def test_the_budget_is_a_quarter(machine):
    machine(16 * GIBI, INFINITY, INFINITY)
    assert _memory.budget() == _memory.budget(None) == 4 * GIBI


@pytest.mark.parametrize("value", [0, 1, 10**15, np.int64(7), np.uint8(7)])
def test_the_argument_counts_before_all(machine, value):
    machine(16 * GIBI, GIBI, GIBI)
    found = _memory.budget(value)
    assert found == int(value)
    assert type(found) is float


def test_files_are_read_once_and_limits_each_time(machine, monkeypatch):
    machine(16, 8, 4)
    assert _memory.usable() == 4
    monkeypatch.setattr(_memory, "cgroup_limit", lambda: 1.0)
    monkeypatch.setattr(_memory, "_address_space", lambda: 2.0)
    assert _memory.usable() == 2


def test_this_machine_has_some_memory():
    usable = _memory.usable()
    assert 16 << 20 < usable < INFINITY
    assert _memory.budget() == _memory.SHARE * usable


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="Linux tells what it has")
def test_physical_memory_is_what_the_system_says():
    with Path("/proc/meminfo").open(encoding="ascii") as lines:
        kibi = next(int(line.split()[1]) for line in lines if line.startswith("MemTotal:"))
    assert abs(_memory._physical() / (kibi * 1024) - 1) < 0.1


# --- What is refused -----------------------------------------------------------------------------

X = np.arange(12.0).reshape(6, 2) ** 2
LABELS = [0, 1, 2, 0, 1, 2]
TASK = {
    "source_features": X,
    "source_labels": LABELS,
    "target_features": X + 1,
    "target_labels": LABELS,
}
PROBLEM = {"source_points": X, "target_points": X + 1}
CALLS: dict[str, Callable[[Any], object]] = {
    "sinkhorn": lambda value: transferscore.sinkhorn(**PROBLEM, memory_budget=value),
    "sinkhorn_many": lambda value: transferscore.sinkhorn_many([PROBLEM], memory_budget=value),
    "sinkhorn_divergence": lambda value: transferscore.sinkhorn_divergence(
        **PROBLEM, memory_budget=value
    ),
    "otce": lambda value: transferscore.otce(**TASK, memory_budget=value),
    "otce_many": lambda value: transferscore.otce_many([TASK], memory_budget=value),
    "exact_plan": lambda value: transferscore.exact_plan(**PROBLEM, memory_budget=value),
    "coupling": lambda value: transferscore.sinkhorn(**PROBLEM).coupling(memory_budget=value),
    "round": lambda value: transferscore.sinkhorn(**PROBLEM).round(memory_budget=value),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (True, TypeError, "`memory_budget` must be an integer, got True"),
        (False, TypeError, "`memory_budget` must be an integer, got False"),
        (1e9, TypeError, "`memory_budget` must be an integer, got 1000000000.0"),
        (INFINITY, TypeError, "`memory_budget` must be an integer, got inf"),
        ("1G", TypeError, "`memory_budget` must be an integer, got '1G'"),
        (-1, ValueError, "`memory_budget` must be at least 0, got -1"),
    ],
)
def test_what_is_not_a_number_of_bytes_is_refused(call, value, error, text):
    with pytest.raises(error) as caught:
        CALLS[call](value)
    assert str(caught.value) == text


def value_or_error(number_of_bytes: int) -> float | str:
    try:
        return _memory.budget(number_of_bytes)
    except ValueError as error:
        return str(error)


def test_more_bytes_than_float64_can_count_are_no_limit_or_refused_by_name():
    found = value_or_error(10**400)
    assert found == INFINITY or "`memory_budget`" in found


# --- Control groups ------------------------------------------------------------------------------


def version_2(folder: Path, group: str, **limits: str) -> tuple[Path, Path]:
    """Files as of cgroup v2; limits are those of the groups "root", "slice" and "job" below it."""
    root, own = folder / "cgroup", folder / "own"
    for name, limit in limits.items():
        place = {"root": root, "slice": root / "slice", "job": root / "slice" / "job"}[name]
        place.mkdir(parents=True, exist_ok=True)
        (place / "memory.max").write_text(limit, encoding="ascii")
    own.write_text(f"0::{group}\n", encoding="ascii")
    return root, own


@pytest.mark.parametrize(
    ("group", "limits", "expected"),
    [
        ("/", {"root": "2147483648\n"}, 2 * GIBI),
        ("/", {"root": "max\n"}, INFINITY),
        ("/", {"root": "0\n"}, 0),
        ("/slice/job", {"root": "max", "slice": "max", "job": "3000000"}, 3e6),
        ("/slice/job", {"slice": "3000000", "job": "max"}, 3e6),
        ("/slice/job", {"slice": "3000000", "job": "5000000"}, 3e6),  # the least counts
        ("/slice/job", {"slice": "5000000", "job": "3000000"}, 3e6),
        ("/slice", {"slice": "5000000", "job": "3000000"}, 5e6),  # not those below ours
        ("/slice/job", {"root": "2000000"}, 2e6),  # in a container only the root is visible
    ],
)
def test_cgroup_v2_limit(tmp_path, group, limits, expected):
    assert _memory.cgroup_limit(*version_2(tmp_path, group, **limits)) == expected


@pytest.mark.parametrize("limit", ["", "many", "1 2", "1.5", "1G"])
def test_malformed_cgroup_v2_limit_is_no_limit(tmp_path, limit):
    assert _memory.cgroup_limit(*version_2(tmp_path, "/", root=limit)) == INFINITY


def test_cgroup_v2_limit_that_is_not_text_is_no_limit(tmp_path):
    root, own = version_2(tmp_path, "/", root="")
    (root / "memory.max").write_bytes(b"\xff\xfe 100000")
    own.write_bytes(b"0::/\xff\n")
    assert _memory.cgroup_limit(root, own) == INFINITY


def test_a_malformed_group_does_not_hide_the_limit_of_the_one_above(tmp_path):
    root, own = version_2(tmp_path, "/slice/job", slice="2000000", job="oops")
    assert _memory.cgroup_limit(root, own) == 2e6


def test_without_control_groups_there_is_no_limit(tmp_path):
    assert _memory.cgroup_limit(tmp_path / "absent", tmp_path / "absent") == INFINITY


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"": "4000000\n"}, 4e6),
        ({"job": "3000000\n"}, 3e6),
        ({"": "4000000", "job": "3000000"}, 3e6),
        ({"": "3000000", "job": "4000000"}, 3e6),
        ({"": "many", "job": ""}, INFINITY),
        ({"": "4000000", "other": "3000000"}, 4e6),
    ],
)
def test_cgroup_v1_limit(tmp_path, limits, expected):
    for group, limit in limits.items():
        place = tmp_path / "memory" / group
        place.mkdir(parents=True, exist_ok=True)
        (place / "memory.limit_in_bytes").write_text(limit, encoding="ascii")
    own = tmp_path / "own"
    own.write_text("4:memory:/job\n1:cpu,cpuacct:/\n", encoding="ascii")
    assert _memory.cgroup_limit(tmp_path, own) == expected


def test_no_limit_of_cgroup_v1_limits_nothing(tmp_path, monkeypatch):
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text(f"{NO_LIMIT_V1}\n", encoding="ascii")
    assert _memory.cgroup_limit(tmp_path, tmp_path / "absent") == NO_LIMIT_V1
    monkeypatch.setattr(_memory, "cgroup_limit", lambda: float(NO_LIMIT_V1))
    monkeypatch.setattr(_memory, "_address_space", lambda: INFINITY)
    assert _memory.usable() == _memory._physical()


def test_both_versions_at_once(tmp_path):
    # As systemd mounts them in its hybrid mode.
    root, own = version_2(tmp_path, "/", root="5000000")
    (root / "memory").mkdir()
    (root / "memory" / "memory.limit_in_bytes").write_text("4000000", encoding="ascii")
    own.write_text("4:memory:/\n0::/\n", encoding="ascii")
    assert _memory.cgroup_limit(root, own) == 4e6


# --- The limit on address space ------------------------------------------------------------------


def child(code: str) -> Any:
    """Run Python code in a process of its own and return the JSON that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_limits
def test_a_limit_on_address_space_counts_as_soon_as_it_is_set():
    free, limited, again, same = child(
        """
import json, resource
import numpy as np
import transferscore
from transferscore import _memory
points = np.random.default_rng(0).standard_normal((400, 3))

def solved():
    return transferscore.sinkhorn(points, points[:300]).g.tobytes()

expected = solved()
no_limit = resource.getrlimit(resource.RLIMIT_AS)
mapped = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
found, same = [_memory.budget()], []
for limit in (mapped + (64 << 20), no_limit[0]):
    resource.setrlimit(resource.RLIMIT_AS, (limit, no_limit[1]))
    found.append(_memory.budget())
    same.append(solved() == expected)
found[1] /= mapped + (64 << 20)
print(json.dumps([*found, same]))
"""
    )
    assert limited == _memory.SHARE
    assert again == free
    assert same == [True, True]


# --- Machines that say nothing -------------------------------------------------------------------

MODEST = 2.0**33


def says_nothing(*_: object) -> int:
    raise OSError


def does_not_know(*_: object) -> int:
    raise ValueError


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No limits but those of the machine."""
    monkeypatch.setattr(_memory, "cgroup_limit", lambda: INFINITY)
    monkeypatch.setattr(_memory, "_address_space", lambda: INFINITY)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(
    "sysconf",
    [None, says_nothing, does_not_know, lambda _: -1],
    ids=["no sysconf", "an error", "an unknown name", "no answer"],
)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has another way")
def test_a_machine_that_does_not_say_what_it_has_gets_a_modest_budget(monkeypatch, sysconf):
    if sysconf is None:
        monkeypatch.delattr(os, "sysconf")
    else:
        monkeypatch.setattr(os, "sysconf", sysconf)
    assert _memory.budget() == _memory.SHARE * MODEST
    assert transferscore.sinkhorn(**PROBLEM).coupling().shape == (6, 6)


class Kernel32:
    """What Windows answers."""

    def __init__(self, kibi: int) -> None:
        self.kibi = kibi

    def GetPhysicallyInstalledSystemMemory(self, total: Any) -> int:  # noqa: N802
        total._obj.value = self.kibi
        return int(self.kibi > 0)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(("kibi", "expected"), [(16 << 20, 16 * GIBI), (0, MODEST)])
def test_windows_is_asked_in_its_own_way(monkeypatch, kibi, expected):
    monkeypatch.delattr(os, "sysconf", raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    windll = type("windll", (), {"kernel32": Kernel32(kibi)})
    monkeypatch.setattr(ctypes, "windll", windll, raising=False)
    assert _memory.usable() == expected


def test_without_limits_of_resources_address_space_is_free(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows
    assert _memory._address_space() == INFINITY


@pytest.mark.skipif(resource is None, reason="this system has no limits of resources")
def test_where_address_space_has_no_limit_it_is_free(monkeypatch):
    monkeypatch.delattr(resource, "RLIMIT_AS")  # as on OpenBSD
    assert _memory._address_space() == INFINITY


@pytest.mark.skipif(resource is None, reason="this system has no limits of resources")
@pytest.mark.parametrize("error", [says_nothing, does_not_know])
def test_a_limit_that_cannot_be_asked_is_none(monkeypatch, error):
    monkeypatch.setattr(resource, "getrlimit", error)
    assert _memory._address_space() == INFINITY


@pytest.mark.skipif(resource is None, reason="this system has no limits of resources")
@pytest.mark.parametrize("soft", [1 << 32, 0])
def test_the_soft_limit_counts(monkeypatch, soft):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, resource.RLIM_INFINITY))
    assert _memory._address_space() == soft
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    assert _memory._address_space() == INFINITY


def test_where_nothing_at_all_is_known_everything_works(monkeypatch, tmp_path):
    nowhere = _memory.cgroup_limit(tmp_path / "absent", tmp_path / "absent")
    monkeypatch.setattr(_memory, "cgroup_limit", lambda: nowhere)
    monkeypatch.setattr(_memory, "_physical", lambda: MODEST)
    monkeypatch.setitem(sys.modules, "resource", None)
    assert _memory.usable() == MODEST
    result = transferscore.otce(**TASK)
    assert result.solver.coupling().shape == (6, 6)
