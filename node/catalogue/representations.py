"""Content negotiation, and feed pages in each syntax.

Feed pages are written as N-Quads, and converted to the other syntaxes statement by statement. Syntaxes without
named graphs (Turtle, N-Triples) would mix the descriptions of several versions of one asset. So the asset is renamed
to the version there: LDES calls this version objects. This is another form of the page, with an address of its own
that has it in every syntax.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from node.base.errors import NotAcceptable
from node.catalogue.nquads import (
    iri_of,
    is_blank,
    is_iri,
    language_of,
    line,
    statements,
    text_of,
)
from node.semantics.documents import JSON_LD, N_QUADS, N_TRIPLES, RDF_XML, TRIG, TURTLE, serialise
from node.vocab.namespaces import RDF

HTML: Final = "text/html"
JSON: Final = "application/json"

RECORD_TYPES: Final = (TURTLE, JSON_LD, N_TRIPLES, N_QUADS, RDF_XML, JSON)
"""The formats in which machines read a record; the first is the default."""

FORMATS: Final[Mapping[str, str]] = MappingProxyType(
    {"ttl": TURTLE, "jsonld": JSON_LD, "nt": N_TRIPLES, "nq": N_QUADS, "rdf": RDF_XML, "json": JSON}
)
"""Names of these formats in addresses (``?format=ttl``)."""

FEED_TYPES: Final = (N_QUADS, TRIG, JSON_LD, TURTLE, N_TRIPLES)
"""The formats of the feed."""

WITHOUT_GRAPHS: Final = frozenset({TURTLE, N_TRIPLES})
"""Of these, the syntaxes that show a page of members as version objects."""

VARY: Final = "Accept, Accept-Language, Authorization, Cookie"
"""The request headers that an answer of the catalogue may depend on."""

_CROISSANT = re.compile(
    r'application/ld\+json\s*;\s*profile="http://mlcommons\.org/croissant/[0-9.]+"', re.IGNORECASE
)
_RANGE = re.compile(r"\s*([A-Za-z0-9!#$&^_.+*-]+/[A-Za-z0-9!#$&^_.+*-]+)\s*(;[^,]*)?")
_QUALITY = re.compile(r";\s*[qQ]\s*=\s*([01](?:\.[0-9]{0,3})?)\s*(?:;|$)")
_DATATYPE = re.compile(r'"\^\^<([^>]*)>$')


def negotiate(accept: str | None) -> str:
    """Return the media type for a record: ``text/html`` for browsers, else one of ``RECORD_TYPES``. Raises
    ``NotAcceptable``."""
    return acceptable(accept, (*RECORD_TYPES, HTML))


def asks_for_croissant(accept: str | None) -> bool:
    """Return whether an Accept header names Croissant, which is JSON-LD with a profile (RFC 6906)."""
    return _CROISSANT.search((accept or "")[:2000]) is not None


def acceptable(accept: str | None, media_types: Sequence[str]) -> str:
    """Return the media type in ``media_types`` that fits an Accept header best; the first if the header is
    unreadable.

    Raises ``NotAcceptable`` if none fits (RFC 9110 §12.4.1).
    """
    media_type, quality = _best(accept, media_types)
    if quality == 0.0 and _ranges(accept):
        raise NotAcceptable(
            "the Accept header names none of the formats of this address", remedy=f"one of: {', '.join(media_types)}"
        )
    return media_type


def language_in(accept_language: str | None) -> str:
    """Return the language that a reader prefers most, as a primary subtag; English if none is named (RFC 9110
    §12.5.4)."""
    best, best_quality = "en", 0.0
    for part in (accept_language or "")[:500].split(",")[:20]:
        tag, _, parameters = part.strip().partition(";")
        weight = _QUALITY.search(";" + parameters) if parameters else None
        quality = float(weight.group(1)) if weight else 1.0
        primary = tag.strip().lower().partition("-")[0]
        if quality > best_quality and primary.isascii() and primary.isalpha() and len(primary) <= 3:
            best, best_quality = primary, quality
    return best


def choose(accept: str | None, media_types: Sequence[str]) -> str:
    """Return the media type in ``media_types`` that fits an Accept header best (RFC 9110 §12.5.1), else the first.

    For answers with two forms: a reader who cannot use the first form is no worse off with it than with an error.
    """
    return _best(accept, media_types)[0]


def _best(accept: str | None, media_types: Sequence[str]) -> tuple[str, float]:
    """Return the best media type and its quality. The most specific range decides on the quality of a type; among
    equals the order of ``media_types`` decides."""
    ranges = _ranges(accept)
    best, best_quality = media_types[0], 0.0
    for media_type in media_types:
        quality = _quality(media_type, ranges)
        if quality > best_quality:
            best, best_quality = media_type, quality
    return best, best_quality


def _ranges(accept: str | None) -> list[tuple[str, float]]:
    """Return the media ranges of an Accept header, with their qualities; leave out parts that are not a range."""
    ranges: list[tuple[str, float]] = []
    for part in (accept or "*/*")[:2000].split(",")[:40]:
        match = _RANGE.fullmatch(part)
        if match:
            weight = _QUALITY.search(match.group(2) or "")
            ranges.append((match.group(1).lower(), float(weight.group(1)) if weight else 1.0))
    return ranges


def _quality(media_type: str, ranges: Sequence[tuple[str, float]]) -> float:
    for pattern in (media_type, media_type.partition("/")[0] + "/*", "*/*"):
        fitting = [quality for media_range, quality in ranges if media_range == pattern]
        if fitting:
            return max(fitting)
    return 0.0


def feed_body(nquads: bytes, media_type: str, *, versions: bool = False) -> bytes:
    """Return a feed page in the syntax of ``media_type``, one of ``FEED_TYPES``; ``versions``: as version objects."""
    if versions and media_type not in WITHOUT_GRAPHS:
        nquads = version_objects(nquads)
    if media_type == TRIG:
        return _trig(nquads)
    if media_type == JSON_LD:
        return _json_ld(nquads)
    if media_type in (TURTLE, N_TRIPLES):
        return serialise(version_objects(nquads), media_type)
    return nquads


def version_objects(nquads: bytes) -> bytes:
    """Return a page as triples: in each member's description, the asset as subject is renamed to the version."""
    lines: dict[str, None] = {}
    for statement in statements(nquads):
        asset = statement.graph.rpartition("#")[0] + ">"
        subject = statement.graph if statement.graph and statement.subject == asset else statement.subject
        lines[line(subject, statement.predicate, statement.object)] = None
    return "".join(f"{triple}\n" for triple in lines).encode()


