"""The best configuration is chosen on validation alone; each parameter's influence is the span of what was tried."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from scipy import stats

from fashion_compare.comparison.hyperparameters import Change, sensitivity
from fashion_compare.comparison.model_selection import best_configuration
from fashion_compare.comparison.paired import ConfigurationScores
from fashion_compare.evaluation.metrics import COMPARED

IMAGES = 500


def configuration(
    name: str,
    validation: Mapping[int, float],
    *,
    loss: float = 0.4,
    test: float = 0.8,
) -> ConfigurationScores:
    """Return a configuration with these validation accuracies by seed; every image contributes alike."""
    held = ConfigurationScores("cnn", name)
    for seed, accuracy in validation.items():
        held.add(seed, "test", dict.fromkeys(COMPARED, np.full(IMAGES, test)))
        columns = dict.fromkeys(COMPARED, np.full(IMAGES, accuracy)) | {"loss": np.full(IMAGES, loss)}
        held.add(seed, "validation", columns)
    return held


def by_name(*configurations: ConfigurationScores) -> dict[str, ConfigurationScores]:
    """Return them by their names."""
    return {held.name: held for held in configurations}


def test_the_best_is_best_on_validation_whatever_the_test_set_says() -> None:
    """With the order reversed on the test set, the choice still follows validation, and no test number is in it."""
    held = by_name(
        configuration("baseline", {0: 0.88, 1: 0.89}, test=0.90),
        configuration("better", {0: 0.91, 1: 0.92}, test=0.70),
        configuration("worse", {0: 0.85, 1: 0.86}, test=0.99),
    )
    best = best_configuration(held, "baseline")
    assert (best.configuration, best.is_baseline) == ("better", False)
    assert [row.configuration for row in best.ranking] == ["better", "baseline", "worse"]
    assert [row.validation_accuracy.mean for row in best.ranking] == pytest.approx([0.915, 0.885, 0.855])
    assert {row.split for row in best.evidence} == {"validation"}


def test_the_mean_over_seeds_decides_not_the_luckiest_seed() -> None:
    """A configuration with the best single seed loses against one with the better mean."""
    held = by_name(
        configuration("baseline", {0: 0.90, 1: 0.90, 2: 0.90}),
        configuration("lucky", {0: 0.95, 1: 0.87, 2: 0.86}),
    )
    best = best_configuration(held, "baseline")
    assert (best.configuration, best.is_baseline) == ("baseline", True)


def test_a_tie_goes_to_the_lower_validation_loss() -> None:
    """With the same accuracy the lower loss is chosen, whichever comes first."""
    low, high = configuration("low", {0: 0.9}, loss=0.3), configuration("high", {0: 0.9}, loss=0.5)
    for order in ((low, high), (high, low)):
        assert best_configuration(by_name(*order), "high").configuration == "low"


def test_a_tie_is_a_tie_whatever_the_order_of_the_seeds() -> None:
    """The same three accuracies in another order are the same mean: the lower loss is chosen."""
    counts = [round(0.8 * IMAGES), round(0.9 * IMAGES), round(0.85 * IMAGES)]
    held = by_name(
        configuration("baseline", dict.fromkeys(range(3), 0.0), loss=0.5),
        configuration("calmer", dict.fromkeys(range(3), 0.0), loss=0.4),
    )
    for name, order in (("baseline", counts), ("calmer", [counts[1], counts[2], counts[0]])):
        for seed, count in enumerate(order):
            column = held[name].per_image["validation"]["accuracy"][seed] = np.zeros(IMAGES)
            column[:count] = 1
    assert best_configuration(held, "baseline").configuration == "calmer"


def test_what_cannot_be_told_apart_is_named() -> None:
    """Those whose paired difference from the best is not decided are indistinguishable; the clearly worse are not."""
    held = by_name(
        configuration("baseline", {0: 0.90, 1: 0.91, 2: 0.92}),
        configuration("close", {0: 0.91, 1: 0.90, 2: 0.917}),
        configuration("far", {0: 0.801, 1: 0.811, 2: 0.820}),
    )
    best = best_configuration(held, "baseline")
    assert best.configuration == "baseline"
    assert best.not_significantly_worse == ["close"]
    assert {row.b.configuration: row.verdict for row in best.evidence} == {
        "close": "inconclusive",
        "far": "better",
    }


def test_one_or_two_seeds_tell_nothing_apart() -> None:
    """Without a verdict every other configuration is indistinguishable."""
    held = by_name(configuration("baseline", {0: 0.9, 1: 0.91}), configuration("far", {0: 0.5, 1: 0.52}))
    assert best_configuration(held, "baseline").not_significantly_worse == ["far"]


def test_a_baseline_alone_is_the_best() -> None:
    """With nothing to compare, the baseline is chosen without evidence."""
    best = best_configuration(by_name(configuration("baseline", {0: 0.9})), "baseline")
    assert (best.configuration, best.evidence, best.not_significantly_worse) == ("baseline", [], [])


def change(parameter: str, base: Any, value: Any) -> Change:
    """Return what the results say that a variation changes."""
    return Change(parameter=parameter, baseline_value=base, value=value, changed_together={})


CHANGES = {
    "fast": change("learning_rate", 0.001, 0.003),
    "slow": change("learning_rate", 0.001, 0.0003),
    "l2": change("l2", 0.0, 0.0001),
}
BASE = configuration("baseline", {0: 0.90, 1: 0.90})


def test_influence_is_the_span_of_what_was_tried() -> None:
    """The span runs over the parameter's means, the baseline's included; the most influential comes first."""
    found = sensitivity(
        by_name(
            configuration("l2", {0: 0.89, 1: 0.91}),
            configuration("slow", {0: 0.88, 1: 0.86}),
            configuration("fast", {0: 0.92, 1: 0.91}),
        ),
        CHANGES,
        BASE,
    )
    assert [entry.parameter for entry in found] == ["learning_rate", "l2"]
    assert [entry.range for entry in found] == pytest.approx([0.915 - 0.87, 0.0])
    rate = found[0].points
    assert [point.value for point in rate] == [0.0003, 0.001, 0.003]
    assert [point.configuration for point in rate] == ["slow", "baseline", "fast"]
    assert [point.validation_accuracy.mean for point in rate] == pytest.approx([0.87, 0.90, 0.915])


def test_the_span_of_a_harmful_parameter_reaches_to_the_baseline() -> None:
    """Where every value tried is worse, the span is measured from the baseline."""
    found = sensitivity(
        by_name(configuration("slow", {0: 0.80, 1: 0.80}), configuration("fast", {0: 0.85, 1: 0.85})),
        CHANGES,
        BASE,
    )
    assert found[0].range == pytest.approx(0.10)


def test_a_change_is_paired_with_the_baseline() -> None:
    """Each value's change is its paired difference from the baseline; the baseline has none."""
    found = sensitivity(by_name(configuration("fast", {0: 0.92, 1: 0.91, 7: 0.1})), CHANGES, BASE)
    base, fast = found[0].points
    assert base.change is None
    # Seed 7 has no partner.
    assert fast.change.mean == pytest.approx(0.015)
    # t(1) = 12.706, the differences 0.02 and 0.01 have a standard error of 0.005.
    assert fast.change.interval == pytest.approx([0.015 - 12.7062 * 0.005, 0.015 + 12.7062 * 0.005], abs=1e-6)


