"""What a wheel must and must not hold: licences, a list of contents, plain code in the plain level.

python tests/wheel_checks.py dist/*.whl

`test_wheel.py` runs the same over what is installed, and shows each check a fault. Needs nothing
but the standard library and, for shared objects of Linux, `objdump` and `readelf`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from email.parser import HeaderParser
from pathlib import Path

LICENCES = {
    "LICENSE",
    "LICENSES/MPL-2.0.txt",
    "LICENSES/GPL-3.0.txt",
    "LICENSES/GCC-exception-3.1.txt",
    "LICENSES/THIRD-PARTY.md",
}
COMPILED_IN = {"eigen": "MPL-2.0", "pybind11": "BSD-3-Clause"}
# The C and C++ runtimes; auditwheel renames the copy of libgomp that it puts beside the package.
LIBRARIES = re.compile(
    r"lib(gomp(-\w+)?|stdc\+\+|gcc_s|m|c|pthread|dl|rt)\.so\.[\d.]+|ld-linux[\w-]*\.so\.\d+"
)
# Folders where people and services build, and sources by full path but for the system's own.
PLACES = re.compile(
    rb"/(?:home|root|tmp|Users|private|project|host|io|work|github|runner)/[\w./+-]{3,}"
    rb"|[A-Za-z]:\\\\?(?:Users|a|hostedtoolcache)\\[\w.\\+-]{3,}"
    rb"|(?<![\w.+-])/(?!usr/include/)[\w.+-]+/[\w./+-]+\.(?:[ch]pp|cc|[ch])\b"
)
# Registers of AVX and AVX-512, and what is encoded as theirs (a `v` before the plain name).
WIDE = re.compile(r"%[yz]mm\d|%k[1-7]\b|\t(?:v[a-z]\w+|kmov\w)\s")
Check = Callable[[Path], list[str]]


def output_of(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def is_wide(file: Path) -> bool:
    """Whether a shared object has instructions beyond x86-64-v2; one is enough."""
    command = ["objdump", "--disassemble", "--no-show-raw-insn", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = any(WIDE.search(line) for line in process.stdout)
        process.kill()
    if not found and process.returncode not in (0, -9):
        raise RuntimeError(f"objdump failed on {file}")
    return found


def is_for(machine: str, file: Path) -> bool:
    return machine in output_of("readelf", "--file-header", file)


def instructions(file: Path) -> list[str]:
    """The plainest level and the probe run on every processor; the others must be worth having."""
    if not is_for("X86-64", file):
        return []
    plain = re.match(r"_core_base|_cpu", file.name) is not None
    if is_wide(file) != plain:
        return []
    return ["has AVX instructions" if plain else "has no AVX instruction"]


def dynamic_section(file: Path) -> list[str]:
    """Libraries that every system has, and no search path but one beside the file."""
    section = output_of("readelf", "--dynamic", "--wide", file)
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", section)
    paths = re.findall(r"\((?:RPATH|RUNPATH)\).*\[(.*)\]", section)
    faults = [f"needs {name}" for name in needed if not LIBRARIES.fullmatch(name)]
    for path in ":".join(paths).split(":"):
        if path and not path.startswith("$ORIGIN/"):
            faults.append(f"searches libraries in {path}")
    return faults


def stack(file: Path) -> list[str]:
    """The stack is no place for code: the header is there and doesn't allow execution."""
    headers = output_of("readelf", "--program-headers", "--wide", file)
    flags = re.findall(r"GNU_STACK(?:\s+0x\w+){5}\s+(\S+)", headers)
    return [] if flags == ["RW"] else [f"has a stack with flags {flags}"]


def places(file: Path) -> list[str]:
    """Nothing in a file says where it was built."""
    found = sorted({match[0].decode() for match in PLACES.finditer(file.read_bytes())})
    return [f"names {place}" for place in found[:3]]


def contents(folder: Path) -> Iterator[str]:
    """Faults of the list of contents, which names licences and versions (CycloneDX)."""
    listed = json.loads((folder / "sboms" / "transferscore.cdx.json").read_text(encoding="utf-8"))
    metadata = HeaderParser().parsestr((folder / "METADATA").read_text(encoding="utf-8"))
    if listed["metadata"]["component"]["version"] != metadata["Version"]:
        yield "the list of contents is of another version"
    parts = {part["name"]: part for part in listed["components"]}
    for name, licence in COMPILED_IN.items():
        part = parts.pop(name, {"licenses": [], "version": ""})
        if {"license": {"id": licence}} not in part["licenses"]:
            yield f"the list of contents doesn't say that {name} is under {licence}"
        if not re.fullmatch(r"\d+(\.\d+)+", part["version"]):
            yield f"the list of contents has no version of {name}"
    required = {line for line in metadata.get_all("Requires-Dist", []) if ";" not in line}
    if required != {
        part["name"] + part["versionRange"].removeprefix("vers:pypi/") for part in parts.values()
    }:
        yield f"the list of contents has other requirements than {sorted(required)}"


def licences(folder: Path) -> Iterator[str]:
    """Faults of the licences: named, there, and Eigen's by name."""
    metadata = HeaderParser().parsestr((folder / "METADATA").read_text(encoding="utf-8"))
    for name in sorted(LICENCES - set(metadata.get_all("License-File", []))):
        yield f"METADATA doesn't name {name}"
    for name in sorted(LICENCES):
        if not (folder / "licenses" / name).is_file():
            yield f"{name} is not there"
    others = folder / "licenses" / "LICENSES" / "THIRD-PARTY.md"
    if not (others.is_file() and re.search(r"Eigen.*MPL-2\.0", others.read_text("utf-8"))):
        yield "THIRD-PARTY.md doesn't say that Eigen is under the MPL-2.0"


def extensions(folder: Path) -> list[Path]:
    """The shared objects of the package itself."""
    return sorted(file for kind in ("*.so", "*.pyd") for file in folder.glob(kind))


def faults_of_extension(file: Path) -> list[str]:
    checks: list[Check] = [places]
    if file.read_bytes()[:4] == b"\x7fELF":
        checks += [instructions, dynamic_section, stack]
    return [f"{file.name} {fault}" for check in checks for fault in check(file)]


def faults_of_metadata(folder: Path) -> list[str]:
    """`folder` is the `.dist-info`."""
    try:
        return [*licences(folder), *contents(folder)]
    except FileNotFoundError as error:
        return [f"{Path(error.filename).name} is not there"]


def faults(wheel: Path) -> list[str]:
    """What is wrong with a wheel, a line each."""
    with tempfile.TemporaryDirectory() as place:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(place)
        (metadata,) = Path(place).glob("*.dist-info")
        found = faults_of_metadata(metadata)
        built = extensions(Path(place) / "transferscore")
        if not any(file.name.startswith("_core_base") for file in built):
            found.append("the plainest level is not there")
        return found + [fault for file in built for fault in faults_of_extension(file)]


if __name__ == "__main__":
    lines = [f"{wheel}: {fault}" for wheel in sys.argv[1:] for fault in faults(Path(wheel))]
    print(*lines, f"{len(sys.argv) - 1} wheels, {len(lines)} faults", sep="\n")
    sys.exit(bool(lines) or len(sys.argv) == 1)
