"""One HTTP request, and what the policy expects of its answer. The cheapest look there is: most dependencies have one.

What can be made before the first look is made then: the request's parts, the expectation, the finding for "all well".
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from time import monotonic
from typing import Annotated, Literal

import aiohttp
from pydantic import AfterValidator, Field, model_validator
from yarl import URL

from nemo_watchdog.durations import duration
from nemo_watchdog.evidence import Questions
from nemo_watchdog.model import Finding, Outcome, Reason, degraded, failed, ok
from nemo_watchdog.policy.secret_value import Secret
from nemo_watchdog.policy.units import Duration, SecretText, Whole, number_within, wrong, wrong_secret
from nemo_watchdog.ports import ProbeContext
from nemo_watchdog.probes.http.client import (
    BODY_LIMIT,
    HEADERS,
    REDIRECTS,
    Headers,
    HttpClient,
    HttpUrl,
    http_failure,
    read_body,
    redirect_target,
    split_credentials,
    unless_tls_explains,
)
from nemo_watchdog.probes.http.evidence import answer_text
from nemo_watchdog.probes.http.expect import Expectation, HttpExpect
from nemo_watchdog.probes.http.lenient import Answer, Request, oddly_answered, read_again
from nemo_watchdog.probes.shared.deadline import FOR_EVIDENCE, patience_of
from nemo_watchdog.probes.shared.options import ProbeOptions
from nemo_watchdog.probes.shared.tls import CertificateWatch, TlsOptions, Trust, bad_ca_file, shake_hands

_ERROR = 400


def _one_line(secret: Secret) -> Secret:
    if not secret.reveal().isprintable() or not secret.reveal():
        raise wrong_secret("expected one line of text")
    return secret


def _absolute(text: str) -> str:
    if not text.startswith("/") or "\0" in text:
        raise wrong("expected the path of a unix socket such as `/run/app.sock`")
    return text


Token = Annotated[SecretText, AfterValidator(_one_line)]


class Basic(ProbeOptions):
    user: str
    password: Token


class HttpOptions(TlsOptions):
    url: HttpUrl
    socket: Annotated[str, AfterValidator(_absolute)] | None = None
    """Path of a unix socket to connect to; the host of `url` is only its Host header then."""
    method: Literal["GET", "HEAD"] = "GET"
    expect: HttpExpect = HttpExpect()
    headers: Headers = Field(default_factory=dict)
    """Headers to send."""
    basic: Basic | None = None
    """User and password to send."""
    bearer: Token | None = None
    """A token to send."""
    redirects: Annotated[Whole, AfterValidator(number_within(0, 10))] = 0
    """Redirects to follow, on the same server (or from http to https on its host); the last answer is judged."""
    slow_after: Duration | None = None
    """A good answer that takes longer than these seconds is degraded."""
    phases: bool = False
    """Also measures name resolution, connect and TLS, by a connection of their own at each look."""

    @model_validator(mode="after")
    def _fits_together(self) -> HttpOptions:
        if self.method == "HEAD" and self.expect.of_body:
            raise wrong("an answer to HEAD has no body: expect only a status and headers, or use GET")
        given = (
            self.basic,
            self.bearer,
            next((name for name in self.headers if name.lower() == "authorization"), None),
        )
        if sum(each is not None for each in given) > 1:
            raise wrong("give one of `basic`, `bearer` and an Authorization header")
        if URL(self.url.reveal()).scheme == "http" and (
            given_tls := self.model_fields_set & TlsOptions.model_fields.keys()
        ):
            raise wrong(f"`{min(given_tls)}` says something about TLS: use an https:// address")
        if self.socket is not None and (self.phases or URL(self.url.reveal()).scheme == "https"):
            raise wrong("a unix socket has no TLS and no phases here: use an http:// address without `phases`")
        return self

    @property
    def sent(self) -> Mapping[str, Secret]:
        """The headers, with the credentials among them."""
        if self.bearer is not None:
            return {**self.headers, "Authorization": Secret(f"Bearer {self.bearer.reveal()}")}
        if self.basic is not None:
            encoded = aiohttp.encode_basic_auth(self.basic.user, self.basic.password.reveal(), "utf-8")
            return {**self.headers, "Authorization": Secret(encoded)}
        return self.headers


class HttpProbe:
    def __init__(self, options: HttpOptions, context: ProbeContext) -> None:
        self._options = options
        self._patience = patience_of(context.timeout)
        self._method = options.method
        self._url, self._headers = split_credentials(options.url, options.sent)
        self._expectation = Expectation(options.expect)
        self._redirects = options.redirects
        self._slow_after = options.slow_after
        self._client = HttpClient(options.socket)
        self._tls = self._url.scheme == "https"
        self._may_need_trust = self._tls or options.redirects > 0
        self._trust = Trust(options, context.timeout)
        self._evidence_trust = Trust(options, FOR_EVIDENCE)
        self._certificate = CertificateWatch(options.certificate_warning)
        self._shakes_hands = self._tls or options.phases
        self._context: ssl.SSLContext | None = None
        self._first_byte_at = 0.0
        self._ok = ok("answered as expected")

    async def look(self) -> Finding:
        began = monotonic()
        if self._may_need_trust:
            try:
                self._context = await self._trust.context()
            except OSError as error:
                return bad_ca_file(error)
        url, session = self._url, self._client.session_of_look()
        try:
            for left in range(self._redirects, -1, -1):
                asked = monotonic()
                answer = await self._ask(session, url, asked - began)
                first_byte = self._first_byte_at - asked
                if not left or answer.status not in REDIRECTS:
                    break
                elsewhere = redirect_target(url, answer.headers.get("Location"))
                if elsewhere is None:
                    return failed(Reason.WRONG_STATUS, f"answered {answer.status}, a redirect to another server")
                url = elsewhere
        except (aiohttp.ClientError, OSError) as error:
            return await self._unless_tls_explains(http_failure(error), url, monotonic() - began)
        took = monotonic() - began
        finding = self._judge(answer, took)
        if finding.outcome is Outcome.FAILED:
            finding = await self._unless_tls_explains(finding, url, took, answer.status)
        else:
            self._client.was_well()
        if not self._shakes_hands:
            return finding
        return await self._with_handshake(finding, first_byte, self._patience - took)

    def evidence(self) -> Questions:
        """See `ports.EvidenceSource`."""
        return {"answer.txt": self._answer_text}

    async def close(self) -> None:
        await self._client.close()

    async def _answer_text(self) -> str:
        began = monotonic()
        try:
            trust = await self._evidence_trust.context() if self._may_need_trust else None
        except OSError as error:
            return bad_ca_file(error).detail
        left = FOR_EVIDENCE - (monotonic() - began)
        return await answer_text(self._request(self._url, trust), self._redirects, left)

    def _request(self, url: URL, trust: ssl.SSLContext | None) -> Request:
        """What a look asks, for a connection of its own."""
        return Request(self._method, url, {**HEADERS, **(self._headers or {})}, trust, self._options.socket)

    async def _ask(self, session: aiohttp.ClientSession, url: URL, took: float) -> Answer:
        """One answer, `took` seconds after the look began. A status that says it all is not held up by its body."""
        try:
            async with session.request(
                self._method, url, headers=self._headers, allow_redirects=False, ssl=self._context or True
            ) as response:
                self._first_byte_at = monotonic()
                status, headers = response.status, response.headers
                if status >= _ERROR and self._expectation.problem_of_head(status, headers) is not None:
                    return Answer(status, headers, b"")
                return Answer(status, headers, await read_body(response))
        except (aiohttp.ClientError, OSError) as error:
            request = self._request(url, self._context)
            answer = await read_again(error, request, BODY_LIMIT, (self._patience - took) / 2)
            if answer is None:
                raise
            self._first_byte_at = monotonic()
            return answer

    def _judge(self, answer: Answer, took: float) -> Finding:
        if answer.body_is_certain:
            problem = self._expectation.problem(answer.status, answer.headers, answer.body)
        else:
            problem = self._expectation.problem_of_head(answer.status, answer.headers)
        if problem is not None:
            return problem
        if answer.odd:
            return oddly_answered(answer)
        if self._slow_after is not None and took > self._slow_after:
            return degraded(Reason.SLOW, f"answered in {duration(took)}, more than {duration(self._slow_after)}")
        return self._ok

    async def _unless_tls_explains(self, finding: Finding, url: URL, took: float, status: int | None = None) -> Finding:
        if self._options.socket is not None:
            return finding
        return await unless_tls_explains(finding, url, self._patience - took, status)

    async def _with_handshake(self, finding: Finding, first_byte: float, patience: float) -> Finding:
        """The finding with phases and the certificate; a handshake that fails or hangs takes nothing from it."""
        measured = dict(finding.measurements)
        if self._options.phases or self._certificate.due:
            assert self._url.host is not None  # noqa: S101 - the options want one
            assert self._url.port is not None  # noqa: S101 - http and https have one
            try:
                async with asyncio.timeout(patience):
                    handshake = await shake_hands(self._url.host, self._url.port, self._context if self._tls else None)
            except OSError:
                return finding
            self._certificate.saw(handshake.not_after)
            if self._options.phases:
                measured["http_resolve_seconds"] = handshake.resolve
                measured["http_connect_seconds"] = handshake.connect
                measured["http_first_byte_seconds"] = first_byte
                if self._tls:
                    measured["http_tls_seconds"] = handshake.tls
        if self._certificate.lasts is not None:
            measured["http_certificate_expires_in_seconds"] = self._certificate.lasts
        if finding.outcome is Outcome.OK and (expiring := self._certificate.finding()) is not None:
            finding = expiring
        return Finding(finding.outcome, finding.reason, finding.detail, measured)
