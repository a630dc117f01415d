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

from nemo_watchdog.policy.sections import NAME_PATTERN, DependencySection, LimitsSection, PolicyFile
from nemo_watchdog.policy.units import EXPANSION
from nemo_watchdog.ports import ProbeKind

_EXPANSION: dict[str, Any] = {"type": "string", "pattern": EXPANSION}


class _Generator(GenerateJsonSchema):
    """Leaves out the defaults that JSON cannot say (a `Secret`, a `Threshold`) without a warning for each."""

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {"non-serializable-default", "skipped-choice"}  # noqa: RUF012 - as pydantic declares it


@cache
def plain_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of one model, as pydantic sees it."""
    return model.model_json_schema(schema_generator=_Generator)


def json_schema(probes: Mapping[str, ProbeKind]) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a policy file for editors, with the options of these probes.

    It describes the file before `${...}` is expanded, and leaves out the parts that the program does not carry out yet.
    """
    models: list[type[BaseModel]] = [
        PolicyFile,
        DependencySection,
        LimitsSection,
        *(kind.options for kind in probes.values()),
    ]
    references, definitions = models_json_schema(
        [(model, "validation") for model in dict.fromkeys(models)], schema_generator=_Generator
    )
    defs: dict[str, Any] = definitions["$defs"]

    def of(model: type[BaseModel]) -> dict[str, Any]:
        found: dict[str, Any] = defs[references[model, "validation"]["$ref"].rpartition("/")[2]]
        return found

    common = of(DependencySection)
    shared = references[DependencySection, "validation"]["$ref"]
    dependencies = {}
    for name, kind in probes.items():
        options = of(kind.options)
        dependencies[f"dependency-{name}"] = {
            "type": "object",
            "description": options.get("description", f"A dependency that the probe {name} looks at."),
            "properties": {
                "probe": {"const": name},
                **options.get("properties", {}),
                **{key: {"$ref": f"{shared}/properties/{key}"} for key in common["properties"] if key != "probe"},
            },
            "required": ["probe", *options.get("required", ())],
            "additionalProperties": False,
        }
    root = of(PolicyFile)
    del root["properties"]["maintenance"]
    del of(LimitsSection)["properties"]["storm"]
    root["properties"]["dependencies"] = {
        "type": "object",
        "description": "What to watch.",
        "minProperties": 1,
        "propertyNames": {"pattern": NAME_PATTERN},
        "additionalProperties": {"$ref": "#/$defs/dependency"},
    }
    defs["dependency"] = {
        "type": "object",
        "properties": {"probe": {"enum": list(probes), "description": "How to look at it."}},
        "required": ["probe"],
        "allOf": [
            {
                "if": {"properties": {"probe": {"const": name}}, "required": ["probe"]},
                "then": {"$ref": f"#/$defs/dependency-{name}"},
            }
            for name in probes
        ],
    }
    defs.update(dependencies)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **root, "$defs": defs}
    return _for_editors(_only_used(schema))


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


def schema_text(probes: Mapping[str, ProbeKind]) -> str:
    """The JSON Schema as it stands in `config/policy.schema.json`."""
    return json.dumps(json_schema(probes), indent=2) + "\n"
