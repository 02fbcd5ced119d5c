"""Compare a file with the newest version of an ontology or a schema: the impact that publishing it would have.

The file is read in the cage and kept nowhere. It is compared by meaning only: whether it could be published is said
by a check of the whole description (``node.catalogue.publication``).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from node.base.errors import InvalidInput, TooLarge
from node.cage.model import AsyncCage
from node.catalogue.browse import Browse
from node.catalogue.drafts.ontology_documents import type_of_name
from node.catalogue.meaning.difference import KINDS, definition_of
from node.catalogue.model import Record
from node.catalogue.nquads import line, literal_term, merge, text_of
from node.catalogue.statements import Statements
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.semantics.description.cage_client import limits_of
from node.semantics.impact import Impact
from node.vocab.namespaces import HANSA

_DEFINING = ("definition", "jsonSchema")


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    """The newest version of an asset, and the impact that a file would have as the next one."""

    record: Record
    name: str
    impact: Impact


class ForeseeImpact:
    """Says what a file would change as the next version of an asset."""

    def __init__(self, *, browse: Browse, cage: AsyncCage, limit: int) -> None:
        """``limit``: bytes of a file."""
        self._browse = browse
        self._cage = cage
        self.limit = limit

    async def __call__(self, iri: str, name: str, chunks: AsyncIterator[bytes], caller: Caller) -> Foresight:
        """Compare the file in ``chunks`` (an ontology in RDF, or a schema in any language) with the asset ``iri``.

        Raises ``NotAllowed``, ``NotFound``, ``TooLarge``, ``InvalidInput`` for a file that is neither, and
        ``Overloaded``.
        """
        require(caller, UseCase.PUBLISH)
        record = await self._browse.record(iri, caller)
        if record.kind not in KINDS or (record.kind == "schema" and definition_of(record) is None):
            raise InvalidInput("versions of this asset are not compared by meaning", remedy="choose an ontology")
        body = bytearray()
        async for chunk in chunks:
            body += chunk
            if len(body) > self.limit:
                raise TooLarge(f"the file may have at most {self.limit} bytes", remedy="send a smaller file")
        after = await (self._schema if record.kind == "schema" else self._ontology)(record, name, bytes(body))
        impact = await self._browse.impacts.between(record, after, caller)
        if impact is None:
            raise InvalidInput("the file cannot be compared with this asset", remedy="choose another file")
        return Foresight(record=record, name=name, impact=impact)

    async def _ontology(self, record: Record, name: str, body: bytes) -> Record:
        message = {"mediaType": type_of_name(name), "base": record.subject}
        _, (nquads,) = await self._cage.call("semantics.parse", message, [body], limits=limits_of(len(body)))
        return replace(record, nquads=nquads)

    async def _schema(self, record: Record, name: str, body: bytes) -> Record:
        stated = next((text_of(term) for term in Statements(record).own(f"{HANSA}definitionPart")), "")
        message = {"part": stated}
        _, (rows, _) = await self._cage.call("semantics.read_schema", message, [body], limits=limits_of(len(body)))
        names = {f"<{HANSA}{name}>".encode() for name in _DEFINING}
        kept = [part for part in record.nquads.splitlines(keepends=True) if part.split(b" ", 2)[1] not in names]
        definition = line(f"<{record.subject}>", f"<{HANSA}definition>", literal_term(rows.decode()))
        return replace(record, nquads=merge(b"".join(kept), [definition]))
