"""Keys that are known by their shape alone: prefix and length, as those who issue them document it.

Each pattern begins with its prefix or ends soon, is anchored to where a word begins, and takes each character once:
any text takes time that grows with its length and no faster.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nemo_watchdog.redaction.mark import hide

_END = r"(?![A-Za-z0-9_-])"


@dataclass(frozen=True, slots=True)
class Shape:
    """`sign` is in every text that holds one; `pattern` keeps its group `kept`, if it has one.

    `source` is a URL, or a page of our own.
    """

    name: str
    sign: str
    pattern: re.Pattern[str]
    source: str
    begins: bool = True
    """Whether it begins with its sign, which is long enough to be no word's beginning."""


def _words(name: str, signs: str, rest: str, source: str) -> Iterator[Shape]:
    """Words that begin with one of these signs: searched for by that, which is fast, and then for no letter before."""
    for sign in signs.split():
        begin = re.escape(sign)
        yield Shape(name, sign, re.compile(rf"{begin}(?<![A-Za-z0-9_-]{begin}){rest}"), source, len(sign) > 2)


def _place(name: str, sign: str, pattern: str, source: str) -> Iterator[Shape]:
    yield Shape(name, sign, re.compile(pattern), source, begins=False)


_AWS = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html"
_DIGITALOCEAN = "https://docs.digitalocean.com/reference/api/create-personal-access-token/"
_DISCORD = "https://docs.discord.com/developers/resources/webhook"
_GITHUB = "https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/"
_GITLAB = "https://docs.gitlab.com/security/tokens/#token-prefixes"
_GOOGLE = "https://cloud.google.com/docs/authentication/api-keys"
_GOOGLE_OAUTH = "https://developers.google.com/identity/protocols/oauth2"
_GRAFANA = "https://grafana.com/docs/grafana/latest/administration/service-accounts/"
_HUGGING_FACE = "https://huggingface.co/docs/hub/security-tokens"
_NPM = "https://github.blog/changelog/2021-09-23-npm-has-a-new-access-token-format/"
_OPENAI = "https://platform.openai.com/docs/api-reference/authentication"
_OURS = "docs/operations.md#who-may-read-who-may-change"
_POSTGRES = "https://www.postgresql.org/docs/current/catalog-pg-authid.html"
_SENDGRID = "https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys"
_SLACK = "https://docs.slack.dev/authentication/tokens"
_SLACK_WEBHOOK = "https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks"
_STRIPE = "https://docs.stripe.com/keys"
_TEAMS = "https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook"
_TELEGRAM = "https://core.telegram.org/bots/api#authorizing-your-bot"
_TWILIO = "https://www.twilio.com/docs/iam/api-keys"
_VAULT = "https://developer.hashicorp.com/vault/docs/concepts/tokens"

_GITLAB_SIGNS = "glpat- gldt- glrt- glcbt- glptt- glft- glsoat- glagent- gloas-"
_SLACK_SIGNS = "xoxa- xoxb- xoxc- xoxd- xoxe- xoxe. xoxo- xoxp- xoxr- xoxs- xapp-"

