"""Variables as Compose reads them: each form, `.env`, and what is no form at all."""

from __future__ import annotations

import pytest

from nemo_watchdog.first_policy.interpolation import interpolated, put_in, read_env

ENVIRON = {"A": "a", "EMPTY": "", "B": "${A}"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("$A ${A}", "a a"),
        ("$MISSING${MISSING}", ""),
        ("${A:-x}${EMPTY:-x}${MISSING:-x}", "axx"),
        ("${A-x}${EMPTY-x}${MISSING-x}", "ax"),
        ("${A:+x}${EMPTY:+x}${MISSING+x}${EMPTY+y}", "xy"),
        ("${A:?must}${A?must}${MISSING:?must}", "aa"),
        ("${MISSING:-${EMPTY:-${A}}}!", "a!"),
        ("$$A $${A} $$$A", "$A ${A} $a"),
        ("$B", "${A}"),
        ("cost 5$ and $1 ${", "cost 5$ and $1 ${"),
        ("${not a name}", ""),
    ],
)
def test_a_text(text: str, expected: str) -> None:
    assert put_in(text, ENVIRON) == expected


def test_every_text_of_a_file_and_no_key() -> None:
    assert interpolated({"$A": ["$A", 1, None, {"x": "${A}"}]}, ENVIRON) == {"$A": ["a", 1, None, {"x": "a"}]}


def test_an_env_file() -> None:
    text = """
# a comment
A=1
export B = 2
C="three # four"   # a comment
D='$A'
E=$A and ${A}
F=x#y # z
G=
not a line
"""
    assert read_env(text) == {"A": "1", "B": "2", "C": "three # four", "D": "$A", "E": "1 and 1", "F": "x#y", "G": ""}


def test_what_nests_without_an_end_has_one() -> None:
    assert put_in("${X:-" * 50 + "x" + "}" * 50, {}) == ""
