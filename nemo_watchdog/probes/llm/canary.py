"""One small streamed completion, as a user would ask for it: the only look that proves that tokens flow.

One at a time, with a prefix that no prompt cache has seen, temperature 0 and a few tokens. What it cannot tell from
load (no token in time) is busy: whether the engine hangs is for the server's own counters to say.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Annotated, Any, Literal

import aiohttp
from pydantic import AfterValidator
from yarl import URL

from nemo_watchdog.durations import duration
from nemo_watchdog.model import Finding, Outcome, Reason, degraded, failed, ok
from nemo_watchdog.policy.units import Duration, Whole, duration_within, number_within
from nemo_watchdog.probes.http.client import HttpClient, http_failure, read_body, read_refusal, trusted, wrong_status
from nemo_watchdog.probes.shared.options import ProbeOptions

_MOST_BYTES = 64 * 1024
_ASLEEP_WITHIN = 5.0
_NOTHING_YET = ok()
_NOT_SENT = failed(Reason.OVERLOADED, "the connection ended before the canary was sent")
"""A kept connection that the server has just closed: nothing was asked, so a new one is asked."""


class LlmCanary(ProbeOptions):
    model: str | None = None
    """The name to ask for; a server of one model often needs none."""
    prompt: str = "Count from one to ten:"
    max_tokens: Annotated[Whole, AfterValidator(number_within(2, 8))] = 4
    path: Literal["/v1/completions", "/v1/chat/completions"] = "/v1/completions"
    every: Annotated[Duration, AfterValidator(duration_within(5, 86400))] = 60.0
    """Seconds from the start of one canary to the start of the next one."""
    within: Annotated[Duration, AfterValidator(duration_within(1, 600))] = 30.0
    """Seconds that the whole answer may take."""
    slow_first_token: Duration | None = None
    """A first token that comes later than these seconds is degraded."""


@dataclass(slots=True)
class _Heard:
    """What a stream has given so far; times in monotonic seconds."""

    asked: float
    texts: list[float] = field(default_factory=list)
    finished: bool = False
    error: Finding | None = None

    def measurements(self) -> Mapping[str, float]:
        if not self.texts:
            return {}
        measured = {"llm_canary_first_token_seconds": self.texts[0] - self.asked}
        if len(self.texts) > 1 and (took := self.texts[-1] - self.texts[0]) > 0:
            gaps = [later - earlier for earlier, later in zip(self.texts, self.texts[1:], strict=False)]
            measured["llm_canary_tokens_per_second"] = len(gaps) / took
            measured["llm_canary_longest_gap_seconds"] = max(gaps)
        return measured


class Canary:
    """Asks once per `ask`. `headers` carry the credentials of the probe."""

    def __init__(self, options: LlmCanary, base: URL, headers: Mapping[str, str] | None) -> None:
        self._options = options
        self._url = base.with_path(base.path.rstrip("/") + options.path, keep_query=True)
        self._props = base.with_path(base.path.rstrip("/") + "/props", keep_query=True)
        self._headers = headers
        self._timeout = aiohttp.ClientTimeout(total=options.within, ceil_threshold=float("inf"))

    async def ask(self, client: HttpClient) -> Finding:
        if await self._asleep(client):
            return ok("the server sleeps, and the canary does not wake it")
        finding = await self._ask(client)
        return await self._ask(client) if finding is _NOT_SENT else finding

    async def _ask(self, client: HttpClient) -> Finding:
        heard = _Heard(monotonic())
        try:
            trust = await trusted(self._url)
            async with client.session().post(
                self._url,
                json=self._request(),
                headers=self._headers,
                allow_redirects=False,
                ssl=trust,
                timeout=self._timeout,
            ) as response:
                if response.status != 200:
                    return _refusal(response.status, await read_refusal(response), response.headers)
                await _listen(response, heard)
        except TimeoutError:
            return self._late(heard)
        except aiohttp.ClientResponseError:
            # The health page was read: HTTP is spoken here, and no restart changes how.
            return degraded(Reason.PROTOCOL_ERROR, "the canary's answer is HTTP that not all can read")
        except (aiohttp.ClientError, OSError) as error:
            return _NOT_SENT if isinstance(error.__cause__, aiohttp.ClientConnectionResetError) else http_failure(error)
        except ValueError:
            return failed(Reason.WRONG_ANSWER, "the canary's answer is no stream of completions")
        return self._judge(heard)

    async def _asleep(self, client: HttpClient) -> bool:
        """llama.cpp's idle sleep; `/props` does not end it. Source: tools/server/README.md, "Sleeping on Idle"."""
        timeout = aiohttp.ClientTimeout(total=_ASLEEP_WITHIN, ceil_threshold=float("inf"))
        try:
            trust = await trusted(self._props)
            async with client.session().get(
                self._props, headers=self._headers, allow_redirects=False, ssl=trust, timeout=timeout
            ) as response:
                body = await read_body(response)
            said = json.loads(body or b"null") if response.status == 200 else None
        except (aiohttp.ClientError, OSError, ValueError, RecursionError):
            return False
        return isinstance(said, dict) and said.get("is_sleeping") is True

    def _request(self) -> Mapping[str, Any]:
        options = self._options
        prompt = f"{secrets.token_hex(4)} {options.prompt}"
        asked: dict[str, Any] = {"max_tokens": options.max_tokens, "temperature": 0, "stream": True}
        if options.model is not None:
            asked["model"] = options.model
        if options.path == "/v1/completions":
            return asked | {"prompt": prompt}
        return asked | {"messages": [{"role": "user", "content": prompt}]}

    def _late(self, heard: _Heard) -> Finding:
        got = f"{len(heard.texts)} tokens" if heard.texts else "no token"
        detail = f"the canary got {got} within {duration(self._options.within)}"
        return failed(Reason.OVERLOADED, detail, heard.measurements())

    def _judge(self, heard: _Heard) -> Finding:
        if heard.error is not None:
            return heard.error
        measured = heard.measurements()
        if not heard.texts and not heard.finished:
            return failed(Reason.WRONG_ANSWER, "the canary's stream ended without a token")
        if not heard.texts:
            return ok("the canary's answer is empty, and whole", measured)
        first, slow = heard.texts[0] - heard.asked, self._options.slow_first_token
        said = f"the canary's first token came after {duration(first)}"
        if slow is not None and first > slow:
            return degraded(Reason.SLOW, f"{said}, more than {duration(slow)}", measured)
        return ok(said, measured)


