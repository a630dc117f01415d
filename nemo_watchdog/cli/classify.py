"""`nemo-watchdog classify`: which rule would match in a situation that somebody describes, and why no earlier one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nemo_watchdog.cli import options
from nemo_watchdog.cli.output import GOOD, USAGE, WRONG, as_json, fail
from nemo_watchdog.errors import PolicyError

if TYPE_CHECKING:
    from nemo_watchdog.engine.suppose import Judged
    from nemo_watchdog.policy.policy import Policy, Rule
    from nemo_watchdog.policy.situation import Situation


def classify(
    situation: Annotated[Path, typer.Argument(help="A YAML file: one situation, or a list of them.")],
    policy: options.PolicyOption = options.DEFAULT_POLICY,
    json: options.JsonOption = False,
) -> None:
    """Say how grave a situation would be, and by which rule. Exit code 1 when it is not what the file expects."""
    from nemo_watchdog import app
    from nemo_watchdog.engine.suppose import Supposition
    from nemo_watchdog.policy.situation import load_situations

    try:
        loaded = app.read_policy(policy, os.environ)
        situations = load_situations(situation, loaded)
    except PolicyError as error:
        if json:
            as_json({"valid": False, "problems": [str(problem) for problem in error.problems]})
        else:
            fail(str(error))
        raise typer.Exit(USAGE) from None
    answers, differing = [], 0
    for each in situations:
        supposition = Supposition(loaded, each.at)
        for name, how in each.dependencies.items():
            supposition.suppose(name, how.health, how.reason, how.lasting, how.measurements)
            if how.flapping:
                supposition.suppose_flapping(name)
        judged = supposition.judge()
        differs = _differences(each, judged)
        differing += bool(differs)
        answers.append(_plain(loaded, each, judged, differs))
        if not json:
            print("\n".join(_lines(each, judged, differs)))
    if json:
        as_json({"valid": True, "situations": answers})
    raise typer.Exit(WRONG if differing else GOOD)


def _differences(situation: Situation, judged: Judged) -> list[str]:
    """What is not as the situation expects it, in words."""
    found = {verdict.dependency: verdict.rule.name for verdict in judged.verdicts}
    wanted = [(name, rule, found.get(name)) for name, rule in situation.expected.items()]
    if situation.expected_incident is not None:
        incident = judged.incident.name if judged.incident is not None else None
        wanted.append(("the incident", situation.expected_incident, incident))
    return [
        f"{what}: expected the rule {rule}, got {got or 'none: it is in no trouble'}"
        for what, rule, got in wanted
        if got != rule
    ]


def _lines(situation: Situation, judged: Judged, differs: list[str]) -> list[str]:
    lines = [f"{situation.name or 'the situation'}: {_said(judged.incident)}"]
    for verdict in judged.verdicts:
        lines.append(f"  {verdict.dependency}: {_said(verdict.rule)}")
        lines += [f"    not {passed.rule}: {passed.why}" for passed in verdict.passed]
    return lines + [f"  DIFFERS: {each}" for each in differs]


def _said(rule: Rule | None) -> str:
    return "no trouble" if rule is None else f"{rule.severity} by {rule.name}"


def _plain(policy: Policy, situation: Situation, judged: Judged, differs: list[str]) -> dict[str, Any]:
    return {
        "name": situation.name,
        "incident": _rule(policy, judged.incident),
        "dependencies": {
            verdict.dependency: {
                **(_rule(policy, verdict.rule) or {}),
                "passed": [{"rule": passed.rule, "why": passed.why} for passed in verdict.passed],
            }
            for verdict in judged.verdicts
        },
        "differences": differs,
    }


def _rule(policy: Policy, rule: Rule | None) -> dict[str, str] | None:
    from nemo_watchdog.engine.severity import title_of

    if rule is None:
        return None
    return {"rule": rule.name, "severity": rule.severity, "title": title_of(policy, rule.severity, rule.name)}
