"""The record of what this node put into a context broker, kept there: an entity for each place, parts with the ids.

A broker has no transactions. The record is written before the first entity, so that what an attempt left can be
found, and it says ``whole`` when all is there.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from node.adapters.datasources.entity_sinks.operations import Operations
from node.datasources.errors import SinkRefuses

HEAD: Final = "HansaShipment"
PART: Final = "HansaShipmentPart"
WHOLE: Final = "whole"
SENDING: Final = "sending"
PARTIAL: Final = "partial"
WITHDRAWN: Final = "withdrawn"
_STATES: Final = (WHOLE, SENDING, PARTIAL, WITHDRAWN)
_ROWS: Final = 500
_ENTRY: Final = re.compile(r"([0-9a-f]{16}) (\S{1,600})")
_SHA256: Final = re.compile(r"[0-9a-f]{64}|")
_MOST: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The content of a place: ``sha256`` is that of the file whose entities are there, or are being sent.
    ``previous`` is the earlier one, while some of its entities may be there. Counts are of entities."""

    place: str
    sha256: str
    state: str
    count: int
    transfer: str = ""
    previous: str = ""
    previous_count: int = 0

    def count_of(self, sha256: str) -> int:
        return self.count if sha256 == self.sha256 else self.previous_count

    def other(self, sha256: str) -> str:
        """Return the hash of the other content of the place; "" if there is none."""
        return self.previous if sha256 == self.sha256 else self.sha256


class Receipts:
    """The records at one broker. All methods raise the errors of ``Operations``."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    async def get(self, place: str) -> Receipt | None:
        """Return the record of a place; None if there is none. Raises ``SinkRefuses`` if it is no such record."""
        name = _head_id(place)
        entity = (await self._operations.read([name], HEAD)).get(name)
        if entity is None:
            return None
        values = {key: _value(entity, key) for key in ("state", "sha256", "previous", "count", "previousCount")}
        earlier = "" if values["previous"] == "-" else str(values["previous"])
        if (
            _value(entity, "place") != place
            or values["state"] not in _STATES
            or not _SHA256.fullmatch(str(values["sha256"]))
            or not _SHA256.fullmatch(earlier)
        ):
            raise unreadable(place)
        return Receipt(
            place=place,
            sha256=str(values["sha256"]),
            state=str(values["state"]),
            count=_number(values["count"], place),
            transfer=str(_value(entity, "transfer") or ""),
            previous=earlier,
            previous_count=_number(values["previousCount"], place),
        )

    async def put(self, receipt: Receipt) -> Receipt:
        """Write the record of a place."""
        values = {
            "place": receipt.place,
            "state": receipt.state,
            "sha256": receipt.sha256,
            "transfer": receipt.transfer or "-",
            "count": receipt.count,
            "previous": receipt.previous or "-",
            "previousCount": receipt.previous_count,
        }
        attributes = {name: {"type": "Property", "value": value} for name, value in values.items()}
        await self._operations.upsert([{"id": _head_id(receipt.place), "type": HEAD, **attributes}])
        return receipt

    async def put_entries(self, receipt: Receipt, entries: Mapping[str, str]) -> None:
        """Write which entities the content of a place has, with their fingerprints."""
        lines = [f"{total} {name}" for name, total in entries.items()]
        for number, name in enumerate(_part_ids(receipt.place, receipt.sha256, len(lines))):
            rows = lines[number * _ROWS : (number + 1) * _ROWS]
            part = {"id": name, "type": PART, "entities": {"type": "Property", "value": rows}}
            await self._operations.upsert([part])

    async def entries(self, receipt: Receipt, sha256: str) -> dict[str, str]:
        """Return the fingerprints of the entities of a content, by their ids. Parts that were not written, because
        the attempt ended before, or are deleted already, stand for no entities."""
        entries: dict[str, str] = {}
        if not sha256:
            return entries
        for name in _part_ids(receipt.place, sha256, receipt.count_of(sha256)):
            part = (await self._operations.read([name], PART)).get(name)
            rows = _value(part, "entities") if part is not None else []
            for row in [rows] if isinstance(rows, str) else rows:
                match = _ENTRY.fullmatch(str(row))
                if match is None:
                    raise unreadable(receipt.place)
                entries[match[2]] = match[1]
        return entries

    async def drop_entries(self, receipt: Receipt, sha256: str) -> None:
        """Forget which entities a content has."""
        await self._operations.delete(_part_ids(receipt.place, sha256, receipt.count_of(sha256)))

    async def drop(self, place: str) -> None:
        """Forget a place."""
        await self._operations.delete([_head_id(place)])


def in_state(receipt: Receipt, state: str) -> Receipt:
    """Return a record that has only its present content, in a state."""
    return replace(receipt, state=state, previous="", previous_count=0)


def _head_id(place: str) -> str:
    return f"urn:ngsi-ld:{HEAD}:{_key(place)}"


def _part_ids(place: str, sha256: str, count: int) -> list[str]:
    parts = (count + _ROWS - 1) // _ROWS
    return [f"urn:ngsi-ld:{PART}:{_key(place)}:{sha256[:16]}:{number}" for number in range(parts)]


def _key(place: str) -> str:
    return hashlib.sha256(place.encode()).hexdigest()[:24]


def _value(entity: Mapping[str, Any], name: str) -> Any:
    attribute = entity.get(name)
    return attribute.get("value") if isinstance(attribute, Mapping) else None


def _number(value: Any, place: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value) or not 0 <= value < _MOST:
        raise unreadable(place)
    return int(value)


def unreadable(place: str) -> SinkRefuses:
    """Return the error for a record that does not say which entities are this node's."""
    return SinkRefuses(
        f"the record of what this node put at {place[:200]} was changed at the broker",
        remedy="delete the entities there by hand, and say so: hansa shipment removed",
    )
