"""Can contacts, Alertmanagers and the dead man's switch be told? Only with `sending` does anybody hear of it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from nemo_watchdog.channel import Letter
from nemo_watchdog.doctor.checkup import Findings, bad, good, skipped, warning
from nemo_watchdog.durations import duration
from nemo_watchdog.engine.listing import listed
from nemo_watchdog.errors import in_one_line
from nemo_watchdog.model import Alert, NotificationKind, Severity, Standing
from nemo_watchdog.notifiers import AlertmanagerClient, HttpHeartbeat, readiness, send_to, unusable_addresses
from nemo_watchdog.one_thread import OneThread
from nemo_watchdog.policy.people import Address
from nemo_watchdog.policy.policy import Alertmanager, Deadman, Policy
from nemo_watchdog.policy.secret_value import Secret

CONTACTS, ALERTMANAGER, DEADMAN = "contacts", "alertmanager", "deadman"
TITLE = "Nemo Watchdog test: nothing is wrong"
DELIVERED_WITHIN = 9.0
"""Seconds for a message to one contact, and for an alert to one Alertmanager."""
ANSWERED_WITHIN = 4.0

_NOT_TAKEN = "is the address right and the service up? The daemon tries again for hours, and tells nobody meanwhile"

_RUNNING = "is it running, and is `alertmanager` in the policy its base address?"
_LET_IN = "who may ask it? Give `username` and `password`, or `bearer`, beside its `url` in the policy"


@dataclass(frozen=True, slots=True)
class Asker:
    """Who lets the test be sent, from where."""

    user: str
    host: str
    at: datetime

    def __str__(self) -> str:
        return f"{self.user} on {self.host} asked for it with `nemo-watchdog doctor --send`"


async def look_at_contacts(policy: Policy, asker: Asker | None) -> Findings:
    """With an asker each contact that has an address is told."""
    if not policy.contacts and policy.alertmanager:
        yield skipped(CONTACTS, "the policy names none: Alertmanager alone is told")
        return
    if not policy.contacts:
        yield warning(CONTACTS, "the policy names none: nobody is told anything", "add `contacts` to the policy")
        return
    advice = await OneThread("nemo-watchdog-contacts").run(lambda: unusable_addresses(policy.contacts))
    for each in advice:
        name = each.path.removeprefix("contacts.")
        yield bad(f"contact {name}", each.message, f"correct contacts.{name} in the policy: it is an Apprise URL")
    told = [name for name, each in policy.contacts.items() if each.addresses]
    if mute := [name for name, each in policy.contacts.items() if name not in told and each.rota is None]:
        remedy = f"an Apprise URL in contacts.{mute[0]} of the policy, or in the variable that it names"
        yield warning(CONTACTS, f"no address for {listed(mute)}: what they are told stands in the log only", remedy)
    if asker is not None:
        async for finding in _send(policy, told, asker):
            yield finding
    elif well := [name for name in told if f"contacts.{name}" not in {each.path for each in advice}]:
        yield good(CONTACTS, f"{', '.join(well)}: usable addresses (--send sends each a test message)")


async def _send(policy: Policy, names: Sequence[str], asker: Asker) -> Findings:
    key = f"doctor-{secrets.token_hex(8)}"
    letters = [
        Letter(
            key=key,
            thread=key,
            contact=name,
            kind=NotificationKind.RESOLVED,
            standing=Standing.NO_PAGE,
            severity=Severity.SEV4,
            root="",
            title=TITLE,
            body=f"{TITLE}. {asker}.",
            at=asker.at,
        )
        for name in names
    ]
    failures = await asyncio.gather(*(_failures(policy.contacts[each.contact].addresses, each) for each in letters))
    for name, failed in zip(names, failures, strict=True):
        if failed:
            yield bad(f"contact {name}", f"did not take the test message: {failed}", _NOT_TAKEN)
        else:
            yield good(f"contact {name}", f"took the test message: did it arrive? ({TITLE})")


async def _failures(addresses: Sequence[Address], letter: Letter) -> str:
    """Empty when each has taken it."""
    sent = await asyncio.gather(*(send_to(each, letter, "", DELIVERED_WITHIN) for each in addresses))
    return "; ".join(
        f"address {number} of {len(sent)}: {each.delivery.detail}"
        for number, each in enumerate(sent, start=1)
        if not each.delivery.delivered
    )


async def look_at_alertmanagers(targets: Sequence[Alertmanager], asker: Asker | None) -> Findings:
    """With an asker each that answers gets an alert of severity none that is over as it begins: it tells nobody."""
    if not targets:
        yield skipped(ALERTMANAGER, "the policy names none")
        return
    answers = await readiness(targets, ANSWERED_WITHIN)
    alive = [each for each in targets if answers[each.url].ready]
    for url, answer in answers.items():
        if not answer.ready:
            remedy = _LET_IN if answer.refuses else _RUNNING
            yield bad(ALERTMANAGER, f"{where(url)}: {in_one_line(answer.said)}", remedy)
        elif asker is None:
            yield good(ALERTMANAGER, f"{where(url)}: {in_one_line(answer.said)}")
    if asker is not None and alive:
        for url, failure in (await _push(alive, asker)).items():
            if failure:
                remedy = "it answers and takes no alert: its log says why"
                yield bad(ALERTMANAGER, f"{where(url)} did not take the test alert: {in_one_line(failure)}", remedy)
            else:
                yield good(ALERTMANAGER, f"{where(url)}: {in_one_line(answers[url].said)}, took the test alert")


async def _push(targets: Sequence[Alertmanager], asker: Asker) -> Mapping[str, str]:
    """Why each did not take it, empty where it did."""
    alert = Alert(
        incident="",
        labels={"alertname": "NemoWatchdogTest", "severity": "none", "host": asker.host},
        annotations={"summary": TITLE, "description": f"{asker}."},
        starts_at=asker.at,
        ends_at=asker.at,
    )
    client = AlertmanagerClient(targets, DELIVERED_WITHIN - ANSWERED_WITHIN)
    try:
        deliveries = await client.push([alert])
    finally:
        await client.close()
    return {url: "" if each.delivered else each.detail or "no reason" for url, each in deliveries.items()}


async def look_at_deadman(deadman: Deadman | None, asker: Asker | None) -> Findings:
    """With an asker it gets one heartbeat, as from the daemon."""
    if deadman is None:
        yield skipped(DEADMAN, "the policy names none: nobody is called when the watchdog itself is gone")
        return
    if asker is None:
        yield good(DEADMAN, f"hears from the daemon every {duration(deadman.every)} (--send lets it hear once)")
        return
    heartbeat = HttpHeartbeat()
    try:
        answer = await heartbeat.beat(deadman.url, ANSWERED_WITHIN)
    finally:
        await heartbeat.close()
    if answer.delivered:
        yield good(DEADMAN, "took a heartbeat, as from the daemon")
    else:
        remedy = "is `deadman.url` of the policy the address that its service gives, and is the way there open?"
        yield bad(DEADMAN, f"did not take a heartbeat: {in_one_line(answer.detail)}", remedy)


def where(url: str) -> str:
    """Without the user and the password that may be part of it."""
    return Secret(url).where or "an address that is no URL"
