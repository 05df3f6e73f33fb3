"""Write docs/reference/: commands, study fields and results.json as the code has them.

Run it after a change of any of the three; a test says when it was forgotten.
"""

import json
import re
import types
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from fashion_compare.classifier.configuration import CONFIGURATIONS
from fashion_compare.cli import app
from fashion_compare.results.schema import shipped_schema
from fashion_compare.study.search_space import Design, Experiments, Range, Sensitivity, Tuning
from fashion_compare.study.spec import Study, load_study, shipped_studies, study_text

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
_NOTE = "*Written by `python scripts/reference.py` from the code.*"
_ABOUT_COMMANDS = """\
Results go to stdout, progress to stderr; there are no progress bars where stderr is no terminal, and `NO_COLOR` is
honoured. Where a terminal is too narrow for a table, each row is a block of lines; signs that its encoding lacks are
spelled in ASCII. Exit 0: done; 1: a run, the data or standard output failed; 2: wrong usage; 130, 143 and 129:
stopped by Ctrl-C, SIGTERM and SIGHUP. Each of these stops the workers, writes the archive of `--keep` and leaves
finished epochs to go on from; a second one ends the program at once. `fashion-compare --help` and `fashion-compare
COMMAND --help` (or `-h`) say what this page says."""
_ABOUT_STUDIES = """\
A study is a YAML file; `fashion-compare init NAME` writes a shipped one to start from. An unknown field is an error, as
is a value out of range. Values mean what YAML 1.2 says, numbers such as `1e-3` included; what YAML 1.1 reads as
something else is an error that names both readings: `010`, `0o10`, `1:30`, `1_000`, `0b1`, `no`, dates. A number in
quotes is text. A name has only `a-z`, `0-9`, `-` and `_`, and is none that Windows has for itself, such as `con` or
`com1`. A setting without effect is an error in a variation, a grid or a space. Shipped are:"""
_ABOUT_RESULTS = """\
`runs/<study>/results.json` holds every number of the report. Its JSON Schema comes with the package, as
`fashion_compare/results/results.schema.json`; a change that readers would notice raises `schema_version`."""
_WORDS = {"object": "mapping", "integer": "whole number", "string": "text", "boolean": "true or false"}
_BOUNDS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}


def pages() -> dict[str, str]:
    """Return the pages by file name."""
    return {"commands.md": _commands(), "study.md": _study(), "results-json.md": _results()}


def _page(*parts: str) -> str:
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


# Commands.


def _commands() -> str:
    group = typer.main.get_command(app)
    parts = [_command("fashion-compare", command) for command in group.commands.values()]
    return _page(
        "# Commands",
        _NOTE,
        _ABOUT_COMMANDS,
        _table(("option", "meaning"), [(f"`{option.opts[0]}`", option.help) for option in group.params if option.help]),
        *parts,
    )


def _command(program: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    words = [
        program,
        command.name,
        *(_metavar(argument) for argument in arguments),
        *(["[OPTIONS]"] if options else []),
    ]
    rows = [(f"`{_metavar(argument)}`", argument.help, _default(argument)) for argument in arguments]
    rows += [(f"`{', '.join(option.opts)}{_value(option)}`", _meaning(option), _default(option)) for option in options]
    return _page(f"## {command.name}", f"    {' '.join(words)}", command.help, _table(("", "meaning", "default"), rows))


def _metavar(argument: Any) -> str:
    return str(argument.metavar or argument.name.upper())


def _value(option: Any) -> str:
    if option.is_flag:
        return ""
    if option.metavar:
        return f" {option.metavar}"
    return " N" if option.min is not None else " PATH" if Path in _flat(option.type_descriptor.annotation) else " TEXT"


def _meaning(option: Any) -> str:
    if option.min is None:
        return str(option.help)
    return f"{option.help} {option.min:,} " + ("or more." if option.max is None else f"to {option.max:,}.")


def _default(parameter: Any) -> str:
    empty = parameter.default is None or parameter.default == [] or getattr(parameter, "is_flag", False)
    return "" if empty or parameter.required else f"`{parameter.default}`"


# Study files.

_PARTS: dict[str, tuple[type[BaseModel], str]] = {
    "sensitivity": (Sensitivity, "What to try around the baseline."),
    "sensitivity.design": (Design, "Runs all over a space, a seed each, for what settings do together."),
    "tuning": (Tuning, "A search for the best configuration, with the same budget for every model."),
    "experiments": (Experiments, "The baselines, trained on the data seen otherwise."),
    "Ranges": (Range, "Where a space says what a setting may be, it takes a list of values or such a mapping."),
}


def _study() -> str:
    shared = [name for name in CONFIGURATIONS["ffnn"].model_fields if name in CONFIGURATIONS["cnn"].model_fields]
    fields = {name: field for name, field in Study.model_fields.items() if name != "varied"}
    settings = {model: kind.model_fields for model, kind in CONFIGURATIONS.items()}
    common = {n: f for n, f in settings["cnn"].items() if n in shared and n not in ("model", "epochs")}
    parts = [
        "# Study files",
        _NOTE,
        _ABOUT_STUDIES,
        "\n".join(f"- `{name}`: {load_study(name).description}" for name in shipped_studies()),
        _fields(fields, {"seeds": ("whole number or list", "`3`")}),
        "## models.MODEL",
        _table(
            ("field", "value", "default", "meaning"),
            [
                ("`baseline`", "settings", "all defaults", "what every variation is compared with"),
                ("`variations`", "name → settings", "none", "the baseline with one setting replaced"),
                (
                    "`together_with`",
                    "settings",
                    "none",
                    "in a variation: what has to move with the setting that it is about",
                ),
            ],
        ),
        "## Settings of both models",
        _fields(common),
    ]
    for model, held in settings.items():
        parts += [
            f"## Settings of the {model}",
            _fields({n: f for n, f in held.items() if n not in {*common, "model"}}),
        ]
    for name, (kind, purpose) in _PARTS.items():
        parts += [f"## {name}", purpose, _fields(kind.model_fields)]
    parts += ["## An example", f"The study `quick`:\n\n```yaml\n{study_text('quick').strip()}\n```"]
    return _page(*parts)


def _fields(fields: Mapping[str, FieldInfo], resolved: Mapping[str, tuple[str, str]] | None = None) -> str:
    rows = []
    for name, field in fields.items():
        default = "required" if field.is_required() else f"`{_yaml(field.default)}`"
        value, default = (resolved or {}).get(name, (_values(field), default))
        rows.append((f"`{name}`", value, default, field.description or ""))
    return _table(("field", "value", "default", "meaning"), rows)


def _yaml(value: Any) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value)


