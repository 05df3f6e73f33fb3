"""Every section of the page has its template, and every figure and every finding has its place in one."""

import re
from importlib import resources

import pytest

from fashion_compare.findings import RULES
from fashion_compare.report import figures
from fashion_compare.report.sections import SECTIONS
from fashion_compare.report.templating import findings_in
from fashion_compare.results.schema import Results
from tests.builders import build

TEMPLATES = resources.files("fashion_compare.report") / "templates"
PAGE = {entry.name: entry.read_text(encoding="utf-8") for entry in (TEMPLATES / "sections").iterdir()}
TEXT = "\n".join(PAGE.values()) + (TEMPLATES / "results.md.j2").read_text(encoding="utf-8")
# Words that only this project used, in place of the field's.
PRIVATE = (
    r"not decid(?:ed|able)", r"for an even chance", r"undecided", r"no verdict", r"stands it better", r"taken for",
    r"ahead of \d", r"stand-in", r"readout", r"mended", r"looked at", r"could have shown", r"too sure of itself",
    r"nothing was trained", r"tells? apart", r"even chance", r"of its own", r"side by side", r"met while building",
    r"audit", r"the bar\b", r"all over the space",
)  # fmt: skip


def test_every_section_has_a_template_and_no_other_template_is_there() -> None:
    """The list of sections and the folder of their templates are the same."""
    assert {f"{section.id}.html.j2" for section in SECTIONS} == PAGE.keys()
    assert len({section.title for section in SECTIONS}) == len(SECTIONS)


def test_every_figure_is_drawn_by_a_section_of_the_page() -> None:
    """A figure that no template draws is dead code; one that a template misspells is an error when it is filled."""
    page = "\n".join(PAGE.values())
    drawn = set(re.findall(r"draw\.(\w+\.\w+)\(", TEXT)) - {"hyperparameters.has_curves"}
    functions = {
        f"{module}.{name}"
        for module in figures.__all__
        for name, held in vars(getattr(figures, module)).items()
        if hasattr(held, "__wrapped__") and held.__module__ == getattr(figures, module).__name__
    }
    assert drawn == functions
    assert all(f"draw.{name}(" in page for name in functions)


def test_every_rule_has_a_place_on_the_page() -> None:
    """What a rule finds is shown where it belongs, besides the list of all findings under the challenges."""
    shown = set(re.findall(r'findings_of\("([a-z-]+)"\)', "\n".join(PAGE.values()))) | {"challenges"}
    assert {rule.place for rule in RULES} == shown
    assert len({rule.id for rule in RULES}) == len(RULES)


def test_a_misspelt_place_of_findings_is_an_error() -> None:
    """Not an empty space in the page."""
    results = build(Results, dataset={"name": "fashion-mnist"})
    assert findings_in(results, "calibration") == []
    with pytest.raises(KeyError, match="calibratoin"):
        findings_in(results, "calibratoin")


@pytest.mark.parametrize("phrase", PRIVATE)
def test_the_page_speaks_the_fields_language(phrase: str, root) -> None:
    """None of the phrases that only this project used stands in the page's text."""
    text = re.sub(r"<(script|style|svg)\b.*?</\1>|<div class=\"by-hand\">.*?</div>|<[^>]*>", " ",
                  (root / "report.html").read_text(encoding="utf-8"), flags=re.DOTALL)  # fmt: skip
    found = re.search(phrase, text, re.IGNORECASE)
    assert found is None, text[max(0, found.start() - 60) : found.end() + 60]
