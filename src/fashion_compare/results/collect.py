"""Everything a study measured, collected from its run directories into typed results."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from fashion_compare.analysis.ablations import read_ablations
from fashion_compare.analysis.data_audit import describe_audit
from fashion_compare.analysis.explanations import describe_explanations
from fashion_compare.analysis.hyperparameters import read_designs, read_grid, read_tuning
from fashion_compare.analysis.read import ScoredRun, read_runs
from fashion_compare.comparison.calibration import calibration
from fashion_compare.comparison.head_to_head import HeadToHead, head_to_head
from fashion_compare.comparison.hyperparameters import ParameterSensitivity, sensitivity
from fashion_compare.comparison.model_selection import BestConfiguration, best_configuration
from fashion_compare.comparison.paired import (
    Comparison,
    ConfigurationScores,
    common_seeds,
    compare_all_metrics,
    compare_family,
)
from fashion_compare.comparison.per_class import class_differences, confusion_changes
from fashion_compare.data.dataset import Dataset
from fashion_compare.errors import UserError
from fashion_compare.evaluation.predictions import Predictions, Split
from fashion_compare.execution.plan import plan
from fashion_compare.results.configurations import changes_of, complexity_of, summarise
from fashion_compare.results.schema import (
    ClassComparison,
    CostRatios,
    DatasetDescription,
    ModelResults,
    Results,
    RunFailure,
    StudySummary,
)
from fashion_compare.runs.environment import environment
from fashion_compare.runs.record import read_predictions
from fashion_compare.runs.run import run_directory, run_label
from fashion_compare.study.context import StudyContext
from fashion_compare.study.spec import BASELINE, Study, is_tuned

# Model → configuration → its scores.
_Scores = Mapping[str, Mapping[str, ConfigurationScores]]


def describe_dataset(dataset: Dataset, study: Study) -> DatasetDescription:
    """Return what the results say about the data."""
    return DatasetDescription(
        name=dataset.name,
        source=dataset.source,
        is_synthetic=dataset.is_synthetic,
        class_names=list(dataset.class_names),
        sha256=dict(sorted(dataset.sha256.items())),
        split_sha256=dataset.split_sha256,
        counts={
            "train": study.training_images or len(dataset.train_labels),
            "validation": len(dataset.validation_labels),
            "test": len(dataset.test_labels),
        },
    )


def collect(context: StudyContext, dataset: DatasetDescription, failures: Mapping[str, str] | None = None) -> Results:
    """Read every finished run of the study and return its results, without findings.

    Args:
        context: the study.
        dataset: from `describe_dataset`.
        failures: label of a run → why it failed.

    Raises:
        UserError: no run is finished, or a file of one cannot be read.
    """
    study, root = context.study, context.root
    runs = _read(context)
    finished = {
        model: {name: scores for name, (scores, _) in configurations.items() if scores.seeds()}
        for model, configurations in runs.items()
    }
    if not any(finished.values()):
        raise UserError(f"no finished run in {root}; 'fashion-compare run' makes them")
    baselines = {model: scores[BASELINE] for model, scores in finished.items() if BASELINE in scores}
    tuned = read_tuning(context)
    best = {
        model: best_configuration(
            scores, BASELINE, trials=len(tuned[model].trials) if any(map(is_tuned, scores)) else 0
        )
        for model, scores in finished.items()
        if scores
    }
    comparisons = {
        model: compare_all_metrics([(scores, base) for scores in _variations(finished[model])], "test")
        for model, base in baselines.items()
    }
    models = _models(context, runs)
    results = Results(
        study=StudySummary(
            name=study.name,
            description=study.description,
            seeds=list(study.seeds),
            training_images=study.training_images,
        ),
        dataset=dataset,
        environment=environment(),
        models=models,
        comparisons=[row for rows in comparisons.values() for row in rows],
        classes=[row for model, base in baselines.items() for row in _classes(finished[model], base)],
        best=best,
        sensitivity={model: _sensitivity(context, finished[model], base) for model, base in baselines.items()},
        global_sensitivity=read_designs(context),
        tuning={
            model: tuning.model_copy(
                update={"gain": _gain(finished.get(model, {}), best.get(model), comparisons.get(model, []))}
            )
            for model, tuning in tuned.items()
        },
        cost_ratios=_cost_ratios(models),
        head_to_head=_head_to_head(finished, best, root),
        ablations=read_ablations(context, baselines, trained_on=dataset.counts["train"]),
        calibration={
            model: calibration(chosen.configuration, _predictions(finished[model][chosen.configuration], root))
            for model, chosen in best.items()
        },
        gallery=None,
        robustness={},
        robustness_differences=[],
        faithfulness={},
        data_quality=None,
        findings=[],
        failures=[_failure(label, reason) for label, reason in (failures or {}).items()],
        missing=_missing(study, runs, failures or {}),
    )
    return with_explanations(results, context)


def with_explanations(results: Results, context: StudyContext) -> Results:
    """Return the results with the explanations and data quality checks cached in the study's directory."""
    explained = describe_explanations(context, results.best)
    return results.model_copy(update=dict(explained) | {"data_quality": describe_audit(context)})


