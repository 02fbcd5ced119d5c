"""Erase versions: their content goes, and the proof stays that there was something.

A later version of the same asset names the versions that it erases (``Record.erases``). It is signed and goes into
the feed like any other, so every node that follows removes its own copies when it stores that version. What stays of
an erased version is its number, its time, its publisher and its audience; of its ledger entry also the hash of the
body, with which the tree still verifies, and the leaf in the feed's tree. Neither hash lets anybody guess the
content: both include a signature, which has a random part.
"""

from __future__ import annotations

from collections.abc import Sequence

from node.base.clock import stamp
from node.base.jsons import canonical
from node.base.work import Transaction
from node.catalogue.envelope import signature_of
from node.catalogue.feed.commitment import hash_text, leaf_of
from node.catalogue.model import OPENS_HISTORY, Record
from node.catalogue.ports import RecordStore
from node.ledger.ports import Erase


def versions_to_erase(tx: Transaction, records: RecordStore, erasing: Record) -> Sequence[Record]:
    """Return the versions that ``erasing`` erases and that still have content here, the oldest first."""
    return records.with_content(tx, erasing.iri, erasing.erases) if erasing.erases else []


def erase_versions(
    tx: Transaction, records: RecordStore, erase: Erase, erasing: Record, versions: Sequence[Record]
) -> None:
    """Remove the content of ``versions`` from the store and the ledger.

    The caller has stored ``erasing`` in the same transaction, with an entry that names those of ``versions``.
    """
    for version in versions:
        erase(tx, version.entry, _remains(version))
        records.erase(tx, version.iri, version.version, by_version=erasing.version)


def _remains(version: Record) -> bytes:
    """Return what stays of the body of the version's ledger entry: what the feed needs to count its members."""
    envelope = {
        "iri": version.iri,
        "version": version.version,
        "audience": version.audience,
        "origin": version.origin,
        "withdrawn": False,
        "at": stamp(version.at),
        "extra": {OPENS_HISTORY: True} if version.opens_history else {},
    }
    return canonical({"envelope": envelope, "leaf": hash_text(leaf_of(signature_of(version)))})
