"""The page's Content-Security-Policy: nothing from elsewhere, and of scripts and styles its own alone, by their hashes.

A hash allows a whole ``<style>``, never a ``style`` attribute, and Matplotlib writes thousands of those: on their way
into the page they become classes.
"""

import base64
import hashlib
import re
from collections.abc import Mapping

_TAG = re.compile(r"<[^<>]*>")
_ATTRIBUTE = re.compile(r' style="([^"]*)"')
# The same in every figure; the page's own style sheet has it.
_STYLE_ELEMENT = re.compile(r"<style[^>]*>[^<]*</style>")


def content_security_policy(script: str, style: str) -> str:
    """Return the policy of a page with this one script and this one style sheet, byte for byte.

    Source: Content Security Policy Level 3 (W3C).
    """
    return (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def classes_for_styles(figures: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """Return figures with a class in place of every ``style`` attribute, and the style sheet of these classes.

    Args:
        figures: name → SVG from Matplotlib, in which no element has a class.
    """
    classes: dict[str, str] = {}

    def named(attribute: re.Match[str]) -> str:
        return f' class="{classes.setdefault(attribute[1], f"s{len(classes)}")}"'

    changed = {
        name: _TAG.sub(lambda tag: _ATTRIBUTE.sub(named, tag[0]), _STYLE_ELEMENT.sub("", svg))
        for name, svg in figures.items()
    }
    return changed, "".join(f".{name} {{ {style} }}\n" for style, name in classes.items())
