"""Pages made of what is written once elsewhere.

- a page for each section of scores.md, with the entry of `scores()` and the docstrings,
- a page for each public module, of the names that no other page describes,
- the source of each test that a page names, and a link to it.

They are written to `generated/` before Sphinx reads its sources. A page that would be the same is
left as it is, so that nothing is built twice.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

import transferscore

TEST = re.compile(r"`(test_\w+)\.py::([\w:]+)`")
# Public modules, in the order of the reference, and what they are for.
MODULES = {
    "transferscore": "Scores, statistics, transport",
    "transferscore.ranking": "Rankings, evaluation, selection",
    "transferscore.pixels": "Segmentation and images",
    "transferscore.extract": "Features of networks",
    "transferscore.io": "Files",
    "transferscore.learn": "Losses for PyTorch",
    "transferscore.plots": "Plots",
    "transferscore.datasets": "The bundled zoo",
    "transferscore.reference": "The definitions in NumPy",
    "transferscore.compat.tllib": "Names of TLlib",
    "transferscore.compat.logme": "Names of LogME",
    "transferscore.compat.transformer_ranker": "Names of transformer-ranker",
    "transferscore.compat.parc": "Names of PARC",
    "transferscore.compat.sfda": "Names of SFDA",
    "transferscore.compat.pot": "Names of POT",
    "transferscore.compat.otce_demo": "Names of the OTCE authors' demo",
}


@dataclass
class Pages:
    """What is written, and what is described where."""

    folder: Path
    written: set[Path] = field(default_factory=set)
    described: dict[int, str] = field(default_factory=dict)  # id of an object: its full name

    def write(self, name: str, text: str) -> None:
        """Write a page, unless it is there."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.written.add(path)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")

    def directive(self, full_name: str, value: Any) -> str:
        """The description of an object, once; else a link to it."""
        if id(value) in self.described:
            return f"- {{py:obj}}`{self.described[id(value)]}`\n"
        self.described[id(value)] = full_name
        kind = (
            "autoexception"
            if inspect.isclass(value) and issubclass(value, BaseException)
            else "autoclass"
            if inspect.isclass(value)
            else "autofunction"
        )
        options = "   :no-inherited-members:\n" if kind == "autoexception" else ""
        return f"```{{eval-rst}}\n.. {kind}:: {full_name}\n{options}```\n\n"


