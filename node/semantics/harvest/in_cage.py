"""The functions of an import that run in the cage: cut a file into records, and examine a few records at a time.

Pieces travel as compressed JSON from one call to the next: the process of the node neither reads nor unpacks them.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from node.base.errors import InvalidInput
from node.semantics.description.subjects import DOCUMENT
from node.semantics.documents import MAX_IRI
from node.semantics.harvest.examination import Examination, examine_all
from node.semantics.harvest.partition import Piece, cut, left_out, title
from node.semantics.harvest.readers import read
from node.semantics.harvest.refusals import cause_of, source_fault
from node.semantics.harvest.rules.table import rules_named

BATCH: Final = 50
"""Records that one call examines."""
BATCH_TEXT: Final = 4 << 20
"""Characters of statements in a batch, unless one record alone has more."""
UNPACKED: Final = 256 << 20


def cut_file(message: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``semantics.cut``: cut a file into batches of its records.

    ``message``: ``mediaType``, ``base`` (for relative addresses, may be empty), ``rules`` (those that will repair the
    records later: an unknown rule is refused before anything is stored), ``page`` (the file is one of several, and
    may have no records). Returns ``{"batches": [count, …], "notes", "leftOut", "title", "next", "expected", "listed",
    "relations", "versions", "deleted", "catalogues"}`` and a blob for each batch.
    """
    rules_named(message["rules"])
    catalogue = read(blobs[0], message["mediaType"], base=message["base"] or DOCUMENT)
    counts, batches, versions = [], [], []
    for batch in _batches(cut(catalogue)):
        counts.append(len(batch))
        if catalogue.versions is not None:
            versions.append([[piece.subject, catalogue.versions.get(piece.subject, "")] for piece in batch])
        batches.append(zlib.compress(json.dumps([piece.to_json() for piece in batch]).encode(), 3))
    if not counts and not message.get("page"):
        raise source_fault(InvalidInput, "empty")
    iris = [node[1:-1] for node in catalogue.lines if node.startswith("<") and catalogue.kind(node) == "catalogue"]
    return {
        "batches": counts,
        "notes": catalogue.notes,
        "leftOut": left_out(catalogue),
        "title": title(catalogue),
        "next": catalogue.next,
        "expected": catalogue.expected,
        "listed": catalogue.listed,
        "relations": catalogue.relations,
        "versions": None if catalogue.versions is None else versions,
        "deleted": catalogue.deletions,
        "catalogues": [iri for iri in iris if not iri.startswith(DOCUMENT)][:10],
    }, batches


def examine_batch(message: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """Target ``semantics.examine``: examine or refuse each record of a batch.

    ``message``: an ``Examination``, and ``only``, the indexes of the records to examine, or None for all.
    Returns ``{"records": [facts | {"subject", "error", "remedy", "cause"}, …]}`` and a blob with the canonical
    N-Quads of each.
    """
    how = Examination.from_json(message)
    unpacking = zlib.decompressobj()
    pieces = json.loads(unpacking.decompress(blobs[0], UNPACKED))
    only = message["only"]
    chosen = pieces if only is None else [pieces[place] for place in only]
    records, statements = [], []
    for piece, (facts, nquads) in zip(chosen, examine_all(chosen, how), strict=True):
        records.append(_refusal(piece, facts) if isinstance(facts, InvalidInput) else facts)
        statements.append(nquads)
    return {"records": records}, statements


def _refusal(piece: Mapping[str, Any], error: InvalidInput) -> dict[str, Any]:
    members = {"error": error.detail, "remedy": error.remedy, "cause": cause_of(error)}
    return {"subject": piece["subject"][:MAX_IRI], **members}


def _batches(pieces: Iterable[Piece]) -> Iterable[list[Piece]]:
    batch: list[Piece] = []
    size = 0
    for piece in pieces:
        length = sum(map(len, piece.lines))
        if batch and (len(batch) >= BATCH or size + length > BATCH_TEXT):
            yield batch
            batch, size = [], 0
        batch.append(piece)
        size += length
    if batch:
        yield batch
