"""What is shipped: versions, types, docstrings, examples, licences, and the rules of the house."""

from __future__ import annotations

import ast
import doctest
import importlib
import importlib.metadata
import inspect
import io
import pkgutil
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import transferscore
from transferscore import _backend, _cpu

ROOT = Path(__file__).parents[1]
PACKAGE = files("transferscore")
EXTRAS = {
    "PIL",
    "dask",
    "h5py",
    "joblib",
    "matplotlib",
    "nibabel",
    "ot",
    "pyarrow",
    "rich",
    "safetensors",
    "scipy",
    "sklearn",
    "torch",
    "zarr",
}  # what modules may import beyond the dependencies of every installation

# Wheels are tested without the source tree, checkouts and the sdist with it.
needs_sources = pytest.mark.skipif(not (ROOT / "cpp").is_dir(), reason="no source tree here")


def modules() -> list[str]:
    """Every Python module of the package, by name, imported or not."""
    found = ["transferscore"]
    for module in pkgutil.walk_packages(transferscore.__path__, "transferscore."):
        if not module.name.rpartition(".")[2].startswith(("_core_", "_cpu")):
            found.append(module.name)
    return found


def load(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in EXTRAS:
            pytest.skip(f"{name} needs {error.name}")
        raise


def sources(folder: str) -> Iterator[tuple[str, str]]:
    """(path below `folder`, text) of the C++ files there."""
    for file in sorted((ROOT / folder).rglob("*.[hc]pp")):
        yield file.relative_to(ROOT / folder).as_posix(), file.read_text(encoding="utf-8")


# Versions and files


def test_one_version() -> None:
    metadata = importlib.metadata.version("transferscore")
    assert transferscore.__version__ == metadata
    assert _backend.backend.__version__ == metadata


@needs_sources
def test_citation_has_the_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {transferscore.__version__}\n" in citation


def test_types_are_shipped() -> None:
    for name in ("py.typed", "_core.pyi", "_cpu.pyi"):
        assert PACKAGE.joinpath(name).is_file()


def test_licences_are_shipped() -> None:
    shipped = importlib.metadata.metadata("transferscore").get_all("License-File") or []
    assert {"LICENSE", "LICENSES/MPL-2.0.txt", "LICENSES/THIRD-PARTY.md"} <= set(shipped)


@needs_sources
def test_the_source_archive_is_complete_and_the_same_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds what git does but for workflows, and is made without git or any other program."""
    backend = pytest.importorskip("scikit_build_core.build", reason="makes the source archive")
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("no checkout of git to compare with")
    command = [git, "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    if listed.returncode:  # a checkout of somebody else, say
        pytest.skip(f"git doesn't list its files: {listed.stderr}")
    expected = {
        name
        for name in listed.stdout.split("\0")
        if (ROOT / name).is_file() and not name.startswith((".ci/", ".github/"))
    }

    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("PATH", "")
    archives = [tmp_path / str(k) / backend.build_sdist(str(tmp_path / str(k))) for k in (1, 2)]
    with tarfile.open(archives[0]) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    assert names == expected | {"PKG-INFO"}
    assert archives[0].read_bytes() == archives[1].read_bytes()


# The extension and its stub


def stub(name: str) -> ast.Module:
    return ast.parse(PACKAGE.joinpath(name).read_text(encoding="utf-8"))


def functions(body: list[ast.stmt]) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in body if isinstance(node, ast.FunctionDef)}


def public(module: ModuleType) -> set[str]:
    return {name for name in dir(module) if not name.startswith("_")}


def overloads(function: Any) -> list[ast.FunctionDef]:
    """The lines that pybind11 puts into a docstring, which are Python.

    `inspect.signature` knows nothing of them, and so mypy's stubtest doesn't either: it compares
    names alone.
    """
    lines = re.findall(rf"^(?:\d+\. )?({function.__name__}\(.*\) -> .*)$", function.__doc__, re.M)
    module = ast.parse("".join(f"def {line}: ...\n" for line in lines))
    return [node for node in module.body if isinstance(node, ast.FunctionDef)]


ONE_WORD = (
    (r"typing\.Supports(Int|Float)( \| typing\.SupportsIndex)?", lambda m: m[1].lower()),
    (r"(?:typing\.)?Annotated\[(.*), ['\"]FixedSize.*?\]", r"\1"),
    (r"(?:typing\.)?Annotated\[numpy\.typing\.ArrayLike, (?:np|numpy)\.(\w+)\]", r"array_of_\1"),
    (r"(?:numpy\.typing\.)?NDArray\[(?:(?:np|numpy)\.)?(\w+?)_?\]", r"array_of_\1"),
    (r"(?:collections\.abc\.)?Sequence\[", "list["),
)


def type_of(node: ast.expr | None, names: dict[str, str]) -> str:
    """An annotation in the words that stub and extension share, with names of the stub replaced."""
    assert node is not None
    text = ast.unparse(node)
    for _ in range(2):  # names stand for other names
        text = re.sub(r"\b[A-Z]\w+\b(?!\[)", lambda m: names.get(m[0], m[0]), text)
    for pattern, word in ONE_WORD:
        text = re.sub(pattern, word, text)
    return text


def words_of(text: str) -> tuple[int, set[str]]:
    """How many lists are around a type, and what is in it: overloads added up give a union."""
    lists = re.match(r"(list\[)*", text)
    assert lists is not None
    return lists[0].count("["), set(re.findall(r"\w+", text)) - {"list"}


def parts_of(text: str) -> list[ast.expr]:
    """Of `tuple[...]`."""
    subscript = ast.parse(text, mode="eval").body
    assert isinstance(subscript, ast.Subscript)
    assert isinstance(subscript.slice, ast.Tuple)
    return subscript.slice.elts


def assert_signatures_agree(
    promised: ast.FunctionDef, extension: Any, names: dict[str, str]
) -> None:
    """Arguments in their order, by name alone or not, of which types; what is returned."""
    found = overloads(extension)
    assert found
    stubs = [each for each in promised.args.args if each.arg != "self"]
    for overload in found:
        assert [each.arg for each in overload.args.args] == [each.arg for each in stubs]
        assert [each.arg for each in overload.args.kwonlyargs] == [
            each.arg for each in promised.args.kwonlyargs
        ]
        assert len(overload.args.defaults) == len(promised.args.defaults)
        assert [each is None for each in overload.args.kw_defaults] == [
            each is None for each in promised.args.kw_defaults
        ]
    alternatives = zip(
        *([*overload.args.args, *overload.args.kwonlyargs] for overload in found), strict=True
    )
    for argument, taken in zip([*stubs, *promised.args.kwonlyargs], alternatives, strict=True):
        depth, words = words_of(type_of(argument.annotation, names))
        if words & {"Any", "array_of_Any"}:
            continue
        seen = [words_of(type_of(each.annotation, {})) for each in taken]
        assert {lists for lists, _ in seen} == {depth}, argument.arg
        assert set().union(*(each for _, each in seen)) == words, argument.arg

    returned = type_of(promised.returns, names)
    for overload in found:
        value = type_of(overload.returns, {})
        (word,) = re.findall(r"^\w+", value)
        assert word in re.findall(r"(?:^|\| )(\w+)", returned)
        if value.startswith("tuple[") and "..." not in returned:
            assert len(parts_of(value)) == len(parts_of(returned))


def names_of(module: ast.Module) -> dict[str, str]:
    """What short names of types stand for in a stub."""
    return {
        ast.unparse(node.targets[0]): ast.unparse(node.value)
        for node in module.body
        if isinstance(node, ast.Assign)
    }


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("intensity: float", "intensity: int"),
        ("ids: NDArray[np.int32]", "ids: NDArray[np.int64]"),
        ("features: Features", "features: Matrix"),
        ("n_classes: list[int]", "n_classes: int"),
        ("n_classes: list[int], *", "n_classes: list[int]"),
        ("n_threads: int", "n_threads: int=1"),
        ("as_if_alone: bool, n_threads: int", "n_threads: int, as_if_alone: bool"),
        ("tuple[NDArray[np.float64], float, int, float]", "float"),
    ],
)
def test_a_fault_of_the_stub_is_seen(old: str, new: str) -> None:
    module = stub("_core.pyi")
    (protocol,) = (node for node in module.body if isinstance(node, ast.ClassDef))
    text = ast.unparse(functions(protocol.body)["h_score"])
    assert old in text
    (changed,) = functions(ast.parse(text.replace(old, new)).body).values()
    with pytest.raises(AssertionError):
        assert_signatures_agree(changed, _backend.backend.h_score, names_of(module))


@pytest.mark.parametrize("level", _backend.usable_levels())
def test_stub_of_the_extension(level: str) -> None:
    module = stub("_core.pyi")
    (protocol,) = (node for node in module.body if isinstance(node, ast.ClassDef))
    promised = functions(protocol.body)
    extension = importlib.import_module(f"transferscore._core_{level}")
    assert public(extension) == set(promised)
    for name, signature in promised.items():
        assert_signatures_agree(signature, getattr(extension, name), names_of(module))

    attributes = {node.target.id for node in protocol.body if isinstance(node, ast.AnnAssign)}  # type: ignore[union-attr]
    assert {name for name in attributes if not hasattr(extension, name)} == set()
    assert extension.__isa__ == level


def test_stub_of_the_probe() -> None:
    promised = functions(stub("_cpu.pyi").body)
    assert public(_cpu) == set(promised)
    for name, signature in promised.items():
        assert_signatures_agree(signature, getattr(_cpu, name), {})


# Docstrings


def exported() -> list[str]:
    """`module.name` for each name in an `__all__` (read, not imported: extras may be missing)."""
    names = []
    for module in modules():
        if "._" in module:  # a room of the house
            continue
        spec = importlib.util.find_spec(module)
        assert spec is not None
        assert spec.origin is not None
        for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                names += [f"{module}:{name}" for name in ast.literal_eval(node.value)]
    return names


@pytest.mark.parametrize("name", exported())
def test_exported_names_exist_and_say_what_they_are(name: str) -> None:
    module, _, attribute = name.partition(":")
    value = getattr(load(module), attribute)
    if callable(value):
        assert inspect.getdoc(value)


def score_functions() -> list[str]:
    """What users call with arrays; files and commands have documents of their own."""
    public = re.compile(
        r"transferscore(\.(scores|transport|pixels|ranking|plots|reference|compat)(\.\w+)?)?:[a-z]\w*"
    )
    return [name for name in exported() if public.fullmatch(name)]


@pytest.mark.parametrize("name", score_functions())
def test_functions_have_the_sections(name: str) -> None:
    module, _, attribute = name.partition(":")
    function: Callable[..., Any] = getattr(load(module), attribute)
    doc = inspect.getdoc(function) or ""
    signature = inspect.signature(function)

    sections = ["Examples"]
    if signature.parameters:
        sections.append("Parameters")
        # Without a parameter, "Return the ..." in the first line says it all.
        if signature.return_annotation not in (None, Iterator[None]):
            sections.append("Returns")
    missing = [title for title in sections if f"\n{title}\n{'-' * len(title)}\n" not in doc]
    assert missing == []
    undocumented = [p for p in signature.parameters if not re.search(rf"^{p}\b.* : ", doc, re.M)]
    assert undocumented == []


@pytest.mark.parametrize("name", modules())
def test_examples_in_docstrings(name: str) -> None:
    module = load(name)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    report = io.StringIO()
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, name):
        runner.run(test, out=report.write)
    lack = r"^ +ModuleNotFoundError: (this needs \w+|No module named '(?:dask)\b)"
    if missing := re.search(lack, report.getvalue(), re.M):
        pytest.skip(missing[1])
    assert runner.failures == 0, report.getvalue()


# One word in every layer

SCORES = sorted(
    name
    for name in modules()
    if re.fullmatch(
        r"transferscore\.(_scores\.[a-z]\w*|transport\.(otce|sinkhorn)"
        r"|pixels\.(pixel_h_score|quantise_pixels))",
        name,
    )
)


# What is a line of arithmetic on other scores has no kernel of its own.
WITHOUT_KERNEL = {"hgr_correlation", "task_transferability"}


def test_scores_are_found() -> None:
    words = {module.rpartition(".")[2] for module in SCORES}
    assert words >= {"h_score", "otce", "sinkhorn"}


@pytest.mark.parametrize("module", SCORES)
def test_score_is_the_same_word_everywhere(module: str) -> None:
    word = module.rpartition(".")[2]
    assert word in transferscore.__all__
    assert getattr(transferscore, word) is getattr(load(module), word)
    reference = load(f"transferscore.reference.{word}")
    assert getattr(reference, word).__module__ == reference.__name__
    assert hasattr(_backend.backend, word) == (word not in WITHOUT_KERNEL)


@needs_sources
@pytest.mark.parametrize("module", SCORES)
def test_score_has_its_five_files(module: str) -> None:
    word = module.rpartition(".")[2]
    expected = [
        f"python/{module.replace('.', '/')}.py",
        f"python/transferscore/reference/{word}.py",
        f"tests/test_{word}.py",
    ]
    if word not in WITHOUT_KERNEL:
        expected += [f"cpp/include/transferscore/{word}.hpp", f"bench/test_{word}.py"]
    assert [name for name in expected if not (ROOT / name).is_file()] == []


def test_reference_stands_alone() -> None:
    for name in modules():
        if name.startswith("transferscore.reference"):
            for node in ast.walk(ast.parse(inspect.getsource(load(name)))):
                imported = (
                    [alias.name for alias in node.names]
                    if isinstance(node, ast.Import)
                    else ["." * node.level + (node.module or "")]
                    if isinstance(node, ast.ImportFrom)
                    else []
                )
                for other in imported:
                    assert re.match(r"transferscore\.reference\b|(?!transferscore|\.)", other), (
                        f"{name} imports {other}"
                    )


# The rules for C++


@needs_sources
def test_threads_start_in_one_place() -> None:
    pattern = re.compile(
        r"#\s*pragma\s+omp|_Pragma\s*\(|<omp\.h>|<future>|std::execution|std::j?thread\s+\w"
    )
    users = {name for name, text in sources("cpp") if pattern.search(text)}
    assert users == {"include/transferscore/core/parallel.hpp"}


@needs_sources
def test_pages_are_asked_for_in_one_place() -> None:
    pattern = re.compile(r"<sys/mman\.h>|\b(mmap|madvise|mlock|VirtualAlloc)\w*\s*\(")
    users = {name for name, text in sources("cpp") if pattern.search(text)}
    assert users == {"include/transferscore/core/large_matrix.hpp"}


@needs_sources
def test_nobody_sets_the_threads_of_the_process() -> None:
    # Other libraries in the process run on the same OpenMP runtime.
    assert [name for name, text in sources("cpp") if "omp_set_" in text] == []


@needs_sources
def test_kernels_know_no_python() -> None:
    allowed = re.compile(r'"[\w/]+\.hpp"|<Eigen/\w+>|<[a-z_]+>|<omp\.h>|<sys/mman\.h>')
    for name, text in sources("cpp/include"):
        for header in re.findall(r"^\s*#\s*include\s+(\S+)", text, re.M):
            assert allowed.fullmatch(header), f"{name} includes {header}"
        assert not re.search(r"\bpy::|\bPy[A-Z_]|pybind11", text), name


@needs_sources
def test_no_flag_that_changes_arithmetic_or_ties_to_one_machine() -> None:
    flags = ("-ffast-math", "-Ofast", "-funsafe-math", "/fp:fast", "=native")
    built_by = [ROOT / "CMakeLists.txt", ROOT / "pyproject.toml"]
    built_by += sorted((ROOT / ".github").rglob("*.yml")) + sorted(ROOT.rglob("cpp/**/*.cmake"))
    for file in built_by:
        text = file.read_text(encoding="utf-8")
        assert [flag for flag in flags if flag in text] == [], file.name
