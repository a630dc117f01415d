"""The words of a problem: what would be right, and nothing of what stands there but what is known to be harmless."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel, Field, create_model, field_validator

from nemo_watchdog.policy.document import read_document
from nemo_watchdog.policy.problems import Problems, did_you_mean
from nemo_watchdog.policy.units import wrong
from tests.unit.policy.fakes import Options


def check(model: type[BaseModel], text: str, **environ: str) -> list[str]:
    """The problems of this text as the options of a plugin, without the name of the file."""
    document = read_document(text, environ)
    problems = Problems("f", document)
    problems.check(model, document.value, ())
    return [str(problem).removeprefix("f:") for problem in problems.found()]


def one(kind: Any, name: str = "it") -> type[BaseModel]:
    """Options with one key."""
    field: dict[str, Any] = {name: (kind, ...)}
    return create_model("One", __base__=Options, **field)


def refusing(message: str) -> type[BaseModel]:
    """Options whose own validator says that, whatever is given."""

    class Picky(Options):
        it: Any

        @field_validator("it")
        @classmethod
        def _refuse(cls, value: object) -> object:
            raise ValueError(message)

    return Picky


# -- what there is to choose from -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "count", "said"),
    [
        ("NAME1", 3, ": did you mean `name1`?"),
        ("zzz", 1, ": expected `name0`"),
        ("zzz", 3, ": expected `name0`, `name1` or `name2`"),
        ("zzz", 21, "; who knows"),
        ("zzz", 0, "; who knows"),
    ],
)
def test_a_word_that_is_none_of_them_is_told_which_there_are(word: str, count: int, said: str) -> None:
    """The closest one, or all when they are few."""
    assert did_you_mean(word, [f"name{number}" for number in range(count)], otherwise="; who knows") == said


def test_twenty_are_few() -> None:
    names = [f"n{number}x" for number in range(20)]
    assert did_you_mean("zzz", names).startswith(": expected `n0x`, ")
    fields: dict[str, Any] = dict.fromkeys(names, (int, 0))
    (of_keys,) = check(create_model("Twenty", __base__=Options, **fields), "zzz: 1")
    assert of_keys.startswith("1:1: zzz: unknown key: expected `n0x`, ")
    choices = Literal[tuple(names)]  # type: ignore[valid-type]
    (of_words,) = check(one(choices), "it: zzz")
    assert of_words.startswith("1:5: it: expected `n0x`, ")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Literal["one"], "expected `one`, got a text of 8 characters"),
        (Literal["one", "two"], "expected `one` or `two`, got a text of 8 characters"),
        (Literal[1, 2], "expected one of the words that are known here, got a text of 8 characters"),
    ],
)
def test_what_may_stand_there_is_listed(kind: Any, said: str) -> None:
    assert check(one(kind), "it: 'a b:c d!'") == [f"1:5: it: {said}"]


def test_a_number_where_a_word_is_wanted_is_told_as_one() -> None:
    assert check(one(Literal["one", "two"]), "it: 5") == ["1:5: it: expected `one` or `two`, got a number"]


def test_where_no_key_is_known_none_is_listed() -> None:
    class Nothing(Options):
        """No options at all."""

    assert check(Nothing, "x: 1") == ["1:1: x: unknown key"]


def test_a_key_that_is_given_is_not_what_was_meant() -> None:
    """Somebody wrote both: the first is another mistake."""

    class Inner(Options):
        timeout: int = 0

    class Outer(Options):
        inner: Inner = Inner()

    assert check(Outer, "inner: {timeout: 1, timout: 2}") == ["1:21: inner.timout: unknown key: expected `timeout`"]
    assert check(Outer, "inner: {timout: 2}") == ["1:9: inner.timout: unknown key: did you mean `timeout`?"]


def test_the_keys_of_what_has_no_schema_are_known_all_the_same() -> None:
    """A plugin's options may hold anything."""

    class Odd(Options):
        parser: Callable[[str], str] | None = None
        timeout: int = 0

    assert check(Odd, "timout: 2") == ["1:1: timout: unknown key: did you mean `timeout`?"]


def test_what_a_union_chooses_by_is_told_where_it_stands() -> None:
    class Cat(Options):
        kind: Literal["cat"]

    class Dog(Options):
        kind: Literal["dog"]

    class Pet(Options):
        pet: Annotated[Cat | Dog, Field(discriminator="kind")]

    assert check(Pet, "pet: {kind: cow}") == ["1:13: pet.kind: expected `cat` or `dog`, got `cow`"]
    assert check(Pet, "pet: {}") == ["1:1: pet.kind: missing: this key is required"]


