"""Other records that describe the same asset, as lists and pages name them."""

from __future__ import annotations

from typing import Any

from node.catalogue.model import Record
from node.texts.languages import pick


def source_name(record: Record, language: str) -> str:
    """Return where ``record`` is from: the title or address of a harvested catalogue, else the publisher."""
    origin = record.harvest_origin
    if origin is None:
        return record.publisher_name or record.publisher
    return pick(dict(origin.title), language)[0] if origin.title else origin.source


def copy_json(record: Record, language: str) -> dict[str, Any]:
    """Return ``record`` in the list of other descriptions of an asset: its address here and at its source."""
    origin = record.harvest_origin
    return {
        "iri": record.iri,
        "subject": record.subject,
        "title": record.title(language),
        "name": source_name(record, language),
        "source": origin.source if origin else None,
        "publisher": record.publisher,
        "origin": record.origin,
    }
