"""Topics of brokers that take events: CloudEvents 1.0 in the structured mode of their bindings for Kafka and MQTT.

The broker is a data source of the node, which has its address and its sealed password; the address of a webhook names
it and a topic: ``broker:NAME/TOPIC``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from node.base.errors import InvalidInput, NotFound, PeerUnreachable
from node.base.jsons import read_object
from node.base.plaintext import word
from node.datasources.brokers.model import OutgoingMessage
from node.datasources.brokers.ports import EventConnection
from node.datasources.errors import SinkRefuses
from node.datasources.model import DataSource
from node.datasources.ports import DataConnection
from node.exchange.offloop import off_loop
from node.exchange.receivers import Receipt, Receivers
from node.exchange.signatures import TIMESTAMP
from node.operation.webhooks.model import BROKER

_TAKEN: Final = 202
_TOO_LARGE: Final = 413
_CONTENT_TYPE: Final = "Content-Type"


class EventReceivers:
    """``node.exchange.receivers.Receivers``: topics, and ``programs`` at all other addresses. ``connect`` opens
    a data source of this name."""

    def __init__(self, programs: Receivers, connect: Callable[[str], tuple[DataSource, DataConnection]]) -> None:
        self._programs = programs
        self._connect = connect

    def check(self, address: str) -> str:
        if not address.startswith(BROKER):
            return self._programs.check(address)
        self._open(address)
        return address.partition("/")[0]

    async def post(self, address: str, headers: Mapping[str, str], body: bytes) -> Receipt:
        if not address.startswith(BROKER):
            return await self._programs.post(address, headers, body)
        try:
            connection, topic = await off_loop(self._open, address)
        except InvalidInput as error:
            # It was registered once: a steward may register it again while the event waits.
            raise PeerUnreachable(error.detail, remedy=error.remedy) from error
        message = OutgoingMessage(
            key=_key_of(read_object(body)),
            media_type=headers.get(_CONTENT_TYPE, ""),
            properties={name: value for name, value in headers.items() if name != _CONTENT_TYPE},
            body=body,
            at=datetime.fromtimestamp(int(headers[TIMESTAMP]), UTC),
        )
        try:
            await connection.publish(topic, message)
        except SinkRefuses as error:
            return Receipt(_TOO_LARGE, words=error.detail)
        return Receipt(_TAKEN, words="the broker has the event")

    def _open(self, address: str) -> tuple[EventConnection, str]:
        """Return a connection to the broker of an address, and the topic. Raises ``InvalidInput``, ``NotFound``,
        ``ForbiddenAddress``."""
        name, slash, topic = address.removeprefix(BROKER).partition("/")
        if not name or not slash or not topic:
            raise InvalidInput(
                "the address names no broker and topic",
                remedy="such as broker:bus/city.events: a data source, a topic",
            )
        try:
            _, connection = self._connect(name)
        except NotFound as error:
            raise InvalidInput(
                f"there is no data source {name[:80]}",
                remedy=f"register the broker first: hansa source add {word(name[:80])} kafka ADDRESS, or mqtt",
            ) from error
        if not isinstance(connection, EventConnection):
            raise InvalidInput(f"{name[:80]} takes no events", remedy="name a data source of the kind kafka or mqtt")
        connection.check_destination(topic)
        return connection, topic


def _key_of(event: Mapping[str, Any]) -> str:
    """Return what keeps events about the same thing in order: the subject of a CloudEvent, the run of OpenLineage."""
    run = event.get("run")
    return str(run.get("runId", "") if isinstance(run, Mapping) else event.get("subject", ""))
