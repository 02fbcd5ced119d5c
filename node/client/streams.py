"""Streams of observations, from the caller's side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from node.client.calls import C_co, Call, CallGroup, document, endpoint, nothing, rows

PATH = "/api/streams"
BRIDGES = "/api/bridges"
SUBSCRIBERS = "/api/subscribers"


class StreamCalls(CallGroup[C_co]):
    """The streams of one node. All methods raise ``Refusal`` if the node refuses, ``PeerUnreachable``."""

    @endpoint
    def all(self) -> Call[list[dict[str, Any]]]:
        """Return all streams."""
        return rows("GET", PATH)

    @endpoint
    def add(self, /, name: str, schema: Mapping[str, Any], **description: Any) -> Call[dict[str, Any]]:
        """Describe a stream, or change its description: ``time``, ``subject``, ``key``, ``keep``, ``most``."""
        return document("PUT", _path(name), json={"schema": dict(schema), **description})

    @endpoint
    def stream(self, name: str) -> Call[dict[str, Any]]:
        """Return a stream, with its counts."""
        return document("GET", _path(name))

    @endpoint
    def connect(
        self, name: str, source: str, topic: str, *, form: str = "json", take: Mapping[str, str] | None = None
    ) -> Call[dict[str, Any]]:
        """Let a stream take the messages of a topic of a broker, which is a data source. ``take`` says where the
        members of an observation are in a message."""
        subscription = {"source": source, "topic": topic, "format": form, "take": dict(take or {})}
        return document("PUT", f"{_path(name)}/broker", json=subscription)

    @endpoint
    def disconnect(self, name: str) -> Call[None]:
        """Take no more messages of a broker. The observations stay."""
        return nothing("DELETE", f"{_path(name)}/broker")

    @endpoint
    def remove(self, name: str) -> Call[None]:
        """Remove a stream with its observations."""
        return nothing("DELETE", _path(name))

    @endpoint
    def send(self, name: str, observations: Mapping[str, Any] | Sequence[Any]) -> Call[dict[str, Any]]:
        """Send one observation or several; return how many are stored on disk. Sending again does no harm."""
        return document("POST", f"{_path(name)}/observations", json=observations)

    @endpoint
    def send_bytes(self, name: str, body: bytes, media_type: str) -> Call[dict[str, Any]]:
        """As ``send``, for a body of ``application/json``, ``application/x-ndjson`` or ``text/csv``."""
        headers = {"Content-Type": media_type}
        return document("POST", f"{_path(name)}/observations", content=body, headers=headers)

    @endpoint
    def latest(self, name: str, *, after: str = "", limit: int = 100) -> Call[list[dict[str, Any]]]:
        """Return the latest observation of each subject, by subject."""
        return rows("GET", f"{_path(name)}/latest", params={"after": after, "limit": limit})

    @endpoint
    def faults(self, name: str, *, limit: int = 100) -> Call[list[dict[str, Any]]]:
        """Return the observations that were refused, newest first, with the reasons."""
        return rows("GET", f"{_path(name)}/faults", params={"limit": limit})


class BridgeCalls(CallGroup[C_co]):
    """The bridges of one node. All methods raise ``Refusal`` if the node refuses, ``PeerUnreachable``."""

    @endpoint
    def all(self, *, agreement: str | None = None) -> Call[list[dict[str, Any]]]:
        """Return the bridges, those of one agreement if it is given, and how far they are."""
        return rows("GET", BRIDGES, params={} if agreement is None else {"agreement": agreement})

    @endpoint
    def begin(
        self, agreement: str, to: str, *, file: str = "", key: str = "", start: str = ""
    ) -> Call[dict[str, Any]]:
        """Pass the stream under an agreement on to ``to`` (``broker:NAME/TOPIC``)."""
        body = {"agreement": agreement, "to": to, "file": file, "key": key, **({"from": start} if start else {})}
        return document("POST", BRIDGES, json=body)

    @endpoint
    def end(self, bridge_id: str) -> Call[None]:
        """End a bridge; what the broker has stays."""
        return nothing("DELETE", f"{BRIDGES}/{quote(bridge_id, safe='')}")


class SubscriberCalls(CallGroup[C_co]):
    """The subscriptions of partners at one node. All methods raise ``Refusal`` if the node refuses,
    ``PeerUnreachable``."""

    @endpoint
    def all(self) -> Call[list[dict[str, Any]]]:
        """Return the subscriptions, and how far they are."""
        return rows("GET", SUBSCRIBERS)

    @endpoint
    def resend(self, key: str) -> Call[dict[str, Any]]:
        """Send the refused notifications of a subscription again; return how many were sent and are left."""
        return document("POST", f"{SUBSCRIBERS}/{quote(key, safe='')}/resend")

    @endpoint
    def end(self, key: str) -> Call[None]:
        """End the subscription of a partner, and forget it."""
        return nothing("DELETE", f"{SUBSCRIBERS}/{quote(key, safe='')}")


def _path(name: str) -> str:
    return f"{PATH}/{quote(name, safe='')}"
