"""The part of XPath 1.0 that mappings use: child and descendant elements, attributes, ``text()``, ``.``, ``..`` and
predicates that compare a child or an attribute with a text, or name a position.

A name with a prefix is compared with the namespace that the document declares for the prefix; a name without one is
compared by itself, because default namespaces differ between editions of a standard.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from xml.etree import ElementTree

from node.base.errors import InvalidInput, TooLarge
from node.semantics.harvest.xml.elements import split

Element = ElementTree.Element

MOST_NODES: Final = 2_000_000
"""Elements that a path may visit."""
_NAME: Final = r"(?:[\w.-]+:)?[\w.-]+"
_STEP: Final = re.compile(
    rf"(?P<slash>//?)?(?P<what>\.\.|\.|text\(\)|@(?:\*|{_NAME})|\*|{_NAME})(?P<predicates>(?:\[[^\]]*\])*)"
)
_PREDICATE: Final = re.compile(
    rf"\[\s*(?:(?P<position>\d{{1,9}})|(?P<name>@?{_NAME}|text\(\)|\.)\s*"
    r"(?:=\s*(?:'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\"))?)\s*\]"
)


@dataclass(frozen=True, slots=True)
class Predicate:
    """A position, or a child or attribute that is there, or that has a ``value``."""

    position: int = 0
    name: str = ""
    value: str | None = None


@dataclass(frozen=True, slots=True)
class XmlStep:
    """One step; ``deep`` looks at all depths."""

    what: str
    deep: bool
    predicates: tuple[Predicate, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A document whose elements know their parents; ``prefixes`` are those that it declares."""

    root: Element
    parents: Mapping[Element, Element]
    prefixes: Mapping[str, str]


@lru_cache(maxsize=1024)
def steps(path: str) -> tuple[bool, tuple[XmlStep, ...]]:
    """Return whether ``path`` begins at the document, and its steps. Raises ``InvalidInput`` for functions, axes and
    what else is not read here."""
    text = path.strip()
    parts: list[XmlStep] = []
    position = 0
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None or (parts and not match["slash"] and not match["what"].startswith("@")):
            raise _path_fault(path)
        position = match.end()
        predicates = [_predicate(part, path) for part in re.findall(r"\[[^\]]*\]", match["predicates"])]
        parts.append(XmlStep(what=match["what"], deep=match["slash"] == "//", predicates=tuple(predicates)))
    if not parts:
        raise _path_fault(path)
    return text.startswith("/"), tuple(parts)


def _predicate(text: str, path: str) -> Predicate:
    match = _PREDICATE.fullmatch(text)
    if match is None:
        raise _path_fault(path)
    if match["position"]:
        return Predicate(position=int(match["position"]))
    value = match["single"] if match["single"] is not None else match["double"]
    return Predicate(name=match["name"], value=value)


def _path_fault(path: str) -> InvalidInput:
    return InvalidInput(
        f"the path {path[:120]} is not read here",
        remedy="write elements, @attributes, text(), //, .. and comparisons such as [@id='1'] only",
    )


def select(path: str, document: Document, element: Element | None = None) -> Iterator[Element | str]:
    """Yield the elements and texts at ``path``, ids from ``element``, or from the document. Raises ``InvalidInput``,
    and ``TooLarge`` beyond ``MOST_NODES``."""
    absolute, parts = steps(path)
    walk = _Walk(document)
    top = ElementTree.Element("")
    top.append(document.root)
    nodes: Iterable[Element | str] = (top if absolute or element is None else element,)
    for step in parts:
        nodes = walk.after(step, nodes)
    yield from nodes


class _Walk:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._budget = MOST_NODES

    def after(self, step: XmlStep, nodes: Iterable[Element | str]) -> Iterator[Element | str]:
        ids: set[int] = set()
        for node in nodes:
            if isinstance(node, str):
                continue
            for place in node.iter() if step.deep else (node,):
                self._count()
                yield from self._matches_of(step, place, ids)

    def _count(self) -> None:
        self._budget -= 1
        if self._budget < 0:
            raise TooLarge(f"a path visits more than {MOST_NODES} elements", remedy="write a narrower path")

    def _matches_of(self, step: XmlStep, place: Element, ids: set[int]) -> Iterator[Element | str]:
        position = 0
        for part in self._parts(step.what, place):
            self._count()
            if isinstance(part, str):
                yield part
                continue
            position += 1
            if all(self._holds(predicate, part, position) for predicate in step.predicates) and id(part) not in ids:
                ids.add(id(part))
                yield part

    def _parts(self, what: str, place: Element) -> Iterator[Element | str]:
        if what == ".":
            yield place
        elif what == "..":
            parent = self._document.parents.get(place)
            yield from () if parent is None else (parent,)
        elif what == "text()":
            yield from (text for text in (place.text, *(child.tail for child in place)) if text)
        elif what.startswith("@"):
            yield from (value for name, value in place.attrib.items() if self._matches(what[1:], name))
        else:
            yield from (child for child in place if self._matches(what, child.tag))

    def _holds(self, predicate: Predicate, element: Element, position: int) -> bool:
        if predicate.position:
            return position == predicate.position
        values = [text_of(part) for part in self._parts(predicate.name, element)]
        return predicate.value in values if predicate.value is not None else bool(values)

    def _matches(self, name: str, tag: object) -> bool:
        namespace, local = split(tag)
        if name == "*":
            return bool(local)
        prefix, _, plain = name.rpartition(":")
        return plain == local and (not prefix or self._document.prefixes.get(prefix) == namespace)


def text_of(node: Element | str) -> str:
    """Return the text of an element and all that is in it, or a text."""
    return node if isinstance(node, str) else "".join(node.itertext())
