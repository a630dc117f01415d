"""One HTTP request, and what the policy expects of its answer. The cheapest look there is: most dependencies have one.

What can be made before the first look is made then: the request's parts, the expectation, the finding for "all well".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from time import monotonic
from typing import Annotated, Any, Literal

import aiohttp
from pydantic import AfterValidator, Field, model_validator

from nemo_watchdog.model import Finding, Reason, degraded, failed, ok
from nemo_watchdog.policy.units import Duration, Whole, number_within, wrong
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes.http_client import (
    BODY_LIMIT,
    Headers,
    HttpClient,
    HttpUrl,
    http_failure,
    read_body,
    split_credentials,
    wrong_status,
)
from nemo_watchdog.probes.options import ProbeOptions

Status = Annotated[Whole, AfterValidator(number_within(100, 599))]
_MISSING = object()


class HttpExpect(ProbeOptions):
    status: Status | list[Status] | None = None
    """Any 2xx when it is not given."""
    json_values: Mapping[str, Any] = Field(default_factory=dict, alias="json")
    """Dotted key (`checks.0.state`: a number counts list items from 0) to the value that must be there."""
    contains: str | None = None
    """Text that must be in the body (UTF-8)."""


class HttpOptions(ProbeOptions):
    url: HttpUrl
    method: Literal["GET", "HEAD"] = "GET"
    expect: HttpExpect = HttpExpect()
    headers: Headers = Field(default_factory=dict)
    slow_after: Duration | None = None
    """A good answer that takes longer than these seconds is degraded."""

    @model_validator(mode="after")
    def _head_has_no_body(self) -> HttpOptions:
        if self.method == "HEAD" and (self.expect.json_values or self.expect.contains is not None):
            raise wrong("an answer to HEAD has no body: expect only a status, or use GET")
        return self


class HttpProbe:
    def __init__(self, options: HttpOptions, context: ProbeContext) -> None:  # noqa: ARG002 - a ProbeKind's signature
        expect = options.expect
        self._method = options.method
        self._url, self._headers = split_credentials(options.url, options.headers)
        wanted = expect.status
        self._statuses = None if wanted is None else frozenset([wanted] if isinstance(wanted, int) else wanted)
        self._expected = "2xx" if self._statuses is None else " or ".join(map(str, sorted(self._statuses)))
        self._json = tuple((key, tuple(key.split(".")), value) for key, value in expect.json_values.items())
        self._contains = None if expect.contains is None else expect.contains.encode()
        self._wants_body = bool(self._json) or self._contains is not None
        self._slow_after = options.slow_after
        self._client = HttpClient()
        self._ok = ok("answered as expected")

    async def look(self) -> Finding:
        began = monotonic()
        try:
            async with self._client.session().request(
                self._method, self._url, headers=self._headers, allow_redirects=False
            ) as response:
                body = await read_body(response)
        except (aiohttp.ClientError, OSError) as error:
            return http_failure(error)
        status = response.status
        if not (200 <= status < 300 if self._statuses is None else status in self._statuses):
            return wrong_status(status, self._expected, response.headers)
        if self._wants_body and (finding := self._wrong_body(body)) is not None:
            return finding
        if self._slow_after is not None and (took := monotonic() - began) > self._slow_after:
            return degraded(Reason.SLOW, f"answered in {took:.3f}s, more than {self._slow_after:g}s")
        return self._ok

    async def close(self) -> None:
        await self._client.close()

    def _wrong_body(self, body: bytes | None) -> Finding | None:
        """What is wrong with the body, without its words: an answer may hold a secret."""
        if body is None:
            return failed(Reason.WRONG_ANSWER, f"the body is longer than {BODY_LIMIT} bytes")
        if self._contains is not None and self._contains not in body:
            return failed(Reason.WRONG_ANSWER, "the body does not contain the expected text")
        if not self._json:
            return None
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            return failed(Reason.WRONG_ANSWER, "the body is not JSON")
        for key, path, expected in self._json:
            actual = _value_at(document, path)
            if actual is _MISSING:
                return failed(Reason.WRONG_ANSWER, f"the JSON has no key {key}")
            # In Python True equals 1; in JSON it does not.
            if actual != expected or isinstance(actual, bool) != isinstance(expected, bool):
                return failed(Reason.WRONG_ANSWER, f"the JSON key {key} has another value than expected")
        return None


def _value_at(document: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        if isinstance(document, dict):
            document = document.get(step, _MISSING)
        elif isinstance(document, list) and step.isascii() and step.isdigit() and int(step) < len(document):
            document = document[int(step)]
        else:
            return _MISSING
    return document
