"""XML of strangers, read without a document type: no entities, no files, no network.

Elements are looked up by local name (``{*}title``), because each edition of a standard has a namespace of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from xml.etree import ElementTree

from node.base.errors import InvalidInput
from node.semantics.documents import RDF_XML, scan, syntax_of
from node.semantics.harvest.refusals import source_fault

Element = ElementTree.Element

MAX_ELEMENTS: Final = 2_000_000
"""Elements of one document at most."""
MAX_DEPTH: Final = 200
"""Elements inside each other at most: records of ISO 19139 have about thirty."""
_HEAD: Final = 1 << 16


def root_name(body: bytes) -> tuple[str, str]:
    """Return namespace and local name of the root element, two empty texts if there is none near the beginning."""
    parser: ElementTree.XMLPullParser[Any] = ElementTree.XMLPullParser(["start"])
    try:
        parser.feed(body[:_HEAD])
        for _, element in _events(parser):
            return split(element.tag)
    except ElementTree.ParseError:
        pass
    return "", ""


def parse(body: bytes) -> Element:
    """Return the root element of ``body``.

    Raises ``InvalidInput`` if it is not well-formed, declares a document type, or exceeds the limits.
    """
    parser: ElementTree.XMLPullParser[Any] = ElementTree.XMLPullParser(["start", "end"])
    root: Element | None = None
    elements = depth = 0
    try:
        parser.feed(scan(body, syntax_of(RDF_XML)))
        parser.close()
        for event, element in _events(parser):
            root = element if root is None else root
            elements += event == "start"
            depth += 1 if event == "start" else -1
            if elements > MAX_ELEMENTS or depth > MAX_DEPTH:
                raise source_fault(InvalidInput, "xml-size", elements=MAX_ELEMENTS, depth=MAX_DEPTH)
    except ElementTree.ParseError as error:
        line, column = error.position
        raise source_fault(InvalidInput, "xml", line=line, column=column + 1) from error
    assert root is not None  # a document without an element is not well-formed
    return root


def _events(parser: ElementTree.XMLPullParser[Any]) -> Iterator[tuple[str, Element]]:
    yield from parser.read_events()  # type: ignore[misc]


def split(tag: object) -> tuple[str, str]:
    """Return namespace and local name of a tag; comments have neither."""
    if not isinstance(tag, str):
        return "", ""
    namespace, _, local = tag.rpartition("}")
    return namespace[1:], local


def text(element: Element | None) -> str:
    """Return the text of an element and of all elements in it, without space around it."""
    return "" if element is None else "".join(element.itertext()).strip()


def texts(element: Element, path: str) -> list[str]:
    """Return the texts of all elements at ``path`` that have some."""
    return [content for each in element.iterfind(path) if (content := text(each))]


def attribute(element: Element, name: str) -> str:
    """Return the attribute with this local name, in any namespace; empty if there is none."""
    return next((value.strip() for key, value in element.attrib.items() if split(key)[1] == name), "")


def children(element: Element) -> Iterator[tuple[str, str, Element]]:
    """Yield the namespace, local name and element of each child."""
    for child in element:
        namespace, local = split(child.tag)
        if local:
            yield namespace, local, child
