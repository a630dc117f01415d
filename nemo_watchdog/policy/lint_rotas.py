"""Advice on who takes turns: a rota that is none, and a person who cannot be reached in a turn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from nemo_watchdog.policy.people import Contact


def rotas_advice(contacts: Mapping[str, Contact]) -> Iterator[tuple[str, str]]:
    """Path and message."""
    for name, contact in contacts.items():
        people = contact.rota.people if contact.rota is not None else ()
        if len(set(people)) == 1:
            yield (
                f"contacts.{name}.rota",
                f"`{people[0]}` has every turn: name a second, or `{people[0]}` instead of it",
            )
        for index, person in enumerate(people):
            if person in contacts and not contacts[person].addresses and person not in people[:index]:
                message = f"`{person}` has no address: in that turn nobody is called, what is told is only logged"
                yield f"contacts.{name}.rota[{index}]", message
