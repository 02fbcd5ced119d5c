"""Convert packages of CKAN, as its action API returns them, to statements of DCAT.

The names are those that CKAN's own DCAT extension reads and writes: a package is a dataset, a resource a
distribution, the organisation its publisher, a group a theme, and extras are the properties that DCAT has a name for.
Values are not changed: a text stays a text. A value that is not an address does not become a link.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pyoxigraph import BlankNode, Literal, NamedNode, Quad

from node.base.errors import InvalidInput
from node.base.jsons import read_json
from node.semantics.harvest.plain_values import (
    LANGUAGE,
    address,
    link_node,
    mail,
    mappings,
    name_of,
    period,
    place,
    statement_of,
    values,
)
from node.semantics.triples import TYPE, Node
from node.vocab.namespaces import ADMS, DCAT, DCT, FOAF, LOCN, SKOS, SPDX, VCARD, XSD

_EXTRAS: Final = {
    "access_rights": f"{DCT}accessRights",
    "alternate_identifier": f"{ADMS}identifier",
    "applicable_legislation": "http://data.europa.eu/r5r/applicableLegislation",
    "conforms_to": f"{DCT}conformsTo",
    "dcat_type": f"{DCT}type",
    "documentation": f"{FOAF}page",
    "frequency": f"{DCT}accrualPeriodicity",
    "has_version": f"{DCAT}hasVersion",
    "hvd_category": "http://data.europa.eu/r5r/hvdCategory",
    "identifier": f"{DCT}identifier",
    "in_series": f"{DCAT}inSeries",
    "is_referenced_by": f"{DCT}isReferencedBy",
    "is_version_of": f"{DCT}isVersionOf",
    "issued": f"{DCT}issued",
    "language": f"{DCT}language",
    "modified": f"{DCT}modified",
    "related_resource": f"{DCT}relation",
    "sample": f"{ADMS}sample",
    "source": f"{DCT}source",
    "spatial_resolution_in_meters": f"{DCAT}spatialResolutionInMeters",
    "temporal_resolution": f"{DCAT}temporalResolution",
    "theme": f"{DCAT}theme",
    "version_notes": f"{ADMS}versionNotes",
}
"""Extra → its property. Place, period, provenance, publisher and contact are converted to things of their own."""

_OTHERS: Final = (
    "contact_email",
    "contact_identifier",
    "contact_name",
    "contact_uri",
    "provenance",
    "publisher_email",
    "publisher_identifier",
    "publisher_name",
    "publisher_type",
    "publisher_uri",
    "publisher_url",
    "spatial",
    "spatial_bbox",
    "spatial_centroid",
    "spatial_text",
    "spatial_uri",
    "temporal_end",
    "temporal_start",
    "uri",
)


_FILES: Final = {
    "access_url": f"{DCAT}accessURL",
    "applicable_legislation": "http://data.europa.eu/r5r/applicableLegislation",
    "compress_format": f"{DCAT}compressFormat",
    "availability": "http://data.europa.eu/r5r/availability",
    "conforms_to": f"{DCT}conformsTo",
    "documentation": f"{FOAF}page",
    "download_url": f"{DCAT}downloadURL",
    "format": f"{DCT}format",
    "language": f"{DCT}language",
    "mimetype": f"{DCAT}mediaType",
    "package_format": f"{DCAT}packageFormat",
    "rights": f"{DCT}rights",
    "status": f"{ADMS}status",
    "temporal_resolution": f"{DCAT}temporalResolution",
}


_SERVICES: Final = {
    "access_rights": f"{DCT}accessRights",
    "applicable_legislation": "http://data.europa.eu/r5r/applicableLegislation",
    "availability": "http://data.europa.eu/r5r/availability",
    "conforms_to": f"{DCT}conformsTo",
    "endpoint_description": f"{DCAT}endpointDescription",
    "endpoint_url": f"{DCAT}endpointURL",
    "hvd_category": "http://data.europa.eu/r5r/hvdCategory",
    "identifier": f"{DCT}identifier",
    "license": f"{DCT}license",
    "serves_dataset": f"{DCAT}servesDataset",
    "version_notes": f"{ADMS}versionNotes",
}
"""Member of an access service → its property."""


def packages_of(document: Any) -> list[Mapping[str, Any]] | None:
    """Return the packages of an answer of ``package_search`` or ``package_show``; None for another document."""
    result = document.get("result") if isinstance(document, Mapping) and document.get("success") is True else None
    if not isinstance(result, Mapping):
        return None
    packages = result.get("results") if "results" in result else [result] if "resources" in result else None
    if not isinstance(packages, list):
        return None
    return [package for package in packages if isinstance(package, Mapping) and package.get("id")]


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
    node = next((iri for iri in (name_of(extras.get("uri")), address(page)) if iri), BlankNode())
    yield Quad(node, TYPE, NamedNode(f"{DCAT}Dataset"))
    yield from _texts(node, f"{DCT}title", package, "title")
    yield from _texts(node, f"{DCT}description", package, "notes")
    if not extras.get("identifier"):
        yield from values(node, f"{DCT}identifier", package["id"])
    yield from values(node, f"{DCAT}landingPage", package.get("url") or f"{site}/dataset/{package.get('name') or ''}")
    yield from values(node, f"{DCAT}version", package.get("version"))
    for name, property_ in _EXTRAS.items():
        yield from values(node, property_, extras.get(name))
    for name, created in (("issued", "metadata_created"), ("modified", "metadata_modified")):
        if not extras.get(name):
            yield from values(node, f"{DCT}{name}", package.get(created))
    for tag in mappings(package.get("tags")):
        yield from values(node, f"{DCAT}keyword", tag.get("display_name") or tag.get("name"))
    for group in mappings(package.get("groups")):
        yield from _theme(node, group, site)
    yield from _publisher(node, package, extras, site)
    yield from _contact(node, package, extras)
    yield from _place(node, extras)
    yield from period(node, extras.get("temporal_start"), extras.get("temporal_end"))
    yield from statement_of(node, f"{DCT}provenance", extras.get("provenance"), f"{DCT}ProvenanceStatement")
    for resource in mappings(package.get("resources")):
        yield from _file(node, resource, package, page)


def _extras(package: Mapping[str, Any]) -> dict[str, Any]:
    """Return the extras by name; fields of the same names on the package itself, as newer portals have them, come
    first."""
    extras = {str(extra.get("key")): extra.get("value") for extra in mappings(package.get("extras"))}
    own = {name: package[name] for name in (*_EXTRAS, *_OTHERS) if package.get(name)}
    return extras | own


def _file(node: Node, resource: Mapping[str, Any], package: Mapping[str, Any], page: str) -> Iterator[Quad]:
    own = address(resource.get("uri")) or address(f"{page}/resource/{resource.get('id') or ''}")
    file: Node = own if own and resource.get("id") else BlankNode()
    yield from link_node(node, f"{DCAT}distribution", file, f"{DCAT}Distribution")
    yield from _texts(file, f"{DCT}title", resource, "name")
    yield from _texts(file, f"{DCT}description", resource, "description")
    if not resource.get("access_url"):
        yield from values(file, f"{DCAT}accessURL", resource.get("url"))
    for name, property_ in _FILES.items():
        yield from values(file, property_, resource.get(name))
    for name, moment in (("issued", "created"), ("modified", "last_modified")):
        yield from values(file, f"{DCT}{name}", resource.get(name) or resource.get(moment))
    size = str(resource.get("size") or "")
    if size.isdecimal():
        yield Quad(file, NamedNode(f"{DCAT}byteSize"), Literal(size, datatype=NamedNode(f"{XSD}nonNegativeInteger")))
    yield from _checksum(file, resource)
    for service in _services(resource.get("access_services")):
        yield from _service(file, service)
    # CKAN has one licence for a package, DCAT one for each file.
    own_licence = resource.get("license")
    yield from values(
        file, f"{DCT}license", own_licence or package.get("license_url") or package.get("license_title")
    )


def _services(value: Any) -> list[Mapping[str, Any]]:
    """Return the services of a resource: a list, or its text as JSON, as extras have it."""
    if isinstance(value, str):
        try:
            value = read_json(value.encode())
        except InvalidInput:
            return []
    return mappings(value)


def _service(file: Node, service: Mapping[str, Any]) -> Iterator[Quad]:
    """Yield a service that gives access to a file, as CKAN's DCAT extension has it."""
    node: Node = name_of(service.get("uri")) or BlankNode()
    yield from link_node(file, f"{DCAT}accessService", node, f"{DCAT}DataService")
    yield from _texts(node, f"{DCT}title", service, "title")
    yield from _texts(node, f"{DCT}description", service, "description")
    for name, property_ in _SERVICES.items():
        yield from values(node, property_, service.get(name))