def _trig(nquads: bytes) -> bytes:
    # Every N-Triples statement is a Turtle statement, so a graph is its statements between braces.
    pieces: list[str] = []
    graph = ""
    for statement in statements(nquads):
        if statement.graph != graph:
            pieces.append(("}\n" if graph else "") + (f"{statement.graph} {{\n" if statement.graph else ""))
            graph = statement.graph
        pieces.append(line(statement.subject, statement.predicate, statement.object) + "\n")
    return ("".join(pieces) + ("}\n" if graph else "")).encode()


def _json_ld(nquads: bytes) -> bytes:
    """Return expanded JSON-LD 1.1, with one object for each subject and one ``@graph`` for each member."""
    graphs: dict[str, dict[str, dict[str, Any]]] = {"": {}}
    for statement in statements(nquads):
        nodes = graphs.setdefault(statement.graph, {})
        node = nodes.setdefault(statement.subject, {"@id": _id(statement.subject)})
        predicate = iri_of(statement.predicate)
        if predicate == f"{RDF}type":
            node.setdefault("@type", []).append(_id(statement.object))
        else:
            node.setdefault(predicate, []).append(_json_value(statement.object))
    document: list[dict[str, Any]] = list(graphs.pop("").values())
    document += [{"@id": _id(graph), "@graph": list(nodes.values())} for graph, nodes in graphs.items()]
    return json.dumps(document, ensure_ascii=False, indent=1).encode()


def _id(term: str) -> str:
    return iri_of(term) if is_iri(term) else term


def _json_value(term: str) -> dict[str, str]:
    if is_iri(term) or is_blank(term):
        return {"@id": _id(term)}
    value = {"@value": text_of(term)}
    if language := language_of(term):
        return {**value, "@language": language}
    datatype = _DATATYPE.search(term)
    return {**value, "@type": datatype.group(1)} if datatype else value
