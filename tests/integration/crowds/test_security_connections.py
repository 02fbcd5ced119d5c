"""What a stranger's connection may cost: endless heads, trickled requests, answers that nobody reads, a crowd.

Threat 68 of the threat list (slowloris, slow read), and the memory that a head without end would take.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from node.web import connections
from node.web.connections import MAX_HEAD, BoundedConnection, room_for_connections
from tests.waits import until

BEAT = 0.4
LARGE = b"x" * (48 << 20)


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Reads the whole body and tells its size; ``/large`` answers more than any buffer holds."""
    assert scope["type"] == "http"
    size, more = 0, True
    while more:
        message = await receive()
        size, more = size + len(message.get("body", b"")), message.get("more_body", False)
    body = LARGE if scope["path"] == "/large" else str(size).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connections, "BEAT", BEAT)
        patch.setattr(BoundedConnection, "most", 20)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            config = uvicorn.Config(
                application, http=BoundedConnection, ws="none", lifespan="off", log_config=None, loop="uvloop"
            )
            server = uvicorn.Server(config)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
            thread.start()
            while not server.started:
                time.sleep(0.01)
            yield int(listener.getsockname()[1])
            server.should_exit = True
            thread.join(10)


def opened(port: int) -> socket.socket:
    found = socket.create_connection(("127.0.0.1", port))
    found.settimeout(10)
    return found


def is_answered(connection: socket.socket) -> bool:
    """Read one answer. Head and body may come one after the other."""
    heard = connection.recv(1000)
    while heard.endswith(b"\r\n\r\n") and (piece := connection.recv(1000)):
        heard += piece
    return heard.endswith(b"0")


def read_all(connection: socket.socket) -> bytes:
    """Everything until the server hangs up."""
    heard = b""
    try:
        while piece := connection.recv(65_536):
            heard += piece
    except ConnectionError:
        pass
    return heard


def pushed(connection: socket.socket, piece: bytes, most: int, *, pause: float = 0) -> int:
    """How many bytes went in until the server hung up."""
    sent = 0
    try:
        while sent < most:
            connection.sendall(piece)
            sent += len(piece)
            time.sleep(pause)
    except ConnectionError:
        pass
    return sent


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        pytest.param(b"GET /", b"a" * 65_536, id="address"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: ", b"a" * 65_536, id="one field"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n", b"x: y\r\n" * 10_000, id="many fields"),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n",
            b"x: y\r\n" * 10_000,
            id="trailer fields",
        ),
        pytest.param(
            b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a" * 65_536, id="chunk extension"
        ),
    ],
)
def test_a_head_without_end_is_cut_off(port: int, begin: bytes, piece: bytes) -> None:
    with opened(port) as connection:
        connection.sendall(begin)
        # What the kernel's buffers swallow counts as sent too.
        assert pushed(connection, piece, 64 << 20) < 16 << 20
        assert read_all(connection).partition(b"\r\n")[0] in (
            b"",
            b"HTTP/1.1 431 Request Header Fields Too Large",
            b"HTTP/1.1 400 Bad Request",
        )


def test_a_long_head_is_told_so(port: int) -> None:
    with opened(port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * (MAX_HEAD + 1))
        assert read_all(connection).startswith(b"HTTP/1.1 431 ")