def slug(head: str) -> str:
    """The anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-")


def sections(text: str) -> dict[str, str]:
    """The sections of a page by their headings; what stands before the first has the empty one."""
    heads = re.split(r"^## (.*)\n", text, flags=re.M)
    return {"": heads[0], **dict(zip(heads[1::2], heads[2::2], strict=True))}


def deeper(text: str) -> str:
    """A text in which links start from `generated/scores/`."""
    local = re.sub(r"\]\(#([\w-]+)\)", r"](../../scores.md#\1)", text)
    return re.sub(r"\]\((?!https?:|\.\./\.\./|#)([^)]+)\)", r"](../../\1)", local)


def score_pages(pages: Pages, text: str) -> None:
    """A page for each score, of its section, its entry in `scores()` and its docstrings."""
    entries = transferscore.scores()
    parts = sections(text)
    listed = []
    for head, section in parts.items():
        if not head:
            continue
        first = section.strip().split("\n\n")[0]
        words = [
            word
            for word in re.findall(r"`(?:transferscore\.)?(?:pixels\.)?([a-z]\w*)\(", first)
            if hasattr(transferscore, word)
        ]
        about = [
            f"| `{name}` | {entry.bounds} | {'higher' if entry.higher_is_better else 'lower'} "
            f"| {', '.join(f'`{need}`' for need in entry.needs)} |"
            for name, entry in entries.items()
            if getattr(entry.compute, "func", entry.compute).__name__ in words
        ]
        body = f"# {head}\n\n{deeper(section.strip())}\n\n"
        if about:
            body += "## In `scores()`\n\n| name | bounds | better | needs |\n"
            body += "| --- | --- | --- | --- |\n"
            body += "\n".join(about) + "\n\n"
        if words:
            body += "## Reference\n\n"
            body += "".join(
                pages.directive(f"transferscore.{word}", getattr(transferscore, word))
                for word in words
            )
        pages.write(f"scores/{slug(head)}.md", body)
        listed.append(slug(head))
    intro = deeper(parts[""].strip())
    toctree = "\n".join(listed)
    table = "| score | bounds | better |\n| --- | --- | --- |\n" + "\n".join(
        f"| {{py:func}}`{entry.title} <transferscore."
        f"{getattr(entry.compute, 'func', entry.compute).__name__}>` | {entry.bounds} "
        f"| {'higher' if entry.higher_is_better else 'lower'} |"
        for entry in entries.values()
    )
    pages.write(
        "scores/index.md",
        f"{intro}\n\n{table}\n\n```{{toctree}}\n:maxdepth: 1\n\n{toctree}\n```\n",
    )


def source_of(function: Any) -> str:
    """The code of a definition, which is there to be read."""
    lines = inspect.getsource(function).splitlines()
    (defined,) = ast.parse("\n".join(lines)).body
    if inspect.isfunction(function):  # its docstring stands above
        doc = defined.body[0]  # type: ignore[attr-defined]
        del lines[doc.lineno - 1 : doc.end_lineno]
    code = "\n".join(lines).strip()
    return f"```python\n{code}\n```\n\n"


def module_pages(pages: Pages) -> None:
    """A page for each public module; names that the package itself exports have its short path."""
    of_package: dict[str, list[str]] = {name: [] for name in MODULES}
    for word in transferscore.__all__:
        home = getattr(getattr(transferscore, word), "__module__", None) or "transferscore"
        holder = ".".join(home.split(".")[:2])
        of_package[holder if holder in MODULES else "transferscore"].append(word)
    for name, title in MODULES.items():
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:  # the text names the extra
            pages.write(f"api/{name}.md", f"# {title}\n\n`{name}` is not described here: {error}\n")
            continue
        about = f".. py:module:: {name}\n\n{inspect.getdoc(module)}"
        body = f"# {title}\n\n```{{eval-rst}}\n{about}\n```\n\n"
        objects = {
            f"transferscore.{word}": getattr(transferscore, word) for word in of_package[name]
        }
        if name != "transferscore":
            objects |= {f"{name}.{word}": getattr(module, word) for word in module.__all__}
        own, elsewhere = "", ""
        for full_name, value in objects.items():
            if not callable(value):
                continue
            text = pages.directive(full_name, value)
            if name == "transferscore.reference" and not text.startswith("- "):
                text += source_of(value)
            if text.startswith("- "):
                elsewhere += text
            else:
                own += text
        here = {f"- {{py:obj}}`{full_name}`" for full_name in objects}
        links = "".join(
            f"{line}\n" for line in dict.fromkeys(elsewhere.splitlines()) if line not in here
        )
        if own and links:
            body += f"Described elsewhere:\n\n{links}\n"
        pages.write(f"api/{name}.md", body + own + ("" if own else links))
    listed = "\n".join(MODULES)
    pages.write(
        "api/index.md",
        f"# Reference\n\n```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n",
    )


def test_pages(pages: Pages, docs: Path) -> None:
    """The source of each test that a page names, in a page for each file of tests."""
    named: dict[str, set[str]] = {}
    for page in sorted([*docs.glob("*.md"), *docs.glob("guides/*.md")]):
        for file, test in TEST.findall(page.read_text(encoding="utf-8")):
            named.setdefault(file, set()).add(test)
    for file, tests in sorted(named.items()):
        text = (docs.parent / "tests" / f"{file}.py").read_text(encoding="utf-8")
        order = sorted(tests, key=lambda test: text.index(f"def {test.rpartition('::')[2]}("))
        body = f"# {file}.py\n\n"
        for test in order:
            body += (
                f"## {test.rpartition('::')[2]}\n\n```{{literalinclude}} ../../../tests/{file}.py\n"
                f":pyobject: {test.replace('::', '.')}\n:language: python\n```\n\n"
            )
        pages.write(f"tests/{file}.md", body)
    listed = "\n".join(sorted(named))
    pages.write(
        "tests/index.md",
        "# Tests\n\nThe tests that pages of this documentation name.\n\n"
        f"```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n",
    )


def write_pages(app: Sphinx) -> None:
    """Write all pages, and remove those that are no longer made."""
    docs = Path(app.srcdir)
    pages = Pages(docs / "generated")
    score_pages(pages, (docs / "scores.md").read_text(encoding="utf-8"))
    module_pages(pages)
    test_pages(pages, docs)
    for path in sorted(pages.folder.rglob("*.md")):
        if path not in pages.written:
            path.unlink()


def link(app: Sphinx, docname: str, source: list[str]) -> None:
    """Lead links to where things stand on the site."""
    docs = Path(app.srcdir)
    text = source[0]
    if docname == "index":
        text = start(app, text)
    folder = (docs / docname).parent
    up = "../" * docname.count("/")

    def section(found: re.Match[str]) -> str:
        return f"]({up}generated/scores/{found[1] or 'index'}.md)"

    def elsewhere(found: re.Match[str]) -> str:
        """Name a file of the repository that is no page."""
        path = Path(os.path.normpath(folder / found[2].partition("#")[0]))
        if path.is_relative_to(docs):
            return found[0]
        return f"{found[1]} (`{path.relative_to(docs.parent)}`)"

    def test(found: re.Match[str]) -> str:
        name = found[2].rpartition("::")[2]
        return f"[`{found[1]}.py::{found[2]}`]({up}generated/tests/{found[1]}.md#{name.lower()})"

    text = re.sub(r"\]\((?:\.\./)*scores\.md(?:#([\w-]+))?\)", section, text)
    text = re.sub(r"\[([^\]\n]+)\]\((?!https?:|mailto:|#)([^)\s]+)\)", elsewhere, text)
    if not docname.startswith("generated/"):
        text = TEST.sub(test, text)
    source[0] = text


def start(app: Sphinx, index: str) -> str:
    """The README, and the pages in their order; one that the index doesn't name has a place."""
    docs = Path(app.srcdir)
    app.env.note_dependency(str(docs.parent / "README.md"))
    readme = (docs.parent / "README.md").read_text(encoding="utf-8").replace("](docs/", "](")
    readme = re.sub(
        r"\]\((LICENSES?|CONTRIBUTING|CHANGELOG|SECURITY|python/|bench/)", r"](../\1", readme
    )
    pages = {path.stem for path in docs.glob("*.md")} - {"index", "scores"}
    new = sorted(page for page in pages if not re.search(rf"^{page}$", index, re.M))
    named = "".join(f"{page}\n" for page in new)
    return readme + index.replace("\nmigration\n", f"\n{named}migration\n")


def hide_colons(app: Sphinx, what: str, *about: Any) -> None:
    """Keep napoleon from taking what stands before a colon for the type of a property."""
    lines = about[-1]
    if what in ("attribute", "property"):
        lines[:] = [line.replace(":", "\0") for line in lines]


def show_colons(app: Sphinx, what: str, *about: Any) -> None:
    """Bring them back."""
    lines = about[-1]
    lines[:] = [line.replace("\0", ":") for line in lines]


def setup(app: Sphinx) -> dict[str, Any]:
    """Make pages before sources are looked for."""
    app.connect("builder-inited", write_pages)
    app.connect("source-read", link)
    app.connect("autodoc-process-docstring", hide_colons, priority=100)  # napoleon has 500
    app.connect("autodoc-process-docstring", show_colons, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
