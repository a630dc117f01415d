"""The texts of messages: templates in the folder `templates` beside the policy, read with it and tried on examples.

A template (Jinja2) sees the fields of `Values` and the other templates of that folder: no file, no module, no secret.
What stands for a contact alone is used for that contact; where the folder has nothing, the default is. Source: the
Jinja documentation 3.1, https://jinja.palletsprojects.com/en/stable/sandbox/
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from traceback import walk_tb

from jinja2 import FunctionLoader, StrictUndefined, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from nemo_watchdog.errors import NemoWatchdogError, PolicyError, PolicyProblem, in_one_line
from nemo_watchdog.policy.files import read_text

FOLDER, SUFFIX = "templates", ".j2"
TITLE, BODY = "title", "body"
PARTS = (TITLE, BODY)
LONGEST = 16_000
"""Characters that a template may make."""
MOST = 500
"""Files of the folder."""

_OF_DEFAULTS = "_default."

DEFAULTS: Mapping[str, str] = {
    f"{_OF_DEFAULTS}{TITLE}{SUFFIX}": "{{ title }}\n",
    f"{_OF_DEFAULTS}{BODY}{SUFFIX}": """\
{{ body }}
{% if over_since %}
It is over since {{ over_since }}.
{% elif owner %}
Taken by {{ owner }}; `{{ ack }}` takes it over.
{% else %}
{% if ack %}
Answer: `{{ ack }}`
{% endif %}
{% if ack_link %}
Answer here: {{ ack_link }}
{% endif %}
{% endif %}
{% if link %}
More: {{ link }}
{% endif %}
{% if incident %}{{ incident }}, {% endif %}{{ at }}, nemo-watchdog on {{ host }}
""",
}


@dataclass(frozen=True, slots=True)
class Values:
    """What a template sees. Times are text in the policy's zone; what does not apply is empty."""

    title: str
    """The message's own, with the severity before it."""
    body: str
    """The message's own: what happened, since when, how grave, who is affected, what was done, what comes next."""
    contact: str
    kind: str
    """What the message is about, such as `opened`, `unanswered` or `resolved`."""
    standing: str
    """How it stands as the message is sent: `firing`, `acknowledged`, `over` or `no_page`."""
    severity: str
    root: str
    at: str
    """When the message was made."""
    since: str
    """When the trouble began."""
    over_since: str
    """When it ended, where that came after the message was made."""
    incident: str
    """The id that all messages of the outage share."""
    incidents: tuple[str, ...]
    """All that the message tells of."""
    owner: str
    """Who has taken it."""
    ack: str
    """The command that takes it."""
    ack_link: str
    """The link that takes it once, for a day."""
    link: str
    """The page about it."""
    host: str
    """Where the watchdog runs."""


_EXAMPLE = Values(
    title="[SEV2] gateway is down",
    body="gateway is down: refused.\nSince 2026-11-25 03:12:04 CET (12s).\nNext: a person must look.",
    contact="on-call",
    kind="opened",
    standing="firing",
    severity="SEV2",
    root="gateway",
    at="2026-11-25 03:12:16 CET",
    since="2026-11-25 03:12:04 CET",
    over_since="",
    incident="20261125-021204-gateway",
    incidents=("20261125-021204-gateway", "20261125-021205-redis"),
    owner="",
    ack="nemo-watchdog ack 20261125-021204-gateway",
    ack_link="https://watchdog.example.com/ack/TOKEN",
    link="https://watchdog.example.com/incidents/20261125-021204-gateway",
    host="box",
)
_OVER = replace(_EXAMPLE, standing="over", ack="", ack_link="")
EXAMPLES = (
    _EXAMPLE,
    replace(_EXAMPLE, kind="acknowledged", standing="acknowledged", owner="anna"),
    replace(_OVER, over_since="2026-11-25 03:20:00 CET"),
    replace(_OVER, kind="resolved", incidents=_EXAMPLE.incidents[:1]),
    replace(_OVER, kind="maintenance", standing="no_page", incident="", incidents=(), link=""),
    replace(_OVER, kind="journal", standing="firing", since="", incident="", incidents=(), link=""),
)
"""What every template is tried on when it is read."""


class TemplateFailed(NemoWatchdogError):
    """`line` counts from 1; `kind` is what it failed with, without any value."""

    def __init__(self, name: str, line: int, kind: str, message: str) -> None:
        super().__init__(f"{name}:{line}: {message}")
        self.name = name
        self.line = line
        self.kind = kind
        self.message = message


