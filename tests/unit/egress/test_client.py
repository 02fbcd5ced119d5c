"""The one way out against servers that do what they like: canaries, redirects, bombs, slowness."""

from __future__ import annotations

import asyncio
import gzip
import socket
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from node.adapters.egress import Egress, Lane
from node.base.errors import ForbiddenAddress, HansaError, PeerUnreachable, TooLarge
from tests.unit.egress.test_addresses import hostile_urls

Reply = Callable[[str, dict[str, str]], bytes | Awaitable[bytes]]


class Server:
    """A server on loopback that answers raw bytes and counts who called."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.connections = 0
        self.port = 0
        self.writers: list[asyncio.StreamWriter] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.writers.append(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                line, *lines = head.rstrip().split("\r\n")
                headers = {n.lower(): v.strip() for n, _, v in (one.partition(":") for one in lines)}
                await reader.readexactly(int(headers.get("content-length", "0")))
                self.requests.append((line, headers))
                answer = self.reply(line, headers)
                data = answer if isinstance(answer, bytes) else await answer
                if not data:
                    break
                writer.write(data)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(reply: Reply) -> AsyncIterator[Server]:
    server = Server(reply)
    listener = await asyncio.start_server(server.handle, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for writer in server.writers:
            writer.close()
        await asyncio.sleep(0)


def http(body: bytes = b"ok", status: str = "200 OK", **headers: str) -> bytes:
    given = {"Content-Length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items() if value)
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode() + body


def redirect(to: str, status: str = "302 Found") -> bytes:
    return http(b"", status, Location=to)


@pytest.fixture
async def egress() -> AsyncIterator[Egress]:
    async with Egress(allow_loopback=True) as one:
        yield one


def resolver(*answers: Sequence[str]) -> Any:
    """Resolves every name to the first answer, then the second, …, and remembers who was asked for."""
    left = list(answers)
    asked: list[str] = []

    async def look_up(host: str, port: int) -> Sequence[tuple[int, str]]:
        asked.append(host)
        found = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET6 if ":" in one else socket.AF_INET, one) for one in found]

    look_up.asked = asked  # type: ignore[attr-defined]
    return look_up


class TestRequests:
    async def test_there_and_back(self, egress: Egress) -> None:
        async with serving(lambda *_: http(b'{"a":1}', Content_Type="application/json")) as server:
            answer = await egress.request("POST", f"{server.url}/x?y=%20z", json={"b": "é"}, headers={"X-A": "1"})
            assert (answer.status, answer.ok, answer.json()) == (200, True, {"a": 1})
            assert answer.headers["content-type"] == "application/json"
            line, headers = server.requests[0]
            assert line == "POST /x?y=%20z HTTP/1.1"
            assert headers["content-type"] == "application/json"
            assert headers["content-length"] == "10"
            assert headers["x-a"] == "1"
            assert headers["user-agent"] == "hansa"
            assert "cookie" not in headers

    async def test_connections_are_kept_alive(self, egress: Egress) -> None:
        async with serving(lambda *_: http()) as server:
            for _ in range(20):
                await egress.request("GET", server.url)
            assert (server.connections, len(server.requests)) == (1, 20)

    async def test_every_status_is_an_answer(self, egress: Egress) -> None:
        for status in ("204 No Content", "304 Not Modified", "404 Not Found", "503 Service Unavailable"):
            async with serving(lambda *_, status=status: http(b"", status)) as server:
                assert (await egress.request("GET", server.url)).status == int(status[:3])

    async def test_cookies_are_forgotten(self, egress: Egress) -> None:
        async with serving(lambda *_: http(Set_Cookie="a=b")) as server:
            for _ in range(2):
                await egress.request("GET", server.url)
            assert all("cookie" not in headers for _, headers in server.requests)

    async def test_proxies_of_the_environment_are_ignored(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with serving(lambda *_: http(b"canary")) as canary, serving(lambda *_: http(b"real")) as server:
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
                monkeypatch.setenv(name, canary.url)
            async with Egress(allow_loopback=True) as egress:
                assert (await egress.request("GET", server.url)).body == b"real"
            assert canary.connections == 0

    async def test_nobody_there(self, egress: Egress) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
        with pytest.raises(PeerUnreachable):
            await egress.request("GET", f"http://127.0.0.1:{port}/")

    async def test_an_answer_that_is_no_json(self, egress: Egress) -> None:
        for body in (b"<html>", b"", b'{"a":NaN}', b"\xff"):
            async with serving(lambda *_, body=body: http(body)) as server:
                with pytest.raises(PeerUnreachable):
                    (await egress.request("GET", server.url)).json()

    async def test_one_object_in_two_loops(self) -> None:
        egress = Egress(allow_loopback=True)

        async def once() -> int:
            async with serving(lambda *_: http()) as server:
                status = (await egress.request("GET", server.url)).status
                await egress.close()
                return status

        assert await once() == 200
        assert await asyncio.to_thread(asyncio.run, once()) == 200


class TestForbidden:
    """No URL of the list leads to a listener on this machine, whatever the name resolves to."""

    async def test_all_hostile_urls_hit_no_canary(self) -> None:
        inside = ["127.0.0.1", "::1", "169.254.169.254", "10.0.0.1"]
        async with serving(lambda *_: http(b"canary")) as canary:
            look_up = resolver(*[[one] for one in inside])
            async with Egress(lookup=look_up, ports=range(1, 65536)) as egress:
                sent = 0
                for url in hostile_urls():
                    on_canary = url.replace("127.0.0.1/", f"127.0.0.1:{canary.port}/")
                    for variant in {url, on_canary, on_canary.replace("http:", "https:", 1)}:
                        for method in ("GET", "POST"):
                            sent += 1
                            with pytest.raises(ForbiddenAddress):
                                await egress.request(method, variant, timeout=2)
            assert canary.connections == 0
            assert sent >= 200

    async def test_with_loopback_allowed_other_spellings_of_it_stay_forbidden(self) -> None:
        async with serving(lambda *_: http(b"canary")) as canary, Egress(allow_loopback=True) as egress:
            spellings = (
                "127.1",
                "2130706433",
                "0x7f000001",
                "0177.0.0.1",
                "0.0.0.0",
                "127.0.0.1.",
                "[::ffff:7f00:1]",
            )
            for host in (*spellings, "①②⑦.0.0.1", "localhost.", "user@127.0.0.1", "foo.localhost"):
                with pytest.raises(ForbiddenAddress):
                    await egress.request("GET", f"http://{host}:{canary.port}/")
            assert canary.connections == 0

    @pytest.mark.parametrize(
        "answers",
        [
            ["127.0.0.1"],
            ["8.8.8.8", "127.0.0.1"],
            ["::1"],
            ["::ffff:127.0.0.1"],
            ["64:ff9b::7f00:1"],
            ["169.254.169.254"],
        ],
    )
    async def test_a_public_name_that_leads_inside(self, answers: list[str]) -> None:
        for allow in (False, True):
            look_up = resolver(answers)
            async with Egress(lookup=look_up, allow_loopback=allow) as egress:
                with pytest.raises(ForbiddenAddress):
                    await egress.request("GET", "https://rebind.example/")
                assert look_up.asked == ["rebind.example"]

    async def test_rebinding_between_check_and_connection(self) -> None:
        """The name is resolved once for a connection, and the socket is checked again as it is made."""
        async with serving(lambda *_: http(b"canary")) as canary:
            look_up = resolver(["8.8.8.8"], ["127.0.0.1"])
            async with Egress(lookup=look_up, ports=range(1, 65536)) as egress:
                addresses: list[str] = []
                make = egress._make_socket

                def watching(info: Any) -> socket.socket:
                    addresses.append(info[4][0])
                    raise PermissionError("the test does not dial the world")

                egress._make_socket = watching  # type: ignore[method-assign]
                with pytest.raises(PeerUnreachable):
                    await egress.request("GET", f"https://rebind.example:{canary.port}/")
                assert addresses == ["8.8.8.8"]
                egress._make_socket = make  # type: ignore[method-assign]
                await egress.close()
                with pytest.raises(ForbiddenAddress):
                    await egress.request("GET", f"https://rebind.example:{canary.port}/")
            assert canary.connections == 0

    async def test_the_socket_itself_is_the_last_gate(self) -> None:
        async with serving(lambda *_: http(b"canary")) as canary, Egress(allow_loopback=True) as egress:
            await egress.request("GET", canary.url)
            egress.rules.allow_loopback = False
            egress.rules.check_url = _anything  # type: ignore[method-assign]
            await egress.close()
            with pytest.raises(ForbiddenAddress):
                await egress.request("GET", canary.url)
            assert canary.connections == 1

    async def test_a_name_without_address_or_resolver_that_hangs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with Egress(lookup=resolver([])) as egress:
            with pytest.raises(PeerUnreachable):
                await egress.request("GET", "https://none.example/")

        async def hanging(host: str, port: int) -> Sequence[tuple[int, str]]:
            await asyncio.sleep(60)
            return []

        monkeypatch.setattr("node.adapters.egress.client.CONNECT_SECONDS", 0.05)
        async with Egress(lookup=hanging) as egress:
            with pytest.raises(PeerUnreachable):
                await egress.request("GET", "https://slow.example/")

    def test_check_url_is_for_early_refusal(self) -> None:
        Egress().check_url("https://a.example/callback")
        with pytest.raises(ForbiddenAddress):
            Egress().check_url("http://127.0.0.1:8080/callback")

    @pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "10.0.0.1", "fd00::1", "broker.internal"])
    def test_check_host_is_for_other_protocols(self, host: str) -> None:
        Egress().check_host("broker.example")
        Egress().check_host("2606:4700::1111")
        with pytest.raises(ForbiddenAddress):
            Egress().check_host(host)


def _anything(url: str) -> Any:
    from node.adapters.egress import AddressRules

    return AddressRules(allow_loopback=True).check_url(url)


class TestRedirects:
    async def test_three_hops_and_no_fourth(self, egress: Egress) -> None:
        def reply(line: str, _: dict[str, str]) -> bytes:
            left = int(line.split(" ")[1].strip("/") or 0)
            return redirect(f"/{left - 1}") if left else http(b"there")

        async with serving(reply) as server:
            answer = await egress.request("GET", f"{server.url}/3")
            assert (answer.body, answer.url) == (b"there", f"{server.url}/0")
            with pytest.raises(PeerUnreachable, match="more than 3"):
                await egress.request("GET", f"{server.url}/4")
            with pytest.raises(PeerUnreachable):
                await egress.request("GET", f"{server.url}/1", allow_redirects=0)

    @pytest.mark.parametrize(
        "to",
        [
            "http://10.0.0.1/",
            "http://169.254.169.254/latest/meta-data/",
            "https://10.0.0.1/",
            "http://example.org/",
            "file:///etc/passwd",
            "//10.0.0.1/",
            "http://[::ffff:10.0.0.1]/",
            "gopher://127.0.0.1/",
            "http://user@127.0.0.1/",
            "http://[bad",
            "/a b\tc",
        ],
    )
    @pytest.mark.parametrize("hops", [1, 3])
    async def test_each_hop_is_checked(self, egress: Egress, to: str, hops: int) -> None:
        def reply(line: str, _: dict[str, str]) -> bytes:
            left = int(line.split(" ")[1].strip("/"))
            return redirect(f"/{left - 1}") if left else redirect(to)

        async with serving(reply) as server:
            with pytest.raises(ForbiddenAddress):
                await egress.request("GET", f"{server.url}/{hops - 1}")

    @pytest.mark.parametrize("status", ["301 a", "302 a", "303 a", "307 a", "308 a"])
    async def test_a_message_is_never_sent_again(self, egress: Egress, status: str) -> None:
        async with serving(lambda *_: http(b"canary")) as canary:
            async with serving(lambda *_: redirect(canary.url, status)) as server:
                for method in ("POST", "PUT", "DELETE"):
                    with pytest.raises(PeerUnreachable, match="redirect"):
                        await egress.request(method, server.url, json={"secret": 1})
            assert canary.connections == 0

    async def test_credentials_stay_with_the_host_they_were_for(self, egress: Egress) -> None:
        async with serving(lambda *_: http()) as other:
            async with serving(lambda line, _: redirect(other.url if "/out" in line else "/out")) as server:
                headers = {"Authorization": "Bearer x", "X-Api-Key": "y", "Accept": "text/turtle"}
                await egress.request("GET", server.url, headers=headers)
            assert [headers.get("authorization") for _, headers in server.requests] == ["Bearer x", "Bearer x"]
            (_, received) = other.requests[0]
            assert "authorization" not in received
            assert "x-api-key" not in received
            assert received["accept"] == "text/turtle"

    @pytest.mark.parametrize(
        ("to", "reason"),
        [
            ("http://127.0.0.1:8101/", "to this machine|from https to http"),
            ("https://127.0.0.1:8101/", "to this machine"),
            ("http://localhost/", "to this machine|from https to http"),
            ("http://a.example/", "not https"),
        ],
    )
    async def test_a_public_host_cannot_send_us_home(self, egress: Egress, to: str, reason: str) -> None:
        """Also where loopback is allowed: only we ourselves choose to go there."""

        class Stub:
            async def request(self, *_: Any, **__: Any) -> Any:
                return type("R", (), {"status": 302, "headers": {"Location": to}, "close": lambda self: None})()

        egress._session = lambda lane: Stub()  # type: ignore[method-assign, assignment, return-value]
        with pytest.raises(ForbiddenAddress, match=reason):
            await egress.request("GET", "https://a.example/")

    async def test_a_redirect_without_location_is_an_answer(self, egress: Egress) -> None:
        async with serving(lambda *_: http(b"", "302 Found")) as server:
            assert (await egress.request("GET", server.url)).status == 302


class TestBounds:
    @pytest.mark.parametrize("declared", [True, False])
    async def test_too_large(self, egress: Egress, declared: bool) -> None:
        body = bytes(20_000)
        chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        plain = http(body)
        open_ended = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked
        async with serving(lambda *_: plain if declared else open_ended) as server:
            assert len((await egress.request("GET", server.url, max_bytes=20_000)).body) == 20_000
            with pytest.raises(TooLarge):
                await egress.request("GET", server.url, max_bytes=19_999)

    async def test_a_bomb_counts_after_decompression(self, egress: Egress) -> None:
        bomb = gzip.compress(bytes(50 * 1024 * 1024))
        async with serving(lambda *_: http(bomb, Content_Encoding="gzip")) as server:
            with pytest.raises(TooLarge):
                await egress.request("GET", server.url, max_bytes=1024 * 1024)

    async def test_gzip_is_read(self, egress: Egress) -> None:
        packed = gzip.compress(b"hello" * 1000)
        async with serving(lambda *_: http(packed, Content_Encoding="gzip")) as server:
            assert (await egress.request("GET", server.url)).body == b"hello" * 1000
            assert server.requests[0][1]["accept-encoding"] == "gzip"

    @pytest.mark.parametrize(
        ("body", "encoding"),
        [
            (b"not gzip", "gzip"),
            (gzip.compress(b"hello" * 1000)[:-9], "gzip"),
            (zlib.compress(b"x"), "deflate"),
            (b"x", "br"),
            (b"x", "zstd"),
            (b"x", "gzip, gzip"),
        ],
        ids=["not gzip", "cut off", "deflate", "brotli", "zstd", "twice"],
    )
    async def test_encodings_that_were_not_asked_for(self, egress: Egress, body: bytes, encoding: str) -> None:
        async with serving(lambda *_: http(body, Content_Encoding=encoding)) as server:
            with pytest.raises(PeerUnreachable):
                await egress.request("GET", server.url)

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (http(b"half of it", Content_Length="9999"), "ends too early"),
            (http(b"ok", X_Long="y" * 100_000), "no valid HTTP"),
            (b"HTTP/1.1 two hundred\r\n\r\n", "no valid HTTP"),
        ],
        ids=["cut off", "long header", "no HTTP"],
    )
    async def test_answers_that_cannot_be_read_say_why(self, egress: Egress, answer: bytes, reason: str) -> None:
        async def reply() -> bytes:
            server.writers[-1].write(answer)
            await server.writers[-1].drain()
            return b""

        async with serving(lambda *_: reply()) as server:
            with pytest.raises(PeerUnreachable, match=reason):
                await egress.request("GET", server.url)

    @pytest.mark.parametrize(
        ("begin", "endless", "error"),
        [
            pytest.param(gzip.compress(b"{}"), b"A" * 65_536, PeerUnreachable, id="something after the end"),
            # Stored blocks of no bytes: a stream of gzip that never grows and never ends.
            pytest.param(gzip.compress(b"")[:10], b"\x00\x00\x00\xff\xff" * 13_000, TooLarge, id="nothing at all"),
        ],
    )
    async def test_gzip_that_goes_on_for_ever(
        self, egress: Egress, begin: bytes, endless: bytes, error: type[HansaError]
    ) -> None:
        sent = 0

        async def reply(*_: Any) -> bytes:
            nonlocal sent
            writer = server.writers[-1]
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n" + begin)
            for _round in range(1000):
                writer.write(endless)
                await writer.drain()
                sent += len(endless)
            return b""

        async with serving(reply) as server:
            with pytest.raises(error):
                await egress.request("GET", server.url, max_bytes=64 * 1024, timeout=5)
        assert sent < 32 * 1024 * 1024, "it is cut off long before the peer is done"

    async def test_a_peer_that_never_answers(self, egress: Egress) -> None:
        async def hang(*_: Any) -> bytes:
            await asyncio.sleep(60)
            return b""

        async with serving(hang) as server:
            with pytest.raises(PeerUnreachable, match="in time"):
                await egress.request("GET", server.url, timeout=0.1)

    async def test_a_byte_now_and_then(self, egress: Egress) -> None:
        async def drip(line: str, headers: dict[str, str]) -> bytes:
            writer = server.writers[-1]
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(100):
                writer.write(b"x")
                await asyncio.sleep(0.02)
            return b""

        async with serving(drip) as server:
            with pytest.raises(PeerUnreachable, match="in time"):
                await egress.request("GET", server.url, timeout=0.2)

    @pytest.mark.parametrize(
        "head",
        [
            b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: a\r\n" % n for n in range(10_000)) + b"\r\n",
            b"HTTP/1.1 200 " + b"O" * 100_000 + b"\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.2\r\n",
            b"\x00" * 64,
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        ],
    )
    async def test_answers_that_are_none(self, egress: Egress, head: bytes) -> None:
        async def reply(*_: Any) -> bytes:
            server.writers[-1].write(head)
            return b""

        async with serving(reply) as server:
            with pytest.raises(HansaError):
                await egress.request("GET", server.url, timeout=2)


class TestStreams:
    async def test_chunks_come_as_they_are_sent(self, egress: Egress) -> None:
        body = bytes(range(256)) * 8192
        async with serving(lambda *_: http(body, ETag='"x"')) as server:
            async with egress.stream("GET", server.url, headers={"Range": "bytes=0-"}) as stream:
                assert (stream.status, stream.headers["etag"]) == (200, '"x"')
                received = b"".join([chunk async for chunk in stream.chunks])
            assert received == body
            assert server.requests[0][1]["accept-encoding"] == "identity"

    async def test_a_body_that_breaks_off(self, egress: Egress) -> None:
        async def reply(*_: Any) -> bytes:
            server.writers[-1].write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
            return b""

        async with serving(reply) as server:
            with pytest.raises(PeerUnreachable):
                async with egress.stream("GET", server.url) as stream:
                    [chunk async for chunk in stream.chunks]

    async def test_a_pause_that_is_too_long(self, egress: Egress) -> None:
        async def reply(*_: Any) -> bytes:
            server.writers[-1].write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
            await asyncio.sleep(60)
            return b""

        async with serving(reply) as server:
            with pytest.raises(PeerUnreachable, match="in time"):
                async with egress.stream("GET", server.url, idle=0.1) as stream:
                    [chunk async for chunk in stream.chunks]

    async def test_an_encoded_body_is_refused(self, egress: Egress) -> None:
        async with serving(lambda *_: http(b"x", Content_Encoding="gzip")) as server:
            with pytest.raises(PeerUnreachable):
                async with egress.stream("GET", server.url):
                    pass

    async def test_redirects_and_addresses_are_checked_too(self, egress: Egress) -> None:
        async with serving(lambda *_: redirect("http://10.0.0.1/")) as server:
            for url in (server.url, "http://10.0.0.1/", "file:///etc/passwd"):
                with pytest.raises(ForbiddenAddress):
                    async with egress.stream("GET", url):
                        pass

    async def test_errors_of_the_reader_are_its_own(self, egress: Egress) -> None:
        async with serving(lambda *_: http(b"x" * 100)) as server:
            with pytest.raises(KeyError):
                async with egress.stream("GET", server.url):
                    raise KeyError("mine")


class TestLanes:
    async def test_a_full_lane_does_not_block_another(self) -> None:
        gate = asyncio.Event()

        async def reply(line: str, _: dict[str, str]) -> bytes:
            if "/wait" in line:
                await gate.wait()
            return http()

        async with serving(reply) as server, Egress(allow_loopback=True, per_host=2) as egress:
            waiting = [asyncio.create_task(egress.request("GET", f"{server.url}/wait")) for _ in range(4)]
            while len(server.requests) < 2:
                await asyncio.sleep(0.001)
            with pytest.raises(PeerUnreachable):
                await egress.request("GET", server.url, timeout=0.2)
            for lane in (Lane.PRESENTATIONS, Lane.DOCUMENTS, Lane.BYTES):
                assert (await egress.request("GET", server.url, timeout=10, lane=lane)).status == 200
            gate.set()
            assert {answer.status for answer in await asyncio.gather(*waiting)} == {200}

    async def test_a_dead_peer_does_not_hold_up_the_others(self) -> None:
        """What counts is who is answered while whom is waited for, not how quickly."""
        gate = asyncio.Event()

        async def hang(*_: Any) -> bytes:
            await gate.wait()
            return b""

        many = Egress(allow_loopback=True, per_host=4, total=8)
        async with serving(hang) as dead, serving(lambda *_: http()) as good, many as egress:
            stuck = [asyncio.create_task(egress.request("GET", dead.url, timeout=60)) for _ in range(20)]
            while len(dead.requests) < 4:
                await asyncio.sleep(0.001)
            answers = await asyncio.gather(*(egress.request("GET", good.url, timeout=10) for _ in range(20)))
            assert all(answer.ok for answer in answers)
            assert len(dead.requests) == 4
            assert not any(one.done() for one in stuck)
            gate.set()
            results = await asyncio.gather(*stuck, return_exceptions=True)
            assert all(isinstance(result, PeerUnreachable) for result in results)

    async def test_the_wait_for_a_connection_counts_too(self) -> None:
        gate = asyncio.Event()

        async def hang(*_: Any) -> bytes:
            await gate.wait()
            return b""

        async with serving(hang) as dead, Egress(allow_loopback=True, per_host=2) as egress:
            asked = (egress.request("GET", dead.url, timeout=0.3) for _ in range(6))
            results = await asyncio.gather(*asked, return_exceptions=True)
            assert all(isinstance(result, PeerUnreachable) for result in results)
            gate.set()
