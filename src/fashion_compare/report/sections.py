"""The sections of the page, in order; each is a template of its own, and stands in the page where it has content."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Section:
    """One section of the page, ``templates/sections/ID.html.j2``.

    Attributes:
        id: its anchor, and the name of its template.
        title: its heading, and its entry in the contents.
    """

    id: str
    title: str


SECTIONS = (
    Section("answer", "Answer"),
    Section("data", "Data"),
    Section("models", "The two models"),
    Section("baselines", "Baselines"),
    Section("variations", "Variations against their baseline"),
    Section("sensitivity", "Sensitivity to hyperparameters"),
    Section("best", "Best configurations"),
    Section("fitting", "Over- and underfitting"),
    Section("classes", "Class by class"),
    Section("robustness", "Robustness and ablations"),
    Section("attribution", "Attribution maps"),
    Section("playground", "Try it"),
    Section("faithfulness", "Faithfulness tests"),
    Section("calibration", "Calibration"),
    Section("study-diff", "Compared with another study"),
    Section("challenges", "Challenges and insights"),
    Section("reproduce", "Reproduce"),
)
