"""How each container is looked at, and where: the choice of a probe with its options, always with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from nemo_watchdog.first_policy.entry import Choice
from nemo_watchdog.first_policy.found import Found, Published
from nemo_watchdog.first_policy.health_check import asked_by
from nemo_watchdog.first_policy.kinds import Kind, Known, image_words
from nemo_watchdog.first_policy.look import PATHS, Seen

SECRETS = "/etc/nemo-watchdog/environment"

_PORTS: Mapping[Kind, tuple[int, ...]] = {
    Kind.POSTGRES: (5432,),
    Kind.PGBOUNCER: (6432, 5432),
    Kind.REDIS: (6379,),
    Kind.LLM: (8000, 8080, 11434, 80, 30000),
}
_USERS = ("POSTGRES_USER", "POSTGRESQL_USERNAME", "DB_USER")
_DATABASES = ("POSTGRES_DB", "POSTGRESQL_DATABASE", "PGBOUNCER_DATABASE", "DB_NAME")
_PASSWORDS = (
    "POSTGRES_PASSWORD",
    "POSTGRES_PASSWORD_FILE",
    "POSTGRESQL_PASSWORD",
    "POSTGRESQL_PASSWORD_FILE",
    "DB_PASSWORD",
    "PGPASSWORD",
)
_REDIS_PASSWORDS = ("REDIS_PASSWORD", "REDIS_PASSWORD_FILE", "VALKEY_PASSWORD", "REDISCLI_AUTH")


@dataclass(frozen=True, slots=True)
class Guess:
    """`variable` is what a policy's `${…}` may call the address, where that has a place for a secret."""

    choices: tuple[Choice, ...]
    notes: tuple[str, ...] = ()
    serves_http: bool = False


def guess(found: Found, known: Known, seen: Seen, variable: str, wanted: str = "") -> Guess:
    """`wanted` is the probe that a label asks for; its options are guessed as far as they can be."""
    by_kind = {Kind.POSTGRES: "postgres", Kind.PGBOUNCER: "postgres", Kind.REDIS: "redis", Kind.LLM: "llm"}
    probe = wanted or by_kind.get(known.kind, "")
    if not wanted and known.kind is Kind.OTHER and seen.models is not None:
        known, probe = Known(Kind.LLM, "it lists models at /v1/models as a model server does"), "llm"
    at = _where(found, known.kind, seen)
    if at is None and not wanted:
        return _by_state(found, known)
    if probe == "postgres" and at is not None:
        return _postgres(found, known, at, variable)
    if probe == "redis" and at is not None:
        return _redis(found, known, at, variable)
    if probe == "llm" and at is not None:
        return _llm(found, known, seen, at)
    if probe in {"", "http"} and (page := _http(found, seen)) is not None:
        return page
    if probe == "http" and at is not None:
        url = Choice("url", f"http://{at.address}/", _found_at(found, at))
        return Guess((Choice("probe", "http"), url), serves_http=True)
    if probe in {"", "tcp"} and at is not None:
        return _tcp(found, known, seen, at)
    return Guess((Choice("probe", probe or "docker"),))


def is_llm(known: Known, seen: Seen) -> bool:
    return known.kind is Kind.LLM or (known.kind is Kind.OTHER and seen.models is not None)


def _where(found: Found, kind: Kind, seen: Seen) -> Published | None:
    """The port of its protocol, or else that of the page that was seen, or else its lowest."""
    for inner in _PORTS.get(kind, ()):
        if inner in found.inner_ports and (at := found.at(inner)) is not None:
            return at
    if seen.page is not None:
        return seen.page.at
    return next(iter(found.reachable), None)


def _found_at(found: Found, at: Published) -> str:
    if found.network_mode == "host":
        return f"it uses this machine's network: its port {at.inner} is here"
    return f"its port {at.inner} is published on {at.address}"


def _by_state(found: Found, known: Known) -> Guess:
    if found.picked:
        port = found.picked[0]
        why = f"Docker picks the outer port of its port {port} anew at each start: only its container state can be seen"
        how = f"publish it on a port that stays, such as 127.0.0.1:{port}:{port}"
    else:
        port = next(iter((*found.exposed, *_PORTS.get(known.kind, ()))), 0)
        why = "publishes no port: only its container state can be seen"
        how = f"publish a port, such as 127.0.0.1:{port}:{port}" if port else "publish its port on 127.0.0.1"
    probe = {Kind.POSTGRES: "postgres", Kind.PGBOUNCER: "postgres", Kind.REDIS: "redis", Kind.LLM: "llm"}.get(
        known.kind
    )
    deeper = f"the probe {probe}" if probe else "the probe http or tcp"
    return Guess(
        (Choice("probe", "docker", why),), (f"To look at it in depth: {how}, and use {deeper} (docs/probes.md).",)
    )


