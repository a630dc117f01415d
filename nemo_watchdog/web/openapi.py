"""The OpenAPI 3.1 document, made from the operations that are served and from the types that they answer with.

Source: the OpenAPI Specification 3.1.1, https://spec.openapis.org/oas/v3.1.1.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, TypeAdapter

from nemo_watchdog import __version__
from nemo_watchdog.views import ProblemView
from nemo_watchdog.web.operations import JSON, Operation
from nemo_watchdog.web.problems import CONTENT_TYPE
from nemo_watchdog.web.sessions import COOKIE

VERSION = "3.1.0"
HTML = "text/html"
OF_A_CHANGE = (400, 401, 403, 413, 415, 503)
"""Problems that any change may get: its body, its token, or a disk that does not take it."""

_PARAMETER = re.compile(r"\{(\w+)\}")


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """All of them, with every type that they name."""
    every = tuple(operations)
    schemas = _Schemas(every)
    paths: dict[str, dict[str, Any]] = {}
    for each in every:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, schemas)
    return {
        "openapi": VERSION,
        "info": {
            "title": "Nemo Watchdog",
            "version": __version__,
            "description": "Reading is open to who comes by an address or a name of the machine, or, where the daemon "
            "was started so, to who brings a token; a change brings one that may operate. Times are UTC in ISO 8601, "
            "durations seconds. Every error is a problem (RFC 9457).",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas.definitions,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
            },
        },
    }


class _Schemas:
    """The JSON Schema of each type, all definitions in one place."""

    def __init__(self, operations: tuple[Operation, ...]) -> None:
        wanted = list(dict.fromkeys(kind for each in operations for kind in _types(each)))
        made, definitions = TypeAdapter.json_schemas(
            [(number, mode, TypeAdapter(kind)) for number, (kind, mode) in enumerate(wanted)],
            ref_template="#/components/schemas/{model}",
        )
        self._made = {wanted[number][0]: schema for (number, _), schema in made.items()}
        self.definitions: dict[str, Any] = definitions.get("$defs", {})

    def of(self, kind: type[Any]) -> Mapping[str, Any]:
        return self._made[kind]

    def properties(self, kind: type[BaseModel]) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
        """Name, schema and whether it must be there, of each of its fields."""
        schema = self.of(kind)
        if (reference := schema.get("$ref")) is not None:
            schema = self.definitions[reference.rpartition("/")[2]]
        required = schema.get("required", ())
        for name, each in schema.get("properties", {}).items():
            yield name, each, name in required


def _types(operation: Operation) -> Iterator[tuple[type[Any], Any]]:
    yield ProblemView, "serialization"
    for answer in (operation.answers, *operation.also.values()):
        if answer is not None:
            yield answer, "serialization"
    for asked in (operation.query, operation.body, operation.form):
        if asked is not None:
            yield asked, "validation"


def _operation(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    told: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": _identifier(operation),
        "parameters": [
            *(
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
                for name in _PARAMETER.findall(operation.path)
            ),
            *(
                {"name": name, "in": "query", "required": required, "schema": schema}
                for name, schema, required in (schemas.properties(operation.query) if operation.query else ())
            ),
        ],
        "responses": dict(_answers(operation, schemas)),
    }
    content = {
        **({JSON: {"schema": schemas.of(operation.body)}} if operation.body else {}),
        **({"application/x-www-form-urlencoded": {"schema": schemas.of(operation.form)}} if operation.form else {}),
    }
    if content:
        told["requestBody"] = {"required": operation.body is not None, "content": content}
    if operation.body is not None or operation.operates:
        told["security"] = [{"token": []}]
    elif not operation.for_all:
        told["security"] = [{}, {"token": []}, {"session": []}]
    return told


def _answers(operation: Operation, schemas: _Schemas) -> Iterator[tuple[str, Any]]:
    schema = schemas.of(operation.answers) if operation.answers is not None else {"type": "string"}
    good: dict[str, Any] = {
        "description": HTTPStatus(operation.status).phrase,
        "content": {media: {"schema": schema} for media in operation.media},
    }
    if operation.tagged:
        good["headers"] = {"ETag": {"schema": {"type": "string"}}}
        yield "304", {"description": HTTPStatus(304).phrase}
    yield str(operation.status), good
    for status, kind in operation.also.items():
        yield str(status), {"description": HTTPStatus(status).phrase, "content": {JSON: {"schema": schemas.of(kind)}}}
    for status in operation.pages:
        content = {media: {"schema": schema} for media in operation.media}
        yield str(status), {"description": HTTPStatus(status).phrase, "content": content}
    own = {*operation.refuses, *(OF_A_CHANGE if operation.body is not None else ())}
    own |= {401, 403} if operation.operates else set()
    own |= set() if operation.for_all else {401}
    own |= set() if operation.any_host else {421}
    for status in sorted(own - set(operation.also)):
        yield str(status), _problem(HTTPStatus(status).phrase, schemas)
    yield "4XX", _problem("A request that no operation can take", schemas)


def _problem(description: str, schemas: _Schemas) -> dict[str, Any]:
    return {"description": description, "content": {CONTENT_TYPE: {"schema": schemas.of(ProblemView)}}}


def _identifier(operation: Operation) -> str:
    """A word that programs made from the document may use as a name."""
    words = re.findall(r"[A-Za-z0-9]+", operation.path.removeprefix("/api/v1"))
    what = ("page",) if operation.media[0] == HTML else ()
    return "_".join((operation.method.lower(), *what, *words))
