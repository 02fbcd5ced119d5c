"""XML of servers of others, read without a document type: no entities, no files, no network, no deep nesting."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape as escape_html
from typing import Any, Final
from xml.etree import ElementTree
from xml.parsers import expat

from node.datasources.errors import DataSourceUnreachable

Element = ElementTree.Element

MOST_DEPTH: Final = 60
_MOST_ELEMENTS: Final = 300_000
_LONG: Final = 2000
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_SPECIAL: Final = re.compile('[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff&<>"]')


@dataclass(slots=True)
class Document:
    """A document that was read. ``namespaces`` are those that are declared anywhere in it, by prefix."""

    root: Element
    namespaces: dict[str, str] = field(default_factory=dict)


def unusable(reason: str) -> DataSourceUnreachable:
    """Return the error for a document that this node does not read."""
    return DataSourceUnreachable(
        f"the data source sends XML that this node does not read: {reason}",
        remedy="ask its steward: hansa source test",
    )


def strict_parser(*, prefixes: bool = False) -> Any:
    """Return a parser of expat that refuses a document type, and with it every entity. ``prefixes``: names end with
    the prefix that the document uses."""
    parser = expat.ParserCreate(namespace_separator="}")
    parser.namespace_prefixes = prefixes
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    return parser


def parse(body: bytes) -> Document:
    """Return the document in ``body``. Raises ``DataSourceUnreachable`` if it is not well-formed, declares a document
    type, or exceeds the limits."""
    tree = _Tree()
    parser = strict_parser()
    parser.StartElementHandler, parser.EndElementHandler = tree.start, tree.end
    parser.CharacterDataHandler = tree.builder.data
    parser.StartNamespaceDeclHandler = tree.declare
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise unusable(f"it is not well-formed in line {error.lineno}") from error
    return Document(tree.builder.close(), tree.namespaces)


class _Tree:
    """Builds the tree of a document, and counts."""

    def __init__(self) -> None:
        self.builder = ElementTree.TreeBuilder()
        self.namespaces: dict[str, str] = {}
        self._depth = self._elements = 0

    def declare(self, prefix: str | None, uri: str | None) -> None:
        self.namespaces.setdefault(prefix or "", uri or "")

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._elements += 1
        if self._depth > MOST_DEPTH or self._elements > _MOST_ELEMENTS:
            raise unusable("it has too many elements, or too many inside each other")
        self.builder.start(_tag(name), {_tag(key): value for key, value in attributes.items()})

    def end(self, name: str) -> None:
        self._depth -= 1
        self.builder.end(_tag(name))


def _tag(name: str) -> str:
    return f"{{{name}" if "}" in name else name


def _refuse(*_: object) -> None:
    raise unusable("it has a document type")


def local(element: Element) -> str:
    """Return the name of an element without its namespace: each edition of a standard has another one."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def children(element: Element | None, *names: str) -> Iterator[Element]:
    """Yield the elements directly in ``element`` that have one of these local names; all without names."""
    for child in element if element is not None else ():
        if not names or local(child) in names:
            yield child


def child(element: Element | None, *path: str) -> Element | None:
    """Return the first element at ``path``, by local names; None if there is none."""
    for name in path:
        element = next(children(element, name), None)
    return element


def text(element: Element | None, *path: str) -> str:
    """Return the text at ``path``, shortened; empty if there is none."""
    place = child(element, *path) if path else element
    return " ".join((place.text or "").split())[:_LONG] if place is not None else ""


def attribute(element: Element, name: str) -> str:
    """Return the attribute with this local name; empty if there is none."""
    return next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == name), "")


def escape(value: str) -> str:
    """Return ``value`` as text or as the value of an attribute in double quotes."""
    if _SPECIAL.search(value) is None:
        return value
    return escape_html(_CONTROL.sub("", value))
