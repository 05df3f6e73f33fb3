"""The best configuration of a model: chosen on validation, with the evidence that it is more than luck."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from fashion_compare.comparison.paired import Comparison, ConfigurationScores, compare_family
from fashion_compare.comparison.statistics import Estimate
from fashion_compare.json_record import JsonRecord


class RankedConfiguration(JsonRecord):
    """A configuration's place by validation."""

    configuration: str
    validation_accuracy: Estimate
    validation_loss: float


class BestConfiguration(JsonRecord):
    """The configuration chosen on validation, and the evidence for it."""

    configuration: str
    is_baseline: bool
    chosen_by: str
    ranking: list[RankedConfiguration]
    evidence: list[Comparison]
    not_significantly_worse: list[str]
    incomplete: Annotated[list[str], Field(description="not eligible: finished for fewer seeds than others")]


def best_configuration(
    configurations: Mapping[str, ConfigurationScores], base: str, *, trials: int = 0
) -> BestConfiguration:
    """Return the configuration with the highest mean validation accuracy (ties: the lower validation loss).

    A configuration without a finished run for every seed that another one has is not eligible: a mean over other
    seeds would decide by luck (unless that is true of all of them). The evidence: the whole ranking, and every other
    configuration's paired difference on validation. The same numbers chose the best, so Holm's correction runs over
    all pairs that could have met. Those whose difference is inconclusive are `not_significantly_worse`: the
    choice among them is by the mean alone.

    Args:
        configurations: finished configurations by name, the baseline among them.
        base: the baseline's name.
        trials: how many more were tried on validation before one of them became a configuration here: they could have
            met all others too.
    """
    seeds = {name: set(scored.seeds()) for name, scored in configurations.items()}
    wanted = set.union(*seeds.values())
    if wanted not in seeds.values():
        wanted = max(seeds.values(), key=len)
    incomplete = [name for name in configurations if seeds[name] != wanted]
    configurations = {name: scored for name, scored in configurations.items() if name not in incomplete}
    accuracy = {name: scored.estimate("validation", "accuracy") for name, scored in configurations.items()}
    loss = {name: scored.estimate("validation", "loss").mean for name, scored in configurations.items()}
    # Rounded beyond any image's weight: the order in which seeds were added up must not decide.
    ranking = sorted(configurations, key=lambda name: (-round(accuracy[name].mean, 10), round(loss[name], 10)))
    best = ranking[0]
    candidates = len(ranking) + max(0, trials - 1)
    pairs = candidates * (candidates - 1) // 2 if len(ranking) > 1 else 0
    rows = compare_family(
        [(configurations[best], configurations[name]) for name in ranking[1:]], "validation", "accuracy", family=pairs
    )
    return BestConfiguration(
        configuration=best,
        is_baseline=best == base,
        chosen_by="mean validation accuracy over seeds, each at its best epoch by validation",
        ranking=[
            RankedConfiguration(configuration=name, validation_accuracy=accuracy[name], validation_loss=loss[name])
            for name in ranking
        ],
        evidence=rows,
        incomplete=incomplete,
        not_significantly_worse=[row.b.configuration for row in rows if row.verdict != "better"],
    )
