"""A stream of another node, read with the address and the token of an open transfer."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx2

from node.base.errors import PeerUnreachable
from node.client.transport import Refusal, check, lines_of

_PATIENCE: Final = 40.0
"""Seconds without a sign after which a connection is taken for broken: a stream gives one every fifteen."""
_PAUSE: Final = 2.0
_TRIES: Final = 5


class OpenStream:
    """Reads a stream under an agreement. ``access`` is the answer of ``HansaClient.live_access``.

    All methods raise ``Refusal`` if the provider refuses, with its reason, and ``PeerUnreachable``.
    """

    def __init__(self, access: Mapping[str, Any]) -> None:
        self._endpoint = str(access["endpoint"])
        self._headers = {"Authorization": str(access["authorization"]), "User-Agent": "hansa-client"}

    def latest(self) -> Iterator[dict[str, Any]]:
        """Yield the latest observation of each subject."""
        return self._pages(f"{self._endpoint}/latest", {})

    def period(self, start: str = "", end: str = "") -> Iterator[dict[str, Any]]:
        """Yield the observations from ``start`` to before ``end``, times in ISO 8601; all that are kept without."""
        return self._pages(self._endpoint, _parameters({"from": start, "to": end}))

    @property
    def event_stream(self) -> str:
        """Return the first address of the stream as a Linked Data Event Stream; it takes the same token."""
        return f"{self._endpoint}/ldes"

    def events(
        self, *, start: str = "", end: str = "", speed: float | None = None, after: str = ""
    ) -> Iterator[dict[str, Any]]:
        """Yield the events of the stream as they come: ``event``, ``data`` and ``id`` of each. ``after`` is the id of
        the last one that was read. With ``end`` or ``speed`` a period is replayed.

        A connection that breaks, or that a busy node refuses (503), is opened again, and goes on where it was. The
        last event is ``end``, with the reason.
        """
        parameters = _parameters({"from": start, "to": end, "speed": "" if speed is None else f"{speed:g}"})
        failures = 0
        while True:
            try:
                for event in self._connection(parameters, after):
                    failures = 0
                    after = str(event.get("id", after))
                    yield event
                    if event["event"] == "end":
                        return
            except Refusal as refusal:
                failures += 1
                if refusal.http_status != httpx2.codes.SERVICE_UNAVAILABLE or failures == _TRIES:
                    raise
            except httpx2.HTTPError as error:
                failures += 1
                if failures == _TRIES:
                    raise PeerUnreachable("the provider does not answer", remedy="try again later") from error
            time.sleep(_PAUSE)

    def _connection(self, parameters: Mapping[str, str], after: str) -> Iterator[dict[str, Any]]:
        headers = {**self._headers, **({"Last-Event-ID": after} if after else {})}
        with (
            httpx2.Client(timeout=_PATIENCE, trust_env=False) as client,
            client.stream("GET", f"{self._endpoint}/events", params=dict(parameters), headers=headers) as answer,
        ):
            if answer.status_code >= 400:
                answer.read()
            check(answer)
            event: dict[str, Any] = {}
            for line in lines_of(answer.iter_bytes()):
                name, _, value = line.partition(": ")
                if name in ("id", "event"):
                    event[name] = value
                elif name == "data":
                    event[name] = json.loads(value)
                elif not line:
                    if "event" in event:
                        yield event
                    event = {}

    def _pages(self, address: str, parameters: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        with httpx2.Client(timeout=_PATIENCE, trust_env=False, headers=self._headers) as client:
            following: str | None = address
            while following:
                try:
                    answer = client.get(following, params=dict(parameters) or None)
                except httpx2.HTTPError as error:
                    raise PeerUnreachable("the provider does not answer", remedy="try again later") from error
                check(answer)
                page = answer.json()
                yield from page["observations"]
                # The address of the next page has the parameters, and is asked for at the provider's own address.
                following, parameters = page["next"], {}
                if following is not None and not following.startswith(self._endpoint):
                    raise PeerUnreachable("the provider names another address for the next page")


def _parameters(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if value}