class CanaryRounds:
    """When a canary is asked. One that is not well is asked again at the next look: one bad answer counts once."""

    def __init__(self, canary: Canary, client: HttpClient, every: float) -> None:
        self._canary = canary
        self._client = client
        self._every = every
        self._proved_or_asked: float | None = None
        self._last = _NOTHING_YET
        self._task: asyncio.Task[Finding] | None = None

    async def look(self, patience: float, *, tokens_flow: bool) -> Finding:
        """The newest finding. A canary that begins is waited for, for at most `patience` seconds; then it goes on."""
        if self._task is None:
            if tokens_flow:
                self._proved_or_asked, self._last = monotonic(), _NOTHING_YET
            elif self._due():
                self._proved_or_asked = monotonic()
                self._task = asyncio.create_task(self._canary.ask(self._client), name="llm canary")
                await asyncio.wait({self._task}, timeout=patience)
        if self._task is not None and self._task.done():
            done, self._task = self._task, None
            self._last = _NOTHING_YET
            self._last = done.result()
        elif self._task is not None and self._last.outcome is Outcome.FAILED:
            return failed(Reason.OVERLOADED, "the canary has no answer yet, and the one before was not well")
        return self._last

    async def forget(self) -> None:
        """The server is another one, or gone: what a canary said about it is over."""
        task, self._task, self._proved_or_asked, self._last = self._task, None, None, _NOTHING_YET
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _due(self) -> bool:
        since = self._proved_or_asked
        return since is None or self._last.outcome is not Outcome.OK or monotonic() - since >= self._every


async def _listen(response: aiohttp.ClientResponse, heard: _Heard) -> None:
    """Server-sent events, one line each; a server that does not stream sends its whole answer as one JSON document."""
    if response.content_type == "application/json":
        _take(await read_body(response) or b"", heard)
        return
    size, rest = 0, b""
    async for part in response.content.iter_any():
        size += len(part)
        if size > _MOST_BYTES:
            raise ValueError("too long")
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            data = line.removeprefix(b"data:").strip()
            if data == b"[DONE]":
                return
            if line.startswith(b"data:"):
                _take(data, heard)
            if heard.error is not None:
                return


def _take(data: bytes, heard: _Heard) -> None:
    """One event. Source: OpenAI API reference, "Completions" and "Chat"; vLLM and llama.cpp send the error object."""
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None
    if not isinstance(event, dict):
        raise ValueError("no object")  # noqa: TRY004 - one error for everything that is no completion
    if (error := event.get("error")) is not None:
        code = error.get("code") if isinstance(error, dict) else None
        heard.error = _refusal(code if isinstance(code, int) and 400 <= code <= 599 else 500, b"", {})
        return
    choices = event.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if not isinstance(choice, dict):
            continue
        if choice.get("finish_reason") is not None:
            heard.finished = True
        part = choice.get("delta") or choice.get("message") or choice
        # A reasoning model's first tokens are no content yet.
        if isinstance(part, dict) and any(part.get(name) for name in ("text", "content", "reasoning_content")):
            heard.texts.append(monotonic())


def _refusal(status: int, body: bytes, headers: Mapping[str, str]) -> Finding:
    if status == 503:
        if b"loading model" in body.lower():
            return failed(Reason.LOADING, "it loads its model")
        return failed(Reason.OVERLOADED, "the canary was answered 503")
    if status in (400, 404, 405, 422):
        return failed(
            Reason.WRONG_TARGET, f"the canary was answered {status}: see `canary.model` and `canary.path` of the policy"
        )
    finding = wrong_status(status, "200", headers)
    return failed(finding.reason or Reason.WRONG_STATUS, f"the canary: {finding.detail}")
