"""What tests of several rooms build in one line."""

import math
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import numpy as np
from numpy.typing import NDArray
from typing_extensions import TypeAliasType

from fashion_compare.classifier import Classifier
from fashion_compare.classifier.interface import Labels
from fashion_compare.json_record import JsonRecord

Built = TypeVar("Built", bound=JsonRecord)


def train_epoch(classifier: Classifier, prepared: Any, labels: Labels, order: NDArray[np.int64]) -> float:
    """Train an epoch at the constant learning rate of the classifier's configuration; return the mean objective."""
    configuration: Any = classifier._configuration  # type: ignore[attr-defined]
    steps = math.ceil(len(order) / configuration.batch_size)
    return classifier.train_epoch(prepared, labels, order, np.full(steps, configuration.learning_rate))


def build(kind: type[Built], **values: Any) -> Built:
    """Return a record of the results with these values, dictionaries taken for the records they describe.

    What is not given is empty: 0, "", no element, None where that is allowed, the first of a choice.
    """
    unknown = values.keys() - kind.model_fields.keys()
    assert not unknown, f"{kind.__name__} has no {', '.join(unknown)}"
    return kind(
        **{
            name: _built(field.annotation, values[name]) if name in values else _empty(field.annotation)
            for name, field in kind.model_fields.items()
        }
    )


def _plain(annotation: Any) -> Any:
    """Return an annotation without its names and notes."""
    while isinstance(annotation, TypeAliasType) or get_origin(annotation) is Annotated:
        annotation = annotation.__value__ if isinstance(annotation, TypeAliasType) else get_args(annotation)[0]
    return annotation


def _kind(annotation: Any) -> type[JsonRecord] | None:
    """Return the record that an annotation allows."""
    for choice in get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,):
        if isinstance(_plain(choice), type) and issubclass(_plain(choice), JsonRecord):
            return _plain(choice)
    return None


def _built(annotation: Any, value: Any) -> Any:
    annotation = _plain(annotation)
    if get_origin(annotation) in (Union, UnionType):
        annotation = _plain(next(choice for choice in get_args(annotation) if choice is not type(None)))
    kind = _kind(annotation)
    if isinstance(value, dict):
        if kind is not None:
            return build(kind, **value)
        return {key: _built(get_args(annotation)[1], part) for key, part in value.items()}
    if isinstance(value, list) and get_origin(annotation) is list:
        return [_built(get_args(annotation)[0], part) for part in value]
    return value


def _empty(annotation: Any) -> Any:
    annotation = _plain(annotation)
    if annotation is Any or get_origin(annotation) in (Union, UnionType):
        return None
    if get_origin(annotation) is Literal:
        return get_args(annotation)[0]
    if get_origin(annotation) is tuple:
        return tuple(_empty(part) for part in get_args(annotation))
    kind = _kind(annotation)
    return build(kind) if kind is not None else (get_origin(annotation) or annotation)()
