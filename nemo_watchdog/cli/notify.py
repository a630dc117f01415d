"""`nemo-watchdog test-notify`: does what a contact is told arrive?"""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from nemo_watchdog.cli import options
from nemo_watchdog.cli.output import GOOD, WRONG, as_json
from nemo_watchdog.people_views import ContactTestView

ANSWERS_WITHIN = 40.0
"""Seconds; longer than the daemon gives an address."""


def notify(
    contact: Annotated[str, typer.Argument(metavar="CONTACT", help="A contact of the policy.")],
    listen: options.ListenOption = options.DEFAULT_LISTEN,
    state_dir: options.StateDirOption = options.DEFAULT_STATE_DIR,
    json: options.JsonOption = False,
) -> None:
    """Have the daemon send a contact an example message, and show what each address answered.

    It is written with the templates of the policy, and sent as every message is; what keeps incidents, such as
    PagerDuty, is told right after that it is over. Exit code 1 when an address did not take it.
    """
    from urllib.parse import quote

    from nemo_watchdog.cli import client

    path = f"/api/v1/contacts/{quote(contact, safe='')}/test"
    body = {"by": getpass.getuser()}
    answer = client.post(listen, path, body, state_dir, ContactTestView, within=ANSWERS_WITHIN)
    view = answer.view
    if json:
        as_json(answer.document)
    else:
        for each in view.answers:
            said = f": {each.detail}" if each.detail else ""
            took = "took it" if each.delivered else "did not take it"
            print(f"{each.contact}, address {each.address} of {each.of} ({each.service}) {took}{said}")
        if view.ok:
            print(f"Did it arrive? Its title is: {view.title}")
    raise typer.Exit(GOOD if view.ok else WRONG)
