"""The foreign origin of an asset: an address of this node belongs to one origin.

The address of a description with a foreign IRI is made from the end of that IRI. Two foreign IRIs may have the
same end; the second asset must not become a version of the first.
"""

from __future__ import annotations

from node.base.errors import InvalidInput
from node.base.work import Transaction
from node.catalogue.model import Record
from node.catalogue.nquads import is_literal, text_of
from node.catalogue.ports import RecordStore
from node.catalogue.statements import Statements
from node.semantics.description.builder import slug
from node.semantics.model import Submission
from node.vocab.namespaces import DCT, SKOS, local_name


def foreign_iri(record: Record) -> str:
    """Return the foreign IRI that the record's address was made from; empty for an asset of our own."""
    statements, name = Statements(record), record.iri.rpartition("/")[2]
    identifiers = _texts(statements.objects(f"<{record.iri}#identifier>", f"{SKOS}notation"))
    # Fields that name a foreign address keep it as an identifier; other identifiers make no address.
    namesakes = [
        text
        for text in _texts(statements.own(f"{DCT}identifier"))
        if "://" in text and text != record.iri and slug(local_name(text)) == name
    ]
    return next((text for text in (*identifiers[-1:], *namesakes[-1:]) if text), "").rstrip("/#")


def _texts(terms: list[str]) -> list[str]:
    return [text_of(term) for term in terms if is_literal(term)]


def require_same_origin(records: RecordStore, tx: Transaction, draft: Record, submission: Submission) -> None:
    """Raises ``InvalidInput`` if the address of ``draft`` belongs to an asset other than the submitted one."""
    versions = records.versions(tx, draft.iri)
    before = next((version for version in versions if not version.withdrawn), None)
    if before is None:
        return
    if before.harvest_origin is not None:
        raise InvalidInput(
            f"{draft.iri} is the address of a record that was imported from {before.harvest_origin.source}",
            remedy=f"give this one an address of its own, for example iri: {draft.iri}-2",
            facts={"field": "iri", "address": draft.iri, "origin": before.subject},
        )
    was, now = foreign_iri(before), foreign_iri(draft)
    fields = submission.fields or {}
    # A submission with the full address here and without a foreign IRI means the asset at this address.
    if was == now or (not now and draft.iri in (submission.iri, fields.get("iri"), fields.get("id"))):
        return
    raise InvalidInput(
        f"{draft.iri} is the address of another asset here, which comes from {was or 'this node itself'}",
        remedy=f"give this one an address of its own, for example iri: {draft.iri}-2",
        facts={"field": "iri", "address": draft.iri, "origin": was or None},
    )
