"""Whatever is in a file, it becomes a policy or a PolicyError."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nemo_watchdog.errors import PolicyError
from nemo_watchdog.policy.lint import lint
from nemo_watchdog.policy.loader import load_policy, parse_policy
from nemo_watchdog.policy.policy import Policy
from tests.unit.policy.fakes import CATALOG, POLICIES, parse

EVERYTHING = (POLICIES / "valid" / "everything.yaml").read_text("utf-8")
ENVIRON = {"A": "1", "B": "\udcff: {", "C": ""}
SNIPPETS = [
    "${A}",
    "${B}",
    "${C}",
    "${",
    "}",
    "$$",
    "&a",
    "*a",
    "<<: ",
    "!!x",
    "---\n",
    "\t",
    "? ",
    "- ",
    ": ",
    "[",
    "{",
    "]",
]
SNIPPETS += [
    "'",
    '"',
    '"\\0"',
    "|\n",
    ">\n",
    "#",
    "%",
    "@",
    "`",
    "\n",
    "\n  ",
    "\u2028",
    "\x85",
    "\ufeff",
    "\ue000",
    "null",
    "-1",
]
SNIPPETS += ["9" * 5000, "1e999", ".nan", "0x", "1:30", "~", "true", "", " ", "\ud800", "\x00", "😀", "a" * 2000]
WORDS = sorted({word.strip("[]{},:\"'") for word in EVERYTHING.split()} - {"#"})

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(WORDS)
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=20,
)

try_hard = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])


def result(load: Callable[[], Policy]) -> Policy | PolicyError:
    try:
        return load()
    except PolicyError as error:
        return error


def holds_together(load: Callable[[], Policy]) -> None:
    found = result(load)
    if isinstance(found, Policy):
        assert found.dependencies
        lint(found)
        return
    places = [(problem.line, problem.column) for problem in found.problems]
    assert places
    assert places == sorted(places)
    assert min(places) >= (1, 1)
    assert all("\n" not in str(problem) for problem in found.problems)


@try_hard
@given(content=st.binary(max_size=300))
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    """No bytes make the loader raise anything else."""
    file = tmp_path / "policy.yaml"
    file.write_bytes(content)
    holds_together(lambda: load_policy(file, CATALOG, environ=ENVIRON))


@try_hard
@given(
    edits=st.lists(
        st.tuples(st.integers(0, len(EVERYTHING)), st.integers(0, 12), st.sampled_from(SNIPPETS + WORDS)),
        min_size=1,
        max_size=4,
    )
)
def test_a_policy_that_was_edited_badly(edits: list[tuple[int, int, str]]) -> None:
    """A good policy with pieces cut out and put in is a policy or has problems with places."""
    text = EVERYTHING
    for at, cut, snippet in edits:
        text = text[:at] + snippet + text[at + cut :]
    holds_together(lambda: parse_policy(text, "policy.yaml", CATALOG, environ=ENVIRON))


@try_hard
@given(data=st.data())
def test_any_value_in_any_place(data: st.DataObject) -> None:
    """Any tree in the place of any part of a good policy is a policy or has problems with places."""
    document = yaml.safe_load(EVERYTHING)
    place = document
    for _ in range(data.draw(st.integers(0, 5))):
        keys = list(place) if isinstance(place, dict) else range(len(place))
        inner = [key for key in keys if isinstance(place[key], dict | list) and place[key]]
        if not inner:
            break
        place = place[data.draw(st.sampled_from(inner))]
    key = data.draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))
    place[key] = data.draw(trees)
    text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
    holds_together(lambda: parse_policy(text, "policy.yaml", CATALOG, environ=ENVIRON))


@try_hard
@given(secret=st.text(alphabet=st.characters(categories=["L"]), min_size=8, max_size=20), path=st.sampled_from(WORDS))
def test_no_value_from_outside_is_ever_shown(secret: str, path: str) -> None:
    """Wherever an expansion stands, no problem repeats what came in."""
    secret = f"zq{secret}"
    lines = EVERYTHING.replace(f": {path}", ": ${SECRET}").replace(f"[{path}", "[${SECRET}")
    found = result(lambda: parse(lines, SECRET=secret))
    assert isinstance(found, Policy) or secret not in str(found)


@try_hard
@given(
    user=st.text(alphabet="abcXYZ019", min_size=1, max_size=8),
    password=st.text(alphabet="abcXYZ019", min_size=6, max_size=20),
    form=st.sampled_from(
        ["{u}:{p}", "x://{u}:{p}@h/d", "Authorization: Bearer {p}", "TOK={p}", "root:*:{p}:0:::", "!{p}!"]
    ),
    quoted=st.booleans(),
    data=st.data(),
)
def test_no_address_or_password_of_the_file_is_ever_shown(
    user: str, password: str, form: str, quoted: bool, data: st.DataObject
) -> None:
    """Wherever it stands, as a value, as a key, as an item, beside other keys or as the whole of the file."""
    secret = f"zq{password}"
    value = form.format(u=user, p=secret)
    written = f'"{value}"' if quoted else value
    document: Any = yaml.safe_load(EVERYTHING)
    place = document
    while True:
        key = data.draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))
        if not (isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans())):
            break
        place = place[key]
    here = data.draw(st.sampled_from(["STANDIN", {"STANDIN": None}, {"STANDIN": 1}, ["STANDIN"], {"x": "STANDIN"}]))
    if isinstance(place, dict) and data.draw(st.booleans()):
        place["STANDIN"] = place.pop(key)
    else:
        place[key] = here
    text = yaml.safe_dump(document, sort_keys=False).replace("STANDIN", written)
    for whole in (text, written, f"{written}\n" * 3):
        found = result(lambda whole=whole: parse_policy(whole, "policy.yaml", CATALOG, environ={}))  # type: ignore[misc]
        assert isinstance(found, Policy) or secret not in str(found)


def test_problems_survive_a_deep_stack() -> None:
    """Nesting is limited before Python's recursion is."""
    for opening in ("[", "{a: ", "- ", "? "):
        with pytest.raises(PolicyError, match="nested more than 20 deep"):
            parse(opening * 5000)
