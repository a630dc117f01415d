"""Every problem of a policy as one list: where it is, what is wrong, what would be right.

A value is repeated in a message only where `showing` knows it to be harmless: never one that came from an expansion or
that stands at a key such as `password`. What a probe's own validator says is scrubbed of every value.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic_core import ErrorDetails

from nemo_watchdog.errors import PolicyProblem
from nemo_watchdog.policy.document import START, Document, Path, Place
from nemo_watchdog.policy.schema import plain_schema
from nemo_watchdog.policy.sections import Model
from nemo_watchdog.policy.showing import HIDDEN, format_path, is_meant_as, is_name, is_quantity, is_secret, kind_of
from nemo_watchdog.policy.units import ERROR, SECRET_ERROR

REQUIRED = "missing: this key is required"
_MOST_LISTED = 20
_MOST_SUGGESTIONS = 100
_WORD = re.compile(r"\w{3,}")
_QUOTED = re.compile(r"'([^']*)'")

_BOOLEANS = ("true", "false", "yes", "no", "on", "off")

_EXPECTED = {
    "string_type": "expected text",
    "string_unicode": "expected text in UTF-8",
    "string_sub_type": "expected text",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_parsing_size": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "finite_number": "expected a number",
    "list_type": "expected a list",
    "tuple_type": "expected a list",
    "set_type": "expected a list",
    "frozen_set_type": "expected a list",
    "dict_type": "expected a mapping of keys to values",
    "model_type": "expected a mapping of keys to values",
    "model_attributes_type": "expected a mapping of keys to values",
}
_BOUND = {
    "greater_than": ("gt", "expected more than {}"),
    "greater_than_equal": ("ge", "expected {} or more"),
    "less_than": ("lt", "expected less than {}"),
    "less_than_equal": ("le", "expected {} or less"),
    "too_short": ("min_length", "expected a list of at least {}"),
    "too_long": ("max_length", "expected a list of at most {}"),
    "string_too_short": ("min_length", "expected at least {} characters"),
    "string_too_long": ("max_length", "expected at most {} characters"),
}


def did_you_mean(word: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """The end of a message: what was probably meant, or what there is to choose from when nothing is close."""
    names = list(known)
    close = _closest(word, names)
    if close:
        return f": did you mean `{close}`?"
    if names and len(names) <= _MOST_LISTED:
        return f": expected {either(names)}"
    return otherwise


def _closest(word: str, names: Iterable[str]) -> str | None:
    """The name that the word was probably meant to be, whatever the case of its letters."""
    by_lower = {name.lower(): name for name in names}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[close[0]] if close else None


class Problems:
    """Collects problems of one document; `found` has them in the order of the file."""

    def __init__(self, file: str, document: Document) -> None:
        self._file = file
        self._document = document
        self._found: dict[tuple[Place, str, str], None] = {}
        self._suggestions = 0
        for issue in document.issues:
            self._add(issue.place, issue.path, issue.message)

    def found(self) -> list[PolicyProblem]:
        ordered = sorted(self._found, key=lambda item: (item[0].line, item[0].column))
        return [PolicyProblem(self._file, place.line, place.column, path, text) for place, path, text in ordered]

    def _add(self, place: Place, path: Path, message: str) -> None:
        if path and isinstance(path[-1], int) and path not in self._document.keys:
            path = path[:-1]  # `needs: redis` is a list of one without an index
        self._found[place, format_path(path), message] = None

    def at_key(self, path: Path, message: str) -> None:
        """A problem with a key, or with the lack of one."""
        if not self._lost(path):
            self._add(self._nearest(self._document.keys, path), path, message)

    def at_value(self, path: Path, message: str) -> None:
        """A problem with what stands at the path."""
        if not self._lost(path):
            self._add(self._nearest(self._document.values, path), path, message)

    def _lost(self, path: Path) -> bool:
        """Whether the value at the path could not be had, which has been told already."""
        return any(path[:end] in self._document.unknown for end in range(len(path) + 1))

    def _nearest(self, places: Mapping[Path, Place], path: Path) -> Place:
        """The place of the path, or of the nearest thing around it that stands in the file (a missing key has none)."""
        if path in places:
            return places[path]
        while path and path not in self._document.keys:
            path = path[:-1]
        return self._document.keys.get(path, START)

    def name(self, path: Path, word: str) -> str:
        """The word at a path in backticks, or something that gives nothing away."""
        return f"`{word}`" if self.may_show(path, word) else "this name"

    def check(self, model: type[Model], value: Any, path: Path, *, also_known: Iterable[str] = ()) -> Model | None:
        """The value as the model, or None and its problems. `also_known` are keys that belong beside the model's."""
        try:
            return model.model_validate(value)
        except ValidationError as error:
            details = error.errors(include_url=False)
        # outside the handler, so that no error of ours carries pydantic's, which repeats the input
        self._explain(model, details, path, list(also_known))
        return None

    def _explain(self, model: type[BaseModel], details: list[ErrorDetails], path: Path, also: list[str]) -> None:
        suggested: set[Path] = set()
        by_place: dict[Path, list[str]] = {}
        for detail in sorted(details, key=lambda item: item["type"] != "extra_forbidden"):
            where = self._resolve(path, detail)
            if detail["type"] == "extra_forbidden":
                known = [*_known_keys(model, detail["loc"][:-1]), *(also if len(detail["loc"]) == 1 else ())]
                suggestion = self._suggest(where, known)
                suggested.add((*where[:-1], suggestion or ""))
                listed = f": expected {either(known)}" if 0 < len(known) <= _MOST_LISTED else ""
                self.at_key(where, "unknown key" + (f": did you mean `{suggestion}`?" if suggestion else listed))
            elif detail["type"] in ("missing", "union_tag_not_found"):
                if where not in suggested:
                    what = _known_keys(model, detail["loc"][:-1]).get(str(where[-1]), {}).get("description", "")
                    self.at_key(where, f"{REQUIRED}. {what}" if what else REQUIRED)
            else:
                by_place.setdefault(where, []).append(self._message(where, detail))
        for where, messages in by_place.items():
            unique = list(dict.fromkeys(messages))
            self.at_value(where, "; or ".join(unique))

    def _suggest(self, path: Path, known: Iterable[str]) -> str | None:
        """The key that was probably meant: one that is not there yet. Each takes its time, so there is an end to it."""
        self._suggestions += 1
        if self._suggestions > _MOST_SUGGESTIONS:
            return None
        return _closest(str(path[-1]), (key for key in known if (*path[:-1], key) not in self._document.keys))

    def _resolve(self, base: Path, detail: ErrorDetails) -> Path:
        """A pydantic location as a path of the document: what stands in the file, without names of union members."""
        path = base
        for item in detail["loc"]:
            if (*path, item) in self._document.keys:
                path = (*path, item)
        if detail["type"] == "missing":
            return (*path, detail["loc"][-1])
        if detail["type"] in ("union_tag_not_found", "union_tag_invalid"):
            return (*path, detail["ctx"]["discriminator"].strip("'"))
        return path

    def _message(self, path: Path, detail: ErrorDetails) -> str:
        kind, context = detail["type"], detail.get("ctx", {})
        hint = ""
        if kind == SECRET_ERROR:
            return detail["msg"]
        got = ""
        if kind in ("enum", "literal_error", "union_tag_invalid"):
            choices = _QUOTED.findall(str(context.get("expected_tags") or context.get("expected", "")))
            listed = either(choices) if 0 < len(choices) <= _MOST_LISTED else "one of the words that are known here"
            message = f"expected {listed}"
            hint = self._close(path, choices)
            got = self._got(path, choices)
        elif kind == ERROR:
            value = self._value(path)
            message = self._scrub(path, detail["msg"], words=False)
            return message + ("" if isinstance(value, dict | list) else self._got(path))
        elif kind in _EXPECTED:
            message = _EXPECTED[kind]
            booleans = _BOOLEANS if kind.startswith("bool_") else ()
            got = self._got(path, booleans, quantity=not kind.startswith("string_"))
        elif kind in _BOUND:
            name, template = _BOUND[kind]
            message = template.format(context.get(name))
            if kind.startswith("too_"):
                return message
            got = self._got(path, quantity=not kind.startswith("string_"))
        else:
            text = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
            return self._scrub(path, text.splitlines()[0] if text else "not accepted")
        return message + got + hint

    def _close(self, path: Path, choices: Sequence[str]) -> str:
        value = self._value(path)
        if not isinstance(value, str) or self._is_secret(path) or not is_meant_as(value, choices):
            return ""
        close = _closest(value, choices)
        return f": did you mean `{close}`?" if close else ""

    def _value(self, path: Path) -> Any:
        value = self._document.value
        for item in path:
            try:
                value = value[item]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def _got(self, path: Path, choices: Iterable[str] = (), *, quantity: bool = True) -> str:
        """`choices` are the words that may stand there; `quantity` tells that none but a quantity may."""
        if path not in self._document.values or self._from_outside(path):
            return ""
        value = self._value(path)
        text = str(value)
        shown = is_meant_as(text, choices) if choices else quantity and is_quantity(text)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and shown and not self._is_secret(path):
            return f", got `{text}`"
        return f", got {kind_of(value)}"

    def may_show(self, path: Path, word: str) -> bool:
        """Whether a message may repeat a word at this path, where names stand."""
        return not self._is_secret(path) and is_name(word)

    def _is_secret(self, path: Path) -> bool:
        return self._from_outside(path) or is_secret(path)

    def _from_outside(self, path: Path) -> bool:
        return any(path[:end] in self._document.outside for end in range(len(path) + 1))

    def _scrub(self, path: Path, text: str, *, words: bool = True) -> str:
        """A message without any text at or below the path; `words` also without the words of it."""
        for value in _strings(self._value(path)):
            if is_quantity(value):
                continue
            text = text.replace(value, HIDDEN) if value else text
            if not words:
                continue
            scheme, _, rest = value.rpartition("://")
            hidden = set(_WORD.findall(rest or scheme))
            text = _WORD.sub(lambda match, hidden=hidden: HIDDEN if match[0] in hidden else match[0], text)  # type: ignore[misc]
        return text


