"""The page's policy allows its own script and style sheet, and no style stands where no hash could allow it."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

from fashion_compare.report.policy import classes_for_styles


class _Parts(HTMLParser):
    """Collects the policy, the contents of scripts and style sheets, and attributes that are styles or scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.policies: list[str] = []
        self.contents: dict[str, list[str]] = {"script": [], "style": []}
        self.attributes: list[str] = []
        self._inside: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        held = dict(attributes)
        if held.get("http-equiv") == "Content-Security-Policy":
            self.policies.append(held["content"] or "")
        self.attributes += [name for name in held if name == "style" or name.startswith("on")]
        # Data is not run, and needs no permission.
        self._inside = tag if tag in self.contents and held.get("type") != "application/json" else None

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.contents[self._inside].append(data)
            self._inside = None


def sha256(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_policy_names_the_pages_script_and_style_sheet_and_nothing_else(root: Path) -> None:
    """By their hashes; all else is forbidden but images within the page, and nothing stands in attributes."""
    page = _Parts((root / "report.html").read_bytes().decode())
    (script,), (style,) = page.contents["script"], page.contents["style"]
    (policy,) = page.policies
    assert dict(part.split(" ", 1) for part in policy.split("; ")) == {
        "default-src": "'none'",
        "script-src": sha256(script),
        "style-src": sha256(style),
        "img-src": "data: blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert page.attributes == []


def test_the_policy_stands_before_all_that_it_is_about(root: Path) -> None:
    """A policy within a page holds for what follows it: only the encoding is said before."""
    text = (root / "report.html").read_text(encoding="utf-8")
    assert re.findall(r"<(\w+)", text[: text.index("Content-Security-Policy")]) == ["html", "head", "meta", "meta"]


def test_equal_styles_of_all_figures_share_a_class() -> None:
    """Each style becomes one rule; a text that reads like an attribute, and the figure's name, stay as they are."""
    figures = {
        "one": '<svg aria-label="a &quot;b&quot;"><defs><style type="text/css">*{fill: red}</style></defs>'
        '<path d="M 0 0\nL 1 1\n" style="fill: none"/><text style="font-size: 8px">an l1 style="fill: none"</text>'
        "</svg>",
        "two": '<svg><path style="fill: none"/></svg>',
    }
    changed, sheet = classes_for_styles(figures)
    assert changed == {
        "one": '<svg aria-label="a &quot;b&quot;"><defs></defs><path d="M 0 0\nL 1 1\n" class="s0"/>'
        '<text class="s1">an l1 style="fill: none"</text></svg>',
        "two": '<svg><path class="s0"/></svg>',
    }
    assert sheet == ".s0 { fill: none }\n.s1 { font-size: 8px }\n"
