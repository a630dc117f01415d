"""The health page of a model server (llama.cpp, vLLM, TGI, any OpenAI-compatible one). Slow health is not death.

A burst of requests makes a healthy engine miss a health deadline (ray#54070), and loading takes minutes: both are
busy. Only what cannot be load is a fault: refused, dropped, an answer that says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import Annotated, Any

import aiohttp
from pydantic import AfterValidator, BeforeValidator, Field
from pydantic.json_schema import SkipJsonSchema

from nemo_watchdog.model import Finding, Reason, degraded, failed, ok
from nemo_watchdog.policy.units import Duration, wrong
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes.http_client import (
    Headers,
    HttpClient,
    HttpUrl,
    http_failure,
    read_body,
    split_credentials,
    wrong_status,
)
from nemo_watchdog.probes.options import ProbeOptions


def _path(text: str) -> str:
    if not text.startswith("/") or not text.isprintable() or "?" in text or "#" in text:
        raise wrong("expected a path such as `/health`")
    return text


def _no_canary(_: object) -> None:
    raise wrong("a canary is not supported yet: leave it out")


class LlmOptions(ProbeOptions):
    url: HttpUrl
    """The server's base address; `health_path` is appended to its path."""
    health_path: Annotated[str, AfterValidator(_path)] = "/health"
    headers: Headers = Field(default_factory=dict)
    slow_after: Duration | None = None
    """A good answer that takes longer than these seconds is degraded."""
    canary: Annotated[SkipJsonSchema[Any], BeforeValidator(_no_canary)] = None


class LlmProbe:
    def __init__(self, options: LlmOptions, context: ProbeContext) -> None:
        base, self._headers = split_credentials(options.url, options.headers)
        self._url = base.with_path(base.path.rstrip("/") + options.health_path, keep_query=True)
        self._slow_after = options.slow_after
        # A little below the runtime's deadline, so that this probe can tell a connect that hangs from an answer that
        # does. aiohttp rounds deadlines above ceil_threshold up to whole seconds, which would be too late.
        self._deadline = context.timeout - min(0.25, context.timeout / 10)
        self._timeout = aiohttp.ClientTimeout(
            total=self._deadline, connect=self._deadline * 0.75, ceil_threshold=float("inf")
        )
        self._client = HttpClient()
        self._ok = ok("answered as expected")

    async def look(self) -> Finding:
        began = monotonic()
        try:
            async with self._client.session().get(
                self._url, headers=self._headers, allow_redirects=False, timeout=self._timeout
            ) as response:
                body = await read_body(response)
        except aiohttp.ConnectionTimeoutError:
            return failed(Reason.TIMEOUT, f"no connection within {self._deadline * 0.75:.3g}s")
        except TimeoutError:
            return failed(Reason.OVERLOADED, f"it took the connection and gave no answer within {self._deadline:.3g}s")
        except (aiohttp.ClientError, OSError) as error:
            return http_failure(error)
        if not 200 <= response.status < 300:
            return _not_well(response.status, body or b"", response.headers)
        if self._slow_after is not None and (took := monotonic() - began) > self._slow_after:
            return degraded(Reason.SLOW, f"answered in {took:.3f}s, more than {self._slow_after:g}s")
        return self._ok

    async def close(self) -> None:
        await self._client.close()


def _not_well(status: int, body: bytes, headers: Mapping[str, str]) -> Finding:
    """llama.cpp says in its body what it does; its words are in tools/server/README.md of ggml-org/llama.cpp."""
    text = body.lower()
    if status == 503 and b"loading model" in text:
        return failed(Reason.LOADING, "it loads its model")
    if status == 503 and b"no slot available" in text:
        return failed(Reason.OVERLOADED, "all of its slots are in use")
    if status == 404:
        return failed(Reason.WRONG_TARGET, "it has no such health page: set health_path")
    return wrong_status(status, "2xx", headers)
