"""YAML text as plain values with the place of each: nothing here knows what a policy is.

Of YAML only what a policy needs: one document of mappings, lists and scalars. Scalars are read as YAML 1.2 reads them,
so `on`, `yes`, `1:30` and `010` are text and not true, true, 90 and 8. Duplicate keys, anchors, aliases, tags and merge
keys are problems: each makes a file mean something else than it seems to say. One thing more than YAML: an expansion
need not be quoted inside `[...]` and `{...}`, so that `[${URL:-}]` is a list of one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml
from yaml.composer import Composer
from yaml.error import Mark
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from nemo_watchdog.policy.secrets import ExpansionError, FromOutside, as_written, expand

Path = tuple[str | int, ...]

MAX_CHARACTERS = 1024 * 1024
MAX_DEPTH = 20
MAX_VALUES = 50_000  # some thousand dependencies; it bounds the time that a hostile file can take

_EXPANSION = re.compile(r"\$\{[^{}\n]*\}")
_INDICATORS = "{}[],"
_STAND_INS = "\ue000\ue001\ue002\ue003\ue004"  # one character each, so that every place in the file stays the same
_HIDE = str.maketrans(_INDICATORS, _STAND_INS)
_SHOW = str.maketrans(_STAND_INS, _INDICATORS)

_NULL = re.compile(r"|~|null|Null|NULL")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INT = re.compile(r"-?(0|[1-9][0-9]{0,14})", re.ASCII)
_FLOAT = re.compile(r"-?(0|[1-9][0-9]{0,14})\.[0-9]{1,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """Line and column, both from 1."""

    line: int
    column: int


START = Place(1, 1)


@dataclass(frozen=True, slots=True)
class Issue:
    """Something wrong at a place, before the file's name is known."""

    place: Place
    path: Path
    message: str


@dataclass(slots=True)
class Document:
    """`value` is None where the text could not be read at all; `issues` then says why.

    `keys` has the place of the key (or of the list item) at each path, `values` the place of what stands there.
    `outside` has the paths whose text came from an expansion; `unknown` those whose value could not be had.
    """

    value: Any = None
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    outside: set[Path] = field(default_factory=set)
    unknown: set[Path] = field(default_factory=set)
    issues: list[Issue] = field(default_factory=list)


class _Unreadable(Exception):
    """The text ends here for us."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.place = place
        self.message = message


class _Loader(Reader, Scanner, Parser, Composer, BaseResolver):
    """PyYAML up to the node tree, in pure Python, without resolvers: every plain scalar is text, read by us."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)
        self._depth = 0
        self._values = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "anchor", None) is not None:
            raise _Unreadable(_place(event.start_mark), "anchors and aliases are not supported: write the value out")
        if getattr(event, "tag", None) is not None:
            raise _Unreadable(_place(event.start_mark), "YAML tags are not supported: write the value without one")
        if self._depth >= MAX_DEPTH:
            raise _Unreadable(_place(event.start_mark), f"nested more than {MAX_DEPTH} deep")
        self._values += 1
        if self._values > MAX_VALUES:
            raise _Unreadable(_place(event.start_mark), f"more than {MAX_VALUES} values")
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        if isinstance(node, ScalarNode):
            node.value = node.value.translate(_SHOW)
        return node


def read_document(text: str, environ: Mapping[str, str] | None) -> Document:
    """Reads one YAML document and expands its values; every problem found is in `issues`, nothing is raised.

    Without an `environ` expansions stay as they are written.
    """
    document = Document()
    if len(text) > MAX_CHARACTERS:
        document.issues.append(Issue(START, (), "larger than 1 MiB: a policy is a file that people read"))
        return document
    try:
        node = _compose(text)
    except _Unreadable as error:
        document.issues.append(Issue(error.place, (), error.message))
        return document
    if node is not None:
        _Builder(document, environ).build(node)
    if document.value is None:
        document.issues.append(Issue(START, (), "the file is empty: a policy begins with `version: 1`"))
    return document


