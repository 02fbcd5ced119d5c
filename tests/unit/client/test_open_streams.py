"""The events of an open stream over connections that break and over a node that is busy."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from node.client import OpenStream, Refusal, open_streams

EVENTS = b'id: 1\nevent: observation\ndata: {"bikes": 3}\n\nid: 1\nevent: end\ndata: {}\n\n'


class _Provider(BaseHTTPRequestHandler):
    statuses: ClassVar[list[int]] = []
    """Those of the next answers; 200 when there are none left."""

    def do_GET(self) -> None:
        status = self.statuses.pop(0) if self.statuses else 200
        body = EVENTS if status == 200 else b'{"detail": "the node is busy"}'
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
        """Keep the output of the tests clean."""


@contextmanager
def provider(*statuses: int) -> Iterator[OpenStream]:
    _Provider.statuses[:] = statuses
    with ThreadingHTTPServer(("127.0.0.1", 0), _Provider) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            access = {"endpoint": f"http://127.0.0.1:{server.server_port}/stream", "authorization": "Bearer x"}
            yield OpenStream(access)
        finally:
            server.shutdown()


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_streams, "_PAUSE", 0.0)


def test_a_busy_node_is_asked_again() -> None:
    with provider(503, 503) as stream:
        assert [event["event"] for event in stream.events()] == ["observation", "end"]


def test_a_node_that_stays_busy_is_left() -> None:
    with provider(*[503] * 9) as stream, pytest.raises(Refusal, match="busy"):
        list(stream.events())
    assert len(_Provider.statuses) == 9 - open_streams._TRIES


def test_a_refusal_is_final() -> None:
    with provider(403) as stream, pytest.raises(Refusal, match="busy") as refused:
        list(stream.events())
    assert refused.value.http_status == 403