def _theme(node: Node, group: Mapping[str, Any], site: str) -> Iterator[Quad]:
    theme = address(f"{site}/group/{group.get('name') or group.get('id') or ''}")
    name = group.get("display_name") or group.get("title") or group.get("name")
    if theme is None or not name:
        return
    yield from link_node(node, f"{DCAT}theme", theme, f"{SKOS}Concept")
    yield Quad(theme, NamedNode(f"{SKOS}prefLabel"), Literal(str(name)))


def _publisher(node: Node, package: Mapping[str, Any], extras: Mapping[str, Any], site: str) -> Iterator[Quad]:
    organisation = package.get("organization")
    organisation = organisation if isinstance(organisation, Mapping) else {}
    name = extras.get("publisher_name") or organisation.get("title") or organisation.get("name")
    if not name:
        return
    page = f"{site}/organization/{organisation['id']}" if organisation.get("id") else ""
    agent: Node = name_of(extras.get("publisher_uri")) or address(page) or BlankNode()
    yield from link_node(node, f"{DCT}publisher", agent, f"{FOAF}Agent")
    yield Quad(agent, NamedNode(f"{FOAF}name"), Literal(str(name)))
    yield from values(agent, f"{FOAF}homepage", extras.get("publisher_url"))
    yield from mail(agent, f"{FOAF}mbox", extras.get("publisher_email"))
    yield from values(agent, f"{DCT}identifier", extras.get("publisher_identifier"))
    yield from values(agent, f"{DCT}type", extras.get("publisher_type"))


