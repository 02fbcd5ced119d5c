"""Every protocol message that a node of a test sends or answers is compared with the official schemas of DSP 2025-1.

``tests.nodes.running`` listens at the two places that all of them pass: the one way out (``Egress.request``), and the
doors below ``/dsp``. What was heard is judged when the node has ended, so that nothing goes slower before. Messages
of 2024/1, for which there are no schemas at hand, are compared with the members of 2025-1, as the peer reads them.

Where the official schemas are absent, nothing is judged;
``tests/conformance/protocol/test_dsp_messages.py`` then says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from node.dialogue import wire
from node.vocab.dsp import V2025_1, VERSIONS
from tests.artefacts import SHARED

Faults = Callable[..., list[str]]

_DOORS = tuple(version.path for version in VERSIONS.values())
_VERSIONS_DOOR = "/.well-known/dspace-version"


def schemas_at_hand() -> bool:
    """Whether there is anything to compare with."""
    return (SHARED / "data" / "dsp" / "common" / "context-schema.json").exists()


@dataclass
class Traffic:
    """What one node has said: where, with which status (0 for a message that it sends), and the very bytes."""

    heard: list[tuple[str, int, bytes]] = field(default_factory=list)

    def around_doors(self, app: ASGIApp) -> ASGIApp:
        """``app``, with the answers of its protocol doors listened to."""

        async def listening(scope: Scope, receive: Receive, send: Send) -> None:
            path = str(scope.get("path", ""))
            if scope["type"] != "http" or not any(f"{door}/" in path for door in (*_DOORS, "/.well-known")):
                await app(scope, receive, send)
                return
            pieces: list[bytes] = []
            status = [0]

            async def passing(message: Message) -> None:
                if message["type"] == "http.response.start":
                    status[0] = message["status"]
                elif message["type"] == "http.response.body":
                    pieces.append(message.get("body", b""))
                    if not message.get("more_body"):
                        self.heard.append((f"{scope['method']} {path}", status[0], b"".join(pieces)))
                await send(message)

            await app(scope, receive, passing)

        return listening

    def around_egress(self, egress: Any) -> None:
        """Listens to what goes out through ``egress`` to the protocol's paths of other nodes."""
        ask = egress.request

        async def listening(method: str, url: str, **options: Any) -> Any:
            body = options.get("body")
            if body is not None and any(f"{part}/" in url for part in ("/negotiations", "/transfers", "/catalog")):
                self.heard.append((f"{method} {url}", 0, bytes(body)))
            return await ask(method, url, **options)

        egress.request = listening

    def faults(self) -> list[str]:
        """What the schemas find wrong with what was said, in words."""
        if not schemas_at_hand():
            return []
        judged: dict[tuple[str, bytes], list[str]] = {}
        for where, status, raw in self.heard:
            if (where, raw) not in judged:
                judged[where, raw] = [f"{where} ({status or 'sent'}): {one}" for one in _judge(where, status, raw)]
        return [one for found in judged.values() for one in found]


_SHAPES: dict[str, list[str]] = {}


def of_a_new_shape(raw: bytes) -> list[str]:
    """What the schemas find wrong with a message. Messages that differ in their texts only are judged once, so that a
    simulation can have all of its messages judged."""
    if not schemas_at_hand():
        return []
    shape = json.dumps(_shape(json.loads(raw)))
    if shape not in _SHAPES:
        _SHAPES[shape] = _judge("a message", 0, raw)
    return _SHAPES[shape]


def _shape(value: Any, name: str = "") -> Any:
    match value:
        case dict():
            return {member: _shape(inner, member) for member, inner in sorted(value.items())}
        case list():
            return [_shape(inner, name) for inner in value]
        case str() if name not in ("@context", "@type", "eventType", "operator"):
            return ""
        case _:
            return value


def _judge(where: str, status: int, raw: bytes) -> list[str]:
    from tests.conformance.dsp import PROTOCOL_VERSION, SCHEMA_OF, faults

    if "/.well-known/" in where:
        return faults(json.loads(raw), PROTOCOL_VERSION) if where.endswith(_VERSIONS_DOOR) and status == 200 else []
    try:
        message = json.loads(raw)
    except ValueError:
        return [] if status >= 400 else ["it is no JSON"]
    if not isinstance(message, dict):
        return ["it is no object"]
    if "@type" not in message:
        # A path that the protocol does not have is answered as everywhere else.
        return [] if status in (404, 405) else [f"it has no @type: {raw[:200]!r}"]
    if wire.version_named(message.get("@context")) != V2025_1:
        message = {**wire.read(raw), "@context": [V2025_1.context]}
        if message["@type"] == "ContractOfferMessage" and "consumerPid" in message:
            # An offer within a negotiation says in 2024/1 where it is answered, and does not in 2025-1.
            message.pop("callbackAddress", None)
    if message["@type"] not in SCHEMA_OF:
        return [f"{message['@type']} is no message of the protocol"]
    return faults(message)