def test_a_fair_head_and_a_large_body_pass(port: int) -> None:
    with opened(port) as connection:
        body = b"b" * (3 << 20)
        head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: " + b"a" * 16_000
        connection.sendall(head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        assert read_all(connection).endswith(str(len(body)).encode())


@pytest.mark.parametrize(
    "begin", [b"", b"GET / HTTP/1.1\r\nHost:", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1"]
)
def test_whoever_says_nothing_more_is_hung_up_on(port: int, begin: bytes) -> None:
    with opened(port) as connection:
        connection.sendall(begin)
        began = time.monotonic()
        assert read_all(connection) == b""
        assert time.monotonic() - began < 5 * BEAT


def test_a_byte_now_and_then_is_not_enough(port: int) -> None:
    with opened(port) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\n")
        began = time.monotonic()
        # The pause makes a trickle of it: some twenty bytes until it is noticed.
        assert pushed(connection, b"x", 900, pause=BEAT / 8) < 100
        assert time.monotonic() - began < 10 * BEAT


def test_a_body_at_a_fair_pace_takes_its_time(port: int) -> None:
    with opened(port) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 20000\r\n\r\n")
        for _ in range(10):
            time.sleep(BEAT / 4)
            connection.sendall(b"y" * 2000)
        assert read_all(connection).endswith(b"20000")


def test_an_answer_that_nobody_reads_is_given_up(port: int) -> None:
    with opened(port) as connection:
        connection.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(5 * BEAT)
        assert len(read_all(connection)) < len(LARGE), "what is left are the buffers of the system"


def test_kept_connections_rest_between_requests(port: int) -> None:
    with opened(port) as connection:
        for _ in range(2):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert is_answered(connection)
            time.sleep(3 * BEAT)


@pytest.mark.parametrize("times", [1, 1000])
def test_empty_lines_between_requests_keep_nothing_open(port: int, times: int) -> None:
    with opened(port) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert is_answered(connection)
        began = time.monotonic()
        pushed(connection, b"\r\n", 2 * times, pause=BEAT / 8)
        assert read_all(connection) == b""
        assert time.monotonic() - began < 10 * BEAT


def test_there_is_a_most_number_of_connections(port: int) -> None:
    crowd = [opened(port) for _ in range(30)]
    try:
        # Those beyond the limit are hung up on, and those within it are served.
        alive = 0
        for connection in crowd:
            try:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                alive += is_answered(connection)
            except ConnectionError:
                continue
        assert 10 <= alive <= 20
    finally:
        for connection in crowd:
            connection.close()


@pytest.fixture
def few(port: int) -> Iterator[int]:
    """At most three connections of one address, and this machine's are counted too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BoundedConnection, "most_per_address", 3)
        patch.setattr(connections, "PARTING", 0.1)
        patch.setattr(connections, "is_here", lambda _: False)
        patch.setattr(BoundedConnection, "passes", connections.Exemptions("192.0.2.0/24"))
        yield port
    until("all have gone", lambda: not BoundedConnection.by_address)


def test_one_connection_too_many_is_told_to_come_again(few: int) -> None:
    begun = [opened(few) for _ in range(3)]
    try:
        for connection in begun:
            connection.sendall(b"GET / HTTP/1.1\r\n")
        until("they are counted", lambda: len(BoundedConnection.by_address.get("127.0.0.1", ())) == 3)
        with opened(few) as surplus:
            surplus.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            began, heard = time.monotonic(), read_all(surplus)
        assert heard.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nretry-after: 5\r\n" in heard
        assert b"Your address has as many connections" in heard
        assert time.monotonic() - began < BEAT
        for connection in begun:
            connection.sendall(b"Host: x\r\n\r\n")
            assert is_answered(connection), "those that were there go on"
    finally:
        for connection in begun:
            connection.close()


def test_a_connection_at_rest_makes_room_for_a_new_one(few: int) -> None:
    crowd = []
    try:
        for _ in range(12):
            crowd.append(opened(few))
            crowd[-1].sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert is_answered(crowd[-1])
        assert len(BoundedConnection.by_address["127.0.0.1"]) == 3
        assert read_all(crowd[0]) == b"", "the one that rested longest was closed"
    finally:
        for connection in crowd:
            connection.close()


@pytest.mark.parametrize(
    ("proxies", "host", "passes"),
    [
        ("", "198.51.100.7", False),
        ("", "127.0.0.1", True),
        ("", "::1", True),
        ("198.51.100.7", "198.51.100.7", True),
        ("127.0.0.1, 10.0.0.0/8", "10.1.2.3", True),
        ("127.0.0.1, 10.0.0.0/8", "11.1.2.3", False),
        ("*", "11.1.2.3", True),
        ("proxy.internal", "11.1.2.3", False),
    ],
)
def test_trusted_proxies_are_not_counted(proxies: str, host: str, passes: bool) -> None:
    assert connections.Exemptions(proxies)(host) is passes


def test_room_is_left_for_other_files() -> None:
    assert room_for_connections() >= 64
