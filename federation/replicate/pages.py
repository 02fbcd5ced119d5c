"""Pages of an event stream, read from N-Quads (LDES 1.0, TREE) without trusting their content.

Only text work on lines of a fixed form: no RDF engine parses a stranger's data. Limits are part of reading; a page
beyond them is hostile or broken, and is refused as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from node.api import (
    DCT,
    FOAF,
    HANSA,
    LDES,
    PROV,
    RDF,
    TREE,
    InvalidInput,
    Statement,
    iri_of,
    is_blank,
    is_iri,
    read_hash,
    readable_statements,
    text_of,
)

MAX_BYTES = 16 << 20
MAX_MEMBERS = 1_000
MAX_RELATIONS = 5_000
MAX_POSITION = 2**53

_POSITION = f"{HANSA}position"
_NEAR = f"{FOAF}based_near"
_LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
_CENTRE = "http://www.w3.org/ns/dcat#centroid"
_POINT = re.compile(r"POINT\((-?[0-9]{1,3}(?:\.[0-9]{1,12})?) (-?[0-9]{1,2}(?:\.[0-9]{1,12})?)\)")
_LONGEST_PLACE = 80
_INTEGER = re.compile(r'"(0|[1-9][0-9]{0,15})"\^\^<http://www\.w3\.org/2001/XMLSchema#integer>')


@dataclass(frozen=True, slots=True)
class Relation:
    """A link to another page, and the positions that can be on it: from ``first`` up to before ``end``."""

    url: str
    first: int = 0
    end: int | None = None


@dataclass(frozen=True, slots=True)
class MemberText:
    """The text of a page about a member. Everything is unverified; ``trouble`` is set if it cannot be read."""

    iri: str
    position: int | None
    envelope: str
    sha256: str
    version_of: str
    nquads: bytes
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a feed. ``is_root``: it describes the stream itself."""

    url: str
    is_root: bool
    immutable: bool
    relations: tuple[Relation, ...]
    members: tuple[MemberText, ...]
    audience: str = ""
    head: str = ""
    publisher: str = ""
    publisher_name: str = ""
    publisher_place: Mapping[str, str | float] = field(default_factory=dict)
    polling: int | None = None
    consistency: str = ""
    leaves: tuple[bytes, ...] = ()
    """The leaf hashes of all positions of the page in their order, including those of members taken off it."""


@dataclass(slots=True)
class _Facts:
    """The default graph by subject and predicate, the named graphs by name."""

    about: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    graphs: dict[str, list[Statement]] = field(default_factory=dict)

    def values(self, subject: str, predicate: str) -> list[str]:
        return self.about.get(subject, {}).get(predicate, [])

    def only(self, subject: str, predicate: str) -> str:
        """Return the only value; an empty text if there is none, or more than one."""
        values = self.values(subject, predicate)
        return values[0] if len(values) == 1 else ""


def read_page(url: str, body: bytes) -> Page:
    """Return the page at ``url``. Raises ``InvalidInput`` if the text is not a page, or exceeds the limits.

    A malformed member affects only itself: it is returned with its ``trouble``.
    """
    if len(body) > MAX_BYTES:
        raise InvalidInput("the page is larger than a page of a feed may be")
    facts = _facts(body)
    node = f"<{url}>"
    streams = [subject for subject, about in facts.about.items() if node in about.get(f"{TREE}view", ())]
    if len(streams) > 1:
        raise InvalidInput("the page states that it is the view of several streams")
    stream = streams[0] if streams else ""
    relations = _relations(facts, node)
    members = _members(facts)
    publisher = facts.only(stream, f"{DCT}publisher") if stream else ""
    polling = _integer(facts.only(stream, f"{LDES}pollingInterval")) if stream else None
    return Page(
        url=url,
        is_root=bool(stream),
        immutable=_text(facts.only(node, f"{LDES}immutable")) in ("true", "1"),
        relations=tuple(relations),
        members=tuple(members),
        audience=_text(facts.only(node, f"{HANSA}audience")),
        head=_text(facts.only(node, f"{HANSA}head")),
        publisher=iri_of(publisher) if is_iri(publisher) else "",
        publisher_name=_text(facts.only(publisher, f"{FOAF}name")) if publisher else "",
        publisher_place=_place(facts, publisher) if publisher else {},
        polling=polling,
        consistency=iri_of(proofs) if is_iri(proofs := facts.only(node, f"{HANSA}consistency")) else "",
        leaves=_leaves(_text(facts.only(node, f"{HANSA}leaves"))),
    )


def _place(facts: _Facts, publisher: str) -> dict[str, str | float]:
    """Return the place that the publisher states, as ``Followed.place`` has it; empty for none, and for nonsense."""
    location = facts.only(publisher, _NEAR)
    name = " ".join(_text(facts.only(location, _LABEL)).split()) if location else ""
    point = _POINT.fullmatch(_text(facts.only(location, _CENTRE))) if name else None
    if point is None or len(name) > _LONGEST_PLACE:
        return {}
    longitude, latitude = float(point[1]), float(point[2])
    if abs(longitude) > 180 or abs(latitude) > 90:
        return {}
    return {"name": name, "longitude": longitude, "latitude": latitude}


