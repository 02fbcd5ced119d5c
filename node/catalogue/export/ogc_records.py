"""A record of the catalogue as a record of OGC API - Records, Part 1 (OGC 20-004r1 §7, §8): a feature of GeoJSON.

Its links lead to the files as the description has them: ``enclosure`` to the file itself, ``item`` to where it
is offered. ``node.semantics.harvest.ogcrecords`` reads the same.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from node.base.clock import stamp
from node.base.errors import NotFound
from node.catalogue.model import Record
from node.catalogue.nquads import iri_of, is_iri, statements, text_of
from node.catalogue.search.entries import licences, period_of
from node.catalogue.search.identities import identifiers
from node.catalogue.statements import Statements
from node.semantics.codelists.filetypes import FILE_TYPES, IANA
from node.semantics.codelists.licences import LICENCES
from node.semantics.kinds import KINDS
from node.texts.languages import pick
from node.vocab.namespaces import DCAT, DCT, FOAF, VCARD

RECORD_CORE: Final = "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/record-core"
GEOJSON: Final = "application/geo+json"
_THEMES: Final = "http://publications.europa.eu/resource/authority/data-theme"
_SLUG: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,199}", re.IGNORECASE)
_SPDX: Final = re.compile(r"[A-Za-z0-9.+-]{1,60}")
_MOST_FILES: Final = 200


class NoSuchRecord(NotFound):
    """There is no such record in the catalogue, or the caller may not see it."""

    title = "No such record"


def record_id(iri: str, base: str) -> str:
    """Return the identifier of the asset ``iri``: ``dataset:trees`` for one of the node at ``base``; else its address
    in base64url, behind a tilde."""
    for kind in KINDS.values():
        slug = iri.removeprefix(f"{base}/{kind.plural}/")
        if slug != iri and _SLUG.fullmatch(slug):
            return f"{kind.name}:{slug}"
    return "~" + base64.urlsafe_b64encode(iri.encode()).decode().rstrip("=")


def iri_of_id(identifier: str, base: str) -> str:
    """Return the address of the asset with this identifier. Raises ``NoSuchRecord`` for what is none."""
    name, _, slug = identifier.partition(":")
    kind = KINDS.get(name)
    if kind is not None and _SLUG.fullmatch(slug):
        return f"{base}/{kind.plural}/{slug}"
    try:
        if identifier.startswith("~") and len(identifier) < 4000:
            text = identifier[1:]
            return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise _absent() from error
    raise _absent()


def _absent() -> NoSuchRecord:
    return NoSuchRecord("there is no such record", remedy="see the items of the collection for those that there are")


def feature(record: Record, *, base: str, collection: str, language: str) -> dict[str, Any]:
    """Return the record as a feature, with texts in ``language`` where it has them. ``collection`` is the address of
    the collection."""
    about = Statements(record)
    quads = list(statements(record.nquads))
    identifier = record_id(record.iri, base)
    title, tag = pick(record.titles, language)
    properties: dict[str, Any] = {
        "type": record.kind,
        "title": title or record.iri,
        "description": pick(record.descriptions, language)[0],
        "updated": stamp(record.at),
        "language": {"code": tag} if tag and tag != "und" else None,
        "languages": [{"code": code} for code in sorted(record.titles) if code != "und"],
        "keywords": list(record.keywords),
        "themes": list(_themes(record)),
        "externalIds": [{"value": value} for value in identifiers(record, quads)],
        "formats": list(_formats(about)),
        "contacts": list(_contacts(about, record)),
        "license": _licence(licences(quads)),
        "rights": next(iter(about.texts(f"<{record.subject}>", f"{DCT}rights").values()), None),
    }
    return {
        "id": identifier,
        "type": "Feature",
        "conformsTo": [RECORD_CORE],
        "geometry": _geometry(record.extra.get("bbox")),
        "time": _time(period_of(quads)),
        "properties": {name: value for name, value in properties.items() if value},
        "links": list(_links(about, record, f"{collection}/items/{quote(identifier, safe=':~')}", collection)),
    }


def _links(about: Statements, record: Record, own: str, collection: str) -> Iterator[dict[str, Any]]:
    yield {"rel": "self", "href": own, "type": GEOJSON}
    yield {"rel": "collection", "href": collection, "type": "application/json"}
    yield {"rel": "canonical", "href": record.iri, "type": "text/html"}
    for media_type in ("text/turtle", "application/ld+json", "application/rdf+xml"):
        yield {"rel": "alternate", "href": record.iri, "type": media_type}
    subject = f"<{record.subject}>"
    for relation, property_ in (("describedby", f"{DCAT}landingPage"), ("about", f"{FOAF}page")):
        for page in about.iris(subject, property_)[:_MOST_FILES]:
            yield {"rel": relation, "href": page}
    for address in about.iris(subject, f"{DCAT}endpointURL")[:_MOST_FILES]:
        yield {"rel": "service", "href": address}
    for address in about.iris(subject, f"{DCAT}endpointDescription")[:_MOST_FILES]:
        yield {"rel": "service-desc", "href": address}
    licence_addresses: dict[str, None] = dict.fromkeys(about.iris(subject, f"{DCT}license"))
    for node in about.nodes(subject, f"{DCAT}distribution")[:_MOST_FILES]:
        title = next(iter(about.texts(node, f"{DCT}title").values()), "")
        more = {name: value for name, value in (("title", title), ("type", _media_type(about, node))) if value}
        size = about.number(node, f"{DCAT}byteSize")
        downloads = about.iris(node, f"{DCAT}downloadURL")
        for address in downloads:
            length = {"length": int(size)} if size is not None and len(downloads) == 1 else {}
            yield {"rel": "enclosure", "href": address, **more, **length}
        for address in about.iris(node, f"{DCAT}accessURL"):
            if address not in downloads:
                yield {"rel": "item", "href": address, **more}
        licence_addresses |= dict.fromkeys(about.iris(node, f"{DCT}license"))
    for address in licence_addresses:
        yield {"rel": "license", "href": address}


def _media_type(about: Statements, node: str) -> str:
    for term in about.objects(node, f"{DCAT}mediaType"):
        text = iri_of(term) if is_iri(term) else text_of(term)
        return text.removeprefix(IANA).removeprefix(IANA.replace("https:", "http:"))
    return ""


def _formats(about: Statements) -> Iterator[dict[str, str]]:
    names: dict[tuple[str, str], None] = {}
    for node in _nodes(about):
        code = next((FILE_TYPES.find(_plain(term)) for term in about.objects(node, f"{DCT}format")), None)
        name = code.code if code else next((_plain(term) for term in about.objects(node, f"{DCT}format")), "")
        names[name, _media_type(about, node)] = None
    for name, media_type in names:
        pair = {"name": name, "mediaType": media_type}
        if any(pair.values()):
            yield {member: value for member, value in pair.items() if value}


def _nodes(about: Statements) -> list[str]:
    return [term for term in about.own(f"{DCAT}distribution") if not term.startswith('"')][:_MOST_FILES]


def _plain(term: str) -> str:
    return iri_of(term) if is_iri(term) else text_of(term) if term.startswith('"') else ""


def _themes(record: Record) -> Iterator[dict[str, Any]]:
    """Yield themes by the scheme that they are concepts of: what comes before the last part of their addresses."""
    schemes: dict[str, list[dict[str, str]]] = {}
    for theme in record.themes:
        iri = theme if ":" in theme else f"{_THEMES}/{theme}"
        scheme, mark, name = iri.rpartition("#") if "#" in iri else iri.rpartition("/")
        schemes.setdefault(scheme + (mark if mark == "#" else ""), []).append({"id": name or iri, "url": iri})
    for scheme, concepts in schemes.items():
        yield {"scheme": scheme, "concepts": concepts}


def _contacts(about: Statements, record: Record) -> Iterator[dict[str, Any]]:
    publisher: dict[str, Any] = {"organization": record.publisher_name or record.publisher, "roles": ["publisher"]}
    if record.publisher:
        publisher["identifier"] = record.publisher
    yield publisher
    for node in about.nodes(f"<{record.subject}>", f"{DCAT}contactPoint")[:20]:
        name = next(iter(about.texts(node, f"{VCARD}fn").values()), "")
        mails = [iri.removeprefix("mailto:") for iri in about.iris(node, f"{VCARD}hasEmail")]
        contact: dict[str, Any] = {"name": name or record.publisher_name or record.publisher}
        if mails:
            contact["emails"] = [{"value": mail} for mail in mails]
        pages = about.iris(node, f"{VCARD}hasURL")
        if pages:
            contact["links"] = [{"rel": "about", "href": page, "type": "text/html"} for page in pages]
        yield {**contact, "roles": ["pointOfContact"]}


def _licence(names: tuple[str, ...]) -> str:
    """Return the licences as SPDX has them (§7.1), else ``other``."""
    if not names:
        return ""
    known = [name for name in names if LICENCES.find(name) and _SPDX.fullmatch(name)]
    return " AND ".join(known) if len(known) == len(names) else "other"


def _geometry(edges: Any) -> Mapping[str, Any] | None:
    try:
        west, south, east, north = (float(edge) for edge in edges)
    except (TypeError, ValueError):
        return None
    if (west, south) == (east, north):
        return {"type": "Point", "coordinates": [west, south]}
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def _time(days: Any) -> Mapping[str, Any] | None:
    if days is None:
        return None
    return {"interval": [".." if day is None else day.isoformat() for day in days]}
