"""RDF documents in and out, and the canonical form that is hashed and signed.

``parse`` and ``canonical`` read documents of strangers: they run in the cage, except on this node's own data. The
cheap scans here refuse most harmful documents before a parser sees them; the limits of the child bound the rest.
``serialise``, ``quads`` and ``relabel`` handle canonical N-Quads of our own making and may run anywhere. Literals
keep their lexical form throughout: a ``Dataset`` keeps it, a ``Store`` would not.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pyoxigraph import (
    BlankNode,
    CanonicalizationAlgorithm,
    Dataset,
    Literal,
    NamedNode,
    Quad,
    RdfFormat,
    Triple,
)
from pyoxigraph import parse as read_quads
from pyoxigraph import serialize as write_quads

from node.base.errors import InvalidInput, TooLarge, UnsupportedMediaType
from node.base.jsons import read_json
from node.semantics.canonical_cost import nodes_alike
from node.semantics.contexts import with_contexts_in_place
from node.semantics.writing import json_ld, turtle, used_prefixes
from node.vocab.namespaces import PREFIXES

TURTLE: Final = "text/turtle"
JSON_LD: Final = "application/ld+json"
N_TRIPLES: Final = "application/n-triples"
N_QUADS: Final = "application/n-quads"
TRIG: Final = "application/trig"
RDF_XML: Final = "application/rdf+xml"


@dataclass(frozen=True, slots=True)
class Syntax:
    """One way of writing RDF: its name for people, the engine's format, the endings of its files."""

    name: str
    format: RdfFormat
    suffixes: tuple[str, ...]


MEDIA_TYPES: Final[Mapping[str, Syntax]] = {
    TURTLE: Syntax("Turtle", RdfFormat.TURTLE, (".ttl",)),
    JSON_LD: Syntax("JSON-LD", RdfFormat.JSON_LD, (".jsonld",)),
    N_TRIPLES: Syntax("N-Triples", RdfFormat.N_TRIPLES, (".nt",)),
    N_QUADS: Syntax("N-Quads", RdfFormat.N_QUADS, (".nq",)),
    TRIG: Syntax("TriG", RdfFormat.TRIG, (".trig",)),
    RDF_XML: Syntax("RDF/XML", RdfFormat.RDF_XML, (".rdf", ".owl")),
}

GRAPH_FILES: Final[Mapping[str, RdfFormat]] = {
    ".ttl": RdfFormat.TURTLE,
    ".nt": RdfFormat.N_TRIPLES,
    ".rdf": RdfFormat.RDF_XML,
    ".xml": RdfFormat.RDF_XML,
    ".jsonld": RdfFormat.JSON_LD,
}
"""The endings of files that have one graph, as operators give them to a node."""

MAX_BYTES: Final = 16 << 20
MAX_JSON_DEPTH: Final = 64
MAX_QUADS: Final = 500_000
MAX_LITERAL: Final = 1 << 20
MAX_IRI: Final = 2048

_DOCTYPE: Final = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_ENCODING: Final = re.compile(rb"""^\s*<\?xml[^>]*\bencoding\s*=\s*["']([^"']*)["']""")
_OWL_XML: Final = re.compile(
    rb"\A\s*(?:<\?[^>]{0,200}\?>\s*|<!--(?:(?!-->).){0,2000}-->\s*|<!DOCTYPE[^\[>]{0,200}(?:\[[^\]]{0,5000}\])?\s*>\s*){0,8}"
    rb"<(?:\w{1,20}:)?Ontology[\s>]",
    re.DOTALL,
)
_XML_NAME_AT_END: Final = re.compile(r"[^\W\d][\w.-]*$")
_NOT_IN_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_PLACE: Final = re.compile(
    r"^Parser error (?:at|between) line \d+(?: columns? \d+| between columns \d+ and \d+)?"
    r"(?: and line \d+ column \d+)?: "
)


def syntax_of(media_type: str) -> Syntax:
    """Return the syntax of ``media_type`` (parameters do not matter). Raises ``UnsupportedMediaType``."""
    syntax = MEDIA_TYPES.get(media_type.partition(";")[0].strip().lower())
    if syntax is None:
        raise UnsupportedMediaType(
            f"{media_type or 'a body without media type'} is not a format of RDF that this node reads",
            remedy="send one of " + ", ".join(MEDIA_TYPES),
        )
    return syntax


def parse(
    body: bytes,
    media_type: str,
    *,
    base: str,
    named_graphs: bool = False,
    max_bytes: int = MAX_BYTES,
) -> Dataset:
    """Return the dataset that ``body`` describes, relative IRIs resolved against ``base``.

    ``named_graphs`` admits more than the default graph; a description is one graph, and only the node decides which
    graph stores it. Nothing is fetched. Raises ``UnsupportedMediaType``, ``TooLarge``, and ``InvalidInput`` with line
    and column if the parser reports them.
    """
    syntax = syntax_of(media_type)
    if len(body) > max_bytes:
        raise TooLarge(f"the document is larger than {max_bytes >> 20} MB", remedy="send it in parts")
    body = scan(body, syntax)
    dataset = Dataset()
    try:
        for quad in read_quads(body, format=syntax.format, base_iri=base, without_named_graphs=not named_graphs):
            if len(dataset) >= MAX_QUADS:
                raise TooLarge(
                    f"the document has more than {MAX_QUADS} statements, which is the limit",
                    remedy="send it in parts",
                )
            _check_term(quad.subject)
            _check_term(quad.object)
            dataset.add(quad)
    except SyntaxError as error:
        raise unreadable(error, syntax) from error
    return dataset


