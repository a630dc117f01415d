"""How it ended: what was tried, what worked, and how long each part took; or that it is still open."""

from __future__ import annotations

from collections.abc import Iterator

from nemo_watchdog.durations import in_words
from nemo_watchdog.report.attempts import Attempt, Verdict
from nemo_watchdog.report.document import Block, Items, Paragraph, line
from nemo_watchdog.report.facts import Facts
from nemo_watchdog.report.words import between, counted, done, short


def resolution(facts: Facts) -> tuple[Block, ...]:
    blocks = [Paragraph(line(each)) for each in (_how(facts), _tried(facts)) if each]
    took = tuple(line(each) for each in _took(facts))
    return (*blocks, Items(took)) if took else tuple(blocks)


def _how(facts: Facts) -> str:
    incident, worked = facts.incident, facts.worked
    if incident.merged_into:
        return f"It became part of {incident.merged_into}, whose report tells how it went on."
    if incident.resolved is None:
        return f"Still open; this is a draft of {facts.clock.time(facts.written, incident.opened)}."
    ended = f" It ended because {short(incident.why)}." if incident.why else ""
    if worked is not None:
        at = facts.clock.time(worked.ordered.at, incident.opened)
        after = in_words(worked.took)
        return (
            f"What worked: {worked.action or 'the action'} for {worked.dependency} at {at}. "
            f"It was seen to serve {after} later.{ended}"
        )
    if incident.declared:
        return f"It was closed by a person.{ended}"
    if incident.actions:
        return f"No action is known to have helped: it served again without one that was verified.{ended}"
    return f"It recovered without an action of the watchdog.{ended}"


def _tried(facts: Facts) -> str:
    """Each action on each dependency once, with how many of it helped."""
    grouped: dict[tuple[str, str], list[Attempt]] = {}
    for each in facts.attempts:
        grouped.setdefault((each.dependency, each.action), []).append(each)
    if grouped:
        return f"What was tried: {'; '.join(_group(name, of) for (name, _), of in grouped.items())}."
    if facts.incident.actions:
        return f"{counted(facts.incident.actions, 'action was', 'actions were')} taken; the timeline has no more of it."
    return "" if facts.incident.resolved and not facts.incident.declared else "No action was taken by the watchdog."


def _group(name: str, of: list[Attempt]) -> str:
    ordered = [each for each in of if each.verdict is not Verdict.REFUSED]
    refused = len(of) - len(ordered)
    said = [f"{name} {done(of[0].action, len(ordered))}, {_helped(ordered)}"] if ordered else []
    if refused:
        said.append(f"{of[0].action or 'an action'} of {name} refused {counted(refused, 'time')}, nothing ordered")
    return "; ".join(said)


def _helped(of: list[Attempt]) -> str:
    verified = sum(each.verdict is Verdict.VERIFIED for each in of)
    is_open = sum(each.verdict is Verdict.OPEN for each in of)
    if verified == len(of):
        return "verified" if verified == 1 else "each verified"
    if not verified:
        return "not judged" if is_open == len(of) else ("did not help" if len(of) == 1 else "none verified")
    return f"{verified} verified"


def _took(facts: Facts) -> Iterator[str]:
    incident, first, mitigated = facts.incident, facts.first_sign, facts.mitigated
    if first is not None:
        yield f"From the first sign to detected: {in_words(between(first.at, incident.opened))}"
    if mitigated is not None:
        yield f"From detected to mitigated: {in_words(between(incident.opened, mitigated.at))}"
    if incident.resolved is not None:
        yield f"From detected to resolved: {in_words(between(incident.opened, incident.resolved))}"
