"""Examine one record of a foreign catalogue: the statements to keep, and their faults.

Nothing is completed, and no record is refused because it breaks a rule of a profile: the faults are findings. Rules
repair only if the importer asks for it, and each change is reported.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pyoxigraph import BlankNode, Dataset, NamedNode, Quad, RdfFormat
from pyoxigraph import parse as read_quads

from node.base.errors import InvalidInput
from node.semantics.description import summary
from node.semantics.documents import canonical
from node.semantics.harvest.naming import first_title, harvested_address, identity, own_iri, settle_names
from node.semantics.harvest.refusals import refusal
from node.semantics.harvest.rules.model import Record
from node.semantics.harvest.rules.own_values import own_values
from node.semantics.harvest.rules.table import Repair, repair, rules_named
from node.semantics.harvest.rules.value_fields import ValueMap
from node.semantics.kinds import KINDS, AssetKind
from node.semantics.model import Finding
from node.semantics.quality import measure
from node.semantics.triples import Node
from node.semantics.validation.breaches import Candidate, check_all, tidy

FINDINGS: Final = 50
"""Findings that are stored for one record."""

REPAIRS: Final = 200
"""Repairs that are reported for one record."""

_In = TypeVar("_In")
_With = TypeVar("_With")
_Out = TypeVar("_Out")

_ADDRESS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|<[^<>"\n]*>')
"""A text, which stays unchanged, or an address of N-Triples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """The parameters of an examination: the node's address, the name of the source, the rules that repair the
    records, and the value table of the source."""

    base: str
    source: str
    rules: Sequence[str] = ()
    advised_profiles: Sequence[str] = ()
    value_map: ValueMap = field(default_factory=dict)

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Examination:
        return cls(
            base=members["base"],
            source=members["source"],
            rules=tuple(members["rules"]),
            advised_profiles=tuple(members["advised"]),
            value_map=members.get("valueMap", {}),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """A piece that was read and repaired, before it is validated."""

    dataset: Dataset
    subject: NamedNode
    kind: AssetKind
    iri: str
    name: str
    address: str
    syntax_repairs: list[str]
    repairs: list[Repair]
    own_values: list[tuple[str, str]]


def examine(piece: Mapping[str, Any], how: Examination) -> tuple[dict[str, Any], bytes]:
    """Return the facts of a piece as JSON, and its canonical N-Quads. Raises ``InvalidInput`` if the piece cannot be
    kept."""
    ((facts, nquads),) = examine_all([piece], how)
    if isinstance(facts, InvalidInput):
        raise facts
    return facts, nquads


def examine_all(
    pieces: Iterable[Mapping[str, Any]], how: Examination
) -> list[tuple[dict[str, Any] | InvalidInput, bytes]]:
    """Return the facts and the canonical N-Quads of each piece, or the reason why it cannot be kept."""
    drafts = [_attempt(_draft, piece, how) for piece in pieces]
    findings = iter(
        check_all(
            [
                Candidate(dataset=draft.dataset, subject=draft.subject, kind=draft.kind)
                for draft in drafts
                if isinstance(draft, _Draft)
            ],
            advised_profiles=how.advised_profiles,
        )
    )
    results: list[tuple[dict[str, Any] | InvalidInput, bytes]] = []
    for draft in drafts:
        facts = draft if isinstance(draft, InvalidInput) else _attempt(_facts, draft, next(findings))
        results.append((facts, b"") if isinstance(facts, InvalidInput) else facts)
    return results


def _attempt(step: Callable[[_In, _With], _Out], subject: _In, argument: _With) -> _Out | InvalidInput:
    try:
        return step(subject, argument)
    except InvalidInput as error:
        return error


def _draft(piece: Mapping[str, Any], how: Examination) -> _Draft:
    if piece.get("fault"):
        raise refusal(**piece["fault"])
    dataset, subject, syntax_repairs = _parse(str(piece["subject"]), str(piece["lines"]))
    rules = rules_named(how.rules)
    source_values = own_values(dataset)
    record = Record(dataset, subject, Dataset(_inherited_quads(piece)), how.value_map)
    repairs = repair(record, rules) if rules else []
    title = first_title(dataset, subject)
    if not title:
        raise refusal("no-title")
    name = identity(dataset, subject, how.source)
    if name is None:
        raise refusal("no-identity")
    iri, kind = own_iri(subject), KINDS[piece["kind"]]
    if iri.startswith(how.base.rstrip("/") + "/"):
        raise refusal("own-asset")
    address = harvested_address(how.base, kind.name, name, [title], how.source)
    dataset, settled_subject = settle_names(dataset, subject, address)
    return _Draft(
        dataset=dataset,
        subject=settled_subject,
        kind=kind,
        iri=iri,
        name=name,
        address=address,
        syntax_repairs=syntax_repairs,
        repairs=list(repairs),
        own_values=source_values,
    )


def _facts(draft: _Draft, breaches: Sequence[Finding]) -> tuple[dict[str, Any], bytes]:
    dataset, subject, kind = draft.dataset, draft.subject, draft.kind
    findings = tidy(breaches)[:FINDINGS]
    nquads, sha256 = canonical(dataset)
    facts = summary.overview(dataset, subject, kind)
    conforms = is_conforming(findings)
    if kind.name == "dataset":
        facts["score"] = measure(dataset, subject, conforms=conforms).to_json()
    publisher, publisher_name = summary.publisher(dataset, subject)
    answer = {
        "iri": draft.iri,
        "identity": hashlib.sha256(draft.name.encode()).hexdigest(),
        "address": draft.address,
        "kind": kind.name,
        "titles": summary.titles(dataset, subject),
        "descriptions": summary.descriptions(dataset, subject),
        "publisher": publisher,
        "publisherName": publisher_name,
        "keywords": list(summary.keywords(dataset, subject)),
        "themes": list(summary.themes(dataset, subject)),
        "bbox": summary.bbox(dataset, subject),
        "sha256": sha256,
        "conforms": conforms,
        "findings": [finding.to_json() for finding in findings],
        "syntaxRepairs": draft.syntax_repairs,
        "repairs": [done.to_json() for done in draft.repairs[:REPAIRS]],
        "ownValues": draft.own_values,
        "extra": facts,
    }
    return answer, nquads


def is_conforming(findings: Sequence[Finding]) -> bool:
    """Return whether no obligation of DCAT-AP is broken."""
    return not any(one.severity == "violation" and "/shapes/dcat-ap#" in one.rule for one in findings)


def _parse(subject: str, lines: str) -> tuple[Dataset, Node, list[str]]:
    """Return the statements and the subject of a piece, and the repairs that were necessary to read them."""
    try:
        return *_read(subject, lines), []
    except (SyntaxError, ValueError) as error:
        first = error
    try:
        return *_read(_ADDRESS.sub(_encode_spaces, subject), _ADDRESS.sub(_encode_spaces, lines)), [
            "encoded spaces in addresses"
        ]
    except (SyntaxError, ValueError):
        message = getattr(first, "msg", None) or str(first)
        raise refusal("unreadable-record", reason=message.rpartition(": ")[2][:200]) from first


def _inherited_quads(piece: Mapping[str, Any]) -> Iterable[Quad]:
    try:
        return list(read_quads(piece.get("inherited", ""), format=RdfFormat.N_TRIPLES))
    except (SyntaxError, ValueError):
        # Statements that cannot be read do not count as the catalogue's.
        return ()


def _read(subject: str, lines: str) -> tuple[Dataset, Node]:
    node = BlankNode(subject[2:]) if subject.startswith("_:") else NamedNode(subject[1:-1])
    return Dataset(read_quads(lines, format=RdfFormat.N_TRIPLES)), node


def _encode_spaces(text: re.Match[str]) -> str:
    return text[0].replace(" ", "%20") if text[0].startswith("<") else text[0]