def test_what_did_not_finish_has_no_point() -> None:
    """A variation without a run, or without a seed in common with the baseline, is left out with its parameter."""
    found = sensitivity(by_name(configuration("fast", {7: 0.92})), CHANGES, BASE)
    assert found == []


def test_names_are_sorted_as_names() -> None:
    """The values of a parameter that is a name stand in alphabetical order."""
    held = by_name(configuration("t", {0: 0.8, 1: 0.8}), configuration("s", {0: 0.7, 1: 0.7}))
    changes = {"t": change("optimizer", "momentum", "sgd"), "s": change("optimizer", "momentum", "adam")}
    found = sensitivity(held, changes, BASE)
    assert [point.value for point in found[0].points] == ["adam", "momentum", "sgd"]


def test_sizes_are_sorted_as_sizes() -> None:
    """Layer sizes stand in the order of their numbers, not of their letters."""
    held = by_name(configuration("wide", {0: 0.8, 1: 0.8}), configuration("narrow", {0: 0.7, 1: 0.7}))
    changes = {"wide": change("hidden_sizes", "256-128", "1024"), "narrow": change("hidden_sizes", "256-128", "64")}
    found = sensitivity(held, changes, BASE)
    assert [point.value for point in found[0].points] == ["64", "256-128", "1024"]


