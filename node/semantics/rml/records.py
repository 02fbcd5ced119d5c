"""The records of an input, as mappings see them: rows, parts of JSON, elements of XML."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from xml.etree import ElementTree

from node.base.errors import InvalidInput
from node.semantics.documents import RDF_XML, scan, syntax_of
from node.semantics.harvest.xml.elements import parse
from node.semantics.rml import jsonpaths, xpaths
from node.semantics.rml.model import CSV, JSON, XML, LogicalSource
from node.semantics.rml.terms import Values, lexical

_WORDS: Final[Mapping[str, str]] = {CSV: "a table", JSON: "JSON", XML: "XML"}


@dataclass
class Input:
    """Data that a mapping reads. ``rows`` and ``document`` (JSON) are made when they are needed; one that cannot be
    had is None. ``xml`` are the bytes of a document."""

    rows: Callable[[], Sequence[Mapping[str, Any]]] | None = None
    document: Callable[[], Any] | None = None
    xml: bytes | None = None
    _forms: dict[str, Any] = field(default_factory=dict)

    def records(self, source: LogicalSource) -> Iterator[Values]:
        """Yield the records of a source. Raises ``InvalidInput`` if the input is not in its form, a column is
        missing, or a path cannot be read."""
        form = source.form or CSV
        if form == XML and self.xml is not None:
            yield from _elements(self._once(XML, lambda: _xml(self.xml or b"")), source.iterator)
        elif form == JSON and self.document is not None:
            yield from _members(self._once(JSON, self.document), source.iterator)
        elif form == CSV and self.rows is not None:
            yield from _cells(self._once(CSV, self.rows))
        else:
            raise InvalidInput(
                f"the mapping reads {_WORDS[form]}, and the input is something else",
                remedy=f"give it {_WORDS[form]}, or change the reference formulation of the mapping",
            )

    def _once(self, form: str, make: Callable[[], Any]) -> Any:
        if form not in self._forms:
            self._forms[form] = make()
        return self._forms[form]


def _cells(rows: Sequence[Mapping[str, Any]]) -> Iterator[Values]:
    """Yield rows; what a table has are texts, whatever they look like."""
    names = {name for row in rows for name in row}

    def values_of(row: Mapping[str, Any]) -> Values:
        def values(path: str) -> list[Any]:
            name = path if path in names else path.strip('"')
            if name not in names:
                raise InvalidInput(
                    f"there is no column {path[:80]}",
                    remedy=f"the columns are {', '.join(sorted(map(str, names)))[:300]}",
                )
            return [lexical(value)[0] for value in _scalars(row.get(name), path)]

        return values

    yield from map(values_of, rows)


def _members(document: Any, iterator: str) -> Iterator[Values]:
    def values_of(record: Any) -> Values:
        def values(path: str) -> list[Any]:
            if isinstance(record, Mapping) and path in record:
                return list(_scalars(record[path], path))
            start = document if path.startswith("$") and path[1:2] not in ("", ".", "[") else record
            return [value for part in jsonpaths.select(path, start) for value in _scalars(part, path)]

        return values

    yield from map(values_of, jsonpaths.select(iterator or "$", document))


def _scalars(value: Any, path: str) -> Iterator[Any]:
    if value is None:
        return
    if isinstance(value, list):
        for part in value:
            yield from _scalars(part, path) if not isinstance(part, list) else ()
    elif isinstance(value, Mapping):
        raise InvalidInput(f"{path[:80]} is an object, and no value", remedy="name one of its members")
    else:
        yield value


def _elements(document: xpaths.Document, iterator: str) -> Iterator[Values]:
    def values_of(element: ElementTree.Element) -> Values:
        def values(path: str) -> list[Any]:
            nodes = xpaths.select(path, document, element)
            return [text for text in map(xpaths.text_of, nodes) if text != ""]

        return values

    nodes = list(xpaths.select(iterator or "/*", document))
    # A relative iterator is seen from the document; many mappings mean the root element.
    for node in nodes or xpaths.select(iterator or "/*", document, document.root):
        if isinstance(node, str):
            raise InvalidInput(f"{iterator[:80]} leads to texts", remedy="name the elements that are records")
        yield values_of(node)


def _xml(body: bytes) -> xpaths.Document:
    body = scan(body, syntax_of(RDF_XML))
    root = parse(body)
    prefixes: dict[str, str] = {}
    parser: ElementTree.XMLPullParser[Any] = ElementTree.XMLPullParser(["start-ns"])
    parser.feed(body)
    events: Iterator[Any] = parser.read_events()
    for _, (prefix, namespace) in events:
        prefixes.setdefault(prefix or "", namespace)
    parents = {child: parent for parent in root.iter() for child in parent}
    return xpaths.Document(root=root, parents=parents, prefixes=prefixes)
