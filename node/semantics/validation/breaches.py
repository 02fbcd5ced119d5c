"""Check a draft against the shapes: breaches become findings that name the steward's own fields and lines."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pyoxigraph import Dataset, NamedNode, RdfFormat, serialize

from node.semantics.kinds import AssetKind
from node.semantics.model import Finding
from node.semantics.triples import Node
from node.semantics.validation.batch import breaches_of
from node.semantics.validation.profiles import applies, relevant, shapes_for
from node.semantics.validation.shapes import ShapeBreach, Shapes, shapes_of, vocabulary
from node.vocab.namespaces import ODRL

MOST: Final = 200
_ORDER: Final = {"violation": 0, "warning": 1, "info": 2}
_FAR: Final = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A description to validate. ``nodes_under_conditions`` are the nodes for which conditions replace a licence."""

    dataset: Dataset
    subject: NamedNode
    kind: AssetKind
    nodes_under_conditions: Sequence[Node] = ()


def check_all(
    descriptions: Sequence[Candidate], *, advised_profiles: Sequence[str] = (), enforced_profiles: Sequence[str] = ()
) -> list[list[Finding]]:
    """Return for each description the findings of the shapes of its kind and of further profiles, each node's focus
    as the data name it. A description has the findings that it has alone.

    Breaches of an ``advised_profiles`` profile are only ``info``. Profiles are given as references
    (``profiles.references``): a node that names another one in its settings does not start."""
    documents = [_document(description) for description in descriptions]
    results: list[list[Finding]] = [[] for _ in descriptions]
    for kind in dict.fromkeys(description.kind for description in descriptions):
        places = [place for place, description in enumerate(descriptions) if description.kind is kind]
        shapes = shapes_of(kind)
        breaches = breaches_of(shapes, [documents[place] for place in places])
        for place, own_breaches in zip(places, breaches, strict=True):
            results[place].extend(_findings(shapes, own_breaches, descriptions[place]))
    for name in (*enforced_profiles, *advised_profiles):
        profile = shapes_for(name)
        severity = None if name in enforced_profiles else "info"
        places = [place for place, document in enumerate(documents) if applies(name, document)]
        breaches = breaches_of(profile, [documents[place] for place in places])
        for place, own_breaches in zip(places, breaches, strict=True):
            result, document = results[place], documents[place]
            applicable = relevant(own_breaches, name, document)
            result.extend(profile.finding(breach, severity=severity) for breach in applicable)
    return results


def _document(description: Candidate) -> bytes:
    dataset, subject = description.dataset, description.subject
    written = serialize([quad.triple for quad in dataset], format=RdfFormat.N_TRIPLES)
    lines = [written or b"", vocabulary(dataset)]
    lines.extend(
        f"{node} <{ODRL}hasPolicy> <{subject.value}#offer> .\n".encode()
        for node in description.nodes_under_conditions
    )
    return b"".join(lines)


def _findings(shapes: Shapes, breaches: Iterable[ShapeBreach], description: Candidate) -> list[Finding]:
    subject, properties_not_asked = description.subject.value, description.kind.needless
    return [
        shapes.finding(breach)
        for breach in breaches
        if not (breach.severity != "violation" and breach.focus == subject and breach.path in properties_not_asked)
    ]


def with_places(
    findings: Iterable[Finding], places: Mapping[str, str], line: Callable[[str], int | None]
) -> list[Finding]:
    """Return ``findings`` with the place in the steward's fields: ``files.0.license`` and its line.

    ``places`` maps nodes to the fields that they came from; a node of the asset itself has no entry.
    """
    placed_findings = []
    for finding in findings:
        inside = places.get(finding.focus, "")
        name = finding.field.rpartition(".")[2] if inside else finding.field
        # A binding is a place of its own: bindings.network, not bindings.network.bindings.
        known = not name or name in inside.split(".")
        field = inside if inside and known else f"{inside}.{name}" if inside else name
        placed_findings.append(dataclasses.replace(finding, field=field, line=finding.line or line(field)))
    return placed_findings


def tidy(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return each finding once, with its number of occurrences; violations first, then in the order of lines.

    If there are more than anybody reads, return the first ``MOST``.
    """
    rest = list(findings)
    fields_with_violations = {finding.field for finding in rest if finding.severity == "violation" and finding.field}
    first: dict[tuple[str, str, str, str], Finding] = {}
    for finding in rest:
        # A theme that was refused is missing afterwards; this needs no further finding.
        if finding.severity != "violation" and finding.field in fields_with_violations:
            continue
        key = (finding.severity, finding.rule, finding.message, finding.value)
        first_finding = first.get(key)
        if first_finding is None:
            first[key] = finding
        elif (first_finding.field, first_finding.focus) != (finding.field, finding.focus):
            first[key] = dataclasses.replace(first_finding, count=first_finding.count + 1)
    return tuple(sorted(first.values(), key=lambda f: (_ORDER.get(f.severity, 3), f.line or _FAR))[:MOST])
