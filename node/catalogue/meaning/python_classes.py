"""Ontologies of the catalogue as Python classes, for the plug-ins of modellers.

The content is that of the catalogue, in a version that can be named, with its imports as they were at the time of
that version. Nothing is fetched, and no file is written.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from node.base.errors import NotFound, TooMany
from node.base.turnstile import Turnstile
from node.catalogue.meaning.imports import ImportClosure, Imports
from node.identity.model import Caller

OPEN: Final = 4
"""Ontologies that are open at the same time: each is in memory."""
_CALLERS: Final = 64


class World(Protocol):
    """The classes of one ontology in a library's own world, which is closed in the end."""

    @property
    def world(self) -> Any:
        """Return the world: all classes, properties and individuals."""

    @property
    def ontology(self) -> Any:
        """Return the ontology."""

    def close(self) -> None:
        """Free the memory. The classes cannot be used any more."""


Load = Callable[[bytes, str], World]
"""Makes the classes of the ontology in N-Triples, whose address is the second argument. It blocks. Raises
``InvalidInput`` and ``TooLarge``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OntologyClasses:
    """An ontology and its imports as classes of Owlready2, as long as the block is open.

    ``ontology`` (``owlready2.Ontology``) and ``world`` (``owlready2.World``) have their usual methods, such as
    ``ontology.classes()`` and ``world.search()``. ``closure`` says which version it is, and which versions its
    imports are; those that are ``missing`` are not among the classes. Changes stay in memory and are forgotten.
    """

    ontology: Any
    world: Any
    closure: ImportClosure

    @property
    def version(self) -> int:
        """Return the number of the version."""
        return self.closure.ontology.version

    def __getitem__(self, iri: str) -> Any:
        """Return the class, property or individual with this address. Raises ``NotFound``."""
        entity = self.world[iri]
        if entity is None:
            raise NotFound(f"{iri} is not in the ontology or its imports", remedy="check its address")
        return entity


class OpenOntology:
    """Opens ontologies that a caller may see, a few at a time."""

    def __init__(self, *, imports: Imports, load: Load) -> None:
        self._imports = imports
        self._load = load
        self._turnstile = Turnstile(
            at_once=OPEN,
            most=_CALLERS,
            refusal=lambda: TooMany("many ontologies are open just now", remedy="try again in a moment"),
        )

    @asynccontextmanager
    async def __call__(
        self, iri: str, caller: Caller, *, version: int | None = None
    ) -> AsyncIterator[OntologyClasses]:
        """Open the newest or another ``version`` of the ontology ``iri``, as far as ``caller`` may see it and its
        imports; ``async with`` closes it.

        Raises ``NotFound``; ``InvalidInput`` for another kind of asset, or for content that cannot be classes;
        ``TooLarge`` and ``TooMany``.
        """
        with self._turnstile.admission():
            async with self._turnstile.turn:
                closure = await self._imports.closure(iri, caller, version=version)
                opening = asyncio.ensure_future(asyncio.to_thread(self._open, closure))
                try:
                    world = await asyncio.shield(opening)
                except asyncio.CancelledError:
                    opening.add_done_callback(_close)
                    raise
                try:
                    yield OntologyClasses(ontology=world.ontology, world=world.world, closure=closure)
                finally:
                    world.close()

    def _open(self, closure: ImportClosure) -> World:
        return self._load(closure.document(), closure.ontology.subject)


def _close(opening: asyncio.Future[World]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