def _strings(value: Any) -> Iterator[str]:
    """All texts in it, and the keys that are no plain ones."""
    if isinstance(value, dict):
        for key, item in value.items():
            if not is_name(key):
                yield key
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
    elif isinstance(value, str):
        yield value


def either(names: Sequence[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def _known_keys(model: type[BaseModel], location: Sequence[str | int]) -> Mapping[str, Mapping[str, Any]]:
    """The keys that a mapping at this place of the model may have, with what its JSON Schema says of each."""
    try:
        schema = plain_schema(model)
    except PydanticInvalidForJsonSchema:
        return {key: {} for key in model.model_fields}
    nodes: list[Mapping[str, Any]] = [schema]
    for item in location:
        nodes = [below for node in nodes for below in _below(node, item, schema.get("$defs", {}))] or nodes
    keys: dict[str, Mapping[str, Any]] = {}
    for node in nodes:
        for flat in _flatten(node, schema.get("$defs", {})):
            keys.update(flat.get("properties", {}))
    return keys


def _flatten(node: Mapping[str, Any], defs: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The node with references followed and alternatives spread out."""
    if "$ref" in node:
        node = defs[node["$ref"].rpartition("/")[2]]
    yield node
    for alternative in (*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())):
        yield from _flatten(alternative, defs)


def _below(node: Mapping[str, Any], item: str | int, defs: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for flat in _flatten(node, defs):
        chosen = flat.get("discriminator", {}).get("mapping", {}).get(item)
        if chosen:
            yield {"$ref": chosen}
        elif isinstance(item, int):
            if isinstance(flat.get("items"), dict):
                yield flat["items"]
        elif item in flat.get("properties", {}):
            yield flat["properties"][item]
        elif isinstance(flat.get("additionalProperties"), dict):
            yield flat["additionalProperties"]
