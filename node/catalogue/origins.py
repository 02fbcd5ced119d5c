"""Whose an asset was before this node gave it an address: an address belongs to one origin.

A description under somebody else's IRI gets an address here that is made from the end of that IRI. Two IRIs may end
alike; the second must not become a version of the first.
"""

from __future__ import annotations

from typing import Final

from node.base.errors import InvalidInput
from node.base.work import Transaction
from node.catalogue.model import Record
from node.catalogue.nquads import iri_of, is_iri, is_literal, statements, text_of
from node.catalogue.ports import RecordStore
from node.semantics.description.building import slug
from node.semantics.model import Submission
from node.vocab.namespaces import DCT, SKOS

_NOTATION: Final = f"{SKOS}notation"
_IDENTIFIER: Final = f"{DCT}identifier"


def foreign_iri(nquads: bytes, iri: str) -> str:
    """The IRI of somebody else's from which the address ``iri`` was made; empty for an asset of our own."""
    adopted, named = "", ""
    name = iri.rpartition("/")[2]
    for statement in statements(nquads):
        if not (is_iri(statement.subject) and is_literal(statement.object)):
            continue
        subject, predicate, value = iri_of(statement.subject), iri_of(statement.predicate), text_of(statement.object)
        if (subject, predicate) == (f"{iri}#identifier", _NOTATION):
            adopted = value
        elif (subject, predicate) == (iri, _IDENTIFIER) and "://" in value and value != iri:
            # Fields that name a foreign address keep it as an identifier; other identifiers make no address.
            named = value if slug(value.rstrip("/#").replace("#", "/").rpartition("/")[2]) == name else named
    return (adopted or named).rstrip("/#")


def require_same_origin(records: RecordStore, tx: Transaction, draft: Record, submission: Submission) -> None:
    """Raises ``InvalidInput`` where the address of ``draft`` belongs to another asset than the one submitted."""
    versions = records.versions(tx, draft.iri)
    before = next((version for version in versions if not version.withdrawn), None)
    if before is None:
        return
    was, now = foreign_iri(before.nquads, draft.iri), foreign_iri(draft.nquads, draft.iri)
    fields = submission.fields or {}
    # Who names the address here in full, and claims no other, means the asset that has it.
    if was == now or (not now and draft.iri in (submission.iri, fields.get("iri"), fields.get("id"))):
        return
    raise InvalidInput(
        f"{draft.iri} is the address of another asset here, which comes from {was or 'this node itself'}",
        remedy=f"give this one an address of its own, for example iri: {draft.iri}-2",
        facts={"field": "iri", "address": draft.iri, "origin": was or None},
    )
