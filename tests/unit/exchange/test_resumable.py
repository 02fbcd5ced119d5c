"""What has arrived of a file stays: after a cut, after the end of the process, and for so many days."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from node.base.errors import Conflict, InvalidInput, NoRoom, NotFound
from node.exchange.resumable import AGE, Checksum, ResumableUploads
from node.identity.model import Caller, UserRole
from tests.fakes.provider import HandClock

pytestmark = pytest.mark.asyncio

ANNA = Caller(did="did:web:city.example", account="anna", roles=frozenset({UserRole.PUBLISHER}))
LIMIT = 100 << 20


def uploads_in(folder: Path, clock: HandClock, silence: float = 5) -> ResumableUploads:
    return ResumableUploads(folder, clock=clock, limit=LIMIT, silence=silence)


@pytest.fixture
def clock() -> HandClock:
    """A clock that a test sets."""
    return HandClock()


async def stream(*pieces: bytes, end: BaseException | None = None) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece
    if end is not None:
        raise end


async def silent() -> AsyncIterator[bytes]:
    yield b"0123"
    await asyncio.sleep(60)


async def content(uploads: ResumableUploads, upload_id: str) -> bytes:
    _, chunks = await uploads.take(upload_id, ANNA)
    return b"".join([chunk async for chunk in chunks])


async def test_bytes_before_a_cut_stay(tmp_path: Path, clock: HandClock) -> None:
    uploads = uploads_in(tmp_path, clock)
    upload = await uploads.begin("a.csv", 10, ANNA)
    with pytest.raises(ConnectionError):
        await uploads.append(upload.id, 0, stream(b"012", b"3", end=ConnectionError()), ANNA)
    assert (await uploads.find(upload.id, ANNA)).received == 4
    # Another process on the same folder.
    uploads = uploads_in(tmp_path, clock)
    await uploads.append(upload.id, 4, stream(b"456789"), ANNA)
    assert await content(uploads, upload.id) == b"0123456789"


async def test_bytes_of_a_piece_that_is_not_whole_do_not_count(tmp_path: Path, clock: HandClock) -> None:
    uploads = uploads_in(tmp_path, clock)
    upload = await uploads.begin("a.csv", 10, ANNA)
    checksum = Checksum.parse("sha1 h+q1E/Wcn6HmRyBcXZn/BAkjUvE=")
    with pytest.raises(ConnectionError):
        await uploads.append(upload.id, 0, stream(b"01234", end=ConnectionError()), ANNA, checksum=checksum)
    assert (await uploads.find(upload.id, ANNA)).received == 0


async def test_a_silent_sender_makes_room(tmp_path: Path, clock: HandClock) -> None:
    uploads = uploads_in(tmp_path, clock, silence=0.05)
    upload = await uploads.begin("a.csv", 10, ANNA)
    with pytest.raises(Conflict, match="nothing arrived"):
        await uploads.append(upload.id, 0, silent(), ANNA)
    await uploads.append(upload.id, 4, stream(b"456789"), ANNA)
    assert await content(uploads, upload.id) == b"0123456789"


async def test_old_uploads_go(tmp_path: Path, clock: HandClock) -> None:
    uploads = uploads_in(tmp_path, clock)
    upload = await uploads.begin("a.csv", 10, ANNA)
    clock.at += AGE - timedelta(seconds=1)
    await uploads.append(upload.id, 0, stream(b"0"), ANNA)
    clock.at += AGE
    assert uploads.forget_old() == 0
    clock.at += timedelta(seconds=1)
    with pytest.raises(NotFound):
        await uploads.find(upload.id, ANNA)
    assert uploads.forget_old() == 1
    assert list(tmp_path.iterdir()) == []


async def test_a_file_without_room_is_refused_at_once(
    tmp_path: Path, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.exchange.resumable.shutil.disk_usage", lambda _: type("Usage", (), {"free": 9}))
    with pytest.raises(NoRoom):
        await uploads_in(tmp_path, clock).begin("a.csv", 10, ANNA)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "sha256", "md5 1B2M2Y8AsgTpgAmY7PhCfg==", "sha1 !", "sha256 AAAA"])
async def test_other_checksums_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        Checksum.parse(text)
