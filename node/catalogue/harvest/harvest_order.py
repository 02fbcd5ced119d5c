"""The parameters of a harvest, and the interface of the use case for its runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from node.catalogue.harvest.import_order import ImportOrder
from node.catalogue.harvest.imports import Import
from node.catalogue.harvest.source_pages import Page
from node.catalogue.harvest.source_state import SourceStates
from node.identity.model import Caller as Person
from node.semantics.harvest.cage_client import Batches


@dataclass(frozen=True, slots=True, kw_only=True)
class HarvestOrder:
    """The parameters of a harvest. ``source``, ``audience``, ``rules``, ``check`` and ``since`` are those of
    ``ImportOrder``.

    ``agreed``: the publisher agreed, so ``robots.txt`` does not forbid reading. ``fewer``: withdraw vanished records
    even if the source lists less than half of its earlier ones.
    """

    url: str
    source: str = ""
    audience: str | None = None
    rules: Sequence[str] = ()
    check: bool = False
    agreed: bool = False
    fewer: bool = False
    since: datetime | None = None

    def import_order(self, source: str) -> ImportOrder:
        """Return the parameters for the records of one page; ``source`` is the name of the source."""
        return ImportOrder(
            body=b"",
            media_type="",
            source=source,
            audience=self.audience,
            rules=self.rules,
            check=self.check,
            since=self.since,
        )


class Harvester(Protocol):
    """The part of ``node.catalogue.harvest.harvests.Harvest`` that its runs need."""

    imports: Import
    states: SourceStates
    busy: set[str]

    def require_idle(self, url: str) -> None: ...

    def way(self, order: HarvestOrder, source: str) -> str: ...

    async def pieces(self, page: Page, rules: Sequence[str]) -> Batches: ...

    def withdraw(
        self, address: str, source: str, faulty: frozenset[str], by: Person, *, check: bool
    ) -> str | None: ...
