"""Nobody's body is read before it is known who sends it: at every route that takes one.

The routes come from the application's own table, plug-ins' too. Each is called by the node's own event loop with a
body that can be told to have been read, and without any credential.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final

import pytest

from node.web.callers import COOKIE
from tests.integration.bad_input.test_bad_input_access import filled
from tests.integration.hostile import routes
from tests.nodes import Running

PUBLIC: Final = {
    ("POST", "/sparql"): "anybody may ask the catalogue; at most 64 KiB are read",
    ("POST", "/registry/subjects/{subject:path}/versions"): "refused to everybody, and nothing is read",
    ("POST", "/registry/subjects/{subject:path}"): "anybody may look for a schema; at most 512 KiB are read",
    (
        "POST",
        "/registry/compatibility/subjects/{subject:path}/versions/{version}",
    ): "anybody may compare a schema, in the cage and in turn; at most 512 KiB are read",
    ("POST", "/sign-in"): "here a browser says who it is; at most 64 KiB are read",
    ("POST", "/invitation"): "here a browser has a one-time link and chooses a password; at most 64 KiB are read",
    ("POST", "/sign-in/code"): "and here it gives the code of the second factor; at most 64 KiB are read",
    ("POST", "/subscriptions/mail/{secret:str}"): "a link of an e-mail confirms or stops; at most 64 KiB are read",
}
"""The doors that read a stranger's body, and why."""

REFUSED: Final = (303, 401, 403, 404)
"""303 leads a browser to the sign-in page; 404 is said where a stranger may not know what there is."""

BODIES: Final = {"malformed": b'{"label": ', "huge": b"x" * 65_536}


class Watched:
    """A body that is sent on and on, and knows whether anybody read of it before the answer began."""

    def __init__(self, piece: bytes) -> None:
        self._piece = piece
        self.read_before_answer = 0
        self.status: int | None = None

    async def receive(self) -> dict[str, Any]:
        if self.status is None:
            self.read_before_answer += 1
            if self.read_before_answer > 100:
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": self._piece, "more_body": len(self._piece) > 100}
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]


def asked(node: Running, method: str, path: str, body: bytes, *headers: tuple[bytes, bytes]) -> Watched:
    """The answer to a request without a credential, and whether its body was read."""
    watched = Watched(body)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"iri=urn:x&url=urn:x&dataset=urn:x",
        "headers": [
            (b"host", b"127.0.0.1"),
            (b"transfer-encoding", b"chunked"),
            (b"content-type", b"application/x-www-form-urlencoded" if "/api" not in path else b"application/json"),
            *headers,
        ],
        "client": ("127.0.0.1", 40_000),
        "server": ("127.0.0.1", node.node.parts.settings.port),
    }
    loop = node.server.servers[0].get_loop()
    asyncio.run_coroutine_threadsafe(node.app(scope, watched.receive, watched.send), loop).result(30)
    return watched


def doors(node: Running) -> Iterator[tuple[str, str]]:
    """(method, path) of every route with a method that may bring a body."""
    for method, path in routes(node):
        if method not in ("GET", "HEAD", "OPTIONS"):
            yield method, path


@pytest.mark.parametrize("sort", sorted(BODIES))
def test_nobody_makes_a_node_read(running_node: Running, sort: str) -> None:
    addresses = list(doors(running_node))
    assert len(addresses) > 60
    assert set(PUBLIC) <= set(addresses), "a door that is gone needs no permission"
    read, let_in = [], []
    for method, path in addresses:
        answer = asked(running_node, method, filled(path), BODIES[sort])
        if (method, path) in PUBLIC:
            continue
        if answer.read_before_answer:
            read.append((method, path))
        if answer.status not in REFUSED:
            let_in.append((method, path, answer.status))
    assert not read, f"{len(read)} doors read the body of a stranger: {read}"
    assert not let_in


@pytest.mark.parametrize(
    "header",
    [
        (b"authorization", b"Bearer hansa_not-a-token"),
        (b"authorization", b"Bearer a.b.c"),
        (b"authorization", b"Basic YTpi"),
        (b"cookie", f"{COOKIE}=not-a-session".encode()),
    ],
    ids=["token", "participant", "scheme", "session"],
)
def test_nor_does_a_credential_that_does_not_hold(running_node: Running, header: tuple[bytes, bytes]) -> None:
    read = [
        (method, path)
        for method, path in doors(running_node)
        if (method, path) not in PUBLIC
        and asked(running_node, method, filled(path), b'{"label": ', header).read_before_answer
    ]
    assert not read, f"{len(read)} doors read the body of a stranger: {read}"