def canonical(dataset: Dataset) -> tuple[bytes, str]:
    """Return the canonical form of ``dataset`` (RDFC-1.0, N-Quads sorted by code point) and its SHA-256.

    Blank nodes that look alike would take factorial time: if there are too many to be numbered, raises
    ``InvalidInput``. The child has limits, too. ``dataset`` is not changed.
    """
    quads = list(dataset)
    alike = nodes_alike(quads)
    if alike:
        raise InvalidInput(
            f"the document has {alike} blank nodes that cannot be told apart",
            remedy="give the things that it describes their own IRIs",
            facts={"case": "alike-nodes", "alike": alike},
        )
    copy = Dataset(quads)
    copy.canonicalize(CanonicalizationAlgorithm.RDFC_1_0)
    lines = _write(copy, RdfFormat.N_QUADS, {}).split(b"\n")
    lines.sort()
    nquads = b"".join(line + b"\n" for line in lines if line)
    return nquads, hashlib.sha256(nquads).hexdigest()


def quads(nquads: bytes) -> list[Quad]:
    """Return the statements of canonical N-Quads that this node wrote, in their order."""
    return list(read_quads(nquads, format=RdfFormat.N_QUADS))


def relabel(nquads: bytes, scope: str) -> list[Triple]:
    """Return the statements, with blank nodes named after ``scope`` (the record's IRI), so that no two records share
    one.

    The same record and label always give the same name: a repetition changes nothing.
    """
    prefix = "b" + hashlib.sha256(scope.encode()).hexdigest()[:20]
    nodes: dict[str, BlankNode] = {}

    def own(term: Any) -> Any:
        if not isinstance(term, BlankNode):
            return term
        return nodes.setdefault(term.value, BlankNode(prefix + term.value))

    statements = quads(nquads)
    if b"_:" not in nquads:
        return [quad.triple for quad in statements]
    return [Triple(own(quad.subject), quad.predicate, own(quad.object)) for quad in statements]


def serialise(nquads: bytes, media_type: str, *, prefixes: Mapping[str, str] = PREFIXES) -> bytes:
    """Return canonical N-Quads of our own making as a document of ``media_type``, for readers.

    Turtle and JSON-LD use the ``prefixes`` that occur, and nest blank nodes. Raises ``UnsupportedMediaType``.
    """
    if syntax_of(media_type).format == RdfFormat.N_QUADS:
        return nquads
    return serialize([quad.triple for quad in quads(nquads)], media_type, prefixes=prefixes)


def serialise_together(parts: Iterable[tuple[bytes, str]], media_type: str) -> bytes:
    """Return several canonical documents as one of ``media_type``. Each has the scope of its blank nodes; what
    several of them state, such as the name of their publisher, is written once.

    RDF/XML lacks the statements that it cannot express; the other statements are still written.
    """
    statements = list(dict.fromkeys(triple for nquads, scope in parts for triple in relabel(nquads, scope)))
    if syntax_of(media_type).format == RdfFormat.RDF_XML:
        statements = list(filter(_fits_xml, statements))
    return serialize(statements, media_type)


def serialize(statements: list[Triple], media_type: str, *, prefixes: Mapping[str, str] = PREFIXES) -> bytes:
    """Return ``statements`` of one graph as a document of ``media_type``.

    Raises ``UnsupportedMediaType``, also if the syntax cannot express a statement.
    """
    syntax = syntax_of(media_type)
    if syntax.format == RdfFormat.TURTLE:
        return turtle(statements, prefixes).encode()
    if syntax.format == RdfFormat.JSON_LD:
        return json_ld(statements, prefixes)
    if syntax.format == RdfFormat.RDF_XML:
        _check_fits_xml(statements)
    return _write(statements, syntax.format, used_prefixes(statements, prefixes))


