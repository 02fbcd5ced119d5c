"""Read a page of an event stream of others (LDES, W3C TREE): versions of records, and the pages that follow.

A member is a version of a record. Of several versions in a page only the newest stays, and it becomes the record
itself: the thing that it is a version of. Versions in different pages are compared where all pages are known.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from pyoxigraph import DefaultGraph, Literal, NamedNode, Quad, RdfFormat
from pyoxigraph import parse as read_quads

from node.semantics.harvest.partition import Catalogue
from node.vocab.namespaces import AS, DCT, LDES, PROV, RDF, TREE

MAX_PAGES_NAMED: Final = 5_000
_MEMBER: Final = f"<{TREE}member>"
_VERSION_OF: Final = (f"{DCT}isVersionOf", f"{PROV}specializationOf")
_OBJECT: Final = f"<{AS}object>"
_TIMES: Final = (
    f"{PROV}generatedAtTime",
    f"{DCT}modified",
    f"{DCT}created",
    f"{DCT}issued",
    f"{AS}published",
    f"{AS}updated",
)
_DELETE: Final = f"<{AS}Delete>"
_RECORDS: Final = ("dataset", "service")
_STREAM: Final = f"<{LDES}EventStream>"


def settle(catalogue: Catalogue, base: str) -> None:
    """Turn the members of an event stream in ``catalogue`` into records; do nothing if it is no event stream.

    ``base`` is the address of the page.
    """
    pairs = [pair for lines in catalogue.lines.values() for line in lines if (pair := _pair(line))]
    members = dict.fromkeys(term for predicate, term in pairs if predicate == _MEMBER)
    pages = [term for predicate, term in pairs if predicate == f"<{TREE}node>"]
    views = [term for predicate, term in pairs if predicate == f"<{TREE}view>"]
    if not members and not pages and not any(_STREAM in types for types in catalogue.types.values()):
        return
    if not members and not pages:
        # The page describes the stream. Each of its views has all members.
        pages = views[:1]
    own = base.partition("#")[0]
    named = dict.fromkeys(term[1:-1].partition("#")[0] for term in pages if term.startswith("<"))
    catalogue.relations = [page for page in named if page != own][:MAX_PAGES_NAMED]
    catalogue.versions = {}
    newest, deletions, version_of = _newest_versions(catalogue, members, pairs)
    records = {member: entity for entity, (_, member) in newest.items()}
    for node in (*members, *deletions):
        if node not in records and catalogue.kind(node) in _RECORDS:
            _forget(catalogue, node)
    for member, entity in records.items():
        if member != entity:
            _rename(catalogue, member, entity, version_of)
    catalogue.versions = {entity: time for entity, (time, _) in newest.items()}
    catalogue.deletions = deletions
    catalogue.notes.append("read it as a page of an event stream (LDES)")


def outdated_graphs(quads: Iterable[Quad]) -> set[str]:
    """Return the named graphs of activities about a record for which the page has a newer activity.

    A feed of activities (DCAT-AP Feeds) states each version of a record in the named graph of its activity, each
    with the IRI of the record. Without their graphs, the statements of all versions would be one record.
    """
    graphs: set[str] = set()
    members: set[str] = set()
    entities: dict[str, str] = {}
    moments: dict[str, dict[str, str]] = {}
    path = ""
    for quad in quads:
        predicate, subject = quad.predicate.value, str(quad.subject)
        if not isinstance(quad.graph_name, DefaultGraph):
            graphs.add(str(quad.graph_name))
        if predicate == f"{TREE}member":
            members.add(str(quad.object))
        elif predicate == f"{AS}object":
            entities.setdefault(subject, str(quad.object))
        elif predicate == f"{LDES}timestampPath" and isinstance(quad.object, NamedNode):
            path = quad.object.value
        elif isinstance(quad.object, Literal) and (predicate in _TIMES or predicate == path):
            moments.setdefault(subject, {}).setdefault(predicate, str(quad.object))
    newest: dict[str, tuple[str, str]] = {}
    for activity in members & graphs & entities.keys():
        own = moments.get(activity, {})
        term = next((own[name] for name in (path, *_TIMES) if name in own), "")
        entity = entities[activity]
        newest[entity] = max(newest.get(entity, ("", "")), (_moment([term]) if term else "", activity))
    return (members & graphs & entities.keys()) - {activity for _, activity in newest.values()}


def _newest_versions(
    catalogue: Catalogue, members: Iterable[str], pairs: list[tuple[str, str]]
) -> tuple[dict[str, tuple[str, str]], dict[str, str], list[str]]:
    """Return the newest version of each record that the page has (time, node with its statements), the time of each
    deletion that no version follows, and the properties that lead from a version to its record."""
    time_of_version = dict(pairs)
    version_of = _first(time_of_version.get(f"<{LDES}versionOfPath>", ""), _VERSION_OF)
    times = _first(time_of_version.get(f"<{LDES}timestampPath>", ""), _TIMES)
    # Activity Streams are understood everywhere; a stream may mark deletions in another way, too.
    marks = {_DELETE, *(term for predicate, term in pairs if predicate == f"<{LDES}versionDeleteObject>")}
    path = [f"<{RDF}type>", *_first(time_of_version.get(f"<{LDES}versionDeletePath>", ""), ())]
    newest: dict[str, tuple[str, str]] = {}
    deletions: dict[str, str] = {}
    for member in members:
        entity = next(iter(_objects(catalogue, member, [*version_of, _OBJECT])), member)
        time = _moment(_objects(catalogue, member, times))
        if any(not marks.isdisjoint(_objects(catalogue, member, [property_])) for property_ in path):
            deletions[entity] = max(deletions.get(entity, ""), time)
        elif catalogue.kind(member) in _RECORDS:
            newest[entity] = max(newest.get(entity, ("", "")), (time, member))
        elif catalogue.kind(entity) in _RECORDS:
            newest[entity] = max(newest.get(entity, ("", "")), (time, entity))
    for entity, time in list(deletions.items()):
        if not entity.startswith("<") or time < newest.get(entity, ("", ""))[0]:
            del deletions[entity]
        else:
            newest.pop(entity, None)
    return newest, deletions, version_of


def _pair(line: str) -> tuple[str, str] | None:
    _, predicate, rest = line.split(" ", 2)
    return (predicate, rest[:-3]) if predicate.startswith((f"<{TREE}", f"<{LDES}")) else None


def _first(value: str, usual: tuple[str, ...]) -> list[str]:
    return [value] if value.startswith("<") else [f"<{name}>" for name in usual]


def _objects(catalogue: Catalogue, node: str, predicates: Iterable[str]) -> list[str]:
    """Return the values of the first of these properties that the node has."""
    pairs = [line.split(" ", 2)[1:] for line in catalogue.lines.get(node, ())]
    for predicate in predicates:
        if values := [rest[:-3] for name, rest in pairs if name == predicate]:
            return values
    return []


def _moment(terms: list[str]) -> str:
    """Return a text by which versions can be ordered; a time without a zone counts as UTC."""
    for quad in read_quads("".join(f"<urn:v> <urn:t> {term} .\n" for term in terms[:1]), format=RdfFormat.N_TRIPLES):
        text = quad.object.value if isinstance(quad.object, Literal | NamedNode) else ""
        try:
            moment = datetime.fromisoformat(text.strip())
        except ValueError:
            return text
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC).isoformat(timespec="microseconds")
    return ""


def _forget(catalogue: Catalogue, member: str) -> None:
    for held in (catalogue.lines, catalogue.links, catalogue.types, catalogue.entries, catalogue.faults):
        held.pop(member, None)


def _rename(catalogue: Catalogue, member: str, entity: str, version_of: list[str]) -> None:
    """Make the statements about a version statements about the record."""
    lines = [line for line in catalogue.lines.pop(member, []) if line.split(" ", 2)[1] not in version_of]
    # The server may state something about the record itself, beside its versions; the version comes last.
    before = catalogue.lines.pop(entity, [])
    catalogue.lines[entity] = before + [f"{entity}{line[len(member) :]}" for line in lines]
    catalogue.links.setdefault(entity, []).extend(term for term in catalogue.links.pop(member, []) if term != entity)
    catalogue.types.setdefault(entity, set()).update(catalogue.types.pop(member, set()))
    if member in catalogue.entries:
        catalogue.entries.setdefault(entity, []).extend(catalogue.entries.pop(member))
    if member in catalogue.faults:
        catalogue.faults.setdefault(entity, catalogue.faults.pop(member))
