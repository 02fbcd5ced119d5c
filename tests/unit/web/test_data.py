"""The data door, spoken to as a server would: ASGI messages in and out."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from node.exchange.manifest import verify_manifest
from node.exchange.ports import StoredBytes
from node.semantics.model import File
from node.transfer.addresses import read_address
from node.web import data
from node.web.data import Pace, RangeNotSatisfiable, read_range
from tests.fakes.keys import public_jwk
from tests.fakes.provider import CONSUMER, PROVIDER_PID, HandClock, Provider
from tests.fakes.stores.assets import MemoryAssets
from tests.unit.exchange.test_age import opened

SOURCE = bytes(range(256)) * 4000


@dataclass
class Got:
    """What a client saw. ``complete`` is False where the connection broke before the announced end."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    complete: bool = False

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        return json.loads(self.body)  # type: ignore[no-any-return]


class Client:
    """Calls the door. ``watch`` is told the number of body bytes after each message."""

    def __init__(self, provider: Provider, authorization: str | None) -> None:
        self.app = provider.app()
        self.authorization = authorization
        self.watch: Callable[[int], None] = lambda _: None
        self.hang_up_at: int | None = None

    async def __call__(self, path: str = "", *, method: str = "GET", **headers: str | list[str]) -> Got:
        got, gone = Got(), asyncio.Event()
        lines = [
            (name.replace("_", "-"), value)
            for name, values in headers.items()
            for value in ([values] if isinstance(values, str) else values)
        ]
        if self.authorization is not None and "authorization" not in headers:
            lines.append(("authorization", self.authorization))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": f"/data/{PROVIDER_PID}{path}",
            "raw_path": b"",
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in lines],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        asked = False

        async def receive() -> dict[str, Any]:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                got.status = message["status"]
                got.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
                return
            got.body += message["body"]
            got.complete = not message.get("more_body", False)
            self.watch(len(got.body))
            if self.hang_up_at is not None and len(got.body) >= self.hang_up_at:
                gone.set()
                await asyncio.sleep(0)

        await self.app(scope, receive, send)
        return got


def publish(
    pace: Pace | None = None, *, sealed: bool = True, source: bytes = SOURCE, **file: str
) -> tuple[Provider, Client]:
    assets = MemoryAssets()
    provider = Provider(assets, clock=HandClock(), pace=pace or Pace())
    stored = assets.keep(source)
    described = {"name": "tellingen.csv", "media_type": "text/csv", **file}
    record = provider.publish(File(**described, size=stored.size, sha256=stored.sha256), sealed=sealed)  # type: ignore[arg-type]
    address = read_address(provider.start(record)[1])
    return provider, Client(provider, address.authorization)


@pytest.fixture
def rig() -> tuple[Provider, Client]:
    return publish()


async def test_the_whole_sealed_file(rig: tuple[Provider, Client]) -> None:
    provider, get = rig
    got = await get()
    assert got.status == 200
    assert got.complete
    assert opened(bytes(got.body), provider.consumer) == SOURCE
    assert got.headers["content-length"] == str(len(got.body))
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.headers["content-disposition"] == "attachment; filename*=UTF-8''tellingen.csv.age"
    assert got.headers["accept-ranges"] == "bytes"
    assert got.headers["cache-control"] == "private, no-store"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert re.fullmatch(r'"[0-9a-f]{64}-[0-9a-f]{32}"', got.headers["etag"])


async def test_the_whole_plain_file() -> None:
    _, get = publish(sealed=False)
    got = await get()
    assert bytes(got.body) == SOURCE
    assert got.headers["content-type"] == "text/csv"
    assert got.headers["content-disposition"].startswith("attachment")


async def test_parts_make_up_the_whole(rig: tuple[Provider, Client]) -> None:
    _, get = rig
    whole = bytes((await get()).body)
    for start, end in ((0, 1), (0, 199), (199, 70_000), (65_736, 65_737), (len(whole) - 1, len(whole))):
        got = await get(range=f"bytes={start}-{end - 1}")
        assert got.status == 206
        assert bytes(got.body) == whole[start:end]
        assert got.headers["content-range"] == f"bytes {start}-{end - 1}/{len(whole)}"
        assert got.headers["content-length"] == str(end - start)
    assert bytes((await get(range="bytes=500000-")).body) == whole[500_000:]
    assert bytes((await get(range="bytes=-10")).body) == whole[-10:]
    assert bytes((await get(range=f"bytes=5-{10**17}")).body) == whole[5:]