def _values(field: FieldInfo) -> str:
    """Return which values a field takes: choices, or a kind with its bounds."""
    kinds = list(_flat(field.annotation))
    choices = [f"`{choice}`" for kind in kinds for choice in _choices(kind)]
    if choices:
        return ", ".join(choices)
    names = " or ".join(dict.fromkeys(_kind(kind) for kind in kinds if kind is not type(None)))
    limits = [
        (sign, getattr(rule, end)) for rule in field.metadata for end, sign in _BOUNDS.items() if hasattr(rule, end)
    ]
    bounds = ", ".join(f"{sign} {limit:,}" for sign, limit in limits)
    return f"{names} {bounds}".strip() + (", or null" if type(None) in kinds else "")


def _choices(kind: Any) -> tuple[Any, ...]:
    return typing.get_args(kind) if typing.get_origin(kind) is typing.Literal else ()


def _flat(kind: Any) -> Iterator[Any]:
    """Yield the alternatives of a type."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        for part in typing.get_args(kind):
            yield from _flat(part)
    elif typing.get_origin(kind) is typing.Annotated:
        yield from _flat(typing.get_args(kind)[0])
    else:
        yield kind


def _kind(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "mapping"
    origin = typing.get_origin(kind) or kind
    return {int: "whole number", float: "number", str: "text", tuple: "list", dict: "mapping"}[origin]


# results.json.


def _results() -> str:
    schema = json.loads(shipped_schema())
    parts = [
        "# results.json",
        _NOTE,
        _ABOUT_RESULTS,
        _properties(schema, schema["$defs"]),
    ]
    for name, part in sorted(schema["$defs"].items()):
        described = part.get("description", "")
        body = _properties(part, schema["$defs"]) if "properties" in part else f"One of {_type(part)}."
        parts += [f"## {name}", described, body] if described else [f"## {name}", body]
    return _page(*parts)


def _properties(part: Mapping[str, Any], parts: Mapping[str, Any]) -> str:
    required = part.get("required", [])
    rows = [
        (f"`{name}`" + ("" if name in required else " (optional)"), _type(held), _described(held, parts))
        for name, held in part["properties"].items()
    ]
    return _table(("field", "value", "meaning"), rows)


def _described(held: Mapping[str, Any], parts: Mapping[str, Any]) -> str:
    """Return what a field means: in its own words, or those of the part that it holds."""
    if "description" in held:
        return str(held["description"])
    named = re.search(r"#/\$defs/(\w+)", json.dumps(held))
    return str(parts[named[1]].get("description", "")).partition("\n")[0] if named else ""


def _type(held: Mapping[str, Any]) -> str:
    """Return a schema's type in words, with links to the parts that it is made of."""
    match held:
        case {"$ref": name}:
            words = f"[{_last(name)}](#{_last(name).lower()})"
        case {"anyOf": parts}:
            words = " or ".join(map(_type, parts))
        case {"enum": values}:
            words = ", ".join(f"`{json.dumps(value)}`" for value in values)
        case {"const": value}:
            words = f"`{json.dumps(value)}`"
        case {"prefixItems": parts}:
            words = "[" + ", ".join(map(_type, parts)) + "]"
        case {"type": "array", "items": part}:
            words = f"list of {_type(part)}"
        case {"type": "object", "additionalProperties": dict() as part}:
            words = f"name → {_type(part)}"
        case _:
            words = _WORDS.get(held.get("type", "any"), held.get("type", "any value"))
    return words


def _last(reference: str) -> str:
    return reference.rpartition("/")[2]


if __name__ == "__main__":
    REFERENCE.mkdir(exist_ok=True)
    for file, text in pages().items():
        (REFERENCE / file).write_text(text, encoding="utf-8")
