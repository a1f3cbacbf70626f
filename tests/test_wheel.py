"""What is installed passes the checks of wheels, and each check sees a planted fault."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import transferscore
import wheel_checks
from transferscore import _backend, _cpu

ROOT = Path(__file__).parents[1]
PACKAGE = Path(_cpu.__file__).parent

needs_binutils = pytest.mark.skipif(
    not (sys.platform == "linux" and shutil.which("objdump") and shutil.which("readelf")),
    reason="looks into shared objects of Linux with objdump and readelf",
)
needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="compiles a planted fault")
needs_x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="plants instructions of x86")


@pytest.fixture
def metadata() -> Path:
    """The `.dist-info` of what is tested."""
    try:
        installed = importlib.metadata.distribution("transferscore")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("run from a source tree, not installed")
    (file,) = (file for file in installed.files or [] if file.name == "METADATA")
    return Path(str(file.locate())).parent


# What is installed


@needs_binutils
@pytest.mark.parametrize("file", wheel_checks.extensions(PACKAGE), ids=lambda file: file.stem)
def test_extensions_are_as_promised(file: Path) -> None:
    assert wheel_checks.faults_of_extension(file) == []


def test_licences_and_contents_are_there(metadata: Path) -> None:
    assert wheel_checks.faults_of_metadata(metadata) == []


def test_contents_have_the_versions_that_were_compiled_in(metadata: Path) -> None:
    text = (metadata / "sboms" / "transferscore.cdx.json").read_text(encoding="utf-8")
    versions = {part["name"]: part.get("version") for part in json.loads(text)["components"]}
    assert versions["eigen"] == _backend.backend.__eigen__
    assert versions["pybind11"] == _backend.backend.__pybind11__


def contents() -> str:
    """The template with versions in it, as CMake writes it."""
    template = ROOT / "cpp" / "sbom.cdx.json.in"
    if not template.is_file():
        pytest.skip("no source tree here")
    text = template.read_text(encoding="utf-8")
    for variable, version in {
        "@SKBUILD_PROJECT_VERSION_FULL@": transferscore.__version__,
        "@Eigen3_VERSION@": "3.4.1",
        "@pybind11_VERSION@": "3.1.0",
    }.items():
        assert variable in text
        text = text.replace(variable, version)
    return text


def test_contents_follow_the_schema() -> None:
    validation = pytest.importorskip(
        "cyclonedx.validation.json", reason="cyclonedx-python-lib has the schema"
    )
    schema = pytest.importorskip("cyclonedx.schema", reason="cyclonedx-python-lib has the schema")
    validator = validation.JsonStrictValidator(schema.SchemaVersion.V1_7)
    assert validator.validate_str(contents()) is None
    assert validator.validate_str(contents().replace('"bom-ref": "eigen"', '"bom_ref": "eigen"'))


# Planted faults

Build = Callable[..., Path]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Compile a shared object, of the plainest level unless said."""

    def compiled(code: str, *flags: str, name: str = "_core_base.so") -> Path:
        (tmp_path / "code.c").write_text(code, encoding="utf-8")
        command = ["cc", "-O2", "-shared", "-fPIC", "code.c", "-o", name, *flags]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        return tmp_path / name

    return compiled


SUM = """
double sum(const double *x) {
  double s = 0;
  for (int i = 0; i < 64; ++i) s += x[i];
  return s;
}
"""


@needs_binutils
@needs_compiler
def test_a_plain_object_has_no_fault(build: Build) -> None:
    assert wheel_checks.faults_of_extension(build(SUM)) == []


@needs_binutils
@needs_compiler
@needs_x86
@pytest.mark.parametrize("flag", ["-mavx2", "-mavx512f"])
def test_wide_instructions_in_the_plain_level_are_seen(flag: str, build: Build) -> None:
    assert wheel_checks.instructions(build(SUM, flag)) == ["has AVX instructions"]
    assert wheel_checks.instructions(build(SUM, flag, name="_cpu.so")) == ["has AVX instructions"]
    assert wheel_checks.instructions(build(SUM, flag, name="_core_v3.so")) == []


@needs_binutils
@needs_compiler
@needs_x86
def test_plain_instructions_in_a_wide_level_are_seen(build: Build) -> None:
    found = wheel_checks.instructions(build(SUM, name="_core_v4.so"))
    assert found == ["has no AVX instruction"]


