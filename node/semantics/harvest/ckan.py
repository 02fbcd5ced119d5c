"""Convert packages of CKAN, as its action API returns them, to statements of DCAT.

The names are those that CKAN's own DCAT extension reads and writes: a package is a dataset, a resource a
distribution, the organisation its publisher, a group a theme, and extras are the properties that DCAT has a name for.
Values are not changed: a text stays a text. A value that is not an address does not become a link.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pyoxigraph import BlankNode, Literal, NamedNode, Quad

from node.semantics.triples import TYPE, Node, Term
from node.vocab.namespaces import ADMS, DCAT, DCT, FOAF, LOCN, SKOS, VCARD, XSD

_EXTRAS: Final = {
    "access_rights": f"{DCT}accessRights",
    "alternate_identifier": f"{ADMS}identifier",
    "conforms_to": f"{DCT}conformsTo",
    "dcat_type": f"{DCT}type",
    "documentation": f"{FOAF}page",
    "frequency": f"{DCT}accrualPeriodicity",
    "has_version": f"{DCAT}hasVersion",
    "identifier": f"{DCT}identifier",
    "is_version_of": f"{DCT}isVersionOf",
    "issued": f"{DCT}issued",
    "language": f"{DCT}language",
    "modified": f"{DCT}modified",
    "provenance": f"{DCT}provenance",
    "related_resource": f"{DCT}relation",
    "sample": f"{ADMS}sample",
    "source": f"{DCT}source",
    "spatial_resolution_in_meters": f"{DCAT}spatialResolutionInMeters",
    "spatial_text": f"{DCT}spatial",
    "spatial_uri": f"{DCT}spatial",
    "temporal_resolution": f"{DCAT}temporalResolution",
    "theme": f"{DCAT}theme",
    "version_notes": f"{ADMS}versionNotes",
}
"""Extra → its property. ``spatial``, the period, publisher and contact are converted to things of their own."""

_OTHERS: Final = (
    "contact_email",
    "contact_name",
    "publisher_email",
    "publisher_name",
    "publisher_uri",
    "publisher_url",
    "spatial",
    "temporal_end",
    "temporal_start",
    "uri",
)

_GEOJSON: Final = "https://www.iana.org/assignments/media-types/application/vnd.geo+json"

_FILES: Final = {
    "access_url": f"{DCAT}accessURL",
    "availability": "http://data.europa.eu/r5r/availability",
    "conforms_to": f"{DCT}conformsTo",
    "documentation": f"{FOAF}page",
    "download_url": f"{DCAT}downloadURL",
    "format": f"{DCT}format",
    "language": f"{DCT}language",
    "mimetype": f"{DCAT}mediaType",
    "rights": f"{DCT}rights",
    "status": f"{ADMS}status",
}
_DATES: Final = frozenset({f"{DCT}issued", f"{DCT}modified", f"{DCAT}startDate", f"{DCAT}endDate"})
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?")
_TAG: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_SCHEMES: Final = ("http", "https", "ftp", "mailto", "urn")


def packages_of(document: Any) -> list[Mapping[str, Any]] | None:
    """Return the packages of an answer of ``package_search`` or ``package_show``; None for another document."""
    result = document.get("result") if isinstance(document, Mapping) and document.get("success") is True else None
    if not isinstance(result, Mapping):
        return None
    listed = result.get("results") if "results" in result else [result] if "resources" in result else None
    if not isinstance(listed, list):
        return None
    return [package for package in listed if isinstance(package, Mapping) and package.get("id")]


def is_public(package: Mapping[str, Any]) -> bool:
    """Return whether a package is a dataset that the portal shows to everybody, rather than a source of its
    harvester."""
    state = package.get("state") or "active"
    return state == "active" and not package.get("private") and package.get("type") != "harvest"


def statements(package: Mapping[str, Any], site: str) -> Iterator[Quad]:
    """Yield the statements of a package. ``site`` is the address of the portal."""
    site = site.rstrip("/")
    extras = _extras(package)
    page = f"{site}/dataset/{package['id']}"
    node = next((iri for iri in (_iri(extras.get("uri")), _iri(page)) if iri), BlankNode())
    yield Quad(node, TYPE, NamedNode(f"{DCAT}Dataset"))
    yield from _texts(node, f"{DCT}title", package, "title")
    yield from _texts(node, f"{DCT}description", package, "notes")
    if not extras.get("identifier"):
        yield from _quads(node, f"{DCT}identifier", package["id"])
    yield from _quads(node, f"{DCAT}landingPage", package.get("url") or f"{site}/dataset/{package.get('name') or ''}")
    yield from _quads(node, f"{DCAT}version", package.get("version"))
    for name, property_ in _EXTRAS.items():
        yield from _quads(node, property_, extras.get(name))
    for name, created in (("issued", "metadata_created"), ("modified", "metadata_modified")):
        if not extras.get(name):
            yield from _quads(node, f"{DCT}{name}", package.get(created))
    for tag in _mappings(package.get("tags")):
        yield from _quads(node, f"{DCAT}keyword", tag.get("display_name") or tag.get("name"))
    for group in _mappings(package.get("groups")):
        yield from _theme(node, group, site)
    yield from _publisher(node, package, extras, site)
    yield from _contact(node, package, extras)
    yield from _place_and_period(node, extras)
    for resource in _mappings(package.get("resources")):
        yield from _file(node, resource, package, page)


def _extras(package: Mapping[str, Any]) -> dict[str, Any]:
    """Return the extras by name; fields of the same names on the package itself, as newer portals have them, come
    first."""
    extras = {str(extra.get("key")): extra.get("value") for extra in _mappings(package.get("extras"))}
    own = {name: package[name] for name in (*_EXTRAS, *_OTHERS) if package.get(name)}
    return extras | own


def _file(node: Node, resource: Mapping[str, Any], package: Mapping[str, Any], page: str) -> Iterator[Quad]:
    own = _iri(resource.get("uri")) or _iri(f"{page}/resource/{resource.get('id') or ''}")
    file: Node = own if own and resource.get("id") else BlankNode()
    yield Quad(node, NamedNode(f"{DCAT}distribution"), file)
    yield Quad(file, TYPE, NamedNode(f"{DCAT}Distribution"))
    yield from _texts(file, f"{DCT}title", resource, "name")
    yield from _texts(file, f"{DCT}description", resource, "description")
    if not resource.get("access_url"):
        yield from _quads(file, f"{DCAT}accessURL", resource.get("url"))
    for name, property_ in _FILES.items():
        yield from _quads(file, property_, resource.get(name))
    for name, moment in (("issued", "created"), ("modified", "last_modified")):
        yield from _quads(file, f"{DCT}{name}", resource.get(name) or resource.get(moment))
    size = str(resource.get("size") or "")
    if size.isdecimal():
        yield Quad(file, NamedNode(f"{DCAT}byteSize"), Literal(size, datatype=NamedNode(f"{XSD}nonNegativeInteger")))
    # CKAN has one licence for a package, DCAT one for each file.
    own_licence = resource.get("license")
    yield from _quads(
        file, f"{DCT}license", own_licence or package.get("license_url") or package.get("license_title")
    )


def _theme(node: Node, group: Mapping[str, Any], site: str) -> Iterator[Quad]:
    theme = _iri(f"{site}/group/{group.get('name') or group.get('id') or ''}")
    name = group.get("display_name") or group.get("title") or group.get("name")
    if theme is None or not name:
        return
    yield Quad(node, NamedNode(f"{DCAT}theme"), theme)
    yield Quad(theme, TYPE, NamedNode(f"{SKOS}Concept"))
    yield Quad(theme, NamedNode(f"{SKOS}prefLabel"), Literal(str(name)))


def _publisher(node: Node, package: Mapping[str, Any], extras: Mapping[str, Any], site: str) -> Iterator[Quad]:
    organisation = package.get("organization")
    organisation = organisation if isinstance(organisation, Mapping) else {}
    name = extras.get("publisher_name") or organisation.get("title") or organisation.get("name")
    if not name:
        return
    address = f"{site}/organization/{organisation['id']}" if organisation.get("id") else ""
    agent: Node = _iri(extras.get("publisher_uri")) or _iri(address) or BlankNode()
    yield Quad(node, NamedNode(f"{DCT}publisher"), agent)
    yield Quad(agent, TYPE, NamedNode(f"{FOAF}Agent"))
    yield Quad(agent, NamedNode(f"{FOAF}name"), Literal(str(name)))
    yield from _quads(agent, f"{FOAF}homepage", extras.get("publisher_url"))
    yield from _mail(agent, f"{FOAF}mbox", extras.get("publisher_email"))


def _contact(node: Node, package: Mapping[str, Any], extras: Mapping[str, Any]) -> Iterator[Quad]:
    pairs = (
        (extras.get("contact_name"), extras.get("contact_email")),
        (package.get("maintainer"), package.get("maintainer_email")),
        (package.get("author"), package.get("author_email")),
    )
    name, mail = next(((name, mail) for name, mail in pairs if name or mail), ("", ""))
    if not name and not mail:
        return
    card = BlankNode()
    yield Quad(node, NamedNode(f"{DCAT}contactPoint"), card)
    yield Quad(card, TYPE, NamedNode(f"{VCARD}Kind"))
    yield from _quads(card, f"{VCARD}fn", name)
    yield from _mail(card, f"{VCARD}hasEmail", mail)


def _place_and_period(node: Node, extras: Mapping[str, Any]) -> Iterator[Quad]:
    geometry = extras.get("spatial")
    if geometry:
        place = BlankNode()
        text = geometry if isinstance(geometry, str) else json.dumps(geometry)
        yield Quad(node, NamedNode(f"{DCT}spatial"), place)
        yield Quad(place, TYPE, NamedNode(f"{DCT}Location"))
        yield Quad(place, NamedNode(f"{LOCN}geometry"), Literal(text, datatype=NamedNode(_GEOJSON)))
    begins, ends = extras.get("temporal_start"), extras.get("temporal_end")
    if begins or ends:
        period = BlankNode()
        yield Quad(node, NamedNode(f"{DCT}temporal"), period)
        yield Quad(period, TYPE, NamedNode(f"{DCT}PeriodOfTime"))
        yield from _quads(period, f"{DCAT}startDate", begins)
        yield from _quads(period, f"{DCAT}endDate", ends)


def _texts(node: Node, property_: str, members: Mapping[str, Any], name: str) -> Iterator[Quad]:
    """Yield a text, in each of its languages if the portal has several."""
    translated = members.get(f"{name}_translated")
    translated = translated if translated and isinstance(translated, Mapping) else members.get(name)
    if isinstance(translated, Mapping):
        for tag, text in translated.items():
            if (
                isinstance(text, str)
                and text.strip()
                and re.fullmatch(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", str(tag))
            ):
                yield Quad(node, NamedNode(property_), Literal(text, language=str(tag)))
        return
    if translated is not None and str(translated).strip():
        yield Quad(node, NamedNode(property_), Literal(str(translated)))


def _quads(node: Node, property_: str, value: Any) -> Iterator[Quad]:
    for text in _values(value):
        yield Quad(node, NamedNode(property_), _term(property_, text))


def _values(value: Any) -> list[str]:
    """Return the texts of a value: of a list, of a list written as JSON, or the value itself."""
    if isinstance(value, str) and value.startswith("["):
        try:
            listed = json.loads(value)
        except ValueError:
            listed = value
        value = listed
    values = value if isinstance(value, list) else [] if value in (None, "") else [value]
    texts = (text if isinstance(text, str) else json.dumps(text, ensure_ascii=False) for text in values)
    return [text for text in texts if text.strip()]


def _term(property_: str, text: str) -> Term:
    if property_ in _DATES:
        if _MOMENT.fullmatch(text):
            return Literal(text, datatype=NamedNode(f"{XSD}dateTime"))
        return Literal(text, datatype=NamedNode(f"{XSD}date")) if _DATE.fullmatch(text) else Literal(text)
    if property_ in (f"{DCT}identifier", f"{DCAT}version", f"{ADMS}versionNotes", f"{DCAT}keyword"):
        return Literal(text)
    return _iri(text) or Literal(text)


def _mail(node: Node, property_: str, value: Any) -> Iterator[Quad]:
    for text in _values(value):
        address = text.strip().removeprefix("mailto:")
        iri = _iri(f"mailto:{address}") if re.fullmatch(r"[^\s@<>\"]+@[^\s@<>\"]+", address) else None
        yield Quad(node, NamedNode(property_), iri or Literal(text))


def _iri(value: Any) -> NamedNode | None:
    """Return ``value`` as an address; None if it is not an address."""
    if not isinstance(value, str) or value.partition(":")[0].lower() not in _SCHEMES or value.strip() != value:
        return None
    try:
        return NamedNode(value)
    except ValueError:
        return None


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [member for member in value if isinstance(member, Mapping)] if isinstance(value, list) else []