def test_what_lacks_a_seed_is_not_chosen() -> None:
    """A mean over fewer seeds is no match for the others': such a configuration is named, and not eligible."""
    held = by_name(configuration("baseline", {0: 0.88, 1: 0.88, 2: 0.96}), configuration("lucky", {2: 0.95}))
    best = best_configuration(held, "baseline")
    assert (best.configuration, best.incomplete) == ("baseline", ["lucky"])
    assert [entry.configuration for entry in best.ranking] == ["baseline"]


def test_the_best_of_alike_is_seldom_said_to_be_better() -> None:
    """Six configurations that are the same in truth: what is picked for its mean leads 'better' in at most 5%."""
    generator = np.random.default_rng(3)
    studies, said = 300, 0
    for accuracies in generator.normal(0.9, 0.003, (studies, 6, 3)):
        alike = by_name(*(configuration(str(i), dict(enumerate(row))) for i, row in enumerate(accuracies)))
        best = best_configuration(alike, "0")
        assert {row.family for row in best.evidence} == {15}
        said += any(row.verdict == "better" for row in best.evidence)
    assert said <= stats.binom.ppf(0.99, studies, 0.05)


def test_another_seed_is_no_match() -> None:
    """Configurations that finished the same number of other seeds are not ranked against each other."""
    held = by_name(configuration("baseline", {0: 0.88, 1: 0.88}), configuration("lucky", {1: 0.95, 2: 0.95}))
    best = best_configuration(held, "baseline")
    assert (best.configuration, best.incomplete) == ("baseline", ["lucky"])


def test_usable_values_are_those_not_shown_to_be_worse() -> None:
    """Paired with the best: a difference whose interval ends below zero makes a value worse, a wider one does not."""
    held = by_name(
        # Worse than the best by 5 to 7 points in every seed, and by −1 to 3 in others.
        configuration("slow", {0: 0.86, 1: 0.85, 2: 0.87}),
        configuration("fast", {0: 0.92, 1: 0.91, 2: 0.93}),
        configuration("hopeless", {0: 0.85, 1: 0.85, 2: 0.85}),
    )
    base = configuration("baseline", {0: 0.90, 1: 0.92, 2: 0.90, 3: 0.99})
    changes = {**CHANGES, "hopeless": change("learning_rate", 0.001, 1.0)}
    (entry,) = sensitivity(held, changes, base)
    assert entry.not_worse_than_best == [0.001, 0.003]
    # The baseline's fourth seed, which others lack, has no say in who is best.
    assert [point.validation_accuracy.mean for point in entry.points] == pytest.approx([0.86, 0.2720 / 0.3, 0.92, 0.85])
    # Where the seeds agree to the last bit, the best is known exactly.
    certain = by_name(configuration("fast", {0: 0.92, 1: 0.92}), configuration("slow", {0: 0.91, 1: 0.91}))
    assert sensitivity(certain, CHANGES, BASE)[0].not_worse_than_best == [0.003]


def test_a_winner_of_many_trials_met_all_of_them() -> None:
    """What was chosen among so many on validation is tested there as one of as many."""
    held = by_name(
        configuration("baseline", {0: 0.88, 1: 0.885, 2: 0.883}),
        configuration("tuned-7", {0: 0.900, 1: 0.902, 2: 0.901}),
    )
    alone, among = best_configuration(held, "baseline"), best_configuration(held, "baseline", trials=30)
    assert (alone.evidence[0].family, among.evidence[0].family) == (1, 31 * 30 // 2)
    assert alone.not_significantly_worse == []
    assert among.not_significantly_worse == ["baseline"]
