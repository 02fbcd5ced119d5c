"""Align the terms of two ontologies: draft pairs, and publish those that a person confirms as a record."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from node.base.errors import InvalidInput, TooMany
from node.base.turnstile import Turnstile
from node.catalogue.browse import Browse
from node.catalogue.model import Publication
from node.catalogue.publication.publish import Publish
from node.identity.model import Caller
from node.identity.roles import UseCase, require
from node.semantics.model import Submission
from node.semantics.ontologies.alignments import Alignment, alignments_of, draft_alignments, statements_of

AT_ONCE: Final = 2
MOST_CALLERS: Final = 32


class AlignOntologies:
    """Drafts and publishes alignments between ontologies that the caller may see."""

    def __init__(self, *, browse: Browse, publish: Publish) -> None:
        self._browse = browse
        self._publish = publish
        self._turnstile = Turnstile(
            at_once=AT_ONCE,
            most=MOST_CALLERS,
            refusal=lambda: TooMany("many ontologies are being aligned just now", remedy="try again in a minute"),
        )

    def require_role(self, caller: Caller) -> None:
        """Raise ``NotAllowed`` if ``publish`` would raise it: for a check before a table is read."""
        require(caller, UseCase.PUBLISH)

    async def draft(self, source: str, target: str, caller: Caller, *, language: str) -> list[Alignment]:
        """Return pairs of terms of two ontologies that may mean the same, the surest first; without ``target``, the
        pairs that ``source`` states. Raises ``NotAllowed``, ``NotFound`` and ``TooMany``."""
        require(caller, UseCase.PUBLISH)
        with self._turnstile.admission():
            first = await self._browse.terms.vocabulary(source, caller)
            if not target:
                iris = [iri for subject, _, object_ in first.alignments for iri in (subject, object_)]
                labels = await self._browse.terms.labels(iris, caller)
                return alignments_of(first, {iri: names[0] for iri, names in labels.items() if names})
            second = await self._browse.terms.vocabulary(target, caller)
            async with self._turnstile.turn:
                return await asyncio.to_thread(draft_alignments, first, second, language)

    async def publish(
        self, alignments: Sequence[Alignment], fields: Mapping[str, str], caller: Caller
    ) -> Publication:
        """Publish ``alignments`` as an ontology of its own; ``fields``: ``id``, ``title``, ``description``. Raises as
        ``Publish.publish``; ``InvalidInput`` without a pair."""
        require(caller, UseCase.PUBLISH)
        if not alignments:
            raise InvalidInput("no mapping is confirmed", remedy="confirm at least one", facts={"case": "no-mapping"})
        description = {name: fields[name].strip() for name in ("id", "title", "description") if fields.get(name)}
        submission = Submission(
            kind="ontology",
            fields={"kind": "ontology", "version": "1", **description},
            document=statements_of(alignments),
            media_type="text/turtle",
            conditions={"template": "open"},
        )
        return await self._publish.publish(submission, caller)
