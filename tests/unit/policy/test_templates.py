"""Templates are tried when they are read, see nothing but what they are given, and fail with file and line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

import pytest

from nemo_watchdog.errors import PolicyError
from nemo_watchdog.policy.loader import load_policy
from nemo_watchdog.policy.templates import (
    BODY,
    DEFAULTS,
    EXAMPLES,
    LONGEST,
    TITLE,
    TemplateFailed,
    Templates,
    Values,
    default_of,
)
from tests.unit.policy.fakes import CATALOG

POLICY = """
version: 1
dependencies:
  gateway: {probe: http, url: "http://gateway"}
contacts: {on-call: "json://127.0.0.1", lead: "json://127.0.0.1"}
"""
PAGE = Path(__file__).parents[3] / "docs" / "policy.md"
OPENED, TAKEN, LATE, RESOLVED, _, JOURNAL = EXAMPLES


def read(folder: Path, templates: Mapping[str, str]) -> Mapping[str, str]:
    """What a policy has that stands beside these."""
    (folder / "templates").mkdir(exist_ok=True)
    for name, text in templates.items():
        (folder / "templates" / name).write_text(text, encoding="utf-8")
    (folder / "policy.yaml").write_text(POLICY, encoding="utf-8")
    return load_policy(folder / "policy.yaml", CATALOG, environ={}).templates


def problems(folder: Path, templates: Mapping[str, str]) -> list[str]:
    """What is wrong with them: file, line, column and words, without the folder."""
    with pytest.raises(PolicyError) as caught:
        read(folder, templates)
    return [str(each).removeprefix(f"{folder}/templates/") for each in caught.value.problems]


# -- the defaults


def test_the_default_says_how_to_answer_while_it_can_be_answered() -> None:
    defaults = Templates({})
    assert defaults.write(default_of(TITLE), OPENED) == "[SEV2] gateway is down"
    assert defaults.write(default_of(BODY), OPENED).splitlines()[3:] == [
        "Answer: `nemo-watchdog ack 20261125-021204-gateway`",
        "Answer here: https://watchdog.example.com/ack/TOKEN",
        "More: https://watchdog.example.com/incidents/20261125-021204-gateway",
        "20261125-021204-gateway, 2026-11-25 03:12:16 CET, nemo-watchdog on box",
    ]
    assert defaults.write(default_of(BODY), TAKEN).splitlines()[3:5] == [
        "Taken by anna; `nemo-watchdog ack 20261125-021204-gateway` takes it over.",
        "More: https://watchdog.example.com/incidents/20261125-021204-gateway",
    ]


def test_of_what_is_over_the_default_asks_for_nothing() -> None:
    """Late news says since when; what is about no outage has no id."""
    defaults = Templates({})
    late, resolved, journal = (defaults.write(default_of(BODY), each) for each in (LATE, RESOLVED, JOURNAL))
    assert "It is over since 2026-11-25 03:20:00 CET." in late.splitlines()
    assert "over since" not in resolved
    assert not any("ack" in each for each in (late, resolved, journal))
    assert journal.splitlines()[3:] == ["2026-11-25 03:12:16 CET, nemo-watchdog on box"]


def test_without_an_address_of_the_daemon_there_is_the_command_alone() -> None:
    text = Templates({}).write(default_of(BODY), replace(OPENED, ack_link="", link=""))
    assert text.splitlines()[3:] == [
        "Answer: `nemo-watchdog ack 20261125-021204-gateway`",
        "20261125-021204-gateway, 2026-11-25 03:12:16 CET, nemo-watchdog on box",
    ]


def test_the_page_has_the_defaults_and_every_variable() -> None:
    """As the code has them."""
    page = PAGE.read_text(encoding="utf-8")
    for text in DEFAULTS.values():
        assert f"```jinja\n{text}```" in page
    assert {each.name for each in fields(Values)} <= set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))


# -- which one is used


def test_what_stands_for_a_contact_is_used_for_that_contact(tmp_path: Path) -> None:
    """Then what stands for all, then the default."""
    templates = Templates(read(tmp_path, {"body.j2": "all", "lead.body.j2": "lead", "lead.title.j2": "title"}))
    used = {(each, part): templates.name_of(part, each) for each in ("on-call", "lead") for part in (TITLE, BODY)}
    assert used == {
        ("on-call", "title"): "_default.title.j2",
        ("on-call", "body"): "body.j2",
        ("lead", "title"): "lead.title.j2",
        ("lead", "body"): "lead.body.j2",
    }


def test_no_folder_and_an_empty_one_are_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    assert load_policy(tmp_path / "policy.yaml", CATALOG, environ={}).templates == {}
    assert read(tmp_path, {"README.md": "no template"}) == {}


def test_a_template_may_include_others_and_the_default(tmp_path: Path) -> None:
    sources = read(
        tmp_path,
        {
            "body.j2": "{% include '_default.body.j2' %}\n{% include '_runbook.j2' %}\n",
            "_runbook.j2": "Runbook: https://wiki/{{ root }}",
        },
    )
    text = Templates(sources).write("body.j2", OPENED)
    assert text.startswith("gateway is down: refused.\n")
    assert text.endswith("nemo-watchdog on box\nRunbook: https://wiki/gateway")


# -- what is wrong


@pytest.mark.parametrize(
    ("templates", "expected"),
    [
        ({"body.j2": "one\ntwo {{ nothing }}"}, ["body.j2:2:1: 'nothing' is undefined"]),
        ({"body.j2": "{% if %}"}, ["body.j2:1:1: Expected an expression, got 'end of statement block'"]),
        ({"title.j2": "\n\n{{ incidents[7] }}"}, ["title.j2:3:1: tuple object has no element 7"]),
        (
            {"lead.body.j2": "x\n{% include '_a.j2' %}", "_a.j2": "\n{{ nothing }}"},
            ["_a.j2:2:1: 'nothing' is undefined"],
        ),
        ({"body.j2": "x", "_unused.j2": "\n{% endif %}"}, ["_unused.j2:2:1: Encountered unknown tag 'endif'."]),
        ({"body.j2": "{% include '/etc/passwd' %}"}, ["body.j2:1:1: /etc/passwd"]),
        ({"body.j2": "{% include '../policy.yaml' %}"}, ["body.j2:1:1: ../policy.yaml"]),
        (
            {"body.j2": "{{ body.__class__.__mro__ }}"},
            ["body.j2:1:1: access to attribute '__class__' of 'str' object is unsafe."],
        ),
        ({"body.j2": "{% for a in range(1000000000) %}x{% endfor %}"}, ["body.j2:1:1: 'range' is undefined"]),
        ({"body.j2": " \n "}, ["body.j2:1:1: it makes no text"]),
        ({"body.j2": "{{ incident.split('-')[0] }}"}, []),
        ({"body.j2": "{{ since.split()[2] }}"}, ["body.j2:1:1: list object has no element 2"]),
        ({"lead.body.j2": "{{ 1 // 0 }}"}, ["lead.body.j2:1:1: integer division or modulo by zero"]),
        ({"body.j2": "{% include 'body.j2' %}"}, ["body.j2:1:1: maximum recursion depth exceeded"]),
        ({"leed.body.j2": "x"}, ["leed.body.j2:1:1: the policy has no contact `leed`: did you mean `lead`?"]),
        (
            {"_default.body.j2": "x"},
            ["_default.body.j2:1:1: this is the name of the default"],
        ),
        ({"footer.j2": "x"}, ["footer.j2:1:1: nothing uses it: a template is `title.j2`, `body.j2`,"]),
        ({"body.j2": "{{ a }}", "title.j2": "{{ b }}"}, ["body.j2:1:1: 'a' is undefined", "title.j2:1:1: 'b' is"]),
    ],
)
def test_a_template_that_cannot_be_used_is_a_problem_of_the_policy(
    tmp_path: Path, templates: dict[str, str], expected: list[str]
) -> None:
    """With its file and its line; each once, whichever examples it fails with."""
    if not expected:  # of what is about no outage the id is empty: that may be split too
        assert read(tmp_path, {**templates, "body.j2": "x" + templates["body.j2"]})
        return
    found = problems(tmp_path, templates)
    assert [each[: len(start)] for each, start in zip(found, expected, strict=True)] == expected


def test_a_folder_that_cannot_be_read_is_one(tmp_path: Path) -> None:
    """Templates that somebody wrote are not left out in silence."""
    (tmp_path / "policy.yaml").write_text(POLICY, encoding="utf-8")
    (tmp_path / "templates").write_text("", encoding="utf-8")
    with pytest.raises(PolicyError, match="templates:1:1: cannot be read: Not a directory"):
        load_policy(tmp_path / "policy.yaml", CATALOG, environ={})


def test_a_file_that_is_no_text_is_one(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "body.j2").write_bytes(b"ok\n\xff")
    assert problems(tmp_path, {}) == ["body.j2:2:1: not UTF-8 text: save the file as UTF-8"]


def test_a_text_without_end_is_cut_short_and_fails() -> None:
    templates = Templates({"body.j2": "{% for a in body %}{% for b in body %}{{ body }}{% endfor %}{% endfor %}"})
    with pytest.raises(TemplateFailed, match=f"it makes more than {LONGEST} characters"):
        templates.write("body.j2", replace(OPENED, body="x" * 1000))


def test_what_people_and_programs_wrote_is_no_template() -> None:
    """It is put in as it is."""
    text = Templates({}).write(default_of(BODY), replace(OPENED, body="{{ host }} {% if %} {# no #}"))
    assert text.startswith("{{ host }} {% if %} {# no #}\n")
