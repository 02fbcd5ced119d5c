"""A city with a stream of counters, for tests."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import httpx2

from tests.integration.datasources.live_data import Opened
from tests.nodes import Running, until

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "station": {"type": "string", "minLength": 1},
        "at": {"type": "string"},
        "bikes": {"type": "integer", "minimum": 0},
        "wet": {"type": "boolean"},
    },
    "required": ["station", "at", "bikes"],
    "additionalProperties": False,
}


def describe(city: Running, name: str, **description: Any) -> dict[str, Any]:
    """Make the stream; return what the node says of it."""
    with city.client() as client:
        return dict(client.streams.add(name, SCHEMA, **{"subject": "station", **description}))


def observation(number: int, *, station: str = "", minute: int | None = None) -> dict[str, Any]:
    """The observation of this number: each has a time of its own."""
    hours, rest = divmod(number if minute is None else minute, 60)
    return {
        "station": station or f"s{number % 5}",
        "at": f"2026-01-{1 + hours // 24:02}T{hours % 24:02}:{rest:02}:00Z",
        "bikes": number,
    }


def send(city: Running, name: str, *observations: Any) -> dict[str, Any]:
    """Send them; return the receipt."""
    with city.client() as client:
        return dict(client.streams.send(name, list(observations)))


class Listener:
    """A reader of events, in a thread of its own."""

    def __init__(self, opened: Opened, query: str = "", *, last: str = "") -> None:
        self.events: list[dict[str, Any]] = []
        self.status: int | None = None
        self.ended = threading.Event()
        self._socket: socket.socket | None = None
        self._opened, self._query, self._last = opened, query, last
        self._client = httpx2.Client(timeout=60, trust_env=False)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def wait(self, what: str, ready: Callable[[list[dict[str, Any]]], object]) -> list[dict[str, Any]]:
        """Wait until ``ready`` holds for the events so far; return those about observations."""
        until(what, lambda: ready(self.events))
        return self.observations

    @property
    def observations(self) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == "observation"]

    def close(self) -> None:
        # A socket that is closed while a thread reads from it stays open until something comes.
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
        self._client.close()

    def _listen(self) -> None:
        headers = {"Authorization": self._opened.authorization}
        if self._last:
            headers["Last-Event-ID"] = self._last
        try:
            with self._client.stream(
                "GET", f"{self._opened.endpoint}/events{self._query}", headers=headers
            ) as answer:
                self._socket = answer.extensions["network_stream"].get_extra_info("socket")
                self.status = answer.status_code
                event: dict[str, Any] = {}
                for line in answer.iter_lines():
                    name, _, value = line.partition(": ")
                    if name in ("id", "event"):
                        event[name] = value
                    elif name == "data":
                        event["data"] = json.loads(value)
                    elif not line and "event" in event:
                        self.events.append({**event, "at": time.monotonic()})
                        event = {}
        except (httpx2.HTTPError, RuntimeError):
            pass
        finally:
            self.ended.set()


@contextmanager
def listening(opened: Opened, query: str = "", *, last: str = "") -> Iterator[Listener]:
    """Listen until the end of the block; it begins when the node has answered."""
    listener = Listener(opened, query, last=last)
    try:
        until("the node answers", lambda: listener.status is not None or listener.ended.is_set())
        yield listener
    finally:
        listener.close()
