"""Formulas as MathML, which browsers show without scripts and without another machine.

docutils brings the conversion; Sphinx' own ways need MathJax, which is fetched from a server or put
beside the pages, or LaTeX.
"""

import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

# What docutils reads in another way than TeX.
WRITTEN_OTHERWISE = {
    r"(\\[td]?frac)(\w)(\w)": r"\1{\2}{\3}",  # TeX takes two characters, docutils a number
    r"\\operatorname\{arg\\,max\}": r"\\arg\\max",
    r"\\(log|det)(?![a-z_(])": r"\\,\\\1\\,",  # functions have no space of their own
}


def converted(node: nodes.Element, *, as_block: bool) -> str:
    """A formula of LaTeX as an element `math`; one that can't be read fails the build."""
    # As elsewhere in Sphinx, an empty line begins a line of the formula.
    text = re.sub(r"\n\s*\n", r" \\\\ ", node.astext().strip())
    for pattern, replacement in WRITTEN_OTHERWISE.items():
        text = re.sub(pattern, replacement, text)
    if as_block and (r"\\" in text or "&" in text) and r"\begin" not in text:
        text = rf"\begin{{aligned}}{text}\end{{aligned}}"
    try:
        markup = str(tex2mathml(text, as_block=as_block))
    except (MathError, AttributeError, IndexError, KeyError) as error:
        raise ExtensionError(f"no formula can be made of {text!r}: {error}") from error
    # An index stands beside a letter with an accent, not below it; and fonts have this macron.
    markup = re.sub(
        r"<munderover>\s*(<mi>\w</mi>)(.*?)(<mo [^>]*>[ˉ~]</mo>)\s*</munderover>",
        r'<msub><mover accent="true">\1\3</mover>\2</msub>',
        markup,
        flags=re.S,
    )
    full_size = ('<mtable class="ams-align">', '<mtable class="ams-align" displaystyle="true">')
    return markup.replace("ˉ", "¯").replace(*full_size)


def visit_inline(translator: Any, node: nodes.math) -> None:
    """Write a formula within a line."""
    translator.body.append(converted(node, as_block=False))
    raise nodes.SkipNode


def visit_block(translator: Any, node: nodes.math_block) -> None:
    """Write a formula in lines of its own."""
    translator.body.append(f'<div class="math">{converted(node, as_block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register `html_math_renderer = "mathml"`."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
