"""Atom feeds (RFC 4287) of records."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

from starlette.responses import Response

from node.base.clock import stamp
from node.catalogue.model import Record
from node.portal.visit import Visit
from node.texts.languages import pick

_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def atom_feed(visit: Visit, *, title: str, path: str, records: Sequence[Record], own: str = "") -> str:
    """Return the feed of ``records``, which is about the page at ``path``; ``own`` is the path of the feed itself,
    empty for a feed whose address is a secret."""
    base = visit.settings.public_url.rstrip("/")
    entries = []
    for record in records:
        name, _ = pick(record.titles, visit.language)
        text, _ = pick(record.descriptions, visit.language)
        link = base + visit.asset(record).removeprefix(visit.settings.prefix)
        entries.append(
            f"<entry><id>{xml_text(record.version_iri)}</id><title>{xml_text(name or record.iri)}</title>"
            f'<link href="{xml_attribute(link)}"/><updated>{stamp(record.at)}</updated>'
            f'<category term="{xml_attribute(record.kind)}"/>'
            f"<author><name>{xml_text(record.publisher_name or record.publisher)}</name></author>"
            f"<summary>{xml_text(text)}</summary></entry>"
        )
    update_time = max((record.at for record in records), default=visit.now)
    itself = f'<link rel="self" href="{xml_attribute(base + own)}"/>' if own else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="{visit.language}">'
        f"<id>{xml_text(base + (own or path))}</id><title>{xml_text(title)}</title>"
        f"<updated>{stamp(update_time)}</updated>"
        f'{itself}<link href="{xml_attribute(base + path)}"/>{"".join(entries)}</feed>\n'
    )


def feed_response(text: str, cache_control: str) -> Response:
    """Return the response with a feed."""
    response = Response(
        text.encode("utf-8", errors="replace"), headers={"Content-Type": "application/atom+xml; charset=utf-8"}
    )
    response.headers["Cache-Control"] = cache_control
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def xml_text(text: str) -> str:
    """Return ``text`` for the content of an element. A character that XML cannot have becomes U+FFFD."""
    return escape(_NOT_XML.sub("\ufffd", text))


def xml_attribute(text: str) -> str:
    """Return ``text`` for the value of an attribute."""
    return xml_text(text).replace('"', "&quot;")
