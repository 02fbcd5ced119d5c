"""Windows of streams as inputs of runs: fixed when a run is asked for, kept with the run, and proved again later.

A window is fetched under the agreement as any read is, and its canonical bytes go into our asset store under their
SHA-256: from then on it is an input like any other. Whether the stream still gives the same bytes is asked when a run
is repeated.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Final, Protocol

from anyio.to_thread import run_sync

from node.base.clock import stamp
from node.base.errors import HansaError, InvalidInput, LocalFault, NotAllowed, NotFound
from node.catalogue.model import Record
from node.datasources.streams.connection import NAME as STREAMS
from node.datasources.streams.windows import KEPT, PARTLY, Window, WindowQuestion, display_time
from node.identity.model import Caller
from node.negotiation.model import Agreement
from node.scenarios.model import BoundInput, BoundWindow
from node.scenarios.records.library import Library
from node.scenarios.run_model import Run
from node.semantics.model import File
from node.transfer.deletion.model import deletion_rule

MEDIA_TYPE: Final = "application/json"
"""The media type of the canonical form."""
_REMEMBERED: Final = 1000
_REMEDY: Final = "name observations from T1 to T2, or the last so many minutes: --window ROLE=10m"

OwnWindow = Callable[[str, WindowQuestion], Awaitable[Window]]
"""Returns a window of a stream of this node, by the name of the stream."""


class PartnerWindow(Protocol):
    """Returns a window of a stream of others (``node.transfer.live.windows``)."""

    async def __call__(
        self, agreement: Agreement, question: WindowQuestion, by: Caller, *, file: str | None = None
    ) -> Window: ...


class InputWindows:
    """Windows of streams for inputs."""

    def __init__(self, library: Library, *, own: OwnWindow, partner: PartnerWindow, me: str) -> None:
        self._library = library
        self._own = own
        self._partner = partner
        self._me = me
        self._pins: OrderedDict[tuple[str, ...], tuple[BoundWindow, str]] = OrderedDict()

    async def pin(
        self, role: str, record: Record, file: File, question: WindowQuestion, caller: Caller
    ) -> BoundInput:
        """Return the input with a window of the stream that ``file`` is, whose bytes are in our asset store now.

        A window that was pinned a moment ago and is named with its position is not read again. Raises
        ``InvalidInput``, ``TooLarge``, ``Gone`` and ``NotFound`` as the stream does, ``NotAllowed`` without an
        agreement that permits it and under one with a duty to delete, ``Conflict`` and ``PeerUnreachable``.
        """
        if not file.is_live:
            raise InvalidInput(
                f"{file.name} is a file, not a stream: it has no window",
                remedy="bind the whole file, or choose a stream",
                facts={"case": "no-stream", "name": file.name},
            )
        agreement = await self._agreement(record.iri, record.origin, record.title())
        bound = BoundInput(
            role=role,
            iri=record.iri,
            version=record.version,
            file=file.name,
            sha256="",
            media_type=MEDIA_TYPE,
            origin=record.origin,
            titles=record.titles,
            agreement=agreement.id if agreement else None,
            origin_name=record.publisher_name,
        )
        known = self._pins.get(_key(bound, question))
        if known is not None and await run_sync(self._library.holds, known[1]):
            window, sha256 = known
            return replace(bound, sha256=sha256, window=window)
        read = await self._read(record, file, agreement, question, caller)
        sha256 = await self._library.keep(read.body)
        if sha256 != read.sha256:
            raise LocalFault("the hash of a window is not the one of its bytes")
        window = BoundWindow(start=read.start, end=read.end, position=read.position, count=read.count)
        self._remember(bound, window, sha256)
        return replace(bound, sha256=sha256, window=window)

    async def prove(self, run: Run, caller: Caller) -> list[str]:
        """Return a sentence for each window of a run: whether its stream still gives the same bytes. What is missing
        here is kept again then. Raises ``NotFound`` if the bytes of a window are neither here nor with its stream."""
        sentences = []
        for bound in run.binding.inputs:
            if bound.window is None:
                continue
            sentence = await self._prove(bound, bound.window, caller)
            if not await run_sync(self._library.holds, bound.sha256):
                raise NotFound(
                    f"this node no longer has the bytes of the window: {sentence}",
                    remedy="start a new run with another window",
                )
            sentences.append(f"input {sentence}")
        return sentences

    async def _prove(self, bound: BoundInput, window: BoundWindow, caller: Caller) -> str:
        question = WindowQuestion(start=window.start, end=window.end, position=window.position)
        period = f"{bound.role}, {display_time(window.start)} to {display_time(window.end)}"
        try:
            record = await self._library.record(bound.iri, caller, version=bound.version)
            file = next((file for file in record.files if file.name == bound.file and file.is_live), None)
            if file is None:
                return f"{period}: the dataset no longer has this stream"
            agreement = await self._agreement(bound.iri, bound.origin, record.title())
            read = await self._read(record, file, agreement, question, caller)
        except LocalFault:
            raise
        except HansaError as error:
            why = (
                "retention may have taken a part of it"
                if error.facts.get("case") in (KEPT, PARTLY)
                else "its stream cannot prove it now"
            )
            return f"{period}: {why}: {error.detail}; the run uses the bytes that were pinned"
        if read.sha256 != bound.sha256:
            return (
                f"{period}: its stream now gives other observations (SHA-256 {read.sha256}); the run uses those that "
                f"were pinned (SHA-256 {bound.sha256})"
            )
        await self._library.keep(read.body)
        same = f"{period}: its stream gives the same {read.count} observations, SHA-256 {read.sha256}"
        if not read.late:
            return same
        late = "observation has" if read.late == 1 else "observations have"
        return f"{same}; {read.late} late {late} arrived since, and a new run would use them"

    async def _agreement(self, iri: str, origin: str, title: str) -> Agreement | None:
        """Return the agreement about a stream of others; None for one of ours. Raises ``NotAllowed`` if it asks to
        delete what was received: the bytes of a window stay with its run, and a confirmation of deletion would not
        be true."""
        if origin == self._me:
            return None
        agreement = await self._library.find_agreement(iri, origin, title)
        if deletion_rule(agreement.body) is not None:
            raise NotAllowed(
                f"the agreement about {title} asks to delete what was received, and a run keeps its window",
                remedy="read the stream where it is (hansa live), or ask its provider for an offer without this duty",
                facts={"case": "window-to-delete", "title": title},
            )
        return agreement

    async def _read(
        self, record: Record, file: File, agreement: Agreement | None, question: WindowQuestion, caller: Caller
    ) -> Window:
        if agreement is not None:
            name = file.name if len(record.files) > 1 else None
            return await self._partner(agreement, question, caller, file=name)
        source, item = file.place
        if source != STREAMS:
            raise InvalidInput(
                f"{file.name} is in the data source {source}: it is not a stream and has no window",
                remedy="choose a stream",
                facts={"case": "no-stream", "name": file.name},
            )
        return await self._own(item, question)

    def _remember(self, bound: BoundInput, window: BoundWindow, sha256: str) -> None:
        question = WindowQuestion(start=window.start, end=window.end, position=window.position)
        self._pins[_key(bound, question)] = window, sha256
        while len(self._pins) > _REMEMBERED:
            self._pins.popitem(last=False)


def require_no_window(record: Record, file: File) -> None:
    """Raise ``InvalidInput`` for a stream that is bound without a window: it has no end that could be pinned."""
    if file.is_live:
        raise InvalidInput(
            f"{file.name} of {record.title()} is read where it is and changes: a run needs a window of it",
            remedy=_REMEDY,
            facts={"case": "needs-window", "name": file.name, "title": record.titles or record.iri},
        )


def _key(bound: BoundInput, question: WindowQuestion) -> tuple[str, ...]:
    """Return the identity of a window at a position, under an agreement."""
    period = (_text(question.start), _text(question.end), question.position)
    return (bound.iri, str(bound.version), bound.file, bound.agreement or "", *period)


def _text(at: datetime | None) -> str:
    return stamp(at) if at else ""