def _read(context: StudyContext) -> dict[str, dict[str, tuple[ConfigurationScores, list[ScoredRun]]]]:
    by_configuration = defaultdict(list)
    for run in plan(context):
        by_configuration[run.model, run.name].append(run)
    return {
        model: {name: read_runs(model, name, by_configuration[model, name]) for name in configurations}
        for model, configurations in context.study.models.items()
    }


def _models(
    context: StudyContext, runs: Mapping[str, Mapping[str, tuple[ConfigurationScores, list[ScoredRun]]]]
) -> dict[str, ModelResults]:
    found = {}
    for model, configurations in context.study.models.items():
        changes = changes_of(context.study, model)
        found[model] = ModelResults(
            complexity=complexity_of(configurations[BASELINE]),
            configurations={
                name: summarise(context, name, changes.get(name), *runs[model][name]) for name in configurations
            },
        )
    return found


def _variations(finished: Mapping[str, ConfigurationScores]) -> list[ConfigurationScores]:
    return [scores for name, scores in finished.items() if name != BASELINE]


def _classes(finished: Mapping[str, ConfigurationScores], base: ConfigurationScores) -> list[ClassComparison]:
    return [
        ClassComparison(
            model=base.model,
            variation=scores.name,
            differences=class_differences(scores, base),
            confusions=confusion_changes(scores, base),
        )
        for scores in _variations(finished)
        if common_seeds(scores, base)
    ]


def _sensitivity(
    context: StudyContext, finished: Mapping[str, ConfigurationScores], base: ConfigurationScores
) -> list[ParameterSensitivity]:
    grid, changes = read_grid(context, base.model)
    # A tuned configuration changes many settings at once, and says nothing about any one of them.
    alone = {scores.name: scores for scores in _variations(finished) if not is_tuned(scores.name)}
    return sensitivity(alone | grid, changes_of(context.study, base.model) | changes, base)


def _gain(
    finished: Mapping[str, ConfigurationScores], best: BestConfiguration | None, comparisons: list[Comparison]
) -> Comparison | None:
    """Compare the tuned configuration on the test set with the best one made by hand.

    Where that is the baseline, the comparison of the variations with it has the row already; another one is corrected
    for as many. Validation, which chose both, has no say.
    """
    tuned = next((name for name in finished if is_tuned(name)), None)
    by_hand = [row.configuration for row in best.ranking if not is_tuned(row.configuration)] if best else []
    if tuned is None or not by_hand:
        return None
    for row in comparisons:
        if (row.a.configuration, row.b.configuration, row.metric) == (tuned, by_hand[0], "accuracy"):
            return row
    pair = finished[tuned], finished[by_hand[0]]
    return next(iter(compare_family([pair], "test", "accuracy", family=len(finished) - 1)), None)


def _predictions(scores: ConfigurationScores, root: Path) -> dict[int, dict[Split, Predictions]]:
    """Return what a configuration's finished runs predicted, by seed."""
    return {seed: read_predictions(run_directory(root, scores.model, scores.name, seed)) for seed in scores.seeds()}


def _cost_ratios(models: Mapping[str, ModelResults]) -> CostRatios | None:
    """Return how many times the ffnn's each cost of the cnn is, by their baselines; None with one model."""
    if not {"ffnn", "cnn"} <= models.keys():
        return None
    cnn, ffnn = models["cnn"].complexity, models["ffnn"].complexity
    return CostRatios(
        parameters=cnn.parameters / ffnn.parameters,
        multiply_accumulates=cnn.multiply_accumulates / ffnn.multiply_accumulates,
        training_multiply_accumulates=cnn.training_multiply_accumulates / ffnn.training_multiply_accumulates,
    )


def _head_to_head(
    finished: _Scores, best: Mapping[str, BestConfiguration], root: Path
) -> dict[Literal["baseline", "best"], HeadToHead]:
    """Compare the two models: baseline with baseline, best with best (one comparison where those are the same)."""
    if not {"ffnn", "cnn"} <= best.keys():
        return {}
    pairings: dict[Literal["baseline", "best"], tuple[str, str]] = {"baseline": (BASELINE, BASELINE)}
    chosen = (best["cnn"].configuration, best["ffnn"].configuration)
    if chosen != pairings["baseline"]:
        pairings["best"] = chosen
    compared = {}
    for pairing, (cnn, ffnn) in pairings.items():
        a, b = finished["cnn"].get(cnn), finished["ffnn"].get(ffnn)
        if a and b and (common := common_seeds(a, b)):
            of_a, of_b = _predictions(a, root), _predictions(b, root)
            compared[pairing] = head_to_head(a, b, {s: (of_a[s]["test"], of_b[s]["test"]) for s in common})
    return compared


def _missing(
    study: Study,
    runs: Mapping[str, Mapping[str, tuple[ConfigurationScores, list[ScoredRun]]]],
    failures: Mapping[str, str],
) -> list[str]:
    """Return the labels of the runs that were planned and have neither ended nor failed."""
    return [
        label
        for model, configurations in runs.items()
        for name, (scores, _) in configurations.items()
        for seed in study.seeds
        if seed not in scores.seeds() and (label := run_label(model, name, seed)) not in failures
    ]


def _failure(label: str, reason: str) -> RunFailure:
    model, name, seed = label.split("/")
    return RunFailure(run=label, model=model, configuration=name, seed=int(seed.removeprefix("seed-")), reason=reason)
