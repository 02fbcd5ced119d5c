"""The engine's parser without our scans: what a weakness that nobody knows yet would look like."""

from __future__ import annotations

from typing import Any

from pyoxigraph import RdfFormat, parse

from node.base.errors import InvalidInput


def parse_raw(message: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    try:
        quads = list(parse(blobs[0], format=RdfFormat.from_media_type(message["mediaType"]), base_iri="http://x/"))
    except SyntaxError as error:
        raise InvalidInput(str(error)) from error
    return {"count": len(quads)}, []
