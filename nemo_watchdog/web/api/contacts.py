"""`/api/v1/contacts/NAME/test`: a contact is sent an example, and what each of its addresses answers is said."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from nemo_watchdog.errors import in_one_line
from nemo_watchdog.people_views import ContactTestView
from nemo_watchdog.runtime.contact_test import ContactTest
from nemo_watchdog.web.access import Access
from nemo_watchdog.web.answers import answer
from nemo_watchdog.web.asked import ChangeBody, asked
from nemo_watchdog.web.operations import Operation


class ContactTestBody(ChangeBody):
    """Who wants to know."""


@dataclass(frozen=True, slots=True)
class ContactsApi:
    test: ContactTest
    access: Access

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                method="POST",
                path="/api/v1/contacts/{name}/test",
                handler=self.send,
                summary="Send a contact an example, and tell what each of its addresses answers",
                body=ContactTestBody,
                answers=ContactTestView,
                refuses=(404, 409),
            ),
        )

    async def send(self, request: web.Request) -> web.Response:
        wanted = await asked(request, self.access, ContactTestBody)
        return answer(await self.ordered_test(request.match_info["name"], wanted))

    async def ordered_test(self, name: str, wanted: ContactTestBody) -> ContactTestView:
        contacts = self.test.core.engine.policy.contacts
        if name not in contacts:
            known = ", ".join(contacts) or "none"
            raise web.HTTPNotFound(text=f"there is no contact {in_one_line(name)}; there are: {known}")
        if not self.test.addresses(name):
            raise web.HTTPConflict(text=f"{name} has no address: what it is told stands in the log only")
        return await self.test.run(name, wanted.by)
