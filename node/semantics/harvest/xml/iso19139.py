"""Convert records of ISO 19115 in XML (ISO/TS 19139), as geographic catalogues have them, to statements of DCAT.

The properties are those of GeoDCAT-AP. Codes of ISO become concepts of the INSPIRE registry, which lists them;
all other values stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from pyoxigraph import BlankNode, Literal, NamedNode, Quad

from node.semantics.harvest.plain_values import LANGUAGE, address, link_node, mail, period, values
from node.semantics.harvest.rules import spellings
from node.semantics.harvest.xml.boxes import rectangle
from node.semantics.harvest.xml.distributions import distribution
from node.semantics.harvest.xml.elements import Element, attribute, split, text
from node.semantics.triples import TYPE, Node
from node.vocab.namespaces import DCAT, DCT, FOAF, GEODCAT, RDFS, SKOS, VCARD, XSD

RECORDS: Final = frozenset({"MD_Metadata", "MI_Metadata"})
"""The root elements of records."""

_INSPIRE: Final = "http://inspire.ec.europa.eu/metadata-codelist/"
_DATES: Final = {"publication": "issued", "revision": "modified", "creation": "created"}
_PUBLISHERS: Final = ("publisher", "owner", "custodian", "distributor", "resourceProvider", "pointOfContact")
"""Roles that publish, the first that a record has counts."""
_PAGES: Final = frozenset({"information", "search", "order", "offlineAccess"})
"""Functions of online resources that are not the data."""
_TOPIC: Final = re.compile(r"[A-Za-z]+")
_EPSG: Final = re.compile(r"(?:EPSG\D*)?(\d{4,6})(?:\D.*)?")
_CAPABILITIES: Final = re.compile(r"request=getcapabilities", re.IGNORECASE)
_CURRENT: Final = frozenset({"now", "unknown", "after", "before"})


def statements(record: Element, page: str = "") -> Iterator[Quad]:
    """Yield the statements of a record. ``page`` is the address at which the server shows it."""
    info = next((each for each in record.iterfind("{*}identificationInfo/*")), None)
    if info is None:
        info = record.makeelement("MD_DataIdentification", {})
    level = _code(record.find("{*}hierarchyLevel/*"))
    is_service = level == "service" or split(info.tag)[1] == "SV_ServiceIdentification"
    own = _value(record.find("{*}fileIdentifier"))
    codes = [code for each in info.iterfind("{*}citation/*/{*}identifier/*") if (code := _identifier(each))]
    node: Node = next(filter(None, map(address, [*codes, own, page])), None) or BlankNode()
    yield Quad(node, TYPE, NamedNode(f"{DCAT}DataService" if is_service else f"{DCAT}Dataset"))
    yield from values(node, f"{DCT}identifier", list(dict.fromkeys(filter(None, [*codes, own]))))
    if level in ("dataset", "series", "service"):
        yield Quad(node, NamedNode(f"{DCT}type"), NamedNode(f"{_INSPIRE}ResourceType/{level}"))
    languages = _Languages(record)
    yield from languages.texts(node, f"{DCT}title", info.find("{*}citation/*/{*}title"))
    yield from languages.texts(node, f"{DCT}description", info.find("{*}abstract"))
    yield from _dates(node, record, info)
    codes = [_code(each) for each in info.iterfind("{*}language/*")]
    yield from values(node, f"{DCT}language", list(filter(None, codes)))
    yield from _subjects(node, info, languages)
    yield from _parties(node, record, info)
    yield from _places(node, info)
    for lineage in record.iterfind("{*}dataQualityInfo/*/{*}lineage/*/{*}statement"):
        if _value(lineage):
            provenance = BlankNode()
            yield from link_node(node, f"{DCT}provenance", provenance, f"{DCT}ProvenanceStatement")
            yield from languages.texts(provenance, f"{RDFS}label", lineage)
    for system in record.iterfind("{*}referenceSystemInfo/*/{*}referenceSystemIdentifier/*/{*}code"):
        if crs := address(_link(system)) or _epsg(_value(system)):
            yield Quad(node, NamedNode(f"{DCT}conformsTo"), crs)
    for distance in info.iterfind("{*}spatialResolution/*/{*}distance/*"):
        if attribute(distance, "uom").rpartition("#")[2].rpartition(":")[2] in ("m", "metre", "meter"):
            metres = Literal(text(distance), datatype=NamedNode(f"{XSD}decimal"))
            yield Quad(node, NamedNode(f"{DCAT}spatialResolutionInMeters"), metres)
    if is_service:
        yield from _endpoints(node, record, info)
    else:
        yield from _files(node, record, info)


class _Languages:
    """The languages of a record: its own, and those of its translations by the name that they have in it."""

    def __init__(self, record: Element) -> None:
        self._own = _tag(_code(record.find("{*}language/*")))
        self._named: dict[str, str] = {}
        for locale in record.iterfind("{*}locale/{*}PT_Locale"):
            self._named[f"#{attribute(locale, 'id')}"] = _tag(_code(locale.find("{*}languageCode/*")))

    def texts(self, node: Node, property_: str, element: Element | None) -> Iterator[Quad]:
        """Yield the text of an element in each of its languages."""
        if element is None:
            return
        pairs = [(_value(element), self._own)]
        for each in element.iterfind("{*}PT_FreeText/{*}textGroup/{*}LocalisedCharacterString"):
            pairs.append((text(each), self._named.get(attribute(each, "locale"), "")))
        for content, tag in dict.fromkeys(pairs):
            if content:
                yield Quad(node, NamedNode(property_), Literal(content, language=tag) if tag else Literal(content))


def _dates(node: Node, record: Element, info: Element) -> Iterator[Quad]:
    properties = set()
    for each in info.iterfind("{*}citation/*/{*}date/*"):
        name = _DATES.get(_code(each.find("{*}dateType/*")))
        if name:
            properties.add(name)
            yield from values(node, f"{DCT}{name}", text(each.find("{*}date")))
    if "modified" not in properties:
        yield from values(node, f"{DCT}modified", text(record.find("{*}dateStamp")))
    frequency = _code(info.find("{*}resourceMaintenance/*/{*}maintenanceAndUpdateFrequency/*"))
    if _TOPIC.fullmatch(frequency):
        concept = NamedNode(f"{_INSPIRE}MaintenanceFrequency/{frequency}")
        yield Quad(node, NamedNode(f"{DCT}accrualPeriodicity"), concept)


def _subjects(node: Node, info: Element, languages: _Languages) -> Iterator[Quad]:
    """Yield keywords: those with an address are themes, the others stay texts."""
    for keyword in info.iterfind("{*}descriptiveKeywords/*/{*}keyword"):
        iri = address(_link(keyword))
        if iri is None:
            yield from languages.texts(node, f"{DCAT}keyword", keyword)
            continue
        yield from link_node(node, f"{DCAT}theme", iri, f"{SKOS}Concept")
        yield from languages.texts(iri, f"{SKOS}prefLabel", keyword)
    for topic in map(text, info.iterfind("{*}topicCategory")):
        if _TOPIC.fullmatch(topic):
            concept = NamedNode(f"{_INSPIRE}TopicCategory/{topic}")
            yield Quad(node, NamedNode(f"{GEODCAT}topicCategory"), concept)


def _parties(node: Node, record: Element, info: Element) -> Iterator[Quad]:
    parties = [*info.iterfind("{*}pointOfContact/*"), *record.iterfind("{*}contact/*")]
    by_role: dict[str, Element] = {}
    for party in parties:
        by_role.setdefault(_code(party.find("{*}role/*")), party)
    publisher = next((by_role[role] for role in _PUBLISHERS if role in by_role), None)
    if publisher is not None and (name := _name(publisher)):
        agent = BlankNode()
        yield from link_node(node, f"{DCT}publisher", agent, f"{FOAF}Agent")
        yield Quad(agent, NamedNode(f"{FOAF}name"), Literal(name))
    contact = by_role.get("pointOfContact") or next(iter(parties), None)
    mailboxes = [] if contact is None else _all(contact, "{*}contactInfo/*/{*}address/*/{*}electronicMailAddress")
    if contact is not None and (_name(contact) or mailboxes):
        card = BlankNode()
        yield from link_node(node, f"{DCAT}contactPoint", card, f"{VCARD}Kind")
        yield from values(card, f"{VCARD}fn", _name(contact))
        yield from mail(card, f"{VCARD}hasEmail", mailboxes)


def _places(node: Node, info: Element) -> Iterator[Quad]:
    for extent in info.iterfind("{*}extent/{*}EX_Extent"):
        for box in extent.iterfind("{*}geographicElement/{*}EX_GeographicBoundingBox"):
            sides = ("westBoundLongitude", "southBoundLatitude", "eastBoundLongitude", "northBoundLatitude")
            try:
                west, south, east, north = (float(text(box.find(f"{{*}}{side}"))) for side in sides)
            except ValueError:
                continue
            yield from rectangle(node, west, south, east, north)
        for code in extent.iterfind("{*}geographicElement/*/{*}geographicIdentifier/*/{*}code"):
            if iri := address(_link(code)) or address(_value(code)):
                yield Quad(node, NamedNode(f"{DCT}spatial"), iri)
        for time in extent.iterfind("{*}temporalElement/*/{*}extent/{*}TimePeriod"):
            begins = time.find("{*}beginPosition"), time.find("{*}begin")
            ends = time.find("{*}endPosition"), time.find("{*}end")
            yield from period(node, _moment(begins), _moment(ends))


def _files(node: Node, record: Element, info: Element) -> Iterator[Quad]:
    info_path = "{*}distributionInfo/*"
    formats = [
        *_all(record, f"{info_path}/{{*}}distributionFormat/*/{{*}}name"),
        *_all(record, f"{info_path}/{{*}}distributor/*/{{*}}distributorFormat/*/{{*}}name"),
    ]
    licences, rights, access = _conditions(info)
    bearers: list[Node] = []
    links = _online(record)
    for link in links:
        target, protocol = text(link.find("{*}linkage")), _value(link.find("{*}protocol"))
        function = _code(link.find("{*}function/*"))
        if address(target) is None:
            continue
        if function.partition(".")[0] in _PAGES:
            yield from values(node, f"{FOAF}page", target)
            continue
        file = BlankNode()
        bearers.append(file)
        yield from distribution(
            node,
            file,
            target,
            protocol=protocol,
            title=_value(link.find("{*}name")),
            formats=formats,
            links=len(links),
        )
        yield from values(file, f"{DCT}description", _value(link.find("{*}description")))
        if (standard := address(_link(link.find("{*}protocol")))) is not None:
            yield Quad(file, NamedNode(f"{DCT}conformsTo"), standard)
    # A record states its conditions once, DCAT for each file.
    for bearer in bearers or [node]:
        yield from values(bearer, f"{DCT}license", licences[:1])
        if rights:
            note = BlankNode()
            yield from link_node(bearer, f"{DCT}rights", note, f"{DCT}RightsStatement")
            yield from values(note, f"{RDFS}label", rights)
    yield from values(node, f"{DCT}accessRights", access[:1])


def _endpoints(node: Node, record: Element, info: Element) -> Iterator[Quad]:
    points = [text(each) for each in info.iterfind("{*}containsOperations/*/{*}connectPoint/*/{*}linkage")]
    points += [text(link.find("{*}linkage")) for link in _online(record)]
    for target in dict.fromkeys(filter(None, points)):
        described = _CAPABILITIES.search(target)
        yield from values(node, f"{DCAT}{'endpointDescription' if described else 'endpointURL'}", target)
    for data in info.iterfind("{*}operatesOn"):
        if iri := address(_link(data)):
            yield Quad(node, NamedNode(f"{DCAT}servesDataset"), iri)
    licences, _, access = _conditions(info)
    yield from values(node, f"{DCT}license", licences[:1])
    yield from values(node, f"{DCT}accessRights", access[:1])


def _conditions(info: Element) -> tuple[list[str], list[str], list[str]]:
    """Return the addresses of licences, the texts about use, and the addresses of rights of access."""
    licences: list[str] = []
    rights: list[str] = []
    access: list[str] = []
    for constraint in info.iterfind("{*}resourceConstraints/*"):
        about_access = constraint.find("{*}accessConstraints") is not None
        about_use = constraint.find("{*}useConstraints") is not None or not about_access
        for each in (*constraint.iterfind("{*}otherConstraints"), *constraint.iterfind("{*}useLimitation")):
            iri = address(_link(each)) or address(_value(each))
            if about_access and iri is not None and ("/LimitationsOnPublicAccess/" in iri.value or not about_use):
                access.append(iri.value)
            elif iri is not None:
                licences.append(iri.value)
            elif _value(each):
                rights.append(_value(each))
    return licences, rights, access


def _online(record: Element) -> Sequence[Element]:
    transfer = "{*}transferOptions/*/{*}onLine/*", "{*}distributor/*/{*}distributorTransferOptions/*/{*}onLine/*"
    return [each for path in transfer for each in record.iterfind(f"{{*}}distributionInfo/*/{path}")]


def _value(element: Element | None) -> str:
    """Return the text of an element, without its translations."""
    if element is None:
        return ""
    child = next((each for each in element if split(each.tag)[1] not in ("", "PT_FreeText")), None)
    return text(element if child is None else child)


def _all(element: Element, path: str) -> list[str]:
    return [content for each in element.iterfind(path) if (content := _value(each))]


def _link(element: Element | None) -> str:
    """Return the address behind a text: that of the element, or of the ``gmx:Anchor`` in it."""
    if element is None:
        return ""
    return next((link for each in (element, *element) if (link := attribute(each, "href"))), "")


def _code(element: Element | None) -> str:
    return "" if element is None else attribute(element, "codeListValue") or text(element)


def _identifier(element: Element) -> str:
    code, space = element.find("{*}code"), _value(element.find("{*}codeSpace"))
    text_ = _link(code) or _value(code)
    if text_ and address(text_) is None and address(space) is not None:
        return f"{space.rstrip('/')}/{text_}"
    return text_


def _name(party: Element) -> str:
    return _value(party.find("{*}organisationName")) or _value(party.find("{*}individualName"))


def _moment(elements: Sequence[Element | None]) -> str:
    content = next((text(each) for each in elements if each is not None), "")
    return "" if content.lower() in _CURRENT else content


def _epsg(code: str) -> NamedNode | None:
    match = _EPSG.fullmatch(code)
    return NamedNode(f"http://www.opengis.net/def/crs/EPSG/0/{match[1]}") if match else None


def _tag(code: str) -> str:
    """Return the language tag of a code of ISO 639-2 (``ger`` → ``de``); empty if the text is no code."""
    code = code.strip().lower()
    short = LANGUAGE_TAGS.get(code, code)
    return short if LANGUAGE.fullmatch(short) else ""


LANGUAGE_TAGS: Final = {
    **{code: tag for code, tag in spellings.LANGUAGE.items() if tag.islower() and len(code) == 3},
    "cat": "ca", "eus": "eu", "baq": "eu", "glg": "gl", "isl": "is", "ice": "is", "ltz": "lb", "cym": "cy",
    "deu": "de", "fra": "fr", "nld": "nl", "ces": "cs", "slk": "sk", "ell": "el", "ron": "ro", "dan": "da",
    "swe": "sv", "fin": "fi", "pol": "pl", "hun": "hu", "slv": "sl", "hrv": "hr", "bul": "bg", "est": "et",
    "lav": "lv", "lit": "lt", "mlt": "mt", "nno": "nn", "nob": "nb", "nor": "no",
}  # fmt: skip
"""ISO 639-2 → tag of BCP 47, which has the shorter code of a language."""