class Templates:
    """Those of a policy, and the defaults."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = {**sources, **DEFAULTS}
        self._environment = ImmutableSandboxedEnvironment(
            loader=FunctionLoader(self._load),
            undefined=StrictUndefined,
            autoescape=False,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,  # what another includes ends its own line
        )
        self._environment.globals.clear()  # nothing that counts to a billion

    def name_of(self, part: str, contact: str) -> str:
        """The one that is used for it."""
        names = (f"{contact}.{part}{SUFFIX}", f"{part}{SUFFIX}")
        return next((name for name in names if name in self._sources), default_of(part))

    def write(self, name: str, values: Values) -> str:
        """Without the white space at its ends. Raises `TemplateFailed`, also for a text that is empty or too long."""
        text, given = "", {each.name: getattr(values, each.name) for each in fields(values)}
        try:
            for part in self._environment.get_template(name).generate(given):
                text += part
                if len(text) > LONGEST:
                    break
        except Exception as error:  # noqa: BLE001 - the edge: what a template does may raise anything
            raise self._failure(name, error) from None
        if len(text) > LONGEST:
            raise TemplateFailed(name, 1, "too long", f"it makes more than {LONGEST} characters")
        if not (text := text.strip()):
            raise TemplateFailed(name, 1, "no text", "it makes no text")
        return text

    def compile(self, name: str) -> None:
        """Raises `TemplateFailed` where it cannot be read."""
        try:
            self._environment.get_template(name)
        except Exception as error:  # noqa: BLE001 - the same edge
            raise self._failure(name, error) from None

    def _load(self, name: str) -> tuple[str, str, None] | None:
        source = self._sources.get(name)
        return None if source is None else (source, name, None)

    def _failure(self, asked: str, error: Exception) -> TemplateFailed:
        """With the innermost place in a template."""
        name, line = asked, 1
        for frame, number in walk_tb(error.__traceback__):
            if frame.f_code.co_filename in self._sources:
                name, line = frame.f_code.co_filename, number
        if isinstance(error, TemplateSyntaxError):
            name, line = error.name or name, error.lineno
        words = in_one_line(str(error))[:300]
        return TemplateFailed(name, line, type(error).__name__, words or type(error).__name__)


def default_of(part: str) -> str:
    return f"{_OF_DEFAULTS}{part}{SUFFIX}"


def template_files(policy: Path) -> tuple[Path, ...]:
    """Those beside that policy; raises `OSError` where the folder is there and cannot be read."""
    try:
        return tuple(sorted(each for each in (policy.parent / FOLDER).iterdir() if each.name.endswith(SUFFIX))[:MOST])
    except FileNotFoundError:
        return ()


def read_templates(policy: Path, contacts: Iterable[str]) -> Mapping[str, str]:
    """By name, each tried on every example. Raises `PolicyError` with all problems. Reads the disk: it may block."""
    try:
        files = template_files(policy)
    except OSError as error:
        why = f"cannot be read: {error.strerror or type(error).__name__}"
        raise PolicyError([PolicyProblem(str(policy.parent / FOLDER), 1, 1, "", why)]) from None
    problems, sources, known = list[PolicyProblem](), dict[str, str](), tuple(contacts)
    for file in files:
        try:
            sources[file.name] = read_text(file)
        except PolicyError as error:
            problems += error.problems
        else:
            if why := _misnamed(file.name, known):
                problems.append(PolicyProblem(str(file), 1, 1, "", why))
    templates = Templates(sources)
    failures: dict[tuple[str, int, str], TemplateFailed] = {}
    for name in sources:
        for failure in _tried(templates, name):
            failures.setdefault((failure.name, failure.line, failure.message), failure)
    problems += [
        PolicyProblem(str(policy.parent / FOLDER / each.name), each.line, 1, "", each.message)
        for each in failures.values()
    ]
    if problems:
        raise PolicyError(problems)
    return sources


def _misnamed(name: str, contacts: tuple[str, ...]) -> str:
    """Why nothing would use it; empty where something does."""
    stem = name.removesuffix(SUFFIX)
    if name in DEFAULTS:
        return "this is the name of the default, which others may include: give it another"
    if stem in PARTS or stem.startswith("_"):
        return ""
    contact, _, part = stem.rpartition(".")
    if part not in PARTS:
        return (
            "nothing uses it: a template is `title.j2`, `body.j2`, `CONTACT.title.j2` or `CONTACT.body.j2`, "
            "and what others include begins with `_`"
        )
    if contact in contacts:
        return ""
    meant = difflib.get_close_matches(contact, contacts, n=1)
    return f"the policy has no contact `{contact}`" + (f": did you mean `{meant[0]}`?" if meant else "")


def _tried(templates: Templates, name: str) -> list[TemplateFailed]:
    """What is wrong with it. What others include is tried with them."""
    try:
        if name.startswith("_"):
            templates.compile(name)
            return []
        for example in EXAMPLES:
            contact = name.removesuffix(SUFFIX).rpartition(".")[0]
            templates.write(name, replace(example, contact=contact or example.contact))
    except TemplateFailed as failure:
        return [failure]
    return []
