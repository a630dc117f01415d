"""The OpenAPI document: all that is served is in it, and what is answered is what it says."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.unit.runtime.whole import Daemon, quick
from tests.unit.web.site import BEARER, Site, serving


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with serving(Daemon(tmp_path, quick("gateway"), quick("cache", needs=("gateway",)))) as made:
        yield made


async def document(site: Site) -> dict[str, Any]:
    response = await site.get("/api/v1/openapi.json")
    assert (response.status, response.content_type) == (200, "application/json")
    told: dict[str, Any] = await response.json()
    return told


def must_be(answer: object, schema: dict[str, Any], told: dict[str, Any]) -> None:
    jsonschema.validate(answer, {**schema, "components": told["components"]}, jsonschema.Draft202012Validator)


def references(part: object) -> Iterator[str]:
    if isinstance(part, dict):
        yield from ([part["$ref"]] if "$ref" in part else ())
        for each in part.values():
            yield from references(each)
    elif isinstance(part, list):
        for each in part:
            yield from references(each)


async def test_everything_that_is_served_is_in_it(site: Site) -> None:
    """Path by path and method by method, and nothing else."""
    told = await document(site)
    served = {
        (route.resource.canonical, route.method)
        for route in site.app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    assert {(path, method.upper()) for path, methods in told["paths"].items() for method in methods} == served


async def test_it_is_whole(site: Site) -> None:
    """Every type that it names is there, every parameter of a path is told, every operation has its own name."""
    told = await document(site)
    assert told["openapi"] == "3.1.0"
    assert {each.rpartition("/")[2] for each in references(told)} <= set(told["components"]["schemas"])
    operations = [(path, each) for path, methods in told["paths"].items() for each in methods.values()]
    for path, each in operations:
        told_of = {parameter["name"] for parameter in each["parameters"] if parameter["in"] == "path"}
        assert told_of == set(re.findall(r"\{(\w+)\}", path))
        assert each["summary"]
    names = [each["operationId"] for _, each in operations]
    assert len(names) == len(set(names))


async def test_each_answer_is_of_the_type_that_it_says(site: Site) -> None:
    """Of every question that needs no parameter."""
    told = await document(site)
    asked = 0
    for path, methods in told["paths"].items():
        if "get" not in methods or "{" in path:
            continue
        response = await site.get(path)
        (media, content), *_ = methods["get"]["responses"][str(response.status)]["content"].items()
        assert response.content_type == media
        if media == "application/json":
            must_be(await response.json(), content["schema"], told)
        asked += 1
    assert asked >= 5


async def test_a_change_and_its_refusals_are_as_it_says(site: Site) -> None:
    """A pause, one without a token, one that is no JSON, one of what there is not."""
    told = await document(site)
    responses = told["paths"]["/api/v1/pause"]["post"]["responses"]
    good = {"reason": "deploying", "scope": "gateway"}
    for headers, body, status in (
        (BEARER, good, 200),
        ({}, good, 401),
        (BEARER, {"scope": "gateway"}, 400),
        (BEARER, {**good, "scope": "nobody"}, 404),
    ):
        response = await site.client.post("/api/v1/pause", json=body, headers=headers)
        assert response.status == status
        (content,) = responses[str(status)]["content"].values()
        must_be(await response.json(), content["schema"], told)
    plain = await site.client.post("/api/v1/pause", data="reason=x", headers=BEARER)
    assert plain.status == 415
    assert "415" in responses
