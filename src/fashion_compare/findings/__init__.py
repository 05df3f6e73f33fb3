"""Rules that turn numbers into sentences."""

from fashion_compare.findings import data, mechanisms, training
from fashion_compare.findings.wording import Rule
from fashion_compare.results.schema import Results

# In the order in which a page lists what they say.
RULES: tuple[Rule, ...] = (*training.RULES, *mechanisms.RULES, *data.RULES)


def with_findings(results: Results) -> Results:
    """Return the results with the findings of every rule: no number, no sentence."""
    found = [finding for rule in RULES for finding in rule.apply(results)]
    return results.model_copy(update={"findings": found})
