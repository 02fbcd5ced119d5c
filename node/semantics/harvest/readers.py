"""Read catalogue files: RDF, mended if necessary, and the formats of portals as statements of DCAT."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

from pyoxigraph import Quad, RdfFormat
from pyoxigraph import parse as read_quads

from node.base.errors import InvalidInput
from node.base.jsons import read_json
from node.semantics.description.subjects import DOCUMENT
from node.semantics.documents import MAX_JSON_DEPTH, RDF_XML, Syntax, scan, syntax_of, unreadable
from node.semantics.harvest import ldes, ogcrecords
from node.semantics.harvest.ckan import is_public, packages_of
from node.semantics.harvest.ckan import statements as ckan_statements
from node.semantics.harvest.datajson import is_data_json, statements
from node.semantics.harvest.datapackage import is_data_package
from node.semantics.harvest.datapackage import statements as package_statements
from node.semantics.harvest.partition import Catalogue
from node.semantics.harvest.syntax_repairs import TURTLE_REPAIRS, XML_REPAIRS
from node.semantics.harvest.xml.answers import answer_of
from node.vocab.namespaces import AS

_Read = TypeVar("_Read")


def read(body: bytes, media_type: str, *, base: str) -> Catalogue:
    """Return the statements of ``body``, its syntax mended if it cannot be read otherwise.

    Raises ``UnsupportedMediaType``, ``TooLarge`` for too many statements, and ``InvalidInput`` if the repairs do not
    help.
    """
    syntax = syntax_of(media_type)
    catalogue, notes = _read_with_repairs(body, syntax, lambda text: _read(text, syntax, base))
    catalogue.notes[:0] = notes
    return catalogue


def _read_with_repairs(body: bytes, syntax: Syntax, read_it: Callable[[bytes], _Read]) -> tuple[_Read, list[str]]:
    """Return what ``read_it`` returns for ``body``, or for its mended text, and the repairs as sentences."""
    try:
        return read_it(body), []
    except (InvalidInput, SyntaxError) as error:
        first = unreadable(error, syntax) if isinstance(error, SyntaxError) else error
    repairs = {RdfFormat.TURTLE: TURTLE_REPAIRS, RdfFormat.TRIG: TURTLE_REPAIRS, RdfFormat.RDF_XML: XML_REPAIRS}
    text, notes = body.decode("utf-8", errors="replace"), []
    for repair in repairs.get(syntax.format, ()):
        text, note = repair(text)
        if not note:
            continue
        notes.append(note)
        try:
            return read_it(text.encode()), notes
        except (InvalidInput, SyntaxError):
            continue
    raise first


_ACTIVITIES: Final = AS.removeprefix("https://").encode()


def _quads(body: bytes, syntax: Syntax, base: str) -> Iterator[Quad]:
    # Lenient: an address with a space in it spoils its own record, not the file.
    return read_quads(scan(body, syntax), format=syntax.format, base_iri=base, lenient=True)


def _read(body: bytes, syntax: Syntax, base: str) -> Catalogue:
    catalogue = Catalogue()
    if syntax.format == RdfFormat.JSON_LD:
        document = read_json(body.removeprefix(b"\xef\xbb\xbf"), max_depth=MAX_JSON_DEPTH)
        packages = packages_of(document)
        if packages is not None:
            return _of_ckan(document, packages, base)
        records = ogcrecords.records_of(document)
        if records is not None:
            return _of_ogc_records(document, records, base)
        if is_data_package(document):
            return _of_data_package(document, base)
        if is_data_json(document):
            for quad in statements(document):
                catalogue.add(quad)
            catalogue.notes.append("read it as data.json (DCAT-US 1.1)")
            return catalogue
        del document
    elif syntax.format == RdfFormat.RDF_XML:
        in_xml = _of_xml(body, base)
        if in_xml is not None:
            return in_xml
    # Only for feeds of activities, since the page is read twice for it.
    outdated = ldes.outdated_graphs(_quads(body, syntax, base)) if _ACTIVITIES in body else set()
    for quad in _quads(body, syntax, base):
        if outdated and str(quad.graph_name) in outdated:
            continue
        catalogue.add(quad)
        if not catalogue.graphs and quad.graph_name.__class__.__name__ != "DefaultGraph":
            catalogue.graphs = True
            catalogue.notes.append("took the statements out of their named graphs")
    ldes.settle(catalogue, base)
    return catalogue


def _of_ckan(document: Any, packages: list[Mapping[str, Any]], base: str) -> Catalogue:
    catalogue = Catalogue(notes=["read it as packages of CKAN"], listed=len(packages))
    count = document["result"].get("count")
    catalogue.expected = count if isinstance(count, int) else len(packages)
    for package in packages:
        if is_public(package):
            for quad in ckan_statements(package, base.partition("/api/")[0]):
                catalogue.add(quad)
    return catalogue


def _of_ogc_records(document: Any, records: list[Mapping[str, Any]], base: str) -> Catalogue:
    catalogue = Catalogue(notes=["read it as records of OGC API Records"], next=ogcrecords.next_page(document))
    matches = document.get("numberMatched")
    catalogue.expected = matches if isinstance(matches, int) else None
    items = base.partition("?")[0]
    for record in records:
        for quad in ogcrecords.statements(record, items):
            catalogue.add(quad)
    return catalogue


def _of_data_package(document: Any, base: str) -> Catalogue:
    catalogue = Catalogue(notes=["read it as a Data Package"])
    for quad in package_statements(document, "" if base.startswith(DOCUMENT) else base):
        catalogue.add(quad)
    return catalogue


def _of_xml(body: bytes, base: str) -> Catalogue | None:
    syntax, notes = syntax_of(RDF_XML), Counter[str]()

    def read_rdf(record: bytes) -> list[Quad]:
        statements, repairs = _read_with_repairs(record, syntax, lambda text: list(_quads(text, syntax, base)))
        notes.update(repairs)
        return statements

    answer = answer_of(body, base, read_rdf)
    if answer is None:
        return None
    catalogue = Catalogue(next=answer.next, expected=answer.expected)
    for quad in answer.statements:
        catalogue.add(quad)
    catalogue.faults.update(answer.faults)
    catalogue.notes += [answer.note, *notes]
    return catalogue
