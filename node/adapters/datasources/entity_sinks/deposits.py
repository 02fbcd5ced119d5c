"""Files that arrive in a context broker as entities: recorded first, then sent in batches, compared, called whole.

A broker shows each entity as soon as it has it. The record beside them says whether all are there; an attempt that
ended early is found by it, and continues or is taken back.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from node.adapters.datasources.entity_sinks.operations import Operations
from node.adapters.datasources.entity_sinks.receipts import (
    PARTIAL,
    SENDING,
    WHOLE,
    WITHDRAWN,
    Receipt,
    Receipts,
    in_state,
    unreadable,
)
from node.adapters.datasources.uploads import change, occupation
from node.base.errors import InvalidInput
from node.datasources.entity_reader import BrokerEntity, EntityReader
from node.datasources.errors import EarlierContent, SinkOccupied, SinkRefuses
from node.datasources.sinks import EntityPlace, Parcel, check_entities

MOST_ENTITIES: Final = 200_000
"""The most entities of one file."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """A deposit to be done: the fingerprints of the entities to send, and of those of the earlier content."""

    receipt: Receipt
    entries: Mapping[str, str]
    earlier: Mapping[str, str]


class EntityDeposits:
    """Puts the entities of files into a broker, and deletes them (``node.datasources.sinks.SinkConnection``)."""

    def __init__(self, operations: Operations, reader: EntityReader) -> None:
        self._operations = operations
        self._receipts = Receipts(operations)
        self._reader = reader

    async def deposit(self, parcel: Parcel) -> bool:
        """See ``SinkConnection.deposit``."""
        place = check_entities(parcel.path)
        receipt = await self._receipts.get(parcel.path)
        if receipt is not None and receipt.state == WITHDRAWN:
            receipt = None
        if receipt is not None and receipt.state == WHOLE and receipt.sha256 == parcel.sha256:
            await self._require_unchanged(receipt, place)
            return False
        plan = await self._plan(parcel, place, receipt)
        async with aclosing(self._batches(parcel, place)) as batches:
            async for batch in batches:
                await self._send(batch, place, plan, parcel.path)
        gone = {name: total for name, total in plan.earlier.items() if name not in plan.entries}
        await self._delete(gone, place, parcel.path)
        if plan.receipt.previous:
            await self._receipts.drop_entries(plan.receipt, plan.receipt.previous)
        await self._receipts.put(in_state(plan.receipt, WHOLE))
        return True

    async def abandon(self, parcel: Parcel) -> None:
        """See ``SinkConnection.abandon``. Entities of an earlier version that were replaced already are deleted."""
        place = check_entities(parcel.path)
        receipt = await self._receipts.get(parcel.path)
        if receipt is not None and receipt.state == SENDING and receipt.sha256 == parcel.sha256:
            await self._withdraw(receipt, place, parcel.sha256)

    async def remove(self, path: str, sha256: str) -> bool:
        """See ``SinkConnection.remove``."""
        place = check_entities(path)
        receipt = await self._receipts.get(path)
        if receipt is None:
            if await self._operations.has_any(place.type_name):
                raise SinkRefuses(
                    f"the broker has entities of the type {place.type_name}, and no record which of them are this "
                    "node's",
                    remedy="delete them by hand, and say so: hansa shipment removed",
                )
            return False
        if receipt.state == WITHDRAWN:
            await self._receipts.drop(path)
            return False
        if sha256 not in (receipt.sha256, receipt.previous):
            raise change(path)
        await self._withdraw(receipt, place, sha256)
        rest = await self._receipts.get(path)
        if rest is not None and rest.state == WITHDRAWN:
            await self._receipts.drop(path)
        return True

    async def _plan(self, parcel: Parcel, place: EntityPlace, receipt: Receipt | None) -> _Plan:
        """Record what will be sent, or return what an earlier attempt recorded. Raises ``EarlierContent`` before the
        first attempt has written anything, if something else is there."""
        if receipt is not None and receipt.sha256 != parcel.sha256:
            if receipt.state == SENDING and receipt.previous and receipt.previous == parcel.replaces:
                # A version in between failed, and could not be taken back.
                receipt = await self._withdraw(receipt, place, receipt.sha256)
            elif receipt.sha256 != parcel.replaces:
                raise occupation(parcel.path, EarlierContent)
        entries = await self._entries(parcel, place)
        if receipt is not None and receipt.sha256 == parcel.sha256:
            return await self._continue(receipt, entries, place)
        earlier = await self._receipts.entries(receipt, receipt.sha256) if receipt is not None else {}
        await self._require_free(parcel.path, place, entries, earlier, receipt)
        record = Receipt(
            place=parcel.path,
            sha256=parcel.sha256,
            state=SENDING,
            count=len(entries),
            transfer="".join(parcel.origin.split())[:300],
            previous=receipt.sha256 if receipt is not None else "",
            previous_count=receipt.count if receipt is not None else 0,
        )
        await self._receipts.put(record)
        await self._receipts.put_entries(record, entries)
        return _Plan(record, entries, earlier)

    async def _continue(self, receipt: Receipt, entries: Mapping[str, str], place: EntityPlace) -> _Plan:
        earlier = await self._receipts.entries(receipt, receipt.previous)
        is_recorded = await self._receipts.entries(receipt, receipt.sha256) == entries
        if not is_recorded:
            # No entity was sent yet, or all were deleted: others may have made some since.
            await self._require_free(receipt.place, place, entries, earlier, receipt)
        if receipt.state != SENDING or receipt.count != len(entries):
            receipt = await self._receipts.put(replace(receipt, state=SENDING, count=len(entries)))
        if not is_recorded:
            await self._receipts.put_entries(receipt, entries)
        return _Plan(receipt, entries, earlier)

    async def _require_free(
        self,
        path: str,
        place: EntityPlace,
        entries: Mapping[str, str],
        earlier: Mapping[str, str],
        receipt: Receipt | None,
    ) -> None:
        """Raise unless no entity of the file is there, but for those of the earlier content, which are unchanged."""
        there = await self._operations.sums({**earlier, **entries}, place.type_name)
        for name in entries:
            if name in there and name not in earlier:
                raise EarlierContent(
                    f"the broker has an entity {name[:200]} already, which this node did not send",
                    remedy="delete or rename it there, or send the file to another broker or tenant",
                )
        was_whole = receipt is not None and receipt.state == WHOLE
        for name, total in earlier.items():
            if there.get(name, total if not was_whole else "") != total:
                raise change(path)

    async def _entries(self, parcel: Parcel, place: EntityPlace) -> dict[str, str]:
        """Return the fingerprints of the entities of a file, by their ids. Raises ``InvalidInput`` if two have one
        id, and if there are none or too many."""
        entries: dict[str, str] = {}
        async with aclosing(self._batches(parcel, place)) as batches:
            async for batch in batches:
                for entity in batch:
                    if entity.id in entries:
                        raise InvalidInput(
                            f"two rows of the file would both be the entity {entity.id[:200]}",
                            remedy="name a column whose values differ, behind a full stop: "
                            f"--to {place.type_name}.station",
                        )
                    entries[entity.id] = entity.sum
                if len(entries) > MOST_ENTITIES:
                    raise InvalidInput(
                        f"the file has more than {MOST_ENTITIES:,} entities",
                        remedy="send it to a folder, a bucket or a database instead",
                    )
        if not entries:
            raise InvalidInput("the file has no entities", remedy="send it to a folder or a bucket instead")
        return entries

    def _batches(self, parcel: Parcel, place: EntityPlace) -> AsyncGenerator[list[BrokerEntity], None]:
        return self._reader.batches(parcel.file, parcel.media_type, place.type_name, place.column, parcel.id)

    async def _send(self, batch: list[BrokerEntity], place: EntityPlace, plan: _Plan, path: str) -> None:
        """Send the entities of a batch that are not there yet, and compare what the broker made of them."""
        names = [entity.id for entity in batch]
        there = await self._operations.sums(names, place.type_name)
        for name, total in there.items():
            if total not in (plan.entries.get(name), plan.earlier.get(name)):
                raise change(path)
        rivals = await self._operations.create([entity.content for entity in batch if entity.id not in there])
        if rivals:
            raise SinkOccupied(
                f"somebody made the entity {rivals[0][:200]} at the broker at the same time",
                remedy="look at it, delete it there, and try again: hansa shipment retry",
            )
        await self._operations.upsert(
            [entity.content for entity in batch if entity.id in there and there[entity.id] != entity.sum]
        )
        contents = await self._operations.sums(names, place.type_name)
        for entity in batch:
            if contents.get(entity.id) != entity.sum:
                raise SinkRefuses(
                    f"the broker keeps the entity {entity.id[:200]} otherwise than it was sent",
                    remedy="name the context of your data at the data source (--option context=https://…), or send "
                    "the file to a folder or a bucket instead",
                )

    async def _require_unchanged(self, receipt: Receipt, place: EntityPlace) -> None:
        entries = await self._receipts.entries(receipt, receipt.sha256)
        if len(entries) != receipt.count or await self._operations.sums(entries, place.type_name) != entries:
            raise change(receipt.place)

    async def _delete(self, entries: Mapping[str, str], place: EntityPlace, path: str) -> None:
        """Delete entities that are what this node sent. Raises ``SinkOccupied`` if one is not; it stays, as do the
        others."""
        there = await self._operations.sums(entries, place.type_name)
        if any(entries[name] != total for name, total in there.items()):
            raise change(path)
        await self._operations.delete(there)

    async def _withdraw(self, receipt: Receipt, place: EntityPlace, sha256: str) -> Receipt:
        """Delete the entities of one content of a place; those that the other one has, too, stay. Raises
        ``SinkOccupied`` if one was changed; then all stay."""
        own = await self._receipts.entries(receipt, sha256)
        if receipt.state != SENDING and len(own) != receipt.count_of(sha256):
            raise unreadable(receipt.place)
        other = receipt.other(sha256)
        others = await self._receipts.entries(receipt, other)
        if other and len(others) != receipt.count_of(other):
            # Its list goes last: none of its entities is there that the present content does not have.
            await self._receipts.drop_entries(receipt, other)
            others = {}
        there = await self._operations.sums(own, place.type_name)
        if any(total not in (own[name], others.get(name)) for name, total in there.items()):
            raise change(receipt.place)
        doomed = [name for name, total in there.items() if total == own[name] and others.get(name) != total]
        await self._operations.delete(doomed)
        remains = await self._operations.sums(doomed, place.type_name)
        if remains:
            raise SinkRefuses(
                f"the broker still has {next(iter(remains))[:200]} after its deletion",
                remedy="delete it by hand, and say so: hansa shipment removed",
            )
        if other:
            remaining = Receipt(
                place=receipt.place,
                sha256=other,
                state=PARTIAL,
                count=len(others),
                transfer=receipt.transfer,
            )
        else:
            remaining = in_state(receipt, WITHDRAWN)
        await self._receipts.put(remaining)
        await self._receipts.drop_entries(receipt, sha256)
        return remaining
