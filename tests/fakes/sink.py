"""An HTTP server that takes bytes and is no connector: it gives the answers of the test, and keeps the requests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Got:
    """One request, complete or not."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""
    whole: bool = False


@dataclass
class Sink:
    """A target of pushed bytes. ``answers`` are given one after the other, the last for ever.

    While ``gate`` is not set, it reads no more than ``before`` bytes."""

    url: str = ""
    answers: list[int] = field(default_factory=lambda: [201])
    got: list[Got] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    reading: threading.Event = field(default_factory=threading.Event)
    before: int = 0

    def __post_init__(self) -> None:
        self.gate.set()


@contextmanager
def sink() -> Iterator[Sink]:
    """Serve a sink on loopback."""
    target = Sink()

    class Door(BaseHTTPRequestHandler):
        def _take(self) -> None:
            got = Got(self.command, self.path, dict(self.headers.items()))
            target.got.append(got)
            size = int(self.headers["Content-Length"])
            while len(got.body) < size:
                if len(got.body) >= target.before:
                    target.reading.set()
                    target.gate.wait(30)
                piece = self.rfile.read1(min(65536, size - len(got.body)))
                if not piece:
                    return
                got.body += piece
            got.whole = True
            status = target.answers.pop(0) if len(target.answers) > 1 else target.answers[0]
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_PUT = _take  # noqa: N815 - the library calls them by these names

        def log_message(self, *_: object) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    target.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield target
    finally:
        target.gate.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