def test_what_is_missing_is_told_with_what_it_is() -> None:
    """So that one can write it at once."""

    class Inner(Options):
        budget: int = Field(description="The most actions, such as `5 per 1h`.")

    class Outer(Options):
        inner: Inner

    said = "1:1: inner.budget: missing: this key is required. The most actions, such as `5 per 1h`."
    assert check(Outer, "inner: {}") == [said]
    assert check(Outer, "{}") == ["1:1: inner: missing: this key is required"]


# -- what others' validators say -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "text", "shown"),
    [
        ("no such city", "it: paris", "no such city"),
        ("no such city\nof which there are 7", "it: paris", "no such city"),
        ("", "it: paris", "not accepted"),
        ("there is no paris", "it: paris", "there is no ***"),
        ("no host of that name: db1", "it: 'x://app:hunter@db1/shop'", "no host of that name: ***"),
        ("hunter is too short", "it: 'x://app:hunter@db1/shop'", "*** is too short"),
        ("a url of x", "it: 'x://app:hunter@db1/shop'", "a url of x"),
        ("5432 and hunter", "it: {port: '5432', password: hunter}", "5432 and ***"),
        ("hunter and paris", "it: ['', hunter, paris]", "*** and ***"),
    ],
)
def test_of_what_a_validator_says_no_value_is_shown(said: str, text: str, shown: str) -> None:
    """Its first line, without any text or word of the file; a quantity gives nothing away."""
    (problem,) = check(refusing(said), text)
    assert problem.partition(": it: ")[2] == shown


def test_a_message_of_ours_keeps_its_words() -> None:
    """Values are taken out of it as wholes: what it says of them was written by us."""

    def refuse(value: str) -> str:
        raise wrong(f"expected a path, and {value} is a name")

    (problem,) = check(one(Annotated[str, AfterValidator(refuse)]), "it: 'the path'")
    assert "expected a path, and *** is a name, got a text of 8 characters" in problem

    def refuse_all(values: list[str]) -> list[str]:
        raise wrong(f"expected paths, and {' and '.join(values)} are names")

    (problem,) = check(one(Annotated[list[str], AfterValidator(refuse_all)]), "it: [the path, another one]")
    assert "expected paths, and *** and *** are names" in problem


# -- what came from outside, or could not be had ---------------------------------------------------------------------


class Timed(Options):
    seconds: int = 0
    words: list[Literal["one", "two"]] = Field(default_factory=list)


def test_of_what_came_from_outside_not_even_the_length_is_told() -> None:
    assert check(Timed, "seconds: ${S}", S="hunter") == ["1:10: seconds: expected a whole number"]
    assert check(Timed, "words: ['${S}']", S="onne") == ["1:9: words[0]: expected `one` or `two`"]


@pytest.mark.parametrize("text", ["seconds: ${MISSING}", 'seconds: "\\ud800"'], ids=["no variable", "no text"])
def test_what_could_not_be_had_is_told_once(text: str) -> None:
    """That the empty text in its place is no number is nobody's mistake."""
    assert len(check(Timed, text)) == 1


def test_what_is_below_something_that_could_not_be_had_is_not_told_either() -> None:
    document = read_document("a: ${MISSING}", {})
    problems = Problems("f", document)
    problems.at_value(("a", "b", 0), "wrong")
    problems.at_key(("b",), "wrong as well")
    assert [problem.path for problem in problems.found()] == ["b", "a"]


@pytest.mark.parametrize(
    ("path", "may"),
    [
        (("dependencies", "a", "needs", 0), True),
        (("dependencies", "a", "headers", "X-Key"), False),
        (("contacts", "a", 0), False),
        (("remedies", "password"), False),
    ],
)
def test_no_word_below_a_key_that_holds_secrets_is_shown(path: tuple[str | int, ...], may: bool) -> None:
    """Wherever in the path that key is."""
    problems = Problems("f", read_document("a: 1", {}))
    assert problems.may_show(path, "word") is may
    assert problems.name(path, "word") == ("`word`" if may else "this name")


def test_at_a_key_that_holds_secrets_nothing_is_guessed() -> None:
    """What was meant there would be told."""
    assert check(one(Literal["basic", "none"], "auth"), "auth: basik") == [
        "1:7: auth: expected `basic` or `none`, got a text of 5 characters"
    ]
    assert check(one(Literal["basic", "none"], "mode"), "mode: basik") == [
        "1:7: mode: expected `basic` or `none`, got `basik`: did you mean `basic`?"
    ]
