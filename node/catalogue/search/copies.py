"""Other records that describe the same asset, as lists and pages name them."""

from __future__ import annotations

from typing import Any

from node.catalogue.model import Record
from node.texts.languages import pick


def source_name(record: Record, language: str) -> str:
    """Return where ``record`` is from: the title or address of a harvested catalogue, else the publisher."""
    harvested = record.harvest_origin
    if harvested is None:
        return record.publisher_name or record.publisher
    return pick(dict(harvested.title), language)[0] if harvested.title else harvested.source


def copy_json(record: Record, language: str) -> dict[str, Any]:
    """Return ``record`` in the list of other descriptions of an asset: its address here and at its source."""
    harvested = record.harvest_origin
    return {
        "iri": record.iri,
        "subject": record.subject,
        "title": record.title(language),
        "name": source_name(record, language),
        "source": harvested.source if harvested else None,
        "publisher": record.publisher,
        "origin": record.origin,
    }
