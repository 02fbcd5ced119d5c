"""What to harvest and how, and what a run of it needs of the use case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from node.catalogue.harvest.imports import Import
from node.catalogue.harvest.source_pages import Page
from node.catalogue.harvest.source_state import SourceStates
from node.identity.model import Caller as Person
from node.semantics.harvest.door import Batches


@dataclass(frozen=True, slots=True, kw_only=True)
class HarvestOrder:
    """What to harvest, and how. ``source``, ``audience``, ``rules``, ``check`` and ``since`` are those of
    ``ImportOrder``.

    ``agreed``: the publisher agreed, whatever ``robots.txt`` says. ``fewer``: withdraw what vanished even where the
    source lists less than half of what it had.
    """

    url: str
    source: str = ""
    audience: str | None = None
    rules: Sequence[str] = ()
    check: bool = False
    agreed: bool = False
    fewer: bool = False
    since: datetime | None = None


class Harvester(Protocol):
    """``node.catalogue.harvest.harvests.Harvest``, as its runs need it."""

    imports: Import
    states: SourceStates
    busy: set[str]

    def require_idle(self, url: str) -> None: ...

    async def pieces(self, page: Page, rules: Sequence[str]) -> Batches: ...

    def withdraw(
        self, address: str, source: str, faulty: frozenset[str], by: Person, *, check: bool
    ) -> str | None: ...
