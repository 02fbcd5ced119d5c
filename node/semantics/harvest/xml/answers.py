"""Recognise catalogues in XML by their root element, and convert their records one by one.

A record that cannot be read is refused, and costs no other one of its page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree

from pyoxigraph import BlankNode, Literal, NamedNode, Quad

from node.base.errors import InvalidInput
from node.semantics.harvest.xml import csw, dublincore, iso19139, oaipmh
from node.semantics.harvest.xml.elements import Element, children, parse, root_name, split, texts
from node.semantics.triples import TYPE
from node.vocab.namespaces import DCAT, DCT, RDF

_RDF_ROOT: Final = f"{{{RDF}}}RDF"
_ON_THE_WEB: Final = ("http://", "https://")

ReadRdf = Callable[[bytes], Iterable[Quad]]
"""The statements of a record in RDF/XML. Raises ``InvalidInput``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A page of a catalogue in XML: its statements, a note for the report, the address of the next page, the number
    of records in all. ``faults``: records that cannot be read, with the case of the refusal."""

    statements: Iterator[Quad]
    note: str
    next: str = ""
    expected: int | None = None
    faults: Mapping[str, Mapping[str, str | int]]


def answer_of(body: bytes, base: str, read_rdf: ReadRdf) -> Answer | None:
    """Return the page in ``body``, which came from ``base``; None if it is no catalogue in XML other than RDF.

    Raises ``InvalidInput`` for XML that is not well-formed, and for an error that the server reports.
    """
    namespace, name = root_name(body)
    faults: dict[str, dict[str, str | int]] = {}
    conversion = _Conversion(base if base.startswith(_ON_THE_WEB) else "", read_rdf, faults)
    if name in ("ExceptionReport", "ServiceExceptionReport"):
        raise csw.complaint(parse(body))
    if namespace == oaipmh.NAMESPACE:
        root = parse(body)
        listed = list(oaipmh.records(root, base))
        data = [each for each in listed if split(each[0].tag)[1] != "dc" or oaipmh.is_data(each[0])]
        remark = f", without {len(listed) - len(data)} that are not about data" if len(data) < len(listed) else ""
        return Answer(
            statements=conversion.statements(data),
            note=f"read it as records of OAI-PMH{remark}",
            next=oaipmh.next_records(root, base) if conversion.base else "",
            expected=oaipmh.expected_count(root),
            faults=faults,
        )
    if namespace in csw.NAMESPACES and name == "Capabilities":
        root = parse(body)
        return Answer(
            statements=_catalogue(base, csw.title(root)),
            note="read it as capabilities of a CSW server",
            next=csw.first_records(root, base) if conversion.base else "",
            faults=faults,
        )
    if namespace in csw.NAMESPACES and name in ("GetRecordsResponse", "GetRecordByIdResponse"):
        results, matches = csw.results(parse(body))
        return Answer(
            statements=conversion.statements((each, "", "") for _, _, each in children(results)),
            note="read it as records of CSW",
            next=csw.next_records(results, base) if conversion.base else "",
            expected=matches,
            faults=faults,
        )
    if name in iso19139.RECORDS or (namespace in csw.NAMESPACES and name in csw.RECORDS):
        return Answer(
            statements=conversion.statements([(parse(body), "", "")]),
            note="read it as a record in XML",
            faults=faults,
        )
    return None


@dataclass(frozen=True, slots=True)
class _Conversion:
    """``base`` is the address of the page, empty for a file; ``faults`` are added to while records are read."""

    base: str
    read_rdf: ReadRdf
    faults: dict[str, dict[str, str | int]]

    def statements(self, records: Iterable[tuple[Element, str, str]]) -> Iterator[Quad]:
        for number, (record, identifier, page) in enumerate(records, 1):
            try:
                yield from list(self._record(record, identifier, page))
            except InvalidInput as error:
                node = BlankNode()
                reason = f"{error.detail} (record {number} of its page)"
                self.faults[str(node)] = {"case": "unreadable-record", "reason": reason}
                yield Quad(node, TYPE, NamedNode(f"{DCAT}Dataset"))

    def _record(self, record: Element, identifier: str, page: str) -> Iterable[Quad]:
        namespace, name = split(record.tag)
        if name in iso19139.RECORDS:
            own = texts(record, "{*}fileIdentifier")
            return iso19139.statements(record, page or self._page(own))
        if name == "dc" or name in csw.RECORDS:
            own = texts(record, "{*}identifier")
            return dublincore.statements(record, identifier, page or self._page(own))
        if namespace in (RDF, DCAT):
            if record.tag != _RDF_ROOT:
                root = ElementTree.Element(_RDF_ROOT)
                root.append(record)
                record = root
            return self.read_rdf(ElementTree.tostring(record, encoding="utf-8"))
        raise InvalidInput(
            f"it is in a format that this node does not read ({name})",
            remedy="ask the source for ISO 19139, Dublin Core or DCAT",
        )

    def _page(self, identifiers: list[str]) -> str:
        return csw.record_address(self.base, identifiers[0]) if self.base and identifiers else ""


def _catalogue(base: str, title: str) -> Iterator[Quad]:
    node = NamedNode(base)
    yield Quad(node, TYPE, NamedNode(f"{DCAT}Catalog"))
    if title:
        yield Quad(node, NamedNode(f"{DCT}title"), Literal(title))
