"""Where each page is. Names and ids may hold anything: each stays one part of its address."""

from __future__ import annotations

from urllib.parse import quote, urlencode, urlsplit

HOME = "/"
INCIDENTS = "/incidents"
DEPENDENCIES = "/dependencies"
TAGS = "/tags"
ORDERS = "/do"
SIGN_IN = "/sign-in"
SIGN_OUT = "/sign-out"


def dependency(name: str) -> str:
    return f"{DEPENDENCIES}/{_part(name)}"


def tag(name: str, after: int = 0) -> str:
    """The dependencies of one section, but for the first ones."""
    return f"{TAGS}/{_part(name)}" + (f"?after={after}" if after else "")


def incident(identity: str) -> str:
    return f"{INCIDENTS}/{_part(identity)}"


def report(identity: str) -> str:
    return f"{incident(identity)}/report"


def evidence(identity: str, number: int, part: str) -> str:
    return f"{incident(identity)}/evidence/{number}/{_part(part)}"


def order(kind: str, **about: str) -> str:
    """The page that says what would be done, and asks."""
    given = {name: value for name, value in about.items() if value}
    return f"{ORDERS}/{kind}?{urlencode(given)}" if given else f"{ORDERS}/{kind}"


def sign_in(back: str = "") -> str:
    return f"{SIGN_IN}?{urlencode({'next': back})}" if back not in ("", HOME) else SIGN_IN


def local(address: str) -> str:
    r"""The address, if it is one of ours; home otherwise.

    A browser takes `//other.example`, `/\other.example` and a tab within for other sites (WHATWG URL, 4.4).
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        return HOME
    plain = address.startswith("/") and not parts.scheme and not parts.netloc
    safe = all(" " < each < "\x7f" and each != "\\" for each in address)
    return address if plain and safe and not address.startswith("//") else HOME


def _part(text: str) -> str:
    """`.` and `..` would be another place: they cannot be asked for, and nothing is called so."""
    return quote(text, safe="")