def _contact(node: Node, package: Mapping[str, Any], extras: Mapping[str, Any]) -> Iterator[Quad]:
    pairs = (
        (extras.get("contact_name"), extras.get("contact_email")),
        (package.get("maintainer"), package.get("maintainer_email")),
        (package.get("author"), package.get("author_email")),
    )
    name, mailbox = next(((name, mailbox) for name, mailbox in pairs if name or mailbox), ("", ""))
    if not name and not mailbox:
        return
    card = name_of(extras.get("contact_uri")) or BlankNode()
    yield from link_node(node, f"{DCAT}contactPoint", card, f"{VCARD}Kind")
    yield from values(card, f"{VCARD}fn", name)
    yield from mail(card, f"{VCARD}hasEmail", mailbox)
    yield from values(card, f"{VCARD}hasUID", extras.get("contact_identifier"))


def _place(node: Node, extras: Mapping[str, Any]) -> Iterator[Quad]:
    """Yield the place of a package: its IRI or its name, and its geometries."""
    iri, text = name_of(extras.get("spatial_uri")), extras.get("spatial_text")
    geometries = {
        property_: extras[name]
        for name, property_ in (
            ("spatial", f"{LOCN}geometry"),
            ("spatial_bbox", f"{DCAT}bbox"),
            ("spatial_centroid", f"{DCAT}centroid"),
        )
        if extras.get(name)
    }
    if iri is None or (not geometries and not text):
        yield from values(node, f"{DCT}spatial", extras.get("spatial_uri"))
    if not geometries and iri is None:
        yield from values(node, f"{DCT}spatial", text)
    elif geometries or text:
        yield from place(node, iri or BlankNode(), geometries, label=text)


def _checksum(file: Node, resource: Mapping[str, Any]) -> Iterator[Quad]:
    """Yield the checksum of a file."""
    if not resource.get("hash"):
        return
    node = BlankNode()
    yield from link_node(file, f"{SPDX}checksum", node, f"{SPDX}Checksum")
    yield from values(node, f"{SPDX}checksumValue", resource["hash"])
    yield from values(node, f"{SPDX}algorithm", resource.get("hash_algorithm"))


def _texts(node: Node, property_: str, members: Mapping[str, Any], name: str) -> Iterator[Quad]:
    """Yield a text, in each of its languages if the portal has several."""
    translations = members.get(f"{name}_translated")
    translations = translations if translations and isinstance(translations, Mapping) else members.get(name)
    if isinstance(translations, Mapping):
        for tag, text in translations.items():
            if isinstance(text, str) and text.strip() and LANGUAGE.fullmatch(str(tag)):
                yield Quad(node, NamedNode(property_), Literal(text, language=str(tag)))
        return
    if translations is not None and str(translations).strip():
        yield Quad(node, NamedNode(property_), Literal(str(translations)))
