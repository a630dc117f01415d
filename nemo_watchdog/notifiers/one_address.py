"""A letter to one address, whatever else its contact has."""

from __future__ import annotations

from nemo_watchdog.channel import Letter, Sent
from nemo_watchdog.model import Notification
from nemo_watchdog.notifiers.apprise import AppriseNotifier
from nemo_watchdog.policy.people import Address, Apprise
from nemo_watchdog.ports import Delivery


async def send_to(address: Address, letter: Letter, memo: str) -> Sent:
    """What it answered; `memo` comes back as it was given."""
    if not isinstance(address, Apprise):
        detail = f"{type(address).__name__.lower()} is not spoken to by this version"
        return Sent(Delivery(delivered=False, detail=detail), memo)
    url = address.url
    notifier = AppriseNotifier(lambda: {letter.contact: (url,)})
    message = Notification(
        letter.key,
        letter.kind,
        letter.thread,
        letter.severity,
        letter.root,
        letter.title,
        letter.body,
        (letter.contact,),
        letter.at,
    )
    return Sent(await notifier.deliver(message, letter.contact), memo)
