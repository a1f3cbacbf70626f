"""Numbers and names as people read them."""

import math
import re
import unicodedata

# Whatever Markdown could take for markup. An underscore inside a word is none.
_MARKUP = re.compile(r"[\\`*\[\]<>|~&]|(?<![^\W_])_|_(?![^\W_])")


def number(value: float) -> str:
    """Return `value` for people: four decimals, unless that would leave nothing of it."""
    if not math.isfinite(value):
        return str(value)
    return f"{value:.4f}" if value == 0 or abs(value) >= 0.001 else f"{value:.1e}"


def markdown(text: str) -> str:
    """Return `text` so that Markdown shows it as it is."""
    return _MARKUP.sub(r"\\\g<0>", text)


def width(text: str) -> int:
    """Columns that `text` takes in a terminal: two for wide signs, none for combining ones."""
    return sum(
        0 if unicodedata.combining(sign) else 1 + (unicodedata.east_asian_width(sign) in "WF")
        for sign in text
    )