def caged_parse(message: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``semantics.parse`` of the cage: parse a document, return its canonical form.

    ``message``: ``mediaType``, ``base``, and optionally ``namedGraphs``, ``maxBytes``; one blob, the document.
    Returns ``{"sha256", "statements"}`` and one blob, the canonical N-Quads.
    """
    dataset = parse(
        blobs[0],
        message["mediaType"],
        base=message["base"],
        named_graphs=bool(message.get("namedGraphs", False)),
        max_bytes=int(message.get("maxBytes", MAX_BYTES)),
    )
    nquads, sha256 = canonical(dataset)
    return {"sha256": sha256, "statements": len(dataset)}, [nquads]


def _fits_xml(statement: Triple) -> bool:
    # RDF/XML cannot express two things that RDF has: properties whose IRI does not end in an XML name, and text with
    # control characters. If an engine writes them anyway, no XML parser can read the result.
    text = statement.object.value if isinstance(statement.object, Literal) else ""
    return _XML_NAME_AT_END.search(statement.predicate.value) is not None and not _NOT_IN_XML.search(text)


def _check_fits_xml(statements: list[Triple]) -> None:
    for statement in statements:
        if not _fits_xml(statement):
            raise UnsupportedMediaType(
                f"this description cannot be written as RDF/XML (it says {statement.predicate.value})",
                remedy="ask for text/turtle or application/ld+json",
            )


def _write(statements: Any, syntax: RdfFormat, prefixes: dict[str, str]) -> bytes:
    written = write_quads(statements, format=syntax, prefixes=prefixes)
    assert written is not None  # no output was named, so the bytes come back
    return written


def scan(body: bytes, syntax: Syntax) -> bytes:
    """Return ``body`` without byte order mark, after the scans that need no parser."""
    body = body.removeprefix(b"\xef\xbb\xbf")
    if b"\x00" in body:
        raise InvalidInput("the document contains a NUL character", remedy="send text in UTF-8")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise InvalidInput(
            f"the document is not UTF-8: line {line} has an invalid byte",
            remedy="save the file as UTF-8",
            facts={"line": line},
        ) from error
    if syntax.format == RdfFormat.RDF_XML:
        _scan_xml(body)
    elif syntax.format == RdfFormat.JSON_LD:
        return _scanned_json(body)
    return body


def _scan_xml(body: bytes) -> None:
    if _OWL_XML.match(body):
        raise InvalidInput(
            "the document is OWL/XML, which is no syntax of RDF",
            remedy="save it as Turtle or RDF/XML, for example in Protégé",
        )
    if _DOCTYPE.search(body):
        raise InvalidInput(
            "the XML has a document type declaration, which this node does not read",
            remedy="remove <!DOCTYPE …> and write the namespaces in full",
        )
    encoding = _ENCODING.match(body)
    if encoding and encoding[1].upper() not in (b"UTF-8", b"US-ASCII", b"ASCII"):
        raise InvalidInput(
            f"the XML states that it is in {encoding[1][:40].decode(errors='replace')}, not UTF-8",
            remedy='save the file as UTF-8 and write encoding="UTF-8"',
        )


def _scanned_json(body: bytes) -> bytes:
    try:
        document = read_json(body, max_depth=MAX_JSON_DEPTH)
    except InvalidInput as error:
        cause = error.__cause__
        facts = {"line": cause.lineno, "column": cause.colno} if isinstance(cause, json.JSONDecodeError) else {}
        raise InvalidInput(
            error.detail.replace("the body", "the document", 1),
            remedy="send one JSON-LD document in UTF-8",
            facts=facts,
        ) from error
    placed, changed = with_contexts_in_place(document)
    return json.dumps(placed, ensure_ascii=False).encode() if changed else body


def _check_term(term: Any) -> None:
    if isinstance(term, NamedNode):
        if len(term.value) > MAX_IRI:
            raise InvalidInput(
                f"an IRI is longer than {MAX_IRI} characters: {term.value[:80]}…", remedy="use a shorter IRI"
            )
    elif isinstance(term, Literal):
        if len(term.value) > MAX_LITERAL:
            raise TooLarge(f"a literal is longer than {MAX_LITERAL >> 20} MB", remedy="publish long texts as files")
        if term.direction is not None:
            raise InvalidInput(
                "a text has a base direction; this is RDF 1.2, which this node does not read",
                remedy="write only the language tag",
            )
    elif isinstance(term, Triple):
        raise InvalidInput(
            "the document quotes triples; this is RDF 1.2, which this node does not read",
            remedy="use reification instead",
        )


def unreadable(error: SyntaxError, syntax: Syntax) -> InvalidInput:
    """Return the parser's error with line and column as an ``InvalidInput``."""
    message = _PLACE.sub("", error.msg or "").strip() or "it is not well-formed"
    if "Named graphs are not allowed" in message:
        return InvalidInput(
            f"the {syntax.name} puts statements into named graphs; a description is one graph",
            remedy="remove the graph names: the node decides where it stores a description",
        )
    place, facts = "", {}
    if error.lineno:
        place, facts = f" at line {error.lineno}", {"line": error.lineno}
        if error.offset:
            place, facts = f"{place}, column {error.offset}", {**facts, "column": error.offset}
    return InvalidInput(
        f"the {syntax.name} cannot be read{place}: {message[:300]}",
        remedy=f"correct the error there, or check that the document is {syntax.name}",
        facts=facts,
    )


def is_readable_iri(text: str) -> bool:
    """Return whether our reader of RDF takes ``text`` as an absolute IRI (RFC 3987): in a document with another one
    nothing can be read."""
    try:
        NamedNode(text)
    except ValueError:
        return False
    return True
