"""Streams of others that this node receives under an agreement, as their page shows them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from anyio.to_thread import run_sync

from node.base.errors import NotFound
from node.catalogue.browse import Browse
from node.catalogue.model import Record
from node.dialogue.process import Role
from node.identity.model import Caller
from node.identity.roles import UseCase, allowed
from node.portal.views.agreements import Agreements, AgreementView
from node.transfer.bridges.model import BridgeView
from node.transfer.bridges.usecases import Bridges
from node.transfer.live.feeds import SeenObservation
from node.transfer.live.partner_streams import PartnerStreams, PartnerStreamView
from node.vocab.dsp import LIVE

_COLUMNS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownStream:
    """A stream under an agreement. ``files`` are the streams to choose from, empty if there is one; ``file`` is the
    chosen one."""

    view: AgreementView
    files: tuple[str, ...]
    file: str
    stream: PartnerStreamView


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationTable:
    """Observations as a table, each with the time of its arrival."""

    columns: tuple[str, ...]
    rows: tuple[tuple[SeenObservation, tuple[str, ...]], ...]


class PartnerStreamPages:
    """Shows the streams that agreements of this node open."""

    def __init__(self, agreements: Agreements, browse: Browse, streams: PartnerStreams, bridges: Bridges) -> None:
        self._agreements = agreements
        self._browse = browse
        self._streams = streams
        self._bridges = bridges

    async def opens(self, view: AgreementView, by: Caller, *, formats: Collection[str]) -> bool:
        """Return whether the data under an agreement of ours may be a stream, as far as this node knows. ``formats``
        are those of the transfers under it: they tell where this node does not know the asset."""
        if view.agreement.role != Role.CONSUMER or view.kind == "model":
            return False
        record = await self._record(view, by)
        return LIVE in formats if record is None else bool(_streams_of(record))

    async def show(self, agreement_id: str, by: Caller, *, file: str = "") -> ShownStream:
        """Return the stream, which is read from now on. Raises the errors of ``PartnerStreams.view``."""
        self._streams.require_role(by)
        view = await self._agreements.get(agreement_id)
        files, chosen = await self._choice(view, by, file)
        stream = await self._streams.view(agreement_id, by, file=chosen or None)
        return ShownStream(view=view, files=files, file=chosen, stream=stream)

    async def open(self, agreement_id: str, by: Caller, *, file: str = "") -> None:
        """Open the stream, or open it again. Raises the errors of ``PartnerStreams.open``."""
        self._streams.require_role(by)
        _, chosen = await self._choice(await self._agreements.get(agreement_id), by, file)
        await self._streams.open(agreement_id, by, file=chosen or None)

    async def bridges(
        self, agreement_id: str, by: Caller, *, file: str
    ) -> tuple[Sequence[BridgeView], Sequence[str]]:
        """Return the bridges of a stream, and the brokers to which it can go; none for a caller who may not send it
        there."""
        views = await run_sync(self._bridges.all, by, agreement_id)
        brokers = await run_sync(self._bridges.brokers, by) if allowed(by, UseCase.MANAGE_DATA_SOURCES) else ()
        return [view for view in views if view.bridge.file == file], brokers

    async def begin_bridge(self, agreement_id: str, address: str, by: Caller, *, file: str, key: str) -> None:
        """Pass the stream on to a broker. Raises the errors of ``Bridges.begin``."""
        await run_sync(lambda: self._bridges.begin(agreement_id, address, by, file=file, key=key))

    async def end_bridge(self, bridge_id: str, by: Caller) -> None:
        """End a bridge. Raises the errors of ``Bridges.end``."""
        await run_sync(self._bridges.end, bridge_id, by)

    async def _choice(self, view: AgreementView, by: Caller, file: str) -> tuple[tuple[str, ...], str]:
        record = await self._record(view, by)
        names = _streams_of(record) if record is not None else ()
        if len(names) < 2:
            return (), ""
        return names, file if file in names else names[0]

    async def _record(self, view: AgreementView, by: Caller) -> Record | None:
        try:
            return await self._browse.record(view.agreement.dataset, by)
        except NotFound:
            return None


def _streams_of(record: Record) -> tuple[str, ...]:
    """Return the files that may be streams: those that are read where they are, in JSON."""
    return tuple(
        file.name
        for file in record.files
        if file.is_live and file.media_type.partition(";")[0].strip().lower() == "application/json"
    )


def table_of(observations: Sequence[SeenObservation], *first: str) -> ObservationTable:
    """Return observations as a table, with the members ``first`` in front, and no more columns than fit."""
    names = dict.fromkeys(name for observation in observations for name in observation.members)
    columns = tuple(dict.fromkeys([*(name for name in first if name in names), *names]))[:_COLUMNS]
    return ObservationTable(
        columns=columns,
        rows=tuple((each, tuple(_cell(each.members.get(name)) for name in columns)) for each in observations),
    )


def _cell(value: str | float | bool | None) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
