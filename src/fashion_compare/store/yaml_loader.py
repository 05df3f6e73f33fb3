"""YAML without what study files have no use for, and what would surprise their authors."""

import re
from typing import Any

import yaml

from fashion_compare.errors import UsageError

_DEEPEST = 20
# A whole number that is longer is no setting, and takes long to read and to print.
_LONGEST_INTEGER = 30
_TAG = "tag:yaml.org,2002:"
_FLOAT = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
# What plain text is in YAML 1.2 (revision 1.2.2, section 10.3.2); PyYAML reads YAML 1.1.
_CORE_SCHEMA = {
    "null": re.compile(r"~|null|Null|NULL|"),
    "bool": re.compile(r"true|True|TRUE|false|False|FALSE"),
    "int": re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"),
    "float": re.compile(rf"{_FLOAT}|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"),
}


class TwoReadingsError(yaml.constructor.ConstructorError):
    """A value that one version of YAML reads as something else than another."""


class StrictLoader(yaml.SafeLoader):
    """PyYAML's safe loader, stricter: every value has one meaning, none is lost, nothing nests without end.

    Values mean what YAML 1.2 says; those that YAML 1.1 reads otherwise (010, 1:30, 1_000, no, dates) are refused. Only
    numbers such as 1e-3, which are text in YAML 1.1 and to nobody else, are taken. A mapping's keys are names, and stay
    text where YAML 1.1 says so.
    """

    def __init__(self, text: str, *, written: bool = False) -> None:
        """Read `text`; one that this program has `written` has no value with two readings, but 1e-3 may be text."""
        super().__init__(text)
        self._depth = 0
        self._written = written

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Refuse aliases, types in the file, what is nested deeper than any study, and what has two readings."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not read", event.start_mark)
        if self._depth == _DEEPEST:
            problem = f"nested deeper than {_DEEPEST} levels"
            raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        # Types that are not known at all have an error of PyYAML's.
        if event.tag is not None and event.tag in self.yaml_constructors:
            problem = f"types (!!{event.tag.removeprefix(_TAG)}) are not read"
            raise yaml.composer.ComposerError(None, None, problem, event.start_mark)
        self._depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        if isinstance(node, yaml.ScalarNode) and event.implicit[0] and not self._written:
            is_key = isinstance(parent, yaml.MappingNode) and index is None
            self._check_meaning(node, is_key, f"{index.value}: " if isinstance(index, yaml.ScalarNode) else "")
        return node

    def _check_meaning(self, node: yaml.ScalarNode, is_key: bool, place: str) -> None:
        """Refuse plain text that has two meanings; make a number of 1e-3."""
        old, new = node.tag.removeprefix(_TAG), _core_type(node.value)
        if old == "str" and (is_key or new in ("str", "float")):
            node.tag = node.tag if is_key else _TAG + new
            return
        if old == "merge" and is_key:
            problem = "merge keys (<<) are not read; write what is merged where it belongs"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        if new == "int" or old == "int":
            _check_length(node)
        # Called for its errors as well: a date may have a month 13.
        construct = self.yaml_constructors.get(node.tag)
        earlier = construct(self, node) if construct else None
        later = _core_value(new, node.value)
        if old == new and (old != "int" or earlier == later):
            return
        numbers = [str(value) for value in dict.fromkeys((earlier, later)) if type(value) in (int, float)]
        quoted = [f"'{node.value}' in quotes for the text"] if isinstance(later, str) or old == "str" else []
        problem = (
            f"{place}{node.value} is {_in_words(old, earlier)} in YAML 1.1 and {_in_words(new, later)} in YAML 1.2"
        )
        raise TwoReadingsError(None, None, f"{problem}; write {' or '.join(numbers + quoted)}", node.start_mark)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse keys that stand twice."""
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"'{key.value}' stands twice", key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Refuse numbers without end, and those without digits (0x_)."""
        _check_length(node)
        try:
            return int(super().construct_yaml_int(node))
        except ValueError as error:
            raise yaml.constructor.ConstructorError(None, None, "a number without digits", node.start_mark) from error


StrictLoader.add_constructor(f"{_TAG}int", StrictLoader.construct_yaml_int)


class StrictDumper(yaml.SafeDumper):
    """PyYAML's safe dumper, with quotes around text that `StrictLoader` would not read as text."""


StrictDumper.add_implicit_resolver(
    f"{_TAG}float", re.compile(rf"(?:{_CORE_SCHEMA['int'].pattern}|{_FLOAT})$"), list("-+.0123456789")
)


def read_yaml(text: str, where: str, *, written: bool = False) -> Any:
    """Return what YAML says; `where` names the file in errors, `written` says that this program wrote it.

    Raises:
        UsageError: it is not YAML, or something in it can be read in two ways.
    """
    try:
        return StrictLoader(text, written=written).get_single_data()
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        kind = "" if isinstance(error, TwoReadingsError) else "not valid YAML: "
        raise UsageError(f"{where}{line}: {kind}{getattr(error, 'problem', None) or error}") from error


def _check_length(node: yaml.ScalarNode) -> None:
    if len(node.value) > _LONGEST_INTEGER:
        raise yaml.constructor.ConstructorError(None, None, "a number with too many digits", node.start_mark)


def _core_type(text: str) -> str:
    """Return the type that plain text has in YAML 1.2."""
    return next((kind for kind, pattern in _CORE_SCHEMA.items() if pattern.fullmatch(text)), "str")


def _core_value(kind: str, text: str) -> Any:
    """Return the value that plain text of a type has in YAML 1.2."""
    if kind == "int":
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    return float(text) if kind == "float" and text[-1].isdigit() else text


def _in_words(kind: str, value: Any) -> str:
    words = {"str": "text", "timestamp": "a date", "merge": "a merge of mappings", "value": "a default value"}
    return words.get(kind) or str(value).lower()


def number(text: str) -> float | int | str:
    """Return text as the number that it says, or as it is when it says none."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def numbers(content: Any) -> Any:
    """Return content with its texts that are numbers as numbers: early versions wrote 1e-3 as text."""
    if isinstance(content, dict):
        return {key: numbers(value) for key, value in content.items()}
    if isinstance(content, list):
        return [numbers(value) for value in content]
    return number(content) if isinstance(content, str) else content
