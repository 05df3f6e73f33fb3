"""A model's settings as study files and ``--set`` say them, made a configuration or refused."""

from collections.abc import Iterable
from typing import Any

import yaml
from pydantic import ValidationError

from fashion_compare.classifier.configuration import CONFIGURATIONS, Configuration, no_effect
from fashion_compare.errors import UsageError, nearest
from fashion_compare.store.yaml_loader import StrictLoader, TwoReadingsError
from fashion_compare.validation_errors import mapping, refusal, refuse_booleans


def configuration(model: str, settings: dict[str, Any], where: str) -> Configuration:
    """Return the validated configuration of a model.

    Raises:
        UsageError: unknown model or field, or a value of the wrong type or out of range.
    """
    if model not in CONFIGURATIONS:
        raise UsageError(f"{where}: unknown model '{model}': {nearest(model, CONFIGURATIONS)}")
    kind = CONFIGURATIONS[model]
    mapping(settings, where, set(kind.model_fields) - {"model"})
    refuse_booleans(settings, where)
    try:
        return kind.model_validate(settings)
    except ValidationError as error:
        raise UsageError(refusal(error, settings, where)) from error


def changed(base: Configuration, settings: dict[str, Any], where: str) -> Configuration:
    """Return a configuration with some of its settings replaced.

    Raises:
        UsageError: there is no such setting, or not with such a value.
    """
    plain = base.model_dump(mode="json", exclude={"model"})
    return configuration(base.model, {**plain, **settings}, where)


def check_effect(configured: Configuration, settings: Iterable[str], where: str) -> None:
    """Refuse settings that do nothing in a configuration.

    Raises:
        UsageError: the line says which, and with what it would do something.
    """
    values = {field: (value,) for field, value in configured}
    for field in settings:
        if problem := no_effect(field, values):
            raise UsageError(f"{where}: {problem}")


def parse_settings(settings: list[str]) -> dict[str, Any]:
    """Return what ``FIELD=VALUE`` texts say, each value read as in a study file.

    Raises:
        UsageError: one is not of that form, or names a field twice.
    """
    parsed: dict[str, Any] = {}
    for text in settings:
        field, equals, value = text.partition("=")
        if not equals or not field or field in parsed:
            raise UsageError(f"--set {text}: expected FIELD=VALUE, each field once, such as learning_rate=0.01")
        try:
            parsed[field] = StrictLoader(value).get_single_data()
        except TwoReadingsError as error:
            raise UsageError(f"--set {text}: {error.problem}") from error
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise UsageError(f"--set {text}: '{value}' is not a value; expected such as 0.01 or [256, 128]") from error
    return parsed
