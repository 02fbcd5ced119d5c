"""The agenda of a person: what waits for them, what ends soon, what does not work, and what is new to them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from node.base.clock import stamp
from node.base.errors import NotAllowed
from node.identity.model import Caller

SOON: Final = timedelta(days=30)
"""The agenda has things that end within this time."""
SHOWN: Final = 5
"""The number of items of each source that an agenda lists; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgendaItem:
    """One thing to do or to know.

    ``code`` names its text, and ``facts`` fill it. ``titles`` are those of the asset that it is about, by language;
    ``name`` is that of anything else. ``path`` is the page where a person goes on; ``at`` is when it ends or is due.
    """

    code: str
    path: str
    name: str = ""
    titles: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    at: datetime | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "path": self.path,
            **({"name": self.name} if self.name else {}),
            **({"titles": dict(self.titles)} if self.titles else {}),
            **self.facts,
            **({"at": stamp(self.at)} if self.at else {}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AgendaPart:
    """A part of an agenda: at most ``SHOWN`` items of each source, and how many there are altogether."""

    items: tuple[AgendaItem, ...] = ()
    total: int = 0

    def __add__(self, other: AgendaPart) -> AgendaPart:
        return AgendaPart(items=self.items + other.items, total=self.total + other.total)

    def to_json(self) -> dict[str, Any]:
        return {"total": self.total, "items": [item.to_json() for item in self.items]}


@dataclass(frozen=True, slots=True, kw_only=True)
class AgendaView:
    """The agenda of one person at one moment."""

    waiting: AgendaPart
    ending: AgendaPart
    failing: AgendaPart
    news: AgendaPart = AgendaPart()

    @property
    def is_clear(self) -> bool:
        """Return whether there is nothing in it."""
        return not (self.waiting.total or self.ending.total or self.failing.total or self.news.total)

    def to_json(self) -> dict[str, Any]:
        return {part: getattr(self, part).to_json() for part in ("waiting", "ending", "failing", "news")}


AgendaSource = Callable[[Caller], Awaitable[AgendaPart]]
"""Returns what a person may know and do of one kind; nothing for others."""


class Agenda:
    """Collects the agenda of a person from its sources. Each source reads a bounded number of things."""

    def __init__(
        self,
        *,
        waiting: Sequence[AgendaSource],
        ending: Sequence[AgendaSource],
        failing: Sequence[AgendaSource],
        news: Sequence[AgendaSource] = (),
    ) -> None:
        self._waiting = waiting
        self._ending = ending
        self._failing = failing
        self._news = news

    async def of(self, by: Caller) -> AgendaView:
        """Return the agenda of ``by``. Raises ``NotAllowed`` for everybody but people of this node."""
        if not by.is_person:
            raise NotAllowed("only people of this node have an agenda", remedy="sign in as a person of this node")
        return AgendaView(
            waiting=await _collect(self._waiting, by),
            ending=await _collect(self._ending, by),
            failing=await _collect(self._failing, by),
            news=await _collect(self._news, by),
        )


async def _collect(sources: Sequence[AgendaSource], by: Caller) -> AgendaPart:
    part = AgendaPart()
    for source in sources:
        part += await source(by)
    return part
