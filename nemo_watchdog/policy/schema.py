"""The JSON Schema of the policy file, so that editors complete and check it as it is written.

It describes the file before `${...}` is expanded. The loader is the judge: it also knows what names refer to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind, models_json_schema

from nemo_watchdog.policy.fields import NAME_PATTERN
from nemo_watchdog.policy.sections import (
    ESCALATE,
    ActionSection,
    DependencySection,
    EscalateSection,
    LimitsSection,
    PolicyFile,
    RemedySection,
)
from nemo_watchdog.policy.units import EXPANSION
from nemo_watchdog.ports import Catalog

_EXPANSION: dict[str, Any] = {"type": "string", "pattern": EXPANSION}


class _Generator(GenerateJsonSchema):
    """Leaves out the defaults that JSON cannot say (a `Secret`, a `Threshold`) without a warning for each."""

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {"non-serializable-default", "skipped-choice"}  # noqa: RUF012 - as pydantic declares it


@cache
def plain_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of one model, as pydantic sees it."""
    return model.model_json_schema(schema_generator=_Generator)


def json_schema(catalog: Catalog) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a policy file for editors, with the options of these probes and actions.

    It describes the file before `${...}` is expanded, and leaves out the parts that the program does not carry out yet.
    """
    own: list[type[BaseModel]] = [PolicyFile, DependencySection, RemedySection, LimitsSection]
    own += [ActionSection, EscalateSection]
    theirs = [*(kind.options for kind in catalog.probes.values()), *(kind.options for kind in catalog.actions.values())]
    references, definitions = models_json_schema(
        [(model, "validation") for model in dict.fromkeys([*own, *theirs])], schema_generator=_Generator
    )
    defs: dict[str, Any] = definitions["$defs"]

    def named(model: type[BaseModel]) -> str:
        return str(references[model, "validation"]["$ref"].rpartition("/")[2])

    common = named(DependencySection)
    dependencies = {
        name: _entry(defs, "probe", name, named(kind.options), common, f"A dependency that the probe {name} looks at.")
        for name, kind in catalog.probes.items()
    }
    common = named(ActionSection)
    steps = {
        name: _entry(defs, "do", name, named(kind.options), common, f"Does {name}.")
        for name, kind in catalog.actions.items()
    } | {ESCALATE: defs[named(EscalateSection)]}
    root = defs[named(PolicyFile)]
    root["properties"]["dependencies"] = {
        "type": "object",
        "description": "What to watch.",
        "minProperties": 1,
        "propertyNames": {"pattern": NAME_PATTERN},
        "additionalProperties": {"$ref": "#/$defs/dependency"},
    }
    defs[named(RemedySection)]["properties"]["steps"]["items"] = {"$ref": "#/$defs/step"}
    defs.update(_choice("dependency", "probe", "How to look at it.", dependencies))
    defs.update(_choice("step", "do", "What to do.", steps))
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **root, "$defs": defs}
    return _for_editors(_only_used(schema))


def _entry(defs: Mapping[str, Any], key: str, name: str, options: str, common: str, words: str) -> dict[str, Any]:
    """An entry that names itself at `key`: the options of its kind beside the keys that all entries share."""
    own, shared = defs[options], defs[common]
    return {
        "type": "object",
        "description": own.get("description", words),
        "properties": {
            key: {"const": name},
            **own.get("properties", {}),
            **{each: {"$ref": f"#/$defs/{common}/properties/{each}"} for each in shared["properties"] if each != key},
        },
        "required": [key, *own.get("required", ())],
        "additionalProperties": False,
    }


def _choice(what: str, key: str, description: str, entries: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Definitions of entries and of the choice among them by the name at `key`."""
    choice = {
        "type": "object",
        "properties": {key: {"enum": list(entries), "description": description}},
        "required": [key],
        "allOf": [
            {
                "if": {"properties": {key: {"const": name}}, "required": [key]},
                "then": {"$ref": f"#/$defs/{what}-{name}"},
            }
            for name in entries
        ],
    }
    return {what: choice, **{f"{what}-{name}": entry for name, entry in entries.items()}}


def _for_editors(node: dict[str, Any]) -> dict[str, Any]:
    """The schema with `${...}` allowed for what is not text, and without what only says how this program is written."""
    kept: dict[str, Any] = {}
    for name, item in node.items():
        if name in ("properties", "$defs"):
            kept[name] = {key: _or_expansion(_for_editors(value)) for key, value in item.items()}
        elif name in ("items", "additionalProperties") and isinstance(item, dict):
            kept[name] = _or_expansion(_for_editors(item))
        elif isinstance(item, dict) and name != "const":
            kept[name] = _for_editors(item)
        elif name in ("anyOf", "oneOf", "allOf"):
            kept[name] = [_for_editors(value) for value in item]
        elif not _noise(name, item):
            kept[name] = item
    if "patternProperties" in kept:
        kept["additionalProperties"] = False
    return kept


def _or_expansion(node: dict[str, Any]) -> dict[str, Any]:
    choices = node.get("anyOf", [node])
    has_one = any(str(choice.get("pattern", "")).endswith(EXPANSION) for choice in choices)
    if has_one or not any(_wants_expansion(choice) for choice in choices):
        return node
    around: dict[str, Any] = {name: node[name] for name in ("description", "default") if name in node}
    bare = [{name: item for name, item in choice.items() if name not in around} for choice in choices]
    return {**around, "anyOf": [*bare, _EXPANSION]}


def _wants_expansion(node: dict[str, Any]) -> bool:
    return node.get("type") in ("integer", "number", "boolean") or "enum" in node


def _noise(name: str, item: Any) -> bool:
    if name == "default":
        return item is None or not isinstance(item, str | bool)
    return name in ("title", "discriminator")


def _only_used(schema: dict[str, Any]) -> dict[str, Any]:
    """Without the definitions that nothing refers to."""
    used: set[str] = set()
    waiting: list[Any] = [{name: item for name, item in schema.items() if name != "$defs"}]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting.extend(node)
        elif isinstance(node, dict):
            name = str(node.get("$ref", "")).removeprefix("#/$defs/").partition("/")[0]
            if name and name not in used:
                used.add(name)
                waiting.append(schema["$defs"][name])
            waiting.extend(node.values())
    return {**schema, "$defs": {name: item for name, item in schema["$defs"].items() if name in used}}


def schema_text(catalog: Catalog) -> str:
    """The JSON Schema as it stands in `config/policy.schema.json`."""
    return json.dumps(json_schema(catalog), indent=2) + "\n"