HOSTILE = [
    "bytes=0-1,3-4",
    "bytes=" + ",".join(f"{n}-{n + 10}" for n in range(1000)),
    "bytes=0-0,-1",
    "bytes=5-4",
    "bytes=-0",
    "bytes=-",
    "bytes=a-b",
    "bytes=0x1-5",
    "bytes= 1-5",
    "bytes=1-5;",
    "bytes=--5",
    "bytes=1--5",
    "bytes=" + "9" * 19 + "-",
    "bytes=99999999-",
    "bytes=" + "0-" * 50_000,
    "bytes=\u0661-".encode().decode("latin-1"),
]


@pytest.mark.parametrize("header", HOSTILE)
async def test_hostile_ranges(rig: tuple[Provider, Client], header: str) -> None:
    """T-63: one range only; a thousand overlapping ones cost nothing."""
    provider, get = rig
    got = await get(range=header)
    assert got.status == 416
    assert re.fullmatch(r"bytes \*/\d+", got.headers["content-range"])
    assert got.problem["code"] == "range-not-satisfiable"
    assert len(got.body) < 1000
    assert provider.events == []


async def test_several_range_headers_are_several_ranges(rig: tuple[Provider, Client]) -> None:
    assert (await rig[1](range=["bytes=0-1", "bytes=2-3"])).status == 416


async def test_other_units_are_passed_over(rig: tuple[Provider, Client]) -> None:
    assert (await rig[1](range="lines=1-2")).status == 200


async def test_no_part_of_nothing() -> None:
    _, get = publish(sealed=False, source=b"")
    assert (await get(range="bytes=0-")).status == 416
    assert (await get()).headers["content-length"] == "0"


@pytest.mark.parametrize(
    ("header", "size", "span"),
    [
        (None, 10, None),
        ("bytes=0-", 10, (0, 10)),
        ("bytes=0-0", 10, (0, 1)),
        ("bytes=9-", 10, (9, 10)),
        ("bytes=3-99", 10, (3, 10)),
        ("bytes=-3", 10, (7, 10)),
        ("bytes=-99", 10, (0, 10)),
        (" bytes=1-2 ", 10, (1, 3)),
    ],
)
def test_ranges(header: str | None, size: int, span: tuple[int, int] | None) -> None:
    assert read_range(header, size) == span


def test_a_range_at_the_end() -> None:
    with pytest.raises(RangeNotSatisfiable):
        read_range("bytes=10-", 10)


async def test_if_range(rig: tuple[Provider, Client]) -> None:
    _, get = rig
    tag = (await get(method="HEAD")).headers["etag"]
    assert (await get(range="bytes=5-", if_range=tag)).status == 206
    for other in ('"other"', f"W/{tag}", "Wed, 20 Nov 2026 12:00:00 GMT", tag.strip('"')):
        got = await get(range="bytes=5-", if_range=other)
        assert (got.status, len(got.body)) == (200, int(got.headers["content-length"]))


async def test_head_tells_and_counts_nothing(rig: tuple[Provider, Client]) -> None:
    provider, get = rig
    got = await get(method="HEAD")
    assert (got.status, bytes(got.body)) == (200, b"")
    assert int(got.headers["content-length"]) > len(SOURCE)
    part = await get(method="HEAD", range="bytes=0-9")
    assert (part.status, part.headers["content-length"], bytes(part.body)) == (206, "10", b"")
    assert provider.events == []
    provider.refuse = "revoked"
    assert (await get(method="HEAD")).status == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_other_methods(rig: tuple[Provider, Client], method: str) -> None:
    assert (await rig[1](method=method)).status == 405


async def test_refusals_have_a_status_and_reasons(rig: tuple[Provider, Client]) -> None:
    provider, get = rig
    assert (await get(authorization="Basic x")).status == 401
    assert (await get(authorization="Basic x")).headers["www-authenticate"] == "Bearer"
    assert (await get(authorization="Bearer " + "a" * 43)).status == 404
    provider.refuse = "the credential was revoked"
    got = await get(range="bytes=7-")
    assert got.status == 403
    assert got.problem["reasons"][0]["text"] == {"en": "the credential was revoked"}
    assert got.headers["cache-control"] == "private, no-store"
    assert provider.events[-1]["asked"] == "bytes=7-"


async def test_a_token_without_a_scheme_reads_and_renews_nothing(rig: tuple[Provider, Client]) -> None:
    _, get = rig
    token = (get.authorization or "").removeprefix("Bearer ")
    assert (await get(authorization=token)).status == 200
    assert (await get("/manifest", authorization=token)).status == 200
    assert (await get("/token", method="POST", authorization=token)).status in (401, 404)


async def test_a_query_is_no_place_for_a_token(rig: tuple[Provider, Client]) -> None:
    """T-62: the token counts in the header only."""
    _, get = rig
    token, get.authorization = get.authorization, None
    assert (await get(f"?authorization={token}")).status in (401, 404)


