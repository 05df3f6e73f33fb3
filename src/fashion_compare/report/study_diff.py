"""Two studies beside each other: what both measured, with both intervals."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fashion_compare.findings.wording import Cut, difference_interval, lead_interval, percent, points, score_interval
from fashion_compare.report.sentences import METRIC_NAMES

Row = dict[str, Any]


def beside(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Return what two studies' results have in common, for the page.

    Args:
        first: the content of the results.json that the page is of.
        second: that of the other study.

    Returns:
        `name` of the other study, whether both are of the `same_data` and as much of it, and `scores` and `leads`:
        rows of a `what`, the `first` and the `second` estimate in words, and a `note`: seeds and settings, or verdicts.
    """
    return {
        "name": second["study"]["name"],
        "same_data": first["dataset"]["sha256"] == second["dataset"]["sha256"]
        and first["study"]["training_images"] == second["study"]["training_images"],
        "scores": list(_scores(first, second)),
        "leads": list(_leads(first, second)),
    }


def _scores(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Row]:
    """Test accuracy of the configurations that both studies have runs of."""
    for model, held in first["models"].items():
        others = second["models"].get(model, {"configurations": {}})["configurations"]
        for name, own in held["configurations"].items():
            other = others.get(name)
            if own["runs"] and other and other["runs"]:
                scores = (own["interval"]["test"]["accuracy"], other["interval"]["test"]["accuracy"])
                seeds = f"{len(own['runs'])} and {len(other['runs'])} seeds"
                note = seeds if own["config"] == other["config"] else f"{seeds}; other settings"
                yield {
                    "what": f"{model} {name}",
                    **_said(scores, score_interval, lambda value: percent(value, 2)),
                    "note": note,
                }


def _leads(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Row]:
    """The cnn's leads over the ffnn that both studies measured, each with its verdict."""
    for pairing, held in first["head_to_head"].items():
        for own in held["comparisons"]:
            for other in second["head_to_head"].get(pairing, {"comparisons": []})["comparisons"]:
                if own["metric"] == other["metric"] == "accuracy":
                    what = f"{pairing}, test {METRIC_NAMES['accuracy']}"
                    yield _lead(what, (own, own), (other, other), difference_interval)
    for own in first["probe_leads"]:
        for other in second["probe_leads"]:
            if own["probe"] == other["probe"]:
                yield _lead(f"accuracy kept: {own['probe']}", (own["lead"], own), (other["lead"], other), lead_interval)
    gaps = [(held["experiments"] or {}).get("permutation", {}).get("cnn_minus_ffnn") for held in (first, second)]
    if all(gaps):
        own, other = gaps
        yield _lead("change with permuted pixels", (own["lead"], own), (other["lead"], other), lead_interval)


def _lead(what: str, own: tuple[Any, Any], other: tuple[Any, Any], shown_interval: Cut) -> Row:
    """Return a row from two pairs of an estimate and what has the verdict on it."""
    note = f"{own[1]['verdict']}; {other[1]['verdict']}"
    return {"what": what, **_said((own[0], other[0]), shown_interval, points), "note": note}


def _said(estimates: tuple[Any, Any], shown_interval: Cut, shown: Callable[[float], str]) -> dict[str, str]:
    words = []
    for held in estimates:
        low, high = shown_interval(held["interval"])
        words.append(f"{shown(held['mean'])} [{shown(low)}, {shown(high)}]")
    return dict(zip(("first", "second"), words, strict=True))
