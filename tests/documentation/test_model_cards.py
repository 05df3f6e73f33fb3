"""Every number on a model card stands in the file that it is taken from, and its settings are those of the study."""

import re

import pytest

from fashion_compare.classifier import build
from fashion_compare.study.spec import load_study, parse_study
from tests.documentation.pages import DOCS, ROOT, blocks

CARDS = sorted(path for path in (DOCS / "models").glob("*.md") if path.name != "index.md")
HEADINGS = [
    "Model details", "Intended use", "Training and evaluation data", "Metrics", "Limits", "Recommendations",
]  # fmt: skip
SOURCES = ["docs/results.md", "docs/results-tuned.md", "docs/explanations.md", "docs/log.md", "README.md"]


def text_of(path):
    return path.read_text(encoding="utf-8")


def configuration_of(card):
    """The configuration that a card is about: from the study on the card, or the shipped one."""
    study = next((block.text for block in blocks(card) if block.language == "yaml"), None)
    match card.stem, study:
        case "best-ffnn", None:
            return load_study("best-ffnn").models["ffnn"]["best"]
        case (("ffnn-baseline" | "cnn-baseline"), None):
            model = card.stem.partition("-")[0]
            return load_study("default").models[model]["baseline"]
        case _, text:
            return next(iter(parse_study(text, card.name).models.values()))["found"]


def numbers(text):
    """Every number with a decimal point or a thousands separator, its sign left out."""
    return set(re.findall(r"\d+(?:[.,]\d+)+(?:e-\d+)?", text))


def test_every_shipped_configuration_one_would_use_has_a_card():
    """The baselines, the best from scratch, and what tuning found for each model in the shipped results."""
    found = re.findall(r"^\| (tuned-\d+) ★", text_of(DOCS / "results-tuned.md"), re.MULTILINE)
    titles = [text_of(card).splitlines()[0] for card in CARDS]
    wanted = [f"ffnn, {found[0]}", f"cnn, {found[1]}", "ffnn, baseline", "cnn, baseline", "ffnn, best-ffnn"]
    assert sorted(titles) == sorted(f"# Model card: {name}" for name in wanted)


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.stem)
def test_a_card_has_its_parts(card):
    """The headings, in their order."""
    assert re.findall(r"^## (.+)$", text_of(card), re.MULTILINE) == HEADINGS


@pytest.mark.parametrize("card", [*CARDS, DOCS / "models" / "index.md"], ids=lambda card: card.stem)
def test_every_number_on_a_card_has_a_source(card):
    """In the results, the log, the explanations, the README, or in what the code says about the configuration."""
    known = set().union(*(numbers(text_of(ROOT / name)) for name in SOURCES))
    for shown in [card] if card in CARDS else CARDS:
        configuration = configuration_of(shown)
        layers = build(configuration, seed=0, mean=0.0, std=1.0).complexity()
        known |= {f"{sum(layer.parameters for layer in layers):,}"}
        known |= {f"{sum(layer.multiply_accumulates for layer in layers):,}"}
        known |= {str(value) for value in configuration.model_dump().values()}
    text = re.sub(r"```.*?```", "", text_of(card), flags=re.DOTALL)
    # Counts of the data set, which its definition fixes.
    assert numbers(text) - known - {"55,000", "5,000", "10,000", "60,000", "5,500", "1,000"} == set()


@pytest.mark.parametrize("stem", ["ffnn-tuned", "cnn-tuned"])
def test_the_settings_on_a_tuned_card_are_those_that_won(stem):
    """As results.md prints them: each value that it names is that of the study on the card."""
    model = stem.partition("-")[0]
    line = re.search(
        rf"^- {model}: Trial \d+ won, [^:]+: ([^.]*(?:\.\d[^.]*)*)\. Trained",
        text_of(DOCS / "results-tuned.md"),
        re.MULTILINE,
    )
    assert line is not None
    configuration = configuration_of(DOCS / "models" / f"{stem}.md")
    names = {"L1 penalty": "l1", "L2 penalty": "l2", "hidden layers": "hidden_sizes"}
    said = [part.rsplit(" ", 1) for part in line[1].split(", ")]
    won = {names.get(name, name.replace(" ", "_")): value for name, value in said}
    default = type(configuration)()
    changed = {name for name, value in configuration if value != getattr(default, name)}
    assert changed <= won.keys()
    for name, value in won.items():
        held = getattr(configuration, name)
        assert value == ("-".join(map(str, held)) if isinstance(held, tuple) else str(held)), name