def texts_in(value: Any) -> Iterator[str]:
    """All texts in a plain value, keys among them."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield str(key)
            yield from texts_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts_in(each)
    elif isinstance(value, str):
        yield value


def _compose(text: str) -> Node | None:
    try:
        hidden = _EXPANSION.sub(lambda match: match[0].translate(_HIDE), text)
        return _Loader(hidden).get_single_node()
    except ReaderError as error:
        before = text[: error.position]
        place = Place(before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
        raise _Unreadable(place, "a character that YAML does not allow: the file must be plain text") from None
    except yaml.MarkedYAMLError as error:
        _unreadable(text, error)


def _unreadable(text: str, error: yaml.MarkedYAMLError) -> NoReturn:
    """YAML's own complaint in one line, without the excerpt of the file that it carries."""
    mark = error.problem_mark or error.context_mark
    place = _place(mark) if mark else START
    problem = error.problem or "cannot be read"
    if "but found another document" in problem:
        message = "a second document begins here: a policy is one document, remove the `---`"
    elif "tag handle" in problem:  # it repeats what was taken for one
        message = "YAML tags are not supported: write the value without one, in quotes where it begins with `!`"
    elif mark and mark.index < len(text) and text[mark.index] == "\t":
        message = "a tab where YAML wants spaces: indent with spaces"
    else:
        context = f" {error.context}" if error.context else ""
        if error.context_mark and error.context_mark.line != (mark and mark.line):
            context += f" that begins on line {error.context_mark.line + 1}"
        hint = " (is the indentation right?)" if "<block end>" in problem else ""
        message = f"this is not YAML: {problem}{context}{hint}"
    raise _Unreadable(place, message) from None


def _place(mark: Mark) -> Place:
    return Place(mark.line + 1, mark.column + 1)


class _Builder:
    def __init__(self, document: Document, environ: Mapping[str, str] | None) -> None:
        self._document = document
        self._environ = environ

    def build(self, node: Node) -> None:
        self._document.value = self._value(node, ())

    def _issue(self, node: Node, path: Path, message: str) -> None:
        self._document.issues.append(Issue(_place(node.start_mark), path, message))

    def _value(self, node: Node, path: Path) -> Any:
        self._document.values[path] = _place(node.start_mark)
        if isinstance(node, MappingNode):
            return self._mapping(node, path)
        if isinstance(node, SequenceNode):
            return self._list(node, path)
        return self._scalar(node, path)

    def _mapping(self, node: MappingNode, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._issue(key_node, path, "a key must be plain text")
                continue
            key = key_node.value
            if not _is_text(key):
                self._issue(key_node, path, "a key that is not text in UTF-8")
                continue
            if key == "<<" and key_node.style is None:
                self._issue(key_node, path, "merge keys (`<<`) are not supported: write the values out")
                continue
            below = (*path, key)
            if key in result:
                first = self._document.keys[below]
                self._issue(key_node, below, f"this key is already given on line {first.line}: keep one of the two")
                continue
            self._document.keys[below] = _place(key_node.start_mark)
            result[key] = self._value(value_node, below)
        return result

    def _list(self, node: SequenceNode, path: Path) -> list[Any]:
        result = []
        for index, item in enumerate(node.value):
            self._document.keys[*path, index] = _place(item.start_mark)
            result.append(self._value(item, (*path, index)))
        return result

    def _scalar(self, node: Any, path: Path) -> Any:
        try:
            expanded = as_written(node.value) if self._environ is None else expand(node.value, self._environ)
        except ExpansionError as error:
            self._issue(node, path, str(error))
            self._document.unknown.add(path)
            return ""
        if not _is_text(expanded.text):
            self._issue(node, path, "not text in UTF-8")
            self._document.unknown.add(path)
            return ""
        if expanded.outside:
            self._document.outside.add(path)
            return FromOutside(expanded.text, node.value)
        return expanded.text if node.style is not None else _plain(expanded.text)


def _is_text(text: str) -> bool:
    """Whether it can be written as UTF-8: an escape or a variable can hold half a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _plain(text: str) -> Any:
    """A plain scalar by the core schema of YAML 1.2.2 (section 10.3), decimal numbers only."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text):
        return True
    if _FALSE.fullmatch(text):
        return False
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