def _leaves(text: str) -> tuple[bytes, ...]:
    hashes = text.split()
    if len(hashes) > MAX_MEMBERS:
        raise InvalidInput(f"the page lists more than {MAX_MEMBERS} leaves")
    return tuple(read_hash(digest) for digest in hashes)


def within(url: str, base: str) -> bool:
    """Return whether ``url`` lies below ``base``, on the same host and port, without tricks in its path."""
    parts, root = urlsplit(url), urlsplit(base)
    plain = parts.scheme == root.scheme and parts.netloc == root.netloc and not parts.query and not parts.fragment
    segments = parts.path.split("/")
    return plain and url.startswith(base.rstrip("/") + "/") and ".." not in segments and "." not in segments


def _facts(body: bytes) -> _Facts:
    facts = _Facts()
    # A line that is not a statement only affects the member it belonged to: the hash of that member then differs.
    for triple in readable_statements(body.decode("utf-8", errors="replace")):
        subject, predicate, value, graph = triple
        if graph:
            facts.graphs.setdefault(graph, []).append(triple)
        else:
            facts.about.setdefault(subject, {}).setdefault(iri_of(predicate), []).append(value)
    return facts


def _relations(facts: _Facts, node: str) -> Iterable[Relation]:
    bounds: dict[str, list[int | None]] = {}
    names = facts.values(node, f"{TREE}relation")
    if len(names) > MAX_RELATIONS:
        raise InvalidInput(f"the page has more than {MAX_RELATIONS} relations")
    for name in names:
        target = facts.only(name, f"{TREE}node")
        if not is_iri(target):
            raise InvalidInput("a relation does not have exactly one tree:node")
        limits = bounds.setdefault(iri_of(target), [0, None])
        kind, path = facts.only(name, f"{RDF}type"), facts.only(name, f"{TREE}path")
        value = _integer(facts.only(name, f"{TREE}value"))
        # Relations to one node apply together (TREE: "and"); relations on other paths restrict nothing for us.
        if path != f"<{_POSITION}>" or value is None:
            continue
        if kind == f"<{TREE}GreaterThanOrEqualToRelation>":
            limits[0] = max(limits[0] or 0, value)
        elif kind == f"<{TREE}LessThanRelation>":
            limits[1] = value if limits[1] is None else min(limits[1], value)
    return [Relation(url, first or 0, end) for url, (first, end) in bounds.items()]


def _members(facts: _Facts) -> Iterable[MemberText]:
    iris = dict.fromkeys(value for about in facts.about.values() for value in about.get(f"{TREE}member", ()))
    if len(iris) > MAX_MEMBERS:
        raise InvalidInput(f"the page has more than {MAX_MEMBERS} members")
    members = [_member(facts, term) for term in iris]
    return sorted(members, key=lambda member: (member.position is None, member.position or 0, member.iri))


def _member(facts: _Facts, term: str) -> MemberText:
    position = _integer(facts.only(term, _POSITION))
    version_of = facts.only(term, f"{DCT}isVersionOf")
    trouble = ""
    nquads = b""
    if not is_iri(term):
        trouble = "a member has no IRI"
    elif position is None:
        trouble = "the member has no position"
    elif not facts.only(term, f"{PROV}generatedAtTime"):
        trouble = "the member has no time"
    else:
        try:
            nquads = _description(facts.graphs.get(term, []), position)
        except InvalidInput as error:
            trouble = error.detail
    return MemberText(
        iri=iri_of(term) if is_iri(term) else term,
        position=position,
        envelope=_text(facts.only(term, f"{HANSA}envelope")),
        sha256=_text(facts.only(term, f"{HANSA}sha256")),
        version_of=iri_of(version_of) if is_iri(version_of) else "",
        nquads=nquads,
        trouble=trouble,
    )


def _description(graph: Iterable[Statement], position: int) -> bytes:
    """Return the canonical description from the named graph on the page; blank nodes get their original names."""
    prefix = f"_:m{position}"

    def old(term: str) -> str:
        if not is_blank(term):
            return term
        if not term.startswith(f"{prefix}c14n"):
            raise InvalidInput("a blank node of the member has a name that belongs to another member")
        return "_:" + term.removeprefix(prefix)

    lines = [f"{old(subject)} {predicate} {old(value)} .\n" for subject, predicate, value, _ in graph]
    return "".join(lines).encode()


def _integer(term: str) -> int | None:
    found = _INTEGER.fullmatch(term)
    value = int(found.group(1)) if found else None
    return value if value is not None and value <= MAX_POSITION else None


def _text(term: str) -> str:
    return text_of(term) if term.startswith('"') else ""
