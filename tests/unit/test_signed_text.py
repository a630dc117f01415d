"""What the daemon signed is read as it was written, and nothing else is."""

from __future__ import annotations

import base64
import string

import pytest

from nemo_watchdog.signed_text import LONGEST, Signer

KEY, PURPOSE = b"the key", b"a purpose 1\n"


@pytest.fixture
def signer() -> Signer:
    return Signer(KEY, PURPOSE)


@pytest.mark.parametrize("said", [b"", b"{}", "\N{WHITE STAR} and more".encode(), bytes(range(256))])
def test_it_says_what_was_put_in(signer: Signer, said: bytes) -> None:
    token = signer.token(said)
    assert signer.read(token) == said
    assert set(token) <= set(string.ascii_letters + string.digits + "-_.")


def test_a_text_is_its_bytes(signer: Signer) -> None:
    assert signer.token("caf\N{LATIN SMALL LETTER E WITH ACUTE}") == signer.token(b"caf\xc3\xa9")


def test_tokens_stay_the_same_from_version_to_version() -> None:
    """Those that people have in their messages must go on to work."""
    signer = Signer(b"the key", b"nemo-watchdog answer 2\n")
    said = '["20260105-120000-gateway","on-call","1",1767700800,"on-call"]'
    assert signer.token(said) == (
        "WyIyMDI2MDEwNS0xMjAwMDAtZ2F0ZXdheSIsIm9uLWNhbGwiLCIxIiwxNzY3NzAwODAwLCJvbi1jYWxsIl0"
        ".u6WTFm7qJOnVDcpwXpWXrghPg8pl3X9YgOB9F6i3zSA"
    )


def test_each_altered_character_is_found(signer: Signer) -> None:
    """Also those of which the decoding takes no notice."""
    token = signer.token("some words")
    for place, each in enumerate(token):
        for other in {"A", "B", "_", ".", "=", chr(ord(each) + 1)} - {each}:
            assert signer.read(token[:place] + other + token[place + 1 :]) is None
        assert signer.read(token[:place] + token[place + 1 :]) is None


def test_another_spelling_of_the_same_signature_is_none(signer: Signer) -> None:
    """The last character of base64 has bits that say nothing: the signature counts as it is written."""
    said, _, signature = signer.token("some words").partition(".")
    same = [
        signature[:-1] + other
        for other in string.ascii_letters + string.digits + "-_"
        if base64.urlsafe_b64decode(signature[:-1] + other + "=") == base64.urlsafe_b64decode(signature + "=")
    ]
    assert len(same) > 1
    assert [each for each in same if signer.read(f"{said}.{each}") is not None] == [signature]


@pytest.mark.parametrize("other", [Signer(b"another", PURPOSE), Signer(KEY, b"another purpose\n")])
def test_another_key_and_another_purpose_know_nothing_of_it(signer: Signer, other: Signer) -> None:
    assert other.read(signer.token("some words")) is None
    assert not other.is_signature(signer.signature("some words"), "some words")


@pytest.mark.parametrize("token", ["", ".", "a.b", "\udcff.\udcff", "\N{WHITE STAR}.x", "." * 5000, "x" * 5000])
def test_any_text_is_refused(signer: Signer, token: str) -> None:
    assert signer.read(token) is None


def test_what_is_too_long_is_not_looked_at(signer: Signer) -> None:
    """However much somebody sends, no more than that is worked through."""
    token = signer.token("x" * LONGEST)
    assert signer.read(token) is None


def test_a_signature_of_what_stands_elsewhere(signer: Signer) -> None:
    signature = signer.signature("nonce")
    assert signer.is_signature(signature, "nonce")
    for given in ("", signature[:-1], signature + "A", "\udcff", "\N{WHITE STAR}"):
        assert not signer.is_signature(given, "nonce")
    assert not signer.is_signature(signature, "another")
