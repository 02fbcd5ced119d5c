"""Information for machines on an asset's page: structured data for search engines, and links in its header."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from node.catalogue.model import Record
from node.portal.description.content import Distribution
from node.portal.description.schema_org import schema_org_json, signposts
from node.portal.description.triples import Description
from node.portal.visit import Visit

if TYPE_CHECKING:
    from node.portal.responder import Responder


def structured_data(
    responder: Responder, visit: Visit, record: Record, description: Description, forms: Sequence[Distribution]
) -> str:
    """Return the asset in schema.org terms; empty if it is not a dataset. ``forms`` are its distributions."""
    return schema_org_json(
        record,
        description,
        forms,
        page=_absolute(responder, visit.asset(record)),
        catalogue=_absolute(responder, visit.url("/catalog")),
        language=visit.language,
    )


def links(
    responder: Responder,
    visit: Visit,
    record: Record,
    description: Description,
    forms: Sequence[Distribution],
    *,
    formats: Mapping[str, str],
    files: Mapping[str, str],
) -> str:
    """Return the ``Link`` header of the page. ``formats``: ending of an address of the record → media type.
    ``files``: address of a file that anyone may download → media type."""
    return signposts(
        record,
        description,
        forms,
        formats={
            _absolute(responder, visit.url(f"/record.{ending}", iri=record.iri)): media_type
            for ending, media_type in formats.items()
        },
        files=[(_absolute(responder, address), media_type) for address, media_type in files.items()],
        catalogue=_absolute(responder, visit.url("/catalog")),
    )


def _absolute(responder: Responder, address: str) -> str:
    """Return an address of this portal, or of another node, as an absolute URL."""
    if not address.startswith("/"):
        return address
    return responder.settings.public_url.rstrip("/") + address.removeprefix(responder.settings.prefix)