async def test_names_and_types_do_not_reach_the_headers_as_they_are() -> None:
    _, get = publish(sealed=False, name='a"; filename="x.html\r\nSet-Cookie: a=1', media_type="text/html\r\nX: y")
    got = await get()
    assert "\n" not in "".join(got.headers.values())
    assert got.headers["content-type"] == "application/octet-stream"
    assert "set-cookie" not in got.headers


async def test_the_manifest(rig: tuple[Provider, Client]) -> None:
    provider, get = rig
    got = await get("/manifest")
    assert got.headers["content-type"] == "application/jose"
    assert verify_manifest(got.body.decode(), public_jwk(provider.keyring)).transfer == PROVIDER_PID
    assert (await get("/manifest", authorization="Bearer " + "b" * 43)).status == 404
    assert provider.events == []


async def test_a_new_token(rig: tuple[Provider, Client]) -> None:
    _, get = rig
    got = await get("/token", method="POST", authorization=f"Bearer {CONSUMER}")
    assert got.headers["cache-control"] == "private, no-store"
    assert (await get()).status == 404
    get.authorization = read_address(json.loads(got.body)).authorization
    assert (await get()).status == 200
    assert (await get("/token", method="POST", authorization="Bearer did:web:other.example")).status == 404
    assert (await get("/token", method="POST")).status == 401
    assert (await get("/token")).status == 405


async def test_a_revocation_cuts_a_running_read() -> None:
    """Row 40 and I11: permission ends while bytes flow; at most one stretch more goes out."""
    provider, get = publish(Pace(recheck_bytes=300_000), sealed=False)

    def revoke(received: int) -> None:
        if received >= 400_000:
            provider.refuse = "revoked"

    get.watch = revoke
    got = await get()
    assert not got.complete
    assert 400_000 <= len(got.body) < 1_000_000 < len(SOURCE)
    assert SOURCE.startswith(bytes(got.body))
    assert [event["outcome"] for event in provider.events] == ["started", "refused"]
    assert (await get(range=f"bytes={len(got.body)}-")).status == 403


async def test_a_suspension_cuts_a_running_read() -> None:
    provider, get = publish(Pace(recheck_bytes=200_000), sealed=False)
    cut: list[int] = []

    def suspend(received: int) -> None:
        if received >= 300_000 and not cut:
            cut.append(received)
            provider.change_transfer(state="SUSPENDED")

    get.watch = suspend
    assert not (await get()).complete
    assert (await get()).problem["transferState"] == "SUSPENDED"


async def test_long_reads_are_watched_by_time_too() -> None:
    provider, get = publish(Pace(recheck_seconds=0.0), sealed=False)
    assert (await get()).complete
    assert provider.rechecks >= 4


async def test_who_hangs_up_is_not_served_on() -> None:
    provider, get = publish(sealed=False, source=bytes(20_000_000))
    get.hang_up_at = 1_000_000
    got = await get()
    assert not got.complete
    assert len(got.body) < 5_000_000
    assert [event["outcome"] for event in provider.events] == ["started"]


async def test_the_end_is_told_once(rig: tuple[Provider, Client]) -> None:
    provider, get = rig
    await get(range="bytes=0-99")
    assert [event["outcome"] for event in provider.events] == ["started"]
    await get(range="bytes=100-")
    await get(range="bytes=-1")
    assert [event["outcome"] for event in provider.events] == ["started", "delivered"]


async def test_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads at a rate waits for as long as the bytes before take at it, and no longer."""
    passed = 0.0

    async def sleep(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    monkeypatch.setattr(data, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": sleep}))
    monkeypatch.setattr(data, "time", SimpleNamespace(monotonic=lambda: passed))
    _, get = publish(Pace(bytes_per_second=4_000_000), sealed=False)
    got = await get()
    assert got.complete
    assert passed == pytest.approx(len(got.body) / 4_000_000)


async def test_a_source_that_fails_cuts_the_read(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider, get = publish(sealed=True)
    with provider.work.read() as tx:
        grant = provider.grants.by_transfer(tx, PROVIDER_PID)
    assert grant is not None
    assets = provider.assets
    assert isinstance(assets, MemoryAssets)
    checked = assets.check

    async def damaged_after(sha256: str) -> StoredBytes:
        found = await checked(sha256)
        assets.damage(sha256, SOURCE[:100_000])
        return found

    monkeypatch.setattr(assets, "check", damaged_after)
    got = await get()
    assert not got.complete
    assert (await get()).status == 500, "what is known to be damaged is not begun"
    assert get.authorization is not None
    assert get.authorization.removeprefix("Bearer ") not in caplog.text
