"""What stands around an EDC: the source of its bytes, the address that hears of its transfers, a place to push to."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from node.transfer.inbox import TakePush
from node.transfer.model import Reception

BYTES = b"hour,count\n" + b"".join(b"2026-01-01T%02d,%d\n" % (hour % 24, hour) for hour in range(2000))


class Desk:
    """Serves ``/source``, hears ``/events``, takes ``/sink/…``.

    ``gate``: whether what is pushed to the node is taken now; ``arrived``: whether all of what is held back is here.
    """

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.pushed: dict[str, bytes] = {}
        self.gate = threading.Event()
        self.gate.set()
        self.arrived = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://localhost:{self.server.server_port}"

    def _handler(desk) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - ``self`` is the handler's
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(BYTES)

            def do_POST(self) -> None:
                body = self._body()
                if self.path.startswith("/sink/"):
                    desk.pushed[self.path] = body
                else:
                    desk.events.append(json.loads(body))
                self._answer(b"")

            do_PUT = do_POST  # noqa: N815 - the library's name

            def _body(self) -> bytes:
                if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = b""
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def _answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Content-Type", "text/csv")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nothing is told."""

        return Handler

    def started(self, pid: str) -> dict[str, Any] | None:
        """The data address that EDC was given last for its transfer ``pid``."""
        for event in reversed(self.events):
            payload = event.get("payload", {})
            if payload.get("transferProcessId") == pid and payload.get("dataAddress"):
                found: dict[str, Any] = payload["dataAddress"]
                return found
        return None


def hold(inbox: TakePush, desk: Desk) -> None:
    """Have what is pushed to a node wait for the gate: all bytes are here, and their sender waits for the answer."""
    take = inbox.take

    async def take_later(*words: Any, chunks: AsyncIterator[bytes], **more: Any) -> Reception:
        async def gated() -> AsyncIterator[bytes]:
            if desk.gate.is_set():
                async for chunk in chunks:
                    yield chunk
                return
            whole = [chunk async for chunk in chunks]
            desk.arrived.set()
            while not desk.gate.is_set():
                await asyncio.sleep(0.05)
            for chunk in whole:
                yield chunk

        return await take(*words, chunks=gated(), **more)

    vars(inbox)["take"] = take_later


@contextmanager
def open_desk() -> Iterator[Desk]:
    desk = Desk()
    thread = threading.Thread(target=desk.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield desk
    finally:
        desk.server.shutdown()
        desk.server.server_close()
        thread.join(10)


def fetched(endpoint: str, authorization: str | None) -> tuple[int, bytes]:
    """What an application beside EDC gets with the data address: status and body."""
    headers = {} if authorization is None else {"Authorization": authorization}
    request = urllib.request.Request(endpoint, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