SHAPES: tuple[Shape, ...] = (
    *_words("AWS access key id", "AKIA ASIA ABIA ACCA", rf"[A-Z2-7]{{16}}{_END}", _AWS),
    *_words("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", "[A-Za-z0-9]{36,255}+", _GITHUB),
    *_words("GitHub fine-grained token", "github_pat_", "[A-Za-z0-9_]{22,255}+", _GITHUB),
    *_words("GitLab token", _GITLAB_SIGNS, "[A-Za-z0-9_.-]{16,300}+", _GITLAB),
    *_words("Slack token", _SLACK_SIGNS, "[A-Za-z0-9.-]{10,400}+", _SLACK),
    *_words("Stripe key", "sk_live_ sk_test_ rk_live_ rk_test_", "[A-Za-z0-9]{10,250}+", _STRIPE),
    *_words("Stripe webhook secret", "whsec_", "[A-Za-z0-9+/=]{24,250}+", _STRIPE),
    *_words("Google API key", "AIza", rf"[A-Za-z0-9_-]{{35}}{_END}", _GOOGLE),
    *_words("Google OAuth token", "ya29.", "[A-Za-z0-9._-]{20,1024}+", _GOOGLE_OAUTH),
    *_words("Google OAuth client secret", "GOCSPX-", "[A-Za-z0-9_-]{20,60}+", _GOOGLE_OAUTH),
    *_words("OpenAI, Anthropic and the like", "sk-", "(?=[A-Za-z_-]{0,80}+[0-9])[A-Za-z0-9_-]{20,300}+", _OPENAI),
    *_words("Hugging Face token", "hf_ api_org_", "[A-Za-z0-9]{30,60}+", _HUGGING_FACE),
    *_words("npm token", "npm_", rf"[A-Za-z0-9]{{36}}{_END}", _NPM),
    *_words("PyPI token", "pypi-", "[A-Za-z0-9_-]{50,400}+", "https://pypi.org/help/#apitoken"),
    *_words("SendGrid key", "SG.", r"[A-Za-z0-9_-]{16,32}+\.[A-Za-z0-9_-]{32,64}+", _SENDGRID),
    *_words("Twilio key", "SK", rf"[0-9a-f]{{32}}{_END}", _TWILIO),
    *_words(
        "JSON Web Token",
        "eyJ",
        r"[A-Za-z0-9_-]{8,8192}+(?:\.[A-Za-z0-9_-]{0,16384}+){1,4}+",
        "https://www.rfc-editor.org/rfc/rfc7519",
    ),
    *_words("DigitalOcean token", "dop_v1_", "[0-9a-f]{64}", _DIGITALOCEAN),
    *_words("token of this watchdog", "nwd_", "[A-Za-z0-9_-]{43}", _OURS),
    *_words("age secret key", "AGE-SECRET-KEY-1", "[0-9A-Z]{40,80}+", "https://github.com/C2SP/C2SP/blob/main/age.md"),
    *_words("Vault token", "hvs. hvb. hvr.", "[A-Za-z0-9_-]{20,200}+", _VAULT),
    *_words("Grafana token", "glsa_", "[A-Za-z0-9]{32}_[0-9a-f]{8}", _GRAFANA),
    *_words(
        "password hash",
        "$2a$ $2b$ $2y$ $5$ $6$ $y$ $argon2i$ $argon2id$",
        "[A-Za-z0-9./$=,+]{16,400}+",
        "https://manpages.debian.org/bookworm/libcrypt-dev/crypt.5.en.html",
    ),
    *_place("Telegram bot token", ":AA", "(?<![0-9])(?P<kept>[0-9]{6,12}+:)AA[A-Za-z0-9_-]{30,40}+", _TELEGRAM),
    *_place(
        "SCRAM verifier",
        "SCRAM-SHA-256$",
        r"(?P<kept>SCRAM-SHA-256\$)[0-9]{1,9}+:[A-Za-z0-9+/=:$]{40,200}+",
        _POSTGRES,
    ),
    *_place(
        "Slack webhook",
        "hooks.slack.com/",
        r"(?P<kept>hooks\.slack\.com/(?:services|workflows|triggers)/)[A-Za-z0-9_/+-]{20,300}+",
        _SLACK_WEBHOOK,
    ),
    *_place(
        "Discord webhook",
        "/api/webhooks/",
        "(?P<kept>/api/webhooks/[0-9]{10,24}+/)[A-Za-z0-9_-]{30,120}+",
        _DISCORD,
    ),
    *_place(
        "Teams webhook",
        ".webhook.office.com/",
        r"(?P<kept>\.webhook\.office\.com/)[A-Za-z0-9@_/-]{30,400}+",
        _TEAMS,
    ),
)


def without_shapes(text: str) -> str:
    for shape in SHAPES:
        if shape.sign in text:
            text = hide(text, map(_secret, shape.pattern.finditer(text)))
    return hide(text, (found.span() for found in _CUT.finditer(text))) if text.endswith("…") else text


_BEGINNINGS = "|".join(re.escape(shape.sign) for shape in SHAPES if shape.begins)
_CUT = re.compile(rf"(?<![A-Za-z0-9_-])(?:{_BEGINNINGS})[A-Za-z0-9_.+/=-]*+(?=…\Z)")
"""One that was cut (`…`) is shorter than its shape."""


def _secret(found: re.Match[str]) -> tuple[int, int]:
    """All of it but its group `kept`."""
    return found.end("kept") if "kept" in found.re.groupindex else found.start(), found.end()


_BEGIN = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----")
_BODY = re.compile(r"(?:[A-Za-z0-9+/=:,.\s-]|\\[nrt])*+")
_DASHES = "-----"


def without_private_keys(text: str) -> str:
    r"""PEM and OpenPGP blocks (RFC 7468, RFC 9580), over several lines or with `\n` in one; also without their end."""
    return hide(text, _bodies(text))


def _bodies(text: str) -> Iterator[tuple[int, int]]:
    for begin in _BEGIN.finditer(text):
        end = text.find(_DASHES, begin.end())
        if end < 0 and (body := _BODY.match(text, begin.end())) is not None:
            end = body.end()
        if text[begin.end() : end].strip():
            yield begin.end(), end
