"""Recognise records with a changed IRI at their source by their identifier.

Portals that are moved or rebuilt give new IRIs to old datasets. A vanished record and a new one are the same if they
have an identifier (``dct:identifier``, ``adms:identifier``) and the publisher in common, and no other record of the
source had that identifier before or has it now.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from node.base.errors import InvalidInput
from node.catalogue.harvest.report import ImportedRecord
from node.catalogue.model import Record
from node.catalogue.nquads import is_literal, statements, text_of
from node.semantics.harvest.refusals import refusal
from node.vocab.namespaces import ADMS, DCT, SKOS

MOST: Final = 5_000
"""The most records of one run that wait for its end to be recognised; further ones under new IRIs are new."""

Marks = frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRecord:
    """A record that may be an old one under a new IRI: its draft, its line of the report, the page that has it."""

    draft: Record
    line: ImportedRecord
    page: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """``addresses``: place of a new record → address of the old record that it is. ``doubts``: place → the reason why
    it is new although a record with its identifier vanished."""

    addresses: Mapping[int, str]
    doubts: Mapping[int, InvalidInput]


def marks_of(record: Record) -> Marks:
    """Return the marks that identify a record: for each of its identifiers, a hash of publisher and identifier.

    The publisher is told by its key: the IRI of one that is only a name is below that of the record.
    """
    lines = list(statements(record.nquads))
    subject = f"<{record.subject}>"
    others = {line.object for line in lines if line.subject == subject and line.predicate == f"<{ADMS}identifier>"}
    identifiers = {
        text_of(line.object).strip()
        for line in lines
        if is_literal(line.object)
        and (
            (line.subject == subject and line.predicate == f"<{DCT}identifier>")
            or (line.subject in others and line.predicate == f"<{SKOS}notation>")
        )
    }
    return frozenset(_mark(record.publisher_key, identifier) for identifier in identifiers if identifier)


def judge(
    new: Sequence[Marks], *, before: Mapping[str, Marks], later: Mapping[str, Marks], absent: Collection[str]
) -> Judgement:
    """Match the ``new`` records with the ``absent`` ones.

    ``before`` has the marks of all records that the source had, by address; ``later`` has those of the records that
    it lists now, without the new ones.
    """
    bearers_before: defaultdict[str, set[str]] = defaultdict(set)
    bearers_now: defaultdict[str, set[str | int]] = defaultdict(set)
    for address, marks in before.items():
        for mark in marks:
            bearers_before[mark].add(address)
    for address, marks in later.items():
        for mark in marks:
            bearers_now[mark].add(address)
    for place, marks in enumerate(new):
        for mark in marks:
            bearers_now[mark].add(place)
    addresses: dict[int, str] = {}
    doubts: dict[int, InvalidInput] = {}
    for place, marks in enumerate(new):
        candidates = {address for mark in marks for address in bearers_before.get(mark, ())}
        if candidates.isdisjoint(absent):
            continue
        shared = marks.union(*(before[address] for address in candidates))
        now = {bearer for mark in shared for bearer in bearers_now.get(mark, ())}
        if len(candidates) == 1 and now == {place}:
            addresses[place] = candidates.pop()
        else:
            doubts[place] = refusal("doubtful-rename", before=len(candidates), now=len(now))
    return Judgement(addresses=addresses, doubts=doubts)


def _mark(publisher: str, identifier: str) -> str:
    return hashlib.sha256(f"{publisher}\n{identifier}".encode()).hexdigest()[:20]