@needs_binutils
@needs_compiler
@pytest.mark.parametrize(
    ("flags", "fault"),
    [
        (["-Wl,--no-as-needed", "-lresolv"], "needs libresolv.so.2"),
        (["-Wl,-rpath,/opt/somewhere"], "searches libraries in /opt/somewhere"),
        (["-Wl,-rpath,$ORIGIN/../x.libs:."], "searches libraries in ."),
    ],
)
def test_libraries_from_elsewhere_are_seen(flags: list[str], fault: str, build: Build) -> None:
    assert wheel_checks.dynamic_section(build(SUM, *flags)) == [fault]


@needs_binutils
@needs_compiler
def test_the_place_of_an_auditwheel_is_none_elsewhere(build: Build) -> None:
    assert wheel_checks.dynamic_section(build(SUM, "-Wl,-rpath,$ORIGIN/../x.libs")) == []


@needs_binutils
@needs_compiler
def test_a_stack_for_code_is_seen(build: Build) -> None:
    assert wheel_checks.stack(build(SUM, "-Wl,-z,execstack")) == ["has a stack with flags ['RWE']"]


@needs_compiler
@pytest.mark.parametrize(
    "place", ["/home/me/transferscore/cpp/x", "/opt/src/kernels.hpp", r"C:\\Users\\me\\build"]
)
def test_places_of_the_build_are_seen(place: str, build: Build) -> None:
    (fault,) = wheel_checks.places(build(f'const char *place = "{place}";'))
    assert fault.startswith("names ")
    assert wheel_checks.places(build('const char *place = "transferscore/cpp/x.hpp";')) == []


@pytest.fixture
def wheel(tmp_path: Path) -> Callable[..., Path]:
    """A wheel like those that are built, without extension, but for what is taken out of it."""

    def packed(*, without: str = "", change: tuple[str, str] = ("", "")) -> Path:
        licences = "".join(f"License-File: {name}\n" for name in sorted(wheel_checks.LICENCES))
        needs = "Requires-Dist: numpy>=1.24\nRequires-Dist: rich>=13; extra == 'cli'\n"
        version = f"Version: {transferscore.__version__}\n"
        files = {
            "METADATA": f"Name: transferscore\n{version}{licences}{needs}",
            "sboms/transferscore.cdx.json": contents(),
            **{f"licenses/{name}": "| Eigen | MPL-2.0 |" for name in wheel_checks.LICENCES},
        }
        path = tmp_path / "x.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in files.items():
                if name != without:
                    archive.writestr(f"x.dist-info/{name}", text.replace(*change))
            archive.writestr("transferscore/_core_base.pyd", b"MZ")
        return path

    return packed


def test_a_wheel_without_fault(wheel: Callable[..., Path]) -> None:
    assert wheel_checks.faults(wheel()) == []


@pytest.mark.parametrize(
    ("plant", "fault"),
    [
        ({"without": "licenses/LICENSES/MPL-2.0.txt"}, "LICENSES/MPL-2.0.txt is not there"),
        ({"without": "sboms/transferscore.cdx.json"}, "transferscore.cdx.json is not there"),
        (
            {"change": ("License-File: LICENSES/MPL-2.0.txt\n", "")},
            "METADATA doesn't name LICENSES/MPL-2.0.txt",
        ),
        (
            {"change": ("| Eigen |", "| Eggs |")},
            "THIRD-PARTY.md doesn't say that Eigen is under the MPL-2.0",
        ),
        (
            {"change": ('"MPL-2.0"', '"MIT"')},
            "the list of contents doesn't say that eigen is under MPL-2.0",
        ),
        ({"change": ('"3.4.1"', '""')}, "the list of contents has no version of eigen"),
        (
            {"change": ("numpy>=1.24", "numpy>=2")},
            "the list of contents has other requirements than ['numpy>=2']",
        ),
        (
            {"change": ("\nVersion: ", "\nVersion: 9.")},
            "the list of contents is of another version",
        ),
    ],
)
def test_a_fault_of_a_wheel_is_seen(
    plant: dict[str, object], fault: str, wheel: Callable[..., Path]
) -> None:
    assert wheel_checks.faults(wheel(**plant)) == [fault]


def test_the_command_says_and_fails(wheel: Callable[..., Path]) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, wheel_checks.__file__, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    good = run(str(wheel()))
    assert (good.returncode, good.stdout) == (0, "1 wheels, 0 faults\n")
    bad = run(str(wheel(without="licenses/LICENSE")))
    assert bad.returncode == 1
    assert "LICENSE is not there\n1 wheels, 1 faults\n" in bad.stdout
    assert run().returncode == 1