def _postgres(found: Found, known: Known, at: Published, variable: str) -> Guess:
    environment = found.environment
    user = _first(environment, _USERS) or "postgres"
    database = _first(environment, _DATABASES) or (user if known.kind is Kind.POSTGRES else "postgres")
    who = quote(user, safe="")
    address = f"postgresql://{who}@{at.address}/{quote(database, safe='')}"
    why = _found_at(found, at)
    if user_from := next((name for name in _USERS if environment.get(name)), None):
        why += f"; the user is that of {user_from}"
    notes: list[str] = []
    if any(environment.get(name) for name in _PASSWORDS):
        with_it = address.replace("@", ":PASSWORD@", 1)
        notes = _secret("It asks for a password, which is not copied from its environment", variable, with_it)
    return Guess(
        (
            Choice("probe", "postgres", known.why or "a pooler speaks as Postgres does"),
            Choice("dsn", f"${{{variable}:-{address}}}", why),
        ),
        tuple(notes),
    )


def _redis(found: Found, known: Known, at: Published, variable: str) -> Guess:
    address = f"redis://{at.address}/0"
    asks = any("requirepass" in word for word in found.command)
    notes: list[str] = []
    if asks or any(found.environment.get(name) for name in _REDIS_PASSWORDS):
        where = "command" if asks else "environment"
        with_it = address.replace("//", "//:PASSWORD@", 1)
        notes = _secret(f"It asks for a password, which is not copied from its {where}", variable, with_it)
    return Guess(
        (
            Choice("probe", "redis", known.why),
            Choice("url", f"${{{variable}:-{address}}}", _found_at(found, at)),
        ),
        tuple(notes),
    )


def _secret(what: str, variable: str, address: str) -> list[str]:
    """The line to write stands alone, to be copied."""
    return [f"{what}. With the right one in place of PASSWORD this belongs into {SECRETS}:", f"{variable}={address}"]


def _llm(found: Found, known: Known, seen: Seen, at: Published) -> Guess:
    at = seen.page.at if seen.page is not None else at
    choices = [Choice("probe", "llm", known.why), Choice("url", f"http://{at.address}", _found_at(found, at))]
    if "ollama" in image_words(found.image):
        choices += [
            Choice("health_path", "/api/version", "Ollama has no /health"),
            Choice("metrics_path", None, "and no metrics"),
        ]
    elif seen.page is not None and seen.page.path != PATHS[0]:
        choices.append(Choice("health_path", seen.page.path, "the first page of it that answers 200"))
    notes = (
        "A green health page proves little. This also asks for a few tokens while no user does (docs/probes/llm.md):",
        "canary: {max_tokens: 4}",
    )
    return Guess(tuple(choices), notes, serves_http=True)


def _http(found: Found, seen: Seen) -> Guess | None:
    asked = asked_by(found)
    notes: list[str] = []
    at = None if asked is None else found.at(asked.port)
    if asked is not None and at is not None and asked.path:
        url, why = f"{asked.scheme}://{at.address}{asked.path}", f"its health check asks {asked.path}"
        if asked.dropped:
            notes.append(
                "Its health check sends more (a user, a query or a header), which may be a secret and is not copied: "
                f"`basic`, `bearer` and `headers` with ${{NAME}}, and NAME=… in {SECRETS} (docs/probes/http.md)."
            )
    elif seen.page is not None:
        at, why = seen.page.at, f"{seen.page.path} answered {seen.page.status}"
        url = f"http://{at.address}{seen.page.path}"
    else:
        return None
    choices = [Choice("probe", "http", why), Choice("url", url, _found_at(found, at))]
    choices += _expected(seen)
    if url.startswith("https:"):
        choices.append(Choice("verify", value=False, why=f"its certificate is hardly one for {at.host}"))
    return Guess(tuple(choices), tuple(notes), serves_http=True)


def _expected(seen: Seen) -> Iterator[Choice]:
    if (page := seen.page) is not None and page.says:
        yield Choice("expect", {"status": page.status, "json": {"status": page.says}}, "as it answered just now")
    elif page is not None:
        yield Choice("expect", {"status": page.status}, "as it answered just now")


def _tcp(found: Found, known: Known, seen: Seen, at: Published) -> Guess:
    if asked_by(found) is not None:
        why = (
            "what its health check asks cannot be asked from here, or holds a secret: only whether it takes connections"
        )
    elif not found.runs:
        why = "it does not run now, so nothing more could be seen than its port"
    elif seen.speaks_http:
        why = f"it speaks HTTP, and none of {', '.join(PATHS)} answered 200"
    else:
        why = known.why or "nothing is known of it but its port"
    notes: tuple[str, ...] = ()
    if seen.speaks_http or asked_by(found) is not None:
        notes = (
            "To look at it in depth: the probe http with the page that tells that it is well (docs/probes/http.md).",
        )
    return Guess((Choice("probe", "tcp", why), Choice("address", at.address, _found_at(found, at))), notes)


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((value for name in names if (value := environment.get(name, ""))), "")
