"""What a person can say of an outage on a page: that it is his, what he knows of it, that there is one, or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nemo_watchdog.model import Severity
from nemo_watchdog.runtime.core import Core
from nemo_watchdog.web.api.declared import AcknowledgeBody, DeclareBody, DeclaredApi, NoteBody, ResolveBody
from nemo_watchdog.web.how_it_is import how_it_is
from nemo_watchdog.web.pages import links
from nemo_watchdog.web.pages.asking import Asking, Given, Order, body_of, how_long, named, reason, seconds
from nemo_watchdog.web.pages.forms import Field, Option


@dataclass(frozen=True, slots=True)
class IncidentOrders:
    core: Core
    declared: DeclaredApi

    def all(self) -> Mapping[str, Order]:
        """By the word in their address."""
        return {
            "take": Order(self._ask_take, self._take),
            "note": Order(self._ask_note, self._note),
            "declare": Order(self._ask_declare, self._declare),
            "resolve": Order(self._ask_resolve, self._resolve),
        }

    def _ask_take(self, about: Given) -> Asking:
        incident = named(about, "incident")
        return Asking(
            title="Take it",
            does=(
                *how_it_is(self.core, incident),
                "The others who were told hear that you have it, and nobody else is called for it.",
                "The watchdog goes on as before.",
            ),
            button="I take it",
            back=links.HOME,
            about={"incident": incident},
            fields=(
                how_long(Option("", "until it is over"), value=""),
                Field("note", "A note for the others (if there is something to say)", longest=4000),
            ),
        )

    async def _take(self, given: Given, by: str) -> None:
        incident = given.get("incident", "")
        note = body_of(NoteBody, by=by, text=given["note"]) if given.get("note", "").strip() else None
        await self.declared.ordered_acknowledge(incident, body_of(AcknowledgeBody, by=by, **{"for": seconds(given)}))
        if note is not None:
            await self.declared.ordered_note(incident, note)

    def _ask_note(self, about: Given) -> Asking:
        incident = named(about, "incident")
        return Asking(
            title="Write something about it",
            does=(f"It stands in the timeline and in the report of {incident}.", "What is for users, they read."),
            button="Write it down",
            back=links.incident(incident),
            about={"incident": incident},
            fields=(
                Field(
                    "about",
                    "What it is",
                    kind="choice",
                    value="note",
                    options=(
                        Option("note", "a note"),
                        Option("root_cause", "the root cause"),
                        Option("public", "for users, on the public page"),
                    ),
                ),
                Field("text", "Words", kind="text", required=True, longest=4000),
            ),
        )

    async def _note(self, given: Given, by: str) -> None:
        body = body_of(NoteBody, by=by, about=given.get("about", "note"), text=given.get("text", ""))
        await self.declared.ordered_note(given.get("incident", ""), body)

    def _ask_declare(self, about: Given) -> Asking:
        names = tuple(Option(name, name) for name in self.core.engine.trackers)
        return Asking(
            title="Report a problem",
            does=(
                "It opens an incident that the watchdog cannot see, and people are told as of any other.",
                "It stays open until somebody resolves it.",
            ),
            button="Report it",
            back=links.HOME,
            about={},
            fields=(
                Field("text", "What is wrong", required=True),
                Field(
                    "severity",
                    "How grave it is",
                    kind="choice",
                    value=Severity.SEV2,
                    options=tuple(
                        Option(each, f"{each} {spec.title}".rstrip())
                        for each, spec in self.core.engine.policy.severities.items()
                    ),
                ),
                Field(
                    "dependency",
                    "What it is about",
                    kind="choice",
                    value=about.get("dependency", ""),
                    options=(Option("", "no dependency in particular"), *names),
                ),
            ),
        )

    async def _declare(self, given: Given, by: str) -> None:
        values = {name: given.get(name, "") for name in ("text", "severity", "dependency")}
        await self.declared.ordered_declare(body_of(DeclareBody, by=by, **values))

    def _ask_resolve(self, about: Given) -> Asking:
        incident = named(about, "incident")
        return Asking(
            title="It is over",
            does=(*how_it_is(self.core, incident), "It is resolved, and who was told of it hears that."),
            button="Resolve it",
            back=links.incident(incident),
            about={"incident": incident},
            fields=(reason("how it ended"),),
        )

    async def _resolve(self, given: Given, by: str) -> None:
        body = body_of(ResolveBody, by=by, reason=given.get("reason", ""))
        await self.declared.ordered_resolve(given.get("incident", ""), body)
